//! 尽职证据包 of people without an account: whom nobody reached and who was called instead, who was only asked to take
//! a list over, who was not called at all.

mod night;

use anlan_register::Rank;
use anlan_store::journal;
use anlan_testbed::Engine;
use anlan_warn::CallState;
use anlan_web::percent;
use night::{
    DISTRICT, Night, Roster, Setting,
    caller::{Caller, red},
    long,
};
use rstest::rstest;
use serde_json::Value as Json;

async fn evidence(night: &Night, reader: &Caller, person: &str) -> (u16, Json) {
    while journal::seal(&night.world, None).await.unwrap() > 0 {}
    let process = night.process().await.id;
    reader.get(&format!("/api/v1/processes/{process}/evidence/{}", percent(person))).await
}

fn said<'a>(found: &'a Json, words: &str) -> Vec<&'a Json> {
    let items = found["items"].as_array().unwrap().iter();
    items.filter(|it| it["words"]["zh"].as_str().unwrap().contains(words)).collect()
}

#[rstest]
#[tokio::test]
async fn whom_nobody_reached_is_told_who_was_called_instead_and_who_took_over(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.to_the_end().await;
    assert_eq!(night.call(1, "person:lead").await.state, CallState::HandedOver);
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let (status, found) = evidence(&night, &officer, "person:lead").await;
    assert_eq!(status, 200, "{found}");
    for words in ["未得到答复，改叫上一级：", "所在名单已由上一级接手：", "由上一级接手："]
    {
        let items = said(&found, words);
        assert!(!items.is_empty(), "{words}: {found}");
        for it in items {
            assert!(it["proof"]["position"].is_i64(), "{it}");
            let words = it["words"]["zh"].as_str().unwrap();
            let people = ["人员street", "人员boss"];
            assert!(people.iter().all(|it| !words.contains(it)), "names of others are masked: {words}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_superior_who_was_only_asked_to_take_a_list_over_has_a_record_too(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    // Level 2 calls streets and communities; the district's lead is only the one above.
    let setting =
        ["900", "901", "902", "10"].iter().fold(Setting::on(engine), |it, short| it.phone(&long(short), "answers:1"));
    let night = setting.phone(&long("11"), "never; sms-none").begin().await;
    let roster = Roster::rooms()
        .person("boss", DISTRICT, Rank::Lead, Some("10"))
        .person("street", "440303001", Rank::Lead, Some("11"))
        .person("idle", DISTRICT, Rank::DeputyA, None);
    night.roster(roster).await;
    night.signal("orange", Some("orange"), "发布", &[DISTRICT]).await;
    night.to_the_end().await;
    assert_eq!(night.call_state(2, "person:boss").await, None, "not called in the round");
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let list = night.lists().await.remove(0);
    for person in &list.chain[..=usize::try_from(list.link).unwrap().min(list.chain.len() - 1)] {
        let (status, found) = evidence(&night, &officer, person).await;
        assert_eq!(status, 200, "{person}: {found}");
        assert!(!said(&found, "下级未叫通名单").is_empty(), "{person}: {found}");
    }
    let page = officer.page(&format!("/escalations/{}", percent(&list.id))).await.1;
    assert!(page.contains(&format!("/evidence/{}", percent(&list.chain[0]))), "{page}");
}

#[rstest]
#[tokio::test]
async fn whoever_was_not_called_has_an_empty_record_for_those_who_see_them(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.to_the_end().await;
    night.roster(Roster::rooms().person("late", "440303001001", Rank::DeputyB, Some("29"))).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let east = Caller::with(&night, "street_officer", Some("440303002")).await;
    let (status, found) = evidence(&night, &officer, "person:late").await;
    assert_eq!(
        (status, found["name"].as_str(), found["items"].as_array().map(Vec::len)),
        (200, Some("人员late"), Some(0))
    );
    assert_eq!(evidence(&night, &east, "person:late").await.0, 404, "another street's people");
    assert_eq!(evidence(&night, &officer, "person:nobody").await.0, 404);
}
