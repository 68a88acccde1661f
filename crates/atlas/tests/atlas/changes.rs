use anlan_atlas::{Area, Change, Item, Layer};
use anlan_codecs::geo::{
    Geometry,
    geo_types::{LineString, MultiPoint},
};
use anlan_kernel::Scope;
use rstest::rstest;

use super::{all_of, at, item, layer, point, sorted_ids, town};

#[test]
fn of_items_with_one_id_the_last_counts() {
    let layer = layer([
        item("a", "440303", point(1.0, 1.0)),
        item("b", "440303", point(2.0, 2.0)),
        item("a", "440304", point(3.0, 3.0)),
    ]);
    let a = layer.get(&Scope::Everywhere, "a").unwrap();
    assert_eq!((layer.count(&Scope::Everywhere), a.at(), a.region().as_str()), (2, at(3.0, 3.0), "440304"));
}

#[test]
fn a_layer_stays_as_it_is_when_the_next_is_made_of_it() {
    let before = layer(town(100));
    let after =
        before.with([Change::Remove("P1".into()), Change::Put(item("new", "440303", point(1.0, 1.0)))]).unwrap();
    let there = |layer: &Layer, id: &str| layer.get(&Scope::Everywhere, id).is_some();
    assert_eq!([there(&before, "P1"), there(&before, "new")], [true, false]);
    assert_eq!([there(&after, "P1"), there(&after, "new")], [false, true]);
    assert_eq!([before.count(&Scope::Everywhere), after.count(&Scope::Everywhere)], [100, 100]);
}

#[test]
fn many_changes_come_to_the_same_as_building_anew() {
    let items = town(9_000);
    let steps: Vec<Vec<Change>> = (0..9_u32)
        .map(|step| {
            let put = |it: u32| {
                Change::Put(item(&format!("P{}", it * 7), "440303009", point(114.0 + f64::from(it) * 1e-5, 22.6)))
            };
            let remove = |it: u32| Change::Remove(format!("P{}", it * 11 + step).into());
            (step * 300..step * 300 + 700).flat_map(|it| [put(it), remove(it)]).collect()
        })
        .collect();
    let changed = steps.iter().fold(layer(items.clone()), |layer, step| layer.with(step.clone()).unwrap());
    let anew = layer(all_of(&items, &steps.concat()));
    let all = Area::circle(at(114.1, 22.6), 1e6).unwrap();
    assert_eq!(changed.count(&Scope::Everywhere), anew.count(&Scope::Everywhere));
    assert_eq!(sorted_ids(changed.inside(&Scope::Everywhere, &all)), sorted_ids(anew.inside(&Scope::Everywhere, &all)));
}

#[rstest]
#[case::numbers(Item { numbers: vec![], ..item("x", "440303", point(1.0, 1.0)) }, "wrong_numbers")]
#[case::swapped(item("x", "440303", point(22.5, 114.0)), "latitude_range")]
#[case::no_number(item("x", "440303", point(f64::NAN, 1.0)), "not_a_number")]
#[case::infinite(item("x", "440303", point(f64::INFINITY, 1.0)), "not_a_number")]
#[case::empty(item("x", "440303", Geometry::MultiPoint(MultiPoint(vec![]))), "empty_geometry")]
#[case::empty_line(item("x", "440303", Geometry::LineString(LineString(vec![]))), "empty_geometry")]
fn an_item_that_cannot_be_shown_is_named(#[case] bad: Item, #[case] code: &str) {
    let good = item("good", "440303", point(1.0, 1.0));
    let built = Layer::build("slope", 1, [good.clone(), bad.clone()]).err().unwrap();
    let changed = layer([good.clone()]).with([Change::Put(good), Change::Put(bad)]).err().unwrap();
    for why in [built, changed] {
        assert_eq!((why.code.as_str(), why.place.index), (code, Some(1)));
        assert!(why.place.field.is_some());
    }
}
