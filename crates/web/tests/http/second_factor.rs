//! The second factor: set up by its owner, asked for after the password, and off again.

use anlan_store::real_now;
use anlan_testbed::Engine;
use anlan_web::totp;
use axum::http::StatusCode;
use rstest::rstest;

use crate::bed::{Answer, Bed, PASSWORD, form, get, with};

/// What an authenticator keeps, and the ten codes on paper.
struct Phone {
    secret: Vec<u8>,
    /// The step whose code was used last.
    step: i64,
    paper: Vec<String>,
}

impl Phone {
    /// The next code that was not used; the server takes it half a minute early.
    fn code(&mut self) -> String {
        self.step += 1;
        totp::code(&self.secret, self.step)
    }
}

fn unbase32(text: &str) -> Vec<u8> {
    let (mut bytes, mut word, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes().filter(u8::is_ascii_alphanumeric) {
        let value = if letter.is_ascii_uppercase() { letter - b'A' } else { letter - b'2' + 26 };
        (word, bits) = (word << 5 | u32::from(value), bits + 5);
        if bits >= 8 {
            bits -= 8;
            bytes.push((word >> bits & 0xff) as u8);
        }
    }
    bytes
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("{before} in {text}")).1;
    rest.split_once(after).expect("its end").0
}

async fn post(bed: &Bed, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    bed.call(with(form(path, fields), "cookie", cookie)).await
}

async fn set_up(bed: &Bed, cookie: &str) -> Phone {
    let page = bed.call(with(get("/me/second-factor"), "cookie", cookie)).await.text;
    let secret = unbase32(between(&page, "<code class=\"num\">", "</code>"));
    assert_eq!(secret.len(), 20);
    let draft = between(&page, "name=\"draft\" value=\"", "\"").to_owned();
    let step = totp::step(real_now());
    let code = totp::code(&secret, step);
    let wrong = post(bed, cookie, "/me/second-factor", &[("draft", &draft), ("code", &code), ("password", "no")]).await;
    assert_eq!(wrong.code(), "wrong_login", "an open window alone binds no telephone");
    let fields = [("draft", draft.as_str()), ("code", &code), ("password", PASSWORD)];
    let done = post(bed, cookie, "/me/second-factor", &fields).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    let paper: Vec<_> = done.text.split("<code class=\"num\">").skip(1).map(|it| it[..19].to_owned()).collect();
    assert_eq!(paper.len(), 10, "{}", done.text);
    Phone { secret, step, paper }
}

/// The ticket of the second step, when the password was right.
async fn ticket(bed: &Bed, login: &str) -> String {
    let asked = bed.log_in(login, PASSWORD).await;
    assert_eq!((asked.status, asked.cookie().as_str()), (StatusCode::OK, ""), "{}", asked.text);
    between(&asked.text, "name=\"ticket\" value=\"", "\"").to_owned()
}

async fn second(bed: &Bed, ticket: &str, code: &str) -> Answer {
    bed.call(form("/login/second", &[("ticket", ticket), ("code", code)])).await
}

#[rstest]
#[tokio::test]
async fn after_the_password_a_code_is_asked_for_and_each_code_opens_once(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let cookie = bed.signed_in("zhang", "duty_officer").await;
    let mut phone = set_up(&bed, &cookie).await;
    let used = totp::code(&phone.secret, phone.step);
    let first = ticket(&bed, "zhang").await;
    assert_eq!(second(&bed, &first, &used).await.code(), "wrong_code", "the code of the set-up is used");
    let code = phone.code();
    let inside = second(&bed, &first, &code).await;
    assert_eq!(inside.status, StatusCode::SEE_OTHER, "{}", inside.text);
    assert_eq!(bed.call(with(get("/desk"), "cookie", &inside.cookie())).await.status, StatusCode::OK);
    let again = ticket(&bed, "zhang").await;
    assert_eq!(second(&bed, &again, &code).await.code(), "wrong_code");
    let paper = phone.paper[0].to_uppercase();
    assert_eq!(second(&bed, &again, &paper).await.status, StatusCode::SEE_OTHER, "a recovery code as people type it");
    assert_eq!(second(&bed, &again, &phone.paper[0]).await.code(), "wrong_code", "once");
    assert_eq!(second(&bed, "nonsense", &phone.paper[1]).await.code(), "stale_login");
    let stored = format!("{:?}", bed.world.dump().await.unwrap());
    assert!(!stored.contains(&totp::base32(&phone.secret)) && !stored.contains(&phone.paper[1]));
}

#[rstest]
#[tokio::test]
async fn wrong_codes_lock_the_account_and_the_right_password_between_them_forgives_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let cookie = bed.signed_in("zhang", "duty_officer").await;
    let phone = set_up(&bed, &cookie).await;
    // One wrong password was counted while it was set up.
    for _ in 0..4 {
        let ticket = ticket(&bed, "zhang").await;
        assert_eq!(second(&bed, &ticket, "000000").await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(bed.log_in("zhang", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    let events = bed.events_of().await;
    assert_eq!(events.iter().filter(|it| it.0 == "login.locked").count(), 1, "{events:?}");
    drop(phone);
}

#[rstest]
#[tokio::test]
async fn a_changed_password_ends_a_log_in_that_waits_for_its_code(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let cookie = bed.signed_in("zhang", "duty_officer").await;
    let phone = set_up(&bed, &cookie).await;
    let waiting = ticket(&bed, "zhang").await;
    let by = anlan_kernel::Actor::system("test");
    anlan_web::accounts::set_password(&bed.world, &by, "zhang", "another-rainy-river-bank").await.unwrap();
    assert_eq!(second(&bed, &waiting, &phone.paper[0]).await.code(), "stale_login");
}

#[rstest]
#[tokio::test]
async fn it_goes_off_by_its_owners_code_or_by_the_security_administrator_with_a_reason(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let admin = bed.signed_in("anquan", "security_admin").await;
    let cookie = bed.signed_in("zhang", "duty_officer").await;
    let mut phone = set_up(&bed, &cookie).await;
    assert_eq!(post(&bed, &cookie, "/me/second-factor/remove", &[("code", "000000")]).await.code(), "wrong_code");
    let renewed = post(&bed, &cookie, "/me/second-factor/recovery", &[("code", &phone.paper[0])]).await;
    assert_eq!(renewed.status, StatusCode::OK, "{}", renewed.text);
    let old = phone.paper[1].clone();
    assert_eq!(post(&bed, &cookie, "/me/second-factor/remove", &[("code", &old)]).await.code(), "wrong_code");
    let code = phone.code();
    let off = post(&bed, &cookie, "/me/second-factor/remove", &[("code", &code)]).await;
    assert_eq!(off.status, StatusCode::SEE_OTHER, "{}", off.text);
    assert_eq!(bed.log_in("zhang", PASSWORD).await.status, StatusCode::SEE_OTHER, "the password alone again");

    let phone = set_up(&bed, &cookie).await;
    let path = "/accounts/zhang/second-factor/remove";
    assert_eq!(post(&bed, &admin, path, &[("reason", " ")]).await.code(), "no_reason");
    assert_eq!(post(&bed, &admin, path, &[("reason", "手机丢失，已当面核实")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(bed.call(with(get("/desk"), "cookie", &cookie)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(bed.log_in("zhang", PASSWORD).await.status, StatusCode::SEE_OTHER);
    assert_eq!(post(&bed, &admin, path, &[("reason", "再来一次")]).await.code(), "no_second_factor");
    let own = "/accounts/anquan/second-factor/remove";
    assert_eq!(post(&bed, &admin, own, &[("reason", "自己的")]).await.code(), "own_second_factor");
    let removed = bed.events_of().await.into_iter().filter(|it| it.0 == "second_factor.removed").count();
    assert_eq!(removed, 2);
    drop(phone);
}

#[rstest]
#[tokio::test]
async fn administrators_are_reminded_and_a_role_that_needs_it_reaches_its_own_account_only(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let admin = bed.signed_in("anquan", "security_admin").await;
    let open = bed.signed_in("zhang", "duty_officer").await;
    let page = |cookie: &str, path: &str| with(with(get(path), "cookie", cookie), "accept", "text/html");
    let reminded = bed.call(page(&admin, "/accounts")).await.text;
    assert!(reminded.contains("三员请启用动态口令"), "{reminded}");
    let needed = [("duty_officer", "1"), ("security_admin", "1")];
    assert_eq!(post(&bed, &admin, "/roles/second-factor", &needed).await.status, StatusCode::SEE_OTHER);
    for cookie in [&open, &bed.log_in("zhang", PASSWORD).await.cookie()] {
        let held = bed.call(page(cookie, "/desk")).await;
        assert_eq!(held.header("location"), "/me/second-factor");
        assert_eq!(bed.call(with(get("/api/v1/probe"), "cookie", cookie)).await.code(), "second_factor_required");
    }
    assert_eq!(bed.call(page(&admin, "/accounts")).await.header("location"), "/me/second-factor");
    set_up(&bed, &open).await;
    assert_eq!(bed.call(page(&open, "/desk")).await.status, StatusCode::OK, "set up, the same session goes on");
    set_up(&bed, &admin).await;
    let free = bed.call(page(&admin, "/accounts")).await;
    assert!(free.status == StatusCode::OK && !free.text.contains("三员请启用动态口令"));
}

#[rstest]
#[tokio::test]
async fn it_comes_back_from_the_journal_with_its_account(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let cookie = bed.signed_in("zhang", "duty_officer").await;
    let phone = set_up(&bed, &cookie).await;
    let before = bed.world.dump().await.unwrap();
    anlan_store::rebuild(&bed.world).await.unwrap();
    assert_eq!(bed.world.dump().await.unwrap(), before);
    let ticket = ticket(&bed, "zhang").await;
    assert_eq!(second(&bed, &ticket, &phone.paper[0]).await.status, StatusCode::SEE_OTHER);
}
