//! `cargo xtask crash`: kills processes and servers under load and looks for events that are lost or doubled.

use crate::run::{cargo, pass_on};
use crate::{Outcome, servers};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let no_install = arguments.iter().any(|argument| argument == "--no-install");
    let is_question = arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h");
    if !is_question {
        servers::ensure_installed(no_install)?;
    }
    let arguments = arguments.iter().filter(|argument| *argument != "--no-install");
    pass_on(
        cargo()
            .args(["run", "--quiet", "--release", "--package", "headwater-crash", "--"])
            .args(arguments),
    )
}
