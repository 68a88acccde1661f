//! 透视: what a list holds, grouped by one or two axes, counted or summed. The same condition as the list's, so the
//! numbers are the list's, and each leads to the records behind it.

mod pages;

pub(super) use pages::{plain, routes};

use std::collections::{BTreeMap, HashMap};

use anlan_kernel::{Lang, Problem};
use anlan_store::{Row, StoreError, Tx};

use super::{
    Of,
    list::{self, Asked, EXACTLY, NONE, Test, real},
    refs::Names,
};
use crate::{
    kinds::{Field, Sort},
    store::Where,
};

/// Records that are grouped at once.
const WORK: i64 = 200_000;
/// Rows of a pivot.
const ROWS: usize = 1_000;
/// Columns of a pivot.
const COLUMNS: usize = 60;
/// Names of what a pivot asks for.
pub(crate) const NAMES: [&str; 3] = ["rows", "columns", "value"];

/// By what is grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    /// By the first so many digits of the region: 9 the street, 12 the community.
    Region(usize),
    /// By the values of a field; of a day, by its month.
    Field(String),
}

/// What is asked of a pivot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub rows: Axis,
    pub columns: Option<Axis>,
    /// The number field that is summed; without one, records are counted.
    pub sum: Option<String>,
}

/// One group along an axis; `None` where the records have no value.
pub(crate) type Key = Option<String>;

/// A count and a sum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Figure {
    pub count: i64,
    pub sum: f64,
}

/// A pivot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pivot {
    pub rows: Vec<Key>,
    pub columns: Vec<Key>,
    pub cells: BTreeMap<(Key, Key), Figure>,
    pub of_rows: BTreeMap<Key, Figure>,
    pub of_columns: BTreeMap<Key, Figure>,
    pub total: Figure,
    pub row_words: HashMap<Key, String>,
    pub column_words: HashMap<Key, String>,
}

/// The axes of an address.
pub(crate) fn axes_of(pairs: &[(String, String)]) -> Vec<(String, String)> {
    if pairs.iter().all(|it| it.0 != "rows") {
        return Vec::new();
    }
    pairs.iter().filter(|it| NAMES.contains(&it.0.as_str()) && !it.1.is_empty()).cloned().collect()
}

impl Axis {
    pub fn of(of: &Of, name: &str) -> Option<Self> {
        match name {
            "region" => Some(Self::Region(9)),
            "community" => Some(Self::Region(12)),
            _ => {
                let field = of.kind.field(name.strip_prefix("f.")?).filter(|it| is_axis(of, it))?;
                Some(Self::Field(field.id.clone()))
            }
        }
    }

    pub fn name(&self) -> String {
        match self {
            Self::Region(9) => "region".to_owned(),
            Self::Region(_) => "community".to_owned(),
            Self::Field(id) => format!("f.{id}"),
        }
    }

    pub fn words(&self, of: &Of, lang: Lang) -> String {
        match self {
            Self::Region(9) => lang.pick("街道", "Street").to_owned(),
            Self::Region(_) => lang.pick("社区", "Community").to_owned(),
            Self::Field(id) => of.kind.field(id).map_or(id.as_str(), |it| it.title.get(lang)).to_owned(),
        }
    }

    fn field<'a>(&self, of: &'a Of) -> Option<&'a Field> {
        match self {
            Self::Region(_) => None,
            Self::Field(id) => of.kind.field(id),
        }
    }
}

/// Whether a field groups: numbers and moments have too many values.
pub(crate) fn is_axis(of: &Of, field: &Field) -> bool {
    of.reader.filters(field) && !matches!(field.sort, Sort::Number | Sort::Money | Sort::Time)
}

impl Shape {
    /// # Errors
    /// `bad_axis`, `bad_value`.
    pub fn of(of: &Of, pairs: &[(String, String)]) -> Result<Self, Problem> {
        let given = |name: &str| pairs.iter().rev().find(|it| it.0 == name).map_or("", |it| it.1.as_str());
        let axis = |name: &str| {
            Axis::of(of, given(name)).ok_or_else(|| {
                let (zh, en) = (format!("不能按“{}”分组", given(name)), format!("{:?} is no axis", given(name)));
                Problem::new("bad_axis", zh, en).field(name.to_owned())
            })
        };
        let rows = if given("rows").is_empty() { Axis::Region(9) } else { axis("rows")? };
        let columns = if given("columns").is_empty() { None } else { Some(axis("columns")?) };
        let sum = match given("value") {
            "" | "count" => None,
            other => {
                let field = other.strip_prefix("sum:f.").and_then(|it| of.kind.field(it));
                let field = field.filter(|it| it.is_number() && of.reader.filters(it)).ok_or_else(|| {
                    Problem::new("bad_value", format!("不能汇总“{other}”"), format!("{other:?} cannot be summed"))
                        .field("value")
                })?;
                Some(field.id.clone())
            }
        };
        Ok(Self { columns: columns.filter(|it| *it != rows), rows, sum })
    }

    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = vec![("rows".to_owned(), self.rows.name())];
        pairs.extend(self.columns.iter().map(|it| ("columns".to_owned(), it.name())));
        pairs.extend(self.sum.iter().map(|it| ("value".to_owned(), format!("sum:f.{it}"))));
        pairs
    }
}

/// Groups what is filtered.
///
/// # Errors
/// `too_many` when there is too much to group; what the engine says.
pub(crate) fn read(tx: &mut Tx<'_>, of: &Of, asked: &Asked, shape: &Shape, lang: Lang) -> Result<Pivot, StoreError> {
    let counted = list::count(tx, &of.kind, asked)?;
    if counted.more || counted.all > WORK {
        let (zh, en) = ("记录太多，请先筛选到 20 万条以内", "there are too many records; narrow the filter to 200,000");
        return Err(Problem::new("too_many", zh, en).into());
    }
    let (rows, columns) = (&shape.rows, shape.columns.as_ref());
    let axes: Vec<&Axis> = std::iter::once(rows).chain(columns).collect();
    let mut pivot = Pivot::default();
    for (keys, figure) in group(tx, of, asked, shape, &axes)? {
        let mut keys = keys.into_iter();
        let (row, column) = (keys.next().flatten(), keys.next().flatten());
        pivot.cells.insert((row, column), figure);
    }
    // Where a record stands in several groups, sums of groups are no totals.
    let repeats = axes.iter().any(|it| it.field(of).is_some_and(|it| it.many));
    for ((row, column), figure) in &pivot.cells {
        add(pivot.of_rows.entry(row.clone()).or_default(), figure);
        add(pivot.of_columns.entry(column.clone()).or_default(), figure);
        add(&mut pivot.total, figure);
    }
    if repeats {
        let one = |all: Vec<(Vec<Key>, Figure)>| {
            all.into_iter().map(|it| (it.0.into_iter().next().flatten(), it.1)).collect()
        };
        pivot.of_rows = one(group(tx, of, asked, shape, &[rows])?);
        if let Some(columns) = columns {
            pivot.of_columns = one(group(tx, of, asked, shape, &[columns])?);
        }
        pivot.total = group(tx, of, asked, shape, &[])?.first().map(|it| it.1).unwrap_or_default();
    }
    (pivot.rows, pivot.row_words) = named(tx, of, rows, &pivot.of_rows, lang)?;
    if let Some(columns) = columns {
        (pivot.columns, pivot.column_words) = named(tx, of, columns, &pivot.of_columns, lang)?;
    }
    if pivot.columns.len() > COLUMNS || pivot.rows.len() > ROWS {
        let (zh, en) = ("分组太多，请换一个字段，或先筛选", "there are too many groups; take another field, or filter");
        return Err(Problem::new("too_many", zh, en).into());
    }
    Ok(pivot)
}

fn add(to: &mut Figure, figure: &Figure) {
    to.count += figure.count;
    to.sum += figure.sum;
}

fn group(
    tx: &mut Tx<'_>,
    of: &Of,
    asked: &Asked,
    shape: &Shape,
    axes: &[&Axis],
) -> Result<Vec<(Vec<Key>, Figure)>, StoreError> {
    let (condition, values) = asked.condition(tx, &of.kind, "r")?;
    let mut by = Where { text: String::new(), values };
    let (mut heads, mut joins) = (Vec::new(), String::new());
    let mut join = |by: &mut Where, alias: &str, field: &str| {
        let field = by.bind(field);
        joins += &format!(" LEFT JOIN record_value {alias} ON {alias}.record = r.id AND {alias}.field || '' = {field}");
    };
    for (axis, alias) in axes.iter().zip(["a", "b"]) {
        heads.push(match axis {
            Axis::Region(digits) => format!("SUBSTR(r.region, 1, {digits})"),
            Axis::Field(id) => {
                join(&mut by, alias, id);
                let is_day = of.kind.field(id).is_some_and(|it| it.sort == Sort::Date);
                if is_day { format!("SUBSTR({alias}.text, 1, 7)") } else { format!("{alias}.text") }
            }
        });
    }
    let sum = match &shape.sum {
        Some(field) => {
            join(&mut by, "n", field);
            "SUM(n.number)"
        }
        None => "NULL",
    };
    let repeats = axes.iter().any(|it| it.field(of).is_some_and(|it| it.many));
    heads.extend([if repeats { "COUNT(DISTINCT r.id)" } else { "COUNT(*)" }.to_owned(), sum.to_owned()]);
    let (heads, axes_) = (heads.join(", "), (1..=axes.len()).map(|it| it.to_string()).collect::<Vec<_>>().join(", "));
    let groups = if axes.is_empty() { String::new() } else { format!(" GROUP BY {axes_}") };
    let sql = format!("SELECT {heads} FROM record r{joins} WHERE {condition} AND {{scope:r.region}}{groups}");
    let rows = tx.query(&sql, &by.values)?;
    rows.iter()
        .map(|row| {
            let keys = (0..axes.len()).map(|at| row.opt(at, Row::text)).collect::<Result<Vec<_>, _>>()?;
            Ok((keys, Figure { count: row.int(axes.len())?, sum: real(row, axes.len() + 1) }))
        })
        .collect()
}

/// The groups of an axis in their order, with their words.
fn named(
    tx: &mut Tx<'_>,
    of: &Of,
    axis: &Axis,
    totals: &BTreeMap<Key, Figure>,
    lang: Lang,
) -> Result<(Vec<Key>, HashMap<Key, String>), StoreError> {
    let values: Vec<String> = totals.keys().flatten().cloned().collect();
    let field = axis.field(of);
    let names = match field {
        None => Names::of_regions(tx, values)?,
        Some(field) => Names::of_field(tx, &of.catalog, &of.reader, field, &values)?,
    };
    let words = |key: &str| match field {
        None => names.region(key),
        Some(field) if field.sort == Sort::Date => key.to_owned(),
        Some(field) => names.words(&of.catalog, field, &typed(field, key), lang),
    };
    let none = lang.pick("（未填）", "(none)").to_owned();
    let all = totals.keys().map(|it| (it.clone(), it.as_deref().map_or_else(|| none.clone(), words))).collect();
    let mut keys: Vec<Key> = totals.keys().cloned().collect();
    let place = |key: &Key| {
        let list = field.and_then(|it| of.catalog.list_of(it));
        list.and_then(|list| list.codes.iter().position(|it| Some(&it.code) == key.as_ref()))
    };
    match field.map(|it| &it.sort) {
        Some(Sort::Choice(_)) => keys.sort_by_key(|it| (it.is_none(), place(it), it.clone())),
        None | Some(Sort::Date | Sort::YesNo) => keys.sort_by_key(|it| (it.is_none(), it.clone())),
        Some(_) => keys.sort_by_key(|it| (it.is_none(), -totals[it].count, it.clone())),
    }
    Ok((keys, all))
}

/// A stored text as the value it was.
fn typed(field: &Field, text: &str) -> serde_json::Value {
    match field.sort {
        Sort::YesNo => serde_json::Value::Bool(text == "true"),
        _ => serde_json::Value::String(text.to_owned()),
    }
}

/// The conditions that lead from a group to its records; `None` where no list shows exactly those.
pub(crate) fn condition_of(of: &Of, asked: &Asked, axis: &Axis, key: &Key) -> Option<Vec<(String, String)>> {
    let pair = |name: String, value: String| Some(vec![(name, value)]);
    let id = match axis {
        Axis::Region(digits) => {
            let code = key.as_ref().filter(|it| it.len() == *digits)?;
            let narrower = asked.region.as_ref().map(ToString::to_string).filter(|it| it.starts_with(code.as_str()));
            return pair("region".to_owned(), narrower.unwrap_or_else(|| code.clone()));
        }
        Axis::Field(id) => id,
    };
    let field = of.kind.field(id)?;
    let test = asked.tests.iter().find(|it| it.0 == *id).map(|it| &it.1);
    match key {
        // What else such a record has to have stands in the same field.
        _ if field.many && test.is_some() => None,
        None => pair(format!("f.{id}"), NONE.to_owned()),
        Some(month) if field.sort == Sort::Date => {
            let first = crate::kinds::value::day(&format!("{month}-01"))?;
            let last = first.replace_day(time::util::days_in_month(first.month(), first.year())).ok()?;
            let (mut min, mut max) = (first.to_string(), last.to_string());
            if let Some(Test::Between { given: [from, until], .. }) = test {
                min = from.clone().map_or(min.clone(), |it| it.max(min));
                max = until.clone().map_or(max.clone(), |it| it.min(max));
            }
            Some(vec![(format!("f.{id}.min"), min), (format!("f.{id}.max"), max)])
        }
        Some(value) if value.contains(',') || value == NONE => None,
        Some(value) => {
            let wide = of.catalog.list_of(field).is_some_and(|it| it.below(value).len() > 1);
            pair(format!("f.{id}"), if wide { format!("{EXACTLY}{value}") } else { value.clone() })
        }
    }
}

/// The conditions of a list with those of groups put in their place.
pub(crate) fn narrowed(asked: &Asked, groups: &[Option<Vec<(String, String)>>]) -> Option<Vec<(String, String)>> {
    let mut pairs = asked.conditions();
    for group in groups {
        let group = group.as_ref()?;
        let base = |name: &str| name.trim_end_matches(".min").trim_end_matches(".max").to_owned();
        let own: Vec<String> = group.iter().map(|it| base(&it.0)).collect();
        pairs.retain(|it| !own.contains(&base(&it.0)));
        pairs.extend(group.iter().cloned());
    }
    Some(pairs)
}
