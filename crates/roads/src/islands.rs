//! Roads that one can drive to and back from. What hangs behind a locked gate, or was cut off at the edge of the
//! extract, would answer "no way there" to whoever is nearest to it.

use crate::import::Piece;

/// A network is kept from this many vertices on, however large the largest is.
const ENOUGH: usize = 50;
/// ... and from this share of the largest.
const SHARE_OF_LARGEST: usize = 10;

/// Keeps the pieces whose both ends lie in networks (strongly connected) that are large enough.
pub fn main_network(pieces: Vec<Piece>, vertices: u32) -> Vec<Piece> {
    let network = networks(&pieces, vertices as usize);
    let mut sizes = vec![0usize; vertices as usize];
    for &number in &network {
        sizes[number as usize] += 1;
    }
    let largest = sizes.iter().copied().max().unwrap_or_default();
    let enough = ENOUGH.min(largest.div_ceil(SHARE_OF_LARGEST));
    let kept = |vertex: u32| sizes[network[vertex as usize] as usize] >= enough;
    pieces.into_iter().filter(|piece| kept(piece.a) && kept(piece.b)).collect()
}

/// The network of each vertex, by Tarjan's algorithm with a stack of its own.
fn networks(pieces: &[Piece], vertices: usize) -> Vec<u32> {
    const UNSEEN: u32 = u32::MAX;
    let (first, heads) = successors(pieces, vertices);
    let (mut order, mut low) = (vec![UNSEEN; vertices], vec![0u32; vertices]);
    let mut network = vec![UNSEEN; vertices];
    let (mut next_order, mut next_network) = (0, 0);
    let (mut trail, mut waiting) = (Vec::new(), Vec::new());
    for root in 0..vertices {
        if order[root] != UNSEEN {
            continue;
        }
        trail.push((root, first[root]));
        while let Some((vertex, arc)) = trail.pop() {
            if arc == first[vertex] {
                (order[vertex], low[vertex]) = (next_order, next_order);
                next_order += 1;
                waiting.push(vertex);
            } else {
                let done = heads[arc - 1] as usize;
                if network[done] == UNSEEN {
                    low[vertex] = low[vertex].min(low[done]);
                }
            }
            let mut arc = arc;
            let mut deeper = None;
            while arc < first[vertex + 1] && deeper.is_none() {
                let head = heads[arc] as usize;
                arc += 1;
                if order[head] == UNSEEN {
                    deeper = Some(head);
                } else if network[head] == UNSEEN {
                    low[vertex] = low[vertex].min(order[head]);
                }
            }
            if let Some(head) = deeper {
                trail.push((vertex, arc));
                trail.push((head, first[head]));
            } else if low[vertex] == order[vertex] {
                while let Some(member) = waiting.pop() {
                    network[member] = next_network;
                    if member == vertex {
                        break;
                    }
                }
                next_network += 1;
            }
        }
    }
    network
}

fn successors(pieces: &[Piece], vertices: usize) -> (Vec<usize>, Vec<u32>) {
    let arcs = || {
        pieces.iter().flat_map(|piece| {
            let forward = piece.driven.forward.then_some((piece.a, piece.b));
            let backward = piece.driven.backward.then_some((piece.b, piece.a));
            forward.into_iter().chain(backward)
        })
    };
    let mut first = vec![0usize; vertices + 1];
    for (tail, _) in arcs() {
        first[tail as usize + 1] += 1;
    }
    for vertex in 0..vertices {
        first[vertex + 1] += first[vertex];
    }
    let mut place = first.clone();
    let mut heads = vec![0; first[vertices]];
    for (tail, head) in arcs() {
        heads[place[tail as usize]] = head;
        place[tail as usize] += 1;
    }
    (first, heads)
}
