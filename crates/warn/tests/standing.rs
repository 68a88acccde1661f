//! Whom no call reached stays counted, once, whatever rounds follow; and a stop can be taken back.

mod night;

use anlan_register::Rank;
use anlan_testbed::Engine;
use anlan_warn::{CallState, model::RoundState, standing::speaking};
use anlan_web::percent;
use night::{DISTRICT, Night, Roster, Setting, at, caller::Caller, long};
use rstest::rstest;
use serde_json::json;

/// A silent lead in each street; superiors answer for themselves and take no list over.
async fn two_streets(engine: Engine) -> Night {
    let quiet = ["900", "901", "902", "10", "11", "12"]
        .iter()
        .fold(Setting::on(engine), |setting, short| setting.phone(&long(short), "answers:2"));
    let night = quiet.phone(&long("21"), "never; sms-none").phone(&long("24"), "never; sms-none").begin().await;
    let roster = Roster::rooms()
        .person("boss", DISTRICT, Rank::Lead, Some("10"))
        .person("street", "440303001", Rank::Lead, Some("11"))
        .person("street2", "440303002", Rank::Lead, Some("12"))
        .person("lead", "440303001001", Rank::Lead, Some("21"))
        .person("east", "440303002001", Rank::Lead, Some("24"))
        .person("mute", "440303002001", Rank::DeputyA, None);
    night.roster(roster).await;
    night
}

/// Level of each round that speaks, with how many of its callees are silent and without a number.
async fn silent(night: &Night) -> Vec<(i64, i64, i64)> {
    let rounds = night.read(speaking).await;
    rounds.iter().map(|it| (it.level, it.counts.silent(), it.counts.of(CallState::NoContact))).collect()
}

#[rstest]
#[tokio::test]
async fn a_graver_round_for_one_street_does_not_hide_the_silent_of_the_others(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = two_streets(engine).await;
    night.signal("orange", Some("orange"), "发布", &[DISTRICT]).await;
    night.to_the_end().await;
    assert_eq!(silent(&night).await, [(2, 2, 1)]);
    night.signal("red", Some("red"), "发布", &["440303001"]).await;
    night.to_the_end().await;
    assert_eq!(silent(&night).await, [(1, 1, 0), (2, 1, 1)], "each once, with their newest call");

    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    for round in night.read(speaking).await {
        let list = round.list("not_reached,escalated");
        let (_, query) = list.split_once('?').unwrap();
        let (_, found) = officer.get(&format!("/api/v1/calls?round={}&{query}", percent(&round.id))).await;
        let found = found["items"].as_array().unwrap().len();
        assert_eq!(found as i64, round.counts.silent(), "a figure opens whom it counts: {list}");
        let (status, page) = officer.page(&list).await;
        assert!(status == 200 && page.contains(if round.level == 1 { "人员lead" } else { "人员east" }), "{list}");
        assert!(!page.contains("data-row") || page.matches("data-row").count() == found, "{list}");
    }
    let (_, map) = officer.get("/api/v1/map").await;
    let places = map["communities"].as_array().unwrap();
    let missing: Vec<_> = places.iter().filter(|it| it["calls"]["silent"].as_i64() > Some(0)).collect();
    let of = |at: usize| (missing[at]["code"].as_str(), missing[at]["calls"]["silent"].as_i64());
    assert_eq!(missing.len(), 2, "{map}");
    assert_eq!((of(0), of(1)), ((Some("440303001001"), Some(1)), (Some("440303002001"), Some(2))));
}

#[rstest]
#[tokio::test]
async fn whom_a_wider_round_skips_as_called_before_stays_counted(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = two_streets(engine).await;
    night.signal("red", Some("red"), "发布", &["440303001"]).await;
    night.to_the_end().await;
    assert_eq!(silent(&night).await, [(1, 1, 0)]);
    night.signal("orange", Some("orange"), "发布", &[DISTRICT]).await;
    night.to_the_end().await;
    assert_eq!(silent(&night).await, [(2, 1, 1), (1, 1, 0)]);
}

#[rstest]
#[tokio::test]
async fn a_stopped_round_goes_on_in_another_one_and_nobody_is_called_twice_or_forgotten(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = two_streets(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let street = Caller::with(&night, "street_officer", Some("440303001")).await;
    night.signal("orange", Some("orange"), "发布", &[DISTRICT]).await;
    night.until(at(150)).await;
    let stopped = night.round(2).await.id;
    let resume = format!("/api/v1/rounds/{stopped}/resume");
    let why = json!({"reason": "误停"});
    assert_eq!(officer.post(&resume, why.clone()).await.1["code"], "round_not_stopped");
    assert_eq!(officer.post(&format!("/api/v1/rounds/{stopped}/stop"), json!({"reason": "误报"})).await.0, 200);
    assert_eq!(silent(&night).await, [], "an officer stopped it; nothing is asked of anybody");
    night.signal("orange again", Some("orange"), "发布", &[DISTRICT]).await;
    night.settle().await;
    assert_eq!(night.rounds().await.len(), 1, "a stop holds against what comes in");

    assert_eq!(street.post(&resume, why.clone()).await.0, 403);
    assert_eq!(officer.post(&resume, json!({"reason": " "})).await.1["field"], "reason");
    let (_, page) = officer.page(&format!("/rounds/{stopped}")).await;
    assert!(page.contains("恢复叫应"), "{page}");
    let (_, page) = officer.page(&format!("/processes/{}", night.process().await.id)).await;
    assert!(page.contains("恢复叫应"), "{page}");
    let (status, begun) = officer.post(&resume, why.clone()).await;
    assert_eq!((status, begun["state"].as_str()), (200, Some("running")), "{begun}");
    assert_eq!(begun["id"], format!("{stopped}-2"));
    assert_eq!(officer.post(&resume, why).await.1["code"], "nothing_to_resume", "it goes on already");
    night.to_the_end().await;
    assert_eq!(night.round(2).await.state, RoundState::Done);
    let ended = |callee: &str, calls: &[anlan_warn::Call]| {
        calls.iter().filter(|it| it.callee == callee && it.state != CallState::Cancelled).count()
    };
    let calls = night.calls().await;
    for callee in ["person:street", "person:street2", "person:lead", "person:east", "person:mute"] {
        assert_eq!(ended(callee, &calls), 1, "{callee}: {calls:?}");
    }
    // Whom the stopped round found without a number the next one skips; they are missing all the same.
    assert_eq!(silent(&night).await, [(2, 2, 0), (2, 0, 1)]);
    let (_, page) = officer.page(&format!("/rounds/{}", begun["id"].as_str().unwrap())).await;
    assert!(page.contains("值班员") && !page.contains("test@1") && !page.contains("duty-officer"), "{page}");
}
