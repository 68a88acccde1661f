//! Rosters in: csv (UTF-8 or GBK) and xlsx by column title. Every good row is taken, every other one
//! named with row and column.

pub mod book;
pub mod columns_page;
mod geometry;
pub mod heads;
pub mod matching;
pub mod remembered;
mod rows;
pub mod sheet;

use std::collections::HashMap;

use anlan_kernel::{Actor, Instant, Lang, Problem, RegionCode};
use anlan_store::{Event, Record, StoreError, Tx, Urgency, World};
use serde::Serialize;
use serde_json::json;

use crate::find;
use crate::model::{Geometry, Organisation, Person, Place, Post, Region, Shift};
use rows::Known;

/// Rows in one transaction.
const SLICE: usize = 500;
/// Two imports at once would give out the same numbers.
pub(crate) static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

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
    /// What to look at in rows that were taken: numbers that changed, and what the number check finds.
    pub notes: Vec<Problem>,
    /// Posts of the units in the file that stand in no row of it (文件中没有的岗位); they stay.
    pub missing: usize,
    /// Those rows in a sheet with their reasons, where there are any.
    #[serde(skip)]
    pub errors_xlsx: Option<Vec<u8>>,
}

/// One row, read and looked up.
pub(crate) enum Entry {
    Region(Region),
    Organisation(Organisation),
    /// With a note where the person's number changed.
    Post(Person, Post, Option<Box<Problem>>),
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
    let people = kind == "people";
    let looked = sheet.clone();
    let mut known = world
        .read(actor, move |tx| {
            let mut known = Known::load(tx)?;
            if people {
                known.prepare(tx, &looked)?;
            }
            Ok(known)
        })
        .await?;
    let mut report = Report::default();
    let (mut entries, mut first_rows) = (Vec::new(), HashMap::new());
    for row in &sheet.rows {
        match rows::read(kind, row, &sheet, &mut known) {
            Ok(entry) => {
                if let Entry::Post(person, _, note) = &entry {
                    report.notes.extend(note.as_deref().cloned().map(|it| it.row(row.number)));
                    first_rows.entry(person.id.clone()).or_insert(row.number);
                }
                entries.push(entry);
            }
            Err(problem) => report.problems.push(problem.row(row.number)),
        }
    }
    report.notes.extend(known.doubtful(&first_rows, &sheet.title("phone")));
    report.taken = entries.len();
    report.missing = known.missing(world.now());
    report.errors_xlsx = crate::export::errors(&sheet, &report.problems, Lang::Zh)?;
    keep(world, actor, kind, entries, dry_run, report).await
}

/// Posts read with what the register knows, and who they are.
#[derive(Default)]
pub(crate) struct Prepared {
    /// What would be written: regions and units that are new, then the posts.
    pub entries: Vec<Entry>,
    /// Rows that are not taken.
    pub problems: Vec<Problem>,
    /// What to look at in the others, and whom it is about.
    pub notes: Vec<(String, Problem)>,
    /// The first row of each person.
    pub first_rows: HashMap<String, usize>,
    /// Whether the register holds nobody yet.
    pub is_first: bool,
    /// Posts of the units in the sheet that stand in no row of it; they stay.
    pub missing: usize,
}

/// Reads posts in the importer's columns; a row several posts of which came from one row of a sheet is taken whole or not
/// at all. `regions` and `units` are made first where the register lacks them.
pub(crate) fn prepare(
    tx: &mut Tx<'_>,
    posts: &[sheet::Row],
    regions: &[Region],
    units: &[Organisation],
    title: &str,
) -> Result<Prepared, StoreError> {
    let mut known = Known::load(tx)?;
    let mut out = Prepared { is_first: known.is_empty(), ..Prepared::default() };
    let units: Vec<_> = units.iter().filter(|it| !known.has_unit(&it.name)).cloned().collect();
    known.expect(regions, &units);
    out.entries.extend(regions.iter().cloned().map(Entry::Region));
    out.entries.extend(units.into_iter().map(Entry::Organisation));
    let sheet = rows::people_sheet(posts);
    known.prepare(tx, &sheet)?;
    let mut at = 0;
    while at < sheet.rows.len() {
        let number = sheet.rows[at].number;
        let until = at + sheet.rows[at..].iter().take_while(|it| it.number == number).count();
        let read: Result<Vec<_>, _> =
            sheet.rows[at..until].iter().map(|it| rows::read("people", it, &sheet, &mut known)).collect();
        match read {
            Ok(entries) => entries.into_iter().for_each(|it| out.take(it, number)),
            Err(problem) => out.problems.push(problem.row(number)),
        }
        at = until;
    }
    for (row, it) in known.doubts(&out.first_rows) {
        let problem = Problem::new(it.kind, it.message.zh, it.message.en).field(title).row(row);
        out.notes.push((it.person.unwrap_or_default(), problem));
    }
    out.missing = known.missing(tx.now());
    Ok(out)
}

impl Prepared {
    fn take(&mut self, entry: Entry, row: usize) {
        if let Entry::Post(person, _, note) = &entry {
            self.notes.extend(note.as_deref().cloned().map(|it| (person.id.clone(), it.row(row))));
            self.first_rows.entry(person.id.clone()).or_insert(row);
        }
        self.entries.push(entry);
    }

    /// People and posts among the entries.
    pub fn posts(&self) -> impl Iterator<Item = (&Person, &Post)> {
        self.entries.iter().filter_map(|it| match it {
            Entry::Post(person, post, _) => Some((person, post)),
            _ => None,
        })
    }
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
pub(crate) fn store(tx: &mut Tx<'_>, entries: &[Entry], kind: &str, write: bool) -> Result<[usize; 3], StoreError> {
    let (mut counted, mut touched) = ([0; 3], find::Touched::default());
    for entry in entries {
        let became = match entry {
            Entry::Region(it) => put(tx, it.code.as_str(), it, write)?,
            Entry::Organisation(it) => put(tx, &it.id, it, write)?,
            Entry::Shift(it) => put(tx, &it.id, it, write)?,
            Entry::Place(it) => put(tx, &it.id, it, write)?,
            Entry::Geometry(it) => put(tx, &it.id, it, write)?,
            Entry::Post(person, post, note) => {
                // Another node gave the same number to somebody else meanwhile.
                if tx.get::<Person>(&person.id)?.is_some_and(|it| it.name != person.name) {
                    return Err(StoreError::Stale(person.id.clone()));
                }
                let holder = put(tx, &person.id, person, write)?;
                if write && note.is_some() && holder == Became::Changed {
                    tx.record(Event::new("person.renumbered", &person.id).region(&person.region))?;
                }
                match put(tx, &post.id, post, write)? {
                    Became::Same if holder == Became::Changed => Became::Changed,
                    became => became,
                }
            }
        };
        counted[became as usize] += 1;
        if write && became != Became::Same {
            touch(&mut touched, entry);
        }
    }
    find::refresh(tx, &touched)?;
    if write && counted[0] + counted[1] > 0 {
        let detail = json!({"kind": kind, "new": counted[0], "changed": counted[1]});
        tx.record(Event::new("register.imported", kind).detail(detail))?;
    }
    Ok(counted)
}

/// Notes what the index of [`find`] has to hear of.
fn touch(touched: &mut find::Touched, entry: &Entry) {
    match entry {
        Entry::Region(it) => drop(touched.regions.insert(it.code.to_string())),
        Entry::Organisation(it) => drop(touched.organisations.insert(it.id.clone())),
        Entry::Post(person, post, _) => {
            touched.people.insert(person.id.clone());
            touched.posts.insert(post.id.clone());
        }
        Entry::Shift(_) | Entry::Place(_) | Entry::Geometry(_) => (),
    }
}

/// What an import does to a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Became {
    New,
    Changed,
    Same,
}

fn put<R: Record + PartialEq>(tx: &mut Tx<'_>, key: &str, record: &R, write: bool) -> Result<Became, StoreError> {
    let became = match tx.get::<R>(key)? {
        None => Became::New,
        Some(before) if before != *record => Became::Changed,
        Some(_) => Became::Same,
    };
    if write && became != Became::Same {
        tx.put(record)?;
        // A person alone explains itself by the post that follows in the same transaction.
        tx.record(Event::new("register.changed", key))?;
    }
    Ok(became)
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
