//! The promises of the store, one story on both engines.

mod backups;
mod chain;
mod deadlines;
mod identity;
mod kit;
mod leases;
mod outbox;
mod races;
mod rebuilt;
mod scopes;
mod sealed;
mod unit_of_work;
