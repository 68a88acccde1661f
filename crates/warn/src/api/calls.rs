//! Calls: the list and one of them with everything that was tried.

use std::collections::BTreeMap;

use anlan_kernel::{Instant, Permission, Problem};
use anlan_register::{CalleeTitle, callee_title, model::masked_name, number_of, phone};
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
    exercise,
    model::{Call, CallState, Help, Receipt},
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
    } else {
        // Calls of test rounds are no real figures; the first text after the prefix of their ids ends the range.
        with("(id < ? OR id >= 'test.')", exercise::PREFIX.into());
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
    /// The request for help that was pressed in this call, and the name of whoever took it.
    pub help: Option<(Help, String)>,
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
            let help = pressed(tx, &id, named)?;
            Ok(Some(CallStory { call: view(tx, call, named)?, by, help, attempts }))
        })
        .await?;
    found.ok_or_else(ApiError::not_found)
}

/// The newest request for help of a call.
fn pressed(tx: &mut Tx<'_>, call: &str, named: bool) -> Result<Option<(Help, String)>, StoreError> {
    // A request is named after its call; '"' follows "!".
    let own = params![call, format!("{call}\"")];
    let Some(help) = tx.find::<Help>("id >= $1 AND id < $2", "ORDER BY asked_at DESC LIMIT 1", own)?.pop() else {
        return Ok(None);
    };
    let by = help.taken_by.clone().map_or(Ok(String::new()), |it| person_of(tx, &it, named))?;
    Ok(Some((Help { outcome: help.outcome.filter(|_| named), ..help }, by)))
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
