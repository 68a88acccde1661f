//! Messages that ask for no answer: originals relayed, falls, the end, notices. They are no calls.

use anlan_kernel::RegionCode;
use anlan_monitor::Signal;
use anlan_register::{Who, audience};
use anlan_store::{Event, OutboxItem, Sending, StoreError, Tx, params};
use serde_json::json;

use crate::{
    Warn,
    channel::{Matter, announce},
    model::{Process, Round},
};

/// Messages that only inform go after every call.
pub(crate) const PRIORITY: i64 = 8;
/// Messages queued in one transaction.
const SLICE: usize = 500;

/// 转发: the original text to the duty rooms of its areas, unchanged; of all our own where it names none.
pub(crate) fn relay(warn: &Warn, tx: &mut Tx<'_>, signal: &Signal) -> Result<(), StoreError> {
    let home = [signal.region.clone()];
    let areas = if signal.areas.is_empty() { &home[..] } else { &signal.areas };
    let told = duty_rooms(warn, tx, "relay", signal, areas)?;
    announce::wanted(tx, Matter::Signal, &signal.id)?;
    tx.record(Event::new("signal.relayed", &signal.id).region(&signal.region).detail(json!({"rooms": told})))
}

/// A fall or an all-clear told to the duty rooms of the process.
pub(crate) fn rooms(warn: &Warn, tx: &mut Tx<'_>, process: &Process, signal: &Signal) -> Result<usize, StoreError> {
    duty_rooms(warn, tx, "inform", signal, &process.areas)
}

fn duty_rooms(
    warn: &Warn,
    tx: &mut Tx<'_>,
    template: &str,
    signal: &Signal,
    areas: &[RegionCode],
) -> Result<usize, StoreError> {
    let now = tx.now();
    let rooms = audience(tx, areas, &[Who::DutyRoom], now)?;
    for room in &rooms {
        message(warn, tx, template, &signal.id, &room.id, &room.region, PRIORITY)?;
    }
    Ok(rooms.len())
}

/// How many people were called in the course of the process, each once.
pub(crate) fn called_count(tx: &mut Tx<'_>, process: &str) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(DISTINCT callee) FROM call WHERE state <> 'no_contact' AND {scope:region}
                AND round IN (SELECT id FROM round WHERE process = $1)";
    tx.query(sql, params![process])?.first().map_or(Ok(0), |it| it.int(0))
}

/// Begins to tell exactly the people who were called that it is over.
pub(crate) fn called_begin(warn: &Warn, tx: &mut Tx<'_>, process: &str) -> Result<(), StoreError> {
    called_slice(warn, tx, &format!("{process}||"))
}

/// Tells the next slice of them; `subject` is process, round and the last call told, with bars between.
///
/// # Errors
/// What the store says.
pub fn called_slice(warn: &Warn, tx: &mut Tx<'_>, subject: &str) -> Result<(), StoreError> {
    let mut parts = subject.splitn(3, '|');
    let (process, round, after) =
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let rounds: Vec<Round> = tx.find("process = $1 AND id >= $2", "ORDER BY id LIMIT 2", params![process, round])?;
    let Some(current) = rounds.first() else { return Ok(()) };
    let from = format!("{}/", current.id).max(after.to_owned());
    // Calls of the round: their ids begin with its id and a slash, and "0" follows "/".
    let rows = tx.query(
        "SELECT id, callee, region FROM call WHERE id > $1 AND id < $2 AND state <> 'no_contact' AND {scope:region}
          ORDER BY id LIMIT $3",
        params![from, format!("{}0", current.id), SLICE],
    )?;
    for row in &rows {
        let region = RegionCode::parse(&row.text(2)?).map_err(|it| StoreError::Shape(it.to_string()))?;
        message(warn, tx, "stand_down", process, &row.text(1)?, &region, PRIORITY)?;
    }
    let next = match (rows.last(), rounds.get(1)) {
        (Some(last), _) if rows.len() == SLICE => Some(format!("{process}|{}|{}", current.id, last.text(0)?)),
        (_, Some(next)) => Some(format!("{process}|{}|", next.id)),
        _ => None,
    };
    if let Some(next) = next {
        tx.set_deadline("process.tell", &next, tx.now())?;
    }
    let detail = json!({"round": current.id, "count": rows.len()});
    tx.record(Event::new("process.told", process).region(&current.region).detail(detail))
}

/// The key of a message that asks for no answer; receipts name it.
pub fn message_key(template: &str, subject: &str, callee: &str, time: i64) -> String {
    format!("{template}:{subject}/{callee}#{time}")
}

/// Queues a message that asks for no answer; the same one to the same callee is queued once.
pub(crate) fn message(
    warn: &Warn,
    tx: &mut Tx<'_>,
    template: &str,
    subject: &str,
    callee: &str,
    region: &RegionCode,
    priority: i64,
) -> Result<(), StoreError> {
    queue(warn, tx, template, (subject, 1), (callee, region), priority, None)
}

impl Warn {
    /// Queues words that ask for no key; the same `time` of the same subject to the same callee is
    /// queued once. `words` name nobody: they stand in the journal.
    ///
    /// # Errors
    /// What the store says.
    pub fn tell(
        &self,
        tx: &mut Tx<'_>,
        matter: (&str, i64),
        callee: (&str, &RegionCode),
        words: &str,
    ) -> Result<(), StoreError> {
        queue(self, tx, "words", matter, callee, PRIORITY, Some(words))
    }

    /// As [`Warn::tell`], of words that only the callee may read, as a link of their own is: they stand sealed in the
    /// journal under the callee's key.
    ///
    /// # Errors
    /// What the store says.
    pub fn tell_sealed(
        &self,
        tx: &mut Tx<'_>,
        matter: (&str, i64),
        callee: (&str, &RegionCode),
        words: &str,
    ) -> Result<(), StoreError> {
        let sealed = tx.seal(callee.0, words)?;
        queue(self, tx, "sealed_words", matter, callee, PRIORITY, Some(&sealed))
    }

    /// 催收: the original to the same duty room once more, for the `time`th time.
    ///
    /// # Errors
    /// What the store says.
    pub fn relay_again(
        &self,
        tx: &mut Tx<'_>,
        signal: &str,
        callee: (&str, &RegionCode),
        time: i64,
    ) -> Result<(), StoreError> {
        queue(self, tx, "relay", (signal, time), callee, PRIORITY, None)
    }
}

fn queue(
    warn: &Warn,
    tx: &mut Tx<'_>,
    template: &str,
    (subject, time): (&str, i64),
    (callee, region): (&str, &RegionCode),
    priority: i64,
    words: Option<&str>,
) -> Result<(), StoreError> {
    let item = OutboxItem {
        id: message_key(template, subject, callee, time),
        channel: warn.channel(),
        kind: "sms".to_owned(),
        subject: subject.to_owned(),
        region: region.clone(),
        priority,
        due_at: tx.now(),
        state: Sending::Queued,
        tries: 0,
        payload: json!({
            "template": template, "callee": callee, "attempt": time, "number": 0, "repeat": false, "words": words,
        }),
        outcome: None,
        sent_at: None,
        revision: 0,
    };
    tx.insert(&item).map(drop)
}
