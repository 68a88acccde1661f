use anlan_codecs::geo::{
    Datum, convert,
    detect::{Outline, by_anchors, by_outlines, looks_swapped, swap},
    geo_types::Coord,
};
use anlan_kernel::Lang;

use super::at;

/// Places every 400 m through a district.
fn places() -> Vec<Coord> {
    (0..100).map(|it| at(114.10 + 0.004 * f64::from(it % 10), 22.54 + 0.004 * f64::from(it / 10))).collect()
}

fn given(datum: Datum) -> Vec<Coord> {
    places().into_iter().map(|it| convert(it, Datum::Wgs84, datum)).collect()
}

#[test]
fn known_points_tell_the_datum_with_their_evidence() {
    for datum in Datum::ALL {
        // Anchors themselves are only good to some ten metres.
        let known: Vec<Coord> = places().into_iter().map(|it| at(it.x + 0.0002, it.y - 0.0001)).collect();
        let pairs: Vec<_> = given(datum).into_iter().zip(known).collect();
        for pairs in [&pairs[..], &pairs[..1]] {
            let finding = by_anchors(pairs);
            assert_eq!((finding.datum, finding.swapped, finding.of), (Some(datum), false, pairs.len()));
            assert!(finding.fits[0].miss.is_some_and(|it| it < 30.0), "{finding:?}");
            assert!(finding.evidence().get(Lang::Zh).contains(datum.zh()), "{:?}", finding.evidence());
        }
    }
}

#[test]
fn outlines_tell_the_datum_when_points_lie_along_their_border() {
    let outline = Outline::bounding_box(114.0995, 22.5395, 114.1365, 22.5765);
    for datum in Datum::ALL {
        let given = given(datum);
        let rows: Vec<_> = given.iter().map(|it| (*it, &outline)).collect();
        let finding = by_outlines(&rows);
        assert_eq!((finding.datum, finding.swapped), (Some(datum), false), "{finding:?}");
        assert_eq!(finding.fits[0].inside, 100);
        assert!(finding.evidence().get(Lang::En).contains("100 of 100 points"), "{:?}", finding.evidence());
    }
}

#[test]
fn nobody_guesses_when_the_evidence_does_not_tell() {
    let wide = Outline::bounding_box(113.7, 22.3, 114.7, 22.9);
    let given = given(Datum::Gcj02);
    let rows: Vec<_> = given.iter().map(|it| (*it, &wide)).collect();
    let none = Outline::bounding_box(10.0, 10.0, 11.0, 11.0);
    let elsewhere: Vec<_> = given.iter().map(|it| (*it, &none)).collect();
    let far: Vec<_> = given.iter().map(|it| (*it, at(it.x + 0.1, it.y))).collect();
    let abroad: Vec<_> = (0..9).map(|it| (at(f64::from(it), 50.0), at(f64::from(it), 50.0))).collect();
    for finding in [
        by_outlines(&rows),
        by_outlines(&elsewhere),
        by_outlines(&[]),
        by_anchors(&far),
        by_anchors(&abroad),
        by_anchors(&[]),
    ] {
        assert_eq!(finding.datum, None, "{finding:?}");
        assert!(finding.evidence().get(Lang::Zh).contains("请说明"));
    }
}

#[test]
fn swapped_coordinates_are_noticed_and_still_tell_their_datum() {
    let outline = Outline::bounding_box(114.0995, 22.5395, 114.1365, 22.5765);
    for datum in Datum::ALL {
        let swapped: Vec<Coord> = given(datum).into_iter().map(swap).collect();
        let rows: Vec<_> = swapped.iter().map(|it| (*it, &outline)).collect();
        let anchors: Vec<_> = swapped.iter().copied().zip(places()).collect();
        for finding in [by_outlines(&rows), by_anchors(&anchors)] {
            assert_eq!((finding.datum, finding.swapped), (Some(datum), true));
            assert!(finding.evidence().get(Lang::Zh).contains("写反"));
        }
        assert!(looks_swapped(&swapped) && !looks_swapped(&given(datum)));
    }
    assert!(!looks_swapped(&[]));
    assert!(!looks_swapped(&[at(-0.1, 51.5), at(2.3, 48.9)]));
}

#[test]
fn a_point_in_a_lake_or_beyond_the_border_is_outside() {
    let super::Layer { records, .. } = super::layer(super::ZONES);
    let outline = match records[0].geometry.clone() {
        Some(anlan_codecs::geo::Geometry::MultiPolygon(it)) => Outline::new(it),
        other => panic!("{other:?}"),
    };
    for (place, inside) in [
        (at(114.02, 22.52), true),
        (at(114.05, 22.55), false),
        (at(114.15, 22.51), false),
        (at(114.205, 22.51), true),
        (at(114.3, 22.51), false),
    ] {
        assert_eq!(outline.contains(place), inside, "{place:?}");
    }
}
