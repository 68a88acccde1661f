//! The newest reading of every series at some positions of the log, in files beside it.
//!
//! After a restart the engine is fed from as far back as its longest window; `silent` also needs to
//! know which series reported before that. These files save reading the whole log for it. They hold
//! nothing that the log does not say, and one that is missing or damaged only costs time.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anlan_kernel::Instant;
use anlan_store::{StoreError, disk};
use serde::{Deserialize, Serialize};

use crate::{
    log::{Block, Log, Quality, Reader},
    rules::Decimal,
};

/// Bytes of log between two files.
pub(crate) const EVERY: i64 = 32 * 1024 * 1024;
type Key = (String, String);

/// One series' newest reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// Where it was measured.
    pub station: String,
    /// What.
    pub quantity: String,
    /// The unit it came in.
    pub unit: String,
    /// When it was measured.
    pub at: Instant,
    /// The value in the decimals given.
    pub value: String,
    /// How it compares with the reading before it: -1, 0, 1; `None` where there was none.
    #[serde(default)]
    pub trend: Option<i8>,
}

/// The newest reading of a series and what it is compared with.
#[derive(Clone, Debug, PartialEq)]
struct Held {
    unit: String,
    at: Instant,
    value: Decimal,
    trend: Option<i8>,
}

/// The newest readings up to a position.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Newest {
    pub position: i64,
    last: HashMap<Key, Held>,
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
        let mut per_series: Vec<Option<Held>> = vec![None; block.batch.series.len()];
        for reading in block.batch.readings.iter().filter(|it| it.quality != Quality::Bad) {
            let slot = &mut per_series[reading.series as usize];
            let newer = Held { unit: String::new(), at: reading.observed_at, value: reading.value, trend: None };
            follow(slot, newer);
        }
        for (series, newest) in block.batch.series.iter().zip(per_series) {
            let Some(newest) = newest else { continue };
            let newest = Held { unit: series.unit.clone(), ..newest };
            let key = (series.station.clone(), series.quantity.clone());
            match self.last.get_mut(&key) {
                None => drop(self.last.insert(key, newest)),
                // Within one block it was compared already.
                Some(held) if newest.trend.is_some() && held.at < newest.at => *held = newest,
                Some(held) => {
                    let mut slot = Some(held.clone());
                    follow(&mut slot, newest);
                    *held = slot.unwrap_or_else(|| held.clone());
                }
            }
        }
        self.position = block.until;
    }

    /// The newest readings, oldest first.
    pub fn lasts(&self) -> Vec<Last> {
        let mut lasts: Vec<_> = self
            .last
            .iter()
            .map(|((station, quantity), held)| Last {
                station: station.clone(),
                quantity: quantity.clone(),
                unit: held.unit.clone(),
                at: held.at,
                value: held.value.to_string(),
                trend: held.trend,
            })
            .collect();
        lasts.sort_by(|a, b| (a.at, &a.station, &a.quantity).cmp(&(b.at, &b.station, &b.quantity)));
        lasts
    }

    /// When the station last reported anything.
    pub fn of_station(&self, station: &str) -> Option<Instant> {
        self.last.iter().filter(|((it, _), _)| it == station).map(|(_, held)| held.at).max()
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
        disk::create(&path.with_extension("new"))?.write_all(&text)?;
        fs::rename(path.with_extension("new"), path)?;
        self.saved = self.position;
        Ok(())
    }

    /// The newest readings of what was received by `at`: from the last file before, read on to there.
    ///
    /// # Errors
    /// What the log says.
    pub fn received_by(log: &Log, at: Instant) -> Result<Self, StoreError> {
        let from = log.position_before(at)?;
        let mut newest = load(log.dir(), from).unwrap_or_default();
        let (mut reader, end) = (log.reader(newest.position), log.synced());
        while let Some(block) = reader.next(end)?.filter(|it| it.received_at <= at) {
            newest.see(&block);
        }
        Ok(newest)
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

/// Takes a newer reading over the one held, noting how they compare.
fn follow(slot: &mut Option<Held>, newer: Held) {
    match slot {
        Some(held) if held.at >= newer.at => {}
        Some(held) => {
            let trend = Some(newer.value.cmp(&held.value) as i8);
            *held = Held { trend, ..newer };
        }
        None => *slot = Some(newer),
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
            Some(((it.station, it.quantity), Held { unit: it.unit, at: it.at, value, trend: it.trend }))
        });
        Some(Newest { position: saved.position, last: last.collect::<Option<_>>()?, saved: saved.position })
    })
}
