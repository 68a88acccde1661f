use std::f64::consts::PI;

use anlan_atlas::measure::{RADIUS, area, length, metres};
use anlan_codecs::geo::{Geometry, geo_types::Polygon};
use rstest::rstest;

use super::{at, line, point, polygon};

/// Geodesics on WGS 84 by PROJ (pyproj 3.7.2, `Geod.inv`).
#[rstest]
#[case::beijing_to_shanghai((116.391, 39.907), (121.4737, 31.2304), 1_066_761.336)]
#[case::in_shenzhen((114.05, 22.55), (114.06, 22.56), 1_511.361)]
#[case::urumqi_to_lhasa((87.6168, 43.8256), (91.1322, 29.6604), 1_602_598.19)]
#[case::along_the_equator((0.0, 0.0), (1.0, 0.0), 111_319.491)]
#[case::along_a_meridian((110.0, 18.0), (110.0, 54.0), 3_994_934.094)]
fn lengths_are_those_of_the_ellipsoid_but_for_its_flattening(
    #[case] a: (f64, f64),
    #[case] b: (f64, f64),
    #[case] want: f64,
) {
    let got = metres(a.into(), b.into());
    assert!((got / want - 1.0).abs() < 0.0056, "{got} {want}");
    assert_eq!(got, metres(b.into(), a.into()));
}

/// By PROJ (`Geod.polygon_area_perimeter`), each leg cut in 200.
#[rstest]
#[case::shenzhen(&[(114.0, 22.5), (114.1, 22.5), (114.1, 22.6), (114.0, 22.6)], 113_904_001.0)]
#[case::far_north(&[(125.0, 50.0), (126.0, 50.0), (126.0, 53.0), (125.0, 52.0)], 19_410_467_973.0)]
#[case::hainan(&[(109.0, 18.2), (110.5, 18.3), (111.0, 19.8), (109.5, 20.0)], 29_122_089_410.0)]
fn areas_in_china_are_those_of_the_ellipsoid_within_half_a_percent(#[case] outline: &[(f64, f64)], #[case] want: f64) {
    let got = area(&polygon(outline));
    let turned: Vec<(f64, f64)> = outline.iter().rev().copied().collect();
    assert!((got / want - 1.0).abs() < 0.005, "{got} {want}");
    assert!((got - area(&polygon(&turned))).abs() < 1.0);
}

#[test]
fn lengths_add_up_and_holes_are_taken_off() {
    let quarter = RADIUS * PI / 2.0;
    assert!((length(&[at(0.0, 0.0), at(90.0, 0.0), at(90.0, 90.0)]) - 2.0 * quarter).abs() < 1e-3);
    assert_eq!(length(&[at(1.0, 1.0)]), 0.0);
    let outer = [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)];
    let inner = [(0.5, 0.5), (1.5, 0.5), (1.5, 1.5), (0.5, 1.5)];
    let holed = Geometry::Polygon(Polygon::new(line(&outer), vec![line(&inner)]));
    assert!((area(&holed) - (area(&polygon(&outer)) - area(&polygon(&inner)))).abs() < 1.0);
    assert_eq!(area(&point(1.0, 1.0)), 0.0);
}
