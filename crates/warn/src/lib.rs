//! Warning and call-out (预警叫应): weather processes, rounds, ladders, calls, notices, channels.
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
//! - A notice says what was measured and quotes who issued a signal; an issued paper never changes, and what
//!   corrects or lifts it goes to exactly the same list.
//! - A test round rings its list only, says 【演练】 first and last, and is part of no real figure.
//! - A directed round calls the people of its list and nobody else, says what an officer wrote, and speaks for no area:
//!   it neither stops nor is absorbed by a round of its process.
//! - Nothing here lifts an order or a round by itself because a signal fell.

pub mod answer;
pub mod api;
pub mod call;
pub mod cards;
pub mod channel;
pub mod courier;
pub mod directed;
mod effect;
pub mod escalation;
pub mod exercise;
pub mod flow;
pub mod inform;
pub mod ladder;
mod map;
pub mod model;
pub mod notice;
pub mod pages;
pub mod pin;
pub mod process;
pub mod receipt;
pub mod round;
pub mod service;
pub mod standing;
mod text;
pub mod transfer;
mod words;

pub use map::base::{Shown as BaseMap, shown as base_map};
pub use model::{Call, CallState, Escalation, Gateway, Help, Process, Receipt, Round};
pub use pin::Pin;
pub use service::{MODULE, Warn};
pub use transfer::Transfer;
