//! Requests that other sites make with our cookie.

use anlan_testbed::Engine;
use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use rstest::rstest;
use serde_json::json;

use crate::bed::{Bed, PASSWORD, bearer, form, send, with};

fn write(headers: &[(&str, &str)]) -> Request<Body> {
    headers.iter().fold(send(Method::POST, "/api/v1/probe", json!({})), |it, (name, value)| with(it, name, value))
}

#[rstest]
#[case::own_page(&[("sec-fetch-site", "same-origin")], true)]
#[case::address_bar(&[("sec-fetch-site", "none")], true)]
#[case::other_site(&[("sec-fetch-site", "cross-site")], false)]
#[case::neighbour(&[("sec-fetch-site", "same-site")], false)]
#[case::lying_origin(&[("sec-fetch-site", "cross-site"), ("origin", "http://anlan.example"), ("host", "anlan.example")], false)]
#[case::old_browser(&[("origin", "http://anlan.example:8080"), ("host", "anlan.example:8080")], true)]
#[case::other_port(&[("origin", "http://anlan.example:81"), ("host", "anlan.example")], false)]
#[case::other_origin(&[("origin", "https://evil.example"), ("host", "anlan.example")], false)]
#[case::hidden_origin(&[("origin", "null"), ("host", "anlan.example")], false)]
#[case::silence(&[("host", "anlan.example")], false)]
#[tokio::test]
async fn a_write_with_a_cookie_comes_from_our_own_pages(#[case] headers: &[(&str, &str)], #[case] allowed: bool) {
    let bed = Bed::new(Engine::Sqlite).await;
    let cookie = bed.signed_in("zhang", "duty_officer").await;
    let answer = bed.call(with(write(headers), "cookie", &cookie)).await;
    if allowed {
        assert_eq!(answer.status, StatusCode::CREATED);
    } else {
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "csrf"));
    }
}

#[tokio::test]
async fn a_token_is_not_sent_by_itself_and_needs_no_origin() {
    let bed = Bed::new(Engine::Sqlite).await;
    bed.account("zhang", "duty_officer").await;
    let token = bed.token("zhang").await;
    assert_eq!(bed.call(bearer(write(&[]), &token)).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn nobody_is_logged_in_from_another_site() {
    let bed = Bed::new(Engine::Sqlite).await;
    bed.account("zhang", "duty_officer").await;
    let own = form("/login", &[("login", "zhang"), ("password", PASSWORD)]);
    assert_eq!(bed.call(with(own, "sec-fetch-site", "cross-site")).await.code(), "csrf");
}

#[tokio::test]
async fn a_proxy_is_believed_only_where_it_was_announced() {
    let bed = Bed::new(Engine::Sqlite).await;
    let cookie = bed.signed_in("zhang", "duty_officer").await;
    let behind = || {
        let headers =
            [("origin", "https://anlan.example"), ("host", "10.0.0.5"), ("x-forwarded-host", "anlan.example")];
        with(write(&headers), "cookie", &cookie)
    };
    assert_eq!(bed.call(behind()).await.code(), "csrf");
    bed.site.trust_proxy(true);
    assert_eq!(bed.call(behind()).await.status, StatusCode::CREATED);
}
