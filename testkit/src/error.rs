//! What can go wrong while servers are started, shared, watched and broken.

use std::path::Path;
use std::time::Duration;

/// The result of a testkit call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a testkit call failed.
///
/// Every variant names what was tried; where a server is to blame its own last words are kept.
/// Passwords are in no message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No program for this server was found on this machine.
    #[error(
        "no {server} found: looked for {} in PATH and in {}; install it, or set {variable} to the URL of a running one",
        .programs.join(" and "), .folders.join(", ")
    )]
    NotInstalled {
        /// `"MariaDB or MySQL"` or `"Redis or Valkey"`.
        server: &'static str,
        /// The program names that were looked for.
        programs: Vec<&'static str>,
        /// The folders that were searched after `PATH`.
        folders: Vec<&'static str>,
        /// The environment variable that names a running server instead.
        variable: &'static str,
    },
    /// A program that must run to its end failed or could not be run.
    #[error("`{command}` failed ({status}):\n{output}")]
    Command {
        /// The command line.
        command: String,
        /// Its exit status, or why it could not be started.
        status: String,
        /// The last lines it wrote.
        output: String,
    },
    /// A server ended, or did not answer in time, while it was started.
    #[error("{server} did not start: {reason}\ncommand: {command}\nits log ends with:\n{log}")]
    Start {
        /// `"MySQL server"` or `"Redis server"`.
        server: &'static str,
        /// What was seen: the exit status, or the last failed attempt to connect.
        reason: String,
        /// The command line.
        command: String,
        /// The last lines of the server's log.
        log: String,
    },
    /// Something did not happen before its deadline.
    #[error("waited {waited:?} for {what}, in vain")]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
    },
    /// An environment variable or a URL cannot be used.
    #[error("{name} cannot be used: {reason}")]
    Url {
        /// The variable or argument; never the URL itself, which may hold a password.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The call needs a server that testkit started, and this one was running before, or is off.
    #[error("{what} needs a private {server}: {reason}")]
    NotPrivate {
        /// `"MySQL server"` or `"Redis server"`.
        server: &'static str,
        /// What was asked for.
        what: &'static str,
        /// Why there is none.
        reason: &'static str,
    },
    /// Every logical database of the Redis server is taken.
    #[error(
        "no free logical Redis database after {waited:?}: of {databases}, {leased} are leased to tests and {foreign} hold data that no test made"
    )]
    NoFreeRedisDatabase {
        /// How many logical databases the server has.
        databases: u32,
        /// How many are leased.
        leased: u32,
        /// How many are left alone since something else keeps data there.
        foreign: u32,
        /// How long a free one was waited for.
        waited: Duration,
    },
    /// A file, socket or process call failed.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried, with the path or address.
        what: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The MySQL or MariaDB server refused something.
    #[error("cannot {what}: {source}")]
    Mysql {
        /// What was tried.
        what: String,
        /// The driver's error.
        source: Box<mysql::Error>,
    },
    /// The Redis server refused something.
    #[error("cannot {what}: {source}")]
    Redis {
        /// What was tried.
        what: String,
        /// The client's error.
        source: redis::RedisError,
    },
}

/// Adds to a foreign error what was tried.
pub(crate) trait Context<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Context<T> for std::io::Result<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Io { what: what(), source })
    }
}

impl<T> Context<T> for mysql::Result<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Mysql {
            what: what(),
            source: Box::new(source),
        })
    }
}

impl<T> Context<T> for redis::RedisResult<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Redis { what: what(), source })
    }
}

/// The end of a file, for error messages; empty when it cannot be read.
pub(crate) fn tail_of(path: &Path, lines: usize) -> String {
    std::fs::read(path)
        .map(|bytes| tail(&String::from_utf8_lossy(&bytes), lines))
        .unwrap_or_default()
}

/// The last lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// A command line for messages.
pub(crate) fn command_line(program: &Path, arguments: &[String]) -> String {
    let mut line = program.display().to_string();
    for argument in arguments {
        line.push(' ');
        line.push_str(argument);
    }
    line
}
