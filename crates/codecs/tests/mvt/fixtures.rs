use anlan_codecs::{
    geo::geo_types::Coord,
    mvt::{Address, Shape, Tile, Value, decode, encode},
};
use anlan_kernel::Lang;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value as Json;

fn vectors(text: &str) -> Vec<Json> {
    serde_json::from_str(text).unwrap()
}

fn fixtures() -> Vec<Json> {
    vectors(include_str!("../data/mvt/fixtures.json"))
}

fn bytes(vector: &Json) -> Vec<u8> {
    BASE64_STANDARD.decode(vector["input"]["base64"].as_str().unwrap()).unwrap()
}

fn fixture(id: &str) -> Tile {
    let found = fixtures().into_iter().find(|it| it["id"] == id).unwrap();
    decode(&bytes(&found)).message.unwrap()
}

fn judge(vector: &Json) -> Result<(), String> {
    let read = decode(&bytes(vector));
    let fatal = vector["kind"] == "malformed" && vector["expect"]["error"] == "fatal";
    let warned = vector["kind"] == "malformed" && !fatal;
    match &read.message {
        Ok(tile) if fatal => Err(format!("read as {tile:?}")),
        Err(why) if !fatal => Err(why.sentence(Lang::En)),
        Err(why) if why.place.byte.is_none() => Err(format!("no byte: {why:?}")),
        Ok(tile) if decode(&encode(tile)).message.as_ref() != Ok(&drawable(tile)) => Err("not read back".to_owned()),
        _ if read.warnings.is_empty() == warned => Err(format!("{:?}", read.warnings)),
        _ => Ok(()),
    }
}

fn drawable(tile: &Tile) -> Tile {
    Tile { layers: tile.layers.iter().filter(|it| !it.features.is_empty()).cloned().collect() }
}

#[test]
fn every_published_tile_is_read_or_refused_as_it_says() {
    let all = fixtures();
    let failures: Vec<String> =
        all.iter().filter_map(|it| judge(it).err().map(|why| format!("{}: {why}", it["id"]))).collect();
    assert_eq!(all.len(), 37);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_published_tile_holds_what_its_note_says() {
    let multi_line = &fixture("mvt-021").layers[0].features[0].shape;
    assert_eq!(*multi_line, Shape::Lines(vec![vec![[2, 2], [2, 10], [10, 10]], vec![[1, 1], [3, 5]]]));
    let points = &fixture("mvt-017").layers[0];
    assert_eq!((points.name.as_str(), points.extent), ("hello", 4096));
    assert_eq!(points.features[0].shape, Shape::Points(vec![[25, 17]]));
    assert_eq!(points.features[0].properties, [("hello".into(), Value::from("world"))]);
    let value = |id: &str| fixture(id).layers[0].features[0].properties[0].1.clone();
    assert_eq!(value("mvt-034"), Value::Number(1.23));
    assert_eq!(value("mvt-036"), Value::Unsigned(87948));
}

#[test]
fn places_lie_in_the_tiles_that_web_maps_give_them() {
    let all = vectors(include_str!("../data/mvt/tiles.json"));
    assert_eq!(all.len(), 8);
    for vector in all {
        let [lon, lat, zoom] = ["lon", "lat", "zoom"].map(|it| vector["input"][it].as_f64().unwrap());
        let at = Coord { x: lon, y: lat };
        let tile = Address::of(at, zoom as u8);
        let want = ["x", "y_xyz"].map(|it| vector["expect"][it].as_u64().unwrap());
        assert_eq!([tile.x(), tile.y()].map(u64::from), want, "{}", vector["id"]);
        let (low, high) = tile.bounds();
        assert!(low.x <= at.x && at.x < high.x && low.y < at.y && at.y <= high.y, "{low:?} {high:?}");
    }
}

#[test]
fn a_zoom_has_only_its_own_columns_and_rows() {
    for (z, x, y, there) in [
        (0, 0, 0, true),
        (0, 1, 0, false),
        (3, 7, 7, true),
        (3, 7, 8, false),
        (24, 1 << 23, 0, true),
        (25, 0, 0, false),
    ] {
        assert_eq!(Address::new(z, x, y).is_some(), there, "{z}/{x}/{y}");
    }
}
