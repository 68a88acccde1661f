//! What proposes a response, and how its approvers are asked.

use anlan_kernel::{Colour, Permission as P, RegionCode, Text, civil_day};
use anlan_monitor::{Alarm, Signal, SignalState};
use anlan_register::{Region, leaders};
use anlan_store::{Advanced, Event, StoreError, Tx, params};
use anlan_warn::Process;
use anlan_web::{Who, percent};
use serde_json::json;

use super::{
    flow,
    model::{Kind, Response, State, Step, StepState},
};
use crate::{Command, TodoItem, plan::ResponsePlan, service::no_such, todo::Urgency};

/// Why a step is proposed.
pub(super) struct Cause<'a> {
    pub id: &'a str,
    pub words: String,
    pub warning: Option<Colour>,
    pub invented: bool,
}

/// What the causes in force lead to: the level and the clause that says so.
type Target = Option<(u8, String)>;

/// A signal of a hazard some response of the plan is for.
pub(crate) fn signal_came(command: &Command, tx: &mut Tx<'_>, signal: &Signal) -> Result<(), StoreError> {
    let plan = command.plan();
    let Some(plan) = plan.of_hazard(&signal.hazard) else { return Ok(()) };
    // Acknowledging and forwarding change nothing that was proposed.
    if signal.state == SignalState::Test || signal.acknowledged_at.is_some() || signal.forwarded_at.is_some() {
        return Ok(());
    }
    let words = format!("{}：{}", signal.issuer, signal.title);
    let cause = Cause { id: &signal.id, words, warning: signal.colour, invented: signal.invented };
    for district in districts(tx, &signal.areas)? {
        look(command, tx, plan, &signal.hazard, &district, &cause)?;
    }
    Ok(())
}

/// A measured alarm of such a hazard; one of a station that speaks for nowhere here proposes nothing.
pub(crate) fn alarm_came(command: &Command, tx: &mut Tx<'_>, alarm: &Alarm) -> Result<(), StoreError> {
    let Some(hazard) = alarm.hazard.as_deref() else { return Ok(()) };
    let plan = command.plan();
    let Some(plan) = plan.of_hazard(hazard).filter(|it| it.levels.iter().any(|it| !it.alarms.is_empty())) else {
        return Ok(());
    };
    let words = format!("{}（监测{}级）", alarm.title.zh, alarm.grade.numeral());
    let cause = Cause { id: &alarm.id, words, warning: None, invented: false };
    for district in districts(tx, &alarm.areas)? {
        look(command, tx, plan, hazard, &district, &cause)?;
    }
    Ok(())
}

/// Districts these areas lie in or hold.
fn districts(tx: &mut Tx<'_>, areas: &[RegionCode]) -> Result<Vec<RegionCode>, StoreError> {
    let mut found = Vec::new();
    for area in areas {
        match area.district() {
            Some(district) => found.push(district),
            None => {
                let inside = params![area.as_str(), area.until()];
                let held: Vec<Region> = tx.find("LENGTH(code) = 6 AND code >= $1 AND code < $2", "", inside)?;
                found.extend(held.into_iter().map(|it| it.code));
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The gravest level the signals and alarms in force lead to.
fn target(tx: &mut Tx<'_>, plan: &ResponsePlan, district: &RegionCode) -> Result<Target, StoreError> {
    let now = tx.now();
    let signals: Vec<Signal> =
        tx.find("state = 'in_force' AND (expires_at IS NULL OR expires_at > $1)", "", params![now])?;
    let alarms: Vec<Alarm> = tx.find("state = 'open'", "", &[])?;
    let here = |areas: &[RegionCode]| areas.iter().any(|it| it.meets(district));
    let told = signals
        .iter()
        .filter(|it| it.action != "cancel" && plan.hazards.contains(&it.hazard) && here(&it.areas))
        .filter_map(|it| plan.of_signal(it.colour?));
    let measured = alarms
        .iter()
        .filter(|it| it.hazard.as_ref().is_some_and(|it| plan.hazards.contains(it)) && here(&it.areas))
        .filter_map(|it| plan.of_alarm(it.grade.get()));
    Ok(told.chain(measured).min_by_key(|it| it.level).map(|it| (it.level, it.source.clone())))
}

/// Compares what holds with what stands, and proposes the difference.
fn look(
    command: &Command,
    tx: &mut Tx<'_>,
    plan: &ResponsePlan,
    hazard: &str,
    district: &RegionCode,
    cause: &Cause<'_>,
) -> Result<(), StoreError> {
    let found = open_of(tx, &plan.id, district)?;
    let target = target(tx, plan, district)?;
    let wanted = flow::wanted(found.as_ref(), target.as_ref().map(|it| it.0));
    let pending = found.as_ref().map(|it| open_step(tx, &it.id)).transpose()?.flatten();
    let Some((kind, level)) = wanted else {
        // What was asked for holds no more, and the response stands as it should: the question is moot.
        return match pending.filter(|it| it.kind != Kind::Start) {
            Some(step) => supersede(tx, step),
            None => Ok(()),
        };
    };
    if pending.as_ref().is_some_and(|it| it.kind == kind && it.level == level) {
        return Ok(());
    }
    if declined_before(tx, found.as_ref(), kind, level, cause.id)? {
        return Ok(());
    }
    if let Some(step) = pending {
        supersede(tx, step)?;
    }
    let response = match found {
        Some(response) => response,
        None => begin(tx, plan, hazard, district, cause.invented)?,
    };
    let basis = target.map_or_else(|| "信号解除".to_owned(), |it| it.1);
    propose(command, tx, response, (kind, level), &basis, cause).map(drop)
}

fn declined_before(
    tx: &mut Tx<'_>,
    response: Option<&Response>,
    kind: Kind,
    level: Option<u8>,
    cause: &str,
) -> Result<bool, StoreError> {
    let Some(response) = response else { return Ok(false) };
    let last = last_decided(tx, &response.id)?;
    Ok(last.is_some_and(|it| {
        it.state == StepState::Declined && it.kind == kind && it.level == level && it.cause_id == cause
    }))
}

pub(super) fn open_of(tx: &mut Tx<'_>, plan: &str, district: &RegionCode) -> Result<Option<Response>, StoreError> {
    Ok(tx.find("plan = $1 AND region = $2 AND open = 1", "", params![plan, district])?.pop())
}

pub(super) fn open_step(tx: &mut Tx<'_>, response: &str) -> Result<Option<Step>, StoreError> {
    Ok(tx.find("response = $1 AND state = 'open'", "", params![response])?.pop())
}

/// The step whose decision stands now.
pub(crate) fn last_decided(tx: &mut Tx<'_>, response: &str) -> Result<Option<Step>, StoreError> {
    let decided = "response = $1 AND state IN ('approved', 'declined')";
    let steps: Vec<Step> = tx.find(decided, "ORDER BY number DESC LIMIT 5", params![response])?;
    let approved = steps.iter().find(|it| it.state == StepState::Approved);
    Ok(approved.or(steps.first()).cloned())
}

pub(super) fn supersede(tx: &mut Tx<'_>, step: Step) -> Result<(), StoreError> {
    let step = Step { state: StepState::Superseded, ..step };
    save(tx, &step)?;
    tx.clear_deadline("response.ask", &step.id)?;
    tx.record(Event::new("response.superseded", &step.response).region(&step.region))
}

pub(super) fn save<R: anlan_store::Record + serde::Serialize>(tx: &mut Tx<'_>, record: &R) -> Result<(), StoreError> {
    match tx.advance(record)? {
        Advanced::Yes => Ok(()),
        Advanced::Stale => Err(StoreError::Stale(R::TABLE.name.to_owned())),
    }
}

pub(super) fn begin(
    tx: &mut Tx<'_>,
    plan: &ResponsePlan,
    hazard: &str,
    district: &RegionCode,
    invented: bool,
) -> Result<Response, StoreError> {
    let now = tx.now();
    let base = format!("rs-{}-{}-{district}", civil_day(now), plan.id);
    let (mut id, mut number) = (base.clone(), 1);
    while tx.get::<Response>(&id)?.is_some() {
        number += 1;
        id = format!("{base}-{number}");
    }
    let process: Vec<Process> = tx.find("hazard = $1 AND region = $2 AND open = 1", "", params![hazard, district])?;
    let response = Response {
        id,
        plan: plan.id.clone(),
        title: plan.title.zh.clone(),
        hazard: hazard.to_owned(),
        region: district.clone(),
        process: process.into_iter().next().map(|it| it.id),
        state: State::Proposed,
        open: true,
        level: None,
        event_grade: None,
        steps: 0,
        opened_at: now,
        started_at: None,
        ended_at: None,
        invented,
        revision: 0,
    };
    tx.insert(&response)?;
    Ok(response)
}

pub(super) fn propose(
    command: &Command,
    tx: &mut Tx<'_>,
    response: Response,
    (kind, level): (Kind, Option<u8>),
    basis: &str,
    cause: &Cause<'_>,
) -> Result<Step, StoreError> {
    let number = response.steps + 1;
    let response = Response { steps: number, ..response };
    save(tx, &response)?;
    let step = Step {
        id: format!("{}#{number}", response.id),
        response: response.id.clone(),
        region: response.region.clone(),
        number,
        kind,
        level,
        warning: cause.warning,
        cause: cause.words.clone(),
        cause_id: cause.id.to_owned(),
        invented: cause.invented,
        basis: basis.to_owned(),
        pack: command.plan().version.clone(),
        state: StepState::Open,
        proposed_at: tx.now(),
        proposed_by: tx.actor().name.clone(),
        decided_at: None,
        decided_by: None,
        verbal: false,
        approver: None,
        approver_number: None,
        note: None,
        sign_due_at: None,
        signed_at: None,
        signed_by: None,
        asked: 0,
        chased: 0,
        revision: 0,
    };
    tx.insert(&step)?;
    let detail = json!({"step": number, "kind": kind, "level": level, "cause": cause.id, "title": step.words().zh});
    tx.record(Event::new("response.proposed", &response.id).region(&response.region).pack(&step.pack).detail(detail))?;
    ask(command, tx, &step.id)?;
    Ok(step)
}

/// Asks the approver whose turn it is by message, and says when the next one is asked.
pub(crate) fn ask(command: &Command, tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let Some(step) = tx.get::<Step>(id)?.filter(|it| it.state == StepState::Open) else { return Ok(()) };
    let response = tx.get::<Response>(&step.response)?.ok_or_else(|| no_such("no_such_response"))?;
    let words = format!("{}{}：{}。请签批", response.title, step.words().zh, step.cause);
    let asked = tell(command, tx, &step, step.asked, &words)?;
    let step = Step { asked: step.asked + 1, ..step };
    save(tx, &step)?;
    if asked {
        tx.set_deadline("response.ask", &step.id, tx.now().plus(command.plan().approval.remind_after))?;
    }
    let detail = json!({"step": step.number, "time": step.asked, "told": asked, "title": step.words().zh});
    tx.record(Event::new("response.asked", &step.response).region(&step.region).detail(detail))
}

/// A verbal yes was not signed in time: each approver is asked once.
pub(crate) fn unsigned(command: &Command, tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let Some(step) = tx.get::<Step>(id)?.filter(|it| it.verbal && it.signed_at.is_none()) else { return Ok(()) };
    let response = tx.get::<Response>(&step.response)?.ok_or_else(|| no_such("no_such_response"))?;
    let words = format!("{}：{}尚未补签，请补签", response.title, step.decision_words().zh);
    // Twice the number: everybody in turn, nobody twice.
    let asked = tell(command, tx, &step, step.chased * 2, &words)?;
    let step = Step { chased: step.chased + 1, ..step };
    save(tx, &step)?;
    if asked {
        tx.set_deadline("response.sign", &step.id, tx.now().plus(command.plan().approval.remind_after))?;
    }
    let detail = json!({"step": step.number, "time": step.chased, "told": asked, "title": step.decision_words().zh});
    tx.record(Event::new("response.unsigned", &step.response).region(&step.region).detail(detail))
}

fn tell(command: &Command, tx: &mut Tx<'_>, step: &Step, asked: i64, words: &str) -> Result<bool, StoreError> {
    let now = tx.now();
    let chain = leaders(tx, &step.region, now, command.plan().approval.approvers)?;
    let Some(to) = flow::approver(asked, chain.len()).and_then(|it| chain.get(it)) else { return Ok(false) };
    let link = command.warn.page_link(&format!("/responses/{}", percent(&step.response)));
    let time = step.asked + step.chased + 1;
    command.warn.tell(tx, (&step.id, time), (&to.id, &to.region), &format!("{words}：{link}"))?;
    Ok(true)
}

/// Proposals and verbal yeses in the reader's duty areas.
pub(crate) fn todo(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<TodoItem>, StoreError> {
    let open: Vec<Step> =
        tx.find("state = 'open' OR (verbal = 1 AND signed_at IS NULL)", "ORDER BY proposed_at, id LIMIT 20", &[])?;
    let (approves, named, now) = (who.may(P::ApproveResponse), who.may(P::SeePeople), tx.now());
    let mut items = Vec::new();
    for it in open {
        let Some(response) = tx.get::<Response>(&it.response)? else { continue };
        let asks = it.state == StepState::Open;
        let (zh, en) = match (asks, approves) {
            (true, true) => ("看后签批", "Look and decide"),
            (true, false) => ("登记电话同意", "Record a verbal yes"),
            (false, true) => ("补签", "Sign"),
            (false, false) => ("查看", "Look"),
        };
        let due = it.sign_due_at.unwrap_or(it.proposed_at);
        let late = !asks && due <= now;
        let (zh_title, en_title) = match (asks, late) {
            (true, _) => (it.words().zh, format!("{}?", it.words().en)),
            (false, false) => ("电话同意待补签".to_owned(), "a verbal yes to sign".to_owned()),
            (false, true) => ("电话同意补签超时".to_owned(), "a verbal yes was not signed in time".to_owned()),
        };
        let note = if asks {
            Text::new(it.cause.clone(), it.proposed_at.clock())
        } else {
            let (at, by) = (&due.wall()[5..16], it.approver.as_deref().filter(|_| named).unwrap_or_default());
            Text::new(
                format!("{by} 限 {at} 前补签").trim().to_owned(),
                format!("{by} to be signed by {at}").trim().to_owned(),
            )
        };
        items.push(TodoItem {
            key: format!("response:{}", it.id),
            urgency: match (asks, late) {
                (true, _) => Urgency::Decision,
                (false, true) => Urgency::Overdue,
                (false, false) => Urgency::Routine,
            },
            title: Text::new(format!("{}：{zh_title}", response.title), format!("{}: {en_title}", response.title)),
            note,
            due: Some(due),
            action: Text::new(zh, en),
            href: format!("/responses/{}", percent(&response.id)),
            post: false,
        });
    }
    Ok(items)
}
