//! The warden's page: big answers, second thoughts, transfer numbers that add up, and a list behind a PIN.

mod night;

use std::time::Duration;

use anlan_testbed::Engine;
use anlan_warn::{Transfer, transfer::Numbers};
use anlan_web::percent;
use night::{
    DISTRICT, Night, at,
    caller::{Caller, red},
    desk, long,
};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value as Json, json};

async fn link(night: &Night, callee: &str) -> String {
    let call = night.call(1, callee).await.id;
    let link = night.warn.answer_link(&call);
    link[link.find("/a/").unwrap()..].to_owned()
}

async fn transfers(night: &Night) -> Vec<Transfer> {
    night.read(|tx| tx.find("1 = 1", "ORDER BY id", &[])).await
}

fn typed(due: i64, moved: i64, not_yet: i64, refused: i64, lost: i64, seen: i64) -> Json {
    json!({"region": "440303001001", "seen": seen, "due": due, "moved": moved, "not_yet": not_yet,
           "refused": refused, "lost": lost})
}

#[rstest]
#[tokio::test]
async fn the_page_is_small_names_the_post_and_answers_nothing_when_opened(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.until(at(130)).await;
    let path = link(&night, "person:lead").await;
    let stranger = Caller::stranger(&night);
    let (status, page) = stranger.page(&path).await;
    assert_eq!(status, 200);
    assert!(page.len() < 20_000, "{} bytes", page.len());
    let wanted =
        ["人员lead", "区划440303001001防汛责任人", "key-1", "key-2", "key-3", "市气象台台风信号 red", "转移人数"];
    for words in wanted.into_iter().chain([&*format!("tel:{}", long("901"))]) {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("人员a") && !page.contains(&long("22")), "nobody else's data");
    assert!(night.call(1, "person:lead").await.open);
}

#[rstest]
#[tokio::test]
async fn who_answered_may_think_again_while_the_round_is_not_over(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.until(at(130)).await;
    let path = link(&night, "person:lead").await;
    let stranger = Caller::stranger(&night);
    for digit in [1, 1, 2] {
        assert_eq!(stranger.form(&path, json!({"digit": digit})).await.0, 200);
    }
    let call = night.call(1, "person:lead").await;
    assert_eq!((call.key, call.state.name()), (Some(2), "answered"));
    let (_, page) = stranger.page(&path).await;
    assert!(page.contains("您答复过") && page.contains("收到、已到岗") && page.contains("收到、不能到岗"), "{page}");

    // Danger: the desk rings once, and again after somebody took the first request.
    for _ in 0..2 {
        assert_eq!(stranger.form(&path, json!({"digit": 3})).await.0, 200);
    }
    let asked: Vec<_> = night.help().await.into_iter().filter(|it| it.call() == call.id).collect();
    assert_eq!(asked.len(), 1);
    night.warn.take_help(&desk(), &asked[0].id).await.unwrap();
    assert_eq!(stranger.form(&path, json!({"digit": 3})).await.0, 200);
    let asked: Vec<_> = night.help().await.into_iter().filter(|it| it.call() == call.id).collect();
    assert_eq!((asked.len(), asked[1].taken_by.as_deref()), (2, None));
    assert_eq!(night.call(1, "person:lead").await.key, Some(2), "what was said first stands beside it");

    night.warn.stop_round(&desk(), &night.round(1).await.id, "信号误报").await.unwrap();
    assert_eq!(stranger.form(&path, json!({"digit": 1})).await.0, 409);
    assert_eq!(night.call(1, "person:lead").await.key, Some(2));
}

#[rstest]
#[tokio::test]
async fn transfer_numbers_that_do_not_add_up_come_back_as_typed(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.until(at(130)).await;
    let (path, stranger) = (link(&night, "person:lead").await, Caller::stranger(&night));
    let to = format!("{path}/transfer");
    let (status, page) = stranger.form(&to, typed(12, 5, 3, 1, 1, -1)).await;
    assert_eq!(status, 409);
    assert!(page.contains("应转 12 ≠ 已转 5 + 未转 3 + 拒转 1 + 失联 1 = 10"), "{page}");
    assert!(page.contains(r#"name="due" value="12""#) && page.contains(r#"name="moved" value="5""#), "{page}");
    assert!(transfers(&night).await.is_empty());
    let (status, page) = stranger.form(&to, json!({"region": "440303001001", "due": "x"})).await;
    assert!(status == 400 && page.contains("「应转」应为"), "{page}");
    let elsewhere = json!({"region": "440303002001", "due": 1, "not_yet": 1});
    assert_eq!(stranger.form(&to, elsewhere).await.0, 409, "only the own places");

    // Sent twice over a bad line: once kept.
    for _ in 0..2 {
        assert_eq!(stranger.form(&to, typed(12, 5, 5, 1, 1, -1)).await.0, 200);
    }
    let kept = transfers(&night).await;
    assert_eq!((kept.len(), kept[0].numbers.moved, kept[0].revision), (1, 5, 0));

    // The deputy of the same place sees the figure and goes on from it; nobody is counted twice.
    let theirs = link(&night, "person:a").await;
    assert!(stranger.page(&theirs).await.1.contains(r#"name="moved" value="5""#));
    assert_eq!(stranger.form(&format!("{theirs}/transfer"), typed(12, 10, 1, 0, 1, 0)).await.0, 200);
    let (status, page) = stranger.form(&to, typed(12, 6, 4, 1, 1, 0)).await;
    assert!(status == 409 && page.contains("报过新数，请对照后再提交"), "{page}");
    assert_eq!(transfers(&night).await[0].numbers.moved, 10);

    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let process = night.process().await.id;
    let (_, sums) = officer.get(&format!("/api/v1/transfers?process={process}")).await;
    assert_eq!(sums["sum"], json!({"due": 12, "moved": 10, "not_yet": 1, "refused": 0, "lost": 1}));
    assert_eq!(sums["streets"][0]["region"], "440303001");
    let call = percent(&night.call(1, "person:east").await.id);
    let told =
        json!({"region": "440303002001", "seen": -1, "due": 3, "moved": 3, "not_yet": 0, "refused": 0, "lost": 0});
    let (status, told) = officer.post(&format!("/api/v1/calls/{call}/transfer"), told).await;
    assert_eq!((status, &told["reported_by"]), (200, &json!("user:duty-officer-440303")));
    // What a street says of itself takes in its communities; it counts only where none of them reported.
    let call_of_street = percent(&night.call(1, "person:street").await.id);
    let own = json!({"region": "440303001", "seen": -1, "due": 30, "moved": 30});
    assert_eq!(officer.post(&format!("/api/v1/calls/{call_of_street}/transfer"), own).await.0, 200);
    let (_, sums) = officer.get(&format!("/api/v1/transfers?process={process}")).await;
    assert_eq!((&sums["sum"]["due"], &sums["left_out"]), (&json!(15), &json!(["440303001"])), "{sums}");
    assert_eq!(sums["items"].as_array().unwrap().len(), 3, "it is shown all the same");
    let wrong = json!({"region": "440303002001", "seen": 0, "due": 4, "moved": 3});
    let (status, problem) = officer.post(&format!("/api/v1/calls/{call}/transfer"), wrong).await;
    assert_eq!((status, &problem["code"], &problem["field"]), (409, &json!("transfer_does_not_add_up"), &json!("due")));
}

proptest! {
    #[test]
    fn sums_of_reports_that_add_up_add_up(all in prop::collection::vec([0..2_000_i64, 0..2_000, 0..2_000, 0..2_000], 0..200)) {
        let numbers: Vec<Numbers> = all
            .iter()
            .map(|[moved, not_yet, refused, lost]| Numbers {
                due: moved + not_yet + refused + lost, moved: *moved, not_yet: *not_yet, refused: *refused, lost: *lost,
            })
            .collect();
        prop_assert!(numbers.iter().all(|it| it.check().is_ok()));
        let sum: Numbers = numbers.into_iter().sum();
        prop_assert_eq!(sum.due, sum.moved + sum.not_yet + sum.refused + sum.lost);
    }

    #[test]
    fn numbers_are_taken_exactly_when_they_add_up(all in [0..40_i64, 0..10, 0..10, 0..10, 0..10]) {
        let [due, moved, not_yet, refused, lost] = all;
        let texts = all.map(|it| it.to_string());
        let read = Numbers::read([&texts[0], &texts[1], &texts[2], &texts[3], &texts[4]]);
        prop_assert_eq!(read.is_ok(), due == moved + not_yet + refused + lost);
        if let Err(problem) = read {
            prop_assert_eq!(problem.place.field.as_deref(), Some("due"));
        }
    }
}

/// The link of the list that the street's lead got by message.
async fn list_link(night: &Night) -> String {
    loop {
        night.until(night.world.now().plus(Duration::from_secs(5))).await;
        if let Some(words) = night.words_to(&long("11")).into_iter().find(|it| it.contains("名单：")) {
            return words[words.find("/a/").unwrap()..].trim_end_matches("【回放演示】").to_owned();
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_superiors_list_opens_with_the_own_pin_only_and_locks_after_five(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    let path = list_link(&night).await;
    let phone = Caller::stranger(&night).with_cookies();
    let (_, closed) = phone.page(&path).await;
    assert!(!closed.contains("人员lead") && !closed.contains(&long("21")), "{closed}");
    let (status, page) = phone.form(&format!("{path}/pin"), json!({"pin": "9999"})).await;
    assert!(status == 403 && page.contains("口令不对") && !page.contains("人员lead"), "{page}");
    assert_eq!(phone.form(&format!("{path}/pin/new"), json!({"pin": "2580"})).await.0, 404, "only on an opened list");
    assert_eq!(phone.form(&format!("{path}/pin"), json!({"pin": "0011"})).await.0, 303);
    assert_eq!(phone.form(&format!("{path}/pin/new"), json!({"pin": "1234"})).await.0, 400);
    assert_eq!(phone.form(&format!("{path}/pin/new"), json!({"pin": "2580"})).await.0, 303);

    let other = Caller::stranger(&night).with_cookies();
    assert_eq!(other.form(&format!("{path}/pin"), json!({"pin": "0011"})).await.0, 403, "the own PIN holds now");
    assert_eq!(other.form(&format!("{path}/pin"), json!({"pin": "2580"})).await.0, 303);
    for _ in 0..5 {
        assert_eq!(other.form(&format!("{path}/pin"), json!({"pin": "0000"})).await.0, 403);
    }
    assert_eq!(other.form(&format!("{path}/pin"), json!({"pin": "2580"})).await.0, 429, "locked, whatever is typed");
    assert!(phone.page(&path).await.1.contains("口令"), "an opened list stays open");
}
