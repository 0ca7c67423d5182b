//! What a past-tense hook sees: the change as it was committed.

use std::fmt;
use std::sync::Arc;

use super::hook::FieldChange;
use crate::entity::{Entity, HookName};
use crate::runtime::Runtime;
use crate::table::{Column, ColumnSet, ColumnType, Value};

/// What was done to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// A row was inserted.
    Insert,
    /// Columns of a row were changed.
    Update,
    /// A row was deleted.
    Delete,
    /// A row of a soft-delete table was marked as deleted.
    Trash,
    /// The mark was taken back.
    Restore,
    /// A row of a soft-delete table was deleted for good.
    ForceDelete,
}

/// A change that was committed, frozen: what anybody did to the entity since is not in it.
///
/// Over a transaction with several flushes it is merged: the first old values, the last new ones.
pub struct Committed<'a, E: Entity> {
    pub(super) operation: Operation,
    pub(super) old: Option<&'a E>,
    pub(super) new: &'a E,
    pub(super) changed: ColumnSet,
    pub(crate) runtime: &'a Arc<Runtime>,
}

impl<E: Entity> Committed<'_, E> {
    /// What was done.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The key of the row.
    pub fn key(&self) -> &E::Key {
        self.new.key()
    }

    /// Old and new value of a column that an update changed; `None` when it did not.
    pub fn of<T: ColumnType>(&self, column: Column<E, T>) -> Option<(T, T)> {
        let old = self.old?;
        self.changed
            .has(column.position())
            .then(|| (column.get(old), column.get(self.new)))
    }

    /// Whether an update changed the column. An insert sets every column, a delete changes none.
    pub fn changed<T>(&self, column: Column<E, T>) -> bool {
        match self.operation {
            Operation::Insert => true,
            _ => self.changed.has(column.position()),
        }
    }

    /// The columns that an update changed, with old and new value, in the order of the columns.
    pub fn changes(&self) -> Vec<FieldChange> {
        let Some(old) = self.old else { return Vec::new() };
        field_changes(Some(old), self.new, &self.changed)
    }

    /// Called by the default bodies: the hook need not be called for this table again.
    #[doc(hidden)]
    pub fn absent(&self, hook: HookName) {
        if let Ok(table) = self.runtime.table::<E>() {
            table.note_absent(hook.bit());
        }
    }
}

impl<E: Entity> fmt::Debug for Committed<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committed")
            .field("table", &E::TABLE.name)
            .field("operation", &self.operation)
            .field("changes", &self.changes())
            .finish_non_exhaustive()
    }
}

/// The named values of changed columns, as hooks show them.
pub(super) fn field_changes<E: Entity>(old: Option<&E>, new: &E, changed: &ColumnSet) -> Vec<FieldChange> {
    changed
        .iter()
        .filter_map(|column| {
            Some(FieldChange {
                column: E::TABLE.columns.get(column)?.name,
                old: old.map_or(Value::Null, |old| old.encode(column).unwrap_or(Value::Null)),
                new: new.encode(column).unwrap_or(Value::Null),
            })
        })
        .collect()
}
