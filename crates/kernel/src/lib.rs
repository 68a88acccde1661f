//! The words every other room speaks: instants, regions, scope, localized text, problems.
//!
//! Owns no state and does no I/O: no SQL, no socket, no file, and no clock. Time arrives as an
//! [`Instant`] argument everywhere.
//!
//! # Promises
//! - An [`Instant`] is i64 microseconds UTC, the same number in both engines and on the wire.
//! - A [`RegionCode`] covers exactly the codes it is a prefix of.
//! - A [`Problem`] names what is wrong, where, and in both languages.

mod current;
mod instant;
mod problem;
mod region;
mod scope;
mod text;

pub use current::Current;
pub use instant::{BadInstant, Instant, MAX_INSTANT, civil_day};
pub use problem::{Place, Problem};
pub use region::{BadRegionCode, RegionCode, Tier};
pub use scope::{Actor, Permission, Scope};
pub use text::{Colour, Grade, Lang, Text};
