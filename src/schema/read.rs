//! Reads tables as the server has them from `information_schema`.

use std::collections::HashMap;

use super::default;
use super::found::{Column, ForeignKey, Index, Table};
use super::kind::{Kind, Lob};
use crate::error::Result;
use crate::mysql::{Connection, Flavour, Identifier, Params};
use crate::table::Value;

/// The tables with these names, as far as the server has them, under the names given.
///
/// `missing` tells which columns a table lacks; only then the server is asked whether it has rows.
pub(super) fn tables(
    connection: &mut Connection,
    names: &[&str],
    missing: &dyn Fn(&Table) -> bool,
) -> Result<HashMap<String, Table>> {
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let flavour = connection.server().flavour;
    let mut tables = Tables::open(connection, names)?;
    let json = match flavour {
        Flavour::MariaDb => json_checks(connection, names)?,
        Flavour::MySql => Vec::new(),
    };
    tables.add_columns(connection, names, flavour, &json)?;
    tables.add_indexes(connection, names)?;
    tables.add_foreign_keys(connection, names)?;
    for table in tables.found.values_mut().filter(|table| missing(table)) {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", Identifier(&table.name));
        table.has_rows = query(connection, &sql, &[])?
            .first()
            .is_some_and(|row| row.text(0) == "1");
    }
    Ok(tables.found)
}

/// A row of `information_schema` as text.
struct Line(Vec<Option<String>>);

impl Line {
    fn optional(&self, position: usize) -> Option<String> {
        self.0.get(position).cloned().flatten()
    }

    /// NULL as the empty text.
    fn text(&self, position: usize) -> String {
        self.optional(position).unwrap_or_default()
    }
}

fn query(connection: &mut Connection, sql: &str, bound: &[&str]) -> Result<Vec<Line>> {
    let mut params = Params::with_capacity(bound.len());
    for text in bound {
        params.push(Value::Text((*text).to_owned()));
    }
    let mut lines = Vec::new();
    connection.select(sql, params, "information_schema", &mut |row| {
        let values = row.values().into_iter().map(|value| match value {
            Value::Null => None,
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            other => Some(other.to_string()),
        });
        lines.push(Line(values.collect()));
        Ok(())
    })?;
    Ok(lines)
}

/// The condition that picks our tables, to be bound to their names.
fn ours(names: &[&str], schema: &str, table: &str) -> String {
    let marks = vec!["?"; names.len()].join(", ");
    format!("{schema} = DATABASE() AND {table} IN ({marks})")
}

/// The columns of MariaDB that are JSON: LONGTEXT with a check, as table and column.
fn json_checks(connection: &mut Connection, names: &[&str]) -> Result<Vec<(String, String)>> {
    let sql = format!(
        "SELECT TABLE_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS WHERE {}",
        ours(names, "CONSTRAINT_SCHEMA", "TABLE_NAME")
    );
    let json_column = |line: &Line| {
        let clause = line.text(1);
        let column = clause.strip_prefix("json_valid(`")?.strip_suffix("`)")?;
        Some((line.text(0), column.replace("``", "`")))
    };
    Ok(query(connection, &sql, names)?.iter().filter_map(json_column).collect())
}

struct Tables {
    found: HashMap<String, Table>,
    /// Whether the server takes `Users` and `users` for the same table.
    folds_case: bool,
}

impl Tables {
    fn open(connection: &mut Connection, names: &[&str]) -> Result<Tables> {
        let sql = format!(
            "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION, @@lower_case_table_names \
             FROM information_schema.TABLES WHERE {}",
            ours(names, "TABLE_SCHEMA", "TABLE_NAME")
        );
        let lines = query(connection, &sql, names)?;
        let mut tables = Tables {
            found: HashMap::new(),
            folds_case: lines.first().is_some_and(|line| line.text(4) != "0"),
        };
        for line in lines {
            let found = line.text(0);
            let Some(name) = names.iter().find(|name| tables.is(name, &found)) else {
                continue;
            };
            let kind = line.text(1);
            let is_table = matches!(kind.as_str(), "BASE TABLE" | "SYSTEM VERSIONED");
            tables.found.insert(
                (*name).to_owned(),
                Table {
                    name: found,
                    foreign_kind: (!is_table).then_some(kind),
                    engine: line.text(2),
                    collation: line.text(3),
                    columns: Vec::new(),
                    primary: Vec::new(),
                    indexes: Vec::new(),
                    foreign_keys: Vec::new(),
                    has_rows: false,
                },
            );
        }
        Ok(tables)
    }

    /// The condition finds `Users` for `users` on a server that tells them apart, too.
    fn is(&self, name: &str, found: &str) -> bool {
        name == found || (self.folds_case && name.to_lowercase() == found.to_lowercase())
    }

    fn table(&mut self, found: &str) -> Option<&mut Table> {
        self.found.values_mut().find(|table| table.name == found)
    }

    fn add_columns(
        &mut self,
        connection: &mut Connection,
        names: &[&str],
        flavour: Flavour,
        json: &[(String, String)],
    ) -> Result<()> {
        let sql = format!(
            "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, \
             CHARACTER_SET_NAME, COLLATION_NAME, COLUMN_COMMENT \
             FROM information_schema.COLUMNS WHERE {} ORDER BY TABLE_NAME, ORDINAL_POSITION",
            ours(names, "TABLE_SCHEMA", "TABLE_NAME")
        );
        for line in query(connection, &sql, names)? {
            let Some(table) = self.table(&line.text(0)) else {
                continue;
            };
            let name = line.text(1);
            let mut kind = Kind::parse(&line.text(2));
            let is_json = json.iter().any(|(of, column)| *of == table.name && *column == name);
            if is_json && kind == Kind::Text(Lob::Long) {
                kind = Kind::Json;
            }
            let extra = line.text(5);
            table.columns.push(Column {
                nullable: line.text(3) == "YES",
                default: default::found(line.optional(4).as_deref(), &extra, &kind, flavour),
                auto_increment: extra.contains("auto_increment"),
                // MySQL says DEFAULT_GENERATED as well, of a default that is an expression.
                generated: extra.contains(" GENERATED"),
                on_update: extra.to_ascii_lowercase().contains("on update"),
                charset: line.optional(6),
                collation: line.optional(7),
                comment: line.text(8),
                name,
                kind,
            });
        }
        Ok(())
    }

    fn add_indexes(&mut self, connection: &mut Connection, names: &[&str]) -> Result<()> {
        let sql = format!(
            "SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, INDEX_TYPE \
             FROM information_schema.STATISTICS WHERE {} ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
            ours(names, "TABLE_SCHEMA", "TABLE_NAME")
        );
        for line in query(connection, &sql, names)? {
            let Some(table) = self.table(&line.text(0)) else {
                continue;
            };
            let (name, column) = (line.text(1), line.optional(3));
            let plain = column.is_some() && line.optional(4).is_none() && line.text(5) == "BTREE";
            let column = column.unwrap_or_default();
            if name == "PRIMARY" {
                table.primary.push(column);
                continue;
            }
            match table.indexes.last_mut() {
                Some(index) if index.name == name => {
                    index.columns.push(column);
                    index.plain &= plain;
                }
                _ => table.indexes.push(Index {
                    unique: line.text(2) == "0",
                    columns: vec![column],
                    name,
                    plain,
                }),
            }
        }
        Ok(())
    }

    fn add_foreign_keys(&mut self, connection: &mut Connection, names: &[&str]) -> Result<()> {
        let sql = format!(
            "SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_NAME, \
             k.REFERENCED_COLUMN_NAME, r.DELETE_RULE \
             FROM information_schema.KEY_COLUMN_USAGE k \
             JOIN information_schema.REFERENTIAL_CONSTRAINTS r \
             ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
             AND r.TABLE_NAME = k.TABLE_NAME \
             WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND {} \
             ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION",
            ours(names, "k.TABLE_SCHEMA", "k.TABLE_NAME")
        );
        for line in query(connection, &sql, names)? {
            let Some(table) = self.table(&line.text(0)) else {
                continue;
            };
            let name = line.text(1);
            match table.foreign_keys.last_mut() {
                Some(key) if key.name == name => {
                    key.columns.push(line.text(2));
                    key.to_columns.push(line.text(4));
                }
                _ => table.foreign_keys.push(ForeignKey {
                    columns: vec![line.text(2)],
                    to_table: line.text(3),
                    to_columns: vec![line.text(4)],
                    on_delete: match line.text(5).as_str() {
                        "NO ACTION" => "RESTRICT".to_owned(),
                        rule => rule.to_owned(),
                    },
                    name,
                }),
            }
        }
        Ok(())
    }
}
