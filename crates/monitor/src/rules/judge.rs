//! Judges conditions at an instant, and says when each can next change by itself.

use super::{
    decimal::compare_products,
    expression::{Comparison, Function},
    layout::{COUNTED, Compare, Limit, Node},
    series::Series,
};

/// Not holding, in the memory of a `for`.
pub(super) const NOT_HOLDING: i64 = i64::MAX;

/// Microseconds of an hour.
const HOUR: i128 = 3_600_000_000;

/// One station at one instant; its series have been advanced to it.
pub(super) struct Judge<'a> {
    pub(super) now: i64,
    pub(super) series: &'a [Series],
    pub(super) columns: &'a [Option<i128>],
    /// For every `for`: since when its condition holds.
    pub(super) since: &'a mut [i64],
    /// Earliest moment at which something judged here can change without a new reading.
    pub(super) wake: i64,
}

impl Judge<'_> {
    /// Whether the condition holds now. Looks at every part, because a `for` remembers.
    pub(super) fn holds(&mut self, node: &Node) -> bool {
        match node {
            Node::Compare(compare) => self.compare(compare),
            Node::Silent { series, span } => self.silent(&self.series[usize::from(*series)], *span),
            Node::All(parts) => {
                // Every part looks, so that each keeps its own history.
                let mut all = true;
                for part in parts {
                    all &= self.holds(part);
                }
                all
            }
            Node::Any(parts) => {
                let mut any = false;
                for part in parts {
                    any |= self.holds(part);
                }
                any
            }
            Node::Not(part) => !self.holds(part),
            Node::For { inner, span, slot } => {
                let holds = self.holds(inner);
                self.held_for(holds, *span, *slot)
            }
        }
    }

    fn held_for(&mut self, holds: bool, span: i64, slot: usize) -> bool {
        let since = &mut self.since[slot];
        if !holds {
            *since = NOT_HOLDING;
            return false;
        }
        *since = (*since).min(self.now);
        let complete = *since + span;
        if complete > self.now {
            self.wake_at(complete);
        }
        complete <= self.now
    }

    fn silent(&mut self, series: &Series, span: i64) -> bool {
        let Some(newest) = series.newest() else { return false };
        if newest > self.now - span {
            self.wake_at(newest + span);
        }
        newest <= self.now - span
    }

    fn compare(&mut self, compare: &Compare) -> bool {
        let series = &self.series[usize::from(compare.series)];
        let window = usize::from(compare.window);
        let bound = match compare.bound {
            Limit::Number(number) => Some(number),
            Limit::Column(place, parts) => self.columns[place].map(|number| number * parts),
        };
        let Some(bound) = bound else { return false };
        let (count, comparison) = (series.count(window), compare.comparison);
        let is = |value: i128| comparison.allows(value.cmp(&bound));
        if count == 0 {
            return matches!(compare.function, Function::Sum | Function::Count) && is(0);
        }
        let oldest = series.oldest(window);
        // What is changed by the oldest reading leaving, unless said otherwise below.
        let (holds, mut changes) = match compare.function {
            Function::Sum => (is(series.sum(window)), oldest.at),
            Function::Count => (is(count as i128 * COUNTED), oldest.at),
            Function::Mean => {
                let order = compare_products(series.sum(window), 1, bound, count as i128);
                (comparison.allows(order), oldest.at)
            }
            Function::Last => (is(series.last().value()), series.last().at),
            Function::Rise => (is(series.last().value() - oldest.value()), oldest.at),
            Function::Rate => {
                let (last, hours) = (series.last(), i128::from(series.last().at - oldest.at));
                let order = compare_products(last.value() - oldest.value(), HOUR, bound, hours);
                (hours > 0 && comparison.allows(order), oldest.at)
            }
            Function::Max => {
                series.highest_after(self.now - compare.span).map_or((false, oldest.at), |it| (is(it.value()), it.at))
            }
            Function::Min => {
                series.lowest_after(self.now - compare.span).map_or((false, oldest.at), |it| (is(it.value()), it.at))
            }
        };
        if settled(compare.function, comparison, holds, series.ever_negative()) {
            changes = i64::MAX;
        }
        if changes != i64::MAX {
            self.wake_at(changes + compare.span);
        }
        holds
    }

    pub(super) fn wake_at(&mut self, moment: i64) {
        self.wake = self.wake.min(moment);
    }
}

/// Whether readings leaving the window cannot change this outcome: what is too small already only
/// gets smaller, or becomes undefined.
fn settled(function: Function, comparison: Comparison, holds: bool, ever_negative: bool) -> bool {
    match function {
        Function::Count => only_falls(comparison, holds),
        Function::Sum => !ever_negative && only_falls(comparison, holds),
        Function::Max => comparison.wants_more() && !holds,
        Function::Min => comparison.wants_less() && !holds,
        Function::Last => !holds,
        Function::Mean | Function::Rise | Function::Rate => false,
    }
}

/// For a value that only falls: too small stays too small, small enough stays small enough.
fn only_falls(comparison: Comparison, holds: bool) -> bool {
    (comparison.wants_more() && !holds) || (comparison.wants_less() && holds)
}
