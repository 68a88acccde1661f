use anlan_atlas::{Area, Layer};
use anlan_codecs::geo::geo_types::Coord;
use anlan_kernel::Scope;
use proptest::{collection::vec, prelude::*};

use super::{a_change, a_scope, all_of, an_item, at, covered, layer, line, polygon, sorted_ids, tiles::features};

fn areas() -> Vec<Area> {
    let outline =
        polygon(&[(114.002, 22.502), (114.01, 22.503), (114.005, 22.506), (114.009, 22.51), (114.001, 22.508)]);
    vec![
        Area::circle(at(114.006, 22.506), 400.0).unwrap(),
        Area::circle(at(180.0, 0.0), 9_000_000.0).unwrap(),
        Area::polygon(outline).unwrap(),
        Area::corridor(line(&[(113.99, 22.5), (114.006, 22.504), (114.004, 22.52)]), 300.0).unwrap(),
    ]
}

/// Everything a layer says within a scope.
fn said(layer: &Layer, scope: &Scope) -> Vec<String> {
    let key = |it: Coord| (it.x.to_bits(), it.y.to_bits());
    let mut positions: Vec<_> = layer.positions(scope).map(key).collect();
    positions.sort_unstable();
    let mut said = vec![format!("{} {:?} {positions:?}", layer.count(scope), layer.bounds(scope))];
    for area in areas() {
        let found = layer.within(scope, &area, 5);
        said.push(format!("{} {:?} {:?}", found.count, found.sums, found.items));
        said.push(format!("{:?}", sorted_ids(layer.inside(scope, &area))));
    }
    for from in [at(114.006, 22.506), at(-179.9, -89.0)] {
        said.push(format!("{:?}", layer.nearest(scope, from, 7)));
    }
    for (z, x, y) in [(0, 0, 0), (10, 836, 447), (14, 13_380, 7_152), (14, 13_381, 7_152)] {
        said.push(format!("{:?}", features(layer, scope, (z, x, y))));
    }
    let seen = (0..40).filter_map(|it| layer.get(scope, &format!("S{it}")));
    said.push(format!(
        "{:?}",
        seen.map(|it| (it.id(), it.name(), it.region(), it.grade(), it.numbers())).collect::<Vec<_>>()
    ));
    said
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Neither other regions' items nor how a layer came about show in anything it says.
    #[test]
    fn a_scope_sees_what_a_layer_of_its_own_items_would_show(
        items in vec(an_item(), 0..60), first in vec(a_change(), 0..20), then in vec(a_change(), 0..20), scope in a_scope(),
    ) {
        let changed = layer(items.clone()).with(first.clone()).unwrap().with(then.clone()).unwrap();
        let own = covered(&all_of(&items, &[first, then].concat()), &scope);
        prop_assert_eq!(said(&changed, &scope), said(&layer(own), &Scope::Everywhere));
    }
}

#[test]
fn no_region_sees_nothing() {
    let layer = layer(super::town(50));
    let nobody = Scope::Regions(vec![]);
    assert_eq!((layer.count(&nobody), layer.bounds(&nobody)), (0, None));
    assert!(layer.get(&nobody, "P1").is_none() && layer.tile(&nobody, 0, 0, 0).is_empty());
    assert!(layer.nearest(&nobody, at(114.0, 22.5), 3).is_empty());
}
