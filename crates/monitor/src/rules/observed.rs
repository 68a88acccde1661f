//! The moments at which a series has a reading, as runs: a regular series costs one run.

/// Moments start, start + step, …, `count` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    start: i64,
    step: i64,
    count: i64,
}

impl Run {
    fn end(self) -> i64 {
        self.start + self.step * (self.count - 1)
    }

    fn holds(self, at: i64) -> bool {
        at == self.start || (self.step > 0 && at <= self.end() && (at - self.start) % self.step == 0)
    }

    /// Whether `at` behind the end goes on with the run.
    fn goes_on_with(self, at: i64) -> bool {
        self.count == 1 || at == self.end() + self.step
    }
}

/// A set of moments; its size is the number of changes in rhythm, not the number of moments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// In order, not overlapping.
    runs: Vec<Run>,
}

impl Observed {
    /// Whether the moment is in the set.
    pub(crate) fn holds(&self, at: i64) -> bool {
        self.runs.last().is_some_and(|last| at <= last.end()) && {
            let after = self.runs.partition_point(|run| run.start <= at);
            after > 0 && self.runs[after - 1].holds(at)
        }
    }

    /// Adds a moment; false when it was there.
    pub(crate) fn insert(&mut self, at: i64) -> bool {
        match self.runs.last_mut() {
            Some(last) if at > last.end() => {
                if last.goes_on_with(at) {
                    *last = Run { start: last.start, step: at - last.end(), count: last.count + 1 };
                } else {
                    self.runs.push(Run { start: at, step: 0, count: 1 });
                }
                true
            }
            None => {
                self.runs.push(Run { start: at, step: 0, count: 1 });
                true
            }
            Some(_) => !self.holds(at) && self.insert_between(at),
        }
    }

    /// Forgets the runs that ended by `at`.
    pub(crate) fn forget(&mut self, at: i64) {
        let over = self.runs.partition_point(|run| run.end() <= at);
        self.runs.drain(..over);
    }

    /// How many changes of rhythm are kept.
    pub(crate) fn run_count(&self) -> usize {
        self.runs.len()
    }

    /// Adds a moment that is not there and lies before the end.
    fn insert_between(&mut self, at: i64) -> bool {
        let after = self.runs.partition_point(|run| run.start <= at);
        let single = Run { start: at, step: 0, count: 1 };
        let inside = after > 0 && self.runs[after - 1].end() > at;
        if inside {
            let run = self.runs[after - 1];
            let kept = (at - run.start) / run.step + 1;
            let rest = Run { start: run.start + kept * run.step, step: run.step, count: run.count - kept };
            self.runs[after - 1].count = kept;
            self.runs.splice(after..after, [single, rest]);
        } else {
            self.runs.insert(after, single);
        }
        self.join(after);
        if after > 0 {
            self.join(after - 1);
        }
        true
    }

    /// Joins a run with the next where together they have one rhythm.
    fn join(&mut self, index: usize) {
        let (Some(&left), Some(&right)) = (self.runs.get(index), self.runs.get(index + 1)) else { return };
        let step = right.start - left.end();
        let fits = |run: Run| run.count == 1 || run.step == step;
        if fits(left) && fits(right) && left.count + right.count > 2 {
            self.runs[index] = Run { start: left.start, step, count: left.count + right.count };
            self.runs.remove(index + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_regular_series_is_one_run() {
        let mut set = Observed::default();
        assert!((0..100_000).all(|i| set.insert(i * 600)));
        assert!((0..100_000).all(|i| !set.insert(i * 600)));
        assert_eq!(set.run_count(), 1);
    }

    #[test]
    fn a_run_is_forgotten_when_it_is_over() {
        let mut set = Observed::default();
        assert!([0, 10, 20, 21, 22, 30].into_iter().all(|at| set.insert(at)));
        set.forget(19);
        assert!(set.holds(0), "its run goes on to 20");
        set.forget(20);
        assert!(!set.holds(20) && set.holds(21) && set.holds(22) && set.holds(30));
    }

    #[test]
    fn a_late_moment_closes_its_gap() {
        let mut set = Observed::default();
        for at in [0, 10, 20, 40, 50, 60] {
            assert!(set.insert(at));
        }
        assert!(set.insert(30) && !set.insert(30));
        assert_eq!(set.run_count(), 1);
    }

    proptest::proptest! {
        #[test]
        fn the_runs_are_the_set(moments in proptest::collection::vec(-40i64..40, 0..80)) {
            let (mut set, mut plain) = (Observed::default(), BTreeSet::new());
            for at in moments {
                proptest::prop_assert_eq!(set.insert(at), plain.insert(at));
                for probe in -41..41 {
                    proptest::prop_assert_eq!(set.holds(probe), plain.contains(&probe), "{} in {:?}", probe, set);
                }
            }
        }
    }
}
