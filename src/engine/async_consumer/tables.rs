//! The two tables that the consumer keeps in each database.

/// The operations that were executed, so that none is executed twice, each with the entry of the queue that it was
/// executed for: an operation may have two, when the answer to the first was lost. A row has many of a transaction
/// (`done.rs`).
pub(super) const DONE: &str = "_headwater_async_done";
/// Who may execute the operations of a queue.
pub(super) const LEASE: &str = "_headwater_async_lease";

/// The tables with the statements that make them.
pub(in crate::engine) fn tables() -> Vec<(String, String)> {
    let text = "VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL";
    let done = format!(
        "CREATE TABLE IF NOT EXISTS `{DONE}` (\n  `last` {text},\n  `first` {text},\n  `operations` MEDIUMBLOB NOT NULL,\n  `done_at` DATETIME(6) NOT NULL,\n  PRIMARY KEY (`last`)\n\
         ) ENGINE=InnoDB"
    );
    let lease = format!(
        "CREATE TABLE IF NOT EXISTS `{LEASE}` (\n  `queue` {text},\n  `holder` {text},\n  PRIMARY KEY (`queue`)\n) ENGINE=InnoDB"
    );
    vec![(DONE.to_owned(), done), (LEASE.to_owned(), lease)]
}
