//! SQLite and PostgreSQL behind one door.
//!
//! Owns connections, transactions, the journal and its sealer, keys of persons, deadlines, the
//! outbox and leases. Does not know what a mechanism's records mean, speaks no HTTP, and no code
//! outside this crate sees a connection.
//!
//! # Promises
//! - [`World::write`] returns after the commit is on disk, or with an error and nothing changed.
//! - A journaled table changes only through [`Tx::put`], [`Tx::insert`], [`Tx::advance`] and
//!   [`Tx::delete`]; each change stands in the journal with the event that explains it, and the tables
//!   can be dropped and made again from there ([`rebuild`]).
//! - Personal columns are sealed in the journal under a key per person; [`Tx::destroy_key`] makes them
//!   unreadable and leaves the chain verifiable.
//! - A statement on a regional table without a scope is refused when it runs, and found by a test.
//! - Only sealed entries are shown to subscribers, so a cursor never skips one.

pub mod backup;
mod clock;
mod conn;
pub mod deadline;
pub mod disk;
mod engine;
mod error;
pub mod failpoint;
mod identity;
pub mod journal;
mod keys;
mod lease;
mod migrate;
pub mod outbox;
mod rebuild;
mod table;
mod tx;
mod value;
mod world;

pub use clock::{Clock, real_now};
pub use deadline::{Deadline, Handler, Handlers};
pub use engine::{Place, Urgency};
pub use error::{StoreError, file_problem};
pub use keys::{Keys, hex, lock, random, unhex, unlock};
pub use lease::Lease;
pub use outbox::{OutboxItem, Sending};
pub use rebuild::rebuild;
pub use table::{Kind, Record, Table};
pub use tx::{Advanced, Event, Tx};
pub use value::{Row, Value};
pub use world::{Module, World, WorldConfig, WorldKind};
