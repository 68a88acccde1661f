use anlan_codecs::geo::{
    Geometry,
    geo_types::{Coord, LineString, MultiPoint, MultiPolygon, Point, Polygon},
    shape::check,
};
use anlan_kernel::Lang;

use super::at;

fn polygon(rings: &[&[(f64, f64)]]) -> Polygon {
    let mut rings: Vec<LineString> = rings.iter().map(|it| it.iter().map(|it| Coord::from(*it)).collect()).collect();
    let outer = rings.remove(0);
    Polygon::new(outer, rings)
}

const SQUARE: &[(f64, f64)] = &[(114.0, 22.0), (114.2, 22.0), (114.2, 22.2), (114.0, 22.2), (114.0, 22.0)];
const HOLE: &[(f64, f64)] = &[(114.05, 22.05), (114.1, 22.05), (114.1, 22.1), (114.05, 22.05)];
const TIE: &[(f64, f64)] = &[(114.0, 22.0), (114.2, 22.2), (114.2, 22.0), (114.0, 22.2), (114.0, 22.0)];

fn code(geometry: &Geometry) -> &'static str {
    match check(geometry, &mut 1_000) {
        Ok(None) => "sound",
        Ok(Some(it)) | Err(it) => {
            assert!(super::spoken(&it), "{it:?}");
            it.code.leak()
        }
    }
}

#[test]
fn a_shape_is_sound_or_says_what_is_wrong() {
    let beyond = &[(114.1, 22.1), (114.3, 22.1), (114.1, 22.15), (114.1, 22.1)];
    let huge: Vec<(f64, f64)> = (0..3_000).map(|it| (f64::from(it) / 100.0, f64::from(it % 2))).collect();
    for (geometry, want) in [
        (Geometry::Point(Point(at(114.0, 22.0))), "sound"),
        (Geometry::Point(Point(at(22.0, 114.0))), "latitude_range"),
        (Geometry::Point(Point(at(181.0, 0.0))), "longitude_range"),
        (Geometry::Point(Point(at(f64::NAN, 0.0))), "not_a_number"),
        (Geometry::Point(Point(at(0.0, f64::INFINITY))), "not_a_number"),
        (Geometry::MultiPoint(MultiPoint(Vec::new())), "empty_geometry"),
        (Geometry::LineString(LineString(vec![at(1.0, 1.0)])), "too_few_points"),
        (Geometry::Polygon(polygon(&[SQUARE, HOLE])), "sound"),
        (Geometry::Polygon(polygon(&[TIE])), "self_crossing"),
        (Geometry::Polygon(polygon(&[SQUARE, beyond])), "self_crossing"),
        (Geometry::MultiPolygon(MultiPolygon(vec![polygon(&[SQUARE]), polygon(&[TIE])])), "self_crossing"),
        (Geometry::Polygon(polygon(&[&[(1.0, 1.0), (2.0, 2.0), (1.0, 1.0)]])), "too_few_points"),
        (Geometry::Polygon(polygon(&[&[(1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (1.0, 1.0)]])), "flat_ring"),
        (Geometry::Polygon(polygon(&[&huge])), "crossing_not_checked"),
    ] {
        assert_eq!(code(&geometry), want, "{}", geometry.name());
    }
}

#[test]
fn the_place_of_a_crossing_is_named_in_both_languages() {
    let problem = check(&Geometry::Polygon(polygon(&[TIE])), &mut 1_000).unwrap_err();
    for lang in [Lang::Zh, Lang::En] {
        let words = problem.sentence(lang);
        assert!(words.contains("114.100000") && words.contains("22.100000"), "{words}");
    }
}

#[test]
fn metres_among_degrees_are_said_to_be_metres() {
    let problem = check(&Geometry::Point(Point(at(38_456_123.5, 2_493_456.7))), &mut 1).unwrap_err();
    assert!(problem.sentence(Lang::Zh).contains(".prj") && problem.sentence(Lang::En).contains(".prj"));
}

#[test]
fn rings_are_turned_counter_clockwise_and_holes_clockwise() {
    let reversed = |it: &[(f64, f64)]| it.iter().rev().copied().collect::<Vec<_>>();
    let clockwise_hole = reversed(HOLE);
    let want = Geometry::Polygon(polygon(&[SQUARE, &clockwise_hole]));
    for outer in [SQUARE.to_vec(), reversed(SQUARE)] {
        for hole in [HOLE.to_vec(), reversed(HOLE)] {
            assert_eq!(Geometry::Polygon(polygon(&[&outer, &hole])).oriented(), want);
        }
    }
}
