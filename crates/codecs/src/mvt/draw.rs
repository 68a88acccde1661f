//! A geometry as it looks in one tile.

use geo_types::{Coord, LineString, Polygon};

use super::{Address, Area, EXTENT, Position, Shape, world};
use crate::geo::Geometry;

/// Longest run of positions that is simplified at once: keeps the worst case at a fixed cost for each.
const RUN: usize = 1_024;

/// Draws `geometry` in a tile: clipped `margin` units beyond its sides, and lines and rings relieved of positions
/// less than `tolerance` units beside the rest. `None` when nothing of it is to be seen.
pub fn draw(geometry: &Geometry, tile: Address, margin: u32, tolerance: f64) -> Option<Shape> {
    let pencil = Pencil { tile, low: -f64::from(margin), high: f64::from(EXTENT + margin), tolerance };
    match geometry {
        Geometry::Point(_) | Geometry::MultiPoint(_) => some(pencil.points(geometry), Shape::Points),
        Geometry::LineString(it) => some(pencil.line(it), Shape::Lines),
        Geometry::MultiLineString(it) => some(it.0.iter().flat_map(|it| pencil.line(it)).collect(), Shape::Lines),
        Geometry::Polygon(it) => some(pencil.area(it).into_iter().collect(), Shape::Areas),
        Geometry::MultiPolygon(it) => some(it.0.iter().filter_map(|it| pencil.area(it)).collect(), Shape::Areas),
    }
}

fn some<T>(parts: Vec<T>, shape: impl Fn(Vec<T>) -> Shape) -> Option<Shape> {
    (!parts.is_empty()).then(|| shape(parts))
}

struct Pencil {
    tile: Address,
    low: f64,
    high: f64,
    tolerance: f64,
}

impl Pencil {
    fn project(&self, path: &[Coord]) -> Vec<Coord> {
        path.iter().map(|it| self.tile.place(world(*it))).filter(|it| it.y.is_finite()).collect()
    }

    fn holds(&self, it: Coord) -> bool {
        let range = self.low..=self.high;
        range.contains(&it.x) && range.contains(&it.y)
    }

    fn points(&self, geometry: &Geometry) -> Vec<Position> {
        geometry.positions().map(|it| self.tile.place(world(it))).filter(|it| self.holds(*it)).map(rounded).collect()
    }

    fn line(&self, line: &LineString) -> Vec<Vec<Position>> {
        let runs = self.clip_line(&self.project(&line.0));
        runs.iter().map(|it| simplified(it, self.tolerance)).filter(|it| it.len() >= 2).collect()
    }

    fn area(&self, polygon: &Polygon) -> Option<Area> {
        let outer = self.ring(polygon.exterior())?;
        Some(Area { outer, holes: polygon.interiors().iter().filter_map(|it| self.ring(it)).collect() })
    }

    fn ring(&self, ring: &LineString) -> Option<Vec<Position>> {
        let clipped = self.clip_ring(self.project(&ring.0));
        let mut ring = simplified(&clipped, self.tolerance);
        if ring.len() > 1 && ring.first() == ring.last() {
            ring.pop();
        }
        (super::doubled_area(&ring) != 0).then_some(ring)
    }

    /// Liang and Barsky (1984), leg by leg; legs that meet stay one line.
    fn clip_line(&self, line: &[Coord]) -> Vec<Vec<Coord>> {
        let mut runs: Vec<Vec<Coord>> = Vec::new();
        for leg in line.windows(2) {
            let Some((from, to)) = self.clip_leg(leg[0], leg[1]) else { continue };
            match runs.last_mut().filter(|it| it.last() == Some(&from)) {
                Some(run) => run.push(to),
                None => runs.push(vec![from, to]),
            }
        }
        runs
    }

    fn clip_leg(&self, a: Coord, b: Coord) -> Option<(Coord, Coord)> {
        let (mut enter, mut leave, along) = (0.0_f64, 1.0_f64, b - a);
        for (step, room) in [
            (-along.x, a.x - self.low),
            (along.x, self.high - a.x),
            (-along.y, a.y - self.low),
            (along.y, self.high - a.y),
        ] {
            if step == 0.0 {
                if room < 0.0 {
                    return None;
                }
            } else if step < 0.0 {
                enter = enter.max(room / step);
            } else {
                leave = leave.min(room / step);
            }
        }
        let from = if enter == 0.0 { a } else { a + along * enter };
        let to = if leave == 1.0 { b } else { a + along * leave };
        (enter <= leave).then_some((from, to))
    }

    /// Sutherland and Hodgman (1974): side by side. What is cut off leaves a seam along the margin.
    fn clip_ring(&self, ring: Vec<Coord>) -> Vec<Coord> {
        if ring.iter().all(|it| self.holds(*it)) {
            return ring;
        }
        let (low, high) = (self.low, self.high);
        let ring = cut(&ring, |it| it.x - low);
        let ring = cut(&ring, |it| high - it.x);
        let ring = cut(&ring, |it| it.y - low);
        let mut ring = cut(&ring, |it| high - it.y);
        ring.extend(ring.first().copied());
        ring
    }
}

/// The part of a ring where `room` is not negative; not closed.
fn cut(ring: &[Coord], room: impl Fn(Coord) -> f64) -> Vec<Coord> {
    let mut kept = Vec::with_capacity(ring.len() + 4);
    let Some(mut before) = ring.last().copied() else { return kept };
    for it in ring.iter().copied() {
        let (was, is) = (room(before), room(it));
        if (was < 0.0) != (is < 0.0) {
            kept.push(before + (it - before) * (was / (was - is)));
        }
        if is >= 0.0 {
            kept.push(it);
        }
        before = it;
    }
    kept
}

fn rounded(it: Coord) -> Position {
    [it.x.round() as i32, it.y.round() as i32]
}

/// Rounded, without repeated positions, and by Douglas and Peucker (1973) in runs.
fn simplified(path: &[Coord], tolerance: f64) -> Vec<Position> {
    let mut all: Vec<Position> = path.iter().copied().map(rounded).collect();
    all.dedup();
    // Two runs at least, or a ring would fall to the point where it starts and ends.
    let run = RUN.min(all.len().div_ceil(2)).max(1);
    let mut keep = vec![false; all.len()];
    for start in (0..all.len()).step_by(run) {
        let end = (start + run).min(all.len() - 1);
        keep_bends(&all, start, end, tolerance * tolerance, &mut keep);
    }
    let mut kept = keep.into_iter();
    all.retain(|_| kept.next() == Some(true));
    all
}

fn keep_bends(path: &[Position], start: usize, end: usize, tolerance: f64, keep: &mut [bool]) {
    let mut open = vec![(start, end)];
    (keep[start], keep[end]) = (true, true);
    while let Some((from, to)) = open.pop() {
        let beside = |it: &usize| square_beside(path[*it], path[from], path[to]);
        let farthest = (from + 1..to).map(|it| (beside(&it), it)).max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, bend)) = farthest.filter(|(distance, _)| *distance > tolerance) {
            keep[bend] = true;
            open.extend([(from, bend), (bend, to)]);
        }
    }
}

/// Square of the distance from `it` to the leg from `a` to `b`.
fn square_beside(it: Position, a: Position, b: Position) -> f64 {
    let [it, a, b] = [it, a, b].map(|it| Coord { x: f64::from(it[0]), y: f64::from(it[1]) });
    let (leg, arm) = (b - a, it - a);
    let length = leg.x * leg.x + leg.y * leg.y;
    let along = if length == 0.0 { 0.0 } else { ((arm.x * leg.x + arm.y * leg.y) / length).clamp(0.0, 1.0) };
    let off = arm - leg * along;
    off.x * off.x + off.y * off.y
}
