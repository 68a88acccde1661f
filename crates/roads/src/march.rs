//! Rings about everything within a limit, by marching squares.
//!
//! Points of the raster belong together side by side, not cornerwise; so rings never touch, every region has one
//! exterior, and a region's number tells which exterior a hole belongs to.

use std::ops::Range;

use geo_types::{LineString, MultiPolygon, Polygon};

use crate::{degrees::Position, field::Window, graph::NEVER};

/// Nearest that a ring comes to a point of the raster, as a share of the cell: it never runs through one.
const NEAREST: f64 = 0.02;
/// For corners within (bits: SW, SE, NE, NW) and the side (S, E, N, W) by which a ring enters the cell, the side by
/// which it leaves. Within is on the ring's left.
const EXITS: [[Option<u8>; 4]; 16] = exits();

const fn exits() -> [[Option<u8>; 4]; 16] {
    let mut exits = [[None; 4]; 16];
    let mut corners = 0;
    while corners < 16 {
        let mut side = 0;
        while side < 4 {
            if corners >> side & 1 == 1 && corners >> ((side + 1) % 4) & 1 == 0 {
                // Back past the corners within, to the side where they begin.
                let mut exit = (side + 3) % 4;
                while corners >> exit & 1 == 1 {
                    exit = (exit + 3) % 4;
                }
                exits[corners][side] = Some(exit as u8);
            }
            side += 1;
        }
        corners += 1;
    }
    exits
}

struct Raster<'a> {
    times: &'a [u32],
    window: &'a Window,
    limit: u32,
}

/// The area of all points whose time is within `limit`. The points along the window's edge must not be.
pub fn rings(times: &[u32], window: &Window, limit: u32) -> MultiPolygon<f64> {
    let raster = Raster { times, window, limit };
    let (across, up) = raster.bounds();
    let regions = raster.regions(&across, &up);
    let mut exterior_of = vec![NEVER; regions.len()];
    let (mut exteriors, mut holes) = (Vec::new(), Vec::new());
    let mut entered = vec![0u8; times.len()];
    for row in up.start.saturating_sub(1)..up.end.min(window.rows - 1) {
        for column in across.start.saturating_sub(1)..across.end.min(window.columns - 1) {
            let corners = raster.corners(column, row);
            if corners == 0 || corners == 15 {
                continue;
            }
            for side in 0..4 {
                if EXITS[corners][side].is_none() || entered[raster.index(column, row)] >> side & 1 == 1 {
                    continue;
                }
                let ring = raster.ring(column, row, side, &mut entered);
                let region = regions[raster.corner(column, row, side)];
                if doubled_area(&ring) > 0.0 {
                    exterior_of[region as usize] = exteriors.len() as u32;
                    exteriors.push((ring, Vec::new()));
                } else {
                    holes.push((region, ring));
                }
            }
        }
    }
    for (region, ring) in holes {
        if let Some((_, holes)) = exteriors.get_mut(exterior_of[region as usize] as usize) {
            holes.push(LineString::new(ring));
        }
    }
    MultiPolygon(exteriors.into_iter().map(|(ring, holes)| Polygon::new(LineString::new(ring), holes)).collect())
}

impl Raster<'_> {
    /// Columns and rows that hold all points within.
    fn bounds(&self) -> (Range<usize>, Range<usize>) {
        let (mut across, mut up) = (self.window.columns..0, self.window.rows..0);
        for (row, times) in self.times.chunks_exact(self.window.columns).enumerate() {
            let within = |time: &u32| *time <= self.limit;
            let (Some(first), Some(last)) = (times.iter().position(within), times.iter().rposition(within)) else {
                continue;
            };
            across = across.start.min(first)..across.end.max(last + 1);
            up = up.start.min(row)..row + 1;
        }
        if up.is_empty() { (0..0, 0..0) } else { (across, up) }
    }

    fn index(&self, column: usize, row: usize) -> usize {
        row * self.window.columns + column
    }

    /// Index of the corner of a cell at which a side starts, counterclockwise.
    fn corner(&self, column: usize, row: usize, side: usize) -> usize {
        let (east, north) = [(0, 0), (1, 0), (1, 1), (0, 1)][side % 4];
        self.index(column + east, row + north)
    }

    fn corners(&self, column: usize, row: usize) -> usize {
        let at = self.index(column, row);
        let (south, north) = (&self.times[at..at + 2], &self.times[at + self.window.columns..][..2]);
        let within = |time: u32| usize::from(time <= self.limit);
        within(south[0]) | within(south[1]) << 1 | within(north[1]) << 2 | within(north[0]) << 3
    }

    /// The ring that enters the cell by `side`, closed.
    fn ring(&self, column: usize, row: usize, side: usize, entered: &mut [u8]) -> Vec<Position> {
        let mut ring = Vec::new();
        let (mut column, mut row, mut side) = (column, row, side);
        loop {
            let mark = &mut entered[self.index(column, row)];
            if *mark >> side & 1 == 1 {
                break;
            }
            *mark |= 1 << side;
            ring.push(self.crossing(column, row, side));
            let Some(exit) = EXITS[self.corners(column, row)][side] else { break };
            match exit {
                0 => row -= 1,
                1 => column += 1,
                2 => row += 1,
                _ => column -= 1,
            }
            side = (exit as usize + 2) % 4;
        }
        ring.push(ring[0]);
        ring
    }

    /// Where the limit lies along a side of a cell, from its first corner, which is within, to its second.
    fn crossing(&self, column: usize, row: usize, side: usize) -> Position {
        let (near, far) = (self.times[self.corner(column, row, side)], self.times[self.corner(column, row, side + 1)]);
        let share = if far == NEVER {
            0.5
        } else {
            (f64::from(self.limit - near) / f64::from(far - near)).clamp(NEAREST, 1.0 - NEAREST)
        };
        let (column, row) = (column as f64, row as f64);
        match side {
            0 => self.window.position(column + share, row),
            1 => self.window.position(column + 1.0, row + share),
            2 => self.window.position(column + 1.0 - share, row + 1.0),
            _ => self.window.position(column, row + 1.0 - share),
        }
    }

    /// The region of every point within, others [`NEVER`].
    fn regions(&self, across: &Range<usize>, up: &Range<usize>) -> Vec<u32> {
        let mut regions = vec![NEVER; self.times.len()];
        let mut parents: Vec<u32> = Vec::new();
        for row in up.clone() {
            for column in across.clone() {
                let at = self.index(column, row);
                if self.times[at] > self.limit {
                    continue;
                }
                let west = if column > 0 { regions[at - 1] } else { NEVER };
                let south = if row > 0 { regions[at - self.window.columns] } else { NEVER };
                regions[at] = match (west, south) {
                    (NEVER, NEVER) => {
                        parents.push(parents.len() as u32);
                        parents.len() as u32 - 1
                    }
                    (region, NEVER) | (NEVER, region) => region,
                    (west, south) => join(&mut parents, west, south),
                };
            }
        }
        for row in up.clone() {
            let row = row * self.window.columns;
            for region in regions[row + across.start..row + across.end].iter_mut().filter(|region| **region != NEVER) {
                *region = root(&mut parents, *region);
            }
        }
        regions
    }
}

fn root(parents: &mut [u32], mut region: u32) -> u32 {
    while parents[region as usize] != region {
        parents[region as usize] = parents[parents[region as usize] as usize];
        region = parents[region as usize];
    }
    region
}

fn join(parents: &mut [u32], one: u32, other: u32) -> u32 {
    let (one, other) = (root(parents, one), root(parents, other));
    let (low, high) = (one.min(other), one.max(other));
    parents[high as usize] = low;
    low
}

fn doubled_area(ring: &[Position]) -> f64 {
    let origin = ring[0];
    ring.windows(2)
        .map(|leg| (leg[0].x - origin.x) * (leg[1].y - origin.y) - (leg[1].x - origin.x) * (leg[0].y - origin.y))
        .sum()
}
