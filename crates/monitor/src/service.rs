//! Monitoring as a whole: readings in, alarms out, in one world.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use anlan_kernel::{Actor, Instant, Problem, RegionCode, Scope};
use anlan_store::{Event, StoreError, Urgency, World};
use serde_json::json;
use tokio::sync::{Mutex, Notify};

use crate::{
    alarms,
    ingest::{Answer, Ingest, Item, Sender, Topic},
    judging::{ENGINE, Given, Judging, check_rules},
    log::{self, Log, Quality},
    model::{Hooks, LogMark, RuleSet, Station},
    newest::{Last, Newest},
    stations::{self, Imported},
    store,
};

/// Name of the digests' [`LogMark`].
const DIGEST: &str = "digest";
/// Readings that came within this time are known when they come again, at least.
const REMEMBER: Duration = Duration::from_secs(3 * 86_400);
/// How often what was logged is summed up in the journal, in real time.
const DIGEST_EVERY: Duration = Duration::from_secs(1);
/// How often the engine looks, at the most, while readings stream in.
const PACE: Duration = Duration::from_millis(5);
/// Code of the refusal of a node that takes no observations.
pub(crate) const NOT_INGESTING: &str = "not_ingesting";
/// Source of rules that were edited here.
pub const LOCAL: &str = "local";

/// What monitoring needs to know about its world.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The region whose desk handles signals that name no place of ours.
    pub home: RegionCode,
    /// Who else hears of alarms and signals.
    pub hooks: Hooks,
    /// Whether this node takes observations and judges them; of several nodes of a world one does.
    pub ingest: bool,
}

/// Monitoring of one world.
pub struct Monitor {
    pub(crate) world: World,
    pub(crate) settings: Settings,
    /// `None` on a node that takes no observations.
    intake: Option<Intake>,
    /// Wakes the engine when its next moment may have changed.
    stir: Notify,
}

/// What only the node that takes observations has.
struct Intake {
    log: Arc<Log>,
    ingest: Ingest,
    judging: Mutex<Judging>,
    digest: Mutex<i64>,
}

/// Why rules were not taken.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// What is wrong with them, with TOML line and column.
    #[error("the rules are wrong in {} places", .0.len())]
    Wrong(Vec<Problem>),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Monitor({:?})", self.world)
    }
}

fn actor() -> Actor {
    Actor::system("monitor")
}

/// The log's folder of a world.
fn log_dir(world: &World) -> PathBuf {
    world.dir().join("log")
}

/// Readings, rules and stations belong to the node that has the log.
fn not_ingesting() -> StoreError {
    StoreError::Refused(Problem::new(
        NOT_INGESTING,
        "本节点不接收观测，请改用承担 ingest 的节点",
        "this node takes no observations; ask the node whose role is ingest",
    ))
}

impl Intake {
    async fn open(world: &World, home: &RegionCode) -> Result<Self, StoreError> {
        let (stations, sets, open, engine, digest) = world
            .read(&actor(), |tx| {
                Ok((
                    tx.find::<Station>("1 = 1", "ORDER BY id", &[])?,
                    tx.find::<RuleSet>("1 = 1", "ORDER BY source, version", &[])?,
                    store::alarm_open(tx, &Scope::Everywhere)?,
                    store::log_mark(tx, ENGINE)?,
                    store::log_mark(tx, DIGEST)?.map_or(0, |it| it.position),
                ))
            })
            .await?;
        let durable = digest.max(engine.as_ref().map_or(0, |it| it.position));
        let log = Arc::new(Log::open(&log_dir(world), world.clock().clone(), durable)?);
        let begin = LogMark { id: ENGINE.into(), position: 0, at: Instant(i64::MIN / 4) };
        let known: Vec<_> = stations.iter().map(|it| it.id.clone()).collect();
        let mut judging =
            Judging::resume(Arc::clone(&log), Given { home: home.clone(), stations, sets }, engine.unwrap_or(begin))?;
        judging.reconcile(&open);
        let ingest = Ingest::open(world.clone(), Arc::clone(&log), known.into_iter(), REMEMBER)?;
        Ok(Self { log, ingest, judging: Mutex::new(judging), digest: Mutex::new(digest) })
    }
}

impl Monitor {
    /// Opens the log of the world, where this node takes observations, and brings the engine to where
    /// it stood.
    ///
    /// # Errors
    /// What store and file system say, and [`StoreError::Shape`] when the log ends before what the
    /// journal knows to be in it.
    pub async fn open(world: World, settings: Settings) -> Result<Arc<Self>, StoreError> {
        let intake = if settings.ingest { Some(Intake::open(&world, &settings.home).await?) } else { None };
        Ok(Arc::new(Self { world, settings, intake, stir: Notify::new() }))
    }

    fn intake(&self) -> Result<&Intake, StoreError> {
        self.intake.as_ref().ok_or_else(not_ingesting)
    }

    /// Whether this node takes observations.
    pub fn ingests(&self) -> bool {
        self.intake.is_some()
    }

    /// Its world.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Takes a JSON array or NDJSON of readings; answers after the sync.
    ///
    /// # Errors
    /// What log or store say; then the whole body is to be sent again.
    pub async fn take(&self, sender: &Sender, body: &[u8]) -> Result<Answer, StoreError> {
        self.intake()?.ingest.take(sender, body).await
    }

    /// Takes rows of a file; answers after the sync.
    ///
    /// # Errors
    /// As [`Monitor::take`].
    pub(crate) async fn take_rows(&self, sender: &Sender, rows: Vec<Item<'_>>) -> Result<Answer, StoreError> {
        self.intake()?.ingest.take_rows(sender, rows).await
    }

    /// Takes readings of one station and quantity, as MQTT carries them; answers after the sync.
    ///
    /// # Errors
    /// As [`Monitor::take`].
    pub async fn take_topic(&self, sender: &Sender, topic: Topic<'_>, body: &[u8]) -> Result<Answer, StoreError> {
        self.intake()?.ingest.take_topic(sender, topic, body).await
    }

    /// Judges everything received up to `until` and every moment up to it. The driver of a driven
    /// world calls this when all rows of that moment are in; elsewhere [`Monitor::run`] does.
    ///
    /// # Errors
    /// What log or store say; what was decided is then committed with the next call.
    pub async fn judge_until(&self, until: Instant) -> Result<(), StoreError> {
        let intake = self.intake()?;
        self.judge(&intake.log, &mut *intake.judging.lock().await, Some(until)).await
    }

    /// When something may change without a reading; a driven clock must not pass it.
    pub async fn next_wake(&self) -> Option<Instant> {
        let judging = self.intake.as_ref()?.judging.lock().await;
        let at = judging.mark.at;
        judging.next_wake().map(|it| it.max(Instant(at.0 + 1)))
    }

    /// When the station last reported, of what was judged.
    pub async fn last_reading(&self, station: &str) -> Option<Instant> {
        self.intake.as_ref()?.judging.lock().await.newest.of_station(station)
    }

    /// The log, the rules that judge now, and some positions of the log with the time of their frame, in
    /// order; nothing on a node without a log.
    pub(crate) async fn for_strips(&self) -> Option<(Arc<Log>, Vec<RuleSet>, Vec<(Instant, i64)>)> {
        let intake = self.intake.as_ref()?;
        let judging = intake.judging.lock().await;
        Some((Arc::clone(&intake.log), judging.active_sets(), judging.places.iter().copied().collect()))
    }

    /// The newest readings by station: of what was judged, or of what had been received by `at`. Empty on
    /// a node that takes no observations.
    ///
    /// # Errors
    /// What the log says.
    pub async fn newest_readings(&self, at: Option<Instant>) -> Result<HashMap<String, Vec<Last>>, StoreError> {
        let mut found: HashMap<String, Vec<Last>> = HashMap::new();
        let Some(intake) = &self.intake else { return Ok(found) };
        let lasts = match at {
            None => intake.judging.lock().await.newest.lasts(),
            Some(at) => {
                let log = Arc::clone(&intake.log);
                let read = tokio::task::spawn_blocking(move || Newest::received_by(&log, at));
                read.await.map_err(|it| StoreError::Io(it.to_string()))??.lasts()
            }
        };
        for last in lasts {
            found.entry(last.station.clone()).or_default().push(last);
        }
        Ok(found)
    }

    /// How many readings the log holds; those of bad quality are no readings.
    ///
    /// # Errors
    /// What the log says.
    pub fn readings(&self) -> Result<u64, StoreError> {
        let log = &self.intake()?.log;
        let (mut reader, until, mut count) = (log.reader(0), log.synced(), 0);
        while let Some(block) = reader.next(until)? {
            count += block.batch.readings.iter().filter(|it| it.quality != Quality::Bad).count() as u64;
        }
        Ok(count)
    }

    async fn judge(&self, log: &Log, judging: &mut Judging, until: Option<Instant>) -> Result<(), StoreError> {
        loop {
            let settled = log.flush().done().await?;
            let whole = judging.step(settled.position, until.unwrap_or(settled.at))?;
            self.commit(judging, None).await?;
            if whole {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    }

    /// Alarms and the engine's mark, together or not at all; nothing when there is nothing to say.
    async fn commit(&self, judging: &mut Judging, set: Option<RuleSet>) -> Result<(), StoreError> {
        if judging.moves.is_empty() && set.is_none() {
            return Ok(());
        }
        let (moves, mark) = (judging.moves.clone(), judging.mark.clone());
        let (context, hooks) = (judging.context.clone(), self.settings.hooks.clone());
        let by = set.as_ref().map_or_else(actor, |it| Actor { name: it.set_by.clone(), ..actor() });
        self.world
            .write("judge", Urgency::Urgent, &by, move |tx| {
                if let Some(set) = &set {
                    for old in store::rule_set_active(tx)?.into_iter().filter(|it| it.source == set.source) {
                        tx.put(&RuleSet { active: false, ..old })?;
                    }
                    tx.put(set)?;
                    tx.record(Event::new("rules.set", &set.id).pack(&set.id))?;
                }
                for it in &moves {
                    alarms::apply(tx, &context, &hooks, it)?;
                }
                tx.put(&mark)?;
                tx.record(Event::new("observations.judged", ENGINE))
            })
            .await?;
        judging.moves.clear();
        Ok(())
    }

    /// Makes `toml` the rules of `source` from now on, with history. Nobody is alarmed about the past.
    ///
    /// # Errors
    /// [`RulesError::Wrong`] with every problem and its place; then nothing changed.
    pub async fn set_rules(&self, by: &Actor, source: &str, toml: &str) -> Result<RuleSet, RulesError> {
        let intake = self.intake()?;
        let mut judging = intake.judging.lock().await;
        check_rules(toml, source, &judging.active_sets()).map_err(RulesError::Wrong)?;
        self.judge(&intake.log, &mut judging, None).await?;
        let name = source.to_owned();
        let version = self
            .world
            .read(&actor(), move |tx| Ok(store::rule_set_history(tx, &name)?.first().map_or(0, |it| it.version)))
            .await?
            + 1;
        let set = RuleSet {
            id: format!("{source}/{version}"),
            version,
            toml: toml.to_owned(),
            source: source.to_owned(),
            set_by: by.name.clone(),
            active_from: judging.mark.at,
            active: true,
        };
        let kept = match judging.replace_rules(set.clone()) {
            Ok(()) => self.commit(&mut judging, Some(set.clone())).await,
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            judging.withdraw(&set.id)?;
            return Err(error.into());
        }
        self.stir.notify_one();
        Ok(set)
    }

    /// Imports stations (csv or xlsx) and judges by the new ones from now on.
    ///
    /// # Errors
    /// What the store says.
    pub async fn import_stations(&self, by: &Actor, file: &[u8], dry_run: bool) -> Result<Imported, StoreError> {
        if dry_run {
            return stations::import(&self.world, by, file, true).await;
        }
        let intake = self.intake()?;
        let mut judging = intake.judging.lock().await;
        let imported = stations::import(&self.world, by, file, false).await?;
        if imported.new + imported.changed > 0 {
            self.judge(&intake.log, &mut judging, None).await?;
            let stations = self.world.read(&actor(), |tx| tx.find::<Station>("1 = 1", "ORDER BY id", &[])).await?;
            intake.ingest.set_stations(stations.iter().map(|it| it.id.clone()));
            judging.replace_stations(stations);
            self.commit(&mut judging, None).await?;
            self.stir.notify_one();
        }
        Ok(imported)
    }

    /// Writes into the journal what was logged since the last time, and how far it was judged.
    ///
    /// # Errors
    /// What log or store say.
    pub async fn digest(&self) -> Result<(), StoreError> {
        let Some(intake) = &self.intake else { return Ok(()) };
        let mut digested = intake.digest.lock().await;
        let (from, until, dir) = (*digested, intake.log.synced(), intake.log.dir().to_owned());
        let Some(digest) = log::digest(&dir, from, until)? else { return Ok(()) };
        let judging = intake.judging.lock().await;
        // A mark may only be written with the alarms decided before it.
        let mark = judging.moves.is_empty().then(|| judging.mark.clone());
        self.world
            .write("observations-digest", Urgency::Background, &actor(), move |tx| {
                tx.put(&LogMark { id: DIGEST.into(), position: until, at: digest.at })?;
                if let Some(mark) = mark.as_ref().filter(|it| it.position > 0) {
                    tx.put(mark)?;
                }
                let detail = json!({"from": from, "to": until, "count": digest.count, "sha256": digest.sha256});
                tx.record(Event::new("observations.logged", DIGEST).detail(detail))
            })
            .await?;
        *digested = until;
        Ok(())
    }

    /// Works until it is dropped: digests in every world, judging where nobody drives the clock. A node
    /// that takes no observations has nothing to do.
    pub async fn run(self: Arc<Self>) {
        let Some(intake) = &self.intake else { return };
        let judge = async {
            if self.world.clock().is_driven() {
                std::future::pending::<()>().await;
            }
            let mut grown = intake.log.grown();
            loop {
                let looked = self.judge(&intake.log, &mut *intake.judging.lock().await, None).await;
                if let Err(error) = looked {
                    tracing::error!(%error, "readings could not be judged; trying again");
                    tokio::time::sleep(DIGEST_EVERY).await;
                }
                tokio::time::sleep(PACE).await;
                let wake = self.next_wake().await.map_or(DIGEST_EVERY, |it| it.since(self.world.now()));
                tokio::select! {
                    changed = grown.changed() => if changed.is_err() { return },
                    () = self.stir.notified() => {}
                    () = tokio::time::sleep(wake.min(DIGEST_EVERY)) => {}
                }
            }
        };
        let digest = async {
            loop {
                tokio::time::sleep(DIGEST_EVERY).await;
                if let Err(error) = self.digest().await {
                    tracing::error!(%error, "what was logged could not be written into the journal; trying again");
                }
            }
        };
        tokio::join!(judge, digest);
    }
}
