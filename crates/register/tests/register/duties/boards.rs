use anlan_register::Person;
use anlan_testbed::Engine;
use rstest::rstest;
use serde_json::json;

use super::yard::{Yard, form, reservoir};
use crate::bed::{DISTRICT, OTHER, STREET};

#[rstest]
#[tokio::test]
async fn a_scan_shows_who_answers_today_and_says_that_the_print_is_old(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let yard = Yard::new(engine).await;
    yard.record("reservoir", "r1", STREET, reservoir()).await;
    let (keeper, stranger) = (yard.officer("register_keeper", DISTRICT).await, yard.stranger());
    let before = keeper.get("/records/r1/card").await.text();
    assert!(before.contains("小坑水库") && before.contains("行政责任人") && !before.contains("<svg"), "{before}");
    let made = keeper.post("/api/v1/records/r1/boards", "").await.json();
    let again = keeper.post("/api/v1/records/r1/boards", "").await.json();
    assert_eq!(made["board"], again["board"], "what holds is printed once");
    let card = keeper.get("/records/r1/card?paper=a5").await.text();
    assert!(card.contains("<svg") && card.contains("人员1") && card.contains("责任人到位"), "{card}");
    assert!(!card.contains("15400000001"), "no pack says the number is public");

    let scan = format!("/c/{}", made["board"].as_str().unwrap());
    let fresh = stranger.get(&scan).await;
    let text = fresh.text();
    assert!(fresh.status == 200 && text.contains("与现状一致") && text.contains("人员1"), "{text}");
    assert!(text.contains("154****0001") && text.contains("15400090101") && !text.contains("15400000001"), "{text}");

    yard.change("r1", "administrative", json!("person:2")).await;
    let old = stranger.get(&scan).await.text();
    assert!(old.contains("旧牌：责任人已变更") && old.contains("人员2") && !old.contains("人员1"), "{old}");
    let listed = keeper.get("/api/v1/boards").await.json();
    assert_eq!(listed["items"][0]["state"], "people_changed");
    assert!(keeper.get("/boards").await.text().contains("旧牌：责任人已变更"));
    let next = keeper.post("/api/v1/records/r1/boards", "").await.json();
    assert_eq!(next["version"], 2);
    yard.bed
        .write(|tx| {
            let them = tx.get::<Person>("person:2")?.unwrap();
            tx.put(&Person { name: Some("改名".into()), ..them })
        })
        .await;
    let renamed = stranger.get(&format!("/c/{}", next["board"].as_str().unwrap())).await.text();
    assert!(renamed.contains("旧牌：内容已更新"), "{renamed}");

    assert_eq!(form(&keeper, &format!("/boards/{}/revoke", made["board"].as_str().unwrap()), "").await.status, 303);
    let revoked = stranger.get(&scan).await.text();
    assert!(revoked.contains("此牌已作废") && !revoked.contains("人员"), "{revoked}");
    assert_eq!(stranger.get("/c/aaaaaaaaaaaaaaaaaaaa").await.status, 404);
    let other = yard.officer("street_officer", OTHER).await;
    assert_eq!(other.get("/records/r1/card").await.status, 404);
    assert_eq!(other.post("/api/v1/records/r1/boards", "").await.status, 404);
    assert_eq!(other.get("/api/v1/boards").await.json()["items"], json!([]));
}

#[rstest]
#[tokio::test]
async fn a_person_is_no_thing_with_a_board(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let yard = Yard::new(engine).await;
    let kind = "special-person";
    yard.record(kind, "r2", STREET, json!({"carer_a": "person:3"})).await;
    let keeper = yard.officer("register_keeper", DISTRICT).await;
    let refused = keeper.post("/api/v1/records/r2/boards", "").await;
    assert_eq!(refused.refusal().1, "no_board", "{}", refused.text());
}
