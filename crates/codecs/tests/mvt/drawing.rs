use anlan_codecs::{
    geo::{
        Geometry,
        geo_types::{Coord, LineString, Point, Polygon},
    },
    mvt::{Address, EXTENT, Position, Shape, draw},
};
use proptest::{collection::vec, prelude::*};

const MARGIN: u32 = 64;

fn shenzhen() -> Address {
    Address::of(Coord { x: 114.05, y: 22.55 }, 12)
}

/// Degrees of a place in the tile, in shares of its sides.
fn degrees(tile: Address, (right, down): (f64, f64)) -> Coord {
    let (low, high) = tile.bounds();
    Coord { x: low.x + (high.x - low.x) * right, y: high.y - (high.y - low.y) * down }
}

fn path(places: &[(f64, f64)]) -> LineString {
    LineString(places.iter().map(|it| degrees(shenzhen(), *it)).collect())
}

fn line(places: &[(f64, f64)]) -> Geometry {
    Geometry::LineString(path(places))
}

fn polygon(places: &[(f64, f64)]) -> Geometry {
    Geometry::Polygon(Polygon::new(path(places), vec![]))
}

fn positions(shape: &Shape) -> Vec<Position> {
    match shape {
        Shape::Points(it) => it.clone(),
        Shape::Lines(it) => it.concat(),
        Shape::Areas(it) => {
            it.iter().flat_map(|it| [vec![it.outer.clone()], it.holes.clone()].concat().concat()).collect()
        }
    }
}

#[test]
fn a_point_is_drawn_in_its_own_tile_and_in_no_other() {
    let tile = shenzhen();
    let point = Geometry::Point(Point(degrees(tile, (0.25, 0.5))));
    let Some(Shape::Points(drawn)) = draw(&point, tile, 0, 0.0) else { panic!("not drawn") };
    // Half way in degrees is a little off half way on the map.
    assert!(drawn.len() == 1 && drawn[0][0] == 1_024 && (drawn[0][1] - 2_048).abs() <= 2, "{drawn:?}");
    let next = Address::new(tile.z(), tile.x() + 1, tile.y()).unwrap();
    assert_eq!(draw(&point, next, 0, 0.0), None);
}

#[test]
fn a_line_that_leaves_and_returns_is_two_lines() {
    let there_and_back = [(0.5, 0.2), (2.0, 0.2), (2.0, 0.8), (0.5, 0.8)];
    let Some(Shape::Lines(lines)) = draw(&line(&there_and_back), shenzhen(), MARGIN, 0.0) else { panic!("not drawn") };
    let edge = (EXTENT + MARGIN) as i32;
    assert_eq!(lines.iter().map(|it| (it[0][0], it[1][0])).collect::<Vec<_>>(), [(2_048, edge), (edge, 2_048)]);
}

#[test]
fn an_area_around_the_tile_fills_it_and_its_margin() {
    let around = polygon(&[(-3.0, -3.0), (3.0, -3.0), (3.0, 3.0), (-3.0, 3.0)]);
    let Some(Shape::Areas(areas)) = draw(&around, shenzhen(), MARGIN, 2.0) else { panic!("not drawn") };
    let (low, high) = (-(MARGIN as i32), (EXTENT + MARGIN) as i32);
    let mut corners = areas[0].outer.clone();
    corners.sort_unstable();
    assert_eq!(corners, [[low, low], [low, high], [high, low], [high, high]]);
}

#[test]
fn nothing_is_drawn_of_what_lies_elsewhere_or_is_too_small() {
    let away = [(2.0, 0.1), (3.0, 0.1), (3.0, 0.9), (2.0, 0.9)];
    assert_eq!(draw(&line(&away), shenzhen(), MARGIN, 0.0), None);
    assert_eq!(draw(&polygon(&away), shenzhen(), MARGIN, 0.0), None);
    let speck = [(0.5, 0.5), (0.50001, 0.5), (0.50001, 0.50001)];
    assert_eq!(draw(&polygon(&speck), shenzhen(), MARGIN, 0.0), None);
}

#[test]
fn a_straight_line_keeps_its_ends_and_a_bend_stays() {
    let straight: Vec<(f64, f64)> = (0..500).map(|it| (0.1 + f64::from(it) * 0.001, 0.5)).collect();
    assert_eq!(positions(&draw(&line(&straight), shenzhen(), MARGIN, 1.0).unwrap()).len(), 3);
    let bent = [&straight[..], &[(0.599, 0.9)]].concat();
    let drawn = positions(&draw(&line(&bent), shenzhen(), MARGIN, 1.0).unwrap());
    assert!(
        drawn.len() <= 4 && drawn.iter().any(|it| (it[0] - 2_453).abs() < 2 && (it[1] - 2_048).abs() < 3),
        "{drawn:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_is_drawn_beyond_the_margin(places in vec((-2.0..3.0, -2.0..3.0), 3..40), tolerance in 0.0..8.0) {
        for shape in [line(&places), polygon(&places)].iter().filter_map(|it| draw(it, shenzhen(), MARGIN, tolerance)) {
            let range = -(MARGIN as i32)..=(EXTENT + MARGIN) as i32;
            prop_assert!(positions(&shape).iter().flatten().all(|it| range.contains(it)), "{:?}", shape);
        }
    }

    #[test]
    fn what_is_left_out_lay_no_farther_beside_than_the_tolerance(places in vec((0.0..1.0, 0.0..1.0), 2..60), tolerance in 0.0..200.0) {
        let whole = positions(&draw(&line(&places), shenzhen(), MARGIN, 0.0).unwrap());
        let kept = positions(&draw(&line(&places), shenzhen(), MARGIN, tolerance).unwrap());
        for it in &whole {
            let nearest = kept.windows(2).map(|leg| beside(*it, leg[0], leg[1])).fold(f64::INFINITY, f64::min);
            prop_assert!(nearest <= tolerance + 1e-9, "{:?} is {} off", it, nearest);
        }
    }

    #[test]
    fn a_place_lies_in_the_tile_that_is_named(lon in -180.0..180.0, lat in -85.0..85.0, z in 0_u8..=24) {
        let tile = Address::of(Coord { x: lon, y: lat }, z);
        let (low, high) = tile.bounds();
        prop_assert!(low.x - 1e-9 <= lon && lon <= high.x + 1e-9 && low.y - 1e-9 <= lat && lat <= high.y + 1e-9);
    }
}

fn beside(it: Position, a: Position, b: Position) -> f64 {
    let [(x, y), (ax, ay), (bx, by)] = [it, a, b].map(|it| (f64::from(it[0]), f64::from(it[1])));
    let (dx, dy) = (bx - ax, by - ay);
    let share = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy);
    let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
    (x - ax - dx * share).hypot(y - ay - dy * share)
}
