//! 拖进一张 Excel: a file waits as a draft, shows what it says, and is taken as a whole or not at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anlan_kernel::{Actor, Lang, Problem, RegionCode, Scope};
use anlan_store::{Event, StoreError, Tx, Urgency, World};
use serde::Serialize;

use super::{
    draft::{self, Choices, Done, Draft},
    glance::{self, Glance},
    names::{Places, Unclear},
    roster::{self, Given, Reading, Skipped},
    target::target,
};
use crate::{
    divisions, export,
    import::{
        self, ONE, Prepared,
        book::{self, Grid},
        heads::{self, Heads},
        matching::{Matching, Why},
        remembered,
    },
    model::{Organisation, Region},
};

/// Districts offered where the words fit several.
const OFFERED: usize = 12;

/// A sheet of the file.
#[derive(Clone, Debug, Serialize)]
pub struct SheetView {
    /// Its name.
    pub name: String,
    /// Rows that hold something.
    pub rows: usize,
    /// Columns that are known.
    pub known: usize,
}

/// The district a roster is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct District {
    /// Its code.
    pub code: Option<RegionCode>,
    /// Its name.
    pub name: String,
    /// What it may be, code and name, where it is not known.
    pub offered: Vec<(String, String)>,
    /// What is wrong with it.
    pub problem: Option<Problem>,
}

/// A draft as far as it is understood.
#[derive(Serialize)]
pub struct Work {
    /// The draft's id.
    pub id: String,
    /// The file's name.
    pub name: String,
    /// What became of it, once it was taken.
    pub done: Option<Done>,
    /// Every sheet.
    pub sheets: Vec<SheetView>,
    /// Which of them is read.
    pub sheet: usize,
    /// Its titles; `None`: no row of titles was found.
    #[serde(skip)]
    pub heads: Option<Heads>,
    /// What they mean.
    pub matching: Matching,
    /// Keys of columns without which nothing can be taken.
    pub wanting: Vec<String>,
    /// Of which district.
    pub district: District,
    /// What everybody is responsible for whose row says nothing.
    pub duty: String,
    /// Put before telephone numbers without one.
    pub area_code: String,
    /// Whether a macro stands in the file; none is ever run or kept.
    pub macros: bool,
    /// Rows that are not taken, each with its reason.
    pub problems: Vec<Problem>,
    /// Rows that are no rows of the table.
    pub skipped: Vec<Skipped>,
    /// Names of places to be made clear, and how many rows name them.
    pub unclear: Vec<(Unclear, usize)>,
    /// The roster at a glance.
    pub glance: Glance,
    #[serde(skip)]
    prepared: Prepared,
}

impl Work {
    /// Whether anything can be taken.
    pub fn can_be_taken(&self) -> bool {
        self.done.is_none() && self.glance.posts > 0
    }
}

fn refused(code: &str, zh: &str, en: &str) -> StoreError {
    StoreError::Refused(Problem::new(code, zh, en))
}

/// No such draft, or another's.
pub fn gone() -> StoreError {
    refused(
        "no_such_draft",
        "没有这份待导入的表（放置超过 24 小时会自动清除），请重新拖入",
        "no such sheet waits here (it is forgotten after 24 hours); drop it again",
    )
}

/// Reads a file and lets it wait; nothing of it is written to the register. Returns the draft's id.
///
/// # Errors
/// `empty`, and what is wrong with a file that is no table.
pub async fn drop_file(world: &World, actor: &Actor, bytes: Vec<u8>, name: &str) -> Result<String, StoreError> {
    if bytes.is_empty() {
        return Err(refused("bad_body", "文件是空的", "the file is empty"));
    }
    let bytes = Arc::new(bytes);
    let grids = grids(&bytes, name).await?;
    if grids.iter().all(|it| rows_of(it) == 0) {
        return Err(refused("bad_sheet", "表里没有内容", "there is nothing in the sheet"));
    }
    let id = anlan_store::hex(&anlan_store::random::<16>()?);
    let sealed = draft::seal(&world.keys().secrets(), &id, &bytes)?;
    let (made, name) = (id.clone(), name.chars().take(120).collect::<String>());
    world.write("draft.keep", Urgency::Urgent, actor, move |tx| draft::keep(tx, &made, &name, &sealed)).await?;
    Ok(id)
}

/// What a waiting file says.
///
/// # Errors
/// [`gone`]; what the store says.
pub async fn open(world: &World, actor: &Actor, id: &str) -> Result<Work, StoreError> {
    let (draft, grids) = load(world, actor, id).await?;
    world.read(actor, move |tx| work(tx, &draft, &grids)).await
}

/// Keeps what the owner said about it.
///
/// # Errors
/// [`gone`]; what the store says.
pub async fn choose(
    world: &World,
    actor: &Actor,
    id: &str,
    change: impl FnOnce(&mut Choices),
) -> Result<(), StoreError> {
    let (before, grids) = load(world, actor, id).await?;
    if before.done.is_some() {
        return Err(taken_already());
    }
    let mut after = before.clone();
    change(&mut after.choices);
    if sheet_of(&grids, &after.choices) != sheet_of(&grids, &before.choices) {
        after.choices.columns.clear();
    }
    world
        .write("draft.choose", Urgency::Urgent, actor, move |tx| {
            draft::choose(tx, &after.id, &after.choices)?;
            if after.choices.columns != before.choices.columns {
                let read = Read::of(tx, &after, &grids)?;
                if let Some(heads) = &read.heads {
                    remembered::remember(tx, target(), &heads.columns, &read.matching)?;
                }
            }
            Ok(())
        })
        .await
}

/// Takes the good rows into the register: regions, units, people and posts in one transaction.
///
/// # Errors
/// [`gone`]; a refusal where nothing can be taken; what the store says.
pub async fn take(world: &World, actor: &Actor, id: &str) -> Result<Done, StoreError> {
    let _one = ONE.lock().await;
    let (draft, grids) = load(world, actor, id).await?;
    world
        .write("roster.take", Urgency::Background, actor, move |tx| {
            let work = work(tx, &draft, &grids)?;
            if work.done.is_some() {
                return Err(taken_already());
            }
            if !work.can_be_taken() {
                return Err(refused("nothing_to_take", "没有可以导入的行", "there is no row to be taken"));
            }
            let counted = import::store(tx, &work.prepared.entries, "roster", true)?;
            let (people, posts) = (work.glance.people, work.glance.posts);
            let done = Done { people, posts, counted, left: work.problems.len() };
            draft::taken(tx, &draft.id, &done)?;
            if let Some(heads) = &work.heads {
                remembered::remember(tx, target(), &heads.columns, &work.matching)?;
            }
            let detail = serde_json::json!({"people": people, "posts": posts, "left": done.left});
            tx.record(Event::new("roster.taken", &draft.id).detail(detail))?;
            Ok(done)
        })
        .await
}

/// Throws a draft away.
///
/// # Errors
/// [`gone`]; what the store says.
pub async fn forget(world: &World, actor: &Actor, id: &str) -> Result<(), StoreError> {
    let (secrets, id) = (world.keys().secrets(), id.to_owned());
    world
        .write("draft.forget", Urgency::Urgent, actor, move |tx| {
            draft::load(tx, &secrets, &id)?.ok_or_else(gone)?;
            draft::forget(tx, &id)
        })
        .await
}

/// The rows that are not taken, below the titles they came under, each with its reason; `None` where all are.
///
/// # Errors
/// [`gone`]; what the store says.
pub async fn to_mend(
    world: &World,
    actor: &Actor,
    id: &str,
    lang: Lang,
) -> Result<Option<(String, Vec<u8>)>, StoreError> {
    let (draft, grids) = load(world, actor, id).await?;
    let name = draft.name.clone();
    let (work, grids) = world.read(actor, move |tx| Ok((work(tx, &draft, &grids)?, Arc::clone(&grids)))).await?;
    let (Some(heads), Some(grid)) = (&work.heads, grids.get(work.sheet)) else { return Ok(None) };
    let mut reasons: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for it in &work.problems {
        let Some(row) = it.place.row else { continue };
        reasons.entry(row).or_default().push(it.sentence(lang));
    }
    if reasons.is_empty() {
        return Ok(None);
    }
    let width = grid.rows.iter().map(|it| it.cells.len()).max().unwrap_or_default();
    let with = |cells: &[String], last: String| {
        let mut cells = cells.to_vec();
        cells.resize(width, String::new());
        cells.push(last);
        cells
    };
    let mut table = Vec::new();
    for (at, row) in grid.rows.iter().enumerate() {
        if at < heads.at {
            table.push(with(&row.cells, String::new()));
        } else if at == heads.at {
            table.push(with(&row.cells, lang.pick("需修改原因", "what to mend").to_owned()));
        } else if let Some(why) = reasons.get(&row.number) {
            table.push(with(&row.cells, why.join("；")));
        }
    }
    let stem = name.rsplit_once('.').map_or(name.as_str(), |it| it.0);
    let name = format!("{stem}-{}.xlsx", lang.pick("需修改", "to mend"));
    Ok(Some((name, export::xlsx(&table)?)))
}

/// The actor's draft that still waits.
///
/// # Errors
/// What the store says.
pub async fn last(world: &World, actor: &Actor) -> Result<Option<(String, String)>, StoreError> {
    world.read(actor, draft::last).await
}

/// Whether nobody stands in the register yet.
///
/// # Errors
/// What the store says.
pub async fn is_new(world: &World, actor: &Actor) -> Result<bool, StoreError> {
    world.read(actor, |tx| Ok(tx.find::<crate::model::Person>("erased_at IS NULL", "LIMIT 1", &[])?.is_empty())).await
}

fn taken_already() -> StoreError {
    refused("taken_already", "这张表已经导入，不能再改", "this sheet was taken already")
}

async fn load(world: &World, actor: &Actor, id: &str) -> Result<(Draft, Arc<Vec<Grid>>), StoreError> {
    let (secrets, id) = (world.keys().secrets(), id.to_owned());
    let draft = world.read(actor, move |tx| draft::load(tx, &secrets, &id)).await?.ok_or_else(gone)?;
    if draft.done.is_some() {
        return Ok((draft, Arc::default()));
    }
    let grids = grids(&Arc::new(draft.bytes.clone()), &draft.name).await?;
    Ok((draft, Arc::new(grids)))
}

async fn grids(bytes: &Arc<Vec<u8>>, name: &str) -> Result<Vec<Grid>, StoreError> {
    let (bytes, name) = (Arc::clone(bytes), name.to_owned());
    let read = tokio::task::spawn_blocking(move || book::read(&bytes, &name)).await;
    Ok(read.map_err(|it| StoreError::Io(it.to_string()))??)
}

fn rows_of(grid: &Grid) -> usize {
    grid.rows.iter().filter(|it| it.cells.iter().any(|it| !it.trim().is_empty())).count()
}

fn known_in(grid: &Grid) -> usize {
    heads::find(grid, target()).map_or(0, |it| it.known)
}

/// The sheet that was chosen, else the first of those most of which is known.
fn sheet_of(grids: &[Grid], choices: &Choices) -> usize {
    let chosen = choices.sheet.filter(|it| *it < grids.len());
    let best = || (0..grids.len()).rev().max_by_key(|it| known_in(&grids[*it]));
    chosen.or_else(best).unwrap_or_default()
}

/// A file with its titles read.
struct Read {
    sheets: Vec<SheetView>,
    sheet: usize,
    heads: Option<Heads>,
    matching: Matching,
}

impl Read {
    fn of(tx: &mut Tx<'_>, draft: &Draft, grids: &[Grid]) -> Result<Self, StoreError> {
        let view = |it: &Grid| SheetView { name: it.name.clone(), rows: rows_of(it), known: known_in(it) };
        let sheets: Vec<SheetView> = grids.iter().map(view).collect();
        let sheet = sheet_of(grids, &draft.choices);
        let heads = grids.get(sheet).and_then(|it| heads::find(it, target()));
        let mut matching = match &heads {
            Some(heads) => remembered::recall(tx, target(), &heads.columns)?,
            None => Matching::default(),
        };
        matching.choose(&draft.choices.columns, Why::Chosen);
        Ok(Self { sheets, sheet, heads, matching })
    }
}

/// Everything a draft says, looked up in the register.
fn work(tx: &mut Tx<'_>, draft: &Draft, grids: &[Grid]) -> Result<Work, StoreError> {
    let Read { sheets, sheet, heads, matching } = Read::of(tx, draft, grids)?;
    let regions: Vec<Region> = tx.find("1 = 1", "ORDER BY code", &[])?;
    let district = district(&tx.actor().scope.clone(), &draft.choices, &regions);
    let lines = heads.as_ref().map(|it| it.lines.clone()).unwrap_or_default();
    let given = Given {
        duty: draft.choices.duty.clone().filter(|it| !it.trim().is_empty()).unwrap_or_else(|| roster::duty_of(&lines)),
        area_code: draft.choices.area_code.clone().unwrap_or_default(),
    };
    let wanting = if heads.is_some() { target().missing(&matching) } else { Vec::new() };
    let wanting: Vec<String> = wanting.into_iter().map(|it| it.key.clone()).collect();
    let mut work = Work {
        id: draft.id.clone(),
        name: draft.name.clone(),
        done: draft.done.clone(),
        macros: draft.bytes.windows(14).any(|it| it == b"vbaProject.bin"),
        sheets,
        sheet,
        matching,
        wanting,
        duty: given.duty.clone(),
        area_code: given.area_code.clone(),
        heads,
        district,
        problems: Vec::new(),
        skipped: Vec::new(),
        unclear: Vec::new(),
        glance: Glance::default(),
        prepared: Prepared::default(),
    };
    let (Some(code), Some(grid), true) = (work.district.code.clone(), grids.get(sheet), work.wanting.is_empty()) else {
        return Ok(work);
    };
    let Some(heads) = &work.heads else { return Ok(work) };
    let mut places = Places::new(&code, &regions, &divisions::below(&code), draft.choices.places.clone());
    let reading = roster::read(grid, heads, &work.matching, &given, &mut places);
    fill(tx, &mut work, reading, &places, &regions)?;
    Ok(work)
}

fn fill(
    tx: &mut Tx<'_>,
    work: &mut Work,
    reading: Reading,
    places: &Places,
    regions: &[Region],
) -> Result<(), StoreError> {
    let scope = tx.actor().scope.clone();
    let used: BTreeSet<RegionCode> = reading.regions.iter().chain(reading.units.values()).cloned().collect();
    let made: Vec<Region> = places.lacking(&used).into_iter().filter(|it| scope.covers(&it.code)).collect();
    let units: Vec<Organisation> =
        reading.units.iter().map(|(name, region)| roster::organisation(name, region)).collect();
    let title = work
        .matching
        .at("lead.phone")
        .and_then(|at| work.heads.as_ref()?.columns.get(at))
        .map_or_else(|| "手机".to_owned(), |it| it.words());
    let prepared = import::prepare(tx, &reading.posts, &made, &units, &title)?;
    let counted = if prepared.is_first { None } else { Some(import::store(tx, &prepared.entries, "roster", false)?) };
    let all: Vec<Region> =
        regions.iter().chain(&made).filter(|it| places.district().covers(&it.code)).cloned().collect();
    work.glance = glance::of(tx, &prepared, &all, counted)?;
    work.problems = reading.problems;
    work.problems.extend(prepared.problems.iter().cloned());
    work.problems.sort_by_key(|it| it.place.row);
    work.skipped = reading.skipped;
    work.unclear = reading.unclear.into_iter().collect();
    work.prepared = prepared;
    Ok(())
}

/// Of which district the roster is: what was chosen, the actor's own, or the only one of the register.
fn district(scope: &Scope, choices: &Choices, regions: &[Region]) -> District {
    let chosen = choices.district.as_deref().map(str::trim).filter(|it| !it.is_empty());
    let own = match scope {
        Scope::Regions(areas) => areas.first().and_then(RegionCode::district),
        Scope::Everywhere => None,
    };
    let mut known = regions.iter().filter(|it| it.code.as_str().len() == 6);
    let only = known.next().filter(|_| known.next().is_none()).map(|it| it.code.clone());
    let code = match chosen {
        Some(words) => match named(words, regions) {
            Ok(code) => Some(code),
            Err(offered) => return District { offered, problem: Some(which(words)), ..District::default() },
        },
        None => own.or(only),
    };
    let Some(code) = code else { return District { problem: Some(which("")), ..District::default() } };
    let registered = regions.iter().find(|it| it.code == code).map(|it| it.name.clone());
    let official = || divisions::below(&code).into_iter().next().map(|it| it.name);
    let name = registered.or_else(official).unwrap_or_else(|| code.to_string());
    let covered = scope.covers(&code) || own_part(scope, &code);
    let outside =
        Problem::new("out_of_scope", format!("{name}不在您的责任区内"), format!("{name} lies outside your duty areas"));
    District { code: covered.then_some(code), name, offered: Vec::new(), problem: (!covered).then_some(outside) }
}

/// Whether part of the district is the actor's.
fn own_part(scope: &Scope, district: &RegionCode) -> bool {
    matches!(scope, Scope::Regions(areas) if areas.iter().any(|it| district.covers(it)))
}

fn named(words: &str, regions: &[Region]) -> Result<RegionCode, Vec<(String, String)>> {
    if words.len() == 6
        && let Ok(code) = RegionCode::parse(words)
    {
        return Ok(code);
    }
    let registered = regions.iter().filter(|it| it.code.as_str().len() == 6 && it.name.contains(words));
    let mut found: Vec<(String, String)> = registered.map(|it| (it.code.to_string(), it.name.clone())).collect();
    if found.is_empty() {
        found.extend(divisions::counties(words, OFFERED).into_iter().map(|it| (it.code, it.name)));
    }
    match found.as_slice() {
        [(code, _)] => RegionCode::parse(code).map_err(|_| Vec::new()),
        _ => Err(found),
    }
}

fn which(words: &str) -> Problem {
    let (zh, en) = if words.is_empty() {
        ("请填写是哪个区（县）的名册".to_owned(), "say of which district the roster is".to_owned())
    } else {
        (
            format!("“{words}”不能确定是哪个区（县），请选定或填 6 位代码"),
            format!("{words:?} is not one district; choose it, or give its 6 digits"),
        )
    };
    Problem::new("which_district", zh, en).field("district")
}
