//! The map's engine (一张图): points, lines and areas of a layer in memory, asked by tile, area and distance.
//!
//! Owns where things lie and how that is found fast. Does not know what the things are, who may see them beyond
//! their [`Scope`](anlan_kernel::Scope), where they are kept or how they are served: no I/O, no SQL, no clock.
//!
//! - [`Layer`]: [`Item`]s in; [`tile`](Layer::tile), [`within`](Layer::within), [`nearest`](Layer::nearest) and
//!   counts out. A layer never changes: [`Layer::with`] makes the next one, which shares what stayed.
//! - [`Area`]: circle, polygon, corridor, checked once and asked of many layers.
//! - [`measure`]: lengths and areas on the globe.
//!
//! # Promises
//! - Nothing outside the scope is returned, counted, summed or drawn, nor does it move a cluster's middle.
//! - The indexed answers are those of going through all items one by one.
//! - Each point lies in one tile of a zoom: what the clusters of the tiles count adds up, at every zoom.
//! - An item with a position off the globe, or with other numbers than the layer has, is refused and named.
//!
//! Degrees are WGS 84; a leg between two positions is straight in degrees, as GeoJSON has it (RFC 7946, 3.1.1).
//! Distances are metres on the sphere of [`measure::RADIUS`].

mod area;
mod block;
mod cell;
mod item;
mod layer;
pub mod measure;
mod nearest;
mod part;
mod plane;
mod pyramid;
mod tile;
mod touch;
mod within;
mod words;

pub use self::{
    area::Area,
    item::{Change, Entry, Item},
    layer::Layer,
    within::Found,
};
