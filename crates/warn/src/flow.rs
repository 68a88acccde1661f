//! How a call moves: pure decisions. No SQL, no clock but the instant passed in.

use std::time::Duration;

use anlan_kernel::{Instant, Problem};

use crate::{
    ladder::{AnsweredBy, Do, Ladder, Step},
    model::{Call, CallState},
};

/// A step's time limit starts this long after its first attempt was due, ring or no ring.
pub const RING_GRACE: Duration = Duration::from_secs(30);

/// What happened to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEvent {
    /// The round opened it.
    Opened,
    /// The phone of attempt `n` rings.
    Rang {
        /// Attempt number.
        attempt: i64,
        /// Gateway's time of the ring.
        at: Instant,
    },
    /// A key, a reply or the page: 1 arrived, 2 cannot come, 3 needs help.
    Key {
        /// 1, 2 or 3.
        digit: u8,
        /// voice, sms, page.
        via: &'static str,
    },
    /// A change of mind by whatever way, while the round is not over (改口).
    SecondThought {
        /// 1, 2 or 3.
        digit: u8,
    },
    /// The whole message was heard.
    HeardInFull {
        /// Gateway's time of the end of the message.
        at: Instant,
    },
    /// Attempt `n` ended without an answer, or never left.
    AttemptEnded {
        /// Attempt number.
        attempt: i64,
    },
    /// The message of attempt `n` lies on the phone; only a reply can follow.
    Delivered {
        /// Attempt number.
        attempt: i64,
    },
    /// The step's time ran out.
    LimitReached,
    /// The person one level up accepted.
    Accepted {
        /// Callee id of the superior.
        by: String,
    },
    /// Nobody one level up took over.
    NobodyAccepted,
    /// 代登记: a colleague says so at the desk.
    RecordedByColleague {
        /// Account.
        by: String,
    },
    /// 上门叫醒.
    ReachedOnSite {
        /// Account.
        by: String,
    },
    /// 转交 recorded at the desk: a named superior accepted.
    HandedOver {
        /// Callee id of the superior, or the account that recorded one without an id.
        to: String,
    },
    /// The round was stopped.
    Stopped {
        /// Account.
        by: String,
    },
    /// A graver round took over.
    Absorbed {
        /// The new round.
        round: String,
    },
}

/// What must be done besides storing the next state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Queue attempt `number` by `action`.
    Attempt {
        /// Attempt number, from 1.
        number: i64,
        /// Voice or Sms.
        action: Do,
        /// Not before.
        due_at: Instant,
    },
    /// Take back attempts that have not left yet.
    DropQueued,
    /// Look again when the step's time runs out.
    SetLimit(Instant),
    /// No limit any more.
    ClearLimit,
    /// Join the list for the person one level up.
    Escalate,
    /// Call the deputies at once.
    CallDeputies,
    /// The desk rings.
    RingDesk,
}

/// The next state and what follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The call as it is now.
    pub next: Call,
    /// `call.…` for the journal.
    pub event: &'static str,
    /// What must be done.
    pub effects: Vec<Effect>,
}

/// Decides what `event` does to `call`; performs none of it. `None`: nothing changes (late, doubled).
///
/// # Errors
/// A refusal for the officer who asked for something a final call cannot take.
pub fn apply(call: &Call, ladder: &Ladder, event: &CallEvent, now: Instant) -> Result<Option<Decision>, Problem> {
    use CallEvent as E;
    if call.state.is_final() {
        return after_the_end(call, event, now);
    }
    let decided = match event {
        E::Opened => enter(call.clone(), ladder, &ladder.first, now, "call.opened"),
        E::Rang { attempt, at } => return Ok(rang(call, ladder, *attempt, (*at).min(now))),
        E::Key { digit, via } => return Ok(key(call, *digit, via, now)),
        E::SecondThought { digit } => return Ok(key(call, *digit, "page", now)),
        E::HeardInFull { at } => heard(call, ladder, (*at).min(now), now),
        E::AttemptEnded { attempt } => return Ok(attempt_ended(call, ladder, *attempt, now)),
        E::Delivered { attempt } => return Ok(delivered(call, ladder, *attempt, now)),
        E::LimitReached => return Ok(limit_reached(call, ladder, now)),
        E::Accepted { by } => end(call, CallState::HandedOver, Some(by), "superior", now),
        E::NobodyAccepted => nobody_accepted(call, ladder, now),
        E::RecordedByColleague { by } => end(call, CallState::RecordedByColleague, Some(by), "desk", now),
        E::ReachedOnSite { by } => end(call, CallState::ReachedOnSite, Some(by), "desk", now),
        E::HandedOver { to } => end(call, CallState::HandedOver, Some(to), "desk", now),
        E::Stopped { by } => end(call, CallState::Cancelled, Some(by), "desk", now),
        E::Absorbed { round } => end(call, CallState::Cancelled, Some(round), "round", now),
    };
    Ok(Some(decided))
}

fn after_the_end(call: &Call, event: &CallEvent, now: Instant) -> Result<Option<Decision>, Problem> {
    use CallEvent as E;
    let (zh, en) = call.state.words();
    let found = |state, by| Ok(Some(end(call, state, Some(by), "desk", now)));
    match event {
        // No call reached them, an officer did: that is what the door list is for.
        E::RecordedByColleague { by } if call.state.may_be_recorded() => found(CallState::RecordedByColleague, by),
        E::ReachedOnSite { by } if call.state.may_be_recorded() => found(CallState::ReachedOnSite, by),
        E::HandedOver { to } if call.state.may_be_recorded() => found(CallState::HandedOver, to),
        E::RecordedByColleague { .. } | E::ReachedOnSite { .. } | E::HandedOver { .. } => Err(Problem::new(
            "call_is_final",
            format!("此人已是最终状态「{zh}」，不能再登记"),
            format!("this call ended already ({en}); nothing more can be recorded"),
        )),
        // What came after the end is kept, and the desk rings for it, but the final state stands.
        E::Key { digit: digit @ 1..=3, .. } if call.late_key.is_none() && call.key.is_none() => {
            let next = Call { late_key: Some(*digit), ..call.clone() };
            let effects = match digit {
                3 => vec![Effect::RingDesk],
                // Stopped and absorbed calls have somebody else who calls.
                2 if call.state != CallState::Cancelled => vec![Effect::CallDeputies],
                _ => Vec::new(),
            };
            Ok(Some(Decision { next, event: "call.answered_late", effects }))
        }
        // A second thought on the same phone: danger after all.
        E::Key { digit: 3, .. } if call.key.is_some_and(|it| it != 3) && call.late_key != Some(3) => {
            let next = Call { late_key: Some(3), ..call.clone() };
            Ok(Some(Decision { next, event: "call.answered_late", effects: vec![Effect::RingDesk] }))
        }
        E::SecondThought { digit } => Ok(second_thought(call, *digit)),
        _ => Ok(None),
    }
}

/// The state stands, what was said changes; help is asked for as often as it is needed.
fn second_thought(call: &Call, digit: u8) -> Option<Decision> {
    let said = call.key.or(call.late_key)?;
    let mut next = call.clone();
    let (event, effects) = match digit {
        3 if said == 3 || call.late_key == Some(3) => ("call.asked_help_again", vec![Effect::RingDesk]),
        3 => {
            next.late_key = Some(3);
            ("call.answered_late", vec![Effect::RingDesk])
        }
        1 | 2 if digit != said => {
            if call.key.is_some() {
                next.key = Some(digit);
            } else {
                next.late_key = Some(digit);
            }
            let effects = if digit == 2 { vec![Effect::CallDeputies] } else { Vec::new() };
            ("call.answered_again", effects)
        }
        _ => return None,
    };
    Some(Decision { next, event, effects })
}

fn rang(call: &Call, ladder: &Ladder, attempt: i64, at: Instant) -> Option<Decision> {
    let first = call.first_rang_at.is_none();
    let step = call.step.as_deref().and_then(|it| ladder.step(it))?;
    // A ring of an earlier step says nothing about this one's time.
    let of_this_step = attempt > call.last_attempt - call.tries && call.rang_at.is_none() && step.action == Do::Voice;
    if !first && !of_this_step {
        return None;
    }
    let mut next = Call { first_rang_at: call.first_rang_at.or(Some(at)), ..call.clone() };
    let mut effects = Vec::new();
    if of_this_step {
        let limit = at.plus(step.limit);
        // A gateway whose clock is behind cannot have rung before the step began.
        let limit = call.limit_at.map_or(limit, |latest| limit.clamp(latest.minus(RING_GRACE), latest));
        next.rang_at = Some(at);
        next.limit_at = Some(limit);
        effects.push(Effect::SetLimit(limit));
    }
    Some(Decision { next, event: "call.rang", effects })
}

fn key(call: &Call, digit: u8, via: &'static str, now: Instant) -> Option<Decision> {
    if !(1..=3).contains(&digit) {
        return None;
    }
    let mut decision = end(call, CallState::Answered, None, via, now);
    decision.next.key = Some(digit);
    match digit {
        2 => decision.effects.push(Effect::CallDeputies),
        3 => decision.effects.push(Effect::RingDesk),
        _ => {}
    }
    Some(decision)
}

fn heard(call: &Call, ladder: &Ladder, at: Instant, now: Instant) -> Decision {
    let next = Call { heard: true, heard_at: call.heard_at.or(Some(at)), ..call.clone() };
    match ladder.answered_by {
        AnsweredBy::Heard => end(&next, CallState::HeardInFull, None, "voice", now),
        // Weaker than a key: kept, and counted at the end if no key ever comes.
        AnsweredBy::Key => Decision { next, event: "call.heard", effects: Vec::new() },
    }
}

fn attempt_ended(call: &Call, ladder: &Ladder, attempt: i64, now: Instant) -> Option<Decision> {
    let step = call.step.as_deref().and_then(|it| ladder.step(it))?;
    if attempt != call.last_attempt || call.state != CallState::Calling {
        return None;
    }
    Some(try_again(call, step, now).unwrap_or_else(|| leave(call, ladder, step, now)))
}

/// A message that came through is sent once more after the gap; after the last one the step's limit
/// leaves time for the reply.
fn delivered(call: &Call, ladder: &Ladder, attempt: i64, now: Instant) -> Option<Decision> {
    let step = call.step.as_deref().and_then(|it| ladder.step(it))?;
    let waits = attempt == call.last_attempt && call.state == CallState::Calling && step.action == Do::Sms;
    if waits { try_again(call, step, now) } else { None }
}

fn try_again(call: &Call, step: &Step, now: Instant) -> Option<Decision> {
    if call.tries >= step.tries {
        return None;
    }
    let (tries, attempts, last_attempt) = (call.tries + 1, call.attempts + 1, call.last_attempt + 1);
    let next = Call { tries, attempts, last_attempt, ..call.clone() };
    let effects = vec![Effect::Attempt { number: next.last_attempt, action: step.action, due_at: now.plus(step.gap) }];
    Some(Decision { next, event: "call.tried_again", effects })
}

fn limit_reached(call: &Call, ladder: &Ladder, now: Instant) -> Option<Decision> {
    let due = call.limit_at.is_some_and(|it| it <= now) && call.state == CallState::Calling;
    let step = call.step.as_deref().and_then(|it| ladder.step(it))?;
    due.then(|| leave(call, ladder, step, now))
}

fn nobody_accepted(call: &Call, ladder: &Ladder, now: Instant) -> Decision {
    match call.step.as_deref().and_then(|it| ladder.step(it)) {
        Some(step) => leave(call, ladder, step, now),
        None => not_reached(call, now),
    }
}

/// Silence in `step`: on to the next one, or to the end.
fn leave(call: &Call, ladder: &Ladder, step: &Step, now: Instant) -> Decision {
    if step.then == CallState::NotReached.name() {
        not_reached(call, now)
    } else {
        let mut decision = enter(call.clone(), ladder, &step.then, now, "call.step_silent");
        decision.effects.insert(0, Effect::DropQueued);
        decision
    }
}

fn enter(mut call: Call, ladder: &Ladder, id: &str, now: Instant, event: &'static str) -> Decision {
    // A plan is proved on load: the step exists. If it does not, the call must not stay open.
    let Some(step) = ladder.step(id) else { return not_reached(&call, now) };
    call.step = Some(step.id.clone());
    call.rang_at = None;
    call.tries = 0;
    call.limit_at = None;
    if step.action == Do::Superior {
        call.state = CallState::Escalated;
        call.escalations += 1;
        return Decision { next: call, event, effects: vec![Effect::ClearLimit, Effect::Escalate] };
    }
    let limit = now.plus(RING_GRACE).plus(step.limit);
    call.state = CallState::Calling;
    call.tries = 1;
    call.attempts += 1;
    call.last_attempt += 1;
    call.limit_at = Some(limit);
    let attempt = Effect::Attempt { number: call.last_attempt, action: step.action, due_at: now };
    Decision { next: call, event, effects: vec![attempt, Effect::SetLimit(limit)] }
}

fn not_reached(call: &Call, now: Instant) -> Decision {
    let state = if call.heard { CallState::HeardInFull } else { CallState::NotReached };
    end(call, state, None, "ladder", now)
}

fn end(call: &Call, state: CallState, by: Option<&String>, via: &str, now: Instant) -> Decision {
    let next = Call {
        state,
        open: false,
        limit_at: None,
        final_at: Some(now),
        via: Some(via.to_owned()),
        by_whom: by.cloned(),
        ..call.clone()
    };
    let event = match state {
        CallState::Answered => "call.answered",
        CallState::HeardInFull => "call.heard_in_full",
        CallState::RecordedByColleague => "call.recorded_by_colleague",
        CallState::ReachedOnSite => "call.reached_on_site",
        CallState::HandedOver => "call.handed_over",
        CallState::NotReached => "call.not_reached",
        CallState::NoContact => "call.no_contact",
        CallState::Cancelled => "call.cancelled",
        CallState::Calling | CallState::Escalated => "call.ended",
    };
    Decision { next, event, effects: vec![Effect::DropQueued, Effect::ClearLimit] }
}
