//! Whether a ring crosses itself.

use super::Point;

/// Comparisons that one message may cost before shapes go unchecked.
pub(super) const BUDGET: u64 = 20_000_000;

/// What is known about a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crossing {
    No,
    /// The legs starting at these two points cross.
    Yes(usize, usize),
    /// The ring is too large for what is left of the budget.
    Unknown,
}

/// Looks for two legs that properly cross; rings that only touch themselves are let through.
/// Latitude and longitude are taken as plane coordinates, as the rule's origin does.
pub(super) fn self_crossing(points: &[Point], budget: &mut u64) -> Crossing {
    let mut legs: Vec<(usize, &[Point])> = points.windows(2).enumerate().filter(|(_, leg)| leg[0] != leg[1]).collect();
    legs.sort_by(|a, b| low(a.1).total_cmp(&low(b.1)));
    for (index, (first, a)) in legs.iter().enumerate() {
        let top = a[0].latitude.max(a[1].latitude);
        for (second, b) in legs[index + 1..].iter().take_while(|(_, b)| low(b) <= top) {
            let Some(left) = budget.checked_sub(1) else {
                return Crossing::Unknown;
            };
            *budget = left;
            if legs_cross(a, b) {
                return Crossing::Yes(*first.min(second), *first.max(second));
            }
        }
    }
    Crossing::No
}

fn low(leg: &[Point]) -> f64 {
    leg[0].latitude.min(leg[1].latitude)
}

fn legs_cross(a: &[Point], b: &[Point]) -> bool {
    side(a[0], a[1], b[0]) * side(a[0], a[1], b[1]) < 0 && side(b[0], b[1], a[0]) * side(b[0], b[1], a[1]) < 0
}

/// −1, 0 or 1: on which side of the line from `a` to `b` the point lies; 0 within rounding.
fn side(a: Point, b: Point, point: Point) -> i32 {
    let first = (b.longitude - a.longitude) * (point.latitude - a.latitude);
    let second = (b.latitude - a.latitude) * (point.longitude - a.longitude);
    let difference = first - second;
    let rounding = (first.abs() + second.abs()) * 1e-12;
    if difference > rounding {
        1
    } else if difference < -rounding {
        -1
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::Polygon;

    fn crossing(text: &str) -> Crossing {
        self_crossing(&Polygon::read(text).unwrap().points, &mut BUDGET.clone())
    }

    #[test]
    fn a_bow_tie_crosses_and_a_square_does_not() {
        assert_eq!(crossing("30,110 30.2,110.2 30,110.2 30.2,110 30,110"), Crossing::Yes(0, 2));
        assert_eq!(crossing("30,110 30,110.2 30.2,110.2 30.2,110 30,110"), Crossing::No);
    }

    #[test]
    fn a_ring_that_only_touches_itself_is_let_through() {
        assert_eq!(crossing("0,0 0,2 1,1 2,2 2,0 1,1 0,0"), Crossing::No);
    }

    #[test]
    fn a_ring_beyond_the_budget_is_left_unchecked() {
        let points: Vec<Point> =
            (0..2_000).map(|it| Point { latitude: f64::from(it % 2), longitude: f64::from(it) / 100.0 }).collect();
        assert_eq!(self_crossing(&points, &mut 1_000), Crossing::Unknown);
    }
}
