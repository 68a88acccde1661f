//! Rules over readings: from rules.toml to the moves of alarms (实况告警).
//!
//! Owns the language of rules.toml and its meaning, the quantities and their units, stations as
//! rules see them, and the [`Engine`] that judges. Does not know where readings come from, who is
//! called, how anything is stored, or what time it is.
//!
//! # Promises
//! - Arithmetic is exact in the decimals given: no binary fractions, nothing divided.
//! - What a reading costs does not grow with the length of a window.
//! - Each instant is judged once, after all its rows; between rows, every moment at which a
//!   condition can change by itself.
//! - Duplicates change nothing. A late reading enters its windows at its own time and is judged at
//!   world time: what was judged before it came stays judged (`for` and clear_after look back at
//!   what was judged then).
//! - Editing rules alarms nobody about the past.

mod decimal;
mod edit;
mod engine;
mod expression;
mod judge;
mod layout;
mod observed;
mod parse;
mod quantities;
mod rule;
mod series;
mod stations;
mod title;
mod token;
mod turn;

pub use decimal::{BadDecimal, Decimal};
pub use engine::{AlarmMove, Engine, OpenAlarm, Reading, Shift, StationIndex, Taken};
pub use expression::{Bound, Comparison, Expression, Function, Span};
pub use parse::parse_expression;
pub use quantities::{Amount, Conversion, Quantity};
pub use rule::{Level, Parsed, Rule, parse_rules};
pub use stations::{Station, StationTable, parse_stations};
pub use title::check_title;

pub(crate) use observed::Observed;
pub(crate) use stations::{missing_column, not_utf8, station_of, taken_station, wrong_width};
