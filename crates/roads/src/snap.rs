//! From a position to the road beside it.

use crate::{
    Graph,
    degrees::{DEGREE, Plane, Position, Spot, foot},
    graph::{Parts, corners, on_the_globe},
    profile::OFF_ROAD_KMH,
};

/// Farthest from a road that a position is still served by it, metres, where nothing else is said.
pub const SNAP_METRES: f64 = 500.0;
/// A motorway serves only what lies on it: nobody leaves it between two junctions.
const MOTORWAY_METRES: f64 = 40.0;
/// Most cells of the grid that finds legs of roads.
const MOST_CELLS: usize = 4_000_000;
/// Usual side of a cell, metres.
const CELL: f64 = 250.0;

/// The place on a road nearest to a position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Snap {
    /// The road, as numbered in [`Graph::roads`].
    pub road: u32,
    /// Share of the road's length from its start, 0–1.
    pub share: f32,
    /// Metres from the start of the road.
    pub offset: f64,
    /// The place itself.
    pub point: Position,
    /// Metres between the position and the road.
    pub metres: f64,
}

impl Snap {
    /// Milliseconds between the position and the road, at [`OFF_ROAD_KMH`].
    pub fn off_road(&self) -> u32 {
        off_road(self.metres)
    }
}

/// Milliseconds off the road, at [`OFF_ROAD_KMH`].
pub fn off_road(metres: f64) -> u32 {
    (metres * 3_600.0 / OFF_ROAD_KMH).round() as u32
}

/// Legs of roads by the cell of a grid that they pass.
#[derive(Debug)]
pub struct Grid {
    low: Spot,
    columns: usize,
    rows: usize,
    /// 10⁻⁷ degrees of a cell.
    width: f64,
    height: f64,
    first: Vec<u32>,
    /// Index of the leg's first point in the shape.
    legs: Vec<u32>,
    /// Shorter side of a cell, metres.
    side: f64,
}

impl Grid {
    /// Sorts the legs of all roads.
    pub fn of(parts: &Parts) -> Self {
        let (low, high) = corners(&parts.shape);
        let middle = f64::midpoint(low.position().y, high.position().y);
        let (east, north) = (DEGREE * 1e-7 * middle.to_radians().cos().max(0.01), DEGREE * 1e-7);
        let (across, up) = (f64::from(high.east) - f64::from(low.east), f64::from(high.north) - f64::from(low.north));
        let most = (parts.shape.len() * 4).clamp(1_024, MOST_CELLS) as f64;
        let cell = CELL.max((across * east * up * north / most).sqrt()).max((across * east + up * north) / most);
        let (width, height) = (cell / east, cell / north);
        let (columns, rows) = ((across / width) as usize + 1, (up / height) as usize + 1);
        // Parallels are shorter towards the pole: a cell there is narrower than in the middle.
        let narrow = low.position().y.abs().max(high.position().y.abs()).to_radians().cos();
        let side = cell * (narrow / middle.to_radians().cos().max(0.01)).min(1.0);
        let mut grid =
            Self { low, columns, rows, width, height, first: vec![0; columns * rows + 1], legs: Vec::new(), side };
        grid.fill(parts);
        grid
    }

    fn fill(&mut self, parts: &Parts) {
        let legs = || parts.shape_start.windows(2).flat_map(|range| range[0]..range[1] - 1);
        let mut first = std::mem::take(&mut self.first);
        for leg in legs() {
            self.cells_of(&parts.shape, leg, |cell| first[cell + 1] += 1);
        }
        for cell in 1..first.len() {
            first[cell] += first[cell - 1];
        }
        let mut place = first.clone();
        let mut sorted = vec![0; first[first.len() - 1] as usize];
        for leg in legs() {
            self.cells_of(&parts.shape, leg, |cell| {
                sorted[place[cell] as usize] = leg;
                place[cell] += 1;
            });
        }
        (self.first, self.legs) = (first, sorted);
    }

    /// The cells that a leg may pass: row by row, those between where it enters and leaves the row.
    fn cells_of(&self, shape: &[Spot], leg: u32, mut each: impl FnMut(usize)) {
        let (a, b) = (self.place(shape[leg as usize]), self.place(shape[leg as usize + 1]));
        let (low, high) = if a.1 <= b.1 { (a, b) } else { (b, a) };
        let slope = if high.1 > low.1 { (high.0 - low.0) / (high.1 - low.1) } else { 0.0 };
        let (bottom, top) = (low.1 as usize, high.1 as usize);
        for row in bottom..=top.min(self.rows - 1) {
            let enter = low.0 + slope * ((row as f64).max(low.1) - low.1);
            let leave = if row == top { high.0 } else { low.0 + slope * ((row + 1) as f64 - low.1) };
            let (left, right) = (enter.min(leave).max(0.0) as usize, enter.max(leave).max(0.0) as usize);
            for column in left..=right.min(self.columns - 1) {
                each(row * self.columns + column);
            }
        }
    }

    /// Column and row with their fractions.
    fn place(&self, spot: Spot) -> (f64, f64) {
        let (east, north) =
            (f64::from(spot.east) - f64::from(self.low.east), f64::from(spot.north) - f64::from(self.low.north));
        (east / self.width, north / self.height)
    }

    /// Shows the legs in the ring of cells `ring` cells away from the one at `centre`.
    fn ring(&self, centre: (i64, i64), ring: i64, mut each: impl FnMut(u32)) {
        let (columns, rows) = (self.columns as i64, self.rows as i64);
        let (left, right) = (centre.0 - ring, centre.0 + ring);
        let mut cell = |row: i64, column: i64| {
            let cell = (row * columns + column) as usize;
            self.legs[self.first[cell] as usize..self.first[cell + 1] as usize].iter().for_each(|&leg| each(leg));
        };
        for row in (centre.1 - ring).max(0)..=(centre.1 + ring).min(rows - 1) {
            if (row - centre.1).abs() == ring {
                (left.max(0)..=right.min(columns - 1)).for_each(|column| cell(row, column));
            } else {
                let sides = [left, right].into_iter().filter(|column| (0..columns).contains(column));
                sides.for_each(|column| cell(row, column));
            }
        }
    }
}

impl Graph {
    /// The road nearest to `position`, at most `within` metres away.
    pub fn snap(&self, position: Position, within: f64) -> Option<Snap> {
        if !on_the_globe(position) || within.is_nan() {
            return None;
        }
        let (grid, plane) = (&self.grid, Plane::about(position));
        let at = Spot { east: (position.x * 1e7).round() as i32, north: (position.y * 1e7).round() as i32 };
        let (column, row) = grid.place(at);
        let (column, row) = (column.floor() as i64, row.floor() as i64);
        let mut best = (within.max(0.0).powi(2), None);
        let outside = [-column, -row, column - grid.columns as i64 + 1, row - grid.rows as i64 + 1];
        let mut ring = outside.into_iter().max().unwrap_or_default().max(0);
        let last = ring + (grid.columns + grid.rows) as i64;
        // What lies in a ring is at least a cell less than the ring's number away.
        while ring <= last && ((ring - 1).max(0) as f64 * grid.side).powi(2) <= best.0 {
            grid.ring((column, row), ring, |leg| self.better(&plane, leg, &mut best));
            ring += 1;
        }
        let (square, (leg, share)) = (best.0, best.1?);
        Some(self.snapped(leg, share, square.sqrt()))
    }

    fn better(&self, plane: &Plane, leg: u32, best: &mut (f64, Option<(u32, f64)>)) {
        let leg_ends = &self.parts.shape[leg as usize..leg as usize + 2];
        let (share, square) = foot(plane.metres(leg_ends[0]), plane.metres(leg_ends[1]));
        let nearer = square < best.0 || (best.1.is_none() && square <= best.0);
        if nearer
            && (square <= MOTORWAY_METRES * MOTORWAY_METRES || !self.parts.roads[self.road_of(leg) as usize].motorway)
        {
            *best = (square, Some((leg, share)));
        }
    }

    fn road_of(&self, leg: u32) -> u32 {
        (self.parts.shape_start.partition_point(|&start| start <= leg) - 1) as u32
    }

    fn snapped(&self, leg: u32, share: f64, metres: f64) -> Snap {
        let road = self.road_of(leg);
        let (from, to) = (f64::from(self.along[leg as usize]), f64::from(self.along[leg as usize + 1]));
        let whole = f64::from(self.along[self.shape_range(road).end - 1]);
        let offset = from + share * (to - from);
        let (a, b) = (self.parts.shape[leg as usize].position(), self.parts.shape[leg as usize + 1].position());
        let share_of_road = if whole > 0.0 { (offset / whole).clamp(0.0, 1.0) as f32 } else { 0.0 };
        Snap { road, share: share_of_road, offset, point: a + (b - a) * share, metres }
    }
}
