#![allow(dead_code)]
#[path = "register/bed.rs"]
mod bed;
#[path = "register/duties/mod.rs"]
mod duties;
