//! Weather processes: alarms and signals join, levels open rounds, calm ends them.

use std::sync::Arc;

use anlan_kernel::{Actor, Instant, RegionCode, civil_day};
use anlan_monitor::{Alarm, AlarmState, Signal, SignalState, Station};
use anlan_register::Region;
use anlan_store::{Event, StoreError, Tx, Urgency, journal, params};
use serde_json::json;

use crate::{
    Warn, inform,
    model::{Call, Process, Round, RoundState},
    round,
    service::{everywhere, refusal, who_and_when},
};

/// Why a stand-down stops a round.
const STOOD_DOWN: &str = "解除叫应";
/// Characters of a stand-down note that are kept.
const NOTE: usize = 500;

/// Why a process begins, grows or becomes graver.
pub(crate) struct Cause<'a> {
    pub hazard: &'a str,
    pub level: Option<u8>,
    pub words: String,
    pub subject: &'a str,
    pub invented: bool,
}

/// A measured alarm joins; one of a station that speaks for nowhere here (上游监视) never calls. A fall
/// of one station says nothing; the last alarm's end proposes a stand-down and lifts nothing.
///
/// # Errors
/// What the store says.
pub fn alarm_came(warn: &Warn, tx: &mut Tx<'_>, alarm: &Alarm) -> Result<(), StoreError> {
    let Some(hazard) = alarm.hazard.as_deref().filter(|_| !alarm.areas.is_empty()) else { return Ok(()) };
    if alarm.state == AlarmState::Cleared {
        return alarm_calm(warn, tx, hazard, alarm);
    }
    if alarm.grade > alarm.peak {
        return Ok(());
    }
    let level = warn.plan().level_of_alarm(hazard, alarm.grade.get());
    let station = tx.get::<Station>(&alarm.station)?.map_or_else(|| alarm.station.clone(), |it| it.name.zh);
    let words = format!("{}（监测{}级，{station}）", alarm.title.zh, alarm.grade.numeral());
    let cause = Cause { hazard, level, words, subject: &alarm.id, invented: false };
    for (district, areas) in by_district(tx, &alarm.areas)? {
        join(warn, tx, &cause, &district, &areas)?;
    }
    Ok(())
}

/// An incoming signal joins; a fall or an all-clear informs and proposes, and lifts nothing.
///
/// # Errors
/// What the store says.
pub fn signal_came(warn: &Warn, tx: &mut Tx<'_>, signal: &Signal) -> Result<(), StoreError> {
    if signal.state == SignalState::Test {
        return Ok(());
    }
    if signal.forwarded_at.is_some() {
        return inform::relay(warn, tx, signal);
    }
    let moves = signal.state == SignalState::InForce || signal.action == "cancel";
    if !moves || signal.acknowledged_at.is_some() {
        return Ok(());
    }
    let cancels = signal.action == "cancel";
    let level = level_of(warn, signal).filter(|_| !cancels);
    let words = format!("{}：{}", signal.issuer, signal.title);
    let (hazard, subject, invented) = (signal.hazard.as_str(), signal.id.as_str(), signal.invented);
    let cause = Cause { hazard, level, words, subject, invented };
    for (district, areas) in by_district(tx, &signal.areas)? {
        if cancels || falls(tx, &cause, &district, &areas)? {
            fell(warn, tx, signal, &district)?;
        } else {
            join(warn, tx, &cause, &district, &areas)?;
        }
    }
    Ok(())
}

fn level_of(warn: &Warn, signal: &Signal) -> Option<u8> {
    signal.colour.and_then(|it| warn.plan().level_of_signal(&signal.hazard, it))
}

/// Areas by the district they lie in; one that is wider than a district is every district in it.
fn by_district(tx: &mut Tx<'_>, areas: &[RegionCode]) -> Result<Vec<(RegionCode, Vec<RegionCode>)>, StoreError> {
    let mut found: Vec<(RegionCode, Vec<RegionCode>)> = Vec::new();
    for area in areas {
        for part in parts(tx, area)? {
            let Some(district) = part.district() else { continue };
            match found.iter_mut().find(|(it, _)| *it == district) {
                Some((_, areas)) => add_area(areas, &part),
                None => found.push((district, vec![part])),
            }
        }
    }
    found.sort();
    Ok(found)
}

fn parts(tx: &mut Tx<'_>, area: &RegionCode) -> Result<Vec<RegionCode>, StoreError> {
    if area.district().is_some() {
        return Ok(vec![area.clone()]);
    }
    let inside = params![area.as_str(), area.until()];
    let districts: Vec<Region> = tx.find("LENGTH(code) = 6 AND code >= $1 AND code < $2", "ORDER BY code", inside)?;
    districts.iter().map(|it| code(it.code.as_str())).collect()
}

fn code(text: &str) -> Result<RegionCode, StoreError> {
    RegionCode::parse(text).map_err(|it| StoreError::Shape(it.to_string()))
}

fn open_in(tx: &mut Tx<'_>, hazard: &str, district: &RegionCode) -> Result<Option<Process>, StoreError> {
    let found: Vec<Process> = tx.find("hazard = $1 AND region = $2 AND open = 1", "", params![hazard, district])?;
    Ok(found.into_iter().next())
}

/// Whether everybody the signal speaks of was called at a graver level before.
fn falls(tx: &mut Tx<'_>, cause: &Cause<'_>, district: &RegionCode, areas: &[RegionCode]) -> Result<bool, StoreError> {
    let (Some(level), Some(process)) = (cause.level, open_in(tx, cause.hazard, district)?) else { return Ok(false) };
    let graver: Vec<Round> = tx.find("process = $1 AND level < $2", "", params![&process.id, i64::from(level)])?;
    let spoken_for = |area: &RegionCode| graver.iter().flat_map(|it| &it.areas).any(|it| it.covers(area));
    Ok(!graver.is_empty() && areas.iter().all(spoken_for))
}

fn join(
    warn: &Warn,
    tx: &mut Tx<'_>,
    cause: &Cause<'_>,
    district: &RegionCode,
    areas: &[RegionCode],
) -> Result<(), StoreError> {
    let now = tx.now();
    let (mut process, event) = match open_in(tx, cause.hazard, district)? {
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
    match cause.level {
        Some(level) => round::wanted(warn, tx, &process, level, areas, cause),
        None => Ok(()),
    }
}

fn begin(tx: &mut Tx<'_>, hazard: &str, district: &RegionCode, now: Instant) -> Result<Process, StoreError> {
    let plain = |c: char| if c.is_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = hazard.chars().map(plain).collect();
    let base = format!("wp-{}-{name}-{district}", civil_day(now));
    let mut id = base.clone();
    let mut number = 1;
    while tx.get::<Process>(&id)?.is_some() {
        number += 1;
        id = format!("{base}-{number}");
    }
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
        stand_down_note: None,
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

/// A fall or an all-clear: the duty rooms are told by message; the desk is asked to decide, unless
/// another signal as grave as the process still holds.
fn fell(warn: &Warn, tx: &mut Tx<'_>, signal: &Signal, district: &RegionCode) -> Result<(), StoreError> {
    let Some(mut process) = open_in(tx, &signal.hazard, district)? else { return Ok(()) };
    let now = tx.now();
    let still_grave = in_force(tx, &signal.hazard, district)?
        .iter()
        .any(|it| it.id != signal.id && level_of(warn, it).is_some_and(|level| Some(level) <= process.level));
    process.last_at = now;
    process.stand_down_proposed |= !still_grave;
    tx.put(&process)?;
    tx.set_deadline("process.end", &process.id, now.plus(warn.config.process_ends_after))?;
    inform::rooms(warn, tx, &process, signal)?;
    let event = if still_grave { "process.informed" } else { "process.stand_down_proposed" };
    tx.record(Event::new(event, &process.id).region(district).detail(json!({"cause": signal.id})))
}

fn alarm_calm(warn: &Warn, tx: &mut Tx<'_>, hazard: &str, alarm: &Alarm) -> Result<(), StoreError> {
    let open: Vec<Alarm> = tx.find("hazard = $1 AND state = 'open' AND id <> $2", "", params![hazard, &alarm.id])?;
    for (district, _) in by_district(tx, &alarm.areas)? {
        let Some(mut process) = open_in(tx, hazard, &district)?.filter(|it| !it.stand_down_proposed) else { continue };
        let alarmed = open.iter().flat_map(|it| &it.areas).any(|it| it.meets(&district));
        let called = in_force(tx, hazard, &district)?.iter().any(|it| level_of(warn, it).is_some());
        if alarmed || called {
            continue;
        }
        process.stand_down_proposed = true;
        tx.put(&process)?;
        let detail = json!({"cause": alarm.id});
        tx.record(Event::new("process.stand_down_proposed", &process.id).region(&district).detail(detail))?;
    }
    Ok(())
}

fn in_force(tx: &mut Tx<'_>, hazard: &str, district: &RegionCode) -> Result<Vec<Signal>, StoreError> {
    let mut signals: Vec<Signal> = tx.find("hazard = $1 AND state = 'in_force'", "ORDER BY id", params![hazard])?;
    signals.retain(|it| it.areas.iter().any(|area| area.meets(district)));
    Ok(signals)
}

/// N hours after its last alarm or signal a process ends by itself, unless calls are still open.
///
/// # Errors
/// What the store says.
pub fn calm(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let Some(mut process) = tx.get::<Process>(id)?.filter(|it| it.open) else { return Ok(()) };
    let now = tx.now();
    if is_calling(tx, id)? {
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
    process.stand_down_proposed = false;
}

fn is_calling(tx: &mut Tx<'_>, process: &str) -> Result<bool, StoreError> {
    let rounds: Vec<Round> = tx.find("process = $1", "", params![process])?;
    for round in rounds {
        let going_on = matches!(round.state, RoundState::Pending | RoundState::Running);
        if going_on || tx.count::<Call>("round = $1 AND open = 1", params![&round.id])? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Warn {
    /// Stand-down (解除叫应), signed by an officer: rounds stop, and exactly the people who were called
    /// are told, with the words of the note. The process ends. Returns how many are told.
    ///
    /// # Errors
    /// A refusal when there is no such process or it is over; what the store says.
    pub async fn stand_down(self: &Arc<Self>, actor: &Actor, id: &str, note: &str) -> Result<i64, StoreError> {
        self.sees::<Process>(actor, id, "no_such_process").await?;
        let note: String = note.trim().chars().take(NOTE).collect();
        let (warn, id) = (Arc::clone(self), id.to_owned());
        self.world
            .write("process.stand-down", Urgency::Urgent, &everywhere(actor), move |tx| {
                let mut process = going_on(tx, &id)?;
                let rounds: Vec<Round> = tx.find("process = $1", "ORDER BY id", params![&id])?;
                let by = tx.actor().name.clone();
                let stopped = if note.is_empty() { STOOD_DOWN.to_owned() } else { format!("{STOOD_DOWN}：{note}") };
                for it in rounds.iter().filter(|it| matches!(it.state, RoundState::Pending | RoundState::Running)) {
                    round::stop(&warn, tx, it.clone(), &by, &stopped)?;
                }
                let told = inform::called_count(tx, &id)?;
                close(&mut process, tx.now(), &by);
                process.stand_down_note = Some(note.clone()).filter(|it| !it.is_empty());
                tx.put(&process)?;
                tx.clear_deadline("process.end", &id)?;
                let detail = json!({"told": told});
                tx.record(Event::new("process.stood_down", &id).region(&process.region).detail(detail))?;
                inform::called_begin(&warn, tx, &id)?;
                Ok(told)
            })
            .await
    }

    /// Raises a process to a graver level: a round of that level for all its areas.
    ///
    /// # Errors
    /// A refusal when there is no such process, it is over, or the level is not graver; what the store
    /// says.
    pub async fn raise(self: &Arc<Self>, actor: &Actor, id: &str, level: u8) -> Result<(), StoreError> {
        self.sees::<Process>(actor, id, "no_such_process").await?;
        let (warn, id) = (Arc::clone(self), id.to_owned());
        self.world
            .write("process.raise", Urgency::Urgent, &everywhere(actor), move |tx| {
                let mut process = going_on(tx, &id)?;
                if process.is_directed() {
                    let (zh, en) = (
                        "定向叫应只叫一份名单，没有级别可提",
                        "a directed call-out is for a list and has no level to raise",
                    );
                    return Err(refusal("not_graver", zh, en));
                }
                let graver = (1..=4).contains(&level) && process.level.is_none_or(|it| level < it);
                if !graver || !warn.plan().levels.contains_key(&level) {
                    return Err(not_graver(tx, &process)?);
                }
                process.level = Some(level);
                tx.put(&process)?;
                let detail = json!({"level": level});
                tx.record(Event::new("process.raised", &id).region(&process.region).detail(detail))?;
                let rounds: Vec<Round> = tx.find("process = $1", "ORDER BY start_at, id", params![&id])?;
                let last = rounds
                    .iter()
                    .rfind(|it| !it.is_directed())
                    .map_or_else(String::new, |it| format!("{}；", it.cause));
                let words = format!("{last}叫应提至{level}级");
                let invented = rounds.iter().any(|it| it.invented);
                let subject = tx.actor().name.clone();
                let cause = Cause { hazard: &process.hazard, level: Some(level), words, subject: &subject, invented };
                round::wanted(&warn, tx, &process, level, &process.areas, &cause)
            })
            .await
    }
}

/// The process, while it goes on; else the refusal says who ended it and when.
pub(crate) fn going_on(tx: &mut Tx<'_>, id: &str) -> Result<Process, StoreError> {
    let process = tx.get::<Process>(id)?;
    if let Some(process) = process.as_ref().filter(|it| it.open) {
        return Ok(process.clone());
    }
    let signed = process.as_ref().and_then(|it| it.ended_by.as_deref()).filter(|it| it.starts_with("user:"));
    let done = who_and_when(tx, signed, process.as_ref().and_then(|it| it.ended_at))?;
    let (zh, en) = (format!("该天气过程{}结束", done.zh), format!("this process was ended{}", done.en));
    Err(refusal("process_is_over", &zh, &en))
}

fn not_graver(tx: &mut Tx<'_>, process: &Process) -> Result<StoreError, StoreError> {
    let (mut zh, mut en) = (String::new(), String::new());
    let raised = journal::of_subject(tx, &process.id)?.into_iter().rfind(|it| it.event == "process.raised");
    if let Some((raised, level)) = raised.zip(process.level) {
        let done = who_and_when(tx, Some(&raised.actor), Some(raised.at))?;
        (zh, en) = (format!("；{}提至 {level} 级", done.zh), format!("; level {level} was set{}", done.en));
    }
    Ok(refusal(
        "not_graver",
        &format!("只能提到更高的叫应级别（1 最高）{zh}"),
        &format!("a round can only be raised to a graver level (1 is the gravest){en}"),
    ))
}
