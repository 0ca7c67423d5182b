//! `cargo xtask bench`: all cases beside the bare driver, in one table, on servers that flush as in production.
//! `--growth` measures instead how cost grows with rows and columns.

use std::process::ExitCode;

use crate::run::{cargo, pass_on};
use crate::{Outcome, servers};

/// The environment variable that tells the benches on which processor they run.
const PROCESSOR: &str = "HEADWATER_BENCH_CPU";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    servers::ensure(has("--no-install"))?;
    let without = |own: &str| -> Vec<&String> {
        let ours = |argument: &str| argument == "--no-install" || argument == own;
        arguments.iter().filter(|argument| !ours(argument)).collect()
    };
    if has("--growth") {
        return program("growth", &without("--growth")).map(exit_code);
    }
    let passed_on = without("--peers");
    if has("--peers") {
        return peers(&passed_on, has("--no-install"));
    }
    // Before the others, because it is quick.
    let memory = !has("--only") || has("memory");
    let check: Vec<&String> = passed_on.iter().copied().filter(|word| *word == "--check").collect();
    let memory = !memory || program("memory", &check)?;
    let all = program("compare", &passed_on)?;
    Ok(exit_code(memory && all))
}

fn exit_code(succeeded: bool) -> ExitCode {
    match succeeded {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Runs a program of `benches/`, and whether it succeeded.
fn program(bench: &str, arguments: &[&String]) -> Result<bool, Box<dyn std::error::Error>> {
    let mut command = cargo();
    command.args(["bench", "--quiet", "--all-features", "--bench", bench, "--"]);
    command.args(arguments);
    if std::env::var_os(PROCESSOR).is_none() {
        command.env(PROCESSOR, "0");
    }
    let status = command
        .status()
        .map_err(|error| format!("cannot run {:?}: {error}", command.get_program()))?;
    Ok(status.success())
}

/// Diesel and SeaORM beside us, by a package of its own.
fn peers(arguments: &[&String], no_install: bool) -> Outcome {
    servers::ensure_client_library(no_install)?;
    let mut command = cargo();
    command.args([
        "run",
        "--quiet",
        "--release",
        "--manifest-path",
        "benches/peers/Cargo.toml",
        "--",
    ]);
    command.args(arguments);
    if std::env::var_os(PROCESSOR).is_none() {
        command.env(PROCESSOR, "0");
    }
    pass_on(&mut command)
}
