//! How a table's rows behave: the hooks around each of their operations.
//!
//! This file and `session/` are one layer: the trait's methods are given the session's views of a change.

use crate::error::Source;
use crate::session::{Committed, Hook};
use crate::stream::Publish;
use crate::table::Table;

/// What a before-hook returns: `Err` refuses the change and stops the flush before any statement.
///
/// Any error type will do, a text among them: `return Err("an e-mail address needs an @".into());`
pub type HookResult = Result<(), Source>;

/// A hook method, named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum HookName {
    /// [`Entity::saving`]
    Saving,
    /// [`Entity::saved`]
    Saved,
    /// [`Entity::creating`]
    Creating,
    /// [`Entity::created`]
    Created,
    /// [`Entity::updating`]
    Updating,
    /// [`Entity::updated`]
    Updated,
    /// [`Entity::deleting`]
    Deleting,
    /// [`Entity::deleted`]
    Deleted,
    /// [`Entity::trashing`]
    Trashing,
    /// [`Entity::trashed`]
    Trashed,
    /// [`Entity::restoring`]
    Restoring,
    /// [`Entity::restored`]
    Restored,
    /// [`Entity::force_deleting`]
    ForceDeleting,
    /// [`Entity::force_deleted`]
    ForceDeleted,
}

impl HookName {
    /// The method's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            HookName::Saving => "saving",
            HookName::Saved => "saved",
            HookName::Creating => "creating",
            HookName::Created => "created",
            HookName::Updating => "updating",
            HookName::Updated => "updated",
            HookName::Deleting => "deleting",
            HookName::Deleted => "deleted",
            HookName::Trashing => "trashing",
            HookName::Trashed => "trashed",
            HookName::Restoring => "restoring",
            HookName::Restored => "restored",
            HookName::ForceDeleting => "force_deleting",
            HookName::ForceDeleted => "force_deleted",
        }
    }

    pub(crate) const fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// A table with behaviour: seventeen hooks, each with a default body that does nothing.
///
/// Present-participle hooks (`saving`, `creating`, …) run before the first statement of a flush; they may
/// change the entity and may refuse by returning `Err`. Past-tense hooks (`saved`, `created`, …) run after
/// the outermost commit and cannot fail it; a panic in one is caught and told in the
/// [`FlushReport`](crate::session::FlushReport). An entity in which nothing changed gets no hook at all.
///
/// | operation | order |
/// |---|---|
/// | insert | `saving`, `creating`, INSERT, commit, `created`, `saved` |
/// | update | `saving`, `updating`, UPDATE, commit, `updated`, `saved` |
/// | delete | `deleting`, DELETE, commit, `deleted` |
/// | delete of a soft-delete table | `deleting`, `trashing`, UPDATE, commit, `trashed`, `deleted` |
/// | restore | `restoring`, UPDATE, commit, `restored` (around `saving`, `updating`, … when other columns changed) |
/// | force_delete | `force_deleting`, `deleting`, DELETE, commit, `deleted`, `force_deleted` |
/// | load | `retrieved` |
/// | replicate | `replicating`, `replicated` |
///
/// ```
/// use headwater::prelude::*;
///
/// #[derive(Debug, Clone, Default, Table)]
/// #[table(name = "users")]
/// struct User {
///     #[column(id)]
///     id: u64,
///     email: String,
/// }
///
/// impl Entity for User {
///     fn saving(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
///         self.email = self.email.trim().to_lowercase();
///         if hook.is_dirty(User::EMAIL) && !self.email.contains('@') {
///             return Err("an e-mail address needs an @".into());
///         }
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an entity",
    note = "derive `Table` for it and write `impl Entity for {Self} {{}}`"
)]
pub trait Entity: Table + Publish {
    /// Before an insert or an update.
    ///
    /// # Errors
    ///
    /// Whatever it returns refuses the flush.
    fn saving(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        hook.absent(HookName::Saving);
        Ok(())
    }

    /// After an insert or an update was committed.
    fn saved(&self, change: &Committed<'_, Self>) {
        change.absent(HookName::Saved);
    }

    /// Before an insert, after [`saving`](Entity::saving).
    ///
    /// # Errors
    ///
    /// Whatever it returns refuses the flush.
    fn creating(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        hook.absent(HookName::Creating);
        Ok(())
    }

    /// After an insert was committed.
    fn created(&self, change: &Committed<'_, Self>) {
        change.absent(HookName::Created);
    }

    /// Before an update, after [`saving`](Entity::saving).
    ///
    /// # Errors
    ///
    /// Whatever it returns refuses the flush.
    fn updating(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        hook.absent(HookName::Updating);
        Ok(())
    }

    /// After an update was committed.
    fn updated(&self, change: &Committed<'_, Self>) {
        change.absent(HookName::Updated);
    }

    /// Before a delete of any sort.
    ///
    /// # Errors
    ///
    /// Whatever it returns refuses the flush.
    fn deleting(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        hook.absent(HookName::Deleting);
        Ok(())
    }

    /// After a delete of any sort was committed.
    fn deleted(&self, change: &Committed<'_, Self>) {
        change.absent(HookName::Deleted);
    }

    /// Before a soft delete, after [`deleting`](Entity::deleting). What it changes is written with the mark.
    ///
    /// A trashed row keeps its unique values, and so stands in the way of a new row with the same ones. Make room
    /// here, by changing the value of the one that goes:
    ///
    /// ```
    /// # use headwater::prelude::*;
    /// # use chrono::NaiveDateTime;
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # #[table(name = "users", soft_delete)]
    /// # struct User {
    /// #     #[column(id)] id: u64,
    /// #     #[column(unique)] email: String,
    /// #     #[column(deleted_at)] deleted_at: Option<NaiveDateTime>,
    /// # }
    /// impl Entity for User {
    ///     fn trashing(&mut self, _: &mut Hook<'_, Self>) -> HookResult {
    ///         self.email = format!("{}#{}", self.email, self.id);
    ///         Ok(())
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Whatever it returns refuses the flush.
    fn trashing(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        hook.absent(HookName::Trashing);
        Ok(())
    }

    /// After a soft delete was committed.
    fn trashed(&self, change: &Committed<'_, Self>) {
        change.absent(HookName::Trashed);
    }

    /// Before a soft-deleted row is restored.
    ///
    /// # Errors
    ///
    /// Whatever it returns refuses the flush.
    fn restoring(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        hook.absent(HookName::Restoring);
        Ok(())
    }

    /// After a restore was committed.
    fn restored(&self, change: &Committed<'_, Self>) {
        change.absent(HookName::Restored);
    }

    /// Before the row of a soft-delete table is deleted for good.
    ///
    /// # Errors
    ///
    /// Whatever it returns refuses the flush.
    fn force_deleting(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        hook.absent(HookName::ForceDeleting);
        Ok(())
    }

    /// After the row of a soft-delete table was deleted for good.
    fn force_deleted(&self, change: &Committed<'_, Self>) {
        change.absent(HookName::ForceDeleted);
    }

    /// When a row was read: once for each identity in a session, and each time as a plain value. What it sets is not a
    /// change.
    fn retrieved(&mut self) {}

    /// Before a copy enters the session; key, version and timestamps are cleared already.
    ///
    /// # Errors
    ///
    /// Whatever it returns refuses the copy.
    fn replicating(&mut self) -> HookResult {
        Ok(())
    }

    /// When a copy has entered the session.
    fn replicated(&self) {}
}
