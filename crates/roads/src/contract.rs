//! From pieces to roads: where only two pieces meet and are driven alike, they are one road.

use crate::{
    degrees::{Spot, hilbert},
    graph::{MAX_WEIGHT, NEVER, Parts, Road},
    import::Piece,
    profile::Driven,
};

/// A piece as it is passed: its number, and whether against the way it was drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Pass {
    piece: usize,
    against: bool,
}

struct Network {
    pieces: Vec<Piece>,
    /// The first two piece ends at each vertex, as passes that leave it, and how many there are.
    leaving: Vec<([Option<Pass>; 2], u32)>,
}

/// Joins the pieces to roads and numbers junctions and roads along a Hilbert curve.
pub fn contract(pieces: Vec<Piece>, vertices: u32) -> Parts {
    let network = Network::new(pieces, vertices as usize);
    let mut used = vec![false; network.pieces.len()];
    let mut chains = Vec::new();
    for piece in 0..network.pieces.len() {
        if !used[piece] {
            let chain = network.chain_through(piece);
            chain.iter().for_each(|pass| used[pass.piece] = true);
            chains.push(chain);
        }
    }
    network.number(chains)
}

impl Network {
    fn new(pieces: Vec<Piece>, vertices: usize) -> Self {
        let mut leaving = vec![([None; 2], 0u32); vertices];
        for (index, piece) in pieces.iter().enumerate() {
            for (vertex, against) in [(piece.a, false), (piece.b, true)] {
                let (passes, count) = &mut leaving[vertex as usize];
                if let Some(free) = passes.get_mut(*count as usize) {
                    *free = Some(Pass { piece: index, against });
                }
                *count += 1;
            }
        }
        Self { pieces, leaving }
    }

    fn driven(&self, pass: Pass) -> Driven {
        let driven = self.pieces[pass.piece].driven;
        if pass.against { Driven { forward: driven.backward, backward: driven.forward, ..driven } } else { driven }
    }

    fn end(&self, pass: Pass) -> u32 {
        let piece = &self.pieces[pass.piece];
        if pass.against { piece.a } else { piece.b }
    }

    /// The pass that carries `pass` on as the same road.
    fn next(&self, pass: Pass) -> Option<Pass> {
        let (passes, 2) = self.leaving[self.end(pass) as usize] else { return None };
        let on = passes.into_iter().flatten().find(|other| other.piece != pass.piece)?;
        (self.driven(on) == self.driven(pass)).then_some(on)
    }

    fn chain_through(&self, piece: usize) -> Vec<Pass> {
        let mut start = Pass { piece, against: true };
        while let Some(before) = self.next(start).filter(|before| before.piece != piece) {
            start = before;
        }
        let first = Pass { against: !start.against, ..start };
        let mut chain = vec![first];
        let mut pass = first;
        while let Some(on) = self.next(pass).filter(|on| on.piece != first.piece) {
            chain.push(on);
            pass = on;
        }
        chain
    }

    fn number(&self, chains: Vec<Vec<Pass>>) -> Parts {
        let ends = |chain: &[Pass]| {
            let (first, last) = (chain[0], chain[chain.len() - 1]);
            (self.end(Pass { against: !first.against, ..first }), self.end(last))
        };
        let mut junctions: Vec<(u64, u32)> = Vec::with_capacity(chains.len() * 2);
        let mut roads = Vec::with_capacity(chains.len());
        for chain in chains {
            let shape = self.shape(&chain);
            let (a, b) = ends(&chain);
            junctions.push((hilbert(shape[0]), a));
            junctions.push((hilbert(shape[shape.len() - 1]), b));
            roads.push((hilbert(shape[0]), a, b, self.driven(chain[0]), shape));
        }
        junctions.sort_unstable();
        junctions.dedup();
        roads.sort_by_key(|road| road.0);
        let mut number = vec![NEVER; self.leaving.len()];
        for (place, (_, vertex)) in junctions.iter().enumerate() {
            number[*vertex as usize] = place as u32;
        }
        let mut parts = Parts { nodes: junctions.len() as u32, shape_start: vec![0], ..Parts::default() };
        for (_, a, b, driven, shape) in roads {
            let road = road(number[a as usize], number[b as usize], driven, &shape);
            parts.roads.push(road);
            parts.shape.extend(shape);
            parts.shape_start.push(parts.shape.len() as u32);
        }
        parts
    }

    fn shape(&self, chain: &[Pass]) -> Vec<Spot> {
        let mut shape: Vec<Spot> = Vec::new();
        for pass in chain {
            shape.pop();
            let points = &self.pieces[pass.piece].shape;
            if pass.against {
                shape.extend(points.iter().rev());
            } else {
                shape.extend(points);
            }
        }
        shape
    }
}

fn road(a: u32, b: u32, driven: Driven, shape: &[Spot]) -> Road {
    let metres = shape.windows(2).map(|leg| leg[0].metres(leg[1])).sum::<f64>();
    let time = (metres * 3_600.0 / driven.speed).round().clamp(1.0, f64::from(MAX_WEIGHT)) as u32;
    Road {
        a,
        b,
        forward: if driven.forward { time } else { NEVER },
        backward: if driven.backward { time } else { NEVER },
        decimetres: (metres * 10.0).round().min(f64::from(u32::MAX)) as u32,
        motorway: driven.motorway,
    }
}
