//! The last line of a demo run: everybody accounted for.

use std::collections::BTreeMap;

use anlan_kernel::{Actor, Text};
use anlan_monitor::Signal;
use anlan_store::StoreError;
use anlan_warn::{Call, CallState, Round};
use serde::Serialize;

use crate::house::House;

/// As the contract has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Callees, once per round.
    pub called: i64,
    /// Each final state; they add up to `called`.
    #[serde(rename = "final")]
    pub finals: BTreeMap<&'static str, i64>,
    /// Attempts made with callees and superiors.
    pub attempts: i64,
    /// Calls that went one level up.
    pub escalated: i64,
    /// Rounds.
    pub rounds: i64,
    /// Papers of notices (风险提示单) that were issued.
    pub notices: i64,
    /// Alarms.
    pub alarms: i64,
    /// Readings taken.
    pub readings: i64,
}

/// Counts the world.
///
/// # Errors
/// What the store says.
pub async fn of(house: &House) -> Result<String, StoreError> {
    let readings = i64::try_from(house.monitor.readings()?).unwrap_or(i64::MAX);
    let summary = house
        .world
        .read(&Actor::system("summary"), move |tx| {
            let mut one = |sql: &str| -> Result<i64, StoreError> {
                tx.query(sql, &[])?
                    .first()
                    .map_or(Ok(0), |it| it.opt(0, anlan_store::Row::int).map(Option::unwrap_or_default))
            };
            let called = one("SELECT COUNT(*) FROM call WHERE {scope:region}")?;
            let attempts = one("SELECT CAST(COALESCE(SUM(attempts), 0) AS BIGINT) FROM call WHERE {scope:region}")?
                + one("SELECT CAST(COALESCE(SUM(attempts), 0) AS BIGINT) FROM escalation WHERE {scope:region}")?;
            let escalated = one("SELECT COUNT(*) FROM call WHERE escalations > 0 AND {scope:region}")?;
            let rounds = one("SELECT COUNT(*) FROM round WHERE {scope:region}")?;
            let notices = one("SELECT COUNT(*) FROM notice_paper WHERE issued_at IS NOT NULL AND {scope:region}")?;
            let alarms = one("SELECT COUNT(*) FROM alarm WHERE {scope:region}")?;
            let mut finals: BTreeMap<&'static str, i64> = CallState::FINAL.iter().map(|it| (it.name(), 0)).collect();
            for row in
                tx.query("SELECT state, COUNT(*) FROM call WHERE open = 0 AND {scope:region} GROUP BY state", &[])?
            {
                let state = row.text(0)?;
                if let Some((_, count)) = finals.iter_mut().find(|(name, _)| **name == state) {
                    *count = row.int(1)?;
                }
            }
            Ok(Summary { called, finals, attempts, escalated, rounds, notices, alarms, readings })
        })
        .await?;
    Ok(serde_json::to_string(&summary)?)
}

/// Calls that have no final state yet.
///
/// # Errors
/// What the store says.
pub async fn open_calls(house: &House) -> Result<i64, StoreError> {
    house.world.read(&Actor::system("summary"), |tx| tx.count::<Call>("open = 1", &[])).await
}

/// What happened so far, in two sentences that take twenty seconds to read.
///
/// # Errors
/// What the store says.
pub async fn recap(house: &House) -> Result<Text, StoreError> {
    house
        .world
        .read(&Actor::system("summary"), |tx| {
            let signals: Vec<Signal> = tx.find("1 = 1", "ORDER BY received_at", &[])?;
            let rounds = tx.count::<Round>("1 = 1", &[])?;
            let called = tx.count::<Call>("1 = 1", &[])?;
            let open = tx.count::<Call>("open = 1", &[])?;
            let answered = tx.count::<Call>("state = 'answered'", &[])?;
            let last = signals.last().map_or((String::new(), String::new()), |it| (it.received_at.clock(), it.title.clone()));
            Ok(Text::new(
                format!(
                    "回顾：此前收到 {} 条信号，最近一条 {} {}；叫应 {rounds} 轮，应叫 {called}，已叫应 {answered}，未有结果 {open}。",
                    signals.len(), last.0, last.1
                ),
                format!(
                    "So far: {} signals, the last at {} {}; {rounds} rounds, {called} called, {answered} answered, {open} open.",
                    signals.len(), last.0, last.1
                ),
            ))
        })
        .await
}
