//! The road graph as it lies in memory.

use std::sync::{Mutex, OnceLock, PoisonError};

use anlan_kernel::Problem;

use crate::{
    ancestry::Ancestry,
    degrees::{Position, Spot},
    field::Field,
    import::import,
    search::{Scratch, Shift},
    snap::{Grid, off_road},
};

/// A time or node that is not there.
pub const NEVER: u32 = u32::MAX;
/// Longest time along one road, milliseconds (three days).
pub const MAX_WEIGHT: u32 = 1 << 28;
/// Longest time that is looked for, milliseconds (twelve days).
pub const MAX_TIME: u32 = 1 << 30;

/// Neighbouring points of a road lie nearer than this; farther apart the file is wrong and the road is cut there.
pub const MAX_LEG_METRES: f64 = 50_000.0;

/// A road between two junctions, driven the same way all along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Road {
    /// Junction where it starts.
    pub a: u32,
    /// Junction where it ends; may be the same.
    pub b: u32,
    /// Milliseconds from `a` to `b`; `u32::MAX` when one may not drive so.
    pub forward: u32,
    /// Milliseconds from `b` to `a`; `u32::MAX` when one may not drive so.
    pub backward: u32,
    /// Length, 0.1 m.
    pub decimetres: u32,
    /// A motorway or its ramp.
    pub motorway: bool,
}

/// This near a junction one may turn to any of its roads, 0.1 m: a position has no better accuracy.
const AT_JUNCTION: f64 = 100.0;

impl Road {
    /// Milliseconds from `share` of its length to `a`.
    pub(crate) fn leave_by_a(&self, share: f32) -> Option<u32> {
        if self.backward == NEVER { self.beside(share) } else { Some(part(self.backward, share)) }
    }

    /// Milliseconds from `share` of its length to `b`.
    pub(crate) fn leave_by_b(&self, share: f32) -> Option<u32> {
        if self.forward == NEVER { self.beside(1.0 - share) } else { Some(self.forward - part(self.forward, share)) }
    }

    /// Milliseconds from `a` to `share` of its length.
    pub(crate) fn come_by_a(&self, share: f32) -> Option<u32> {
        if self.forward == NEVER { self.beside(share) } else { Some(part(self.forward, share)) }
    }

    /// Milliseconds from `b` to `share` of its length.
    pub(crate) fn come_by_b(&self, share: f32) -> Option<u32> {
        if self.backward == NEVER { self.beside(1.0 - share) } else { Some(self.backward - part(self.backward, share)) }
    }

    /// Milliseconds to a junction against the direction of travel, where it is at hand.
    fn beside(&self, share: f32) -> Option<u32> {
        let decimetres = f64::from(share) * f64::from(self.decimetres);
        (decimetres <= AT_JUNCTION).then(|| off_road(decimetres / 10.0))
    }

    /// Milliseconds between two shares of its length without leaving it.
    pub(crate) fn along(&self, from: f32, to: f32) -> Option<u32> {
        if to == from {
            Some(0)
        } else if to > from {
            (self.forward != NEVER).then(|| part(self.forward, to) - part(self.forward, from))
        } else {
            (self.backward != NEVER).then(|| part(self.backward, from) - part(self.backward, to))
        }
    }
}

fn part(whole: u32, share: f32) -> u32 {
    (f64::from(whole) * f64::from(share)).round() as u32
}

/// An arc of the graph: the junction it leads to and what it takes.
#[derive(Clone, Copy, Debug)]
pub struct Arc {
    /// Junction.
    pub node: u32,
    /// Milliseconds.
    pub time: u32,
}

/// Arcs by the junction they leave (or, turned about, enter).
#[derive(Debug, Default)]
pub struct Arcs {
    first: Vec<u32>,
    arcs: Vec<Arc>,
    roads: Vec<u32>,
}

impl Arcs {
    fn of(nodes: u32, roads: &[Road], about: bool) -> Self {
        let arcs = || {
            roads.iter().zip(0u32..).filter(|(road, _)| road.a != road.b).flat_map(|(road, number)| {
                let (onward, back) = if about { (road.backward, road.forward) } else { (road.forward, road.backward) };
                [(road.a, road.b, onward, number), (road.b, road.a, back, number)]
            })
        };
        let arcs = || arcs().filter(|&(_, _, time, _)| time != NEVER);
        let mut first = vec![0u32; nodes as usize + 1];
        arcs().for_each(|(tail, ..)| first[tail as usize + 1] += 1);
        for node in 0..nodes as usize {
            first[node + 1] += first[node];
        }
        let mut place = first.clone();
        let count = first[nodes as usize] as usize;
        let mut made = Self { first, arcs: vec![Arc { node: 0, time: 0 }; count], roads: vec![0; count] };
        for (tail, node, time, road) in arcs() {
            let at = place[tail as usize] as usize;
            (made.arcs[at], made.roads[at]) = (Arc { node, time }, road);
            place[tail as usize] += 1;
        }
        made
    }

    /// Number of the first arc of `node`, and its arcs.
    pub fn of_node(&self, node: u32) -> (u32, &[Arc]) {
        let (from, to) = (self.first[node as usize], self.first[node as usize + 1]);
        (from, &self.arcs[from as usize..to as usize])
    }

    /// The road of an arc.
    pub fn road(&self, arc: u32) -> u32 {
        self.roads[arc as usize]
    }
}

/// What a graph is made of; all else follows from it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// Number of junctions.
    pub nodes: u32,
    /// The roads.
    pub roads: Vec<Road>,
    /// Where the points of each road start in `shape`, and where the last one's end.
    pub shape_start: Vec<u32>,
    /// Points along the roads, both ends included.
    pub shape: Vec<Spot>,
    /// Roads of the extract that lead nowhere, metres.
    pub left_out_metres: u64,
}

/// What a graph covers, for people.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Facts {
    /// Junctions and ends of roads.
    pub junctions: usize,
    /// Roads between them.
    pub roads: usize,
    /// Length of all roads, metres.
    pub metres: u64,
    /// Length of the roads that were left out because nothing leads to them or back, metres.
    pub left_out_metres: u64,
    /// South-western corner, degrees.
    pub south_west: (f64, f64),
    /// North-eastern corner, degrees.
    pub north_east: (f64, f64),
}

/// The roads of a region: junctions, and the times between them.
#[derive(Debug)]
pub struct Graph {
    pub(crate) parts: Parts,
    /// Metres from the start of its road to each point of `parts.shape`.
    pub(crate) along: Vec<f32>,
    pub(crate) out: Arcs,
    pub(crate) into: Arcs,
    pub(crate) grid: Grid,
    pub(crate) field: Field,
    pub(crate) shift: Shift,
    ancestry: OnceLock<Option<Ancestry>>,
    scratches: Mutex<Vec<Scratch>>,
}

impl Graph {
    /// Reads the car roads of an OpenStreetMap extract (.osm.pbf).
    ///
    /// # Errors
    /// It is none, is damaged (with the byte), asks for too much memory, or holds no roads.
    pub fn from_pbf(bytes: &[u8]) -> Result<Self, Problem> {
        import(bytes)
    }

    /// Builds what follows from the parts, which must fit each other.
    pub(crate) fn assemble(parts: Parts) -> Self {
        let along = along(&parts);
        let grid = Grid::of(&parts);
        let (out, into) = (Arcs::of(parts.nodes, &parts.roads, false), Arcs::of(parts.nodes, &parts.roads, true));
        let field = Field::over(&parts);
        let shift = Shift::for_roads(&parts.roads);
        Self { along, out, into, grid, field, shift, ancestry: OnceLock::new(), scratches: Mutex::default(), parts }
    }

    /// The roads between the junctions. Junctions are numbered from 0.
    pub fn roads(&self) -> &[Road] {
        &self.parts.roads
    }

    /// What the graph covers.
    pub fn facts(&self) -> Facts {
        let (low, high) = corners(&self.parts.shape);
        let (low, high) = (low.position(), high.position());
        Facts {
            junctions: self.parts.nodes as usize,
            roads: self.parts.roads.len(),
            metres: self.parts.roads.iter().map(|road| u64::from(road.decimetres)).sum::<u64>() / 10,
            left_out_metres: self.parts.left_out_metres,
            south_west: (low.x, low.y),
            north_east: (high.x, high.y),
        }
    }

    /// The points along a road.
    pub(crate) fn shape(&self, road: u32) -> &[Spot] {
        &self.parts.shape[self.shape_range(road)]
    }

    pub(crate) fn shape_range(&self, road: u32) -> std::ops::Range<usize> {
        let start = &self.parts.shape_start[road as usize..];
        start[0] as usize..start[1] as usize
    }

    /// What tables are read from, prepared when it is first asked for; `None` where the network is too large.
    pub(crate) fn ancestry(&self) -> Option<&Ancestry> {
        self.ancestry.get_or_init(|| Ancestry::of(self.parts.nodes, &self.parts.roads)).as_ref()
    }

    /// Runs `work` with arrays that earlier searches left.
    pub(crate) fn with_scratch<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        let mut scratch = self.take_scratch();
        let done = work(&mut scratch);
        self.give_scratch(scratch);
        done
    }

    pub(crate) fn take_scratch(&self) -> Scratch {
        let kept = self.scratches.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Scratch::new(self.parts.nodes))
    }

    pub(crate) fn give_scratch(&self, mut scratch: Scratch) {
        scratch.reset();
        self.scratches.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
    }
}

/// The rectangle about `spots`.
pub fn corners(spots: &[Spot]) -> (Spot, Spot) {
    let start = (Spot { east: i32::MAX, north: i32::MAX }, Spot { east: i32::MIN, north: i32::MIN });
    spots.iter().fold(start, |corners, &spot| joined(corners, (spot, spot)))
}

/// The rectangle about two.
pub fn joined(one: (Spot, Spot), other: (Spot, Spot)) -> (Spot, Spot) {
    let (low, high) = (one.0, one.1);
    (
        Spot { east: low.east.min(other.0.east), north: low.north.min(other.0.north) },
        Spot { east: high.east.max(other.1.east), north: high.north.max(other.1.north) },
    )
}

fn along(parts: &Parts) -> Vec<f32> {
    let mut along = Vec::with_capacity(parts.shape.len());
    for range in parts.shape_start.windows(2) {
        let shape = &parts.shape[range[0] as usize..range[1] as usize];
        let mut metres = 0.0;
        along.push(0.0);
        for leg in shape.windows(2) {
            metres += leg[0].metres(leg[1]);
            along.push(metres as f32);
        }
    }
    along
}

/// Whether a position can be looked for at all.
pub(crate) fn on_the_globe(position: Position) -> bool {
    position.x.abs() <= 180.0 && position.y.abs() <= 90.0
}
