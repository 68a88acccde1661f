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
pub mod audiences;
pub mod callees;
pub mod check;
mod contacts;
mod divisions;
pub mod duties;
pub mod export;
mod files;
pub mod find;
pub mod import;
pub mod kinds;
pub mod map;
pub mod model;
pub mod packs;
pub mod phone;
pub mod records;
pub mod shifts;
mod start;
pub mod state;
pub mod store;
pub mod transfer;

pub use api::routes;
pub use callees::{
    Callee, CalleeTitle, Duty, Who, audience, callee, callee_title, leader_names, leaders, number_of, superiors,
};
pub use contacts::{Contact, contacts, search};
pub use model::{Geometry, Organisation, Person, Place, Post, Rank, Region, Role, Shift};
pub use shifts::{Holidays, Roster};
pub use start::handlers;
pub use state::Register;
pub use store::MODULE;

use std::sync::Arc;

use anlan_kernel::Problem;
use anlan_store::{Event, StoreError, Tx};

/// Hears of an erasure inside the transaction that does it, while the person's key still exists: whoever
/// keeps words about the person clears them.
pub type ErasureHook = Arc<dyn Fn(&mut Tx<'_>, &str) -> Result<(), StoreError> + Send + Sync>;

/// Who else hears of erasures, in the same transaction.
#[derive(Clone, Default)]
pub struct Hooks {
    /// In order.
    pub erasure: Vec<ErasureHook>,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hooks({} erasure)", self.erasure.len())
    }
}

/// Somebody of whom there are records outside the actor's duty areas cannot be erased by that actor, or
/// something readable would be left.
pub fn lies_elsewhere() -> Problem {
    let (zh, en) = (
        "此人在您的责任区以外也有记录，请由管辖全部责任区的管理员删除",
        "there are records of this person outside your duty areas; a keeper of all of them can erase the person",
    );
    Problem::new("lies_elsewhere", zh, en)
}

/// Erases a person: the key is destroyed, the live records cleared here and wherever a hook keeps some, kept answers
/// to requests forgotten; the journal still verifies.
///
/// # Errors
/// [`lies_elsewhere`]; what the store says.
pub fn erase(tx: &mut Tx<'_>, hooks: &Hooks, id: &str) -> Result<bool, StoreError> {
    let Some(person) = tx.get::<Person>(id)? else { return Ok(false) };
    hooks.erasure.iter().try_for_each(|hook| hook(tx, id))?;
    duties::forget(tx, id)?;
    find::remove(tx, id)?;
    let posts = tx.find::<Post>("person = $1", "ORDER BY id", &[id.into()])?;
    if store::post_count(tx, id)? != posts.len() as i64 {
        return Err(lies_elsewhere().into());
    }
    tx.destroy_key(id)?;
    anlan_web::forget_answers(tx)?;
    start::draft::forget_all(tx)?;
    let now = tx.now();
    tx.put(&Person { name: None, phone: None, spare: None, erased_at: Some(now), ..person.clone() })?;
    for post in posts {
        find::remove(tx, &post.id)?;
        tx.put(&Post { note: None, ..post })?;
    }
    tx.record(Event::new("person.erased", id).region(&person.region))?;
    Ok(true)
}
