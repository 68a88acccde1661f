//! Files of places in and out, datums, and coordinates as people write them.

mod datums;
mod degrees;
mod detect;
mod files;
mod hostile;
mod round_trip;
mod shapes;

use anlan_codecs::geo::{Layer, Order, Record, geo_types::Coord};
use anlan_kernel::{Lang, Problem};

const SHELTERS: &[u8] = include_bytes!("../data/geo/shelters.zip");
const ZONES: &[u8] = include_bytes!("../data/geo/zones_gk.zip");
const RIVER: &[u8] = include_bytes!("../data/geo/river_z.zip");

fn at(x: f64, y: f64) -> Coord {
    Coord { x, y }
}

fn layer(bytes: &[u8]) -> Layer {
    let mut layers = anlan_codecs::geo::read(bytes, Order::LongitudeLatitude).unwrap();
    assert_eq!(layers.len(), 1);
    layers.remove(0)
}

fn property<'a>(record: &'a Record, name: &str) -> &'a str {
    record.properties.get(name).map_or("", String::as_str)
}

/// Code and place of problems: `code row field`.
fn places(problems: &[Problem]) -> Vec<String> {
    let words = |it: &Problem| {
        let row = it.place.row.map_or_else(String::new, |it| it.to_string());
        format!("{} {row} {}", it.code, it.place.field.as_deref().unwrap_or(""))
    };
    problems.iter().inspect(|it| assert!(spoken(it), "{it:?}")).map(words).collect()
}

fn spoken(problem: &Problem) -> bool {
    let (zh, en) = (problem.sentence(Lang::Zh), problem.sentence(Lang::En));
    zh.chars().any(|it| ('一'..='鿿').contains(&it)) && !problem.message.en.is_empty() && zh != en
}
