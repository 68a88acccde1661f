//! One channel, whole: what gateways do wrong, and what crashes leave behind.

mod night;

use std::time::Duration;

use anlan_register::Rank;
use anlan_store::{OutboxItem, Sending, journal};
use anlan_testbed::Engine;
use anlan_warn::{CallState, Receipt, courier::sign, model::RoundState};
use night::{
    DISTRICT, GATEWAY, Night, Roster, SECRET, Setting, at, desk, long,
    wire::{Submit, Wire},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

const ALL: [&str; 8] = ["900", "901", "902", "10", "11", "21", "22", "23"];

fn roster() -> Roster {
    Roster::rooms()
        .person("boss", DISTRICT, Rank::Lead, Some("10"))
        .person("street", "440303001", Rank::Lead, Some("11"))
        .person("lead", "440303001001", Rank::Lead, Some("21"))
        .person("a", "440303001001", Rank::DeputyA, Some("22"))
        .person("b", "440303001001", Rank::DeputyB, Some("23"))
}

fn quiet(engine: Engine) -> Setting {
    ALL.iter().fold(Setting::on(engine), |setting, short| setting.phone(&long(short), "answers:1"))
}

async fn red(setting: Setting) -> Night {
    let night = setting.begin().await;
    night.roster(roster()).await;
    night.red().await;
    night
}

/// The same night with a wire between product and carrier.
async fn wired(setting: Setting) -> (Night, Wire) {
    let mut night = setting.begin().await;
    let wire = Wire::to(night.carrier.url()).await;
    night.gateway.url.clone_from(&wire.url);
    night.warn.use_gateway(night.gateway.clone(), SECRET.as_bytes().to_vec());
    night.roster(roster()).await;
    night.red().await;
    (night, wire)
}

async fn first(night: &Night, callee: &str) -> OutboxItem {
    let id = format!("{}#1", night.call(1, callee).await.id);
    night.outbox().await.into_iter().find(|it| it.id == id).unwrap()
}

/// Posts receipts as a gateway would; the status.
async fn post(night: &Night, secret: &str, body: &Json) -> (u16, Json) {
    let (body, time) = (body.to_string(), "1693540800");
    let answer = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(format!("{}/api/v1/receipts/{GATEWAY}", night.url))
        .header("x-anlan-time", time)
        .header("x-anlan-signature", sign(secret.as_bytes(), time, body.as_bytes()))
        .body(body)
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Json::Null))
}

async fn receipts(night: &Night) -> Vec<Receipt> {
    night.read(|tx| tx.find("1 = 1", "ORDER BY id", &[])).await
}

#[rstest]
#[tokio::test]
async fn a_forged_receipt_is_kept_and_never_counted(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = red(quiet(engine).phone(&long("21"), "never; sms-none")).await;
    night.until(at(125)).await;
    let key = first(&night, "person:lead").await.id;
    let forged = json!({"receipts": [{"id": "f1", "key": key, "event": "key", "digit": "1", "at": at(125)}]});
    assert_eq!(post(&night, "guessed", &forged).await.0, 401);
    assert!(night.call(1, "person:lead").await.open);
    let kept: Vec<_> = receipts(&night).await.into_iter().filter(|it| it.event == "unverified").collect();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].detail.as_ref().unwrap()["raw"].as_str().unwrap().contains("f1"));
    assert_eq!(post(&night, SECRET, &forged).await.0, 200, "the same words with the right signature count");
    assert_eq!(night.call(1, "person:lead").await.state, CallState::Answered);
    assert_eq!(post(&night, SECRET, &json!({"receipts": [{"id": 7}]})).await.0, 400);
}

#[rstest]
#[tokio::test]
async fn one_bad_receipt_of_a_signed_batch_is_kept_and_the_others_count(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(quiet(engine).phone(&long("21"), "never; sms-none")).await;
    night.until(at(125)).await;
    let key = first(&night, "person:lead").await.id;
    let batch = json!({"receipts": [
        {"id": "b1", "key": key, "event": "ringing"},
        {"id": "b2", "key": key, "event": "key", "digit": "1", "at": at(125)},
    ]});
    let (status, taken) = post(&night, SECRET, &batch).await;
    assert_eq!((status, &taken["taken"], &taken["bad"]), (200, &json!(1), &json!(1)), "{taken}");
    assert_eq!(night.call(1, "person:lead").await.state, CallState::Answered);
    post(&night, SECRET, &batch).await;
    let kept: Vec<_> = receipts(&night).await.into_iter().filter(|it| it.event == "bad").collect();
    assert_eq!(kept.len(), 1, "sent again it is kept once");
    let detail = kept[0].detail.as_ref().unwrap();
    assert!(detail["reason"].as_str().unwrap().contains("at") && detail["raw"].as_str().unwrap().contains("b1"));
}

#[rstest]
#[tokio::test]
async fn a_second_thought_by_telephone_calls_the_deputy_while_the_round_is_not_over(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values("key", "reply")] event: &str,
) {
    let night = red(quiet(engine).phone(&long("22"), "never; sms-none")).await;
    night.until(at(180)).await;
    let lead = first(&night, "person:lead").await.id;
    let said = |id: &str, what: &str| {
        let field = if event == "key" { "digit" } else { "text" };
        let mut receipt = json!({"id": id, "key": lead, "event": event, "at": at(179)});
        receipt[field] = what.into();
        json!({"receipts": [receipt]})
    };
    assert_eq!(night.call(1, "person:lead").await.key, Some(1), "the simulated carrier answered for them");
    let redial = format!("{}#2", night.call(1, "person:a").await.id);
    let waits = async || night.outbox().await.into_iter().find(|it| it.id == redial).unwrap().priority;
    assert_eq!(waits().await, 1, "the deputy waits for their turn");
    post(&night, SECRET, &said("t1", "1")).await;
    assert_eq!(night.call(1, "person:lead").await.key, Some(1));
    post(&night, SECRET, &said("t2", "2")).await;
    let call = night.call(1, "person:lead").await;
    assert_eq!((call.key, call.state), (Some(2), CallState::Answered));
    assert_eq!(waits().await, 0, "the deputy waits no longer");
    night.warn.stop_round(&desk(), &night.round(1).await.id, "信号误报").await.unwrap();
    post(&night, SECRET, &said("t3", "1")).await;
    assert_eq!(night.call(1, "person:lead").await.key, Some(2), "the round is over");
}

#[rstest]
#[tokio::test]
async fn doubled_and_late_receipts_change_nothing_twice(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let setting = quiet(engine).phone(&long("21"), "never; sms-none").carrier(|it| {
        it.faults.doubled = 1.0;
        it.faults.late = 0.2;
        it.faults.overtaken = 0.3;
        it.faults.forged = 0.2;
    });
    let night = red(setting).await;
    night.to_the_end().await;
    let count = receipts(&night).await.iter().filter(|it| it.event != "unverified").count();
    let log = night.log();
    let issued: u32 = log.items.values().map(|it| it.issued).sum();
    assert!(count * 2 <= usize::try_from(issued).unwrap() && count > 0, "{count} kept of {issued} issued");
    assert_eq!(night.most_dials(), 1);
    let key = first(&night, "person:lead").await.id;
    let unknown = json!({"receipts": [
        {"id": "x", "key": "nobody#1", "event": "key", "digit": "1", "at": at(0)},
        {"id": "x", "key": "nobody#1", "event": "key", "digit": "1", "at": at(0)},
        {"id": "y", "key": key, "event": "key", "digit": "3", "at": at(0)},
    ]});
    assert_eq!(post(&night, SECRET, &unknown).await, (200, json!({"taken": 1, "doubled": 1, "unknown": 1})));
    let call = night.call(1, "person:lead").await;
    assert_eq!((call.state, call.late_key), (CallState::HandedOver, Some(3)), "kept beside the final state");
}

#[rstest]
#[tokio::test]
async fn a_gateway_that_refuses_for_a_while_gets_everything_in_the_end(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(429, 503)] status: u16,
) {
    let (night, wire) = wired(quiet(engine)).await;
    wire.set(Submit::Refused(status));
    night.until(at(121)).await;
    let item = first(&night, "person:lead").await;
    assert_eq!((item.state, item.tries), (Sending::Queued, 1));
    assert_eq!(item.due_at, at(122), "two seconds after the first refusal");
    wire.set(Submit::Passes);
    night.to_the_end().await;
    assert!(night.ends(1).await.values().all(|it| *it == "answered"));
    assert_eq!(night.most_dials(), 1);
}

#[rstest]
#[tokio::test]
async fn what_is_given_up_stands_in_the_list_and_the_ladder_goes_on(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let mut night = quiet(engine).begin().await;
    let wire = Wire::to(night.carrier.url()).await;
    let url = std::mem::replace(&mut night.gateway.url, "http://127.0.0.1:1".into());
    night.warn.use_gateway(night.gateway.clone(), SECRET.as_bytes().to_vec());
    night.roster(roster()).await;
    night.red().await;
    night.until(at(135)).await;
    let item = first(&night, "person:lead").await;
    assert_eq!((item.state, item.tries), (Sending::Failed, 3));
    assert_eq!(item.outcome.as_ref().unwrap()["code"], "no_connection");
    assert!(night.call(1, "person:lead").await.last_attempt > 1, "the next attempt of the ladder waits");
    night.gateway.url = url;
    night.warn.use_gateway(night.gateway.clone(), SECRET.as_bytes().to_vec());
    night.warn.send_again(&desk(), &item.id).await.unwrap();
    night.to_the_end().await;
    assert!(night.ends(1).await.values().all(|it| *it == "answered"));
    assert!(night.warn.send_again(&desk(), &item.id).await.unwrap_err().to_string().starts_with("sending_not_failed"));
    drop(wire);
}

#[rstest]
#[tokio::test]
async fn a_refused_item_ends_its_attempt_and_holds_up_nobody(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(quiet(engine).phone(&long("21"), "refuse")).await;
    night.to_the_end().await;
    let item = first(&night, "person:lead").await;
    assert_eq!((item.state, item.outcome.unwrap()["code"].clone()), (Sending::Refused, json!("blocked")));
    let ends = night.ends(1).await;
    assert_eq!((ends["person:lead"], ends["person:a"]), ("handed_over", "answered"));
}

#[rstest]
#[case::taken_and_known(Submit::Hangs, true, 1, false)]
#[case::not_taken(Submit::HangsBefore, true, 1, false)]
#[case::a_gateway_that_cannot_say(Submit::Hangs, false, 2, true)]
#[tokio::test]
async fn after_a_crash_between_request_and_answer_the_gateway_is_asked(
    #[case] submit: Submit,
    #[case] answers: bool,
    #[case] most: usize,
    #[case] repeated: bool,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let setting = quiet(engine).carrier(|it| (it.answers_status, it.honours_keys) = (answers, answers));
    let (mut night, wire) = wired(setting).await;
    night.until(at(119)).await;
    wire.set(submit);
    night.world.clock().move_to(at(120));
    night.fire().await;
    let warn = std::sync::Arc::clone(&night.warn);
    let dying = tokio::spawn(async move { warn.courier_step(None).await });
    wire.hangs().await;
    dying.abort();
    assert!(dying.await.unwrap_err().is_cancelled());
    wire.set(Submit::Passes);
    assert_eq!(first(&night, "person:lead").await.state, Sending::Sending);
    night.restart().await;
    assert_eq!(night.warn.clear_up(None).await.unwrap(), 8);
    night.to_the_end().await;
    assert!(night.ends(1).await.values().all(|it| *it == "answered"));
    assert_eq!(night.most_dials(), most);
    assert_eq!(first(&night, "person:lead").await.payload["repeat"], json!(repeated));
    assert_eq!(night.log().items.len(), 8, "no second attempt was made of any");
}

#[rstest]
#[case::taken(Submit::AnswerLost)]
#[case::not_taken(Submit::Lost)]
#[tokio::test]
async fn a_lost_answer_is_cleared_up_without_a_restart(
    #[case] submit: Submit,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (night, wire) = wired(quiet(engine)).await;
    night.until(at(119)).await;
    wire.set(submit);
    night.world.clock().move_to(at(120));
    night.fire().await;
    night.warn.courier_step(None).await.unwrap();
    assert_eq!(first(&night, "person:lead").await.state, Sending::Unknown);
    wire.set(Submit::Passes);
    night.to_the_end().await;
    assert!(night.ends(1).await.values().all(|it| *it == "answered"));
    assert_eq!(night.most_dials(), 1);
}

#[rstest]
#[tokio::test]
async fn a_receipt_proves_that_a_message_left(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let setting = quiet(engine).carrier(|it| (it.answers_status, it.honours_keys) = (false, false));
    let (night, wire) = wired(setting).await;
    night.until(at(119)).await;
    wire.set(Submit::AnswerLost);
    night.world.clock().move_to(at(120));
    night.fire().await;
    night.warn.courier_step(None).await.unwrap();
    let key = first(&night, "person:lead").await.id;
    let rings = json!({"receipts": [{"id": "r1", "key": key, "event": "ringing", "at": at(121)}]});
    assert_eq!(post(&night, SECRET, &rings).await.0, 200);
    assert_eq!(first(&night, "person:lead").await.state, Sending::Sent);
    wire.set(Submit::Passes);
    night.to_the_end().await;
    assert_eq!(night.log().items[&key].dials.len(), 1, "even where the gateway cannot say");
}

#[rstest]
#[tokio::test]
async fn the_gateway_gets_its_rate_and_every_street_its_own(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let many = |roster: Roster, region: &str, from: usize| {
        (from..from + 20).fold(roster, |it, n| it.person(&n.to_string(), region, Rank::Member, Some(&n.to_string())))
    };
    let setting = (100..220).fold(quiet(engine), |it, n| it.phone(&long(&n.to_string()), "answers:1"));
    let night = setting.gateway(|it| (it.rate, it.area_rate) = (4.0, 2.0)).begin().await;
    night.roster(many(many(roster(), "440303001001", 100), "440303002001", 200)).await;
    night.red().await;
    night.to_the_end().await;
    let log = night.log();
    let calls = night.calls().await;
    let mut sent: Vec<_> = log
        .items
        .iter()
        .map(|(key, it)| {
            let call = calls.iter().find(|call| key.starts_with(&format!("{}#", call.id))).unwrap();
            (it.dials[0], call.region.street())
        })
        .collect();
    sent.sort();
    assert_eq!(sent.len(), calls.len());
    for (i, (from, street)) in sent.iter().enumerate() {
        let until = from.plus(Duration::from_millis(999));
        let within: Vec<_> = sent[i..].iter().take_while(|it| it.0 <= until).collect();
        assert!(within.len() <= 4 + 4, "a burst of a second's worth, then the rate");
        let there = within.iter().filter(|it| street.is_some() && it.1 == *street).count();
        assert!(there <= 2 + 2, "{there} into one street within a second");
    }
    let took = sent.last().unwrap().0.since(sent[0].0);
    assert!(took >= Duration::from_secs(10), "48 calls at 4 a second take {took:?}");
}

#[rstest]
#[tokio::test]
async fn red_goes_before_blue_and_first_calls_before_redials(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = quiet(engine).phone(&long("10"), "second-try:1").gateway(|it| it.rate = 1.0).begin().await;
    night.roster(roster()).await;
    night.signal("yellow", Some("yellow"), "发布", &["440303002"]).await;
    night.signal("red", Some("red"), "发布", &["440303001"]).await;
    night.to_the_end().await;
    let log = night.log();
    let mut order: Vec<_> = log.items.values().map(|it| (it.dials[0], it.priority)).collect();
    order.sort();
    let first: Vec<_> = order.iter().take(7).map(|it| it.1).collect();
    assert!(first.is_sorted(), "{order:?}");
    assert_eq!(first.iter().filter(|it| **it == 0).count(), 7, "{order:?}");
    assert_eq!(night.rounds().await.iter().filter(|it| it.state == RoundState::Done).count(), 2);
}

#[rstest]
#[tokio::test]
async fn the_journal_of_a_night_verifies_and_rebuilds_it(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = red(quiet(engine).phone(&long("21"), "never; sms-text:在路上了").phone(&long("22"), "answers:2")).await;
    night.until(at(300)).await;
    let call = night.call(1, "person:lead").await.id;
    let by = anlan_warn::flow::CallEvent::RecordedByColleague { by: "user:zhou".into() };
    night.warn.record(&desk(), &call, by, Some("说马上到岗".into())).await.unwrap();
    night.to_the_end().await;
    while journal::seal(&night.world, None).await.unwrap() > 0 {}
    let verified = journal::verify(&night.world, None).await.unwrap();
    assert!(verified.findings.is_empty() && verified.entries > 20, "{verified:?}");
    let entries = journal::after(&night.world, &anlan_kernel::Actor::system("test"), 0, 10_000).await.unwrap();
    for words in ["说马上到岗", "在路上了", &long("21")] {
        assert!(!entries.iter().any(|it| it.body.contains(words)), "{words} stands in the journal in clear");
    }
    let before = night.world.dump().await.unwrap();
    anlan_store::rebuild(&night.world).await.unwrap();
    assert_eq!(night.world.dump().await.unwrap(), before);
}
