//! `cargo run --example decode_event`, run.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use headwater::prelude::*;
use headwater::stream::{ColumnChange, Param};
use serde_json::Value as Json;

use crate::event_json::to_hex;
use crate::vectors;

/// Runs the example on this input; gives its output and its exit code.
fn decode_event(arguments: &[&str], input: &str) -> (String, Option<i32>) {
    // Beside `deps/`, where this test is; `cargo test` builds the examples, `cargo test --test wire` not.
    let tests = std::env::current_exe().expect("this test has a path");
    let profile = tests.ancestors().nth(2).expect("target/<profile>/deps/wire");
    let name = format!("decode_event{}", std::env::consts::EXE_SUFFIX);
    let example: PathBuf = profile.join("examples").join(name);
    if !example.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--example", "decode_event"]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success());
    }
    let mut child = Command::new(example)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example runs");
    // A pipe holds more than these inputs, but the example may have ended before it reads them.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the example ends");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (text, output.status.code())
}

#[test]
fn the_example_shows_every_vector_and_goes_on_after_malformed_lines() {
    let vectors = vectors();
    let mut hex = String::new();
    for vector in &vectors {
        hex.push_str(&format!("{}\r\n\n  \nnonsense\n81a2\n", to_hex(&vector.bytes)));
    }
    let (output, code) = decode_event(&[], &hex);
    assert_eq!(code, Some(0));
    let lines: Vec<Json> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3 * vectors.len());
    for (lines, vector) in lines.chunks(3).zip(&vectors) {
        assert_eq!(lines[0], vector.event, "{}", vector.name);
        for line in &lines[1..] {
            assert!(line["error"].is_string(), "{line}");
        }
    }
    assert_eq!(
        output.lines().next(),
        Some(r#"{"entity_type":"UserEntity","entity_id":1,"flush_type":1,"changes":null}"#)
    );
}

#[test]
fn the_example_encodes_what_it_decoded() {
    let hex: String = vectors().iter().map(|vector| to_hex(&vector.bytes) + "\n").collect();
    let (json, _) = decode_event(&[], &hex);
    let (fluxaorm, code) = decode_event(&["--encode", "fluxaorm"], &json);
    assert_eq!((fluxaorm.as_str(), code), (hex.as_str(), Some(0)));
    let (documented, _) = decode_event(&["--encode=documented"], &json);
    assert_eq!(
        documented.lines().next(),
        Some("83a26574aa55736572456e74697479a2696401a2667401")
    );
    assert_eq!(decode_event(&[], &documented).0, json);
    let (errors, code) = decode_event(
        &["--encode", "fluxaorm"],
        "{}\n[]\n{\"entity_type\":\"U\",\"entity_id\":0,\"flush_type\":1,\"changes\":null}\n",
    );
    assert_eq!((errors.matches("{\"error\":").count(), code), (3, Some(0)), "{errors}");
}

#[test]
fn the_example_keeps_bytes_that_are_no_text() {
    let mut event = DirtyEvent::new("users", -7i64, FlushType::Update);
    let (old, new) = (Param::new('s', [0xff, b'a']), Param::new('s', "a"));
    event.changes.push(ColumnChange::new("photo", old, new));
    let hex = to_hex(&event.to_bytes(Wire::Documented).unwrap());
    let (json, _) = decode_event(&[], &hex);
    assert_eq!(
        json.trim_end(),
        "{\"entity_type\":\"users\",\"entity_id\":-7,\"flush_type\":2,\"changes\":{\"photo\":{\
         \"old\":{\"null\":false,\"type\":\"s\",\"val\":\"\u{fffd}a\",\"val_hex\":\"ff61\"},\
         \"new\":{\"null\":false,\"type\":\"s\",\"val\":\"a\"}}}}"
    );
    assert_eq!(decode_event(&["--encode", "documented"], &json).0.trim_end(), hex);
}

#[test]
fn the_example_refuses_options_that_it_does_not_know() {
    for arguments in [
        &["--bogus"][..],
        &["--encode"],
        &["--encode", "json"],
        &["x"],
        &["--encode", "fluxaorm", "x"],
    ] {
        assert_eq!(decode_event(arguments, "").1, Some(2), "{arguments:?}");
    }
    assert_eq!(decode_event(&["--help"], "").1, Some(0));
}
