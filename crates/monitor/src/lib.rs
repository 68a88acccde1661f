//! Observations, rules, alarms, incoming signals (监测).
//!
//! Owns readings from the moment a device hands them over to the alarms they raise, and the signals
//! of other authorities as they came. Does not know who is called: `warn` listens through [`Hooks`]
//! inside the same transactions.
//!
//! # Promises
//! - A reading is acknowledged only when its block of the log is on disk.
//! - Duplicates and late readings change nothing that was announced; a restart anywhere gives the
//!   same alarms.
//! - One open alarm per (rule, station) at most; a unique index keeps it so.
//! - A reading that changes no grade writes no SQL row.
//! - What is refused is kept with its reason and place; everything valid around it is taken.
//! - A signal is stored and relayed unchanged, and a repeated delivery does nothing twice.

mod alarms;
pub mod api;
pub mod ingest;
#[cfg(feature = "mqtt-intake")]
pub mod intake;
mod judging;
pub mod log;
pub mod model;
pub mod mqtt;
mod newest;
mod pages;
pub mod rejected;
pub mod replay;
pub mod rules;
pub mod service;
pub mod signals;
pub mod stations;
pub mod store;
pub mod strips;

pub use model::{
    Alarm, AlarmEvent, AlarmHook, AlarmState, Hooks, LogMark, Rejected, RuleSet, Signal, SignalHook, SignalState,
    Station,
};
pub use newest::Last;
pub use service::{LOCAL, Monitor, RulesError, Settings};
pub use store::MODULE;
