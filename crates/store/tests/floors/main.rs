//! The promises of the store, one story on both engines.

mod chain;
mod kit;
mod rebuilt;
mod sealed;
