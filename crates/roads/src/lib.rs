//! Road times (路程时间): who is nearest by road, how far one comes in five minutes, which places that covers.
//!
//! - [`Graph::from_pbf`] reads the car roads of an OpenStreetMap extract; [`Graph::to_bytes`] and
//!   [`Graph::from_bytes`] keep them.
//! - [`Graph::snap`]: from a position to the road beside it.
//! - [`Graph::nearest`], [`Graph::route`], [`Graph::table`]: times between positions.
//! - [`Graph::reach`]: times from the nearest of many origins to everywhere, and the areas.
//!
//! Does not know what stands at a position, who may see it, or where bytes are kept; reads no clock and no file.
//!
//! # Promises
//! - A time between two junctions is that of Dijkstra's algorithm on the roads of [`Graph::roads`], to the millisecond.
//! - A position is served by the road nearest to it, the way between them at [`OFF_ROAD_KMH`]; a motorway serves
//!   only what lies on it. Times of places and the areas follow the same rule.
//! - Damaged or hostile bytes give a [`Problem`](anlan_kernel::Problem), never a panic, and need memory in
//!   proportion to their length.
//! - One-way streets are one-way, closed roads and barriers are closed. Turn restrictions, ferries, traffic and
//!   traffic lights are not known.

mod ancestry;
mod contract;
mod degrees;
mod field;
mod graph;
mod import;
mod islands;
mod march;
mod nearest;
mod path;
mod pbf;
mod profile;
mod reach;
mod route;
mod search;
mod snap;
mod stored;
mod targets;

pub use geo_types;

pub use self::{
    degrees::Position,
    graph::{Facts, Graph, Road},
    nearest::Reached,
    profile::{LIMIT_SHARE, OFF_ROAD_KMH},
    reach::{Area, Reach},
    route::Route,
    snap::{SNAP_METRES, Snap},
    targets::{Direction, Targets},
};
