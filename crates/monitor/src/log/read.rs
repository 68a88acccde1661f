//! Reading the log from a position.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use anlan_store::StoreError;
use sha2::{Digest as _, Sha256};

use super::{
    files,
    frame::{Block, HEADER, Header, read_batch},
};

/// Bytes read at once.
const CHUNK: i64 = 1 << 20;

/// Reads frames one after the other, through all segments.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    position: i64,
    bytes: Vec<u8>,
    /// Position of the first of `bytes`.
    start: i64,
}

/// What lies between two positions, summed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Readings.
    pub count: u64,
    /// SHA-256 over the bytes of the frames, lower hex.
    pub sha256: String,
    /// Time of the last frame.
    pub at: anlan_kernel::Instant,
}

impl Reader {
    pub(super) fn new(dir: &Path, position: i64) -> Self {
        Self { dir: dir.to_owned(), position, bytes: Vec::new(), start: position }
    }

    /// Where the next frame starts.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// The next frame, if it ends at or before `limit` (the end of what is synced).
    ///
    /// # Errors
    /// What the file system says, and [`StoreError::Shape`] when a frame is damaged.
    pub fn next(&mut self, limit: i64) -> Result<Option<Block>, StoreError> {
        let Some((from, bytes)) = self.frame(limit)? else { return Ok(None) };
        let header = Header::read(bytes).filter(|it| it.fits(&bytes[HEADER..]));
        let block = header.and_then(|header| {
            let batch = read_batch(&bytes[HEADER..])?;
            Some(Block { from, until: from + bytes.len() as i64, received_at: header.received_at, batch })
        });
        block.map(Some).ok_or_else(|| damaged(&self.dir, from))
    }

    /// Start and bytes of the next frame; steps over it.
    fn frame(&mut self, limit: i64) -> Result<Option<(i64, &[u8])>, StoreError> {
        if self.position >= limit {
            return Ok(None);
        }
        let from = self.position;
        let head = self.need(HEADER as i64, limit)?;
        let header = head.and_then(|at| Header::read(&self.bytes[at..])).ok_or_else(|| damaged(&self.dir, from))?;
        let size = HEADER + header.payload;
        let at = self.need(size as i64, limit)?.ok_or_else(|| damaged(&self.dir, from))?;
        self.position += size as i64;
        Ok(Some((from, &self.bytes[at..at + size])))
    }

    /// Index in `bytes` of the position, with at least `size` bytes from there; `None` when the log
    /// ends before.
    fn need(&mut self, size: i64, limit: i64) -> Result<Option<usize>, StoreError> {
        let have = self.start + self.bytes.len() as i64;
        if self.position + size > have {
            self.fill(size, limit)?;
        }
        let have = self.start + self.bytes.len() as i64;
        Ok((self.position + size <= have).then(|| (self.position - self.start) as usize))
    }

    /// Reads on from the position; never past `limit`, so that what is kept was synced.
    fn fill(&mut self, size: i64, limit: i64) -> Result<(), StoreError> {
        let bases = files::bases(&self.dir)?;
        let segment = bases.partition_point(|base| *base <= self.position);
        let Some(&base) = segment.checked_sub(1).and_then(|it| bases.get(it)) else {
            return Err(damaged(&self.dir, self.position));
        };
        let end = bases.get(segment).copied().unwrap_or(limit).min(limit);
        let wanted = size.max(CHUNK).min(end - self.position);
        let mut file = File::open(files::path_of(&self.dir, base))?;
        file.seek(SeekFrom::Start((self.position - base) as u64))?;
        self.bytes.clear();
        self.start = self.position;
        file.take(wanted.max(0) as u64).read_to_end(&mut self.bytes)?;
        Ok(())
    }
}

fn damaged(dir: &Path, at: i64) -> StoreError {
    StoreError::Shape(format!("the observation log in {} is damaged at position {at}", dir.display()))
}

/// Sums up the frames between two positions; `None` when there are none.
///
/// # Errors
/// As [`Reader::next`].
pub fn digest(dir: &Path, from: i64, until: i64) -> Result<Option<Digest>, StoreError> {
    let (mut reader, mut hash) = (Reader::new(dir, from), Sha256::new());
    let (mut count, mut last) = (0, None);
    while let Some((start, bytes)) = reader.frame(until)? {
        let header = Header::read(bytes).filter(|it| it.fits(&bytes[HEADER..]));
        let batch = read_batch(&bytes[HEADER..]);
        hash.update(bytes);
        let (Some(header), Some(batch)) = (header, batch) else { return Err(damaged(dir, start)) };
        count += batch.readings.len() as u64;
        last = Some(header.received_at);
    }
    let sha256 = anlan_store::hex(&hash.finalize());
    Ok(last.map(|at| Digest { count, sha256, at }))
}
