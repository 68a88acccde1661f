//! Invitations: no administrator ever knows a password.

use std::time::Duration;

use anlan_testbed::{Engine, NOON};
use axum::http::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;

use crate::bed::{Answer, Bed, PASSWORD, bearer, form, get, send, with};

/// The link that a page or an answer shows, without its host.
fn link(answer: &Answer) -> String {
    let at = answer.text.find("/invite/").unwrap_or_else(|| panic!("a link: {}", answer.text));
    answer.text[at..].split(['"', '<']).next().unwrap().to_owned()
}

async fn invited(bed: &Bed, cookie: &str, login: &str, role: &str) -> Answer {
    let fields = [("login", login), ("name", "<b>李四</b>"), ("role", role), ("regions", "440303"), ("hat", "")];
    let request = with(with(form("/accounts", &fields), "cookie", cookie), "host", "anlan.example:8443");
    bed.call(request).await
}

#[rstest]
#[tokio::test]
async fn the_invited_person_chooses_the_password_and_the_link_holds_once(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::at(engine, "", true).await;
    let admin = bed.signed_in("anquan", "security_admin").await;
    let shown = invited(&bed, &admin, "shenji", "audit_admin").await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
    assert!(shown.text.contains("https://anlan.example:8443/invite/") && shown.text.contains("<svg class=\"qr\""));
    assert_eq!(bed.log_in("shenji", "").await.status, StatusCode::UNAUTHORIZED, "no password opens nothing");
    let link = link(&shown);
    for _ in 0..3 {
        let look = bed.call(get(&link)).await;
        assert_eq!(look.status, StatusCode::OK, "whoever looks at the link uses nothing up");
        assert!(look.text.contains("审计管理员") && look.text.contains("&lt;b&gt;李四"), "{}", look.text);
    }
    let easy = bed.call(form(&link, &[("password", "123456")])).await;
    assert_eq!(easy.code(), "bad_password");
    let chosen = bed.call(form(&link, &[("password", PASSWORD)])).await;
    assert_eq!((chosen.status, chosen.header("location")), (StatusCode::SEE_OTHER, "/me/second-factor"));
    let own = bed.call(with(get("/api/v1/me"), "cookie", &chosen.cookie())).await;
    assert_eq!(own.json()["account"], "shenji");
    for request in [get(&link), form(&link, &[("password", "another-password-here")])] {
        let again = bed.call(request).await;
        assert_eq!((again.status, again.code().as_str()), (StatusCode::GONE, "stale_invitation"));
    }
    assert_eq!(bed.log_in("shenji", PASSWORD).await.header("location"), "/audit");
    let events = bed.events_of().await;
    for event in ["account.created", "account.invited", "invitation.accepted", "session.opened"] {
        assert!(events.contains(&(event.into(), "shenji".into())), "{event}: {events:?}");
    }
    let code = link.rsplit('/').next().unwrap();
    let stored = format!("{:?}", bed.world.dump().await.unwrap());
    assert!(!stored.contains(code) && !stored.contains(PASSWORD), "neither code nor password is stored");
}

#[rstest]
#[tokio::test]
async fn an_invitation_ends_after_72_hours_of_the_world_and_when_the_account_is_disabled(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let admin = bed.signed_in("anquan", "security_admin").await;
    let first = link(&invited(&bed, &admin, "wang", "duty_officer").await);
    let second = link(&bed.call(with(form("/accounts/wang/invite", &[]), "cookie", &admin)).await);
    assert_eq!(bed.call(get(&first)).await.status, StatusCode::GONE, "a newer one replaces it");
    bed.world.clock().move_to(NOON.plus(Duration::from_secs(72 * 3600 - 1)));
    assert_eq!(bed.call(get(&second)).await.status, StatusCode::OK);
    bed.world.clock().move_to(NOON.plus(Duration::from_secs(72 * 3600)));
    assert_eq!(bed.call(get(&second)).await.status, StatusCode::GONE);
    let third = link(&bed.call(with(form("/accounts/wang/invite", &[]), "cookie", &admin)).await);
    bed.call(with(form("/accounts/wang/disable", &[]), "cookie", &admin)).await;
    assert_eq!(bed.call(form(&third, &[("password", PASSWORD)])).await.status, StatusCode::GONE);
}

#[rstest]
#[tokio::test]
async fn whoever_forgot_the_password_is_invited_again_and_open_sessions_end(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    bed.account("anquan", "security_admin").await;
    let token = bed.token("anquan").await;
    let officer = bed.signed_in("zhang", "duty_officer").await;
    let path = |login: &str| format!("/api/v1/accounts/{login}/invite");
    let again = bed.call(bearer(send(Method::POST, &path("zhang"), json!({})), &token)).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(bed.call(with(get("/desk"), "cookie", &officer)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(bed.log_in("zhang", PASSWORD).await.status, StatusCode::UNAUTHORIZED, "the old password is nothing");
    let new = bed.call(form(&link(&again), &[("password", "another-rainy-river-bank")])).await;
    assert_eq!(new.status, StatusCode::SEE_OTHER);
    assert_eq!(bed.log_in("zhang", "another-rainy-river-bank").await.status, StatusCode::SEE_OTHER);
    let own = bed.call(bearer(send(Method::POST, &path("anquan"), json!({})), &token)).await;
    assert_eq!(own.code(), "own_invitation");
    let made = json!({"login": "li", "name": "李", "role": "duty_officer", "regions": ["440303"]});
    let made = bed.call(bearer(send(Method::POST, "/api/v1/invitations", made), &token)).await;
    assert_eq!((made.status, made.json()["login"].clone()), (StatusCode::CREATED, json!("li")));
}
