//! People and their duties: the directory, boards on walls, visits, staffing, the yearly question, 牌子, duty areas.
//!
//! Owns what is said about who answers for what, and whether it still holds. Does not know how anybody is called or
//! sent a message: `warn` says whom it reached ([`reached`]) and sends the links it is handed ([`SendLink`]).
//!
//! # Promises
//! - The public sees names, posts and duty areas, numbers masked; a number in clear is a duty room's, or one that a
//!   pack puts on a board.
//! - A scan of a board shows who answers today, and says so when the board says otherwise.
//! - Whoever was reached within a year is asked nothing; whoever was not is asked once a year.
//! - What somebody proposes changes nothing until a keeper accepts it.

pub mod areas;
pub mod asks;
mod asks_pages;
pub mod boards;
mod boards_pages;
pub mod directory;
mod directory_pages;
pub mod hats;
mod hats_pages;
pub mod model;
mod posts_pages;
mod public;
pub mod reach;
pub mod staffing;
mod staffing_pages;
pub mod standards;
pub mod visits;
mod visits_pages;

use std::sync::Arc;

use anlan_store::{StoreError, Tx};
use anlan_web::{Mounted, Routes, Site};

pub use areas::{posts_for_regions, posts_touching};
pub use model::{Ask, Board, DutyArea, Hat, Visit};
pub use reach::{not_reached_since, reached};
pub use standards::Standards;

use crate::state::Register;

/// Sends the link of a yearly question to its callee, in the transaction that keeps the question.
pub type SendLink = Arc<dyn Fn(&mut Tx<'_>, &Ask, &str) -> Result<(), StoreError> + Send + Sync>;

/// What the doors share.
#[derive(Clone)]
pub(crate) struct Room {
    site: Arc<Site>,
    register: Arc<Register>,
    send: Option<SendLink>,
    cache: Arc<public::Cache>,
}

/// Pages and JSON of all of it; without `send` nobody is asked by link.
pub fn routes(site: &Arc<Site>, register: &Arc<Register>, send: Option<SendLink>) -> Mounted {
    let room = Room { site: Arc::clone(site), register: Arc::clone(register), send, cache: Arc::default() };
    let routes = directory_pages::routes(Routes::new(site));
    let routes = public::routes(routes);
    let routes = boards_pages::routes(routes);
    let routes = staffing_pages::routes(routes);
    let routes = asks_pages::routes(routes);
    let routes = hats_pages::routes(routes);
    let routes = posts_pages::routes(routes);
    // Last: what follows a larger limit has it too.
    visits_pages::routes(routes).finish(room)
}

/// Forgets an erased person, before their key is destroyed.
///
/// # Errors
/// [`lies_elsewhere`](crate::lies_elsewhere); what the store says.
pub(crate) fn forget(tx: &mut Tx<'_>, person: &str) -> Result<(), StoreError> {
    asks::forget(tx, person)?;
    if asks::kept_everywhere(tx, person)? > 0 {
        return Err(crate::lies_elsewhere().into());
    }
    reach::forget(tx, person)
}

/// Forgets what was noted at a thing that is removed, before its key is destroyed.
///
/// # Errors
/// What the store says.
pub(crate) fn forget_record(tx: &mut Tx<'_>, record: &str) -> Result<(), StoreError> {
    for visit in tx.find::<Visit>("record = $1 AND note IS NOT NULL", "ORDER BY id", anlan_store::params![record])? {
        tx.put(&Visit { note: None, ..visit })?;
    }
    Ok(())
}

/// Twenty letters that nobody guesses and that are easy to read aloud: 100 bits.
fn letters() -> Result<String, StoreError> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes = anlan_store::random::<20>()?;
    Ok(bytes.into_iter().map(|it| char::from(LETTERS[usize::from(it % 32)])).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn letters_of_links_are_fresh_and_fit_an_address() {
        let (a, b) = (super::letters().unwrap(), super::letters().unwrap());
        assert!(a != b && a.len() == 20 && a.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit()));
    }
}
