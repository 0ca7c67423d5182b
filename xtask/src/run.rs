//! Running cargo for a task, and the arguments that tasks have in common.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The arguments of a task.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// `--no-install` was among them.
    pub(crate) no_install: bool,
    /// The others before `--`.
    pub(crate) own: Vec<String>,
    /// Those after `--`.
    pub(crate) passed_on: Vec<String>,
}

impl Arguments {
    pub(crate) fn parse(arguments: &[String]) -> Self {
        let mut parts = arguments.splitn(2, |argument| argument == "--");
        let own = parts.next().unwrap_or_default();
        Self {
            no_install: own.iter().any(|argument| argument == "--no-install"),
            own: own
                .iter()
                .filter(|argument| *argument != "--no-install")
                .cloned()
                .collect(),
            passed_on: parts.next().unwrap_or_default().to_vec(),
        }
    }
}

/// The cargo that runs this task, in the root of the repository.
//
// The root of now, not of when this was compiled: two clones may share a target directory.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    if let Some(root) = Path::new(&package).parent() {
        command.current_dir(root);
    }
    command
}

/// Runs a command to its end; its exit code becomes the task's.
pub(crate) fn pass_on(command: &mut Command) -> crate::Outcome {
    let status = command
        .status()
        .map_err(|error| format!("cannot run {:?}: {error}", command.get_program()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    // A command that a signal ended has no code.
    Ok(ExitCode::from(code.unwrap_or(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_dashes_is_passed_on_untouched() {
        let words = ["--no-install", "shop", "--", "--no-install", "--", "x"];
        let arguments = Arguments::parse(&words.map(str::to_owned));
        assert!(arguments.no_install);
        assert_eq!(arguments.own, ["shop"]);
        assert_eq!(arguments.passed_on, ["--no-install", "--", "x"]);
    }
}
