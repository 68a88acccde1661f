//! Invitations (邀请): whoever gets an account chooses the password, and no administrator ever knows it.
//!
//! The link holds 72 hours of the world's time and once; only a digest of it is stored. Looking at it changes
//! nothing, because mail programs and chats open links by themselves.

use std::{sync::Arc, time::Duration};

use anlan_kernel::{Actor, Instant, Lang, Problem};
use anlan_store::{Event, StoreError, Tx, Urgency, World, params};
use axum::{
    extract::{Form, Path, State},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use crate::{
    Access, ApiError, ApiResult, Mounted, Routes, Site, Who, accounts, attempts, headers,
    login::{self, Opened, Visit},
    origin, pages, password, percent, qr, roles, second_factor, secret,
    store::{self, AccountRow},
    tokens,
};

/// How long a link holds.
pub const HOLDS: Duration = Duration::from_secs(72 * 3600);
const KIND: &str = "invitation";
const PROOF: Access = Access::Proof("the link of an invitation");

/// An open invitation, with the code that is shown once.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Whose account it opens.
    pub login: String,
    /// The last part of the link.
    pub code: String,
    /// Until when it holds.
    pub until: Instant,
}

#[derive(Deserialize)]
struct PasswordForm {
    password: String,
}

/// What the link opens.
pub fn routes(site: &Arc<Site>) -> Mounted {
    Routes::new(site)
        .get("/invite/{code}", PROOF, "受邀人设置口令", "Page of an invitation", show)
        .post("/invite/{code}", PROOF, "受邀人设置口令并登录", "Choose the password of an invitation", accept)
        .finish(Arc::clone(site))
}

/// Opens an invitation to an account, in place of the one before.
pub fn open(tx: &mut Tx<'_>, login: &str, code: &str) -> Result<Invitation, StoreError> {
    let until = tx.now().plus(HOLDS);
    tx.execute_unjournaled(
        "INSERT INTO invitation(login, code_hash, until) VALUES ($1, $2, $3)
         ON CONFLICT (login) DO UPDATE SET code_hash = excluded.code_hash, until = excluded.until",
        params![login, secret::digest(KIND, code), until],
    )?;
    tx.record(Event::new("account.invited", login).detail(json!({"until": until})))?;
    Ok(Invitation { login: login.to_owned(), code: code.to_owned(), until })
}

/// Ends an open invitation, where there is one.
pub fn withdraw(tx: &mut Tx<'_>, login: &str) -> Result<(), StoreError> {
    tx.execute_unjournaled("DELETE FROM invitation WHERE login = $1", params![login]).map(drop)
}

/// Until when an invitation to the account is open.
pub fn open_until(tx: &mut Tx<'_>, login: &str) -> Result<Option<Instant>, StoreError> {
    let (sql, now) = ("SELECT until FROM invitation WHERE login = $1 AND until > $2", tx.now());
    tx.query(sql, params![login, now])?.first().map(|it| it.instant(0)).transpose()
}

/// Invites the holder of an account again, who forgot the password or was away: the old password is nothing from then
/// on, sessions close, a disabled account is open again. A second factor stays.
pub async fn again(world: &World, by: &Actor, login: &str) -> Result<Invitation, StoreError> {
    if by.name == format!("user:{login}") {
        let (zh, en) = ("自己的口令请在“我的账号”里改", "change your own password under “My account”");
        return Err(Problem::new("own_invitation", zh, en).into());
    }
    let (login, code) = (login.to_owned(), secret::token()?);
    world
        .write("account.invite", Urgency::Urgent, by, move |tx| {
            let account = tx.get::<AccountRow>(&login)?.ok_or_else(|| accounts::missing(&login))?;
            let revision = account.revision + 1;
            tx.put(&AccountRow { password_hash: String::new(), disabled: false, revision, ..account })?;
            store::session_close_all(tx, &login)?;
            tokens::revoke_all(tx, &login)?;
            open(tx, &login, &code)
        })
        .await
}

/// The link as the invited person opens it: at the address people are told, else at the one the administrator is on.
pub fn link(site: &Site, uri: &Uri, headers: &HeaderMap, code: &str) -> String {
    origin::outside(site, uri, headers, &format!("/invite/{}", percent(code)))
}

/// The page that shows a link, once.
pub fn shown(site: &Site, who: &Who, invitation: &Invitation, link: &str) -> Markup {
    let (lang, until) = (who.lang, invitation.until.wall()[..16].to_owned());
    let title = lang.pick("邀请链接", "Invitation");
    let body = html! {
        main.narrow {
            h1 { (title) " · " (invitation.login) }
            p.note { @match lang {
                Lang::Zh => { "把链接或二维码交给本人。只能用一次，" (until) " 前有效；离开本页后不再显示，丢了就重新邀请。口令由本人设置，任何管理员都不知道。" },
                Lang::En => { "Give the link or the code to the person. It holds once and until " (until) "; it is not shown again. The person chooses the password, which no administrator knows." },
            } }
            @if let Some(code) = qr(link, lang) { div.qr-box { (code) } }
            label { (lang.pick("链接", "Link")) input type="text" readonly value=(link); }
            p.row { button type="button" data-print { (lang.pick("打印", "Print")) }
                a.button href=(site.url("/accounts")) { (lang.pick("回到账号管理", "Back to the accounts")) } }
        }
    };
    pages::page(site, who, title, body)
}

async fn show(State(site): State<Arc<Site>>, who: Who, Path(code): Path<String>) -> ApiResult<Markup> {
    let account = invited(&site.world, &code).await?;
    Ok(form(&site, who.lang, &code, &account, None))
}

async fn accept(
    State(site): State<Arc<Site>>,
    who: Who,
    Path(code): Path<String>,
    asked: HeaderMap,
    Form(form_): Form<PasswordForm>,
) -> ApiResult<Response> {
    let account = invited(&site.world, &code).await?;
    match choose(&site, &code, &account.login, &form_.password, Visit::of(&site, &asked)?).await {
        Ok(Some(opened)) => {
            let next = site.url("/me/second-factor");
            Ok(login::inside(&site, &opened, &account.role, next))
        }
        Ok(None) => Ok(Redirect::to(&site.url(&format!("/login?login={}", percent(&account.login)))).into_response()),
        Err(error) if headers::wants_page(&asked) && error.problem().code == "bad_password" => {
            let words = error.problem().message.get(who.lang).to_owned();
            Ok(login::refusal(&error, form(&site, who.lang, &code, &account, Some(&words))))
        }
        Err(error) => Err(error),
    }
}

/// Whose account the code opens now.
async fn invited(world: &World, code: &str) -> ApiResult<AccountRow> {
    let hash = secret::digest(KIND, code);
    let found = world.read(&Actor::system("invitation"), move |tx| holder(tx, &hash)).await?;
    found.ok_or_else(|| ApiError::new(StatusCode::GONE, stale()))
}

fn holder(tx: &mut Tx<'_>, hash: &str) -> Result<Option<AccountRow>, StoreError> {
    let now = tx.now();
    let rows = tx.query("SELECT login FROM invitation WHERE code_hash = $1 AND until > $2", params![hash, now])?;
    let Some(login) = rows.first().map(|it| it.text(0)).transpose()? else { return Ok(None) };
    Ok(tx.get::<AccountRow>(&login)?.filter(|it| !it.disabled))
}

/// Uses the invitation up; the session is there at once, unless a second factor has to be asked for.
async fn choose(site: &Site, code: &str, login: &str, password: &str, visit: Visit) -> ApiResult<Option<Opened>> {
    password::check(login, password)?;
    let (code_hash, hash) = (secret::digest(KIND, code), password::hash(password).await?);
    let opened = site
        .world
        .write("invitation.accept", Urgency::Urgent, &login::by(login), move |tx| {
            let account = holder(tx, &code_hash)?.ok_or_else(stale)?;
            let revision = account.revision + 1;
            let account = AccountRow { password_hash: hash.clone(), revision, ..account };
            tx.put(&account)?;
            withdraw(tx, &account.login)?;
            store::session_close_all(tx, &account.login)?;
            attempts::forgive(tx, &account.login)?;
            tx.record(Event::new("invitation.accepted", &account.login))?;
            if second_factor::of(tx, &account.login)?.is_some() {
                return Ok(None);
            }
            login::open_session(tx, &account, &visit, None).map(Some)
        })
        .await?;
    site.signed_out();
    Ok(opened)
}

fn stale() -> Problem {
    Problem::new(
        "stale_invitation",
        "邀请链接已用过或已过期，请找安全管理员重新邀请",
        "this invitation was used or is too old; ask the security administrator for another one",
    )
}

fn form(site: &Site, lang: Lang, code: &str, account: &AccountRow, wrong: Option<&str>) -> Markup {
    let title = lang.pick("设置口令", "Choose a password");
    pages::bare_page(
        site,
        lang,
        title,
        html! {
            main.narrow {
                h1 { (title) }
                p.soft { (site.speaker) }
                dl {
                    dt { (lang.pick("姓名", "Name")) } dd { (account.name) }
                    dt { (lang.pick("角色", "Role")) } dd { (roles::title(&account.role).get(lang)) }
                    dt { (lang.pick("登录名", "Log-in")) } dd { b { (account.login) } }
                }
                @if let Some(words) = wrong { p.wrong role="alert" { (words) } }
                form method="post" action=(site.url(&format!("/invite/{}", percent(code)))) {
                    input type="text" name="login" value=(account.login) autocomplete="username" readonly hidden;
                    label { (lang.pick("口令", "Password"))
                        input name="password" type="password" autocomplete="new-password" required autofocus minlength=(password::SHORTEST) maxlength=(password::LONGEST) aria-describedby="password-rule"; }
                    p.soft.small #password-rule { (password::rule(lang)) }
                    button.main type="submit" { (lang.pick("设置并登录", "Choose it and log in")) }
                }
            }
        },
    )
}
