//! The examples, run as programs.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::database;
use headwater::prelude::*;
use headwater_testkit::{redis, wait_until};
use serde_json::Value as Json;

const SIGNUPS: Stream = Stream::new("SignupStream");

/// Where the example is, beside `deps/`, where this test is. `cargo test` builds the examples, `cargo test --test
/// examples` does not.
fn example(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let profile = tests.ancestors().nth(2).unwrap();
    let path: PathBuf = profile
        .join("examples")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !path.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--example", name]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success());
    }
    Command::new(path)
}

/// `tail`, as it runs.
struct Tail {
    process: Running,
    lines: BufReader<std::process::ChildStdout>,
}

impl Tail {
    fn start(url: &str, arguments: &[&str]) -> Tail {
        let mut process = example("tail")
            .args(["--stream", SIGNUPS.name(), "--redis", url])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map(Running)
            .unwrap();
        let lines = BufReader::new(process.0.stdout.take().unwrap());
        Tail { process, lines }
    }

    fn line(&mut self) -> Json {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Sends a signal and waits for the end: the exit code and what it said of errors.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let code = end(&mut self.process, signal);
        let mut errors = String::new();
        self.process
            .0
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut errors)
            .unwrap();
        (code, errors)
    }
}

#[test]
fn tail_ends_cleanly_by_sigterm_and_leaves_nothing_unacknowledged() {
    for (signal, group) in [("TERM", Some("screen")), ("INT", Some("screen")), ("TERM", None)] {
        let (database, builder) = database();
        let engine = builder.stream(&SIGNUPS).build().unwrap();
        let mut redis = database.redis().unwrap();
        engine.publish(&SIGNUPS, "ana", &[]).unwrap();
        let arguments = group.map_or(vec!["--from-start"], |group| vec!["--group", group]);
        let mut tail = Tail::start(database.redis_url(), &arguments);
        assert_eq!(tail.line()["body"], "ana");
        engine.publish(&SIGNUPS, "ben", &[]).unwrap();
        assert_eq!(tail.line()["body"], "ben");
        assert_eq!(tail.end(signal), (Some(0), String::new()), "{signal} {group:?}");
        let left: usize = redis::cmd("XLEN").arg(SIGNUPS.name()).query(&mut redis).unwrap();
        if group.is_none() {
            // Without a group nothing in Redis changes.
            assert_eq!(left, 2);
            continue;
        }
        // Everything is acknowledged, and the name is gone.
        let stats = engine.stats(&SIGNUPS).unwrap();
        assert_eq!(
            (left, stats.groups[0].pending, stats.groups[0].consumers.len()),
            (0, 0, 0)
        );
    }
}

#[test]
fn tail_shows_the_figures_as_a_table() {
    let (database, builder) = database();
    let engine = builder.stream(&SIGNUPS).group(&SIGNUPS, "mailer").build().unwrap();
    for body in ["ana", "ben", "cleo"] {
        engine.publish(&SIGNUPS, body, &[]).unwrap();
    }
    let mut consumer = engine.consumer(&SIGNUPS).group("mailer").single().unwrap();
    let _ = consumer.consume(2, Duration::ZERO, |_| Err("no".into()));
    let output = example("tail")
        .args(["--stream", SIGNUPS.name(), "--stats", "--redis", database.redis_url()])
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("SignupStream: 3 entries, the oldest "), "{text}");
    let row = |name: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.contains(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(
        row("unread"),
        ["group", "consumer", "unread", "pending", "oldest", "idle"]
    );
    assert_eq!(row("mailer")[..3], ["mailer", "1", "2"]);
    assert_eq!(row("consumer-single")[..2], ["consumer-single", "2"]);
}

/// An example as it runs; it does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a signal and waits for the end.
fn end(Running(process): &mut Running, signal: &str) -> Option<i32> {
    let id = process.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", signal, &id])
            .status()
            .unwrap()
            .success()
    );
    let mut status = None;
    wait_until(Duration::from_secs(30), "the example to end", || {
        status = process.try_wait().unwrap();
        status.is_some()
    })
    .unwrap();
    status.and_then(|status| status.code())
}

/// A service that books and one that relays; the first dies by SIGKILL, the next ends by SIGTERM, and the stream has
/// what the table has.
#[test]
fn outbox_service_ends_cleanly_and_loses_nothing() {
    let (database, _) = database();
    let start = |arguments: &[&str]| {
        let mut service = example("outbox_service");
        service
            .args(arguments)
            .env("HEADWATER_MYSQL_URL", database.mysql_url())
            .env("HEADWATER_REDIS_URL", database.redis_url())
            .stdout(Stdio::piped());
        Running(service.spawn().unwrap())
    };
    let mut redis = database.redis().unwrap();
    let mut told = || -> u64 { redis::cmd("XLEN").arg("AccountStream").query(&mut redis).unwrap() };
    let mut victim = start(&["--book-only"]);
    let mut relay = start(&["--relay-only"]);
    wait_until(Duration::from_secs(60), "events of the first", || told() > 20).unwrap();
    assert_eq!(end(&mut victim, "KILL"), None);
    let mut next = start(&[]);
    let mut lines = BufReader::new(next.0.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("booked") {
        assert_ne!(lines.read_line(&mut text).unwrap(), 0, "{text}");
    }
    assert_eq!(end(&mut next, "TERM"), Some(0));
    lines.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("stopped\n"), "{text}");
    let rows = |query: &str| common::rows(&database, query)[0][0].parse::<u64>().unwrap();
    let drained = || rows("SELECT COUNT(*) FROM _headwater_outbox") == 0;
    wait_until(Duration::from_secs(60), "the outbox to be empty", drained).unwrap();
    assert_eq!(end(&mut relay, "TERM"), Some(0));
    // The version counts the writes of a row from 1, the insert, on; each is one event.
    assert_eq!(told(), rows("SELECT SUM(version) FROM service_accounts"));
}
