//! The thread that writes: it takes what waits, writes it at once and syncs once.

use std::{
    io::{Seek, SeekFrom, Write},
    path::PathBuf,
    sync::{Arc, atomic::Ordering, mpsc},
};

use anlan_kernel::Instant;
use anlan_store::{Clock, StoreError, failpoint};
use tokio::sync::oneshot;

use super::{
    Appended, Settled, Shared,
    files::{self, Tail},
    frame::Frame,
};

/// Most bytes that share one sync.
const GROUP: usize = 16 * 1024 * 1024;

type Tell<T> = oneshot::Sender<Result<T, StoreError>>;

pub(super) enum Command {
    Append(Frame, Tell<Appended>),
    Settle(Tell<Settled>),
}

pub(super) struct Writer {
    tail: Tail,
    dir: PathBuf,
    segment: i64,
    clock: Clock,
    last: Instant,
    shared: Arc<Shared>,
    broken: bool,
}

impl Writer {
    pub fn new(tail: Tail, dir: PathBuf, segment: i64, clock: Clock, shared: Arc<Shared>) -> Self {
        let last = tail.last.unwrap_or(Instant(i64::MIN));
        Self { tail, dir, segment, clock, last, shared, broken: false }
    }

    pub fn run(mut self, queue: &mpsc::Receiver<Command>) {
        while let Ok(first) = queue.recv() {
            let (mut frames, mut settle, mut bytes) = (Vec::new(), Vec::new(), 0);
            let mut next = Some(first);
            while let Some(command) = next.take() {
                match command {
                    Command::Append(frame, tell) => {
                        bytes += frame.size();
                        frames.push((frame, tell));
                    }
                    Command::Settle(tell) => settle.push(tell),
                }
                if bytes < GROUP {
                    next = queue.try_recv().ok();
                }
            }
            self.group(frames);
            self.settle(settle);
        }
    }

    /// Writes the frames and syncs once; on failure takes everything back and says so to all.
    fn group(&mut self, frames: Vec<(Frame, Tell<Appended>)>) {
        if frames.is_empty() {
            return;
        }
        let readings: u64 = frames.iter().map(|(frame, _)| frame.count).sum();
        let (mut bytes, mut told) = (Vec::new(), Vec::with_capacity(frames.len()));
        let (start, last) = (self.tail.end(), self.last);
        let received_at = self.clock.now().max(self.last);
        for (frame, tell) in frames {
            let from = start + bytes.len() as i64;
            bytes.extend_from_slice(&frame.stamped(received_at));
            told.push((Appended { from, until: start + bytes.len() as i64, received_at }, tell));
        }
        self.last = received_at;
        match self.store(&bytes) {
            Ok(()) => {
                self.shared.taken.fetch_add(readings, Ordering::Relaxed);
                self.shared.synced.store(self.tail.end(), Ordering::Release);
                // Nobody need wait for an answer: the frames are durable all the same.
                told.into_iter().for_each(|(appended, tell)| drop(tell.send(Ok(appended))));
                self.shared.grown.send_replace(self.tail.end());
            }
            Err(error) => {
                tracing::error!(%error, "readings could not be stored; their senders are told to try again");
                (self.last, self.broken) = (last, true);
                self.shared.failures.fetch_add(1, Ordering::AcqRel);
                for (_, tell) in told {
                    let _ = tell.send(Err(StoreError::Io(error.to_string())));
                }
            }
        }
    }

    fn store(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if self.broken {
            // What the failed write left behind is cut before anything new follows it.
            self.tail.file.set_len(self.tail.length as u64)?;
            self.tail.file.seek(SeekFrom::Start(self.tail.length as u64))?;
            self.tail.file.sync_all()?;
            self.broken = false;
        }
        if self.tail.length >= self.segment {
            let base = self.tail.end();
            self.tail = Tail { file: files::create(&self.dir, base)?, base, length: 0, last: Some(self.last) };
        }
        failpoint::reach(|| "log:before-write".into());
        self.tail.file.write_all(bytes)?;
        failpoint::reach(|| "log:before-sync".into());
        self.tail.file.sync_data()?;
        failpoint::reach(|| "log:after-sync".into());
        self.tail.length += bytes.len() as i64;
        Ok(())
    }

    /// Later frames carry a later time than the one answered here, unless somebody drives the clock:
    /// then the driver knows what belongs to a moment.
    fn settle(&mut self, waiting: Vec<Tell<Settled>>) {
        if waiting.is_empty() {
            return;
        }
        let at = self.clock.now().max(self.last);
        self.last = if self.clock.is_driven() { at } else { Instant(at.0 + 1) };
        for tell in waiting {
            let _ = tell.send(Ok(Settled { position: self.tail.end(), at }));
        }
    }
}
