//! Segment files: names, order, the torn end.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use anlan_kernel::Instant;
use anlan_store::{StoreError, disk};

use super::frame::{HEADER, Header, MAX_PAYLOAD};

/// The segment that is written to.
pub(super) struct Tail {
    pub file: File,
    pub base: i64,
    pub length: i64,
    /// Time of the last frame.
    pub last: Option<Instant>,
}

impl Tail {
    pub fn end(&self) -> i64 {
        self.base + self.length
    }
}

pub(super) fn path_of(dir: &Path, base: i64) -> PathBuf {
    dir.join(format!("{base:020}.log"))
}

/// Bases of all segments, in order.
pub(super) fn bases(dir: &Path) -> Result<Vec<i64>, StoreError> {
    let mut bases = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        bases.extend(name.to_str().and_then(|it| it.strip_suffix(".log")).and_then(|it| it.parse::<i64>().ok()));
    }
    bases.sort_unstable();
    Ok(bases)
}

/// A new, empty segment whose name is on disk.
pub(super) fn create(dir: &Path, base: i64) -> Result<File, StoreError> {
    let file = disk::private().create(true).truncate(true).read(true).write(true).open(path_of(dir, base))?;
    file.sync_all()?;
    File::open(dir)?.sync_all()?;
    Ok(file)
}

/// Opens the last segment and cuts what a crash left half-written.
pub(super) fn open_tail(dir: &Path, durable: i64) -> Result<Tail, StoreError> {
    disk::make_dir(dir)?;
    let bases = bases(dir)?;
    let Some(&base) = bases.last() else {
        if durable > 0 {
            return Err(lost(dir, 0, durable));
        }
        return Ok(Tail { file: create(dir, 0)?, base: 0, length: 0, last: None });
    };
    let mut file = OpenOptions::new().read(true).write(true).open(path_of(dir, base))?;
    let size = i64::try_from(file.metadata()?.len()).unwrap_or(i64::MAX);
    let (length, last) = whole_frames(&mut file)?;
    if base + length < durable {
        return Err(lost(dir, base + length, durable));
    }
    if length < size {
        tracing::warn!(file = %path_of(dir, base).display(), kept = length, cut = size - length, "the torn end of the log was cut");
        file.set_len(length as u64)?;
    }
    // Whole frames that were never synced count from now on, so they must be on disk first.
    file.sync_all()?;
    file.seek(SeekFrom::Start(length as u64))?;
    let last = match (last, bases.len()) {
        (None, 2..) => last_time(dir, bases[bases.len() - 2])?,
        (last, _) => last,
    };
    Ok(Tail { file, base, length, last })
}

fn last_time(dir: &Path, base: i64) -> Result<Option<Instant>, StoreError> {
    Ok(whole_frames(&mut File::open(path_of(dir, base))?)?.1)
}

fn lost(dir: &Path, end: i64, durable: i64) -> StoreError {
    StoreError::Shape(format!(
        "the observation log in {} is whole up to {end} only, but was on disk up to {durable}: the file was damaged or \
         cut; restore it from a backup",
        dir.display()
    ))
}

/// Bytes from the start that are whole frames, and the time of the last.
fn whole_frames(file: &mut File) -> Result<(i64, Option<Instant>), StoreError> {
    let mut reader = std::io::BufReader::with_capacity(1 << 20, file);
    let (mut length, mut last) = (0i64, None);
    let (mut head, mut payload) = ([0u8; HEADER], Vec::new());
    loop {
        if !fill(&mut reader, &mut head)? {
            return Ok((length, last));
        }
        let Some(header) = Header::read(&head) else { return Ok((length, last)) };
        payload.resize(header.payload.min(MAX_PAYLOAD), 0);
        if !fill(&mut reader, &mut payload)? || !header.fits(&payload) {
            return Ok((length, last));
        }
        length += (HEADER + header.payload) as i64;
        last = Some(header.received_at);
    }
}

/// Whether there was enough to fill it.
fn fill(reader: &mut impl Read, bytes: &mut [u8]) -> Result<bool, StoreError> {
    match reader.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Start of the last segment whose first frame is older than `at`; 0 when there is none.
pub(super) fn position_before(dir: &Path, at: Instant) -> Result<i64, StoreError> {
    let bases = bases(dir)?;
    for &base in bases.iter().rev() {
        let mut head = [0u8; HEADER];
        let begun = fill(&mut File::open(path_of(dir, base))?, &mut head)?.then(|| Header::read(&head)).flatten();
        if begun.is_some_and(|it| it.received_at < at) {
            return Ok(base);
        }
    }
    Ok(bases.first().copied().unwrap_or(0))
}
