//! The texts of the statements that a flush runs. Text only: values are bound by the caller.

use std::fmt::Write;

use crate::mysql::Server;
use crate::table::{ColumnDef, ColumnSet, SqlType, TableDef};

/// `INSERT INTO t (a,b) VALUES (?,?),(?,?)…`
pub(super) fn insert(def: &TableDef, columns: &ColumnSet, rows: usize) -> String {
    let width = columns.len();
    let mut sql = String::with_capacity(64 + width * 16 + rows * (width * 2 + 2));
    sql.push_str("INSERT INTO ");
    sql.push_str(def.quoted);
    sql.push_str(" (");
    for (i, column) in columns.iter().enumerate() {
        comma(&mut sql, i);
        sql.push_str(def.columns[column].quoted);
    }
    sql.push_str(") VALUES ");
    repeat(&mut sql, &placeholders(width, ""), rows);
    sql
}

/// `UPDATE t SET a=?,b=? WHERE id=? [AND version=?]`
pub(super) fn update_one(def: &TableDef, columns: &ColumnSet, versioned: bool) -> String {
    let mut sql = set_clause(def, columns);
    sql.push_str(" WHERE ");
    sql.push_str(def.key().quoted);
    sql.push_str("=?");
    if let Some(version) = def.version.filter(|_| versioned) {
        sql.push_str(" AND ");
        sql.push_str(def.columns[version].quoted);
        sql.push_str("=?");
    }
    sql
}

/// `UPDATE t SET a=?,b=? WHERE …`, the rows as [`Condition`] says: all get the same values.
pub(super) fn update_same(def: &TableDef, columns: &ColumnSet, condition: Condition) -> String {
    let mut sql = set_clause(def, columns);
    condition.write(&mut sql, def.key().quoted);
    sql
}

/// `UPDATE t JOIN (SELECT CAST(…) k, … FROM DUAL WHERE FALSE UNION ALL VALUES (?,…),…) v ON t.id=v.k SET …`
///
/// The first SELECT has no row; its casts alone give the columns of the table value constructor their types.
/// Without them the first row's values would: a longer text in a later row would be refused, or cut without
/// strict mode, and so would any number after a NULL.
pub(super) fn update_join(
    def: &TableDef,
    columns: &ColumnSet,
    versioned: bool,
    rows: usize,
    server: &Server,
) -> String {
    let version = def.version.filter(|_| versioned);
    let mut sql = format!("UPDATE {} t JOIN (SELECT {} k", def.quoted, typed(def.key()));
    if let Some(version) = version {
        push(&mut sql, format_args!(",{} e", typed(&def.columns[version])));
    }
    for (i, column) in columns.iter().enumerate() {
        push(&mut sql, format_args!(",{} c{i}", typed(&def.columns[column])));
    }
    sql.push_str(" FROM DUAL WHERE FALSE UNION ALL VALUES ");
    let row = placeholders(
        1 + usize::from(version.is_some()) + columns.len(),
        server.row_constructor(),
    );
    repeat(&mut sql, &row, rows);
    push(
        &mut sql,
        format_args!(") v ON t.{}=v.k{}", def.key().quoted, collate(def.key())),
    );
    if let Some(version) = version {
        push(&mut sql, format_args!(" AND t.{}=v.e", def.columns[version].quoted));
    }
    sql.push_str(" SET ");
    for (i, column) in columns.iter().enumerate() {
        comma(&mut sql, i);
        push(&mut sql, format_args!("t.{}=v.c{i}", def.columns[column].quoted));
    }
    sql
}

/// Where a row's values stand in the lists of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// By how far its key is from the first: `id-?+1`
    Offset,
    /// By where its key stands among so many: `FIELD(id,?,…)`
    Listed(usize),
}

/// Which rows a statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// `id IN (?,…)`, so many; `id=?` is one.
    Keys(usize),
    /// `(id BETWEEN ? AND ? OR id=? OR …)`, so many.
    Ranges(usize),
}

impl Condition {
    /// Adds it to a statement about the table with this key.
    fn write(self, sql: &mut String, key: &str) {
        match self {
            Condition::Keys(1) => push(sql, format_args!(" WHERE {key}=?")),
            Condition::Keys(count) => push(sql, format_args!(" WHERE {key} IN {}", placeholders(count, ""))),
            Condition::Ranges(count) => {
                for i in 0..count {
                    sql.push_str(if i == 0 { " WHERE (" } else { " OR " });
                    push(sql, format_args!("{key} BETWEEN ? AND ? OR {key}=?"));
                }
                sql.push(')');
            }
        }
    }
}

/// `UPDATE t SET a=ELT(id-?+1,?,…),… WHERE … [AND version=CAST(ELT(id-?+1,?,…) AS …)]`, with so many places in each list,
/// the rows as [`Condition`] says.
///
/// The keys stand first in the condition: the position of a row is computed for those only that are meant.
pub(super) fn update_picked(
    def: &TableDef,
    columns: &ColumnSet,
    versioned: bool,
    (position, places): (Position, usize),
    condition: Condition,
) -> String {
    let key = def.key().quoted;
    let mut pick = match position {
        Position::Offset => format!("ELT({key}-?+1"),
        Position::Listed(keys) => format!("ELT(FIELD({key}{})", ",?".repeat(keys)),
    };
    pick.push_str(&",?".repeat(places));
    pick.push(')');
    let mut sql = String::with_capacity(128 + (columns.len() + 1) * (pick.len() + 16) + places * 2);
    sql.push_str("UPDATE ");
    sql.push_str(def.quoted);
    sql.push_str(" SET ");
    for (i, column) in columns.iter().enumerate() {
        comma(&mut sql, i);
        sql.push_str(def.columns[column].quoted);
        sql.push('=');
        sql.push_str(&pick);
    }
    condition.write(&mut sql, key);
    if let Some(version) = def.version.filter(|_| versioned) {
        let about = &def.columns[version];
        let integer = match about.stored() {
            SqlType::Integer { signed: true, .. } => "SIGNED",
            _ => "UNSIGNED",
        };
        // Against a text, a number would be compared as a float.
        push(
            &mut sql,
            format_args!(" AND {}=CAST({pick} AS {integer})", about.quoted),
        );
    }
    sql
}

/// `DELETE FROM t WHERE … [AND version=?]`, the rows as [`Condition`] says: all have the same version.
pub(super) fn delete(def: &TableDef, condition: Condition, versioned: bool) -> String {
    let mut sql = delete_from(def);
    condition.write(&mut sql, def.key().quoted);
    if let Some(version) = def.version.filter(|_| versioned) {
        push(&mut sql, format_args!(" AND {}=?", def.columns[version].quoted));
    }
    sql
}

/// `DELETE FROM t WHERE (id,version) IN ((?,?),…)`: each row has a version of its own.
pub(super) fn delete_pairs(def: &TableDef, version: usize, rows: usize) -> String {
    let mut sql = delete_from(def);
    let (key, version) = (def.key().quoted, def.columns[version].quoted);
    push(&mut sql, format_args!(" WHERE ({key},{version}) IN ("));
    repeat(&mut sql, "(?,?)", rows);
    sql.push(')');
    sql
}

fn delete_from(def: &TableDef) -> String {
    format!("DELETE FROM {}", def.quoted)
}

/// `SELECT id[,version] FROM t WHERE id IN (?,…) LOCK IN SHARE MODE`: what the rows look like now, not in
/// the transaction's older view. The form that both servers know.
pub(super) fn look_again(def: &TableDef, rows: usize) -> String {
    let mut sql = format!("SELECT {}", def.key().quoted);
    if let Some(version) = def.version {
        push(&mut sql, format_args!(",{}", def.columns[version].quoted));
    }
    let key = def.key().quoted;
    push(
        &mut sql,
        format_args!(
            " FROM {} WHERE {key} IN {} LOCK IN SHARE MODE",
            def.quoted,
            placeholders(rows, "")
        ),
    );
    sql
}

/// Whether values of these columns can go through the table value constructor of a join.
pub(super) fn joinable(def: &TableDef, columns: &ColumnSet) -> bool {
    columns.iter().all(|column| match def.columns[column].stored() {
        // A cast to a length beyond VARCHAR is another type on each server; JSON can be cast on one only.
        SqlType::Text { length } | SqlType::Bytes { length } => length <= 16_383,
        SqlType::Json => false,
        _ => true,
    })
}

fn set_clause(def: &TableDef, columns: &ColumnSet) -> String {
    let mut sql = String::with_capacity(64 + columns.len() * 24);
    sql.push_str("UPDATE ");
    sql.push_str(def.quoted);
    sql.push_str(" SET ");
    for (i, column) in columns.iter().enumerate() {
        comma(&mut sql, i);
        sql.push_str(def.columns[column].quoted);
        sql.push_str("=?");
    }
    sql
}

/// A constant with the type of a column, wide enough for all its values.
fn typed(column: &ColumnDef) -> String {
    let text = |length: usize| format!("CAST('' AS CHAR({length}) CHARACTER SET utf8mb4)");
    match column.stored() {
        SqlType::Bool | SqlType::Integer { signed: true, .. } => "CAST(-9223372036854775808 AS SIGNED)".to_owned(),
        SqlType::Integer { signed: false, .. } => "CAST(18446744073709551615 AS UNSIGNED)".to_owned(),
        SqlType::Decimal { precision, scale } => format!("CAST(0 AS DECIMAL({precision},{scale}))"),
        SqlType::Text { length } => text(length as usize),
        SqlType::Bytes { length } => format!("CAST('' AS BINARY({length}))"),
        SqlType::Uuid => "CAST('' AS BINARY(16))".to_owned(),
        SqlType::Enum(names) => text(names.iter().map(|name| name.chars().count()).max().unwrap_or(1)),
        SqlType::Set(names) => text(names.iter().map(|name| name.chars().count() + 1).sum::<usize>().max(1)),
        // These go through as text: from bound ones MySQL takes the fraction of the second, and the last digit.
        SqlType::Float | SqlType::Double | SqlType::Date | SqlType::Time { .. } | SqlType::DateTime { .. } => text(32),
        // Not joinable; see above.
        SqlType::Json => text(1),
    }
}

/// Text keys are compared by their bytes; the constructor's text has another collation.
fn collate(column: &ColumnDef) -> &'static str {
    match column.sql {
        SqlType::Text { .. } => " COLLATE utf8mb4_bin",
        _ => "",
    }
}

fn placeholders(count: usize, prefix: &str) -> String {
    let mut row = String::with_capacity(prefix.len() + count * 2 + 2);
    row.push_str(prefix);
    row.push('(');
    for i in 0..count {
        comma(&mut row, i);
        row.push('?');
    }
    row.push(')');
    row
}

/// Adds a text so many times, with commas between.
fn repeat(sql: &mut String, text: &str, times: usize) {
    if times > 0 {
        sql.push_str(text);
    }
    if times > 1 {
        sql.push_str(&format!(",{text}").repeat(times - 1));
    }
}

fn comma(sql: &mut String, position: usize) {
    if position > 0 {
        sql.push(',');
    }
}

fn push(sql: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = sql.write_fmt(text);
}
