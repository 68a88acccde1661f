//! The first administrator, made with a one-time code.

use std::sync::Arc;

use anlan_kernel::Lang;
use axum::{
    extract::{Form, State},
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use crate::{Access, ApiError, ApiResult, Mounted, Routes, Site, Who, accounts, headers, pages, password};

#[derive(Deserialize)]
struct FirstForm {
    code: String,
    login: String,
    password: String,
}

/// The page of the first start.
pub fn routes(site: &Arc<Site>) -> Mounted {
    Routes::new(site)
        .get("/first", Access::Public, "首次启用页", "Page of the first start", show)
        .post("/first", Access::Public, "用启用码建立安全管理员", "Make the security administrator with the code", make)
        .finish(Arc::clone(site))
}

async fn show(State(site): State<Arc<Site>>, who: Who) -> ApiResult<Response> {
    if !accounts::is_empty(&site.world).await? {
        return Ok(Redirect::to(&site.url("/login")).into_response());
    }
    Ok(form(&site, who.lang, "", None).into_response())
}

async fn make(
    State(site): State<Arc<Site>>,
    who: Who,
    asked: HeaderMap,
    Form(first): Form<FirstForm>,
) -> ApiResult<Response> {
    let login = first.login.trim().to_lowercase();
    match accounts::create_first(&site.world, &first.code, &login, &first.password).await.map_err(ApiError::from) {
        Ok(()) => Ok(Redirect::to(&site.url("/login")).into_response()),
        Err(error) if headers::wants_page(&asked) && error.status().is_client_error() => {
            let words = error.problem().message.get(who.lang).to_owned();
            Ok((error.status(), form(&site, who.lang, &login, Some(&words))).into_response())
        }
        Err(error) => Err(error),
    }
}

fn form(site: &Site, lang: Lang, login: &str, wrong: Option<&str>) -> Markup {
    let title = lang.pick("首次启用", "First start");
    pages::bare_page(
        site,
        lang,
        title,
        html! {
            main.narrow {
                h1 { (title) }
                p { (lang.pick(
                    "启动时打印了一个一次性启用码。用它建立第一个安全管理员；系统管理员和审计管理员再由安全管理员建立，三者分开。",
                    "A one-time code was printed at the start. Make the first security administrator with it; that one makes the system and the audit administrator. The three stay separate.")) }
                @if let Some(words) = wrong { p.wrong role="alert" { (words) } }
                form method="post" action=(site.url("/first")) {
                    label { (lang.pick("启用码", "Code")) input name="code" autocomplete="off" autocapitalize="none" required autofocus; }
                    label { (lang.pick("登录名", "Log-in")) input name="login" value=(login) autocomplete="username" autocapitalize="none" required maxlength="32"; }
                    label { (lang.pick("口令", "Password"))
                        input name="password" type="password" autocomplete="new-password" required minlength=(password::SHORTEST) maxlength=(password::LONGEST) aria-describedby="password-rule"; }
                    p.soft.small #password-rule { (password::rule(lang)) }
                    button.main type="submit" { (lang.pick("建立安全管理员", "Make the security administrator")) }
                }
            }
        },
    )
}
