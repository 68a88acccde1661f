//! Calls: opened, moved by what happened, their effects set in motion.

use std::{borrow::Cow, sync::Arc};

use anlan_kernel::{Actor, Instant, Problem, Text};
use anlan_register::Callee;
use anlan_store::{Advanced, Event, OutboxItem, Sending, StoreError, Tx, Urgency, params};
use serde_json::json;

use crate::{
    Warn,
    answer::token_hash,
    escalation, exercise,
    flow::{self, CallEvent, Decision, Effect},
    ladder::{Do, Ladder},
    model::{Call, CallState, Help, Receipt, Round, RoundState},
    round,
    service::{everywhere, refusal, who_and_when},
};

/// How an answer on the callee's word came.
const DESK: &str = "desk";
/// Calls whose time ran out at once, moved in one transaction.
const SLICE: usize = 200;
/// Characters of an outcome that are kept.
const OUTCOME: usize = 500;

/// Opens a call and queues its first attempt; `None` when this round called them before. The limit
/// of its first step is for the caller to watch: those opened together share one deadline.
pub(crate) fn open(
    warn: &Warn,
    tx: &mut Tx<'_>,
    round: &Round,
    callee: &Callee,
    who: &str,
    ladder: &Ladder,
) -> Result<Option<Call>, StoreError> {
    let call = fresh(warn, round, callee, who, ladder, tx.now())?;
    if !call.open {
        return Ok(tx.insert(&call)?.then_some(call));
    }
    let opened = flow::apply(&call, ladder, &CallEvent::Opened, tx.now())?;
    let Some(Decision { next, effects, .. }) = opened else { return Ok(None) };
    if !tx.insert(&next)? {
        return Ok(None);
    }
    for effect in effects.iter().filter(|it| !matches!(it, Effect::SetLimit(_))) {
        perform(warn, tx, round, &next, effect)?;
    }
    Ok(Some(next))
}

fn fresh(
    warn: &Warn,
    round: &Round,
    callee: &Callee,
    who: &str,
    ladder: &Ladder,
    now: Instant,
) -> Result<Call, StoreError> {
    let id = format!("{}/{}", round.id, callee.id);
    let reachable = callee.usable_numbers > 0;
    Ok(Call {
        round: round.id.clone(),
        callee: callee.id.clone(),
        region: callee.region.clone(),
        who: who.to_owned(),
        rank: callee.rank.clone(),
        duties: serde_json::to_value(&callee.duties)?,
        deputies: callee.deputies.clone(),
        numbers: i64::try_from(callee.usable_numbers).unwrap_or(i64::MAX),
        ladder: ladder.id.clone(),
        state: if reachable { CallState::Calling } else { CallState::NoContact },
        open: reachable,
        step: None,
        tries: 0,
        attempts: 0,
        last_attempt: 0,
        limit_at: None,
        rang_at: None,
        first_rang_at: None,
        heard: false,
        heard_at: None,
        key: None,
        via: None,
        by_whom: None,
        note: None,
        final_at: (!reachable).then_some(now),
        late_key: None,
        escalation: None,
        escalations: 0,
        token_hash: token_hash(warn, &id),
        opened_at: now,
        revision: 0,
        id,
    })
}

/// What happened to a call: decided, stored, recorded, and its effects set in motion.
///
/// # Errors
/// The refusal, or what the store says.
pub fn handle(warn: &Warn, tx: &mut Tx<'_>, call: &str, event: &CallEvent) -> Result<bool, StoreError> {
    handle_noted(warn, tx, call, event, None)
}

fn handle_noted(
    warn: &Warn,
    tx: &mut Tx<'_>,
    call: &str,
    event: &CallEvent,
    note: Option<&str>,
) -> Result<bool, StoreError> {
    let Some(call) = tx.get::<Call>(call)? else { return Ok(false) };
    let Some(round) = tx.get::<Round>(&call.round)? else { return Ok(false) };
    let Some(next) = move_on(warn, tx, &round, &call, event, note)? else { return Ok(false) };
    if call.open && !next.open {
        round::finish_if_done(tx, &round.id)?;
    }
    Ok(true)
}

/// As [`handle`], with call and round at hand; the round is not looked at afterwards.
pub(crate) fn move_on(
    warn: &Warn,
    tx: &mut Tx<'_>,
    round: &Round,
    call: &Call,
    event: &CallEvent,
    note: Option<&str>,
) -> Result<Option<Call>, StoreError> {
    let ladder = warn.ladder(round, &call.ladder)?;
    let event = second_thought(round, call, event);
    let Some(decision) = flow::apply(call, &ladder, &event, tx.now())? else { return Ok(None) };
    let mut next = decision.next;
    if let Some(note) = note {
        next.note = Some(note.to_owned());
    }
    if decision.effects.contains(&Effect::Escalate) {
        next.escalation = Some(escalation::join(warn, tx, round, &next)?);
    }
    if decision.effects.contains(&Effect::DropQueued) {
        next.attempts -= drop_queued(tx, &next.id)?;
    }
    if tx.advance(&next)? == Advanced::Stale {
        return Err(StoreError::Race(next.id));
    }
    for effect in &decision.effects {
        perform(warn, tx, round, &next, effect)?;
    }
    if next.state != call.state && matches!(next.state, CallState::Answered | CallState::HeardInFull) {
        let how = if round.is_exercise() { "test" } else { "call" };
        anlan_register::duties::reached(tx, &next.callee, how, tx.now())?;
    }
    let detail = json!({
        "step": next.step, "key": next.key, "late_key": next.late_key, "via": next.via, "by": next.by_whom,
    });
    tx.record(Event::new(decision.event, &next.id).region(&next.region).pack(&round.pack).detail(detail))?;
    Ok(Some(next))
}

/// A 1 or 2 that differs from what was said before is a second thought, whichever way it comes, while the round
/// is not over. Two officers may answer one call at once, so from the desk it is one only where it is said to be.
fn second_thought<'a>(round: &Round, call: &Call, event: &'a CallEvent) -> Cow<'a, CallEvent> {
    let goes_on = matches!(round.state, RoundState::Running | RoundState::Done);
    match (event, call.key.or(call.late_key)) {
        (CallEvent::Key { digit: digit @ (1 | 2), via }, Some(said)) if goes_on && said != *digit && *via != DESK => {
            Cow::Owned(CallEvent::SecondThought { digit: *digit })
        }
        _ => Cow::Borrowed(event),
    }
}

fn perform(warn: &Warn, tx: &mut Tx<'_>, round: &Round, call: &Call, effect: &Effect) -> Result<(), StoreError> {
    match effect {
        Effect::Attempt { number, action, due_at } => {
            tx.insert(&attempt(warn, round, call, *number, *action, *due_at)).map(drop)
        }
        Effect::SetLimit(at) => tx.set_deadline("call.limit", &call.id, *at),
        Effect::ClearLimit => tx.clear_deadline("call.limit", &call.id),
        // Done before the call was stored.
        Effect::DropQueued | Effect::Escalate => Ok(()),
        // Of a test nothing follows but its outcome.
        Effect::CallDeputies | Effect::RingDesk if round.is_exercise() => Ok(()),
        Effect::CallDeputies => call_deputies(warn, tx, round, call),
        Effect::RingDesk => ring_desk(tx, call),
    }
}

/// Requests for help of a call: the first has the call's id, later ones `!2`, `!3` … behind it.
pub(crate) fn help_of(tx: &mut Tx<'_>, call: &str) -> Result<Vec<Help>, StoreError> {
    let range = params![call, format!("{call}!"), format!("{call}\"")];
    tx.find("id = $1 OR (id >= $2 AND id < $3)", "ORDER BY asked_at, id", range)
}

/// The desk rings, unless it rings for this call already.
fn ring_desk(tx: &mut Tx<'_>, call: &Call) -> Result<(), StoreError> {
    let asked = help_of(tx, &call.id)?;
    if asked.iter().any(|it| it.taken_by.is_none()) {
        return Ok(());
    }
    let id = if asked.is_empty() { call.id.clone() } else { format!("{}!{}", call.id, asked.len() + 1) };
    let (region, asked_at) = (call.region.clone(), tx.now());
    tx.insert(&Help::asked(id, region, asked_at)).map(drop)
}

fn attempt(warn: &Warn, round: &Round, call: &Call, number: i64, action: Do, due_at: Instant) -> OutboxItem {
    let redial = i64::from(number > 1);
    OutboxItem {
        id: format!("{}#{number}", call.id),
        channel: warn.channel(),
        kind: if action == Do::Sms { "sms" } else { "voice" }.to_owned(),
        subject: call.id.clone(),
        region: call.region.clone(),
        // Red before blue, and of one level first calls before redials.
        priority: if round.is_exercise() { exercise::PRIORITY } else { (i64::from(round.level) - 1) * 2 + redial },
        due_at,
        state: Sending::Queued,
        tries: 0,
        payload: json!({
            "template": "call", "callee": call.callee, "attempt": number,
            "number": (number - 1).rem_euclid(call.numbers.max(1)), "repeat": false,
        }),
        outcome: None,
        sent_at: None,
        revision: 0,
    }
}

/// Takes back what has not left yet; returns how many attempts never went out at all.
pub(crate) fn drop_queued(tx: &mut Tx<'_>, subject: &str) -> Result<i64, StoreError> {
    let queued: Vec<OutboxItem> = tx.find("subject = $1 AND state = 'queued'", "ORDER BY id", params![subject])?;
    let mut unsent = 0;
    for item in queued {
        // The written list goes with a superior's call and is no attempt of its own.
        unsent += i64::from(item.tries == 0 && item.payload["template"] != "escalation_list");
        let dropped = OutboxItem { state: Sending::Dropped, ..item };
        if tx.advance(&dropped)? == Advanced::Stale {
            return Err(StoreError::Race(dropped.id));
        }
    }
    Ok(unsent)
}

/// Key 2: the deputies are called now, ahead of their own turn, or at all.
fn call_deputies(warn: &Warn, tx: &mut Tx<'_>, round: &Round, call: &Call) -> Result<(), StoreError> {
    if !matches!(round.state, RoundState::Running | RoundState::Done) {
        return Ok(());
    }
    for deputy in &call.deputies {
        let id = format!("{}/{deputy}", round.id);
        match tx.get::<Call>(&id)? {
            Some(theirs) if theirs.open => hurry(tx, &id)?,
            Some(_) => {}
            None => {
                let Some(callee) = anlan_register::callee(tx, deputy)? else { continue };
                let ladder = warn.ladder(round, &call.ladder)?;
                let opened = open(warn, tx, round, &callee, &call.who, &ladder)?;
                if let Some(limit) = opened.as_ref().and_then(|it| it.limit_at) {
                    tx.set_deadline("call.limit", &id, limit)?;
                    round::reopen(tx, &round.id)?;
                }
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

/// The time limit that calls opened together share; `subject` is the round, `@`, and the instant.
///
/// # Errors
/// What the store says.
pub fn limits_reached(warn: &Warn, tx: &mut Tx<'_>, subject: &str) -> Result<(), StoreError> {
    let Some((round, _)) = subject.rsplit_once('@') else { return Ok(()) };
    let now = tx.now();
    let due: Vec<Call> = tx.find(
        "round = $1 AND open = 1 AND limit_at <= $2",
        "ORDER BY limit_at, id LIMIT $3",
        params![round, now, SLICE],
    )?;
    let mut moved = 0;
    for call in &due {
        moved += usize::from(handle(warn, tx, &call.id, &CallEvent::LimitReached)?);
    }
    if moved == SLICE { tx.set_deadline("call.limits", subject, now) } else { Ok(()) }
}

/// Requests for help of this callee whose outcome somebody wrote.
fn outcomes(tx: &mut Tx<'_>, callee: &str) -> Result<Vec<Help>, StoreError> {
    let mut found = Vec::new();
    for call in tx.find::<Call>("callee = $1", "ORDER BY id", params![callee])? {
        let until = format!("{}\"", call.id);
        found.extend(tx.find::<Help>("id >= $1 AND id < $2 AND outcome IS NOT NULL", "", params![&call.id, &until])?);
    }
    Ok(found)
}

/// Clears what officers wrote about a callee and what they replied, as an erasure demands; the caller
/// destroys the key in the same transaction. Returns how many records held something.
///
/// # Errors
/// A refusal when some of them lie outside the actor's duty areas; what the store says.
pub fn forget(tx: &mut Tx<'_>, callee: &str) -> Result<usize, StoreError> {
    let calls: Vec<Call> = tx.find("callee = $1 AND note IS NOT NULL", "ORDER BY id", params![callee])?;
    let receipts: Vec<Receipt> = tx.find("subject = $1 AND detail IS NOT NULL", "ORDER BY id", params![callee])?;
    let helps = outcomes(tx, callee)?;
    let count = calls.len() + receipts.len() + helps.len();
    // A request for help is named after its call: "!" and what follows it sorts before '"'.
    let all = tx.query_everywhere(
        "SELECT (SELECT COUNT(*) FROM call WHERE callee = $1 AND note IS NOT NULL)
              + (SELECT COUNT(*) FROM receipt WHERE subject = $1 AND detail IS NOT NULL)
              + (SELECT COUNT(*) FROM help h JOIN call c ON h.id >= c.id AND h.id < c.id || '\"'
                  WHERE c.callee = $1 AND h.outcome IS NOT NULL)",
        params![callee],
    )?;
    if all.first().map_or(Ok(0), |it| it.int(0))? != count as i64 {
        return Err(anlan_register::lies_elsewhere().into());
    }
    for call in calls {
        tx.put(&Call { note: None, revision: call.revision + 1, ..call })?;
    }
    for receipt in receipts {
        tx.put(&Receipt { detail: None, ..receipt })?;
    }
    for help in helps {
        tx.put(&Help { outcome: None, ..help.clone() })?;
        tx.destroy_key(&help.id)?;
    }
    if count > 0 {
        tx.record(Event::new("call.forgotten", callee).detail(json!({"records": count})))?;
    }
    Ok(count)
}

/// The refusal of whoever came second: how the call ended, when, and who recorded it.
fn answer_stands(tx: &mut Tx<'_>, call: &str) -> Result<StoreError, StoreError> {
    let ended = tx.get::<Call>(call)?.map_or_else(|| Ok(Text::default()), |it| ended(tx, &it))?;
    Ok(refusal(
        "call_is_final",
        &format!("此人已有答复「{}」，未再登记；本人改口的请登记改口", ended.zh),
        &format!("this call has an answer ({}) and keeps it; say so if they changed their mind (again)", ended.en),
    ))
}

fn recorded_already(tx: &mut Tx<'_>, call: &Call) -> Result<StoreError, StoreError> {
    let ended = ended(tx, call)?;
    Ok(refusal(
        "call_is_final",
        &format!("此人已是最终状态「{}」，不能再登记", ended.zh),
        &format!("this call ended already ({}); nothing more can be recorded", ended.en),
    ))
}

/// “上门叫醒，已于 20:36 由罗文登记”.
fn ended(tx: &mut Tx<'_>, call: &Call) -> Result<Text, StoreError> {
    use CallState as S;
    let by = call.by_whom.as_deref().filter(|it| ["user:", "person:", "room:"].iter().any(|a| it.starts_with(a)));
    let done = who_and_when(tx, by, call.final_at)?;
    let (zh, en) = call.state.words();
    let act = match call.state {
        S::Answered => "答复",
        S::HeardInFull => "听完",
        S::HandedOver => "接手",
        S::RecordedByColleague | S::ReachedOnSite => "登记",
        _ => "结束",
    };
    Ok(Text::new(format!("{zh}，{}{act}", done.zh), format!("{en}{}", done.en)))
}

impl Warn {
    /// An officer answers a call on the callee's word: key 1, 2 or 3. `again` says that they answered before and
    /// changed their mind (改口); without it an answer that stands is kept.
    ///
    /// # Errors
    /// A refusal for an unknown call or key, an answer that stands, or a change of mind after the round; what the
    /// store says.
    pub async fn answer_by_desk(
        self: &Arc<Self>,
        actor: &Actor,
        call: &str,
        digit: u8,
        again: bool,
    ) -> Result<(), StoreError> {
        if !(1..=3).contains(&digit) {
            return Err(refusal("bad_key", "只能选 1、2 或 3", "choose 1, 2 or 3"));
        }
        self.sees::<Call>(actor, call, "no_such_call").await?;
        let (warn, id) = (Arc::clone(self), call.to_owned());
        self.world
            .write("call.answer-desk", Urgency::Urgent, &everywhere(actor), move |tx| {
                let Some(call) = tx.get::<Call>(&id)?.filter(|it| again && it.key.or(it.late_key).is_some()) else {
                    let taken = handle(&warn, tx, &id, &CallEvent::Key { digit, via: DESK })?;
                    return if taken { Ok(()) } else { Err(answer_stands(tx, &id)?) };
                };
                let Some(round) = tx.get::<Round>(&call.round)? else { return Err(round::is_over()) };
                let over = !matches!(round.state, RoundState::Running | RoundState::Done);
                if over && digit != 3 {
                    return Err(round::moved_already(tx, &round, "round_is_over")?);
                }
                let taken = handle(&warn, tx, &id, &CallEvent::SecondThought { digit })?;
                if taken { Ok(()) } else { Err(answer_stands(tx, &id)?) }
            })
            .await
    }

    /// Records what an officer knows of a call (代登记, 上门叫醒, 转交), with a note for people.
    ///
    /// # Errors
    /// A refusal when there is no such call or it is final; what the store says.
    pub async fn record(
        self: &Arc<Self>,
        actor: &Actor,
        call: &str,
        event: CallEvent,
        note: Option<String>,
    ) -> Result<(), StoreError> {
        self.sees::<Call>(actor, call, "no_such_call").await?;
        let (warn, call) = (Arc::clone(self), call.to_owned());
        self.world
            .write("call.record", Urgency::Urgent, &everywhere(actor), move |tx| {
                if let Some(ended) = tx.get::<Call>(&call)?.filter(|it| !it.state.may_be_recorded()) {
                    return Err(recorded_already(tx, &ended)?);
                }
                handle_noted(&warn, tx, &call, &event, note.as_deref()).map(drop)
            })
            .await
    }

    /// An officer takes a request for help (有险情、需支援); the desk stops ringing for it.
    ///
    /// # Errors
    /// A refusal when there is no such request or somebody took it; what the store says.
    pub async fn take_help(&self, actor: &Actor, id: &str) -> Result<Help, StoreError> {
        let id = id.to_owned();
        self.world
            .write("help.take", Urgency::Urgent, actor, move |tx| {
                let none = || refusal("no_such_help", "没有这条求助", "there is no such request for help");
                let help = tx.get::<Help>(&id)?.ok_or_else(none)?;
                if let Some(by) = &help.taken_by {
                    let done = who_and_when(tx, Some(by), help.taken_at)?;
                    let (zh, en) = (format!("这条求助{}接手", done.zh), format!("this was taken{}", done.en));
                    return Err(refusal("help_is_taken", &zh, &en));
                }
                let (by, at) = (tx.actor().name.clone(), tx.now());
                let help = Help { taken_by: Some(by), taken_at: Some(at), ..help };
                tx.put(&help)?;
                tx.record(Event::new("help.taken", &help.id).region(&help.region))?;
                Ok(help)
            })
            .await
    }

    /// What came of a request for help (结果), which ends it. Whoever took it writes it, or whoever took over from them.
    ///
    /// # Errors
    /// `no_such_help`, `bad_outcome`, `help_is_not_taken`, `help_is_over`; what the store says.
    pub async fn end_help(&self, actor: &Actor, id: &str, outcome: &str) -> Result<Help, StoreError> {
        let (id, outcome) = (id.to_owned(), outcome.trim().chars().take(OUTCOME).collect::<String>());
        if outcome.is_empty() {
            let problem = Problem::new("bad_outcome", "请写一句结果", "write what came of it");
            return Err(StoreError::Refused(problem.field("outcome")));
        }
        self.world
            .write("help.end", Urgency::Urgent, actor, move |tx| {
                let none = || refusal("no_such_help", "没有这条求助", "there is no such request for help");
                let help = tx.get::<Help>(&id)?.ok_or_else(none)?;
                if help.taken_by.is_none() {
                    let (zh, en) = ("还没有人接手，先点“我来处理”", "nobody took it yet; take it first");
                    return Err(refusal("help_is_not_taken", zh, en));
                }
                if let Some(by) = &help.ended_by {
                    let done = who_and_when(tx, Some(by), help.ended_at)?;
                    let (zh, en) = (format!("结果{}写明", done.zh), format!("the outcome was written{}", done.en));
                    return Err(refusal("help_is_over", &zh, &en));
                }
                let (by, at) = (tx.actor().name.clone(), tx.now());
                let help = Help { outcome: Some(outcome.clone()), ended_by: Some(by), ended_at: Some(at), ..help };
                tx.put(&help)?;
                tx.record(Event::new("help.ended", &help.id).region(&help.region))?;
                Ok(help)
            })
            .await
    }
}
