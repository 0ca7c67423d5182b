//! Runs one test of this binary again in a process of its own, with other environment variables.

#![allow(dead_code, reason = "not every test binary needs all of it")]

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Set in processes started by [`child`].
const CHILD: &str = "HEADWATER_TESTKIT_TEST_CHILD";

pub(crate) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Starts this test binary again for the one test named.
pub(crate) fn child(test: &str, variables: &[(&str, &str)]) -> Child {
    Command::new(std::env::current_exe().expect("the path of this test"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child process")
}

/// The rest of the first line of a child's output that starts with this word.
pub(crate) fn read_word(output: &mut BufReader<ChildStdout>, word: &str) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        let length = output.read_line(&mut line).expect("output of the child");
        assert!(length > 0, "the child ended before it said {word:?}");
        // The harness writes the name of the test in front of the first line.
        if let Some((_, rest)) = line.split_once(word) {
            return rest.trim().to_owned();
        }
    }
}
