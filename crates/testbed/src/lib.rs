//! A place to test in: worlds on SQLite and on PostgreSQL, and callers of routes.
//!
//! Owns a private PostgreSQL cluster, made on first use and shared by every test of this machine until
//! it has been idle for some minutes. Does not know any mechanism, and never skips: where PostgreSQL
//! is not installed, the tests that need it fail and say so.
//!
//! # Promises
//! - Every [`TestWorld`] is its own: a folder of its own, and a file or schema of its own.
//! - What a test world left behind is removed with it.

mod cluster;
mod http;
mod world;

pub use cluster::postgres_url;
pub use http::{Caller, Reply};
pub use world::{Engine, NOON, TestWorld, world, worlds};
