//! Calls, lists for superiors, requests for help.

use std::collections::BTreeMap;

use anlan_kernel::{Instant, Permission, Problem};
use anlan_register::{CalleeTitle, callee_title, contacts, model::masked_name, number_of, phone};
use anlan_store::{OutboxItem, StoreError, Tx, Value, params};
use anlan_web::{ApiError, ApiResult, Who, accounts::name_of};
use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value as Json_;

use super::{
    Room,
    lists::{List, ListQuery, flag, moment_of, region_of, seconds},
};
use crate::{
    effect::measure::ENDED_AT,
    flow::CallEvent,
    model::{Call, CallState, Escalation, Help, Receipt},
    standing::called_again,
};

/// A call and who is called; the name masked without the permission to see people, numbers always.
#[derive(Clone, Debug)]
pub struct CallView {
    /// The call.
    pub call: Call,
    /// Name of the person or the room.
    pub name: String,
    /// 职务.
    pub title: String,
    /// 单位.
    pub organisation: String,
    /// Usable numbers, masked.
    pub numbers: Vec<String>,
}

impl Serialize for CallView {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut view = serde_json::to_value(&self.call).map_err(serde::ser::Error::custom)?;
        if let Some(map) = view.as_object_mut() {
            map.remove("token_hash");
            map.insert("number_count".into(), self.call.numbers.into());
            map.insert("numbers".into(), self.numbers.clone().into());
            map.insert("name".into(), self.name.clone().into());
            map.insert("title".into(), self.title.clone().into());
            map.insert("organisation".into(), self.organisation.clone().into());
        }
        view.serialize(out)
    }
}

/// What narrows a list to the people a figure counts; each as it is written in an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Figure {
    /// `1`: of the region itself, without the regions in it.
    pub exact: String,
    /// By which way they ended: `voice`, `sms`, `page`, `desk`, `superior`.
    pub via: String,
    /// Became final at this moment or later.
    pub ended_from: String,
    /// Became final before this moment.
    pub ended_until: String,
    /// Took longer than so many seconds from the first ring to the end.
    pub ring_over: String,
    /// `1`: whose newest call in the process is this one.
    pub newest: String,
}

impl Figure {
    /// Hands on each condition, with `?` for its value.
    pub fn conditions(&self, mut with: impl FnMut(&str, Value)) -> Result<(), Problem> {
        if !self.via.is_empty() {
            with("via = ?", self.via.as_str().into());
        }
        for (than, field, text) in [(">=", "ended_from", &self.ended_from), ("<", "ended_until", &self.ended_until)] {
            if let Some(at) = moment_of(Some(text), field)? {
                with(&format!("{ENDED_AT} {than} ?"), at.into());
            }
        }
        if !self.ring_over.is_empty() {
            let over = (seconds(&self.ring_over)? + 1).saturating_mul(1_000_000);
            with(&format!("{ENDED_AT} - first_rang_at >= ?"), over.into());
        }
        Ok(())
    }

    /// The condition that leaves out those of `round` who were called again later in its process.
    pub(super) fn newest(&self, tx: &mut Tx<'_>, round: &str, values: &mut Vec<Value>) -> Result<String, StoreError> {
        let again = if self.newest.is_empty() { Vec::new() } else { called_again(tx, round)? };
        if again.is_empty() {
            return Ok("1 = 1".to_owned());
        }
        let places: Vec<_> = (1..=again.len()).map(|i| format!("${}", values.len() + i)).collect();
        values.extend(again.iter().map(Value::from));
        Ok(format!("id NOT IN ({})", places.join(", ")))
    }

    /// Name and text of each, for an address.
    pub fn pairs(&self) -> [(&'static str, &String); 6] {
        [
            ("exact", &self.exact),
            ("via", &self.via),
            ("ended_from", &self.ended_from),
            ("ended_until", &self.ended_until),
            ("ring_over", &self.ring_over),
            ("newest", &self.newest),
        ]
    }

    /// Whether it narrows anything.
    pub fn is_empty(&self) -> bool {
        self.pairs().iter().all(|it| it.1.is_empty())
    }
}

/// What the list of calls takes beside; `state` may name several, with commas.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct CallQuery {
    /// Its round.
    pub round: Option<String>,
    /// States, with commas.
    pub state: Option<String>,
    /// The region or one in it.
    pub region: Option<String>,
    /// `1` or `0`.
    pub open: Option<String>,
    /// The list it stands on.
    pub escalation: Option<String>,
    /// Part of the audience: `duty_room`, `on_duty`, `district`, `street`, `community`.
    pub who: Option<String>,
    /// What a figure of the effect analysis counts.
    #[serde(flatten)]
    pub figure: Figure,
}

/// Calls in the order of their ids.
pub(super) async fn list(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
    Query(which): Query<CallQuery>,
) -> ApiResult<Json<List<CallView>>> {
    Ok(Json(read_calls(&room, &who, &query, &which).await?))
}

/// Calls in the caller's duty areas, in the order of their ids.
///
/// # Errors
/// A parameter that makes no sense; what the store says.
pub async fn read_calls(room: &Room, who: &Who, query: &ListQuery, which: &CallQuery) -> ApiResult<List<CallView>> {
    let (most, at) = (query.most()?, query.at()?);
    let shown = at.unwrap_or_else(|| room.site.world.now());
    let (condition, mut values) = filter(which, query, shown)?;
    values.push(most.into());
    let tail = format!("ORDER BY id LIMIT ${}", values.len());
    let named = who.may(Permission::SeePeople);
    let (figure, round) = (which.figure.clone(), which.round.clone().unwrap_or_default());
    let items = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let mut values = values.clone();
            let newest = figure.newest(tx, &round, &mut values)?;
            let calls: Vec<Call> = tx.find(&format!("{condition} AND {newest}"), &tail, &values)?;
            calls.into_iter().map(|it| view(tx, then(it, at), named)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let next = items.last().filter(|_| items.len() == most).map(|it| it.call.id.clone());
    Ok(List { items, next, at: shown })
}

fn filter(which: &CallQuery, query: &ListQuery, shown: Instant) -> Result<(String, Vec<Value>), Problem> {
    let mut values = vec![Value::from(shown)];
    let mut parts = vec!["opened_at <= $1".to_owned()];
    let mut with = |sql: &str, value: Value| {
        values.push(value);
        parts.push(sql.replace('?', &format!("${}", values.len())));
    };
    if let Some(cursor) = query.cursor.as_deref().filter(|it| !it.is_empty()) {
        with("id > ?", cursor.into());
    }
    if let Some(round) = given(which.round.as_ref()) {
        with("round = ?", round.into());
    }
    if let Some(escalation) = given(which.escalation.as_ref()) {
        with("escalation = ?", escalation.into());
    }
    if let Some(region) = given(which.region.as_ref()) {
        let region = region_of(region)?;
        if !which.figure.exact.is_empty() {
            with("region = ?", Value::from(&region));
        } else {
            with("region >= ?", Value::from(&region));
            with("region < ?", region.until().into());
        }
    }
    if let Some(who) = given(which.who.as_ref()) {
        with("who = ?", who.into());
    }
    which.figure.conditions(&mut with)?;
    if let Some(open) = flag(which.open.as_deref()) {
        with("open = ?", open.into());
    }
    if let Some(states) = given(which.state.as_ref()) {
        let names: Vec<_> = states_of(states)?.iter().map(|it| format!("'{}'", it.name())).collect();
        parts.push(format!("state IN ({})", names.join(", ")));
    }
    Ok((parts.join(" AND "), values))
}

fn given(text: Option<&String>) -> Option<&str> {
    text.map(|it| it.trim()).filter(|it| !it.is_empty())
}

/// States as they are written in an address, with commas; none where there is nothing.
pub(super) fn states_of(text: &str) -> Result<Vec<CallState>, Problem> {
    text.split(',').map(str::trim).filter(|it| !it.is_empty()).map(state).collect()
}

fn state(name: &str) -> Result<CallState, Problem> {
    CallState::named(name).ok_or_else(|| {
        let name: String = name.chars().take(40).collect();
        let states = CallState::FINAL.into_iter().chain([CallState::Calling, CallState::Escalated]);
        let all: Vec<_> = states.map(CallState::name).collect();
        Problem::new("bad_state", format!("“{name}”不是叫应状态"), format!("{name:?} is none of {}", all.join(", ")))
            .field("state")
    })
}

/// The call as it stood at `at`, as far as its own times say.
fn then(mut call: Call, at: Option<Instant>) -> Call {
    if at.is_some_and(|at| call.final_at.is_some_and(|it| it > at)) {
        call.state = CallState::Calling;
        call.open = true;
        (call.key, call.via, call.by_whom, call.note) = (None, None, None, None);
        (call.final_at, call.late_key) = (None, None);
    }
    call
}

/// Who is called, as far as the reader may see it.
pub(crate) fn view(tx: &mut Tx<'_>, call: Call, named: bool) -> Result<CallView, StoreError> {
    let unknown = || CalleeTitle { name: call.callee.clone(), title: String::new(), organisation: String::new() };
    let found = callee_title(tx, &call.callee)?.unwrap_or_else(unknown);
    let room = call.callee.starts_with("room:");
    let name = if named || room { found.name } else { masked_name(&found.name) };
    let mut numbers = Vec::new();
    for index in 0..usize::try_from(call.numbers).unwrap_or(0).min(4) {
        numbers.extend(number_of(tx, &call.callee, index)?.map(|it| phone::masked(&it)));
    }
    let note = call.note.clone().filter(|_| named);
    Ok(CallView { call: Call { note, ..call }, name, title: found.title, organisation: found.organisation, numbers })
}

/// One attempt to reach the callee.
#[derive(Serialize)]
pub(crate) struct AttemptView {
    pub id: String,
    pub kind: String,
    pub state: anlan_store::Sending,
    pub due_at: Instant,
    pub sent_at: Option<Instant>,
    pub tries: i64,
    /// Sent a second time because nobody could tell whether the first one went out.
    pub repeat: bool,
    pub outcome: Option<Json_>,
    pub receipts: Vec<ReceiptView>,
}

/// A gateway's word.
#[derive(Serialize)]
pub(crate) struct ReceiptView {
    pub event: String,
    pub at: Instant,
    pub received_at: Instant,
    pub detail: Option<Json_>,
}

/// A call with everything that was tried.
#[derive(Serialize)]
pub(crate) struct CallStory {
    pub call: CallView,
    /// Name of whoever recorded or accepted; empty where nobody did.
    pub by: String,
    pub attempts: Vec<AttemptView>,
}

/// One call: attempts, receipts.
pub(super) async fn one(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<CallStory>> {
    Ok(Json(read_call(&room, &who, id).await?))
}

/// See [`one`].
pub(crate) async fn read_call(room: &Room, who: &Who, id: String) -> ApiResult<CallStory> {
    let named = who.may(Permission::SeePeople);
    let found = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let Some(call) = tx.get::<Call>(&id)? else { return Ok(None) };
            let attempts = attempts(tx, &id)?;
            let by = call
                .by_whom
                .clone()
                .filter(|_| call.state != CallState::Cancelled || call.via.as_deref() == Some("desk"));
            let by = by.map_or(Ok(String::new()), |it| person_of(tx, &it, named))?;
            Ok(Some(CallStory { call: view(tx, call, named)?, by, attempts }))
        })
        .await?;
    found.ok_or_else(ApiError::not_found)
}

fn attempts(tx: &mut Tx<'_>, call: &str) -> Result<Vec<AttemptView>, StoreError> {
    let mut receipts: BTreeMap<String, Vec<ReceiptView>> = BTreeMap::new();
    // "$" follows "#".
    let own = params![format!("{call}#"), format!("{call}$")];
    for it in tx.find::<Receipt>("attempt >= $1 AND attempt < $2", "ORDER BY at, received_at, id", own)? {
        let view = ReceiptView { event: it.event, at: it.at, received_at: it.received_at, detail: it.detail };
        receipts.entry(it.attempt).or_default().push(view);
    }
    let mut items: Vec<OutboxItem> = tx.find("subject = $1", "", params![call])?;
    items.sort_by_key(|it| it.payload["attempt"].as_i64());
    Ok(items
        .into_iter()
        .map(|it| AttemptView {
            receipts: receipts.remove(&it.id).unwrap_or_default(),
            repeat: it.payload["repeat"] == true,
            id: it.id,
            kind: it.kind,
            state: it.state,
            due_at: it.due_at,
            sent_at: it.sent_at,
            tries: it.tries,
            outcome: it.outcome,
        })
        .collect())
}

/// Key 1, 2 or 3 on the callee's word.
#[derive(Deserialize)]
pub(super) struct Answer {
    digit: u8,
    /// They answered before and changed their mind.
    #[serde(default)]
    again: bool,
}

/// The callee said it to the desk.
pub(super) async fn answer(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(answer): Json<Answer>,
) -> ApiResult<Json<CallStory>> {
    room.warn.answer_by_desk(&who.actor, &id, answer.digit, answer.again).await?;
    Ok(Json(read_call(&room, &who, id).await?))
}

/// What an officer knows of a call.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Record {
    /// `recorded_by_colleague`, `reached_on_site` or `handed_over`.
    pub how: String,
    /// For people; sealed.
    #[serde(default)]
    pub note: String,
    /// The superior who accepted: a callee id, or a name.
    #[serde(default)]
    pub to: Option<String>,
}

/// 代登记, 上门叫醒, 转交.
pub(super) async fn record(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(record): Json<Record>,
) -> ApiResult<Json<CallStory>> {
    record_call(&room, &who, &id, &record).await?;
    Ok(Json(read_call(&room, &who, id).await?))
}

/// See [`record`].
pub(crate) async fn record_call(room: &Room, who: &Who, id: &str, record: &Record) -> ApiResult<()> {
    let by = who.actor.name.clone();
    let mut note = record.note.trim().to_owned();
    let event = match record.how.as_str() {
        "recorded_by_colleague" => CallEvent::RecordedByColleague { by },
        "reached_on_site" => CallEvent::ReachedOnSite { by },
        "handed_over" => {
            let to = record.to.as_deref().map(str::trim).filter(|it| !it.is_empty()).ok_or_else(nobody_named)?;
            if to.starts_with("person:") || to.starts_with("room:") {
                CallEvent::HandedOver { to: to.to_owned() }
            } else {
                // A name is personal: it stands in the sealed note, and the account beside it.
                note = if note.is_empty() { format!("转交{to}") } else { format!("转交{to}：{note}") };
                CallEvent::HandedOver { to: by }
            }
        }
        _ => {
            let en = "how is recorded_by_colleague, reached_on_site or handed_over";
            let zh = "how 应为 recorded_by_colleague（代登记）、reached_on_site（上门叫醒）或 handed_over（转交）";
            return Err(Problem::new("bad_how", zh, en).field("how").into());
        }
    };
    let note = (!note.is_empty()).then(|| note.chars().take(500).collect());
    Ok(room.warn.record(&who.actor, id, event, note).await?)
}

fn nobody_named() -> Problem {
    Problem::new("bad_to", "转交须写明由谁接手", "name the superior who accepted").field("to")
}

/// A list for a superior.
#[derive(Serialize)]
pub(crate) struct EscalationView {
    #[serde(flatten)]
    pub escalation: Json_,
    /// Who of the list has no final state yet.
    pub listed: i64,
}

/// What the list of lists takes beside.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct EscalationQuery {
    round: Option<String>,
    state: Option<String>,
}

/// Lists for superiors in the caller's duty areas, in the order of their ids.
pub(super) async fn escalations(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
    Query(which): Query<EscalationQuery>,
) -> ApiResult<Json<List<EscalationView>>> {
    let (most, at) = (query.most()?, query.at()?);
    let shown = at.unwrap_or_else(|| room.site.world.now());
    let (round, state) = (which.round.unwrap_or_default(), which.state.unwrap_or_default());
    let cursor = query.cursor.unwrap_or_default();
    let items = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let lists: Vec<Escalation> = tx.find(
                "id > $1 AND ($2 = '' OR round = $2) AND ($3 = '' OR state = $3) AND opened_at <= $4",
                "ORDER BY id LIMIT $5",
                params![&cursor, &round, &state, shown, most],
            )?;
            lists.iter().map(|it| escalation_view(tx, it)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let id = |it: &EscalationView| it.escalation["id"].as_str().unwrap_or_default().to_owned();
    let next = items.last().filter(|_| items.len() == most).map(id);
    Ok(Json(List { items, next, at: shown }))
}

fn escalation_view(tx: &mut Tx<'_>, escalation: &Escalation) -> Result<EscalationView, StoreError> {
    let listed = tx.count::<Call>("escalation = $1 AND open = 1", params![&escalation.id])?;
    let mut view = serde_json::to_value(escalation)?;
    if let Some(map) = view.as_object_mut() {
        map.remove("token_hash");
        map.remove("note");
    }
    Ok(EscalationView { escalation: view, listed })
}

/// Words of who accepts.
#[derive(Default, Deserialize)]
pub(super) struct Accept {
    #[serde(default)]
    note: String,
}

/// 接手: the open calls of the list end as 已转交.
pub(super) async fn accept(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(accept): Json<Accept>,
) -> ApiResult<Json<EscalationView>> {
    let note = Some(accept.note.trim().chars().take(500).collect::<String>()).filter(|it| !it.is_empty());
    let escalation = room.warn.accept_list(&who.actor, &id, note).await?;
    let view = room.site.world.read(&who.actor, move |tx| escalation_view(tx, &escalation)).await?;
    Ok(Json(view))
}

/// 不能接手: the next superior is called.
pub(super) async fn refuse(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(accept): Json<Accept>,
) -> ApiResult<Json<EscalationView>> {
    let note = Some(accept.note.trim().chars().take(500).collect::<String>()).filter(|it| !it.is_empty());
    room.warn.refuse_list(&who.actor, &id, note).await?;
    let read = move |tx: &mut Tx<'_>| tx.get::<Escalation>(&id)?.map(|it| escalation_view(tx, &it)).transpose();
    let view = room.site.world.read(&who.actor, read).await?;
    Ok(Json(view.ok_or_else(ApiError::not_found)?))
}

/// A request for help and whose it is.
#[derive(Debug, Serialize)]
pub struct HelpView {
    /// The request.
    #[serde(flatten)]
    pub help: Help,
    /// The call of whoever asked; of a superior their own in that round, where they have one.
    pub call: Option<CallView>,
    /// The superior who asked while taking a list over.
    pub superior: Option<SuperiorView>,
}

/// A superior who took a list over.
#[derive(Clone, Debug, Serialize)]
pub struct SuperiorView {
    /// Callee id or account.
    pub id: String,
    /// Name, masked without the permission to see people.
    pub name: String,
    /// 单位.
    pub organisation: String,
    /// Usable numbers, masked.
    pub numbers: Vec<String>,
}

/// A request with whoever asked, as far as the reader may see them.
pub(super) fn help_view(tx: &mut Tx<'_>, help: Help, named: bool) -> Result<HelpView, StoreError> {
    if let Some(call) = tx.get::<Call>(help.call())? {
        return Ok(HelpView { call: Some(view(tx, call, named)?), superior: None, help });
    }
    let list = tx.get::<Escalation>(help.call())?;
    let Some((round, id)) = list.and_then(|it| Some((it.round, it.accepted_by?))) else {
        return Ok(HelpView { help, call: None, superior: None });
    };
    let call = tx.get::<Call>(&format!("{round}/{id}"))?.map(|it| view(tx, it, named)).transpose()?;
    let known = contacts(tx, std::slice::from_ref(&id))?.remove(&id);
    let numbers = known.as_ref().map(|it| it.numbers.iter().map(|it| phone::masked(it)).collect());
    let superior = SuperiorView {
        name: person_of(tx, &id, named)?,
        organisation: known.map_or_else(String::new, |it| it.title.organisation),
        numbers: numbers.unwrap_or_default(),
        id,
    };
    Ok(HelpView { help, call, superior: Some(superior) })
}

/// Whoever stands behind an id, as screens call them: a callee, masked without the permission to see people, or an
/// account.
pub(crate) fn person_of(tx: &mut Tx<'_>, id: &str, named: bool) -> Result<String, StoreError> {
    let room = id.starts_with("room:");
    if !room && !id.starts_with("person:") {
        return name_of(tx, id);
    }
    let name = callee_title(tx, id)?.map_or_else(|| "—".to_owned(), |it| it.name);
    Ok(if named || room { name } else { masked_name(&name) })
}

/// What the list of requests takes beside.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct HelpQuery {
    open: Option<String>,
}

/// Requests for help, newest first; with `open=1` those nobody took.
pub(super) async fn help(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
    Query(which): Query<HelpQuery>,
) -> ApiResult<Json<List<HelpView>>> {
    Ok(Json(read_help(&room, &who, &query, flag(which.open.as_deref())).await?))
}

/// Requests for help in the caller's duty areas, newest first.
///
/// # Errors
/// A parameter that makes no sense; what the store says.
pub async fn read_help(room: &Room, who: &Who, query: &ListQuery, open: Option<bool>) -> ApiResult<List<HelpView>> {
    let (most, at, (before, id)) = (query.most()?, query.at()?, query.before()?);
    let shown = at.unwrap_or_else(|| room.site.world.now());
    let named = who.may(Permission::SeePeople);
    let filter = match open {
        Some(true) => "(taken_at IS NULL OR taken_at > $1)",
        Some(false) => "taken_at <= $1",
        None => "1 = 1",
    };
    let condition = format!("{filter} AND asked_at <= $1 AND (asked_at < $2 OR (asked_at = $2 AND id < $3))");
    let items = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let tail = "ORDER BY asked_at DESC, id DESC LIMIT $4";
            let asked: Vec<Help> = tx.find(&condition, tail, params![shown, before, &id, most])?;
            asked.into_iter().map(|it| help_view(tx, it, named)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let last = items.last().filter(|_| items.len() == most);
    let next = last.map(|it| super::lists::cursor(it.help.asked_at, &it.help.id));
    Ok(List { items, next, at: shown })
}

/// Somebody at the desk takes it; it stops ringing.
pub(super) async fn take_help(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Help>> {
    Ok(Json(room.warn.take_help(&who.actor, &id).await?))
}
