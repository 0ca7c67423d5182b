//! What the benches share: servers and a table, cases with their sides, rounds and the table that is printed.
#![allow(dead_code, reason = "each bench uses some of it")]

pub(crate) mod by;
pub(crate) mod case;
pub(crate) mod measure;
pub(crate) mod pin;
pub(crate) mod users;
pub(crate) mod world;
