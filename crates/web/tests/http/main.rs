//! The kit over HTTP, on both engines.

mod account_api;
mod audit;
mod bed;
mod credentials;
mod event_words;
mod events;
mod first;
mod idempotency;
mod invitation;
mod login;
#[cfg(feature = "oidc")]
mod oidc;
mod origin;
mod problems;
mod roles;
mod routes;
mod second_factor;
mod sessions;
mod together;
