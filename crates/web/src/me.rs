//! The own account: what it may, another password, programs that act for it.

use std::sync::Arc;

use anlan_kernel::{Actor, Lang, Problem, Scope};
use anlan_store::{StoreError, World};
use axum::{
    Json,
    extract::{Form, Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use crate::{
    Access, ApiError, ApiResult, Mounted, Routes, Site, Who, accounts, cookies, pages, password, roles, second_factor,
    session::{self, login_of},
    sessions::{self, Open},
    store::AccountRow,
};

#[derive(Deserialize)]
struct PasswordForm {
    old: String,
    new: String,
}

/// Pages and API of the own account.
pub fn routes(site: &Arc<Site>) -> Mounted {
    Routes::new(site)
        .get("/me", Access::SignedIn, "我的账号", "My account", show)
        .post("/me/password", Access::SignedIn, "改口令", "Change the password", change)
        .post("/me/sessions/{id}/end", Access::SignedIn, "结束自己的一个登录窗口", "End one of the own sessions", end)
        .post("/me/sessions/end", Access::SignedIn, "结束自己的其他登录窗口", "End the other own sessions", end_others)
        .get("/api/v1/me", Access::SignedIn, "当前账号", "The account of this credential", who_am_i)
        .get("/api/v1/world", Access::SignedIn, "实战、演练还是回放，与其时钟", "The world and its clock", world)
        .finish(Arc::clone(site))
}

async fn who_am_i(State(site): State<Arc<Site>>, who: Who) -> Json<Json_> {
    let regions = match &who.actor.scope {
        Scope::Everywhere => json!("everywhere"),
        Scope::Regions(regions) => json!(regions),
    };
    Json(json!({
        "account": who.login(), "name": who.name, "hat": who.actor.hat, "regions": regions,
        "permissions": who.permissions, "world": site.world.name(), "kind": site.world.kind(),
    }))
}

async fn world(State(site): State<Arc<Site>>) -> ApiResult<Json<Json_>> {
    let position = pages::sealed_position(&site.world).await?;
    Ok(Json(json!({
        "world": site.world.name(), "kind": site.world.kind(), "now": site.world.now(),
        "driven": site.world.clock().is_driven(), "position": position,
    })))
}

async fn show(State(site): State<Arc<Site>>, who: Who, headers: HeaderMap) -> ApiResult<Markup> {
    let login = login_of(&who)?;
    let account = own(&site.world, &login).await?;
    let open = sessions::list(&site.world, &who.actor, &login, here(&site, &headers).as_deref()).await?;
    let factor = site.world.read(&who.actor, move |tx| second_factor::of(tx, &login)).await?;
    let body = body(&site, &account, factor.is_some(), &open, who.lang);
    Ok(pages::page(&site, &who, who.lang.pick("我的账号", "My account"), body))
}

async fn end(State(site): State<Arc<Site>>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    sessions::end(&site.world, &who.actor, &login_of(&who)?, &id).await?;
    site.signed_out();
    Ok(Redirect::to(&site.url("/me")).into_response())
}

async fn end_others(State(site): State<Arc<Site>>, who: Who, headers: HeaderMap) -> ApiResult<Response> {
    sessions::end_others(&site.world, &who.actor, &login_of(&who)?, here(&site, &headers).as_deref()).await?;
    site.signed_out();
    Ok(Redirect::to(&site.url("/me")).into_response())
}

/// The digest of the session that asks.
fn here(site: &Site, headers: &HeaderMap) -> Option<String> {
    cookies::get(headers, &cookies::session_name(site)).map(session::session_hash)
}

async fn change(State(site): State<Arc<Site>>, who: Who, Form(form): Form<PasswordForm>) -> ApiResult<Response> {
    let account = own(&site.world, &login_of(&who)?).await?;
    if !password::verify(&form.old, Some(&account.password_hash)).await? {
        let wrong = Problem::new("wrong_password", "原口令不对", "the old password is wrong").field("old");
        return Err(ApiError::new(StatusCode::FORBIDDEN, wrong));
    }
    accounts::set_password(&site.world, &who.actor, &account.login, &form.new).await?;
    site.signed_out();
    Ok(Redirect::to(&site.url("/login")).into_response())
}

pub(crate) async fn own(world: &World, login: &str) -> Result<AccountRow, StoreError> {
    let login = login.to_owned();
    let missing = accounts::missing(&login);
    let found = world.read(&Actor::system("me"), move |tx| tx.get::<AccountRow>(&login)).await?;
    found.ok_or_else(|| missing.into())
}

fn body(site: &Site, account: &AccountRow, factor: bool, open: &[Open], lang: Lang) -> Markup {
    let regions = account.regions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    html! {
        main.narrow {
            h1 { (lang.pick("我的账号", "My account")) }
            section.card {
                header { h2 { (account.name) } }
                dl {
                    dt { (lang.pick("登录名", "Log-in")) } dd { (account.login) }
                    dt { (lang.pick("角色", "Role")) } dd { (roles::title(&account.role).get(lang)) }
                    dt { (lang.pick("牌子", "Acting for")) } dd { (account.hat.as_deref().unwrap_or("—")) " " a href=(site.url("/me/hat")) { (lang.pick("换牌子", "change")) } }
                    dt { (lang.pick("责任区", "Duty areas")) } dd { (if regions.is_empty() { "—" } else { &regions }) }
                }
            }
            p { (pages::language_switch(site, lang)) }
            section.card {
                header { h2 { (lang.pick("动态口令", "Second factor")) } }
                p { (if factor { lang.pick("已启用：登录时还要输入手机上的 6 位数字。", "Set up: the log-in also asks for six digits of your telephone.") }
                    else { lang.pick("未启用。启用后，光有口令登录不了您的账号。", "Not set up. With it, the password alone opens nothing.") }) }
                p { a.button href=(site.url("/me/second-factor")) { (if factor { lang.pick("管理", "Manage") } else { lang.pick("启用", "Set up") }) } }
            }
            section.card {
                header { h2 { (lang.pick("登录中的窗口", "Open sessions")) }
                    @if open.len() > 1 {
                        form.more method="post" action=(site.url("/me/sessions/end")) {
                            button type="submit" { (lang.pick("结束其他所有窗口", "End all the others")) }
                        }
                    }
                }
                (sessions::table(site, lang, "/me/sessions", open))
            }
            section.card {
                header { h2 { (lang.pick("改口令", "Change the password")) } }
                form method="post" action=(site.url("/me/password")) {
                    label { (lang.pick("原口令", "Old password"))
                        input name="old" type="password" autocomplete="current-password" required; }
                    label { (lang.pick("新口令", "New password"))
                        input name="new" type="password" autocomplete="new-password" required minlength=(password::SHORTEST) maxlength=(password::LONGEST) aria-describedby="password-rule"; }
                    p.soft.small #password-rule { (password::rule(lang)) }
                    p.soft.small { (lang.pick("改后所有已登录的窗口都要重新登录。", "Every open window has to log in again.")) }
                    button.main type="submit" { (lang.pick("改口令", "Change the password")) }
                }
            }
        }
    }
}
