//! The own account: what it may, another password, programs that act for it.

use std::sync::Arc;

use anlan_kernel::{Actor, Lang, Problem, Scope};
use anlan_store::{StoreError, World};
use axum::{
    Json,
    extract::{Form, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use crate::{
    Access, ApiError, ApiResult, Mounted, Routes, Site, Who, accounts, pages, password, roles, session::login_of,
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

async fn show(State(site): State<Arc<Site>>, who: Who) -> ApiResult<Markup> {
    let account = own(&site.world, &login_of(&who)?).await?;
    Ok(pages::page(&site, &who, who.lang.pick("我的账号", "My account"), body(&site, &account, who.lang)))
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

async fn own(world: &World, login: &str) -> Result<AccountRow, StoreError> {
    let login = login.to_owned();
    let missing = accounts::missing(&login);
    let found = world.read(&Actor::system("me"), move |tx| tx.get::<AccountRow>(&login)).await?;
    found.ok_or_else(|| missing.into())
}

fn body(site: &Site, account: &AccountRow, lang: Lang) -> Markup {
    let regions = account.regions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    html! {
        main.narrow {
            h1 { (lang.pick("我的账号", "My account")) }
            section.card {
                header { h2 { (account.name) } }
                dl {
                    dt { (lang.pick("登录名", "Log-in")) } dd { (account.login) }
                    dt { (lang.pick("角色", "Role")) } dd { (roles::title(&account.role).get(lang)) }
                    dt { (lang.pick("牌子", "Acting for")) } dd { (account.hat.as_deref().unwrap_or("—")) }
                    dt { (lang.pick("责任区", "Duty areas")) } dd { (if regions.is_empty() { "—" } else { &regions }) }
                }
            }
            p { (pages::language_switch(site, lang)) }
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
