//! Compares the foreign keys of one table with those that its struct declares.

use super::change::{Change, Risk, Stage};
use super::columns::Columns;
use super::found;
use super::render;
use super::wanted::{ForeignKey, Table, foreign_key_name};
use crate::mysql::Identifier;

/// What is different about the foreign keys of a table.
#[derive(Debug, Default)]
pub(super) struct ForeignKeys {
    pub(super) changes: Vec<Change>,
    /// The names of those that go, some to come back.
    pub(super) dropped: Vec<(String, Risk)>,
}

const AWAY: &str = "stands in the way of a change of its columns and comes back after it";
const BACK: &str = "comes back";

/// `columns_of`: what was found out about the columns of each table, this one and those it refers to.
pub(super) fn compare<'a>(
    wanted: &Table,
    found: Option<&found::Table>,
    columns_of: &dyn Fn(&str) -> Option<&'a Columns>,
) -> ForeignKeys {
    let mut keys = ForeignKeys::default();
    let found_keys = found.map(|table| table.foreign_keys.as_slice()).unwrap_or_default();
    for key in found_keys {
        keys.obsolete(key, wanted);
    }
    for key in &wanted.foreign_keys {
        let sides = [(wanted.name, key.column), (key.to_table, key.to_column)];
        let sides = sides.map(|(table, column)| (columns_of(table), column));
        let modified = |risk| {
            sides
                .iter()
                .any(|(columns, column)| columns.is_some_and(|columns| columns.modified.contains(&(column, risk))))
        };
        let (modified_safely, modified_at_risk) = (modified(Risk::Safe), modified(Risk::Destructive));
        let pending = |(columns, column): &(Option<&Columns>, &'static str)| {
            columns.is_some_and(|columns| columns.pending.contains(column))
        };
        let pending = sides.iter().any(pending);
        let why = match found_keys.iter().find(|existing| matches(existing, key)) {
            Some(_) if !modified_safely && !modified_at_risk => continue,
            Some(existing) if !modified_safely => {
                keys.drop(&existing.name, Risk::Destructive, AWAY);
                keys.add(key, Risk::Destructive, BACK);
                continue;
            }
            Some(existing) => {
                keys.drop(&existing.name, Risk::Safe, AWAY);
                BACK
            }
            None => {
                if let Some(wrong) = found_keys.iter().find(|existing| existing.name == key.name) {
                    let late = pending && !modified_safely;
                    let risk = if late { Risk::Destructive } else { Risk::Safe };
                    keys.drop(&wrong.name, risk, "is not as declared");
                }
                "is missing"
            }
        };
        if pending {
            // Until both sides have the same type it cannot be there.
            keys.add(key, Risk::Destructive, why);
            continue;
        }
        keys.add(key, Risk::Safe, why);
        if modified_at_risk {
            keys.drop(&key.name, Risk::Destructive, AWAY);
            keys.add(key, Risk::Destructive, BACK);
        }
    }
    keys
}

/// Whether it does what was asked for, whatever its name.
fn matches(found: &found::ForeignKey, wanted: &ForeignKey) -> bool {
    let one = |names: &[String], name: &str| matches!(names, [only] if found::same_name(only, name));
    one(&found.columns, wanted.column)
        && one(&found.to_columns, wanted.to_column)
        && found.to_table.eq_ignore_ascii_case(wanted.to_table)
        && found.on_delete == wanted.on_delete
}

impl ForeignKeys {
    /// A foreign key with one of our names that is not declared, or of a column that goes.
    fn obsolete(&mut self, key: &found::ForeignKey, wanted: &Table) {
        let declared = wanted
            .foreign_keys
            .iter()
            .any(|w| w.name == key.name || matches(key, w));
        let ours = matches!(key.columns.as_slice(), [column] if foreign_key_name(wanted.name, column) == key.name);
        let has = |name: &String| wanted.columns.iter().any(|column| found::same_name(column.name, name));
        if declared {
        } else if ours {
            self.drop(&key.name, Risk::Safe, "is not declared any more");
        } else if !key.columns.iter().all(has) {
            self.drop(&key.name, Risk::Destructive, "is of a column that is not in the struct");
        }
    }

    fn drop(&mut self, name: &str, risk: Risk, why: &str) {
        let quoted = Identifier(name);
        let change = Change::alter(
            risk,
            format!("DROP FOREIGN KEY {quoted}"),
            format!("foreign key {quoted} {why}"),
        );
        self.changes.push(change.at(Stage::DropForeignKeys));
        self.dropped.push((name.to_owned(), risk));
    }

    fn add(&mut self, key: &ForeignKey, risk: Risk, why: &str) {
        let clause = format!("ADD {}", render::foreign_key(key));
        let why = format!("foreign key {} {why}", Identifier(&key.name));
        self.changes
            .push(Change::alter(risk, clause, why).at(Stage::AddForeignKeys));
    }
}
