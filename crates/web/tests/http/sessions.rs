//! Open sessions: seen and ended by their owner and by the security administrator.

use anlan_testbed::Engine;
use axum::http::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;

use crate::bed::{Bed, PASSWORD, bearer, form, get, send, with};

const PHONE: &str = "Mozilla/5.0 (Linux; Android 12) Chrome/86.0 Mobile Safari/537.36 MicroMessenger/8.0";
const DESK: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/109.0.0.0 Safari/537.36";

async fn logged_in(bed: &Bed, agent: &str) -> String {
    let request = form("/login", &[("login", "zhang"), ("password", PASSWORD)]);
    bed.call(with(request, "user-agent", agent)).await.cookie()
}

async fn is_open(bed: &Bed, cookie: &str) -> bool {
    bed.call(with(get("/desk"), "cookie", cookie)).await.status == StatusCode::OK
}

#[rstest]
#[tokio::test]
async fn whoever_left_a_window_open_elsewhere_ends_it_from_here(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    bed.account("zhang", "duty_officer").await;
    let other = bed.signed_in("li", "duty_officer").await;
    let (phone, desk) = (logged_in(&bed, PHONE).await, logged_in(&bed, DESK).await);
    let page = bed.call(with(get("/me"), "cookie", &desk)).await.text;
    assert!(page.contains("微信 · Android") && page.contains("Chrome · Windows") && page.contains("本窗口"), "{page}");
    let end = page.split("/me/sessions/").nth(2).and_then(|it| it.split("/end").next()).expect("a button to end it");
    let foreign = form(&format!("/me/sessions/{end}/end"), &[]);
    assert_eq!(bed.call(with(foreign, "cookie", &other)).await.code(), "no_such_session", "of one's own only");
    let ended = bed.call(with(form(&format!("/me/sessions/{end}/end"), &[]), "cookie", &desk)).await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER, "{}", ended.text);
    assert_eq!((is_open(&bed, &phone).await, is_open(&bed, &desk).await), (false, true));
    let again = logged_in(&bed, PHONE).await;
    bed.call(with(form("/me/sessions/end", &[]), "cookie", &desk)).await;
    assert_eq!((is_open(&bed, &again).await, is_open(&bed, &desk).await), (false, true));
    let events = bed.events_of().await;
    assert_eq!(events.iter().filter(|it| *it == &("session.ended".into(), "zhang".into())).count(), 2);
}

#[rstest]
#[tokio::test]
async fn the_security_administrator_sees_and_ends_the_sessions_of_an_account(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let admin = bed.signed_in("anquan", "security_admin").await;
    bed.account("zhang", "duty_officer").await;
    let token = bed.token("anquan").await;
    let phone = logged_in(&bed, PHONE).await;
    let page = bed.call(with(get("/accounts/zhang"), "cookie", &admin)).await;
    assert!(page.text.contains("微信 · Android"), "{}", page.text);
    let list = bed.call(bearer(get("/api/v1/accounts/zhang/sessions"), &token)).await.json();
    assert_eq!(list["sessions"][0]["device"], "WeChat · Android");
    let ended = bed.call(bearer(send(Method::POST, "/api/v1/accounts/zhang/sessions/end", json!({})), &token)).await;
    assert_eq!(ended.json(), json!({"ended": 1}));
    assert!(!is_open(&bed, &phone).await);
    assert_eq!(bed.call(with(get("/accounts/nobody"), "cookie", &admin)).await.code(), "no_such_account");
}
