//! Points counted per cell and street, zoom by zoom.

use std::collections::HashMap;

use anlan_kernel::RegionCode;

use crate::{
    cell::{Cell, unkey},
    part::View,
};

/// Cells of a tile to a side are 2 to the power of this.
pub(crate) const FINER: u8 = 3;
/// Deepest cells that are counted.
const DEEPEST: u8 = 20;
/// There are at least so many points to a cell.
const LEAST: usize = 16;
/// Fewer points are counted as they are asked for.
const FEW: usize = 20_000;

/// Points in one: exact, so that the order in which they are added does not show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sum {
    pub count: u64,
    /// Columns and rows of the finest grid, added up.
    pub total: [u64; 2],
    pub gravest: Option<u8>,
    /// Least and greatest column and row.
    pub low: [u32; 2],
    pub high: [u32; 2],
}

impl Default for Sum {
    fn default() -> Self {
        Self { count: 0, total: [0; 2], gravest: None, low: [u32::MAX; 2], high: [0; 2] }
    }
}

impl Sum {
    pub fn one(key: u64, grade: Option<u8>) -> Self {
        let at = unkey(key);
        Self { count: 1, total: at.map(u64::from), gravest: grade, low: at, high: at }
    }

    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.gravest = self.gravest.into_iter().chain(other.gravest).min();
        for axis in 0..2 {
            self.total[axis] += other.total[axis];
            self.low[axis] = self.low[axis].min(other.low[axis]);
            self.high[axis] = self.high[axis].max(other.high[axis]);
        }
    }
}

/// Points of one street in one cell.
#[derive(Clone, Copy)]
struct Heap {
    prefix: u64,
    street: u32,
    sum: Sum,
}

#[derive(Default)]
pub(crate) struct Pyramid {
    /// Street of each region.
    streets: Vec<u32>,
    /// By zoom from 0, each in the order of cells; empty when there are few points.
    levels: Vec<Vec<Heap>>,
}

/// What a scope sees of a street.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    All,
    Some,
    None,
}

impl Pyramid {
    /// Of points in the order of their keys.
    pub fn build(codes: &[RegionCode], keys: &[u64], regions: &[u32], grades: &[Option<u8>]) -> Self {
        if keys.len() < FEW {
            return Self::default();
        }
        let mut numbers = HashMap::new();
        let streets: Vec<u32> = codes
            .iter()
            .map(|it| {
                let next = numbers.len() as u32;
                *numbers.entry(it.street().unwrap_or_else(|| it.clone())).or_insert(next)
            })
            .collect();
        let zoom = (1..=DEEPEST).rev().find(|it| cells(keys, *it) <= keys.len() / LEAST).unwrap_or(0);
        let points = (0..keys.len()).map(|it| Heap {
            prefix: keys[it].checked_shr(64 - 2 * u32::from(zoom)).unwrap_or(0),
            street: streets[regions[it] as usize],
            sum: Sum::one(keys[it], grades[it]),
        });
        let mut levels = vec![merged(points)];
        for _ in 0..zoom {
            let finest = levels.last().into_iter().flatten();
            levels.push(merged(finest.map(|it| Heap { prefix: it.prefix >> 2, ..*it })));
        }
        levels.reverse();
        Self { streets, levels }
    }

    fn seen(&self, view: &View) -> Vec<Seen> {
        let mut seen: Vec<Option<Seen>> = vec![None; self.streets.len()];
        for (street, region) in self.streets.iter().zip(&view.seen) {
            let own = if *region { Seen::All } else { Seen::None };
            let street = &mut seen[*street as usize];
            *street = Some(street.map_or(own, |it| if it == own { own } else { Seen::Some }));
        }
        seen.into_iter().map(|it| it.unwrap_or(Seen::None)).collect()
    }

    fn heaps(&self, cell: Cell) -> Option<&[Heap]> {
        let level = self.levels.get(usize::from(cell.zoom))?;
        let start = level.partition_point(|it| it.prefix < cell.prefix());
        let own = &level[start..];
        Some(&own[..own.partition_point(|it| it.prefix == cell.prefix())])
    }
}

/// How many cells of the zoom hold points.
fn cells(keys: &[u64], zoom: u8) -> usize {
    let shift = 64 - 2 * u32::from(zoom);
    keys.chunk_by(|a, b| a >> shift == b >> shift).count()
}

/// One per cell and street, given cell by cell in order.
fn merged(heaps: impl Iterator<Item = Heap>) -> Vec<Heap> {
    let mut all: Vec<Heap> = Vec::new();
    for heap in heaps {
        match all.last_mut().filter(|it| (it.prefix, it.street) == (heap.prefix, heap.street)) {
            Some(last) => last.sum.add(&heap.sum),
            None => all.push(heap),
        }
    }
    all.sort_unstable_by_key(|it| (it.prefix, it.street));
    all.dedup_by(|next, kept| {
        let same = (kept.prefix, kept.street) == (next.prefix, next.street);
        if same {
            kept.sum.add(&next.sum);
        }
        same
    });
    all
}

/// Adds up what a scope sees of the points in cells.
pub(crate) struct Counter<'a> {
    view: &'a View<'a>,
    seen: Vec<Seen>,
}

impl<'a> Counter<'a> {
    pub fn new(view: &'a View<'a>) -> Self {
        Self { view, seen: view.block().pyramid.seen(view) }
    }

    /// The cells of a tile that hold any, in order.
    pub fn tile(&self, tile: Cell) -> Vec<(Cell, Sum)> {
        let (mut cells, points) = (vec![tile], self.view.points(tile));
        if points.len() < FEW {
            return self.scanned(points, tile.zoom + FINER);
        }
        for _ in 0..FINER {
            cells = cells.into_iter().flat_map(Cell::children).collect();
        }
        cells.into_iter().map(|it| (it, self.sum(it))).filter(|it| it.1.count > 0).collect()
    }

    /// From the counts where they say it, else from finer ones, at last from the points.
    fn sum(&self, cell: Cell) -> Sum {
        let mut sum = Sum::default();
        let Some(heaps) = self.view.block().pyramid.heaps(cell) else {
            return self.scanned(self.view.points(cell), cell.zoom).first().map(|it| it.1).unwrap_or_default();
        };
        if heaps.iter().all(|it| self.seen[it.street as usize] == Seen::None) {
            return sum;
        }
        if self.view.lost(cell) || heaps.iter().any(|it| self.seen[it.street as usize] == Seen::Some) {
            cell.children().into_iter().for_each(|it| sum.add(&self.sum(it)));
            return sum;
        }
        heaps.iter().filter(|it| self.seen[it.street as usize] == Seen::All).for_each(|it| sum.add(&it.sum));
        sum
    }

    fn scanned(&self, points: std::ops::Range<usize>, zoom: u8) -> Vec<(Cell, Sum)> {
        let (block, shift) = (self.view.block(), 64 - 2 * u32::from(zoom));
        let mut cells: Vec<(u64, Sum)> = Vec::new();
        for it in points.filter(|it| self.view.sees(*it)) {
            let prefix = block.keys[it].checked_shr(shift).unwrap_or(0);
            let one = Sum::one(block.keys[it], block.grades[it]);
            match cells.last_mut().filter(|it| it.0 == prefix) {
                Some(last) => last.1.add(&one),
                None => cells.push((prefix, one)),
            }
        }
        cells.into_iter().map(|(prefix, sum)| (Cell::of_prefix(prefix, zoom), sum)).collect()
    }
}
