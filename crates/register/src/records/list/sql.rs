//! The statements of lists. Indexes are chosen here: a column written `c || ''` or `+c` is kept from choosing one.

use anlan_codecs::geo;
use anlan_kernel::{Instant, Problem, RegionCode};
use anlan_store::{Row, StoreError, Tx, Value, params};

use super::{
    WORK,
    ask::{Asked, Fresh, Test},
};
use crate::{find, kinds::Kind, records::write, store::Where};

/// Records that words are looked for among; the nearest of them.
pub const FOUND: usize = 2_000;
/// Values that are looked up one by one in the index of values.
const FEW_VALUES: usize = 20;
/// Records in a shape that a list shows.
const TOUCHING: usize = 20_000;

/// What decides which records are meant, ready to be put into statements.
pub(super) struct Plan<'a> {
    pub kind: &'a Kind,
    pub asked: &'a Asked,
    /// What the words of the question found.
    found: Option<Vec<String>>,
    /// Verified before this counts no longer.
    since: Option<Instant>,
    /// The condition that is looked up first; without one, the records themselves.
    drive: Option<usize>,
    /// How many that one holds, as far as they were counted.
    pub rows: i64,
}

impl<'a> Plan<'a> {
    /// Looks up the words, and counts nothing.
    pub fn plain(tx: &mut Tx<'_>, kind: &'a Kind, asked: &'a Asked) -> Result<Self, StoreError> {
        let found = found(tx, kind, asked)?;
        let now = tx.now();
        let since = kind.verify_every.map(|it| Instant(now.0 - i64::try_from(it.as_micros()).unwrap_or(i64::MAX)));
        Ok(Self { kind, asked, found, since, drive: None, rows: 0 })
    }

    /// Counts what each condition holds, up to `most`, and drives by the least of them.
    pub fn of(tx: &mut Tx<'_>, kind: &'a Kind, asked: &'a Asked, most: i64) -> Result<Self, StoreError> {
        let mut this = Self::plain(tx, kind, asked)?;
        if this.is_narrow() {
            return Ok(this);
        }
        let drivable =
            (0..asked.tests.len()).filter(|it| !matches!(asked.tests[*it].1, Test::Among { none: true, .. }));
        let mut least = None;
        for at in drivable {
            let rows = this.rows_of(tx, Some(at), most)?;
            if least.is_none_or(|it: (i64, usize)| rows < it.0) {
                least = Some((rows, at));
            }
        }
        (this.rows, this.drive) = match least {
            Some((rows, at)) => (rows, Some(at)),
            None if asked.tests.is_empty() => (0, None),
            None => (this.rows_of(tx, None, most)?, None),
        };
        Ok(this)
    }

    /// Whether an index leads straight to what may be meant.
    pub fn is_narrow(&self) -> bool {
        self.found.is_some() || self.asked.batch.is_some() || self.asked.owner.is_some()
    }

    /// Whether one look in an index says how many there are.
    pub fn is_plain(&self) -> bool {
        match self.drive {
            Some(_) => self.asked.tests.len() == 1 && self.asked.fresh.is_none(),
            None => self.asked.tests.is_empty(),
        }
    }

    /// Whether everything that may be meant can be looked at one by one.
    pub fn is_workable(&self) -> bool {
        self.is_narrow() || self.rows <= WORK
    }

    fn rows_of(&self, tx: &mut Tx<'_>, test: Option<usize>, most: i64) -> Result<i64, StoreError> {
        let mut by = Where::default();
        let from = match test {
            Some(at) => self.of_value(&mut by, at),
            None => {
                let kind = by.bind(self.kind.id.as_str());
                format!("SELECT 1 FROM record r WHERE r.kind = {kind} AND {{scope:r.region}}")
            }
        };
        let most = by.bind(most + 1);
        first_int(tx, &["SELECT COUNT(*) FROM (", &from, " LIMIT ", &most, ") n"].concat(), &by.values)
    }

    /// Ids of records that one condition holds for, inside the region asked for.
    fn of_value(&self, by: &mut Where, at: usize) -> String {
        let (field, test) = &self.asked.tests[at];
        let (kind, field) = (by.bind(self.kind.id.as_str()), by.bind(field.as_str()));
        let test = holds(by, "d", test);
        let region = self.asked.region.as_ref().map_or_else(String::new, |it| inside(by, "d.region", it));
        format!(
            "SELECT d.record FROM record_value d
              WHERE d.kind = {kind} AND d.field = {field} AND {test}{region} AND {{scope:d.region}}"
        )
    }

    /// Ids of all that is meant, by the driving condition; one id may come twice where a field has several values.
    pub fn ids(&self, by: &mut Where) -> String {
        let Some(at) = self.drive else { return self.of_records(by) };
        let head = self.of_value(by, at);
        let rest = self.probes(by, "d.record", Some(at));
        let fresh = self.fresh(by, "f", false).map_or_else(String::new, |it| {
            format!(" AND EXISTS (SELECT 1 FROM record f WHERE f.id = d.record{it} AND {{scope:f.region}})")
        });
        head + &rest + &fresh
    }

    /// Whether [`Plan::ids`] may name a record twice.
    pub fn may_repeat(&self) -> bool {
        let Some(at) = self.drive else { return false };
        self.kind.field(&self.asked.tests[at].0).is_some_and(|it| it.many)
    }

    fn of_records(&self, by: &mut Where) -> String {
        let (asked, kind) = (self.asked, by.bind(self.kind.id.as_str()));
        // Where ids or an import lead to the records, no other index is the better way.
        let named = self.found.is_some() || asked.batch.is_some();
        let kind = if named { format!("r.kind || '' = {kind}") } else { format!("r.kind = {kind}") };
        let region = if self.is_narrow() || asked.fresh.is_some() { "r.region || ''" } else { "r.region" };
        let mut rest = String::new();
        if let Some(found) = &self.found {
            rest += &format!(" AND {}", among(by, "r.id", found));
        }
        for (column, value) in [("r.batch", &asked.batch), ("r.owner", &asked.owner)] {
            if let Some(value) = value {
                rest += &format!(" AND {column} = {}", by.bind(value));
            }
        }
        if let Some(it) = &asked.region {
            rest += &inside(by, region, it);
        }
        rest += &self.fresh(by, "r", self.is_narrow()).unwrap_or_default();
        rest += &self.probes(by, "r.id", None);
        format!("SELECT r.id FROM record r WHERE {kind} AND {{scope:{region}}}{rest}")
    }

    /// All conditions on a record `r` that is walked past in some order, beginning with AND; its region does not choose
    /// an index unless `by_region`.
    pub fn filters(&self, by: &mut Where, by_region: bool) -> String {
        let region = if by_region { "r.region" } else { "r.region || ''" };
        let mut rest = self.asked.region.as_ref().map_or_else(String::new, |it| inside(by, region, it));
        rest += &self.fresh(by, "r", true).unwrap_or_default();
        rest + &self.probes(by, "r.id", None)
    }

    /// The conditions that a walk along the values `s` of one field looks up for each record.
    pub fn filters_of_value(&self, by: &mut Where) -> String {
        let mut rest = self.asked.region.as_ref().map_or_else(String::new, |it| inside(by, "s.region", it));
        if let Some(it) = self.fresh(by, "f", false) {
            rest += &format!(" AND EXISTS (SELECT 1 FROM record f WHERE f.id = s.record{it} AND {{scope:f.region}})");
        }
        rest + &self.probes(by, "s.record", None)
    }

    fn fresh(&self, by: &mut Where, alias: &str, walked: bool) -> Option<String> {
        let fresh = self.asked.fresh?;
        let column = format!("{}{alias}.verified_at", if walked { "+" } else { "" });
        Some(match (fresh, self.since) {
            (Fresh::Fresh, Some(since)) => format!(" AND {column} >= {}", by.bind(since)),
            (Fresh::Fresh, None) => format!(" AND {column} IS NOT NULL"),
            (Fresh::Due, Some(since)) => format!(" AND ({column} < {} OR {column} IS NULL)", by.bind(since)),
            (Fresh::Due | Fresh::Never, _) => format!(" AND {column} IS NULL"),
        })
    }

    /// The conditions on fields of the record with this id, but for the one that drives.
    fn probes(&self, by: &mut Where, id: &str, but: Option<usize>) -> String {
        let others = self.asked.tests.iter().enumerate().filter(|it| Some(it.0) != but);
        others.map(|(_, (field, test))| format!(" AND {}", probe(by, &self.kind.id, field, test, id))).collect()
    }

    /// Everything that is meant, as a condition on records under this alias.
    pub fn condition(&self, by: &mut Where, alias: &str) -> String {
        let kind = by.bind(self.kind.id.as_str());
        let mut rest = format!("{alias}.kind = {kind}");
        if let Some(found) = &self.found {
            rest += &format!(" AND {}", among(by, &format!("{alias}.id"), found));
        }
        for (column, value) in [("batch", &self.asked.batch), ("owner", &self.asked.owner)] {
            if let Some(value) = value {
                rest += &format!(" AND {alias}.{column} = {}", by.bind(value));
            }
        }
        if let Some(it) = &self.asked.region {
            rest += &inside(by, &format!("{alias}.region"), it);
        }
        rest += &self.fresh(by, alias, false).unwrap_or_default();
        rest + &self.probes(by, &format!("{alias}.id"), None)
    }
}

impl Asked {
    /// What is meant as a condition on the table `record` under this alias, its values numbered from `$1`; nothing of it
    /// is text of a request. The caller adds `{scope:alias.region}`.
    ///
    /// # Errors
    /// What the engine says.
    pub fn condition(&self, tx: &mut Tx<'_>, kind: &Kind, alias: &str) -> Result<(String, Vec<Value>), StoreError> {
        let plan = Plan::plain(tx, kind, self)?;
        let mut by = Where::default();
        let text = plan.condition(&mut by, alias);
        Ok((text, by.values))
    }
}

/// What the words of the question find.
fn found(tx: &mut Tx<'_>, kind: &Kind, asked: &Asked) -> Result<Option<Vec<String>>, StoreError> {
    let touching = asked.shape.as_deref().map(|it| touching(tx, kind, it)).transpose()?;
    let named = named(tx, kind, asked)?;
    Ok(match (touching, named) {
        (Some(touching), Some(named)) => {
            let touching: std::collections::BTreeSet<String> = touching.into_iter().collect();
            Some(named.into_iter().filter(|it| touching.contains(it)).collect())
        }
        (one, other) => one.or(other),
    })
}

/// Ids of whatever touches a shape.
fn touching(tx: &mut Tx<'_>, kind: &Kind, shape: &str) -> Result<Vec<String>, StoreError> {
    let area = crate::map::shape_of(shape)?;
    let (low, high) = area.bounds();
    // What is no point may reach into the shape from a middle that lies outside of it.
    let sql = "SELECT r.id, r.longitude, r.latitude, r.geometry FROM record r
                WHERE r.kind = $1 AND {scope:r.region} AND r.longitude IS NOT NULL
                  AND (r.geometry IS NOT NULL OR (r.longitude BETWEEN $2 AND $3 AND r.latitude BETWEEN $4 AND $5))";
    let values = params![kind.id.as_str(), low.x, high.x, low.y, high.y];
    let mut found = Vec::new();
    for row in tx.query(sql, values)? {
        let place = match row.opt(3, Row::text)? {
            Some(geometry) => write::of_geojson(&serde_json::from_str(&geometry)?).ok(),
            None => Some(geo::Geometry::Point(geo::geo_types::Point::new(row.real(1)?, row.real(2)?))),
        };
        if place.is_some_and(|it| area.touches(&it)) {
            found.push(row.text(0)?);
        }
    }
    if found.len() > TOUCHING {
        let (zh, en) = (
            format!("范围内有 {} 条，超过 {TOUCHING} 条；请缩小范围", found.len()),
            format!("{} lie in the shape, more than {TOUCHING}: draw a smaller one", found.len()),
        );
        return Err(Problem::new("bad_shape", zh, en).field("in").into());
    }
    Ok(found)
}

fn named(tx: &mut Tx<'_>, kind: &Kind, asked: &Asked) -> Result<Option<Vec<String>>, StoreError> {
    if asked.q.is_empty() {
        return Ok(None);
    }
    let kinds = [kind.id.as_str()];
    let ask = find::Ask { text: &asked.q, kinds: Some(&kinds), without: &[], most: FOUND, clear: asked.clear };
    Ok(Some(find::search(tx, &ask)?.into_iter().map(|it| it.subject).collect()))
}

/// The region is this one or lies in it; begins with AND.
fn inside(by: &mut Where, column: &str, region: &RegionCode) -> String {
    let (from, until) = (by.bind(region), by.bind(region.until()));
    format!(" AND {column} >= {from} AND {column} < {until}")
}

/// The column is one of these.
pub(super) fn among<'s>(by: &mut Where, column: &str, values: impl IntoIterator<Item = &'s String>) -> String {
    let places: Vec<_> = values.into_iter().map(|it| by.bind(it)).collect();
    if places.is_empty() { "1 = 0".to_owned() } else { format!("{column} IN ({})", places.join(", ")) }
}

/// A condition on a row of values under this alias.
fn holds(by: &mut Where, alias: &str, test: &Test) -> String {
    let range = |column: &str, min: Option<String>, max: Option<String>| {
        let min = min.map(|it| format!("{alias}.{column} >= {it}"));
        let max = max.map(|it| format!("{alias}.{column} <= {it}"));
        let both: Vec<_> = min.into_iter().chain(max).collect();
        if both.is_empty() { format!("{alias}.{column} IS NOT NULL") } else { both.join(" AND ") }
    };
    match test {
        Test::Among { meant, .. } => among(by, &format!("{alias}.text"), meant),
        Test::Numbers(min, max) => {
            let (min, max) = (min.map(|it| by.bind(it)), max.map(|it| by.bind(it)));
            range("number", min, max)
        }
        Test::Between { meant: [min, max], .. } => {
            let (min, max) = (min.as_ref().map(|it| by.bind(it)), max.as_ref().map(|it| by.bind(it)));
            range("text", min, max)
        }
    }
}

/// A condition on a field of the record with this id.
fn probe(by: &mut Where, kind: &str, field: &str, test: &Test, id: &str) -> String {
    let own = |by: &mut Where| {
        let field = by.bind(field);
        format!("SELECT 1 FROM record_value v WHERE v.record = {id} AND v.field || '' = {field}")
    };
    let has = |by: &mut Where, meant: usize| {
        if meant == 0 || meant > FEW_VALUES {
            let own = own(by);
            return format!("EXISTS ({own} AND {})", holds(by, "v", test));
        }
        let (kind, field) = (by.bind(kind), by.bind(field));
        let test = holds(by, "v", test);
        format!(
            "EXISTS (SELECT 1 FROM record_value v
               WHERE v.kind = {kind} AND v.field = {field} AND {test} AND v.record = {id})"
        )
    };
    match test {
        Test::Among { meant, none: true, .. } if meant.is_empty() => format!("NOT EXISTS ({})", own(by)),
        Test::Among { meant, none: true, .. } => format!("({} OR NOT EXISTS ({}))", has(by, meant.len()), own(by)),
        Test::Among { meant, .. } => has(by, meant.len()),
        _ => has(by, 0),
    }
}

pub(super) fn first_int(tx: &mut Tx<'_>, sql: &str, values: &[Value]) -> Result<i64, StoreError> {
    tx.query(sql, values)?.first().map_or(Ok(0), |it| it.int(0))
}
