//! The clock of a world: the real one, or one that is driven.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::SystemTime,
};

use anlan_kernel::Instant;

/// World time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's own clock.
    Real,
    /// Moved by a driver; never backwards.
    Driven(Arc<AtomicI64>),
}

impl Clock {
    /// A driven clock standing at `at`.
    pub fn driven(at: Instant) -> Self {
        Self::Driven(Arc::new(AtomicI64::new(at.0)))
    }

    /// World time now.
    pub fn now(&self) -> Instant {
        match self {
            Self::Real => real_now(),
            Self::Driven(it) => Instant(it.load(Ordering::Acquire)),
        }
    }

    /// Moves a driven clock forward; does nothing to the real one.
    pub fn move_to(&self, at: Instant) {
        if let Self::Driven(it) = self {
            it.fetch_max(at.0, Ordering::AcqRel);
        }
    }

    /// Whether somebody drives it.
    pub fn is_driven(&self) -> bool {
        matches!(self, Self::Driven(_))
    }
}

/// The machine's clock, for what runs in real time in every world: leases, sessions, time-outs.
pub fn real_now() -> Instant {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Instant(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
