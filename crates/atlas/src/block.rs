//! Items in columns: points first, then lines and areas, each in the order of their keys.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use anlan_codecs::{
    geo::{Geometry, geo_types::Coord},
    mvt::world,
};
use anlan_kernel::{Problem, RegionCode};

use crate::{
    cell::{Bounds, key, rectangle},
    item::Item,
    pyramid::Pyramid,
    words::Words,
};

/// Of a point: 30 bytes here and 4 in its part, beside id, name and numbers.
pub(crate) struct Block {
    pub codes: Vec<RegionCode>,
    pub keys: Vec<u64>,
    pub places: Vec<Coord>,
    pub grades: Vec<Option<u8>>,
    pub ids: Words,
    pub names: Words,
    /// Place in the order of names.
    pub ranks: Vec<u32>,
    /// How many are points.
    pub points: usize,
    pub outlines: Vec<Outline>,
    pub pyramid: Pyramid,
    numbers: Vec<f64>,
    /// Hash of the id and position, in order.
    found: Vec<u64>,
}

/// A line or area.
pub(crate) struct Outline {
    pub geometry: Geometry,
    /// Rectangle in degrees.
    pub bounds: Bounds,
    /// Rectangle in shares of the world, north-west and south-east.
    pub world: Bounds,
}

impl Block {
    /// The items in columns, and for each the number of its region. Of items with one id the last is taken.
    pub fn build(width: usize, items: impl IntoIterator<Item = Item>) -> Result<(Self, Vec<u32>), Problem> {
        let mut draft = Draft { width, ..Draft::default() };
        for (index, item) in items.into_iter().enumerate() {
            item.check(index, width)?;
            draft.push(item);
        }
        Ok(draft.sorted())
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn numbers(&self, position: usize) -> &[f64] {
        let width = self.numbers.len() / self.len().max(1);
        &self.numbers[position * width..(position + 1) * width]
    }

    pub fn outline(&self, position: usize) -> Option<&Outline> {
        position.checked_sub(self.points).map(|it| &self.outlines[it])
    }

    pub fn find(&self, id: &str) -> Option<usize> {
        let start = self.found.partition_point(|it| *it < hash(id));
        let same = self.found[start..].iter().take_while(|it| **it >> 32 == hash(id) >> 32);
        same.map(|it| *it as u32 as usize).find(|it| self.ids.get(*it) == id)
    }
}

/// Upper half only; the lower is for the position.
fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish() & !u64::from(u32::MAX)
}

/// The items as they came.
#[derive(Default)]
struct Draft {
    width: usize,
    regions: Vec<u32>,
    codes: HashMap<RegionCode, u32>,
    places: Vec<Coord>,
    grades: Vec<Option<u8>>,
    numbers: Vec<f64>,
    ids: Words,
    names: Words,
    found: Vec<u64>,
    shapes: HashMap<u32, Geometry>,
}

impl Draft {
    fn push(&mut self, item: Item) {
        let number = self.places.len() as u32;
        let next = self.codes.len() as u32;
        self.regions.push(*self.codes.entry(item.region).or_insert(next));
        self.found.push(hash(&item.id) | u64::from(number));
        self.ids.push(&item.id);
        self.names.push(&item.name);
        self.grades.push(item.grade);
        self.numbers.extend(item.numbers);
        self.places.push(anchor(&item.place));
        if !matches!(item.place, Geometry::Point(_)) {
            self.shapes.insert(number, item.place);
        }
    }

    fn sorted(mut self) -> (Block, Vec<u32>) {
        self.found.sort_unstable();
        let replaced = self.replaced();
        let shapes = &self.shapes;
        let mut order: Vec<(bool, u64, u32)> = (0..self.places.len() as u32)
            .map(|it| (shapes.contains_key(&it), key(self.places[it as usize]), it))
            .collect();
        order.retain(|it| !replaced.contains(&it.2));
        order.sort_unstable();
        self.picked(&order)
    }

    /// Numbers of items that a later one of the same id replaces.
    fn replaced(&self) -> HashSet<u32> {
        let mut replaced = HashSet::new();
        for run in self.found.chunk_by(|a, b| a >> 32 == b >> 32).filter(|it| it.len() > 1) {
            for (index, earlier) in run.iter().enumerate() {
                let id = |it: &u64| self.ids.get(*it as u32 as usize);
                if run[index + 1..].iter().any(|later| id(later) == id(earlier)) {
                    replaced.insert(*earlier as u32);
                }
            }
        }
        replaced
    }

    fn picked(mut self, order: &[(bool, u64, u32)]) -> (Block, Vec<u32>) {
        let keys: Vec<u64> = order.iter().map(|it| it.1).collect();
        let picks: Vec<u32> = order.iter().map(|it| it.2).collect();
        let mut positions = vec![u32::MAX; self.places.len()];
        picks.iter().zip(0..).for_each(|(it, position)| positions[*it as usize] = position);
        self.found.retain(|it| positions[*it as u32 as usize] != u32::MAX);
        let found = self.found.iter().map(|it| it >> 32 << 32 | u64::from(positions[*it as u32 as usize])).collect();

        let regions: Vec<u32> = picks.iter().map(|it| self.regions[*it as usize]).collect();
        let grades: Vec<Option<u8>> = picks.iter().map(|it| self.grades[*it as usize]).collect();
        let points = order.partition_point(|it| !it.0);
        let outlines = picks[points..].iter().filter_map(|it| self.shapes.remove(it)).map(Outline::new).collect();
        let mut codes: Vec<(RegionCode, u32)> = self.codes.into_iter().collect();
        codes.sort_unstable_by_key(|it| it.1);
        let codes: Vec<RegionCode> = codes.into_iter().map(|it| it.0).collect();
        let number = |it: &u32| *it as usize * self.width..(*it as usize + 1) * self.width;
        let (ids, names) = (self.ids.picked(&picks), self.names.picked(&picks));
        let block = Block {
            pyramid: Pyramid::build(&codes, &keys[..points], &regions, &grades),
            places: picks.iter().map(|it| self.places[*it as usize]).collect(),
            numbers: picks.iter().flat_map(|it| &self.numbers[number(it)]).copied().collect(),
            ranks: names.ranks(&ids),
            ids,
            names,
            keys,
            grades,
            codes,
            points,
            outlines,
            found,
        };
        (block, regions)
    }
}

impl Outline {
    fn new(geometry: Geometry) -> Self {
        let (low, high) = rectangle(geometry.positions());
        let corners = (world(Coord { x: low.x, y: high.y }), world(Coord { x: high.x, y: low.y }));
        Self { geometry, bounds: (low, high), world: corners }
    }
}

/// A position on the shape that stands for it: in the widest part at half height of the largest polygon, in the
/// middle of the longest line.
fn anchor(place: &Geometry) -> Coord {
    let chains = match place {
        Geometry::Polygon(it) => vec![it.exterior().0.as_slice()],
        Geometry::MultiPolygon(it) => it.0.iter().map(|it| it.exterior().0.as_slice()).collect(),
        other => other.chains(),
    };
    let longest = chains.into_iter().max_by(|a, b| span(a).total_cmp(&span(b))).unwrap_or_default();
    let middle = longest.get(longest.len() / 2).copied().unwrap_or_default();
    match place {
        Geometry::Polygon(_) | Geometry::MultiPolygon(_) => widest(place, longest).unwrap_or(middle),
        _ => middle,
    }
}

fn span(chain: &[Coord]) -> f64 {
    chain.windows(2).map(|it| (it[1].x - it[0].x).abs() + (it[1].y - it[0].y).abs()).sum()
}

fn widest(place: &Geometry, ring: &[Coord]) -> Option<Coord> {
    let lowest = ring.iter().map(|it| it.y).reduce(f64::min)?;
    let y = f64::midpoint(lowest, ring.iter().map(|it| it.y).reduce(f64::max)?);
    let chains = place.chains();
    let met = chains.iter().flat_map(|it| it.windows(2)).filter(|it| (it[0].y > y) != (it[1].y > y));
    let mut met: Vec<f64> = met.map(|it| it[0].x + (it[1].x - it[0].x) * (y - it[0].y) / (it[1].y - it[0].y)).collect();
    met.sort_unstable_by(f64::total_cmp);
    let widest = met.chunks_exact(2).max_by(|a, b| (a[1] - a[0]).total_cmp(&(b[1] - b[0])))?;
    Some(Coord { x: f64::midpoint(widest[0], widest[1]), y })
}
