//! Back along a search: how long the way was, and where it ran.

use crate::{
    Graph,
    degrees::{Position, Spot},
    graph::{Arcs, Road},
    search::{NO_ARC, Scratch},
    targets::Placed,
};

/// The ways that a search found.
pub struct Path<'a> {
    pub graph: &'a Graph,
    pub arcs: &'a Arcs,
    pub scratch: &'a Scratch,
}

impl Path<'_> {
    /// Milliseconds to `node`.
    pub fn time(&self, node: u32) -> u32 {
        self.scratch.time[node as usize]
    }

    /// Roads from `node` back to where the search started, each with the node it leads to, and that start.
    pub fn back(&self, node: u32) -> (Vec<(u32, u32)>, u32) {
        let (mut roads, mut node) = (Vec::new(), node);
        loop {
            let arc = self.scratch.parent[node as usize];
            if arc == NO_ARC {
                return (roads, node);
            }
            let number = self.arcs.road(arc);
            roads.push((number, node));
            let road = &self.graph.parts.roads[number as usize];
            node = if road.b == node { road.a } else { road.b };
        }
    }

    /// Metres from where the search started at `here` to `node`, those off the road included.
    pub fn metres(&self, here: &Placed, node: u32, leaving: bool) -> f64 {
        let (roads, start) = self.back(node);
        let decimetres: u64 =
            roads.iter().map(|&(road, _)| u64::from(self.graph.parts.roads[road as usize].decimetres)).sum();
        decimetres as f64 / 10.0 + self.graph.metres_to_end(here, start, leaving, self.time(start), 0)
    }
}

impl Graph {
    fn metres_of(&self, road: u32) -> f64 {
        f64::from(self.parts.roads[road as usize].decimetres) / 10.0
    }

    /// Metres between two places on one road, without leaving it.
    pub(crate) fn metres_between(&self, from: &Placed, to: &Placed) -> f64 {
        f64::from((from.share - to.share).abs()) * self.metres_of(from.road)
    }

    /// Metres between a position and the end `node` of its road that took `until - since` milliseconds.
    pub(crate) fn metres_to_end(&self, placed: &Placed, node: u32, leaving: bool, until: u32, since: u32) -> f64 {
        let by_a = self.by_a(placed, node, leaving, until - since);
        let share = f64::from(placed.share);
        placed.metres + self.metres_of(placed.road) * if by_a { share } else { 1.0 - share }
    }

    /// Whether the way between a position and `node` in `time` goes by the start of its road: a loop has one node.
    pub(crate) fn by_a(&self, placed: &Placed, node: u32, leaving: bool, time: u32) -> bool {
        let road: &Road = &self.parts.roads[placed.road as usize];
        let to_a = if leaving { road.leave_by_a(placed.share) } else { road.come_by_a(placed.share) };
        road.a == node && to_a.is_some_and(|to_a| to_a + placed.off_road == time)
    }

    /// Points of a road between two shares of its length, in the order of travel.
    pub(crate) fn stretch(&self, road: u32, from: f32, to: f32) -> Vec<Position> {
        let (low, high) = if from <= to { (from, to) } else { (to, from) };
        let (shape, along) = (self.shape(road), &self.along[self.shape_range(road)]);
        let whole = along[along.len() - 1];
        let inner = shape.iter().zip(along).filter(|&(_, &at)| at > low * whole && at < high * whole);
        let mut points = vec![point_at(shape, along, low * whole)];
        points.extend(inner.map(|(spot, _)| spot.position()));
        points.push(point_at(shape, along, high * whole));
        if from > to {
            points.reverse();
        }
        points
    }
}

fn point_at(shape: &[Spot], along: &[f32], metres: f32) -> Position {
    let after = along.partition_point(|&at| at < metres).clamp(1, shape.len() - 1);
    let (a, b) = (shape[after - 1].position(), shape[after].position());
    let leg = along[after] - along[after - 1];
    let share = if leg > 0.0 { f64::from(((metres - along[after - 1]) / leg).clamp(0.0, 1.0)) } else { 0.0 };
    a + (b - a) * share
}
