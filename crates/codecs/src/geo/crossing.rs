//! Whether rings cross themselves or each other.

use geo_types::Coord;

/// What is known about some rings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Crossing {
    No,
    /// Two legs cross, counted from 0 through all rings, and where.
    Yes {
        legs: (usize, usize),
        at: Coord,
    },
    /// The rings are too large for what is left of the budget.
    Unknown,
}

type Leg = [Coord; 2];

/// Looks for two legs that properly cross; rings that only touch are let through.
/// Latitude and longitude are taken as plane coordinates.
pub(crate) fn find(rings: &[&[Coord]], budget: &mut u64) -> Crossing {
    let all = rings.iter().flat_map(|it| it.windows(2)).map(|it| [it[0], it[1]]);
    let mut legs: Vec<(usize, Leg)> = all.enumerate().filter(|(_, leg)| leg[0] != leg[1]).collect();
    legs.sort_by(|a, b| low(a.1).total_cmp(&low(b.1)));
    for (index, (first, a)) in legs.iter().enumerate() {
        let top = a[0].y.max(a[1].y);
        for (second, b) in legs[index + 1..].iter().take_while(|(_, b)| low(*b) <= top) {
            let Some(left) = budget.checked_sub(1) else {
                return Crossing::Unknown;
            };
            *budget = left;
            if cross(*a, *b) {
                return Crossing::Yes { legs: (*first.min(second), *first.max(second)), at: meeting(*a, *b) };
            }
        }
    }
    Crossing::No
}

fn low(leg: Leg) -> f64 {
    leg[0].y.min(leg[1].y)
}

fn cross(a: Leg, b: Leg) -> bool {
    side(a, b[0]) * side(a, b[1]) < 0 && side(b, a[0]) * side(b, a[1]) < 0
}

/// −1, 0 or 1: on which side of the leg the point lies; 0 within rounding.
fn side([a, b]: Leg, point: Coord) -> i32 {
    let first = (b.x - a.x) * (point.y - a.y);
    let second = (b.y - a.y) * (point.x - a.x);
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

/// Where two legs that cross do so.
fn meeting([a, b]: Leg, [c, d]: Leg) -> Coord {
    let (along, other) = (b - a, d - c);
    let share = (c - a).x * other.y - (c - a).y * other.x;
    a + along * (share / (along.x * other.y - along.y * other.x))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crossing(ring: &[(f64, f64)]) -> Crossing {
        let ring: Vec<Coord> = ring.iter().map(|it| Coord::from(*it)).collect();
        find(&[&ring], &mut 1_000)
    }

    #[test]
    fn a_bow_tie_crosses_in_its_middle_and_a_square_does_not() {
        let tie = [(110.0, 30.0), (112.0, 32.0), (112.0, 30.0), (110.0, 32.0), (110.0, 30.0)];
        assert_eq!(crossing(&tie), Crossing::Yes { legs: (0, 2), at: Coord { x: 111.0, y: 31.0 } });
        let square = [(110.0, 30.0), (112.0, 30.0), (112.0, 32.0), (110.0, 32.0), (110.0, 30.0)];
        assert_eq!(crossing(&square), Crossing::No);
    }

    #[test]
    fn a_ring_that_only_touches_itself_is_let_through() {
        let ring = [(0.0, 0.0), (2.0, 0.0), (1.0, 1.0), (2.0, 2.0), (0.0, 2.0), (1.0, 1.0), (0.0, 0.0)];
        assert_eq!(crossing(&ring), Crossing::No);
    }

    #[test]
    fn a_ring_beyond_the_budget_is_left_unchecked() {
        let ring: Vec<(f64, f64)> = (0..2_000).map(|it| (f64::from(it) / 100.0, f64::from(it % 2))).collect();
        assert_eq!(crossing(&ring), Crossing::Unknown);
    }
}
