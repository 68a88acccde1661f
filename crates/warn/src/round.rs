//! Rounds (一轮叫应): wanted, started, opened slice by slice, stopped, absorbed, done.

mod desk;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, PoisonError},
    time::Duration,
};

use anlan_kernel::RegionCode;
use anlan_register::{Callee, Who, audience};
use anlan_store::{Deadline, Event, StoreError, Tx, Value, params};
use serde_json::{Value as Json, json};

use crate::{
    Warn, call,
    channel::{Matter, announce},
    directed, escalation, exercise,
    flow::CallEvent,
    ladder::{Ladder, Plan},
    model::{Call, Process, Round, RoundState},
    process::{self, Cause},
    service::{refusal, who_and_when},
};

pub(crate) use desk::{is_over, moved_already};

/// Calls opened or closed in one transaction.
pub(crate) const SLICE: usize = 500;
/// How often a running round is looked at.
pub(crate) const CHECK: Duration = Duration::from_secs(60);

/// The people of a round that is being opened, in calling order.
pub(crate) struct Audience {
    /// Areas of the round when the list was made.
    areas: Vec<RegionCode>,
    /// How many calls of the round were opened before that.
    before: i64,
    everybody: Vec<Callee>,
}

/// A trigger of `level` for `areas`: nothing where a round of this level or a graver one already
/// speaks for them (an officer's stop included), else the round of the level grows or is made.
pub(crate) fn wanted(
    warn: &Warn,
    tx: &mut Tx<'_>,
    process: &Process,
    level: u8,
    areas: &[RegionCode],
    cause: &Cause<'_>,
) -> Result<(), StoreError> {
    let rounds = rounds_of(tx, &process.id)?;
    let spoken_for =
        |area: &&RegionCode| !rounds.iter().any(|r| r.level <= level && r.areas.iter().any(|it| it.covers(area)));
    let new: Vec<RegionCode> = areas.iter().filter(spoken_for).cloned().collect();
    if new.is_empty() {
        return Ok(());
    }
    let growing = rounds.iter().rfind(|it| {
        it.level == level && matches!(it.state, RoundState::Pending | RoundState::Running | RoundState::Done)
    });
    match growing {
        Some(round) => grow(warn, tx, round.clone(), &new),
        None => {
            let count = rounds.iter().filter(|it| it.level == level).count();
            make(warn, tx, process, level, new, cause, count).map(drop)
        }
    }
}

/// The rounds that speak for areas; those that call a list speak for none.
fn rounds_of(tx: &mut Tx<'_>, process: &str) -> Result<Vec<Round>, StoreError> {
    let mut rounds: Vec<Round> = tx.find("process = $1", "ORDER BY id", params![process])?;
    rounds.retain(|it| !it.is_directed());
    Ok(rounds)
}

fn make(
    warn: &Warn,
    tx: &mut Tx<'_>,
    process: &Process,
    level: u8,
    areas: Vec<RegionCode>,
    cause: &Cause<'_>,
    before: usize,
) -> Result<Option<Round>, StoreError> {
    let plan = warn.plan();
    let Some(call_out) = plan.levels.get(&level) else { return Ok(None) };
    let base = format!("{}.{level}", process.id);
    let id = if before == 0 { base } else { format!("{base}-{}", before + 1) };
    let start_at = tx.now().plus(call_out.start_after);
    let round = Round {
        id: id.clone(),
        process: process.id.clone(),
        level,
        region: process.region.clone(),
        areas,
        cause: cause.words.clone(),
        invented: cause.invented,
        state: RoundState::Pending,
        start_at,
        started_at: None,
        ended_at: None,
        decided_by: None,
        stop_reason: None,
        pack: plan.version.clone(),
        opened: 0,
        revision: 0,
    };
    tx.insert(&round)?;
    tx.set_deadline("round.start", &id, start_at)?;
    let detail = json!({"cause": cause.subject});
    tx.record(Event::new("round.proposed", &id).region(&round.region).pack(&round.pack).detail(detail))?;
    Ok(Some(round))
}

/// Calls again where a stopped round called: another round of its level, begun at once, for the areas no other
/// round speaks for. Whom the stopped one brought to an end is not called a second time.
fn resume(warn: &Warn, tx: &mut Tx<'_>, stopped: &Round, reason: &str) -> Result<Round, StoreError> {
    let process = process::going_on(tx, &stopped.process)?;
    if stopped.is_directed() {
        return directed::resume(warn, tx, stopped, reason);
    }
    let rounds = rounds_of(tx, &process.id)?;
    let goes_on = |it: &Round| matches!(it.state, RoundState::Pending | RoundState::Running | RoundState::Done);
    let speaks = |it: &&Round| it.level <= stopped.level && goes_on(it);
    let spoken_for = |area: &RegionCode| rounds.iter().filter(speaks).any(|r| r.areas.iter().any(|it| it.covers(area)));
    let areas: Vec<RegionCode> = stopped.areas.iter().filter(|it| !spoken_for(it)).cloned().collect();
    let nothing = || refusal("nothing_to_resume", "这些区域已有别的轮次在叫", "another round speaks for these areas");
    if areas.is_empty() {
        let Some(other) = rounds.iter().rfind(speaks) else { return Err(nothing()) };
        let done = who_and_when(tx, other.decided_by.as_deref(), Some(other.start_at))?;
        let zh = format!("这些区域已有别的轮次在叫，{}开始", done.zh);
        let en = format!("another round speaks for these areas, started{}", done.en);
        return Err(refusal("nothing_to_resume", &zh, &en));
    }
    let count = rounds.iter().filter(|it| it.level == stopped.level).count();
    let (words, subject) = (stopped.cause.clone(), stopped.id.as_str());
    let cause =
        Cause { hazard: &process.hazard, level: Some(stopped.level), words, subject, invented: stopped.invented };
    let made = make(warn, tx, &process, stopped.level, areas, &cause, count)?.ok_or_else(nothing)?;
    let round = Round { decided_by: Some(tx.actor().name.clone()), ..made };
    tx.put(&round)?;
    let detail = json!({"stopped": stopped.id, "reason": sealed(tx, &round.id, reason)?});
    tx.record(Event::new("round.resumed", &round.id).region(&round.region).pack(&round.pack).detail(detail))?;
    tx.clear_deadline("round.start", &round.id)?;
    start(warn, tx, &round.id)?;
    Ok(round)
}

fn grow(warn: &Warn, tx: &mut Tx<'_>, mut round: Round, new: &[RegionCode]) -> Result<(), StoreError> {
    for area in new {
        process::add_area(&mut round.areas, area);
    }
    let waits = round.state == RoundState::Pending;
    if round.state == RoundState::Done {
        announce::wanted(tx, Matter::Round, &round.id)?;
    }
    if !waits {
        warn.forget_audience(&round.id);
        round.state = RoundState::Running;
        round.ended_at = None;
        round.opened = 0;
        tx.set_deadline("round.open", &round.id, tx.now())?;
        tx.set_deadline("round.check", &round.id, tx.now().plus(CHECK))?;
    }
    tx.put(&round)?;
    tx.record(Event::new("round.grew", &round.id).region(&round.region).detail(json!({"areas": new})))?;
    if waits { Ok(()) } else { absorb_lesser(warn, tx, &round) }
}

/// The pre-authorised start: the round runs, lesser rounds are absorbed where it calls.
///
/// # Errors
/// What the store says.
pub fn start(warn: &Warn, tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let Some(mut round) = tx.get::<Round>(id)?.filter(|it| it.state == RoundState::Pending) else { return Ok(()) };
    round.state = RoundState::Running;
    round.started_at = Some(tx.now());
    // Started by hand it begins before its time: every page names the moment it began.
    round.start_at = round.start_at.min(tx.now());
    tx.put(&round)?;
    tx.set_deadline("round.open", id, tx.now())?;
    tx.set_deadline("round.check", id, tx.now().plus(CHECK))?;
    announce::wanted(tx, Matter::Round, id)?;
    tx.record(Event::new("round.started", id).region(&round.region).pack(&round.pack))?;
    absorb_lesser(warn, tx, &round)
}

fn absorb_lesser(warn: &Warn, tx: &mut Tx<'_>, round: &Round) -> Result<(), StoreError> {
    let lesser: Vec<Round> = tx.find(
        "process = $1 AND level > $2 AND state IN ('pending', 'running')",
        "ORDER BY id",
        params![&round.process, i64::from(round.level)],
    )?;
    lesser.iter().filter(|it| !it.is_directed()).try_for_each(|it| absorb_slice(warn, tx, &it.id))
}

/// Closes the next slice of a round's calls where graver rounds of its process call, each naming
/// the round it went into. A round all of whose areas they cover is absorbed.
///
/// # Errors
/// What the store says.
pub fn absorb_slice(warn: &Warn, tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let going_on = |it: &Round| matches!(it.state, RoundState::Pending | RoundState::Running | RoundState::Absorbed);
    let Some(mut old) = tx.get::<Round>(id)?.filter(going_on) else { return Ok(()) };
    let mut graver: Vec<Round> = tx.find(
        "process = $1 AND level < $2 AND state IN ('running', 'done')",
        "ORDER BY level DESC, id",
        params![&old.process, i64::from(old.level)],
    )?;
    graver.retain(|it| !it.is_directed());
    let Some(last) = graver.last() else { return Ok(()) };
    let into = |region: &RegionCode| graver.iter().rfind(|r| r.areas.iter().any(|it| it.covers(region)));
    let whole = old.areas.iter().all(|it| into(it).is_some());
    if whole && old.state != RoundState::Absorbed {
        old.state = RoundState::Absorbed;
        old.ended_at = Some(tx.now());
        tx.clear_deadline("round.start", id)?;
        tx.clear_deadline("round.open", id)?;
        tx.put(&old)?;
        warn.forget_audience(id);
        tx.record(Event::new("round.absorbed", id).region(&old.region).detail(json!({"into": last.id})))?;
    }
    let (condition, mut values) = if whole { ("1 = 1".to_owned(), Vec::new()) } else { inside(&graver) };
    values.extend([id.into(), SLICE.into()]);
    let (round, most) = (values.len() - 1, values.len());
    let open: Vec<Call> = tx.find(
        &format!("({condition}) AND round = ${round} AND open = 1"),
        &format!("ORDER BY id LIMIT ${most}"),
        &values,
    )?;
    for it in &open {
        let round = into(&it.region).unwrap_or(last).id.clone();
        call::move_on(warn, tx, &old, it, &CallEvent::Absorbed { round }, None)?;
    }
    if open.len() == SLICE {
        return again(tx, "round.absorb", id);
    }
    escalation::drop_empty(tx, id)?;
    finish_if_done(tx, id)
}

/// Comes back at once for the next slice.
fn again(tx: &mut Tx<'_>, kind: &str, id: &str) -> Result<(), StoreError> {
    tx.set_deadline(kind, id, tx.now())?;
    tx.record(Event::new("round.sliced", id))
}

/// "The call's region lies in an area of these rounds."
fn inside(rounds: &[Round]) -> (String, Vec<Value>) {
    let mut values = Vec::new();
    let mut ranges = Vec::new();
    for area in rounds.iter().flat_map(|it| &it.areas) {
        ranges.push(format!("(region >= ${} AND region < ${})", values.len() + 1, values.len() + 2));
        values.extend([Value::from(area), Value::from(area.until())]);
    }
    (ranges.join(" OR "), values)
}

/// Opens the next slice of calls; comes back at once while there are more.
///
/// # Errors
/// What the store says.
pub fn open_slice(warn: &Warn, tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let Some(mut round) = tx.get::<Round>(id)?.filter(|it| it.state == RoundState::Running) else { return Ok(()) };
    if round.is_exercise() {
        return exercise::open_slice(warn, tx, round);
    }
    if round.is_directed() {
        return directed::open_slice(warn, tx, round);
    }
    let plan = warn.plan_of(&round);
    let audience = warn.audience_of(tx, &round, &plan)?;
    let everybody = &audience.everybody;
    let from = usize::try_from(round.opened - audience.before).unwrap_or(0).min(everybody.len());
    let slice = &everybody[from..everybody.len().min(from + SLICE)];
    let ids: Vec<&str> = slice.iter().map(|it| it.id.as_str()).collect();
    let called = called_before(tx, &round.process, round.level, id, false, &ids)?;
    let ladders = ladders(&plan, round.level)?;
    let (mut opened, mut limits) = (0, BTreeSet::new());
    for callee in slice.iter().filter(|it| !called.contains(&it.id)) {
        let Some((who, ladder)) = ladders.get(&callee.who) else { continue };
        if let Some(call) = call::open(warn, tx, &round, callee, who, ladder)? {
            opened += 1;
            limits.extend(call.limit_at);
        }
    }
    for limit in limits {
        tx.set_deadline("call.limits", &format!("{id}@{}", limit.0), limit)?;
    }
    round.opened += i64::try_from(slice.len()).unwrap_or(0);
    let more = from + slice.len() < everybody.len();
    if more {
        tx.set_deadline("round.open", id, tx.now())?;
    } else {
        warn.forget_audience(id);
    }
    tx.put(&round)?;
    let detail = json!({"opened": opened, "of": everybody.len()});
    tx.record(Event::new("round.opened_calls", id).region(&round.region).pack(&round.pack).detail(detail))?;
    if more { Ok(()) } else { finish_if_done(tx, id) }
}

/// Ladder and name of each part of the audience.
fn ladders(plan: &Plan, level: u8) -> Result<HashMap<Who, (String, &Ladder)>, StoreError> {
    let mut found = HashMap::new();
    for it in plan.levels.get(&level).into_iter().flat_map(|it| &it.audiences) {
        let who = serde_json::to_value(it.who)?.as_str().unwrap_or_default().to_owned();
        if let Some(ladder) = plan.ladders.get(&it.ladder) {
            found.entry(it.who).or_insert((who, ladder));
        }
    }
    Ok(found)
}

/// Those of `ids` whom other rounds of this process called at this level or a graver one already. What the people of a
/// list were told are other words: only the next list counts them as called, `lists`, the process' own rounds do not.
pub(crate) fn called_before(
    tx: &mut Tx<'_>,
    process: &str,
    level: u8,
    round: &str,
    lists: bool,
    ids: &[&str],
) -> Result<HashSet<String>, StoreError> {
    let condition = "process = $1 AND level <= $2 AND id <> $3";
    let mut rounds: Vec<Round> = tx.find(condition, "", params![process, i64::from(level), round])?;
    rounds.retain(|it| lists || !it.is_directed());
    let mut called = HashSet::new();
    if ids.is_empty() {
        return Ok(called);
    }
    let places: Vec<_> = (2..ids.len() + 2).map(|i| format!("${i}")).collect();
    let sql = format!(
        "SELECT callee FROM call WHERE round = $1 AND id IN ({}) AND state <> 'cancelled' AND {{scope:region}}",
        places.join(", ")
    );
    for before in rounds {
        let mut values = vec![Value::from(&before.id)];
        values.extend(ids.iter().map(|it| Value::from(format!("{}/{it}", before.id))));
        for row in tx.query(&sql, &values)? {
            called.insert(row.text(0)?);
        }
    }
    Ok(called)
}

/// A running round without open calls is done.
pub(crate) fn finish_if_done(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let open = "SELECT 1 FROM call WHERE round = $1 AND open = 1 AND {scope:region} LIMIT 1";
    if !tx.query(open, params![id])?.is_empty() || tx.get::<Deadline>(&format!("round.open:{id}"))?.is_some() {
        return Ok(());
    }
    let Some(mut round) = tx.get::<Round>(id)?.filter(|it| it.state == RoundState::Running) else { return Ok(()) };
    round.state = RoundState::Done;
    round.ended_at = Some(tx.now());
    tx.put(&round)?;
    tx.clear_deadline("round.check", id)?;
    tx.record(Event::new("round.done", id).region(&round.region))
}

/// A call was opened in a round that was done: it goes on.
pub(crate) fn reopen(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let Some(mut round) = tx.get::<Round>(id)?.filter(|it| it.state == RoundState::Done) else { return Ok(()) };
    round.state = RoundState::Running;
    round.ended_at = None;
    tx.put(&round)?;
    tx.set_deadline("round.check", id, tx.now().plus(CHECK))
}

/// Stops a pending or running round; its open calls are cancelled.
pub(crate) fn stop(warn: &Warn, tx: &mut Tx<'_>, mut round: Round, by: &str, reason: &str) -> Result<(), StoreError> {
    round.state = RoundState::Stopped;
    round.ended_at = Some(tx.now());
    round.decided_by = Some(by.to_owned());
    round.stop_reason = Some(reason.to_owned());
    for kind in ["round.start", "round.open", "round.check"] {
        tx.clear_deadline(kind, &round.id)?;
    }
    tx.put(&round)?;
    warn.forget_audience(&round.id);
    tx.record(Event::new("round.stopped", &round.id).region(&round.region))?;
    stop_slice(warn, tx, &round.id)
}

/// Cancels the next slice of a stopped round's calls.
///
/// # Errors
/// What the store says.
pub fn stop_slice(warn: &Warn, tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let Some(round) = tx.get::<Round>(id)?.filter(|it| it.state == RoundState::Stopped) else { return Ok(()) };
    let by = round.decided_by.clone().unwrap_or_default();
    let open: Vec<Call> = tx.find("round = $1 AND open = 1", "ORDER BY id LIMIT $2", params![id, SLICE])?;
    for it in &open {
        call::move_on(warn, tx, &round, it, &CallEvent::Stopped { by: by.clone() }, None)?;
    }
    if open.len() == SLICE { again(tx, "round.cancel", id) } else { escalation::drop_empty(tx, id) }
}

/// Looks now and then whether a running round is done: two nodes may each have closed one of its
/// last two calls without seeing the other.
///
/// # Errors
/// What the store says.
pub fn check(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    finish_if_done(tx, id)?;
    let running = tx.get::<Round>(id)?.is_some_and(|it| it.state == RoundState::Running);
    let next = tx.now().plus(CHECK);
    if running { tx.set_deadline("round.check", id, next) } else { Ok(()) }
}

/// Free text for the journal, sealed under the key of `subject`; null where there is none.
pub(crate) fn sealed(tx: &mut Tx<'_>, subject: &str, text: &str) -> Result<Json, StoreError> {
    if text.trim().is_empty() {
        return Ok(Json::Null);
    }
    Ok(json!({"sealed": tx.seal(subject, text.trim())?, "person": subject}))
}

impl Warn {
    fn audience_of(&self, tx: &mut Tx<'_>, round: &Round, plan: &Plan) -> Result<Arc<Audience>, StoreError> {
        let cached = self.audiences.lock().unwrap_or_else(PoisonError::into_inner).get(&round.id).cloned();
        if let Some(found) = cached.filter(|it| it.areas == round.areas && it.before <= round.opened) {
            return Ok(found);
        }
        let who: Vec<_> =
            plan.levels.get(&round.level).into_iter().flat_map(|it| &it.audiences).map(|it| it.who).collect();
        let now = tx.now();
        let mut everybody = audience(tx, &round.areas, &who, now)?;
        // The list may be another than the one half opened, so only those not called yet stand on it.
        let called = calls_of(tx, &round.id)?;
        everybody.retain(|it| !called.contains(&it.id));
        let made = Arc::new(Audience { areas: round.areas.clone(), before: round.opened, everybody });
        let mut audiences = self.audiences.lock().unwrap_or_else(PoisonError::into_inner);
        audiences.insert(round.id.clone(), Arc::clone(&made));
        Ok(made)
    }

    fn forget_audience(&self, round: &str) {
        self.audiences.lock().unwrap_or_else(PoisonError::into_inner).remove(round);
    }
}

fn calls_of(tx: &mut Tx<'_>, round: &str) -> Result<HashSet<String>, StoreError> {
    let rows = tx.query("SELECT callee FROM call WHERE round = $1 AND {scope:region}", params![round])?;
    rows.iter().map(|it| it.text(0)).collect()
}
