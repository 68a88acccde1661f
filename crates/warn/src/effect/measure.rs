//! Figures over calls: pure functions over rows. What they mean stands in [`super`].

use std::collections::BTreeMap;

use anlan_kernel::{Instant, RegionCode};
use serde::Serialize;

use crate::{api::Counts, model::CallState};

/// Minutes a curve shows at most; a ladder is over by then.
const LONGEST: i64 = 120;

/// When a call ended for its callee: who heard it in full did so before the ladder came to its end.
pub(crate) const ENDED_AT: &str =
    "(CASE WHEN state = 'heard_in_full' THEN COALESCE(heard_at, final_at) ELSE final_at END)";

/// One call, as far as it is measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    pub callee: String,
    pub region: RegionCode,
    /// Part of the audience (层级).
    pub who: String,
    pub state: CallState,
    /// By which way it ended.
    pub via: Option<String>,
    pub attempts: i64,
    pub first_rang_at: Option<Instant>,
    /// As [`ENDED_AT`].
    pub ended_at: Option<Instant>,
}

impl Measured {
    /// Somebody who holds the duty knows (叫到).
    pub fn is_reached(&self) -> bool {
        use CallState::{Answered, HeardInFull, ReachedOnSite, RecordedByColleague};
        matches!(self.state, Answered | HeardInFull | RecordedByColleague | ReachedOnSite)
    }

    /// Ended by the callee: the moment is theirs and not a colleague's.
    fn ended(&self) -> Option<Instant> {
        self.ended_at.filter(|_| matches!(self.state, CallState::Answered | CallState::HeardInFull))
    }
}

/// Median and 95 % of a time, in whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Times {
    /// How many were measured.
    pub count: usize,
    pub median_s: Option<i64>,
    pub p95_s: Option<i64>,
}

/// The figures of some calls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Figures {
    #[serde(flatten)]
    pub counts: Counts,
    pub asked: i64,
    pub reached: i64,
    /// Attempts at those asked.
    pub attempts: i64,
    pub from_ring: Times,
    pub from_start: Times,
}

impl Figures {
    /// The figures of `calls` of a round that started at `start`.
    pub fn of<'a>(calls: impl IntoIterator<Item = &'a Measured>, start: Option<Instant>) -> Self {
        let (mut counts, mut reached, mut attempts) = (Counts::none(), 0, 0);
        let (mut from_ring, mut from_start) = (Vec::new(), Vec::new());
        for call in calls {
            counts.add(call.state.name(), 1);
            reached += i64::from(call.is_reached());
            attempts += if call.state == CallState::Cancelled { 0 } else { call.attempts };
            let Some(at) = call.ended() else { continue };
            from_ring.extend(call.first_rang_at.map(|rang| seconds(rang, at)));
            from_start.extend(start.map(|start| seconds(start, at)));
        }
        let asked = counts.called - counts.of(CallState::Cancelled);
        Self { counts, asked, reached, attempts, from_ring: times(from_ring), from_start: times(from_start) }
    }

    /// 叫到率 in tenths of a percent; `None` where nobody was to answer.
    pub fn rate_permille(&self) -> Option<i64> {
        (self.asked > 0).then(|| self.reached * 1_000 / self.asked)
    }

    /// Attempts per person reached, in tenths.
    pub fn attempts_per_reached_tenths(&self) -> Option<i64> {
        (self.reached > 0).then(|| (self.attempts * 10 + self.reached / 2) / self.reached)
    }
}

fn seconds(from: Instant, until: Instant) -> i64 {
    i64::try_from(until.since(from).as_secs()).unwrap_or(i64::MAX)
}

fn times(mut seconds: Vec<i64>) -> Times {
    seconds.sort_unstable();
    Times { count: seconds.len(), median_s: percentile(&seconds, 50), p95_s: percentile(&seconds, 95) }
}

/// Nearest rank: the smallest of the sorted values that at least `percent` of a hundred do not exceed.
pub(crate) fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// The figures of each group; a call without a key is in none.
pub(crate) fn by<K: Ord>(
    calls: &[Measured],
    start: Option<Instant>,
    key: impl Fn(&Measured) -> Option<K>,
) -> BTreeMap<K, Figures> {
    let mut groups: BTreeMap<K, Vec<&Measured>> = BTreeMap::new();
    for call in calls {
        if let Some(key) = key(call) {
            groups.entry(key).or_default().push(call);
        }
    }
    groups.into_iter().map(|(key, calls)| (key, Figures::of(calls, start))).collect()
}

/// The part of `base` a region belongs to: a street of a district, a community of a street, or `base` itself.
pub(crate) fn part_of(base: &RegionCode, region: &RegionCode) -> Option<RegionCode> {
    if !base.covers(region) {
        return region.covers(base).then(|| region.clone());
    }
    let (base, code) = (base.as_str(), region.as_str());
    let length = [6, 9, 12].into_iter().find(|it| *it > base.len()).unwrap_or(code.len()).min(code.len());
    RegionCode::parse(&code[..length]).ok()
}

/// How many had a first ring, and how many had answered or heard in full, by the end of minute `minute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Point {
    pub minute: i64,
    pub rang: usize,
    pub reached: usize,
}

/// The curve of a round from its start until nothing is added any more.
pub(crate) fn curve(calls: &[Measured], start: Instant) -> Vec<Point> {
    let minute = |at: Instant| seconds(start, at) / 60 + 1;
    let rang: Vec<_> = calls.iter().filter_map(|it| it.first_rang_at).map(minute).collect();
    let reached: Vec<_> = calls.iter().filter_map(Measured::ended).map(minute).collect();
    let last = rang.iter().chain(&reached).max().copied().unwrap_or(0).min(LONGEST);
    let by = |moments: &[i64], minute: i64| moments.iter().filter(|it| **it <= minute).count();
    (0..=last).map(|minute| Point { minute, rang: by(&rang, minute), reached: by(&reached, minute) }).collect()
}

/// The minute by whose end `percent` of a hundred of `all` had answered or heard in full.
pub(crate) fn minute_of(curve: &[Point], all: usize, percent: usize) -> Option<i64> {
    let wanted = (all * percent).div_ceil(100).max(1);
    curve.iter().find(|it| it.reached >= wanted).map(|it| it.minute)
}

/// Most spans that hold at one moment; a span that ends when another begins does not overlap it.
pub(crate) fn at_once(spans: &[(Instant, Instant)]) -> usize {
    let mut turns: Vec<(Instant, i64)> = spans.iter().flat_map(|(from, until)| [(*from, 1), (*until, -1)]).collect();
    turns.sort_unstable();
    let (mut now, mut most) = (0, 0);
    for (_, turn) in turns {
        now += turn;
        most = most.max(now);
    }
    usize::try_from(most).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn code(text: &str) -> RegionCode {
        RegionCode::parse(text).unwrap()
    }

    fn call(state: CallState, rang: Option<i64>, ended: Option<i64>, attempts: i64) -> Measured {
        Measured {
            callee: "person:1".into(),
            region: code("440303001001"),
            who: "community".into(),
            state,
            via: None,
            attempts,
            first_rang_at: rang.map(Instant::from_secs),
            ended_at: ended.map(Instant::from_secs),
        }
    }

    #[rstest]
    #[case::none(&[], 50, None)]
    #[case::one(&[7], 50, Some(7))]
    #[case::one_at_95(&[7], 95, Some(7))]
    #[case::two(&[1, 9], 50, Some(1))]
    #[case::three(&[1, 5, 9], 50, Some(5))]
    #[case::twenty(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20], 95, Some(19))]
    #[case::twenty_one(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21], 95, Some(20))]
    #[case::all(&[3, 4], 100, Some(4))]
    fn a_percentile_is_a_measured_value(#[case] sorted: &[i64], #[case] percent: usize, #[case] want: Option<i64>) {
        assert_eq!(percentile(sorted, percent), want);
    }

    #[test]
    fn of_no_calls_everything_is_nothing() {
        let figures = Figures::of(&[], Some(Instant::from_secs(0)));
        assert_eq!((figures.counts.called, figures.asked, figures.reached, figures.attempts), (0, 0, 0, 0));
        assert_eq!((figures.rate_permille(), figures.attempts_per_reached_tenths()), (None, None));
        assert_eq!(figures.from_ring, Times::default());
        assert_eq!(curve(&[], Instant::from_secs(0)), [Point { minute: 0, rang: 0, reached: 0 }]);
        assert_eq!(at_once(&[]), 0);
    }

    #[test]
    fn of_one_call_every_figure_is_that_call() {
        let calls = [call(CallState::Answered, Some(10), Some(45), 2)];
        let figures = Figures::of(&calls, Some(Instant::from_secs(0)));
        assert_eq!((figures.counts.called, figures.asked, figures.reached), (1, 1, 1));
        assert_eq!((figures.rate_permille(), figures.attempts_per_reached_tenths()), (Some(1_000), Some(20)));
        assert_eq!(figures.from_ring, Times { count: 1, median_s: Some(35), p95_s: Some(35) });
        assert_eq!(figures.from_start, Times { count: 1, median_s: Some(45), p95_s: Some(45) });
    }

    #[test]
    fn every_state_is_counted_where_the_definitions_say() {
        use CallState as S;
        let all = [S::Calling, S::Escalated].into_iter().chain(S::FINAL);
        let calls: Vec<_> = all.map(|state| call(state, Some(1), Some(31), 1)).collect();
        let figures = Figures::of(&calls, None);
        assert_eq!((figures.counts.called, figures.counts.open, figures.counts.escalated), (10, 2, 1));
        assert_eq!(figures.counts.called, figures.counts.open + figures.counts.finals.values().sum::<i64>());
        assert_eq!((figures.asked, figures.reached, figures.attempts), (9, 4, 9));
        assert_eq!(figures.from_ring.count, 2, "only the callee's own answer has a time");
        assert_eq!(figures.from_start, Times::default(), "a round that never started has no times");
    }

    #[test]
    fn an_answer_without_a_ring_counts_from_the_start_only() {
        let figures = Figures::of(&[call(CallState::Answered, None, Some(45), 1)], Some(Instant::from_secs(5)));
        assert_eq!((figures.from_ring.count, figures.from_start.median_s), (0, Some(40)));
    }

    #[rstest]
    #[case::street_of_district("440303", "440303001002", Some("440303001"))]
    #[case::district_itself("440303", "440303", Some("440303"))]
    #[case::community_of_street("440303001", "440303001002", Some("440303001002"))]
    #[case::street_itself("440303001", "440303001", Some("440303001"))]
    #[case::above("440303001", "440303", Some("440303"))]
    #[case::elsewhere("440303001", "440303002001", None)]
    fn a_region_belongs_to_one_part(#[case] base: &str, #[case] region: &str, #[case] want: Option<&str>) {
        assert_eq!(part_of(&code(base), &code(region)), want.map(code));
    }

    #[test]
    fn a_curve_says_who_was_reached_by_the_end_of_each_minute() {
        let calls = [
            call(CallState::Answered, Some(5), Some(59), 1),
            call(CallState::HeardInFull, Some(20), Some(60), 1),
            call(CallState::NotReached, Some(150), Some(900), 3),
        ];
        let curve = curve(&calls, Instant::from_secs(0));
        let seen: Vec<_> = curve.iter().map(|it| (it.minute, it.rang, it.reached)).collect();
        assert_eq!(seen, [(0, 0, 0), (1, 2, 1), (2, 2, 2), (3, 3, 2)]);
        assert_eq!(
            (minute_of(&curve, 2, 50), minute_of(&curve, 2, 95), minute_of(&curve, 3, 100)),
            (Some(1), Some(2), None)
        );
    }

    #[test]
    fn lines_are_the_most_spans_at_one_moment() {
        let spans = [(0, 10), (5, 15), (10, 20), (30, 31)].map(|(a, b)| (Instant::from_secs(a), Instant::from_secs(b)));
        assert_eq!(at_once(&spans), 2);
    }

    #[test]
    fn groups_add_up_to_the_whole() {
        let mut calls =
            vec![call(CallState::Answered, Some(1), Some(2), 1), call(CallState::NotReached, None, Some(9), 3)];
        calls[1].region = code("440303");
        let district = code("440303");
        let parts = by(&calls, None, |it| part_of(&district, &it.region));
        assert_eq!(parts.len(), 2);
        assert_eq!(parts.values().map(|it| it.counts.called).sum::<i64>(), Figures::of(&calls, None).counts.called);
    }
}
