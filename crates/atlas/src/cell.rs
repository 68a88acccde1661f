//! Squares of web Mercator, each of four smaller ones, and the key that orders positions by them.

use std::f64::consts::PI;

use anlan_codecs::{geo::geo_types::Coord, mvt::world};

use crate::measure::{RADIUS, metres};

/// Cells of this zoom hold positions that share a key: a centimetre wide.
pub(crate) const DEEPEST: u8 = 32;

/// A rectangle in degrees: south-west and north-east corner.
pub(crate) type Bounds = (Coord, Coord);

/// The least rectangle around positions.
pub(crate) fn rectangle(positions: impl Iterator<Item = Coord>) -> Bounds {
    positions.map(|it| (it, it)).reduce(joined).unwrap_or_default()
}

/// The least rectangle around two.
pub(crate) fn joined(a: Bounds, b: Bounds) -> Bounds {
    (Coord { x: a.0.x.min(b.0.x), y: a.0.y.min(b.0.y) }, Coord { x: a.1.x.max(b.1.x), y: a.1.y.max(b.1.y) })
}

/// A square of the world at a zoom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub zoom: u8,
    pub x: u32,
    pub y: u32,
}

/// Bits of column and row in turn, so that the items of any cell stand together (Morton 1966).
pub(crate) fn key(at: Coord) -> u64 {
    let [x, y] = grid(world(at));
    spread(x) | spread(y) << 1
}

/// Column and row in the finest grid.
pub(crate) fn unkey(key: u64) -> [u32; 2] {
    [gather(key), gather(key >> 1)]
}

/// Where a place of the finest grid lies, as a share of the world.
pub(crate) fn share(grid: f64) -> f64 {
    grid / 2f64.powi(32)
}

fn grid(world: Coord) -> [u32; 2] {
    [world.x, world.y].map(|it| (it * 2f64.powi(32)).clamp(0.0, f64::from(u32::MAX)) as u32)
}

fn spread(it: u32) -> u64 {
    let steps = [(16, 0x0000_FFFF_0000_FFFF), (8, 0x00FF_00FF_00FF_00FF), (4, 0x0F0F_0F0F_0F0F_0F0F)];
    let finest = [(2, 0x3333_3333_3333_3333), (1, 0x5555_5555_5555_5555)];
    steps.into_iter().chain(finest).fold(u64::from(it), |it, (shift, mask)| (it | it << shift) & mask)
}

fn gather(it: u64) -> u32 {
    let finest = [(1, 0x3333_3333_3333_3333), (2, 0x0F0F_0F0F_0F0F_0F0F), (4, 0x00FF_00FF_00FF_00FF)];
    let steps = [(8, 0x0000_FFFF_0000_FFFF), (16, 0x0000_0000_FFFF_FFFF)];
    finest.into_iter().chain(steps).fold(it & 0x5555_5555_5555_5555, |it, (shift, mask)| (it | it >> shift) & mask)
        as u32
}

impl Cell {
    pub const WORLD: Self = Self { zoom: 0, x: 0, y: 0 };

    /// What the keys of its items start with.
    pub fn prefix(self) -> u64 {
        spread(self.x) | spread(self.y) << 1
    }

    pub fn of_prefix(prefix: u64, zoom: u8) -> Self {
        let [x, y] = unkey(prefix);
        Self { zoom, x, y }
    }

    /// In the order of their keys.
    pub fn children(self) -> [Self; 4] {
        let child = |x, y| Self { zoom: self.zoom + 1, x: self.x << 1 | x, y: self.y << 1 | y };
        [child(0, 0), child(1, 0), child(0, 1), child(1, 1)]
    }

    /// The lowest key of its items.
    pub fn first_key(self) -> u64 {
        if self.zoom == 0 { 0 } else { self.prefix() << (64 - 2 * u32::from(self.zoom)) }
    }

    /// The highest key of its items.
    pub fn last_key(self) -> u64 {
        let inner = u64::MAX.checked_shr(2 * u32::from(self.zoom)).unwrap_or(0);
        self.first_key() | inner
    }

    /// Degrees. Latitudes beyond the map count to its outermost cells.
    pub fn bounds(self) -> Bounds {
        let side = 2f64.powi(self.zoom.into());
        let longitude = |x: f64| x / side * 360.0 - 180.0;
        let (x, y) = (f64::from(self.x), f64::from(self.y));
        let low = Coord { x: longitude(x), y: latitude((y + 1.0) / side) };
        (low, Coord { x: longitude(x + 1.0), y: latitude(y / side) })
    }

    /// The bounds of its [`children`](Self::children), given its own.
    pub fn quarters(self, (low, high): Bounds) -> [Bounds; 4] {
        let y = (f64::from(self.y) + 0.5) / 2f64.powi(self.zoom.into());
        let middle = Coord { x: f64::midpoint(low.x, high.x), y: latitude(y) };
        let (west, east) = ((low.x, middle.x), (middle.x, high.x));
        let (north, south) = ((middle.y, high.y), (low.y, middle.y));
        let rectangle = |x: (f64, f64), y: (f64, f64)| (Coord { x: x.0, y: y.0 }, Coord { x: x.1, y: y.1 });
        [rectangle(west, north), rectangle(east, north), rectangle(west, south), rectangle(east, south)]
    }
}

fn latitude(share: f64) -> f64 {
    if share <= 0.0 {
        90.0
    } else if share >= 1.0 {
        -90.0
    } else {
        (PI * (1.0 - 2.0 * share)).sinh().atan().to_degrees()
    }
}

/// Least and most metres from a position to anything in a rectangle; both may be too careful.
pub(crate) fn reach((low, high): Bounds, from: Coord) -> (f64, f64) {
    let middle = Coord { x: f64::midpoint(low.x, high.x), y: f64::midpoint(low.y, high.y) };
    let widest = if low.y <= 0.0 && high.y >= 0.0 { 0.0 } else { low.y.abs().min(high.y.abs()) };
    // Along the middle meridian, then along a parallel.
    let half = (high - low) / 2.0;
    let around = RADIUS * (half.y.to_radians() + half.x.to_radians() * widest.to_radians().cos()) * (1.0 + 1e-9) + 1e-3;
    let to_middle = metres(from, middle);
    ((to_middle - around).max(0.0), to_middle + around)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_key_is_taken_apart_again(x: u32, y: u32) {
            proptest::prop_assert_eq!(unkey(spread(x) | spread(y) << 1), [x, y]);
        }

        #[test]
        fn a_position_lies_in_each_cell_of_its_key(x in -180.0..180.0, y in -90.0..90.0, zoom in 0_u8..=32) {
            let at = Coord { x, y };
            let key = key(at);
            let cell = Cell::of_prefix(key.checked_shr(64 - 2 * u32::from(zoom)).unwrap_or(0), zoom);
            let (low, high) = cell.bounds();
            proptest::prop_assert!(cell.first_key() <= key && key <= cell.last_key());
            let pad = 1e-9;
            proptest::prop_assert!(low.x - pad <= x && x <= high.x + pad && low.y - pad <= y && y <= high.y + pad);
        }

        #[test]
        fn the_quarters_of_a_cell_are_the_bounds_of_its_children(x: u32, y: u32, zoom in 0_u8..32) {
            let cell = Cell { zoom, x: x.checked_shr(32 - u32::from(zoom)).unwrap_or(0), y: y.checked_shr(32 - u32::from(zoom)).unwrap_or(0) };
            for (quarter, child) in cell.quarters(cell.bounds()).into_iter().zip(cell.children()) {
                let (is, want) = ([quarter.0, quarter.1], [child.bounds().0, child.bounds().1]);
                let off = is.iter().zip(want).map(|(is, want)| (is.x - want.x).abs().max((is.y - want.y).abs()));
                proptest::prop_assert!(off.fold(0.0, f64::max) < 1e-10);
            }
        }

        #[test]
        fn nothing_in_a_rectangle_is_out_of_its_reach(
            from in (-180.0..180.0, -90.0..90.0), x in (-180.0..180.0, 0.0..1.0), y in (-90.0..90.0, 0.0..1.0), zoom in 0_u8..=20,
        ) {
            let inside = Coord { x: x.0, y: y.0 };
            let prefix = key(inside).checked_shr(64 - 2 * u32::from(zoom)).unwrap_or(0);
            let from = Coord::from(from);
            let (least, most) = reach(Cell::of_prefix(prefix, zoom).bounds(), from);
            let is = metres(from, inside);
            proptest::prop_assert!(least <= is && is <= most, "{} {} {}", least, is, most);
        }
    }
}
