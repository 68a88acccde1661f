//! Counting, a page, all in chunks, sums and choices.

use std::collections::HashMap;

use anlan_store::{Row, StoreError, Tx};

use super::{
    COUNTED, WORK,
    ask::{Asked, Order},
    sql::{Plan, among, first_int},
};
use crate::{
    kinds::{Field, Kind},
    records::Record,
    store::Where,
};

/// Ids of one statement.
const IDS: usize = 500;
/// Values of a field that are offered.
const CHOICES: i64 = 300;

/// Where one way of reading gives way to another; the answers are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Up to so many, the records of a page are looked up and sorted; beyond, an index that has the order is walked.
    pub few: i64,
    /// The same for chunks, which go on in the order of ids.
    pub at_once: i64,
}

impl Limits {
    /// As measured on a million records.
    pub const USUAL: Self = Self { few: 10_000, at_once: 2_000 };
}

/// How many meet a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// So many.
    pub all: i64,
    /// And more.
    pub more: bool,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its records, in the order asked for.
    pub items: Vec<Record>,
    /// How many there are in all.
    pub counted: Counted,
    /// Which page it is, from 1.
    pub page: i64,
    /// How many pages there are.
    pub pages: i64,
}

/// A value of a field with how many have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// As it is stored.
    pub value: String,
    /// Records.
    pub count: i64,
}

/// How many meet the question inside the reader's duty areas.
///
/// # Errors
/// What the engine says.
pub fn count(tx: &mut Tx<'_>, kind: &Kind, asked: &Asked) -> Result<Counted, StoreError> {
    let plan = Plan::of(tx, kind, asked, WORK)?;
    counted(tx, &plan)
}

fn counted(tx: &mut Tx<'_>, plan: &Plan<'_>) -> Result<Counted, StoreError> {
    let mut by = Where::default();
    let which = plan.ids(&mut by);
    let distinct = if plan.may_repeat() { "DISTINCT " } else { "" };
    if plan.is_plain() || plan.is_workable() {
        let sql = which.replacen("SELECT d.record", &format!("SELECT COUNT({distinct}d.record)"), 1);
        let sql = sql.replacen("SELECT r.id", "SELECT COUNT(*)", 1);
        return Ok(Counted { all: first_int(tx, &sql, &by.values)?, more: false });
    }
    let which = which.replacen("SELECT ", &format!("SELECT {distinct}"), 1);
    let most = by.bind(COUNTED + 1);
    let all = first_int(tx, &["SELECT COUNT(*) FROM (", &which, " LIMIT ", &most, ") n"].concat(), &by.values)?;
    Ok(Counted { all: all.min(COUNTED), more: all > COUNTED })
}

/// The page asked for; the last one where it asks for a later one.
///
/// # Errors
/// What the engine says.
pub fn page(tx: &mut Tx<'_>, kind: &Kind, asked: &Asked) -> Result<Page, StoreError> {
    page_within(tx, kind, asked, Limits::USUAL)
}

/// [`page`] with limits of one's own.
///
/// # Errors
/// What the engine says.
pub fn page_within(tx: &mut Tx<'_>, kind: &Kind, asked: &Asked, limits: Limits) -> Result<Page, StoreError> {
    let plan = Plan::of(tx, kind, asked, WORK)?;
    let counted = counted(tx, &plan)?;
    let pages = ((counted.all + asked.size - 1) / asked.size).max(1);
    let page = asked.page.clamp(1, pages);
    let (from, most) = ((page - 1) * asked.size, asked.size);
    let few = !counted.more && (plan.is_narrow() || counted.all <= limits.few);
    let ids = if counted.all == 0 {
        Vec::new()
    } else if few {
        sorted(tx, &plan, from, most)?
    } else {
        walked(tx, &plan, from, most)?
    };
    Ok(Page { items: records(tx, &ids)?, counted, page, pages })
}

/// Of few records the part asked for: they are looked up and sorted.
fn sorted(tx: &mut Tx<'_>, plan: &Plan<'_>, from: i64, most: i64) -> Result<Vec<String>, StoreError> {
    let mut by = Where::default();
    let which = plan.ids(&mut by);
    let key = match &plan.asked.order {
        Order::Region => "r.region".to_owned(),
        Order::Name => "r.name".to_owned(),
        Order::Verified => "r.verified_at".to_owned(),
        Order::Changed => "r.changed_at".to_owned(),
        Order::Field(id) => {
            let column = column_of(plan.kind, id);
            let field = by.bind(id);
            format!("(SELECT MIN(v.{column}) FROM record_value v WHERE v.record = r.id AND v.field || '' = {field})")
        }
    };
    let way = way(plan.asked);
    let (most, from) = (by.bind(most), by.bind(from));
    let sql = format!(
        "SELECT id FROM (SELECT r.id AS id, {key} AS k FROM record r WHERE r.id IN ({which}) AND {{scope:r.region || ''}}) x
          ORDER BY k IS NULL, k{way}, id{way} LIMIT {most} OFFSET {from}"
    );
    texts(tx.query(&sql, &by.values)?)
}

/// Of many records the part asked for: an index that has the order is walked, first along those that have a value.
fn walked(tx: &mut Tx<'_>, plan: &Plan<'_>, from: i64, most: i64) -> Result<Vec<String>, StoreError> {
    let mut ids = Vec::new();
    let mut from = from;
    for part in parts(plan) {
        let left = most - i64::try_from(ids.len()).unwrap_or(most);
        if left == 0 {
            break;
        }
        let (mut by, before) = (part.by, ids.len());
        let (limit, offset) = (by.bind(left), by.bind(from));
        ids.extend(texts(
            tx.query(&format!("{}{} LIMIT {limit} OFFSET {offset}", part.which, part.order), &by.values)?,
        )?);
        if ids.len() > before {
            from = 0;
        } else if from > 0 {
            by.values.truncate(by.values.len() - 2);
            let held = first_int(tx, &["SELECT COUNT(*) FROM (", &part.which, ") n"].concat(), &by.values)?;
            from = (from - held).max(0);
        }
    }
    Ok(ids)
}

/// A stretch of a walk.
struct Part {
    by: Where,
    which: String,
    order: String,
}

fn parts(plan: &Plan<'_>) -> Vec<Part> {
    let (kind, way) = (plan.kind.id.as_str(), way(plan.asked));
    let along = |column: &str, only: &str| {
        let mut by = Where::default();
        let id = by.bind(kind);
        let by_region = column == "r.region";
        let scope = if by_region { "r.region" } else { "r.region || ''" };
        let rest = plan.filters(&mut by, by_region);
        let which = format!("SELECT r.id FROM record r WHERE r.kind = {id}{only} AND {{scope:{scope}}}{rest}");
        Part { by, which, order: format!(" ORDER BY {column}{way}, r.id{way}") }
    };
    match &plan.asked.order {
        Order::Region => vec![along("r.region", "")],
        Order::Changed => vec![along("r.changed_at", "")],
        Order::Name => vec![along("r.name", " AND r.name IS NOT NULL"), along("r.id", " AND r.name IS NULL")],
        Order::Verified => {
            vec![along("r.verified_at", " AND r.verified_at IS NOT NULL"), along("r.id", " AND r.verified_at IS NULL")]
        }
        Order::Field(field) => {
            let column = column_of(plan.kind, field);
            let mut by = Where::default();
            let (id, name) = (by.bind(kind), by.bind(field));
            let rest = plan.filters_of_value(&mut by);
            let which = format!(
                "SELECT s.record FROM record_value s
                  WHERE s.kind = {id} AND s.field = {name} AND s.{column} IS NOT NULL AND {{scope:s.region}}{rest}"
            );
            let with = Part { by, which, order: format!(" ORDER BY s.{column}{way}, s.record{way}") };
            let mut without = along("r.region", "");
            let name = without.by.bind(field);
            without.which += &format!(
                " AND NOT EXISTS (SELECT 1 FROM record_value v WHERE v.record = r.id AND v.field || '' = {name})"
            );
            vec![with, without]
        }
    }
}

fn column_of(kind: &Kind, field: &str) -> &'static str {
    if kind.field(field).is_some_and(Field::is_number) { "number" } else { "text" }
}

fn way(asked: &Asked) -> &'static str {
    if asked.descending { " DESC" } else { "" }
}

/// The next records in the order of ids, at most so many after this id; empty at the end. What is filtered comes whole,
/// one chunk after the other, at constant memory.
///
/// # Errors
/// What the engine says.
pub fn chunk(tx: &mut Tx<'_>, kind: &Kind, asked: &Asked, after: &str, most: usize) -> Result<Vec<Record>, StoreError> {
    let ids = ids(tx, kind, asked, after, most)?;
    records(tx, &ids)
}

/// The ids of [`chunk`].
///
/// # Errors
/// What the engine says.
pub fn ids(tx: &mut Tx<'_>, kind: &Kind, asked: &Asked, after: &str, most: usize) -> Result<Vec<String>, StoreError> {
    ids_within(tx, kind, asked, after, most, Limits::USUAL)
}

/// [`ids`] with limits of one's own.
///
/// # Errors
/// What the engine says.
pub fn ids_within(
    tx: &mut Tx<'_>,
    kind: &Kind,
    asked: &Asked,
    after: &str,
    most: usize,
    limits: Limits,
) -> Result<Vec<String>, StoreError> {
    let plan = Plan::of(tx, kind, asked, limits.at_once)?;
    let mut by = Where::default();
    let few = plan.is_narrow() || (!asked.tests.is_empty() && plan.rows <= limits.at_once);
    let which = if few {
        let which = plan.ids(&mut by);
        format!("SELECT r.id FROM record r WHERE r.id IN ({which}) AND {{scope:r.region || ''}}")
    } else {
        let id = by.bind(kind.id.as_str());
        let rest = plan.filters(&mut by, false);
        format!("SELECT r.id FROM record r WHERE r.kind = {id} AND {{scope:r.region || ''}}{rest}")
    };
    let (after, most) = (by.bind(after), by.bind(most));
    texts(tx.query(&format!("{which} AND r.id > {after} ORDER BY r.id LIMIT {most}"), &by.values)?)
}

/// Records by their ids, in this order; those outside the reader's duty areas are left out.
///
/// # Errors
/// What the engine says.
pub fn records(tx: &mut Tx<'_>, ids: &[String]) -> Result<Vec<Record>, StoreError> {
    let mut found = HashMap::new();
    for some in ids.chunks(IDS) {
        let mut by = Where::default();
        let which = among(&mut by, "id", some);
        let records: Vec<Record> = tx.find(&which, "", &by.values)?;
        found.extend(records.into_iter().map(|it| (it.id.clone(), it)));
    }
    Ok(ids.iter().filter_map(|it| found.remove(it)).collect())
}

/// Sums of the number fields over what is meant; `None` where that is too much to look at.
///
/// # Errors
/// What the engine says.
pub fn sums(
    tx: &mut Tx<'_>,
    kind: &Kind,
    asked: &Asked,
    fields: &[&Field],
    counted: Counted,
) -> Result<Option<HashMap<String, f64>>, StoreError> {
    if fields.is_empty() || counted.more || counted.all > WORK {
        return Ok(None);
    }
    let plan = Plan::of(tx, kind, asked, WORK)?;
    let mut by = Where::default();
    let names: Vec<String> = fields.iter().map(|it| it.id.clone()).collect();
    let which = if asked.is_narrowed() {
        let which = plan.ids(&mut by);
        format!("v.record IN ({which}) AND {}", among(&mut by, "v.field || ''", &names))
    } else {
        let id = by.bind(kind.id.as_str());
        format!("v.kind = {id} AND {}", among(&mut by, "v.field", &names))
    };
    let sql = format!(
        "SELECT v.field, SUM(v.number) FROM record_value v
          WHERE {which} AND v.number IS NOT NULL AND {{scope:v.region}} GROUP BY v.field"
    );
    let rows = tx.query(&sql, &by.values)?;
    rows.iter().map(|row| Ok((row.text(0)?, real(row, 1)))).collect::<Result<_, StoreError>>().map(Some)
}

/// The values of a field with how many of what is meant otherwise have each, most first; empty where that is too much to
/// look at.
///
/// # Errors
/// What the engine says.
pub fn choices(tx: &mut Tx<'_>, kind: &Kind, asked: &Asked, field: &Field) -> Result<Vec<Choice>, StoreError> {
    let others = asked.without(&format!("f.{}", field.id));
    let plan = Plan::of(tx, kind, &others, WORK)?;
    if !plan.is_plain() && !plan.is_workable() {
        return Ok(Vec::new());
    }
    let mut by = Where::default();
    let (id, name) = (by.bind(kind.id.as_str()), by.bind(field.id.as_str()));
    let rest = if others.is_narrowed() { format!(" AND v.record IN ({})", plan.ids(&mut by)) } else { String::new() };
    let most = by.bind(CHOICES);
    let sql = format!(
        "SELECT v.text, COUNT(*) AS n FROM record_value v
          WHERE v.kind = {id} AND v.field = {name} AND {{scope:v.region}}{rest}
          GROUP BY v.text ORDER BY n DESC, v.text LIMIT {most}"
    );
    let rows = tx.query(&sql, &by.values)?;
    rows.iter().map(|row| Ok(Choice { value: row.text(0)?, count: row.int(1)? })).collect()
}

pub(crate) fn real(row: &Row, index: usize) -> f64 {
    match row.0.get(index) {
        Some(anlan_store::Value::Real(it)) => *it,
        Some(anlan_store::Value::Int(it)) => *it as f64,
        _ => 0.0,
    }
}

fn texts(rows: Vec<Row>) -> Result<Vec<String>, StoreError> {
    rows.iter().map(|it| it.text(0)).collect()
}
