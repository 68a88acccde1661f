//! Notices over HTTP: listed, drafted, signed, sent, as CAP and as a feed.

use std::{collections::BTreeMap, sync::Arc};

use anlan_kernel::{Instant, Permission as P, Problem};
use anlan_register::{contacts, model::masked_name, phone};
use anlan_store::{StoreError, Tx, params};
use anlan_web::{Access, ApiError, ApiResult, Mounted, Routes, Site, Who, accounts::name_of};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json_, json};

use super::{
    cap,
    draft::Edit,
    flow::Event,
    model::{Kind, Notice, Paper, Recipient, Standing},
    pages, public,
    query::{NoticeQuery, SORTS},
    send,
    service::public_page_is_on,
};
use crate::{
    api::{List, ListQuery, Room, cursor},
    service::everywhere,
};

/// Recipients of a list that is not paged.
const ALL: i64 = 20_000;

/// Routes of notices and their pages.
pub(crate) fn routes(site: &Arc<Site>, room: Room) -> Mounted {
    let (see, draft, sign) = (Access::Needs(P::SeeDesk), Access::Needs(P::DraftNotice), Access::Needs(P::SignNotice));
    let switch = Access::Needs(P::SwitchPublicPage);
    Routes::new(site)
        .get("/api/v1/notices", see, "风险提示单", "Risk notices", list)
        .post("/api/v1/notices", draft, "起草风险提示单", "Draft a risk notice", create)
        // Anybody while the public page is on; the desk's own readers always: the handler looks.
        .get("/api/v1/notices.atom", Access::Public, "风险提示单订阅（Atom）", "Feed of notices", public::feed)
        .get(
            "/api/v1/notices/{id}",
            see,
            "一份提示单及各版；加 .cap 为 CAP 1.2",
            "A notice and its papers; .cap for CAP 1.2",
            one,
        )
        .get("/api/v1/notices/{id}/recipients", see, "发送名单与回执", "Its list and receipts", recipients)
        .post("/api/v1/notices/{id}/edit", draft, "修改稿件", "Change the draft", edit)
        .post("/api/v1/notices/{id}/submit", draft, "送签", "Submit for signature", submit)
        .post("/api/v1/notices/{id}/withdraw", draft, "撤稿", "Withdraw the draft", withdraw)
        .post("/api/v1/notices/{id}/verbal", draft, "电话口头同意", "Record a verbal yes", verbal)
        .post("/api/v1/notices/{id}/update", draft, "起草更新", "Begin an update", update)
        .post("/api/v1/notices/{id}/correct", draft, "起草更正", "Begin a correction", correct)
        .post("/api/v1/notices/{id}/lift", draft, "起草解除", "Begin a lifting", lift)
        .post("/api/v1/notices/{id}/sign", sign, "签发、补签", "Sign", sign_)
        .post("/api/v1/notices/{id}/refuse", sign, "退回", "Send back", refuse)
        .post("/api/v1/notices/{id}/public", sign, "同意或撤销对外公开", "Approve for the public", publish)
        .get("/api/v1/public-page", switch, "公开页开关", "Whether the public page is on", public_page)
        .put("/api/v1/public-page", switch, "开关公开页", "Switch the public page", public_page_put)
        .finish(room.clone())
        .merge(pages::routes(room))
}

/// Notices of the caller's duty areas, and those that were sent there.
const VISIBLE: &str = "({scope:n.region} OR (n.issued > 0 AND EXISTS (SELECT 1 FROM notice_recipient r
                         WHERE r.notice = n.id AND {scope:r.region})))";

/// A notice with its papers, newest last.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct NoticeView {
    #[serde(flatten)]
    pub notice: Notice,
    pub papers: Vec<Paper>,
    /// What the accounts of its papers are called.
    #[serde(skip)]
    pub names: BTreeMap<String, String>,
}

impl NoticeView {
    /// The name of an account, as pages show it.
    pub fn name<'a>(&'a self, actor: &'a str) -> &'a str {
        self.names.get(actor).map_or(actor, String::as_str)
    }

    pub fn paper(&self, version: i64) -> Option<&Paper> {
        self.papers.iter().find(|it| it.version == version)
    }

    /// The one being prepared.
    pub fn working(&self) -> Option<&Paper> {
        self.notice.working.and_then(|it| self.paper(it))
    }

    /// The newest that went out.
    pub fn newest(&self) -> Option<&Paper> {
        self.papers.iter().rfind(|it| it.issued_at.is_some())
    }
}

async fn list(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
    Query(which): Query<NoticeQuery>,
) -> ApiResult<Json<List<NoticeView>>> {
    Ok(Json(read_notices(&room, &who, &query, &which).await?))
}

/// Notices with their papers, in the order asked for.
pub(crate) async fn read_notices(
    room: &Room,
    who: &Who,
    query: &ListQuery,
    which: &NoticeQuery,
) -> ApiResult<List<NoticeView>> {
    let (most, at, before) = (query.most()?, query.at()?, query.before()?);
    let shown = at.unwrap_or_else(|| room.site.world.now());
    let after = (which.page() - 1).saturating_mul(i64::try_from(most).unwrap_or(i64::MAX));
    let ids = ids(room, who, which, shown, before, (most, after)).await?;
    let full = ids.len() == most;
    let items = load(room, who, ids, at).await?;
    let newest_first = which.order().0 == SORTS[0].0 && which.page() == 1;
    let last = items.last().filter(|_| full && newest_first);
    let next = last.map(|it| cursor(it.notice.opened_at, &it.notice.id));
    Ok(List { items, next, at: shown })
}

/// Every notice the filter finds, at most `most`, found in one look.
pub(crate) async fn all_notices(
    room: &Room,
    who: &Who,
    which: &NoticeQuery,
    most: usize,
) -> ApiResult<Vec<NoticeView>> {
    let newest = ListQuery::first(most).before()?;
    let ids = ids(room, who, which, room.site.world.now(), newest, (most, 0)).await?;
    load(room, who, ids, None).await
}

/// Ids the filter finds, in its order: `most` of them after the first `after`.
async fn ids(
    room: &Room,
    who: &Who,
    which: &NoticeQuery,
    shown: Instant,
    (before, id): (i64, String),
    (most, after): (usize, i64),
) -> ApiResult<Vec<String>> {
    let mut values = params![shown, before, &id].to_vec();
    let (filter, order) = (which.filter(&mut values)?, which.order());
    values.extend([most.into(), after.into()]);
    let sql = format!(
        "SELECT n.id FROM notice n WHERE {VISIBLE} AND n.opened_at <= $1 {filter}
            AND (n.opened_at < $2 OR (n.opened_at = $2 AND n.id < $3))
          ORDER BY {} LIMIT ${} OFFSET ${}",
        order.3,
        values.len() - 1,
        values.len()
    );
    let ids = room.site.world.read(&who.actor, move |tx| {
        tx.query(&sql, &values)?.iter().map(|it| it.text(0)).collect::<Result<Vec<_>, _>>()
    });
    Ok(ids.await?)
}

/// How many the filter finds, and the 牌子 notices stand under, for the filter's form.
pub(crate) async fn count_notices(room: &Room, who: &Who, which: &NoticeQuery) -> ApiResult<(i64, Vec<String>)> {
    let mut values = Vec::new();
    let sql = format!("SELECT COUNT(*) FROM notice n WHERE {VISIBLE} {}", which.filter(&mut values)?);
    let read = room.site.world.read(&who.actor, move |tx| {
        let found = tx.query(&sql, &values)?.first().map_or(Ok(0), |it| it.int(0))?;
        let hats = tx.query(&format!("SELECT DISTINCT n.hat FROM notice n WHERE {VISIBLE} ORDER BY n.hat"), &[])?;
        Ok((found, hats.iter().map(|it| it.text(0)).collect::<Result<Vec<_>, _>>()?))
    });
    Ok(read.await?)
}

/// In the order of the ids; they were found visible. Drafts are for those whose area the notice is of.
async fn load(room: &Room, who: &Who, ids: Vec<String>, at: Option<Instant>) -> ApiResult<Vec<NoticeView>> {
    let (named, own) = (who.may(P::SeePeople), who.actor.scope.clone());
    let reader = everywhere(&who.actor);
    let read = room.site.world.read(&reader, move |tx| {
        let mut views = Vec::new();
        for id in &ids {
            let Some(notice) = tx.get::<Notice>(id)? else { continue };
            let mut papers: Vec<Paper> = tx.find("notice = $1", "ORDER BY version", params![id])?;
            if !own.covers(&notice.region) {
                papers.retain(|it| it.issued_at.is_some());
            }
            papers.iter_mut().for_each(|it| mask(it, named));
            let names = names(tx, &papers)?;
            views.push(then(NoticeView { notice, papers, names }, at));
        }
        Ok(views)
    });
    Ok(read.await?)
}

fn names(tx: &mut Tx<'_>, papers: &[Paper]) -> Result<BTreeMap<String, String>, StoreError> {
    let mut names = BTreeMap::new();
    for it in papers {
        let others = [&it.refused_by, &it.heard_by, &it.signed_by];
        for actor in it.drafters.iter().chain(others.into_iter().flatten()) {
            if !names.contains_key(actor) {
                names.insert(actor.clone(), name_of(tx, actor)?);
            }
        }
    }
    Ok(names)
}

fn mask(paper: &mut Paper, named: bool) {
    if let Some(number) = &paper.said_from {
        paper.said_from = Some(phone::masked(number));
    }
    if let Some(name) = paper.said_by.as_ref().filter(|_| !named) {
        paper.said_by = Some(masked_name(name));
    }
}

/// The notice as it stood at `at`, as far as the times of its papers say.
fn then(mut view: NoticeView, at: Option<Instant>) -> NoticeView {
    let Some(at) = at else { return view };
    view.papers.retain(|it| it.drafted_at <= at);
    for it in &mut view.papers {
        if it.issued_at.is_some_and(|it| it > at) {
            (it.issued_at, it.number, it.told) = (None, None, 0);
            (it.said_by, it.said_from, it.said_at, it.heard_by, it.signature_due) = (None, None, None, None, None);
        }
        if it.signed_at.is_some_and(|it| it > at) {
            (it.signed_at, it.signed_by) = (None, None);
        }
        if it.submitted_at.is_some_and(|it| it > at) {
            it.submitted_at = None;
        }
    }
    let mut issued = view.papers.iter().filter(|it| it.issued_at.is_some());
    let standing = issued.clone().rfind(|it| it.kind != Kind::Correction).map(|it| it.kind);
    let newest = issued.next_back().cloned();
    let notice = &mut view.notice;
    notice.issued = newest.as_ref().map_or(0, |it| it.version);
    notice.number = newest.as_ref().and_then(|it| it.number.clone());
    notice.working = view.papers.iter().find(|it| it.issued_at.is_none()).map(|it| it.version);
    if let Some(newest) = newest {
        notice.title = newest.content.title;
    }
    if notice.standing != Standing::Withdrawn || notice.changed_at > at {
        notice.standing = match standing {
            None => Standing::Unissued,
            Some(Kind::Lift) => Standing::Lifted,
            Some(_) => Standing::InForce,
        };
    }
    notice.live = matches!(notice.standing, Standing::Unissued | Standing::InForce);
    view
}

/// One notice; with `.cap` behind its id the newest paper, or `?version=`, as CAP.
async fn one(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> ApiResult<Response> {
    let Some(id) = id.strip_suffix(".cap") else {
        return Ok(Json(read_notice(&room, &who, id).await?).into_response());
    };
    let view = read_notice(&room, &who, id.to_owned()).await?;
    let paper = match which.version {
        Some(version) => view.paper(version),
        None => view.newest().or_else(|| view.working()),
    };
    let paper = paper.ok_or_else(ApiError::not_found)?;
    let earlier: Vec<_> = view.papers.iter().filter(|it| it.version < paper.version).cloned().collect();
    let xml = cap::write(room.site.world.kind(), &room.warn.guide(), &view.notice, paper, &earlier)?;
    Ok(([(header::CONTENT_TYPE, "application/cap+xml; charset=utf-8")], xml).into_response())
}

/// Which version of a notice.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Which {
    pub version: Option<i64>,
}

/// See [`one`].
pub(crate) async fn read_notice(room: &Room, who: &Who, id: String) -> ApiResult<NoticeView> {
    let seen = room.site.world.read(&who.actor, move |tx| {
        let rows = tx.query(&format!("SELECT n.id FROM notice n WHERE n.id = $1 AND {VISIBLE}"), params![&id])?;
        rows.iter().map(|it| it.text(0)).collect::<Result<Vec<_>, _>>()
    });
    let found = load(room, who, seen.await?, None).await?.pop();
    found.ok_or_else(ApiError::not_found)
}

/// A recipient and what became of the message.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RecipientView {
    #[serde(flatten)]
    pub recipient: Recipient,
    pub name: String,
    pub state: &'static str,
    pub sent_at: Option<Instant>,
    pub why: Option<String>,
}

/// The list of a paper as far as it is shown, and how many are in each state.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Recipients {
    pub counts: BTreeMap<&'static str, i64>,
    pub items: Vec<RecipientView>,
}

async fn recipients(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(which): Query<Which>,
    Query(list): Query<RecipientQuery>,
) -> ApiResult<Json<Json_>> {
    let view = read_notice(&room, &who, id).await?;
    let version = which.version.unwrap_or(view.notice.issued);
    let paper = view.paper(version).ok_or_else(ApiError::not_found)?;
    let Recipients { counts, items } = read_recipients(&room, &who, paper, &list.state, ALL, 0).await?;
    Ok(Json(json!({"version": version, "counts": counts, "items": items, "at": room.site.world.now()})))
}

/// What narrows a list of recipients.
#[derive(Clone, Debug, Default, Deserialize)]
struct RecipientQuery {
    /// `delivered`, `sent`, `waiting`, `unknown`, `failed`, `dropped`.
    #[serde(default)]
    state: String,
}

/// The list of a paper in the reader's duty areas; names of people masked as elsewhere.
pub(crate) async fn read_recipients(
    room: &Room,
    who: &Who,
    paper: &Paper,
    state: &str,
    most: i64,
    after: i64,
) -> ApiResult<Recipients> {
    if !state.is_empty() && !send::STATES.iter().any(|it| it.0 == state) {
        let all = send::STATES.map(|it| it.0).join(", ");
        let (zh, en) = ("没有这种发送状态".to_owned(), format!("state is one of {all}"));
        return Err(Problem::new("bad_state", zh, en).field("state").into());
    }
    let (paper, state, named) = (paper.clone(), state.to_owned(), who.may(P::SeePeople));
    let read = room.site.world.read(&who.actor, move |tx| {
        let told = send::told(tx, &paper, &state, most, after)?;
        let ids: Vec<String> = told.iter().map(|it| it.recipient.callee.clone()).collect();
        let mut known = contacts(tx, &ids)?;
        let view = |it: send::Told| {
            let send::Told { recipient, state, sent_at, why } = it;
            let room = recipient.callee.starts_with("room:");
            let name = match known.remove(&recipient.callee) {
                None => recipient.callee.clone(),
                Some(it) if room || named => it.title.name,
                Some(it) => masked_name(&it.title.name),
            };
            RecipientView { recipient, name, state, sent_at, why }
        };
        let items = told.into_iter().map(view).collect();
        Ok(Recipients { counts: send::told_counts(tx, &paper)?, items })
    });
    Ok(read.await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    process: String,
    #[serde(default)]
    hat: Option<String>,
    #[serde(default)]
    areas: Option<Vec<String>>,
}

async fn create(State(room): State<Room>, who: Who, Json(it): Json<Create>) -> ApiResult<Response> {
    let notice = room.warn.notice_draft(&who.actor, &it.process, it.hat, it.areas).await?;
    Ok((StatusCode::CREATED, Json(read_notice(&room, &who, notice.id).await?)).into_response())
}

#[derive(Deserialize)]
struct EditBody {
    #[serde(default)]
    revision: Option<i64>,
    #[serde(flatten)]
    edit: Edit,
}

type Answer = ApiResult<Json<NoticeView>>;

async fn answer(room: &Room, who: &Who, id: String) -> Answer {
    Ok(Json(read_notice(room, who, id).await?))
}

async fn edit(State(room): State<Room>, who: Who, Path(id): Path<String>, Json(it): Json<EditBody>) -> Answer {
    room.warn.notice_edit(&who.actor, &id, it.revision, it.edit).await?;
    answer(&room, &who, id).await
}

/// Which paper an act is about, and which revision its actor looked at.
#[derive(Clone, Debug, Default, Deserialize)]
struct Act {
    #[serde(default)]
    version: Option<i64>,
    #[serde(default)]
    revision: Option<i64>,
    #[serde(default)]
    reason: String,
}

async fn act(room: &Room, who: &Who, id: String, it: Act, event: Event) -> Answer {
    room.warn.notice_act(&who.actor, &id, it.version, it.revision, event).await?;
    answer(room, who, id).await
}

async fn submit(State(room): State<Room>, who: Who, Path(id): Path<String>, Json(it): Json<Act>) -> Answer {
    act(&room, &who, id, it, Event::Submit).await
}

async fn withdraw(State(room): State<Room>, who: Who, Path(id): Path<String>, Json(it): Json<Act>) -> Answer {
    act(&room, &who, id, it, Event::Withdraw).await
}

async fn sign_(State(room): State<Room>, who: Who, Path(id): Path<String>, Json(it): Json<Act>) -> Answer {
    act(&room, &who, id, it, Event::Sign).await
}

async fn refuse(State(room): State<Room>, who: Who, Path(id): Path<String>, Json(it): Json<Act>) -> Answer {
    let reason = it.reason.chars().take(500).collect();
    act(&room, &who, id, it, Event::Refuse { reason }).await
}

#[derive(Deserialize)]
struct Verbal {
    #[serde(default)]
    said_by: String,
    #[serde(default)]
    said_from: String,
    #[serde(default)]
    said_at: Option<Instant>,
    #[serde(default)]
    revision: Option<i64>,
}

async fn verbal(State(room): State<Room>, who: Who, Path(id): Path<String>, Json(it): Json<Verbal>) -> Answer {
    let said_at = it.said_at.unwrap_or_else(|| room.site.world.now());
    let event = Event::Verbal { said_by: it.said_by, said_from: it.said_from, said_at };
    act(&room, &who, id, Act { revision: it.revision, ..Act::default() }, event).await
}

async fn begin(room: &Room, who: &Who, id: String, kind: Kind, it: Act) -> Answer {
    room.warn.notice_begin(&who.actor, &id, kind, Some(it.reason)).await?;
    answer(room, who, id).await
}

async fn update(State(room): State<Room>, who: Who, Path(id): Path<String>, Json(it): Json<Act>) -> Answer {
    begin(&room, &who, id, Kind::Update, it).await
}

async fn correct(State(room): State<Room>, who: Who, Path(id): Path<String>, Json(it): Json<Act>) -> Answer {
    begin(&room, &who, id, Kind::Correction, it).await
}

async fn lift(State(room): State<Room>, who: Who, Path(id): Path<String>, Json(it): Json<Act>) -> Answer {
    begin(&room, &who, id, Kind::Lift, it).await
}

#[derive(Deserialize)]
struct Publish {
    approve: bool,
}

async fn publish(State(room): State<Room>, who: Who, Path(id): Path<String>, Json(it): Json<Publish>) -> Answer {
    room.warn.notice_publish(&who.actor, &id, it.approve).await?;
    answer(&room, &who, id).await
}

#[derive(Serialize, Deserialize)]
struct Shown {
    shown: bool,
}

async fn public_page(State(room): State<Room>, who: Who) -> ApiResult<Json<Shown>> {
    Ok(Json(Shown { shown: room.site.world.read(&who.actor, public_page_is_on).await? }))
}

async fn public_page_put(State(room): State<Room>, who: Who, Json(it): Json<Shown>) -> ApiResult<Json<Shown>> {
    room.warn.public_page_switch(&who.actor, it.shown).await?;
    Ok(Json(it))
}
