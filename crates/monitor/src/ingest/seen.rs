//! Which readings came before, by series and moment.

use std::{collections::HashMap, time::Duration};

use anlan_kernel::Instant;

use crate::rules::Observed;

/// Observed by series, as two generations: what came within the horizon is known, what is older than
/// twice that is forgotten.
#[derive(Debug)]
pub(super) struct Seen {
    horizon: Duration,
    young: HashMap<u64, Observed>,
    old: HashMap<u64, Observed>,
    /// When the young generation began.
    since: Option<Instant>,
    /// Failures of the log when this was last true.
    pub failures: u64,
}

impl Seen {
    pub fn new(horizon: Duration) -> Self {
        Self { horizon, young: HashMap::new(), old: HashMap::new(), since: None, failures: 0 }
    }

    pub fn horizon(&self) -> Duration {
        self.horizon
    }

    pub fn forget(&mut self) {
        (self.young, self.old, self.since) = (HashMap::new(), HashMap::new(), None);
    }

    /// Remembers a reading that came at `now`; false when it had come before.
    pub fn insert(&mut self, key: u64, observed_at: Instant, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        if now.since(since) > self.horizon {
            self.old = std::mem::take(&mut self.young);
            self.since = Some(now);
        }
        let known = self.old.get(&key).is_some_and(|it| it.holds(observed_at.0));
        !known && self.young.entry(key).or_default().insert(observed_at.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_within_the_horizon_is_known() {
        let mut seen = Seen::new(Duration::from_secs(100));
        let at = Instant::from_secs;
        assert!(seen.insert(1, at(5), at(10)));
        assert!(!seen.insert(1, at(5), at(11)));
        assert!(seen.insert(2, at(5), at(11)));
        assert!(!seen.insert(1, at(5), at(111)), "one generation later");
        assert!(seen.insert(1, at(6), at(222)));
        assert!(seen.insert(1, at(5), at(400)), "long after, it changes no window");
    }
}
