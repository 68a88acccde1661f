//! Readings taken in: bodies to items, items to readings, readings to the log.
//!
//! Owns what is checked before a reading is stored: its station and who may speak for it, quantity,
//! unit, time, value, and whether it came before. Does not know rules or alarms.
//!
//! # Promises
//! - An answer names every item: taken, duplicate or refused; it comes after the sync.
//! - One bad item costs no good one.

mod file;
mod reading;
mod seen;
mod split;

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use anlan_kernel::{Instant, Problem};
use anlan_store::{StoreError, World};

pub use file::{Filed, file};
pub use reading::MAX_ITEM;

use crate::{
    log::{Batch, Frame, Log, Logged, MAX_PAYLOAD, Quality, Series},
    rejected::{self, Refusal},
    rules::{Conversion, Quantity},
};
use reading::Fields;
use seen::Seen;
pub(crate) use split::Item;

/// How far a device's clock may be ahead of ours.
pub const AHEAD: Duration = Duration::from_secs(600);

/// Stations a sender may speak for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Every station of the world.
    All,
    /// Those named, and those whose id starts with a named prefix.
    These {
        /// Whole ids.
        ids: HashSet<String>,
        /// Beginnings of ids.
        prefixes: Vec<String>,
    },
}

impl Allowed {
    /// From a credential's list: ids, or `prefix*`.
    pub fn from_patterns<S: AsRef<str>>(patterns: &[S]) -> Self {
        let (mut ids, mut prefixes) = (HashSet::new(), Vec::new());
        for pattern in patterns {
            match pattern.as_ref().strip_suffix('*') {
                Some(prefix) => prefixes.push(prefix.to_owned()),
                None => drop(ids.insert(pattern.as_ref().to_owned())),
            }
        }
        Self::These { ids, prefixes }
    }

    /// Whether the sender may speak for the station.
    pub fn covers(&self, station: &str) -> bool {
        match self {
            Self::All => true,
            Self::These { ids, prefixes } => {
                ids.contains(station) || prefixes.iter().any(|it| station.starts_with(it.as_str()))
            }
        }
    }
}

/// Who hands readings over.
#[derive(Clone, Debug)]
pub struct Sender {
    /// `device:ta-kwu-ling`, `broker:county`.
    pub name: String,
    /// `http`, `mqtt`, `file`.
    pub way: &'static str,
    /// For which stations.
    pub stations: Allowed,
}

/// What became of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Readings stored.
    pub taken: u64,
    /// Readings that had come before.
    pub duplicates: u64,
    /// One problem per refused item, with its index.
    pub refused: Vec<Problem>,
}

/// Station and quantity of every item, where the channel says them (an MQTT topic).
#[derive(Clone, Copy, Debug)]
pub struct Topic<'a> {
    /// Station id.
    pub station: &'a str,
    /// Quantity's name.
    pub quantity: &'a str,
}

/// Stations by id, each with a number for as long as the process runs.
#[derive(Debug, Default)]
struct Directory {
    numbers: HashMap<Box<str>, u32>,
    known: HashSet<u32>,
}

/// The way in.
pub struct Ingest {
    world: World,
    log: Arc<Log>,
    directory: RwLock<Directory>,
    seen: Mutex<Seen>,
}

/// A checked reading that waits for the look at what came before.
struct Checked {
    series: u32,
    key: u64,
    reading: Logged,
}

/// A series of the batch at hand.
#[derive(Clone, Copy)]
struct Known {
    number: u32,
    key: u64,
    quantity: Quantity,
    conversion: Conversion,
}

type Names<'a> = (Cow<'a, str>, Cow<'a, str>, Cow<'a, str>);

/// One body on its way in.
struct Body<'a> {
    names: HashMap<Names<'a>, Result<Known, Problem>>,
    series: Vec<Series>,
    checked: Vec<Checked>,
    refused: Vec<Problem>,
    refusals: Vec<Refusal>,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ingest({:?}, {:?})", self.world, self.log)
    }
}

impl Ingest {
    /// The way into `log` for these stations. What came within `horizon` is read back from the log,
    /// so that it is known when it comes again.
    ///
    /// # Errors
    /// What the log says.
    pub fn open(
        world: World,
        log: Arc<Log>,
        stations: impl Iterator<Item = String>,
        horizon: Duration,
    ) -> Result<Self, StoreError> {
        let ingest = Self { world, log, directory: RwLock::default(), seen: Mutex::new(Seen::new(horizon)) };
        ingest.set_stations(stations);
        ingest.recall(&mut ingest.seen.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(ingest)
    }

    /// Replaces the stations readings are taken for.
    pub fn set_stations(&self, stations: impl Iterator<Item = String>) {
        let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
        directory.known = stations.map(|it| directory.number(&it)).collect();
    }

    /// Takes a JSON array or NDJSON.
    ///
    /// # Errors
    /// What log or store say; then the whole body is to be sent again.
    pub async fn take(&self, sender: &Sender, body: &[u8]) -> Result<Answer, StoreError> {
        self.take_items(sender, None, split::items(body), std::str::from_utf8(body).is_ok()).await
    }

    /// Takes items that are cut and in UTF-8 already.
    ///
    /// # Errors
    /// As [`Ingest::take`].
    pub(crate) async fn take_rows(&self, sender: &Sender, rows: Vec<Item<'_>>) -> Result<Answer, StoreError> {
        self.take_items(sender, None, rows, true).await
    }

    /// Takes one object or an array of them, of one station and quantity.
    ///
    /// # Errors
    /// As [`Ingest::take`].
    pub async fn take_topic(&self, sender: &Sender, topic: Topic<'_>, body: &[u8]) -> Result<Answer, StoreError> {
        self.take_items(sender, Some(topic), split::items(body), std::str::from_utf8(body).is_ok()).await
    }

    async fn take_items(
        &self,
        sender: &Sender,
        topic: Option<Topic<'_>>,
        items: Vec<Item<'_>>,
        utf8: bool,
    ) -> Result<Answer, StoreError> {
        let mut body = self.check(sender, topic, items, utf8);
        let refused = std::mem::take(&mut body.refused);
        let refusals = std::mem::take(&mut body.refusals);
        let (mut taken, total) = (0, body.checked.len() as u64);
        let pending = self.store(body.series, body.checked)?;
        for (count, pending) in pending {
            pending.await?;
            taken += count;
        }
        rejected::keep(&self.world, &format!("{} {}", sender.name, sender.way), refusals).await?;
        metrics::counter!("anlan_readings_taken_total").increment(taken);
        metrics::counter!("anlan_readings_duplicate_total").increment(total - taken);
        metrics::counter!("anlan_readings_refused_total").increment(refused.len() as u64);
        Ok(Answer { taken, duplicates: total - taken, refused })
    }

    /// Everything that can be said without knowing what came before.
    fn check<'a>(&self, sender: &Sender, topic: Option<Topic<'a>>, items: Vec<Item<'a>>, utf8: bool) -> Body<'a> {
        let now = self.world.now();
        let mut body = Body {
            names: HashMap::new(),
            series: Vec::new(),
            checked: Vec::with_capacity(items.len()),
            refused: Vec::new(),
            refusals: Vec::new(),
        };
        let directory = self.directory.read().unwrap_or_else(PoisonError::into_inner);
        for item in items {
            match body.item(&directory, sender, topic, &item, utf8, now) {
                Ok(checked) => body.checked.push(checked),
                Err(problem) => body.refuse(&item, problem),
            }
        }
        body
    }

    /// Hands what is new to the log. The look at what came before and the place in the writer's
    /// queue are one step, so that a duplicate is never acknowledged before its first.
    #[expect(clippy::type_complexity, reason = "read once, by the caller above")]
    fn store(
        &self,
        series: Vec<Series>,
        checked: Vec<Checked>,
    ) -> Result<Vec<(u64, impl Future<Output = Result<(), StoreError>>)>, StoreError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.failures != self.log.failures() {
            self.recall(&mut seen)?;
        }
        let now = self.world.now();
        let fresh: Vec<Logged> = checked
            .into_iter()
            .filter(|it| seen.insert(it.key, it.reading.observed_at, now))
            .map(|it| Logged { series: it.series, ..it.reading })
            .collect();
        let mut batches = Vec::new();
        if fresh.is_empty() {
            batches.push((0, self.log.flush_or_append(None)));
        } else {
            // 40 bytes are more than a reading needs, so no frame grows too large.
            for part in fresh.chunks(MAX_PAYLOAD / 80) {
                let batch = Batch { series: series.clone(), readings: part.to_vec() };
                batches.push((part.len() as u64, self.log.flush_or_append(Some(Frame::new(&batch)))));
            }
        }
        Ok(batches)
    }

    /// Learns from the log what came before.
    fn recall(&self, seen: &mut Seen) -> Result<(), StoreError> {
        let failures = self.log.failures();
        let since = self.world.now().minus(seen.horizon());
        let mut reader = self.log.reader(self.log.position_before(since)?);
        seen.forget();
        let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
        while let Some(block) = reader.next(self.log.synced())? {
            let keys: Vec<_> = block
                .batch
                .series
                .iter()
                .map(|it| Some(key_of(directory.number(&it.station), Quantity::named(&it.quantity).ok()?)))
                .collect();
            for reading in &block.batch.readings {
                if let Some(key) = keys[reading.series as usize] {
                    seen.insert(with_quality(key, reading.quality), reading.observed_at, block.received_at);
                }
            }
        }
        seen.failures = failures;
        Ok(())
    }
}

impl Directory {
    fn number(&mut self, station: &str) -> u32 {
        if let Some(number) = self.numbers.get(station) {
            return *number;
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(station.into(), number);
        number
    }
}

impl<'a> Body<'a> {
    fn refuse(&mut self, item: &Item<'_>, problem: Problem) {
        let problem = problem.index(item.index).line(item.line);
        if self.refusals.len() < rejected::MOST {
            self.refusals.push(Refusal::new(item.raw, problem.clone()));
        } else if self.refusals.len() == rejected::MOST {
            // One more than is kept, so that the journal counts what is not.
            self.refusals.push(Refusal::new(&[], problem.clone()));
        }
        self.refused.push(problem);
    }

    fn item(
        &mut self,
        directory: &Directory,
        sender: &Sender,
        topic: Option<Topic<'a>>,
        item: &Item<'a>,
        utf8: bool,
        now: Instant,
    ) -> Result<Checked, Problem> {
        let mut fields = reading::fields(item, utf8)?;
        let names = names(&mut fields, topic)?;
        let known = match self.names.get(&names) {
            Some(known) => known.clone()?,
            None => {
                let known = self.known(directory, sender, &names);
                self.names.insert(names, known.clone());
                known?
            }
        };
        let said = reading::said(&fields)?;
        if said.observed_at > now.plus(AHEAD) {
            return Err(bad_clock(said.observed_at, now));
        }
        if let Some(received_at) = said.received_at.filter(|it| said.observed_at > it.plus(AHEAD)) {
            return Err(bad_clock(said.observed_at, received_at));
        }
        let plausible = known.quantity.plausible(known.conversion.amount(said.value));
        let quality = if said.quality == Quality::Good && !plausible { Quality::Suspect } else { said.quality };
        Ok(Checked {
            series: known.number,
            key: with_quality(known.key, quality),
            reading: Logged { series: known.number, observed_at: said.observed_at, value: said.value, quality },
        })
    }

    fn known(&mut self, directory: &Directory, sender: &Sender, names: &Names<'_>) -> Result<Known, Problem> {
        let (station, quantity, unit) = names;
        let number = directory.numbers.get(&**station).filter(|it| directory.known.contains(it));
        let number = *number.ok_or_else(|| unknown_station(station))?;
        if !sender.stations.covers(station) {
            return Err(foreign_station(station));
        }
        let quantity = Quantity::named(quantity).map_err(|it| it.field("quantity"))?;
        if unit.is_empty() {
            return Err(missing_unit(quantity));
        }
        let conversion = quantity.conversion(unit).map_err(|it| it.field("unit"))?;
        let series = self.series.len() as u32;
        self.series.push(Series {
            station: station.to_string(),
            quantity: quantity.name().to_owned(),
            unit: unit.trim().to_owned(),
        });
        Ok(Known { number: series, key: key_of(number, quantity), quantity, conversion })
    }
}

fn names<'a>(fields: &mut Fields<'a>, topic: Option<Topic<'a>>) -> Result<Names<'a>, Problem> {
    let unit = fields.unit.take().unwrap_or_default();
    let (station, quantity) = match topic {
        None => (fields.station_id.take(), fields.quantity.take()),
        Some(topic) => (Some(topic.station.into()), Some(topic.quantity.into())),
    };
    let station = station.ok_or_else(|| reading::missing("station_id"))?;
    Ok((station, quantity.ok_or_else(|| reading::missing("quantity"))?, unit))
}

/// A number per station and quantity; the lowest bit keeps bad readings apart, so that a good one
/// of the same moment is taken after a bad one.
fn key_of(station: u32, quantity: Quantity) -> u64 {
    (u64::from(station) << 16) | ((quantity.index() as u64) << 1)
}

fn with_quality(key: u64, quality: Quality) -> u64 {
    key | u64::from(quality == Quality::Bad)
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

fn unknown_station(station: &str) -> Problem {
    let station = shown(station);
    Problem::new(
        "unknown_station",
        format!("没有站点“{station}”；请先导入站点表"),
        format!("there is no station \"{station}\"; import it first"),
    )
    .field("station_id")
}

fn foreign_station(station: &str) -> Problem {
    let station = shown(station);
    Problem::new(
        "foreign_station",
        format!("这个凭证不能代站点“{station}”上报"),
        format!("this credential may not speak for the station \"{station}\""),
    )
    .field("station_id")
}

fn missing_unit(quantity: Quantity) -> Problem {
    let unit = quantity.unit();
    Problem::new(
        "unknown_unit",
        format!("没有单位；{}的单位如 {unit}", quantity.zh()),
        format!("the unit is missing; {} comes in {unit}, for example", quantity.name()),
    )
    .field("unit")
}

fn bad_clock(observed_at: Instant, received_at: Instant) -> Problem {
    let (observed_at, received_at) = (observed_at.to_rfc3339_shanghai(), received_at.to_rfc3339_shanghai());
    Problem::new(
        "bad_clock",
        format!("观测时间 {observed_at} 比接收时间 {received_at} 晚 10 分钟以上；请校准设备时钟"),
        format!("observed_at {observed_at} is more than 10 minutes after {received_at}, when it was received; set the device's clock"),
    )
    .field("observed_at")
}
