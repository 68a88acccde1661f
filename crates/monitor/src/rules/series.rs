//! The readings of one station and quantity, with everything the windows over them need.
//!
//! A reading costs the same whatever the length of a window: sums are running, the extremes stand
//! in two monotonic queues that all windows share, and what has left a window is noticed when the
//! window is next looked at.

use std::collections::VecDeque;

use super::observed::Observed;

/// A reading as it is kept. The value is an i128 in two halves, so that the pair packs in 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) at: i64,
    high: i64,
    low: u64,
}

impl Point {
    pub(super) fn new(at: i64, value: i128) -> Self {
        Self { at, high: (value >> 64) as i64, low: value as u64 }
    }

    pub(super) fn value(self) -> i128 {
        (i128::from(self.high) << 64) | i128::from(self.low)
    }
}

/// Readings of the last `span`: `points[first..active]`, and their sum.
#[derive(Clone, Copy, Debug)]
struct Window {
    span: i64,
    first: usize,
    sum: i128,
}

/// Which windows a series carries. Equal for all stations with the same rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Lengths of the windows, ascending.
    pub(super) windows: Vec<i64>,
    /// Longest window of a `max`; 0 for none.
    pub(super) highest: i64,
    /// Longest window of a `min`; 0 for none.
    pub(super) lowest: i64,
    /// How long readings are kept; 0 keeps none.
    pub(super) keep: i64,
    /// Whether a moment older than that may count as new when it comes again; it enters no window then either.
    pub(super) forgetful: bool,
}

/// Direction of an extreme.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seek {
    Highest,
    Lowest,
}

impl Seek {
    /// Whether `a` makes an older `b` irrelevant.
    fn beats(self, a: i128, b: i128) -> bool {
        match self {
            Self::Highest => a >= b,
            Self::Lowest => a <= b,
        }
    }
}

/// Candidates for an extreme: ascending in time, each better than all behind it.
#[derive(Clone, Debug, Default)]
struct Extremes {
    span: i64,
    queue: VecDeque<Point>,
}

impl Extremes {
    fn insert(&mut self, point: Point, seek: Seek) {
        if self.span == 0 {
            return;
        }
        let newest = self.queue.back().is_none_or(|last| last.at < point.at);
        let behind = if newest { self.queue.len() } else { self.queue.partition_point(|it| it.at < point.at) };
        if !newest && seek.beats(self.queue[behind].value(), point.value()) {
            return;
        }
        let mut place = behind;
        while place > 0 && seek.beats(point.value(), self.queue[place - 1].value()) {
            place -= 1;
        }
        if newest {
            self.queue.truncate(place);
            self.queue.push_back(point);
        } else {
            self.queue.drain(place..behind);
            self.queue.insert(place, point);
        }
    }

    fn forget(&mut self, now: i64) {
        while self.queue.front().is_some_and(|it| it.at <= now - self.span) {
            self.queue.pop_front();
        }
    }

    /// The best of the readings after `start`.
    fn best_after(&self, start: i64) -> Option<Point> {
        match self.queue.front() {
            Some(front) if front.at > start => Some(*front),
            _ => self.queue.get(self.queue.partition_point(|it| it.at <= start)).copied(),
        }
    }
}

/// One station's readings of one quantity.
#[derive(Clone, Debug)]
pub(super) struct Series {
    observed: Observed,
    /// Ascending in time; those from `active` on lie in the future.
    points: VecDeque<Point>,
    active: usize,
    windows: Box<[Window]>,
    highest: Extremes,
    lowest: Extremes,
    keep: i64,
    /// Newest moment reported, of those that are not in the future.
    newest: Option<i64>,
    /// Whether a negative value was ever taken: if not, a sum can only fall by itself.
    negative: bool,
    /// Length at which readings that nobody needs are dropped.
    prune_at: usize,
    /// Whether moments older than `keep` may be forgotten.
    forgetful: bool,
    /// Changes of rhythm at which those that are over are looked for.
    forget_at: usize,
}

/// Changes of rhythm up to which a series forgets nothing.
const RHYTHMS: usize = 64;

impl Series {
    pub(super) fn new(shape: &Shape) -> Self {
        let mut series = Self {
            observed: Observed::default(),
            points: VecDeque::new(),
            active: 0,
            windows: Box::default(),
            highest: Extremes::default(),
            lowest: Extremes::default(),
            keep: 0,
            newest: None,
            negative: false,
            prune_at: 16,
            forgetful: false,
            forget_at: RHYTHMS,
        };
        series.reshape(shape);
        series
    }

    /// Other windows over the readings kept.
    pub(super) fn reshape(&mut self, shape: &Shape) {
        let active = self.points.range(..self.active);
        let sum = active.clone().fold(0i128, |sum, point| sum.wrapping_add(point.value()));
        self.windows = shape.windows.iter().map(|&span| Window { span, first: 0, sum }).collect();
        self.highest = Extremes { span: shape.highest, queue: VecDeque::new() };
        self.lowest = Extremes { span: shape.lowest, queue: VecDeque::new() };
        for point in active {
            self.highest.insert(*point, Seek::Highest);
            self.lowest.insert(*point, Seek::Lowest);
        }
        (self.keep, self.forgetful) = (shape.keep, shape.forgetful);
        self.prune_at = 16;
    }

    /// Whether a reading of that moment was taken.
    pub(super) fn holds(&self, at: i64) -> bool {
        self.observed.holds(at)
    }

    /// Takes a reading at world time `now`; false when one of that moment was taken before.
    pub(super) fn insert(&mut self, at: i64, value: i128, now: i64) -> bool {
        if !self.observed.insert(at) {
            return false;
        }
        if self.forgetful && self.observed.run_count() >= self.forget_at && now != i64::MIN {
            self.observed.forget(now.saturating_sub(self.keep));
            self.forget_at = (self.observed.run_count() * 2).max(RHYTHMS);
        }
        self.negative |= value < 0;
        if self.points.len() >= self.prune_at && now != i64::MIN {
            self.prune(now);
        }
        if at <= now {
            self.newest = self.newest.max(Some(at));
        }
        // A reading of the future waits for its time, even where only silence is asked about.
        if at > now {
            let place = self.points.partition_point(|it| it.at < at);
            self.points.insert(place, Point::new(at, value));
        } else if at > now.saturating_sub(self.keep) && self.keep > 0 {
            if self.next_entry().is_some_and(|entry| entry <= now) {
                self.advance(now);
            }
            self.insert_active(Point::new(at, value));
        }
        true
    }

    fn insert_active(&mut self, point: Point) {
        let newest = self.active == 0 || self.points[self.active - 1].at < point.at;
        let place = if newest { self.active } else { self.points.partition_point(|it| it.at < point.at) };
        if place == self.points.len() {
            self.points.push_back(point);
        } else {
            self.points.insert(place, point);
        }
        self.active += 1;
        for window in &mut self.windows {
            if place < window.first {
                window.first += 1;
            } else {
                window.sum = window.sum.wrapping_add(point.value());
            }
        }
        self.highest.insert(point, Seek::Highest);
        self.lowest.insert(point, Seek::Lowest);
    }

    /// Moves the windows to `now`: what has come enters, what is over leaves.
    pub(super) fn advance(&mut self, now: i64) {
        while let Some(&point) = self.points.get(self.active).filter(|it| it.at <= now) {
            self.active += 1;
            self.newest = self.newest.max(Some(point.at));
            self.windows.iter_mut().for_each(|window| window.sum = window.sum.wrapping_add(point.value()));
            self.highest.insert(point, Seek::Highest);
            self.lowest.insert(point, Seek::Lowest);
        }
        for window in &mut self.windows {
            while window.first < self.active && self.points[window.first].at <= now - window.span {
                window.sum = window.sum.wrapping_sub(self.points[window.first].value());
                window.first += 1;
            }
        }
        self.highest.forget(now);
        self.lowest.forget(now);
    }

    /// Drops readings older than any window, and sets the length at which to look again.
    fn prune(&mut self, now: i64) {
        self.advance(now);
        let old = self.points.partition_point(|it| it.at <= now - self.keep).min(self.active);
        self.points.drain(..old);
        self.active -= old;
        self.windows.iter_mut().for_each(|window| window.first -= old);
        self.prune_at = (self.points.len() * 2).max(16);
    }

    /// The moment at which the next reading of the future enters the windows.
    pub(super) fn next_entry(&self) -> Option<i64> {
        self.points.get(self.active).map(|point| point.at)
    }

    /// Newest moment reported up to the last [`Series::advance`].
    pub(super) fn newest(&self) -> Option<i64> {
        self.newest
    }

    pub(super) fn ever_negative(&self) -> bool {
        self.negative
    }

    pub(super) fn count(&self, window: usize) -> usize {
        self.active - self.windows[window].first
    }

    pub(super) fn sum(&self, window: usize) -> i128 {
        self.windows[window].sum
    }

    pub(super) fn oldest(&self, window: usize) -> Point {
        self.points[self.windows[window].first]
    }

    pub(super) fn last(&self) -> Point {
        self.points[self.active - 1]
    }

    pub(super) fn highest_after(&self, start: i64) -> Option<Point> {
        self.highest.best_after(start)
    }

    pub(super) fn lowest_after(&self, start: i64) -> Option<Point> {
        self.lowest.best_after(start)
    }

    /// How many readings are kept.
    pub(super) fn kept(&self) -> usize {
        self.points.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn hourly_shape() -> Shape {
        Shape {
            windows: vec![10 * MINUTE, 60 * MINUTE],
            highest: 60 * MINUTE,
            lowest: 60 * MINUTE,
            keep: 60 * MINUTE,
            forgetful: false,
        }
    }

    #[test]
    fn readings_that_no_window_needs_are_dropped() {
        let mut series = Series::new(&hourly_shape());
        for minute in 0..100_000 {
            assert!(series.insert(minute * MINUTE, i128::from(minute % 7), minute * MINUTE));
        }
        assert!(series.kept() < 200, "{} kept", series.kept());
    }

    #[test]
    fn moments_without_rhythm_cost_no_memory_where_they_may_be_forgotten() {
        let shape = Shape { forgetful: true, ..hourly_shape() };
        let unread = Shape { keep: 60 * MINUTE, forgetful: true, ..Shape::default() };
        let (mut series, mut unread, mut exact) =
            (Series::new(&shape), Series::new(&unread), Series::new(&hourly_shape()));
        let moment = |minute: i64| minute * MINUTE + minute * minute % 59_999_999;
        for minute in 0..50_000 {
            let at = moment(minute);
            assert!(series.insert(at, 1, at) && unread.insert(at, 1, at) && exact.insert(at, 1, at));
        }
        let now = moment(49_999);
        assert!((49_950..50_000).all(|it| !series.insert(moment(it), 1, now)), "the last hour is known");
        let runs = [&series, &unread, &exact].map(|it| it.observed.run_count());
        assert!(runs[0] < 500 && runs[1] < 500 && runs[2] > 20_000, "{runs:?}");
    }

    #[test]
    fn a_reading_of_the_future_enters_at_its_own_time() {
        let mut series = Series::new(&hourly_shape());
        series.insert(5 * MINUTE, 8, 0);
        series.advance(4 * MINUTE);
        assert_eq!((series.count(0), series.next_entry(), series.newest()), (0, Some(5 * MINUTE), None));
        series.advance(5 * MINUTE);
        assert_eq!((series.count(0), series.sum(1), series.newest()), (1, 8, Some(5 * MINUTE)));
    }

    #[test]
    fn a_clock_that_runs_ahead_costs_no_memory() {
        let (mut series, mut unread) = (Series::new(&hourly_shape()), Series::new(&Shape::default()));
        for minute in 0..100_000 {
            assert!(series.insert((minute + 5) * MINUTE, 1, minute * MINUTE));
            assert!(unread.insert((minute + 5) * MINUTE, 1, minute * MINUTE));
        }
        assert!(series.kept() < 200 && unread.kept() < 200, "{} kept", series.kept());
    }

    proptest::proptest! {
        #[test]
        fn windows_agree_with_adding_up_from_scratch(rows in proptest::collection::vec((0i64..90, -90i64..30, -5i128..5), 1..60)) {
            let (shape, mut now) = (hourly_shape(), 0);
            let (mut series, mut all) = (Series::new(&shape), std::collections::BTreeMap::new());
            for (step, offset, value) in rows {
                now += step * MINUTE / 3;
                let at = now + offset * MINUTE / 3;
                proptest::prop_assert_eq!(series.insert(at, value, now), !all.contains_key(&at));
                all.entry(at).or_insert(value);
                series.advance(now);
                for (index, &span) in shape.windows.iter().enumerate() {
                    let inside: Vec<_> = all.range(now - span + 1..=now).collect();
                    proptest::prop_assert_eq!(series.count(index), inside.len());
                    proptest::prop_assert_eq!(series.sum(index), inside.iter().map(|it| *it.1).sum::<i128>());
                    proptest::prop_assert_eq!(series.highest_after(now - span).map(|it| it.value()), inside.iter().map(|it| *it.1).max());
                    proptest::prop_assert_eq!(series.lowest_after(now - span).map(|it| it.value()), inside.iter().map(|it| *it.1).min());
                    if let Some(first) = inside.first() {
                        proptest::prop_assert_eq!((series.oldest(index).at, series.last().at), (*first.0, *inside[inside.len() - 1].0));
                    }
                }
            }
        }
    }
}
