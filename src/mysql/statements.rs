//! The prepared statements that a connection keeps.

use std::collections::HashMap;

/// Prepared statements by their text; the one unused for longest makes room.
///
/// The driver's own cache is off: it closes statements behind the back of those who hold one.
#[derive(Debug)]
pub(super) struct Statements {
    kept: HashMap<Box<str>, Kept>,
    most: usize,
    clock: u64,
}

#[derive(Debug)]
struct Kept {
    statement: mysql::Statement,
    used: u64,
}

impl Statements {
    pub(super) fn new(most: usize) -> Self {
        Statements {
            kept: HashMap::new(),
            most: most.max(1),
            clock: 0,
        }
    }

    /// The statement of this text, if it is kept.
    pub(super) fn get(&mut self, sql: &str) -> Option<mysql::Statement> {
        self.clock += 1;
        let clock = self.clock;
        self.kept.get_mut(sql).map(|kept| {
            kept.used = clock;
            kept.statement.clone()
        })
    }

    /// Keeps a statement; what is returned must be closed.
    pub(super) fn keep(&mut self, sql: &str, statement: mysql::Statement) -> Option<mysql::Statement> {
        self.clock += 1;
        let evicted = if self.kept.len() >= self.most {
            let oldest = self
                .kept
                .iter()
                .min_by_key(|(_, kept)| kept.used)
                .map(|(sql, _)| sql.clone());
            oldest.and_then(|sql| self.kept.remove(&sql)).map(|kept| kept.statement)
        } else {
            None
        };
        self.kept.insert(
            sql.into(),
            Kept {
                statement,
                used: self.clock,
            },
        );
        evicted
    }
}
