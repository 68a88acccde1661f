//! A million points: what the map answers and how fast, as one line of JSON.
//!
//! Beside it each question is answered by going through all points, in the same run. `geos.py` asks GEOS for the
//! polygon with the same points. Run: `cargo bench -p anlan-atlas`.

use std::{hint::black_box, time::Instant};

use anlan_atlas::{Area, Change, Item, Layer, measure::metres};
use anlan_codecs::{
    geo::{
        Geometry,
        geo_types::{Coord, LineString, Polygon},
    },
    mvt::Address,
};
use anlan_kernel::{RegionCode, Scope};
use serde_json::{Value, json};

const COUNT: u64 = 1_000_000;
const LOW: Coord = Coord { x: 113.7, y: 22.4 };
const SIZE: Coord = Coord { x: 1.0, y: 0.5 };
const MIDDLE: Coord = Coord { x: 114.2, y: 22.65 };

/// From 0 to 1 (SplitMix64: Steele 2014).
fn random(number: u64) -> f64 {
    let mut it = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    it = (it ^ it >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    it = (it ^ it >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((it ^ it >> 31) >> 11) as f64 / (1_u64 << 53) as f64
}

fn place(number: u64) -> Coord {
    Coord { x: LOW.x + random(2 * number) * SIZE.x, y: LOW.y + random(2 * number + 1) * SIZE.y }
}

/// Eighty streets of six communities.
fn item(number: u64) -> Item {
    let at = place(number);
    let street = ((at.x - LOW.x) * 10.0) as u32 + 10 * ((at.y - LOW.y) * 16.0) as u32;
    let region = RegionCode::parse(&format!("440303{street:03}{:03}", number % 6)).expect("digits");
    Item {
        id: format!("01J9ZQ7N8V{number:016}").into(),
        region,
        name: format!("龙岗街道第{:06}号企业", number * 7_919 % COUNT).into(),
        grade: number.is_multiple_of(3).then_some(1 + (number % 4) as u8),
        place: Geometry::Point(at.into()),
        numbers: vec![(number % 50) as f64],
    }
}

/// A star of 200 corners, made without sines so that every machine has the same.
fn star() -> Vec<Coord> {
    let corner = |number: u64| {
        let (turn, side) = ((number % 100) as f64 / 50.0 - 1.0, if number < 100 { 1.0 } else { -1.0 });
        let size = side * (0.25 + 0.75 * random(7_000_000 + number)) / (1.0 + turn * turn);
        Coord { x: MIDDLE.x + 0.4 * size * (1.0 - turn * turn), y: MIDDLE.y + 0.2 * size * 2.0 * turn }
    };
    (0..200).map(corner).collect()
}

/// Milliseconds of each call.
fn timed<T>(times: usize, mut call: impl FnMut(usize) -> T) -> Vec<f64> {
    let mut all: Vec<f64> = (0..times)
        .map(|it| {
            let start = Instant::now();
            black_box(call(it));
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    all.sort_by(f64::total_cmp);
    all
}

fn spread(sorted: &[f64]) -> Value {
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    json!({"least_ms": at(0.0), "p50_ms": at(0.5), "p95_ms": at(0.95), "max_ms": at(1.0), "times": sorted.len()})
}

fn even_odd(ring: &[Coord], it: Coord) -> bool {
    let legs = ring.iter().zip(ring.iter().cycle().skip(1));
    let crossed = |(a, b): &(&Coord, &Coord)| {
        (a.y > it.y) != (b.y > it.y) && it.x < a.x + (b.x - a.x) * (it.y - a.y) / (b.y - a.y)
    };
    legs.filter(crossed).count() % 2 == 1
}

/// Tiles of zooms 0 to 9 with all points in them or most.
fn wide(layer: &Layer, scope: &Scope) -> Value {
    let tile = |it: usize| Address::of(MIDDLE, it as u8 % 10);
    spread(&timed(20, |it| layer.tile(scope, tile(it).z(), tile(it).x(), tile(it).y()).len()))
}

/// Tiles of zooms 8 to 17 anywhere.
fn pan(layer: &Layer, scope: &Scope) -> Value {
    let tile = |it: usize| Address::of(place(3 * it as u64 + 5), 8 + it as u8 % 10);
    spread(&timed(600, |it| layer.tile(scope, tile(it).z(), tile(it).x(), tile(it).y()).len()))
}

fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|it| it.parse::<f64>().ok()).unwrap_or(f64::NAN) * 4_096.0
}

fn main() {
    let before = resident_bytes();
    let start = Instant::now();
    let layer = Layer::build("premises", 1, (0..COUNT).map(item)).expect("all fine");
    let build = start.elapsed().as_secs_f64() * 1e3;
    let bytes = (resident_bytes() - before) / COUNT as f64;

    let everywhere = Scope::Everywhere;
    let of = |code: &str| Scope::Regions(vec![RegionCode::parse(code).expect("digits")]);
    let (street, community) = (of("440303034"), of("440303034002"));
    let first = timed(1, |_| layer.tile(&everywhere, 0, 0, 0).len());
    let ring = star();
    let area = Area::polygon(Geometry::Polygon(Polygon::new(LineString(ring.clone()), vec![]))).expect("a star");
    let hits = layer.inside(&everywhere, &area);
    let checksum: u64 = hits.iter().map(|it| it.id()[10..].parse::<u64>().expect("digits")).sum();
    let places: Vec<Coord> = (0..COUNT).map(place).collect();
    let inside = timed(31, |_| layer.inside(&everywhere, &area).len());
    let listed = timed(11, |_| layer.within(&everywhere, &area, 200).items.len());
    let scan = timed(5, |_| places.iter().filter(|it| even_odd(&ring, **it)).count());
    let circle = Area::circle(MIDDLE, 15_000.0).expect("a circle");
    let round = timed(11, |_| layer.within(&everywhere, &circle, 200).count);
    let round_scan = timed(5, |_| places.iter().filter(|it| metres(MIDDLE, **it) <= 15_000.0).count());
    let corridor = Area::corridor(LineString(ring[..20].to_vec()), 400.0).expect("a line");
    let along = timed(11, |_| layer.within(&everywhere, &corridor, 200).count);
    let near = timed(500, |it| layer.nearest(&everywhere, place(it as u64 * 17), 10).len());
    let near_in_community = timed(100, |it| layer.nearest(&community, place(it as u64 * 17), 10).len());
    let near_scan = timed(5, |it| {
        let from = place(it as u64);
        places.iter().map(|it| metres(from, *it)).fold(f64::INFINITY, f64::min)
    });
    let change = timed(20, |it| layer.with([Change::Put(item(it as u64))]).expect("fine").name().len());
    let changed = layer.with((0..500).map(|it| Change::Put(item(it * 1_999)))).expect("fine");

    let ratio = |peer: &[f64], own: &[f64]| peer[peer.len() / 2] / own[own.len() / 2];
    let report = json!({
        "points": COUNT,
        "build_ms": build,
        "resident_bytes_per_point": bytes,
        "first_tile_ms": first[0],
        "wide_tiles": {"everywhere": wide(&layer, &everywhere), "street": wide(&layer, &street), "community": wide(&layer, &community)},
        "wide_tiles_after_500_changes": wide(&changed, &everywhere),
        "pan": {"everywhere": pan(&layer, &everywhere), "street": pan(&layer, &street), "community": pan(&layer, &community)},
        "polygon_200": {"hits": hits.len(), "checksum": checksum, "list": spread(&inside), "first_200_by_name_and_sums": spread(&listed), "scan": spread(&scan), "ratio": ratio(&scan, &inside)},
        "circle_15_km": {"hits": layer.within(&everywhere, &circle, 0).count, "first_200_and_sums": spread(&round), "scan": spread(&round_scan)},
        "corridor_400_m": {"hits": layer.within(&everywhere, &corridor, 0).count, "first_200_and_sums": spread(&along)},
        "nearest_10": {"everywhere": spread(&near), "community": spread(&near_in_community), "scan_for_1": spread(&near_scan), "ratio": ratio(&near_scan, &near)},
        "one_change": spread(&change),
    });
    println!("{report}");
}
