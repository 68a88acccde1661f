//! Any network: what is read from an extract drives as its ways do, and searches find the shortest times.

mod common;

use std::collections::BTreeMap;

use anlan_roads::{Direction, Graph, Position, Targets};
use common::{Way, dijkstra, extract};
use proptest::prelude::*;

/// Tags of ways, and what they mean: km/h, along, against.
const KINDS: [(&str, f64, bool, bool); 6] = [
    ("highway=residential", 30.0, true, true),
    ("highway=primary maxspeed=50", 40.0, true, true),
    ("highway=tertiary oneway=yes", 40.0, true, false),
    ("highway=secondary oneway=-1", 45.0, false, true),
    ("highway=track", 15.0, true, true),
    ("highway=footway", 0.0, false, false),
];
/// Kilometres east and north, in 10⁻⁷ degrees: the region lies about 24° E, 0.3° N.
const REGION: std::ops::Range<i32> = 0..200_000;

#[derive(Clone, Debug)]
struct Country {
    nodes: Vec<(i32, i32, bool)>,
    ways: Vec<(Vec<usize>, usize)>,
}

fn country() -> impl Strategy<Value = Country> {
    let node = (REGION, REGION, proptest::bool::weighted(0.05));
    proptest::collection::vec(node, 2..40).prop_flat_map(|nodes| {
        let way = (proptest::collection::vec(0..nodes.len(), 2..8), 0..KINDS.len());
        proptest::collection::vec(way, 1..25).prop_map(move |ways| Country { nodes: nodes.clone(), ways })
    })
}

impl Country {
    fn extract(&self) -> Vec<u8> {
        let numbered = (1i64..).zip(&self.nodes);
        let tags = |blocked: bool| if blocked { "barrier=bollard" } else { "" };
        let nodes: Vec<_> = numbered.map(|(id, &(x, y, b))| (id, 240_000_000 + x, 3_000_000 + y, tags(b))).collect();
        let ids = |along: &[usize]| along.iter().map(|&node| node as i64 + 1).collect();
        let ways: Vec<Way<'_>> = self.ways.iter().map(|(along, kind)| (ids(along), KINDS[*kind].0)).collect();
        extract(&nodes, &ways)
    }

    fn position(&self, node: usize) -> Position {
        let (x, y, _) = self.nodes[node];
        Position { x: f64::from(240_000_000 + x) / 1e7, y: f64::from(3_000_000 + y) / 1e7 }
    }

    fn metres(&self, a: usize, b: usize) -> f64 {
        let (a, b) = (self.position(a), self.position(b));
        let north = 6_371_008.8f64.to_radians();
        ((b.x - a.x) * north * a.y.to_radians().cos()).hypot((b.y - a.y) * north)
    }

    /// Seconds from a node to every node along the ways, leg by leg; nobody passes a bollard.
    fn seconds_from(&self, start: usize) -> BTreeMap<usize, f64> {
        let mut times = BTreeMap::from([(start, 0.0)]);
        loop {
            let mut better = false;
            for (along, kind) in &self.ways {
                let (_, speed, onward, back) = KINDS[*kind];
                for leg in along.windows(2).filter(|leg| leg[0] != leg[1]) {
                    let seconds = self.metres(leg[0], leg[1]) * 3.6 / speed;
                    for (a, b, open) in [(leg[0], leg[1], onward), (leg[1], leg[0], back)] {
                        let Some(&time) = times.get(&a).filter(|_| open && (a == start || !self.nodes[a].2)) else {
                            continue;
                        };
                        if times.get(&b).is_none_or(|&known| time + seconds < known - 1e-9) {
                            times.insert(b, time + seconds);
                            better = true;
                        }
                    }
                }
            }
            if !better {
                return times;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_route_takes_what_its_legs_take(country in country(), from in 0usize..40, to in 0usize..40) {
        let (from, to) = (from % country.nodes.len(), to % country.nodes.len());
        let Ok(graph) = Graph::from_pbf(&country.extract()) else { return Ok(()) };
        let known = [from, to].map(|node| {
            let snap = graph.snap(country.position(node), 1.0).filter(|snap| snap.metres < 0.02);
            snap.filter(|_| !country.nodes[node].2)
        });
        let there = country.seconds_from(from).get(&to).copied();
        // Where one cannot come back from, the graph may have left out.
        let back = country.seconds_from(to).get(&from).copied();
        if let ([Some(_), Some(_)], Some(there), Some(_)) = (known, there, back) {
            let route = graph.route(country.position(from), country.position(to)).expect("a way");
            // Rounding: half a millisecond per road, and the places on roads that cross within centimetres.
            prop_assert!((route.seconds - there).abs() < 0.1, "{} {there}", route.seconds);
        }
    }

    #[test]
    fn every_search_is_dijkstras(country in country(), at in (REGION, REGION), limit in 1u32..4_000) {
        let Ok(graph) = Graph::from_pbf(&country.extract()) else { return Ok(()) };
        let origins = [0, 1].map(|node| country.position(node));
        let reach = graph.reach(&origins, &[limit]);
        let starts: Vec<_> = (0u32..graph.facts().junctions as u32)
            .filter_map(|junction| Some((junction, reach.milliseconds(junction)?)))
            .collect();
        // Shortest times are a fixed point: started from all of them, nothing becomes shorter or is missing.
        for (junction, time) in (0u32..).zip(dijkstra(&graph, &starts)) {
            prop_assert_eq!(reach.milliseconds(junction), time.filter(|&time| time <= limit * 1_000));
        }
        let here = Position { x: f64::from(240_000_000 + at.0) / 1e7, y: f64::from(3_000_000 + at.1) / 1e7 };
        let places: Vec<_> = (0..country.nodes.len()).map(|node| country.position(node)).collect();
        let targets = Targets::new(&graph, &places);
        for direction in [Direction::ToTargets, Direction::FromTargets] {
            let table = match direction {
                Direction::ToTargets => graph.table(&[here], &places).concat(),
                Direction::FromTargets => graph.table(&places, &[here]).concat(),
            };
            let mut want: Vec<_> = (0..).zip(table).filter_map(|(index, time)| Some((time?, index))).collect();
            want.retain(|it| it.0 <= f64::from(limit));
            want.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
            want.truncate(4);
            let found = graph.nearest(here, &targets, direction, 4, limit);
            prop_assert_eq!(found.iter().map(|it| (it.seconds, it.index)).collect::<Vec<_>>(), want);
        }
    }

    #[test]
    fn a_large_table_says_what_single_rows_say(country in country(), at in proptest::collection::vec((REGION, REGION), 12)) {
        let Ok(graph) = Graph::from_pbf(&country.extract()) else { return Ok(()) };
        let place = |&(x, y): &(i32, i32)| Position { x: f64::from(240_000_000 + x) / 1e7, y: f64::from(3_000_000 + y) / 1e7 };
        let mut all: Vec<_> = at.iter().map(place).collect();
        all.extend((0..country.nodes.len()).map(|node| country.position(node)));
        let table = graph.table(&all, &all);
        for (row, &from) in table.iter().zip(&all) {
            prop_assert_eq!(row, &graph.table(&[from], &all)[0]);
        }
    }

    #[test]
    fn kept_bytes_are_read_back(country in country()) {
        let Ok(graph) = Graph::from_pbf(&country.extract()) else { return Ok(()) };
        let kept = Graph::from_bytes(&graph.to_bytes()).expect("our own bytes");
        prop_assert_eq!(kept.roads(), graph.roads());
        prop_assert_eq!(kept.to_bytes(), graph.to_bytes());
    }
}
