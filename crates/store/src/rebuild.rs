//! A world from its journal: every journaled table dropped and made again.

use std::collections::BTreeMap;

use anlan_kernel::Actor;
use serde_json::{Map, Value as Json};

use crate::{StoreError, Table, Tx, Urgency, World, params, tx::insert_sql};

const CHUNK: i64 = 5_000;

/// Empties every journaled table and fills it again from the journal; the key store and the journal
/// itself stay. Returns how many changes were applied. What a destroyed key closed comes back as null.
///
/// # Errors
/// What the engine says; then nothing was changed.
pub async fn rebuild(world: &World) -> Result<u64, StoreError> {
    let tables: BTreeMap<&'static str, &'static Table> = world.tables().map(|it| (it.name, it)).collect();
    world
        .write("rebuild", Urgency::Background, &Actor::system("rebuild"), move |tx| {
            for table in tables.values() {
                tx.conn.execute(&format!("DELETE FROM {}", table.name), &[])?;
            }
            let mut applied = 0;
            // In the chain's order; then what is not in the chain yet, in the order in which it will be.
            for (number, which) in [("position", "position IS NOT NULL"), ("entry", "position IS NULL")] {
                let sql = format!(
                    "SELECT {number}, body FROM journal WHERE {which} AND {number} > $1 ORDER BY {number} LIMIT {CHUNK}"
                );
                let mut cursor = 0;
                loop {
                    let rows = tx.conn.query(&sql, params![cursor])?;
                    let Some(last) = rows.last() else { break };
                    cursor = last.int(0)?;
                    for row in &rows {
                        applied += apply(tx, &tables, &row.text(1)?)?;
                    }
                }
            }
            Ok(applied)
        })
        .await
}

fn apply(tx: &mut Tx<'_>, tables: &BTreeMap<&'static str, &'static Table>, body: &str) -> Result<u64, StoreError> {
    let body: Json = serde_json::from_str(body)?;
    let Some(changes) = body.get("changes").and_then(Json::as_array) else { return Ok(0) };
    for change in changes {
        let shape = || StoreError::Shape(format!("a journaled change is not one: {change}"));
        let name = change.get("t").and_then(Json::as_str).ok_or_else(shape)?;
        let key = change.get("k").and_then(Json::as_str).ok_or_else(shape)?;
        let table = tables.get(name).ok_or_else(shape)?;
        tx.conn.execute(&format!("DELETE FROM {} WHERE {} = $1", table.name, table.key), params![key])?;
        if let Some(Json::Object(row)) = change.get("r") {
            let opened = open(tx, table, row)?;
            let values = table.to_values(&opened)?;
            tx.conn.execute(&insert_sql(table), &values)?;
        }
    }
    Ok(changes.len() as u64)
}

pub(crate) fn open(tx: &mut Tx<'_>, table: &Table, row: &Map<String, Json>) -> Result<Map<String, Json>, StoreError> {
    let mut row = row.clone();
    for column in table.sealed {
        let Some(Json::Object(closed)) = row.get(*column) else { continue };
        let (Some(sealed), Some(person)) =
            (closed.get("sealed").and_then(Json::as_str), closed.get("person").and_then(Json::as_str))
        else {
            continue;
        };
        let context = format!("{}.{column}", table.name);
        let plain = tx.registry.keys.open_sealed(&mut tx.conn, person, &context, sealed)?;
        let value = plain.map_or(Ok(Json::Null), |it| serde_json::from_slice(&it))?;
        row.insert((*column).to_owned(), value);
    }
    Ok(row)
}
