//! Which subject of the identity provider an account belongs to; kept by the security administrator.

use std::sync::Arc;

use anlan_kernel::{Actor, Lang, Permission, Problem};
use anlan_store::{Event, StoreError, Urgency, World, params};
use axum::{
    extract::{Form, Path, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::subject_hash;
use crate::{
    Access, ApiError, ApiResult, Mounted, Routes, Site, Who, accounts,
    store::{AccountRow, SubjectRow},
};

#[derive(Deserialize)]
struct SubjectForm {
    #[serde(default)]
    subject: String,
}

/// The form of an account's page.
pub fn routes(site: &Arc<Site>) -> Mounted {
    let manage = Access::Needs(Permission::ManageAccounts);
    Routes::new(site)
        .post("/accounts/{login}/subject", manage, "账号对应的统一身份", "Subject of an account", set)
        .finish(Arc::clone(site))
}

async fn set(
    State(site): State<Arc<Site>>,
    who: Who,
    Path(login): Path<String>,
    Form(form): Form<SubjectForm>,
) -> ApiResult<Response> {
    let provider = site.oidc().ok_or_else(ApiError::not_found)?;
    match form.subject.trim() {
        "" => unlink(&site.world, &who.actor, &login).await?,
        it => link(&site.world, &who.actor, &login, &subject_hash(&provider.issuer, it)).await?,
    }
    Ok(Redirect::to(&site.url(&format!("/accounts/{}", crate::percent(&login)))).into_response())
}

async fn link(world: &World, by: &Actor, login: &str, hash: &str) -> Result<(), StoreError> {
    let (login, hash) = (login.to_owned(), hash.to_owned());
    world
        .write("oidc_subject.link", Urgency::Urgent, by, move |tx| {
            tx.get::<AccountRow>(&login)?.ok_or_else(|| accounts::missing(&login))?;
            let known: Vec<SubjectRow> = tx.find("subject_hash = $1", "", params![&hash])?;
            if let Some(other) = known.first().filter(|it| it.login != login) {
                return Err(taken(&other.login).into());
            }
            tx.put(&SubjectRow { login: login.clone(), subject_hash: hash.clone(), made_at: tx.now() })?;
            tx.record(Event::new("oidc_subject.linked", &login))
        })
        .await
}

async fn unlink(world: &World, by: &Actor, login: &str) -> Result<(), StoreError> {
    let login = login.to_owned();
    world
        .write("oidc_subject.unlink", Urgency::Urgent, by, move |tx| {
            if tx.delete::<SubjectRow>(&login)? {
                tx.record(Event::new("oidc_subject.unlinked", &login))?;
            }
            Ok(())
        })
        .await
}

fn taken(login: &str) -> Problem {
    Problem::new(
        "subject_taken",
        format!("这个统一身份已对应账号 {login}"),
        format!("this subject belongs to the account {login}"),
    )
    .field("subject")
}

/// The card on the page of an account.
pub fn card(site: &Site, lang: Lang, login: &str, linked: bool) -> Markup {
    html! {
        @if let Some(provider) = site.oidc() {
            section.card {
                header { h2 { (lang.pick("统一身份认证", "Identity provider")) } }
                p.small { (provider.issuer) " · " (if linked { lang.pick("已对应", "linked") } else { lang.pick("未对应", "not linked") }) }
                form method="post" action=(site.url(&format!("/accounts/{login}/subject"))) {
                    label { (lang.pick("用户标识 sub（留空为取消对应）", "Subject (sub); empty takes it away"))
                        input name="subject" maxlength="255" autocomplete="off"; }
                    button type="submit" { (lang.pick("保存", "Save")) }
                }
            }
        }
    }
}
