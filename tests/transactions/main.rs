//! Transactions: what a commit makes true and a rollback takes back, what is told of it, the order of statements,
//! rows that others changed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(
    clippy::duplicated_attributes,
    reason = "clippy takes two `index(unique, …)` of a table for one"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/world.rs"]
mod world;

mod accounts;
mod deadlocks;
mod lost;
mod merging;
mod order;
mod outcome;
mod pools;
mod tree;
mod unique;
mod versions;
