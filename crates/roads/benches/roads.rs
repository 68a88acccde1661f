//! Speed of road times on the extract of Liechtenstein, printed as one JSON object; nothing is asserted.
//!
//! `cargo bench -p anlan-roads`; beside its peers: `python3 benches/peers.py` (see there).

#[path = "../tests/common/mod.rs"]
mod common;

use std::{hint::black_box, time::Instant};

use anlan_roads::{Direction, Graph, Position, Targets};
use common::{Dice, LIECHTENSTEIN};
use serde_json::{Value as Json, json};

const ORIGINS: usize = 60;
const STATIONS: usize = 30;
const TABLE: usize = 100;
const ROUNDS: usize = 20;

fn main() {
    let graph = Graph::from_pbf(LIECHTENSTEIN).expect("an extract");
    let kept = graph.to_bytes();
    let mut dice = Dice(2_026);
    let mut positions = |count| (0..count).map(|_| dice.position(&graph)).collect::<Vec<Position>>();
    let (origins, stations, table) = (positions(ORIGINS), positions(STATIONS), positions(TABLE));
    let targets = Targets::new(&graph, &stations);
    // What is prepared when it is first asked for stands on lines of its own.
    let raster = each(1, &[()], |()| graph.reach(&origins, &[3_600]).areas());
    let ancestry = each(1, &[()], |()| graph.table(&table, &table));
    let pairs: Vec<_> = origins.iter().zip(origins.iter().rev()).collect();
    let facts = graph.facts();
    let report = json!({
        "graph": {"junctions": facts.junctions, "roads": facts.roads, "metres": facts.metres, "kept_bytes": kept.len()},
        "origins": pairs_of(&origins),
        "route_seconds": pairs.iter().map(|&(&from, &to)| graph.route(from, to).map(|it| it.seconds)).collect::<Vec<_>>(),
        "table_positions": pairs_of(&table),
        "import_ms": milliseconds(each(5, &[()], |()| Graph::from_pbf(LIECHTENSTEIN))),
        "open_ms": milliseconds(each(5, &[()], |()| Graph::from_bytes(&kept))),
        "raster_first_use_ms": milliseconds(raster),
        "reach_900_ms": milliseconds(each(ROUNDS, &origins, |&at| graph.reach(&[at], &[900]).seconds(&targets))),
        "reach_900_area_ms": milliseconds(each(ROUNDS, &origins, |&at| graph.reach(&[at], &[900]).areas())),
        "reach_300_600_900_1800_areas_ms":
            milliseconds(each(ROUNDS, &origins, |&at| graph.reach(&[at], &[300, 600, 900, 1_800]).areas())),
        "stations_300_area_ms": milliseconds(each(ROUNDS, &[()], |()| graph.reach(&stations, &[300]).areas())),
        "nearest_3_of_30_ms": milliseconds(each(ROUNDS, &origins, |&at| {
            graph.nearest(at, &targets, Direction::FromTargets, 3, 3_600)
        })),
        "snap_ms": milliseconds(each(ROUNDS, &origins, |&at| graph.snap(at, 500.0))),
        "route_ms": milliseconds(each(ROUNDS, &pairs, |&(&from, &to)| graph.route(from, to))),
        "table_first_use_ms": milliseconds(ancestry),
        "table_100_ms": milliseconds(each(5, &[()], |()| graph.table(&table, &table))),
    });
    println!("{report:#}");
}

/// Seconds of each call, sorted.
fn each<A, T>(rounds: usize, over: &[A], mut work: impl FnMut(&A) -> T) -> Vec<f64> {
    let mut seconds = Vec::with_capacity(rounds * over.len());
    for _ in 0..rounds {
        for it in over {
            let start = Instant::now();
            black_box(work(it));
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    seconds
}

fn milliseconds(sorted: Vec<f64>) -> Json {
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize] * 1e3;
    json!({"p50": at(0.5), "p95": at(0.95), "n": sorted.len()})
}

fn pairs_of(positions: &[Position]) -> Vec<[f64; 2]> {
    positions.iter().map(|at| [at.x, at.y]).collect()
}
