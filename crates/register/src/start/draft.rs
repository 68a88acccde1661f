//! A file that was dropped and waits to be taken: sealed, its owner's alone, gone after a day.

use std::{collections::BTreeMap, time::Duration};

use anlan_store::{Row, StoreError, Tx, params};
use serde::{Deserialize, Serialize};

/// How long a file waits.
pub const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// What the owner said about the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choices {
    /// Which sheet, from 0; else the one most of which is known.
    pub sheet: Option<usize>,
    /// The meaning of each column of it, where another than recognised; empty: not taken in.
    pub columns: Vec<Option<String>>,
    /// The district: its code, or words of its name.
    pub district: Option<String>,
    /// What everybody is responsible for whose row says nothing.
    pub duty: Option<String>,
    /// Put before telephone numbers without one.
    pub area_code: Option<String>,
    /// What a name of a place means: a code, or `new`.
    pub places: BTreeMap<String, String>,
}

/// What became of a file that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// People in it.
    pub people: usize,
    /// Their posts.
    pub posts: usize,
    /// Records that are new, changed, and as they were.
    pub counted: [usize; 3],
    /// Rows that were not taken.
    pub left: usize,
}

/// A file that waits.
#[derive(Clone, Debug)]
pub struct Draft {
    /// In its address.
    pub id: String,
    /// As the owner calls it.
    pub name: String,
    /// The file; empty once it was taken.
    pub bytes: Vec<u8>,
    /// What the owner said.
    pub choices: Choices,
    /// What became of it.
    pub done: Option<Done>,
}

/// The table; what waits in it is no record yet, so it is not journaled.
pub const MIGRATION: &str = "CREATE TABLE draft (id TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL,
        at BIGINT NOT NULL, sealed BYTEA NOT NULL, choices TEXT NOT NULL, done TEXT);
     CREATE INDEX draft_owner ON draft(owner, at);
     CREATE TABLE matching (id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, titles TEXT NOT NULL, keys TEXT NOT NULL,
        chosen_at BIGINT NOT NULL, chosen_by TEXT NOT NULL);";

/// The deadline that forgets a draft.
pub const DEADLINE: &str = "draft.forget";

fn context(id: &str) -> String {
    format!("draft:{id}")
}

/// Seals a file for its row.
///
/// # Errors
/// What the store says.
pub fn seal(secrets: &[u8; 32], id: &str, bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    anlan_store::lock(secrets, &context(id), bytes)
}

/// Keeps a sealed file of the actor.
///
/// # Errors
/// What the store says.
pub fn keep(tx: &mut Tx<'_>, id: &str, name: &str, sealed: &[u8]) -> Result<(), StoreError> {
    let (owner, now) = (tx.actor().name.clone(), tx.now());
    tx.execute_unjournaled(
        "INSERT INTO draft(id, owner, name, at, sealed, choices) VALUES ($1, $2, $3, $4, $5, '{}')",
        params![id, &owner, name, now, sealed.to_vec()],
    )?;
    tx.set_deadline(DEADLINE, id, now.plus(KEPT))?;
    tx.record(anlan_store::Event::new("draft.kept", id))
}

/// The actor's draft of this id.
///
/// # Errors
/// What the store says.
pub fn load(tx: &mut Tx<'_>, secrets: &[u8; 32], id: &str) -> Result<Option<Draft>, StoreError> {
    let owner = tx.actor().name.clone();
    let sql = "SELECT name, sealed, choices, done FROM draft WHERE id = $1 AND owner = $2";
    let Some(row) = tx.query(sql, params![id, &owner])?.into_iter().next() else { return Ok(None) };
    let done: Option<String> = row.opt(3, Row::text)?;
    let sealed = row.blob(1)?;
    Ok(Some(Draft {
        id: id.to_owned(),
        name: row.text(0)?,
        bytes: if sealed.is_empty() { Vec::new() } else { anlan_store::unlock(secrets, &context(id), &sealed)? },
        choices: serde_json::from_str(&row.text(2)?)?,
        done: done.map(|it| serde_json::from_str(&it)).transpose()?,
    }))
}

/// Id and name of the actor's last draft that was not taken.
///
/// # Errors
/// What the store says.
pub fn last(tx: &mut Tx<'_>) -> Result<Option<(String, String)>, StoreError> {
    let owner = tx.actor().name.clone();
    let sql = "SELECT id, name FROM draft WHERE owner = $1 AND done IS NULL ORDER BY at DESC, id LIMIT 1";
    tx.query(sql, params![&owner])?.first().map(|row| Ok((row.text(0)?, row.text(1)?))).transpose()
}

/// Keeps what the owner said.
///
/// # Errors
/// What the store says.
pub fn choose(tx: &mut Tx<'_>, id: &str, choices: &Choices) -> Result<(), StoreError> {
    let (owner, choices) = (tx.actor().name.clone(), serde_json::to_string(choices)?);
    let sql = "UPDATE draft SET choices = $1 WHERE id = $2 AND owner = $3 AND done IS NULL";
    tx.execute_unjournaled(sql, params![&choices, id, &owner]).map(drop)
}

/// Keeps what became of it, and the file no longer.
///
/// # Errors
/// What the store says.
pub fn taken(tx: &mut Tx<'_>, id: &str, done: &Done) -> Result<(), StoreError> {
    let done = serde_json::to_string(done)?;
    tx.execute_unjournaled(
        "UPDATE draft SET sealed = $1, done = $2 WHERE id = $3",
        params![Vec::<u8>::new(), &done, id],
    )
    .map(drop)
}

/// Forgets what waits, whosoever it is: after an erasure nothing readable of the person is left.
///
/// # Errors
/// What the store says.
pub fn forget_all(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    tx.execute_unjournaled("DELETE FROM draft WHERE done IS NULL", &[]).map(drop)
}

/// Forgets a draft.
///
/// # Errors
/// What the store says.
pub fn forget(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    tx.clear_deadline(DEADLINE, id)?;
    if tx.execute_unjournaled("DELETE FROM draft WHERE id = $1", params![id])? > 0 {
        tx.record(anlan_store::Event::new("draft.forgotten", id))?;
    }
    Ok(())
}
