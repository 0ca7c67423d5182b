//! Compares the tables of one pool with their structs and orders what mends them, without any I/O.

use std::collections::HashMap;

use super::change::{Change, Risk, Stage};
use super::columns::{self, Columns};
use super::foreign_keys::{self, ForeignKeys};
use super::found;
use super::indexes;
use super::render::{self, COLLATION};
use super::step::SchemaStep;
use super::wanted::Table;
use crate::mysql::Identifier;

/// The statements that make the tables found as wanted, in the order in which they can be run.
///
/// One ALTER TABLE holds all changes of a table that have the same stage and the same risk.
pub(super) fn steps(pool: &str, wanted: &[Table], found: &HashMap<String, found::Table>) -> Vec<SchemaStep> {
    let changes = compare(wanted, found);
    let mut steps = Vec::new();
    for risk in [Risk::Safe, Risk::Destructive] {
        for stage in [
            Stage::DropForeignKeys,
            Stage::Create,
            Stage::Alter,
            Stage::Tidy,
            Stage::AddForeignKeys,
        ] {
            for (table, changes) in &changes {
                let picked = changes
                    .iter()
                    .filter(|change| change.risk == risk && change.stage == stage);
                let picked: Vec<&Change> = picked.collect();
                if picked.is_empty() {
                    continue;
                }
                let clauses: Vec<&str> = picked.iter().map(|change| change.clause.as_str()).collect();
                let sql = match (stage, clauses.as_slice()) {
                    (Stage::Create, clauses) => clauses.join(";\n"),
                    (_, [only]) => format!("ALTER TABLE {} {only}", Identifier(table)),
                    (_, clauses) => format!("ALTER TABLE {}\n  {}", Identifier(table), clauses.join(",\n  ")),
                };
                let reasons = picked.iter().map(|change| change.why.clone()).collect();
                steps.push(SchemaStep::new(pool, table, sql, risk == Risk::Destructive, reasons));
            }
        }
    }
    steps
}

/// What is different about each table, in the order given: tables before those that refer to them.
pub(super) fn compare(wanted: &[Table], found: &HashMap<String, found::Table>) -> Vec<(&'static str, Vec<Change>)> {
    let columns: Vec<(&Table, Option<Risk>, Columns)> = wanted
        .iter()
        .map(|table| match found.get(table.name) {
            Some(existing) => {
                let primary = indexes::primary(table, existing);
                (table, primary, columns::compare(table, existing, primary))
            }
            None => (table, None, Columns::default()),
        })
        .collect();
    let columns_of = |name: &str| {
        columns
            .iter()
            .find(|(table, ..)| table.name == name)
            .map(|(.., columns)| columns)
    };
    let compared = columns.iter().map(|(table, primary, columns)| {
        let existing = found.get(table.name);
        let keys = foreign_keys::compare(table, existing, &columns_of);
        let changes = match existing {
            Some(existing) => altered(table, existing, *primary, columns, keys),
            None => created(table, keys),
        };
        (table.name, changes)
    });
    compared.collect()
}

fn created(table: &Table, keys: ForeignKeys) -> Vec<Change> {
    let why = format!("table {} is missing", Identifier(table.name));
    let create = Change::alter(Risk::Safe, render::create_table(table), why).at(Stage::Create);
    std::iter::once(create).chain(keys.changes).collect()
}

fn altered(
    table: &Table,
    found: &found::Table,
    primary: Option<Risk>,
    columns: &Columns,
    keys: ForeignKeys,
) -> Vec<Change> {
    let mut changes = Vec::new();
    if !found.engine.eq_ignore_ascii_case("InnoDB") {
        let why = format!("the engine {} has no transactions", found.engine);
        changes.push(Change::alter(Risk::Safe, "ENGINE=InnoDB", why));
    }
    if !found.is_utf8mb4() {
        let why = format!("new columns would get the collation {}", found.collation);
        let clause = format!("DEFAULT CHARACTER SET=utf8mb4 COLLATE={COLLATION}");
        changes.push(Change::alter(Risk::Safe, clause, why));
    }
    let indexes = indexes::compare(table, found, columns, &keys);
    changes.extend(keys.changes);
    changes.extend(columns.changes.iter().cloned());
    if let Some(risk) = primary {
        changes.push(indexes::change_primary(table, found, risk));
    }
    changes.extend(indexes);
    changes
}
