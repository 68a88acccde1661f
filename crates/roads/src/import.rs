//! From an OpenStreetMap extract to pieces of road between junctions.

use anlan_kernel::Problem;

use crate::{
    Graph,
    contract::contract,
    degrees::Spot,
    graph::{MAX_LEG_METRES, NEVER, Parts},
    islands::main_network,
    pbf::{File, Tags, Visitor},
    profile::{Driven, blocked, driven},
};

/// Most nodes along the roads of one file: some four times those of a large province.
const MAX_NODES: usize = 40_000_000;

/// A piece of road between two vertices, driven the same way all along.
pub struct Piece {
    /// Vertex where it starts.
    pub a: u32,
    /// Vertex where it ends.
    pub b: u32,
    /// How it is driven.
    pub driven: Driven,
    /// The points along it, both ends included.
    pub shape: Vec<Spot>,
}

impl Piece {
    /// Metres along it.
    pub fn metres(&self) -> f64 {
        self.shape.windows(2).map(|leg| leg[0].metres(leg[1])).sum()
    }
}

/// Reads the roads of an extract.
pub fn import(bytes: &[u8]) -> Result<Graph, Problem> {
    let file = File::open(bytes)?;
    let mut ways = Ways::default();
    file.visit(&mut ways, |ways| if ways.nodes.len() > MAX_NODES { Err(too_many()) } else { Ok(()) })?;
    let mut nodes = Nodes::wanted_by(&ways);
    file.visit(&mut nodes, |_| Ok(()))?;
    let (pieces, vertices) = cut_into_pieces(&ways, &nodes);
    drop((ways, nodes));
    let all = pieces.iter().map(Piece::metres).sum::<f64>();
    let pieces = main_network(pieces, vertices);
    let kept = pieces.iter().map(Piece::metres).sum::<f64>();
    if pieces.is_empty() {
        return Err(no_roads());
    }
    let left_out_metres = (all - kept).max(0.0).round() as u64;
    Ok(Graph::assemble(Parts { left_out_metres, ..contract(pieces, vertices) }))
}

#[derive(Default)]
struct Ways {
    ways: Vec<(Driven, std::ops::Range<usize>)>,
    nodes: Vec<i64>,
}

impl Visitor for Ways {
    const WANTS_NODES: bool = false;
    const WANTS_WAYS: bool = true;

    fn node(&mut self, _: i64, _: i32, _: i32, _: &Tags<'_>) {}

    fn way(&mut self, tags: &Tags<'_>, nodes: &[i64]) {
        if let Some(driven) = driven(tags).filter(|_| nodes.len() > 1) {
            let start = self.nodes.len();
            self.nodes.extend_from_slice(nodes);
            self.ways.push((driven, start..self.nodes.len()));
        }
    }
}

/// What is known of a node of a road.
#[derive(Clone, Copy, Default)]
struct Node {
    spot: Spot,
    found: bool,
    blocked: bool,
    /// Roads meet here, or one ends.
    junction: bool,
    passes: u8,
}

struct Nodes {
    ids: Vec<i64>,
    nodes: Vec<Node>,
    /// Where the last one was found: files are mostly in order.
    last: usize,
}

impl Nodes {
    fn wanted_by(ways: &Ways) -> Self {
        let mut ids = ways.nodes.clone();
        ids.sort_unstable();
        ids.dedup();
        let nodes = vec![Node::default(); ids.len()];
        let mut wanted = Self { ids, nodes, last: 0 };
        for (_, range) in &ways.ways {
            wanted.count(&ways.nodes[range.clone()]);
        }
        wanted
    }

    fn count(&mut self, along: &[i64]) {
        for (place, id) in along.iter().enumerate() {
            let Ok(index) = self.ids.binary_search(id) else { continue };
            let node = &mut self.nodes[index];
            node.passes = node.passes.saturating_add(1);
            node.junction |= node.passes > 1 || place == 0 || place + 1 == along.len();
        }
    }

    fn index(&self, id: i64) -> Option<usize> {
        self.ids.binary_search(&id).ok()
    }
}

impl Visitor for Nodes {
    const WANTS_NODES: bool = true;
    const WANTS_WAYS: bool = false;

    fn node(&mut self, id: i64, longitude: i32, latitude: i32, tags: &Tags<'_>) {
        let next = self.last + 1;
        let index = match (self.ids.get(self.last), self.ids.get(next)) {
            (Some(&last), Some(&after)) if last < id && id < after => return,
            (_, Some(&after)) if after == id => next,
            _ => match self.ids.binary_search(&id) {
                Ok(index) => index,
                Err(after) => {
                    self.last = after.saturating_sub(1);
                    return;
                }
            },
        };
        self.last = index;
        let node = &mut self.nodes[index];
        node.spot = Spot { east: longitude, north: latitude };
        node.found = true;
        node.blocked = blocked(tags);
    }

    fn way(&mut self, _: &Tags<'_>, _: &[i64]) {}
}

/// Cuts ways at junctions, at barriers and where the extract leaves nodes out.
fn cut_into_pieces(ways: &Ways, nodes: &Nodes) -> (Vec<Piece>, u32) {
    let mut cutter = Cutter { vertex_of: vec![NEVER; nodes.nodes.len()], vertices: 0, pieces: Vec::new() };
    for (driven, range) in &ways.ways {
        cutter.way(*driven, &ways.nodes[range.clone()], nodes);
    }
    (cutter.pieces, cutter.vertices)
}

struct Cutter {
    vertex_of: Vec<u32>,
    vertices: u32,
    pieces: Vec<Piece>,
}

impl Cutter {
    fn way(&mut self, driven: Driven, along: &[i64], nodes: &Nodes) {
        // The piece under way: its first vertex and the points so far.
        let mut open: Option<(u32, Vec<Spot>)> = None;
        let mut previous = None;
        for id in along {
            let Some(index) = nodes.index(*id).filter(|&index| nodes.nodes[index].found) else {
                self.leave(driven, open.take());
                continue;
            };
            let node = nodes.nodes[index];
            if previous == Some(index) && open.is_some() {
                continue;
            }
            previous = Some(index);
            if let Some((_, shape)) = &open
                && shape.last().is_some_and(|last| last.metres(node.spot) > MAX_LEG_METRES)
            {
                self.leave(driven, open.take());
            }
            open = Some(match open.take() {
                None => (self.vertex(index, node.blocked), vec![node.spot]),
                Some((a, mut shape)) => {
                    shape.push(node.spot);
                    if node.junction || node.blocked {
                        let b = self.vertex(index, node.blocked);
                        self.pieces.push(Piece { a, b, driven, shape });
                        // Behind a barrier the road goes on, from an end of its own.
                        (self.vertex(index, node.blocked), vec![node.spot])
                    } else {
                        (a, shape)
                    }
                }
            });
        }
        self.leave(driven, open);
    }

    /// Ends a piece where the road cannot be followed any farther.
    fn leave(&mut self, driven: Driven, open: Option<(u32, Vec<Spot>)>) {
        if let Some((a, shape)) = open
            && shape.len() > 1
        {
            let b = self.fresh();
            self.pieces.push(Piece { a, b, driven, shape });
        }
    }

    fn vertex(&mut self, index: usize, blocked: bool) -> u32 {
        if blocked {
            return self.fresh();
        }
        if self.vertex_of[index] == NEVER {
            self.vertex_of[index] = self.fresh();
        }
        self.vertex_of[index]
    }

    fn fresh(&mut self) -> u32 {
        self.vertices += 1;
        self.vertices - 1
    }
}

fn too_many() -> Problem {
    Problem::new(
        "roads_too_many",
        format!("道路节点超过{MAX_NODES}个；请按省或按市截取后再导入"),
        format!("there are more than {MAX_NODES} nodes along the roads; cut the extract down to a province or a city"),
    )
}

fn no_roads() -> Problem {
    Problem::new(
        "roads_none",
        "文件里没有可以行车的道路；请选用含 highway 道路及其节点的数据",
        "the file holds no road that can be driven; choose an extract with highway ways and their nodes",
    )
}
