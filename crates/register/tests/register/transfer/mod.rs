//! In and out for every kind: what a file says before it is taken, what is taken, what comes back, what is undone.

mod bed;
mod faults;
mod out;
mod places;
mod taking;
