//! Tables whose every change goes through the journal.

use anlan_kernel::{Instant, RegionCode};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Number, Value as Json};

use crate::{Row, StoreError, Value};

/// What a column holds; decides how JSON and SQL turn into each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// TEXT.
    Text,
    /// BIGINT.
    Int,
    /// DOUBLE PRECISION.
    Real,
    /// BIGINT holding 0 or 1.
    Bool,
    /// BIGINT holding microseconds UTC.
    Time,
    /// TEXT holding JSON.
    Json,
}

/// A journaled table: its name, columns, key, and what is special about some of them.
#[derive(Debug)]
pub struct Table {
    /// SQL name; the same noun as the type, the URL and the event.
    pub name: &'static str,
    /// Every column, in order, with its kind. Field names of the record equal column names.
    pub columns: &'static [(&'static str, Kind)],
    /// The key column (TEXT).
    pub key: &'static str,
    /// The column with the region code, where records lie in regions.
    pub region: Option<&'static str>,
    /// Columns with personal data: sealed in the journal under the key of the person named by `person`.
    pub sealed: &'static [&'static str],
    /// The column naming the person (data subject) of the sealed columns.
    pub person: Option<&'static str>,
}

/// A row of a journaled table. Its serde fields are the table's columns, no more and no fewer.
/// A record with an i64 field `revision` can be advanced under optimistic concurrency.
pub trait Record: Serialize + DeserializeOwned {
    /// The table.
    const TABLE: &'static Table;
}

/// Declares the journaled table of a record type beside it.
///
/// `table!(Call, CALL, "call", region: "region", sealed: ["note"] of "callee", { id: Text, region: Text, note: Text });`
/// names type, static, SQL name, the region column where there is one, the sealed columns with the column that
/// names their person, and every column with its [`Kind`](crate::Kind). The key is `id` unless `key:` says otherwise.
#[macro_export]
macro_rules! table {
    (@option) => { None };
    (@option $given:literal) => { Some($given) };
    (@key) => { "id" };
    (@key $given:literal) => { $given };
    ($type:ty, $static:ident, $name:literal
     $(, key: $key:literal)? $(, region: $region:literal)? $(, sealed: [$($sealed:literal),+] of $person:literal)?,
     { $($column:ident: $kind:ident),* $(,)? }) => {
        pub(crate) static $static: $crate::Table = $crate::Table {
            name: $name,
            columns: &[$((stringify!($column), $crate::Kind::$kind)),*],
            key: $crate::table!(@key $($key)?),
            region: $crate::table!(@option $($region)?),
            sealed: &[$($($sealed),+)?],
            person: $crate::table!(@option $($person)?),
        };
        impl $crate::Record for $type {
            const TABLE: &'static $crate::Table = &$static;
        }
    };
}

impl Table {
    /// Its columns, as a SELECT names them.
    pub fn column_list(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// The record as a JSON object with one member per column.
    pub(crate) fn to_json(&self, record: &impl Serialize) -> Result<Map<String, Json>, StoreError> {
        match serde_json::to_value(record)? {
            Json::Object(map) if map.len() == self.columns.len() => Ok(map),
            Json::Object(map) => Err(StoreError::Shape(format!(
                "{}: {} fields for {} columns ({:?})",
                self.name,
                map.len(),
                self.columns.len(),
                map.keys().collect::<Vec<_>>()
            ))),
            _ => Err(StoreError::Shape(format!("{}: a record is not an object", self.name))),
        }
    }

    /// SQL values in column order.
    pub(crate) fn to_values(&self, map: &Map<String, Json>) -> Result<Vec<Value>, StoreError> {
        self.columns
            .iter()
            .map(|(name, kind)| {
                let json = map
                    .get(*name)
                    .ok_or_else(|| StoreError::Shape(format!("{}.{name} is missing from the record", self.name)))?;
                to_sql(*kind, json)
                    .ok_or_else(|| StoreError::Shape(format!("{}.{name}: {json} is no {kind:?}", self.name)))
            })
            .collect()
    }

    /// The JSON object of a row selected with [`Table::column_list`].
    pub(crate) fn row_to_json(&self, row: &Row) -> Result<Map<String, Json>, StoreError> {
        self.columns
            .iter()
            .zip(&row.0)
            .map(|((name, kind), value)| {
                to_json(*kind, value)
                    .map(|json| ((*name).to_owned(), json))
                    .ok_or_else(|| StoreError::Shape(format!("{}.{name}: {value:?} is no {kind:?}", self.name)))
            })
            .collect()
    }

    /// The record of a row that was read with [`Table::column_list`].
    ///
    /// # Errors
    /// [`StoreError::Shape`] when a value is of another kind than its column.
    pub fn row_to_record<R: Record>(&self, row: &Row) -> Result<R, StoreError> {
        Ok(serde_json::from_value(Json::Object(self.row_to_json(row)?))?)
    }

    pub(crate) fn region_of(&self, map: &Map<String, Json>) -> Result<Option<RegionCode>, StoreError> {
        let Some(column) = self.region else { return Ok(None) };
        match map.get(column) {
            Some(Json::String(code)) => {
                RegionCode::parse(code).map(Some).map_err(|it| StoreError::Shape(format!("{}: {it}", self.name)))
            }
            other => Err(StoreError::Shape(format!("{}.{column} is {other:?}", self.name))),
        }
    }
}

/// Whether a table is made from others and can be made again: named `derived_…`, not journaled, left out of backups.
pub(crate) fn is_derived(name: &str) -> bool {
    name.starts_with("derived_")
}

fn to_sql(kind: Kind, json: &Json) -> Option<Value> {
    Some(match (kind, json) {
        (_, Json::Null) => Value::Null,
        (Kind::Json, it) => Value::Text(it.to_string()),
        (Kind::Text, Json::String(it)) => Value::Text(it.clone()),
        (Kind::Int, Json::Number(it)) => Value::Int(it.as_i64()?),
        (Kind::Real, Json::Number(it)) => Value::Real(it.as_f64()?),
        (Kind::Bool, Json::Bool(it)) => Value::Int(i64::from(*it)),
        (Kind::Time, Json::String(it)) => Value::Int(Instant::parse(it).ok()?.0),
        _ => return None,
    })
}

fn to_json(kind: Kind, value: &Value) -> Option<Json> {
    Some(match (kind, value) {
        (_, Value::Null) => Json::Null,
        (Kind::Json, Value::Text(it)) => serde_json::from_str(it).ok()?,
        (Kind::Text, Value::Text(it)) => Json::String(it.clone()),
        (Kind::Int, Value::Int(it)) => Json::Number((*it).into()),
        (Kind::Real, Value::Real(it)) => Json::Number(Number::from_f64(*it)?),
        (Kind::Real, Value::Int(it)) => Json::Number(Number::from_f64(*it as f64)?),
        (Kind::Bool, Value::Int(it)) => Json::Bool(*it != 0),
        (Kind::Time, Value::Int(it)) => Json::String(Instant(*it).to_rfc3339()),
        _ => return None,
    })
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Result<Vec<u8>, StoreError> {
    STANDARD.decode(text).map_err(|it| StoreError::Shape(it.to_string()))
}
