//! 牌子: the names under which an organisation acts, who acts under them, with which seal, numbers and roster.

use anlan_kernel::Problem;
use anlan_store::{Event, StoreError, Tx, params};
use serde_json::json;

use super::model::Hat;
use crate::{
    model::{Organisation, Person},
    records::write::new_id,
};

/// Letters of a hat's words.
const LONGEST: usize = 200;

/// What somebody says of a hat.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Its id; empty for a new one.
    pub id: String,
    /// Its name.
    pub name: String,
    /// 印章.
    pub seal: String,
    /// Before the numbers of its papers.
    pub prefix: String,
    /// Log-ins and ids of people.
    pub members: Vec<String>,
    /// The organisation whose roster it goes by.
    pub roster: String,
}

/// Hats of an organisation, by name.
///
/// # Errors
/// What the store says.
pub fn of_organisation(tx: &mut Tx<'_>, organisation: &str) -> Result<Vec<Hat>, StoreError> {
    tx.find("organisation = $1", "ORDER BY name, id", params![organisation])
}

/// Hats an account may act under.
///
/// # Errors
/// What the store says.
pub fn of_account(tx: &mut Tx<'_>, login: &str) -> Result<Vec<Hat>, StoreError> {
    let member = format!("user:{login}");
    let all = tx.find::<Hat>("1 = 1", "ORDER BY name, id", &[])?;
    Ok(all.into_iter().filter(|it| it.members.contains(&member)).collect())
}

/// Writes a hat of an organisation.
///
/// # Errors
/// `no_such_organisation`, `bad_name`, `taken`, `no_such_person`; what the store says.
pub fn save(tx: &mut Tx<'_>, organisation: &str, said: &Said) -> Result<Hat, StoreError> {
    let missing = || {
        Problem::new(
            "no_such_organisation",
            "没有这个单位，或不在您的责任区内",
            "there is no such unit in your duty areas",
        )
    };
    let unit = tx.get::<Organisation>(organisation)?.ok_or_else(missing)?;
    let name = cut(&said.name);
    if name.is_empty() {
        return Err(Problem::new("bad_name", "请填牌子名称", "the hat wants a name").field("name").into());
    }
    let others = of_organisation(tx, organisation)?;
    if others.iter().any(|it| it.name == name && it.id != said.id) {
        let (zh, en) = (format!("本单位已有“{name}”"), format!("this unit has {name:?} already"));
        return Err(Problem::new("taken", zh, en).field("name").into());
    }
    for it in &said.members {
        if it.starts_with("person:") && tx.get::<Person>(it)?.is_none() {
            return Err(Problem::new(
                "no_such_person",
                format!("名册里没有 {it}"),
                format!("{it} is not in the register"),
            )
            .field("members")
            .into());
        }
    }
    let known = others.iter().find(|it| it.id == said.id);
    let given = |text: &str| Some(cut(text)).filter(|it| !it.is_empty());
    let hat = Hat {
        id: known.map_or_else(|| new_id(tx.now()).replacen('r', "h", 1), |it| it.id.clone()),
        organisation: unit.id.clone(),
        region: unit.region.clone(),
        name: name.clone(),
        seal: given(&said.seal),
        prefix: given(&said.prefix),
        members: said.members.clone(),
        roster: given(&said.roster),
    };
    tx.put(&hat)?;
    tx.record(
        Event::new("hat.saved", &hat.id).region(&hat.region).detail(json!({"organisation": unit.id, "name": name})),
    )?;
    Ok(hat)
}

fn cut(text: &str) -> String {
    text.trim().chars().filter(|it| !it.is_control()).take(LONGEST).collect()
}

/// Members as somebody writes them: log-ins, ids of people, in any order and with any separator.
pub fn members(text: &str) -> Vec<String> {
    let mut found: Vec<String> =
        text.split(|it: char| it.is_whitespace() || ",，;；、".contains(it))
            .filter(|it| !it.is_empty())
            .map(|it| {
                if it.starts_with("person:") || it.starts_with("user:") { it.to_owned() } else { format!("user:{it}") }
            })
            .collect();
    found.sort();
    found.dedup();
    found
}

/// Removes a hat.
///
/// # Errors
/// `no_such_hat`; what the store says.
pub fn remove(tx: &mut Tx<'_>, organisation: &str, id: &str) -> Result<(), StoreError> {
    let missing = || Problem::new("no_such_hat", "没有这块牌子", "there is no such hat");
    let hat = tx.get::<Hat>(id)?.filter(|it| it.organisation == organisation).ok_or_else(missing)?;
    tx.delete::<Hat>(&hat.id)?;
    tx.record(
        Event::new("hat.removed", &hat.id)
            .region(&hat.region)
            .detail(json!({"organisation": hat.organisation, "name": hat.name})),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_as_people_write_them() {
        assert_eq!(members("zhang, li；person:000000001\nzhang"), ["person:000000001", "user:li", "user:zhang"]);
        assert!(members(" ,; ").is_empty());
    }
}
