//! Rules over HTTP: what is wrong is pointed at; what is edited judges from now on.

use anlan_testbed::Engine;
use rstest::rstest;

use crate::bed::{Bed, LEVEL, at, is_chinese};

#[rstest]
#[case::breaks_off("last(1h) >=", "last(1h) >=")]
#[case::unknown_function("latest(1h) >= 4", "latest")]
#[case::no_number("last(1h) >= high", "high")]
#[case::open_bracket("(last(1h) >= 4", "(last(1h) >= 4")]
#[case::no_window("last(1x) >= 4", "1x")]
#[tokio::test]
async fn a_rule_that_does_not_parse_is_pointed_at(#[case] when: &str, #[case] near: &str) {
    let bed = Bed::new(Engine::Sqlite).await;
    let admin = bed.officer("system_admin").await;
    let toml = LEVEL.replace("last(1h) >= station.warning_level", when);
    let (zh, en) = (admin.put("/api/v1/rules/local", toml.clone()).await, admin.in_english());
    let en = en.put("/api/v1/rules/local", toml.clone()).await;
    assert_eq!(zh.refusal(), (422, "bad_rules".to_owned()), "{}", zh.text());
    let (zh, en) = (zh.json(), en.json());
    assert!(is_chinese(zh["detail"].as_str().unwrap()) && zh["detail"] != en["detail"], "{zh} {en}");
    assert_eq!(zh["problems"].as_array().unwrap().len(), 1, "{zh}");
    let (line, column) = (zh["line"].as_u64().unwrap(), zh["column"].as_u64().unwrap());
    assert!(toml.lines().nth(line as usize - 1).unwrap().contains(when), "line {line}");
    let from = when.find(near).unwrap() + 1;
    assert!((from..=from + near.len()).contains(&(column as usize)), "column {column} of {when}");
    assert_eq!(admin.get("/api/v1/rules").await.json()["items"], serde_json::json!([]), "nothing changed");
}

#[tokio::test]
async fn rules_that_are_no_toml_no_text_or_of_no_source_are_refused() {
    let bed = Bed::new(Engine::Sqlite).await;
    let admin = bed.officer("system_admin").await;
    let broken = admin.put("/api/v1/rules/local", "[[rule]\nid = 1").await;
    assert_eq!((broken.status, broken.json()["line"].as_u64()), (422, Some(1)), "{}", broken.text());
    let binary = admin.put("/api/v1/rules/local", b"id = \"\xff\"".to_vec()).await;
    assert_eq!((binary.status, binary.json()["byte"].as_u64()), (422, Some(6)), "{}", binary.text());
    assert_eq!(admin.put("/api/v1/rules/a%20b", LEVEL).await.refusal(), (400, "bad_source".to_owned()));
    let officer = bed.officer("duty_officer").await;
    assert_eq!(officer.put("/api/v1/rules/local", LEVEL).await.status, 403);
}

#[rstest]
#[tokio::test]
async fn edited_rules_judge_from_now_on_and_alarm_nobody_about_the_past(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let mut bed = Bed::new(engine).await;
    bed.rules(&LEVEL.replace("station.warning_level", "100").replace("10m", "5h")).await;
    bed.level(0, 9.0).await;
    bed.level(600, 1.0).await;
    let admin = bed.officer("system_admin").await;
    let set = admin.put("/api/v1/rules/local", LEVEL.replace("10m", "5h")).await;
    assert_eq!((set.status, set.json()["version"].as_i64()), (200, Some(2)), "{}", set.text());
    bed.until(700).await;
    assert_eq!(bed.alarms().await, [], "the water stood high before this rule was there");
    bed.restart().await;
    bed.until(800).await;
    assert_eq!(bed.alarms().await, [], "nor after a restart");
    bed.level(900, 9.0).await;
    let alarms = bed.alarms().await;
    assert_eq!((alarms.len(), alarms[0].raised_at), (1, at(900)));

    let history = bed.officer("duty_officer").await.get("/api/v1/rules/local").await.json();
    assert_eq!(history["history"].as_array().unwrap().len(), 2, "every version is kept");
}

#[rstest]
#[tokio::test]
async fn what_holds_when_a_rule_comes_is_alarmed_about_as_of_now(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    bed.level(0, 9.0).await;
    bed.until(600).await;
    bed.rules(LEVEL).await;
    bed.until(601).await;
    let alarms = bed.alarms().await;
    assert_eq!(alarms.len(), 1);
    assert!(alarms[0].raised_at >= at(600), "{alarms:?}");
}

#[tokio::test]
async fn rules_that_could_not_be_stored_judge_nothing_and_can_be_set_again() {
    let bed = Bed::new(Engine::Sqlite).await;
    bed.rules(LEVEL).await;
    bed.level(0, 9.0).await;
    let admin = bed.officer("system_admin").await;
    let other = LEVEL.replace("last(1h) >= station.warning_level", "last(9h) >= 100");
    bed.world.tamper("CREATE TRIGGER full BEFORE INSERT ON rule_set BEGIN SELECT RAISE(ABORT, 'no room'); END");
    assert_eq!(admin.put("/api/v1/rules/local", other.clone()).await.status, 500);
    bed.level(60, 9.0).await;
    let alarms = bed.alarms().await;
    assert_eq!((alarms.len(), alarms[0].cleared_at), (1, None), "the old rules judge: {alarms:?}");
    bed.world.tamper("DROP TRIGGER full");
    let set = admin.put("/api/v1/rules/local", other).await;
    assert_eq!((set.status, set.json()["version"].as_i64()), (200, Some(2)), "{}", set.text());
    bed.level(120, 9.0).await;
    assert_eq!(bed.alarms().await[0].cleared_at, Some(at(60)), "the new ones judge from when they were set");
}
