//! Emergency responses (应急响应): proposed by signals and alarms, decided by people.

mod acts;
mod api;
pub mod flow;
mod model;
mod pages;
mod service;

use anlan_web::Mounted;

pub use model::{Kind, Response, State, Step, StepState};
pub(crate) use model::{RESPONSE, STEP};
pub(crate) use service::{alarm_came, ask, last_decided, signal_came, todo, unsigned};

use crate::Room;

pub(crate) fn routes(room: Room) -> Mounted {
    api::routes(room.clone()).merge(pages::routes(room))
}
