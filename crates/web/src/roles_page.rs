//! Roles and what they may, in one table on screen; who holds them, and which need a second factor.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use anlan_kernel::{Lang, Permission};
use axum::{
    extract::{Form, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use crate::{Access, ApiResult, Mounted, Routes, Site, Who, accounts, pages, roles, second_factor};

const SEE: Access = Access::Any(&[Permission::ManageAccounts, Permission::Audit]);

/// The table, and the switch below it.
pub fn routes(site: &Arc<Site>) -> Mounted {
    Routes::new(site)
        .get("/roles", SEE, "角色与权限", "Roles and permissions", show)
        .post(
            "/roles/second-factor",
            Access::Needs(Permission::ManageAccounts),
            "哪些角色须用动态口令",
            "Which roles need a second factor",
            require,
        )
        .finish(Arc::clone(site))
}

async fn show(State(site): State<Arc<Site>>, who: Who) -> ApiResult<Markup> {
    let mut holders: BTreeMap<String, usize> = BTreeMap::new();
    for account in accounts::list(&site.world, &who.actor).await?.into_iter().filter(|it| !it.disabled) {
        *holders.entry(account.role).or_default() += 1;
    }
    let required = second_factor::required_roles(&site.world, &who.actor).await?;
    let lang = who.lang;
    let title = lang.pick("角色与权限", "Roles and permissions");
    let body = html! {
        main {
            h1 { (title) }
            p.soft.small { (lang.pick(
                "一个账号只有一个角色。三员分开：系统管理员、安全管理员、审计管理员没有共同的权限，也不参与值班。",
                "An account has one role. The three administrators are separated: they share no permission, and take no duty.")) }
            (table(&site, &holders, lang))
            (factors(&site, &required, who.may(Permission::ManageAccounts), lang))
        }
    };
    Ok(pages::page(&site, &who, title, body))
}

async fn require(
    State(site): State<Arc<Site>>,
    who: Who,
    Form(form): Form<HashMap<String, String>>,
) -> ApiResult<Response> {
    second_factor::require(&site.world, &who.actor, form.into_keys().collect()).await?;
    Ok(Redirect::to(&site.url("/roles")).into_response())
}

fn table(site: &Site, holders: &BTreeMap<String, usize>, lang: Lang) -> Markup {
    let may = |role: &str, it: &Permission| roles::permissions(role).is_some_and(|all| all.contains(it));
    html! {
        div.card.scroll tabindex="0" {
            table.permissions {
                thead {
                    tr {
                        th scope="col" { (lang.pick("权限", "Permission")) }
                        @for (_, zh, en) in roles::ALL { th scope="col" { (lang.pick(zh, en)) } }
                    }
                    tr {
                        th scope="row" { (lang.pick("在用账号", "Accounts in use")) }
                        @for (key, ..) in roles::ALL { td {
                            a.num href=(site.url(&format!("/accounts?role={key}"))) { (holders.get(*key).copied().unwrap_or_default()) }
                        } }
                    }
                }
                tbody { @for permission in Permission::ALL { tr {
                    th scope="row" { (permission.words().get(lang)) }
                    @for (key, ..) in roles::ALL { td {
                        @if may(key, permission) { span.done role="img" aria-label=(lang.pick("可以", "may")) { "✓" } }
                        @else { span.unseen { (lang.pick("不可以", "may not")) } }
                    } }
                } } }
            }
        }
    }
}

fn factors(site: &Site, required: &[String], manages: bool, lang: Lang) -> Markup {
    html! {
        section.card {
            header { h2 { (lang.pick("登录须用动态口令的角色", "Roles that need a second factor")) } }
            form.row method="post" action=(site.url("/roles/second-factor")) {
                @for (key, zh, en) in roles::ALL.iter().filter(|it| it.0 != "integrator") {
                    label.check { input type="checkbox" name=(key) value="1" checked[required.iter().any(|it| it == key)] disabled[!manages];
                        (lang.pick(zh, en)) }
                }
                @if manages { button type="submit" { (lang.pick("保存", "Save")) } }
            }
            p.soft.small { (lang.pick(
                "勾选后，没有启用动态口令的账号登录后只能打开“我的账号”，启用后才能继续；令牌不受影响。",
                "Accounts of these roles without one reach “My account” only, until it is set up. Tokens of programs are not affected.")) }
        }
    }
}
