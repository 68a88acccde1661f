//! A world: an isolated store with its own clock.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use anlan_kernel::{Actor, Instant};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::sync::{oneshot, watch};

use crate::{
    Clock, Keys, StoreError, Table, Tx, Urgency,
    conn::{Conn, PgClient},
    disk,
    engine::{Conflict, Engine, Job, Place, Ran, lite_open},
    file_problem, identity, journal, migrate,
    table::is_derived,
};

/// What kind of world (实战、演练、回放); decides colours, words and CAP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorldKind {
    /// 实战.
    Real,
    /// 演练.
    Exercise,
    /// 回放.
    Replay,
}

/// What a mechanism brings to a world: its migrations and its journaled tables.
pub struct Module {
    /// The mechanism's name.
    pub name: &'static str,
    /// (step name, SQL), in order; a step that ran is never changed.
    pub migrations: &'static [(&'static str, &'static str)],
    /// Tables whose every change goes through the journal.
    pub tables: &'static [&'static Table],
}

pub(crate) struct Registry {
    tables: BTreeMap<&'static str, &'static Table>,
    pub keys: Keys,
}

static JOURNAL: Table =
    Table { name: "journal", columns: &[], key: "entry", region: Some("region"), sealed: &[], person: None };
static PERSON_KEY: Table =
    Table { name: "person_key", columns: &[], key: "person", region: None, sealed: &[], person: None };

impl Registry {
    fn named(&self, word: &str) -> Option<&'static Table> {
        match word {
            "journal" => Some(&JOURNAL),
            "person_key" => Some(&PERSON_KEY),
            _ => self.tables.get(word).copied(),
        }
    }

    pub fn regional_in(&self, sql: &str) -> Option<&'static Table> {
        words(sql).find_map(|it| self.named(it).filter(|it| it.region.is_some()))
    }

    /// A journaled table that the statement changes; a column may be named like one.
    pub fn journaled_in(&self, sql: &str) -> Option<&'static Table> {
        let verbs = ["INTO", "UPDATE", "FROM", "TABLE"];
        let changes = |word: &str| verbs.iter().any(|it| it.eq_ignore_ascii_case(word));
        words(sql).zip(words(sql).skip(1)).find_map(|(verb, word)| changes(verb).then(|| self.named(word))?)
    }
}

fn words(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|it| !it.is_empty())
}

/// How to open a world.
#[derive(Debug)]
pub struct WorldConfig {
    /// Its name; letters, digits, hyphen.
    pub name: String,
    /// What kind.
    pub kind: WorldKind,
    /// Folder of the observation log and other files of this world.
    pub dir: PathBuf,
    /// Where the rows live.
    pub place: Place,
    /// Keys of the installation.
    pub keys: Keys,
    /// Its clock.
    pub clock: Clock,
    /// File outside the data folder to which signed heads are appended.
    pub heads: Option<PathBuf>,
}

struct Inner {
    config: WorldConfig,
    engine: Engine,
    registry: Arc<Registry>,
    commits: watch::Sender<u64>,
    made_here: OnceLock<bool>,
}

/// An open world; clones are handles to the same one.
#[derive(Clone)]
pub struct World(Arc<Inner>);

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "World({})", self.0.config.name)
    }
}

impl World {
    /// Opens the world, creating and migrating its tables. What kind it is and whose key is its own is
    /// settled when it is made.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when it was made as another kind of world, or under another master key;
    /// what the engine or the file system says.
    pub fn open(config: WorldConfig, modules: &[&'static Module]) -> Result<Self, StoreError> {
        disk::make_dir(&config.dir).map_err(|it| file_problem(&config.dir, &it))?;
        disk::tighten(&config.dir);
        let engine = Engine::open(&config.place)?;
        let tables = modules.iter().flat_map(|it| it.tables).chain(journal::MODULE.tables);
        let registry =
            Arc::new(Registry { tables: tables.map(|it| (it.name, *it)).collect(), keys: config.keys.clone() });
        let (name, kind, keys) = (config.name.clone(), config.kind, config.keys.clone());
        let world = Self(Arc::new(Inner {
            config,
            engine,
            registry,
            commits: watch::Sender::new(0),
            made_here: OnceLock::new(),
        }));
        let all: Vec<_> = std::iter::once(&journal::MODULE).chain(modules.iter().copied()).collect();
        let is_new = world.run_sync(move |conn| {
            migrate::run(conn, &all)?;
            identity::hold(conn, &name, kind, &keys)
        })?;
        world.0.made_here.get_or_init(|| is_new);
        Ok(world)
    }

    /// As what the world `name` was made that stands at `place`; `None` where there is none. Makes nothing.
    ///
    /// # Errors
    /// What the engine says.
    pub fn made_as(name: &str, place: &Place) -> Result<Option<WorldKind>, StoreError> {
        identity::made_as(name, place)
    }

    /// Drops the rows of a world for good; a demo world is made anew this way.
    ///
    /// # Errors
    /// What the engine or the file system says.
    pub fn remove(place: &Place) -> Result<(), StoreError> {
        match place {
            // The log first: left alone, it would be played into the next file of this name.
            Place::Sqlite(path) => ["-wal", "-shm", ""].iter().try_for_each(|suffix| {
                let mut file = path.as_os_str().to_owned();
                file.push(suffix);
                match std::fs::remove_file(&file) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        Err(file_problem(Path::new(&file), &error).into())
                    }
                    _ => Ok(()),
                }
            }),
            Place::Postgres { url, schema } => PgClient::drop_schema(url, schema),
        }
    }

    /// Drops a world that was begun and never filled. Where anybody wrote a row since, it stays; so does one that is not
    /// `made_here` (see [`World::made_here`]) but by another node. Whether it is gone.
    ///
    /// # Errors
    /// What the engine or the file system says.
    pub fn remove_untouched(place: &Place, made_here: bool) -> Result<bool, StoreError> {
        identity::remove_untouched(place, made_here)
    }

    /// Whether opening it made it: it was not there, and no other node made it meanwhile.
    pub fn made_here(&self) -> bool {
        self.0.made_here.get().is_some_and(|it| *it)
    }

    /// A world of its own in `dir` on SQLite, with the given clock; for tests and scratch replays.
    ///
    /// # Errors
    /// As [`World::open`].
    pub fn scratch(dir: &Path, clock: Clock, modules: &[&'static Module]) -> Result<Self, StoreError> {
        let config = WorldConfig {
            name: "scratch".into(),
            kind: WorldKind::Replay,
            dir: dir.to_owned(),
            place: Place::Sqlite(dir.join("world.db")),
            keys: Keys::open_or_make(&dir.with_extension("key"))?,
            clock,
            heads: Some(dir.with_extension("heads")),
        };
        disk::make_dir(dir)?;
        Self::open(config, modules)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.config.name
    }

    /// What kind.
    pub fn kind(&self) -> WorldKind {
        self.0.config.kind
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.0.config.dir
    }

    /// Where its rows live.
    pub fn place(&self) -> &Place {
        &self.0.config.place
    }

    /// The file signed heads go to.
    pub fn heads(&self) -> Option<&Path> {
        self.0.config.heads.as_deref()
    }

    /// Keys of the installation.
    pub fn keys(&self) -> &Keys {
        &self.0.config.keys
    }

    /// Its clock.
    pub fn clock(&self) -> &Clock {
        &self.0.config.clock
    }

    /// World time now.
    pub fn now(&self) -> Instant {
        self.clock().now()
    }

    /// Whether it lives in PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        self.0.engine.postgres
    }

    /// Counts commits that recorded something; workers wait on it.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.0.commits.subscribe()
    }

    /// Runs `unit` in one transaction under `actor`; returns once it is durable. `label` names it in
    /// logs and crash tests. The closure may run more than once when nodes race on PostgreSQL.
    ///
    /// # Errors
    /// What the closure or the engine says; then nothing was changed.
    pub async fn write<T: Send + 'static>(
        &self,
        label: &'static str,
        urgency: Urgency,
        actor: &Actor,
        unit: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = self.job(label, actor, true, unit);
        self.0.engine.write(urgency, job);
        answer.await.map_err(|_| StoreError::Engine(format!("{label} did not finish")))?
    }

    /// As [`World::write`], for code that is not async. Never call it on an async worker thread.
    ///
    /// # Errors
    /// As [`World::write`].
    pub fn write_sync<T: Send + 'static>(
        &self,
        label: &'static str,
        urgency: Urgency,
        actor: &Actor,
        unit: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = self.job(label, actor, true, unit);
        self.0.engine.write(urgency, job);
        answer.blocking_recv().map_err(|_| StoreError::Engine(format!("{label} did not finish")))?
    }

    /// Runs `unit` against one consistent state; it cannot change anything.
    ///
    /// # Errors
    /// What the closure or the engine says.
    pub async fn read<T: Send + 'static>(
        &self,
        actor: &Actor,
        unit: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = self.job("read", actor, false, unit);
        self.0.engine.read(job);
        answer.await.map_err(|_| StoreError::Engine("a read did not finish".into()))?
    }

    /// Overwrites what erased rows left in the files of the engine: pages that wait in SQLite's write-ahead
    /// log, dead rows of PostgreSQL. To be called after an erasure has committed.
    ///
    /// # Errors
    /// What the engine says; then it is to be called again.
    pub async fn scrub(&self) -> Result<(), StoreError> {
        let personal: Vec<_> = self.tables().filter(|it| !it.sealed.is_empty()).map(|it| it.name).collect();
        let (place, (send, answer)) = (self.place().clone(), oneshot::channel());
        std::thread::spawn(move || {
            let scrubbed = match &place {
                Place::Sqlite(path) => lite_open(path, false).and_then(|conn| {
                    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
                    match conn.query_row(sql, [], |row| row.get::<_, i64>(0))? {
                        0 => Ok(()),
                        _ => Err(StoreError::Engine("the write-ahead log is in use".into())),
                    }
                }),
                Place::Postgres { url, schema } => PgClient::connect(url, schema).and_then(|mut it| {
                    let all = "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema()";
                    let all = it.client.query(all, &[])?;
                    let all: Vec<String> = all.iter().map(|row| row.get(0)).collect();
                    let derived = all.iter().map(String::as_str).filter(|it| is_derived(it));
                    let tables = personal.into_iter().chain(derived).collect::<Vec<_>>().join(", ");
                    Ok(it.client.batch_execute(&format!("VACUUM {tables}"))?)
                }),
            };
            // Nobody waits any more: it is done all the same.
            let _ = send.send(scrubbed);
        });
        answer.await.map_err(|_| StoreError::Engine("scrubbing did not finish".into()))?
    }

    /// Every row of every journaled table as JSON, by table and key; for comparing worlds.
    ///
    /// # Errors
    /// What the engine says.
    pub async fn dump(&self) -> Result<BTreeMap<&'static str, BTreeMap<String, Json>>, StoreError> {
        self.read(&Actor::system("dump"), |tx| {
            let tables: Vec<_> = tx.registry.tables.values().copied().collect();
            tables.into_iter().map(|table| Ok((table.name, rows_of(tx, table)?))).collect()
        })
        .await
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &'static Table> + '_ {
        self.0.registry.tables.values().copied()
    }

    fn job<T: Send + 'static>(
        &self,
        label: &'static str,
        actor: &Actor,
        writable: bool,
        mut unit: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> (Job, oneshot::Receiver<Result<T, StoreError>>) {
        let (send, answer) = oneshot::channel();
        let send = Arc::new(Mutex::new(Some(send)));
        let (registry, clock, commits) = (Arc::clone(&self.0.registry), self.clock().clone(), self.0.commits.clone());
        let actor = actor.clone();
        let run = Box::new(move |conn: Result<&mut Conn<'_>, StoreError>| {
            let outcome = conn.and_then(|conn| {
                let conn = match conn {
                    Conn::Lite(it) => Conn::Lite(it),
                    Conn::Pg(it) => Conn::Pg(it),
                };
                let mut tx = Tx::new(conn, &registry, &actor, clock.now(), writable);
                let value = unit(&mut tx)?;
                Ok((value, tx.finish(label)?))
            });
            let again = outcome.as_ref().is_err_and(StoreError::lost_race);
            let verdict = if outcome.is_ok() { Ok(()) } else { Err(Conflict { again }) };
            let (send, commits) = (Arc::clone(&send), commits.clone());
            Ran {
                verdict,
                tell: Box::new(move |committed| {
                    let answer = outcome.and_then(|(value, recorded)| {
                        committed.map(|()| {
                            if recorded {
                                commits.send_modify(|it| *it += 1);
                            }
                            value
                        })
                    });
                    if let Some(send) = send.lock().unwrap_or_else(PoisonError::into_inner).take() {
                        // Nobody waits any more: the change is durable all the same.
                        let _ = send.send(answer);
                    }
                }),
            }
        });
        (Job { label, run }, answer)
    }

    /// A raw statement batch on the writer; migrations only.
    fn run_sync<T: Send + 'static>(
        &self,
        unit: impl Fn(&mut Conn<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (send, answer) = std::sync::mpsc::channel();
        let run = Box::new(move |conn: Result<&mut Conn<'_>, StoreError>| {
            let outcome = conn.and_then(&unit);
            let verdict = if outcome.is_ok() { Ok(()) } else { Err(Conflict { again: false }) };
            let send = send.clone();
            Ran {
                verdict,
                tell: Box::new(move |committed| {
                    let _ = send.send(outcome.and_then(|value| committed.map(|()| value)));
                }),
            }
        });
        self.0.engine.write(Urgency::Urgent, Job { label: "migrate", run });
        answer.recv().map_err(|_| StoreError::Engine("the store closed".into()))?
    }
}

pub(crate) fn rows_of(tx: &mut Tx<'_>, table: &'static Table) -> Result<BTreeMap<String, Json>, StoreError> {
    let sql = format!("SELECT {} FROM {}", table.column_list(), table.name);
    let rows = tx.conn.query(&sql, &[])?;
    rows.iter()
        .map(|row| {
            let map = table.row_to_json(row)?;
            let key = map.get(table.key).and_then(Json::as_str).unwrap_or_default().to_owned();
            Ok((key, Json::Object(map)))
        })
        .collect()
}
