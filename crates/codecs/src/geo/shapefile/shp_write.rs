//! Shapes as bytes, and their index.

use anlan_kernel::Problem;
use geo_types::Coord;

use crate::geo::{Geometry, Record, ring};

/// The `.shp` and the `.shx`.
pub(super) fn write(records: &[Record]) -> Result<(Vec<u8>, Vec<u8>), Problem> {
    let kind = kind_of_all(records)?;
    let (mut shapes, mut index) = (Vec::new(), Vec::new());
    for (number, record) in (1_u32..).zip(records) {
        let content = record.geometry.as_ref().map_or_else(|| 0_u32.to_le_bytes().to_vec(), shape);
        index.extend(words(100 + shapes.len()));
        index.extend(words(content.len()));
        shapes.extend(number.to_be_bytes());
        shapes.extend(words(content.len()));
        shapes.extend(content);
    }
    let positions = records.iter().filter_map(|it| it.geometry.as_ref()).flat_map(Geometry::positions);
    let bounds = bounds(positions);
    Ok(([header(kind, shapes.len(), bounds), shapes].concat(), [header(kind, index.len(), bounds), index].concat()))
}

/// A file holds one kind of shape, and rows without one.
fn kind_of_all(records: &[Record]) -> Result<u32, Problem> {
    let mut found = None;
    for record in records {
        let Some(kind) = record.geometry.as_ref().map(kind) else { continue };
        if *found.get_or_insert(kind) != kind {
            return Err(mixed().row(record.row));
        }
    }
    Ok(found.unwrap_or(1))
}

fn kind(geometry: &Geometry) -> u32 {
    match geometry {
        Geometry::Point(_) => 1,
        Geometry::LineString(_) | Geometry::MultiLineString(_) => 3,
        Geometry::Polygon(_) | Geometry::MultiPolygon(_) => 5,
        Geometry::MultiPoint(_) => 8,
    }
}

fn header(kind: u32, length: usize, bounds: [f64; 4]) -> Vec<u8> {
    let mut out = 9_994_u32.to_be_bytes().to_vec();
    out.extend([0; 20]);
    out.extend(words(100 + length));
    out.extend(1_000_u32.to_le_bytes());
    out.extend(kind.to_le_bytes());
    out.extend(bounds.iter().flat_map(|it| it.to_le_bytes()));
    out.extend([0; 32]);
    out
}

fn shape(geometry: &Geometry) -> Vec<u8> {
    let kind = kind(geometry);
    let mut out = kind.to_le_bytes().to_vec();
    if kind == 1 {
        out.extend(geometry.positions().flat_map(bytes));
        return out;
    }
    let chains = geometry.chains();
    out.extend(bounds(geometry.positions()).iter().flat_map(|it| it.to_le_bytes()));
    if kind != 8 {
        out.extend(count(chains.len()));
    }
    out.extend(count(chains.iter().map(|it| it.len()).sum()));
    if kind != 8 {
        let starts = chains.iter().scan(0, |at, it| Some(std::mem::replace(at, *at + it.len())));
        out.extend(starts.flat_map(count));
    }
    // Outer rings clockwise: the other way round than in GeoJSON.
    let turned = |it: &[Coord]| if kind == 5 { it.iter().rev().copied().collect() } else { it.to_vec() };
    out.extend(chains.into_iter().flat_map(turned).flat_map(bytes));
    out
}

fn bounds(positions: impl Iterator<Item = Coord>) -> [f64; 4] {
    ring::bounds(positions).map_or([0.0; 4], |(low, high)| [low.x, low.y, high.x, high.y])
}

fn bytes(it: Coord) -> Vec<u8> {
    [it.x.to_le_bytes(), it.y.to_le_bytes()].concat()
}

/// Lengths count in words of 16 bits, the large end first.
fn words(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes / 2).unwrap_or(u32::MAX).to_be_bytes()
}

fn count(it: usize) -> [u8; 4] {
    u32::try_from(it).unwrap_or(u32::MAX).to_le_bytes()
}

fn mixed() -> Problem {
    Problem::new(
        "mixed_geometry",
        "一个 Shapefile 只能放一种图形（点、多点、线或面），请分开导出",
        "a shapefile holds one kind of shape only (points, multipoints, lines or areas): export them apart",
    )
    .field("geometry")
}
