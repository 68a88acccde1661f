//! A block of items and which of them are gone.

use std::{ops::Range, sync::Arc};

use anlan_codecs::geo::geo_types::Coord;
use anlan_kernel::{Problem, Scope};

use crate::{
    block::Block,
    cell::Cell,
    item::{Entry, Item},
};

/// Items that stay as they are, but for those that went since.
#[derive(Clone)]
pub(crate) struct Part {
    pub block: Arc<Block>,
    /// Number of each item's region; that of one which went is beyond the last.
    pub regions: Arc<Vec<u32>>,
    /// Positions of those that went, in order.
    pub gone: Arc<Vec<u32>>,
}

impl Part {
    pub fn build(width: usize, items: impl IntoIterator<Item = Item>) -> Result<Self, Problem> {
        let (block, regions) = Block::build(width, items)?;
        Ok(Self { block: Arc::new(block), regions: Arc::new(regions), gone: Arc::default() })
    }

    pub fn find(&self, id: &str) -> Option<usize> {
        self.block.find(id).filter(|it| self.stays(*it))
    }

    pub fn stays(&self, position: usize) -> bool {
        (self.regions[position] as usize) < self.block.codes.len()
    }

    pub fn entry(&self, position: usize) -> Entry<'_> {
        Entry { part: self, position }
    }

    /// The same without items at these positions.
    pub fn without(&self, positions: &[usize]) -> Self {
        if positions.is_empty() {
            return self.clone();
        }
        let (mut regions, mut gone) = (self.regions.to_vec(), self.gone.to_vec());
        for position in positions {
            regions[*position] = self.block.codes.len() as u32;
            gone.push(*position as u32);
        }
        gone.sort_unstable();
        Self { block: self.block.clone(), regions: Arc::new(regions), gone: Arc::new(gone) }
    }

    pub fn view(&self, scope: &Scope) -> View<'_> {
        let mut seen: Vec<bool> = self.block.codes.iter().map(|it| scope.covers(it)).collect();
        seen.push(false);
        View { part: self, seen }
    }
}

/// What a scope sees of a part.
pub(crate) struct View<'a> {
    pub part: &'a Part,
    /// Per region, and none of those that went.
    pub seen: Vec<bool>,
}

impl<'a> View<'a> {
    #[inline]
    pub fn sees(&self, position: usize) -> bool {
        self.seen[self.part.regions[position] as usize]
    }

    pub fn block(&self) -> &'a Block {
        &self.part.block
    }

    pub fn entry(&self, position: u32) -> Entry<'a> {
        self.part.entry(position as usize)
    }

    /// Positions of points in a cell, seen or not.
    pub fn points(&self, cell: Cell) -> Range<usize> {
        let keys = &self.block().keys[..self.block().points];
        let start = keys.partition_point(|it| *it < cell.first_key());
        start..start + keys[start..].partition_point(|it| *it <= cell.last_key())
    }

    /// Positions of lines and areas in scope.
    pub fn outlines(&self) -> impl Iterator<Item = usize> {
        (self.block().points..self.block().len()).filter(|it| self.sees(*it))
    }

    /// Whether an item of the cell went.
    pub fn lost(&self, cell: Cell) -> bool {
        let (gone, keys) = (&self.part.gone, &self.block().keys);
        let points = &gone[..gone.partition_point(|it| (*it as usize) < self.block().points)];
        let first = points.partition_point(|it| keys[*it as usize] < cell.first_key());
        points.get(first).is_some_and(|it| keys[*it as usize] <= cell.last_key())
    }

    pub fn into_places(self) -> impl Iterator<Item = Coord> {
        let part = self.part;
        let own = move |it: &usize| self.seen[part.regions[*it] as usize];
        (0..part.block.len()).filter(own).map(|it| part.block.places[it])
    }
}
