//! Accounts on screen (账号管理): the list for whoever manages or audits, and the invitation of somebody new.

use std::sync::Arc;

use anlan_kernel::{Lang, Permission, Problem, RegionCode};
use axum::{
    extract::{Form, State},
    http::{HeaderMap, Uri},
};
use maud::{Markup, html};
use serde::Deserialize;

use crate::{
    Access, ApiResult, Mounted, Routes, Site, Who,
    accounts::{self, Invitee},
    invitation,
    list::{Asked, Asking, Column, Condition, Filter, Found, Kind, List, Part, View, pattern},
    pages, roles,
    store::AccountRow,
};

/// Accounts are managed by one administrator and looked at by another.
const SEE: Access = Access::Any(&[Permission::ManageAccounts, Permission::Audit]);

static LIST: List = List {
    path: "/accounts",
    columns: &[
        Column { key: "login", words: ("登录名", "Log-in"), order: "login" },
        Column { key: "", words: ("姓名", "Name"), order: "" },
        Column { key: "role", words: ("角色", "Role"), order: "role" },
        Column { key: "", words: ("责任区", "Duty areas"), order: "" },
        Column { key: "hat", words: ("牌子", "Acting for"), order: "hat" },
        Column { key: "made", words: ("建立于", "Made"), order: "made_at" },
        Column { key: "", words: ("状态", "State"), order: "" },
    ],
    filters: &[
        Filter { name: "q", words: ("登录名、姓名", "Log-in, name"), kind: Kind::Text },
        Filter { name: "role", words: ("角色", "Role"), kind: Kind::Choice(roles::ALL) },
        Filter { name: "state", words: ("状态", "State"), kind: Kind::Choice(STATES) },
    ],
    order: "login",
};
const STATES: &[(&str, &str, &str)] =
    &[("open", "在用", "in use"), ("invited", "未设口令", "without a password"), ("disabled", "已停用", "disabled")];

#[derive(Deserialize)]
struct InviteForm {
    login: String,
    name: String,
    role: String,
    #[serde(default)]
    regions: String,
    #[serde(default)]
    hat: String,
}

/// The list, and what its form does.
pub fn routes(site: &Arc<Site>) -> Mounted {
    Routes::new(site)
        .get("/accounts", SEE, "账号管理", "Accounts", show)
        .post(
            "/accounts",
            Access::Needs(Permission::ManageAccounts),
            "建立账号并邀请",
            "Make an account and invite",
            invite,
        )
        .finish(Arc::clone(site))
}

async fn show(State(site): State<Arc<Site>>, who: Who, address: Asking) -> ApiResult<Markup> {
    let asked = LIST.asked(&address);
    let (words, of) = (asked.clone(), condition(&asked));
    let found = site.world.read(&who.actor, move |tx| words.find::<AccountRow>(tx, of(), Part::Page)).await?;
    let title = who.lang.pick("账号管理", "Accounts");
    let manages = who.may(Permission::ManageAccounts);
    let body = html! {
        main {
            h1 { (title) }
            (table(&site, &asked, &found, manages, who.lang))
            @if manages { (form(&site, who.lang)) }
        }
    };
    Ok(pages::page(&site, &who, title, body))
}

fn condition(asked: &Asked) -> impl Fn() -> Condition + Send + 'static {
    let get = |name: &str| asked.get(name).to_owned();
    let (letters, role, state) = (get("q"), get("role"), get("state"));
    move || {
        let mut by = Condition::default();
        if !letters.is_empty() {
            by.and("(login LIKE ? ESCAPE '!' OR LOWER(name) LIKE ? ESCAPE '!')", pattern(&letters));
        }
        if !role.is_empty() {
            by.and("role = ?", &role);
        }
        match state.as_str() {
            "open" => by.plain("disabled = 0 AND password_hash <> ''"),
            "invited" => by.plain("disabled = 0 AND password_hash = ''"),
            "disabled" => by.plain("disabled = 1"),
            _ => {}
        }
        by
    }
}

async fn invite(
    State(site): State<Arc<Site>>,
    who: Who,
    uri: Uri,
    headers: HeaderMap,
    Form(form): Form<InviteForm>,
) -> ApiResult<Markup> {
    let new = Invitee {
        login: form.login.trim().to_lowercase(),
        name: form.name.trim().to_owned(),
        role: form.role,
        regions: regions(&form.regions)?,
        hat: Some(form.hat.trim().to_owned()).filter(|it| !it.is_empty()),
    };
    let made = accounts::invite(&site.world, &who.actor, new).await?;
    let link = invitation::link(&site, &uri, &headers, &made.code);
    Ok(invitation::shown(&site, &who, &made, &link))
}

/// Codes as people write them: with spaces, commas or semicolons between.
fn regions(text: &str) -> Result<Vec<RegionCode>, Problem> {
    text.split(|c: char| c.is_whitespace() || [',', ';', '，', '；', '、'].contains(&c))
        .filter(|it| !it.is_empty())
        .map(|it| {
            RegionCode::parse(it).map_err(|_| {
                let zh = format!("“{it}”不是区划代码：应为 2 至 18 位数字");
                let en = format!("{it:?} is no region code: 2 to 18 digits are expected");
                Problem::new("bad_regions", zh, en).field("regions")
            })
        })
        .collect()
}

fn table(site: &Site, asked: &Asked, found: &Found<AccountRow>, manages: bool, lang: Lang) -> Markup {
    let rows = html! {
        @for it in &found.items {
            tr {
                td { @if manages { a href=(site.url(&format!("/accounts/{}", it.login))) { (it.login) } } @else { (it.login) } }
                td { (it.name) }
                td { (roles::title(&it.role).get(lang)) }
                td { (it.regions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")) }
                td { (it.hat.as_deref().unwrap_or_default()) }
                td.num { (&it.made_at.wall()[..10]) }
                td { @let state = state(it); @if state.0 != "open" { span.tag { (lang.pick(state.1, state.2)) } } }
            }
        }
    };
    asked.show(site, lang, View { id: "accounts", live: "", found, options: &[], rows, export: false })
}

/// Where an account stands, one of [`STATES`].
fn state(account: &AccountRow) -> (&'static str, &'static str, &'static str) {
    STATES[if account.disabled { 2 } else { usize::from(account.password_hash.is_empty()) }]
}

fn form(site: &Site, lang: Lang) -> Markup {
    html! {
        section.card {
            header { h2 { (lang.pick("建立账号", "Make an account")) } }
            form method="post" action=(site.url("/accounts")) {
                label { (lang.pick("登录名", "Log-in")) input name="login" autocomplete="off" autocapitalize="none" required maxlength="32"; }
                label { (lang.pick("姓名", "Name")) input name="name" autocomplete="off" required maxlength="64"; }
                label { (lang.pick("角色", "Role")) " " a.small href=(site.url("/roles")) { (lang.pick("各角色能做什么", "what each may do")) }
                    select name="role" { @for (key, zh, en) in roles::ALL { option value=(key) { (lang.pick(zh, en)) } } } }
                label { (lang.pick("责任区（区划代码，可多个）", "Duty areas (region codes)")) input name="regions" autocomplete="off"; }
                label { (lang.pick("牌子", "Acting for")) input name="hat" autocomplete="off"; }
                p.soft.small { (lang.pick("建立后给出一次性邀请链接，本人打开它设置口令；您不会知道口令。", "You get a link that holds once: its holder chooses the password, which you never know.")) }
                button.main type="submit" { (lang.pick("建立并邀请", "Make it and invite")) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_codes_are_read_as_people_write_them() {
        let codes = regions(" 440303, 440304；440305 ").unwrap();
        assert_eq!(codes.iter().map(RegionCode::as_str).collect::<Vec<_>>(), ["440303", "440304", "440305"]);
        assert_eq!(regions("罗湖").unwrap_err().code, "bad_regions");
    }
}
