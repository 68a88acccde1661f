//! Kinds and fields (类别与字段): what packs say about the things of the register.
//!
//! Pure: reads files, proves them, reads and checks values. Knows no SQL and no clock.

pub mod catalog;
pub mod expression;
pub mod formats;
pub mod model;
pub mod read;
pub mod value;

pub use catalog::{Catalog, Source};
pub use model::{AudienceRule, CodeList, Field, Kind, Placing, Sort, Symbol};
pub use read::Files;
