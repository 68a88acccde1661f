use anlan_atlas::{Area, measure::metres};
use anlan_codecs::geo::{
    Geometry,
    geo_types::{Coord, MultiPolygon, Polygon},
};
use anlan_kernel::{Problem, Scope};
use proptest::{collection::vec, prelude::*};
use rstest::rstest;

use super::{at, item, layer, line, point, polygon, position, sorted_ids};

fn ring() -> Polygon {
    Polygon::new(
        line(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)]),
        vec![line(&[(4.0, 4.0), (6.0, 4.0), (6.0, 6.0), (4.0, 6.0)])],
    )
}

fn ring_area() -> Area {
    Area::polygon(Geometry::Polygon(ring())).unwrap()
}

#[rstest]
#[case::inside(1.0, 1.0, true)]
#[case::on_a_corner(10.0, 10.0, true)]
#[case::on_a_side(0.0, 7.0, true)]
#[case::a_hair_outside(-1e-15, 7.0, false)]
#[case::in_the_hole(5.0, 5.0, false)]
#[case::on_the_side_of_the_hole(4.0, 5.0, true)]
#[case::on_a_corner_of_the_hole(6.0, 6.0, true)]
#[case::level_with_a_side(11.0, 0.0, false)]
#[case::level_with_a_corner_of_the_hole(3.0, 4.0, true)]
#[case::away(20.0, 5.0, false)]
fn a_point_on_the_outline_counts_as_inside(#[case] x: f64, #[case] y: f64, #[case] want: bool) {
    assert_eq!(ring_area().touches(&point(x, y)), want);
}

#[rstest]
#[case::a_line_through_without_a_corner_inside(Geometry::LineString(line(&[(-5.0, 2.0), (15.0, 3.0)])), true)]
#[case::a_line_along_a_side(Geometry::LineString(line(&[(-5.0, 10.0), (15.0, 10.0)])), true)]
#[case::a_line_to_a_corner(Geometry::LineString(line(&[(10.0, 10.0), (15.0, 15.0)])), true)]
#[case::a_line_past_a_corner(Geometry::LineString(line(&[(9.0, 11.1), (11.1, 9.0)])), false)]
#[case::a_line_in_the_hole(Geometry::LineString(line(&[(4.5, 4.5), (5.5, 5.5)])), false)]
#[case::an_area_in_the_hole(polygon(&[(4.5, 4.5), (5.5, 4.5), (5.0, 5.5)]), false)]
#[case::an_area_that_fills_the_hole(polygon(&[(4.0, 4.0), (6.0, 4.0), (6.0, 6.0), (4.0, 6.0)]), true)]
#[case::an_area_around_it(polygon(&[(-20.0, -20.0), (30.0, -20.0), (30.0, 30.0), (-20.0, 30.0)]), true)]
#[case::an_area_beside_it(polygon(&[(11.0, 0.0), (20.0, 0.0), (20.0, 10.0)]), false)]
#[case::an_area_sharing_a_side(polygon(&[(10.0, 2.0), (20.0, 2.0), (20.0, 8.0), (10.0, 8.0)]), true)]
fn lines_and_areas_count_when_they_touch(#[case] shape: Geometry, #[case] want: bool) {
    assert_eq!(ring_area().touches(&shape), want);
    let found = layer([item("it", "440303", shape)]).within(&Scope::Everywhere, &ring_area(), 9).count;
    assert_eq!(found, usize::from(want));
}

#[test]
fn parts_that_overlap_count_once_and_fill_each_others_holes() {
    let patch = Polygon::new(line(&[(3.0, 3.0), (7.0, 3.0), (7.0, 7.0), (3.0, 7.0)]), vec![]);
    let area = Area::polygon(Geometry::MultiPolygon(MultiPolygon(vec![ring(), patch]))).unwrap();
    assert!([(5.0, 5.0), (3.5, 3.5), (1.0, 1.0)].iter().all(|it| area.touches(&point(it.0, it.1))));
}

/// Ten kilometres along the parallel of 22.5° north.
fn road() -> Vec<(f64, f64)> {
    vec![(114.0, 22.5), (114.05, 22.5), (114.1, 22.5)]
}

#[rstest]
#[case::a_step_inside(point(114.03, 22.500_89), true)]
#[case::a_step_outside(point(114.03, 22.500_91), false)]
#[case::a_step_beyond_its_end(point(114.100_96, 22.5), true)]
#[case::farther_beyond_its_end(point(114.100_99, 22.5), false)]
#[case::a_line_across(Geometry::LineString(line(&[(114.03, 22.4), (114.03, 22.6)])), true)]
#[case::a_line_along(Geometry::LineString(line(&[(114.0, 22.501), (114.1, 22.501)])), false)]
#[case::an_area_around(polygon(&[(113.0, 22.0), (115.0, 22.0), (115.0, 23.0), (113.0, 23.0)]), true)]
#[case::a_side_that_comes_near(polygon(&[(114.0, 22.6), (114.05, 22.500_5), (114.1, 22.6)]), true)]
fn a_corridor_of_200_metres_reaches_100_to_each_side(#[case] shape: Geometry, #[case] want: bool) {
    // 0.0009° of latitude are 100.08 m, and 0.00096° of longitude here 98.6 m.
    let area = Area::corridor(line(&road()), 200.0).unwrap();
    assert_eq!(area.touches(&shape), want);
}

#[rstest]
#[case::across_the_date_line(at(179.99, 10.0), 5_000.0, point(-179.99, 10.0), true)]
#[case::over_the_pole(at(0.0, 89.99), 5_000.0, point(180.0, 89.99), true)]
#[case::a_line_that_passes(at(114.05, 22.51), 1_200.0, Geometry::LineString(line(&road())), true)]
#[case::a_line_that_passes_farther_off(at(114.05, 22.51), 1_100.0, Geometry::LineString(line(&road())), false)]
#[case::inside_an_area(at(5.0, 2.0), 1.0, Geometry::Polygon(ring()), true)]
#[case::in_the_hole_of_an_area(at(5.0, 5.0), 1_000.0, Geometry::Polygon(ring()), false)]
fn a_circle_reaches_its_radius(
    #[case] centre: Coord,
    #[case] radius: f64,
    #[case] shape: Geometry,
    #[case] want: bool,
) {
    let area = Area::circle(centre, radius).unwrap();
    assert_eq!(area.touches(&shape), want);
    let found = layer([item("it", "440303", shape)]).within(&Scope::Everywhere, &area, 9).count;
    assert_eq!(found, usize::from(want));
}

#[test]
fn what_is_listed_comes_nearest_first_in_a_circle_and_by_name_elsewhere() {
    let named = |id: &str, name: &str, x: f64| anlan_atlas::Item {
        name: name.into(),
        numbers: vec![x],
        ..item(id, "440303", point(x, 1.0))
    };
    let layer = layer([named("a", "丙", 1.0), named("b", "甲", 3.0), named("c", "乙", 2.0), named("d", "乙", 1.5)]);
    let circle = layer.within(&Scope::Everywhere, &Area::circle(at(0.9, 1.0), 999_000.0).unwrap(), 3);
    assert_eq!((circle.count, circle.sums), (4, vec![7.5]));
    assert_eq!(circle.items.iter().map(|it| it.id()).collect::<Vec<_>>(), ["a", "d", "c"]);
    let ring = layer.within(&Scope::Everywhere, &ring_area(), 3);
    assert_eq!(ring.items.iter().map(|it| it.id()).collect::<Vec<_>>(), ["a", "c", "d"]);
    assert_eq!(layer.within(&Scope::Everywhere, &ring_area(), 0).items.len(), 0);
}

#[rstest]
#[case::latitude(Area::circle(at(0.0, 91.0), 5.0), "latitude_range")]
#[case::radius(Area::circle(at(0.0, 0.0), -1.0), "radius_range")]
#[case::no_number(Area::circle(at(0.0, 0.0), f64::NAN), "radius_range")]
#[case::bow_tie(Area::polygon(polygon(&[(0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0)])), "self_crossing")]
#[case::a_line(Area::polygon(Geometry::LineString(line(&road()))), "not_an_area")]
#[case::short(Area::corridor(line(&[(0.0, 0.0)]), 5.0), "too_few_points")]
#[case::width(Area::corridor(line(&road()), 1e9), "width_range")]
fn an_area_that_cannot_be_is_refused(#[case] area: Result<Area, Problem>, #[case] code: &str) {
    let why = area.err().unwrap();
    assert_eq!(why.code, code);
    assert!(why.place.field.is_some() && why.message.zh != why.message.en);
}

/// Around the middle of a grid of whole numbers, so that many points lie exactly on the outline.
fn star() -> impl Strategy<Value = Vec<(i64, i64)>> {
    vec((-9_i64..=9, -9_i64..=9), 3..14).prop_map(|mut corners| {
        corners.retain(|it| *it != (0, 0));
        corners.sort_by(|a, b| (a.1 as f64).atan2(a.0 as f64).total_cmp(&(b.1 as f64).atan2(b.0 as f64)));
        corners.dedup();
        corners
    })
}

fn in_star(star: &[(i64, i64)], (x, y): (i64, i64)) -> bool {
    let mut inside = false;
    for (a, b) in star.iter().zip(star.iter().cycle().skip(1)) {
        let side = (b.0 - a.0) * (y - a.1) - (b.1 - a.1) * (x - a.0);
        let spans = |p: i64, q: i64, it: i64| p.min(q) <= it && it <= p.max(q);
        if side == 0 && spans(a.0, b.0, x) && spans(a.1, b.1, y) {
            return true;
        }
        if (a.1 > y) != (b.1 > y) && (side > 0) == (b.1 > a.1) {
            inside = !inside;
        }
    }
    inside
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_polygon_finds_what_whole_numbers_say(star in star()) {
        let degrees = |(x, y): (i64, i64)| (x as f64, y as f64);
        let corners: Vec<(f64, f64)> = star.iter().copied().map(degrees).collect();
        let area = Area::polygon(polygon(&corners));
        prop_assume!(area.is_ok());
        let grid: Vec<(i64, i64)> = (-10..=10).flat_map(|x| (-10..=10).map(move |y| (x, y))).collect();
        let named = |it: &(i64, i64)| item(&format!("{} {}", it.0, it.1), "440303", point(it.0 as f64, it.1 as f64));
        let layer = layer(grid.iter().map(named));
        let mut want: Vec<String> = grid.iter().filter(|it| in_star(&star, **it)).map(|it| format!("{} {}", it.0, it.1)).collect();
        want.sort_unstable();
        prop_assert_eq!(sorted_ids(layer.inside(&Scope::Everywhere, &area.unwrap())), want);
    }

    #[test]
    fn two_areas_touch_each_other_or_not(a in star(), b in star(), (east, north) in (-20_i64..20, -20_i64..20)) {
        let shape = |star: &[(i64, i64)], east: i64, north: i64| {
            polygon(&star.iter().map(|it| ((it.0 + east) as f64, (it.1 + north) as f64)).collect::<Vec<_>>())
        };
        let (a, b) = (shape(&a, 0, 0), shape(&b, east, north));
        let (Ok(of_a), Ok(of_b)) = (Area::polygon(a.clone()), Area::polygon(b.clone())) else { return Ok(()) };
        prop_assert_eq!(of_a.touches(&b), of_b.touches(&a));
        let corners = b.positions().any(|it| of_a.touches(&Geometry::Point(it.into())));
        prop_assert!(!corners || of_a.touches(&b));
    }

    #[test]
    fn an_index_finds_what_going_through_all_finds(
        places in vec(position(), 1..300), centre in position(), radius in 0.0..3_000.0, far in any::<bool>(), width in 0.0..2_000.0, path in vec(position(), 2..5),
    ) {
        let radius = if far { radius * 6_000.0 } else { radius };
        let items: Vec<_> = places.iter().enumerate().map(|(it, place)| item(&it.to_string(), "440303", Geometry::Point((*place).into()))).collect();
        let layer = layer(items.clone());
        for area in [Area::circle(centre, radius).unwrap(), Area::corridor(anlan_codecs::geo::geo_types::LineString(path), width).unwrap()] {
            let mut want: Vec<&str> = items.iter().filter(|it| area.touches(&it.place)).map(|it| &*it.id).collect();
            want.sort_unstable();
            prop_assert_eq!(sorted_ids(layer.inside(&Scope::Everywhere, &area)), want);
        }
    }

    #[test]
    fn the_nearest_are_those_with_the_fewest_metres(places in vec(position(), 0..300), from in position(), most in 0_usize..20) {
        let items = places.iter().enumerate().map(|(it, place)| item(&format!("{it:03}"), "440303", Geometry::Point((*place).into())));
        let layer = layer(items);
        let mut want: Vec<(f64, String)> = places.iter().enumerate().map(|(it, place)| (metres(*place, from), format!("{it:03}"))).collect();
        want.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        want.truncate(most);
        let got: Vec<(f64, String)> = layer.nearest(&Scope::Everywhere, from, most).iter().map(|it| (it.1, it.0.id().to_owned())).collect();
        prop_assert_eq!(got, want);
    }
}

#[test]
fn the_nearest_line_or_area_is_measured_to_its_nearest_part() {
    let river = Geometry::LineString(line(&[(113.0, 22.0), (115.0, 22.0)]));
    let lake = polygon(&[(114.0, 22.5), (114.1, 22.5), (114.1, 22.6), (114.0, 22.6)]);
    let layer = layer([
        item("river", "440303", river),
        item("lake", "440303", lake),
        item("house", "440303", point(114.0, 22.25)),
    ]);
    let near = |x, y| -> Vec<(&str, i64)> {
        layer.nearest(&Scope::Everywhere, at(x, y), 3).iter().map(|it| (it.0.id(), it.1.round() as i64)).collect()
    };
    // A degree of latitude is 111,195 m.
    assert_eq!(near(114.0, 22.1), [("river", 11_120), ("house", 16_679), ("lake", 44_478)]);
    assert_eq!(near(114.05, 22.55)[0], ("lake", 0));
}
