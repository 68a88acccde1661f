//! Log in, log out, choose a language.

use std::sync::Arc;

use anlan_kernel::{Actor, Lang, Permission, Problem};
use anlan_store::{Event, StoreError, Tx, Urgency, real_now};
use axum::{
    extract::{Form, Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use crate::{
    Access, ApiError, ApiResult, Mounted, Routes, Site, Who,
    address::percent,
    attempts::{self, Attempt, Subjects},
    cookies, headers, pages, password, roles,
    second_factor::{self, Way},
    second_step, secret,
    session::{self, ABSOLUTE},
    sessions,
    store::{self, AccountRow, Session},
    who::Lack,
};

/// Longest text looked up as a log-in.
const LONGEST: usize = 64;

/// What the page sends.
#[derive(Deserialize)]
struct LoginForm {
    login: String,
    password: String,
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct NextQuery {
    #[serde(default)]
    next: Option<String>,
    #[serde(default)]
    login: Option<String>,
}

/// Who logs in next on this computer, where one officer hands over to another.
#[derive(Deserialize)]
struct AfterQuery {
    #[serde(default)]
    login: Option<String>,
}

#[derive(Deserialize)]
struct LangForm {
    lang: String,
    #[serde(default)]
    next: Option<String>,
}

/// Log-in pages.
pub fn routes(site: &Arc<Site>) -> Mounted {
    Routes::new(site)
        .get("/login", Access::Public, "登录页", "Log-in page", show)
        .post("/login", Access::Public, "登录", "Log in", log_in)
        .post(
            "/login/second",
            Access::Public,
            "登录的第二步：动态口令",
            "Second step of the log-in",
            second_step::go_on,
        )
        .post("/logout", Access::Public, "退出登录", "Log out", log_out)
        .post("/lang", Access::Public, "切换语言", "Choose a language", choose_language)
        .finish(Arc::clone(site))
}

async fn show(State(site): State<Arc<Site>>, who: Who, Query(query): Query<NextQuery>) -> ApiResult<Response> {
    if crate::accounts::is_empty(&site.world).await? {
        return Ok(Redirect::to(&site.url("/first")).into_response());
    }
    let next = crate::own_path(&site, query.next);
    if who.browser {
        return Ok(Redirect::to(&next).into_response());
    }
    let login = query.login.as_deref().map(tidy).unwrap_or_default();
    Ok(form(&site, who.lang, &next, &login, None).into_response())
}

async fn log_in(State(site): State<Arc<Site>>, who: Who, request: Request) -> ApiResult<Response> {
    let headers = request.headers().clone();
    let source = headers::source(&site, &headers, request.extensions());
    let form_ = read_form(request).await?;
    let next = crate::own_path(&site, form_.next.clone());
    match open(&site, &form_, &source, &headers).await {
        Ok((account, Some(opened))) => Ok(inside(&site, &opened, &account.role, next)),
        Ok((account, None)) => Ok(second_step::ask(&site, who.lang, &account, &next)?.into_response()),
        Err(error) if headers::wants_page(&headers) && error.status().is_client_error() => {
            let words = error.problem().message.get(who.lang).to_owned();
            Ok(refusal(&error, form(&site, who.lang, &next, form_.login.trim(), Some(&words))))
        }
        Err(error) => Err(error),
    }
}

async fn read_form(request: Request) -> Result<LoginForm, ApiError> {
    use axum::extract::FromRequest as _;
    let Form(form) = Form::<LoginForm>::from_request(request, &()).await.map_err(|_| {
        Problem::new("bad_login_form", "请填写登录名和口令", "give a log-in and a password").field("login")
    })?;
    Ok(form)
}

/// A page that says what was wrong.
pub(crate) fn refusal(error: &ApiError, page: Markup) -> Response {
    let mut answer = (error.status(), page).into_response();
    if let Some(seconds) = error.seconds() {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

/// Checks the password; without a session the second factor is asked for first.
async fn open(
    site: &Site,
    form: &LoginForm,
    source: &str,
    headers: &HeaderMap,
) -> Result<(AccountRow, Option<Opened>), ApiError> {
    let login = tidy(&form.login);
    let of = attempts::subjects(&login, source);
    let account = check(site, &login, &form.password, &of).await?;
    let opened = welcome(site, of, &account, Visit::of(site, headers)?).await?;
    Ok((account, opened))
}

pub(crate) fn tidy(login: &str) -> String {
    login.trim().to_lowercase().chars().take(LONGEST).collect()
}

/// The account, if the password is its own; a wrong one is counted.
pub(crate) async fn check(site: &Site, login: &str, password: &str, of: &Subjects) -> Result<AccountRow, ApiError> {
    begin(site, of).await?;
    let account = account_of(site, login).await?;
    let hash =
        account.as_ref().filter(|it| !it.disabled).map(|it| it.password_hash.as_str()).filter(|it| !it.is_empty());
    let right = password::verify(password, hash).await?;
    match account {
        Some(account) if right => Ok(account),
        account => {
            refused(site, of, account.map(|it| it.login)).await?;
            Err(wrong())
        }
    }
}

/// Somebody beside `who` says who they are, for one act on a page of this session: no session is
/// opened, and wrong passwords count as at the log-in.
///
/// # Errors
/// `wrong_login`, `too_many_attempts`; what the store says.
pub async fn confirm(site: &Site, who: &Who, login: &str, password: &str) -> ApiResult<Who> {
    let login = tidy(login);
    let of = attempts::subjects(&login, &who.actor.name);
    let account = check(site, &login, password, &of).await?;
    let by = by(&login);
    site.world
        .write("login.confirm", Urgency::Urgent, &by, move |tx| {
            attempts::succeeded(tx, &of)?;
            tx.record(Event::new("login.confirmed", &login))
        })
        .await?;
    Ok(session::of_account(&account, who.lang))
}

/// Where a role begins its work: the desk, or the accounts, or its own account.
pub(crate) fn first_page(site: &Site, role: &str) -> String {
    let may = |it| roles::permissions(role).is_some_and(|all| all.contains(&it));
    if let Some(path) = site.beginning(may) {
        return site.url(path);
    }
    site.url(if may(Permission::SeeDesk) {
        "/"
    } else if may(Permission::ManageAccounts) {
        "/accounts"
    } else if may(Permission::Audit) {
        "/audit"
    } else {
        "/me"
    })
}

pub(crate) async fn begin(site: &Site, of: &Subjects) -> Result<(), ApiError> {
    let of = of.clone();
    let by = Actor::system("login");
    let attempt = site.world.write("login.begin", Urgency::Urgent, &by, move |tx| attempts::begin(tx, &of)).await?;
    match attempt {
        Attempt::Counted => Ok(()),
        Attempt::Locked(seconds) => Err(ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            Problem::new(
                "too_many_attempts",
                "登录失败次数过多，请过一会儿再试；急用请找安全管理员解锁",
                "too many failed log-ins; try again later, or ask the security administrator to unlock the account",
            ),
        )
        .retry_after(seconds)),
    }
}

pub(crate) async fn account_of(site: &Site, login: &str) -> Result<Option<AccountRow>, StoreError> {
    let login = login.to_owned();
    site.world.read(&Actor::system("login"), move |tx| tx.get::<AccountRow>(&login)).await
}

/// What was typed as a log-in is not kept unless it is one: it may be a password.
async fn refused(site: &Site, of: &Subjects, login: Option<String>) -> Result<(), StoreError> {
    let (of, by) = (of.clone(), Actor::system("login"));
    site.world
        .write("login.fail", Urgency::Urgent, &by, move |tx| {
            let subject = login.as_deref().unwrap_or("unknown");
            tx.record(Event::new("login.failed", subject))?;
            if attempts::just_locked(tx, &of)? {
                tx.record(Event::new("login.locked", subject))?;
            }
            Ok(())
        })
        .await
}

/// The browser that comes in.
#[derive(Clone)]
pub(crate) struct Visit {
    token: String,
    hash: String,
    old: Option<String>,
    device: String,
}

impl Visit {
    pub fn of(site: &Site, headers: &HeaderMap) -> Result<Self, StoreError> {
        let token = secret::token()?;
        Ok(Self {
            hash: session::session_hash(&token),
            token,
            old: cookies::get(headers, &cookies::session_name(site)).map(session::session_hash),
            device: sessions::device(headers),
        })
    }
}

/// A session that was opened.
pub(crate) struct Opened {
    token: String,
    lacks: Lack,
}

/// Opens the session of an account whose holder proved to be themselves; `way` is the second factor they gave.
pub(crate) fn open_session(
    tx: &mut Tx<'_>,
    account: &AccountRow,
    visit: &Visit,
    way: Option<Way>,
) -> Result<Opened, StoreError> {
    if let Some(old) = &visit.old {
        store::session_close(tx, old)?;
    }
    let (login, now, lacks) = (account.login.clone(), real_now(), second_factor::lack(tx, account)?);
    store::session_open(
        tx,
        &Session {
            hash: visit.hash.clone(),
            login,
            made_at: now,
            seen_at: now,
            expires_at: now.plus(ABSOLUTE),
            device: visit.device.clone(),
            lacks,
        },
    )?;
    let detail = way.map_or(json!(null), |it| json!({"second_factor": it.name()}));
    tx.record(Event::new("session.opened", &account.login).detail(detail))?;
    Ok(Opened { token: visit.token.clone(), lacks })
}

/// Opens a session after the first factor, unless a second one is set up: then the attempt is neither counted nor
/// forgiven, and nothing is open yet.
pub(crate) async fn welcome(
    site: &Site,
    of: Subjects,
    account: &AccountRow,
    visit: Visit,
) -> Result<Option<Opened>, StoreError> {
    let (account, by) = (account.clone(), by(&account.login));
    site.world
        .write("session.open", Urgency::Urgent, &by, move |tx| {
            if second_factor::of(tx, &account.login)?.is_some() {
                attempts::undo(tx, &of)?;
                return Ok(None);
            }
            attempts::succeeded(tx, &of)?;
            open_session(tx, &account, &visit, None).map(Some)
        })
        .await
}

pub(crate) fn by(login: &str) -> Actor {
    Actor { name: format!("user:{login}"), ..Actor::system("login") }
}

/// Hands the browser its session, and leads to where it wanted to go or where the role begins.
pub(crate) fn inside(site: &Site, opened: &Opened, role: &str, next: String) -> Response {
    let cookie = cookies::open_session(site, &opened.token, ABSOLUTE.as_secs());
    let next = match opened.lacks {
        Lack::Required => site.url("/me/second-factor"),
        _ if next == site.url("/") => first_page(site, role),
        _ => next,
    };
    ([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response()
}

async fn log_out(
    State(site): State<Arc<Site>>,
    who: Who,
    Query(after): Query<AfterQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    if let Some(token) = cookies::get(&headers, &cookies::session_name(&site)) {
        let (hash, login) = (session::session_hash(token), who.login().unwrap_or("unknown").to_owned());
        site.world
            .write("session.close", Urgency::Urgent, &who.actor, move |tx| {
                if store::session_close(tx, &hash)? {
                    tx.record(Event::new("session.closed", &login))?;
                }
                Ok(())
            })
            .await?;
        site.signed_out();
    }
    let cookie = cookies::close_session(&site);
    let page = after.login.map_or_else(|| "/login".to_owned(), |it| format!("/login?login={}", percent(&it)));
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&site.url(&page))).into_response())
}

async fn choose_language(State(site): State<Arc<Site>>, Form(form): Form<LangForm>) -> ApiResult<Response> {
    let tag = match form.lang.as_str() {
        "zh" => "zh",
        "en" => "en",
        _ => {
            let problem = Problem::new("bad_language", "只有中文（zh）和英文（en）", "there are zh and en only");
            return Err(problem.field("lang").into());
        }
    };
    let next = crate::own_path(&site, form.next);
    Ok(([(header::SET_COOKIE, cookies::language(&site, tag))], Redirect::to(&next)).into_response())
}

/// The same words whatever was wrong: nobody learns which accounts exist.
fn wrong() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        Problem::new("wrong_login", "登录名或口令不对", "the log-in or the password is wrong"),
    )
}

fn form(site: &Site, lang: Lang, next: &str, login: &str, wrong: Option<&str>) -> Markup {
    let title = lang.pick("登录", "Log in");
    pages::bare_page(
        site,
        lang,
        title,
        html! {
            main.narrow {
                h1 { (title) }
                p.soft { (site.speaker) }
                @if let Some(words) = wrong { p.wrong role="alert" { (words) } }
                form method="post" action=(site.url("/login")) {
                    input type="hidden" name="next" value=(next);
                    label { (lang.pick("登录名", "Log-in"))
                        input name="login" value=(login) autocomplete="username" autocapitalize="none" required autofocus[login.is_empty()] maxlength="64"; }
                    label { (lang.pick("口令", "Password"))
                        input name="password" type="password" autocomplete="current-password" required autofocus[!login.is_empty()] maxlength="256"; }
                    button.main type="submit" { (title) }
                }
                (elsewhere(site, lang, next))
            }
        },
    )
}

/// The way to the identity provider, where there is one.
#[cfg(feature = "oidc")]
fn elsewhere(site: &Site, lang: Lang, next: &str) -> Markup {
    crate::oidc::button(site, lang, next)
}

#[cfg(not(feature = "oidc"))]
fn elsewhere(_: &Site, _: Lang, _: &str) -> Markup {
    Markup::default()
}
