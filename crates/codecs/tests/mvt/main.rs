//! Vector tiles: the published fixtures, what is written is read back, hostile bytes, and drawing.

mod drawing;
mod fixtures;
mod round_trip;

use anlan_codecs::mvt::{EXTENT, Feature, Layer, Shape, Tile};

fn tile(shape: Shape) -> Tile {
    let feature = Feature { id: None, shape, properties: Vec::new() };
    Tile { layers: vec![Layer { name: "坡".to_owned(), extent: EXTENT, features: vec![feature] }] }
}
