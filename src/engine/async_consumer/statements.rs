//! Runs the statements of operations: inserts that follow each other go in one, and so do updates.

use super::updates::Updates;
use crate::error::{Error, ErrorKind, Result};
use crate::mysql::{Connection, Params};
use crate::runtime::Runtime;
use crate::session::strategy::most_inserted;
use crate::session::update_many::MOST_PLACEHOLDERS;
use crate::stream::Param;
use crate::stream::operation::{Operation, QueuedQuery};
use crate::table::Value;

/// Runs statements, and holds inserts and updates back for as long as they can be joined.
pub(super) struct Runner<'c, 'a> {
    runtime: &'c Runtime,
    connection: &'c mut Connection,
    held: Option<Held<'a>>,
    /// Whether updates are joined.
    joins_updates: bool,
}

/// What is held back.
enum Held<'a> {
    Inserts(Joined<'a>),
    /// With the operation of the first.
    Updates(Updates<'a>, &'a Operation),
}

/// Inserts that became one.
struct Joined<'a> {
    sql: &'a str,
    insert: Insert<'a>,
    rows: usize,
    bytes: usize,
    params: Params,
}

/// `INSERT INTO t (…) VALUES (?,?),(?,?)`, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Insert<'a> {
    /// With ` VALUES `.
    head: &'a str,
    /// `(?,?)`
    row: &'a str,
    width: usize,
    rows: usize,
}

impl<'c, 'a> Runner<'c, 'a> {
    pub(super) fn new(runtime: &'c Runtime, connection: &'c mut Connection) -> Self {
        Runner {
            runtime,
            connection,
            held: None,
            joins_updates: true,
        }
    }

    /// As [`new`](Runner::new), for a single operation: whoever wrote it has joined what can be joined, and means the
    /// order of the rest.
    pub(super) fn one_by_one(runtime: &'c Runtime, connection: &'c mut Connection) -> Self {
        Runner {
            joins_updates: false,
            ..Runner::new(runtime, connection)
        }
    }

    /// Runs an operation, all but what may be joined with later ones.
    pub(super) fn run(&mut self, operation: &'a Operation) -> Result<()> {
        let expected = operation.own.as_ref().map_or(&[][..], |own| &own.expected);
        for (n, query) in operation.queries.iter().enumerate() {
            let expected = expected.get(n).copied().flatten();
            let bytes = query.params.iter().map(|param| param.text.len() + 9).sum();
            let is_held = match expected {
                None => self.join(&query.sql, &query.params, bytes)?,
                Some(1) if self.joins_updates && operation.queries.len() == 1 => self.hold(query, bytes, operation)?,
                Some(_) => false,
            };
            if is_held {
                continue;
            }
            self.finish()?;
            let done = self
                .connection
                .execute(&query.sql, all_bound(&query.params)?, table_of(&query.sql))?;
            if expected.is_some_and(|expected| expected != done.matched) {
                return Err(self.stale(&query.sql, operation));
            }
        }
        Ok(())
    }

    /// The error of a statement that did not find its rows as the session knew them.
    fn stale(&self, sql: &str, operation: &Operation) -> Error {
        let id = operation.own.as_ref().map_or("", |own| own.id.as_str());
        Error::new(ErrorKind::Stale {
            table: self
                .runtime
                .named(table_of(sql))
                .map_or("unknown", |(_, table)| table.def.name),
            keys: vec![format!("rows of the queued operation {id}")],
        })
    }

    /// Adds an insert to those that are held back; `false` when it is none.
    fn join(&mut self, sql: &'a str, params: &'a [Param], bytes: usize) -> Result<bool> {
        let known = self
            .inserts()
            .filter(|joined| joined.sql == sql)
            .map(|joined| joined.insert);
        let Some(insert) = known.or_else(|| insert(sql)) else {
            return Ok(false);
        };
        if insert.rows * insert.width != params.len() {
            return Ok(false);
        }
        let server = *self.connection.server();
        let fits = self.inserts().is_some_and(|joined| {
            let rows = joined.rows + insert.rows;
            joined.insert.head == insert.head
                && joined.insert.row == insert.row
                && rows <= most_inserted(server.flavour)
                && rows * insert.width <= MOST_PLACEHOLDERS
                && joined.bytes + bytes <= server.max_packet / 4 * 3
        });
        if !fits {
            self.finish()?;
        }
        let none = || {
            Held::Inserts(Joined {
                sql,
                insert,
                rows: 0,
                bytes: 0,
                params: Params::with_capacity(params.len()),
            })
        };
        let Held::Inserts(joined) = self.held.get_or_insert_with(none) else {
            return Ok(false);
        };
        joined.rows += insert.rows;
        joined.bytes += bytes;
        for param in params {
            joined.params.push(bound(param)?);
        }
        Ok(true)
    }

    fn inserts(&self) -> Option<&Joined<'a>> {
        match &self.held {
            Some(Held::Inserts(joined)) => Some(joined),
            _ => None,
        }
    }

    /// Adds an update of one row to those that are held back; `false` when it is none.
    fn hold(&mut self, query: &'a QueuedQuery, bytes: usize, operation: &'a Operation) -> Result<bool> {
        let server = *self.connection.server();
        if let Some(Held::Updates(updates, _)) = &mut self.held
            && updates.take(&query.sql, &query.params, bytes, &server)
        {
            return Ok(true);
        }
        let Some(mut updates) = Updates::of(self.runtime, &query.sql) else {
            return Ok(false);
        };
        if !updates.take(&query.sql, &query.params, bytes, &server) {
            return Ok(false);
        }
        self.finish()?;
        self.held = Some(Held::Updates(updates, operation));
        Ok(true)
    }

    /// Runs what is held back.
    pub(super) fn finish(&mut self) -> Result<()> {
        match self.held.take() {
            None => Ok(()),
            Some(Held::Inserts(joined)) => self.insert(joined),
            Some(Held::Updates(updates, first)) => self.update(&updates, first),
        }
    }

    /// Updates all rows, or none when not all are as they should be: the transaction is rolled back then.
    fn update(&mut self, updates: &Updates<'_>, first: &Operation) -> Result<()> {
        let sql = updates.sql();
        let table = table_of(sql);
        let mut matched = 0;
        if let Some(statement) = updates.joined(self.connection.server()) {
            matched = self
                .connection
                .execute(&statement.text, statement.params, table)?
                .matched;
        } else {
            for params in updates.rows() {
                matched += self.connection.execute(sql, all_bound(params)?, table)?.matched;
            }
        }
        if matched == updates.rows().len() as u64 {
            return Ok(());
        }
        Err(self.stale(sql, first))
    }

    fn insert(&mut self, joined: Joined<'a>) -> Result<()> {
        let Insert { head, row, .. } = joined.insert;
        let mut sql = String::with_capacity(head.len() + joined.rows * (row.len() + 1));
        sql.push_str(head);
        for n in 0..joined.rows {
            if n > 0 {
                sql.push(',');
            }
            sql.push_str(row);
        }
        self.connection.execute(&sql, joined.params, table_of(head)).map(|_| ())
    }
}

/// Takes an insert of bound rows apart; `None` when it is anything else.
fn insert(sql: &str) -> Option<Insert<'_>> {
    let sql = sql.trim_end();
    const VALUES: &str = ") VALUES ";
    if !sql.starts_with("INSERT INTO ") {
        return None;
    }
    let at = sql.find(VALUES)? + VALUES.len();
    let (head, values) = sql.split_at(at);
    let row = values.get(..values.find(')')? + 1)?;
    let inside = row.strip_prefix('(')?.strip_suffix(')')?;
    let plain = inside
        .bytes()
        .enumerate()
        .all(|(n, byte)| byte == if n % 2 == 0 { b'?' } else { b',' });
    if !plain || inside.len() % 2 == 0 || head.contains('?') {
        return None;
    }
    // Nothing but such rows.
    let rows = (values.len() + 1) / (row.len() + 1);
    let same = values.len() + 1 == rows * (row.len() + 1)
        && values.as_bytes().chunks(row.len() + 1).all(|chunk| {
            let (text, comma) = chunk.split_at(row.len().min(chunk.len()));
            text == row.as_bytes() && (comma.is_empty() || comma == b",")
        });
    same.then_some(Insert {
        head,
        row,
        width: inside.len() / 2 + 1,
        rows,
    })
}

fn all_bound(params: &[Param]) -> Result<Params> {
    params.iter().map(bound).collect::<Result<Vec<Value>>>().map(Params::of)
}

/// A value as it is bound. Text goes as bytes: blobs travel as text too.
fn bound(param: &Param) -> Result<Value> {
    match param.kind {
        _ if param.null => Ok(Value::Null),
        Some('i' | 'u' | 'f' | 'b' | 't') => param.value(),
        _ => Ok(Value::Bytes(param.text.clone())),
    }
}

/// The table that a statement names first, for error texts.
fn table_of(sql: &str) -> &str {
    sql.split('`').nth(1).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inserts_of_bound_rows_are_taken_apart() {
        let parts = |sql| insert(sql).map(|insert| (insert.row, insert.width, insert.rows));
        for (sql, expected) in [
            ("INSERT INTO `T` (`ID`,`A`) VALUES (?,?)", Some(("(?,?)", 2, 1))),
            ("INSERT INTO `T` (`ID`) VALUES (?),(?),(?)", Some(("(?)", 1, 3))),
            ("INSERT INTO `T` (`ID`) VALUES (?),(?", None),
            ("INSERT INTO `T` (`ID`) VALUES (?);(?)", None),
            ("INSERT INTO `T` (`ID`) VALUES (?,?),(?)", None),
            ("INSERT INTO `T` (`ID`) VALUES ()", None),
            ("INSERT INTO `T` (`ID`) VALUES (1)", None),
            ("INSERT INTO `T` (`ID`) VALUES (?) ON DUPLICATE KEY UPDATE `ID`=?", None),
            ("INSERT INTO `T` (`I?`) VALUES (?)", None),
            ("UPDATE `T` SET `A`=? WHERE `ID`=?", None),
            ("INSERT INTO `T` SELECT ?", None),
        ] {
            assert_eq!(parts(sql), expected, "{sql}");
        }
    }
}
