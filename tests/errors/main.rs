//! Bad input: everything that can be wrong gets an error of the right kind that names table, column, key or value,
//! never shows a password, and leaves the session usable.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/world.rs"]
mod world;

mod building;
mod handles;
mod keys;
mod limits;
mod reading;
mod servers;
mod tables;
mod values;
