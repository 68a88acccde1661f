//! Weather processes: alarms and signals join, levels open rounds, calm ends them.

use anlan_kernel::{Actor, Instant, Problem, RegionCode, civil_day};
use anlan_monitor::{Alarm, Signal, SignalState};
use anlan_store::{Event, StoreError, Tx, Urgency, params};
use serde_json::json;

use crate::{
    Warn,
    model::{Call, Process, Round, RoundState},
    round,
};

/// Why a process begins, grows or becomes graver.
pub(crate) struct Cause<'a> {
    pub hazard: &'a str,
    pub areas: &'a [RegionCode],
    pub level: Option<u8>,
    pub words: String,
    pub subject: &'a str,
    pub invented: bool,
}

/// A measured alarm joins; one of a station that speaks for nowhere here (上游监视) never calls.
///
/// # Errors
/// What the store says.
pub fn alarm_came(warn: &Warn, tx: &mut Tx<'_>, alarm: &Alarm) -> Result<(), StoreError> {
    let Some(hazard) = alarm.hazard.as_deref().filter(|_| !alarm.areas.is_empty()) else { return Ok(()) };
    let level = warn.plan().level_of_alarm(hazard, alarm.grade.get());
    let words = format!("{}（监测{}级，{}）", alarm.title.zh, alarm.grade.numeral(), alarm.station);
    let cause = Cause { hazard, areas: &alarm.areas, level, words, subject: &alarm.id, invented: false };
    join(warn, tx, &cause)
}

/// An incoming signal joins; a fall or an all-clear informs and proposes, and lifts nothing.
///
/// # Errors
/// What the store says.
pub fn signal_came(warn: &Warn, tx: &mut Tx<'_>, signal: &Signal) -> Result<(), StoreError> {
    if signal.areas.is_empty() || signal.state != SignalState::InForce && signal.action != "cancel" {
        return Ok(());
    }
    if signal.forwarded_at.is_some() {
        return relay(warn, tx, signal);
    }
    if signal.acknowledged_at.is_some() {
        return Ok(());
    }
    let level = signal.colour.and_then(|it| warn.plan().level_of_signal(&signal.hazard, it));
    if signal.action == "cancel" || is_lower(tx, signal, level)? {
        return fell(warn, tx, signal);
    }
    let words = format!("{}：{}", signal.issuer, signal.title);
    let cause = Cause {
        hazard: &signal.hazard,
        areas: &signal.areas,
        level,
        words,
        subject: &signal.id,
        invented: signal.invented,
    };
    join(warn, tx, &cause)
}

fn join(warn: &Warn, tx: &mut Tx<'_>, cause: &Cause<'_>) -> Result<(), StoreError> {
    let mut districts: Vec<RegionCode> = cause.areas.iter().filter_map(RegionCode::district).collect();
    districts.sort();
    districts.dedup();
    for district in districts {
        let areas: Vec<_> = cause.areas.iter().filter(|it| district.covers(it)).cloned().collect();
        let process = join_district(warn, tx, cause, &district, &areas)?;
        if let Some(level) = cause.level {
            round::wanted(warn, tx, &process, level, &areas, cause)?;
        }
    }
    Ok(())
}

fn join_district(
    warn: &Warn,
    tx: &mut Tx<'_>,
    cause: &Cause<'_>,
    district: &RegionCode,
    areas: &[RegionCode],
) -> Result<Process, StoreError> {
    let now = tx.now();
    let found = tx.find::<Process>("hazard = $1 AND region = $2 AND open = 1", "", params![cause.hazard, district])?;
    let (mut process, event) = match found.into_iter().next() {
        Some(process) => (process, "process.joined"),
        None => (begin(tx, cause.hazard, district, now)?, "process.opened"),
    };
    for area in areas {
        add_area(&mut process.areas, area);
    }
    if let Some(level) = cause.level {
        process.level = Some(process.level.map_or(level, |it| it.min(level)));
    }
    process.last_at = now;
    process.stand_down_proposed = false;
    tx.put(&process)?;
    tx.set_deadline("process.end", &process.id, now.plus(warn.config.process_ends_after))?;
    let detail = json!({"cause": cause.subject, "words": cause.words, "level": cause.level});
    tx.record(Event::new(event, &process.id).region(district).detail(detail))?;
    Ok(process)
}

fn begin(tx: &mut Tx<'_>, hazard: &str, district: &RegionCode, now: Instant) -> Result<Process, StoreError> {
    let base = format!("wp-{}-{hazard}-{district}", civil_day(now));
    let same_day = tx.count::<Process>("id = $1 OR id LIKE $2", params![&base, format!("{base}-%")])?;
    let id = if same_day == 0 { base } else { format!("{base}-{}", same_day + 1) };
    Ok(Process {
        id,
        hazard: hazard.to_owned(),
        region: district.clone(),
        areas: Vec::new(),
        level: None,
        open: true,
        opened_at: now,
        last_at: now,
        ended_at: None,
        ended_by: None,
        stand_down_proposed: false,
        revision: 0,
    })
}

/// Adds `area` unless it is covered; drops what it covers.
pub(crate) fn add_area(areas: &mut Vec<RegionCode>, area: &RegionCode) {
    if areas.iter().any(|it| it.covers(area)) {
        return;
    }
    areas.retain(|it| !area.covers(it));
    areas.push(area.clone());
    areas.sort();
}

/// Whether the process it would join was called at a graver level before.
fn is_lower(tx: &mut Tx<'_>, signal: &Signal, level: Option<u8>) -> Result<bool, StoreError> {
    let Some(level) = level else { return Ok(false) };
    let open: Vec<Process> = tx.find("hazard = $1 AND open = 1", "", params![&signal.hazard])?;
    Ok(open
        .iter()
        .filter(|it| signal.areas.iter().any(|area| area.meets(&it.region)))
        .any(|it| it.level.is_some_and(|before| before < level)))
}

/// 转发: the original text to the duty rooms of its areas, unchanged.
fn relay(warn: &Warn, tx: &mut Tx<'_>, signal: &Signal) -> Result<(), StoreError> {
    let now = tx.now();
    let rooms = anlan_register::audience(tx, &signal.areas, &[anlan_register::Who::DutyRoom], now)?;
    for room in rooms {
        round::message(warn, tx, "relay", &signal.id, &room.id, &room.region, &signal.title)?;
    }
    Ok(())
}

/// A fall or an all-clear: the duty rooms are told by message, the desk is asked to decide.
fn fell(warn: &Warn, tx: &mut Tx<'_>, signal: &Signal) -> Result<(), StoreError> {
    let open: Vec<Process> = tx.find("hazard = $1 AND open = 1", "ORDER BY id", params![&signal.hazard])?;
    for mut process in open {
        if !signal.areas.iter().any(|it| it.meets(&process.region)) {
            continue;
        }
        let now = tx.now();
        process.last_at = now;
        process.stand_down_proposed = true;
        tx.put(&process)?;
        tx.set_deadline("process.end", &process.id, now.plus(warn.config.process_ends_after))?;
        round::inform_rooms(warn, tx, &process, &signal.id, &signal.title)?;
        let detail = json!({"cause": signal.id});
        tx.record(Event::new("process.stand_down_proposed", &process.id).region(&process.region).detail(detail))?;
    }
    Ok(())
}

/// N hours after its last alarm or signal a process ends by itself, unless calls are still open.
///
/// # Errors
/// What the store says.
pub fn calm(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let Some(mut process) = tx.get::<Process>(id)?.filter(|it| it.open) else { return Ok(()) };
    let now = tx.now();
    if open_calls(tx, id)? > 0 {
        return tx.set_deadline("process.end", id, now.plus(std::time::Duration::from_secs(600)));
    }
    close(&mut process, now, &tx.actor().name.clone());
    tx.put(&process)?;
    tx.record(Event::new("process.ended", id).region(&process.region))
}

fn close(process: &mut Process, now: Instant, by: &str) {
    process.open = false;
    process.ended_at = Some(now);
    process.ended_by = Some(by.to_owned());
}

fn open_calls(tx: &mut Tx<'_>, process: &str) -> Result<i64, StoreError> {
    let rounds: Vec<Round> = tx.find("process = $1", "", params![process])?;
    rounds.iter().map(|it| tx.count::<Call>("round = $1 AND open = 1", params![&it.id])).sum()
}

impl Warn {
    /// Stand-down (解除叫应), signed by an officer: rounds stop, and exactly the people who were called
    /// are told. The process ends.
    ///
    /// # Errors
    /// A refusal when the process is over; what the store says.
    pub async fn stand_down(self: &std::sync::Arc<Self>, actor: &Actor, id: &str) -> Result<usize, StoreError> {
        let (warn, id) = (std::sync::Arc::clone(self), id.to_owned());
        self.world
            .write("process.stand-down", Urgency::Urgent, actor, move |tx| {
                let Some(mut process) = tx.get::<Process>(&id)?.filter(|it| it.open) else {
                    return Err(StoreError::Refused(Problem::new(
                        "process_is_over",
                        "该天气过程已结束",
                        "this process is over",
                    )));
                };
                let rounds: Vec<Round> = tx.find("process = $1", "ORDER BY id", params![&id])?;
                let by = tx.actor().name.clone();
                for it in rounds.iter().filter(|it| matches!(it.state, RoundState::Pending | RoundState::Running)) {
                    round::stop(&warn, tx, it.clone(), &by)?;
                }
                let told = round::inform_called(&warn, tx, &process, &rounds)?;
                close(&mut process, tx.now(), &by);
                tx.put(&process)?;
                tx.clear_deadline("process.end", &id)?;
                let detail = json!({"told": told});
                tx.record(Event::new("process.stood_down", &id).region(&process.region).detail(detail))?;
                Ok(told)
            })
            .await
    }
}
