//! The promises of the register, on both engines.

mod audience;
mod bed;
mod corrections;
mod doors;
mod duties;
mod erasure;
mod faults;
mod find;
mod forms;
mod numbers;
mod packs;
mod parsing;
mod places;
mod roster;
mod scopes;
mod start;
mod transfer;
