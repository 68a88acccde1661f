//! Extracts written for a test, and the plain algorithm that searches are measured against.
#![allow(dead_code, reason = "each test uses its part")]

use std::{cmp::Reverse, collections::BinaryHeap};

use anlan_roads::{Graph, Position};

/// The extract of Liechtenstein.
pub const LIECHTENSTEIN: &[u8] = include_bytes!("../data/liechtenstein.osm.pbf");

/// A node: number, 10⁻⁷ degrees east and north, tags.
pub type Node<'a> = (i64, i32, i32, &'a str);
/// A way: nodes, tags as `key=value key=value`.
pub type Way<'a> = (Vec<i64>, &'a str);

/// An .osm.pbf file of these nodes and ways, unpacked or not as the format leaves open.
pub fn extract(nodes: &[Node<'_>], ways: &[Way<'_>]) -> Vec<u8> {
    let mut header = Vec::new();
    bytes(&mut header, 4, b"OsmSchema-V0.6");
    bytes(&mut header, 4, b"DenseNodes");
    [blob("OSMHeader", &header), blob("OSMData", &block(nodes, ways))].concat()
}

/// A blob with raw content.
pub fn blob(kind: &str, content: &[u8]) -> Vec<u8> {
    let mut inner = Vec::new();
    bytes(&mut inner, 1, content);
    framed(kind, &inner)
}

/// A blob message with its header before it.
pub fn framed(kind: &str, inner: &[u8]) -> Vec<u8> {
    let mut header = Vec::new();
    bytes(&mut header, 1, kind.as_bytes());
    number(&mut header, 3, inner.len() as u64);
    [&(header.len() as u32).to_be_bytes()[..], &header, inner].concat()
}

fn block(nodes: &[Node<'_>], ways: &[Way<'_>]) -> Vec<u8> {
    let mut strings = vec![String::new()];
    let mut group = Vec::new();
    for &(id, east, north, tags) in nodes {
        let mut node = Vec::new();
        number(&mut node, 1, zigzag(id));
        tagged(&mut node, tags, &mut strings);
        number(&mut node, 8, zigzag(i64::from(north)));
        number(&mut node, 9, zigzag(i64::from(east)));
        bytes(&mut group, 1, &node);
    }
    for (along, tags) in ways {
        let mut way = Vec::new();
        tagged(&mut way, tags, &mut strings);
        let mut steps = Vec::new();
        let mut before = 0;
        for id in along {
            varint(&mut steps, zigzag(id - before));
            before = *id;
        }
        bytes(&mut way, 8, &steps);
        bytes(&mut group, 3, &way);
    }
    let mut table = Vec::new();
    strings.iter().for_each(|text| bytes(&mut table, 1, text.as_bytes()));
    let mut block = Vec::new();
    bytes(&mut block, 1, &table);
    bytes(&mut block, 2, &group);
    block
}

fn tagged(into: &mut Vec<u8>, tags: &str, strings: &mut Vec<String>) {
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for (key, value) in tags.split(' ').filter_map(|pair| pair.split_once('=')) {
        varint(&mut keys, strings.len() as u64);
        varint(&mut values, strings.len() as u64 + 1);
        strings.extend([key.to_owned(), value.to_owned()]);
    }
    bytes(into, 2, &keys);
    bytes(into, 3, &values);
}

/// A field of bytes.
pub fn bytes(into: &mut Vec<u8>, field: u64, content: &[u8]) {
    varint(into, field << 3 | 2);
    varint(into, content.len() as u64);
    into.extend_from_slice(content);
}

/// A field with a number.
pub fn number(into: &mut Vec<u8>, field: u64, number: u64) {
    varint(into, field << 3);
    varint(into, number);
}

fn varint(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

/// Milliseconds to every junction by Dijkstra's algorithm, as plain as can be.
pub fn dijkstra(graph: &Graph, starts: &[(u32, u32)]) -> Vec<Option<u32>> {
    let mut arcs = vec![Vec::new(); graph.facts().junctions];
    for road in graph.roads() {
        arcs[road.a as usize].push((road.b, road.forward));
        arcs[road.b as usize].push((road.a, road.backward));
    }
    let mut times = vec![None; arcs.len()];
    let mut heap: BinaryHeap<_> = starts.iter().map(|&(node, time)| Reverse((time, node))).collect();
    while let Some(Reverse((time, node))) = heap.pop() {
        if times[node as usize].is_none() {
            times[node as usize] = Some(time);
            let onward = arcs[node as usize].iter().filter(|arc| arc.1 != u32::MAX);
            heap.extend(onward.map(|&(head, more)| Reverse((time + more, head))));
        }
    }
    times
}

/// Numbers that look random and are the same every time.
pub struct Dice(pub u64);

impl Dice {
    /// From 0 up to 1.
    pub fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A position among the settlements of Liechtenstein, on the extract's roads.
    pub fn position(&mut self, graph: &Graph) -> Position {
        loop {
            let (low, high) = (graph.facts().south_west, graph.facts().north_east);
            let x = low.0 + (high.0 - low.0) * self.roll();
            let y = low.1 + (high.1 - low.1) * self.roll();
            if graph.snap(Position { x, y }, 200.0).is_some() {
                return Position { x, y };
            }
        }
    }
}
