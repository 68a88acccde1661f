//! The second step of the log-in: a code of the telephone, or a recovery code.
//!
//! Between the steps nothing is stored: the page carries a ticket that only this installation can have made, which
//! says whose password was right, when, and of which revision of the account.

use std::{sync::Arc, time::Duration};

use anlan_kernel::{Instant, Lang, Problem};
use anlan_store::{Event, StoreError, Urgency, lock, real_now, unlock};
use axum::{
    extract::{Form, FromRequest as _, Request, State},
    http::StatusCode,
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    ApiError, ApiResult, Site, Who, attempts, headers,
    login::{self, Opened, Visit},
    pages, second_factor,
    store::AccountRow,
};

/// How long the second step waits.
const HOLDS: Duration = Duration::from_secs(5 * 60);
const CONTEXT: &str = "anlan second step";

/// Whose password was right.
#[derive(Serialize, Deserialize)]
struct Ticket {
    login: String,
    revision: i64,
    at: Instant,
}

#[derive(Deserialize)]
struct CodeForm {
    ticket: String,
    code: String,
    #[serde(default)]
    next: Option<String>,
}

enum Step {
    In(Opened),
    Wrong,
    Stale,
}

/// The page that asks for the code.
pub fn ask(site: &Site, lang: Lang, account: &AccountRow, next: &str) -> ApiResult<Markup> {
    let ticket = Ticket { login: account.login.clone(), revision: account.revision, at: real_now() };
    let plain = serde_json::to_vec(&ticket).map_err(StoreError::from)?;
    let closed = lock(&site.world.keys().secrets(), CONTEXT, &plain)?;
    Ok(form(site, lang, &URL_SAFE_NO_PAD.encode(closed), next, None))
}

/// Looks at the code and opens the session.
pub async fn go_on(State(site): State<Arc<Site>>, who: Who, request: Request) -> ApiResult<Response> {
    let headers = request.headers().clone();
    let source = headers::source(&site, &headers, request.extensions());
    let Form(given) = Form::<CodeForm>::from_request(request, &()).await.map_err(|_| ApiError::from(stale()))?;
    let next = crate::own_path(&site, given.next.clone());
    match enter(&site, &given, &source, Visit::of(&site, &headers)?).await {
        Ok((account, opened)) => Ok(login::inside(&site, &opened, &account.role, next)),
        Err(error) if headers::wants_page(&headers) && error.problem().code == "wrong_code" => {
            let words = error.problem().message.get(who.lang).to_owned();
            Ok(login::refusal(&error, form(&site, who.lang, &given.ticket, &next, Some(&words))))
        }
        Err(error) => Err(error),
    }
}

async fn enter(site: &Site, given: &CodeForm, source: &str, visit: Visit) -> ApiResult<(AccountRow, Opened)> {
    let ticket = open(site, &given.ticket)?;
    let of = attempts::subjects(&ticket.login, source);
    login::begin(site, &of).await?;
    let account = login::account_of(site, &ticket.login).await?;
    let account = account.filter(|it| !it.disabled && it.revision == ticket.revision).ok_or_else(stale)?;
    let (row, code, key) = (account.clone(), given.code.clone(), site.world.keys().secrets());
    let step = site
        .world
        .write("session.second_step", Urgency::Urgent, &login::by(&account.login), move |tx| {
            let now = tx.get::<AccountRow>(&row.login)?;
            if now.is_none_or(|it| it.disabled || it.revision != row.revision) {
                return Ok(Step::Stale);
            }
            if let Some(way) = second_factor::redeem(tx, &key, &row.login, &code)? {
                attempts::succeeded(tx, &of)?;
                return login::open_session(tx, &row, &visit, Some(way)).map(Step::In);
            }
            tx.record(Event::new("login.failed", &row.login).detail(json!({"step": "second"})))?;
            if attempts::just_locked(tx, &of)? {
                tx.record(Event::new("login.locked", &row.login))?;
            }
            Ok(Step::Wrong)
        })
        .await?;
    match step {
        Step::In(opened) => Ok((account, opened)),
        Step::Wrong => Err(ApiError::new(StatusCode::UNAUTHORIZED, second_factor::wrong_code())),
        Step::Stale => Err(stale().into()),
    }
}

fn open(site: &Site, ticket: &str) -> Result<Ticket, Problem> {
    let closed = URL_SAFE_NO_PAD.decode(ticket).map_err(|_| stale())?;
    let plain = unlock(&site.world.keys().secrets(), CONTEXT, &closed).map_err(|_| stale())?;
    let ticket: Ticket = serde_json::from_slice(&plain).map_err(|_| stale())?;
    if real_now().since(ticket.at) > HOLDS { Err(stale()) } else { Ok(ticket) }
}

fn stale() -> Problem {
    let (zh, en) =
        ("这一步等得太久或账号已变，请重新登录", "this step is too old or the account changed; log in again");
    Problem::new("stale_login", zh, en).field("ticket")
}

fn form(site: &Site, lang: Lang, ticket: &str, next: &str, wrong: Option<&str>) -> Markup {
    let title = lang.pick("动态口令", "Second factor");
    pages::bare_page(
        site,
        lang,
        title,
        html! {
            main.narrow {
                h1 { (title) }
                p { (lang.pick("口令正确。请打开手机上的身份验证器，输入 6 位动态口令。", "The password is right. Now type the six digits that your authenticator shows.")) }
                @if let Some(words) = wrong { p.wrong role="alert" { (words) } }
                form method="post" action=(site.url("/login/second")) {
                    input type="hidden" name="ticket" value=(ticket);
                    input type="hidden" name="next" value=(next);
                    label { (lang.pick("动态口令或备用码", "Code or recovery code"))
                        input name="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" required autofocus maxlength="32"; }
                    button.main type="submit" { (lang.pick("登录", "Log in")) }
                }
                p.soft.small { (lang.pick("手机不在身边：用一个备用码，每个只能用一次；备用码也没有，请找安全管理员停用动态口令。", "Without the telephone: type a recovery code, each holds once; without those, ask the security administrator.")) }
                p.small { a href=(site.url("/login")) { (lang.pick("换一个账号", "Another account")) } }
            }
        },
    )
}
