//! Rings: their area, what lies inside, and which are holes of which.

use anlan_kernel::Problem;
use geo_types::{Coord, LineString, Polygon};

/// Signed area, positive counter-clockwise; taken from the first point so that nothing cancels.
pub(super) fn area(ring: &[Coord]) -> f64 {
    let Some(origin) = ring.first() else { return 0.0 };
    let doubled: f64 = ring
        .windows(2)
        .map(|it| {
            let (a, b) = (it[0] - *origin, it[1] - *origin);
            a.x * b.y - a.y * b.x
        })
        .sum();
    doubled / 2.0
}

/// Whether a position lies inside, by counting the legs to its east.
pub(super) fn inside(ring: &[Coord], it: Coord) -> bool {
    let east = ring.windows(2).filter(|leg| {
        let [a, b] = [leg[0], leg[1]];
        (a.y > it.y) != (b.y > it.y) && it.x < a.x + (b.x - a.x) * (it.y - a.y) / (b.y - a.y)
    });
    east.count() % 2 == 1
}

/// The least rectangle around positions: south-west and north-east.
pub(super) fn bounds(positions: impl Iterator<Item = Coord>) -> Option<(Coord, Coord)> {
    positions.fold(None, |found, it| {
        let (low, high) = found.unwrap_or((it, it));
        Some((Coord { x: low.x.min(it.x), y: low.y.min(it.y) }, Coord { x: high.x.max(it.x), y: high.y.max(it.y) }))
    })
}

/// Sorts rings into areas with their holes by which lies in which, whatever way they turn.
///
/// # Errors
/// `too_complex` when the budget of steps is used up.
pub(super) fn assemble(rings: Vec<Vec<Coord>>, budget: &mut u64) -> Result<Vec<Polygon>, Problem> {
    let rings: Vec<Ring> = rings.into_iter().map(Ring::new).collect();
    let around = rings.iter().map(|it| around(it, &rings, budget)).collect::<Result<Vec<_>, _>>()?;
    let mut holes: Vec<Vec<LineString>> = vec![Vec::new(); rings.len()];
    for (ring, around) in rings.iter().zip(&around).filter(|(_, around)| around.hole()) {
        if let Some(outer) = around.smallest {
            holes[outer].push(LineString(ring.points.clone()));
        }
    }
    let all = rings.into_iter().zip(around).zip(holes).filter(|((_, around), _)| !around.hole());
    Ok(all.map(|((ring, _), holes)| Polygon::new(LineString(ring.points), holes)).collect())
}

/// The rings in which one lies.
#[derive(Default)]
struct Around {
    count: usize,
    smallest: Option<usize>,
}

impl Around {
    fn hole(&self) -> bool {
        self.count % 2 == 1
    }
}

struct Ring {
    points: Vec<Coord>,
    size: f64,
    bounds: Option<(Coord, Coord)>,
    /// A position inside.
    inner: Option<Coord>,
}

impl Ring {
    fn new(points: Vec<Coord>) -> Self {
        let (size, bounds) = (area(&points).abs(), bounds(points.iter().copied()));
        let inner = inner(&points);
        Self { points, size, bounds, inner }
    }

    fn spans(&self, other: &Self) -> bool {
        let (Some((a, b)), Some((c, d))) = (self.bounds, other.bounds) else { return false };
        self.size > other.size && a.x <= c.x && a.y <= c.y && b.x >= d.x && b.y >= d.y
    }
}

fn around(ring: &Ring, all: &[Ring], budget: &mut u64) -> Result<Around, Problem> {
    let mut found = Around::default();
    for (index, other) in all.iter().enumerate() {
        let spans = other.spans(ring);
        let cost = if spans { other.points.len() as u64 } else { 1 };
        *budget = budget.checked_sub(cost).ok_or_else(too_complex)?;
        if spans && ring.inner.is_some_and(|it| inside(&other.points, it)) {
            found.count += 1;
            found.smallest = found.smallest.filter(|it| all[*it].size <= other.size).or(Some(index));
        }
    }
    Ok(found)
}

/// Between the first two legs met on a line just above the lowest point.
fn inner(ring: &[Coord]) -> Option<Coord> {
    let lowest = ring.iter().map(|it| it.y).min_by(f64::total_cmp)?;
    let next = ring.iter().map(|it| it.y).filter(|it| *it > lowest).min_by(f64::total_cmp)?;
    let y = f64::midpoint(lowest, next);
    let met = ring.windows(2).filter(|it| (it[0].y > y) != (it[1].y > y));
    let mut met: Vec<f64> = met.map(|it| it[0].x + (it[1].x - it[0].x) * (y - it[0].y) / (it[1].y - it[0].y)).collect();
    met.sort_by(f64::total_cmp);
    Some(Coord { x: f64::midpoint(*met.first()?, *met.get(1)?), y })
}

fn too_complex() -> Problem {
    Problem::new(
        "too_complex",
        "面的环太多，理不清哪个是哪个的洞",
        "there are too many rings to tell which is a hole of which",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(from: f64, to: f64) -> Vec<Coord> {
        [(from, from), (to, from), (to, to), (from, to), (from, from)].map(Coord::from).to_vec()
    }

    #[test]
    fn an_island_in_a_lake_on_an_island_is_an_area_of_its_own() {
        let mut lake = square(1.0, 9.0);
        for turned in [false, true] {
            if turned {
                lake.reverse();
            }
            let rings = vec![square(4.0, 5.0), lake.clone(), square(0.0, 10.0), square(20.0, 21.0)];
            let areas = assemble(rings, &mut 1_000).unwrap();
            let holes: Vec<usize> = areas.iter().map(|it| it.interiors().len()).collect();
            assert_eq!(holes, [0, 1, 0]);
        }
    }

    #[test]
    fn rings_beyond_the_budget_are_refused() {
        assert_eq!(assemble(vec![square(0.0, 1.0); 40], &mut 100).unwrap_err().code, "too_complex");
    }
}
