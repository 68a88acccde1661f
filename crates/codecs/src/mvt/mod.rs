//! Vector tiles (矢量瓦片): Mapbox Vector Tile 2.1 in and out, and where a tile lies.
//!
//! - [`encode()`], [`decode()`]: bytes of a [`Tile`]; of edition 1 what reads the same.
//! - [`Address`]: zoom, column, row; to and from degrees by web Mercator.
//! - [`draw()`]: a geometry as it looks in one tile: clipped with a margin, simplified, rounded.
//!
//! # Promises
//! - What [`encode()`] writes, [`decode()`] reads as the same tile, provided its shapes are drawable: lines of two
//!   positions or more, none repeated; rings not flat, outer ones clockwise on screen and holes the other way.
//!   Others are put right on writing: repeated positions go, rings are turned, what cannot be drawn is left out.
//! - A tile is read as a whole or refused with the byte; features without a usable shape are left out with a
//!   warning, as the specification asks.

mod address;
mod command;
mod decode;
mod draw;
mod encode;
mod wire;

use std::sync::Arc;

pub use self::{
    address::{Address, MAX_ZOOM, world},
    decode::decode,
    draw::draw,
    encode::encode,
};

/// Positions along a side of a tile as we write them.
pub const EXTENT: u32 = 4_096;

/// A position in a tile: right of its left side, below its top. Those beyond 0 and the extent lie in the margin.
pub type Position = [i32; 2];

/// A tile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tile {
    /// Its layers; ones without features are not written.
    pub layers: Vec<Layer>,
}

/// Features under one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Name, once per tile.
    pub name: String,
    /// Positions along a side.
    pub extent: u32,
    /// The features.
    pub features: Vec<Feature>,
}

/// One thing drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// A number that names it in the layer.
    pub id: Option<u64>,
    /// Where it is drawn.
    pub shape: Shape,
    /// What is known of it.
    pub properties: Vec<(Arc<str>, Value)>,
}

/// What is drawn; absolute positions less than 2³⁰ from the corner.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// 点.
    Points(Vec<Position>),
    /// 线.
    Lines(Vec<Vec<Position>>),
    /// 面.
    Areas(Vec<Area>),
}

/// An outer ring and its holes; the first position is not repeated at the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    /// The outline.
    pub outer: Vec<Position>,
    /// The holes.
    pub holes: Vec<Vec<Position>>,
}

/// A property's value. The seven kinds on the wire are these five.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text; shared, because features of a layer share it on the wire.
    Text(Arc<str>),
    /// A number, written as double.
    Number(f64),
    /// A whole number, written as sint64.
    Int(i64),
    /// A whole number from 0, written as uint64.
    Unsigned(u64),
    /// Yes or no.
    Bool(bool),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// Twice the area by the surveyor's formula; positive for outer rings, which are clockwise on screen.
fn doubled_area(ring: &[Position]) -> i128 {
    let next = ring.iter().cycle().skip(1);
    let cross =
        |(a, b): (&Position, &Position)| i128::from(a[0]) * i128::from(b[1]) - i128::from(b[0]) * i128::from(a[1]);
    ring.iter().zip(next).map(cross).sum()
}
