//! The promises of the register, on both engines.

mod audience;
mod bed;
mod corrections;
mod doors;
mod erasure;
mod faults;
mod forms;
mod numbers;
mod parsing;
mod places;
mod roster;
mod scopes;
