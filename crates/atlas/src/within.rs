//! What lies in an area.

use std::ops::Range;

use anlan_codecs::geo::geo_types::Coord;
use anlan_kernel::Scope;

use crate::{
    area::{Area, Kind, Local, Share},
    cell::{Bounds, Cell, DEEPEST},
    item::Entry,
    layer::Layer,
    measure::metres,
    part::View,
    plane::overlap,
    touch::distance,
};

/// So many points are asked one by one.
const FEW: usize = 24;

/// What lies in an area.
#[derive(Debug)]
pub struct Found<'a> {
    /// How many items.
    pub count: usize,
    /// Their numbers added up, a line or area with the whole of its own wherever it lies.
    pub sums: Vec<f64>,
    /// The first of them: in a circle those nearest to its centre, otherwise by name.
    pub items: Vec<Entry<'a>>,
}

impl Layer {
    /// What lies in an area: points in it or on its outline, lines and areas that reach into it.
    /// All of it is counted and summed, the first `most` are listed.
    pub fn within(&self, scope: &Scope, area: &Area, most: usize) -> Found<'_> {
        let views = self.views(scope);
        let found = views.each_ref().map(|it| (it, find(it, area)));
        let mut sums = vec![0.0; self.numbers()];
        for numbers in found.iter().flat_map(|(view, all)| all.iter().map(|it| view.block().numbers(*it as usize))) {
            sums.iter_mut().zip(numbers).for_each(|(sum, it)| *sum += it);
        }
        let items = match area.kind {
            Kind::Circle { centre, .. } => by_distance(&found, centre, most),
            Kind::Polygon | Kind::Corridor { .. } => by_name(&found, most),
        };
        Found { count: found.iter().map(|it| it.1.len()).sum(), sums, items }
    }

    /// Everything that lies in an area, in no particular order: for reaching all of it.
    pub fn inside(&self, scope: &Scope, area: &Area) -> Vec<Entry<'_>> {
        let views = self.views(scope);
        views.iter().flat_map(|view| find(view, area).into_iter().map(|it| view.entry(it))).collect()
    }
}

fn by_distance<'a>(found: &[(&View<'a>, Vec<u32>); 2], centre: Coord, most: usize) -> Vec<Entry<'a>> {
    let all = found.iter().flat_map(|(view, all)| all.iter().map(|it| view.entry(*it)));
    let far = |it: &Entry| it.shape().map_or_else(|| metres(centre, it.at()), |shape| distance(shape, centre));
    let order = |a: &(f64, Entry), b: &(f64, Entry)| a.0.total_cmp(&b.0).then_with(|| a.1.id().cmp(b.1.id()));
    first(all.map(|it| (far(&it), it)).collect(), most, order).into_iter().map(|it| it.1).collect()
}

fn by_name<'a>(found: &[(&View<'a>, Vec<u32>); 2], most: usize) -> Vec<Entry<'a>> {
    let mut all = Vec::new();
    for (view, own) in found {
        let ranked = own.iter().map(|it| (view.block().ranks[*it as usize], *it)).collect();
        all.extend(first(ranked, most, Ord::cmp).into_iter().map(|it| view.entry(it.1)));
    }
    let sorted = found.iter().any(|it| it.1.is_empty());
    if !sorted {
        all.sort_by(|a, b| (a.name(), a.id()).cmp(&(b.name(), b.id())));
    }
    all.truncate(most);
    all
}

/// The first `most` in order.
fn first<T>(mut all: Vec<T>, most: usize, order: impl Fn(&T, &T) -> std::cmp::Ordering) -> Vec<T> {
    if most < all.len() {
        if most > 0 {
            all.select_nth_unstable_by(most - 1, &order);
        }
        all.truncate(most);
    }
    all.sort_unstable_by(order);
    all
}

fn find(view: &View, area: &Area) -> Vec<u32> {
    let mut search = Search { view, area, local: area.local(), found: Vec::new() };
    search.cell(Cell::WORLD, Cell::WORLD.bounds(), 0..view.block().points);
    let mut found = search.found;
    for position in view.outlines() {
        let Some(outline) = view.block().outline(position) else { continue };
        if overlap(outline.bounds, area.bounds) && area.touches(&outline.geometry) {
            found.push(position as u32);
        }
    }
    found
}

struct Search<'a> {
    view: &'a View<'a>,
    area: &'a Area,
    local: Local,
    found: Vec<u32>,
}

impl Search<'_> {
    /// Cells wholly inside are taken as they are, cells on the outline are split.
    fn cell(&mut self, cell: Cell, bounds: Bounds, range: Range<usize>) {
        let few = range.len() <= FEW || cell.zoom == DEEPEST;
        let mark = self.local.mark();
        match if range.is_empty() { Share::None } else { self.area.share(bounds, &mut self.local) } {
            Share::None => {}
            Share::All => self.take(range),
            Share::Some if few => self.ask(range),
            Share::Some => {
                let quarters = cell.quarters(bounds).into_iter();
                for ((child, range), bounds) in split(self.view, cell, range).into_iter().zip(quarters) {
                    self.cell(child, bounds, range);
                }
            }
        }
        self.local.reset(&mark);
    }

    fn take(&mut self, range: Range<usize>) {
        self.found.extend(range.filter(|it| self.view.sees(*it)).map(|it| it as u32));
    }

    fn ask(&mut self, range: Range<usize>) {
        let places = &self.view.block().places;
        let inside = range.filter(|it| self.view.sees(*it) && self.area.holds(places[*it], &self.local));
        self.found.extend(inside.map(|it| it as u32));
    }
}

/// The smaller cells of a cell and where their points stand.
pub(crate) fn split(view: &View, cell: Cell, range: Range<usize>) -> [(Cell, Range<usize>); 4] {
    let (keys, mut start) = (&view.block().keys, range.start);
    cell.children().map(|child| {
        let end = start + keys[start..range.end].partition_point(|it| *it <= child.last_key());
        (child, std::mem::replace(&mut start, end)..end)
    })
}
