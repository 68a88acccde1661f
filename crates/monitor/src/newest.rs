//! The newest reading of every series at some positions of the log, in files beside it.
//!
//! After a restart the engine is fed from as far back as its longest window; `silent` also needs to
//! know which series reported before that. These files save reading the whole log for it. They hold
//! nothing that the log does not say, and one that is missing or damaged only costs time.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use anlan_kernel::Instant;
use anlan_store::StoreError;
use serde::{Deserialize, Serialize};

use crate::{
    log::{Block, Quality, Reader},
    rules::Decimal,
};

/// Bytes of log between two files.
pub(crate) const EVERY: i64 = 32 * 1024 * 1024;
type Key = (String, String);

/// One series' newest reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Last {
    pub station: String,
    pub quantity: String,
    pub unit: String,
    pub at: Instant,
    pub value: String,
}

/// The newest readings up to a position.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Newest {
    pub position: i64,
    last: HashMap<Key, (String, Instant, Decimal)>,
    saved: i64,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    position: i64,
    last: Vec<Last>,
}

impl Newest {
    /// Takes over what a block says.
    pub fn see(&mut self, block: &Block) {
        let mut per_series: Vec<Option<(Instant, Decimal)>> = vec![None; block.batch.series.len()];
        for reading in block.batch.readings.iter().filter(|it| it.quality != Quality::Bad) {
            let slot = &mut per_series[reading.series as usize];
            if slot.is_none_or(|(at, _)| at < reading.observed_at) {
                *slot = Some((reading.observed_at, reading.value));
            }
        }
        for (series, newest) in block.batch.series.iter().zip(per_series) {
            let Some((at, value)) = newest else { continue };
            let key = (series.station.clone(), series.quantity.clone());
            let last = self.last.entry(key).or_insert_with(|| (series.unit.clone(), at, value));
            if last.1 < at {
                *last = (series.unit.clone(), at, value);
            }
        }
        self.position = block.until;
    }

    /// The newest readings, oldest first.
    pub fn lasts(&self) -> Vec<Last> {
        let mut lasts: Vec<_> = self
            .last
            .iter()
            .map(|((station, quantity), (unit, at, value))| Last {
                station: station.clone(),
                quantity: quantity.clone(),
                unit: unit.clone(),
                at: *at,
                value: value.to_string(),
            })
            .collect();
        lasts.sort_by(|a, b| (a.at, &a.station, &a.quantity).cmp(&(b.at, &b.station, &b.quantity)));
        lasts
    }

    /// When the station last reported anything.
    pub fn of_station(&self, station: &str) -> Option<Instant> {
        self.last.iter().filter(|((it, _), _)| it == station).map(|(_, (_, at, _))| *at).max()
    }

    /// Writes a file now and then.
    ///
    /// # Errors
    /// What the file system says.
    pub fn save_if_due(&mut self, dir: &Path) -> Result<(), StoreError> {
        if self.position - self.saved < EVERY {
            return Ok(());
        }
        let text = serde_json::to_vec(&Saved { position: self.position, last: self.lasts() })?;
        let path = path_of(dir, self.position);
        fs::write(path.with_extension("new"), text)?;
        fs::rename(path.with_extension("new"), path)?;
        self.saved = self.position;
        Ok(())
    }

    /// The newest readings at `position`: from the last file before it, read on to there.
    ///
    /// # Errors
    /// What the log says.
    pub fn at(dir: &Path, position: i64, read: impl FnOnce(i64) -> Reader) -> Result<Self, StoreError> {
        let mut newest = load(dir, position).unwrap_or_default();
        let mut reader = read(newest.position);
        while let Some(block) = reader.next(position)? {
            newest.see(&block);
        }
        newest.position = position;
        Ok(newest)
    }
}

fn path_of(dir: &Path, position: i64) -> PathBuf {
    dir.join(format!("{position:020}.newest"))
}

/// The last readable file at or before `position`.
fn load(dir: &Path, position: i64) -> Option<Newest> {
    let mut positions: Vec<i64> = fs::read_dir(dir)
        .ok()?
        .flatten()
        .filter_map(|it| it.file_name().to_str()?.strip_suffix(".newest")?.parse().ok())
        .filter(|it| *it <= position)
        .collect();
    positions.sort_unstable();
    positions.iter().rev().find_map(|at| {
        let saved: Saved = serde_json::from_slice(&fs::read(path_of(dir, *at)).ok()?).ok()?;
        let last = saved.last.into_iter().map(|it| {
            let value = Decimal::parse(&it.value).ok()?;
            Some(((it.station, it.quantity), (it.unit, it.at, value)))
        });
        Some(Newest { position: saved.position, last: last.collect::<Option<_>>()?, saved: saved.position })
    })
}
