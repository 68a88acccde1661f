//! One model of what stands on a map, and what is wrong with it.

use anlan_kernel::Problem;
use geo_types::{Coord, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon};

use super::{
    crossing::{self, Crossing},
    ring,
};

/// A point, line or area, or several; x is degrees east, y degrees north.
#[derive(Clone, Debug, PartialEq)]
pub enum Geometry {
    /// 点.
    Point(Point),
    /// 多点.
    MultiPoint(MultiPoint),
    /// 线.
    LineString(LineString),
    /// 多线.
    MultiLineString(MultiLineString),
    /// 面.
    Polygon(Polygon),
    /// 多面.
    MultiPolygon(MultiPolygon),
}

impl Geometry {
    /// The name in GeoJSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Point(_) => "Point",
            Self::MultiPoint(_) => "MultiPoint",
            Self::LineString(_) => "LineString",
            Self::MultiLineString(_) => "MultiLineString",
            Self::Polygon(_) => "Polygon",
            Self::MultiPolygon(_) => "MultiPolygon",
        }
    }

    /// Its lines and rings one by one; a point is a chain of one.
    pub fn chains(&self) -> Vec<&[Coord]> {
        match self {
            Self::Point(it) => vec![std::slice::from_ref(&it.0)],
            Self::MultiPoint(it) => it.0.iter().map(|it| std::slice::from_ref(&it.0)).collect(),
            Self::LineString(it) => vec![&it.0],
            Self::MultiLineString(it) => it.0.iter().map(|it| it.0.as_slice()).collect(),
            Self::Polygon(it) => rings(it),
            Self::MultiPolygon(it) => it.0.iter().flat_map(rings).collect(),
        }
    }

    /// All its positions.
    pub fn positions(&self) -> impl Iterator<Item = Coord> {
        self.chains().into_iter().flatten().copied()
    }

    /// The same shape with every position changed.
    #[must_use]
    pub fn map(&self, change: impl Fn(Coord) -> Coord) -> Self {
        let line = |it: &LineString| LineString(it.0.iter().map(|it| change(*it)).collect());
        let point = |it: &Point| Point(change(it.0));
        let area = |it: &Polygon| Polygon::new(line(it.exterior()), it.interiors().iter().map(line).collect());
        match self {
            Self::Point(it) => Self::Point(point(it)),
            Self::MultiPoint(it) => Self::MultiPoint(MultiPoint(it.0.iter().map(point).collect())),
            Self::LineString(it) => Self::LineString(line(it)),
            Self::MultiLineString(it) => Self::MultiLineString(MultiLineString(it.0.iter().map(line).collect())),
            Self::Polygon(it) => Self::Polygon(area(it)),
            Self::MultiPolygon(it) => Self::MultiPolygon(MultiPolygon(it.0.iter().map(area).collect())),
        }
    }

    /// Outer rings turned counter-clockwise and holes clockwise (RFC 7946, 3.1.6).
    #[must_use]
    pub fn oriented(self) -> Self {
        match self {
            Self::Polygon(it) => Self::Polygon(oriented(it)),
            Self::MultiPolygon(it) => Self::MultiPolygon(it.0.into_iter().map(oriented).collect()),
            other => other,
        }
    }

    fn areas(&self) -> &[Polygon] {
        match self {
            Self::Polygon(it) => std::slice::from_ref(it),
            Self::MultiPolygon(it) => &it.0,
            _ => &[],
        }
    }
}

/// The outer ring and then the holes.
pub(super) fn rings(polygon: &Polygon) -> Vec<&[Coord]> {
    std::iter::once(polygon.exterior()).chain(polygon.interiors()).map(|it| it.0.as_slice()).collect()
}

fn oriented(polygon: Polygon) -> Polygon {
    let turned = |mut ring: LineString, outer: bool| {
        if (ring::area(&ring.0) > 0.0) != outer {
            ring.0.reverse();
        }
        ring
    };
    let (outer, holes) = polygon.into_inner();
    Polygon::new(turned(outer, true), holes.into_iter().map(|it| turned(it, false)).collect())
}

/// Whether a position is on the globe.
///
/// # Errors
/// `not_a_number`, `longitude_range`, `latitude_range`.
pub fn check_position(it: Coord) -> Result<(), Problem> {
    if !it.x.is_finite() || !it.y.is_finite() {
        return Err(Problem::new("not_a_number", "坐标不是数", "a coordinate is not a number"));
    }
    if it.y.abs() > 90.0 {
        let (hint_zh, hint_en) = hint(it);
        return Err(Problem::new(
            "latitude_range",
            format!("纬度 {} 超出 ±90{hint_zh}", it.y),
            format!("the latitude {} is beyond ±90{hint_en}", it.y),
        ));
    }
    if it.x.abs() > 180.0 {
        let (hint_zh, hint_en) = hint(it);
        return Err(Problem::new(
            "longitude_range",
            format!("经度 {} 超出 ±180{hint_zh}", it.x),
            format!("the longitude {} is beyond ±180{hint_en}", it.x),
        ));
    }
    Ok(())
}

fn hint(it: Coord) -> (&'static str, &'static str) {
    if it.x.abs() <= 90.0 && it.y.abs() <= 180.0 {
        ("，经纬度可能写反了", "; longitude and latitude may be swapped")
    } else if it.x.abs().max(it.y.abs()) > 1_000.0 {
        (
            "，像是投影坐标（米），请附 .prj 或转换为经纬度",
            "; these look like metres: give the .prj or convert to degrees",
        )
    } else {
        ("", "")
    }
}

/// Whether a shape can be used: on the globe, long enough, not flat, not crossing itself.
/// `Ok` with a problem says what could not be checked within the `budget` of comparisons.
///
/// # Errors
/// As [`check_position`]; `empty_geometry`, `too_few_points`, `flat_ring`, `self_crossing` with its place.
pub fn check(geometry: &Geometry, budget: &mut u64) -> Result<Option<Problem>, Problem> {
    let chains = geometry.chains();
    if chains.iter().all(|it| it.is_empty()) {
        return Err(Problem::new("empty_geometry", "图形没有任何坐标", "the shape has no coordinates at all"));
    }
    geometry.positions().try_for_each(check_position)?;
    match geometry {
        Geometry::Point(_) | Geometry::MultiPoint(_) => {}
        Geometry::LineString(_) | Geometry::MultiLineString(_) => chains.into_iter().try_for_each(check_line)?,
        Geometry::Polygon(_) | Geometry::MultiPolygon(_) => chains.into_iter().try_for_each(check_ring)?,
    }
    for area in geometry.areas() {
        match crossing::find(&rings(area), budget) {
            Crossing::No => rings(area).into_iter().try_for_each(check_flat)?,
            Crossing::Yes { at, .. } => return Err(self_crossing(at)),
            Crossing::Unknown => return Ok(Some(not_checked())),
        }
    }
    Ok(None)
}

fn check_line(line: &[Coord]) -> Result<(), Problem> {
    if line.len() >= 2 {
        return Ok(());
    }
    Err(too_few("线至少要 2 个点", "a line needs at least 2 points"))
}

fn check_ring(ring: &[Coord]) -> Result<(), Problem> {
    if ring.len() < 4 {
        return Err(too_few(
            "面的每个环至少要 4 个点，首尾相同",
            "a ring needs at least 4 points, the last equal to the first",
        ));
    }
    Ok(())
}

/// Asked after crossings: the halves of a bow tie cancel.
fn check_flat(ring: &[Coord]) -> Result<(), Problem> {
    if ring::area(ring) != 0.0 {
        return Ok(());
    }
    let (zh, en) = ("环的各点在一条线上，没有面积", "the points of a ring lie on one line: it has no area");
    Err(Problem::new("flat_ring", zh, en))
}

fn too_few(zh: &str, en: &str) -> Problem {
    Problem::new("too_few_points", zh, en)
}

fn self_crossing(at: Coord) -> Problem {
    let Coord { x, y } = at;
    Problem::new(
        "self_crossing",
        format!("面的边界自相交，交点在经度 {x:.6}、纬度 {y:.6}"),
        format!("the outline crosses itself at longitude {x:.6}, latitude {y:.6}"),
    )
}

fn not_checked() -> Problem {
    Problem::new(
        "crossing_not_checked",
        "面太大，未检查是否自相交",
        "the shape is too large to be checked for self-crossing",
    )
}
