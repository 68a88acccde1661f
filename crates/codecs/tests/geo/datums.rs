use anlan_codecs::geo::{
    Datum, Reference, convert,
    projection::{of_web_mercator, web_mercator},
    shape::check_position,
};
use proptest::prelude::*;
use serde_json::Value;

use super::at;

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../data/geo/coords.json")).unwrap()
}

fn pair(value: &Value) -> Option<(f64, f64)> {
    let number = |it: &Value| it.as_f64().unwrap_or(f64::NAN);
    value.as_array().map(|it| (number(&it[0]), number(&it[1])))
}

/// The services' own answers are rounded, and off the public formula by up to half a metre.
fn judge(vector: &Value) -> Result<(), String> {
    use Datum::{Bd09, Gcj02, Wgs84};
    let near = |what: &str, got: anlan_codecs::geo::geo_types::Coord, want: Option<(f64, f64)>, most: f64| {
        let miss = want.map_or(0.0, |want| (got.x - want.0).abs().max((got.y - want.1).abs()));
        if miss <= most { Ok(()) } else { Err(format!("{what}: {got:?} is {miss} off")) }
    };
    let expect = &vector["expect"];
    let [wgs, gcj, bd] = [pair(&vector["input"]["wgs84"]), pair(&expect["gcj02"]), pair(&expect["bd09"])];
    if vector["kind"] == "malformed" {
        let (x, y) = wgs.ok_or("no position")?;
        let code = check_position(at(x, y)).map_err(|it| it.code);
        return if code == Err(expect["error"].as_str().unwrap().to_owned()) {
            Ok(())
        } else {
            Err(format!("{code:?}"))
        };
    }
    if let Some((x, y)) = wgs {
        near("wgs to gcj", convert(at(x, y), Wgs84, Gcj02), gcj, 1e-5)?;
        let metres = web_mercator(at(x, y));
        near("mercator", metres, pair(&expect["epsg3857"]), 1.0)?;
        near("mercator back", of_web_mercator(metres), wgs, 1e-9)?;
    }
    if let Some((x, y)) = gcj {
        near("gcj to wgs", convert(at(x, y), Gcj02, Wgs84), wgs, 1e-5)?;
        near("gcj to bd", convert(at(x, y), Gcj02, Bd09), bd, 1e-6)?;
    }
    if let Some((x, y)) = bd {
        near("bd to gcj", convert(at(x, y), Bd09, Gcj02), gcj, 1e-6)?;
        near("bd to wgs", convert(at(x, y), Bd09, Wgs84), wgs, 1e-5)?;
    }
    let test = &vector["input"]["pair_from_test"];
    if let (Some((x, y)), want) = (pair(&test["bd09"]), pair(&test["wgs84"])) {
        // Made with eviltransform's own variant of BD-09, which is 40 m off the Baidu answers above.
        near("bd to wgs", convert(at(x, y), Bd09, Wgs84), want, 4e-4)?;
    }
    Ok(())
}

#[test]
fn every_published_position_is_converted_or_refused_as_it_says() {
    let all = vectors();
    let failures: Vec<String> =
        all.iter().filter_map(|it| judge(it).err().map(|why| format!("{}: {why}", it["id"]))).collect();
    assert_eq!(all.len(), 25);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn outside_china_nothing_is_shifted() {
    for place in [at(-0.1, 51.5), at(139.7, 35.7), at(114.0, -22.0), at(f64::NAN, 30.0)] {
        for (from, to) in [(Datum::Wgs84, Datum::Gcj02), (Datum::Bd09, Datum::Wgs84), (Datum::Gcj02, Datum::Bd09)] {
            let got = convert(place, from, to);
            assert!(got == place || place.x.is_nan());
        }
    }
}

#[test]
fn surveyors_metres_agree_with_proj() {
    let table = include_str!("../data/geo/projections.csv");
    let rows: Vec<Vec<f64>> =
        table.lines().skip(2).map(|line| line.split(',').map(|it| it.parse().unwrap()).collect()).collect();
    assert_eq!(rows.len(), 35);
    for row in rows {
        let reference = Reference::of_name(&format!("urn:ogc:def:crs:EPSG::{}", row[0])).unwrap();
        let got = reference.degrees(at(row[3], row[4]));
        // 1e-8 degree is a millimetre; the table is rounded to a tenth of one.
        assert!((got.x - row[1]).abs() < 1e-8 && (got.y - row[2]).abs() < 1e-8, "{row:?}: {got:?}");
        if let Reference::TransverseMercator(projection) = reference {
            let there = projection.forward(at(row[1], row[2]));
            assert!((there.x - row[3]).abs() < 1e-3 && (there.y - row[4]).abs() < 1e-3, "{row:?}: {there:?}");
        }
    }
}

#[test]
fn a_datum_is_known_by_its_usual_names() {
    for (name, want) in [
        ("WGS-84", Some(Datum::Wgs84)),
        ("cgcs2000", Some(Datum::Wgs84)),
        ("gcj02", Some(Datum::Gcj02)),
        ("高德", Some(Datum::Gcj02)),
        ("bd09ll", Some(Datum::Bd09)),
        ("百度", Some(Datum::Bd09)),
        ("北京54", None),
    ] {
        assert_eq!(Datum::parse(name), want, "{name}");
    }
    assert!(Datum::ALL.iter().all(|it| Datum::parse(it.name()) == Some(*it)));
}

proptest! {
    #[test]
    fn the_way_there_and_back_ends_where_it_began(x in 72.1_f64..137.7, y in 0.9_f64..55.7, from in 0_usize..3, to in 0_usize..3) {
        let (from, to) = (Datum::ALL[from], Datum::ALL[to]);
        let back = convert(convert(at(x, y), from, to), to, from);
        prop_assert!((back.x - x).abs() < 1e-7 && (back.y - y).abs() < 1e-7, "{back:?}");
    }

    #[test]
    fn anywhere_on_the_globe_the_shift_stays_small(x in -180.0_f64..=180.0, y in -90.0_f64..=90.0, from in 0_usize..3, to in 0_usize..3) {
        let got = convert(at(x, y), Datum::ALL[from], Datum::ALL[to]);
        prop_assert!((got.x - x).abs() < 0.04 && (got.y - y).abs() < 0.04, "{got:?}");
    }
}
