//! Areas of what is reached: sound rings that say what the times say.

mod common;

use std::sync::LazyLock;

use anlan_roads::{Graph, Position, Targets};
use common::{Dice, LIECHTENSTEIN, extract};
use geo_types::{LineString, MultiPolygon};

static GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::from_pbf(LIECHTENSTEIN).expect("an extract"));
const LIMITS: [u32; 4] = [120, 300, 600, 900];

fn origins(seed: u64, count: usize) -> Vec<Position> {
    let mut dice = Dice(seed);
    (0..count).map(|_| dice.position(&GRAPH)).collect()
}

fn rings(area: &MultiPolygon<f64>) -> impl Iterator<Item = &LineString<f64>> {
    area.0.iter().flat_map(|polygon| std::iter::once(polygon.exterior()).chain(polygon.interiors()))
}

fn within_ring(at: Position, ring: &LineString<f64>) -> bool {
    let crosses = |leg: &&[Position]| {
        (leg[0].y > at.y) != (leg[1].y > at.y)
            && at.x < leg[0].x + (at.y - leg[0].y) / (leg[1].y - leg[0].y) * (leg[1].x - leg[0].x)
    };
    ring.0.windows(2).filter(crosses).count() % 2 == 1
}

fn within(at: Position, area: &MultiPolygon<f64>) -> bool {
    rings(area).filter(|ring| within_ring(at, ring)).count() % 2 == 1
}

fn turn(a: Position, b: Position, c: Position) -> f64 {
    (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
}

#[test]
fn places_lie_within_an_area_when_they_are_reached_in_its_time() {
    let places = origins(1, 3_000);
    let targets = Targets::new(&GRAPH, &places);
    for origins in [origins(2, 1), origins(3, 1), origins(4, 6)] {
        let reach = GRAPH.reach(&origins, &LIMITS);
        let times = reach.seconds(&targets);
        for area in reach.areas() {
            let limit = f64::from(area.seconds);
            let wrong = places
                .iter()
                .zip(&times)
                .filter(|(place, time)| within(**place, &area.area) != time.is_some_and(|time| time <= limit));
            let wrong: Vec<_> =
                wrong.map(|(_, time)| time.map_or(f64::INFINITY, |time| (time - limit).abs())).collect();
            let (all, far) = (wrong.len(), wrong.iter().filter(|&&seconds| seconds > 120.0).count());
            println!("{all} {far} of {} at {limit} s", places.len());
            // The raster is 100 m wide; where one road's ground ends and another's begins it cannot be exact.
            assert!(all * 25 < places.len(), "{all} of {} at {limit} s", places.len());
            assert!(far * 50 < places.len(), "{far} of {} at {limit} s", places.len());
        }
    }
}

#[test]
fn rings_are_closed_turned_and_apart() {
    for origins in [origins(5, 1), origins(6, 4)] {
        for area in GRAPH.reach(&origins, &LIMITS).areas() {
            assert!(!area.area.0.is_empty());
            for polygon in &area.area.0 {
                let doubled =
                    |ring: &LineString<f64>| ring.0.windows(2).map(|leg| turn(ring.0[0], leg[0], leg[1])).sum::<f64>();
                assert!(doubled(polygon.exterior()) > 0.0, "exteriors run counterclockwise");
                for hole in polygon.interiors() {
                    assert!(doubled(hole) < 0.0, "holes run clockwise");
                    assert!(within_ring(hole.0[0], polygon.exterior()), "holes lie in their exterior");
                }
            }
            let mut legs: Vec<[Position; 2]> = Vec::new();
            for ring in rings(&area.area) {
                assert!(ring.0.len() > 4 && ring.0.first() == ring.0.last(), "rings are closed");
                legs.extend(ring.0.windows(2).map(|leg| [leg[0], leg[1]]));
            }
            let corners = legs.iter().map(|leg| (leg[0].x.to_bits(), leg[0].y.to_bits()));
            assert_eq!(corners.collect::<std::collections::BTreeSet<_>>().len(), legs.len(), "no point comes twice");
            legs.sort_by(|a, b| a[0].x.total_cmp(&b[0].x));
            for (index, one) in legs.iter().enumerate() {
                // A leg is no longer than the diagonal of a cell, some 0.002 degrees.
                for other in legs[index + 1..].iter().take_while(|other| other[0].x < one[0].x + 0.005) {
                    let across = turn(one[0], one[1], other[0]) * turn(one[0], one[1], other[1]) < 0.0
                        && turn(other[0], other[1], one[0]) * turn(other[0], other[1], one[1]) < 0.0;
                    assert!(!across, "{one:?} crosses {other:?}");
                }
            }
        }
    }
}

#[test]
fn more_time_and_more_origins_reach_more() {
    let all = origins(7, 5);
    let places = Targets::new(&GRAPH, &origins(8, 500));
    let share = |origins: &[Position], limit: u32| {
        let times = GRAPH.reach(origins, &[limit]).seconds(&places);
        times.iter().flatten().filter(|&&time| time <= f64::from(limit)).count()
    };
    for limit in LIMITS.windows(2) {
        assert!(share(&all, limit[0]) < share(&all, limit[1]));
    }
    assert!(share(&all[..1], 300) < share(&all, 300));
    let alone: Vec<_> = all.iter().map(|&origin| GRAPH.reach(&[origin], &[900]).seconds(&places)).collect();
    let together = GRAPH.reach(&all, &[900]).seconds(&places);
    for (place, time) in together.iter().enumerate() {
        let best = alone.iter().filter_map(|times| times[place]).min_by(f64::total_cmp);
        assert_eq!(*time, best);
    }
}

#[test]
fn a_block_that_no_road_enters_is_a_hole() {
    let corners = [(0, 0), (400_000, 0), (400_000, 300_000), (0, 300_000)];
    let nodes: Vec<_> = (1i64..).zip(corners).map(|(id, (x, y))| (id, 100_000_000 + x, 400_000_000 + y, "")).collect();
    let graph = Graph::from_pbf(&extract(&nodes, &[(vec![1, 2, 3, 4, 1], "highway=primary")])).expect("a road");
    let areas = graph.reach(&[Position { x: 10.0, y: 40.0 }], &[60, 100_000]).areas();
    let [near, all] = &areas[..] else { panic!("two limits") };
    assert_eq!((near.area.0.len(), near.area.0[0].interiors().len()), (1, 0));
    assert_eq!((all.area.0.len(), all.area.0[0].interiors().len()), (1, 1));
    assert!(!within(Position { x: 10.02, y: 40.015 }, &all.area));
    assert!(within(Position { x: 10.02, y: 40.001 }, &all.area));
}
