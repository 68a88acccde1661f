//! The shapes.

use anlan_kernel::Problem;
use geo_types::{Coord, LineString, MultiLineString, MultiPoint, MultiPolygon, Point};

use crate::geo::{Geometry, intake::Intake, ring};

/// Walks through the shapes of a file.
pub(super) struct Shapes<'a> {
    rest: Bytes<'a>,
}

/// One shape, not yet sorted out.
pub(super) struct Shape {
    kind: u32,
    /// Lines, rings or single points.
    parts: Vec<Vec<Coord>>,
    /// The first height that is not zero.
    height: f64,
}

impl<'a> Shapes<'a> {
    pub fn open(bytes: &'a [u8]) -> Result<Self, Problem> {
        let right = bytes.len() >= 100 && bytes.starts_with(&9_994_u32.to_be_bytes());
        if right { Ok(Self { rest: Bytes(&bytes[100..]) }) } else { Err(not_a_shapefile()) }
    }

    /// `None` at the end. A record that is cut short ends the file.
    pub fn next_shape(&mut self) -> Option<Result<Shape, Problem>> {
        if self.rest.0.is_empty() {
            return None;
        }
        let content = self.content();
        if content.is_none() {
            self.rest = Bytes(&[]);
        }
        Some(content.ok_or_else(cut_short).and_then(Shape::read))
    }

    fn content(&mut self) -> Option<Bytes<'a>> {
        let _number = self.rest.take(4)?;
        let words = u32::from_be_bytes(self.rest.take(4)?.try_into().ok()?);
        self.rest.take(usize::try_from(words).ok()?.checked_mul(2)?).map(Bytes)
    }
}

impl Shape {
    fn read(mut content: Bytes<'_>) -> Result<Self, Problem> {
        let kind = content.whole().ok_or_else(cut_short)?;
        let (parts, height) = match kind {
            0 => Some((Vec::new(), 0.0)),
            1 | 11 | 21 => content.point(kind == 11),
            8 | 18 | 28 => content.points(kind == 18),
            3 | 5 | 13 | 15 | 23 | 25 => content.lines(kind == 13 || kind == 15),
            _ => return Err(unknown_kind(kind)),
        }
        .ok_or_else(cut_short)?;
        Ok(Self { kind, parts, height })
    }

    pub fn geometry(self, intake: &mut Intake) -> Result<Option<Geometry>, Problem> {
        intake.height(self.height);
        let mut parts = self.parts;
        let single = parts.len() == 1;
        let geometry = match self.kind % 10 {
            0 => return Ok(None),
            1 => Geometry::Point(Point(parts.concat().first().copied().ok_or_else(cut_short)?)),
            8 => Geometry::MultiPoint(MultiPoint(parts.concat().into_iter().map(Point).collect())),
            3 if single => Geometry::LineString(LineString(parts.remove(0))),
            3 => Geometry::MultiLineString(MultiLineString(parts.into_iter().map(LineString).collect())),
            _ => areas(parts, intake)?,
        };
        Ok(Some(geometry))
    }
}

fn areas(parts: Vec<Vec<Coord>>, intake: &mut Intake) -> Result<Geometry, Problem> {
    let rings = parts.into_iter().map(|it| intake.closed(it)).collect();
    let mut areas = ring::assemble(rings, intake.budget())?;
    let single = areas.len() == 1;
    Ok(if single { Geometry::Polygon(areas.remove(0)) } else { Geometry::MultiPolygon(MultiPolygon(areas)) })
}

type Read = Option<(Vec<Vec<Coord>>, f64)>;

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn whole(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.whole()?).ok()
    }

    /// Nothing is set aside for more numbers than there are bytes.
    fn doubles(&mut self, count: usize) -> Option<Vec<f64>> {
        let bytes = self.take(count.checked_mul(8)?)?;
        Some(bytes.chunks_exact(8).filter_map(|it| it.try_into().ok()).map(f64::from_le_bytes).collect())
    }

    fn positions(&mut self, count: usize) -> Option<Vec<Coord>> {
        let numbers = self.doubles(count.checked_mul(2)?)?;
        Some(numbers.chunks_exact(2).map(|it| Coord { x: it[0], y: it[1] }).collect())
    }

    fn height(&mut self, there: bool, range: bool, count: usize) -> Option<f64> {
        if !there {
            return Some(0.0);
        }
        if range {
            self.take(16)?;
        }
        Some(self.doubles(count)?.into_iter().find(|it| *it != 0.0).unwrap_or(0.0))
    }

    fn point(&mut self, heights: bool) -> Read {
        let points = self.positions(1)?;
        Some((vec![points], self.height(heights, false, 1)?))
    }

    fn points(&mut self, heights: bool) -> Read {
        self.take(32)?;
        let count = self.count()?;
        let points = self.positions(count)?;
        Some((vec![points], self.height(heights, true, count)?))
    }

    fn lines(&mut self, heights: bool) -> Read {
        self.take(32)?;
        let (parts, count) = (self.count()?, self.count()?);
        let starts = self.take(parts.checked_mul(4)?)?.chunks_exact(4).filter_map(|it| it.try_into().ok());
        let mut bounds: Vec<usize> = starts.map(|it| u32::from_le_bytes(it) as usize).collect();
        bounds.push(count);
        let points = self.positions(count)?;
        let lines =
            bounds.windows(2).map(|it| points.get(it[0]..it[1]).map(<[Coord]>::to_vec)).collect::<Option<_>>()?;
        Some((lines, self.height(heights, true, count)?))
    }
}

fn not_a_shapefile() -> Problem {
    Problem::new("not_a_shapefile", "不是 .shp 文件", "this is not a .shp file").field("shp").byte(0)
}

fn cut_short() -> Problem {
    Problem::new("cut_short", "图形的内容不完整", "the shape is cut short").field("shp")
}

fn unknown_kind(kind: u32) -> Problem {
    Problem::new(
        "unknown_geometry",
        format!("不认识的图形类型 {kind}：应为点、多点、线或面"),
        format!("the shape type {kind} is not known: points, lines and areas are read"),
    )
    .field("shp")
}
