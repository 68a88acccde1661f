//! Receipts on their way to the callback. One leaves only when it was taken.

use std::{collections::BTreeMap, time::Duration};

use anlan_kernel::Instant;

use crate::protocol::{MAX_RECEIPTS, Receipt};

/// First pause after a delivery failed; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Place in the queue: when it is due, its key, and how many of that key came before.
pub type Slot = (Instant, String, u32);

/// A receipt and how it is to be signed.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The receipt.
    pub receipt: Receipt,
    /// Signed with a wrong secret; sent alone and once.
    pub forged: bool,
}

/// Receipts to deliver in one request.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Where they stand in the queue.
    pub slots: Vec<Slot>,
    /// What they say.
    pub receipts: Vec<Receipt>,
    /// Whether the signature is to be wrong.
    pub forged: bool,
}

/// The queue, in exact order, and the pause it is in after a failure.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: BTreeMap<Slot, Pending>,
    paused_until: Option<Instant>,
    failures: u32,
}

impl Outbox {
    /// Puts a receipt into the queue.
    pub fn put(&mut self, slot: Slot, pending: Pending) {
        self.queue.insert(slot, pending);
    }

    /// When the next delivery is due.
    pub fn next(&self) -> Option<Instant> {
        let ((due, _, _), _) = self.queue.first_key_value()?;
        Some((*due).max(self.paused_until.unwrap_or(*due)))
    }

    /// What is to be delivered by `now`: the oldest receipts, at most [`MAX_RECEIPTS`].
    pub fn batch(&self, now: Instant) -> Option<Batch> {
        if self.next()? > now {
            return None;
        }
        let forged = self.queue.first_key_value()?.1.forged;
        let most = if forged { 1 } else { MAX_RECEIPTS };
        let (slots, receipts) = self
            .queue
            .iter()
            .take_while(|((due, _, _), pending)| *due <= now && pending.forged == forged)
            .take(most)
            .map(|(slot, pending)| (slot.clone(), pending.receipt.clone()))
            .unzip();
        Some(Batch { slots, receipts, forged })
    }

    /// The batch is done with and leaves the queue.
    pub fn done(&mut self, batch: &Batch) {
        for slot in &batch.slots {
            self.queue.remove(slot);
        }
        self.resume();
    }

    /// The batch was not taken: everything waits a while.
    pub fn pause(&mut self, now: Instant) {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(6)).min(LONGEST_PAUSE);
        self.failures += 1;
        self.paused_until = Some(now.plus(pause));
    }

    /// No reason to wait any longer.
    pub fn resume(&mut self) {
        self.failures = 0;
        self.paused_until = None;
    }

    /// Receipts not taken yet.
    pub fn len(&self) -> usize {
        self.queue.len()
    }
}
