//! Files that were dropped and wait: sealed in the world's folder, their owner's alone, gone after a day.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use anlan_codecs::geo::Datum;
use anlan_kernel::{Actor, Instant, Problem};
use anlan_store::{StoreError, World, disk, file_problem};
use serde::{Deserialize, Serialize};

use super::findings::Findings;

/// How long a file waits.
pub const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// The deadline that forgets one.
pub const DEADLINE: &str = "import.forget";

/// What the owner said about the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Choices {
    /// Which sheet, from 0; else the one most of which is known.
    pub sheet: Option<usize>,
    /// The meaning of each column, where another than recognised; empty: not taken in.
    pub columns: Vec<Option<String>>,
    /// In which datum positions stand; else told by the outlines.
    pub datum: Option<Datum>,
    /// Whether an empty cell empties what stood there.
    pub blanks: bool,
}

/// A file that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// In its address; the batch it becomes has the same.
    pub id: String,
    /// Of which kind.
    pub kind: String,
    /// Whose.
    pub owner: String,
    /// As the owner calls it.
    pub name: String,
    /// When it was dropped.
    pub at: Instant,
    /// What the owner said.
    pub choices: Choices,
    /// What was found in it under these choices.
    pub findings: Option<Findings>,
    /// Why it cannot be read under these choices.
    pub failed: Option<Problem>,
    /// Whether it was taken.
    pub taken: bool,
}

/// A part of what is kept of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is known about it.
    Meta,
    /// The file.
    File,
    /// Rows to be mended, as a workbook.
    Mend,
}

impl Part {
    const ALL: [Self; 3] = [Self::Meta, Self::File, Self::Mend];

    fn name(self) -> &'static str {
        ["meta", "file", "mend"][self as usize]
    }
}

/// No such file waits, or another's.
pub fn gone() -> StoreError {
    let zh = "没有这份待导入的文件（放置超过 24 小时会自动清除），请重新拖入";
    StoreError::Refused(Problem::new(
        "no_such_draft",
        zh,
        "no such file waits here (it is forgotten after 24 hours); drop it again",
    ))
}

fn path(world: &World, id: &str, part: Part) -> PathBuf {
    world.dir().join("drafts").join(format!("{id}.{}", part.name()))
}

fn context(id: &str, part: Part) -> String {
    format!("import:{id}:{}", part.name())
}

/// Ids are what [`new_id`] makes; anything else is no file's name.
fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it))
}

/// An id nobody guesses.
///
/// # Errors
/// What the system says.
pub fn new_id() -> Result<String, StoreError> {
    Ok(anlan_store::hex(&anlan_store::random::<16>()?))
}

/// Keeps a part, in place of what stood there.
///
/// # Errors
/// What the file system says.
pub fn put(world: &World, id: &str, part: Part, bytes: &[u8]) -> Result<(), StoreError> {
    let path = path(world, id, part);
    let sealed = anlan_store::lock(&world.keys().secrets(), &context(id, part), bytes)?;
    let written = || -> io::Result<()> {
        disk::make_dir(path.parent().unwrap_or(&path))?;
        let (mut file, draft) = disk::draft(&path)?;
        file.write_all(&sealed)?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        disk::sync_name(&path)
    };
    written().map_err(|it| file_problem(&path, &it).into())
}

/// A part; `None` where it is not kept.
///
/// # Errors
/// What the file system says; a part that was changed.
pub fn get(world: &World, id: &str, part: Part) -> Result<Option<Vec<u8>>, StoreError> {
    if !is_id(id) {
        return Ok(None);
    }
    let path = path(world, id, part);
    match fs::read(&path) {
        Ok(sealed) => anlan_store::unlock(&world.keys().secrets(), &context(id, part), &sealed).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_problem(&path, &error).into()),
    }
}

/// Keeps what is known about a file.
///
/// # Errors
/// What the file system says.
pub fn keep(world: &World, waiting: &Waiting) -> Result<(), StoreError> {
    put(world, &waiting.id, Part::Meta, &serde_json::to_vec(waiting)?)
}

/// The actor's own file of this id.
///
/// # Errors
/// [`gone`]; what the file system says.
pub fn load(world: &World, actor: &Actor, id: &str) -> Result<Waiting, StoreError> {
    let bytes = get(world, id, Part::Meta)?.ok_or_else(gone)?;
    let waiting: Waiting = serde_json::from_slice(&bytes)?;
    let own = waiting.owner == actor.name && world.now() < waiting.at.plus(KEPT);
    if own { Ok(waiting) } else { Err(gone()) }
}

/// The actor's files of a kind that were not taken, the last one first.
///
/// # Errors
/// What the file system says.
pub fn of_kind(world: &World, actor: &Actor, kind: &str) -> Result<Vec<Waiting>, StoreError> {
    let Ok(files) = fs::read_dir(world.dir().join("drafts")) else { return Ok(Vec::new()) };
    let ids = files.flatten().filter_map(|it| it.file_name().to_str()?.strip_suffix(".meta").map(str::to_owned));
    let mut found: Vec<Waiting> =
        ids.filter_map(|it| load(world, actor, &it).ok()).filter(|it| it.kind == kind && !it.taken).collect();
    found.sort_by_key(|it| std::cmp::Reverse(it.at));
    Ok(found)
}

/// Forgets a part.
///
/// # Errors
/// What the file system says.
pub fn drop_part(world: &World, id: &str, part: Part) -> Result<(), StoreError> {
    match fs::remove_file(path(world, id, part)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Forgets a file with all that is kept of it.
///
/// # Errors
/// What the file system says.
pub fn forget(world: &World, id: &str) -> Result<(), StoreError> {
    if !is_id(id) {
        return Ok(());
    }
    Part::ALL.into_iter().try_for_each(|it| drop_part(world, id, it))
}

/// Forgets every file that waits: after an erasure none may hold what was erased.
///
/// # Errors
/// What the file system says.
pub fn forget_all(world: &World) -> Result<(), StoreError> {
    let Ok(files) = fs::read_dir(world.dir().join("drafts")) else { return Ok(()) };
    for file in files.flatten() {
        match fs::remove_file(file.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
