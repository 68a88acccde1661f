//! What came of a weather process (叫应效能分析、过程总结、尽职证据包): read from records, never typed.
//!
//! Owns the definitions of the figures, in one place and pure. Does not move anything and knows no screen.
//!
//! # What the figures mean
//! - `called` 应叫: callees of a round, once each. It is the sum of `open` and the eight final states.
//! - `asked` 应答: `called` without 已并入/已停止. Whoever was absorbed is counted in the round that took over.
//! - `reached` 叫到: 已叫应, 已听完, 代登记, 上门叫醒: somebody who holds the duty knows. 已转交 is not among
//!   them: there a superior took over.
//! - `from_ring`: of 已叫应 and 已听完, from the first ring of the call to its end; who answered a message
//!   without a ring has none. Who heard in full did so when the message ended, not when the ladder did. `from_start`: of the same people, from the start of the round to the end.
//! - Percentiles are by nearest rank: the smallest measured value that at least p of 100 do not exceed. So it
//!   always is one of the measured values; of none there is none, of one it is that one.
//! - `attempts` per person reached: all attempts at those asked, divided by `reached`.
//! - `lines`: most calls that rang or talked at one moment, as the gateway's receipts tell.

pub(crate) mod account;
mod endings;
pub(crate) mod evidence;
mod instead;
pub(crate) mod measure;
pub(crate) mod prose;
pub(crate) mod read;
pub(crate) mod sheet;
pub(crate) mod silence;
pub(crate) mod summary;
pub(crate) mod timeline;

pub(crate) use measure::{Figures, Measured};
