//! A raster of places with the road that serves each: what the areas are drawn from.
//!
//! A place is within a time when the road nearest to it is reached in that time less the way from the road, by the
//! same rule as for any position. So the area and the times of places never contradict each other by more than a
//! cell of the raster.

use std::sync::OnceLock;

use crate::{
    Graph,
    degrees::{DEGREE, Position, Spot},
    graph::{NEVER, Parts, corners, joined},
    snap::SNAP_METRES,
    targets::Placed,
};

/// Usual side of a cell, metres.
pub const CELL: f64 = 100.0;
/// Most points of the raster; a larger region has larger cells.
const MOST_POINTS: usize = 4_000_000;
/// Points along a side of a tile. Tiles are made when they are first needed.
const TILE: usize = 32;

/// The road that serves a point of the raster.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub road: u32,
    pub share: f32,
    pub off_road: u32,
}

/// The raster over a whole graph.
#[derive(Debug)]
pub struct Field {
    low: Spot,
    /// 10⁻⁷ degrees of a cell.
    width: f64,
    height: f64,
    columns: usize,
    rows: usize,
    /// Points that a road beyond the window's own may still serve.
    margin: usize,
    tiles: Vec<OnceLock<Box<[Sample]>>>,
    /// The rectangle about the roads at each junction.
    about: Vec<(Spot, Spot)>,
}

/// A part of the raster: `rows` of `columns` points.
pub struct Window {
    left: usize,
    bottom: usize,
    pub columns: usize,
    pub rows: usize,
    origin: Position,
    step: Position,
}

impl Window {
    /// The position of a point, or of one between points.
    pub fn position(&self, column: f64, row: f64) -> Position {
        Position { x: self.origin.x + column * self.step.x, y: self.origin.y + row * self.step.y }
    }
}

impl Field {
    /// Lays the raster over all roads; no road is looked for yet.
    pub fn over(parts: &Parts) -> Self {
        let (low, high) = corners(&parts.shape);
        let middle = f64::midpoint(low.position().y, high.position().y);
        let (east, north) = (DEGREE * 1e-7 * middle.to_radians().cos().max(0.01), DEGREE * 1e-7);
        let across = (f64::from(high.east) - f64::from(low.east)) * east;
        let up = (f64::from(high.north) - f64::from(low.north)) * north;
        let most = (parts.shape.len() * 64).clamp(65_536, MOST_POINTS) as f64;
        let cell = CELL.max((across * up / most).sqrt()).max((across + up) / most * 64.0);
        // At the narrow end of a tall region a cell is narrower: twice the metres leave room for that.
        let margin = (2.0 * SNAP_METRES / cell).ceil() as usize + 2;
        let (width, height) = (cell / east, cell / north);
        let (columns, rows) = ((across / cell) as usize + 2 + 2 * margin, (up / cell) as usize + 2 + 2 * margin);
        let tiles = columns.div_ceil(TILE) * rows.div_ceil(TILE);
        Self {
            low,
            width,
            height,
            columns,
            rows,
            margin,
            tiles: std::iter::repeat_with(OnceLock::new).take(tiles).collect(),
            about: about(parts),
        }
    }

    /// The rectangle about the roads at a junction.
    pub fn about(&self, node: u32) -> (Spot, Spot) {
        self.about[node as usize]
    }

    /// The points that roads within `extent` can serve.
    pub fn window(&self, extent: Option<(Spot, Spot)>) -> Window {
        let (low, high) = extent.unwrap_or((self.low, self.low));
        let column = |spot: Spot| ((f64::from(spot.east) - f64::from(self.low.east)) / self.width) as usize;
        let row = |spot: Spot| ((f64::from(spot.north) - f64::from(self.low.north)) / self.height) as usize;
        let (left, bottom) = (column(low), row(low));
        let right = (column(high) + 2 + 2 * self.margin).min(self.columns);
        let top = (row(high) + 2 + 2 * self.margin).min(self.rows);
        let step = Position { x: self.width * 1e-7, y: self.height * 1e-7 };
        Window { left, bottom, columns: right - left, rows: top - bottom, origin: self.position(left, bottom), step }
    }

    fn position(&self, column: usize, row: usize) -> Position {
        let low = self.low.position();
        let (column, row) = (column as f64 - self.margin as f64, row as f64 - self.margin as f64);
        Position { x: low.x + column * self.width * 1e-7, y: low.y + row * self.height * 1e-7 }
    }

    /// The times at the points of `window`, row by row from the south-west; [`NEVER`] where no road is near,
    /// and along the edge.
    pub fn fill(&self, graph: &Graph, window: &Window, time: impl Fn(&Sample) -> u32) -> Vec<u32> {
        let mut times = vec![NEVER; window.columns * window.rows];
        let (right, top) = (window.left + window.columns, window.bottom + window.rows);
        for tile_row in window.bottom / TILE..=(top - 1) / TILE {
            for tile_column in window.left / TILE..=(right - 1) / TILE {
                let samples = self.tile(graph, tile_column, tile_row);
                if samples.is_empty() {
                    continue;
                }
                let columns = window.left.max(tile_column * TILE)..right.min((tile_column + 1) * TILE);
                for row in window.bottom.max(tile_row * TILE)..top.min((tile_row + 1) * TILE) {
                    let from = (row - tile_row * TILE) * TILE + columns.start - tile_column * TILE;
                    let into = (row - window.bottom) * window.columns + columns.start - window.left;
                    let served = &samples[from..from + columns.len()];
                    for (sample, into) in served.iter().zip(&mut times[into..into + columns.len()]) {
                        if sample.road != NEVER {
                            *into = time(sample);
                        }
                    }
                }
            }
        }
        let (top, columns) = (times.len() - window.columns, window.columns);
        times[..columns].fill(NEVER);
        times[top..].fill(NEVER);
        times.chunks_exact_mut(columns).for_each(|row| (row[0], row[columns - 1]) = (NEVER, NEVER));
        times
    }

    /// The samples of a tile, row by row; empty where no road is near.
    fn tile(&self, graph: &Graph, column: usize, row: usize) -> &[Sample] {
        self.tiles[row * self.columns.div_ceil(TILE) + column].get_or_init(|| {
            let points = (0..TILE * TILE).map(|point| (column * TILE + point % TILE, row * TILE + point / TILE));
            let samples: Box<[Sample]> = points.map(|(column, row)| self.sample(graph, column, row)).collect();
            if samples.iter().all(|sample| sample.road == NEVER) { Box::default() } else { samples }
        })
    }

    fn sample(&self, graph: &Graph, column: usize, row: usize) -> Sample {
        let snap = graph.snap(self.position(column, row), SNAP_METRES).map(|snap| Placed::of(&snap));
        snap.map_or(Sample { road: NEVER, share: 0.0, off_road: 0 }, |placed| Sample {
            road: placed.road,
            share: placed.share,
            off_road: placed.off_road,
        })
    }
}

fn about(parts: &Parts) -> Vec<(Spot, Spot)> {
    let mut about = vec![corners(&[]); parts.nodes as usize];
    for (road, range) in parts.roads.iter().zip(parts.shape_start.windows(2)) {
        let corners = corners(&parts.shape[range[0] as usize..range[1] as usize]);
        for node in [road.a, road.b] {
            about[node as usize] = joined(about[node as usize], corners);
        }
    }
    about
}
