//! Rounds with counts that always add up.

use std::collections::BTreeMap;

use anlan_kernel::{Actor, Instant, Permission};
use anlan_store::{StoreError, Tx, Value, World, params};
use anlan_web::{ApiError, ApiResult, Who};
use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};

use super::{
    Room,
    channels::Reason,
    lists::{List, ListQuery, cursor, flag},
};
use crate::{
    exercise::NO_PROCESS,
    model::{CallState, Round, RoundState},
    service::everywhere,
};

/// How the calls of a round in the caller's duty areas stand: `called` is the sum of `open` and every
/// final state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Callees, once each.
    pub called: i64,
    /// Without a final state.
    pub open: i64,
    /// Of the open ones: told to the superior.
    pub escalated: i64,
    /// Each final state.
    #[serde(rename = "final")]
    pub finals: BTreeMap<&'static str, i64>,
}

/// A round with its counts.
#[derive(Debug, Serialize)]
pub struct RoundView {
    /// The round.
    #[serde(flatten)]
    pub round: Round,
    /// Its counts.
    #[serde(flatten)]
    pub counts: Counts,
}

impl Counts {
    pub(crate) fn none() -> Self {
        Self { finals: CallState::FINAL.iter().map(|it| (it.name(), 0)).collect(), ..Self::default() }
    }

    pub(crate) fn add(&mut self, state: &str, count: i64) {
        self.called += count;
        match self.finals.get_mut(state) {
            Some(it) => *it += count,
            None => {
                self.open += count;
                if state == CallState::Escalated.name() {
                    self.escalated += count;
                }
            }
        }
    }

    /// Callees in this final state.
    pub fn of(&self, state: CallState) -> i64 {
        self.finals.get(state.name()).copied().unwrap_or(0)
    }

    /// Nobody answered: 未叫通, or 已报上级 and the superior is only being told.
    pub fn silent(&self) -> i64 {
        self.of(CallState::NotReached) + self.escalated
    }

    /// 要找的人: who did not answer, and who has no usable number.
    pub fn missing(&self) -> i64 {
        self.silent() + self.of(CallState::NoContact)
    }
}

/// What the list of rounds takes beside.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct RoundQuery {
    process: Option<String>,
    open: Option<String>,
}

/// Rounds that touch the caller's duty areas: their region, or one of their calls.
const VISIBLE: &str = "({scope:r.region} OR EXISTS (SELECT 1 FROM call c WHERE c.round = r.id AND {scope:c.region}))";

/// Rounds, newest first.
pub(super) async fn list(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
    Query(which): Query<RoundQuery>,
) -> ApiResult<Json<List<RoundView>>> {
    let open = flag(which.open.as_deref());
    Ok(Json(read_rounds(&room, &who, &query, which.process, open).await?))
}

/// See [`list`].
pub(crate) async fn read_rounds(
    room: &Room,
    who: &Who,
    query: &ListQuery,
    process: Option<String>,
    open: Option<bool>,
) -> ApiResult<List<RoundView>> {
    let (most, at, (before, id)) = (query.most()?, query.at()?, query.before()?);
    let shown = at.unwrap_or_else(|| room.site.world.now());
    // A pending round starts later than now and stands in the list all the same.
    let until = at.unwrap_or(anlan_kernel::MAX_INSTANT);
    let filter = match open {
        Some(true) => "r.state IN ('pending', 'running')",
        Some(false) => "r.state NOT IN ('pending', 'running')",
        None => "1 = 1",
    };
    let sql = format!(
        "SELECT r.id FROM round r WHERE {filter} AND r.process <> '{NO_PROCESS}' AND ($1 = '' OR r.process = $1) AND {VISIBLE} AND r.start_at <= $2
            AND (r.start_at < $3 OR (r.start_at = $3 AND r.id < $4))
          ORDER BY r.start_at DESC, r.id DESC LIMIT $5"
    );
    let process = process.unwrap_or_default();
    let ids = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let rows = tx.query(&sql, params![&process, until, before, &id, most])?;
            rows.iter().map(|it| it.text(0)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let full = ids.len() == most;
    let items = views(room, who, ids, at).await?;
    let next = items.last().filter(|_| full).map(|it| cursor(it.round.start_at, &it.round.id));
    Ok(List { items, next, at: shown })
}

/// The rounds of a process, newest first.
pub(super) async fn of_process(
    room: &Room,
    who: &Who,
    process: &str,
    at: Option<Instant>,
) -> ApiResult<Vec<RoundView>> {
    let (process, until) = (process.to_owned(), at.unwrap_or(anlan_kernel::MAX_INSTANT));
    let ids = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let sql = format!(
                "SELECT r.id FROM round r WHERE r.process = $1 AND r.start_at <= $2 AND {VISIBLE}
                  ORDER BY r.start_at DESC, r.id DESC"
            );
            let rows = tx.query(&sql, params![&process, until])?;
            rows.iter().map(|it| it.text(0)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    Ok(views(room, who, ids, at).await?)
}

async fn views(room: &Room, who: &Who, ids: Vec<String>, at: Option<Instant>) -> Result<Vec<RoundView>, StoreError> {
    let rounds = load(&room.site.world, &who.actor, &ids).await?;
    let mut counts = room.site.world.read(&who.actor, move |tx| counts(tx, &ids, at)).await?;
    // A street reads its district's rounds; what an officer wrote about a person is for those who see people.
    let named = who.may(Permission::SeePeople);
    let view = |round: Round| {
        let counts = counts.remove(&round.id).unwrap_or_else(Counts::none);
        let round = Round { stop_reason: round.stop_reason.clone().filter(|_| named), ..round };
        RoundView { round: then(round, at), counts }
    };
    Ok(rounds.into_iter().map(view).collect())
}

fn places(from: usize, count: usize) -> String {
    (from..from + count).map(|i| format!("${i}")).collect::<Vec<_>>().join(", ")
}

/// In the order of the ids; they were found in the caller's duty areas.
async fn load(world: &World, actor: &Actor, ids: &[String]) -> Result<Vec<Round>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let values: Vec<_> = ids.iter().map(Value::from).collect();
    let condition = format!("id IN ({})", places(1, ids.len()));
    let found = world.read(&everywhere(actor), move |tx| tx.find::<Round>(&condition, "", &values)).await?;
    let mut by_id: BTreeMap<_, _> = found.into_iter().map(|it| (it.id.clone(), it)).collect();
    Ok(ids.iter().filter_map(|it| by_id.remove(it)).collect())
}

/// How the calls of one round in scope stand.
pub(crate) fn round_counts(tx: &mut Tx<'_>, round: &str) -> Result<Counts, StoreError> {
    Ok(counts(tx, &[round.to_owned()], None)?.remove(round).unwrap_or_else(Counts::none))
}

/// Counts of the calls in scope, by round; of the past a call that ended later counts as open.
fn counts(tx: &mut Tx<'_>, rounds: &[String], at: Option<Instant>) -> Result<BTreeMap<String, Counts>, StoreError> {
    if rounds.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut values = vec![Value::from(at.unwrap_or(anlan_kernel::MAX_INSTANT))];
    values.extend(rounds.iter().map(Value::from));
    let sql = format!(
        "SELECT round, CASE WHEN final_at > $1 THEN 'calling' ELSE state END, COUNT(*) FROM call
          WHERE round IN ({}) AND opened_at <= $1 AND {{scope:region}} GROUP BY 1, 2",
        places(2, rounds.len())
    );
    let mut found: BTreeMap<String, Counts> = BTreeMap::new();
    for row in tx.query(&sql, &values)? {
        found.entry(row.text(0)?).or_insert_with(Counts::none).add(&row.text(1)?, row.int(2)?);
    }
    Ok(found)
}

/// The round as it stood at `at`, as far as its own times say.
fn then(mut round: Round, at: Option<Instant>) -> Round {
    let Some(at) = at else { return round };
    if round.ended_at.is_some_and(|it| it > at) {
        round.state = RoundState::Running;
        round.ended_at = None;
    }
    if round.started_at.is_none_or(|it| it > at) && round.ended_at.is_none() {
        round.state = RoundState::Pending;
        round.started_at = None;
    }
    round
}

/// One round.
pub(super) async fn one(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json<RoundView>> {
    Ok(Json(read_round(&room, &who, id, query.at()?).await?))
}

/// See [`one`].
pub(crate) async fn read_round(room: &Room, who: &Who, id: String, at: Option<Instant>) -> ApiResult<RoundView> {
    let seen = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let rows = tx.query(&format!("SELECT r.id FROM round r WHERE r.id = $1 AND {VISIBLE}"), params![&id])?;
            rows.iter().map(|it| it.text(0)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    views(room, who, seen, at).await?.pop().ok_or_else(ApiError::not_found)
}

/// 立即开始, without waiting for the two minutes.
pub(super) async fn start(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<RoundView>> {
    room.warn.start_now(&who.actor, &id).await?;
    Ok(Json(read_round(&room, &who, id, None).await?))
}

/// 停止, with a reason: open calls end as 已停止.
pub(super) async fn stop(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(it): Json<Reason>,
) -> ApiResult<Json<RoundView>> {
    room.warn.stop_round(&who.actor, &id, &it.reason).await?;
    Ok(Json(read_round(&room, &who, id, None).await?))
}

/// 恢复叫应: answers with the round that begins.
pub(super) async fn resume(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(it): Json<Reason>,
) -> ApiResult<Json<RoundView>> {
    let round = room.warn.resume_round(&who.actor, &id, &it.reason).await?;
    Ok(Json(read_round(&room, &who, round.id, None).await?))
}
