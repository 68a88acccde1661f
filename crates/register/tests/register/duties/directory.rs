use anlan_testbed::Engine;
use axum::http::Method;
use rstest::rstest;
use serde_json::json;

use super::yard::{Yard, send};
use crate::bed::{DISTRICT, STREET};

#[rstest]
#[tokio::test]
async fn the_directory_has_three_levels_and_names_the_areas_without_anybody(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let yard = Yard::new(engine).await;
    let officer = yard.officer("duty_officer", DISTRICT).await;
    let all = officer.get("/api/v1/directory").await.json();
    let levels: Vec<_> = all["items"].as_array().unwrap().iter().map(|it| it["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["district", "district", "street", "community", "street"], "by region: {all}");
    assert_eq!(all["items"][0]["phone"], "154****0001");
    let one = officer.get("/api/v1/directory?level=street&region=440303002").await.json();
    assert_eq!((one["items"].as_array().unwrap().len(), &one["items"][0]["person"]), (1, &json!("person:4")));
    let empty = officer.get("/api/v1/directory/areas?empty=1").await.json();
    let codes: Vec<_> = empty["items"].as_array().unwrap().iter().map(|it| it["region"].as_str().unwrap()).collect();
    assert!(codes.contains(&"440303003") && !codes.contains(&STREET) && !codes.contains(&"440303001001"), "{codes:?}");
    let page = officer.get("/directory").await;
    assert!(
        page.status == 200 && page.text().contains("人员1") && page.text().contains("154****0001"),
        "{}",
        page.text()
    );
    assert!(!page.text().contains("15400000001"));
    for path in
        ["/directory/areas?empty=1", "/directory/export.xlsx", "/organisations", "/organisations/luohu-emergency"]
    {
        assert_eq!(officer.get(path).await.status, 200, "{path}");
    }

    let street = yard.officer("street_officer", STREET).await;
    let own = street.get("/api/v1/directory").await.json();
    let people: Vec<_> = own["items"].as_array().unwrap().iter().map(|it| it["person"].as_str().unwrap()).collect();
    assert_eq!(people, ["person:3", "person:5"], "a street sees its own");
    assert_eq!(yard.officer("system_admin", DISTRICT).await.get("/directory").await.status, 403);
    assert_eq!(yard.stranger().get("/api/v1/directory").await.status, 401);
}

#[rstest]
#[tokio::test]
async fn the_public_directory_is_off_until_switched_on_and_shows_no_number_in_full(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let yard = Yard::new(engine).await;
    let (stranger, admin) = (yard.stranger(), yard.officer("system_admin", DISTRICT).await);
    assert_eq!(stranger.get("/public/directory").await.status, 404);
    let keeper = yard.officer("register_keeper", DISTRICT).await;
    assert_eq!(send(&keeper, Method::PUT, "/api/v1/public-directory", json!({"shown": true})).await.status, 403);
    assert_eq!(send(&admin, Method::PUT, "/api/v1/public-directory", json!({"shown": true})).await.status, 200);
    let page = stranger.get("/public/directory").await;
    let text = page.text();
    assert_eq!((page.status, page.headers["cache-control"].to_str().unwrap()), (200, "public, max-age=60"));
    assert!(text.contains("人员1") && text.contains("154****0001") && text.contains("15400090001"), "{text}");
    assert!(!text.contains("15400000001") && !text.contains("人员3"), "the district's own first: {text}");
    let street = stranger.get("/public/directory?street=440303001").await.text();
    assert!(street.contains("人员3") && street.contains("人员5") && !street.contains("人员4"), "{street}");
    assert_eq!(send(&admin, Method::PUT, "/api/v1/public-directory", json!({"shown": false})).await.status, 200);
    assert_eq!(stranger.get("/public/directory").await.status, 404, "off at once");
}
