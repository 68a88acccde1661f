//! A small country as it is: what is read, and that every way of asking gives the same times.

mod common;

use std::sync::LazyLock;

use anlan_roads::{Direction, Graph, Position, Targets};
use common::{Dice, LIECHTENSTEIN, dijkstra};

static GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::from_pbf(LIECHTENSTEIN).expect("an extract"));

fn positions(seed: u64, count: usize) -> Vec<Position> {
    let mut dice = Dice(seed);
    (0..count).map(|_| dice.position(&GRAPH)).collect()
}

#[test]
fn the_roads_of_the_extract_are_there() {
    let facts = GRAPH.facts();
    println!("{facts:?}");
    assert!((3_000..9_000).contains(&facts.junctions), "{facts:?}");
    assert!((500_000..1_500_000).contains(&facts.metres), "{facts:?}");
    assert!(facts.left_out_metres * 10 < facts.metres, "{facts:?}");
    assert!(facts.south_west.1 > 46.9 && facts.north_east.1 < 47.4, "{facts:?}");
}

#[test]
fn from_balzers_to_schaan_is_some_thirteen_kilometres() {
    let (balzers, schaan) = (Position { x: 9.5025, y: 47.0665 }, Position { x: 9.5095, y: 47.1651 });
    let route = GRAPH.route(balzers, schaan).expect("a way");
    assert!((11_000.0..15_000.0).contains(&route.metres), "{} m", route.metres);
    assert!((600.0..1_800.0).contains(&route.seconds), "{} s", route.seconds);
    let line = &route.line.0;
    assert_eq!((line[0], line[line.len() - 1]), (balzers, schaan));
    assert!(line.windows(2).all(|leg| (leg[1].x - leg[0].x).hypot(leg[1].y - leg[0].y) < 0.02), "no leaps");
}

#[test]
fn times_to_junctions_are_dijkstras() {
    for origin in positions(1, 20) {
        let snap = GRAPH.snap(origin, 500.0).expect("a road");
        let (road, off_road) = (GRAPH.roads()[snap.road as usize], snap.off_road());
        let share = |whole: u32| (f64::from(whole) * f64::from(snap.share)).round() as u32;
        let (far, mut starts) = (f64::from(road.decimetres) / 10.0 - 10.0, Vec::new());
        if road.forward.max(road.backward) == u32::MAX && !(10.0..far).contains(&snap.offset) {
            continue; // At a junction one may turn against a one-way road.
        }
        if road.backward != u32::MAX {
            starts.push((road.a, share(road.backward) + off_road));
        }
        if road.forward != u32::MAX {
            starts.push((road.b, road.forward - share(road.forward) + off_road));
        }
        let whole = dijkstra(&GRAPH, &starts);
        for limit in [60, 300, 900, 100_000] {
            let reach = GRAPH.reach(&[origin], &[limit]);
            for (junction, time) in (0u32..).zip(&whole) {
                assert_eq!(reach.milliseconds(junction), time.filter(|&time| time <= limit * 1_000));
            }
        }
    }
}

#[test]
fn nearest_route_table_and_reach_agree() {
    let (from, to) = (positions(2, 12), positions(3, 30));
    let targets = Targets::new(&GRAPH, &to);
    let table = GRAPH.table(&from, &to);
    assert_eq!(table, from.iter().map(|&from| GRAPH.table(&[from], &to).concat()).collect::<Vec<_>>());
    let turned = GRAPH.table(&to, &from);
    for (row, &here) in table.iter().zip(&from) {
        assert_eq!(&GRAPH.reach(&[here], &[u32::MAX]).seconds(&targets), row);
        let mut order: Vec<_> =
            row.iter().enumerate().filter_map(|(index, time)| Some((time.as_ref()?, index))).collect();
        order.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
        let nearest = GRAPH.nearest(here, &targets, Direction::ToTargets, 5, 3_600);
        let found: Vec<_> = nearest.iter().map(|it| (&it.seconds, it.index)).collect();
        assert_eq!(found, order[..5]);
        for reached in nearest {
            let route = GRAPH.route(here, to[reached.index]).expect("a way");
            assert_eq!(route.seconds, reached.seconds);
            assert!((route.metres - reached.metres).abs() < 0.5, "{} {}", route.metres, reached.metres);
        }
    }
    for (column, &incident) in from.iter().enumerate() {
        for team in GRAPH.nearest(incident, &targets, Direction::FromTargets, 30, 36_000) {
            assert_eq!(turned[team.index][column], Some(team.seconds));
            let route = GRAPH.route(to[team.index], incident).expect("a way");
            assert!((route.metres - team.metres).abs() < 0.5, "{} {}", route.metres, team.metres);
        }
    }
}

#[test]
fn a_line_is_as_long_as_its_metres() {
    for pair in positions(4, 40).chunks(2) {
        let route = GRAPH.route(pair[0], pair[1]).expect("a way");
        let north = 6_371_008.8f64.to_radians();
        let metres = |leg: &[Position]| {
            let east = north * leg[0].y.to_radians().cos();
            ((leg[1].x - leg[0].x) * east).hypot((leg[1].y - leg[0].y) * north)
        };
        let length: f64 = route.line.0.windows(2).map(metres).sum();
        assert!((length - route.metres).abs() < 1.0 + route.metres * 0.001, "{length} {}", route.metres);
    }
}

#[test]
fn only_so_many_and_only_so_far() {
    let (here, targets) = (positions(5, 1)[0], Targets::new(&GRAPH, &positions(6, 50)));
    assert_eq!(GRAPH.nearest(here, &targets, Direction::FromTargets, 0, 900), []);
    assert_eq!(GRAPH.nearest(here, &targets, Direction::FromTargets, 3, 36_000).len(), 3);
    let near = GRAPH.nearest(here, &targets, Direction::FromTargets, 50, 300);
    assert!(near.len() < 50 && near.iter().all(|team| team.seconds <= 300.0));
}

#[test]
fn what_lies_off_the_roads_says_so() {
    let (sea, nowhere) = (Position { x: -30.0, y: 40.0 }, Position { x: f64::NAN, y: 47.0 });
    let ridge = Position { x: 9.6085, y: 47.0845 };
    for off in [sea, nowhere, ridge, Position { x: 900.0, y: 47.0 }, Position { x: f64::INFINITY, y: 0.0 }] {
        assert_eq!(GRAPH.snap(off, 500.0), None, "{off:?}");
    }
    let targets = Targets::new(&GRAPH, &[sea, positions(7, 1)[0], nowhere]);
    assert_eq!(targets.off_the_roads().collect::<Vec<_>>(), [0, 2]);
    assert_eq!(GRAPH.nearest(sea, &targets, Direction::ToTargets, 3, 900), []);
    assert_eq!(GRAPH.route(sea, nowhere), None);
    let reach = GRAPH.reach(&[sea], &[300]);
    assert_eq!((reach.origins(), reach.seconds(&targets)), (0, vec![None; 3]));
    assert!(reach.areas()[0].area.0.is_empty());
}

#[test]
fn a_position_is_brought_to_the_very_nearest_leg() {
    for position in positions(8, 200) {
        let snap = GRAPH.snap(position, 500.0).expect("a road");
        let (north, east) = (6_371_008.8f64.to_radians(), 6_371_008.8f64.to_radians() * position.y.to_radians().cos());
        let metres = ((snap.point.x - position.x) * east).hypot((snap.point.y - position.y) * north);
        assert!((metres - snap.metres).abs() < 0.1, "{metres} {}", snap.metres);
        // A little nearer than that, nothing is found; however far one looks, nothing else.
        assert_eq!(GRAPH.snap(position, (snap.metres - 0.01).max(0.0)).filter(|_| snap.metres > 0.02), None);
        assert_eq!(GRAPH.snap(position, 1e9), Some(snap));
    }
}

#[test]
fn kept_roads_give_the_same_answers() {
    let bytes = GRAPH.to_bytes();
    let kept = Graph::from_bytes(&bytes).expect("our own bytes");
    assert_eq!((kept.facts(), kept.roads()), (GRAPH.facts(), GRAPH.roads()));
    let (from, to) = (positions(9, 5), positions(10, 5));
    assert_eq!(kept.table(&from, &to), GRAPH.table(&from, &to));
    assert_eq!(kept.to_bytes(), bytes);
    println!("{} bytes, from {}", bytes.len(), LIECHTENSTEIN.len());
}

#[test]
fn a_corridor_of_shenzhen_is_read_too() {
    let corridor = include_bytes!("data/nanshan_keyuan_road_corridor_2021-03-17.osm.pbf");
    let graph = Graph::from_pbf(corridor).expect("an extract");
    let (from, to) = (Position { x: 113.9375, y: 22.5405 }, Position { x: 113.9545, y: 22.5495 });
    let route = graph.route(from, to).expect("a way");
    println!("{:?} {} s {} m", graph.facts(), route.seconds, route.metres);
    assert!((1_500.0..8_000.0).contains(&route.metres), "{} m", route.metres);
}
