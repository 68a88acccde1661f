use std::collections::BTreeMap;

use anlan_codecs::geo::geo_types::Coord;
use anlan_kernel::{Problem, Scope};

use crate::{
    cell::{Bounds, joined},
    item::{Change, Entry, Item},
    part::{Part, View},
};

/// Changes that are carried beside the rest before all is sorted anew: so many, and one in so many items.
const CARRIED: usize = 4_096;
const CARRIED_SHARE: usize = 256;

/// Things of one kind on the map (图层), in memory.
///
/// A layer does not change: [`with`](Self::with) makes the next, so whoever reads one is not disturbed.
/// Cloning one copies nothing.
#[derive(Clone)]
pub struct Layer {
    name: String,
    numbers: usize,
    /// Most items, and those put in since they were sorted.
    parts: [Part; 2],
}

impl Layer {
    /// A layer of that name in its tiles, with so many `numbers` to each item. Of items with one id the last counts.
    /// Takes about a second for a million points.
    ///
    /// # Errors
    /// For the first item that cannot be used, with its index: `wrong_numbers`, `empty_geometry`, `not_a_number`,
    /// `longitude_range`, `latitude_range`.
    pub fn build(name: &str, numbers: usize, items: impl IntoIterator<Item = Item>) -> Result<Self, Problem> {
        let parts = [Part::build(numbers, items)?, Part::build(numbers, [])?];
        Ok(Self { name: name.to_owned(), numbers, parts })
    }

    /// The layer after changes, made in order. Costs a few milliseconds, but as long as [`build`](Self::build) when
    /// enough of them came together: best not on a thread that answers requests.
    ///
    /// # Errors
    /// As [`build`](Self::build), with the index of the change.
    pub fn with(&self, changes: impl IntoIterator<Item = Change>) -> Result<Self, Problem> {
        let mut last: BTreeMap<Box<str>, Option<Item>> = BTreeMap::new();
        for (index, change) in changes.into_iter().enumerate() {
            match change {
                Change::Put(item) => {
                    item.check(index, self.numbers)?;
                    last.insert(item.id.clone(), Some(item));
                }
                Change::Remove(id) => _ = last.insert(id, None),
            }
        }
        let [most, since] = &self.parts;
        let gone: Vec<usize> = last.keys().filter_map(|it| most.find(it)).collect();
        let most = most.without(&gone);
        let kept = entries(since).filter(|it| !last.contains_key(it.id())).map(|it| it.item());
        let since: Vec<Item> = kept.chain(last.values().flatten().cloned()).collect();
        let parts = if since.len() + most.gone.len() > CARRIED + most.block.len() / CARRIED_SHARE {
            let all = entries(&most).map(|it| it.item()).chain(since);
            [Part::build(self.numbers, all)?, Part::build(self.numbers, [])?]
        } else {
            [most, Part::build(self.numbers, since)?]
        };
        Ok(Self { name: self.name.clone(), numbers: self.numbers, parts })
    }

    /// Its name in tiles.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many numbers each item has.
    pub fn numbers(&self) -> usize {
        self.numbers
    }

    /// The item of that id, if it lies in scope.
    pub fn get(&self, scope: &Scope, id: &str) -> Option<Entry<'_>> {
        let found = self.parts.iter().find_map(|part| part.find(id).map(|it| part.entry(it)));
        found.filter(|it| scope.covers(it.region()))
    }

    /// How many items lie in scope.
    pub fn count(&self, scope: &Scope) -> usize {
        let count = |view: View| (0..view.block().len()).filter(|it| view.sees(*it)).count();
        self.views(scope).into_iter().map(count).sum()
    }

    /// South-west and north-east corner of the rectangle around what lies in scope, degrees.
    pub fn bounds(&self, scope: &Scope) -> Option<(Coord, Coord)> {
        let views = self.views(scope);
        let all = views.iter().flat_map(|view| {
            let outlines = view.outlines().filter_map(|it| view.block().outline(it)).map(|it| it.bounds);
            points(view).chain(outlines)
        });
        all.reduce(joined)
    }

    /// Where the items in scope are, in no particular order; of a line or area a position on it.
    pub fn positions(&self, scope: &Scope) -> impl Iterator<Item = Coord> {
        self.views(scope).into_iter().flat_map(View::into_places)
    }

    pub(crate) fn views(&self, scope: &Scope) -> [View<'_>; 2] {
        self.parts.each_ref().map(|it| it.view(scope))
    }
}

fn entries(part: &Part) -> impl Iterator<Item = Entry<'_>> {
    (0..part.block.len()).filter(|it| part.stays(*it)).map(|it| part.entry(it))
}

fn points(view: &View) -> impl Iterator<Item = Bounds> {
    let places = &view.block().places;
    (0..view.block().points).filter(|it| view.sees(*it)).map(|it| (places[it], places[it]))
}
