//! The first administrator.

use anlan_testbed::Engine;
use anlan_web::accounts;
use axum::http::StatusCode;
use rstest::rstest;

use crate::bed::{Bed, PASSWORD, form, get, with};

#[rstest]
#[tokio::test]
async fn the_code_makes_one_security_administrator_and_is_used_up(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let old = accounts::first_code(&bed.world).await.unwrap().expect("there is no account");
    let code = accounts::first_code(&bed.world).await.unwrap().expect("there is still no account");
    let first = |code: &str, login: &str| form("/first", &[("code", code), ("login", login), ("password", PASSWORD)]);
    assert_eq!(bed.call(first(&old, "anquan")).await.code(), "bad_first_code");
    assert_eq!(bed.call(first("guess", "anquan")).await.code(), "bad_first_code");
    let short = form("/first", &[("code", &code), ("login", "anquan"), ("password", "short")]);
    let answer = bed.call(with(short, "accept", "text/html")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("12 至 256 个字符"), "{}", answer.text);
    let spaced: Vec<String> = code.as_bytes().chunks(4).map(|it| String::from_utf8_lossy(it).to_uppercase()).collect();
    assert_eq!(bed.call(first(&spaced.join("-"), "anquan")).await.status, StatusCode::SEE_OTHER);
    assert_eq!(bed.call(first(&code, "second")).await.code(), "bad_first_code");
    assert_eq!(accounts::first_code(&bed.world).await.unwrap(), None);
    assert_eq!(bed.call(get("/first")).await.header("location"), "/login");
    let all = accounts::list(&bed.world, &anlan_kernel::Actor::system("test")).await.unwrap();
    assert_eq!(
        all.iter().map(|it| (it.login.as_str(), it.role.as_str())).collect::<Vec<_>>(),
        [("anquan", "security_admin")]
    );
    assert_eq!(bed.log_in("anquan", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn without_accounts_the_log_in_page_leads_to_the_first_start() {
    let bed = Bed::new(Engine::Sqlite).await;
    assert_eq!(bed.call(get("/login")).await.header("location"), "/first");
    let page = bed.call(get("/first")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("启用码"));
    for (lang, rule) in [
        ("zh", "口令为 12 至 256 个字符；不要含登录名、顺序字符或大量重复"),
        ("en", "A password has 12 to 256 characters; leave out the log-in, sequences and repetitions"),
    ] {
        let page = bed.call(with(get("/first"), "accept-language", lang)).await;
        assert!(page.text.contains(rule), "the rule stands there before one breaks it: {}", page.text);
    }
}
