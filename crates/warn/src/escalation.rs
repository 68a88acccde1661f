//! Escalation (逐级叫应): the silent of a unit on one list, one call to the person one level up.

use std::sync::Arc;

use anlan_kernel::{Actor, Instant, RegionCode, Tier};
use anlan_register::superiors;
use anlan_store::{Advanced, Event, OutboxItem, Sending, StoreError, Tx, Urgency, journal, params};
use serde_json::json;

use crate::{
    Warn,
    answer::token_hash,
    call::{self, drop_queued},
    flow::{CallEvent, RING_GRACE},
    ladder::Step,
    model::{Call, Escalation, EscalationState, Help, Round},
    round,
    service::{everywhere, refusal, who_and_when},
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
    if let Some(found) = of_unit(tx, &round.id, &unit, "gathering")? {
        return Ok(found.id);
    }
    let step = call.step.clone().unwrap_or_default();
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
        last_attempt: 0,
        ladder: call.ladder.clone(),
        step,
        state: EscalationState::Gathering,
        rang_at: None,
        limit_at: None,
        accepted_by: None,
        note: None,
        token_hash: token_hash(warn, &id),
        opened_at: tx.now(),
        revision: 0,
    };
    tx.insert(&escalation)?;
    tx.set_deadline("escalation.merge", &id, tx.now().plus(merge))?;
    Ok(id)
}

fn of_unit(tx: &mut Tx<'_>, round: &str, unit: &RegionCode, state: &str) -> Result<Option<Escalation>, StoreError> {
    let condition = "round = $1 AND region = $2 AND state = $3";
    Ok(tx.find::<Escalation>(condition, "ORDER BY id LIMIT 1", params![round, unit, state])?.pop())
}

/// The calls of a list that have no final state.
pub(crate) fn listed(tx: &mut Tx<'_>, id: &str) -> Result<Vec<Call>, StoreError> {
    tx.find("escalation = $1 AND open = 1", "ORDER BY id", params![id])
}

fn is_empty(tx: &mut Tx<'_>, id: &str) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM call WHERE escalation = $1 AND open = 1 AND {scope:region} LIMIT 1";
    Ok(tx.query(sql, params![id])?.is_empty())
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

/// The gathering time is over: the first superior is called with the whole list. While the same
/// superiors are still being called for an earlier list, this one goes on gathering.
///
/// # Errors
/// What the store says.
pub fn merged(warn: &Warn, tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let Some((mut escalation, round, step)) = load(warn, tx, id)? else { return Ok(()) };
    if escalation.state != EscalationState::Gathering {
        return Ok(());
    }
    let calls = listed(tx, id)?;
    // The deepest of them: whoever is above it is above the others of the unit.
    let Some(deepest) = calls.iter().max_by_key(|it| it.region.as_str().len()) else {
        return close(tx, escalation, EscalationState::Moot);
    };
    if of_unit(tx, &round.id, &escalation.region, "calling")?.is_some() {
        return Ok(());
    }
    escalation.chain = chain(tx, &round, &deepest.region)?;
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
    escalation.attempts -= drop_queued(tx, &escalation.id)?;
    escalation.link += 1;
    escalation.tries = 0;
    escalation.rang_at = None;
    if superior(&escalation, escalation.link).is_none() {
        return nobody_accepted(warn, tx, escalation);
    }
    let now = tx.now();
    let limit = now.plus(RING_GRACE).plus(step.limit);
    escalation.limit_at = Some(limit);
    tx.set_deadline("escalation.limit", &escalation.id, limit)?;
    attempt(warn, tx, &mut escalation, round, now)?;
    // The list itself, in writing, goes with the call.
    let list = OutboxItem { kind: "sms".into(), ..item(warn, &escalation, round, "escalation_list", now) };
    tx.insert(&OutboxItem { id: format!("{}-list", list.id), ..list })?;
    store(tx, &escalation, "escalation.calling")
}

/// The superior at this place of the chain.
pub(crate) fn superior(escalation: &Escalation, link: i64) -> Option<&str> {
    usize::try_from(link).ok().and_then(|it| escalation.chain.get(it)).map(String::as_str)
}

fn attempt(
    warn: &Warn,
    tx: &mut Tx<'_>,
    escalation: &mut Escalation,
    round: &Round,
    due_at: Instant,
) -> Result<(), StoreError> {
    escalation.tries += 1;
    escalation.attempts += 1;
    escalation.last_attempt += 1;
    tx.insert(&item(warn, escalation, round, "escalation", due_at)).map(drop)
}

fn item(warn: &Warn, escalation: &Escalation, round: &Round, template: &str, due_at: Instant) -> OutboxItem {
    OutboxItem {
        id: format!("{}#{}", escalation.id, escalation.last_attempt),
        channel: warn.channel(),
        kind: "voice".to_owned(),
        subject: escalation.id.clone(),
        region: escalation.region.clone(),
        priority: (i64::from(round.level) - 1) * 2,
        due_at,
        state: Sending::Queued,
        tries: 0,
        payload: json!({
            "template": template, "callee": superior(escalation, escalation.link), "link": escalation.link,
            "attempt": escalation.last_attempt, "number": escalation.tries - 1, "repeat": false,
        }),
        outcome: None,
        sent_at: None,
        revision: 0,
    }
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
    escalation.limit_at = None;
    escalation.attempts -= drop_queued(tx, &escalation.id)?;
    tx.clear_deadline("escalation.limit", &escalation.id)?;
    tx.clear_deadline("escalation.merge", &escalation.id)?;
    // A list that waited for these superiors is their next call.
    if let Some(next) = of_unit(tx, &escalation.round, &escalation.region, "gathering")?
        && next.id != escalation.id
        && tx.get::<anlan_store::Deadline>(&format!("escalation.merge:{}", next.id))?.is_none()
    {
        tx.set_deadline("escalation.merge", &next.id, tx.now())?;
    }
    let event = match state {
        EscalationState::Accepted => "escalation.accepted",
        EscalationState::Failed => "escalation.failed",
        _ => "escalation.moot",
    };
    store(tx, &escalation, event)
}

/// Lists of a round on which nobody stands any more: their superiors are not called for nothing.
pub(crate) fn drop_empty(tx: &mut Tx<'_>, round: &str) -> Result<(), StoreError> {
    let going_on: Vec<Escalation> =
        tx.find("round = $1 AND state IN ('gathering', 'calling')", "ORDER BY id", params![round])?;
    for escalation in going_on {
        if is_empty(tx, &escalation.id)? {
            close(tx, escalation, EscalationState::Moot)?;
        }
    }
    Ok(())
}

fn nobody_accepted(warn: &Warn, tx: &mut Tx<'_>, escalation: Escalation) -> Result<(), StoreError> {
    let calls = listed(tx, &escalation.id)?;
    close(tx, escalation, EscalationState::Failed)?;
    for call in calls {
        call::handle(warn, tx, &call.id, &CallEvent::NobodyAccepted)?;
    }
    Ok(())
}

/// A named superior took over: every open call of the list is handed over.
fn accept(warn: &Warn, tx: &mut Tx<'_>, mut escalation: Escalation, by: &str) -> Result<(), StoreError> {
    let calls = listed(tx, &escalation.id)?;
    escalation.accepted_by = Some(by.to_owned());
    close(tx, escalation, EscalationState::Accepted)?;
    for call in calls {
        call::handle(warn, tx, &call.id, &CallEvent::Accepted { by: by.to_owned() })?;
    }
    Ok(())
}

/// What a superior's phone did, or what they tapped; `link` is their place in the chain and `number`
/// the attempt, where it came from one.
///
/// # Errors
/// What the store says.
pub(crate) fn handle(
    warn: &Warn,
    tx: &mut Tx<'_>,
    id: &str,
    link: i64,
    number: Option<i64>,
    event: &CallEvent,
) -> Result<(), StoreError> {
    let Some((mut escalation, round, step)) = load(warn, tx, id)? else { return Ok(()) };
    if escalation.state != EscalationState::Calling {
        return Ok(());
    }
    if is_empty(tx, id)? {
        return close(tx, escalation, EscalationState::Moot);
    }
    let current = link == escalation.link;
    match event {
        CallEvent::Rang { at, .. } if current && escalation.rang_at.is_none() => {
            let rang_at = (*at).min(tx.now());
            let limit = rang_at.plus(step.limit);
            let limit = escalation.limit_at.map_or(limit, |latest| limit.clamp(latest.minus(RING_GRACE), latest));
            escalation.rang_at = Some(rang_at);
            escalation.limit_at = Some(limit);
            tx.set_deadline("escalation.limit", id, limit)?;
            store(tx, &escalation, "escalation.rang")
        }
        // They cannot; the next one is called. One who says so late is past already.
        CallEvent::Key { digit: 2, .. } if current => next_link(warn, tx, escalation, &round, &step),
        CallEvent::Key { digit: digit @ (1 | 3), .. } => {
            let by = superior(&escalation, link).unwrap_or_default().to_owned();
            if *digit == 3 {
                let (region, asked_at) = (escalation.region.clone(), tx.now());
                tx.insert(&Help::asked(id.to_owned(), region, asked_at))?;
            }
            accept(warn, tx, escalation, &by)
        }
        CallEvent::AttemptEnded { .. } if number == Some(escalation.last_attempt) => {
            if escalation.tries < step.tries {
                let due_at = tx.now().plus(step.gap);
                attempt(warn, tx, &mut escalation, &round, due_at)?;
                store(tx, &escalation, "escalation.tried_again")
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
    if escalation.state != EscalationState::Calling || escalation.limit_at.is_some_and(|it| it > tx.now()) {
        return Ok(());
    }
    if is_empty(tx, id)? {
        return close(tx, escalation, EscalationState::Moot);
    }
    next_link(warn, tx, escalation, &round, &step)
}

impl Warn {
    /// An officer accepts a list on behalf of their unit (接手): its open calls end as 已转交.
    ///
    /// # Errors
    /// A refusal when there is no such list or it is closed; what the store says.
    pub async fn accept_list(
        self: &Arc<Self>,
        actor: &Actor,
        id: &str,
        note: Option<String>,
    ) -> Result<Escalation, StoreError> {
        self.sees::<Escalation>(actor, id, "no_such_escalation").await?;
        let (warn, id) = (Arc::clone(self), id.to_owned());
        self.world
            .write("escalation.accept", Urgency::Urgent, &everywhere(actor), move |tx| {
                let Some((mut escalation, ..)) = load(&warn, tx, &id)? else { return Err(closed()) };
                if !matches!(escalation.state, EscalationState::Gathering | EscalationState::Calling) {
                    return Err(closed_already(tx, &escalation)?);
                }
                escalation.note.clone_from(&note);
                let by = tx.actor().name.clone();
                accept(&warn, tx, escalation, &by)?;
                tx.get::<Escalation>(&id)?.ok_or_else(closed)
            })
            .await
    }
}

impl Warn {
    /// An officer says for the superior who is being called that they cannot take the list over: the next
    /// one is called at once.
    ///
    /// # Errors
    /// A refusal when there is no such list or nobody is being called for it; what the store says.
    pub async fn refuse_list(
        self: &Arc<Self>,
        actor: &Actor,
        id: &str,
        note: Option<String>,
    ) -> Result<(), StoreError> {
        self.sees::<Escalation>(actor, id, "no_such_escalation").await?;
        let (warn, id) = (Arc::clone(self), id.to_owned());
        self.world
            .write("escalation.refuse", Urgency::Urgent, &everywhere(actor), move |tx| {
                let Some((escalation, round, step)) = load(&warn, tx, &id)? else { return Err(closed()) };
                if escalation.state != EscalationState::Calling {
                    return Err(closed_already(tx, &escalation)?);
                }
                let note = round::sealed(tx, &id, note.as_deref().unwrap_or_default())?;
                let detail = json!({"superior": superior(&escalation, escalation.link), "note": note});
                tx.record(Event::new("escalation.refused", &id).region(&escalation.region).detail(detail))?;
                next_link(&warn, tx, escalation, &round, &step)
            })
            .await
    }
}

fn closed() -> StoreError {
    refusal("escalation_is_closed", "这份名单已有结果", "this list is closed already")
}

/// The refusal of whoever came second: who took the list, and when.
fn closed_already(tx: &mut Tx<'_>, list: &Escalation) -> Result<StoreError, StoreError> {
    let (zh, en) = match list.state {
        EscalationState::Accepted => ("接手", "was taken over"),
        EscalationState::Gathering => ("汇总中，还没有叫上一级", "is still gathered; nobody above is called yet"),
        _ => return Ok(closed()),
    };
    let accepted = journal::of_subject(tx, &list.id)?.into_iter().rfind(|it| it.event == "escalation.accepted");
    let done = who_and_when(tx, list.accepted_by.as_deref(), accepted.map(|it| it.at))?;
    let (zh, en) = (format!("这份名单{}{zh}", done.zh), format!("this list {en}{}", done.en));
    Ok(refusal("escalation_is_closed", &zh, &en))
}
