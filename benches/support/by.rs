//! How the driver names the rows of a statement.

use mysql::Conn;
use mysql::prelude::Queryable;

/// How the driver is told which rows are meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum By {
    /// By one list of keys.
    List,
    /// By the range that they make, which the driver's caller knows of. Within a transaction: all of them or none.
    Range,
}

impl By {
    /// Runs the statement.
    pub(crate) fn run(self, driver: &mut Conn, work: impl FnOnce(&mut Conn)) {
        if self == By::Range {
            driver.query_drop("BEGIN").unwrap();
        }
        work(driver);
        if self == By::Range {
            driver.query_drop("COMMIT").unwrap();
        }
    }
}
