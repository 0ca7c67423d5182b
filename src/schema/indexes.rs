//! Compares the primary key and the indexes of one table with those that its struct declares.

use super::change::{Change, Risk};
use super::columns::Columns;
use super::foreign_keys::ForeignKeys;
use super::found;
use super::kind;
use super::render;
use super::wanted::{Index, Table};
use crate::mysql::Identifier;

/// Names with these starts are ours: an index that has one and is not declared goes. All others stay.
const OURS: [&str; 2] = ["ix_", "uq_"];

/// The risk of changing the primary key, if it has to be changed.
pub(super) fn primary(wanted: &Table, found: &found::Table) -> Option<Risk> {
    let key = wanted.key();
    match found.primary.as_slice() {
        [only] if found::same_name(only, key.name) => None,
        [] => {
            let risky = match found.column(key.name) {
                Some(column) => {
                    let change = kind::change(&column.kind, &key.kind);
                    column.nullable || matches!(change, kind::Change::Destructive { .. })
                }
                None => found.has_rows && !key.auto_increment,
            };
            Some(if risky { Risk::Destructive } else { Risk::Safe })
        }
        _ => Some(Risk::Destructive),
    }
}

/// The clause that changes the primary key.
pub(super) fn change_primary(wanted: &Table, found: &found::Table, risk: Risk) -> Change {
    let add = format!("ADD PRIMARY KEY ({})", Identifier(wanted.key().name));
    if found.primary.is_empty() {
        return Change::alter(risk, add, "the primary key is missing");
    }
    let why = format!(
        "the primary key is ({}), not ({})",
        found.primary.join(", "),
        wanted.key().name
    );
    Change::alter(risk, format!("DROP PRIMARY KEY, {add}"), why)
}

/// All other indexes.
pub(super) fn compare(wanted: &Table, found: &found::Table, columns: &Columns, keys: &ForeignKeys) -> Vec<Change> {
    let mut changes = Vec::new();
    for index in &found.indexes {
        let declared = wanted.indexes.iter().any(|w| found::same_name(w.name, &index.name));
        if declared || !OURS.iter().any(|start| index.name.starts_with(start)) {
            continue;
        }
        if let Some(risk) = risk_of_drop(index, found, keys) {
            let name = Identifier(&index.name);
            let why = format!("index {name} is not declared any more");
            changes.push(Change::alter(risk, format!("DROP INDEX {name}"), why));
        }
    }
    for index in &wanted.indexes {
        let pending = index.columns.iter().any(|name| columns.pending.contains(name));
        let risk = if pending { Risk::Destructive } else { Risk::Safe };
        let (name, add) = (Identifier(index.name), format!("ADD {}", render::index(index)));
        let kind = if index.unique { "unique index" } else { "index" };
        match found.index(index.name) {
            None => {
                let mut why = format!("{kind} {name} is missing");
                if index.unique && found.has_rows {
                    why.push_str("; rows with the same values make the statement fail");
                }
                changes.push(Change::alter(risk, add, why));
            }
            Some(existing) if !is_as_declared(existing, index) => {
                let why = format!("{kind} {name} is not as declared");
                changes.push(Change::alter(risk, format!("DROP INDEX {name}, {add}"), why));
            }
            Some(_) => {}
        }
    }
    changes
}

fn is_as_declared(found: &found::Index, wanted: &Index) -> bool {
    found.plain
        && found.unique == wanted.unique
        && found.columns.len() == wanted.columns.len()
        && found
            .columns
            .iter()
            .zip(&wanted.columns)
            .all(|(a, b)| found::same_name(a, b))
}

/// `None` when a foreign key that stays may need the index: it is somebody else's, and the server would refuse.
fn risk_of_drop(index: &found::Index, table: &found::Table, keys: &ForeignKeys) -> Option<Risk> {
    let mut risk = Risk::Safe;
    let resting = table
        .foreign_keys
        .iter()
        .filter(|key| key.columns.first() == index.columns.first());
    for key in resting {
        let (_, dropped) = keys.dropped.iter().find(|(name, _)| *name == key.name)?;
        risk = risk.max(*dropped);
    }
    Some(risk)
}
