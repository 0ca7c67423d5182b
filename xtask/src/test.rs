//! `cargo xtask test`: every test of the workspace, documentation included.

use crate::run::{Arguments, cargo, pass_on};
use crate::{Outcome, servers, usage};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let arguments = Arguments::parse(arguments);
    if let Some(unknown) = arguments.own.first() {
        return Ok(usage(&format!(
            "test does not know {unknown:?}; arguments for cargo test go after `--`"
        )));
    }
    servers::ensure(arguments.no_install)?;
    pass_on(
        cargo()
            .args(["test", "--workspace", "--all-features"])
            .args(&arguments.passed_on),
    )
}
