//! How the rounds of a process stand together: each callee once, by their newest call.

use std::collections::BTreeMap;

use anlan_kernel::Instant;
use anlan_store::{Row, StoreError, Tx, Value, params};
use anlan_web::percent;

use crate::api::Counts;

/// How a round of a process that goes on stands now (本轮).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaking {
    /// Its id.
    pub id: String,
    /// Its process.
    pub process: String,
    /// Call-out level.
    pub level: i64,
    /// What led to it.
    pub cause: String,
    /// When it starts or started.
    pub start_at: Instant,
    /// The callees whose newest call in the process is one of this round, by its state.
    pub counts: Counts,
    /// When the first of its calls was opened that reached nobody.
    pub since: Option<Instant>,
}

impl Speaking {
    /// Path and filter of the people in these states, to be put behind the world's base.
    pub fn list(&self, states: &str) -> String {
        format!("/rounds/{}?state={states}&newest=1", percent(&self.id))
    }
}

/// Rounds of open processes that have a round running or done, newest first. Each callee in the actor's duty areas
/// counts once in a process, with their newest call: who was called again is not missing any more, and who was not
/// called again, because the round that followed covers another street or skips whom it finds called, still is.
///
/// # Errors
/// What the store says.
pub fn speaking(tx: &mut Tx<'_>) -> Result<Vec<Speaking>, StoreError> {
    let calling = "process.open = 1 AND {scope:call.region} AND EXISTS (SELECT 1 FROM round live
                     WHERE live.process = process.id AND live.state IN ('running', 'done'))";
    standing(tx, calling, &[])
}

/// As [`speaking`], for one process, whether it goes on or not.
pub(crate) fn speaking_of(tx: &mut Tx<'_>, process: &str) -> Result<Vec<Speaking>, StoreError> {
    standing(tx, "process.id = $1", params![process])
}

fn standing(tx: &mut Tx<'_>, which: &str, values: &[Value]) -> Result<Vec<Speaking>, StoreError> {
    let what = "newest.round, newest.state, COUNT(*),
                MIN(CASE WHEN newest.state IN ('not_reached', 'escalated') THEN newest.opened_at END)";
    let sql =
        newest_calls("call.round, call.state, call.opened_at", what, which, "GROUP BY newest.round, newest.state");
    let mut stand: BTreeMap<String, (Counts, Option<Instant>)> = BTreeMap::new();
    for row in tx.query(&sql, values)? {
        let (counts, since) = stand.entry(row.text(0)?).or_insert_with(|| (Counts::none(), None));
        counts.add(&row.text(1)?, row.int(2)?);
        *since = since.iter().copied().chain(row.opt(3, Row::instant)?).min();
    }
    if stand.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<_> = (1..=stand.len()).map(|i| format!("${i}")).collect();
    let ids: Vec<Value> = stand.keys().map(Value::from).collect();
    let sql = format!(
        "SELECT id, process, level, cause, start_at FROM round WHERE id IN ({})
            AND ({{scope:region}} OR EXISTS (SELECT 1 FROM call WHERE call.round = round.id AND {{scope:call.region}}))
          ORDER BY start_at DESC, id DESC",
        places.join(", ")
    );
    let mut found = Vec::new();
    for row in tx.query(&sql, &ids)? {
        let id = row.text(0)?;
        let (counts, since) = stand.remove(&id).unwrap_or_else(|| (Counts::none(), None));
        let (process, level, cause, start_at) = (row.text(1)?, row.int(2)?, row.text(3)?, row.instant(4)?);
        found.push(Speaking { id, process, level, cause, start_at, counts, since });
    }
    Ok(found)
}

/// The statement that reads `what` of these columns of each callee's newest call, `newest`, in the processes of
/// `which`. A cancelled call is the newest only of those who have no other.
///
/// The joins are written so that SQLite goes from the process to its rounds to their calls; left to itself it reads
/// every call there ever was, in the order of the callees.
pub(crate) fn newest_calls(columns: &str, what: &str, which: &str, tail: &str) -> String {
    format!(
        "SELECT {what} FROM (
            SELECT {columns}, ROW_NUMBER() OVER (PARTITION BY round.process, call.callee ORDER BY
                    CASE WHEN call.state = 'cancelled' THEN 1 ELSE 0 END, call.opened_at DESC, call.id DESC) AS place
              FROM process CROSS JOIN round CROSS JOIN call
             WHERE round.process = process.id AND call.round = round.id AND {which} AND {{scope:call.region}}) newest
          WHERE newest.place = 1 {tail}"
    )
}

/// Ids of the calls of a round whose callees were called again later in its process.
pub(crate) fn called_again(tx: &mut Tx<'_>, round: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT DISTINCT call.id FROM round CROSS JOIN round other CROSS JOIN call later CROSS JOIN call
                WHERE round.id = $1 AND other.process = round.process AND other.id <> round.id
                  AND other.id NOT LIKE 'directed-%'
                  AND later.round = other.id AND later.state <> 'cancelled'
                  AND call.id = round.id || '/' || later.callee
                  AND (later.opened_at > call.opened_at OR (later.opened_at = call.opened_at AND later.id > call.id))
                  AND {scope:call.region} AND {scope:later.region}";
    tx.query(sql, params![round])?.iter().map(|it| it.text(0)).collect()
}
