//! Changes that are queued and executed later, on real servers.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/world.rs"]
mod world;

mod ahead;
mod crashes;
mod equal;
mod failures;
mod fluxaorm;
mod keys;
mod long;
mod order;
mod remember;
mod support;
mod together;
mod unsure;
mod upstream;
