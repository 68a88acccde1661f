//! Positions that are asked about again and again: teams, stations, places.

use crate::{
    Graph,
    degrees::Position,
    graph::Road,
    snap::{SNAP_METRES, Snap},
};

/// Which way is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the position to the targets: where can these people be taken?
    ToTargets,
    /// From the targets to the position: who is here first?
    FromTargets,
}

/// A position brought to its road.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    pub road: u32,
    pub share: f32,
    /// Milliseconds and metres between the position and the road.
    pub off_road: u32,
    pub metres: f64,
}

impl Placed {
    pub fn of(snap: &Snap) -> Self {
        Self { road: snap.road, share: snap.share, off_road: snap.off_road(), metres: snap.metres }
    }

    /// The ends of its road and the milliseconds to them: leaving for them, or coming from them.
    pub fn ends(&self, road: &Road, leaving: bool) -> impl Iterator<Item = (u32, u32)> + use<> {
        let (a, b) = match leaving {
            true => (road.leave_by_a(self.share), road.leave_by_b(self.share)),
            false => (road.come_by_a(self.share), road.come_by_b(self.share)),
        };
        let off_road = self.off_road;
        [(road.a, a), (road.b, b)].into_iter().filter_map(move |(node, time)| Some((node, time? + off_road)))
    }
}

/// A target at the end of its road.
#[derive(Clone, Copy, Debug)]
pub struct Attached {
    pub node: u32,
    pub target: u32,
    /// Milliseconds between the node and the target.
    pub time: u32,
}

/// Attachments by node, with a bit per node that has one.
#[derive(Clone, Debug)]
pub struct Attachments {
    bits: Vec<u64>,
    sorted: Vec<Attached>,
}

impl Attachments {
    fn of(nodes: u32, mut sorted: Vec<Attached>) -> Self {
        sorted.sort_unstable_by_key(|it| it.node);
        let mut bits = vec![0u64; nodes as usize / 64 + 1];
        for it in &sorted {
            bits[it.node as usize / 64] |= 1 << (it.node % 64);
        }
        Self { bits, sorted }
    }

    /// What is attached to `node`.
    pub fn at(&self, node: u32) -> &[Attached] {
        if self.bits[node as usize / 64] >> (node % 64) & 1 == 0 {
            return &[];
        }
        let from = self.sorted.partition_point(|it| it.node < node);
        let count = self.sorted[from..].iter().take_while(|it| it.node == node).count();
        &self.sorted[from..from + count]
    }
}

/// Positions brought to the roads of one graph, ready to be asked about.
#[derive(Clone, Debug)]
pub struct Targets {
    pub(crate) placed: Vec<Option<Placed>>,
    /// Targets by their road.
    by_road: Vec<(u32, u32)>,
    leaving: Attachments,
    coming: Attachments,
}

impl Targets {
    /// Brings `positions` to the roads of `graph`, at most [`SNAP_METRES`] away.
    pub fn new(graph: &Graph, positions: &[Position]) -> Self {
        Self::within(graph, positions, SNAP_METRES)
    }

    /// Brings `positions` to the roads of `graph`, at most `metres` away.
    pub fn within(graph: &Graph, positions: &[Position], metres: f64) -> Self {
        let place = |&position: &Position| graph.snap(position, metres).map(|snap| Placed::of(&snap));
        let placed: Vec<_> = positions.iter().map(place).collect();
        let attached = |leaving| {
            let attached = |(target, placed): (u32, &Placed)| {
                let ends = placed.ends(&graph.parts.roads[placed.road as usize], leaving);
                ends.map(move |(node, time)| Attached { node, target, time })
            };
            Attachments::of(graph.parts.nodes, numbered(&placed).flat_map(attached).collect())
        };
        let mut by_road: Vec<_> = numbered(&placed).map(|(target, placed)| (placed.road, target)).collect();
        by_road.sort_unstable();
        let (leaving, coming) = (attached(true), attached(false));
        Self { placed, by_road, leaving, coming }
    }

    /// How many positions there are, those without a road included.
    pub fn len(&self) -> usize {
        self.placed.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.placed.is_empty()
    }

    /// Positions that no road comes near enough to, by their index.
    pub fn off_the_roads(&self) -> impl Iterator<Item = usize> {
        self.placed.iter().enumerate().filter(|(_, placed)| placed.is_none()).map(|(index, _)| index)
    }

    pub(crate) fn attachments(&self, direction: Direction) -> &Attachments {
        match direction {
            Direction::ToTargets => &self.coming,
            Direction::FromTargets => &self.leaving,
        }
    }

    /// Targets beside `road`.
    pub(crate) fn beside(&self, road: u32) -> impl Iterator<Item = (u32, &Placed)> {
        let from = self.by_road.partition_point(|it| it.0 < road);
        let targets = self.by_road[from..].iter().take_while(move |it| it.0 == road);
        targets.filter_map(|&(_, target)| Some((target, self.placed[target as usize].as_ref()?)))
    }
}

fn numbered(placed: &[Option<Placed>]) -> impl Iterator<Item = (u32, &Placed)> {
    (0u32..).zip(placed).filter_map(|(number, placed)| Some((number, placed.as_ref()?)))
}
