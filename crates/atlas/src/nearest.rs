//! What lies nearest: cells, outlines and items from one heap, in the order of how near they may be at best.

use std::{cmp::Ordering, collections::BinaryHeap, ops::Range};

use anlan_codecs::geo::geo_types::Coord;
use anlan_kernel::Scope;

use crate::{
    cell::{Cell, DEEPEST, reach},
    item::Entry,
    layer::Layer,
    measure::metres,
    part::View,
    touch::distance,
    within::split,
};

/// So many points are measured one by one.
const FEW: usize = 24;

impl Layer {
    /// The `most` items nearest to a position, with the metres to each; 0 inside an area. Equally far ones by key.
    pub fn nearest(&self, scope: &Scope, at: Coord, most: usize) -> Vec<(Entry<'_>, f64)> {
        let views = self.views(scope);
        let mut search = Search { from: at, heap: BinaryHeap::new() };
        views.iter().for_each(|it| search.start(it));
        let (mut found, mut last) = (Vec::new(), f64::NEG_INFINITY);
        while let Some(next) = search.heap.pop() {
            // Those as far as the last are wanted all, or their keys could not decide.
            if found.len() >= most && next.metres > last {
                break;
            }
            match next.what {
                What::Item(view, position) => {
                    last = next.metres;
                    found.push((view.entry(position), next.metres));
                }
                What::Cell(view, cell, range) => search.open(view, cell, range),
                What::Outline(view, position) => search.measure(view, position),
            }
        }
        found.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.id().cmp(b.0.id())));
        found.truncate(most);
        found
    }
}

struct Search<'v, 'a> {
    from: Coord,
    heap: BinaryHeap<Candidate<'v, 'a>>,
}

struct Candidate<'v, 'a> {
    metres: f64,
    what: What<'v, 'a>,
}

enum What<'v, 'a> {
    Cell(&'v View<'a>, Cell, Range<usize>),
    Outline(&'v View<'a>, u32),
    Item(&'v View<'a>, u32),
}

impl<'v, 'a> Search<'v, 'a> {
    fn push(&mut self, metres: f64, what: What<'v, 'a>) {
        self.heap.push(Candidate { metres, what });
    }

    fn start(&mut self, view: &'v View<'a>) {
        self.push(0.0, What::Cell(view, Cell::WORLD, 0..view.block().points));
        for position in view.outlines() {
            if let Some(outline) = view.block().outline(position) {
                self.push(reach(outline.bounds, self.from).0, What::Outline(view, position as u32));
            }
        }
    }

    fn open(&mut self, view: &'v View<'a>, cell: Cell, range: Range<usize>) {
        if range.len() <= FEW || cell.zoom == DEEPEST {
            for position in range.filter(|it| view.sees(*it)) {
                let metres = metres(view.block().places[position], self.from);
                self.push(metres, What::Item(view, position as u32));
            }
            return;
        }
        for (child, range) in split(view, cell, range).into_iter().filter(|it| !it.1.is_empty()) {
            self.push(reach(child.bounds(), self.from).0, What::Cell(view, child, range));
        }
    }

    fn measure(&mut self, view: &'v View<'a>, position: u32) {
        if let Some(outline) = view.block().outline(position as usize) {
            self.push(distance(&outline.geometry, self.from), What::Item(view, position));
        }
    }
}

impl PartialEq for Candidate<'_, '_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate<'_, '_> {}

impl PartialOrd for Candidate<'_, '_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The heap gives its greatest first: the nearest is that.
impl Ord for Candidate<'_, '_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.metres.total_cmp(&self.metres)
    }
}
