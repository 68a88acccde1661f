//! Weather processes: listed, raised, stood down.

use std::collections::BTreeMap;

use anlan_kernel::{Actor, Instant};
use anlan_store::{StoreError, Value, World, params};
use anlan_web::{ApiError, ApiResult, Who};
use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json_, json};

use super::{
    Room, RoundView,
    lists::{List, ListQuery, cursor, flag},
    rounds,
};
use crate::{model::Process, service::everywhere};

/// A process with its rounds, newest first.
#[derive(Debug, Serialize)]
pub struct ProcessView {
    /// The process.
    #[serde(flatten)]
    pub process: Process,
    /// Newest first.
    pub rounds: Vec<RoundView>,
}

/// What the list of processes takes beside.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ProcessQuery {
    open: Option<String>,
}

/// Processes that touch the caller's duty areas: their region, or a call in one of their rounds.
const VISIBLE: &str = "({scope:p.region} OR EXISTS (SELECT 1 FROM round r JOIN call c ON c.round = r.id
                         WHERE r.process = p.id AND {scope:c.region}))";

/// Processes, newest first.
pub(super) async fn list(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
    Query(which): Query<ProcessQuery>,
) -> ApiResult<Json<List<ProcessView>>> {
    Ok(Json(read_processes(&room, &who, &query, flag(which.open.as_deref())).await?))
}

/// Processes that touch the caller's duty areas, newest first.
///
/// # Errors
/// A parameter that makes no sense; what the store says.
pub async fn read_processes(
    room: &Room,
    who: &Who,
    query: &ListQuery,
    open: Option<bool>,
) -> ApiResult<List<ProcessView>> {
    let (most, at, (before, id)) = (query.most()?, query.at()?, query.before()?);
    let shown = at.unwrap_or_else(|| room.site.world.now());
    let ids = room
        .site
        .world
        .read(&who.actor, move |tx| {
            // Of the past only what had begun; whether it went on then is seen in the record.
            let filter = match open {
                Some(open) if at.is_none() => format!("p.open = {}", i64::from(open)),
                _ => "1 = 1".to_owned(),
            };
            let sql = format!(
                "SELECT p.id FROM process p WHERE {filter} AND {VISIBLE} AND p.opened_at <= $1
                    AND (p.opened_at < $2 OR (p.opened_at = $2 AND p.id < $3))
                  ORDER BY p.opened_at DESC, p.id DESC LIMIT $4"
            );
            let rows = tx.query(&sql, params![shown, before, &id, most])?;
            rows.iter().map(|it| it.text(0)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let full = ids.len() == most;
    let mut items = Vec::new();
    for process in load(&room.site.world, &who.actor, ids).await? {
        let process = then(process, at);
        if at.is_none() || open.is_none_or(|it| it == process.open) {
            items.push(view(room, who, process, at).await?);
        }
    }
    let next = items.last().filter(|_| full).map(|it| cursor(it.process.opened_at, &it.process.id));
    Ok(List { items, next, at: shown })
}

async fn view(room: &Room, who: &Who, process: Process, at: Option<Instant>) -> ApiResult<ProcessView> {
    let rounds = rounds::of_process(room, who, &process.id, at).await?;
    Ok(ProcessView { process, rounds })
}

/// In the order of the ids; they were found in the caller's duty areas.
async fn load(world: &World, actor: &Actor, ids: Vec<String>) -> Result<Vec<Process>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = ids.clone();
    let mut found: BTreeMap<String, Process> = world
        .read(&everywhere(actor), move |tx| {
            let places: Vec<_> = (1..=wanted.len()).map(|i| format!("${i}")).collect();
            let values: Vec<_> = wanted.iter().map(Value::from).collect();
            tx.find::<Process>(&format!("id IN ({})", places.join(", ")), "", &values)
        })
        .await?
        .into_iter()
        .map(|it| (it.id.clone(), it))
        .collect();
    Ok(ids.iter().filter_map(|it| found.remove(it)).collect())
}

/// The process as it stood at `at`, as far as its own times say.
fn then(mut process: Process, at: Option<Instant>) -> Process {
    if at.is_some_and(|at| process.ended_at.is_some_and(|it| it > at)) {
        process.open = true;
        process.ended_at = None;
        process.ended_by = None;
    }
    process
}

/// One process.
pub(super) async fn one(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<ProcessView>> {
    Ok(Json(read_process(&room, &who, id).await?))
}

/// See [`one`].
pub(crate) async fn read_process(room: &Room, who: &Who, id: String) -> ApiResult<ProcessView> {
    let seen = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let rows = tx.query(&format!("SELECT p.id FROM process p WHERE p.id = $1 AND {VISIBLE}"), params![&id])?;
            rows.iter().map(|it| it.text(0)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let process = load(&room.site.world, &who.actor, seen).await?.pop().ok_or_else(ApiError::not_found)?;
    view(room, who, process, None).await
}

/// Which level.
#[derive(Deserialize)]
pub(super) struct Raise {
    level: u8,
}

/// 提级: a round of a graver level.
pub(super) async fn raise(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(raise): Json<Raise>,
) -> ApiResult<Json<ProcessView>> {
    room.warn.raise(&who.actor, &id, raise.level).await?;
    Ok(Json(read_process(&room, &who, id).await?))
}

/// Words of the officer who signs.
#[derive(Default, Deserialize)]
pub(super) struct Signed {
    #[serde(default)]
    note: String,
}

/// 解除叫应: exactly those who were called are told.
pub(super) async fn stand_down(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(signed): Json<Signed>,
) -> ApiResult<Json<Json_>> {
    let told = room.warn.stand_down(&who.actor, &id, &signed.note).await?;
    Ok(Json(json!({"id": id, "told": told})))
}
