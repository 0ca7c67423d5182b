//! How the time of a flush and of a load grows with the number of rows and of columns, as a table and as plots;
//! `cargo xtask bench --growth` runs it.
//!
//! `--rounds N` sets how many rounds the medians are of, `--write` puts the plots where the README shows them.
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

mod operations;
mod part;
mod plots;
#[path = "../support/mod.rs"]
mod support;
mod tables;

use std::path::Path;
use std::process::ExitCode;

use part::{Part, WIDE_ROWS};
use plots::thousands;
use support::measure::rounds;
use support::world::World;

/// What was asked for on the command line.
struct Wanted {
    rounds: usize,
    write: bool,
}

impl Wanted {
    fn parse() -> Result<Self, String> {
        let mut wanted = Wanted {
            rounds: 7,
            write: false,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--write" => wanted.write = true,
                "--rounds" => wanted.rounds = rounds(words.next())?,
                // Cargo says so to every bench.
                "--bench" => {}
                other => {
                    return Err(format!(
                        "{other:?} is not known; with --growth there are --rounds N, --write"
                    ));
                }
            }
        }
        Ok(wanted)
    }

    /// Where the plots go.
    fn folder(&self) -> &'static Path {
        Path::new(match self.write {
            true => concat!(env!("CARGO_MANIFEST_DIR"), "/benches/plots"),
            false => env!("CARGO_TARGET_TMPDIR"),
        })
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
    let server = World::new().describe();
    let (mut rows, mut columns) = (Part::rows(), Part::columns());
    // A processor that is slow for some seconds is slow for all sizes alike.
    for round in 1..=wanted.rounds {
        eprintln!("round {round} of {}", wanted.rounds);
        rows.measure();
        columns.measure();
    }
    let wide_rows = thousands(WIDE_ROWS);
    println!("{server}; medians of {} rounds", wanted.rounds);
    println!("\nOne flush or load, six columns besides the key:\n\n{rows}");
    println!("\nOne flush or load of {wide_rows} rows, by columns besides the key:\n\n{columns}");
    let folder = wanted.folder();
    let [over_rows, over_columns] = ["rows.svg", "columns.svg"].map(|name| folder.join(name));
    std::fs::create_dir_all(folder).unwrap();
    plots::over_rows(&over_rows, "Time of one flush or load, by rows", &rows.lines()).unwrap();
    let caption = format!("Time of one flush or load of {wide_rows} rows, by columns");
    plots::over_columns(&over_columns, &caption, &columns.lines()).unwrap();
    println!("\nplots: {} and {}", over_rows.display(), over_columns.display());
    ExitCode::SUCCESS
}
