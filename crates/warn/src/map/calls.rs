//! Calls of a process by region: who was to be called, who knows, who was not reached.

use std::collections::{BTreeMap, BTreeSet};

use anlan_store::{StoreError, Tx, Value, params};
use serde::Serialize;

use super::round_ids;
use crate::{model::CallState, standing::newest_calls};

/// States in which the callee knows (已知晓). A list that a superior took over is not yet one of them.
pub(crate) const KNOWS: [CallState; 4] =
    [CallState::Answered, CallState::HeardInFull, CallState::RecordedByColleague, CallState::ReachedOnSite];

/// States in which somebody has to look for the callee (要找的人).
pub(crate) const MISSING: [CallState; 3] = [CallState::Escalated, CallState::NotReached, CallState::NoContact];

/// 应叫 N，已知晓 M.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    /// Callees of the process, once each, whatever the round.
    pub called: i64,
    /// Those of them who acknowledged in some round. Neither figure ever falls.
    pub knows: i64,
    /// The newest round that called anybody.
    pub round: Option<String>,
    /// Its callees.
    pub round_called: i64,
    /// Those of them who acknowledged in it.
    pub round_knows: i64,
}

/// How the newest calls of the callees of a region stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Standing {
    /// The newest round with one of them that reached nobody, else the newest one.
    pub round: String,
    /// Callees.
    pub called: i64,
    /// 已知晓.
    pub knows: i64,
    /// Being called.
    pub open: i64,
    /// 已转交: a superior took them over.
    pub handed_over: i64,
    /// 要找的人: 已报上级, 未叫通 and 无可用号码.
    pub silent: i64,
}

/// What the map needs of the calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub tally: Tally,
    /// By the region of the callee's first duty.
    pub standing: BTreeMap<String, Standing>,
    /// How the duty rooms called stand, by organisation.
    pub rooms: BTreeMap<String, CallState>,
}

impl Standing {
    fn add(&mut self, state: CallState, count: i64) {
        self.called += count;
        if KNOWS.contains(&state) {
            self.knows += count;
        } else if MISSING.contains(&state) {
            self.silent += count;
        } else if !state.is_final() {
            self.open += count;
        } else if state == CallState::HandedOver {
            self.handed_over += count;
        }
    }
}

impl Calls {
    /// Adds calls of one round in one state; rounds come oldest first.
    pub fn add(&mut self, round: &str, state: CallState, count: i64) {
        if self.tally.round.as_deref() != Some(round) {
            self.tally = Tally { round: Some(round.to_owned()), round_called: 0, round_knows: 0, ..self.tally.clone() };
        }
        self.tally.round_called += count;
        self.tally.round_knows += if KNOWS.contains(&state) { count } else { 0 };
    }

    /// Adds callees of one region whose newest calls are of one round and state; rounds come oldest first.
    pub fn stand(&mut self, round: &str, region: &str, state: CallState, count: i64) {
        let standing = self.standing.entry(region.to_owned()).or_default();
        let before = standing.silent;
        standing.add(state, count);
        if standing.silent > before || before == 0 {
            round.clone_into(&mut standing.round);
        }
    }
}

/// A state by its stored name.
pub(crate) fn state_named(name: &str) -> Option<CallState> {
    CallState::FINAL.into_iter().chain([CallState::Calling, CallState::Escalated]).find(|it| it.name() == name)
}

/// The list of [`KNOWS`] for SQL.
pub(crate) fn knows_sql() -> String {
    KNOWS.map(|it| format!("'{}'", it.name())).join(", ")
}

/// `$1, $2, …` and the values.
pub(crate) fn places(ids: &[String]) -> (String, Vec<Value>) {
    let text: Vec<_> = (1..=ids.len()).map(|i| format!("${i}")).collect();
    (text.join(", "), ids.iter().map(Value::from).collect())
}

/// The calls of a process in the caller's duty areas as they stand now.
///
/// # Errors
/// What the engine says.
pub(crate) fn counted(tx: &mut Tx<'_>, process: &str) -> Result<Calls, StoreError> {
    let mut calls = Calls::default();
    let rounds = round_ids(tx, process)?;
    if rounds.is_empty() {
        return Ok(calls);
    }
    let (ids, values) = places(&rounds);
    let sql = format!(
        "SELECT c.round, c.state, COUNT(*) FROM call c WHERE c.round IN ({ids}) AND {{scope:c.region}}
          GROUP BY c.round, c.state"
    );
    let rows = tx.query(&sql, &values)?;
    for round in &rounds {
        for row in &rows {
            if row.text(0)? == *round {
                calls.add(round, state_of(&row.text(1)?)?, row.int(2)?);
            }
        }
    }
    let (columns, what) =
        ("call.round, call.region, call.state", "newest.round, newest.region, newest.state, COUNT(*)");
    let tail = "GROUP BY newest.round, newest.region, newest.state";
    let rows = tx.query(&newest_calls(columns, what, "process.id = $1", tail), params![process])?;
    for round in &rounds {
        for row in &rows {
            if row.text(0)? == *round {
                calls.stand(round, &row.text(1)?, state_of(&row.text(2)?)?, row.int(3)?);
            }
        }
    }
    let sql = format!(
        "SELECT COUNT(DISTINCT c.callee), COUNT(DISTINCT CASE WHEN c.state IN ({}) THEN c.callee END)
           FROM call c WHERE c.round IN ({ids}) AND {{scope:c.region}}",
        knows_sql()
    );
    if let Some(row) = tx.query(&sql, &values)?.first() {
        (calls.tally.called, calls.tally.knows) = (row.int(0)?, row.int(1)?);
    }
    let rooms = "process.id = $1 AND call.callee >= 'room:' AND call.callee < 'room;'";
    let sql = newest_calls("call.callee, call.state", "newest.callee, newest.state", rooms, "");
    for row in tx.query(&sql, params![process])? {
        let room = row.text(0)?.trim_start_matches("room:").to_owned();
        calls.rooms.insert(room, state_of(&row.text(1)?)?);
    }
    Ok(calls)
}

fn state_of(name: &str) -> Result<CallState, StoreError> {
    state_named(name).ok_or_else(|| StoreError::Shape(format!("{name} is no state of a call")))
}

/// Who is counted once however many rounds called them.
pub(crate) fn once<'a>(callees: impl Iterator<Item = &'a str>) -> i64 {
    callees.collect::<BTreeSet<_>>().len() as i64
}
