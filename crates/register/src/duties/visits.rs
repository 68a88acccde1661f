//! 高风险点包干: who leads, who was there, and which points nobody visited for longer than they may wait.

use std::{collections::HashMap, time::Duration};

use anlan_kernel::{Instant, RegionCode};
use anlan_store::{Event, Row, StoreError, Tx, params};
use serde_json::{Value as Json, json};

use super::{boards::no_record, model::Visit, reach};
use crate::{
    kinds::{Catalog, Kind, Sort, value},
    model::Person,
    records::{
        Record,
        write::{self, day_of, new_id},
    },
};

/// The field with the days between two visits.
const INTERVAL: &str = "visit_days";
/// The field with the day of the last visit, where the kind has one.
const LAST: &str = "last_visit";
/// What has a day here is treated and visited no more.
const CLOSED: &str = "closed_on";
/// Letters of a note.
pub const NOTE: usize = 1_000;
const DAY: u64 = 86_400;

/// A thing that is visited at intervals.
#[derive(Clone, Debug)]
pub struct Point {
    /// The record.
    pub record: Record,
    /// Who leads: the ids of what its kind calls responsible.
    pub leaders: Vec<String>,
    /// Days between two visits; `None` where nobody said.
    pub every: Option<i64>,
    /// When somebody was there last.
    pub last: Option<Instant>,
    /// Since how many days a visit is overdue; `None` where it is not.
    pub overdue: Option<i64>,
}

/// How many points there are, and how they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Coverage {
    /// All that are not closed.
    pub points: usize,
    /// With a leader.
    pub led: usize,
    /// With an interval.
    pub planned: usize,
    /// Visited within their interval.
    pub visited: usize,
    /// Overdue.
    pub overdue: usize,
}

/// What somebody says of a visit.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Who was there, where it is another than the leader.
    pub person: Option<String>,
    /// What was found.
    pub note: String,
    /// A photograph: an attachment of the record.
    pub photo: Option<String>,
}

/// Whether things of the kind are visited at intervals.
pub fn is_visited(kind: &Kind) -> bool {
    kind.responsible.is_some() && kind.field(INTERVAL).is_some_and(|it| it.sort == Sort::Number)
}

/// Days since a visit was due, from the last one or from when the thing was made; `None` where none is due.
pub fn overdue(every: Option<i64>, since: Instant, now: Instant) -> Option<i64> {
    let days = u64::try_from(every?).ok().filter(|it| *it > 0)?;
    let due = since.plus(Duration::from_secs(days * DAY));
    (now > due).then(|| i64::try_from(now.since(due).as_secs() / DAY).unwrap_or(i64::MAX))
}

/// Every point that is not closed, those overdue longest first.
///
/// # Errors
/// What the engine says.
pub fn points(tx: &mut Tx<'_>, catalog: &Catalog) -> Result<Vec<Point>, StoreError> {
    let (now, visits) = (tx.now(), last_visits(tx)?);
    let mut points = Vec::new();
    for kind in catalog.kinds().filter(|it| is_visited(it)) {
        for record in tx.find::<Record>("kind = $1", "ORDER BY id", params![kind.id.as_str()])? {
            if record.value(CLOSED).is_none_or(value::is_empty) {
                points.push(point(kind, record, &visits, now));
            }
        }
    }
    points.sort_by(|a, b| (b.overdue, a.record.title()).cmp(&(a.overdue, b.record.title())));
    Ok(points)
}

fn point(kind: &Kind, record: Record, visits: &HashMap<String, Instant>, now: Instant) -> Point {
    let said = kind.responsible.as_deref().and_then(|it| record.value(it));
    let leaders =
        said.map(value::every).unwrap_or_default().into_iter().map(value::plain).filter(|it| !it.is_empty()).collect();
    let noted = record.value(LAST).and_then(Json::as_str).and_then(start_of);
    let last = visits.get(&record.id).copied().max(noted);
    let every = record.value(INTERVAL).and_then(Json::as_f64).map(|it| it as i64).filter(|it| *it > 0);
    let overdue = overdue(every, last.unwrap_or(record.created_at), now);
    Point { leaders, every, last, overdue, record }
}

fn start_of(day: &str) -> Option<Instant> {
    Instant::parse(&format!("{day}T00:00:00+08:00")).ok()
}

fn last_visits(tx: &mut Tx<'_>) -> Result<HashMap<String, Instant>, StoreError> {
    let sql = "SELECT v.record, MAX(v.at) FROM visit v WHERE {scope:v.region} GROUP BY v.record";
    tx.query(sql, &[])?.iter().map(|row: &Row| Ok((row.text(0)?, row.instant(1)?))).collect()
}

/// How the points stand together. A point without a leader, or without an interval, is covered by nobody.
pub fn coverage(points: &[Point]) -> Coverage {
    Coverage {
        points: points.len(),
        led: points.iter().filter(|it| !it.leaders.is_empty()).count(),
        planned: points.iter().filter(|it| it.every.is_some()).count(),
        visited: points.iter().filter(|it| it.every.is_some() && it.last.is_some() && it.overdue.is_none()).count(),
        overdue: points.iter().filter(|it| it.overdue.is_some()).count(),
    }
}

/// Notes a visit of today: the record is fresh, its day of the last visit follows, and whoever was there was reached.
///
/// # Errors
/// `no_such_record`, `no_such_person`; `Stale`; what the store says.
pub fn note(tx: &mut Tx<'_>, catalog: &Catalog, id: &str, said: &Said) -> Result<Visit, StoreError> {
    let record = tx.get::<Record>(id)?.ok_or_else(no_record)?;
    let person = match said.person.as_deref().filter(|it| !it.is_empty()) {
        Some(it) => Some(tx.get::<Person>(it)?.ok_or_else(no_person)?.id),
        None => None,
    };
    let (now, note) = (tx.now(), said.note.trim());
    let visit = Visit {
        id: new_id(now).replacen('r', "v", 1),
        record: record.id.clone(),
        region: record.region.clone(),
        person,
        actor: tx.actor().name.clone(),
        at: now,
        note: (!note.is_empty()).then(|| note.chars().take(NOTE).collect()),
        photo: said.photo.clone(),
    };
    tx.put(&visit)?;
    tx.record(Event::new("visit.noted", &record.id).region(&record.region).detail(json!({"visit": visit.id})))?;
    renew(tx, catalog, record)?;
    if let Some(person) = &visit.person {
        reach::reached(tx, person, "visit", now)?;
    }
    Ok(visit)
}

/// The record was visited: its freshness, and the day of the last visit where it has that field.
fn renew(tx: &mut Tx<'_>, catalog: &Catalog, mut record: Record) -> Result<(), StoreError> {
    let Some(kind) = catalog.kind(&record.kind) else { return write::verify(tx, &record, "visited") };
    let now = tx.now();
    let dated = kind.field(LAST).filter(|it| it.sort == Sort::Date && it.personal.is_none());
    if dated.is_some() {
        record.fields.insert(LAST.to_owned(), Json::String(now.wall()[..10].to_owned()));
        let mut all = record.values();
        value::compute(kind, &mut all, day_of(now));
        for field in kind.fields.iter().filter(|it| it.computed.is_some() && it.personal.is_none()) {
            match all.remove(&field.id) {
                Some(it) => record.fields.insert(field.id.clone(), it),
                None => record.fields.remove(&field.id),
            };
        }
        // Changed by hand: undoing the import that brought it leaves it.
        record.batch = None;
        (record.changed_at, record.changed_by) = (now, tx.actor().name.clone());
    }
    write::verify(tx, &record, "visited")?;
    if dated.is_some() {
        record.revision += 1;
        write::index(tx, catalog, kind, &[&record])?;
    }
    Ok(())
}

/// Visits of a record, latest first.
///
/// # Errors
/// What the engine says.
pub fn of_record(tx: &mut Tx<'_>, record: &str) -> Result<Vec<Visit>, StoreError> {
    tx.find("record = $1", "ORDER BY at DESC, id LIMIT 100", params![record])
}

fn no_person() -> StoreError {
    let (zh, en) = ("没有这个人，或不在您的责任区内", "there is no such person, or they belong outside your duty area");
    anlan_kernel::Problem::new("no_such_person", zh, en).field("person").into()
}

/// Regions of points, for the filter of the list.
pub fn regions(points: &[Point]) -> Vec<RegionCode> {
    let mut codes: Vec<_> = points.iter().filter_map(|it| it.record.region.street()).collect();
    codes.sort();
    codes.dedup();
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_is_overdue_the_moment_its_interval_is_over() {
        let (start, day) = (Instant::from_secs(1_693_540_800), |it: u64| Duration::from_secs(it * DAY));
        for (every, passed, want) in [
            (Some(30), day(29), None),
            (Some(30), day(30), None),
            (Some(30), day(30) + Duration::from_secs(1), Some(0)),
            (Some(30), day(33), Some(3)),
            (None, day(900), None),
            (Some(0), day(900), None),
        ] {
            assert_eq!(overdue(every, start, start.plus(passed)), want, "{every:?} {passed:?}");
        }
    }
}
