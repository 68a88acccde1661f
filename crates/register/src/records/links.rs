//! What points to a record.

use anlan_store::{StoreError, Tx, params};

use super::{Of, Record, list};
use crate::kinds::{Catalog, Field, Kind, Sort};

/// Records of one link that are named.
const NAMED: i64 = 20;

/// Records that point to another one by one of their fields.
#[derive(Clone, Debug)]
pub(crate) struct Pointing {
    pub kind: Kind,
    pub field: Field,
    pub count: i64,
    /// The first of them.
    pub records: Vec<Record>,
}

fn fields_to<'a>(catalog: &'a Catalog, kind: &'a str) -> impl Iterator<Item = (&'a Kind, &'a Field)> {
    catalog.kinds().flat_map(move |of| {
        let links = of.fields.iter().filter(move |it| it.sort == Sort::Link(kind.to_owned()) && it.personal.is_none());
        links.map(move |it| (of, it))
    })
}

/// What points to the record inside the reader's duty areas, by kind and field.
pub(crate) fn to(tx: &mut Tx<'_>, of: &Of, record: &Record) -> Result<Vec<Pointing>, StoreError> {
    let mut found = Vec::new();
    for (kind, field) in fields_to(&of.catalog, &record.kind).filter(|it| of.reader.sees(it.1)) {
        let values = params![kind.id.as_str(), field.id.as_str(), &record.id];
        let which = "v.kind = $1 AND v.field = $2 AND v.text = $3";
        let sql = format!("SELECT COUNT(*) FROM record_value v WHERE {which} AND {{scope:v.region}}");
        let count = tx.query(&sql, values)?.first().map_or(Ok(0), |it| it.int(0))?;
        if count == 0 {
            continue;
        }
        let sql = format!(
            "SELECT v.record FROM record_value v WHERE {which} AND {{scope:v.region}} ORDER BY v.record LIMIT {NAMED}"
        );
        let ids: Vec<String> = tx.query(&sql, values)?.iter().map(|it| it.text(0)).collect::<Result<_, _>>()?;
        let records = list::records(tx, &ids)?;
        found.push(Pointing { kind: kind.clone(), field: field.clone(), count, records });
    }
    Ok(found)
}

/// Whether anything points to the record, wherever it lies: it is not removed under what others see.
pub(crate) fn any_to(tx: &mut Tx<'_>, catalog: &Catalog, record: &Record) -> Result<bool, StoreError> {
    for (kind, field) in fields_to(catalog, &record.kind) {
        let sql = "SELECT 1 FROM record_value WHERE kind = $1 AND field = $2 AND text = $3 AND record <> $3 LIMIT 1";
        let rows = tx.query_everywhere(sql, params![kind.id.as_str(), field.id.as_str(), &record.id])?;
        if !rows.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
