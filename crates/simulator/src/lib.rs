//! Carriers and sensors of the outside world, for demo and tests.
//!
//! Plays the far side of the real protocols on loopback sockets it opens itself. Knows nothing of
//! the product: no store, no register, no ladder. It could be replaced by a real carrier behind an
//! adapter, and the product would not notice (`docs/gateway-protocol.md`).
//!
//! # Promises
//! - What becomes of an item depends on the seed, the number and the key, never on the order of
//!   arrival: the same submits in any order within one instant give the same receipts, byte for byte.
//! - World time moves only when it is driven, unless the wall clock was asked for.
//! - A receipt leaves the queue only after the product took it.
//! - It sends to loopback addresses only.

pub mod bots;
pub mod carrier;
pub mod mail;
pub mod protocol;
pub mod speakers;

pub use bots::Bots;
pub use carrier::{Carrier, CarrierClient, CarrierConfig};
pub use mail::MailServer;
pub use speakers::Speakers;
