//! Command (指挥调度): the duty desk and what a duty officer keeps in hand.
//!
//! Owns the first screen, forwards with a receipt per unit (转发签收), telephone notes (电话记录),
//! hand-over (交接班) and emergency responses (应急响应). Does not know how an alarm was measured, how
//! a call is made or who answers it; it reads those from `monitor` and `warn` and asks them to act.
//!
//! # Promises
//! - The desk names at most seven things to do, gravest first; whatever else is open stands one key away.
//! - Every unit a signal was forwarded to has one receipt state, and what is missing becomes a thing to
//!   do when its time is up.
//! - A response starts, rises, falls and ends only by a named person's approval; a falling signal
//!   proposes and lifts nothing. A verbal yes starts it at once and stays open until it is signed.
//! - 事件等级, 预警级别 and 响应级别 are three fields.
//! - A hand-over that both officers signed never changes again.

pub mod desk;
pub mod forward;
pub mod handover;
pub mod note;
pub mod plan;
pub mod response;
pub mod service;
pub mod shifts;
pub mod todo;

pub use plan::DutyPlan;
pub use service::{Command, MODULE, Room};
pub use todo::{Sources, TodoItem};

use std::sync::Arc;

use anlan_web::{Mounted, Site};

/// Routes of command: desk, forwards, notes, hand-over, responses.
pub fn routes(site: &Arc<Site>, command: &Arc<Command>) -> Mounted {
    let room = Room { site: Arc::clone(site), command: Arc::clone(command) };
    desk::routes(room.clone())
        .merge(forward::routes(room.clone()))
        .merge(note::routes(room.clone()))
        .merge(handover::routes(room.clone()))
        .merge(response::routes(room))
}
