//! What a queued statement does, read from its text, as far as the few forms go that FluxaORM and this crate write.

use super::operation::{Operation, QueuedQuery, Touch, key_bytes};
use super::param::Param;
use crate::table::Value;

/// What a statement does to the rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement<'a> {
    pub(crate) table: &'a str,
    pub(crate) rows: Rows<'a>,
}

/// The rows that it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rows<'a> {
    /// Inserted, with these columns, so many rows.
    Inserted { columns: Vec<&'a str>, rows: usize },
    /// The row with this key, which stands in the text.
    Literal { column: &'a str, key: &'a str },
    /// The row whose key is bound at this position.
    Bound { column: &'a str, at: usize },
}

/// Reads a statement; `None` when it has another form.
pub(crate) fn statement(sql: &str) -> Option<Statement<'_>> {
    let sql = sql.trim();
    if let Some(rest) = sql.strip_prefix("INSERT INTO ") {
        let (table, rest) = name(rest)?;
        let (columns, rest) = columns(rest.trim_start())?;
        let rows = value_rows(rest, columns.len())?;
        return Some(Statement {
            table,
            rows: Rows::Inserted { columns, rows },
        });
    }
    if let Some(rest) = sql.strip_prefix("DELETE FROM ") {
        let (table, rest) = name(rest)?;
        return keyed(table, rest, 0);
    }
    let (table, rest) = name(sql.strip_prefix("UPDATE ")?)?;
    let rest = rest.trim_start().strip_prefix("SET")?;
    // The last one: a text literal is in none of these forms.
    let (set, condition) = rest.rsplit_once(" WHERE ")?;
    if set.contains('\'') || set.contains('"') {
        return None;
    }
    keyed(table, with_where(condition, rest)?, set.matches('?').count())
}

/// The condition with the word before it, as a part of the text.
fn with_where<'a>(condition: &'a str, rest: &'a str) -> Option<&'a str> {
    let start = rest.len().checked_sub(condition.len() + " WHERE ".len())?;
    rest.get(start..)
}

fn keyed<'a>(table: &'a str, rest: &'a str, bound_before: usize) -> Option<Statement<'a>> {
    let rest = rest.trim_start().strip_prefix("WHERE ")?;
    let (column, rest) = name(rest)?;
    let value = rest.trim_start().strip_prefix('=')?.trim();
    let rows = if value == "?" {
        Rows::Bound {
            column,
            at: bound_before,
        }
    } else if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        Rows::Literal { column, key: value }
    } else {
        return None;
    };
    Some(Statement { table, rows })
}

/// A quoted name, and what follows it.
fn name(text: &str) -> Option<(&str, &str)> {
    let rest = text.trim_start().strip_prefix('`')?;
    let (name, rest) = rest.split_once('`')?;
    // A doubled quote is a quote in the name: too rare to read.
    (!rest.starts_with('`')).then_some((name, rest))
}

fn columns(text: &str) -> Option<(Vec<&str>, &str)> {
    let mut rest = text.strip_prefix('(')?;
    let mut columns = Vec::new();
    loop {
        let (column, after) = name(rest)?;
        columns.push(column);
        let after = after.trim_start();
        if let Some(end) = after.strip_prefix(')') {
            return Some((columns, end));
        }
        rest = after.strip_prefix(',')?;
    }
}

/// How many rows of so many placeholders follow `VALUES`, and nothing else.
fn value_rows(text: &str, width: usize) -> Option<usize> {
    let mut rest = text.trim_start().strip_prefix("VALUES")?.trim_start();
    let mut rows = 0;
    loop {
        rest = rest.strip_prefix('(')?;
        for column in 0..width {
            if column > 0 {
                rest = rest.trim_start().strip_prefix(',')?;
            }
            rest = rest.trim_start().strip_prefix('?')?;
        }
        rest = rest.trim_start().strip_prefix(')')?.trim_start();
        rows += 1;
        if rest.is_empty() {
            return Some(rows);
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

/// The keys that an operation inserts into a table, where they are numbers.
pub(crate) fn operation_keys(operation: &Operation, table: &str, key: &str) -> Vec<u64> {
    let mut keys = Vec::new();
    for query in &operation.queries {
        let Some(Statement {
            table: found,
            rows: Rows::Inserted { columns, .. },
        }) = statement(&query.sql)
        else {
            continue;
        };
        let Some(position) = columns
            .iter()
            .position(|column| *column == key)
            .filter(|_| found == table)
        else {
            continue;
        };
        let rows = query.params.chunks_exact(columns.len().max(1));
        keys.extend(rows.filter_map(|row| std::str::from_utf8(&row.get(position)?.text).ok()?.parse::<u64>().ok()));
    }
    keys
}

/// The rows that the statements of FluxaORM write, as numbers; `None` when one of them cannot be told. Its key is
/// always the column `ID`.
pub(crate) fn touched_by(queries: &[QueuedQuery]) -> Option<Vec<u64>> {
    let mut touched = Vec::new();
    for query in queries {
        let Statement { table, rows } = statement(&query.sql)?;
        let mut add = |key: &[u8]| touched.push(Touch::rows_of(table).row_of(key));
        match rows {
            Rows::Inserted { columns, .. } => {
                let position = columns.iter().position(|column| column.eq_ignore_ascii_case("id"))?;
                for row in query.params.chunks_exact(columns.len()) {
                    add(&key_of(row.get(position)?));
                }
            }
            Rows::Literal { key, .. } => add(key.as_bytes()),
            Rows::Bound { at, .. } => add(&key_of(query.params.get(at)?)),
        }
    }
    Some(touched)
}

/// A bound key in the form in which keys are compared.
fn key_of(param: &Param) -> Vec<u8> {
    match param.value() {
        Ok(value @ (Value::UInt(_) | Value::Int(_))) => key_bytes(&value),
        _ => param.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_both_writers_are_read() {
        let rows = |sql| statement(sql).map(|statement| (statement.table, statement.rows));
        let inserted = |columns: &[&'static str], rows| Rows::Inserted {
            columns: columns.to_vec(),
            rows,
        };
        for (sql, expected) in [
            (
                "INSERT INTO `T` (`ID`,`A`) VALUES (?,?)",
                Some(("T", inserted(&["ID", "A"], 1))),
            ),
            (
                "INSERT INTO `T` (`ID`) VALUES (?),(?), (?)",
                Some(("T", inserted(&["ID"], 3))),
            ),
            (
                "DELETE FROM `U` WHERE `ID` = ?",
                Some(("U", Rows::Bound { column: "ID", at: 0 })),
            ),
            (
                "UPDATE `T` SET`A`=?,`B`=? WHERE `ID`=7 ",
                Some(("T", Rows::Literal { column: "ID", key: "7" })),
            ),
            (
                "UPDATE `t` SET `a`=? WHERE `id`=?",
                Some(("t", Rows::Bound { column: "id", at: 1 })),
            ),
            ("UPDATE `t` SET `a`='WHERE' WHERE `id`=?", None),
            ("INSERT INTO `T` (`ID`) VALUES (?) ON DUPLICATE KEY UPDATE `ID`=1", None),
            ("INSERT INTO `T` (`ID`,`A`) VALUES (?)", None),
            ("INSERT INTO `T` (`ID`) VALUES (1)", None),
            ("DELETE FROM `U` WHERE `ID` = ? OR 1", None),
            ("DELETE FROM `U`", None),
            ("DROP TABLE `U`", None),
            ("", None),
        ] {
            assert_eq!(rows(sql), expected, "{sql}");
        }
    }
}
