//! What a tile shows.

use std::{collections::BTreeMap, sync::Arc};

use anlan_codecs::{
    geo::geo_types::Coord,
    mvt::{self, Address, EXTENT, Feature, Shape, Value, draw},
};
use anlan_kernel::Scope;

use crate::{
    cell::{Cell, key, share, unkey},
    item::Entry,
    layer::Layer,
    part::View,
    pyramid::{Counter, FINER, Sum},
};

/// More points than these in a tile are drawn in clusters.
const CROWD: u64 = 2_000;
/// From this zoom names are given, and elsewhere to so few features.
const NAMED_ZOOM: u8 = 14;
const NAMED: usize = 200;
/// Units beyond a tile's sides in which lines and areas are drawn, so that their strokes meet.
const MARGIN: u32 = 64;
/// Units by which a line may be off: an eighth of a pixel where a tile is 256 wide.
const TOLERANCE: f64 = 2.0;
/// Lines and areas smaller than this, in units, are drawn as points: 4 pixels.
const SMALL: f64 = 64.0;

impl Layer {
    /// The tile in that column and row of a zoom, as Mapbox Vector Tile with one layer of this layer's name; empty
    /// when there is nothing to be seen, and for tiles that are not there.
    ///
    /// Features have `id`, `name` (from zoom 14, or when there are few) and `grade` where there is one. More points
    /// than 2,000 are clusters: `count`, gravest `grade`, and `west`, `south`, `east`, `north` around them. Points are
    /// not repeated in the margins of tiles; a line or area of a few pixels is a point like others.
    pub fn tile(&self, scope: &Scope, z: u8, x: u32, y: u32) -> Vec<u8> {
        let Some(address) = Address::new(z, x, y) else { return Vec::new() };
        let views = self.views(scope);
        let sketch = Sketch::new(address, &views);
        let features = sketch.features();
        let layer = mvt::Layer { name: self.name().to_owned(), extent: EXTENT, features };
        mvt::encode(&mvt::Tile { layers: vec![layer] })
    }
}

/// What lies in a tile.
struct Sketch<'v, 'a> {
    tile: Address,
    views: &'v [View<'a>; 2],
    drawn: Vec<(Entry<'a>, Shape)>,
    /// Lines and areas drawn as points.
    specks: Vec<(Cell, Entry<'a>)>,
    cells: BTreeMap<u64, (Cell, Sum)>,
    labels: Labels,
}

impl<'v, 'a> Sketch<'v, 'a> {
    fn new(tile: Address, views: &'v [View<'a>; 2]) -> Self {
        let (drawn, specks, cells) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut sketch = Self { tile, views, drawn, specks, cells, labels: Labels::new() };
        for view in views {
            sketch.outlines(view);
            for (cell, sum) in Counter::new(view).tile(sketch.cell()) {
                sketch.count(cell, &sum);
            }
        }
        sketch
    }

    fn cell(&self) -> Cell {
        Cell { zoom: self.tile.z(), x: self.tile.x(), y: self.tile.y() }
    }

    fn count(&mut self, cell: Cell, sum: &Sum) {
        self.cells.entry(cell.prefix()).or_insert((cell, Sum::default())).1.add(sum);
    }

    fn outlines(&mut self, view: &View<'a>) {
        let unit = f64::from(EXTENT);
        let (margin, tile) = (f64::from(MARGIN), self.cell());
        for position in view.outlines() {
            let Some(outline) = view.block().outline(position) else { continue };
            let (low, high) = (self.tile.place(outline.world.0), self.tile.place(outline.world.1));
            let entry = view.entry(position as u32);
            if (high - low).x < SMALL && (high - low).y < SMALL {
                let key = view.block().keys[position];
                if (tile.first_key()..=tile.last_key()).contains(&key) {
                    let zoom = tile.zoom + FINER;
                    let cell = Cell::of_prefix(key >> (64 - 2 * u32::from(zoom)), zoom);
                    self.count(cell, &Sum::one(key, entry.grade()));
                    self.specks.push((cell, entry));
                }
                continue;
            }
            let near = high.x >= -margin && high.y >= -margin && low.x <= unit + margin && low.y <= unit + margin;
            let shape = near.then(|| draw(&outline.geometry, self.tile, MARGIN, TOLERANCE)).flatten();
            self.drawn.extend(shape.map(|it| (entry, it)));
        }
    }

    fn features(&self) -> Vec<Feature> {
        let points: u64 = self.cells.values().map(|it| it.1.count).sum();
        let crowded = points > CROWD;
        let shown = self.drawn.len() + if crowded { self.cells.len() } else { points as usize };
        let named = self.tile.z() >= NAMED_ZOOM || shown <= NAMED;
        let mut features: Vec<Feature> =
            self.drawn.iter().map(|(entry, shape)| self.feature(entry, shape.clone(), named)).collect();
        for (cell, sum) in self.cells.values() {
            if crowded && sum.count > 1 {
                features.push(self.cluster(sum));
            } else {
                features.extend(self.entries(*cell).map(|it| self.feature(&it, self.point(it.at()), named)));
            }
        }
        features
    }

    fn entries(&self, cell: Cell) -> impl Iterator<Item = Entry<'a>> {
        let specks = self.specks.iter().filter(move |it| it.0 == cell).map(|it| it.1);
        let points = self
            .views
            .iter()
            .flat_map(move |view| view.points(cell).filter(|it| view.sees(*it)).map(|it| view.entry(it as u32)));
        points.chain(specks)
    }

    fn feature(&self, entry: &Entry, shape: Shape, named: bool) -> Feature {
        let labels = &self.labels;
        let mut properties = vec![(labels.id.clone(), Value::from(entry.id()))];
        if named && !entry.name().is_empty() {
            properties.push((labels.name.clone(), Value::from(entry.name())));
        }
        properties.extend(labels.grade(entry.grade()));
        Feature { id: None, shape, properties }
    }

    fn cluster(&self, sum: &Sum) -> Feature {
        let labels = &self.labels;
        let mean = sum.total.map(|it| it as f64 / sum.count as f64);
        let mut properties = vec![(labels.count.clone(), Value::Unsigned(sum.count))];
        properties.extend(labels.grade(sum.gravest));
        properties.extend(labels.sides.iter().cloned().zip(sides(sum).map(Value::Number)));
        Feature { id: None, shape: self.spot(mean), properties }
    }

    /// In the finest grid first: a position near a side must not be rounded into the next tile.
    fn point(&self, at: Coord) -> Shape {
        self.spot(unkey(key(at)).map(f64::from))
    }

    fn spot(&self, grid: [f64; 2]) -> Shape {
        let place = self.tile.place(Coord { x: share(grid[0]), y: share(grid[1]) });
        let inside = |it: f64| it.floor().clamp(0.0, f64::from(EXTENT - 1)) as i32;
        Shape::Points(vec![[inside(place.x), inside(place.y)]])
    }
}

/// West, south, east and north of a cluster: degrees, to a tenth of a metre outward.
fn sides(sum: &Sum) -> [f64; 4] {
    let corner = |at: [u32; 2]| Cell { zoom: 32, x: at[0], y: at[1] }.bounds();
    let (north_west, south_east) = (corner(sum.low), corner(sum.high));
    let (down, up) = (|it: f64| (it * 1e6).floor() / 1e6, |it: f64| (it * 1e6).ceil() / 1e6);
    [down(north_west.0.x), down(south_east.0.y), up(south_east.1.x), up(north_west.1.y)]
}

/// Names of properties, made once per tile.
struct Labels {
    id: Arc<str>,
    name: Arc<str>,
    grade: Arc<str>,
    count: Arc<str>,
    sides: [Arc<str>; 4],
}

impl Labels {
    fn new() -> Self {
        let sides = ["west", "south", "east", "north"].map(Arc::from);
        Self { id: "id".into(), name: "name".into(), grade: "grade".into(), count: "count".into(), sides }
    }

    fn grade(&self, grade: Option<u8>) -> Option<(Arc<str>, Value)> {
        grade.map(|it| (self.grade.clone(), Value::Unsigned(it.into())))
    }
}
