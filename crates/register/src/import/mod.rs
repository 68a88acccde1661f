//! Rosters in: csv (UTF-8 or GBK) and xlsx by column title. Every good row is taken, every other one
//! named with row and column.

mod geometry;
mod rows;
pub mod sheet;

use std::collections::HashMap;

use anlan_kernel::{Actor, Instant, Problem, RegionCode};
use anlan_store::{Event, Record, StoreError, Tx, Urgency, World};
use serde::Serialize;
use serde_json::json;

use crate::model::{Geometry, Organisation, Person, Place, Post, Region, Shift};
use rows::Known;
use sheet::Sheet;

/// Rows in one transaction.
const SLICE: usize = 500;

/// What became of a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Rows taken.
    pub taken: usize,
    /// Records that are new.
    pub new: usize,
    /// Records that changed.
    pub changed: usize,
    /// Records that stand as they stood.
    pub same: usize,
    /// Rows that were not taken, and why.
    pub problems: Vec<Problem>,
    /// Those rows in a sheet with their reasons, where there are any.
    #[serde(skip)]
    pub errors_xlsx: Option<Vec<u8>>,
}

/// One row, read and looked up.
pub(crate) enum Entry {
    Region(Region),
    Organisation(Organisation),
    Post(Person, Post),
    Shift(Shift),
    Place(Place),
    Geometry(Geometry),
}

/// Imports `people`, `regions`, `organisations`, `shifts`, `places`, or `geometry` (GeoJSON); with `dry_run` only says what would be.
/// Repeating an import changes nothing.
///
/// # Errors
/// `bad_kind`, `bad_sheet` (no known column titles), `not_a_table`; what the store says.
pub async fn run(
    world: &World,
    actor: &Actor,
    kind: &str,
    bytes: &[u8],
    file_name: &str,
    dry_run: bool,
) -> Result<Report, StoreError> {
    // Two imports at once would give out the same numbers.
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    if kind == "geometry" {
        let _one = ONE.lock().await;
        let known = world.read(actor, Known::load).await?;
        let (entries, problems) = geometry::read(bytes, &known)?;
        let report = Report { taken: entries.len(), problems, ..Report::default() };
        return keep(world, actor, kind, entries, dry_run, report).await;
    }
    let columns = rows::columns(kind).ok_or_else(|| {
        Problem::new(
            "bad_kind",
            format!("不能导入“{kind}”，可导入：people、regions、organisations、shifts、places、geometry、stations"),
            format!(
                "{kind:?} cannot be imported; people, regions, organisations, shifts, places, geometry and stations can"
            ),
        )
    })?;
    let sheet = sheet::read(bytes, file_name, columns)?;
    let _one = ONE.lock().await;
    let mut known = world.read(actor, Known::load).await?;
    let mut report = Report::default();
    let mut entries = Vec::new();
    for row in &sheet.rows {
        match rows::read(kind, row, &sheet, &mut known) {
            Ok(entry) => entries.push(entry),
            Err(problem) => report.problems.push(problem.row(row.number)),
        }
    }
    report.taken = entries.len();
    report.errors_xlsx = errors(&sheet, &report.problems)?;
    keep(world, actor, kind, entries, dry_run, report).await
}

/// Writes the entries in slices and counts what they did.
async fn keep(
    world: &World,
    actor: &Actor,
    kind: &str,
    entries: Vec<Entry>,
    dry_run: bool,
    mut report: Report,
) -> Result<Report, StoreError> {
    for slice in slices(entries) {
        let kind = kind.to_owned();
        let counted = if dry_run {
            world.read(actor, move |tx| store(tx, &slice, &kind, false)).await?
        } else {
            world.write("import", Urgency::Background, actor, move |tx| store(tx, &slice, &kind, true)).await?
        };
        report.new += counted[0];
        report.changed += counted[1];
        report.same += counted[2];
    }
    Ok(report)
}

fn slices(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut slices: Vec<Vec<Entry>> = Vec::new();
    for entry in entries {
        match slices.last_mut().filter(|it| it.len() < SLICE) {
            Some(slice) => slice.push(entry),
            None => slices.push(vec![entry]),
        }
    }
    slices
}

/// Writes what is new or changed; counts (new, changed, same).
fn store(tx: &mut Tx<'_>, entries: &[Entry], kind: &str, write: bool) -> Result<[usize; 3], StoreError> {
    let mut counted = [0; 3];
    for entry in entries {
        match entry {
            Entry::Region(it) => put(tx, it.code.as_str(), it, write, &mut counted)?,
            Entry::Organisation(it) => put(tx, &it.id, it, write, &mut counted)?,
            Entry::Shift(it) => put(tx, &it.id, it, write, &mut counted)?,
            Entry::Place(it) => put(tx, &it.id, it, write, &mut counted)?,
            Entry::Geometry(it) => put(tx, &it.id, it, write, &mut counted)?,
            Entry::Post(person, post) => {
                // Another node gave the same number to somebody else meanwhile.
                if tx.get::<Person>(&person.id)?.is_some_and(|it| it.name != person.name) {
                    return Err(StoreError::Stale(person.id.clone()));
                }
                let mut unseen = [0; 3];
                put(tx, &person.id, person, write, &mut unseen)?;
                put(tx, &post.id, post, write, &mut counted)?;
            }
        }
    }
    if write && counted[0] + counted[1] > 0 {
        let detail = json!({"kind": kind, "new": counted[0], "changed": counted[1]});
        tx.record(Event::new("register.imported", kind).detail(detail))?;
    }
    Ok(counted)
}

fn put<R: Record + PartialEq>(
    tx: &mut Tx<'_>,
    key: &str,
    record: &R,
    write: bool,
    counted: &mut [usize; 3],
) -> Result<(), StoreError> {
    let before = tx.get::<R>(key)?;
    let place = match &before {
        None => 0,
        Some(before) if before != record => 1,
        Some(_) => 2,
    };
    counted[place] += 1;
    if write && place < 2 {
        tx.put(record)?;
        // A person alone explains itself by the post that follows in the same transaction.
        tx.record(Event::new("register.changed", key))?;
    }
    Ok(())
}

/// The refused rows as they came, with a column that says why.
fn errors(sheet: &Sheet, problems: &[Problem]) -> Result<Option<Vec<u8>>, StoreError> {
    if problems.is_empty() {
        return Ok(None);
    }
    let reasons: HashMap<usize, &Problem> =
        problems.iter().filter_map(|it| it.place.row.map(|row| (row, it))).collect();
    let mut table = vec![sheet.titles.iter().cloned().chain(["错误原因".to_owned()]).collect::<Vec<_>>()];
    for row in &sheet.rows {
        if let Some(problem) = reasons.get(&row.number) {
            let mut cells = row.cells.clone();
            cells.resize(sheet.titles.len(), String::new());
            cells.push(problem.sentence(anlan_kernel::Lang::Zh));
            table.push(cells);
        }
    }
    crate::export::xlsx(&table).map(Some)
}

/// Until when a record without an end holds.
pub(crate) fn moment(text: &str) -> Option<Instant> {
    Instant::parse(text).ok()
}

/// A region code, or what is wrong with it.
pub(crate) fn region(text: &str, field: &str) -> Result<RegionCode, Problem> {
    RegionCode::parse(text).map_err(|_| {
        Problem::new(
            "bad_region",
            format!("区划代码“{text}”应为 2 至 18 位数字"),
            format!("{text:?} is not a division code: 2 to 18 digits"),
        )
        .field(field)
    })
}
