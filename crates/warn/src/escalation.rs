//! Escalation (逐级叫应): the silent of a unit on one list, one call to the person one level up.

use anlan_kernel::{RegionCode, Tier};
use anlan_register::superiors;
use anlan_store::{Advanced, Event, OutboxItem, Sending, StoreError, Tx, params};
use serde_json::json;

use crate::{
    Warn,
    answer::token_hash,
    flow::{CallEvent, RING_GRACE},
    ladder::Step,
    model::{Call, Escalation, EscalationState, Help, Round},
    round,
};

/// Superiors of one level that are tried before the next level is.
const PER_LEVEL: usize = 3;

/// The unit on whose list a silent callee stands.
fn unit(region: &RegionCode) -> RegionCode {
    let unit = match region.tier() {
        Tier::Community => region.street(),
        Tier::Street | Tier::District => region.district(),
    };
    unit.unwrap_or_else(|| region.clone())
}

/// Puts the call on the list being gathered for its unit; returns the escalation's id.
pub(crate) fn join(warn: &Warn, tx: &mut Tx<'_>, round: &Round, call: &Call) -> Result<String, StoreError> {
    let unit = unit(&call.region);
    let step = call.step.clone().unwrap_or_default();
    let gathering: Vec<Escalation> = tx.find(
        "round = $1 AND region = $2 AND state = 'gathering' AND ladder = $3 AND step = $4",
        "",
        params![&round.id, &unit, &call.ladder, &step],
    )?;
    if let Some(found) = gathering.into_iter().next() {
        return Ok(found.id);
    }
    let before = tx.count::<Escalation>("round = $1 AND region = $2", params![&round.id, &unit])?;
    let id = format!("{}/up/{unit}-{}", round.id, before + 1);
    let ladder = warn.ladder(round, &call.ladder)?;
    let merge = ladder.step(&step).map(|it| it.merge).unwrap_or_default();
    let escalation = Escalation {
        id: id.clone(),
        round: round.id.clone(),
        region: unit,
        chain: Vec::new(),
        link: 0,
        tries: 0,
        attempts: 0,
        ladder: call.ladder.clone(),
        step,
        state: EscalationState::Gathering,
        rang_at: None,
        accepted_by: None,
        token_hash: token_hash(warn, &id),
        opened_at: tx.now(),
        revision: 0,
    };
    tx.insert(&escalation)?;
    tx.set_deadline("escalation.merge", &id, tx.now().plus(merge))?;
    Ok(id)
}

fn listed(tx: &mut Tx<'_>, id: &str) -> Result<Vec<Call>, StoreError> {
    tx.find("escalation = $1 AND open = 1", "ORDER BY id", params![id])
}

fn load(warn: &Warn, tx: &mut Tx<'_>, id: &str) -> Result<Option<(Escalation, Round, Step)>, StoreError> {
    let Some(escalation) = tx.get::<Escalation>(id)? else { return Ok(None) };
    let Some(round) = tx.get::<Round>(&escalation.round)? else { return Ok(None) };
    let ladder = warn.ladder(&round, &escalation.ladder)?;
    let step = ladder
        .step(&escalation.step)
        .cloned()
        .ok_or_else(|| StoreError::Shape(format!("{id}: ladder {} has no step {}", ladder.id, escalation.step)))?;
    Ok(Some((escalation, round, step)))
}

/// The gathering time is over: the first superior is called with the whole list.
///
/// # Errors
/// What the store says.
pub fn merged(warn: &Warn, tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let Some((mut escalation, round, step)) = load(warn, tx, id)? else { return Ok(()) };
    let calls = listed(tx, id)?;
    let Some(first) = calls.first() else { return close(tx, escalation, EscalationState::Moot) };
    escalation.chain = chain(tx, &round, &first.region)?;
    escalation.state = EscalationState::Calling;
    escalation.link = -1;
    next_link(warn, tx, escalation, &round, &step)
}

/// Those one level up, then those above them; nobody who is silent in this round themselves.
fn chain(tx: &mut Tx<'_>, round: &Round, region: &RegionCode) -> Result<Vec<String>, StoreError> {
    let now = tx.now();
    let mut chain: Vec<String> = Vec::new();
    let above = (region.tier() == Tier::Community).then(|| region.street()).flatten();
    for level in std::iter::once(region.clone()).chain(above) {
        let mut taken = 0;
        for superior in superiors(tx, &level, now)? {
            if taken == PER_LEVEL {
                break;
            }
            if superior.usable_numbers == 0 || chain.contains(&superior.id) || silent(tx, round, &superior.id)? {
                continue;
            }
            chain.push(superior.id);
            taken += 1;
        }
    }
    Ok(chain)
}

fn silent(tx: &mut Tx<'_>, round: &Round, callee: &str) -> Result<bool, StoreError> {
    use crate::model::CallState::{Escalated, NoContact, NotReached};
    let call = tx.get::<Call>(&format!("{}/{callee}", round.id))?;
    Ok(call.is_some_and(|it| matches!(it.state, Escalated | NotReached | NoContact)))
}

fn next_link(
    warn: &Warn,
    tx: &mut Tx<'_>,
    mut escalation: Escalation,
    round: &Round,
    step: &Step,
) -> Result<(), StoreError> {
    round::drop_queued(tx, &escalation.id)?;
    escalation.link += 1;
    escalation.tries = 0;
    escalation.rang_at = None;
    if usize::try_from(escalation.link).is_ok_and(|it| it >= escalation.chain.len()) {
        return nobody_accepted(warn, tx, escalation);
    }
    let limit = tx.now().plus(RING_GRACE).plus(step.limit);
    tx.set_deadline("escalation.limit", &escalation.id, limit)?;
    attempt(warn, tx, escalation, round, tx.now(), "escalation.calling")
}

fn attempt(
    warn: &Warn,
    tx: &mut Tx<'_>,
    mut escalation: Escalation,
    round: &Round,
    due_at: anlan_kernel::Instant,
    event: &'static str,
) -> Result<(), StoreError> {
    escalation.tries += 1;
    escalation.attempts += 1;
    let callee = usize::try_from(escalation.link).ok().and_then(|it| escalation.chain.get(it)).cloned();
    let item = OutboxItem {
        id: format!("{}#{}", escalation.id, escalation.attempts),
        channel: warn.channel(),
        kind: "voice".to_owned(),
        subject: escalation.id.clone(),
        region: escalation.region.clone(),
        priority: (i64::from(round.level) - 1) * 2,
        due_at,
        state: Sending::Queued,
        tries: 0,
        payload: json!({
            "template": "escalation", "callee": callee, "attempt": escalation.attempts,
            "number": escalation.tries - 1, "repeat": false,
        }),
        outcome: None,
        sent_at: None,
        revision: 0,
    };
    tx.insert(&item)?;
    store(tx, &escalation, event)
}

fn store(tx: &mut Tx<'_>, escalation: &Escalation, event: &'static str) -> Result<(), StoreError> {
    if tx.advance(escalation)? == Advanced::Stale {
        return Err(StoreError::Race(escalation.id.clone()));
    }
    let detail = json!({"chain": escalation.chain, "link": escalation.link, "by": escalation.accepted_by});
    tx.record(Event::new(event, &escalation.id).region(&escalation.region).detail(detail))
}

fn close(tx: &mut Tx<'_>, mut escalation: Escalation, state: EscalationState) -> Result<(), StoreError> {
    escalation.state = state;
    round::drop_queued(tx, &escalation.id)?;
    tx.clear_deadline("escalation.limit", &escalation.id)?;
    tx.clear_deadline("escalation.merge", &escalation.id)?;
    let event = match state {
        EscalationState::Accepted => "escalation.accepted",
        EscalationState::Failed => "escalation.failed",
        _ => "escalation.moot",
    };
    store(tx, &escalation, event)
}

fn nobody_accepted(warn: &Warn, tx: &mut Tx<'_>, escalation: Escalation) -> Result<(), StoreError> {
    let calls = listed(tx, &escalation.id)?;
    close(tx, escalation, EscalationState::Failed)?;
    for call in calls {
        round::handle(warn, tx, &call.id, &CallEvent::NobodyAccepted)?;
    }
    Ok(())
}

/// A named superior took over: every open call of the list is handed over.
fn accept(warn: &Warn, tx: &mut Tx<'_>, mut escalation: Escalation, by: &str) -> Result<(), StoreError> {
    let calls = listed(tx, &escalation.id)?;
    escalation.accepted_by = Some(by.to_owned());
    close(tx, escalation, EscalationState::Accepted)?;
    for call in calls {
        round::handle(warn, tx, &call.id, &CallEvent::Accepted { by: by.to_owned() })?;
    }
    Ok(())
}

/// What the phone of attempt `number` did.
///
/// # Errors
/// What the store says.
pub(crate) fn handle(
    warn: &Warn,
    tx: &mut Tx<'_>,
    id: &str,
    number: i64,
    event: &CallEvent,
) -> Result<(), StoreError> {
    let Some((mut escalation, round, step)) = load(warn, tx, id)? else { return Ok(()) };
    if escalation.state != EscalationState::Calling {
        return Ok(());
    }
    if listed(tx, id)?.is_empty() {
        return close(tx, escalation, EscalationState::Moot);
    }
    match event {
        CallEvent::Rang { at, .. } if escalation.rang_at.is_none() => {
            let rang_at = (*at).min(tx.now());
            escalation.rang_at = Some(rang_at);
            tx.set_deadline("escalation.limit", id, rang_at.plus(step.limit))?;
            store(tx, &escalation, "escalation.rang")
        }
        CallEvent::Key { digit: 2, .. } => next_link(warn, tx, escalation, &round, &step),
        CallEvent::Key { digit, .. } => {
            let by = usize::try_from(escalation.link).ok().and_then(|it| escalation.chain.get(it)).cloned();
            if *digit == 3 {
                let (region, asked_at) = (escalation.region.clone(), tx.now());
                tx.insert(&Help { id: id.to_owned(), region, asked_at, taken_by: None, taken_at: None })?;
            }
            accept(warn, tx, escalation, &by.unwrap_or_default())
        }
        CallEvent::AttemptEnded { .. } if number == escalation.attempts => {
            if escalation.tries < step.tries {
                let due_at = tx.now().plus(step.gap);
                attempt(warn, tx, escalation, &round, due_at, "escalation.tried_again")
            } else {
                next_link(warn, tx, escalation, &round, &step)
            }
        }
        _ => Ok(()),
    }
}

/// The superior's time ran out: the next one is called.
///
/// # Errors
/// What the store says.
pub fn limit_reached(warn: &Warn, tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let Some((escalation, round, step)) = load(warn, tx, id)? else { return Ok(()) };
    if escalation.state != EscalationState::Calling {
        return Ok(());
    }
    if listed(tx, id)?.is_empty() {
        return close(tx, escalation, EscalationState::Moot);
    }
    next_link(warn, tx, escalation, &round, &step)
}
