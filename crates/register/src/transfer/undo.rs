//! An import undone: what it made is removed, what it changed stands as before; what somebody changed since is left.

use std::collections::{BTreeMap, BTreeSet};

use anlan_kernel::{Actor, Problem};
use anlan_store::{Advanced, Event, StoreError, Tx, Urgency, World, journal, params};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::{
    kinds::Catalog,
    records::{Attachment, Batch, Record, write},
    state::Register,
};

/// Records in one transaction.
const AT_ONCE: usize = 500;
/// The event that names what a slice made and changed.
pub const SLICE: &str = "import.sliced";
/// The event that names what was undone of it.
const UNDONE: &str = "import.unsliced";

/// A record that is left as it is: it was changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftAlone {
    /// Its id.
    pub id: String,
    /// Whether the import made it; else it changed it.
    pub made: bool,
}

/// What an undoing did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Undone {
    /// The batch, undone.
    pub batch: Batch,
    /// What was changed since and is left.
    pub left: Vec<LeftAlone>,
}

/// What an import did, as the journal has it.
#[derive(Default)]
struct Did {
    /// Ids, and whether the import made the record.
    records: Vec<(String, bool)>,
    left: Vec<LeftAlone>,
}

fn refused(code: &str, zh: &str, en: &str) -> StoreError {
    StoreError::Refused(Problem::new(code, zh, en))
}

/// An undoing that was begun.
pub struct Begun {
    /// The batch.
    pub batch: Batch,
    did: Did,
}

/// Begins to undo an import; one that broke off goes on. `unfinished`: also one that was not taken to its end, by
/// whoever knows that nobody works on it.
///
/// # Errors
/// `no_such_import`; `undone_already`; `still_running`; `lies_elsewhere`; what the store says.
pub async fn begin(world: &World, actor: &Actor, id: &str, unfinished: bool) -> Result<Begun, StoreError> {
    let id = id.to_owned();
    let unit = move |tx: &mut Tx<'_>| {
        let none = || {
            refused("no_such_import", "没有这次导入，或不在您的责任区内", "there is no such import in your duty areas")
        };
        let batch = tx.get::<Batch>(&id)?.ok_or_else(none)?;
        match batch.state.as_str() {
            "undone" => return Err(refused("undone_already", "这次导入已经撤销", "this import was undone already")),
            "running" if !unfinished => {
                return Err(refused(
                    "still_running",
                    "还在导入，请等它结束",
                    "it is still being taken; wait for its end",
                ));
            }
            _ => {}
        }
        if elsewhere(tx, &batch.id)? {
            return Err(crate::lies_elsewhere().into());
        }
        let batch = Batch { state: "undoing".to_owned(), ..batch };
        tx.put(&batch)?;
        tx.record(Event::new("import.undoing", &batch.id).region(&batch.region))?;
        Ok(Begun { did: did(tx, &batch.id)?, batch })
    };
    world.write("import.undo", Urgency::Urgent, actor, unit).await
}

/// Undoes what is left of it, slice by slice.
///
/// # Errors
/// What the store says; then it can be gone on with.
pub async fn go_on(world: &World, register: &Register, actor: &Actor, begun: Begun) -> Result<Undone, StoreError> {
    let Begun { batch, did: Did { records, mut left } } = begun;
    for part in records.rchunks(AT_ONCE) {
        let (part, batch, catalog) = (part.to_vec(), batch.clone(), register.catalog());
        let unit = move |tx: &mut Tx<'_>| slice(tx, &catalog, &batch, &part);
        left.extend(world.write("import.unslice", Urgency::Background, actor, unit).await?);
    }
    let done = move |tx: &mut Tx<'_>| {
        let batch = Batch { state: "undone".to_owned(), undone_at: Some(tx.now()), ..batch.clone() };
        tx.put(&batch)?;
        let detail = json!({"kind": batch.kind, "left": left.len()});
        tx.record(Event::new("import.undone", &batch.id).region(&batch.region).detail(detail))?;
        Ok(Undone { batch, left: left.clone() })
    };
    world.write("import.undone", Urgency::Urgent, actor, done).await
}

/// Undoes an import from beginning to end.
///
/// # Errors
/// As [`begin`] and [`go_on`].
pub async fn undo(
    world: &World,
    register: &Register,
    actor: &Actor,
    id: &str,
    unfinished: bool,
) -> Result<Undone, StoreError> {
    let begun = begin(world, actor, id, unfinished).await?;
    go_on(world, register, actor, begun).await
}

fn slice(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    batch: &Batch,
    part: &[(String, bool)],
) -> Result<Vec<LeftAlone>, StoreError> {
    let mut left = Vec::new();
    // The last one first: what it pointed to is still there.
    for (id, made) in part.iter().rev() {
        if !one(tx, catalog, batch, id, *made)? {
            left.push(LeftAlone { id: id.clone(), made: *made });
        }
    }
    let ids: Vec<&String> = part.iter().map(|it| &it.0).collect();
    let detail = json!({"records": ids, "left": left});
    tx.record(Event::new(UNDONE, &batch.id).region(&batch.region).detail(detail))?;
    Ok(left)
}

/// Whether records of the batch lie outside the actor's duty areas: undone by halves it would be none.
fn elsewhere(tx: &mut Tx<'_>, batch: &str) -> Result<bool, StoreError> {
    let rows = tx.query_everywhere("SELECT COUNT(*) FROM record WHERE batch = $1", params![batch])?;
    let all = rows.first().map_or(Ok(0), |it| it.int(0))?;
    Ok(tx.count::<Record>("batch = $1", params![batch])? < all)
}

/// What of an import stands yet, and what was left of it already.
fn did(tx: &mut Tx<'_>, batch: &str) -> Result<Did, StoreError> {
    let (mut made, mut undone, mut left) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
    let mut order = Vec::new();
    for entry in journal::of_subject(tx, batch)? {
        let body: Json = serde_json::from_str(&entry.body)?;
        let ids = |name: &str| -> Vec<String> {
            let list = body["detail"][name].as_array().into_iter().flatten();
            list.filter_map(|it| it.as_str().map(str::to_owned)).collect()
        };
        match entry.event.as_str() {
            SLICE => {
                for (name, is_made) in [("created", true), ("changed", false)] {
                    for id in ids(name) {
                        made.entry(id.clone()).or_insert(is_made);
                        order.push(id);
                    }
                }
            }
            UNDONE => {
                undone.extend(ids("records"));
                left.extend(left_of(&body["detail"]["left"]));
            }
            _ => {}
        }
    }
    let records = order
        .into_iter()
        .filter(|it| !undone.contains(it))
        .filter_map(|it| made.get(&it).map(|is| (it, *is)))
        .collect();
    Ok(Did { records, left })
}

fn left_of(list: &Json) -> Vec<LeftAlone> {
    let one = |it: &Json| Some(LeftAlone { id: it["id"].as_str()?.to_owned(), made: it["made"].as_bool()? });
    list.as_array().into_iter().flatten().filter_map(one).collect()
}

/// What was left of an import that was undone.
///
/// # Errors
/// What the store says.
pub fn left(tx: &mut Tx<'_>, batch: &str) -> Result<Vec<LeftAlone>, StoreError> {
    Ok(did(tx, batch)?.left)
}

/// Undoes one record; `false` where somebody touched it since.
fn one(tx: &mut Tx<'_>, catalog: &Catalog, batch: &Batch, id: &str, made: bool) -> Result<bool, StoreError> {
    let Some(record) = tx.get::<Record>(id)? else { return Ok(made) };
    if record.batch.as_deref() != Some(&batch.id) {
        return Ok(false);
    }
    if made {
        let touched = record.revision != 1 || tx.count::<Attachment>("record = $1", params![id])? > 0;
        return if touched { Ok(false) } else { write::remove(tx, &record, "撤销导入", "record.unimported") };
    }
    let Some(before) = before(tx, batch, &record)? else { return Ok(false) };
    // Its number goes on: who looks at it sees that it changed.
    let restored = Record { revision: record.revision, ..before };
    if tx.advance(&restored)? == Advanced::Stale {
        return Err(StoreError::Stale(record.id));
    }
    let detail = json!({"kind": record.kind, "batch": batch.id});
    tx.record(Event::new("record.restored", id).region(&restored.region).detail(detail))?;
    let indexed = Record { revision: restored.revision + 1, ..restored };
    if let Some(kind) = catalog.kind(&indexed.kind) {
        write::index(tx, catalog, kind, &[&indexed])?;
    }
    Ok(true)
}

/// The record as it stood before the import changed it; `None` where somebody touched it since.
fn before(tx: &mut Tx<'_>, batch: &Batch, record: &Record) -> Result<Option<Record>, StoreError> {
    let mut before: Option<Record> = None;
    for entry in journal::of_subject(tx, &record.id)? {
        let journal::Left::Standing(it) = journal::left::<Record>(tx, &entry, &record.id)? else { continue };
        if it.batch.as_deref() == Some(&batch.id) {
            return Ok(before.filter(|_| it.revision == record.revision));
        }
        before = Some(it);
    }
    Ok(None)
}
