//! The one error type of the crate: a word wide, with a kind, predicates and its source kept.

use std::error::Error as StdError;
use std::fmt;

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A foreign error kept as the source of ours.
pub type Source = Box<dyn StdError + Send + Sync + 'static>;

/// Anything that can go wrong, one word wide.
///
/// Ask it with a predicate ([`is_duplicate_key`](Error::is_duplicate_key),
/// [`is_retryable`](Error::is_retryable), …) or match on [`kind`](Error::kind). The text names table,
/// column, key and value where they are known; a password never appears in it.
///
/// ```
/// use headwater::{Engine, ErrorKind};
///
/// let error = Engine::builder().mysql("http://localhost/shop").build().unwrap_err();
/// assert!(matches!(error.kind(), ErrorKind::Config { .. }));
/// ```
pub struct Error(Box<ErrorKind>);

/// What went wrong, with the names and values that tell where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The engine cannot be built as asked: a URL, a pool name, a table registered twice, …
    #[error("{message}")]
    Config {
        /// What is wrong and how to mend it.
        message: String,
    },
    /// Several things are wrong with the configuration; all of them are listed.
    #[error("{}", list(.problems))]
    Several {
        /// Each problem by itself.
        problems: Vec<Error>,
    },
    /// A server cannot be reached, or the connection to it broke.
    #[error("{server} pool `{pool}`: {message}")]
    Connection {
        /// `MySQL` or `Redis`.
        server: &'static str,
        /// The name of the pool.
        pool: String,
        /// What happened.
        message: String,
        /// The error of the driver.
        #[source]
        source: Option<Source>,
    },
    /// The connection broke while COMMIT was under way: whether the changes are in the database is
    /// not known.
    #[error("MySQL pool `{pool}`: the connection was lost during COMMIT; the changes may or may not be stored")]
    CommitUnknown {
        /// The name of the pool.
        pool: String,
        /// The error of the driver.
        #[source]
        source: Option<Source>,
    },
    /// A value does not fit its column, or a row or an event holds what its column cannot hold.
    #[error("{table}.{column}: {reason}{}", shown(.value))]
    Value {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The value as text, shortened to 64 characters.
        value: String,
        /// Why it does not fit.
        reason: String,
    },
    /// A unique index already has the value.
    #[error("{table}: duplicate value {value} for unique index `{index}`")]
    DuplicateKey {
        /// The table.
        table: String,
        /// The index, `PRIMARY` for the key.
        index: String,
        /// The value as the server prints it.
        value: String,
        /// The error of the driver.
        #[source]
        source: Option<Source>,
    },
    /// A foreign key of the database refused the statement.
    #[error("{table}: foreign key: {message}")]
    ForeignKey {
        /// The table whose statement was refused.
        table: String,
        /// What the server said.
        message: String,
        /// The error of the driver.
        #[source]
        source: Option<Source>,
    },
    /// Rows were changed or deleted by somebody else since they were read.
    #[error("{table}: changed or deleted by somebody else since it was read: {}", .keys.join(", "))]
    Stale {
        /// The table.
        table: &'static str,
        /// The key of each such row.
        keys: Vec<String>,
    },
    /// There is no such row.
    #[error("{table} {key}: no such row")]
    NotFound {
        /// The table.
        table: &'static str,
        /// The key that was looked for.
        key: String,
    },
    /// A before-hook refused the change.
    #[error("{table} {key}: refused by `{hook}`: {source}")]
    Rejected {
        /// The hook method.
        hook: &'static str,
        /// The table.
        table: &'static str,
        /// The key, `(new)` when it has none yet.
        key: String,
        /// What the hook returned.
        source: Source,
    },
    /// Hooks kept touching each other's entities without an end.
    #[error("the before-hooks do not come to an end; they keep touching {}", .entities.join(", "))]
    HookCycle {
        /// The entities that were touched again and again.
        entities: Vec<String>,
    },
    /// References, or unique values that are handed round, form a circle that no order of statements can satisfy.
    #[error("no order of statements can satisfy these rows, which wait for each other's keys or unique values: {}", .entities.join(", "))]
    ReferenceCycle {
        /// The entities in the circle.
        entities: Vec<String>,
    },
    /// A handle that this session does not know: another session's, or of an entity that is gone.
    #[error("{table}: {reason}")]
    Handle {
        /// The table of the handle.
        table: &'static str,
        /// Why it cannot be used.
        reason: &'static str,
    },
    /// The table's struct was not registered with `Engine::builder().entity::<…>()`.
    #[error("table `{table}` is not registered: add `.entity::<…>()` for it to the engine's builder")]
    NotRegistered {
        /// The table.
        table: &'static str,
    },
    /// The database's tables differ from the structs.
    #[error("the database does not match the tables: {message}")]
    Schema {
        /// What differs.
        message: String,
        /// The error of the driver, where a statement told.
        #[source]
        source: Option<Source>,
    },
    /// The server rolled the transaction back so that others can go on: InnoDB chose it to resolve a deadlock
    /// (server error 1213), or a row had changed since the transaction's view of it (1020, MariaDB 11.6).
    #[error("deadlock: the transaction was rolled back by the server")]
    Deadlock {
        /// The error of the driver.
        #[source]
        source: Option<Source>,
    },
    /// A lock was not granted in time (server error 1205).
    #[error("lock wait timeout")]
    LockTimeout {
        /// The error of the driver.
        #[source]
        source: Option<Source>,
    },
    /// Any other error that the database server reported.
    #[error("MySQL error {code}: {message}")]
    Server {
        /// The server's error code.
        code: u16,
        /// The server's message.
        message: String,
        /// The error of the driver.
        #[source]
        source: Option<Source>,
    },
    /// Redis refused a command.
    #[error("Redis pool `{pool}`: {message}")]
    Redis {
        /// The name of the pool.
        pool: String,
        /// What Redis said.
        message: String,
        /// The error of the client.
        #[source]
        source: Option<Source>,
    },
    /// An entry of a stream is not what it should be.
    #[error("malformed event{}: {reason}", at(.entry))]
    Malformed {
        /// Stream and entry id, where known.
        entry: Option<String>,
        /// What is wrong with it.
        reason: String,
    },
    /// Events could not be sent before the deadline; they are in here.
    #[error("{} event(s) could not be sent: {reason}", .unsent.len())]
    Unsent {
        /// Stream name and packed event of each.
        unsent: Vec<(String, Vec<u8>)>,
        /// What stood in the way.
        reason: String,
    },
    /// A handler of the application failed.
    #[error("the handler failed: {source}")]
    Handler {
        /// What it returned.
        source: Source,
    },
}

fn list(problems: &[Error]) -> String {
    let lines: Vec<String> = problems.iter().map(|p| format!("- {p}")).collect();
    format!("{} problems:\n{}", problems.len(), lines.join("\n"))
}

fn shown(value: &str) -> String {
    if value.is_empty() {
        String::new()
    } else {
        format!(" (value: {value})")
    }
}

fn at(entry: &Option<String>) -> String {
    entry.as_ref().map(|e| format!(" {e}")).unwrap_or_default()
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Error(Box::new(kind))
    }

    /// A configuration error with this text.
    pub(crate) fn config(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Config {
            message: message.into(),
        })
    }

    /// A lost connection, told as an outcome that is not known.
    pub(crate) fn into_commit_unknown(self) -> Self {
        match self.into_kind() {
            ErrorKind::Connection { pool, source, .. } => Error::new(ErrorKind::CommitUnknown { pool, source }),
            other => Error::new(other),
        }
    }

    /// Wraps the error of an application's handler, so that `?` works in one.
    ///
    /// ```
    /// let error = headwater::Error::handler("the mail server said no");
    /// assert_eq!(error.to_string(), "the handler failed: the mail server said no");
    /// ```
    pub fn handler(source: impl Into<Source>) -> Self {
        Error::new(ErrorKind::Handler { source: source.into() })
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// This error, or the one of this crate for which a hook or a handler failed.
    fn cause(&self) -> &Error {
        match self.kind() {
            ErrorKind::Rejected { source, .. } | ErrorKind::Handler { source } => {
                source.downcast_ref::<Error>().map_or(self, Error::cause)
            }
            _ => self,
        }
    }

    /// What went wrong, by value.
    pub fn into_kind(self) -> ErrorKind {
        *self.0
    }

    /// A unique index already has the value.
    pub fn is_duplicate_key(&self) -> bool {
        matches!(self.kind(), ErrorKind::DuplicateKey { .. })
    }

    /// A row was changed or deleted by somebody else since it was read.
    pub fn is_stale(&self) -> bool {
        matches!(self.kind(), ErrorKind::Stale { .. })
    }

    /// A before-hook refused the change.
    pub fn is_rejected(&self) -> bool {
        matches!(self.kind(), ErrorKind::Rejected { .. })
    }

    /// There is no such row.
    pub fn is_not_found(&self) -> bool {
        matches!(self.kind(), ErrorKind::NotFound { .. })
    }

    /// A value does not fit its column.
    pub fn is_value(&self) -> bool {
        matches!(self.kind(), ErrorKind::Value { .. })
    }

    /// A foreign key of the database refused the statement.
    pub fn is_foreign_key(&self) -> bool {
        matches!(self.kind(), ErrorKind::ForeignKey { .. })
    }

    /// InnoDB rolled the transaction back to resolve a deadlock. So also when a query of a hook met it.
    pub fn is_deadlock(&self) -> bool {
        matches!(self.cause().kind(), ErrorKind::Deadlock { .. })
    }

    /// A lock was not granted in time. So also when a query of a hook waited for it.
    pub fn is_lock_timeout(&self) -> bool {
        matches!(self.cause().kind(), ErrorKind::LockTimeout { .. })
    }

    /// A server cannot be reached, or the connection broke outside of COMMIT. So also when a query of a hook met it.
    pub fn is_connection(&self) -> bool {
        matches!(self.cause().kind(), ErrorKind::Connection { .. })
    }

    /// The connection broke during COMMIT: look whether the changes are there before trying again.
    pub fn is_commit_unknown(&self) -> bool {
        matches!(self.kind(), ErrorKind::CommitUnknown { .. })
    }

    /// The engine was configured wrongly.
    pub fn is_config(&self) -> bool {
        matches!(self.kind(), ErrorKind::Config { .. } | ErrorKind::Several { .. })
    }

    /// The database's tables differ from the structs.
    pub fn is_schema(&self) -> bool {
        matches!(self.kind(), ErrorKind::Schema { .. })
    }

    /// An entry of a stream is not what it should be.
    pub fn is_malformed(&self) -> bool {
        matches!(self.kind(), ErrorKind::Malformed { .. })
    }

    /// Nothing was stored and the same work may succeed when tried again: a deadlock, a lock
    /// timeout, a lost connection outside of COMMIT.
    pub fn is_retryable(&self) -> bool {
        self.is_deadlock() || self.is_lock_timeout() || self.is_connection()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Error {
    // The text that `main` prints when it returns an error: readable first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return fmt::Debug::fmt(&self.0, f);
        }
        fmt::Display::fmt(&self.0, f)?;
        let mut source = StdError::source(self);
        while let Some(cause) = source {
            write!(f, "\n  caused by: {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_wide_and_can_cross_threads() {
        fn check<T: Send + Sync>() {}
        check::<Error>();
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }
}
