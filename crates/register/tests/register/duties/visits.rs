use anlan_register::{duties, records::Record};
use anlan_testbed::Engine;
use axum::http::Method;
use rstest::rstest;
use serde_json::json;

use super::yard::{Yard, after, days, send};
use crate::bed::{DISTRICT, OTHER, STREET, system};

#[rstest]
#[tokio::test]
async fn points_past_their_interval_are_listed_until_somebody_was_there(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let yard = Yard::new(engine).await;
    let point =
        |name: &str, every: Option<u32>| json!({"code": name, "name": name, "leader": "person:3", "visit_days": every});
    yard.record("high-risk-point", "p1", STREET, point("甲", Some(30))).await;
    yard.record("high-risk-point", "p2", STREET, point("乙", Some(60))).await;
    yard.record("high-risk-point", "p3", OTHER, json!({"code": "丙", "name": "丙", "visit_days": 30})).await;
    yard.record(
        "high-risk-point",
        "p4",
        STREET,
        json!({"code": "丁", "name": "丁", "leader": "person:3", "closed_on": "2023-08-01"}),
    )
    .await;
    yard.bed.world.clock().move_to(yard.bed.world.now().plus(days(40)));
    let officer = yard.officer("duty_officer", DISTRICT).await;
    let list = officer.get("/api/v1/visits").await.json();
    assert_eq!(list["coverage"], json!({"points": 3, "led": 2, "planned": 3, "visited": 0, "overdue": 2}));
    assert_eq!((&list["items"][0]["overdue_days"], list["items"].as_array().unwrap().len()), (&json!(10), 3));

    let noted =
        send(&officer, Method::POST, "/api/v1/records/p1/visits", json!({"person": "person:3", "note": "边坡无变形"}))
            .await;
    assert_eq!(noted.status, 200, "{}", noted.text());
    let list = officer.get("/api/v1/visits?state=overdue").await.json();
    assert_eq!((&list["coverage"]["visited"], &list["coverage"]["overdue"]), (&json!(1), &json!(1)));
    assert_eq!(list["items"][0]["id"], "p3");
    let record = yard.bed.read(&system(), |tx| Ok(tx.get::<Record>("p1")?.unwrap())).await;
    assert_eq!((record.verified_by.as_deref(), record.verified_at), (Some("visited"), Some(after(40))));
    assert_eq!(record.fields["last_visit"], "2023-10-11");
    let since = yard.bed.read(&system(), |tx| duties::not_reached_since(tx, after(39))).await;
    assert!(!since.contains(&"person:3".to_owned()) && since.contains(&"person:4".to_owned()), "{since:?}");
    let page = officer.get("/visits").await.text();
    assert!(page.contains("有包干领导") && page.contains("2/3") && page.contains("超期 10 天"), "{page}");
    assert!(officer.get("/records/p1/visit").await.text().contains("边坡无变形"));

    let other = yard.officer("street_officer", OTHER).await;
    assert_eq!(other.get("/records/p1/visit").await.status, 404);
    let outside = send(&other, Method::POST, "/api/v1/records/p1/visits", json!({})).await;
    assert_eq!(outside.refusal().1, "no_such_record");
    assert_eq!(other.get("/api/v1/visits").await.json()["coverage"]["points"], 1);
}
