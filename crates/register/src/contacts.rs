//! Many callees at once: who they are, how they are reached, and who is meant by a few letters.

use std::collections::HashMap;

use anlan_store::{Row, StoreError, Tx};

use crate::{
    callees::{CalleeTitle, room_name, usable},
    phone,
    store::{self, Where},
};

/// Ids asked for in one statement.
const AT_ONCE: usize = 500;

/// How a callee is spoken of and reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Name, title, unit.
    pub title: CalleeTitle,
    /// Numbers that can be dialled.
    pub numbers: Vec<String>,
}

/// Names and numbers of these callees; whom the register does not know (any more) is left out.
///
/// # Errors
/// What the engine says.
pub fn contacts(tx: &mut Tx<'_>, ids: &[String]) -> Result<HashMap<String, Contact>, StoreError> {
    let mut found = HashMap::new();
    let (rooms, people): (Vec<&String>, Vec<&String>) = ids.iter().partition(|it| it.starts_with("room:"));
    for some in people.chunks(AT_ONCE) {
        for row in store::contact_rows(tx, Where::among("n.id", some.iter().map(|it| it.as_str())))? {
            let Some(name) = row.opt(1, Row::text)? else { continue };
            let part = |index| row.opt(index, Row::text).map(Option::unwrap_or_default);
            let title = CalleeTitle { name, title: part(2)?, organisation: part(3)? };
            // The first post is the one that is named.
            found.entry(row.text(0)?).or_insert(Contact { title, numbers: usable(&row, &[4, 5])? });
        }
    }
    for some in rooms.chunks(AT_ONCE) {
        let which = Where::among("o.id", some.iter().filter_map(|it| it.strip_prefix("room:")));
        for row in store::room_rows(tx, which)? {
            let title = CalleeTitle { name: room_name(&row)?, title: String::new(), organisation: row.text(5)? };
            found.insert(format!("room:{}", row.text(0)?), Contact { title, numbers: usable(&row, &[4])? });
        }
    }
    Ok(found)
}

/// Callees whose name contains the words, or one of whose numbers they are or end.
///
/// # Errors
/// What the engine says.
pub fn search(tx: &mut Tx<'_>, words: &str) -> Result<Vec<String>, StoreError> {
    let plain: String = words.trim().chars().filter(|it| !matches!(it, '%' | '_' | '*')).collect();
    if plain.is_empty() {
        return Ok(Vec::new());
    }
    let (number, tail) = phone::looked_for(&plain);
    let tail = if tail.is_empty() && phone::is_usable(&number) { number } else { tail };
    let name = store::pattern(&plain);
    let mut ids: Vec<String> = store::named_people(tx, &name, &tail)?;
    ids.extend(store::named_rooms(tx, &name, &tail)?.into_iter().map(|it| format!("room:{it}")));
    Ok(ids)
}
