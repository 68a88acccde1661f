use std::collections::BTreeMap;

use anlan_atlas::{Change, Layer};
use anlan_codecs::{
    geo::{Geometry, geo_types::Coord},
    mvt::{Address, Feature, Shape, Value, decode},
};
use anlan_kernel::Scope;

use super::{all_of, at, covered, item, layer, line, polygon, region, town};

type Known = BTreeMap<String, Value>;

/// Features of a tile with their properties, in a fixed order.
pub(crate) fn features(layer: &Layer, scope: &Scope, (z, x, y): (u8, u32, u32)) -> Vec<(Shape, Known)> {
    let tile = decode(&layer.tile(scope, z, x, y)).message.unwrap();
    assert!(tile.layers.len() <= 1 && tile.layers.iter().all(|it| it.name == "slope" && it.extent == 4_096));
    let known =
        |it: Feature| (it.shape, it.properties.into_iter().map(|(key, value)| (key.to_string(), value)).collect());
    let mut all: Vec<(Shape, Known)> = tile.layers.into_iter().flat_map(|it| it.features).map(known).collect();
    all.sort_by_key(|it| format!("{it:?}"));
    all
}

fn number(known: &Known, key: &str) -> Option<u64> {
    known.get(key).map(|it| if let Value::Unsigned(it) = it { *it } else { panic!("{it:?}") })
}

fn counted(features: &[(Shape, Known)]) -> u64 {
    features.iter().map(|it| number(&it.1, "count").unwrap_or(1)).sum()
}

fn scopes() -> Vec<Scope> {
    let regions = |codes: &[&str]| Scope::Regions(codes.iter().map(|it| region(it)).collect());
    vec![
        Scope::Everywhere,
        regions(&["440303"]),
        regions(&["440303001"]),
        regions(&["440303002", "440303004"]),
        regions(&["440303003002"]),
        regions(&["440303001", "440303002005", "440303002006"]),
        regions(&["440304"]),
    ]
}

/// Tiles from the world down, always the one with most in it and its neighbours.
fn path() -> Vec<(u8, u32, u32)> {
    let down = |z| Address::of(at(114.002, 22.502), z);
    let beside = |it: Address| [(it.z(), it.x(), it.y()), (it.z(), it.x() ^ 1, it.y()), (it.z(), it.x(), it.y() ^ 1)];
    let there = |it: &(u8, u32, u32)| Address::new(it.0, it.1, it.2).is_some();
    (0..=17).map(down).flat_map(beside).filter(there).collect()
}

#[test]
fn the_clusters_of_a_tile_count_what_lies_in_it() {
    let items = town(60_000);
    let layer = layer(items.clone());
    for scope in scopes() {
        let own = covered(&items, &scope);
        for tile in path() {
            let address = Address::new(tile.0, tile.1, tile.2).unwrap();
            let position = |it: &anlan_atlas::Item| it.place.positions().next().unwrap();
            let inside = own.iter().filter(|it| Address::of(position(it), tile.0) == address).count() as u64;
            let shown = features(&layer, &scope, tile);
            assert_eq!(counted(&shown), inside, "{scope:?} {tile:?}");
            assert!(shown.len() <= 2_000 && (inside > 2_000 || shown.len() as u64 == inside));
        }
    }
}

#[test]
fn four_tiles_count_what_the_one_above_them_counts() {
    let layer = layer(town(60_000));
    for (z, x, y) in path() {
        let below = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|it| (z + 1, x * 2 + it.0, y * 2 + it.1));
        let below: u64 = below.into_iter().map(|it| counted(&features(&layer, &Scope::Everywhere, it))).sum();
        assert_eq!(counted(&features(&layer, &Scope::Everywhere, (z, x, y))), below, "{z}/{x}/{y}");
    }
}

#[test]
fn many_points_are_drawn_as_if_there_were_only_those_in_scope() {
    let items = town(60_000);
    let moved = |number: u32| Change::Put(item(&format!("P{number}"), "440303001001", super::point(114.1, 22.6)));
    let gone = |number: u32| Change::Remove(format!("P{number}").into());
    let changes: Vec<Change> = (0..40).map(|it| moved(it * 11)).chain((0..40).map(|it| gone(it * 13 + 1))).collect();
    let changed = layer(items.clone()).with(changes.clone()).unwrap();
    let all = all_of(&items, &changes);
    for scope in scopes() {
        let own = layer(covered(&all, &scope));
        for tile in path() {
            assert_eq!(
                features(&changed, &scope, tile),
                features(&own, &Scope::Everywhere, tile),
                "{scope:?} {tile:?}"
            );
        }
    }
}

#[test]
fn a_cluster_says_how_many_how_grave_and_where() {
    let crowd = (0..2_001).map(|it| {
        let place = super::point(114.0 + f64::from(it % 2) * 1e-3, 22.5);
        let grade = (it > 1_998).then_some(if it == 1_999 { 3 } else { 2 });
        anlan_atlas::Item { grade, ..item(&format!("P{it}"), "440303", place) }
    });
    let shown = features(&layer(crowd), &Scope::Everywhere, (6, 52, 27));
    let [(Shape::Points(places), known)] = &shown[..] else { panic!("{shown:?}") };
    assert_eq!((places.len(), number(known, "count"), number(known, "grade")), (1, Some(2_001), Some(2)));
    let side = |key: &str| if let Value::Number(it) = known[key] { it } else { panic!("{known:?}") };
    let sides = ["west", "south", "east", "north"].map(side);
    let off = sides.iter().zip([114.0, 22.5, 114.001, 22.5]).map(|(is, want)| (is - want).abs());
    assert!(off.fold(0.0, f64::max) < 2e-6, "{sides:?}");
    assert!(sides[0] <= 114.0 && sides[1] <= 22.5 && sides[2] >= 114.001 && sides[3] >= 22.5);
    assert!(!known.contains_key("id") && !known.contains_key("name"));
}

#[test]
fn names_are_given_where_there_is_room_for_them() {
    let row = |count: u32| {
        layer((0..count).map(|it| item(&format!("P{it}"), "440303", super::point(114.0 + f64::from(it) * 1e-6, 22.5))))
    };
    let named = |layer: &Layer, z| {
        let tile = Address::of(at(114.0001, 22.5), z);
        let shown = features(layer, &Scope::Everywhere, (z, tile.x(), tile.y()));
        assert!(!shown.is_empty() && shown.iter().all(|it| it.1.contains_key("id")));
        shown.iter().all(|it| it.1.contains_key("name"))
    };
    assert_eq!([13, 14].map(|z| named(&row(200), z)), [true, true]);
    assert_eq!([13, 14].map(|z| named(&row(201), z)), [false, true]);
}

#[test]
fn lines_and_areas_are_drawn_where_they_are_large_and_are_points_where_not() {
    let river = Geometry::LineString(line(&[(114.0, 22.5), (114.01, 22.51), (114.02, 22.5)]));
    let lake = polygon(&[(114.0, 22.52), (114.01, 22.52), (114.01, 22.53), (114.0, 22.53)]);
    let layer = layer([item("river", "440303", river), item("lake", "440303", lake)]);
    let kinds = |z| {
        let tile = Address::of(at(114.009, 22.5105), z);
        let shown = features(&layer, &Scope::Everywhere, (z, tile.x(), tile.y()));
        shown
            .iter()
            .map(|it| match it.0 {
                Shape::Points(_) => 'p',
                Shape::Lines(_) => 'l',
                Shape::Areas(_) => 'a',
            })
            .collect::<String>()
    };
    assert_eq!((kinds(6), kinds(10), kinds(15)), ("pp".to_owned(), "al".to_owned(), "l".to_owned()));
    // Drawn in the next tile too, as far as the margin.
    let Coord { x, y } = at(114.0, 22.525);
    let beside = Address::of(at(x - 1e-6, y), 16);
    assert_eq!(features(&layer, &Scope::Everywhere, (16, beside.x(), beside.y())).len(), 1);
}

#[test]
fn tiles_that_are_not_there_are_empty() {
    let layer = layer(town(10));
    for (z, x, y) in [(0, 1, 0), (3, 0, 8), (25, 0, 0), (200, 0, 0), (14, 0, 0)] {
        assert!(layer.tile(&Scope::Everywhere, z, x, y).is_empty(), "{z}/{x}/{y}");
    }
    for z in 0..=24 {
        let tile = Address::of(super::town(1)[0].place.positions().next().unwrap(), z);
        assert!(!layer.tile(&Scope::Everywhere, z, tile.x(), tile.y()).is_empty(), "{z}");
    }
}
