//! Channels (通道) beside the voice and SMS gateway: group bots, mail, village loudspeakers.
//!
//! Owns what kinds there are, which channel gets what (去向), and the words that leave by them. Every
//! message goes through the same outbox and courier as a call.
//!
//! # Promises
//! - A group bot gets a [`group::GroupMessage`] and nothing else; the type has no field for a person.
//! - Nothing goes anywhere unless a route says so.
//! - A channel without keys of its own repeats a message at most once, marked 【重复】.

pub mod announce;
pub mod endpoint;
pub(crate) mod group;
pub mod kind;
pub mod model;
pub(crate) mod play;
pub mod service;
pub mod words;

pub use kind::{Kind, Matter};
pub use model::{Channel, Endpoint, Play, PlayState, Route};
