//! The tasks of this repository, run as `cargo xtask TASK`.

mod bench;
mod crash;
mod demo;
mod run;
mod servers;
mod test;

use std::env;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask TASK

tasks:
    test  [--no-install] [-- ARGS]          run all tests; ARGS go to cargo test
    demo  [--no-install] [NAME] [-- ARGS]   run the example NAME (quickstart) on fresh databases;
                                            ARGS go to the example
    bench [--no-install] [--peers] [--check] [--only TEXT] [--rounds N]
                                            all benches beside the bare driver, as one table; --check fails
                                            when a goal is missed; --peers shows Diesel and SeaORM as well
    bench --growth [--no-install] [--rounds N] [--write]
                                            how cost grows with rows and columns, as a table and as plots;
                                            --write puts the plots into benches/plots
    crash [--no-install] [OPTIONS]          kill processes and servers under load, then look for events
                                            that are lost or doubled; --help lists the options
    help                                    print this

All need a MariaDB or MySQL server and a Redis or Valkey server. Missing ones are installed with the
system's package manager; with --no-install the command is printed instead. Tasks start servers of
their own, unless HEADWATER_MYSQL_URL and HEADWATER_REDIS_URL name running ones; crash always does.
";

/// What ends a task early, as the message to print.
type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (task, rest) = match arguments.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("", &[][..]),
    };
    let outcome = match task {
        "test" => test::run(rest),
        "demo" => demo::run(rest),
        "bench" => bench::run(rest),
        "crash" => crash::run(rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        "" => Ok(usage("no task given")),
        unknown => Ok(usage(&format!("there is no task {unknown:?}"))),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

/// Says what is wrong with the arguments, and which there are.
fn usage(problem: &str) -> ExitCode {
    eprint!("error: {problem}\n\n{USAGE}");
    ExitCode::from(2)
}
