//! Faults at every step of a flush, enumerated: each request that it sends is cut, each row that it writes is refused,
//! each before-hook refuses and panics. Nothing may be half-written anywhere, and the next flush must work.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/world.rs"]
mod world;

mod cuts;
mod hooks;
mod library;
mod refusals;
