//! The kit over HTTP, on both engines.

mod account_api;
mod bed;
mod credentials;
mod events;
mod first;
mod idempotency;
mod login;
mod origin;
mod problems;
mod routes;
mod together;
