//! Times between many positions, without a search for each.
//!
//! Junctions are taken out of the network one by one, those with the fewest neighbours first, and the ways through
//! each become arcs between its neighbours. What a junction was tied to when it went are its ancestors' line: every
//! shortest way climbs from its start to an ancestor that both ends share, and down to its end. So a position needs
//! one list of times, to its ancestors from the root down, and two lists give the time between two positions.
//! (Customizable contraction hierarchies with an elimination tree: Dibbelt, Strasser, Wagner 2016; without their
//! customization.)

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::{
    graph::{MAX_TIME, NEVER, Road},
    targets::Placed,
};

/// Steps of preparing after which it is given up: some tenths of a second. Country roads need few; a large city of
/// even blocks is too tangled.
const MOST_STEPS: usize = 200_000_000;
/// Beyond this many junctions it is not tried.
const MOST_NODES: u32 = 200_000;
/// A time that two of can be added.
const FAR: u32 = u32::MAX / 2;

#[derive(Clone, Copy, Debug)]
struct Tie {
    node: u32,
    /// Milliseconds to the neighbour, and from it; [`NEVER`] when there is no way.
    to: u32,
    from: u32,
}

/// The line of ancestors of every junction.
#[derive(Debug)]
pub struct Ancestry {
    /// Ties to ancestors.
    ties: Vec<Vec<Tie>>,
    parent: Vec<u32>,
    depth: Vec<u32>,
}

/// A position's times to the ancestors of its road's ends, or from them, from the root down.
pub struct Line {
    ancestors: Vec<u32>,
    times: Vec<u32>,
}

impl Line {
    /// Milliseconds from the position of this line to that of `other`, which holds the times from its ancestors.
    pub fn time_to(&self, other: &Self) -> u32 {
        let (most, mut shared) = (self.ancestors.len().min(other.ancestors.len()), 0);
        let mut unknown = most;
        while unknown > 0 {
            let half = unknown.div_ceil(2);
            if self.ancestors[shared + half - 1] == other.ancestors[shared + half - 1] {
                shared += half;
                unknown -= half;
            } else {
                unknown = half - 1;
            }
        }
        self.times[..shared].iter().zip(&other.times[..shared]).map(|(to, from)| to + from).min().unwrap_or(NEVER)
    }
}

impl Ancestry {
    /// Takes the junctions out one by one; `None` where the network is too large or too tangled for that in
    /// [`MOST_STEPS`].
    pub fn of(nodes: u32, roads: &[Road]) -> Option<Self> {
        if nodes > MOST_NODES {
            return None;
        }
        let mut ties: Vec<Vec<Tie>> = vec![Vec::new(); nodes as usize];
        for road in roads.iter().filter(|road| road.a != road.b) {
            tie(&mut ties, road.a, road.b, road.forward, road.backward);
        }
        let mut level = vec![0u32; nodes as usize];
        let mut rank = vec![NEVER; nodes as usize];
        let key = |ties: &[Tie], level: u32| 2 * ties.len() as u32 + level;
        let mut queue: BinaryHeap<_> = (0..nodes).map(|node| Reverse((key(&ties[node as usize], 0), node))).collect();
        let (mut next_rank, mut steps) = (0, 0usize);
        while let Some(Reverse((was, node))) = queue.pop() {
            let taken = node as usize;
            if rank[taken] != NEVER || key(&ties[taken], level[taken]) != was {
                continue;
            }
            // Each pair of neighbours is looked for among the ties of both.
            steps += ties[taken].len().pow(3) + 8;
            if steps > MOST_STEPS {
                return None;
            }
            rank[taken] = next_rank;
            next_rank += 1;
            take_out(&mut ties, node);
            for tied in ties[taken].clone() {
                let neighbour = tied.node as usize;
                level[neighbour] = level[neighbour].max(level[taken] + 1);
                queue.push(Reverse((key(&ties[neighbour], level[neighbour]), tied.node)));
            }
        }
        Some(Self::ranked(ties, &rank))
    }

    fn ranked(ties: Vec<Vec<Tie>>, rank: &[u32]) -> Self {
        let parent_of = |ties: &Vec<Tie>| ties.iter().map(|tie| tie.node).min_by_key(|&node| rank[node as usize]);
        let parent: Vec<u32> = ties.iter().map(|ties| parent_of(ties).unwrap_or(NEVER)).collect();
        let mut by_rank: Vec<u32> = (0..rank.len() as u32).collect();
        by_rank.sort_unstable_by_key(|&node| Reverse(rank[node as usize]));
        let mut depth = vec![0; rank.len()];
        for node in by_rank {
            if let Some(&above) = depth.get(parent[node as usize] as usize) {
                depth[node as usize] = above + 1;
            }
        }
        Self { ties, parent, depth }
    }

    /// The line of a position: times to its ancestors when `leaving`, otherwise from them.
    pub fn line(&self, placed: &Placed, road: &Road, leaving: bool) -> Line {
        let ends = || placed.ends(road, leaving);
        // The ends of a road are neighbours, so one is the other's ancestor.
        let lowest = ends().map(|end| end.0).max_by_key(|&node| self.depth[node as usize]);
        let length = lowest.map_or(0, |node| self.depth[node as usize] as usize + 1);
        let mut line = Line { ancestors: vec![NEVER; length], times: vec![FAR; length] };
        for (node, time) in ends() {
            let known = &mut line.times[self.depth[node as usize] as usize];
            *known = time.min(*known);
        }
        let mut node = lowest.unwrap_or(NEVER);
        for place in (0..length).rev() {
            line.ancestors[place] = node;
            let here = line.times[place];
            for tie in self.ties[node as usize].iter().filter(|_| here < FAR) {
                let more = if leaving { tie.to } else { tie.from };
                let known = &mut line.times[self.depth[tie.node as usize] as usize];
                *known = here.saturating_add(more).min(*known);
            }
            node = self.parent[node as usize];
        }
        line
    }
}

/// Ties the neighbours of `node` to each other by the ways through it, and itself to nobody that is left.
fn take_out(ties: &mut [Vec<Tie>], node: u32) {
    let around = std::mem::take(&mut ties[node as usize]);
    for (place, one) in around.iter().enumerate() {
        ties[one.node as usize].retain(|tie| tie.node != node);
        for other in &around[place + 1..] {
            tie(ties, one.node, other.node, through(one.from, other.to), through(other.from, one.to));
        }
    }
    ties[node as usize] = around;
}

fn through(before: u32, after: u32) -> u32 {
    before.checked_add(after).filter(|&time| time <= MAX_TIME).unwrap_or(NEVER)
}

/// Ties two junctions to each other, or shortens their tie.
fn tie(ties: &mut [Vec<Tie>], a: u32, b: u32, onward: u32, back: u32) {
    for (node, other, to, from) in [(a, b, onward, back), (b, a, back, onward)] {
        let ties = &mut ties[node as usize];
        match ties.iter_mut().find(|tie| tie.node == other) {
            Some(tie) => (tie.to, tie.from) = (tie.to.min(to), tie.from.min(from)),
            None => ties.push(Tie { node: other, to, from }),
        }
    }
}
