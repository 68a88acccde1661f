//! The columns in which records leave, and what stands in them: whatever they say can be dropped again and says the same.

use anlan_kernel::{Instant, Lang};
use serde_json::Value as Json;

use super::target::{Means, has};
use crate::{
    kinds::{Catalog, Field, Kind, Placing, Sort, value},
    records::{Record, list::Reader, refs::Names, write::place_of},
};

/// What parts several values of a field; none of them may stand in one.
const BETWEEN: [char; 6] = [';', '；', '、', ',', '，', '\n'];

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its title.
    pub title: String,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Field(usize),
    Region,
    RegionName,
    Owner,
    Longitude,
    Latitude,
    Datum,
    Shape,
    Verified,
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Nothing.
    Blank,
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
}

/// The columns of a kind that this reader sees. `places`: with longitude, latitude and shape.
pub fn columns(kind: &Kind, reader: &Reader, lang: Lang, places: bool) -> Vec<Column> {
    let own = kind.fields.iter().enumerate().filter(|(_, it)| it.in_sheets() && reader.sees(it));
    let mut found: Vec<Column> =
        own.map(|(at, it)| Column { title: it.heading(lang), what: What::Field(at) }).collect();
    let mut add = |zh: &str, en: &str, what| found.push(Column { title: lang.pick(zh, en).to_owned(), what });
    add("区划代码", "Region code", What::Region);
    add("区划名称", "Name of the region", What::RegionName);
    add("责任单位", "Organisation in charge", What::Owner);
    if places && has(kind, Means::Datum) {
        add("经度", "Longitude", What::Longitude);
        add("纬度", "Latitude", What::Latitude);
        add("坐标系", "Datum", What::Datum);
        if kind.place != Placing::Point {
            add("图形（GeoJSON）", "Shape (GeoJSON)", What::Shape);
        }
    }
    add("核实时间", "Verified", What::Verified);
    found
}

/// What a record says, column by column.
pub fn row(
    columns: &[Column],
    catalog: &Catalog,
    kind: &Kind,
    reader: &Reader,
    lang: Lang,
    names: &Names,
    record: &Record,
) -> Vec<Content> {
    let text = |it: String| if it.is_empty() { Content::Blank } else { Content::Text(it) };
    // A shape says itself where it lies; a point beside it would be another place.
    let point = |it: Option<f64>| it.filter(|_| record.geometry.is_none()).map_or(Content::Blank, Content::Number);
    let one = |it: &Column| match it.what {
        What::Field(at) => {
            let field = &kind.fields[at];
            record.value(&field.id).map_or(Content::Blank, |it| cell(catalog, field, reader, lang, names, it))
        }
        What::Region => text(record.region.to_string()),
        What::RegionName => text(names.region(record.region.as_str())),
        What::Owner => text(record.owner.as_deref().map(|it| names.unit(it)).unwrap_or_default()),
        What::Longitude => point(record.longitude),
        What::Latitude => point(record.latitude),
        What::Datum => text(if record.longitude.is_some() { "WGS-84".to_owned() } else { String::new() }),
        What::Shape => text(
            record
                .geometry
                .as_ref()
                .map(Json::to_string)
                .filter(|it| it.len() <= super::workbook::CELL_LENGTH)
                .unwrap_or_default(),
        ),
        What::Verified => text(record.verified_at.map(minute).unwrap_or_default()),
    };
    columns.iter().map(one).collect()
}

fn minute(at: Instant) -> String {
    at.wall()[..16].to_owned()
}

fn cell(catalog: &Catalog, field: &Field, reader: &Reader, lang: Lang, names: &Names, value: &Json) -> Content {
    let text = match (&field.sort, value) {
        (Sort::Number | Sort::Money, Json::Number(it)) if field.personal.is_none() => {
            return it.as_f64().map_or(Content::Blank, Content::Number);
        }
        (Sort::Choice(list), _) => {
            let list = catalog.list(list);
            let word = |it: &Json| {
                let code = it.as_str().unwrap_or_default();
                let words = list.map_or(code, |it| it.words(code, lang));
                let certain =
                    list.is_some_and(|it| it.meant(words) == Some(code)) && !(field.many && words.contains(BETWEEN));
                (if certain { words } else { code }).to_owned()
            };
            value::every(value).into_iter().map(word).collect::<Vec<_>>().join("；")
        }
        (Sort::Time, Json::String(it)) => {
            Instant::parse(it).map_or_else(|_| it.clone(), |it| it.wall()[..19].replace('T', " "))
        }
        _ => names.words(catalog, field, value, lang),
    };
    let text = match field.personal {
        Some(it) if !reader.clear && !text.is_empty() => it.masked(&text),
        _ => text,
    };
    if text.is_empty() { Content::Blank } else { Content::Text(text) }
}

/// Where a record is, for files of places.
pub fn place(record: &Record) -> Option<anlan_codecs::geo::Geometry> {
    place_of(record)
}
