//! Wire formats of the field (现场报文), pure: bytes in, values and problems out.
//!
//! Owns the reading and writing of messages that other authorities' systems speak. Does not
//! know who may send them, where they are kept, or what follows from them; it opens nothing,
//! keeps nothing and reads no clock.
//!
//! - [`cap`]: the Common Alerting Protocol, read in editions 1.0 to 1.2, written in 1.2.
//! - [`warning`]: the Chinese warning message (预警信息, GB/T 35965) and what can be recognised
//!   in a pasted text.
//! - [`signal`]: all of them as one neutral [`signal::IncomingSignal`].
//! - [`hazard`]: stable keys of the hazards that signals name.
//! - [`decode`]: the JSON answers of `anlan decode`.
//! - [`geo`]: files of places (GeoJSON, Shapefile, KML), datums, coordinates as people write them.
//! - [`mvt`]: vector tiles, and where a tile lies.
//!
//! # Promises
//! - No input makes a reader panic, recurse without bound or allocate more than a fixed multiple
//!   of its size; size, depth and number of elements are capped ([`MAX_BYTES`], [`MAX_DEPTH`],
//!   [`MAX_ELEMENTS`]; [`geo::MAX_FILE_BYTES`] for files of places).
//! - A DTD is refused and no entity beyond the five of XML is ever resolved.
//! - A message is read as it stands or refused with a reason; whatever was tolerated is a
//!   warning with its byte.
//! - A colour is never derived from a severity, nor a hazard from thin air: what the message
//!   does not say stays `None`.
pub mod cap;
pub mod decode;
pub mod geo;
pub mod hazard;
pub mod mvt;
pub mod signal;
pub mod warning;
mod xml;

use anlan_kernel::Problem;

pub use xml::{MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, MAX_WARNINGS};

/// What came of reading a message: the message or why it was refused, and what was tolerated.
#[derive(Clone, Debug, PartialEq)]
pub struct Read<T> {
    /// The message, or the first thing that makes it unusable, with its byte.
    pub message: Result<T, Problem>,
    /// Deviations that were read past, at most [`MAX_WARNINGS`].
    pub warnings: Vec<Problem>,
}

impl<T> Read<T> {
    /// The same warnings around another form of the message.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Read<U> {
        Read { message: self.message.map(change), warnings: self.warnings }
    }
}
