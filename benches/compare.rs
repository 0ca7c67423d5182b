//! All cases beside the bare driver, in one table; `cargo xtask bench` runs it.
//!
//! `--check` fails when a goal is missed, `--only TEXT` takes the cases whose name has it, `--rounds N` sets how many
//! rounds the medians are of at least: a case whose rounds do not agree whether its goal is reached gets more.
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

mod cases;
mod support;

use std::process::ExitCode;

use support::measure::{Outcome, Rounds, head, line, measure, rounds};
use support::world::World;

/// What was asked for on the command line.
struct Wanted {
    check: bool,
    only: Vec<String>,
    rounds: usize,
}

impl Wanted {
    fn parse() -> Result<Self, String> {
        let mut wanted = Wanted {
            check: false,
            only: Vec::new(),
            rounds: 15,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--check" => wanted.check = true,
                "--only" => wanted.only.push(words.next().ok_or("--only needs a text")?),
                "--rounds" => wanted.rounds = rounds(words.next())?,
                // Cargo says so to every bench.
                "--bench" => {}
                other => {
                    return Err(format!(
                        "{other:?} is not known; there are --check, --only TEXT, --rounds N"
                    ));
                }
            }
        }
        Ok(wanted)
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|text| name.contains(text.as_str()))
    }
}

fn main() -> ExitCode {
    let wanted = match Wanted::parse() {
        Ok(wanted) => wanted,
        Err(problem) => {
            eprintln!("error: {problem}");
            return ExitCode::from(2);
        }
    };
    let world = World::new();
    println!("{}; medians of {} rounds at least", world.describe(), wanted.rounds);
    println!("{}", head());
    let mut outcomes: Vec<Outcome> = Vec::new();
    for case in cases::all() {
        if wanted.wants(&case.name) {
            let outcome = measure(&case, &world, Rounds::until_clear(wanted.rounds), &|_, _| {});
            println!("{}", line(&outcome, true));
            outcomes.push(outcome);
        }
    }
    let missed: Vec<&str> = outcomes
        .iter()
        .filter(|o| !o.is_met())
        .map(|o| o.name.as_str())
        .collect();
    println!("{} of {} goals reached", outcomes.len() - missed.len(), outcomes.len());
    if !missed.is_empty() {
        println!("missed: {}", missed.join(", "));
    }
    if wanted.check && !missed.is_empty() {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
