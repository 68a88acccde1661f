//! Exact answers on the plane of degrees: orientation by Shewchuk (1997), crate `robust`.

use anlan_codecs::geo::{
    Geometry,
    geo_types::{Coord, Polygon},
};
use robust::{Coord as Exact, orient2d};

use crate::cell::Bounds;

/// Two ends.
pub(crate) type Leg = [Coord; 2];

/// Positive when `it` lies left of the leg, 0 exactly on its line.
fn side([a, b]: Leg, it: Coord) -> f64 {
    let exact = |it: Coord| Exact { x: it.x, y: it.y };
    orient2d(exact(a), exact(b), exact(it))
}

/// The rectangle around a leg.
pub(crate) fn around([a, b]: Leg) -> Bounds {
    (Coord { x: a.x.min(b.x), y: a.y.min(b.y) }, Coord { x: a.x.max(b.x), y: a.y.max(b.y) })
}

pub(crate) fn overlap(a: Bounds, b: Bounds) -> bool {
    a.0.x <= b.1.x && b.0.x <= a.1.x && a.0.y <= b.1.y && b.0.y <= a.1.y
}

/// Whether two legs share a position, ends included.
pub(crate) fn meet(a: Leg, b: Leg) -> bool {
    overlap(around(a), around(b)) && side(a, b[0]) * side(a, b[1]) <= 0.0 && side(b, a[0]) * side(b, a[1]) <= 0.0
}

/// What a leg does to the count of turns around a position.
pub(crate) enum Turn {
    None,
    Left,
    Right,
    /// The position lies on the leg.
    On,
}

impl Turn {
    pub fn count(self) -> i32 {
        match self {
            Self::Left => 1,
            Self::Right => -1,
            Self::None | Self::On => 0,
        }
    }
}

/// How the ray east of `it` meets a leg.
#[inline]
pub(crate) fn turn([a, b]: Leg, it: Coord) -> Turn {
    if (a.y > it.y) == (b.y > it.y) {
        let level = (a.y == it.y || b.y == it.y) && on(a, b, it);
        return if level { Turn::On } else { Turn::None };
    }
    let up = b.y > it.y;
    if it.x > a.x.max(b.x) {
        return Turn::None;
    }
    let left = if it.x < a.x.min(b.x) { 1.0 } else { side([a, b], it) * if up { 1.0 } else { -1.0 } };
    match (left == 0.0, left > 0.0, up) {
        (true, ..) => Turn::On,
        (_, true, true) => Turn::Left,
        (_, true, false) => Turn::Right,
        _ => Turn::None,
    }
}

/// For legs that lie on one side of the level of `it`, or along it.
fn on(a: Coord, b: Coord, it: Coord) -> bool {
    it == a || it == b || (a.y == b.y && a.x.min(b.x) <= it.x && it.x <= a.x.max(b.x))
}

/// Whether a position lies inside or on rings whose outer ones run counter-clockwise and holes clockwise; `turns`
/// is the count of legs that are not given.
#[inline]
pub(crate) fn inside(legs: impl Iterator<Item = Leg>, it: Coord, mut turns: i32) -> bool {
    for leg in legs {
        match turn(leg, it) {
            Turn::On => return true,
            other => turns += other.count(),
        }
    }
    turns > 0
}

/// The legs of lines and rings.
pub(crate) fn legs(geometry: &Geometry) -> impl Iterator<Item = Leg> {
    geometry.chains().into_iter().flat_map(|it| it.windows(2)).map(|it| [it[0], it[1]])
}

/// Whether a position lies inside or on a polygon, whichever way its rings run.
pub(crate) fn encloses(geometry: &Geometry, it: Coord) -> bool {
    match geometry {
        Geometry::Polygon(area) => in_polygon(area, it),
        Geometry::MultiPolygon(areas) => areas.0.iter().any(|area| in_polygon(area, it)),
        _ => false,
    }
}

fn in_polygon(area: &Polygon, it: Coord) -> bool {
    let rings = std::iter::once(area.exterior()).chain(area.interiors());
    let mut crossed = 0_u32;
    for leg in rings.flat_map(|it| it.0.windows(2)) {
        match turn([leg[0], leg[1]], it) {
            Turn::On => return true,
            Turn::Left | Turn::Right => crossed += 1,
            Turn::None => {}
        }
    }
    crossed % 2 == 1
}

/// Whether a leg comes anywhere near a rectangle; may say yes of one that passes within rounding.
pub(crate) fn near([a, b]: Leg, (low, high): Bounds) -> bool {
    if !overlap(around([a, b]), (low, high)) {
        return false;
    }
    let along = b - a;
    let beside = |x: f64, y: f64| along.x * (y - a.y) - along.y * (x - a.x);
    let corners = [beside(low.x, low.y), beside(high.x, low.y), beside(low.x, high.y), beside(high.x, high.y)];
    !(corners.iter().all(|it| *it > 0.0) || corners.iter().all(|it| *it < 0.0))
}
