//! Accounts on screen (账号管理), for the security administrator.

use std::sync::Arc;

use anlan_kernel::{Lang, Permission, Problem, RegionCode};
use axum::{
    extract::{Form, Path, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use crate::{
    Access, ApiResult, Mounted, Routes, Site, Who,
    accounts::{self, Account, NewAccount},
    pages, password, roles,
};

#[derive(Deserialize)]
struct AccountForm {
    login: String,
    password: String,
    name: String,
    role: String,
    #[serde(default)]
    regions: String,
    #[serde(default)]
    hat: String,
}

/// The page and what its buttons do.
pub fn routes(site: &Arc<Site>) -> Mounted {
    let manage = Access::Needs(Permission::ManageAccounts);
    Routes::new(site)
        .get("/accounts", manage, "账号管理", "Accounts", show)
        .post("/accounts", manage, "建立账号", "Make an account", create)
        .post("/accounts/{login}/disable", manage, "停用账号", "Disable an account", disable)
        .post("/accounts/{login}/unlock", manage, "解除登录锁定", "Unlock an account", unlock)
        .finish(Arc::clone(site))
}

async fn show(State(site): State<Arc<Site>>, who: Who) -> ApiResult<Markup> {
    let all = accounts::list(&site.world, &who.actor).await?;
    let title = who.lang.pick("账号管理", "Accounts");
    let body = html! {
        main {
            h1 { (title) }
            (table(&site, &all, who.lang))
            (form(&site, who.lang))
        }
    };
    Ok(pages::page(&site, &who, title, body))
}

async fn create(State(site): State<Arc<Site>>, who: Who, Form(form): Form<AccountForm>) -> ApiResult<Response> {
    let new = NewAccount {
        login: form.login.trim().to_lowercase(),
        password: form.password,
        name: form.name.trim().to_owned(),
        role: form.role,
        regions: regions(&form.regions)?,
        hat: Some(form.hat.trim().to_owned()).filter(|it| !it.is_empty()),
    };
    accounts::create(&site.world, &who.actor, new).await?;
    Ok(back(&site))
}

async fn disable(State(site): State<Arc<Site>>, who: Who, Path(login): Path<String>) -> ApiResult<Response> {
    accounts::disable(&site.world, &who.actor, &login).await?;
    site.signed_out();
    Ok(back(&site))
}

async fn unlock(State(site): State<Arc<Site>>, who: Who, Path(login): Path<String>) -> ApiResult<Response> {
    accounts::unlock(&site.world, &who.actor, &login).await?;
    Ok(back(&site))
}

fn back(site: &Site) -> Response {
    Redirect::to(&site.url("/accounts")).into_response()
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

fn table(site: &Site, all: &[Account], lang: Lang) -> Markup {
    let heads = match lang {
        Lang::Zh => ["登录名", "姓名", "角色", "责任区", "牌子", ""],
        Lang::En => ["Log-in", "Name", "Role", "Duty areas", "Acting for", ""],
    };
    html! {
        div.card.scroll {
            table {
                thead { tr { @for head in heads { th { (head) } } } }
                tbody { @for account in all { (row(site, account, lang)) } }
            }
        }
    }
}

fn row(site: &Site, account: &Account, lang: Lang) -> Markup {
    let path = |verb: &str| site.url(&format!("/accounts/{}/{verb}", account.login));
    let areas = account.regions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    html! {
        tr {
            td { (account.login) }
            td { (account.name) }
            td { (roles::title(&account.role).get(lang)) }
            td { (areas) }
            td { (account.hat.as_deref().unwrap_or_default()) }
            td {
                @if account.disabled { span.tag { (lang.pick("已停用", "disabled")) } }
                @else {
                    div.row {
                        form method="post" action=(path("unlock")) { button.quiet type="submit" { (lang.pick("解除锁定", "Unlock")) } }
                        form method="post" action=(path("disable")) data-confirm=(sure(&account.login, lang)) {
                            button.danger type="submit" { (lang.pick("停用", "Disable")) }
                        }
                    }
                }
            }
        }
    }
}

fn sure(login: &str, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("停用 {login}？其已登录的窗口和令牌立即失效。"),
        Lang::En => format!("Disable {login}? Open windows and tokens end at once."),
    }
}

fn form(site: &Site, lang: Lang) -> Markup {
    html! {
        section.card {
            header { h2 { (lang.pick("建立账号", "Make an account")) } }
            form method="post" action=(site.url("/accounts")) {
                label { (lang.pick("登录名", "Log-in")) input name="login" autocomplete="off" autocapitalize="none" required maxlength="32"; }
                label { (lang.pick("姓名", "Name")) input name="name" autocomplete="off" required maxlength="64"; }
                label { (lang.pick("角色", "Role"))
                    select name="role" { @for (key, zh, en) in roles::ALL { option value=(key) { (lang.pick(zh, en)) } } } }
                label { (lang.pick("责任区（区划代码，可多个）", "Duty areas (region codes)")) input name="regions" autocomplete="off"; }
                label { (lang.pick("牌子", "Acting for")) input name="hat" autocomplete="off"; }
                label { (lang.pick("初始口令", "First password"))
                    input name="password" type="password" autocomplete="new-password" required minlength=(password::SHORTEST) maxlength=(password::LONGEST) aria-describedby="password-rule"; }
                p.soft.small #password-rule { (password::rule(lang)) }
                button.main type="submit" { (lang.pick("建立账号", "Make an account")) }
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
