//! The kit: log-in, permission guard, problems over HTTP, pages, live events, OpenAPI.
//!
//! Owns accounts, devices, tokens, sessions, and what every request passes before a handler sees it.
//! Does not know any mechanism: they hand in their [`Routes`] and get a [`Who`].
//!
//! # Promises
//! - No route without an [`Access`]; the type makes it so, and the program can print the list.
//! - A session, token or device of one world is nothing in another: it is looked up in the world's own
//!   store, and its text and cookie name the world.
//! - Passwords are argon2id, hashed outside of every transaction; of sessions, tokens, devices, invitations
//!   and recovery codes only a digest is stored. A link of an invitation and a code hold once.
//! - A write under `/api/v1` that carries an `Idempotency-Key` happens once, across restarts.
//! - Every refusal is a problem with a stable code in the caller's language.
//! - Browsers see sealed entries of the journal only, and only those of their own regions.

mod account_page;
pub mod accounts;
mod accounts_page;
mod address;
mod api;
mod assets;
mod attempts;
mod audit;
mod audit_page;
mod cookies;
mod devices;
pub mod event_words;
mod events;
mod first;
mod guard;
mod headers;
mod hub;
mod idempotency;
mod invitation;
mod journal;
pub mod list;
mod login;
mod me;
mod my_second_factor;
#[cfg(feature = "oidc")]
mod oidc;
mod openapi;
mod origin;
mod pages;
mod password;
pub mod pin;
mod problem;
mod qr;
pub mod roles;
mod roles_page;
mod routes;
mod second_factor;
mod second_step;
mod secret;
mod session;
mod sessions;
mod sheet;
mod site;
mod store;
mod together;
mod tokens;
pub mod totp;
mod who;

pub use address::{own_path, percent};
pub use assets::url as asset;
pub use cookies::get as cookie;
pub use headers::ImageHost;
pub use idempotency::forget as forget_answers;
pub use login::confirm;
#[cfg(feature = "oidc")]
pub use oidc::Provider;
pub use openapi::openapi;
pub use origin::outside;
pub use pages::{bare_page, page, phone_page, siren};
pub use problem::{ApiError, ApiResult};
pub use qr::qr;
pub use routes::{Access, Mounted, RouteInfo, Routes};
pub use site::{Ribbon, Site};
pub use store::MODULE;
pub use who::{Lack, Who};

use std::sync::Arc;

/// Routes of the kit itself: log-in, first administrator, invitations, own account, static files, events,
/// accounts, roles, devices, tokens, journal.
pub fn routes(site: &Arc<Site>) -> Mounted {
    let own = assets::routes(site)
        .merge(login::routes(site))
        .merge(first::routes(site))
        .merge(invitation::routes(site))
        .merge(me::routes(site))
        .merge(my_second_factor::routes(site))
        .merge(events::routes(site))
        .merge(api::routes(site))
        .merge(accounts_page::routes(site))
        .merge(account_page::routes(site))
        .merge(roles_page::routes(site))
        .merge(audit_page::routes(site))
        .merge(journal::routes(site));
    #[cfg(feature = "oidc")]
    let own = own.merge(oidc::routes(site));
    Mounted { router: guard::with_fallback(own.router, site), list: own.list }
}
