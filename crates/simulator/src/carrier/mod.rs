//! A carrier for calls and messages (语音、短信通道) that does not exist.
//!
//! `engine` decides and knows no socket; `server` speaks the gateway protocol and the control
//! plane; `delivery` brings receipts to the callback. `behaviour`, `play` and `draw` are pure.
//!
//! Control plane, on the same socket, for whoever drives the night:
//! - `GET /sim/next` → `{"next": RFC 3339 | null}`: when there is something to do.
//! - `POST /sim/advance {"to": RFC 3339}` → does everything due up to and including `to`, in order,
//!   and answers `{"next":…,"delivered":n,"failed":n}` after the last receipt was taken.
//! - `GET /sim/log`, `GET /sim/log?key=K` → everything that was done.
//! - `POST /sim/callback {"url":…}` → receipts go there from now on.
//! - `POST /sim/script {"number":…,"behaviour":…}` → what whoever sits there does from now on.

mod behaviour;
mod client;
mod config;
mod delivery;
mod draw;
mod engine;
mod lines;
mod log;
mod outbox;
mod play;
mod running;
mod server;

pub use behaviour::{Script, Sms, Voice};
pub use client::{CarrierClient, CarrierError};
pub use config::{
    CarrierConfig, Clock, FaultConfig, SmsConfig, SmsPeople, Span, VoiceConfig, VoicePeople, check_callback,
};
pub use log::{Delivery, ItemLog, Log, Totals};
pub use running::Carrier;
pub use server::{Advance, Advanced, Callback, Next, Prescribed};
