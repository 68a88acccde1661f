//! The audiences packs define: how many people each means now, and one kept to be called.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anlan_kernel::{Lang, Permission as P, Problem};
use anlan_web::{Access, ApiError, ApiResult, Mounted, Routes, Site, Who, page};
use axum::{
    Json,
    extract::{Form, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::{add_of_records, keep, of_rule};
use crate::{
    kinds::{AudienceRule, Catalog},
    state::Register,
};

#[derive(Clone, Debug)]
struct Room {
    site: Arc<Site>,
    register: Arc<Register>,
}

/// The audiences of packs, as a page, and one put together to be called.
pub fn routes(site: &Arc<Site>, register: &Arc<Register>) -> Mounted {
    const MAY_SEE: &[P] = &[P::RunRound, P::SeeRegister];
    let run = Access::Needs(P::RunRound);
    Routes::new(site)
        .get("/audiences", Access::Any(MAY_SEE), "定向叫应", "Directed call-out", show)
        .post("/audiences", run, "列出对象名单", "List the people of an audience", list)
        .post("/api/v1/audiences", run, "建一份待叫应名单", "Put an audience together", make)
        .finish(Room { site: Arc::clone(site), register: Arc::clone(register) })
}

#[derive(Debug, Default, Deserialize)]
struct Counted {
    /// The audience whose people are counted now.
    count: Option<String>,
}

async fn show(State(room): State<Room>, who: Who, Query(asked): Query<Counted>) -> ApiResult<Markup> {
    let (lang, site, catalog) = (who.lang, &room.site, room.register.catalog());
    let counted = match asked.count.as_deref().and_then(|it| catalog.audience(it)) {
        Some(rule) => Some((rule.id.clone(), people(&room, &who, &catalog, rule).await?.len())),
        None => None,
    };
    let title = lang.pick("定向叫应", "Directed call-out");
    let body = html! { main {
        h1 { (title) }
        p { (lang.pick("只叫一份名单上的人：在一张图上圈选，在台账里勾选，或从下面按对象列出。先看名单，再开始叫应。", "Calls the people of a list and nobody else: draw on the map, tick in the register, or list an audience below. First the list, then the call-out.")) }
        p.row {
            @if who.may(P::SeeRegister) {
                a.button href=(site.url("/atlas")) { (lang.pick("到一张图圈选", "Draw on the map")) }
                a.button href=(site.url("/register")) { (lang.pick("到台账勾选", "Tick in the register")) }
            }
        }
        @for (kind, rules) in by_kind(&catalog, lang) { section.card {
            header { h2 { (kind) } }
            table { tbody { @for rule in rules { (row(&room, &who, rule, counted.as_ref())) } } }
        } }
        @if catalog.audiences().next().is_none() {
            p.card { (lang.pick("启用的业务包里没有对象规则（audiences.toml）。", "No pack in force defines an audience (audiences.toml).")) }
        }
    } };
    Ok(page(site, &who, title, body))
}

fn by_kind(catalog: &Catalog, lang: Lang) -> BTreeMap<&str, Vec<&AudienceRule>> {
    let mut kinds = BTreeMap::<&str, Vec<&AudienceRule>>::new();
    for rule in catalog.audiences() {
        let kind = catalog.kind(&rule.kind).map_or(rule.kind.as_str(), |it| it.title.get(lang));
        kinds.entry(kind).or_default().push(rule);
    }
    kinds
}

fn row(room: &Room, who: &Who, rule: &AudienceRule, counted: Option<&(String, usize)>) -> Markup {
    let (lang, site) = (who.lang, &room.site);
    let count = counted.filter(|it| it.0 == rule.id).map(|it| it.1);
    html! { tr id=(rule.id) {
        td { (rule.title.get(lang)) " " span.small.soft { (rule.pack) } }
        td.num { @match count {
            Some(count) => b { (count) (lang.pick(" 人", " people")) },
            None => a href=(site.url(&format!("/audiences?count={0}#{0}", rule.id))) { (lang.pick("算人数", "count")) },
        } }
        td { @if who.may(P::RunRound) { form method="post" action=(site.url("/audiences")) {
            input type="hidden" name="rule" value=(rule.id);
            button type="submit" disabled[count == Some(0)] { (lang.pick("查看名单", "List them")) }
        } } }
    } }
}

async fn people(room: &Room, who: &Who, catalog: &Arc<Catalog>, rule: &AudienceRule) -> ApiResult<BTreeSet<String>> {
    let (catalog, rule) = (Arc::clone(catalog), rule.clone());
    Ok(room.site.world.read(&who.actor, move |tx| of_rule(tx, &catalog, &rule)).await?)
}

/// What an audience is put together from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct New {
    /// What it is; a rule has its own title.
    title: String,
    /// An audience of a pack.
    rule: String,
    /// Things whose responsible people are meant.
    records: Vec<String>,
    /// People and organisations by their ids.
    callees: Vec<String>,
}

/// Keeps an audience; gives its id and how many are on it.
async fn kept(room: &Room, who: &Who, new: New) -> ApiResult<(String, usize)> {
    let catalog = room.register.catalog();
    let mut callees: BTreeSet<String> = new.callees.into_iter().collect();
    let mut title = new.title.trim().chars().take(60).collect::<String>();
    if !new.rule.is_empty() {
        let none = || {
            Problem::new("no_such_audience", "没有这类对象，或所属业务包已停用", "there is no such audience")
                .field("rule")
        };
        let rule = catalog.audience(&new.rule).ok_or_else(none)?;
        callees.extend(people(room, who, &catalog, rule).await?);
        rule.title.get(who.lang).clone_into(&mut title);
    }
    if !new.records.is_empty() {
        callees.extend(responsible(room, who, &catalog, new.records).await?);
    }
    if callees.is_empty() {
        return Err(nobody());
    }
    if title.is_empty() {
        who.lang.pick("自选名单", "chosen people").clone_into(&mut title);
    }
    let count = callees.len();
    Ok((keep(&room.site.world, &who.actor, &title, callees).await?, count))
}

async fn responsible(room: &Room, who: &Who, catalog: &Arc<Catalog>, ids: Vec<String>) -> ApiResult<BTreeSet<String>> {
    let catalog = Arc::clone(catalog);
    let read = move |tx: &mut anlan_store::Tx<'_>| {
        let mut found = Vec::new();
        add_of_records(tx, &catalog, &ids, &mut found)?;
        Ok(found.into_iter().map(|it| it.0).collect())
    };
    Ok(room.site.world.read(&who.actor, read).await?)
}

fn nobody() -> ApiError {
    let (zh, en) = (
        "没有人可叫：这些对象没有登记责任人，或责任人不在名册里",
        "nobody to call: nobody is registered as responsible, or those who are stand in no register",
    );
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, Problem::new("nobody_to_call", zh, en))
}

async fn list(State(room): State<Room>, who: Who, Form(fields): Form<Vec<(String, String)>>) -> ApiResult<Response> {
    let mut new = New::default();
    for (name, value) in fields {
        match name.as_str() {
            "rule" => new.rule = value,
            "title" => new.title = value,
            "record" => new.records.push(value),
            "callee" => new.callees.push(value),
            _ => {}
        }
    }
    let (id, _) = kept(&room, &who, new).await?;
    Ok(Redirect::to(&room.site.url(&format!("/audiences/{id}"))).into_response())
}

async fn make(State(room): State<Room>, who: Who, Json(new): Json<New>) -> ApiResult<Response> {
    let (id, people) = kept(&room, &who, new).await?;
    let link = room.site.url(&format!("/audiences/{id}"));
    Ok((StatusCode::CREATED, Json(json!({"id": id, "people": people, "link": link}))).into_response())
}
