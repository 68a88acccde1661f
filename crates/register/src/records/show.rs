//! Records as somebody may see them.

use anlan_kernel::{Instant, Lang};
use serde_json::{Map, Value as Json, json};

use super::{Record, list::Reader, refs::Names};
use crate::kinds::{
    Catalog, Field, Kind,
    model::Personal,
    value::{self, Values},
};

/// A field of a record on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What stands there.
    pub words: String,
    /// Whether more of it is shown after a journaled look.
    pub masked: bool,
}

/// Whether the reader sees only a mask of it; names are read by whoever may look at them.
pub fn is_masked(field: &Field, reader: &Reader) -> bool {
    match field.personal {
        None => false,
        Some(Personal::Name) => !reader.clear,
        Some(_) => true,
    }
}

/// A field's value on the screen; `None` where there is none or the reader does not see the field.
pub fn cell(
    catalog: &Catalog,
    names: &Names,
    field: &Field,
    record: &Record,
    reader: &Reader,
    lang: Lang,
) -> Option<Cell> {
    let value = record.value(&field.id).filter(|it| !value::is_empty(it) && reader.sees(field))?;
    let words = names.words(catalog, field, value, lang);
    match field.personal.filter(|_| is_masked(field, reader)) {
        Some(personal) => Some(Cell { words: personal.masked(&words), masked: true }),
        None => Some(Cell { words, masked: false }),
    }
}

/// What names a record, as the reader may see it.
pub fn title(kind: &Kind, record: &Record, reader: &Reader) -> String {
    let masked = kind.field(&kind.name).filter(|it| is_masked(it, reader)).and_then(|it| it.personal);
    match (&record.name, masked) {
        (Some(name), Some(personal)) => personal.masked(name),
        (Some(name), None) => name.clone(),
        (None, _) => record.id.clone(),
    }
}

/// Fields as a program reads them, and the ids of those that are masked.
pub fn fields(kind: &Kind, values: &Values, reader: &Reader) -> (Values, Vec<String>) {
    let (mut shown, mut masked) = (Values::new(), Vec::new());
    for field in kind.fields.iter().filter(|it| reader.sees(it)) {
        let Some(value) = values.get(&field.id).filter(|it| !value::is_empty(it)) else { continue };
        match field.personal.filter(|_| is_masked(field, reader)) {
            Some(personal) => {
                shown.insert(field.id.clone(), mask(personal, value));
                masked.push(field.id.clone());
            }
            None => {
                shown.insert(field.id.clone(), value.clone());
            }
        }
    }
    (shown, masked)
}

/// A stored value behind its mask.
pub fn mask(personal: Personal, value: &Json) -> Json {
    match value {
        Json::Array(many) => Json::Array(many.iter().map(|it| mask(personal, it)).collect()),
        one => Json::String(personal.masked(&value::plain(one))),
    }
}

/// Whether the reader sees where it is: the place of somebody is personal data.
pub fn shows_place(kind: &Kind, reader: &Reader) -> bool {
    reader.clear || !kind.name_is_personal()
}

/// A record for a program.
pub fn json(kind: &Kind, record: &Record, reader: &Reader, now: Instant) -> Json {
    let (fields, masked) = fields(kind, &record.values(), reader);
    let mut body = Map::new();
    let place = Some(record).filter(|_| shows_place(kind, reader)).and_then(|it| it.longitude.zip(it.latitude));
    for (name, value) in [
        ("id", json!(record.id)),
        ("kind", json!(record.kind)),
        ("name", json!(title(kind, record, reader))),
        ("region", json!(record.region)),
        ("fields", json!(fields)),
        ("masked", json!(masked)),
        ("longitude", json!(place.map(|it| it.0))),
        ("latitude", json!(place.map(|it| it.1))),
        ("geometry", json!(place.and(record.geometry.as_ref()))),
        ("owner", json!(record.owner)),
        ("invented", json!(record.is_invented())),
        ("verified_at", json!(record.verified_at)),
        ("verified_by", json!(record.verified_by)),
        ("due", json!(is_due(kind, record, now))),
        ("pack", json!(record.pack)),
        ("batch", json!(record.batch)),
        ("revision", json!(record.revision)),
        ("created_at", json!(record.created_at)),
        ("changed_at", json!(record.changed_at)),
        ("changed_by", json!(record.changed_by)),
    ] {
        body.insert(name.to_owned(), value);
    }
    Json::Object(body)
}

/// Whether it was not verified for longer than its kind allows.
pub fn is_due(kind: &Kind, record: &Record, now: Instant) -> bool {
    match (record.verified_at, kind.verify_every) {
        (None, _) => true,
        (Some(at), Some(every)) => now.minus(every) > at,
        (Some(_), None) => false,
    }
}

/// By what a record was verified, in words.
pub fn verified_by(by: &str, lang: Lang) -> &'static str {
    match by {
        "entered" => lang.pick("录入", "entered"),
        "imported" => lang.pick("导入", "imported"),
        "confirmed" => lang.pick("核实", "confirmed"),
        "visited" => lang.pick("到访", "visited"),
        "called" => lang.pick("叫应", "called"),
        _ => "",
    }
}

/// Somebody who acts, by the log-in.
pub fn actor(name: &str) -> &str {
    name.split_once(':').map_or(name, |it| it.1)
}
