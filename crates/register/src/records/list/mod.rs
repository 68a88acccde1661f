//! Lists of a kind: what an address asks for, how many meet it, a page of them, all of them in chunks.
//!
//! Owns the way from a query to records. Conditions on fields look in `record_value`, whose indexes hold the duty area
//! too; the words of the one box come as ids from `find`. Knows nothing of pages and files.
//!
//! # Promises
//! - The reader's duty areas stand in every statement.
//! - What is counted, paged, summed, grouped and taken out by one [`Asked`] are the same records.
//! - A number is exact, or says that there are more: where two wide conditions meet among very many records, counting
//!   ends at [`COUNTED`].

mod ask;
mod read;
mod sql;

pub use ask::{Asked, Fresh, Order, Reader, Test};
pub(crate) use ask::{EXACTLY, NONE, joined};
pub(crate) use read::real;
pub use read::{
    Choice, Counted, Limits, Page, choices, chunk, count, ids, ids_within, page, page_within, records, sums,
};
pub use sql::FOUND;

/// Where counting ends when several conditions meet among more than [`WORK`] records.
pub const COUNTED: i64 = 10_000;
/// Records that are looked at one by one for a count, a sum or an axis.
pub const WORK: i64 = 60_000;
