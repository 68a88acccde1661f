//! Positions and the metres between them.

use geo_types::Coord;

/// A position in degrees WGS 84: `x` east, `y` north.
pub type Position = Coord<f64>;

/// Mean radius of the earth, metres (IUGG).
const RADIUS: f64 = 6_371_008.8;
/// Metres of a degree of latitude.
pub const DEGREE: f64 = RADIUS * std::f64::consts::PI / 180.0;

/// A point of a road, 10⁻⁷ degrees as OpenStreetMap counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Spot {
    /// East.
    pub east: i32,
    /// North.
    pub north: i32,
}

impl Spot {
    /// In degrees.
    pub fn position(self) -> Position {
        Position { x: f64::from(self.east) / 1e7, y: f64::from(self.north) / 1e7 }
    }

    /// Metres to `other`, which lies within some kilometres: on the plane at the middle latitude.
    pub fn metres(self, other: Self) -> f64 {
        let (a, b) = (self.position(), other.position());
        let parallel = f64::midpoint(a.y, b.y).to_radians().cos();
        ((b.x - a.x) * parallel).hypot(b.y - a.y) * DEGREE
    }
}

/// Plane metres about one position, for what lies within some kilometres of it.
#[derive(Clone, Copy)]
pub struct Plane {
    centre: Position,
    east: f64,
}

impl Plane {
    /// About `centre`.
    pub fn about(centre: Position) -> Self {
        Self { centre, east: DEGREE * centre.y.to_radians().cos() }
    }

    /// Metres east and north of the centre.
    pub fn metres(&self, spot: Spot) -> (f64, f64) {
        let at = spot.position();
        ((at.x - self.centre.x) * self.east, (at.y - self.centre.y) * DEGREE)
    }
}

/// Share along `a`–`b` of the point nearest the origin, and its distance squared.
pub fn foot(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = dx * dx + dy * dy;
    let share = if length > 0.0 { (-(a.0 * dx + a.1 * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    let (x, y) = (a.0 + share * dx, a.1 + share * dy);
    (share, x * x + y * y)
}

/// Place along a Hilbert curve over the whole globe: what is near on it is near on the map.
pub fn hilbert(spot: Spot) -> u64 {
    let mut x = (i64::from(spot.east) + (1 << 31)) as u32;
    let mut y = (i64::from(spot.north) + (1 << 31)) as u32;
    let mut along = 0;
    for bit in (0..32).rev() {
        let (right, up) = (x >> bit & 1, y >> bit & 1);
        along = along << 2 | u64::from((3 * right) ^ up);
        if up == 0 {
            if right == 1 {
                (x, y) = (!x, !y);
            }
            (x, y) = (y, x);
        }
    }
    along
}
