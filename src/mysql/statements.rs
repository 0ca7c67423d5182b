//! The prepared statements that a connection keeps.

use std::collections::HashMap;

use hashbrown::DefaultHashBuilder;

/// Prepared statements by their text; those unused for longest make room.
///
/// The driver's own cache is off: it closes statements behind the back of those who hold one.
#[derive(Debug)]
pub(super) struct Statements {
    // Texts of statements are long: the standard hash takes several times as long.
    kept: HashMap<Box<str>, Kept, DefaultHashBuilder>,
    most: usize,
    /// Parameters of all kept statements together: what a statement takes of the server's memory goes by them.
    parameters: usize,
    clock: u64,
}

/// Some 30 MB of the server's memory for each connection.
const MOST_PARAMETERS: usize = 131_072;

#[derive(Debug)]
struct Kept {
    statement: mysql::Statement,
    used: u64,
}

impl Statements {
    pub(super) fn new(most: usize) -> Self {
        Statements {
            kept: HashMap::default(),
            most: most.max(1),
            parameters: 0,
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

    /// Keeps a statement; those that are returned must be closed.
    pub(super) fn keep(&mut self, sql: &str, statement: mysql::Statement) -> Vec<mysql::Statement> {
        self.clock += 1;
        let parameters = usize::from(statement.num_params());
        let mut evicted = Vec::new();
        while self.kept.len() >= self.most || self.parameters + parameters > MOST_PARAMETERS {
            let oldest = self
                .kept
                .iter()
                .min_by_key(|(_, kept)| kept.used)
                .map(|(sql, _)| sql.clone());
            let Some(kept) = oldest.and_then(|sql| self.kept.remove(&sql)) else {
                break;
            };
            self.parameters -= usize::from(kept.statement.num_params());
            evicted.push(kept.statement);
        }
        self.parameters += parameters;
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
