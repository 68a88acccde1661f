//! A list before it is called, and the moment it is.

use std::{collections::BTreeMap, sync::Arc};

use anlan_kernel::{Actor, Lang, Problem, RegionCode, Scope};
use anlan_register::audiences::{Described, Kept, described, kept, leave_out, region_names};
use anlan_store::{Event, StoreError, Tx, Urgency, params};
use serde::Deserialize;
use serde_json::json;

use super::{Directed, HAZARD, PREFIX, ladder_of};
use crate::{
    Warn,
    ladder::Plan,
    model::{Process, Round, RoundState},
    process,
    round::{self, SLICE, called_before, sealed},
    service::{everywhere, refusal, who_and_when},
    words,
};

/// Level of a list that belongs to no weather, where nobody chose one.
const LEVEL: u8 = 2;
/// Most characters of a reason: the heading of the round, and the first sentence that is said.
pub(super) const REASON: usize = 60;

/// How a list is to be called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Order {
    /// The weather process it belongs to; empty where there is none.
    pub process: String,
    /// Call-out level 1–4; 0 takes the process' level.
    pub level: u8,
    /// Ladder; empty takes the level's own.
    pub ladder: String,
    /// 事由: heads the round, and is said first.
    pub reason: String,
    /// What is said and written then.
    pub words: String,
}

/// How a list stands before it is called.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The audience.
    pub kept: Kept,
    /// Those of it in the reader's duty areas.
    pub people: Vec<Described>,
    /// How many of it are not.
    pub unknown: usize,
    /// Ids of those called in the process at this level or a graver one already.
    pub already: Vec<String>,
    /// Open weather processes in the reader's duty areas, newest first.
    pub processes: Vec<Process>,
    /// The one it is to belong to.
    pub process: Option<Process>,
    /// Its level.
    pub level: u8,
    /// What led to the process' newest round; empty without one.
    pub cause: String,
    /// What the plan's card says at this level; empty without one.
    pub card: String,
    /// Characters of reason and words together.
    pub room: usize,
    /// The round that calls it.
    pub round: Option<String>,
    /// Names of regions.
    pub names: BTreeMap<String, String>,
}

impl Standing {
    /// How many would be called.
    pub fn left(&self) -> usize {
        self.people.len() - self.already.len()
    }

    /// Without a number that can be dialled.
    pub fn no_number(&self) -> usize {
        self.people.iter().filter(|it| it.numbers.is_empty()).count()
    }

    /// How many by duty; somebody with two duties stands under both.
    pub fn by_duty(&self) -> BTreeMap<&str, usize> {
        let mut found = BTreeMap::new();
        for it in &self.people {
            let none = it.duties.is_empty().then_some("");
            for duty in it.duties.iter().map(String::as_str).chain(none) {
                *found.entry(duty).or_default() += 1;
            }
        }
        found
    }

    /// How many by street, by its code; those of the district under the district.
    pub fn by_street(&self) -> BTreeMap<RegionCode, usize> {
        let mut found = BTreeMap::new();
        for it in &self.people {
            *found.entry(street_of(&it.region)).or_default() += 1;
        }
        found
    }

    /// The name of a region; its code where it has none.
    pub fn name(&self, region: &RegionCode) -> String {
        self.names.get(region.as_str()).cloned().unwrap_or_else(|| region.to_string())
    }
}

fn street_of(region: &RegionCode) -> RegionCode {
    region.street().unwrap_or_else(|| region.clone())
}

/// The street where all of them are, else the district of the first, as far as it lies in the actor's duty areas.
fn home(people: &[Described], scope: &Scope) -> Option<RegionCode> {
    let first = &people.first()?.region;
    let street = street_of(first);
    let together = people.iter().all(|it| street.covers(&it.region));
    let district = first.district().filter(|it| !together && scope.covers(it));
    Some(district.unwrap_or(street))
}

impl Warn {
    /// Characters of reason and words that fit into one message.
    fn directed_room(&self) -> usize {
        let link = self.answer_link(PREFIX);
        words::directed_room(&link, words::length(&self.framed("")))
    }

    /// A list of the actor, as it would be called.
    ///
    /// # Errors
    /// `no_such_audience`; what the store says.
    pub async fn directed_standing(
        self: &Arc<Self>,
        actor: &Actor,
        id: &str,
        order: &Order,
    ) -> Result<Standing, StoreError> {
        let (warn, id, order) = (Arc::clone(self), id.to_owned(), order.clone());
        self.world.read(actor, move |tx| standing(&warn, tx, &id, &order)).await
    }

    /// Takes somebody off a list of the actor that is not called yet.
    ///
    /// # Errors
    /// `no_such_audience`, `called_already`; what the store says.
    pub async fn directed_leave_out(self: &Arc<Self>, actor: &Actor, id: &str, callee: &str) -> Result<(), StoreError> {
        let (id, callee) = (id.to_owned(), callee.to_owned());
        self.world
            .write("audience.leave-out", Urgency::Urgent, actor, move |tx| {
                let kept = kept(tx, &id)?.ok_or_else(no_such_audience)?;
                // Who else sees the round is no matter here: its id says that there is one.
                if round_of(tx, &id)?.is_some() {
                    return Err(refusal(
                        "called_already",
                        "这份名单已开始叫应，不能再改",
                        "this list is being called already",
                    ));
                }
                leave_out(tx, kept, &callee).map(drop)
            })
            .await
    }

    /// Calls a list: the round begins at once. Once more leads to the same round.
    ///
    /// # Errors
    /// `no_such_audience`, `bad_reason`, `bad_words`, `bad_level`, `bad_ladder`, `no_such_process`, `process_is_over`,
    /// `nobody_left`; what the store says.
    pub async fn directed_begin(self: &Arc<Self>, actor: &Actor, id: &str, order: Order) -> Result<String, StoreError> {
        let standing = self.directed_standing(actor, id, &order).await?;
        if let Some(round) = standing.round {
            return Ok(round);
        }
        if !order.process.is_empty() && standing.process.is_none() {
            let (zh, en) =
                ("没有这个进行中的天气过程，或不在您的责任区内", "there is no such open process in your duty area");
            return Err(StoreError::Refused(Problem::new("no_such_process", zh, en).field("process")));
        }
        let order = checked(&self.plan(), Order { level: standing.level, ..order }, standing.room)?;
        let Some(region) = home(&standing.people, &actor.scope) else { return Err(nobody_left()) };
        let list = Directed {
            id: format!("{PREFIX}{}", standing.kept.id),
            region,
            audience: standing.kept.id,
            title: standing.kept.title,
            callees: standing.people.into_iter().map(|it| it.id).collect(),
            words: order.words.clone(),
            ladder: Some(order.ladder.clone()).filter(|it| !it.is_empty()),
            already: 0,
            unknown: i64::try_from(standing.unknown).unwrap_or(0),
            asked_by: actor.name.clone(),
            asked_at: self.world.now(),
        };
        let warn = Arc::clone(self);
        self.world
            .write("directed.begin", Urgency::Urgent, &everywhere(actor), move |tx| {
                if tx.get::<Round>(&list.id)?.is_some() {
                    return Ok(list.id.clone());
                }
                let process = match order.process.as_str() {
                    "" => own_process(&warn, tx, &list, &order.reason)?,
                    id => process::going_on(tx, id)?.id,
                };
                let round = round_of_list(&warn, tx, &list, process, order.level, order.reason.clone());
                begin(tx, list.clone(), round)
            })
            .await
    }
}

fn no_such_audience() -> StoreError {
    refusal("no_such_audience", "没有这份名单，或不是您建的", "there is no such list of yours")
}

fn nobody_left() -> StoreError {
    refusal(
        "nobody_left",
        "没有人可叫：名单上的人都已在这一过程按此级别叫过，或不在名册里",
        "nobody to call: all of them were called in this process at this level, or stand in no register",
    )
}

/// The newest round that calls this list.
fn round_of(tx: &mut Tx<'_>, audience: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT id FROM directed WHERE audience = $1 AND {scope:region} ORDER BY asked_at DESC, id DESC LIMIT 1";
    tx.query(sql, params![audience])?.first().map(|it| it.text(0)).transpose()
}

fn standing(warn: &Warn, tx: &mut Tx<'_>, id: &str, order: &Order) -> Result<Standing, StoreError> {
    let kept = kept(tx, id)?.ok_or_else(no_such_audience)?;
    let people = described(tx, &kept.callees)?;
    let unknown = kept.callees.len() - people.len();
    let processes: Vec<Process> = tx.find("open = 1 AND hazard <> 'directed'", "ORDER BY opened_at DESC, id", &[])?;
    let process = processes.iter().find(|it| it.id == order.process).cloned();
    let plan = warn.plan();
    let level = level(&plan, order.level, process.as_ref());
    let (mut already, mut cause) = (Vec::new(), String::new());
    if let Some(process) = &process {
        let ids: Vec<&str> = people.iter().map(|it| it.id.as_str()).collect();
        already = called_in(tx, &process.id, level, &ids)?;
        let rounds: Vec<Round> = tx.find("process = $1", "ORDER BY start_at, id", params![&process.id])?;
        cause = rounds.into_iter().rfind(|it| !it.is_directed()).map(|it| it.cause).unwrap_or_default();
    }
    let hazard = process.as_ref().map_or("", |it| it.hazard.as_str());
    let cause: String = cause.chars().take(REASON).collect();
    let room = warn.directed_room();
    let card = card(&plan, level, hazard, room.saturating_sub(words::length(&cause).max(REASON / 2)));
    let round = round_of(tx, id)?;
    let names = region_names(tx)?.into_iter().collect();
    Ok(Standing { kept, people, unknown, already, processes, process, level, cause, card, room, round, names })
}

/// The level asked for, else the process', else [`LEVEL`], as far as the plan has it.
fn level(plan: &Plan, asked: u8, process: Option<&Process>) -> u8 {
    let known = |it: &u8| plan.levels.contains_key(it);
    let first = plan.levels.keys().next().copied();
    let wanted = Some(asked).filter(|it| *it > 0).or_else(|| process.and_then(|it| it.level).filter(known));
    wanted.or(Some(LEVEL).filter(known)).or(first).unwrap_or(LEVEL)
}

fn called_in(tx: &mut Tx<'_>, process: &str, level: u8, ids: &[&str]) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for ids in ids.chunks(SLICE) {
        found.extend(called_before(tx, process, level, "", true, ids)?);
    }
    Ok(found)
}

/// What the plan's card tells the community at this level, as many lines as fit.
fn card(plan: &Plan, level: u8, hazard: &str, room: usize) -> String {
    let mut text = String::new();
    for line in plan.cards.lines(level, "community", hazard, Lang::Zh) {
        let gap = if text.is_empty() { "" } else { "；" };
        if words::length(&text) + words::length(gap) + words::length(line) > room {
            break;
        }
        text.push_str(gap);
        text.push_str(line);
    }
    text
}

fn checked(plan: &Plan, order: Order, room: usize) -> Result<Order, StoreError> {
    let one_line = |it: &str| it.split_whitespace().collect::<Vec<_>>().join(" ");
    let order = Order { reason: one_line(&order.reason), words: one_line(&order.words), ..order };
    let bad = |code: &str, field: &str, zh: String, en: String| {
        Err(StoreError::Refused(Problem::new(code, zh, en).field(field)))
    };
    let (reason, said) = (words::length(&order.reason), words::length(&order.words));
    if reason == 0 || reason > REASON {
        let (zh, en) =
            (format!("请写明事由，不超过 {REASON} 字"), format!("give the reason, at most {REASON} characters"));
        return bad("bad_reason", "reason", zh, en);
    }
    if said == 0 {
        let (zh, en) = ("请写明要对方做什么", "say what they have to do");
        return bad("bad_words", "words", zh.into(), en.into());
    }
    if reason + said > room {
        let zh = format!("事由和话术合计 {} 字，一条短信只放得下 {room} 字，请改短", reason + said);
        let en = format!("reason and words have {} characters; one message holds {room}", reason + said);
        return bad("bad_words", "words", zh, en);
    }
    if !plan.levels.contains_key(&order.level) {
        let (zh, en) = (format!("叫应方案没有级别 {}", order.level), format!("the plan has no level {}", order.level));
        return bad("bad_level", "level", zh, en);
    }
    let chosen = Some(order.ladder.as_str()).filter(|it| !it.is_empty());
    let tests = plan.test.as_ref().is_some_and(|it| Some(it.ladder.as_str()) == chosen);
    if tests || ladder_of(plan, order.level, chosen, anlan_register::Who::Community).is_none() {
        let (zh, en) = ("叫应方案没有这个叫应梯", "the plan has no such ladder");
        return bad("bad_ladder", "ladder", zh.into(), en.into());
    }
    Ok(order)
}

/// What a list that belongs to no weather is counted in.
fn own_process(warn: &Warn, tx: &mut Tx<'_>, list: &Directed, reason: &str) -> Result<String, StoreError> {
    let now = tx.now();
    let process = Process {
        id: list.id.clone(),
        hazard: HAZARD.to_owned(),
        region: list.region.clone(),
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
    };
    tx.insert(&process)?;
    tx.set_deadline("process.end", &process.id, now.plus(warn.config.process_ends_after))?;
    let detail = json!({"words": reason});
    tx.record(Event::new("process.opened", &process.id).region(&process.region).detail(detail))?;
    Ok(process.id)
}

fn round_of_list(warn: &Warn, tx: &Tx<'_>, list: &Directed, process: String, level: u8, cause: String) -> Round {
    let now = tx.now();
    Round {
        id: list.id.clone(),
        process,
        level,
        region: list.region.clone(),
        areas: Vec::new(),
        cause,
        invented: false,
        state: RoundState::Running,
        start_at: now,
        started_at: Some(now),
        ended_at: None,
        decided_by: Some(tx.actor().name.clone()),
        stop_reason: None,
        pack: warn.plan().version.clone(),
        opened: 0,
        revision: 0,
    }
}

/// Whom the process called already is left out; the others are called now.
fn begin(tx: &mut Tx<'_>, mut list: Directed, round: Round) -> Result<String, StoreError> {
    let (now, before) = (tx.now(), list.callees.len());
    let ids: Vec<&str> = list.callees.iter().map(String::as_str).collect();
    let called = called_in(tx, &round.process, round.level, &ids)?;
    list.callees.retain(|it| !called.contains(it));
    if list.callees.is_empty() {
        return Err(nobody_left());
    }
    list.already += i64::try_from(before - list.callees.len()).unwrap_or(0);
    if !tx.insert(&round)? {
        return Err(StoreError::Race(round.id));
    }
    tx.insert(&list)?;
    tx.set_deadline("round.open", &round.id, now)?;
    tx.set_deadline("round.check", &round.id, now.plus(round::CHECK))?;
    let detail = json!({
        "audience": list.audience, "title": list.title, "people": list.callees.len(), "already": list.already,
        "ladder": list.ladder,
    });
    tx.record(Event::new("round.started", &round.id).region(&round.region).pack(&round.pack).detail(detail))?;
    Ok(round.id)
}

/// Calls on those of a stopped list whom it had not brought to an end.
pub(crate) fn resume(warn: &Warn, tx: &mut Tx<'_>, stopped: &Round, reason: &str) -> Result<Round, StoreError> {
    let gone = || StoreError::Shape(format!("the list of round {} is gone", stopped.id));
    let list = tx.get::<Directed>(&stopped.id)?.ok_or_else(gone)?;
    let lists: Vec<Directed> = tx.find("audience = $1", "ORDER BY asked_at, id", params![&list.audience])?;
    if let Some(newest) = lists.last().filter(|it| it.id != list.id) {
        let done = who_and_when(tx, Some(&newest.asked_by), Some(newest.asked_at))?;
        let (zh, en) = (format!("这份名单{}继续叫应", done.zh), format!("this list is called on{}", done.en));
        return Err(refusal("nothing_to_resume", &zh, &en));
    }
    let (by, now) = (tx.actor().name.clone(), tx.now());
    let id = format!("{PREFIX}{}-{}", list.audience, lists.len() + 1);
    let list = Directed { id, asked_by: by, asked_at: now, ..list };
    let mut round = round_of_list(warn, tx, &list, stopped.process.clone(), stopped.level, stopped.cause.clone());
    round.pack.clone_from(&stopped.pack);
    begin(tx, list, round.clone())?;
    let detail = json!({"stopped": stopped.id, "reason": sealed(tx, &round.id, reason)?});
    tx.record(Event::new("round.resumed", &round.id).region(&round.region).pack(&round.pack).detail(detail))?;
    Ok(round)
}
