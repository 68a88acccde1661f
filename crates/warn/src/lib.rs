//! Warning and call-out (预警叫应): weather processes, rounds, ladders, calls, one channel.
//!
//! Owns who is called, how, and how each call ends. Does not know how an alarm was measured
//! (`monitor` announces it inside its own transaction), whom a region consists of (`register`
//! answers), nor what a screen looks like beyond its own pages.
//!
//! # Promises
//! - A callee is called once per round, and every call ends in exactly one of eight final states;
//!   the states of a round add up to its calls.
//! - A ladder that can stay open does not load.
//! - `sending` is committed before a request leaves; after a crash the outcome is `unknown` and is
//!   cleared up with the gateway by key, else sent again marked as a repeat.
//! - An unverifiable receipt is kept and never counted; a doubled one changes nothing.
//! - Nothing here lifts an order or a round by itself because a signal fell.

pub mod answer;
pub mod api;
pub mod call;
pub mod courier;
pub mod escalation;
pub mod flow;
mod inform;
pub mod ladder;
mod map;
pub mod model;
mod pages;
pub mod process;
pub mod receipt;
pub mod round;
pub mod service;
mod text;

pub use model::{Call, CallState, Escalation, Gateway, Help, Process, Receipt, Round};
pub use service::{MODULE, Warn};
