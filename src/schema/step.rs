//! One statement that a schema needs, and what it is for.

use std::fmt;

/// One statement that brings a table nearer to its struct.
///
/// It displays itself as SQL with a comment before it that says whether it is safe, and why it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStep {
    pool: String,
    table: String,
    sql: String,
    destructive: bool,
    reasons: Vec<String>,
    why: String,
}

impl SchemaStep {
    pub(super) fn new(pool: &str, table: &str, sql: String, destructive: bool, reasons: Vec<String>) -> Self {
        SchemaStep {
            pool: pool.to_owned(),
            table: table.to_owned(),
            sql,
            destructive,
            why: reasons.join("; "),
            reasons,
        }
    }

    /// The name of the MySQL pool whose database it changes.
    pub fn pool(&self) -> &str {
        &self.pool
    }

    /// The table that it changes.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The statement.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Whether it may lose values, or needs rows that it may not find: one that does not run unless
    /// [`apply_all`](super::SchemaDiff::apply_all) is called.
    pub fn is_destructive(&self) -> bool {
        self.destructive
    }

    /// What differs and, for a destructive one, what may be lost.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Each difference by itself.
    pub(super) fn reasons(&self) -> &[String] {
        &self.reasons
    }
}

impl fmt::Display for SchemaStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.destructive { "destructive" } else { "safe" };
        // A name may hold a line break, which would end the comment.
        let why = self.why.replace(['\n', '\r'], " ");
        write!(f, "-- {mark}: {why}\n{};\n", self.sql)
    }
}
