//! Places in files: swapped, in another datum, outside what is stated, and shapes that are none.

use std::fmt::Write as _;

use anlan_codecs::geo::{Datum, convert};
use anlan_testbed::{Caller, Engine};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::bed::{Room, choose, counts, did, dropped, notes, refused, taken};

/// Rows of shops with street and position.
fn shops(rows: &[(&str, f64, f64)], titles: (&str, &str)) -> String {
    let mut text = format!("编号,名称,街道,{},{}\n", titles.0, titles.1);
    for (at, (street, x, y)) in rows.iter().enumerate() {
        writeln!(text, "P{at:06},店{at},{street},{x:.7},{y:.7}").unwrap();
    }
    text
}

/// Positions near the border between both streets, a little way from it.
fn near_the_border() -> Vec<(&'static str, f64, f64)> {
    (0..60)
        .map(|at| {
            if at % 2 == 0 {
                ("桂园街道", 114.1185, 22.535 + f64::from(at) / 2_000.0)
            } else {
                ("黄贝街道", 114.1215, 22.535 + f64::from(at) / 2_000.0)
            }
        })
        .collect()
}

async fn take(keeper: &Caller, text: String) -> Json {
    let waiting = dropped(keeper, "shop", "shops.csv", text).await;
    taken(keeper, &waiting).await;
    waiting
}

#[rstest]
#[case::amap(Datum::Gcj02)]
#[case::baidu(Datum::Bd09)]
#[case::as_it_is(Datum::Wgs84)]
#[tokio::test(flavor = "multi_thread")]
async fn the_datum_is_told_by_the_outlines_of_the_stated_streets(#[case] datum: Datum) {
    let room = Room::new(Engine::Sqlite).await;
    let keeper = room.keeper().await;
    let shifted = |(street, x, y): (&'static str, f64, f64)| {
        let it = convert((x, y).into(), Datum::Wgs84, datum);
        (street, it.x, it.y)
    };
    let given: Vec<_> = near_the_border().into_iter().map(shifted).collect();
    let waiting = take(&keeper, shops(&given, ("经度", "纬度"))).await;
    assert_eq!(waiting["findings"]["datum"]["datum"], json!(datum), "{}", waiting["findings"]["datum"]);
    assert_eq!(waiting["findings"]["counts"]["notes"], 0);
    for (at, record) in room.records("shop").await.values().enumerate() {
        let (_, x, y) = near_the_border()[at];
        assert!(
            (record.longitude.unwrap() - x).abs() < 1e-6 && (record.latitude.unwrap() - y).abs() < 1e-6,
            "{record:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datum_nobody_can_tell_is_asked_and_nothing_is_taken_before() {
    let room = Room::new(Engine::Sqlite).await;
    let keeper = room.keeper().await;
    let text = shops(&[("桂园街道", 114.11, 22.55), ("桂园街道", 114.111, 22.55)], ("经度", "纬度"));
    let waiting = dropped(&keeper, "shop", "shops.csv", text).await;
    assert_eq!(waiting["findings"]["datum"]["asked"], true);
    let early = keeper.post(&format!("{}/take", super::bed::path_of(&waiting)), "").await;
    assert_eq!(early.refusal(), (409, "which_datum".to_owned()));
    let told = choose(&keeper, &waiting, json!({"datum": "GCJ-02"})).await;
    assert_eq!((told["findings"]["datum"]["asked"].as_bool(), counts(&told)), (Some(false), [2, 0, 0, 0]));
    assert_eq!(did(&taken(&keeper, &told).await), [2, 0, 0, 0]);
    let wanted = convert((114.11, 22.55).into(), Datum::Gcj02, Datum::Wgs84);
    assert!((room.records("shop").await["P000000"].longitude.unwrap() - wanted.x).abs() < 1e-7);
}

/// Public vectors of both shifts, in a column that names the datum of each row.
#[tokio::test(flavor = "multi_thread")]
async fn public_vectors_of_both_shifts_come_home() {
    let vectors: Vec<Json> =
        serde_json::from_str(include_str!("../../../../codecs/tests/data/geo/coords.json")).unwrap();
    let in_china = |it: &Json| it["input"]["wgs84"][0].as_f64().is_some_and(|it| (74.0..135.0).contains(&it));
    let vectors: Vec<&Json> =
        vectors.iter().filter(|it| it["kind"] == "ok" && it["expect"]["gcj02"].is_array() && in_china(it)).collect();
    assert!(vectors.len() > 5);
    let (room, mut text) = (Room::new(Engine::Sqlite).await, "编号,名称,区划代码,经纬度,坐标系\n".to_owned());
    for (at, it) in vectors.iter().enumerate() {
        for (datum, name, number) in [("gcj02", "火星坐标", at), ("bd09", "百度", at + 1_000)] {
            let (x, y) = (&it["expect"][datum][0], &it["expect"][datum][1]);
            if x.is_null() {
                continue;
            }
            writeln!(text, "P{number:06},点{number},440303001,\"{x},{y}\",{name}").unwrap();
        }
    }
    let waiting = take(&room.keeper().await, text).await;
    assert_eq!(refused(&waiting), [].into());
    let records = room.records("shop").await;
    for (at, it) in vectors.iter().enumerate() {
        for number in [at, at + 1_000] {
            let Some(record) = records.get(&format!("P{number:06}")) else {
                assert!(number >= 1_000 && it["expect"]["bd09"].is_null(), "{number}");
                continue;
            };
            let miss = |got: Option<f64>, want: &Json| (got.unwrap() - want.as_f64().unwrap()).abs();
            let wanted = &it["input"]["wgs84"];
            assert!(
                miss(record.longitude, &wanted[0]) < 1e-4 && miss(record.latitude, &wanted[1]) < 1e-4,
                "{}: {record:?}",
                it["id"]
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn swapped_coordinates_are_exchanged_and_points_elsewhere_flagged() {
    let room = Room::new(Engine::Sqlite).await;
    let keeper = room.keeper().await;
    let rows = [("桂园街道", 22.55, 114.11), ("桂园街道", 114.11, 22.55), ("桂园街道", 114.135, 22.55)];
    let waiting = dropped(&keeper, "shop", "shops.csv", shops(&rows, ("经度（WGS84）", "纬度（WGS84）"))).await;
    assert_eq!(counts(&waiting), [3, 0, 0, 0], "a place elsewhere is a note, not a refusal: {waiting}");
    assert_eq!(notes(&waiting), [(2, "swapped".to_owned()), (4, "outside_region".to_owned())]);
    taken(&keeper, &waiting).await;
    let records = room.records("shop").await;
    assert_eq!((records["P000000"].longitude, records["P000000"].latitude), (Some(114.11), Some(22.55)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_place_tells_the_region_where_nobody_does() {
    let room = Room::new(Engine::Sqlite).await;
    let text =
        "编号,名称,经度（WGS84）,纬度\nP000001,东,114.125,22.54\nP000002,西,114.105,22.54\nP000003,海上,114.5,22.2\n";
    let waiting = take(&room.keeper().await, text.to_owned()).await;
    assert_eq!((counts(&waiting), refused(&waiting)), ([2, 0, 0, 1], [(4, vec!["required".to_owned()])].into()));
    let records = room.records("shop").await;
    assert_eq!((records["P000001"].region.as_str(), records["P000002"].region.as_str()), ("440303002", "440303001"));
}

fn zones() -> String {
    let feature = |code: &str, ring: Json| json!({"type": "Feature", "properties": {"编号": code, "名称": format!("片区{code}"), "区划代码": "440303001"}, "geometry": {"type": "Polygon", "coordinates": [ring]}});
    let square = json!([[114.1, 22.54], [114.11, 22.54], [114.11, 22.55], [114.1, 22.55], [114.1, 22.54]]);
    let bow = json!([[114.1, 22.54], [114.11, 22.55], [114.11, 22.54], [114.1, 22.55], [114.1, 22.54]]);
    let point = json!({"type": "Feature", "properties": {"编号": "3", "区划代码": "440303001"}, "geometry": {"type": "Point", "coordinates": [114.1, 22.54]}});
    json!({"type": "FeatureCollection", "features": [feature("1", square.clone()), feature("2", bow), point, feature("4", square)]}).to_string()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn shapes_come_from_files_of_places_and_crossed_ones_are_refused(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let room = Room::new(engine).await;
    let keeper = room.keeper().await;
    let waiting = dropped(&keeper, "zone", "zones.geojson", zones()).await;
    assert_eq!(counts(&waiting), [2, 0, 0, 2], "{waiting}");
    assert_eq!(refused(&waiting), [(2, vec!["self_crossing".to_owned()]), (3, vec!["wrong_place".to_owned()])].into());
    taken(&keeper, &waiting).await;
    let records = room.records("zone").await;
    assert_eq!(records.keys().collect::<Vec<_>>(), ["1", "4"]);
    assert_eq!(records["1"].geometry.as_ref().unwrap()["type"], "Polygon");

    // Out and in again, in every form that holds shapes.
    for form in ["geojson", "kml", "shp.zip", "xlsx", "csv"] {
        let out = keeper.get(&format!("/register/zone/export.{form}")).await;
        assert_eq!(out.status, 200, "{form}: {}", out.text());
        let again = dropped(&keeper, "zone", &format!("zones.{form}"), out.body).await;
        assert_eq!(counts(&again), [0, 0, 2, 0], "{form}: {again}");
    }
}
