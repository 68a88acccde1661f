//! Log-in, lockout, sessions.

use anlan_kernel::Actor;
use anlan_testbed::Engine;
use anlan_web::accounts;
use axum::http::StatusCode;
use rstest::rstest;

use crate::bed::{Bed, PASSWORD, form, get, with};

#[rstest]
#[tokio::test]
async fn a_right_password_opens_a_session_and_a_cookie_of_this_world(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::at(engine, "/w/test", true).await;
    bed.account("zhang", "duty_officer").await;
    let answer = bed.log_in("ZHANG ", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), "/w/test/");
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.starts_with("anlan-session-test="), "{cookie}");
    for part in ["; Path=/w/test;", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(cookie.contains(part), "{cookie} lacks {part}");
    }
    let page = bed.call(with(get("/desk"), "cookie", &answer.cookie())).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("姓名zhang"));
    let events = bed.events_of().await;
    assert!(events.contains(&("session.opened".into(), "zhang".into())), "{events:?}");
}

#[rstest]
#[tokio::test]
async fn wrong_and_unknown_log_ins_get_the_same_words(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    bed.account("zhang", "duty_officer").await;
    let wrong = bed.log_in("zhang", "not-the-password").await;
    let unknown = bed.log_in("my-secret-typed-here", PASSWORD).await;
    assert_eq!((wrong.status, unknown.status), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    assert_eq!(wrong.text, unknown.text);
    assert_eq!(wrong.code(), "wrong_login");
    let events = bed.events_of().await;
    assert!(events.contains(&("login.failed".into(), "zhang".into())));
    assert!(events.contains(&("login.failed".into(), "unknown".into())));
    assert!(!format!("{events:?}").contains("my-secret"));
}

#[rstest]
#[tokio::test]
async fn five_wrong_passwords_lock_the_account_known_or_not(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values("zhang", "nobody")] login: &str,
) {
    let bed = Bed::new(engine).await;
    bed.account("zhang", "duty_officer").await;
    for _ in 0..5 {
        assert_eq!(bed.log_in(login, "not-the-password").await.status, StatusCode::UNAUTHORIZED);
    }
    let locked = bed.log_in(login, PASSWORD).await;
    assert_eq!((locked.status, locked.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"));
    let seconds: u64 = locked.header("retry-after").parse().unwrap();
    assert!((1..=901).contains(&seconds), "{seconds}");
    let page = bed.call(with(form("/login", &[("login", login), ("password", "x")]), "accept", "text/html")).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!page.header("retry-after").is_empty() && page.text.contains("登录失败次数过多"));
    let events = bed.events_of().await;
    assert_eq!(events.iter().filter(|it| it.0 == "login.locked").count(), 1);
    accounts::unlock(&bed.world, &Actor::system("test"), login).await.unwrap();
    let again = bed.log_in(login, PASSWORD).await.status;
    assert_eq!(again, if login == "zhang" { StatusCode::SEE_OTHER } else { StatusCode::UNAUTHORIZED });
}

#[rstest]
#[tokio::test]
async fn a_source_that_tries_many_log_ins_is_locked(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    bed.site.trust_proxy(true);
    bed.account("zhang", "duty_officer").await;
    let attempt = |login: String, password: &'static str, from: &'static str| {
        with(form("/login", &[("login", &login), ("password", password)]), "x-forwarded-for", from)
    };
    for i in 0..20 {
        let answer = bed.call(attempt(format!("user{i}"), "whatever-it-is", "198.51.100.9, 192.0.2.1")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let locked = bed.call(attempt("zhang".into(), PASSWORD, "203.0.113.1, 192.0.2.1")).await;
    assert_eq!(locked.status, StatusCode::TOO_MANY_REQUESTS);
    let elsewhere = bed.call(attempt("zhang".into(), PASSWORD, "192.0.2.2")).await;
    assert_eq!(elsewhere.status, StatusCode::SEE_OTHER);
}

#[rstest]
#[tokio::test]
async fn many_guesses_at_once_are_still_only_five(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    bed.account("zhang", "duty_officer").await;
    let guesses = (0..12).map(|_| bed.log_in("zhang", "not-the-password"));
    let answers = futures_util::future::join_all(guesses).await;
    let heard = answers.iter().filter(|it| it.status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(heard, 5);
}

#[rstest]
#[tokio::test]
async fn log_out_ends_the_session_and_log_in_makes_another(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let first = bed.signed_in("zhang", "duty_officer").await;
    let again = form("/login", &[("login", "zhang"), ("password", PASSWORD)]);
    let second = bed.call(with(again, "cookie", &first)).await.cookie();
    assert_ne!(first, second);
    let seen = |cookie: &str| with(get("/api/v1/probe"), "cookie", cookie);
    assert_eq!(bed.call(seen(&first)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(bed.call(seen(&second)).await.status, StatusCode::OK);
    let out = bed.call(with(form("/logout", &[]), "cookie", &second)).await;
    assert_eq!(out.status, StatusCode::SEE_OTHER);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(bed.call(seen(&second)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_next_officer_finds_their_log_in_filled_in() {
    let bed = Bed::new(Engine::Sqlite).await;
    let outgoing = bed.signed_in("zhang", "duty_officer").await;
    let out = bed.call(with(form("/logout?login=he", &[]), "cookie", &outgoing)).await;
    assert_eq!(out.header("location"), "/login?login=he");
    let page = bed.call(with(get("/login?login=he"), "accept", "text/html")).await;
    assert!(page.text.contains("name=\"login\" value=\"he\""), "{}", page.text);
}

#[rstest]
#[case::idle("seen_at = seen_at - 4 * 3600000000")]
#[case::absolute("expires_at = expires_at - 26 * 3600000000")]
#[tokio::test]
async fn a_session_runs_out(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine, #[case] change: &str) {
    let bed = Bed::new(engine).await;
    let cookie = bed.signed_in("zhang", "duty_officer").await;
    let seen = || with(get("/api/v1/probe"), "cookie", &cookie);
    assert_eq!(bed.call(seen()).await.status, StatusCode::OK);
    bed.world.tamper(&format!("UPDATE session SET {change}"));
    assert_eq!(bed.call(seen()).await.status, StatusCode::UNAUTHORIZED);
}

#[rstest]
#[tokio::test]
async fn a_disabled_account_is_out_at_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let cookie = bed.signed_in("zhang", "duty_officer").await;
    let token = bed.token("zhang").await;
    accounts::disable(&bed.world, &Actor::system("test"), "zhang").await.unwrap();
    for request in [
        with(get("/api/v1/probe"), "cookie", &cookie),
        with(get("/api/v1/probe"), "authorization", &format!("Bearer {token}")),
    ] {
        assert_eq!(bed.call(request).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(bed.log_in("zhang", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
}

#[rstest]
#[tokio::test]
async fn a_new_password_closes_every_window(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let cookie = bed.signed_in("zhang", "duty_officer").await;
    let change = |old: &str, new: &str| with(form("/me/password", &[("old", old), ("new", new)]), "cookie", &cookie);
    assert_eq!(bed.call(change("not-the-password", "another-rainy-night")).await.code(), "wrong_password");
    assert_eq!(bed.call(change(PASSWORD, "short")).await.code(), "bad_password");
    assert_eq!(bed.call(change(PASSWORD, "another-rainy-night")).await.status, StatusCode::SEE_OTHER);
    let seen = with(get("/api/v1/probe"), "cookie", &cookie);
    assert_eq!(bed.call(seen).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(bed.log_in("zhang", "another-rainy-night").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn nothing_secret_and_no_name_stands_in_the_journal_in_clear() {
    let bed = Bed::new(Engine::Sqlite).await;
    bed.signed_in("zhang", "duty_officer").await;
    let token = bed.token("zhang").await;
    let all = bed.world.dump().await.unwrap();
    let hash = all["account"]["zhang"]["password_hash"].as_str().unwrap().to_owned();
    while anlan_store::journal::seal(&bed.world, None).await.unwrap() > 0 {}
    let entries = anlan_store::journal::after(&bed.world, &Actor::system("test"), 0, 1000).await.unwrap();
    let written: String = entries.iter().map(|it| it.body.as_str()).collect();
    for secret in [PASSWORD, "姓名zhang", hash.as_str(), token.as_str()] {
        assert!(!written.contains(secret), "{secret} stands in the journal");
    }
}
