//! Test rounds (号码测试、演练): real telephones ring, and nothing of it is a real figure.
//!
//! An exercise in the real world: an allow-list of people, two signatures where they are many, 【演练】 put first and
//! last by the channel itself. Its round belongs to no weather process, which keeps it out of every board, analysis and
//! record of duty; nobody is told one level up, no deputy is called, no desk rings.

pub(crate) mod api;
mod pages;
mod service;

use anlan_kernel::{Instant, Permission as P, RegionCode};
use anlan_store::{Event, StoreError, Tx};
use anlan_web::{Access, Mounted, Routes};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use service::{Asked, Choice};

use crate::{Warn, api::Room, call, ladder::Plan, model::Round, round::finish_if_done, service::refusal};

/// The process of rounds that belong to none; no weather process has this id.
pub const NO_PROCESS: &str = "exercise";
/// Before and behind whatever such a round says.
pub(crate) const MARK: &str = "【演练】";
/// With which ids of such rounds begin, and no others.
pub(crate) const PREFIX: &str = "test-";
/// Part of the audience that everybody on the list is.
const WHO: &str = "test";
/// Such calls go after everything else that leaves the house.
pub(crate) const PRIORITY: i64 = 9;
/// Calls opened in one transaction.
const SLICE: usize = 200;
/// Most people one officer may ring alone; more need a second signature.
pub const ALONE: usize = 20;

/// The list of an exercise round: who may be rung, who asked, who signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exercise {
    /// Its round's.
    pub id: String,
    /// The district.
    pub region: RegionCode,
    /// Who may be rung, and nobody else.
    pub callees: Vec<String>,
    /// How they were chosen.
    pub choice: Choice,
    /// Who asked for it.
    pub asked_by: String,
    /// The second signature, where one was needed.
    pub signed_by: Option<String>,
    /// When.
    pub asked_at: Instant,
}

anlan_store::table!(Exercise, EXERCISE, "exercise", region: "region", {
    id: Text, region: Text, callees: Json, choice: Text, asked_by: Text, signed_by: Text, asked_at: Time,
});

/// The table.
pub(crate) const MIGRATION: (&str, &str) = (
    "0010-exercise",
    "CREATE TABLE exercise (id TEXT NOT NULL PRIMARY KEY, region TEXT NOT NULL, callees TEXT NOT NULL,
        choice TEXT NOT NULL, asked_by TEXT NOT NULL, signed_by TEXT, asked_at BIGINT NOT NULL);
     CREATE INDEX exercise_region ON exercise(region, asked_at);",
);

impl Round {
    /// Whether it only tests.
    pub fn is_exercise(&self) -> bool {
        self.process == NO_PROCESS
    }
}

/// Whether this is the id of an exercise round, or of a call in one.
pub(crate) fn is_exercise(id: &str) -> bool {
    id.starts_with(PREFIX)
}

/// Opens the next slice of calls of an exercise round.
pub(crate) fn open_slice(warn: &Warn, tx: &mut Tx<'_>, mut round: Round) -> Result<(), StoreError> {
    let Some(list) = tx.get::<Exercise>(&round.id)? else { return Ok(()) };
    let plan = warn.plan_of(&round);
    let Some(ladder) = plan.test.as_ref().and_then(|it| plan.ladders.get(&it.ladder)) else { return Ok(()) };
    let from = usize::try_from(round.opened).unwrap_or(0).min(list.callees.len());
    let slice = &list.callees[from..list.callees.len().min(from + SLICE)];
    let (mut opened, mut limits) = (0, std::collections::BTreeSet::new());
    for id in slice {
        let Some(callee) = anlan_register::callee(tx, id)? else { continue };
        if let Some(call) = call::open(warn, tx, &round, &callee, WHO, ladder)? {
            opened += 1;
            limits.extend(call.limit_at);
        }
    }
    for limit in limits {
        tx.set_deadline("call.limits", &format!("{}@{}", round.id, limit.0), limit)?;
    }
    round.opened += i64::try_from(slice.len()).unwrap_or(0);
    let more = from + slice.len() < list.callees.len();
    if more {
        tx.set_deadline("round.open", &round.id, tx.now())?;
    }
    tx.put(&round)?;
    let detail = json!({"opened": opened, "of": list.callees.len()});
    tx.record(Event::new("exercise.opened_calls", &round.id).region(&round.region).pack(&round.pack).detail(detail))?;
    if more { Ok(()) } else { finish_if_done(tx, &round.id) }
}

/// What is said to a callee of an exercise round; `Err` with why where they are not on its list.
pub(crate) fn words(
    plan: &Plan,
    tx: &mut Tx<'_>,
    call: &str,
    callee: &str,
    kind: &str,
) -> Result<Result<String, &'static str>, StoreError> {
    let round = call.split('/').next().unwrap_or_default();
    let listed = tx.get::<Exercise>(round)?.is_some_and(|it| it.callees.iter().any(|it| it == callee));
    if !listed {
        return Ok(Err("not_on_the_list"));
    }
    let Some(test) = &plan.test else { return Ok(Err("nothing_to_say")) };
    Ok(Ok(if kind == "sms" { test.sms.zh.clone() } else { test.voice.zh.clone() }))
}

fn no_such_test() -> StoreError {
    refusal("no_such_test", "没有这次测试", "there is no such test round")
}

/// Routes and pages of test rounds.
pub(crate) fn routes(room: Room) -> Mounted {
    const MAY_RING: &[P] = &[P::EditPeople, P::RunRound];
    let (see, ring) = (Access::Needs(P::SeePeople), Access::Any(MAY_RING));
    Routes::new(&room.site)
        .get("/tests", see, "号码测试", "Test rounds", pages::list)
        .get("/tests/new", ring, "选人试拨", "Whom to ring for a test", pages::new)
        .post("/tests", ring, "开始测试", "Begin a test round", pages::begin)
        .get("/tests/{id}", see, "测试结果", "Outcome of a test round", pages::show)
        .post("/tests/{id}/stop", ring, "停止测试", "Stop a test round", pages::stop)
        .get("/api/v1/tests", see, "号码测试", "Test rounds", api::list)
        .post("/api/v1/tests", ring, "开始测试", "Begin a test round", api::begin)
        .get("/api/v1/tests/{id}", see, "测试结果：每人一个最终状态", "Outcome: a final state for each", api::one)
        .finish(room)
}
