use anlan_codecs::geo::{
    Geometry,
    geo_types::{Coord, LineString},
    shape::{check, check_position},
};
use anlan_kernel::Problem;

use crate::{
    cell::{Bounds, joined, reach},
    measure::{RADIUS, beside, metres},
    plane::{self, Leg},
    touch,
};

/// Comparisons spent on finding out whether a polygon crosses itself.
const CHECKS: u64 = 20_000_000;
/// Half the way around the earth, metres: everything is within.
const FARTHEST: f64 = 20_037_509.0;
/// Wider than the rounding of a cell's sides, degrees: a tenth of a millimetre.
const PAD: f64 = 1e-9;

/// A part of the world to look in (圈选): checked when made, and then asked of any number of layers.
#[derive(Clone, Debug)]
pub struct Area {
    pub(crate) kind: Kind,
    pub(crate) legs: Vec<Leg>,
    /// Rectangles around what each leg can hold.
    boxes: Vec<Bounds>,
    pub(crate) bounds: Bounds,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Up to `radius` metres from the centre.
    Circle { centre: Coord, radius: f64 },
    /// Inside rings or on them.
    Polygon,
    /// Up to `half` metres from a line.
    Corridor { half: f64 },
}

/// What is known of a rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Share {
    All,
    Some,
    None,
}

impl Area {
    /// What lies up to `radius` metres from `centre`, in a straight line over ground (haversine).
    ///
    /// # Errors
    /// As [`check_position`]; `radius_range` unless it is from 0 to 20,037 km.
    pub fn circle(centre: Coord, radius: f64) -> Result<Self, Problem> {
        check_position(centre).map_err(|it| it.field("centre"))?;
        check_distance(radius, "radius_range", "半径", "the radius").map_err(|it| it.field("radius_m"))?;
        let bounds = padded((centre, centre), radius);
        // Around the back of the globe the rectangle would end at the 180th meridian.
        let across = bounds.0.x < -180.0 || bounds.1.x > 180.0;
        let bounds = if across { widened(bounds) } else { bounds };
        Ok(Self { kind: Kind::Circle { centre, radius }, legs: Vec::new(), boxes: Vec::new(), bounds })
    }

    /// What lies inside a polygon, or several, or on their outlines; parts that overlap count once.
    ///
    /// # Errors
    /// `not_an_area` of points and lines, and whatever makes the shape unusable ([`check`]).
    pub fn polygon(shape: Geometry) -> Result<Self, Problem> {
        if !matches!(shape, Geometry::Polygon(_) | Geometry::MultiPolygon(_)) {
            return Err(not_an_area(shape.name()).field("polygon"));
        }
        check(&shape, &mut CHECKS.clone()).map_err(|it| it.field("polygon"))?;
        let legs: Vec<Leg> = plane::legs(&shape.oriented()).filter(|it| it[0] != it[1]).collect();
        Ok(Self::of_legs(Kind::Polygon, legs, 0.0))
    }

    /// What lies up to half of `width` metres to either side of a line, or of its ends.
    /// It does not reach across the 180th meridian.
    ///
    /// # Errors
    /// As [`check_position`]; `too_few_points`; `width_range` unless it is from 0 to 20,037 km.
    pub fn corridor(line: LineString, width: f64) -> Result<Self, Problem> {
        check_distance(width, "width_range", "宽度", "the width").map_err(|it| it.field("width_m"))?;
        let line = Geometry::LineString(line);
        check(&line, &mut CHECKS.clone()).map_err(|it| it.field("line"))?;
        let half = width / 2.0;
        Ok(Self::of_legs(Kind::Corridor { half }, plane::legs(&line).collect(), half))
    }

    /// South-west and north-east corner of the rectangle around it, degrees.
    pub fn bounds(&self) -> (Coord, Coord) {
        self.bounds
    }

    /// Whether a shape lies in it or reaches into it; a common position is enough.
    pub fn touches(&self, shape: &Geometry) -> bool {
        touch::touches(self, shape)
    }

    fn of_legs(kind: Kind, legs: Vec<Leg>, margin: f64) -> Self {
        let boxes: Vec<Bounds> = legs.iter().map(|it| padded(plane::around(*it), margin)).collect();
        let bounds = boxes.iter().copied().reduce(joined).unwrap_or_default();
        Self { kind, legs, boxes, bounds }
    }

    /// Legs that can hold something of a rectangle.
    pub(crate) fn legs_near(&self, bounds: Bounds) -> impl Iterator<Item = Leg> {
        let near = move |it: &(&Leg, &Bounds)| plane::overlap(*it.1, bounds);
        self.legs.iter().zip(&self.boxes).filter(near).map(|it| *it.0)
    }

    /// Everywhere: all legs matter.
    pub(crate) fn local(&self) -> Local {
        Local { legs: (0..self.legs.len() as u32).collect(), start: 0, turns: 0 }
    }

    /// How much of a rectangle lies in the area. The legs that matter inside it are added to `local`.
    pub(crate) fn share(&self, (low, high): Bounds, local: &mut Local) -> Share {
        let pad = Coord { x: PAD, y: PAD };
        let rectangle = (low - pad, high + pad);
        match self.kind {
            Kind::Circle { centre, radius } => match reach(rectangle, centre) {
                (_, most) if most <= radius => Share::All,
                (least, _) if least > radius => Share::None,
                _ => Share::Some,
            },
            Kind::Corridor { .. } => {
                local.narrow(|leg, _| plane::overlap(self.boxes[leg], rectangle));
                if local.own().is_empty() { Share::None } else { Share::Some }
            }
            Kind::Polygon => self.share_of_polygon(rectangle, local),
        }
    }

    /// A ray to the east decides. A leg that passes beside the rectangle from below to above it does the same to all
    /// rays from inside, so it is counted once.
    fn share_of_polygon(&self, (low, high): Bounds, local: &mut Local) -> Share {
        let middle = Coord { x: f64::midpoint(low.x, high.x), y: f64::midpoint(low.y, high.y) };
        let mut near = false;
        local.narrow(|leg, turns| {
            let (from, to) = self.boxes[leg];
            if from.y > high.y || to.y < low.y || to.x < low.x {
                return false;
            }
            if plane::near(self.legs[leg], (low, high)) {
                near = true;
                return true;
            }
            let passes = from.y < low.y && to.y > high.y;
            if passes {
                *turns += plane::turn(self.legs[leg], middle).count();
            }
            !passes
        });
        if near {
            return Share::Some;
        }
        if self.holds(middle, local) { Share::All } else { Share::None }
    }

    /// Whether a position lies in the area, going by what matters around it.
    #[inline]
    pub(crate) fn holds(&self, it: Coord, local: &Local) -> bool {
        let mut own = local.own().iter().map(|leg| self.legs[*leg as usize]);
        match self.kind {
            Kind::Circle { centre, radius } => metres(centre, it) <= radius,
            Kind::Polygon => plane::inside(own, it, local.turns),
            Kind::Corridor { half } => own.any(|leg| beside(leg, it) <= half),
        }
    }
}

/// What matters in a rectangle: some legs, and what the others do to the count of turns.
pub(crate) struct Local {
    /// Those of the rectangles around it stand before.
    legs: Vec<u32>,
    start: usize,
    turns: i32,
}

impl Local {
    fn own(&self) -> &[u32] {
        &self.legs[self.start..]
    }

    /// Goes on with the legs that are wanted.
    fn narrow(&mut self, mut wanted: impl FnMut(usize, &mut i32) -> bool) {
        let all = self.start..self.legs.len();
        self.start = all.end;
        for index in all {
            let leg = self.legs[index];
            if wanted(leg as usize, &mut self.turns) {
                self.legs.push(leg);
            }
        }
    }

    /// What it takes to go back to the rectangle around.
    pub(crate) fn mark(&self) -> Mark {
        Mark { length: self.legs.len(), start: self.start, turns: self.turns }
    }

    /// Goes back.
    pub(crate) fn reset(&mut self, mark: &Mark) {
        self.legs.truncate(mark.length);
        (self.start, self.turns) = (mark.start, mark.turns);
    }
}

pub(crate) struct Mark {
    length: usize,
    start: usize,
    turns: i32,
}

/// A rectangle with so many metres more on every side.
fn padded((low, high): Bounds, metres: f64) -> Bounds {
    let north = (metres / RADIUS).to_degrees() * (1.0 + 1e-9);
    let highest = (high.y.abs().max(low.y.abs()) + north).to_radians();
    // The circle's easternmost point lies beyond its centre's parallel, nearer the pole.
    let east = if highest < 1.57 { (metres / RADIUS / highest.cos()).to_degrees() } else { 360.0 };
    let pad = Coord { x: east.min(360.0) * (1.0 + 1e-9), y: north };
    (low - pad, high + pad)
}

fn widened((low, high): Bounds) -> Bounds {
    (Coord { x: -180.0, y: low.y }, Coord { x: 180.0, y: high.y })
}

fn check_distance(metres: f64, code: &str, zh: &str, en: &str) -> Result<(), Problem> {
    if (0.0..=FARTHEST).contains(&metres) {
        return Ok(());
    }
    let most = FARTHEST as u32 / 1_000;
    Err(Problem::new(
        code,
        format!("{zh} {metres} 米不行，应为 0 至 {most} 千米"),
        format!("{en} of {metres} m cannot be; from 0 to {most} km is right"),
    ))
}

fn not_an_area(name: &str) -> Problem {
    Problem::new(
        "not_an_area",
        format!("应为面（Polygon 或 MultiPolygon），不是 {name}"),
        format!("a Polygon or MultiPolygon is needed, not a {name}"),
    )
}
