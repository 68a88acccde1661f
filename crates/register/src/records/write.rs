//! Records made, changed, confirmed and removed; each change with its journal entry, its index and its place in the
//! one box, in one transaction.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use anlan_codecs::geo;
use anlan_kernel::{Instant, Lang, Problem, RegionCode};
use anlan_store::{Advanced, Event, StoreError, Tx, Value, params};
use serde_json::{Value as Json, json};
use time::Date;

use super::model::Record;
use crate::{
    find,
    kinds::{Catalog, Field, Kind, Placing, Sort, formats::Format, model::Personal, value},
    state::Register,
};

/// What somebody says of a thing. References are resolved: they hold ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// 责任区.
    pub region: Option<RegionCode>,
    /// Fields; what is left out is emptied.
    pub values: value::Values,
    /// Where it is, WGS 84.
    pub place: Option<geo::Geometry>,
    /// 责任单位.
    pub owner: Option<String>,
}

/// Why a record is written.
#[derive(Clone, Debug)]
pub struct Cause {
    /// `entered`, `imported`, `confirmed`, `visited`, `called`.
    pub by: &'static str,
    /// In the writer's words.
    pub why: Option<String>,
    /// The import.
    pub batch: Option<String>,
}

/// What became of a draft.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A new record.
    Created(Box<Record>),
    /// A changed one.
    Changed(Box<Record>),
    /// It says what stood there already.
    Same(Box<Record>),
    /// It is refused.
    Refused(Vec<Problem>),
}

/// A record that is ready to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    /// As it will stand.
    pub record: Record,
    /// As it stood.
    pub before: Option<Record>,
}

impl Cause {
    /// Somebody entered it.
    pub fn entered(why: Option<String>) -> Self {
        Self { by: "entered", why, batch: None }
    }
}

/// An id nobody else has: it sorts by the time of making.
pub fn new_id(now: Instant) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut random = [0_u8; 4];
    // Without randomness the counter and the time still tell records of this process apart.
    let _ = getrandom::fill(&mut random);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let letters = |mut number: u64, length: usize| {
        let mut text = vec![b'0'; length];
        for letter in text.iter_mut().rev() {
            *letter = LETTERS[(number % 32) as usize];
            number /= 32;
        }
        String::from_utf8(text).unwrap_or_default()
    };
    let millis = u64::try_from(now.0 / 1_000).unwrap_or_default();
    let random = u64::from(u32::from_le_bytes(random));
    format!("r{}{}{}", letters(millis, 9), letters(u64::from(count), 4), letters(random, 4))
}

/// Looks at a draft: what is missing, wrong, or contradicts itself. `before` is the record it changes.
///
/// # Errors
/// Everything that is wrong with it.
pub fn prepare(
    catalog: &Catalog,
    kind: &Kind,
    draft: Draft,
    before: Option<&Record>,
    cause: &Cause,
    by: &str,
    now: Instant,
) -> Result<Ready, Vec<Problem>> {
    let mut values = draft.values;
    let mut problems = value::check(catalog, kind, &mut values, day_of(now));
    let region = draft.region.or_else(|| before.map(|it| it.region.clone()));
    if region.is_none() {
        let (zh, en) = ("没有填所在区划（街道、社区或区划代码）", "the region is missing");
        problems.push(Problem::new("required", zh, en).field("区划"));
    }
    problems.extend(misplaced(kind, draft.place.as_ref()));
    let (Some(region), true) = (region, problems.is_empty()) else { return Err(problems) };
    let (mut fields, mut personal) = (value::Values::new(), value::Values::new());
    for field in &kind.fields {
        let Some(it) = values.remove(&field.id).filter(|it| !value::is_empty(it)) else { continue };
        let into = if field.personal.is_some() { &mut personal } else { &mut fields };
        into.insert(field.id.clone(), it);
    }
    // What another version of the pack put there stays.
    for (id, it) in before.iter().flat_map(|it| &it.fields) {
        if kind.field(id).is_none() {
            fields.insert(id.clone(), it.clone());
        }
    }
    let id = before.map_or_else(|| new_id(now), |it| it.id.clone());
    let said = |field: &str| fields.get(field).or_else(|| personal.get(field));
    let key: Option<Vec<String>> =
        kind.key.iter().map(|it| said(it).map(value::plain).filter(|it| !it.is_empty())).collect();
    let name = kind.field(&kind.name).and_then(|it| Some(value::words(catalog, it, said(&it.id)?, Lang::Zh)));
    let (longitude, latitude) = draft.place.as_ref().map(middle).unzip();
    let record = Record {
        subject: kind.is_personal().then(|| id.clone()),
        kind: kind.id.clone(),
        key: key.filter(|it| !it.is_empty()).map(|it| it.join("|")),
        region,
        name,
        fields,
        personal: (!personal.is_empty()).then_some(personal),
        longitude,
        latitude,
        geometry: draft.place.as_ref().filter(|it| !matches!(it, geo::Geometry::Point(_))).map(geojson),
        owner: draft.owner,
        verified_at: Some(now),
        verified_by: Some(cause.by.to_owned()),
        pack: kind.pack.clone(),
        batch: cause.batch.clone(),
        revision: before.map_or(1, |it| it.revision),
        created_at: before.map_or(now, |it| it.created_at),
        changed_at: now,
        changed_by: by.to_owned(),
        id,
    };
    Ok(Ready { record, before: before.cloned() })
}

/// Today in the world's zone.
pub fn day_of(now: Instant) -> Date {
    value::day(&now.wall()).unwrap_or(Date::MIN)
}

fn misplaced(kind: &Kind, place: Option<&geo::Geometry>) -> Option<Problem> {
    let refuse = |code: &str, zh: &str, en: &str| Some(Problem::new(code, zh, en).field("位置"));
    let Some(place) = place else {
        return if kind.placed {
            refuse("required", "没有填位置（经度、纬度）", "the place is missing")
        } else {
            None
        };
    };
    let wanted = match kind.place {
        Placing::None => return refuse("no_place", "这一类没有位置", "this kind has no place"),
        Placing::Any => return None,
        Placing::Point => matches!(place, geo::Geometry::Point(_)),
        Placing::Line => place.name().contains("Line"),
        Placing::Polygon => place.name().contains("Polygon"),
    };
    let (zh, en) = (
        format!("位置是 {}，这一类要的是 {}", place.name(), kind.place.name()),
        format!("the place is a {}, a {} is wanted", place.name(), kind.place.name()),
    );
    (!wanted).then(|| Problem::new("wrong_place", zh, en).field("位置"))
}

/// The point of a point; the middle of the bounds of anything else.
pub fn middle(place: &geo::Geometry) -> (f64, f64) {
    let (mut west, mut south, mut east, mut north) = (f64::MAX, f64::MAX, f64::MIN, f64::MIN);
    for it in place.positions() {
        (west, south) = (west.min(it.x), south.min(it.y));
        (east, north) = (east.max(it.x), north.max(it.y));
    }
    (f64::midpoint(west, east), f64::midpoint(south, north))
}

/// A geometry as GeoJSON.
pub fn geojson(place: &geo::Geometry) -> Json {
    let record = geo::Record { row: 1, properties: geo::Properties::new(), geometry: Some(place.clone()) };
    let written: Json = serde_json::from_str(&geo::geojson::write(&[record])).unwrap_or_default();
    written["features"][0]["geometry"].clone()
}

/// A stored place as a geometry.
pub fn place_of(record: &Record) -> Option<geo::Geometry> {
    match &record.geometry {
        Some(it) => of_geojson(it).ok(),
        None => Some(geo::Geometry::Point(geo::geo_types::Point::new(record.longitude?, record.latitude?))),
    }
}

/// Reads a GeoJSON geometry.
///
/// # Errors
/// What is wrong with it.
pub fn of_geojson(geometry: &Json) -> Result<geo::Geometry, Problem> {
    let feature = json!({"type": "Feature", "properties": {}, "geometry": geometry});
    let mut layer = geo::geojson::read(feature.to_string().as_bytes(), geo::Order::LongitudeLatitude)?;
    if let Some(problem) = layer.refused.pop() {
        return Err(problem);
    }
    let nothing = || Problem::new("no_place", "没有位置", "there is no geometry").field("位置");
    layer.records.pop().and_then(|it| it.geometry).ok_or_else(nothing)
}

/// Writes a prepared record if it says anything new.
///
/// # Errors
/// `Stale` when somebody changed it meanwhile; what the store says.
pub fn write(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    kind: &Kind,
    ready: Ready,
    cause: &Cause,
) -> Result<Outcome, StoreError> {
    let taken = taken(tx, kind, std::slice::from_ref(&ready))?;
    if let Some(problem) = taken.into_values().next() {
        return Ok(Outcome::Refused(vec![problem]));
    }
    let outcome = put(tx, ready, cause)?;
    match &outcome {
        Outcome::Created(record) | Outcome::Changed(record) => index(tx, catalog, kind, &[record])?,
        Outcome::Same(_) | Outcome::Refused(_) => {}
    }
    Ok(outcome)
}

/// Writes many of one kind: those whose key or unique value somebody else has are refused, by their place in `ready`.
///
/// # Errors
/// As [`write()`].
pub fn write_many(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    kind: &Kind,
    ready: Vec<Ready>,
    cause: &Cause,
) -> Result<Vec<Outcome>, StoreError> {
    let mut taken = taken(tx, kind, &ready)?;
    let mut outcomes = Vec::with_capacity(ready.len());
    for (at, it) in ready.into_iter().enumerate() {
        outcomes.push(match taken.remove(&at) {
            Some(problem) => Outcome::Refused(vec![problem]),
            None => put(tx, it, cause)?,
        });
    }
    let written: Vec<&Record> = outcomes
        .iter()
        .filter_map(|it| match it {
            Outcome::Created(record) | Outcome::Changed(record) => Some(&**record),
            _ => None,
        })
        .collect();
    index(tx, catalog, kind, &written)?;
    Ok(outcomes)
}

fn put(tx: &mut Tx<'_>, ready: Ready, cause: &Cause) -> Result<Outcome, StoreError> {
    let Ready { mut record, before } = ready;
    let detail = json!({"kind": record.kind, "why": cause.why, "batch": cause.batch});
    let Some(before) = before else {
        if !tx.insert(&record)? {
            return Err(StoreError::Stale(record.id));
        }
        let name = if cause.batch.is_some() { "record.imported" } else { "record.created" };
        tx.record(Event::new(name, &record.id).region(&record.region).pack(&record.pack).detail(detail))?;
        return Ok(Outcome::Created(Box::new(record)));
    };
    if says_the_same(&before, &record) {
        return Ok(Outcome::Same(Box::new(before)));
    }
    if tx.advance(&record)? == Advanced::Stale {
        return Err(StoreError::Stale(record.id));
    }
    record.revision += 1;
    if before.region != record.region {
        move_files(tx, &record)?;
    }
    let name = if cause.batch.is_some() { "record.imported" } else { "record.changed" };
    tx.record(Event::new(name, &record.id).region(&record.region).pack(&record.pack).detail(detail))?;
    Ok(Outcome::Changed(Box::new(record)))
}

/// Files lie where their record lies; whoever moves a record covers both places.
fn move_files(tx: &mut Tx<'_>, record: &Record) -> Result<(), StoreError> {
    for it in tx.find::<super::Attachment>("record = $1", "ORDER BY id", params![&record.id])? {
        tx.put(&super::Attachment { region: record.region.clone(), ..it })?;
    }
    Ok(())
}

/// Whether two records differ in nothing but when and by whom they were written.
pub(crate) fn says_the_same(before: &Record, after: &Record) -> bool {
    let plain = |it: &Record| Record {
        verified_at: None,
        verified_by: None,
        batch: None,
        pack: String::new(),
        changed_at: Instant(0),
        changed_by: String::new(),
        ..it.clone()
    };
    plain(before) == plain(after)
}

/// Which of these would take a key or a unique value that another record has, or another of these.
pub(crate) fn taken(tx: &mut Tx<'_>, kind: &Kind, ready: &[Ready]) -> Result<BTreeMap<usize, Problem>, StoreError> {
    let mut found = BTreeMap::new();
    let titles = |fields: &[String], lang: Lang| {
        let titles: Vec<_> = fields.iter().filter_map(|it| Some(kind.field(it)?.title.get(lang).to_owned())).collect();
        titles.join(lang.pick("、", ", "))
    };
    let words = |fields: &[String], shown: &str, own: bool| {
        let (zh, en) = (titles(fields, Lang::Zh), titles(fields, Lang::En));
        let where_zh = if own { "本次提交里出现了两次" } else { "已有另一条记录用了" };
        let where_en = if own { "stands twice in what was sent" } else { "belongs to another record" };
        Problem::new("taken", format!("{zh}“{shown}”{where_zh}"), format!("{en} {shown:?} {where_en}")).field(zh)
    };
    let mut unique: Vec<(Option<&Field>, Vec<String>)> = vec![(None, kind.key.clone())];
    unique.extend(kind.fields.iter().filter(|it| it.unique).map(|it| (Some(it), vec![it.id.clone()])));
    for (field, ids) in unique.iter().filter(|it| !it.1.is_empty()) {
        let said = |it: &Record| match field {
            None => it.key.clone(),
            Some(field) => it.fields.get(&field.id).map(value::plain),
        };
        let hidden = ids.iter().any(|it| kind.field(it).is_some_and(|it| it.personal.is_some()));
        let shown = |it: &str| if hidden { Personal::Other.masked(it) } else { it.to_owned() };
        let mut seen = BTreeSet::new();
        let asked: Vec<String> = ready.iter().filter_map(|it| said(&it.record)).collect();
        let holders = holders(tx, kind, *field, &asked)?;
        for (at, it) in ready.iter().enumerate() {
            let Some(text) = said(&it.record) else { continue };
            if holders.get(&text).is_some_and(|holder| *holder != it.record.id) {
                found.entry(at).or_insert_with(|| words(ids, &shown(&text), false));
            } else if !seen.insert(text.clone()) {
                found.entry(at).or_insert_with(|| words(ids, &shown(&text), true));
            }
        }
    }
    Ok(found)
}

/// Who has these keys, or these values of a unique field; a key is unique wherever a record lies.
fn holders(
    tx: &mut Tx<'_>,
    kind: &Kind,
    field: Option<&Field>,
    asked: &[String],
) -> Result<BTreeMap<String, String>, StoreError> {
    let mut found = BTreeMap::new();
    for asked in asked.chunks(500) {
        let mut values = vec![Value::from(kind.id.as_str())];
        values.extend(field.map(|it| Value::from(it.id.as_str())));
        let first = values.len();
        values.extend(asked.iter().map(Value::from));
        let places: Vec<_> = (first..values.len()).map(|it| format!("${}", it + 1)).collect();
        let places = places.join(", ");
        let sql = match field {
            None => format!("SELECT key, id FROM record WHERE kind = $1 AND key IN ({places})"),
            Some(_) => {
                format!("SELECT text, record FROM record_value WHERE kind = $1 AND field = $2 AND text IN ({places})")
            }
        };
        for row in tx.query_everywhere(&sql, &values)? {
            found.insert(row.text(0)?, row.text(1)?);
        }
    }
    Ok(found)
}

/// Removes a record with what was kept beside it.
///
/// # Errors
/// What the store says.
pub fn remove(tx: &mut Tx<'_>, record: &Record, why: &str, event: &'static str) -> Result<bool, StoreError> {
    if !tx.delete::<Record>(&record.id)? {
        return Ok(false);
    }
    for attachment in tx.find::<super::Attachment>("record = $1", "", params![&record.id])? {
        tx.delete::<super::Attachment>(&attachment.id)?;
    }
    crate::duties::forget_record(tx, &record.id)?;
    forget(tx, &record.id)?;
    tx.record(Event::new(event, &record.id).region(&record.region).detail(json!({"kind": record.kind, "why": why})))?;
    Ok(true)
}

/// Confirms that a record still holds (核实).
///
/// # Errors
/// What the store says.
pub fn verify(tx: &mut Tx<'_>, record: &Record, by: &'static str) -> Result<(), StoreError> {
    let now = tx.now();
    let fresh = Record { verified_at: Some(now), verified_by: Some(by.to_owned()), ..record.clone() };
    if tx.advance(&fresh)? == Advanced::Stale {
        return Err(StoreError::Stale(record.id.clone()));
    }
    tx.record(Event::new("record.verified", &record.id).region(&record.region).detail(json!({"by": by})))
}

fn forget(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    tx.execute_unjournaled("DELETE FROM record_value WHERE record = $1", params![id])?;
    find::remove(tx, id)
}

/// Puts records where lists and the one box look.
///
/// # Errors
/// What the store says.
pub fn index(tx: &mut Tx<'_>, catalog: &Catalog, kind: &Kind, records: &[&Record]) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    for chunk in records.chunks(500) {
        let old: Vec<Value> = chunk.iter().map(|it| Value::from(&it.id)).collect();
        let places: Vec<_> = (1..=old.len()).map(|it| format!("${it}")).collect();
        let sql = format!("DELETE FROM record_value WHERE record IN ({})", places.join(", "));
        tx.execute_unjournaled(&sql, &old)?;
    }
    let rows: Vec<[Value; 6]> = records.iter().flat_map(|it| value_rows(kind, it)).collect();
    for chunk in rows.chunks(200) {
        let place = |row: usize| {
            let places: Vec<_> = (1..=6).map(|it| format!("${}", row * 6 + it)).collect();
            format!("({})", places.join(", "))
        };
        let places: Vec<_> = (0..chunk.len()).map(place).collect();
        let sql =
            format!("INSERT INTO record_value(kind, field, text, number, region, record) VALUES {}", places.join(", "));
        tx.execute_unjournaled(&sql, &chunk.concat())?;
    }
    let entries: Vec<Words<'_>> = records.iter().map(|it| words_of(catalog, kind, it)).collect();
    let entries: Vec<find::Entry<'_>> = entries.iter().map(Words::entry).collect();
    find::put_many(tx, &entries)
}

/// Puts what is stored where lists and the one box look, after a restore or an upgrade.
pub fn filler(register: &Arc<Register>) -> find::Filler {
    let register = Arc::clone(register);
    Arc::new(move |tx, after, most| {
        let catalog = register.catalog();
        let records = tx.find::<Record>("id > $1", "ORDER BY id LIMIT $2", params![after, most])?;
        for kind in catalog.kinds() {
            let own: Vec<&Record> = records.iter().filter(|it| it.kind == kind.id).collect();
            index(tx, &catalog, kind, &own)?;
        }
        Ok(records.last().map(|it| it.id.clone()))
    })
}

fn value_rows(kind: &Kind, record: &Record) -> Vec<[Value; 6]> {
    let indexed = kind.fields.iter().filter(|it| it.is_indexed() && it.personal.is_none());
    let rows = indexed.flat_map(|field| {
        let value = record.fields.get(&field.id).unwrap_or(&Json::Null);
        let mut said = value::every(value);
        said.sort_by_key(|it| it.to_string());
        said.dedup();
        said.into_iter().map(|it| {
            [
                Value::from(kind.id.as_str()),
                Value::from(field.id.as_str()),
                Value::from(value::plain(it)),
                it.as_f64().map_or(Value::Null, Value::from),
                Value::from(&record.region),
                Value::from(&record.id),
            ]
        })
    });
    rows.collect()
}

/// What the one box knows a record by, with the texts it points to.
struct Words<'a> {
    record: &'a Record,
    title: &'a str,
    detail: String,
    texts: Vec<(&'a Field, String)>,
    personal: bool,
}

fn words_of<'a>(catalog: &Catalog, kind: &'a Kind, record: &'a Record) -> Words<'a> {
    let mut texts = Vec::new();
    for field in kind.fields.iter().filter(|it| it.search) {
        for it in record.value(&field.id).map(value::every).unwrap_or_default() {
            texts.push((field, value::words(catalog, field, it, Lang::Zh)));
        }
    }
    let plain = texts.iter().filter(|it| it.0.personal.is_none() && it.0.id != kind.name).map(|it| it.1.as_str());
    let detail = plain.take(2).collect::<Vec<_>>().join(" · ");
    Words { record, title: record.name.as_deref().unwrap_or_default(), detail, texts, personal: kind.is_personal() }
}

impl Words<'_> {
    fn entry(&self) -> find::Entry<'_> {
        let mut words = vec![find::Word::Name(self.title)];
        for (field, text) in &self.texts {
            words.push(match (&field.sort, field.format, field.personal) {
                (_, Some(Format::Phone), _) | (_, _, Some(Personal::Phone)) => find::Word::Phone(text),
                (_, Some(Format::Plate), _) => find::Word::Plate(text),
                (_, Some(Format::CreditCode | Format::IdNumber), _) | (_, _, Some(Personal::IdNumber)) => {
                    find::Word::Code(text)
                }
                (_, _, Some(Personal::Address)) => find::Word::Address(text),
                (Sort::Text(false), ..) if text.is_ascii() => find::Word::Code(text),
                (_, _, Some(Personal::Name)) => find::Word::Name(text),
                _ => find::Word::Text(text),
            });
        }
        find::Entry {
            subject: &self.record.id,
            kind: &self.record.kind,
            region: &self.record.region,
            title: self.title,
            detail: &self.detail,
            words,
            personal: self.personal,
        }
    }
}
