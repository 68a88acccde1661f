//! A wall clock that leaves the monotonic clock: seen, written down, and escalations held.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant as Monotonic},
};

use anlan_kernel::Instant;

/// How far the two clocks may part.
const TOLERANCE: Duration = Duration::from_secs(5);
/// How long escalations wait for a person to confirm the new time.
pub const HOLD: Duration = Duration::from_secs(60);

/// A jump of the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// Seconds the wall clock moved by itself; negative when it went back.
    pub seconds: i64,
}

/// Compares the two clocks from one look to the next.
#[derive(Debug)]
pub struct ClockWatch {
    wall: Instant,
    monotonic: Duration,
}

impl ClockWatch {
    /// Starts comparing; `monotonic` counts from any fixed moment.
    pub fn new(wall: Instant, monotonic: Duration) -> Self {
        Self { wall, monotonic }
    }

    /// One look; a jump is reported once and the comparison starts anew from there.
    pub fn look(&mut self, wall: Instant, monotonic: Duration) -> Option<Jump> {
        let expected = self.wall.plus(monotonic.saturating_sub(self.monotonic));
        let micros = wall.0 - expected.0;
        if micros.unsigned_abs() <= u64::try_from(TOLERANCE.as_micros()).unwrap_or(u64::MAX) {
            return None;
        }
        *self = Self::new(wall, monotonic);
        Some(Jump { seconds: micros / 1_000_000 })
    }
}

/// Whether escalations are held, and because of what.
#[derive(Debug, Default)]
pub struct Hold(Mutex<Option<(Jump, Monotonic)>>);

impl Hold {
    /// Holds from now on.
    pub fn begin(&self, jump: Jump) {
        *self.lock() = Some((jump, Monotonic::now() + HOLD));
    }

    /// A person says the clock is right.
    pub fn confirm(&self) -> bool {
        self.lock().take().is_some()
    }

    /// The jump escalations are held for; none once the time is over.
    pub fn jump(&self) -> Option<Jump> {
        let mut held = self.lock();
        if held.is_some_and(|(_, until)| Monotonic::now() >= until) {
            *held = None;
        }
        held.map(|(jump, _)| jump)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Jump, Monotonic)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_clock_that_keeps_pace_is_no_jump() {
        let start = Instant::from_secs(1_700_000_000);
        let mut watch = ClockWatch::new(start, SECOND);
        assert_eq!(watch.look(start.plus(SECOND * 64), SECOND * 61), None, "four seconds are tolerated");
        assert_eq!(watch.look(start.plus(SECOND * 3_600), SECOND * 3_601), None);
    }

    #[test]
    fn a_jump_is_reported_once_in_either_direction() {
        let start = Instant::from_secs(1_700_000_000);
        let mut watch = ClockWatch::new(start, SECOND * 10);
        assert_eq!(watch.look(start.plus(SECOND * 7_200), SECOND * 11), Some(Jump { seconds: 7_199 }));
        assert_eq!(watch.look(start.plus(SECOND * 7_201), SECOND * 12), None);
        assert_eq!(watch.look(start.plus(SECOND * 3_600), SECOND * 13), Some(Jump { seconds: -3_602 }));
    }

    #[test]
    fn a_hold_ends_when_a_person_confirms() {
        let hold = Hold::default();
        hold.begin(Jump { seconds: 30 });
        assert_eq!(hold.jump(), Some(Jump { seconds: 30 }));
        assert!(hold.confirm());
        assert_eq!(hold.jump(), None);
        assert!(!hold.confirm());
    }
}
