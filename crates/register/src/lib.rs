//! The register (台账): regions, organisations, people with their posts, and shifts.
//!
//! Owns who is responsible where, who is on duty, and how they are reached; takes rosters in as the
//! bureaus keep them and hands them out again. Does not know why anybody is called or by which way
//! (`warn` asks for an audience), and shows a number in clear to nobody without a journaled look.
//!
//! # Promises
//! - An import takes every good row, names row and column of every other one, and changes nothing when
//!   it is repeated.
//! - An audience is a fixed number of indexed statements however many people it has; each callee stands
//!   in it once, with all duties, in calling order.
//! - A person's id says nothing about the person; names, numbers and notes stand sealed in the journal.
//! - After an erasure nothing readable is left, and the journal still verifies.

mod api;
pub mod callees;
pub mod check;
pub mod export;
pub mod import;
pub mod model;
pub mod phone;
pub mod shifts;
pub mod store;

pub use api::routes;
pub use callees::{Callee, CalleeTitle, Duty, Who, audience, callee, callee_title, number_of, superiors};
pub use model::{Organisation, Person, Post, Rank, Region, Role, Shift};
pub use shifts::{Holidays, Roster};
pub use store::MODULE;

use anlan_store::{Event, StoreError, Tx};

/// Erases a person: the key is destroyed, the live record cleared; the journal still verifies.
///
/// # Errors
/// What the store says.
pub fn erase(tx: &mut Tx<'_>, id: &str) -> Result<bool, StoreError> {
    let Some(person) = tx.get::<Person>(id)? else { return Ok(false) };
    let posts = tx.find::<Post>("person = $1", "ORDER BY id", &[id.into()])?;
    tx.destroy_key(id)?;
    let now = tx.now();
    tx.put(&Person { name: None, phone: None, spare: None, erased_at: Some(now), ..person.clone() })?;
    for post in posts {
        tx.put(&Post { note: None, ..post })?;
    }
    tx.record(Event::new("person.erased", id).region(&person.region))?;
    Ok(true)
}
