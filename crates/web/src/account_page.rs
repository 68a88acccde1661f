//! One account on screen: invite again, lockout, second factor, sessions, tokens; for the security administrator.

use std::sync::Arc;

use anlan_kernel::{Instant, Lang, Permission};
use anlan_store::{StoreError, Tx};
use axum::{
    extract::{Form, Path, State},
    http::{HeaderMap, Uri},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use crate::{
    Access, ApiResult, Mounted, Routes, Site, Who, accounts, attempts, invitation, pages, roles, second_factor,
    session::login_of,
    sessions::{self, Open},
    store::{AccountRow, TokenRow},
    tokens,
};

#[derive(Deserialize)]
struct ReasonForm {
    reason: String,
}

#[derive(Deserialize)]
struct TokenForm {
    name: String,
}

/// What the page shows.
struct Shown {
    account: AccountRow,
    invited: Option<Instant>,
    locked: Option<Instant>,
    factor: bool,
    #[cfg(feature = "oidc")]
    linked: bool,
    sessions: Vec<Open>,
    tokens: Vec<TokenRow>,
    own: bool,
}

/// The page and what its buttons do.
pub fn routes(site: &Arc<Site>) -> Mounted {
    let manage = Access::Needs(Permission::ManageAccounts);
    Routes::new(site)
        .get("/accounts/{login}", manage, "一个账号", "An account", show)
        .post("/accounts/{login}/invite", manage, "重新邀请（忘记口令）", "Invite again", invite)
        .post("/accounts/{login}/disable", manage, "停用账号", "Disable an account", disable)
        .post("/accounts/{login}/unlock", manage, "解除登录锁定", "Unlock an account", unlock)
        .post(
            "/accounts/{login}/second-factor/remove",
            manage,
            "停用他人的动态口令",
            "Take a second factor off",
            remove_factor,
        )
        .post("/accounts/{login}/sessions/end", manage, "结束账号的所有窗口", "End all sessions of an account", end_all)
        .post("/accounts/{login}/sessions/{id}/end", manage, "结束账号的一个窗口", "End a session of an account", end)
        .post("/accounts/{login}/tokens", manage, "发放令牌", "Issue a token", issue)
        .post("/accounts/{login}/tokens/{id}/revoke", manage, "收回令牌", "Revoke a token", revoke)
        .finish(Arc::clone(site))
}

type Site_ = State<Arc<Site>>;

async fn show(State(site): Site_, who: Who, Path(login): Path<String>) -> ApiResult<Markup> {
    let missing = accounts::missing(&login);
    let own = login_of(&who)? == login;
    let sessions = sessions::list(&site.world, &who.actor, &login, None).await?;
    let found = site.world.read(&who.actor, move |tx| look(tx, &login)).await?;
    let found = found.ok_or(missing)?;
    let shown = Shown { sessions, own, ..found };
    let title = format!("{} · {}", shown.account.login, shown.account.name);
    Ok(pages::page(&site, &who, &title, body(&site, &title, &shown, who.lang)))
}

fn look(tx: &mut Tx<'_>, login: &str) -> Result<Option<Shown>, StoreError> {
    let Some(account) = tx.get::<AccountRow>(login)? else { return Ok(None) };
    Ok(Some(Shown {
        invited: invitation::open_until(tx, login)?,
        locked: attempts::locked_until(tx, login)?,
        factor: second_factor::of(tx, login)?.is_some(),
        #[cfg(feature = "oidc")]
        linked: tx.get::<crate::store::SubjectRow>(login)?.is_some(),
        tokens: tokens::of_account(tx, login)?,
        sessions: Vec::new(),
        own: false,
        account,
    }))
}

async fn invite(
    State(site): Site_,
    who: Who,
    uri: Uri,
    headers: HeaderMap,
    Path(login): Path<String>,
) -> ApiResult<Markup> {
    let open = invitation::again(&site.world, &who.actor, &login).await?;
    site.signed_out();
    let link = invitation::link(&site, &uri, &headers, &open.code);
    Ok(invitation::shown(&site, &who, &open, &link))
}

async fn disable(State(site): Site_, who: Who, Path(login): Path<String>) -> ApiResult<Response> {
    accounts::disable(&site.world, &who.actor, &login).await?;
    site.signed_out();
    Ok(back(&site, &login))
}

async fn unlock(State(site): Site_, who: Who, Path(login): Path<String>) -> ApiResult<Response> {
    accounts::unlock(&site.world, &who.actor, &login).await?;
    Ok(back(&site, &login))
}

async fn remove_factor(
    State(site): Site_,
    who: Who,
    Path(login): Path<String>,
    Form(form): Form<ReasonForm>,
) -> ApiResult<Response> {
    second_factor::remove_of(&site.world, &who.actor, &login, &form.reason).await?;
    site.signed_out();
    Ok(back(&site, &login))
}

async fn end_all(State(site): Site_, who: Who, Path(login): Path<String>) -> ApiResult<Response> {
    sessions::end_others(&site.world, &who.actor, &login, None).await?;
    site.signed_out();
    Ok(back(&site, &login))
}

async fn end(State(site): Site_, who: Who, Path((login, id)): Path<(String, String)>) -> ApiResult<Response> {
    sessions::end(&site.world, &who.actor, &login, &id).await?;
    site.signed_out();
    Ok(back(&site, &login))
}

async fn issue(
    State(site): Site_,
    who: Who,
    Path(login): Path<String>,
    Form(form): Form<TokenForm>,
) -> ApiResult<Markup> {
    let token = tokens::create(&site.world, &who.actor, &login, form.name.trim()).await?;
    let title = who.lang.pick("令牌", "Token");
    let body = html! {
        main.narrow {
            h1 { (title) " · " (login) }
            p.note { (who.lang.pick("只显示这一次。填入接入的程序，以 Authorization: Bearer 发送。", "Shown once. The program sends it as Authorization: Bearer.")) }
            label { (title) input type="text" readonly value=(token); }
            p { a.button href=(site.url(&format!("/accounts/{login}"))) { (who.lang.pick("已收好", "Done")) } }
        }
    };
    Ok(pages::page(&site, &who, title, body))
}

async fn revoke(State(site): Site_, who: Who, Path((login, id)): Path<(String, String)>) -> ApiResult<Response> {
    tokens::revoke(&site.world, &who.actor, &id).await?;
    site.signed_out();
    Ok(back(&site, &login))
}

fn back(site: &Site, login: &str) -> Response {
    Redirect::to(&site.url(&format!("/accounts/{}", crate::percent(login)))).into_response()
}

fn body(site: &Site, title: &str, it: &Shown, lang: Lang) -> Markup {
    html! {
        main {
            h1 { (title) }
            p.small { a href=(site.url("/accounts")) { (lang.pick("账号管理", "Accounts")) } }
            div.columns {
                (standing(site, it, lang))
                (factor(site, it, lang))
                (open(site, it, lang))
                (programs(site, it, lang))
                (subject(site, it, lang))
            }
        }
    }
}

fn path(site: &Site, it: &Shown, verb: &str) -> String {
    site.url(&format!("/accounts/{}/{verb}", it.account.login))
}

fn standing(site: &Site, it: &Shown, lang: Lang) -> Markup {
    let account = &it.account;
    let areas = account.regions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let sure = match lang {
        Lang::Zh => format!("停用 {}？其已登录的窗口和令牌立即失效。", account.login),
        Lang::En => format!("Disable {}? Open windows and tokens end at once.", account.login),
    };
    let again = lang.pick(
        "重新邀请？原口令立即失效，已登录的窗口结束。",
        "Invite again? The password and open windows end at once.",
    );
    html! {
        section.card {
            header { h2 { (roles::title(&account.role).get(lang)) } }
            dl {
                dt { (lang.pick("责任区", "Duty areas")) } dd { (if areas.is_empty() { "—" } else { &areas }) }
                dt { (lang.pick("牌子", "Acting for")) } dd { (account.hat.as_deref().unwrap_or("—")) }
                dt { (lang.pick("状态", "State")) } dd {
                    @if account.disabled { (lang.pick("已停用", "disabled")) }
                    @else if let Some(until) = it.locked { (lang.pick("登录已锁定，至 ", "locked until ")) span.num { (until.clock()) } }
                    @else if let Some(until) = it.invited { (lang.pick("已邀请，链接有效至 ", "invited, the link holds until ")) span.num { (&until.wall()[..16]) } }
                    @else if account.password_hash.is_empty() { (lang.pick("未设口令，邀请已过期", "without a password, the invitation is over")) }
                    @else { (lang.pick("在用", "in use")) }
                }
            }
            @if !it.own {
                div.row {
                    form method="post" action=(path(site, it, "invite")) data-confirm=(again) {
                        button type="submit" { (lang.pick("重新邀请（忘记口令、重新启用）", "Invite again")) } }
                    @if it.locked.is_some() { form method="post" action=(path(site, it, "unlock")) {
                        button type="submit" { (lang.pick("解除锁定", "Unlock")) } } }
                    @if !account.disabled { form method="post" action=(path(site, it, "disable")) data-confirm=(sure) {
                        button.danger type="submit" { (lang.pick("停用", "Disable")) } } }
                }
            }
        }
    }
}

fn factor(site: &Site, it: &Shown, lang: Lang) -> Markup {
    html! {
        section.card {
            header { h2 { (lang.pick("动态口令", "Second factor")) } }
            p { (if it.factor { lang.pick("已启用", "set up") } else { lang.pick("未启用", "not set up") }) }
            @if it.factor && !it.own {
                form method="post" action=(path(site, it, "second-factor/remove")) {
                    label { (lang.pick("停用的原因（记入日志）", "Reason (journaled)")) input name="reason" required maxlength="200" autocomplete="off"; }
                    button.danger type="submit" { (lang.pick("停用动态口令", "Take the second factor off")) }
                }
            }
        }
    }
}

fn open(site: &Site, it: &Shown, lang: Lang) -> Markup {
    let login = &it.account.login;
    html! {
        section.card {
            header { h2 { (lang.pick("登录中的窗口", "Open sessions")) }
                @if !it.sessions.is_empty() { form.more method="post" action=(path(site, it, "sessions/end")) {
                    button type="submit" { (lang.pick("全部结束", "End all")) } } } }
            (sessions::table(site, lang, &format!("/accounts/{login}/sessions"), &it.sessions))
        }
    }
}

fn programs(site: &Site, it: &Shown, lang: Lang) -> Markup {
    html! {
        section.card {
            header { h2 { (lang.pick("令牌（程序以此账号接入）", "Tokens of programs")) } }
            table { tbody { @for token in &it.tokens { tr {
                td { (token.name) }
                td.num { (&token.made_at.wall()[..16]) }
                td { @if token.revoked { span.tag { (lang.pick("已收回", "revoked")) } }
                    @else { form method="post" action=(path(site, it, &format!("tokens/{}/revoke", token.id))) {
                        button.quiet type="submit" { (lang.pick("收回", "Revoke")) } } } }
            } } } }
            @if !it.account.disabled {
                form.row method="post" action=(path(site, it, "tokens")) {
                    input name="name" required maxlength="64" autocomplete="off" placeholder=(lang.pick("用途", "What for")) aria-label=(lang.pick("用途", "What for"));
                    button type="submit" { (lang.pick("发放", "Issue")) }
                }
            }
        }
    }
}

#[cfg(feature = "oidc")]
fn subject(site: &Site, it: &Shown, lang: Lang) -> Markup {
    crate::oidc::card(site, lang, &it.account.login, it.linked)
}

#[cfg(not(feature = "oidc"))]
fn subject(_: &Site, _: &Shown, _: Lang) -> Markup {
    Markup::default()
}
