//! Rounds (一轮叫应): wanted, started, opened slice by slice, stopped, absorbed, done.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use anlan_kernel::{Actor, Problem, RegionCode};
use anlan_register::{Callee, audience};
use anlan_store::{Advanced, Deadline, Event, OutboxItem, Sending, StoreError, Tx, Urgency, params};
use serde_json::json;

use crate::{
    Warn,
    answer::token_hash,
    escalation,
    flow::{self, CallEvent, Decision, Effect},
    ladder::{Do, Ladder},
    model::{Call, CallState, Help, Process, Round, RoundState},
    process::{self, Cause},
};

/// Calls opened in one transaction.
const SLICE: usize = 500;
/// How often a running round is looked at.
const CHECK: Duration = Duration::from_secs(60);
/// Messages that only inform go after every call.
const INFORM: i64 = 8;

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
    let rounds: Vec<Round> = tx.find("process = $1", "ORDER BY id", params![&process.id])?;
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
            make(warn, tx, process, level, new, cause, count)
        }
    }
}

fn make(
    warn: &Warn,
    tx: &mut Tx<'_>,
    process: &Process,
    level: u8,
    areas: Vec<RegionCode>,
    cause: &Cause<'_>,
    before: usize,
) -> Result<(), StoreError> {
    let plan = warn.plan();
    let Some(call_out) = plan.levels.get(&level) else { return Ok(()) };
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
        pack: plan.version.clone(),
        opened: 0,
        revision: 0,
    };
    tx.insert(&round)?;
    tx.set_deadline("round.start", &id, start_at)?;
    let detail = json!({"cause": cause.subject});
    tx.record(Event::new("round.proposed", &id).region(&round.region).pack(&round.pack).detail(detail))
}

fn grow(warn: &Warn, tx: &mut Tx<'_>, mut round: Round, new: &[RegionCode]) -> Result<(), StoreError> {
    for area in new {
        process::add_area(&mut round.areas, area);
    }
    if round.state != RoundState::Pending {
        warn.forget_audience(&round.id);
        round.state = RoundState::Running;
        round.ended_at = None;
        round.opened = 0;
        tx.set_deadline("round.open", &round.id, tx.now())?;
    }
    tx.put(&round)?;
    tx.record(Event::new("round.grew", &round.id).region(&round.region).detail(json!({"areas": new})))
}

/// The pre-authorised start: the round runs, lesser rounds are absorbed where it calls.
///
/// # Errors
/// What the store says.
pub fn start(warn: &Warn, tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let Some(mut round) = tx.get::<Round>(id)?.filter(|it| it.state == RoundState::Pending) else { return Ok(()) };
    round.state = RoundState::Running;
    round.started_at = Some(tx.now());
    tx.put(&round)?;
    tx.set_deadline("round.open", id, tx.now())?;
    tx.set_deadline("round.check", id, tx.now().plus(CHECK))?;
    tx.record(Event::new("round.started", id).region(&round.region).pack(&round.pack))?;
    let lesser: Vec<Round> = tx.find(
        "process = $1 AND level > $2 AND state IN ('pending', 'running')",
        "ORDER BY id",
        params![&round.process, i64::from(round.level)],
    )?;
    for old in lesser {
        absorb(warn, tx, old, &round)?;
    }
    Ok(())
}

fn absorb(warn: &Warn, tx: &mut Tx<'_>, mut old: Round, new: &Round) -> Result<(), StoreError> {
    let open: Vec<Call> = tx.find("round = $1 AND open = 1", "ORDER BY id", params![&old.id])?;
    let covered = |region: &RegionCode| new.areas.iter().any(|it| it.covers(region));
    let mut left = 0;
    for call in open {
        if covered(&call.region) || covered(&old.region) {
            handle_in(warn, tx, &old, &call, &CallEvent::Absorbed { round: new.id.clone() })?;
        } else {
            left += 1;
        }
    }
    let unopened_elsewhere = old.areas.iter().any(|it| !covered(it));
    if left == 0 && !unopened_elsewhere {
        old.state = RoundState::Absorbed;
        old.ended_at = Some(tx.now());
        tx.clear_deadline("round.start", &old.id)?;
        tx.clear_deadline("round.open", &old.id)?;
        tx.put(&old)?;
        tx.record(Event::new("round.absorbed", &old.id).region(&old.region).detail(json!({"into": new.id})))?;
    }
    Ok(())
}

/// Opens the next slice of calls; comes back at once while there are more.
///
/// # Errors
/// What the store says.
pub fn open_slice(warn: &Warn, tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let Some(mut round) = tx.get::<Round>(id)?.filter(|it| it.state == RoundState::Running) else { return Ok(()) };
    let plan = warn.plan_of(&round);
    let everybody = warn.audience_of(tx, &round)?;
    let from = usize::try_from(round.opened).unwrap_or(0).min(everybody.len());
    let slice = &everybody[from..everybody.len().min(from + SLICE)];
    let siblings: Vec<Round> = tx.find(
        "process = $1 AND level = $2 AND id <> $3",
        "",
        params![&round.process, i64::from(round.level), &round.id],
    )?;
    let mut opened = 0;
    for callee in slice {
        if called_at_this_level(tx, &siblings, &callee.id)? {
            continue;
        }
        let who = serde_json::to_value(callee.who)?.as_str().unwrap_or_default().to_owned();
        let wanted = plan.levels.get(&round.level).and_then(|it| it.audiences.iter().find(|a| a.who == callee.who));
        let Some(ladder) = wanted.and_then(|it| plan.ladders.get(&it.ladder)) else { continue };
        opened += i64::from(open_call(warn, tx, &round, callee, who, ladder)?);
    }
    round.opened = i64::try_from(from + slice.len()).unwrap_or(i64::MAX);
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

fn called_at_this_level(tx: &mut Tx<'_>, siblings: &[Round], callee: &str) -> Result<bool, StoreError> {
    for round in siblings {
        let before = tx.get::<Call>(&format!("{}/{callee}", round.id))?;
        if before.is_some_and(|it| it.state != CallState::Cancelled) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn open_call(
    warn: &Warn,
    tx: &mut Tx<'_>,
    round: &Round,
    callee: &Callee,
    who: String,
    ladder: &Ladder,
) -> Result<bool, StoreError> {
    let now = tx.now();
    let id = format!("{}/{}", round.id, callee.id);
    let usable = i64::try_from(callee.usable_numbers).unwrap_or(i64::MAX);
    let call = Call {
        round: round.id.clone(),
        callee: callee.id.clone(),
        region: callee.region.clone(),
        who,
        rank: callee.rank.clone(),
        duties: serde_json::to_value(&callee.duties)?,
        deputies: callee.deputies.clone(),
        numbers: usable,
        ladder: ladder.id.clone(),
        state: CallState::Calling,
        open: true,
        step: None,
        tries: 0,
        attempts: 0,
        limit_at: None,
        rang_at: None,
        first_rang_at: None,
        heard: false,
        key: None,
        via: None,
        by_whom: None,
        final_at: None,
        late_key: None,
        escalation: None,
        escalations: 0,
        token_hash: token_hash(warn, &id),
        opened_at: now,
        revision: 0,
        id,
    };
    if usable == 0 {
        let call = Call { state: CallState::NoContact, open: false, final_at: Some(now), ..call };
        return tx.insert(&call);
    }
    let opened = flow::apply(&call, ladder, &CallEvent::Opened, now)?;
    let Some(Decision { next, effects, .. }) = opened else { return Ok(false) };
    if !tx.insert(&next)? {
        return Ok(false);
    }
    for effect in &effects {
        perform(warn, tx, round, &next, effect)?;
    }
    Ok(true)
}

/// What happened to a call: decided, stored, recorded, and its effects set in motion.
///
/// # Errors
/// The refusal, or what the store says.
pub fn handle(warn: &Warn, tx: &mut Tx<'_>, call: &str, event: &CallEvent) -> Result<bool, StoreError> {
    let Some(call) = tx.get::<Call>(call)? else { return Ok(false) };
    let Some(round) = tx.get::<Round>(&call.round)? else { return Ok(false) };
    let moved = handle_in(warn, tx, &round, &call, event)?;
    if moved {
        finish_if_done(tx, &round.id)?;
    }
    Ok(moved)
}

fn handle_in(
    warn: &Warn,
    tx: &mut Tx<'_>,
    round: &Round,
    call: &Call,
    event: &CallEvent,
) -> Result<bool, StoreError> {
    let ladder = warn.ladder(round, &call.ladder)?;
    let now = tx.now();
    let Some(decision) = flow::apply(call, &ladder, event, now)? else { return Ok(false) };
    let mut next = decision.next;
    if decision.effects.contains(&Effect::Escalate) {
        next.escalation = Some(escalation::join(warn, tx, round, &next)?);
    }
    match tx.advance(&next)? {
        Advanced::Yes => {}
        Advanced::Stale => return Err(StoreError::Race(next.id)),
    }
    for effect in &decision.effects {
        perform(warn, tx, round, &next, effect)?;
    }
    let detail = json!({"step": next.step, "key": next.key, "via": next.via, "by": next.by_whom});
    tx.record(Event::new(decision.event, &next.id).region(&next.region).pack(&round.pack).detail(detail))?;
    Ok(true)
}

fn perform(warn: &Warn, tx: &mut Tx<'_>, round: &Round, call: &Call, effect: &Effect) -> Result<(), StoreError> {
    match effect {
        Effect::Attempt { number, action, due_at } => {
            let redial = i64::from(*number > 1);
            let item = OutboxItem {
                id: format!("{}#{number}", call.id),
                channel: warn.channel(),
                kind: if *action == Do::Sms { "sms" } else { "voice" }.to_owned(),
                subject: call.id.clone(),
                region: call.region.clone(),
                priority: (i64::from(round.level) - 1) * 2 + redial,
                due_at: *due_at,
                state: Sending::Queued,
                tries: 0,
                payload: json!({
                    "template": "call", "callee": call.callee, "attempt": number,
                    "number": (number - 1).rem_euclid(call.numbers.max(1)), "repeat": false,
                }),
                outcome: None,
                sent_at: None,
                revision: 0,
            };
            tx.insert(&item).map(drop)
        }
        Effect::DropQueued => drop_queued(tx, &call.id),
        Effect::SetLimit(at) => tx.set_deadline("call.limit", &call.id, *at),
        Effect::ClearLimit => tx.clear_deadline("call.limit", &call.id),
        Effect::Escalate => Ok(()),
        Effect::CallDeputies => call_deputies(warn, tx, round, call),
        Effect::RingDesk => {
            let now = tx.now();
            let id = call.id.clone();
            let help = Help { id, region: call.region.clone(), asked_at: now, taken_by: None, taken_at: None };
            tx.insert(&help).map(drop)
        }
    }
}

pub(crate) fn drop_queued(tx: &mut Tx<'_>, subject: &str) -> Result<(), StoreError> {
    let queued: Vec<OutboxItem> = tx.find("subject = $1 AND state = 'queued'", "ORDER BY id", params![subject])?;
    for item in queued {
        let dropped = OutboxItem { state: Sending::Dropped, ..item };
        if tx.advance(&dropped)? == Advanced::Stale {
            return Err(StoreError::Race(dropped.id));
        }
    }
    Ok(())
}

/// Key 2: the deputies are called now, ahead of their own turn, or at all.
fn call_deputies(warn: &Warn, tx: &mut Tx<'_>, round: &Round, call: &Call) -> Result<(), StoreError> {
    for deputy in &call.deputies {
        let id = format!("{}/{deputy}", round.id);
        match tx.get::<Call>(&id)? {
            Some(theirs) if theirs.open => hurry(tx, &id)?,
            Some(_) => {}
            None => {
                let Some(callee) = anlan_register::callee(tx, deputy)? else { continue };
                let ladder = warn.ladder(round, &call.ladder)?;
                open_call(warn, tx, round, &callee, call.who.clone(), &ladder)?;
            }
        }
    }
    Ok(())
}

fn hurry(tx: &mut Tx<'_>, call: &str) -> Result<(), StoreError> {
    let queued: Vec<OutboxItem> = tx.find("subject = $1 AND state = 'queued'", "ORDER BY id", params![call])?;
    for item in queued {
        let due_at = tx.now().min(item.due_at);
        let hurried = OutboxItem { priority: 0, due_at, ..item };
        if tx.advance(&hurried)? == Advanced::Stale {
            return Err(StoreError::Race(hurried.id));
        }
    }
    Ok(())
}

/// The time limit of a call's step ran out.
///
/// # Errors
/// What the store says.
pub fn limit_reached(warn: &Warn, tx: &mut Tx<'_>, call: &str) -> Result<(), StoreError> {
    handle(warn, tx, call, &CallEvent::LimitReached).map(drop)
}

/// A running round without open calls is done.
pub(crate) fn finish_if_done(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    if !tx.find::<Call>("round = $1 AND open = 1", "LIMIT 1", params![id])?.is_empty()
        || tx.get::<Deadline>(&format!("round.open:{id}"))?.is_some()
    {
        return Ok(());
    }
    let Some(mut round) = tx.get::<Round>(id)?.filter(|it| it.state == RoundState::Running) else { return Ok(()) };
    round.state = RoundState::Done;
    round.ended_at = Some(tx.now());
    tx.put(&round)?;
    tx.record(Event::new("round.done", id).region(&round.region))
}

/// Stops a pending or running round; its open calls are cancelled.
pub(crate) fn stop(warn: &Warn, tx: &mut Tx<'_>, mut round: Round, by: &str) -> Result<(), StoreError> {
    let open: Vec<Call> = tx.find("round = $1 AND open = 1", "ORDER BY id", params![&round.id])?;
    for call in open {
        handle_in(warn, tx, &round, &call, &CallEvent::Stopped { by: by.to_owned() })?;
    }
    round.state = RoundState::Stopped;
    round.ended_at = Some(tx.now());
    round.decided_by = Some(by.to_owned());
    tx.clear_deadline("round.start", &round.id)?;
    tx.clear_deadline("round.open", &round.id)?;
    tx.put(&round)?;
    tx.record(Event::new("round.stopped", &round.id).region(&round.region))
}

/// Tells the duty rooms of the process by message; answers nothing and counts as no call.
pub(crate) fn inform_rooms(
    warn: &Warn,
    tx: &mut Tx<'_>,
    process: &Process,
    cause: &str,
    title: &str,
) -> Result<(), StoreError> {
    let now = tx.now();
    let rooms = audience(tx, &process.areas, &[anlan_register::Who::DutyRoom], now)?;
    for room in rooms {
        message(warn, tx, "inform", &format!("{}|{cause}", process.id), &room.id, &room.region, title)?;
    }
    Ok(())
}

/// Tells exactly the people who were called that it is over.
pub(crate) fn inform_called(
    warn: &Warn,
    tx: &mut Tx<'_>,
    process: &Process,
    rounds: &[Round],
) -> Result<usize, StoreError> {
    let mut told = std::collections::BTreeSet::new();
    for round in rounds {
        let calls: Vec<Call> = tx.find("round = $1 AND state <> 'no_contact'", "ORDER BY id", params![&round.id])?;
        for call in calls {
            if told.insert(call.callee.clone()) {
                message(warn, tx, "stand_down", &process.id, &call.callee, &call.region, "")?;
            }
        }
    }
    Ok(told.len())
}

/// A message that asks for no answer; the same one to the same callee is queued once.
pub(crate) fn message(
    warn: &Warn,
    tx: &mut Tx<'_>,
    template: &str,
    subject: &str,
    callee: &str,
    region: &RegionCode,
    title: &str,
) -> Result<(), StoreError> {
    let item = OutboxItem {
        id: format!("{template}:{subject}/{callee}#1"),
        channel: warn.channel(),
        kind: "sms".to_owned(),
        subject: subject.to_owned(),
        region: region.clone(),
        priority: INFORM,
        due_at: tx.now(),
        state: Sending::Queued,
        tries: 0,
        payload: json!({
            "template": template, "callee": callee, "attempt": 1, "number": 0, "repeat": false, "title": title,
        }),
        outcome: None,
        sent_at: None,
        revision: 0,
    };
    tx.insert(&item).map(drop)
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

impl Warn {
    fn audience_of(&self, tx: &mut Tx<'_>, round: &Round) -> Result<Arc<Vec<Callee>>, StoreError> {
        let cached = self.audiences.lock().unwrap_or_else(PoisonError::into_inner).get(&round.id).cloned();
        if let Some(found) = cached {
            return Ok(found);
        }
        let plan = self.plan_of(round);
        let who: Vec<_> = plan
            .levels
            .get(&round.level)
            .map(|it| it.audiences.iter().map(|a| a.who).collect())
            .unwrap_or_default();
        let now = tx.now();
        let everybody = Arc::new(audience(tx, &round.areas, &who, now)?);
        self.audiences
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(round.id.clone(), Arc::clone(&everybody));
        Ok(everybody)
    }

    fn forget_audience(&self, round: &str) {
        self.audiences.lock().unwrap_or_else(PoisonError::into_inner).remove(round);
    }

    /// Starts a pending round at once.
    ///
    /// # Errors
    /// A refusal when it is not pending; what the store says.
    pub async fn start_now(self: &Arc<Self>, actor: &Actor, id: &str) -> Result<(), StoreError> {
        self.with_round(actor, id, "round.start-now", |warn, tx, round| {
            if round.state != RoundState::Pending {
                return Err(refusal("round_not_pending", "该轮叫应已开始或已结束", "this round has started or is over"));
            }
            tx.clear_deadline("round.start", &round.id)?;
            start(warn, tx, &round.id)
        })
        .await
    }

    /// Stops a round; its open calls end as 已停止.
    ///
    /// # Errors
    /// A refusal when it is over; what the store says.
    pub async fn stop_round(self: &Arc<Self>, actor: &Actor, id: &str) -> Result<(), StoreError> {
        self.with_round(actor, id, "round.stop", |warn, tx, round| {
            if !matches!(round.state, RoundState::Pending | RoundState::Running) {
                return Err(refusal("round_is_over", "该轮叫应已结束", "this round is over"));
            }
            let by = tx.actor().name.clone();
            stop(warn, tx, round, &by)
        })
        .await
    }

    /// Raises a process to a graver level: a round of that level for all its areas.
    ///
    /// # Errors
    /// A refusal when the level is not graver or the process is over; what the store says.
    pub async fn raise(self: &Arc<Self>, actor: &Actor, process: &str, level: u8) -> Result<(), StoreError> {
        let (warn, id) = (Arc::clone(self), process.to_owned());
        self.world
            .write("round.raise", Urgency::Urgent, actor, move |tx| {
                let Some(mut process) = tx.get::<Process>(&id)?.filter(|it| it.open) else {
                    return Err(refusal("process_is_over", "该天气过程已结束", "this process is over"));
                };
                if !(1..=4).contains(&level) || process.level.is_some_and(|it| it <= level) {
                    return Err(refusal(
                        "not_graver",
                        "只能提到更高的叫应级别（1 最高）",
                        "a round can only be raised to a graver level (1 is the gravest)",
                    ));
                }
                process.level = Some(level);
                tx.put(&process)?;
                tx.record(Event::new("process.raised", &id).region(&process.region))?;
                let by = tx.actor().name.clone();
                let words = format!("值班员提级（{by}）");
                let areas = process.areas.clone();
                let cause = Cause { hazard: "", areas: &[], level: None, words, subject: &by, invented: false };
                wanted(&warn, tx, &process, level, &areas, &cause)
            })
            .await
    }

    /// Records what an officer knows of a call: 代登记, 上门叫醒, 转交.
    ///
    /// # Errors
    /// A refusal when the call is final; what the store says.
    pub async fn record(self: &Arc<Self>, actor: &Actor, call: &str, event: CallEvent) -> Result<(), StoreError> {
        let (warn, call) = (Arc::clone(self), call.to_owned());
        self.world
            .write("call.record", Urgency::Urgent, actor, move |tx| {
                let found = handle(&warn, tx, &call, &event)?;
                if found { Ok(()) } else { Err(refusal("no_such_call", "没有这次叫应", "there is no such call")) }
            })
            .await
    }

    async fn with_round(
        self: &Arc<Self>,
        actor: &Actor,
        id: &str,
        label: &'static str,
        run: fn(&Warn, &mut Tx<'_>, Round) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let (warn, id) = (Arc::clone(self), id.to_owned());
        self.world
            .write(label, Urgency::Urgent, actor, move |tx| match tx.get::<Round>(&id)? {
                Some(round) => run(&warn, tx, round),
                None => Err(refusal("no_such_round", "没有这一轮叫应", "there is no such round")),
            })
            .await
    }
}

pub(crate) fn refusal(code: &str, zh: &str, en: &str) -> StoreError {
    StoreError::Refused(Problem::new(code, zh, en))
}
