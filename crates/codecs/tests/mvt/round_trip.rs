use std::sync::Arc;

use anlan_codecs::mvt::{Area, Feature, Layer, Position, Shape, Tile, Value, decode, encode};
use proptest::{collection::vec, option, prelude::*};

use super::tile;

fn position() -> impl Strategy<Value = Position> {
    prop_oneof![[-200..4_300, -200..4_300], [-(1 << 30)..(1 << 30), -(1 << 30)..(1 << 30)]]
}

/// A line that moves on with every step.
fn line() -> impl Strategy<Value = Vec<Position>> {
    let steps = vec([-50..50, 1..50], 1..8);
    ([0..4_096, 0..4_096], steps).prop_map(|(mut at, steps)| {
        let mut line = vec![at];
        for step in steps {
            at = [at[0] + step[0], at[1] + step[1]];
            line.push(at);
        }
        line
    })
}

/// Clockwise on screen: the outline of a box.
fn outline() -> impl Strategy<Value = Vec<Position>> {
    ([-500..4_500, -500..4_500], [1..300, 1..300])
        .prop_map(|([x, y], [w, h])| vec![[x, y], [x + w, y], [x + w, y + h], [x, y + h]])
}

fn area() -> impl Strategy<Value = Area> {
    let hole = outline().prop_map(|it| it.into_iter().rev().collect());
    (outline(), vec(hole, 0..3)).prop_map(|(outer, holes)| Area { outer, holes })
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        vec(position(), 1..6).prop_map(Shape::Points),
        vec(line(), 1..4).prop_map(Shape::Lines),
        vec(area(), 1..4).prop_map(Shape::Areas),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-z坡河一]{0,6}".prop_map(|it| Value::from(it.as_str())),
        proptest::num::f64::NORMAL.prop_map(Value::Number),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::Unsigned),
        any::<bool>().prop_map(Value::Bool),
    ]
}

fn feature() -> impl Strategy<Value = Feature> {
    let property = ("[a-d]", value()).prop_map(|(key, value)| (Arc::from(key), value));
    (option::of(any::<u64>()), shape(), vec(property, 0..4)).prop_map(|(id, shape, properties)| Feature {
        id,
        shape,
        properties,
    })
}

fn layer() -> impl Strategy<Value = Layer> {
    (".{0,8}", 1..=u32::MAX, vec(feature(), 1..6)).prop_map(|(name, extent, features)| Layer { name, extent, features })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_written_tile_is_read_back_the_same(layers in vec(layer(), 0..4)) {
        let tile = Tile { layers };
        let read = decode(&encode(&tile));
        prop_assert_eq!(read.message, Ok(tile));
        prop_assert!(read.warnings.is_empty());
    }

    #[test]
    fn hostile_bytes_are_refused_or_read_without_panic(layers in vec(layer(), 1..3), cuts in vec((any::<u16>(), any::<u8>()), 1..6)) {
        let mut bytes = encode(&Tile { layers });
        for (at, byte) in cuts {
            let at = usize::from(at) % bytes.len();
            bytes[at] = byte;
        }
        let _ = decode(&bytes);
        let _ = decode(&bytes[..bytes.len() / 2]);
    }

    #[test]
    fn noise_is_refused_or_read_without_panic(bytes in vec(any::<u8>(), 0..200)) {
        if let Err(why) = decode(&bytes).message {
            prop_assert!(why.place.byte.is_some());
        }
    }
}

#[test]
fn what_is_not_drawable_is_put_right_or_left_out() {
    let square = vec![[0, 0], [9, 0], [9, 9], [0, 9]];
    let turned: Vec<Position> = square.iter().rev().copied().collect();
    let area =
        |outer: &[Position], holes: Vec<Vec<Position>>| Shape::Areas(vec![Area { outer: outer.to_vec(), holes }]);
    let closed = [square.clone(), vec![square[0], square[0]]].concat();
    let flat = vec![[0, 0], [5, 5], [9, 9]];
    for (given, want) in [
        (Shape::Points(vec![]), None),
        (
            Shape::Lines(vec![vec![[1, 1]], vec![[1, 1], [1, 1], [2, 2]]]),
            Some(Shape::Lines(vec![vec![[1, 1], [2, 2]]])),
        ),
        (Shape::Lines(vec![vec![[1, 1], [1, 1]]]), None),
        (area(&turned, vec![square.clone()]), Some(area(&square, vec![turned.clone()]))),
        (area(&closed, vec![flat.clone()]), Some(area(&square, vec![]))),
        (area(&flat, vec![square.clone()]), None),
    ] {
        let want = want.map_or_else(Tile::default, tile);
        assert_eq!(decode(&encode(&tile(given.clone()))).message, Ok(want), "{given:?}");
    }
}

#[test]
fn keys_and_values_are_written_once() {
    let properties = vec![(Arc::from("a-long-key"), Value::from("a-long-value"))];
    let one = Feature { id: None, shape: Shape::Points(vec![[1, 1]]), properties };
    let layer = |features| Tile { layers: vec![Layer { name: "n".to_owned(), extent: 4_096, features }] };
    let (single, many) = (encode(&layer(vec![one.clone()])), encode(&layer(vec![one; 20])));
    assert!(many.len() < single.len() + 20 * 15, "{} {}", single.len(), many.len());
}
