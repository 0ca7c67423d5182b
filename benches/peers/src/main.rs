//! Diesel and SeaORM beside headwater and the bare driver, each in the way that its guide shows, on the same cases.
//!
//! `cargo xtask bench --peers` runs it. Fails with `--check` when a peer is faster than headwater.
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

mod by_diesel;
mod by_sea_orm;
#[path = "../../cases/mod.rs"]
mod cases;
#[path = "../../support/mod.rs"]
mod support;

use std::process::ExitCode;

use support::case::{Case, Side, Started};
use support::measure::{Rounds, line, measure};
use support::world::{World, bare};

/// What a peer does for one case.
pub(crate) type Peer = fn(&str, u64, &Started) -> Option<Side>;

/// Adds the peers' sides to a case that they can do.
fn add(case: &Case, started: &mut Started) {
    let (group, size) = case.parts();
    let Ok(size) = size.parse() else { return };
    let peers: [(&'static str, Peer); 2] = [("diesel", by_diesel::side), ("seaorm", by_sea_orm::side)];
    for (name, peer) in peers {
        if let Some(side) = peer(group, size, started) {
            started.sides.push((name, side));
        }
    }
}

/// Groups that are about rows and the server; the others no peer has.
const GROUPS: [&str; 9] = [
    "find_plain",
    "find_tracked",
    "load_by_ids",
    "load_plain",
    "load_tracked",
    "flush_insert",
    "flush_update",
    "flush_update_same",
    "flush_delete",
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1).cloned()
    };
    let only = after("--only").unwrap_or_default();
    let rounds = after("--rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(7);
    let world = World::new();
    println!(
        "{}; medians of {rounds} rounds or more; beside each peer how often it takes headwater's time",
        world.describe()
    );
    println!(
        "{:<28} {:>10} {:>10} {:>10} {:>6} {:>10} {:>6} {:>7}",
        "case", "headwater", "driver", "diesel", "", "seaorm", "", "rounds"
    );
    let mut slower = Vec::new();
    for case in cases::all() {
        let (group, size) = case.parts();
        if !GROUPS.contains(&group) || size.parse::<u64>().is_err() || !case.name.contains(&only) {
            continue;
        }
        let outcome = measure(&case, &world, Rounds::until_clear(rounds), &add);
        println!("{}", line(&outcome, false));
        if outcome.sides.iter().skip(2).any(|(_, _, ratio)| *ratio >= 1.0) {
            slower.push(outcome.name);
        }
    }
    if !slower.is_empty() {
        println!("a peer is faster: {}", slower.join(", "));
        if words.iter().any(|word| word == "--check") {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// So many rows at the end of the table, for a side that deletes them.
pub(crate) fn put(url: &str, rows: u64) -> impl FnMut() -> Vec<u64> + use<> {
    use mysql::prelude::Queryable;
    let mut bare = bare(url);
    let fresh = support::users::users(rows as usize);
    let statement = bare.prep(support::users::insert(rows as usize)).unwrap();
    move || {
        bare.exec_drop(&statement, support::users::all_values(&fresh)).unwrap();
        let first = bare.last_insert_id();
        (first..first + rows).collect()
    }
}
