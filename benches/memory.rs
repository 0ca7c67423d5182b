//! What the session keeps beside each loaded, untouched entity. A program of its own: it counts every allocation,
//! which the others must not pay for.
//!
//! `--check` fails when it is more than the goal.
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

mod support;

use std::alloc::System;
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::users::{User, fill};
use support::world::World;

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROWS: usize = 100_000;
/// Bytes per entity.
const GOAL: f64 = 48.0;

/// What stays allocated of what the work allocates, by entity.
fn kept<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let region = Region::new(COUNTED);
    let result = work();
    let change = region.change();
    let bytes = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    (bytes / ROWS as f64, result)
}

fn main() -> ExitCode {
    let world = World::new();
    let mut site = world.site();
    fill(&mut site.bare, ROWS);
    let mut session = site.engine.session();
    // The connection's statements and buffers are not the entities'.
    assert_eq!(session.query::<User>().limit(10).fetch().unwrap().len(), 10);
    let (plain, rows) = kept(|| {
        let mut rows = session.query::<User>().fetch().unwrap();
        rows.shrink_to_fit();
        rows
    });
    drop(rows);
    let (tracked, count) = kept(|| session.query::<User>().all().unwrap().len());
    assert_eq!(count, ROWS);
    let beside = tracked - plain;
    let verdict = if beside <= GOAL { "ok" } else { "OVER" };
    println!(
        "{:<28} {:>10} {:>10} {:>9} {:>8}  {verdict}",
        format!("memory/{ROWS}"),
        format!("{tracked:.0} B"),
        format!("{plain:.0} B"),
        format!("+{beside:.0} B"),
        format!("+{GOAL} B")
    );
    if beside > GOAL && std::env::args().any(|word| word == "--check") {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
