//! 责任区 beyond a post's region: other regions, single things, polygons, each with dates.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anlan_atlas::Area;
use anlan_kernel::{Instant, Problem, RegionCode};
use anlan_store::{Event, StoreError, Tx, Value, params};
use serde_json::{Value as Json, json};

use super::model::DutyArea;
use crate::{
    audiences::Found,
    model::Post,
    records::{
        Record,
        write::{new_id, of_geojson, place_of},
    },
    store::{Where, post_rows},
};

/// What somebody says of a duty area.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// `region`, `record` or `polygon`.
    pub kind: String,
    /// The region's code or the record's id.
    pub target: String,
    /// A GeoJSON polygon.
    pub geometry: String,
    /// In force from.
    pub valid_from: Option<Instant>,
    /// In force until.
    pub valid_until: Option<Instant>,
}

/// Duty areas of a post, oldest first.
///
/// # Errors
/// What the store says.
pub fn of_post(tx: &mut Tx<'_>, post: &str) -> Result<Vec<DutyArea>, StoreError> {
    tx.find("post = $1", "ORDER BY id", params![post])
}

/// Adds a duty area to a post.
///
/// # Errors
/// `no_such_post`; `bad_kind`, `bad_region`, `no_such_record`, `outside`, `bad_dates`, and what is wrong with a polygon;
/// what the store says.
pub fn add(tx: &mut Tx<'_>, post: &str, said: &Said) -> Result<DutyArea, StoreError> {
    let post = tx.get::<Post>(post)?.ok_or_else(no_post)?;
    if said.valid_from.zip(said.valid_until).is_some_and(|(from, until)| until <= from) {
        return Err(Problem::new("bad_dates", "止于应晚于起于", "it ends before it begins")
            .field("valid_until")
            .into());
    }
    let (target, geometry) = match said.kind.as_str() {
        "region" => (Some(region(tx, &said.target)?), None),
        "record" => {
            let missing = || {
                Problem::new(
                    "no_such_record",
                    "没有这条台账记录，或不在您的责任区内",
                    "there is no such record in your duty areas",
                )
                .field("target")
            };
            (Some(tx.get::<Record>(said.target.trim())?.ok_or_else(missing)?.id), None)
        }
        "polygon" => (None, Some(polygon(&said.geometry)?)),
        _ => {
            return Err(Problem::new("bad_kind", "请选区划、对象或范围", "choose region, record or polygon")
                .field("kind")
                .into());
        }
    };
    let area = DutyArea {
        id: new_id(tx.now()).replacen('r', "a", 1),
        post: post.id.clone(),
        region: post.region.clone(),
        kind: said.kind.clone(),
        target,
        geometry,
        valid_from: said.valid_from,
        valid_until: said.valid_until,
    };
    tx.put(&area)?;
    tx.record(
        Event::new("duty_area.added", &area.id)
            .region(&area.region)
            .detail(json!({"post": post.id, "kind": area.kind})),
    )?;
    Ok(area)
}

fn region(tx: &Tx<'_>, code: &str) -> Result<String, Problem> {
    let code = crate::import::region(code.trim(), "target")?;
    if !tx.actor().scope.covers(&code) {
        let (zh, en) = (format!("{code} 不在您的责任区内"), format!("{code} lies outside your duty areas"));
        return Err(Problem::new("outside", zh, en).field("target"));
    }
    Ok(code.to_string())
}

fn polygon(text: &str) -> Result<Json, Problem> {
    let geometry: Json = serde_json::from_str(text).map_err(|_| {
        Problem::new("bad_geometry", "范围应是 GeoJSON 面", "a GeoJSON polygon is wanted").field("geometry")
    })?;
    let shape = of_geojson(&geometry).map_err(|it| it.field("geometry"))?;
    Area::polygon(shape)?;
    Ok(geometry)
}

/// Removes a duty area of a post.
///
/// # Errors
/// `no_such_area`; what the store says.
pub fn remove(tx: &mut Tx<'_>, post: &str, id: &str) -> Result<(), StoreError> {
    let missing = || Problem::new("no_such_area", "没有这个责任区", "there is no such duty area");
    let area = tx.get::<DutyArea>(id)?.filter(|it| it.post == post).ok_or_else(missing)?;
    tx.delete::<DutyArea>(&area.id)?;
    tx.record(Event::new("duty_area.removed", &area.id).region(&area.region).detail(json!({"post": area.post})))
}

fn no_post() -> Problem {
    Problem::new("no_such_post", "没有这个岗位，或不在您的责任区内", "there is no such post in your duty areas")
}

/// Duty areas in force now, of one kind.
fn in_force(tx: &mut Tx<'_>, kind: &str) -> Result<Vec<DutyArea>, StoreError> {
    let now = tx.now();
    tx.find(
        "kind = $1 AND (valid_from IS NULL OR valid_from <= $2) AND (valid_until IS NULL OR valid_until > $2)",
        "ORDER BY id",
        params![kind, now],
    )
}

/// Whoever has a duty area of their own that the shape touches, or one of these things: people, each with the duty.
/// Posts whose region alone is meant are found by [`of_regions`](crate::audiences::of_regions).
///
/// # Errors
/// What the store says.
pub fn posts_touching(tx: &mut Tx<'_>, area: &Area, ids: &[String]) -> Result<Found, StoreError> {
    let mut posts = BTreeSet::new();
    for it in in_force(tx, "polygon")? {
        let shape = it.geometry.as_ref().and_then(|it| of_geojson(it).ok());
        if shape.is_some_and(|it| area.touches(&it)) {
            posts.insert(it.post);
        }
    }
    let wanted: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let things = in_force(tx, "record")?;
    let others: BTreeSet<String> =
        things.iter().filter_map(|it| it.target.clone()).filter(|it| !wanted.contains(it.as_str())).collect();
    let touched = touched_records(tx, &others, area)?;
    for it in things {
        if it.target.as_deref().is_some_and(|it| wanted.contains(it) || touched.contains(it)) {
            posts.insert(it.post);
        }
    }
    people(tx, &posts)
}

/// Whoever has one of these regions, or one that holds it, as a duty area of their own.
///
/// # Errors
/// What the store says.
pub fn posts_for_regions(tx: &mut Tx<'_>, regions: &[RegionCode]) -> Result<Found, StoreError> {
    let meets = |it: &DutyArea| {
        let code = it.target.as_deref().and_then(|it| RegionCode::parse(it).ok());
        code.is_some_and(|code| regions.iter().any(|it| it.meets(&code)))
    };
    let posts = in_force(tx, "region")?.into_iter().filter(meets).map(|it| it.post).collect();
    people(tx, &posts)
}

/// Of these records those whose place the shape touches: a grid is touched where its outline is.
fn touched_records(tx: &mut Tx<'_>, ids: &BTreeSet<String>, area: &Area) -> Result<BTreeSet<String>, StoreError> {
    let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let records = super::boards::records_of(tx, &ids)?;
    let touches = |it: &Record| place_of(it).is_some_and(|it| area.touches(&it));
    Ok(records.into_iter().filter(touches).map(|it| it.id).collect())
}

/// The people of these posts that are in force.
fn people(tx: &mut Tx<'_>, posts: &BTreeSet<String>) -> Result<Found, StoreError> {
    let (now, posts, mut found) = (tx.now(), posts.iter().map(String::as_str).collect::<Vec<_>>(), Vec::new());
    for some in posts.chunks(500) {
        for row in post_rows(tx, Where::among("p.id", some.iter().copied()), now)? {
            found.push((row.text(0)?, row.text(4)?));
        }
    }
    Ok(found)
}

/// What duty areas are called: names of records and regions by their target.
///
/// # Errors
/// What the store says.
pub fn names(tx: &mut Tx<'_>, areas: &[DutyArea]) -> Result<HashMap<String, String>, StoreError> {
    let targets = |kind: &str| -> BTreeMap<&str, ()> {
        areas.iter().filter(|it| it.kind == kind).filter_map(|it| Some((it.target.as_deref()?, ()))).collect()
    };
    let mut names = HashMap::new();
    let records: BTreeSet<&str> = targets("record").into_keys().collect();
    for it in super::boards::records_of(tx, &records)? {
        names.insert(it.id.clone(), it.title().to_owned());
    }
    let codes: Vec<&str> = targets("region").into_keys().collect();
    for some in codes.chunks(500) {
        let by = Where::among("code", some.iter().copied());
        let values: Vec<Value> = by.values;
        for row in tx.query(&format!("SELECT code, name FROM region WHERE {}", by.text), &values)? {
            names.insert(row.text(0)?, row.text(1)?);
        }
    }
    Ok(names)
}
