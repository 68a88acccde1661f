//! Where things are: positions and outlines in, and what is wrong with them.

use anlan_register::{Geometry, Place};
use anlan_testbed::Engine;
use rstest::rstest;
use serde_json::json;

use crate::bed::{Bed, OTHER, STREET, system};

const TITLES: &str = "code_or_id,longitude,latitude,source,invented";

async fn places(bed: &Bed) -> Vec<Place> {
    bed.read(&system(), |tx| tx.find("1 = 1", "ORDER BY id", &[])).await
}

#[rstest]
#[tokio::test]
async fn places_of_regions_and_organisations_are_taken_and_wrong_ones_named_by_row_and_column(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::district(engine).await;
    let rows = [
        "440303001,114.1,22.55,测绘,false",
        "luohu-emergency,114.13,22.54,测绘,",
        "440303002,22.55,114.1,测绘,false",
        "440303003,NaN,22.5,测绘,false",
        "440303004,,22.5,测绘,false",
        "nowhere,114.1,22.5,测绘,false",
        "440303005,114.1,22.5,,false",
        "440303006,114.1,22.5,演示编造,maybe",
    ];
    let file = format!("{TITLES}\n{}\n", rows.join("\n"));
    let report = bed.import(&system(), "places", file.as_bytes(), "places.csv").await.unwrap();
    assert_eq!((report.taken, report.new), (2, 2), "{:?}", report.problems);
    let found: Vec<_> =
        report.problems.iter().map(|it| (it.place.row.unwrap(), it.place.field.clone().unwrap())).collect();
    let wanted =
        [(4, "latitude"), (5, "longitude"), (6, "longitude"), (7, "code_or_id"), (8, "source"), (9, "invented")];
    assert_eq!(found, wanted.map(|(row, field)| (row, field.to_owned())));
    assert!(report.errors_xlsx.is_some());
    let stored = places(&bed).await;
    assert_eq!(stored.iter().map(|it| it.region.as_str()).collect::<Vec<_>>(), [STREET, "440303"]);

    let again = bed.import(&system(), "places", file.as_bytes(), "places.csv").await.unwrap();
    assert_eq!((again.new, again.changed, again.same), (0, 0, 2));
}

#[rstest]
#[tokio::test]
async fn the_demo_places_every_street_and_community_and_says_that_it_is_invented(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::district(engine).await;
    let report = bed.take("places", "saola/places.csv").await;
    assert_eq!((report.taken, report.problems.len()), (119, 0), "{:?}", report.problems);
    for it in places(&bed).await {
        assert!(it.invented && it.source == "演示编造", "{it:?}");
        assert!((114.09..=114.21).contains(&it.longitude) && (22.53..=22.61).contains(&it.latitude), "{it:?}");
    }
}

#[rstest]
#[tokio::test]
async fn outlines_come_as_geojson_and_a_wrong_one_costs_no_other(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::district(engine).await;
    let ring = json!([[[114.1, 22.5], [114.2, 22.5], [114.2, 22.6], [114.1, 22.5]]]);
    let feature = |code: &str, kind: &str, coordinates: serde_json::Value| json!({"type": "Feature", "properties": {"code": code}, "geometry": {"type": kind, "coordinates": coordinates}});
    let file = json!({"type": "FeatureCollection", "features": [
        feature("440303", "Polygon", ring.clone()),
        feature("440303001", "MultiPolygon", json!([ring.clone()])),
        feature("440303002", "Polygon", json!([[[22.5, 114.1], [22.5, 114.2], [22.6, 114.2], [22.5, 114.1]]])),
        feature("440303003", "Point", json!([114.1, 22.5])),
        feature("999999", "Polygon", ring.clone()),
        feature("440303004", "Polygon", json!([[[114.1, 22.5]]])),
    ]});
    let keeper = bed.caller("register_keeper", "440303").await;
    let answer = keeper.post("/api/v1/import/geometry", file.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let report = answer.json();
    assert_eq!((report["taken"].as_i64(), report["new"].as_i64()), (Some(2), Some(2)), "{report}");
    let problems: Vec<_> =
        report["problems"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect();
    assert_eq!(problems, ["bad_coordinates", "bad_geometry", "bad_region", "bad_coordinates"], "{report}");
    let stored: Vec<Geometry> = bed.read(&system(), |tx| tx.find("1 = 1", "ORDER BY id", &[])).await;
    assert_eq!(stored[0].geojson["coordinates"], ring);

    for bad in [
        "{",
        "{\"type\":\"Feature\"}",
        "{\"type\":\"FeatureCollection\",\"features\":[],\"crs\":{\"properties\":{\"name\":\"EPSG:3857\"}}}",
    ] {
        assert!(bed.import(&system(), "geometry", bad.as_bytes(), "x.geojson").await.is_err(), "{bad}");
    }
}

#[rstest]
#[tokio::test]
async fn nobody_places_things_outside_the_own_duty_area(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::district(engine).await;
    let keeper = bed.caller("register_keeper", STREET).await;
    let file = format!("{TITLES}\n{STREET},114.1,22.55,测绘,\n{OTHER},114.1,22.55,测绘,\n");
    let report = keeper.post("/api/v1/import/places", file).await.json();
    assert_eq!((report["taken"].as_i64(), report["problems"][0]["code"].as_str()), (Some(1), Some("out_of_scope")));
    assert_eq!(places(&bed).await.len(), 1);
}
