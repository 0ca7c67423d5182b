//! Short runs of the machine itself.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Output};

fn crash(arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_headwater-crash"))
        .args(arguments.split_whitespace())
        .output()
        .unwrap()
}

/// The figure of this name in what was printed.
#[track_caller]
fn figure(output: &Output, name: &str) -> u64 {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let Some(figure) = line.and_then(|rest| rest.split_whitespace().next()) else {
        panic!("no {name} in:\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    };
    figure.replace(',', "").parse().unwrap()
}

/// Streams in memory lose what a process had not sent, and the machine must see it.
#[test]
fn what_background_streams_lose_is_found() {
    let output = crash("--mode background --kills 15 --duration 6 --changes 500 --seed 3");
    assert_eq!(output.status.code(), Some(1));
    assert!(figure(&output, "lost") > 0);
    assert!(figure(&output, "committed changes") >= 500);
    assert_eq!(figure(&output, "out of order"), 0);
    assert_eq!(figure(&output, "published, not committed"), 0);
    assert!(figure(&output, "kills of workers") >= 14);
}

/// Durable streams lose and double nothing.
#[test]
fn durable_streams_are_well() {
    let output = crash("--kills 15 --duration 8 --changes 500 --seed 3");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(figure(&output, "committed changes") >= 500);
    assert_eq!(figure(&output, "events found"), figure(&output, "events expected"));
    assert!(figure(&output, "kills of workers") >= 14);
}

#[test]
fn the_options_are_told() {
    let help = crash("--help");
    assert!(help.status.success());
    assert!(String::from_utf8_lossy(&help.stdout).contains("--kills"));
    assert_eq!(crash("--kils 3").status.code(), Some(2));
}
