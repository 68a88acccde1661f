use geo_types::Coord;

use super::EXTENT;
use crate::geo::projection::{of_web_mercator, web_mercator};

/// Deepest zoom that has tiles here: 2.4 m wide at the equator.
pub const MAX_ZOOM: u8 = 24;

/// Length of the equator in web Mercator, metres.
const AROUND: f64 = std::f64::consts::TAU * 6_378_137.0;

/// Which tile: web Mercator (EPSG:3857), rows from the north (XYZ; 天地图 `_w` counts the same).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    z: u8,
    x: u32,
    y: u32,
}

impl Address {
    /// `None` for zooms beyond [`MAX_ZOOM`] and for columns and rows that the zoom does not have.
    pub fn new(z: u8, x: u32, y: u32) -> Option<Self> {
        (z <= MAX_ZOOM && x >> z == 0 && y >> z == 0).then_some(Self { z, x, y })
    }

    /// The tile in which a position lies; beyond 85.05° north or south the outermost. Zooms are cut at [`MAX_ZOOM`].
    pub fn of(at: Coord, z: u8) -> Self {
        let z = z.min(MAX_ZOOM);
        let (side, at) = (f64::from(1u32 << z), world(at));
        let cell = |it: f64| (it * side).clamp(0.0, side - 1.0) as u32;
        Self { z, x: cell(at.x), y: cell(at.y) }
    }

    /// Zoom.
    pub fn z(&self) -> u8 {
        self.z
    }

    /// Column from 180° west.
    pub fn x(&self) -> u32 {
        self.x
    }

    /// Row from the north.
    pub fn y(&self) -> u32 {
        self.y
    }

    /// South-west and north-east corner, degrees.
    pub fn bounds(&self) -> (Coord, Coord) {
        let side = f64::from(1u32 << self.z);
        let corner = |x: u32, y: u32| of_world(Coord { x: f64::from(x) / side, y: f64::from(y) / side });
        (corner(self.x, self.y + 1), corner(self.x + 1, self.y))
    }

    /// Where a position of the [`world`] lies in the tile, in its units of [`EXTENT`] to a side.
    pub fn place(&self, world: Coord) -> Coord {
        let (side, unit) = (f64::from(1u32 << self.z), f64::from(EXTENT));
        Coord { x: (world.x * side - f64::from(self.x)) * unit, y: (world.y * side - f64::from(self.y)) * unit }
    }
}

/// Web Mercator as shares of the square world: 0 at 180° west and 85.05° north, 1 opposite. Latitudes farther
/// out lie beyond it.
pub fn world(degrees: Coord) -> Coord {
    let metres = web_mercator(degrees);
    Coord { x: metres.x / AROUND + 0.5, y: 0.5 - metres.y / AROUND }
}

fn of_world(it: Coord) -> Coord {
    of_web_mercator(Coord { x: (it.x - 0.5) * AROUND, y: (0.5 - it.y) * AROUND })
}
