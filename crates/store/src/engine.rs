//! The threads that own connections. SQLite: one writer with group commit, a few readers.
//! PostgreSQL: a handful of clients. Jobs are closures; nobody else touches a connection.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use crate::{
    StoreError,
    conn::{Conn, PgClient},
    disk, failpoint, file_problem,
};

/// Most jobs that share one commit.
const GROUP: usize = 64;
const READERS: usize = 3;
const CLIENTS: usize = 4;
/// How often a PostgreSQL transaction that lost a race is run; all but the first run alone.
const TRIES: usize = 5;
/// A row changed since the transaction began is a lost race, never a lost change. The lock is taken before
/// the first look at the rows, so that who runs alone sees what all before it have done.
const TOGETHER: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE turn IN ROW SHARE MODE";
pub(crate) const ALONE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE turn IN EXCLUSIVE MODE";
const READ: &str = "BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ";

/// What goes first when both wait: people being called before readings being stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Calls, answers, signals, what a person is waiting for.
    Urgent,
    /// Ingest, imports, sealing.
    Background,
}

/// Tells whoever waits how the commit went.
pub(crate) type Tell = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What a job left behind: whether to keep its changes, and whom to tell once they are durable.
pub(crate) struct Ran {
    pub verdict: Result<(), Conflict>,
    pub tell: Tell,
}

/// The job failed; `again` when running it once more can succeed.
pub(crate) struct Conflict {
    pub again: bool,
}

/// Gets a connection inside a transaction, or why there is none.
pub(crate) type Run = Box<dyn FnMut(Result<&mut Conn<'_>, StoreError>) -> Ran + Send>;

pub(crate) struct Job {
    pub label: &'static str,
    pub run: Run,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<(VecDeque<Job>, VecDeque<Job>, bool)>,
    ready: Condvar,
}

impl Queue {
    fn push(&self, urgency: Urgency, job: Job) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        match urgency {
            Urgency::Urgent => jobs.0.push_back(job),
            Urgency::Background => jobs.1.push_back(job),
        }
        drop(jobs);
        self.ready.notify_one();
    }

    /// Waits for work; `None` once closed and empty.
    fn pop(&self, most: usize) -> Option<Vec<Job>> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mut taken = Vec::new();
            while taken.len() < most {
                let urgent = jobs.0.pop_front();
                // One background job at most joins a group, so that urgent work never waits behind many.
                let next = match urgent {
                    Some(job) => Some(job),
                    None if taken.is_empty() => jobs.1.pop_front(),
                    None => None,
                };
                match next {
                    Some(job) => taken.push(job),
                    None => break,
                }
            }
            if !taken.is_empty() {
                return Some(taken);
            }
            if jobs.2 {
                return None;
            }
            jobs = self.ready.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn close(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).2 = true;
        self.ready.notify_all();
    }
}

/// Where a world's rows live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// One file.
    Sqlite(PathBuf),
    /// One schema of a database.
    Postgres {
        /// Connection URL.
        url: String,
        /// Schema.
        schema: String,
    },
}

pub(crate) struct Engine {
    writers: Arc<Queue>,
    readers: Arc<Queue>,
    threads: Vec<thread::JoinHandle<()>>,
    pub postgres: bool,
}

impl Engine {
    pub fn open(place: &Place) -> Result<Self, StoreError> {
        let (writers, readers) = (Arc::new(Queue::default()), Arc::new(Queue::default()));
        let mut threads = Vec::new();
        let mut start = |name: &str, body: Box<dyn FnOnce() + Send>| -> Result<(), StoreError> {
            threads.push(thread::Builder::new().name(format!("store-{name}")).spawn(body)?);
            Ok(())
        };
        match place {
            Place::Sqlite(path) => {
                let writer = lite_open(path, false)?;
                let queue = Arc::clone(&writers);
                start("writer", Box::new(move || lite_writer(&writer, &queue)))?;
                for _ in 0..READERS {
                    let (reader, queue) = (lite_open(path, true)?, Arc::clone(&readers));
                    start("reader", Box::new(move || lite_reader(&reader, &queue)))?;
                }
            }
            Place::Postgres { url, schema } => {
                for (queue, count, first, again) in
                    [(&writers, CLIENTS, TOGETHER, ALONE), (&readers, READERS, READ, READ)]
                {
                    for _ in 0..count {
                        let client = PgClient::connect(url, schema)?;
                        let (url, schema, queue) = (url.clone(), schema.clone(), Arc::clone(queue));
                        start("client", Box::new(move || pg_worker(client, &url, &schema, &queue, [first, again])))?;
                    }
                }
            }
        }
        Ok(Self { writers, readers, threads, postgres: matches!(place, Place::Postgres { .. }) })
    }

    pub fn write(&self, urgency: Urgency, job: Job) {
        self.writers.push(urgency, job);
    }

    pub fn read(&self, job: Job) {
        self.readers.push(Urgency::Urgent, job);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.writers.close();
        self.readers.close();
        for thread in self.threads.drain(..) {
            // A job may hold the last handle of its own world; a thread cannot wait for itself.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

pub(crate) fn lite_open(path: &Path, reader: bool) -> Result<rusqlite::Connection, StoreError> {
    private_file(path).map_err(|it| file_problem(path, &it))?;
    let conn = rusqlite::Connection::open(path)?;
    conn.busy_timeout(Duration::from_secs(10))?;
    conn.set_prepared_statement_cache_capacity(256);
    conn.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA foreign_keys=ON;
         PRAGMA cache_size=-32768; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=4000;",
    )?;
    if reader {
        conn.execute_batch("PRAGMA query_only=ON;")?;
    }
    Ok(conn)
}

/// Makes the file where there is none; SQLite gives its log and index the same permissions. One that exists is not even
/// opened: closing it would take away the locks of other connections.
fn private_file(path: &Path) -> std::io::Result<()> {
    match disk::private().write(true).create_new(true).open(path) {
        Ok(_) => disk::sync_name(path),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn run(job: &mut Job, conn: Result<&mut Conn<'_>, StoreError>) -> Option<Ran> {
    let label = job.label;
    let ran = catch_unwind(AssertUnwindSafe(|| (job.run)(conn)));
    if ran.is_err() {
        tracing::error!(label, "a transaction panicked; its changes were thrown away");
    }
    ran.ok()
}

fn lite_writer(conn: &rusqlite::Connection, queue: &Queue) {
    while let Some(jobs) = queue.pop(GROUP) {
        let labels: Vec<_> = jobs.iter().map(|it| it.label).collect();
        let mut fault = conn.execute_batch("BEGIN IMMEDIATE").err().map(|it| it.to_string());
        let mut told: Vec<Tell> = Vec::new();
        for mut job in jobs {
            let ran = match &fault {
                None => in_savepoint(conn, &mut job),
                Some(words) => run(&mut job, Err(StoreError::Engine(words.clone()))),
            };
            // A full disk makes SQLite throw the whole transaction away; a job that still ran would commit alone.
            if fault.is_none() && conn.is_autocommit() {
                fault = Some("the engine threw the transaction away".into());
            }
            told.extend(ran.map(|it| it.tell));
        }
        let outcome = match fault {
            Some(words) => Err(words),
            None => commit(conn, &labels),
        };
        if let Err(error) = &outcome {
            tracing::error!(%error, "a write transaction did not commit");
        }
        for tell in told {
            tell(outcome.clone().map_err(StoreError::Engine));
        }
    }
}

/// A savepoint per job: one that is refused takes nothing of the others with it.
fn in_savepoint(conn: &rusqlite::Connection, job: &mut Job) -> Option<Ran> {
    if let Err(error) = conn.execute_batch("SAVEPOINT job") {
        return run(job, Err(error.into()));
    }
    let ran = run(job, Ok(&mut Conn::Lite(conn)));
    let keep = ran.as_ref().is_some_and(|it| it.verdict.is_ok());
    // Where the transaction is gone, these fail, and the caller sees that it is gone.
    let _ = conn.execute_batch(if keep { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" });
    ran
}

fn commit(conn: &rusqlite::Connection, labels: &[&'static str]) -> Result<(), String> {
    labels.iter().for_each(|it| failpoint::reach(|| format!("{it}:before-commit")));
    let outcome = conn.execute_batch("COMMIT").map_err(|it| it.to_string());
    labels.iter().for_each(|it| failpoint::reach(|| format!("{it}:after-commit")));
    if outcome.is_err() {
        let _ = conn.execute_batch("ROLLBACK");
    }
    outcome
}

fn lite_reader(conn: &rusqlite::Connection, queue: &Queue) {
    while let Some(jobs) = queue.pop(1) {
        for mut job in jobs {
            let ran = match conn.execute_batch("BEGIN") {
                Ok(()) => run(&mut job, Ok(&mut Conn::Lite(conn))),
                Err(error) => run(&mut job, Err(error.into())),
            };
            let _ = conn.execute_batch("ROLLBACK");
            if let Some(ran) = ran {
                (ran.tell)(Ok(()));
            }
        }
    }
}

fn pg_worker(mut client: PgClient, url: &str, schema: &str, queue: &Queue, [first, again]: [&str; 2]) {
    while let Some(jobs) = queue.pop(1) {
        for mut job in jobs {
            for attempt in 1..=TRIES {
                if client.client.is_closed()
                    && let Ok(fresh) = PgClient::connect(url, schema)
                {
                    client = fresh;
                }
                let ran = pg_attempt(&mut client, &mut job, if attempt == 1 { first } else { again });
                match ran {
                    Some((ran, outcome)) if ran.verdict.is_ok() => (ran.tell)(outcome),
                    Some((ran, _)) if ran.verdict.as_ref().is_err_and(|it| it.again) && attempt < TRIES => continue,
                    Some((ran, _)) => (ran.tell)(Ok(())),
                    None => (),
                }
                break;
            }
        }
    }
}

/// Runs the job in one transaction; `None` when it panicked.
fn pg_attempt(client: &mut PgClient, job: &mut Job, begin: &str) -> Option<(Ran, Result<(), StoreError>)> {
    let ran = match client.begin(begin) {
        Ok(()) => run(job, Ok(&mut Conn::Pg(client))),
        Err(error) => run(job, Err(error)),
    };
    let Some(ran) = ran else {
        client.rollback();
        return None;
    };
    if ran.verdict.is_err() {
        client.rollback();
        return Some((ran, Ok(())));
    }
    failpoint::reach(|| format!("{}:before-commit", job.label));
    let outcome = client.commit();
    failpoint::reach(|| format!("{}:after-commit", job.label));
    Some((ran, outcome))
}
