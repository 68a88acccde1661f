//! Find over HTTP: JSON for suggestions and programs.

use std::{collections::BTreeMap, sync::Arc};

use anlan_kernel::{Lang, Permission};
use anlan_store::{StoreError, Tx};
use anlan_web::{Access, ApiError, ApiResult, Mounted, Routes, Site, Who, percent};
use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{Ask, Hit, ORGANISATION, PERSON, POST, REGION, fill, pages, search};
use crate::model::masked_name;

/// Hits of one answer where nothing is said.
const USUAL: usize = 20;
/// Most hits of one answer.
const MOST: usize = 100;
/// What [`Permission::SeePeople`] shows.
pub(super) const OF_PEOPLE: [&str; 3] = [PERSON, POST, ORGANISATION];
/// What stands open without [`Permission::SeeRegister`].
const OF_ROSTERS: [&str; 4] = [PERSON, POST, ORGANISATION, REGION];

/// Routes of the box and of its answers.
pub fn routes(site: &Arc<Site>) -> Mounted {
    Routes::new(site)
        .get("/find", Access::SignedIn, "查找", "Find", pages::page_of_answers)
        .get(
            "/api/v1/find",
            Access::SignedIn,
            "查找：名称、拼音、首字母、号码尾数、信用代码、车牌、地址",
            "Find by name, spelling, initials, end of a number, credit code, plate or address",
            answers,
        )
        .finish(Arc::clone(site))
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct FindQuery {
    pub q: Option<String>,
    pub kinds: Option<String>,
    pub limit: Option<usize>,
}

/// What the reader may see, and asks for.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub text: String,
    pub kinds: Option<Vec<String>>,
    pub clear: bool,
    people: bool,
}

impl Question {
    /// # Errors
    /// 403 where the reader may see neither people nor the register.
    pub fn of(who: &Who, query: &FindQuery) -> ApiResult<Self> {
        let (people, register) = (who.may(Permission::SeePeople), who.may(Permission::SeeRegister));
        if !people && !register {
            return Err(ApiError::of(StatusCode::FORBIDDEN));
        }
        let named = query.kinds.as_deref().filter(|it| !it.trim().is_empty());
        let mut kinds: Option<Vec<String>> = named.map(|it| it.split(',').map(|it| it.trim().to_owned()).collect());
        if !register {
            let wanted = kinds.unwrap_or_else(|| OF_ROSTERS.map(str::to_owned).to_vec());
            kinds = Some(wanted.into_iter().filter(|it| OF_ROSTERS.contains(&it.as_str())).collect());
        }
        let clear = who.may(Permission::Unmask) || who.may(Permission::EditPeople);
        Ok(Self { text: query.q.clone().unwrap_or_default(), kinds, clear, people })
    }

    /// Asks with it: of these kinds only, where some are named.
    pub fn ask<T>(&self, kinds: Option<&[&str]>, most: usize, with: impl FnOnce(&Ask<'_>) -> T) -> T {
        let own: Option<Vec<&str>> = self.kinds.as_ref().map(|it| it.iter().map(String::as_str).collect());
        let without: &[&str] = if self.people { &[] } else { &OF_PEOPLE };
        with(&Ask { text: &self.text, kinds: kinds.or(own.as_deref()), without, most, clear: self.clear })
    }
}

/// A hit with where to go.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Answer {
    #[serde(flatten)]
    pub hit: Hit,
    /// The kind in the reader's language.
    pub kind_name: String,
    /// Where it is shown.
    pub url: String,
}

async fn answers(State(site): State<Arc<Site>>, who: Who, Query(query): Query<FindQuery>) -> ApiResult<Response> {
    let question = Question::of(&who, &query)?;
    let (most, lang, shown) = (query.limit.unwrap_or(USUAL).clamp(1, MOST), who.lang, Arc::clone(&site));
    let items = site
        .world
        .read(&who.actor, move |tx| {
            let hits = question.ask(None, most, |ask| search(tx, ask))?;
            dressed(tx, &shown, lang, &question, hits)
        })
        .await?;
    Ok(Json(serde_json::json!({"items": items})).into_response())
}

/// Hits with names of their kinds, holders of posts, and links.
pub(super) fn dressed(
    tx: &mut Tx<'_>,
    site: &Site,
    lang: Lang,
    question: &Question,
    hits: Vec<Hit>,
) -> Result<Vec<Answer>, StoreError> {
    let posts: Vec<&str> = hits.iter().filter(|it| it.kind == POST).map(|it| it.subject.as_str()).collect();
    let holders = if posts.is_empty() { BTreeMap::new() } else { fill::holders(tx, &posts)? };
    let answers = hits.into_iter().map(|mut hit| {
        let mut name = hit.title.clone();
        if let Some((_, holder)) = holders.get(&hit.subject) {
            name = if question.clear { holder.clone() } else { masked_name(holder) };
            hit.detail = format!("{name} · {}", hit.detail);
        }
        let words =
            if question.clear || hit.kind == REGION || hit.kind == ORGANISATION { &name } else { &question.text };
        let url = site.url(&path_of(&hit, words));
        Answer { kind_name: kind_name(site, &hit.kind, lang), hit, url }
    });
    Ok(answers.collect())
}

fn path_of(hit: &Hit, words: &str) -> String {
    match hit.kind.as_str() {
        PERSON | POST => format!("/people?q={}", percent(words)),
        ORGANISATION | REGION => format!("/find?kinds={POST}&q={}", percent(words)),
        _ => format!("/records/{}", percent(&hit.subject)),
    }
}

/// The kind as screens call it.
pub(super) fn kind_name(site: &Site, kind: &str, lang: Lang) -> String {
    let name = match kind {
        PERSON => lang.pick("责任人", "People"),
        POST => lang.pick("岗位", "Posts"),
        ORGANISATION => lang.pick("单位", "Organisations"),
        REGION => lang.pick("区划", "Regions"),
        other => return site.kind_words(other, lang).unwrap_or_else(|| other.to_owned()),
    };
    name.to_owned()
}
