//! Matchings that somebody chose: a sheet with the same titles is matched by itself next month.

use anlan_kernel::Instant;
use anlan_store::{Event, StoreError, Tx};
use serde::{Deserialize, Serialize};

use super::matching::{Matching, Seen, Target, Why, digest, recognise};

/// What was chosen for one set of titles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// `<kind>:<digest of the titles>`.
    pub id: String,
    /// What the sheet was matched with.
    pub kind: String,
    /// The titles.
    pub titles: Vec<String>,
    /// The key of each column; empty: not taken in.
    pub keys: Vec<String>,
    /// When it was chosen last.
    pub chosen_at: Instant,
    /// By whom.
    pub chosen_by: String,
}

anlan_store::table!(Remembered, MATCHING, "matching", {
    id: Text, kind: Text, titles: Json, keys: Json, chosen_at: Time, chosen_by: Text,
});

fn id(target: &Target, seen: &[Seen]) -> String {
    format!("{}:{}", target.kind, digest(seen))
}

/// The matching of a sheet: what is recognised, and over it what was chosen for the same titles before.
///
/// # Errors
/// What the store says.
pub fn recall(tx: &mut Tx<'_>, target: &Target, seen: &[Seen]) -> Result<Matching, StoreError> {
    let mut matching = recognise(seen, target);
    if let Some(before) = tx.get::<Remembered>(&id(target, seen))? {
        let known = |it: &String| it.is_empty() || target.known(it).is_some();
        let chosen: Vec<_> = before.keys.iter().map(|it| Some(it.clone()).filter(known)).collect();
        matching.choose(&chosen, Why::Remembered);
    }
    Ok(matching)
}

/// Remembers the matching for sheets with the same titles; journaled where it is another than before.
///
/// # Errors
/// What the store says.
pub fn remember(tx: &mut Tx<'_>, target: &Target, seen: &[Seen], matching: &Matching) -> Result<(), StoreError> {
    let id = id(target, seen);
    let keys: Vec<String> = matching.keys().into_iter().map(Option::unwrap_or_default).collect();
    if tx.get::<Remembered>(&id)?.is_some_and(|it| it.keys == keys) {
        return Ok(());
    }
    let titles = seen.iter().map(Seen::words).collect();
    let (chosen_at, chosen_by) = (tx.now(), tx.actor().name.clone());
    tx.put(&Remembered { id: id.clone(), kind: target.kind.clone(), titles, keys, chosen_at, chosen_by })?;
    tx.record(Event::new("matching.chosen", &id))
}
