//! Shortest times: a bucket queue over arrays that are reused.
//!
//! Labels wait in buckets of 2ⁿ ms and are taken bucket by bucket; within one, a label that a shorter arc betters is
//! taken again. So the order inside a bucket does not matter, and the times are those of Dijkstra's algorithm.

use crate::graph::{Arcs, MAX_TIME, NEVER, Road};

/// A label's parent when it has none.
pub const NO_ARC: u32 = u32::MAX;
/// Finest bucket, 2ⁿ ms; about the time along a short road.
const FINEST: u32 = 11;
const MOST_BUCKETS: u32 = 4_096;

/// Width of a bucket as a power of two, chosen once per graph.
#[derive(Clone, Copy, Debug)]
pub struct Shift {
    shift: u32,
    longest: u32,
}

impl Shift {
    pub fn for_roads(roads: &[Road]) -> Self {
        let times = roads.iter().flat_map(|road| [road.forward, road.backward]);
        let longest = times.filter(|&time| time != NEVER).max().unwrap_or(1);
        let mut shift = FINEST;
        while longest >> shift > MOST_BUCKETS {
            shift += 1;
        }
        Self { shift, longest }
    }
}

/// What a search asks and tells while it runs.
pub trait Watch {
    /// A junction can be reached in `time`; may come again with less.
    fn reached(&mut self, node: u32, time: u32);
    /// Everything below `time` is final; whether that is enough.
    fn enough(&mut self, time: u32) -> bool;
}

/// Watches nothing.
pub struct All;

impl Watch for All {
    fn reached(&mut self, _: u32, _: u32) {}
    fn enough(&mut self, _: u32) -> bool {
        false
    }
}

/// Arrays of a search. The times stay until [`Scratch::reset`].
#[derive(Debug, Default)]
pub struct Scratch {
    /// Milliseconds to each junction, or [`NEVER`].
    pub time: Vec<u32>,
    /// The arc by which each junction was reached; only where that was asked for.
    pub parent: Vec<u32>,
    /// Junctions that were reached.
    pub touched: Vec<u32>,
    buckets: Vec<Vec<(u32, u32)>>,
}

impl Scratch {
    pub fn new(nodes: u32) -> Self {
        let time = vec![NEVER; nodes as usize];
        Self { time, parent: Vec::new(), touched: Vec::new(), buckets: Vec::new() }
    }

    /// Forgets the last search.
    pub fn reset(&mut self) {
        for node in self.touched.drain(..) {
            self.time[node as usize] = NEVER;
        }
    }

    /// Times from the `starts` (junction, milliseconds) along `arcs`, as far as `most` milliseconds.
    pub fn run<const PARENTS: bool, W: Watch>(
        &mut self,
        arcs: &Arcs,
        width: Shift,
        starts: &[(u32, u32)],
        most: u32,
        watch: &mut W,
    ) {
        let most = most.min(MAX_TIME);
        if PARENTS {
            self.parent.resize(self.time.len(), NO_ARC);
        }
        let shift = width.shift;
        let latest = starts.iter().map(|start| start.1.min(most)).max().unwrap_or_default();
        let wanted = ((width.longest.max(latest) >> shift) as usize + 2).next_power_of_two();
        if self.buckets.len() < wanted {
            self.buckets.resize(wanted, Vec::new());
        }
        let mask = self.buckets.len() - 1;
        let mut waiting = 0usize;
        for &(node, time) in starts.iter().filter(|start| start.1 <= most) {
            waiting += usize::from(self.label::<PARENTS>(node, time, NO_ARC, shift, mask));
        }
        let mut bucket = 0usize;
        while waiting > 0 {
            if watch.enough(u32::try_from(bucket << shift).unwrap_or(u32::MAX)) {
                break;
            }
            while let Some((node, time)) = self.buckets[bucket & mask].pop() {
                waiting -= 1;
                if self.time[node as usize] != time {
                    continue;
                }
                watch.reached(node, time);
                let (first, arcs) = arcs.of_node(node);
                for (arc, number) in arcs.iter().zip(first..) {
                    let time = time + arc.time;
                    if time <= most {
                        waiting += usize::from(self.label::<PARENTS>(arc.node, time, number, shift, mask));
                    }
                }
            }
            bucket += 1;
        }
        if waiting > 0 {
            self.buckets.iter_mut().for_each(Vec::clear);
        }
    }

    /// Notes a better time and puts the junction in its bucket; whether it was better.
    fn label<const PARENTS: bool>(&mut self, node: u32, time: u32, arc: u32, shift: u32, mask: usize) -> bool {
        let known = &mut self.time[node as usize];
        if time >= *known {
            return false;
        }
        if *known == NEVER {
            self.touched.push(node);
        }
        *known = time;
        if PARENTS {
            self.parent[node as usize] = arc;
        }
        self.buckets[(time >> shift) as usize & mask].push((node, time));
        true
    }
}
