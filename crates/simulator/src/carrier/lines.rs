//! Voice lines and the calls waiting for one.

use std::collections::BTreeSet;

use anlan_kernel::Instant;

/// A call waiting for a line. The order of the fields is the order of dialling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// The priority where it overtakes, else 0.
    overtakes: u8,
    /// When it was submitted.
    pub since: Instant,
    /// 0 first.
    pub priority: u8,
    /// The item's key.
    pub key: String,
    /// How often this key was taken before.
    pub run: u32,
}

/// What comes next on the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// This call goes out on this line.
    Dial(Waiting, u32),
    /// This call waited too long.
    GiveUp(Waiting),
}

/// All lines of a carrier.
#[derive(Debug)]
pub struct Lines {
    free: BTreeSet<u32>,
    busy: BTreeSet<(Instant, u32)>,
    waiting: BTreeSet<Waiting>,
    by_age: BTreeSet<(Instant, Waiting)>,
    patience: Option<std::time::Duration>,
    priority_first: bool,
}

impl Lines {
    /// So many free lines; calls give up after `patience`.
    pub fn new(lines: u32, patience: Option<std::time::Duration>, priority_first: bool) -> Self {
        Self {
            free: (1..=lines).collect(),
            busy: BTreeSet::new(),
            waiting: BTreeSet::new(),
            by_age: BTreeSet::new(),
            patience,
            priority_first,
        }
    }

    /// Puts a call into the queue.
    pub fn wait(&mut self, since: Instant, priority: u8, key: &str, run: u32) {
        let overtakes = if self.priority_first { priority } else { 0 };
        let call = Waiting { overtakes, since, priority, key: key.into(), run };
        if let Some(patience) = self.patience {
            self.by_age.insert((since.plus(patience), call.clone()));
        }
        self.waiting.insert(call);
    }

    /// When the next turn comes, not before `now`.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        self.waiting.first()?;
        let line = match self.free.is_empty() {
            false => Some(now),
            true => self.busy.first().map(|(free_at, _)| *free_at),
        };
        let expiry = self.by_age.first().map(|(at, _)| *at);
        line.into_iter().chain(expiry).min().map(|at| at.max(now))
    }

    /// The turn that is due at `now`, if any. A line freed at this instant takes a call before one
    /// gives up.
    pub fn turn(&mut self, now: Instant) -> Option<Turn> {
        while let Some((free_at, line)) = self.busy.first().copied().filter(|(free_at, _)| *free_at <= now) {
            self.busy.remove(&(free_at, line));
            self.free.insert(line);
        }
        if let Some(line) = self.free.first().copied()
            && let Some(call) = self.waiting.pop_first()
        {
            self.free.remove(&line);
            self.forget_age(&call);
            return Some(Turn::Dial(call, line));
        }
        let (_, call) = self.by_age.first().filter(|(at, _)| *at <= now).cloned()?;
        self.waiting.remove(&call);
        self.forget_age(&call);
        Some(Turn::GiveUp(call))
    }

    /// Keeps `line` until `free_at`.
    pub fn hold(&mut self, line: u32, free_at: Instant) {
        self.busy.insert((free_at, line));
    }

    fn forget_age(&mut self, call: &Waiting) {
        if let Some(patience) = self.patience {
            self.by_age.remove(&(call.since.plus(patience), call.clone()));
        }
    }

    /// Calls in the queue.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOON: Instant = Instant::from_secs(1_693_540_800);

    fn dialled(lines: &mut Lines, at: Instant) -> Vec<(String, u32)> {
        std::iter::from_fn(|| match lines.turn(at)? {
            Turn::Dial(call, line) => {
                lines.hold(line, at.plus(Duration::from_secs(60)));
                Some((call.key, line))
            }
            Turn::GiveUp(call) => Some((call.key, 0)),
        })
        .collect()
    }

    fn queue(priority_first: bool, patience: Option<u64>) -> Lines {
        let mut lines = Lines::new(2, patience.map(Duration::from_secs), priority_first);
        lines.wait(NOON, 5, "b", 0);
        lines.wait(NOON, 5, "a", 0);
        lines.wait(NOON, 1, "c", 0);
        lines.wait(NOON.plus(Duration::from_secs(1)), 0, "d", 0);
        lines
    }

    fn keyed(pairs: &[(&str, u32)]) -> Vec<(String, u32)> {
        pairs.iter().map(|(key, line)| ((*key).to_owned(), *line)).collect()
    }

    #[test]
    fn calls_go_out_by_instant_priority_and_key_as_lines_become_free() {
        let mut lines = queue(false, None);
        assert_eq!(lines.next(NOON), Some(NOON));
        assert_eq!(dialled(&mut lines, NOON), keyed(&[("c", 1), ("a", 2)]));
        let freed = NOON.plus(Duration::from_secs(60));
        assert_eq!(lines.next(NOON), Some(freed));
        assert_eq!(dialled(&mut lines, freed), keyed(&[("b", 1), ("d", 2)]));
        assert_eq!(lines.next(freed), None);
    }

    #[test]
    fn a_graver_call_overtakes_where_that_was_asked_for() {
        assert_eq!(dialled(&mut queue(true, None), NOON), keyed(&[("d", 1), ("c", 2)]));
    }

    #[test]
    fn a_call_that_finds_no_line_gives_up_at_its_hour() {
        let mut lines = queue(false, Some(30));
        dialled(&mut lines, NOON);
        let given_up = NOON.plus(Duration::from_secs(30));
        assert_eq!(lines.next(NOON), Some(given_up));
        assert_eq!(dialled(&mut lines, given_up), keyed(&[("b", 0)]));
        assert_eq!((lines.waiting(), lines.next(given_up)), (1, Some(NOON.plus(Duration::from_secs(31)))));
    }
}
