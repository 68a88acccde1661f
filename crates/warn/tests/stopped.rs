//! A round that an officer stops: why, when, and how its places look afterwards; and who came first where two officers
//! do the same.

mod night;

use anlan_store::journal;
use anlan_testbed::Engine;
use anlan_warn::{CallState, model::RoundState};
use anlan_web::percent;
use night::{
    DISTRICT, Night, at,
    caller::{Caller, red},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

async fn officer(night: &Night) -> Caller {
    Caller::with(night, "duty_officer", Some(DISTRICT)).await
}

async fn page(officer: &Caller, path: &str) -> String {
    let (status, page) = officer.page(path).await;
    assert_eq!(status, 200, "{page}");
    page
}

/// Everything the journal holds.
async fn journal_text(night: &Night) -> String {
    while journal::seal(&night.world, None).await.unwrap() > 0 {}
    let entries = journal::after(&night.world, &anlan_kernel::Actor::system("test"), 0, 100_000).await.unwrap();
    entries.into_iter().map(|it| it.body).collect()
}

#[rstest]
#[tokio::test]
async fn a_stop_needs_its_reason_which_is_shown_and_stands_sealed_in_the_journal(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.until(at(60)).await;
    let officer = officer(&night).await;
    let round = night.round(1).await.id;
    let api = format!("/api/v1/rounds/{round}/stop");
    for without in [json!({}), json!({"reason": "  "})] {
        let (status, answer) = officer.post(&api, without).await;
        assert_eq!((status, answer["field"].as_str()), (400, Some("reason")), "{answer}");
    }
    assert_eq!(officer.form(&format!("/rounds/{round}/stop"), json!({})).await.0, 400);
    let asked = page(&officer, &format!("/rounds/{round}")).await;
    assert!(asked.contains("停止理由") && asked.contains("name=\"reason\""), "{asked}");
    assert_eq!(night.round(1).await.state, RoundState::Pending, "nothing was stopped so far");

    let (status, stopped) = officer.post(&api, json!({"reason": "气象台电话更正为误发"})).await;
    assert_eq!((status, stopped["stop_reason"].as_str()), (200, Some("气象台电话更正为误发")), "{stopped}");
    let process = night.process().await.id;
    for path in [format!("/rounds/{round}"), format!("/processes/{process}")] {
        let shown = page(&officer, &path).await;
        for words in ["未开始即停止", "12:01", "理由：气象台电话更正为误发"] {
            assert!(shown.contains(words), "{words} on {path}: {shown}");
        }
        assert!(!shown.contains("12:02</time> 起"), "a start that never came is not told: {shown}");
    }
    assert!(!journal_text(&night).await.contains("误发"), "what an officer wrote is sealed");
}

#[rstest]
#[tokio::test]
async fn a_stand_down_stops_its_rounds_with_its_own_words(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = red(engine).await;
    night.until(at(150)).await;
    let process = night.process().await.id;
    night.warn.stand_down(&night::desk(), &process, "台风已远离").await.unwrap();
    assert_eq!(night.round(1).await.stop_reason.as_deref(), Some("解除叫应：台风已远离"));
}

#[rstest]
#[tokio::test]
async fn a_place_whose_people_were_not_all_heard_of_when_the_round_was_stopped_is_never_shown_as_done(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.until(at(200)).await;
    let officer = officer(&night).await;
    let round = night.round(1).await.id;
    night.warn.stop_round(&night::desk(), &round, "误报").await.unwrap();
    assert_eq!(night.call(1, "person:lead").await.state, CallState::Cancelled);
    let shown = page(&officer, &format!("/rounds/{round}")).await;
    let tile = |code: &str| {
        let named = format!("title=\"区划{code}\"");
        let of = shown.split("<a class=\"tile").find(|it| it.contains(&named));
        of.unwrap_or_else(|| panic!("{code}: {shown}")).split("</a>").next().unwrap().to_owned()
    };
    let (cut, whole) = (tile("440303001001"), tile("440303002001"));
    assert!(cut.starts_with(" off\"") && cut.contains("■ 已停止 1") && !cut.contains('✓'), "{cut}");
    assert!(whole.starts_with(" full\"") && whole.contains('✓'), "{whole}");
    let street = shown.split("class=\"street\"").find(|it| it.contains("区划440303001</b>")).unwrap();
    assert!(!street.split("class=\"cells\"").next().unwrap().contains('✓'), "{street}");
    let map = officer.get("/api/v1/map").await.1;
    let all = map["communities"].as_array().unwrap();
    let place = all.iter().find(|it| it["code"] == "440303001001").unwrap();
    assert!(place["calls"]["knows"].as_i64() < place["calls"]["called"].as_i64(), "{place}");
}

#[rstest]
#[tokio::test]
async fn one_word_counts_one_thing_on_the_page_of_a_round(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = red(engine).await;
    let officer = officer(&night).await;
    while night.call_state(1, "person:lead").await != Some(CallState::Escalated) {
        night.until(night.world.now().plus(std::time::Duration::from_secs(5))).await;
    }
    let round = night.round(1).await.id;
    let shown = page(&officer, &format!("/rounds/{round}")).await;
    let card = shown.split("id=\"unreached\"").nth(1).unwrap().split("</div>").next().unwrap();
    assert!(card.contains("要找的人 <span class=\"num\">1</span>"), "{card}");
    let of = |state: &str| {
        let link = card.split(&format!("state={state}\"")).nth(1).unwrap_or_else(|| panic!("{state}: {card}"));
        link.split("class=\"num\">").nth(1).unwrap().split('<').next().unwrap().parse::<usize>().unwrap()
    };
    let figure = shown.split("state=not_reached\"").nth(1).unwrap();
    assert!(figure.contains("<b class=\"num\">0</b><span>未叫通</span>"), "{figure}");
    assert_eq!((of("not_reached"), of("escalated"), of("no_contact")), (0, 1, 0));
    for state in ["not_reached", "escalated", "no_contact", "not_reached,escalated,no_contact"] {
        let listed = page(&officer, &format!("/rounds/{round}?state={state}")).await.matches("data-row").count();
        let counted = if state.contains(',') { 1 } else { of(state) };
        assert_eq!(listed, counted, "{state}: a number opens whom it counts");
    }
}

/// The answer to whoever came second.
async fn second(officer: &Caller, path: &str, body: &Json) -> String {
    let (first, answer) = officer.post(path, body.clone()).await;
    assert_eq!(first / 100, 2, "{path}: {answer}");
    let (status, answer) = officer.post(path, body.clone()).await;
    assert_eq!(status, 409, "{path}: {answer}");
    answer["detail"].as_str().unwrap().to_owned()
}

#[rstest]
#[tokio::test]
async fn whoever_comes_second_is_told_who_was_first_and_when(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.until(at(200)).await;
    let officer = officer(&night).await;
    let process = night.process().await.id;
    let east = percent(&night.call(1, "person:east").await.id);
    let round = night.round(1).await.id;
    let (_, notice) = officer.post("/api/v1/notices", json!({"process": process})).await;
    let notice = notice["id"].as_str().unwrap().to_owned();
    let now = night.world.now().clock();
    for (path, body, act) in [
        (format!("/api/v1/help/{east}/take"), json!({}), "接手"),
        (format!("/api/v1/notices/{notice}/submit"), json!({}), "送签"),
        (format!("/api/v1/rounds/{round}/stop"), json!({"reason": "误报"}), "停止"),
        (format!("/api/v1/processes/{process}/stand-down"), json!({"note": ""}), "结束"),
    ] {
        let said = second(&officer, &path, &body).await;
        assert!(said.contains(&format!("已于 {now} 由值班员{act}")), "{path}: {said}");
    }
}

#[rstest]
#[tokio::test]
async fn whoever_records_somebody_second_is_told_who_did_and_when(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.until(at(130)).await;
    let lead = percent(&night.call(1, "person:lead").await.id);
    let (path, body) = (format!("/api/v1/calls/{lead}/record"), json!({"how": "reached_on_site"}));
    let said = second(&officer(&night).await, &path, &body).await;
    assert!(said.contains(&format!("已于 {} 由值班员登记", night.world.now().clock())), "{said}");
}
