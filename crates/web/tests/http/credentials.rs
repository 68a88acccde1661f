//! Tokens, devices, and that nothing of one world is anything in another.

use anlan_kernel::Actor;
use anlan_testbed::Engine;
use anlan_web::accounts;
use axum::http::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;

use crate::bed::{Bed, PASSWORD, bearer, get, send, with};

const STATIONS: [&str; 2] = ["ta-kwu-ling", "gauge-*"];

async fn device(bed: &Bed, id: &str) -> String {
    let stations = STATIONS.map(str::to_owned).to_vec();
    accounts::create_device(&bed.world, &Actor::system("test"), id, stations).await.unwrap()
}

#[rstest]
#[tokio::test]
async fn a_credential_of_one_world_is_nothing_in_another(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    // Both worlds have the same name and the same accounts: their stores alone keep them apart.
    let (one, other) = (Bed::new(engine).await, Bed::new(engine).await);
    let cookie = one.signed_in("zhang", "duty_officer").await;
    other.account("zhang", "duty_officer").await;
    let token = one.token("zhang").await;
    let secret = device(&one, "gauge").await;
    device(&other, "gauge").await;
    let requests = || {
        [
            with(get("/api/v1/probe"), "cookie", &cookie),
            bearer(get("/api/v1/probe"), &token),
            bearer(send(Method::POST, "/api/v1/observations", json!([])), &format!("gauge.{secret}")),
        ]
    };
    for request in requests() {
        assert_eq!(one.call(request).await.status, StatusCode::OK);
    }
    for request in requests() {
        assert_eq!(other.call(request).await.status, StatusCode::UNAUTHORIZED);
    }
    assert!(accounts::device_of(&other.world, "gauge", &secret).await.unwrap().is_none());
}

#[rstest]
#[tokio::test]
async fn a_device_sends_observations_of_its_stations_and_nothing_else(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let secret = device(&bed, "gauge").await;
    let basic = |id: &str, secret: &str| {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
    };
    let post = || send(Method::POST, "/api/v1/observations", json!([]));
    for authorization in [format!("Bearer gauge.{secret}"), format!("Bearer {secret}"), basic("gauge", &secret)] {
        let answer = bed.call(with(post(), "authorization", &authorization)).await;
        assert_eq!(answer.status, StatusCode::OK, "{authorization}");
        assert_eq!(answer.json()["actor"], "device:gauge");
        assert_eq!(answer.json()["stations"], json!(STATIONS));
    }
    for wrong in
        [format!("Bearer other.{secret}"), "Bearer gauge.x".into(), basic("other", &secret), basic("gauge", "x")]
    {
        assert_eq!(bed.call(with(post(), "authorization", &wrong)).await.status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    for path in ["/api/v1/probe", "/api/v1/me", "/api/v1/events", "/api/v1/accounts"] {
        assert_eq!(bed.call(bearer(get(path), &secret)).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[rstest]
#[tokio::test]
async fn a_device_logs_in_elsewhere_with_the_same_secret_until_it_gets_a_new_one(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let secret = device(&bed, "gauge").await;
    let known = async |secret: &str| accounts::device_of(&bed.world, "gauge", secret).await.unwrap();
    let who = known(&secret).await.unwrap();
    assert_eq!(who.stations, Some(STATIONS.map(str::to_owned).to_vec()));
    assert!(known("nonsense").await.is_none());
    let fresh = device(&bed, "gauge").await;
    assert!(known(&secret).await.is_none());
    assert!(known(&fresh).await.is_some());
}

#[tokio::test]
async fn a_token_of_an_account_is_no_device() {
    let bed = Bed::new(Engine::Sqlite).await;
    bed.account("zhang", "integrator").await;
    let token = bed.token("zhang").await;
    assert!(accounts::device_of(&bed.world, "zhang", &token).await.unwrap().is_none());
    let answer = bed.call(bearer(send(Method::POST, "/api/v1/observations", json!([])), &token)).await;
    assert_eq!(answer.json()["actor"], "user:zhang");
}

#[tokio::test]
async fn the_acting_hat_rides_along() {
    let bed = Bed::new(Engine::Sqlite).await;
    let cookie = bed.signed_in("zhang", "duty_officer").await;
    let answer = bed.call(with(get("/api/v1/probe"), "cookie", &cookie)).await;
    assert_eq!(answer.json(), json!({"actor": "user:zhang", "hat": "区三防办", "stations": null, "browser": true}));
}

#[rstest]
#[case::short("zhang", "short", "duty_officer", "bad_password")]
#[case::login("Zh ang", PASSWORD, "duty_officer", "bad_login")]
#[case::role("zhang", PASSWORD, "king", "bad_role")]
#[case::taken("taken", PASSWORD, "duty_officer", "account_exists")]
#[tokio::test]
async fn a_wrong_account_is_refused_with_the_field(
    #[case] login: &str,
    #[case] password: &str,
    #[case] role: &str,
    #[case] code: &str,
) {
    let bed = Bed::new(Engine::Sqlite).await;
    bed.account("taken", "duty_officer").await;
    let manager = bed.signed_in("anquan", "security_admin").await;
    let body = json!({"login": login, "password": password, "name": "张三", "role": role, "regions": ["440303"]});
    let request = with(send(Method::POST, "/api/v1/accounts", body), "sec-fetch-site", "same-origin");
    let answer = bed.call(with(request, "cookie", &manager)).await;
    assert_eq!(answer.code(), code);
    assert!(answer.json()["field"].is_string(), "{}", answer.text);
}
