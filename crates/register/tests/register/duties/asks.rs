use anlan_register::{Person, Post, duties};
use anlan_testbed::Engine;
use axum::http::Method;
use rstest::rstest;
use serde_json::json;

use super::yard::{Yard, days, form, reservoir};
use crate::bed::{DISTRICT, STREET, system};

/// The address of the link to somebody.
fn link(yard: &Yard, person: &str) -> String {
    yard.sent.lock().unwrap().iter().find(|it| it.0 == person).map(|it| it.1.clone()).unwrap()
}

#[rstest]
#[tokio::test]
async fn only_whoever_nothing_touched_for_a_year_is_asked_and_once(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let yard = Yard::new(engine).await;
    yard.record("reservoir", "r1", STREET, reservoir()).await;
    yard.bed.world.clock().move_to(yard.bed.world.now().plus(days(400)));
    yard.bed
        .write(|tx| {
            let now = tx.now();
            duties::reached(tx, "person:1", "call", now)?;
            duties::reached(tx, "person:1", "call", now.minus(days(500)))?;
            duties::reached(tx, "room:luohu-emergency", "call", now)
        })
        .await;
    let keeper = yard.officer("register_keeper", DISTRICT).await;
    let list = keeper.get("/api/v1/asks").await.json();
    let people: Vec<_> =
        list["untouched"].as_array().unwrap().iter().map(|it| it["person"].as_str().unwrap()).collect();
    assert_eq!(people, ["person:2", "person:3", "person:5", "person:4"]);
    assert_eq!((&list["due_people"], &list["due_records"]), (&json!(4), &json!(1)));
    assert_eq!(yard.officer("duty_officer", DISTRICT).await.post("/asks", "").await.status, 403);
    assert_eq!(form(&keeper, "/asks", "").await.status, 303);
    assert_eq!(form(&keeper, "/asks", "").await.status, 303);
    assert_eq!(yard.sent.lock().unwrap().len(), 5, "each once a year");

    let stranger = yard.stranger();
    let shown = stranger.get(&link(&yard, "person:3")).await;
    assert!(shown.status == 200 && shown.text().contains("154****0003") && !shown.text().contains("15400000003"));
    let list = keeper.get("/api/v1/asks").await.json();
    assert_eq!(list["untouched"].as_array().unwrap().len(), 4, "a look answers nothing");
    let still = form(&stranger, &link(&yard, "person:3"), "answer=still").await;
    assert!(still.text().contains("仍属实"), "{}", still.text());
    assert_eq!(keeper.get("/api/v1/asks").await.json()["untouched"].as_array().unwrap().len(), 3);
    assert_eq!(stranger.get("/ask/aaaaaaaaaaaaaaaaaaaa").await.status, 404);
    assert!(keeper.get("/asks").await.text().contains("一年没有触达"));
}

#[rstest]
#[tokio::test]
async fn what_changed_is_a_proposal_until_a_keeper_accepts_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let yard = Yard::new(engine).await;
    let (keeper, stranger) = (yard.officer("register_keeper", DISTRICT).await, yard.stranger());
    form(&keeper, "/asks", "").await;
    let bad = form(&stranger, &link(&yard, "person:3"), "answer=changed&phone=12").await;
    assert!(bad.text().contains("号码不能拨打"), "{}", bad.text());
    let body =
        "answer=changed&left=true&successor=%E7%8E%8B%E4%BA%94&successor_phone=15400000099&note=%E8%B0%83%E5%B2%97";
    assert!(form(&stranger, &link(&yard, "person:3"), body).await.text().contains("变动已送管理员"));
    form(&stranger, &link(&yard, "person:4"), "answer=changed&phone=15400000044").await;
    let before = yard.bed.read(&system(), |tx| tx.find::<Post>("valid_until IS NULL", "ORDER BY id", &[])).await;
    assert_eq!(before.len(), 5, "nothing changed yet");

    let list = keeper.get("/api/v1/asks").await.json();
    for it in list["proposed"].as_array().unwrap() {
        let path = format!("/asks/{}/accept", it["id"].as_str().unwrap());
        assert_eq!(form(&keeper, &path, "").await.status, 303);
        assert_eq!(keeper.send(Method::POST, &path, "", "").await.refusal().1, "decided");
    }
    let people = yard.bed.everybody().await;
    let follower = people.iter().find(|it| it.name.as_deref() == Some("王五")).unwrap().clone();
    let four: &Person = people.iter().find(|it| it.id == "person:4").unwrap();
    assert_eq!(four.phone.as_deref(), Some("15400000044"));
    let posts = yard.bed.read(&system(), |tx| tx.find::<Post>("region = '440303001'", "ORDER BY id", &[])).await;
    let open: Vec<_> = posts.iter().filter(|it| it.valid_until.is_none()).collect();
    assert_eq!((posts.len(), open.len(), &open[0].person), (2, 1, &follower.id));
    assert_eq!(open[0].duty, "防汛责任人");

    yard.bed.write(|tx| anlan_register::erase(tx, &anlan_register::Hooks::default(), "person:3").map(drop)).await;
    let kept = yard.bed.read(&system(), |tx| tx.find::<duties::Ask>("callee = 'person:3'", "", &[])).await;
    assert!(kept.iter().all(|it| it.proposal.is_none()));
    assert!(yard.stranger().get(&link(&yard, "person:3")).await.status == 404);
}
