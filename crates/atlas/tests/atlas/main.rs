//! What the map answers: the same as going through all items one by one, and nothing of other regions.

mod areas;
mod changes;
mod measure;
mod scopes;
mod tiles;

use anlan_atlas::{Change, Entry, Item, Layer};
use anlan_codecs::geo::{
    Geometry,
    geo_types::{Coord, LineString, Polygon},
};
use anlan_kernel::{RegionCode, Scope};
use proptest::{collection::vec, option, prelude::*};

const REGIONS: [&str; 6] = ["440303", "440303001", "440303001001", "440303001002", "440303002001", "440304001003"];

fn at(x: f64, y: f64) -> Coord {
    Coord { x, y }
}

fn line(places: &[(f64, f64)]) -> LineString {
    LineString(places.iter().map(|it| Coord::from(*it)).collect())
}

fn polygon(places: &[(f64, f64)]) -> Geometry {
    Geometry::Polygon(Polygon::new(line(places), vec![]))
}

fn point(x: f64, y: f64) -> Geometry {
    Geometry::Point(at(x, y).into())
}

fn region(code: &str) -> RegionCode {
    RegionCode::parse(code).unwrap()
}

fn item(id: &str, code: &str, place: Geometry) -> Item {
    let name = format!("坡{}", id.len() % 3).into();
    Item { id: id.into(), region: region(code), name, grade: None, place, numbers: vec![1.0] }
}

fn layer(items: impl IntoIterator<Item = Item>) -> Layer {
    Layer::build("slope", 1, items).unwrap()
}

fn sorted_ids<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Vec<&'a str> {
    let mut ids: Vec<&str> = entries.into_iter().map(|it| it.id()).collect();
    ids.sort_unstable();
    ids
}

/// What the layer should hold after the changes.
fn all_of(items: &[Item], changes: &[Change]) -> Vec<Item> {
    let mut all: std::collections::BTreeMap<Box<str>, Item> =
        items.iter().map(|it| (it.id.clone(), it.clone())).collect();
    for change in changes {
        match change {
            Change::Put(item) => _ = all.insert(item.id.clone(), item.clone()),
            Change::Remove(id) => _ = all.remove(id),
        }
    }
    all.into_values().collect()
}

fn covered(items: &[Item], scope: &Scope) -> Vec<Item> {
    items.iter().filter(|it| scope.covers(&it.region)).cloned().collect()
}

/// Mostly crowded together, some anywhere on the globe.
fn position() -> impl Strategy<Value = Coord> {
    let anywhere = (-180.0..=180.0, -90.0..=90.0).prop_map(Coord::from);
    let grid = (0..12, 0..12).prop_map(|(x, y)| at(114.0 + f64::from(x) / 1_000.0, 22.5 + f64::from(y) / 1_000.0));
    let near = (114.0..114.012, 22.5..22.512).prop_map(Coord::from);
    prop_oneof![3 => near, 3 => grid, 1 => anywhere]
}

fn place() -> impl Strategy<Value = Geometry> {
    let path = vec((114.0..114.012, 22.5..22.512).prop_map(Coord::from), 2..6);
    let square = ((114.0..114.01, 22.5..22.51), 0.0001..0.004)
        .prop_map(|((x, y), side)| polygon(&[(x, y), (x + side, y), (x + side, y + side), (x, y + side)]));
    prop_oneof![
        6 => position().prop_map(|it| Geometry::Point(it.into())),
        1 => path.prop_map(|it| Geometry::LineString(LineString(it))),
        1 => square,
    ]
}

fn an_item() -> impl Strategy<Value = Item> {
    (0..40, 0..REGIONS.len(), 0..5, option::of(1_u8..5), place(), -9..9).prop_map(
        |(id, code, name, grade, place, number)| Item {
            id: format!("S{id}").into(),
            region: region(REGIONS[code]),
            name: format!("坡{name}").into(),
            grade,
            place,
            numbers: vec![f64::from(number)],
        },
    )
}

fn a_change() -> impl Strategy<Value = Change> {
    prop_oneof![an_item().prop_map(Change::Put), (0..40).prop_map(|it| Change::Remove(format!("S{it}").into()))]
}

fn a_scope() -> impl Strategy<Value = Scope> {
    let codes = vec(0..REGIONS.len(), 0..3);
    prop_oneof![
        1 => Just(Scope::Everywhere),
        3 => codes.prop_map(|it| Scope::Regions(it.into_iter().map(|it| region(REGIONS[it])).collect())),
    ]
}

/// So many points of a town, always the same; a street for each quarter and six communities in each.
fn town(count: u32) -> Vec<Item> {
    let mut state = 7_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let mut items = Vec::new();
    for number in 0..count {
        let (x, y) = (next().powi(2), next().powi(2));
        let street = u32::from(x > 0.25) + 2 * u32::from(y > 0.25) + 1;
        let code = format!("440303{street:03}{:03}", number % 6 + 1);
        let place = point(114.0 + x * 0.2, 22.5 + y * 0.2);
        items.push(Item {
            grade: (number % 7 < 4).then_some(1 + (number % 4) as u8),
            ..item(&format!("P{number}"), &code, place)
        });
    }
    items
}
