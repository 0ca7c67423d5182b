//! What an application may watch of the statements that are run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One statement that was run, given to the function set by
/// [`EngineBuilder::on_statement`](crate::engine::EngineBuilder::on_statement).
///
/// Bound values are not part of it: they may be secrets.
#[derive(Debug)]
#[non_exhaustive]
pub struct StatementEvent<'a> {
    /// The name of the MySQL pool.
    pub pool: &'a str,
    /// The text with its placeholders.
    pub sql: &'a str,
    /// How many values were bound.
    pub parameters: usize,
    /// How long the server took, the network included.
    pub elapsed: Duration,
    /// The error's text, when it failed.
    pub error: Option<&'a str>,
}

/// A function that is told of every statement.
#[derive(Clone)]
pub(crate) struct Observer(pub(crate) Arc<dyn Fn(&StatementEvent<'_>) + Send + Sync>);

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
