//! Beginning a test round, and what came of it.

use std::{collections::BTreeSet, sync::Arc};

use anlan_kernel::{Actor, Permission, RegionCode, Scope, civil_day};
use anlan_register::{Contact, contacts};
use anlan_store::{Event, StoreError, Tx, Urgency, params};
use anlan_web::{ApiError, Site, Who, confirm};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ALONE, Exercise, NO_PROCESS, PREFIX, no_such_test};
use crate::{
    Warn,
    api::round_counts,
    model::{Call, CallState, Round, RoundState},
    round,
    service::{everywhere, refusal},
};

/// How the people of a test are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Those who were ticked.
    #[default]
    Chosen,
    /// Everybody whom no call reached since the last test began, real calls included.
    Unreached,
    /// Everybody in the duty areas.
    All,
}

/// What somebody asks for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Who.
    pub choice: Choice,
    /// Whom, where they were ticked.
    pub callees: Vec<String>,
    /// Who signs as the second; needed for more than [`ALONE`].
    pub login: String,
    /// Their password.
    pub password: String,
}

/// A person of a test round and what came of the call.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// `person:…`.
    pub callee: String,
    /// Name, masked for whoever sees none.
    pub name: String,
    /// Unit.
    pub organisation: String,
    /// Where.
    pub region: RegionCode,
    /// How the call ended, or that it goes on.
    pub state: CallState,
    /// The key they pressed.
    pub key: Option<u8>,
    /// Attempts made.
    pub attempts: i64,
}

/// A test round with its calls.
#[derive(Debug, Serialize)]
pub struct TestView {
    /// Its round.
    #[serde(flatten)]
    pub round: Round,
    /// How the people were chosen.
    pub choice: Choice,
    /// How many there are.
    pub people: usize,
    /// The second signature.
    pub signed_by: Option<String>,
    /// How many were reached so far.
    pub reached: usize,
    /// Without a final state.
    pub open: usize,
    /// Each of them, who was not reached first; empty in a list of rounds.
    pub outcomes: Vec<Outcome>,
}

/// Whether somebody was spoken to.
pub(super) fn is_reached(state: CallState) -> bool {
    matches!(state, CallState::Answered | CallState::HeardInFull)
}

/// Begins a test round. More than [`ALONE`] people, or all of a kind, need the password of a second officer who may run
/// rounds.
///
/// # Errors
/// `no_second_signature`, `nobody_chosen`, `not_in_register`, `a_round_runs`, `no_test_plan`; what the log-in says of the
/// second officer.
pub async fn begin(site: &Site, warn: &Arc<Warn>, who: &Who, asked: Asked) -> Result<String, ApiError> {
    let choice = asked.choice;
    let ticked: BTreeSet<String> = asked.callees.into_iter().filter(|it| it.starts_with("person:")).collect();
    let callees = warn.world.read(&who.actor, move |tx| chosen(tx, choice, &ticked)).await?;
    if callees.is_empty() {
        return Err(refusal("nobody_chosen", "没有可拨的人，请先勾选", "nobody is chosen").into());
    }
    let signed_by = if choice != Choice::Chosen || callees.len() > ALONE {
        Some(second(site, who, &asked.login, &asked.password).await?)
    } else {
        None
    };
    let mechanism = Arc::clone(warn);
    let unit = move |tx: &mut Tx<'_>| start(&mechanism, tx, choice, &callees, signed_by.as_deref());
    Ok(warn.world.write("exercise.begin", Urgency::Urgent, &everywhere(&who.actor), unit).await?)
}

/// The second signature: another officer who may run rounds.
async fn second(site: &Site, who: &Who, login: &str, password: &str) -> Result<String, ApiError> {
    if login.trim().is_empty() {
        let (zh, en) = (
            "超过 20 人或全员测试须第二人签字：请值班员或带班领导填登录名和口令",
            "more than 20 people, or all of them, need a second signature: an officer who may run rounds gives log-in and password",
        );
        return Err(refusal("no_second_signature", zh, en).into());
    }
    let other = confirm(site, who, login, password).await?;
    if other.actor.name == who.actor.name || !other.may(Permission::RunRound) {
        let (zh, en) = (
            "第二签字人须是另一位可以发起叫应的人",
            "the second signature is that of another officer who may run rounds",
        );
        return Err(refusal("no_second_signature", zh, en).into());
    }
    Ok(other.actor.name)
}

/// The people of a choice inside the actor's duty areas, each once.
fn chosen(tx: &mut Tx<'_>, choice: Choice, ticked: &BTreeSet<String>) -> Result<Vec<String>, StoreError> {
    let now = tx.now();
    let sql = "SELECT DISTINCT p.person FROM post p JOIN person n ON n.id = p.person
                WHERE n.erased_at IS NULL AND {scope:p.region}
                  AND (p.valid_from IS NULL OR p.valid_from <= $1) AND (p.valid_until IS NULL OR p.valid_until > $1)
                ORDER BY p.person";
    let known: Vec<String> = tx.query(sql, params![now])?.iter().map(|it| it.text(0)).collect::<Result<_, _>>()?;
    match choice {
        Choice::All => Ok(known),
        Choice::Unreached => {
            let reached = reached(tx)?;
            Ok(known.into_iter().filter(|it| !reached.contains(it)).collect())
        }
        Choice::Chosen => {
            let known: BTreeSet<String> = known.into_iter().collect();
            if let Some(strange) = ticked.iter().find(|it| !known.contains(*it)) {
                let (zh, en) = (
                    format!("{strange} 不在您责任区的名册里"),
                    format!("{strange} is not in the register of your duty areas"),
                );
                return Err(refusal("not_in_register", &zh, &en));
            }
            Ok(ticked.iter().cloned().collect())
        }
    }
}

/// Whom a call reached since the last test began; before the first test, nobody counts.
fn reached(tx: &mut Tx<'_>) -> Result<BTreeSet<String>, StoreError> {
    let last = tx.find::<Exercise>("choice <> 'chosen'", "ORDER BY asked_at DESC, id LIMIT 1", &[])?.pop();
    let Some(last) = last else { return Ok(BTreeSet::new()) };
    let sql = "SELECT DISTINCT callee FROM call
                WHERE state IN ('answered', 'heard_in_full') AND final_at >= $1 AND {scope:region}";
    tx.query(sql, params![last.asked_at])?.iter().map(|it| it.text(0)).collect()
}

fn start(
    warn: &Warn,
    tx: &mut Tx<'_>,
    choice: Choice,
    callees: &[String],
    signed: Option<&str>,
) -> Result<String, StoreError> {
    let plan = warn.plan();
    if plan.test.is_none() {
        return Err(refusal(
            "no_test_plan",
            "叫应方案里没有号码测试（[test]）",
            "the call-out plan has no number test ([test])",
        ));
    }
    if !tx.find::<Round>("state IN ('pending', 'running')", "LIMIT 1", &[])?.is_empty() {
        let (zh, en) = ("正在叫应，结束后才能测试", "a round is running; a test waits until it is over");
        return Err(refusal("a_round_runs", zh, en));
    }
    let region = home(tx, callees)?;
    let (now, by) = (tx.now(), tx.actor().name.clone());
    let base = format!("{PREFIX}{}-{region}", civil_day(now));
    let (mut id, mut number) = (base.clone(), 1);
    while tx.get::<Round>(&id)?.is_some() {
        number += 1;
        id = format!("{base}-{number}");
    }
    let round = Round {
        id: id.clone(),
        process: NO_PROCESS.to_owned(),
        level: 4,
        areas: vec![region.clone()],
        region: region.clone(),
        cause: "号码测试".to_owned(),
        invented: false,
        state: RoundState::Running,
        start_at: now,
        started_at: Some(now),
        ended_at: None,
        decided_by: Some(by.clone()),
        stop_reason: None,
        pack: plan.version.clone(),
        opened: 0,
        revision: 0,
    };
    tx.insert(&round)?;
    let signed_by = signed.map(str::to_owned);
    let list = Exercise {
        id: id.clone(),
        region: region.clone(),
        callees: callees.to_vec(),
        choice,
        asked_by: by,
        signed_by,
        asked_at: now,
    };
    tx.insert(&list)?;
    tx.set_deadline("round.open", &id, now)?;
    tx.set_deadline("round.check", &id, now.plus(round::CHECK))?;
    let detail = json!({"people": callees.len(), "choice": choice, "signed_by": signed});
    tx.record(Event::new("exercise.started", &id).region(&region).pack(&plan.version).detail(detail))?;
    Ok(id)
}

/// The district of the first of them.
fn home(tx: &mut Tx<'_>, callees: &[String]) -> Result<RegionCode, StoreError> {
    for id in callees {
        if let Some(callee) = anlan_register::callee(tx, id)? {
            return Ok(callee.region.district().unwrap_or(callee.region));
        }
    }
    Err(refusal("nobody_chosen", "没有可拨的人，请先勾选", "nobody is chosen"))
}

impl Warn {
    /// A test round as the caller sees it.
    ///
    /// # Errors
    /// `no_such_test`; what the store says.
    pub async fn test_round(&self, actor: &Actor, id: &str, named: bool) -> Result<TestView, StoreError> {
        let id = id.to_owned();
        // The round is its district's; its calls are those of the caller's duty areas.
        let (round, list) = {
            let id = id.clone();
            let read = move |tx: &mut Tx<'_>| Ok((tx.get::<Round>(&id)?, tx.get::<Exercise>(&id)?));
            self.world.read(&everywhere(actor), read).await?
        };
        let (Some(round), Some(list)) = (round, list) else { return Err(no_such_test()) };
        if !meets(&actor.scope, &round.region) {
            return Err(no_such_test());
        }
        let calls = self.world.read(actor, move |tx| outcomes(tx, &id, named)).await?;
        Ok(view(round, list, calls))
    }

    /// The last test rounds, newest first, without their calls.
    ///
    /// # Errors
    /// What the store says.
    pub async fn test_rounds(&self, actor: &Actor) -> Result<Vec<TestView>, StoreError> {
        let found = self
            .world
            .read(&everywhere(actor), |tx| {
                let mut found = Vec::new();
                for list in tx.find::<Exercise>("1 = 1", "ORDER BY asked_at DESC, id LIMIT 50", &[])? {
                    if let Some(round) = tx.get::<Round>(&list.id)? {
                        found.push((round, list));
                    }
                }
                Ok(found)
            })
            .await?;
        let mut views = Vec::new();
        for (round, list) in found.into_iter().filter(|it| meets(&actor.scope, &it.0.region)) {
            let id = round.id.clone();
            let counts = self.world.read(actor, move |tx| round_counts(tx, &id)).await?;
            let reached = counts.of(CallState::Answered) + counts.of(CallState::HeardInFull);
            let count = |it: i64| usize::try_from(it).unwrap_or_default();
            let (reached, open) = (count(reached), count(counts.open));
            views.push(TestView { reached, open, ..view(round, list, Vec::new()) });
        }
        Ok(views)
    }

    /// Stops a test round; open calls end as 已停止.
    ///
    /// # Errors
    /// `no_such_test`; a refusal when it is over; what the store says.
    pub async fn stop_test(self: &Arc<Self>, actor: &Actor, id: &str) -> Result<(), StoreError> {
        if !super::is_exercise(id) {
            return Err(no_such_test());
        }
        self.test_round(actor, id, false).await?;
        self.stop_round(&everywhere(actor), id, "停止测试").await
    }
}

fn meets(scope: &Scope, region: &RegionCode) -> bool {
    match scope {
        Scope::Everywhere => true,
        Scope::Regions(areas) => areas.iter().any(|it| it.meets(region)),
    }
}

fn view(round: Round, list: Exercise, outcomes: Vec<Outcome>) -> TestView {
    TestView {
        choice: list.choice,
        people: list.callees.len(),
        signed_by: list.signed_by,
        reached: outcomes.iter().filter(|it| is_reached(it.state)).count(),
        open: outcomes.iter().filter(|it| !it.state.is_final()).count(),
        round,
        outcomes,
    }
}

fn outcomes(tx: &mut Tx<'_>, round: &str, named: bool) -> Result<Vec<Outcome>, StoreError> {
    let mut calls: Vec<Call> = tx.find("round = $1", "ORDER BY region, id", params![round])?;
    calls.sort_by_key(|it| (is_reached(it.state), it.open));
    let ids: Vec<String> = calls.iter().map(|it| it.callee.clone()).collect();
    let known = contacts(tx, &ids)?;
    let name = |it: Option<&Contact>| it.map_or_else(|| "—".to_owned(), |it| it.title.name.clone());
    Ok(calls
        .into_iter()
        .map(|call| {
            let contact = known.get(&call.callee);
            let name = name(contact);
            Outcome {
                name: if named { name } else { anlan_register::model::masked_name(&name) },
                organisation: contact.map(|it| it.title.organisation.clone()).unwrap_or_default(),
                region: call.region,
                state: call.state,
                key: call.key.or(call.late_key),
                attempts: call.attempts,
                callee: call.callee,
            }
        })
        .collect())
}
