//! Accounts, devices and the journal over HTTP, and that the three administrators are separated.

use anlan_testbed::Engine;
use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::bed::{Bed, PASSWORD, bearer, get, send};

fn post(path: &str, body: Json) -> Request<Body> {
    send(Method::POST, path, body)
}

#[rstest]
#[tokio::test]
async fn the_security_administrator_makes_and_ends_accounts_tokens_and_devices(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    bed.account("anquan", "security_admin").await;
    let token = bed.token("anquan").await;
    let ask = async |request| bed.call(bearer(request, &token)).await;
    let new =
        json!({"login": "zhang", "password": PASSWORD, "name": "张三", "role": "duty_officer", "regions": ["440303"]});
    assert_eq!(ask(post("/api/v1/accounts", new)).await.status, StatusCode::CREATED);
    let list = ask(get("/api/v1/accounts")).await;
    assert_eq!(list.json()["accounts"][1]["name"], "张三");
    assert!(!list.text.contains("argon2"));
    let made = ask(post("/api/v1/accounts/zhang/tokens", json!({"name": "脚本"}))).await;
    let zhang = made.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(bed.call(bearer(get("/api/v1/probe"), &zhang)).await.status, StatusCode::OK);
    let tokens = ask(get("/api/v1/accounts/zhang/tokens")).await.json();
    let id = tokens["tokens"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(ask(post(&format!("/api/v1/tokens/{id}/revoke"), json!({}))).await.status, StatusCode::NO_CONTENT);
    assert_eq!(bed.call(bearer(get("/api/v1/probe"), &zhang)).await.status, StatusCode::UNAUTHORIZED);
    let device = ask(post("/api/v1/devices", json!({"id": "gauge", "stations": ["gauge-*"]}))).await.json();
    let secret = device["secret"].as_str().unwrap().to_owned();
    assert_eq!(bed.call(bearer(post("/api/v1/observations", json!([])), &secret)).await.status, StatusCode::OK);
    assert_eq!(ask(post("/api/v1/devices/gauge/disable", json!({}))).await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        bed.call(bearer(post("/api/v1/observations", json!([])), &secret)).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(ask(post("/api/v1/devices", json!({"id": "gauge", "stations": []}))).await.code(), "bad_stations");
    assert_eq!(ask(post("/api/v1/accounts/nobody/disable", json!({}))).await.code(), "no_such_account");
    assert_eq!(ask(post("/api/v1/accounts/anquan/disable", json!({}))).await.code(), "last_security_admin");
}

#[rstest]
#[tokio::test]
async fn the_audit_administrator_reads_the_sealed_journal_page_by_page(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    bed.account("shenji", "audit_admin").await;
    let token = bed.token("shenji").await;
    bed.entry("round.started", "r1", Some("440303")).await;
    let ask = async |path: &str| bed.call(bearer(get(path), &token)).await;
    let page = ask("/api/v1/journal?limit=2").await.json();
    assert_eq!(page["entries"][0]["event"], "account.created");
    assert_eq!((page["next"].clone(), page["sealed"].clone()), (json!(2), json!(3)));
    let rest = ask("/api/v1/journal?cursor=2&limit=2").await.json();
    assert_eq!((rest["entries"][0]["subject"].clone(), rest["next"].clone()), (json!("r1"), Json::Null));
    for wrong in ["limit=0", "limit=100000", "cursor=-1", "cursor=x"] {
        assert_eq!(ask(&format!("/api/v1/journal?{wrong}")).await.code(), "bad_page", "{wrong}");
    }
}

#[rstest]
#[case("system_admin", &[])]
#[case("security_admin", &["/api/v1/accounts"])]
#[case("audit_admin", &["/api/v1/journal"])]
#[case("duty_leader", &[])]
#[tokio::test]
async fn nobody_does_the_work_of_another_administrator(#[case] role: &str, #[case] allowed: &[&str]) {
    let bed = Bed::new(Engine::Sqlite).await;
    bed.account("somebody", role).await;
    let token = bed.token("somebody").await;
    for path in ["/api/v1/accounts", "/api/v1/journal"] {
        let want = if allowed.contains(&path) { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(bed.call(bearer(get(path), &token)).await.status, want, "{role} at {path}");
    }
}

#[rstest]
#[tokio::test]
async fn accounts_tokens_and_devices_come_back_from_the_journal(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    bed.account("zhang", "duty_officer").await;
    let token = bed.token("zhang").await;
    let by = anlan_kernel::Actor::system("test");
    anlan_web::accounts::create_device(&bed.world, &by, "gauge", vec!["*".into()]).await.unwrap();
    bed.events_of().await;
    let before = bed.world.dump().await.unwrap();
    anlan_store::rebuild(&bed.world).await.unwrap();
    assert_eq!(bed.world.dump().await.unwrap(), before);
    assert_eq!(bed.call(bearer(get("/api/v1/probe"), &token)).await.status, StatusCode::OK);
    assert_eq!(bed.log_in("zhang", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[rstest]
#[tokio::test]
async fn an_account_whose_key_was_destroyed_comes_back_without_name_and_lets_nobody_in(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    bed.account("zhang", "duty_officer").await;
    let by = anlan_kernel::Actor::system("test");
    let destroy = |tx: &mut anlan_store::Tx<'_>| tx.destroy_key("account:zhang");
    assert!(bed.world.write("erase", anlan_store::Urgency::Urgent, &by, destroy).await.unwrap());
    anlan_store::rebuild(&bed.world).await.unwrap();
    let all = anlan_web::accounts::list(&bed.world, &by).await.unwrap();
    assert_eq!((all[0].login.as_str(), all[0].name.as_str()), ("zhang", ""));
    assert_eq!(bed.log_in("zhang", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
}
