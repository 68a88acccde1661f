//! Risk notices (风险提示单): the bureau's own word to its own people, drafted from facts, signed by a second
//! person, sent to a list that stays the same.
//!
//! Owns notices and their papers, the asking for a signature, number series, the fixed list, the public page and the
//! request to the warning centre (发布申请). Does not know how a signal or an alarm came about (it quotes the one and
//! names the other), and announces nothing: a 预警 is the government's, a weather signal its station's.
//!
//! # Promises
//! - An issued paper's words never change; what was wrong is corrected by the next one.
//! - Whoever drafted a paper, or recorded a verbal yes for it, does not sign it. A verbal yes sends it at once;
//!   its signature stays open until it is there, and the journal says when 24 hours have passed.
//! - Who may sign what was submitted is asked by message, and who does not answer is followed by the next one.
//! - Numbers of a 牌子 and a year are 1, 2, 3 … without a gap: given in the transaction that issues.
//! - Updates, corrections and liftings go to the same list; a grown area adds to it. A correction leaves before
//!   every other message, and what it corrects is not sent after it.
//! - One live notice per process and area. Nothing lifts itself.
//! - The public page is off until an administrator switches it on, and shows forwarded originals in force and
//!   notices approved by name.

mod api;
mod ask;
mod cap;
mod diff;
mod draft;
pub mod flow;
mod guide;
pub mod model;
mod open;
mod pages;
mod public;
mod query;
mod send;
mod service;
mod words;

pub(crate) use api::routes;
pub(crate) use ask::ask;
pub use draft::Edit;
pub use guide::{Guide, Measure, Prefix};
pub use model::{Content, Kind, Notice, Paper, PublicPage, Recipient, Standing};
pub use open::{OpenItem, OpenKind, Step, open_items, timeline};
pub(crate) use send::{current, message, tell_slice, words};
pub use service::public_page_is_on;
pub(crate) use service::signature_overdue;
pub use words::check;
