//! A world of its own for one test.

use std::{
    ops::Deref,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use anlan_kernel::Instant;
use anlan_store::{Clock, Keys, Module, Place, World, WorldConfig, WorldKind, real_now};

/// 2023-09-01 12:00 in Shanghai: when tests begin that do not say otherwise.
pub const NOON: Instant = Instant::from_secs(1_693_540_800);

/// Where a test world's rows live. A test takes it as `#[values(Engine::Sqlite, Engine::Postgres)]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// One file.
    Sqlite,
    /// One schema of the tests' own cluster.
    Postgres,
}

/// A world that goes away with the test. It can be used wherever a [`World`] can.
pub struct TestWorld {
    world: Option<World>,
    modules: Vec<&'static Module>,
    dir: PathBuf,
    place: Place,
    // Removed last.
    folder: tempfile::TempDir,
}

/// A world on `engine`, with this clock and these mechanisms.
///
/// # Panics
/// When it cannot be made; PostgreSQL missing is such a case.
pub fn world(engine: Engine, clock: Clock, modules: &[&'static Module]) -> TestWorld {
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let dir = folder.path().join("world");
    let place = match engine {
        Engine::Sqlite => Place::Sqlite(dir.join("world.db")),
        Engine::Postgres => Place::Postgres { url: off_thread(super::postgres_url).to_owned(), schema: schema() },
    };
    let mut world = TestWorld { world: None, modules: modules.to_vec(), dir, place, folder };
    world.world = Some(world.again(clock));
    world
}

/// One world on each engine at [`NOON`], with a driven clock.
///
/// # Panics
/// As [`world`].
pub fn worlds(modules: &[&'static Module]) -> Vec<TestWorld> {
    let made = |engine| world(engine, Clock::driven(NOON), modules);
    [Engine::Sqlite, Engine::Postgres].into_iter().map(made).collect()
}

impl TestWorld {
    /// Another handle on the same rows and files, as a second process would have.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub fn again(&self, clock: Clock) -> World {
        self.again_with(clock, &self.modules)
    }

    /// As [`TestWorld::again`], with other mechanisms.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub fn again_with(&self, clock: Clock, modules: &[&'static Module]) -> World {
        let config = self.config(clock);
        off_thread(|| World::open(config, modules)).expect("the test world opens")
    }

    /// As [`TestWorld::again`], opened in another way than [`TestWorld::config`] says.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub fn again_as(&self, config: WorldConfig) -> World {
        off_thread(|| World::open(config, &self.modules)).expect("the test world opens")
    }

    /// How this world is opened.
    ///
    /// # Panics
    /// When the key cannot be read.
    pub fn config(&self, clock: Clock) -> WorldConfig {
        WorldConfig {
            name: "test".into(),
            kind: WorldKind::Replay,
            dir: self.dir.clone(),
            place: self.place.clone(),
            keys: Keys::open_or_make(&self.folder.path().join("master.key")).expect("the key can be made"),
            clock,
            heads: Some(self.heads_file()),
        }
    }

    /// Closes the world and opens it once more, as after a restart.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub fn reopen(&mut self) {
        let clock = self.clock().clone();
        self.world = None;
        self.world = Some(self.again(clock));
    }

    /// The folder that goes away with the test; the world's own is inside.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where signed heads go.
    pub fn heads_file(&self) -> PathBuf {
        self.folder.path().join("heads")
    }

    /// Runs statements past the store, as somebody with the database password would; for tests of what
    /// must be found afterwards.
    ///
    /// # Panics
    /// When the statement fails.
    pub fn tamper(&self, sql: &str) {
        off_thread(|| match &self.place {
            Place::Sqlite(path) => {
                let conn = rusqlite::Connection::open(path).expect("the file opens");
                conn.busy_timeout(Duration::from_secs(10)).expect("a wait can be set");
                conn.execute_batch(sql).expect("the statement runs");
            }
            Place::Postgres { url, schema } => {
                let mut client = postgres::Client::connect(url, postgres::NoTls).expect("the cluster answers");
                let sql = format!("SET search_path TO \"{schema}\"; {sql}");
                client.batch_execute(&sql).expect("the statement runs");
            }
        });
    }
}

impl Deref for TestWorld {
    type Target = World;

    fn deref(&self) -> &World {
        self.world.as_ref().expect("a test world is open while it is used")
    }
}

impl Drop for TestWorld {
    fn drop(&mut self) {
        self.world = None;
        if matches!(self.place, Place::Postgres { .. }) {
            // A schema that stays behind goes with the cluster.
            let _ = off_thread(|| World::remove(&self.place));
        }
    }
}

/// The blocking client may not run on a thread that drives async tasks.
fn off_thread<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(body).join()).unwrap_or_else(|it| std::panic::resume_unwind(it))
}

fn schema() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!("t{}_{}_{}", real_now().0, std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}
