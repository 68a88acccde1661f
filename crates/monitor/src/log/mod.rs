//! The observation log: append-only segment files, one frame per batch, one sync per group.
//!
//! Owns the files `<base>.log` in a folder, `base` being the position of their first byte. A position
//! is a byte count over all segments, so it names a segment and an offset in one number. Does not
//! know stations or rules. The caller gives the clock.
//!
//! # Promises
//! - [`Log::append`] answers when the frame is on disk; batches that wait share one sync.
//! - Opening cuts a torn end, and refuses when that end was known to be durable.
//! - Frames carry non-decreasing times, and readers see synced frames only.

mod files;
mod frame;
mod read;
mod write;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use anlan_kernel::Instant;
use anlan_store::{Clock, StoreError};
use tokio::sync::{oneshot, watch};

pub use frame::{Batch, Block, Frame, Logged, MAX_PAYLOAD, Quality, Series};
pub use read::{Digest, Reader, digest};

use write::{Command, Writer};

/// Bytes after which a new segment begins.
pub const SEGMENT: i64 = 64 * 1024 * 1024;

/// Where a batch came to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Where its frame starts.
    pub from: i64,
    /// Where the next one starts.
    pub until: i64,
    /// The time it carries.
    pub received_at: Instant,
}

/// A moment up to which the log is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Every frame of that moment or earlier lies before this position.
    pub position: i64,
    /// The moment.
    pub at: Instant,
}

pub(crate) struct Shared {
    pub synced: AtomicI64,
    pub failures: AtomicU64,
    pub taken: AtomicU64,
    pub grown: watch::Sender<i64>,
}

/// An open log.
pub struct Log {
    dir: PathBuf,
    shared: Arc<Shared>,
    commands: Option<mpsc::Sender<Command>>,
    writer: Option<thread::JoinHandle<()>>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Log({}, {})", self.dir.display(), self.synced())
    }
}

/// The answer to come of an append or a wait.
#[derive(Debug)]
pub struct Pending<T>(oneshot::Receiver<Result<T, StoreError>>);

impl<T> Pending<T> {
    /// Waits for the disk.
    ///
    /// # Errors
    /// What the disk says; then the batch is not in the log.
    pub async fn done(self) -> Result<T, StoreError> {
        self.0.await.map_err(|_| StoreError::Io("the observation log closed".into()))?
    }
}

impl Log {
    /// Opens the log in `dir`, cutting a torn end. `durable` is a position known to have been on
    /// disk: cutting before it would lose what was acknowledged.
    ///
    /// # Errors
    /// What the file system says, and [`StoreError::Shape`] when the log ends before `durable`.
    pub fn open(dir: &Path, clock: Clock, durable: i64) -> Result<Self, StoreError> {
        Self::open_with(dir, clock, durable, SEGMENT)
    }

    /// As [`Log::open`], with another segment size.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open_with(dir: &Path, clock: Clock, durable: i64, segment: i64) -> Result<Self, StoreError> {
        let tail = files::open_tail(dir, durable)?;
        let shared = Arc::new(Shared {
            synced: AtomicI64::new(tail.end()),
            failures: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            grown: watch::Sender::new(tail.end()),
        });
        let (commands, queue) = mpsc::channel();
        let writer = Writer::new(tail, dir.to_owned(), segment, clock, Arc::clone(&shared));
        let writer = thread::Builder::new().name("log-writer".into()).spawn(move || writer.run(&queue))?;
        Ok(Self { dir: dir.to_owned(), shared, commands: Some(commands), writer: Some(writer) })
    }

    /// Hands a frame to the writer. Frames are stored in the order of these calls.
    pub fn append(&self, frame: Frame) -> Pending<Appended> {
        let (tell, answer) = oneshot::channel();
        self.send(Command::Append(frame, tell));
        Pending(answer)
    }

    /// Answers when everything handed over before is on disk.
    pub fn flush(&self) -> Pending<Settled> {
        let (tell, answer) = oneshot::channel();
        self.send(Command::Settle(tell));
        Pending(answer)
    }

    /// Stores the frame, or, where there is none, waits for everything handed over before. The place
    /// in the queue is taken at once, the waiting is the caller's.
    pub(crate) fn flush_or_append(
        &self,
        frame: Option<Frame>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let (appended, flushed) = match frame {
            Some(frame) => (Some(self.append(frame)), None),
            None => (None, Some(self.flush())),
        };
        async move {
            if let Some(pending) = appended {
                pending.done().await?;
            }
            if let Some(pending) = flushed {
                pending.done().await?;
            }
            Ok(())
        }
    }

    /// End of what is on disk.
    pub fn synced(&self) -> i64 {
        self.shared.synced.load(Ordering::Acquire)
    }

    /// How often the disk refused; whoever remembers what was handed over must look again.
    pub fn failures(&self) -> u64 {
        self.shared.failures.load(Ordering::Acquire)
    }

    /// Readings stored since the log was opened.
    pub fn taken(&self) -> u64 {
        self.shared.taken.load(Ordering::Relaxed)
    }

    /// Changes whenever the log grows.
    pub fn grown(&self) -> watch::Receiver<i64> {
        self.shared.grown.subscribe()
    }

    /// Reads on from `position`, which must be the start of a frame.
    pub fn reader(&self, position: i64) -> Reader {
        Reader::new(&self.dir, position)
    }

    /// Start of the last segment all of whose predecessors hold only frames older than `at`:
    /// reading on from there misses nothing received at `at` or later.
    ///
    /// # Errors
    /// What the file system says.
    pub fn position_before(&self, at: Instant) -> Result<i64, StoreError> {
        files::position_before(&self.dir, at)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn send(&self, command: Command) {
        // A writer that is gone drops the command, and with it the sender of the answer.
        if let Some(commands) = &self.commands {
            let _ = commands.send(command);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}
