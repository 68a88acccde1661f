//! Audiences (受众): who answers for things and areas, found by what packs say, and kept until they are called.

mod pages;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anlan_kernel::{Actor, Instant, RegionCode};
use anlan_store::{Event, StoreError, Tx, Urgency, Value, World, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{
    Callee, Who, callee,
    contacts::contacts,
    kinds::{AudienceRule, Catalog, Sort, value},
    model::{Person, Post, Region},
    records::{Record, write::new_id},
    store::Where,
};

pub use pages::routes;

/// An audience somebody put together, to be called (待叫应名单). It is for whoever made it: what comes of it, the round,
/// is for everybody of the district.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its id.
    pub id: String,
    /// Who put it together.
    pub actor: String,
    /// What it is.
    pub title: String,
    /// Ids of people and duty rooms.
    pub callees: Vec<String>,
    /// When.
    pub made_at: Instant,
}

anlan_store::table!(Kept, KEPT, "kept_audience", {
    id: Text, actor: Text, title: Text, callees: Json, made_at: Time,
});

pub(crate) const MIGRATION: &str = "
    CREATE TABLE kept_audience (id TEXT NOT NULL PRIMARY KEY, actor TEXT NOT NULL, title TEXT NOT NULL,
       callees TEXT NOT NULL, made_at BIGINT NOT NULL);";

/// People, each with why.
pub type Found = Vec<(String, String)>;

/// Whoever has a duty for one of these regions, or for one that holds it, now.
///
/// # Errors
/// What the store says.
pub fn of_regions(tx: &mut Tx<'_>, regions: &[RegionCode]) -> Result<Found, StoreError> {
    if regions.is_empty() {
        return Ok(Vec::new());
    }
    let now = tx.now();
    let rows = crate::store::post_rows(tx, Where::meeting("p.region", regions), now)?;
    rows.iter().map(|row| Ok((row.text(0)?, row.text(4)?))).collect()
}

/// Whoever answers for these records: what their kinds call responsible.
///
/// # Errors
/// What the store says.
pub fn add_of_records(tx: &mut Tx<'_>, catalog: &Catalog, ids: &[String], found: &mut Found) -> Result<(), StoreError> {
    for ids in ids.chunks(500) {
        let places: Vec<_> = (1..=ids.len()).map(|it| format!("${it}")).collect();
        let values: Vec<Value> = ids.iter().map(Value::from).collect();
        let records = tx.find::<Record>(&format!("id IN ({})", places.join(", ")), "ORDER BY id", &values)?;
        for record in &records {
            let Some(kind) = catalog.kind(&record.kind) else { continue };
            let Some(field) = kind.responsible.as_deref() else { continue };
            let path = [field.to_owned()];
            for callee in reached(tx, catalog, record, &path)? {
                found.push((callee, kind.title.zh.clone()));
            }
        }
    }
    Ok(())
}

/// Everybody an audience of a pack means: ids of people, and of organisations for their duty rooms.
///
/// # Errors
/// What the store says.
pub fn of_rule(tx: &mut Tx<'_>, catalog: &Catalog, rule: &AudienceRule) -> Result<BTreeSet<String>, StoreError> {
    let today = crate::records::write::day_of(tx.now());
    let (mut found, mut after) = (BTreeSet::new(), String::new());
    loop {
        let records = tx.find::<Record>(
            "kind = $1 AND id > $2",
            "ORDER BY id LIMIT 1000",
            params![rule.kind.as_str(), after.as_str()],
        )?;
        let Some(last) = records.last() else { return Ok(found) };
        after.clone_from(&last.id);
        for record in &records {
            let meant = rule.condition.as_ref().is_none_or(|it| it.evaluate(&|id| record.value(id), today).holds());
            if meant {
                found.extend(reached(tx, catalog, record, &rule.path)?);
            }
        }
    }
}

/// Where a path leads from a record.
fn reached(tx: &mut Tx<'_>, catalog: &Catalog, record: &Record, path: &[String]) -> Result<Vec<String>, StoreError> {
    let Some((step, rest)) = path.split_first() else { return Ok(Vec::new()) };
    if step == "duty_room" {
        let street = record.region.street().unwrap_or_else(|| record.region.clone());
        let rows = crate::store::room_rows(tx, Where::equals("o.region", &street))?;
        return rows.iter().take(1).map(|it| it.text(0)).collect();
    }
    let Some(field) = catalog.kind(&record.kind).and_then(|it| it.field(step)) else { return Ok(Vec::new()) };
    let values: Vec<String> =
        record.value(step).map(value::every).unwrap_or_default().into_iter().map(value::plain).collect();
    let mut found = Vec::new();
    for it in values {
        match (&field.sort, rest.is_empty()) {
            (Sort::Link(_), false) => {
                if let Some(next) = tx.get::<Record>(&it)? {
                    found.extend(reached(tx, catalog, &next, rest)?);
                }
            }
            (Sort::Post, true) => found.extend(tx.get::<Post>(&it)?.map(|it| it.person)),
            (Sort::Person | Sort::Organisation, true) => found.push(it),
            // A number by itself is somebody of the register, if anybody there has it.
            (Sort::Text(_), true) => {
                let sql = "SELECT n.id FROM person n WHERE n.phone = $1 AND n.erased_at IS NULL AND {scope:n.region} ORDER BY n.id LIMIT 1";
                found.extend(
                    tx.query(sql, params![it.as_str()])?.iter().map(|it| it.text(0)).collect::<Result<Vec<_>, _>>()?,
                );
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Keeps an audience until it is called; gives its id.
///
/// # Errors
/// What the store says.
pub async fn keep(world: &World, actor: &Actor, title: &str, callees: BTreeSet<String>) -> Result<String, StoreError> {
    let (title, by) = (title.to_owned(), actor.name.clone());
    let callees: Vec<String> = callees.into_iter().map(callee_id).collect::<BTreeSet<_>>().into_iter().collect();
    world
        .write("audience.keep", Urgency::Urgent, actor, move |tx| {
            let kept = Kept {
                id: new_id(tx.now()),
                actor: by.clone(),
                title: title.clone(),
                callees: callees.clone(),
                made_at: tx.now(),
            };
            tx.put(&kept)?;
            let detail = json!({"title": kept.title, "callees": kept.callees.len()});
            tx.record(Event::new("audience.kept", &kept.id).detail(detail))?;
            Ok(kept.id)
        })
        .await
}

/// As whom somebody of an audience is called: an organisation by its duty room.
fn callee_id(id: String) -> String {
    if id.starts_with("person:") || id.starts_with("room:") { id } else { format!("room:{id}") }
}

/// An audience the actor put together.
///
/// # Errors
/// What the store says.
pub fn kept(tx: &mut Tx<'_>, id: &str) -> Result<Option<Kept>, StoreError> {
    let maker = tx.actor().name.clone();
    Ok(tx.find::<Kept>("id = $1 AND actor = $2", "", params![id, maker])?.pop())
}

/// Takes one off an audience; `false` when they do not stand on it.
///
/// # Errors
/// What the store says.
pub fn leave_out(tx: &mut Tx<'_>, mut kept: Kept, id: &str) -> Result<bool, StoreError> {
    let before = kept.callees.len();
    kept.callees.retain(|it| it != id);
    if kept.callees.len() == before {
        return Ok(false);
    }
    tx.put(&kept)?;
    tx.record(Event::new("audience.changed", &kept.id).detail(json!({"left_out": id})))?;
    Ok(true)
}

/// Somebody of an audience, as a list shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// `person:…` or `room:…`.
    pub id: String,
    /// Name of the person or the room.
    pub name: String,
    /// 职务.
    pub title: String,
    /// 单位.
    pub organisation: String,
    /// Numbers that can be dialled.
    pub numbers: Vec<String>,
    /// 责任, each once; empty for somebody without a post.
    pub duties: BTreeSet<String>,
    /// Where the first duty lies, or the person's own unit.
    pub region: RegionCode,
}

/// Those of an audience whom the reader may see, by region. Who was erased, has moved out of the reader's duty areas, or
/// is an organisation without a duty room is left out.
///
/// # Errors
/// What the store says.
pub fn described(tx: &mut Tx<'_>, ids: &[String]) -> Result<Vec<Described>, StoreError> {
    let mut known = contacts(tx, ids)?;
    let mut places = HashMap::new();
    for ids in ids.chunks(500) {
        places.extend(places_of(tx, ids)?);
    }
    let mut found: Vec<Described> = ids
        .iter()
        .filter_map(|id| {
            let (contact, (region, duties)) = (known.remove(id)?, places.remove(id)?);
            let title = contact.title;
            let (name, organisation) = (title.name, title.organisation);
            Some(Described {
                id: id.clone(),
                name,
                title: title.title,
                organisation,
                numbers: contact.numbers,
                duties,
                region,
            })
        })
        .collect();
    found.sort_by(|a, b| (&a.region, &a.id).cmp(&(&b.region, &b.id)));
    Ok(found)
}

type Place = (RegionCode, BTreeSet<String>);

fn places_of(tx: &mut Tx<'_>, ids: &[String]) -> Result<HashMap<String, Place>, StoreError> {
    let now = tx.now();
    let code = |text: String| RegionCode::parse(&text).map_err(|it| StoreError::Shape(it.to_string()));
    let mut found: HashMap<String, Place> = HashMap::new();
    let people = || ids.iter().map(String::as_str).filter(|it| it.starts_with("person:"));
    for row in crate::store::post_rows(tx, Where::among("p.person", people()), now)? {
        let region = code(row.text(1)?)?;
        found.entry(row.text(0)?).or_insert_with(|| (region, BTreeSet::new())).1.insert(row.text(4)?);
    }
    let others = Where::among("id", people().filter(|it| !found.contains_key(*it)));
    for it in tx.find::<Person>(&others.text, "", &others.values)? {
        found.insert(it.id, (it.region, BTreeSet::new()));
    }
    let rooms = Where::among("o.id", ids.iter().filter_map(|it| it.strip_prefix("room:")));
    for row in crate::store::room_rows(tx, rooms)? {
        let duties = BTreeSet::from(["值班室".to_owned()]);
        found.insert(format!("room:{}", row.text(0)?), (code(row.text(1)?)?, duties));
    }
    Ok(found)
}

/// Somebody of an audience as they are called: with their duties where they have some, else by where their unit lies.
///
/// # Errors
/// What the store says.
pub fn callee_of(tx: &mut Tx<'_>, id: &str) -> Result<Option<Callee>, StoreError> {
    let known = callee(tx, id)?;
    if known.is_some() || !id.starts_with("person:") {
        return Ok(known);
    }
    let Some(person) = tx.get::<Person>(id)?.filter(|it| it.erased_at.is_none()) else { return Ok(None) };
    let numbers: BTreeSet<&String> =
        [&person.phone, &person.spare].into_iter().flatten().filter(|it| crate::phone::is_usable(it)).collect();
    let usable_numbers = numbers.len();
    Ok(Some(Callee {
        id: person.id.clone(),
        who: Who::of(person.region.tier()),
        region: person.region.clone(),
        rank: "member".into(),
        duties: Vec::new(),
        deputies: Vec::new(),
        usable_numbers,
    }))
}

/// Names of all regions, by code.
///
/// # Errors
/// What the store says.
pub fn region_names(tx: &mut Tx<'_>) -> Result<HashMap<String, String>, StoreError> {
    Ok(tx.find::<Region>("1 = 1", "", &[])?.into_iter().map(|it| (it.code.to_string(), it.name)).collect())
}

/// The responsible people by their duties, for counting.
pub fn by_duty(found: &Found) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut duties = BTreeMap::<&str, BTreeSet<&str>>::new();
    for (person, why) in found {
        duties.entry(why).or_default().insert(person);
    }
    duties
}

/// As JSON: how many, by duty.
pub fn duties_json(found: &Found) -> Json {
    by_duty(found).iter().map(|(title, people)| json!({"title": title, "people": people.len()})).collect()
}
