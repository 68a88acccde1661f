//! Drives the clock of a replayed world: it does not pass a due deadline until that deadline and the
//! work it caused have committed. Speed is a ceiling; the clock falls behind rather than skipping.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant as Wall},
};

use anlan_kernel::Instant;
use anlan_simulator::{CarrierClient, carrier::CarrierError};
use anlan_store::{StoreError, deadline};
use tokio::sync::watch;

use crate::house::House;

/// World seconds per real second; 0 is as fast as the work allows.
#[derive(Clone, Debug, Default)]
pub struct Speed(Arc<Pace>);

#[derive(Debug, Default)]
struct Pace {
    /// Bits of the number.
    seconds: AtomicU64,
    held: AtomicBool,
    followed: AtomicBool,
}

impl Speed {
    /// A speed of `seconds` world seconds per real second.
    pub fn new(seconds: f64) -> Self {
        let new = Self::default();
        new.set(seconds);
        new
    }

    /// Changes it while the world runs.
    pub fn set(&self, seconds: f64) {
        self.0.seconds.store(seconds.to_bits(), Ordering::Relaxed);
    }

    /// While somebody has to be able to follow, the world is not faster than the clock on the wall.
    pub fn follow(&self, yes: bool) {
        self.0.followed.store(yes, Ordering::Relaxed);
    }

    /// Holds the clock, or lets it go on.
    pub fn pause(&self, yes: bool) {
        self.0.held.store(yes, Ordering::Relaxed);
    }

    /// Whether the clock is held.
    pub fn is_paused(&self) -> bool {
        self.0.held.load(Ordering::Relaxed)
    }

    /// The present one.
    pub fn get(&self) -> f64 {
        let set = f64::from_bits(self.0.seconds.load(Ordering::Relaxed));
        if self.0.followed.load(Ordering::Relaxed) { set.min(1.0) } else { set }
    }
}

/// Short, so that a change of speed is felt and screens see the clock move.
const PIECE: Duration = Duration::from_millis(200);

/// What the world waits for.
pub struct Driver {
    /// The world and its mechanisms.
    pub house: House,
    /// The simulated carrier.
    pub carrier: CarrierClient,
    /// World seconds per real second.
    pub speed: Speed,
}

impl Driver {
    /// Does everything that is due at the world's present moment, until nothing is left to do;
    /// answers when something happens by itself next.
    ///
    /// # Errors
    /// What a mechanism says.
    pub async fn settle(&self) -> Result<Option<Instant>, Error> {
        self.settle_all(&mut self.house.world.commits()).await
    }

    /// As [`Driver::settle`]; what anybody commits after its last look is news to `commits`.
    async fn settle_all(&self, commits: &mut watch::Receiver<u64>) -> Result<Option<Instant>, Error> {
        let now = self.house.world.now();
        self.house.monitor.judge_until(now).await?;
        loop {
            commits.mark_unchanged();
            let fired = deadline::fire_due(&self.house.world, &self.house.handlers, None).await?;
            let step = self.house.warn.courier_step(None).await?;
            let carried = self.carrier.advance(now).await?;
            if fired == 0 && step.handed == 0 && carried.delivered == 0 {
                let deadline = self.house.world.next_deadline().await?;
                let monitor = self.house.monitor.next_wake().await;
                return Ok([deadline, step.next, carried.next, monitor].into_iter().flatten().min());
            }
        }
    }

    /// Moves the clock to `at`, no faster than the speed allows; stops on the way, and says so, when
    /// somebody commits something, for it may be due now.
    async fn move_to(&self, at: Instant, commits: &mut watch::Receiver<u64>) -> bool {
        let clock = self.house.world.clock();
        loop {
            let now = clock.now();
            if self.speed.is_paused() {
                tokio::time::sleep(PIECE).await;
                continue;
            }
            let speed = self.speed.get();
            if at <= now || speed <= 0.0 {
                break;
            }
            let left = at.since(now).as_secs_f64() / speed;
            if left < 0.001 {
                break;
            }
            let piece = left.min(PIECE.as_secs_f64());
            let begun = Wall::now();
            let stopped = tokio::time::timeout(Duration::from_secs_f64(piece), commits.changed()).await.is_ok();
            let passed = begun.elapsed().as_secs_f64().min(left) * speed;
            clock.move_to(now.plus(Duration::from_secs_f64(passed)).min(at));
            if stopped {
                return false;
            }
        }
        clock.move_to(at);
        true
    }

    /// Runs the world up to and including `until`.
    ///
    /// # Errors
    /// What a mechanism says.
    pub async fn run_until(&self, until: Instant) -> Result<(), Error> {
        let mut commits = self.house.world.commits();
        loop {
            let next = self.settle_all(&mut commits).await?.filter(|it| *it <= until);
            let aim = next.unwrap_or(until).max(self.house.world.now());
            if self.move_to(aim, &mut commits).await && next.is_none() {
                return self.settle_all(&mut commits).await.map(drop);
            }
        }
    }
}

/// Why the drive stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The simulated carrier.
    #[error("the simulated carrier: {0}")]
    Carrier(#[from] CarrierError),
    /// The product's own API said no to a simulated officer or sensor.
    #[error("{0}")]
    Api(String),
}
