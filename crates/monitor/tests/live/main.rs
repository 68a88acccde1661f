//! The promises of monitoring on a running world, through its doors.

mod bed;
mod broker;
#[cfg(feature = "mqtt-intake")]
mod devices;
mod files;
mod judging;
mod lists;
mod observations;
mod parsing;
mod rules;
mod signals;
