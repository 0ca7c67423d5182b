//! The clauses of CREATE TABLE and ALTER TABLE.

use super::found;
use super::kind::Kind;
use super::wanted::{Column, ForeignKey, Index, Table};
use crate::mysql::{Identifier, quoted_text};

/// The collation of tables that this crate makes.
///
/// It exists on MySQL and on MariaDB, so that both compare and order alike, and it tells emoji apart, which
/// `utf8mb4_unicode_ci` does not. Upper and lower case and accents are the same to it, in unique indexes too.
pub(super) const COLLATION: &str = "utf8mb4_unicode_520_ci";

/// The whole table but its foreign keys, which may refer to tables that come later.
///
/// IF NOT EXISTS, because another process may have made it since it was looked for.
pub(super) fn create_table(table: &Table) -> String {
    let mut lines: Vec<String> = table
        .columns
        .iter()
        .map(|c| format!("  {}", new_column(c, None, None)))
        .collect();
    lines.push(format!("  PRIMARY KEY ({})", Identifier(table.key().name)));
    lines.extend(table.indexes.iter().map(|i| format!("  {}", index(i))));
    format!(
        "CREATE TABLE IF NOT EXISTS {} (\n{}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={COLLATION}",
        Identifier(table.name),
        lines.join(",\n")
    )
}

/// `UNIQUE KEY …` or `KEY …`.
pub(super) fn index(index: &Index) -> String {
    let columns: Vec<String> = index.columns.iter().map(|name| Identifier(name).to_string()).collect();
    format!(
        "{} {} ({})",
        if index.unique { "UNIQUE KEY" } else { "KEY" },
        Identifier(index.name),
        columns.join(", ")
    )
}

/// `CONSTRAINT … FOREIGN KEY …`.
pub(super) fn foreign_key(key: &ForeignKey) -> String {
    format!(
        "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {}",
        Identifier(&key.name),
        Identifier(key.column),
        Identifier(key.to_table),
        Identifier(key.to_column),
        key.on_delete
    )
}

/// A column of a new table, or one that is added to a table that exists, with a default for the time being to
/// fill its rows.
pub(super) fn new_column(column: &Column, table: Option<&found::Table>, fill: Option<&str>) -> String {
    let mut sql = definition(
        column,
        &column.kind,
        column.nullable,
        collation(column, None, table),
        "",
    );
    if let Some(fill) = fill {
        sql.push_str(" DEFAULT ");
        sql.push_str(fill);
    }
    sql
}

/// A column that exists, changed into the wanted one but for its type and NULL, which may be on the way only.
pub(super) fn changed_column(
    column: &Column,
    kind: &Kind,
    nullable: bool,
    found: &found::Column,
    table: &found::Table,
) -> String {
    // What is not said again is lost: the comment, and a collation other than the table's.
    let comment = match found.comment.as_str() {
        "" => String::new(),
        comment => format!(" COMMENT {}", quoted_text(comment)),
    };
    definition(
        column,
        kind,
        nullable,
        collation(column, Some(found), Some(table)),
        &comment,
    )
}

fn definition(column: &Column, kind: &Kind, nullable: bool, collation: Option<&str>, comment: &str) -> String {
    let mut sql = format!("{} {kind}", Identifier(column.name));
    if let Some(collation) = collation {
        sql.push_str(" COLLATE ");
        sql.push_str(collation);
    }
    sql.push_str(if nullable { " NULL" } else { " NOT NULL" });
    if let Some(default) = &column.default.sql {
        sql.push_str(" DEFAULT ");
        sql.push_str(default);
    }
    if column.auto_increment {
        sql.push_str(" AUTO_INCREMENT");
    }
    sql + comment
}

/// The collation to name; `None` for the table's.
///
/// Another utf8mb4 collation that a column or a table has was somebody's choice and stays, unless the bytes
/// must be told apart. Names of ENUM and SET are told apart as Rust does it.
fn collation<'a>(column: &Column, found: Option<&'a found::Column>, table: Option<&found::Table>) -> Option<&'a str> {
    if !column.kind.is_text() {
        return None;
    }
    if let Some(found) = found.filter(|found| is_utf8mb4(found) && (!column.binary || is_binary(found))) {
        return found.collation.as_deref();
    }
    if column.binary || column.kind.is_named() {
        Some("utf8mb4_bin")
    } else if table.is_some_and(|table| !table.is_utf8mb4()) {
        Some(COLLATION)
    } else {
        None
    }
}

/// Whether the column's text is utf8mb4.
pub(super) fn is_utf8mb4(column: &found::Column) -> bool {
    column.charset.as_deref() == Some("utf8mb4")
}

/// Whether the column's text is told apart by its bytes.
pub(super) fn is_binary(column: &found::Column) -> bool {
    column.collation.as_deref().is_some_and(|name| name.ends_with("_bin"))
}
