//! Directed rounds (定向叫应): a list somebody put together, called with the words they wrote.
//!
//! A round like any other: ladder, escalation, deputies, help and receipts are those of its level, every call ends in
//! one of the eight final states, and it counts in the figures of its weather process. It speaks for no area, so the
//! process' own rounds call whom they would have called without it. Where it belongs to no weather process it has one of
//! its own, so that desk, effect and evidence read it as they read any.

mod api;
mod pages;
mod service;

use std::collections::BTreeSet;

use anlan_kernel::{Instant, Permission as P, RegionCode};
use anlan_register::{Who, audiences};
use anlan_store::{Event, StoreError, Tx};
use anlan_web::{Access, Mounted, Routes};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(crate) use pages::card;
pub(crate) use service::resume;
pub use service::{Order, Standing};

use crate::{
    Warn,
    api::Room,
    call, cards,
    ladder::{Ladder, Plan},
    model::{Process, Round},
    round::{SLICE, finish_if_done},
};

/// With which ids of such rounds begin, and no others.
pub(crate) const PREFIX: &str = "directed-";
/// Hazard of the process of a round that belongs to no weather.
pub const HAZARD: &str = "directed";

/// The list of a directed round: whom it calls, and what they are told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Directed {
    /// Its round's.
    pub id: String,
    /// The district, or the street where all of them are.
    pub region: RegionCode,
    /// Which audience was called.
    pub audience: String,
    /// What the audience is.
    pub title: String,
    /// Who is called, and nobody else before their deputies.
    pub callees: Vec<String>,
    /// What is said and written to them; sealed under the round's key.
    pub words: String,
    /// By which ladder, where it is not the level's own.
    pub ladder: Option<String>,
    /// On the audience, but called in the process at this level or a graver one already.
    pub already: i64,
    /// On the audience, but not in the register of whoever called it.
    pub unknown: i64,
    /// Who began it.
    pub asked_by: String,
    /// When.
    pub asked_at: Instant,
}

anlan_store::table!(Directed, DIRECTED, "directed", region: "region", sealed: ["words"] of "id", {
    id: Text, region: Text, audience: Text, title: Text, callees: Json, words: Text, ladder: Text, already: Int,
    unknown: Int, asked_by: Text, asked_at: Time,
});

/// The table; and a directed round's own process goes on beside others of its district.
pub(crate) const MIGRATION: (&str, &str) = (
    "0011-directed",
    "CREATE TABLE directed (id TEXT NOT NULL PRIMARY KEY, region TEXT NOT NULL, audience TEXT NOT NULL,
        title TEXT NOT NULL, callees TEXT NOT NULL, words TEXT NOT NULL, ladder TEXT, already BIGINT NOT NULL,
        unknown BIGINT NOT NULL, asked_by TEXT NOT NULL, asked_at BIGINT NOT NULL);
     CREATE INDEX directed_audience ON directed(audience);
     DROP INDEX process_one_open;
     CREATE UNIQUE INDEX process_one_open ON process(hazard, region) WHERE open = 1 AND hazard <> 'directed';",
);

/// Whether this is the id of a directed round, or of a call in one.
pub fn is_directed(id: &str) -> bool {
    id.starts_with(PREFIX)
}

impl Round {
    /// Whether it calls a list somebody put together.
    pub fn is_directed(&self) -> bool {
        is_directed(&self.id)
    }
}

impl Process {
    /// Whether it is no weather, but what a directed round is counted in.
    pub fn is_directed(&self) -> bool {
        self.hazard == HAZARD
    }
}

/// By which ladder somebody is called: the one chosen, else the level's for their part of the audience, else its first.
fn ladder_of<'a>(plan: &'a Plan, level: u8, chosen: Option<&str>, who: Who) -> Option<&'a Ladder> {
    let audiences = plan.levels.get(&level).map(|it| it.audiences.as_slice()).unwrap_or_default();
    let own = || audiences.iter().find(|it| it.who == who).or_else(|| audiences.first()).map(|it| it.ladder.as_str());
    plan.ladders.get(chosen.or_else(own)?)
}

/// Opens the next slice of calls of a directed round.
pub(crate) fn open_slice(warn: &Warn, tx: &mut Tx<'_>, mut round: Round) -> Result<(), StoreError> {
    let Some(list) = tx.get::<Directed>(&round.id)? else { return Ok(()) };
    let plan = warn.plan_of(&round);
    let from = usize::try_from(round.opened).unwrap_or(0).min(list.callees.len());
    let slice = &list.callees[from..list.callees.len().min(from + SLICE)];
    let (mut opened, mut limits) = (0, BTreeSet::new());
    for id in slice {
        let Some(callee) = audiences::callee_of(tx, id)? else { continue };
        let Some(ladder) = ladder_of(&plan, round.level, list.ladder.as_deref(), callee.who) else { continue };
        if let Some(call) = call::open(warn, tx, &round, &callee, cards::name(callee.who), ladder)? {
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
    tx.record(Event::new("round.opened_calls", &round.id).region(&round.region).pack(&round.pack).detail(detail))?;
    if more { Ok(()) } else { finish_if_done(tx, &round.id) }
}

/// Routes and pages of audiences that are to be called.
pub(crate) fn routes(room: Room) -> Mounted {
    let run = Access::Needs(P::RunRound);
    Routes::new(&room.site)
        .get(
            "/audiences/{id}",
            run,
            "待叫应名单（建名单的人）",
            "A list to be called, for whoever made it",
            pages::show,
        )
        .post("/audiences/{id}/leave-out", run, "从名单移出一人", "Leave somebody out of a list", pages::leave_out)
        .post("/audiences/{id}/call", run, "开始叫应", "Call a list", pages::begin)
        .get(
            "/api/v1/audiences/{id}",
            run,
            "待叫应名单（建名单的人）",
            "A list to be called, for whoever made it",
            api::one,
        )
        .post("/api/v1/audiences/{id}/leave-out", run, "从名单移出一人", "Leave somebody out of a list", api::leave_out)
        .post("/api/v1/audiences/{id}/call", run, "开始叫应", "Call a list", api::begin)
        .finish(room)
}
