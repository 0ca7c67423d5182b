//! What can go wrong with Redis: the connection broke, or the server refused a command.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Source};

/// Why there is no answer to work with.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection cannot be made, broke, or timed out: what the server did is not known.
    Broken {
        /// The name of the pool.
        pool: Arc<str>,
        /// What happened.
        message: String,
        /// A signal came while the answer was waited for: nothing is wrong with the server.
        interrupted: bool,
        /// The client's error.
        source: Option<Source>,
    },
    /// The server said no: nothing was done.
    Refused {
        /// The name of the pool.
        pool: Arc<str>,
        /// The server's words.
        refusal: Refusal,
    },
}

/// An error reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Its first word: `ERR`, `WRONGTYPE`, `NOGROUP`, …
    pub(crate) code: String,
    /// The rest of it.
    pub(crate) detail: String,
}

impl Refusal {
    /// Whether the same command may well be taken later: the server is loading, out of memory, a
    /// replica for the moment, asks for a password it did not ask for before.
    pub(crate) fn heals(&self) -> bool {
        matches!(
            self.code.as_str(),
            "OOM"
                | "READONLY"
                | "NOAUTH"
                | "WRONGPASS"
                | "LOADING"
                | "MASTERDOWN"
                | "CLUSTERDOWN"
                | "TRYAGAIN"
                | "BUSY"
                | "MISCONF"
                | "NOREPLICAS"
                | "UNBLOCKED"
        )
    }

    /// There is no such group, or no such stream.
    pub(crate) fn no_group(&self) -> bool {
        // Before Redis 7 a script's error has the code in its text.
        self.code == "NOGROUP" || self.detail.contains("NOGROUP")
    }

    /// There is no such key.
    pub(crate) fn no_key(&self) -> bool {
        self.code == "ERR" && self.detail.starts_with("no such key")
    }

    /// The server does not know the command, or not in this form.
    pub(crate) fn unknown_command(&self) -> bool {
        self.code == "ERR" && self.detail.starts_with("unknown command")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        if !self.detail.is_empty() {
            write!(f, " {}", self.detail)?;
        }
        Ok(())
    }
}

impl Failure {
    /// An answer that does not have the form of the command's answers.
    pub(crate) fn nonsense(pool: &Arc<str>, command: &'static str) -> Failure {
        Failure::Refused {
            pool: Arc::clone(pool),
            refusal: Refusal {
                code: "ERR".into(),
                detail: format!("unexpected answer to {command}"),
            },
        }
    }

    /// The error reply, if it was one.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Failure::Refused { refusal, .. } => Some(refusal),
            Failure::Broken { .. } => None,
        }
    }

    /// A signal broke the connection, and nothing else is wrong.
    pub(crate) fn is_interrupted(&self) -> bool {
        matches!(self, Failure::Broken { interrupted: true, .. })
    }

    /// Whether trying again may help.
    pub(crate) fn heals(&self) -> bool {
        self.refusal().is_none_or(Refusal::heals)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Broken { message, .. } => f.write_str(message),
            Failure::Refused { refusal, .. } => refusal.fmt(f),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        Error::new(match failure {
            Failure::Broken {
                pool, message, source, ..
            } => ErrorKind::Connection {
                server: "Redis",
                pool: pool.to_string(),
                message,
                source,
            },
            Failure::Refused { pool, refusal } => ErrorKind::Redis {
                pool: pool.to_string(),
                message: refusal.to_string(),
                source: None,
            },
        })
    }
}
