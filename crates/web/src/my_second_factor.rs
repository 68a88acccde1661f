//! The own second factor on screen: set it up by QR code, new recovery codes, off again.

use std::sync::Arc;

use anlan_kernel::Lang;
use anlan_store::{StoreError, Urgency, WorldKind};
use axum::{
    extract::{Form, State},
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use crate::{
    Access, ApiError, ApiResult, Mounted, Routes, Site, Who, attempts, headers, login, me, pages, qr,
    second_factor::{self, recovery_codes, wrong_code},
    session::login_of,
    store::{AccountRow, FactorRow},
    totp,
    who::Lack,
};

#[derive(Deserialize)]
struct SetUpForm {
    draft: String,
    code: String,
    #[serde(default)]
    password: String,
}

#[derive(Deserialize)]
struct CodeForm {
    code: String,
}

/// Pages of the own second factor.
pub fn routes(site: &Arc<Site>) -> Mounted {
    let own = Access::SignedIn;
    Routes::new(site)
        .get("/me/second-factor", own, "我的动态口令", "My second factor", show)
        .post("/me/second-factor", own, "启用动态口令", "Set up the second factor", set_up)
        .post("/me/second-factor/recovery", own, "换一组备用码", "New recovery codes", renew)
        .post("/me/second-factor/remove", own, "停用动态口令", "Take the second factor off", remove)
        .finish(Arc::clone(site))
}

async fn show(State(site): State<Arc<Site>>, who: Who) -> ApiResult<Markup> {
    let login = login_of(&who)?;
    let account = me::own(&site.world, &login).await?;
    let factor = factor(&site, &who, &login).await?;
    let body = match factor {
        Some(factor) => kept(&site, &factor, who.lang),
        None => {
            let (secret, draft) = second_factor::draft(&site.world, &login)?;
            offered(&site, &who, &account, &secret, &draft, None)
        }
    };
    Ok(page(&site, &who, body))
}

async fn set_up(
    State(site): State<Arc<Site>>,
    who: Who,
    asked: HeaderMap,
    Form(form): Form<SetUpForm>,
) -> ApiResult<Response> {
    let login = login_of(&who)?;
    let account = me::own(&site.world, &login).await?;
    match begin(&site, &who, &account, &form).await {
        Ok(codes) => Ok(page(&site, &who, handed_out(&site, &codes, who.lang)).into_response()),
        Err(error) if headers::wants_page(&asked) && error.problem().code != "stale_draft" => {
            let secret = second_factor::open_draft(&site.world, &login, &form.draft)?;
            let words = error.problem().message.get(who.lang).to_owned();
            let body = offered(&site, &who, &account, &secret, &form.draft, Some(&words));
            Ok(login::refusal(&error, page(&site, &who, body)))
        }
        Err(error) => Err(error),
    }
}

/// Whoever sits at an open window without knowing the password binds no telephone of theirs to the account.
async fn begin(site: &Site, who: &Who, account: &AccountRow, form: &SetUpForm) -> ApiResult<Vec<String>> {
    if !account.password_hash.is_empty() {
        let of = attempts::subjects(&account.login, &who.actor.name);
        login::check(site, &account.login, &form.password, &of).await?;
        let done = move |tx: &mut anlan_store::Tx<'_>| attempts::undo(tx, &of);
        site.world.write("second_factor.password", Urgency::Urgent, &who.actor, done).await?;
    }
    Ok(second_factor::set_up(&site.world, &who.actor, &account.login, &form.draft, &form.code).await?)
}

async fn renew(State(site): State<Arc<Site>>, who: Who, Form(form): Form<CodeForm>) -> ApiResult<Response> {
    let login = login_of(&who)?;
    let codes = recovery_codes()?;
    let new = codes.clone();
    with_code(&site, &who, form.code, move |tx| second_factor::renew(tx, &login, &new)).await?;
    Ok(page(&site, &who, handed_out(&site, &codes, who.lang)).into_response())
}

async fn remove(State(site): State<Arc<Site>>, who: Who, Form(form): Form<CodeForm>) -> ApiResult<Response> {
    let account = me::own(&site.world, &login_of(&who)?).await?;
    with_code(&site, &who, form.code, move |tx| second_factor::remove(tx, &account, None)).await?;
    Ok(Redirect::to(&site.url("/me")).into_response())
}

/// Does something to the own factor once its code is right; wrong ones count as at the log-in.
async fn with_code(
    site: &Site,
    who: &Who,
    code: String,
    act: impl Fn(&mut anlan_store::Tx<'_>) -> Result<(), StoreError> + Send + 'static,
) -> ApiResult<()> {
    let login = login_of(who)?;
    let of = attempts::subjects(&login, &who.actor.name);
    login::begin(site, &of).await?;
    let key = site.world.keys().secrets();
    let right = site
        .world
        .write("second_factor.change", Urgency::Urgent, &who.actor, move |tx| {
            if second_factor::redeem(tx, &key, &login, &code)?.is_none() {
                return Ok(false);
            }
            attempts::undo(tx, &of)?;
            act(tx).map(|()| true)
        })
        .await?;
    if right { Ok(()) } else { Err(ApiError::from(wrong_code())) }
}

async fn factor(site: &Site, who: &Who, login: &str) -> Result<Option<FactorRow>, StoreError> {
    let login = login.to_owned();
    site.world.read(&who.actor, move |tx| second_factor::of(tx, &login)).await
}

fn page(site: &Site, who: &Who, body: Markup) -> Markup {
    let title = who.lang.pick("动态口令", "Second factor");
    pages::page(site, who, title, html! { main.narrow { h1 { (title) } (body) } })
}

/// Which of several systems a code is for, as the authenticator lists it.
fn issuer(site: &Site) -> String {
    let name = if site.speaker.is_empty() { "安澜".to_owned() } else { format!("安澜 {}", site.speaker) };
    if site.world.kind() == WorldKind::Real { name } else { format!("{name} {}", site.world.name()) }
}

fn offered(site: &Site, who: &Who, account: &AccountRow, secret: &[u8], draft: &str, wrong: Option<&str>) -> Markup {
    let lang = who.lang;
    let groups: Vec<char> = totp::base32(secret).chars().collect();
    let typed = groups.chunks(4).map(|it| it.iter().collect::<String>()).collect::<Vec<_>>().join(" ");
    html! {
        @if who.lacks == Lack::Required { p.note { (lang.pick("您的角色登录须用动态口令，启用后才能继续。", "Your role needs a second factor; set it up to go on.")) } }
        @if let Some(words) = wrong { p.wrong role="alert" { (words) } }
        ol {
            li { (lang.pick("在手机上打开任一身份验证器（按 RFC 6238 计算动态口令的应用），扫描下面的二维码。", "Open any authenticator (RFC 6238) on your telephone and scan this code.")) }
            li { (lang.pick("把它显示的 6 位数字填在下面。", "Type the six digits it shows.")) }
        }
        @if let Some(code) = qr(&totp::address(secret, &issuer(site), &account.login), lang) { div.qr-box { (code) } }
        p.small { (lang.pick("不能扫描时手工输入密钥：", "Where you cannot scan, type the key: ")) code.num { (typed) } }
        form method="post" action=(site.url("/me/second-factor")) {
            input type="hidden" name="draft" value=(draft);
            @if !account.password_hash.is_empty() {
                label { (lang.pick("登录口令", "Password")) input name="password" type="password" autocomplete="current-password" required; }
            }
            label { (lang.pick("动态口令", "Code"))
                input name="code" inputmode="numeric" autocomplete="one-time-code" required maxlength="12"; }
            button.main type="submit" { (lang.pick("启用", "Set up")) }
        }
        @if who.lacks != Lack::Required { p { a href=(site.url(first(who))) { (lang.pick("以后再说", "Not now")) } } }
    }
}

fn first(who: &Who) -> &'static str {
    if who.may(anlan_kernel::Permission::SeeDesk) { "/" } else { "/me" }
}

fn handed_out(site: &Site, codes: &[String], lang: Lang) -> Markup {
    html! {
        p.note { (lang.pick(
            "动态口令已启用。下面是备用码，只显示这一次：手机不在身边时，每个可代替动态口令登录一次。请打印或抄下，锁好。",
            "The second factor is set up. These recovery codes are shown once: without the telephone, each of them logs you in once. Print or copy them, and lock them away.")) }
        ul.codes { @for it in codes { li { code.num { (it) } } } }
        p.row { button type="button" data-print { (lang.pick("打印", "Print")) }
            a.button href=(site.url("/me")) { (lang.pick("已收好", "Done")) } }
    }
}

fn kept(site: &Site, factor: &FactorRow, lang: Lang) -> Markup {
    let left = factor.recovery.len();
    let ask = |path: &str, words: &str, danger: bool| {
        html! {
            form method="post" action=(site.url(path)) {
                label { (lang.pick("动态口令或备用码", "Code or recovery code"))
                    input name="code" autocomplete="one-time-code" autocapitalize="none" required maxlength="32"; }
                button.danger[danger] type="submit" { (words) }
            }
        }
    };
    html! {
        p { (lang.pick("已启用，始于 ", "Set up on ")) span.num { (factor.made_at.wall()[..16]) } }
        section.card {
            header { h2 { (lang.pick("备用码", "Recovery codes")) }
                span.more { @match lang { Lang::Zh => { "还剩 " (left) " 个" }, Lang::En => { (left) " left" } } } }
            (ask("/me/second-factor/recovery", lang.pick("换一组", "New codes"), false))
        }
        section.card {
            header { h2 { (lang.pick("停用", "Take it off")) } }
            (ask("/me/second-factor/remove", lang.pick("停用动态口令", "Take the second factor off"), true))
        }
    }
}
