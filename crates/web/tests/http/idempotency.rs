//! Writes with an idempotency key happen once.

use std::sync::atomic::Ordering;

use anlan_kernel::Actor;
use anlan_testbed::Engine;
use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::bed::{Bed, bearer, call, send, with};

fn keyed(path: &str, token: &str, key: &str, body: Json) -> Request<Body> {
    with(bearer(send(Method::POST, path, body), token), "idempotency-key", key)
}

async fn bed(engine: Engine) -> (Bed, String) {
    let bed = Bed::new(engine).await;
    bed.account("zhang", "duty_officer").await;
    let token = bed.token("zhang").await;
    (bed, token)
}

#[rstest]
#[tokio::test]
async fn a_repeat_gets_the_first_answer_even_after_a_restart(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (bed, token) = bed(engine).await;
    let first = bed.call(keyed("/api/v1/probe", &token, "k1", json!({"a": 1}))).await;
    assert_eq!((first.status, first.header("idempotent-replay")), (StatusCode::CREATED, ""));
    let repeat = bed.call(keyed("/api/v1/probe", &token, "k1", json!({"a": 1}))).await;
    assert_eq!((repeat.status, repeat.header("idempotent-replay")), (StatusCode::CREATED, "true"));
    assert_eq!(
        (repeat.text, repeat.headers["content-type"].clone()),
        (first.text.clone(), first.headers["content-type"].clone())
    );
    let (_site, restarted) = bed.second_process();
    let after = call(&restarted, keyed("/api/v1/probe", &token, "k1", json!({"a": 1}))).await;
    assert_eq!((after.status, after.text), (StatusCode::CREATED, first.text));
    assert_eq!(bed.probe.done.load(Ordering::SeqCst), 1);
}

#[rstest]
#[tokio::test]
async fn a_key_belongs_to_one_body_one_account_and_one_route(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (bed, token) = bed(engine).await;
    bed.account("li", "duty_officer").await;
    let other = bed.token("li").await;
    bed.call(keyed("/api/v1/probe", &token, "k1", json!({"a": 1}))).await;
    let mismatch = bed.call(keyed("/api/v1/probe", &token, "k1", json!({"a": 2}))).await;
    assert_eq!((mismatch.status, mismatch.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_mismatch"));
    assert_eq!(bed.call(keyed("/api/v1/probe", &other, "k1", json!({"a": 2}))).await.status, StatusCode::CREATED);
    assert_eq!(bed.call(keyed("/api/v1/large", &token, "k1", json!({"a": 2}))).await.status, StatusCode::OK);
    assert_eq!(bed.probe.done.load(Ordering::SeqCst), 2);
    assert_eq!(bed.call(keyed("/api/v1/probe", &token, "  ", json!({}))).await.code(), "bad_idempotency_key");
}

#[rstest]
#[tokio::test]
async fn a_repeat_while_the_first_is_at_work_is_told_to_wait(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (bed, token) = bed(engine).await;
    let (app, request) = (bed.app.clone(), keyed("/api/v1/slow", &token, "k1", json!({})));
    let first = tokio::spawn(async move { call(&app, request).await });
    bed.probe.entered.notified().await;
    let repeat = bed.call(keyed("/api/v1/slow", &token, "k1", json!({}))).await;
    assert_eq!((repeat.status, repeat.code().as_str()), (StatusCode::CONFLICT, "idempotency_in_progress"));
    assert_eq!(repeat.header("retry-after"), "1");
    bed.probe.release.notify_one();
    assert_eq!(first.await.unwrap().json()["times"], 1);
    let after = bed.call(keyed("/api/v1/slow", &token, "k1", json!({}))).await;
    assert_eq!((after.header("idempotent-replay"), after.json()["times"].clone()), ("true", json!(1)));
}

#[tokio::test]
async fn a_caller_that_hangs_up_still_gets_its_answer_later() {
    let (bed, token) = bed(Engine::Sqlite).await;
    let (app, request) = (bed.app.clone(), keyed("/api/v1/slow", &token, "k1", json!({})));
    let first = tokio::spawn(async move { call(&app, request).await });
    bed.probe.entered.notified().await;
    first.abort();
    assert!(first.await.is_err());
    bed.probe.release.notify_one();
    let answer = loop {
        let answer = bed.call(keyed("/api/v1/slow", &token, "k1", json!({}))).await;
        if answer.status != StatusCode::CONFLICT {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((answer.header("idempotent-replay"), answer.json()["times"].clone()), ("true", json!(1)));
}

#[rstest]
#[tokio::test]
async fn what_a_crash_cut_off_is_never_done_again(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (bed, token) = bed(engine).await;
    let (app, request) = (bed.app.clone(), keyed("/api/v1/slow", &token, "k1", json!({})));
    let first = tokio::spawn(async move { call(&app, request).await });
    bed.probe.entered.notified().await;
    bed.world.tamper("UPDATE idempotency SET run = 'gone', at = at - 120000000");
    let answer = bed.call(keyed("/api/v1/slow", &token, "k1", json!({}))).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::CONFLICT, "idempotency_unknown"));
    first.abort();
}

#[tokio::test]
async fn a_failure_of_ours_frees_the_key() {
    let (bed, token) = bed(Engine::Sqlite).await;
    let failed = bed.call(keyed("/api/v1/fails", &token, "k1", json!({}))).await;
    assert_eq!((failed.status, failed.code().as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "store_failed"));
    assert_eq!(bed.call(keyed("/api/v1/fails", &token, "k1", json!({}))).await.json(), json!({"ok": true}));
}

#[rstest]
#[tokio::test]
async fn a_credential_is_answered_again_and_stands_nowhere_in_clear(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (bed, _) = bed(engine).await;
    bed.account("sun", "security_admin").await;
    let token = bed.token("sun").await;
    let device = json!({"id": "gauge", "stations": ["gauge-*"]});
    let first = bed.call(keyed("/api/v1/devices", &token, "k1", device.clone())).await;
    let secret = first.json()["secret"].as_str().expect("a secret").to_owned();
    let repeat = bed.call(keyed("/api/v1/devices", &token, "k1", device.clone())).await;
    assert_eq!((repeat.header("idempotent-replay"), &repeat.text), ("true", &first.text));
    let rows =
        bed.world.read(&Actor::system("test"), |tx| tx.query("SELECT body FROM idempotency", &[])).await.unwrap();
    let kept: Vec<_> = rows.iter().map(|it| it.blob(0).unwrap()).collect();
    assert_eq!(kept.len(), 1);
    assert!(!String::from_utf8_lossy(&kept[0]).contains(&secret[..12]) && kept[0].len() > secret.len());
}

#[rstest]
#[tokio::test]
async fn an_answer_kept_in_clear_by_an_older_program_is_not_given_again(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (bed, token) = bed(engine).await;
    bed.call(keyed("/api/v1/probe", &token, "k1", json!({}))).await;
    bed.world.tamper(
        "DELETE FROM migration WHERE name = 'web/0002-sealed-answers'; UPDATE idempotency SET at = at - 120000000",
    );
    let (_site, app) = bed.second_process();
    let answer = call(&app, keyed("/api/v1/probe", &token, "k1", json!({}))).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::CONFLICT, "idempotency_unknown"));
    let count = |tx: &mut anlan_store::Tx<'_>| tx.query("SELECT 1 FROM idempotency WHERE body IS NOT NULL", &[]);
    assert!(bed.world.read(&Actor::system("test"), count).await.unwrap().is_empty());
    assert_eq!(bed.probe.done.load(Ordering::SeqCst), 1);
}

async fn forget(bed: &Bed) {
    let unit = |tx: &mut anlan_store::Tx<'_>| {
        anlan_web::forget_answers(tx)?;
        tx.record(anlan_store::Event::new("person.erased", "person:1"))
    };
    bed.world.write("test", anlan_store::Urgency::Urgent, &Actor::system("test"), unit).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn an_erasure_takes_the_words_of_an_answer_and_the_work_is_still_done_once(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (bed, token) = bed(engine).await;
    let ask = || bed.call(keyed("/api/v1/probe", &token, "k1", json!({"a": 1})));
    assert_eq!(ask().await.status, StatusCode::CREATED);
    forget(&bed).await;
    let repeat = ask().await;
    assert_eq!((repeat.status, repeat.header("idempotent-replay")), (StatusCode::CREATED, "true"));
    assert_eq!((repeat.text.as_str(), bed.probe.done.load(Ordering::SeqCst)), ("", 1));

    let (app, request) = (bed.app.clone(), keyed("/api/v1/slow", &token, "k2", json!({})));
    let under_way = tokio::spawn(async move { call(&app, request).await });
    bed.probe.entered.notified().await;
    forget(&bed).await;
    bed.probe.release.notify_one();
    let first = under_way.await.unwrap();
    assert_eq!(first.json()["times"], 2, "whoever asked hears the answer");
    let repeat = bed.call(keyed("/api/v1/slow", &token, "k2", json!({}))).await;
    assert_eq!((repeat.status, repeat.header("idempotent-replay")), (first.status, "true"));
    assert_eq!(repeat.text, "", "what was being answered is kept no more than what had been");
    let bodies = |tx: &mut anlan_store::Tx<'_>| tx.query("SELECT 1 FROM idempotency WHERE body IS NOT NULL", &[]);
    assert!(bed.world.read(&Actor::system("test"), bodies).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_look_at_personal_data_is_looked_again_and_not_kept() {
    let (bed, token) = bed(Engine::Sqlite).await;
    for times in 1..=2 {
        let answer = bed.call(keyed("/api/v1/look", &token, "k1", json!({}))).await;
        assert_eq!((answer.header("idempotent-replay"), &answer.json()["times"]), ("", &json!(times)));
    }
    let rows = bed.world.read(&Actor::system("test"), |tx| tx.query("SELECT 1 FROM idempotency", &[])).await.unwrap();
    assert!(rows.is_empty());
}
