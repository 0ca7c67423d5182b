//! What a before-hook sees: what changed so far, the session, its own handle.

use std::fmt;

use super::{InHook, Session};
use crate::entity::{Entity, HookName};
use crate::table::{Column, ColumnSet, ColumnType, Handle, Value};

/// The view that a before-hook gets of its change and of the session.
///
/// What is dirty is told as of the moment when the hook was called: what the hook itself changes through
/// `self` is compared again when it has returned.
pub struct Hook<'a, E: Entity> {
    pub(super) session: &'a mut Session<InHook>,
    pub(super) handle: Handle<E>,
    /// The entity as last read or written; `None` when it is new.
    pub(super) original: Option<&'a E>,
    pub(super) dirty: ColumnSet,
    pub(super) changes: Vec<FieldChange>,
}

/// A column with its old and its new value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FieldChange {
    /// The column's name.
    pub column: &'static str,
    /// The value before; NULL when the entity is new.
    pub old: Value,
    /// The value after; NULL when the entity is deleted.
    pub new: Value,
}

impl<E: Entity> Hook<'_, E> {
    /// Whether the column was changed since the entity was read; of a new entity every column is.
    ///
    /// A column of another table does not compile:
    ///
    /// ```compile_fail
    /// # use headwater::prelude::*;
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # struct User { #[column(id)] id: u64 }
    /// impl Entity for User {
    ///     fn saving(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
    ///         if hook.is_dirty(User::EMIAL) { }
    ///         Ok(())
    ///     }
    /// }
    /// ```
    pub fn is_dirty<T>(&self, column: Column<E, T>) -> bool {
        self.dirty.has(column.position())
    }

    /// The value that the column had when the entity was read; `None` when it is new.
    pub fn original<T: ColumnType>(&self, column: Column<E, T>) -> Option<T> {
        self.original.map(|entity| column.get(entity))
    }

    /// Whether the entity is not inserted yet.
    pub fn is_new(&self) -> bool {
        self.original.is_none()
    }

    /// The changed columns with old and new value, in the order of the columns.
    ///
    /// A value that does not fit its column is shown as NULL here; the flush refuses it with an error.
    pub fn changes(&self) -> &[FieldChange] {
        &self.changes
    }

    /// The handle of the entity whose hook this is: to refer to it from others, not to reach it.
    pub fn handle(&self) -> Handle<E> {
        self.handle
    }

    /// The session, to insert, edit, delete, find and query others.
    ///
    /// It has neither `flush` nor `transaction`: what a hook touches joins the flush that is running.
    ///
    /// ```compile_fail
    /// # use headwater::prelude::*;
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # struct User { #[column(id)] id: u64 }
    /// impl Entity for User {
    ///     fn saving(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
    ///         hook.session().flush()?;
    ///         Ok(())
    ///     }
    /// }
    /// ```
    pub fn session(&mut self) -> &mut Session<InHook> {
        self.session
    }

    /// Called by the default bodies: the hook need not be called for this table again.
    #[doc(hidden)]
    pub fn absent(&mut self, hook: HookName) {
        if let Ok(table) = self.session.core.runtime.table::<E>() {
            table.note_absent(hook.bit());
        }
    }
}

impl<E: Entity> fmt::Debug for Hook<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook")
            .field("table", &E::TABLE.name)
            .field("changes", &self.changes)
            .finish_non_exhaustive()
    }
}
