//! After the outermost commit: merged changes, past-tense hooks, each by itself.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::accept::{Accepted, Kept};
use super::arena::name_of;
use super::committed::{Committed, Operation};
use super::core::Core;
use crate::entity::{Entity, HookName};
use crate::runtime::Runtime;
use crate::table::{ColumnSet, Value};

/// A past-tense hook that panicked. What it was told of is committed all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookFailure {
    /// The hook method.
    pub hook: &'static str,
    /// The table.
    pub table: &'static str,
    /// The key of the row.
    pub key: String,
    /// The panic's message.
    pub message: String,
}

impl fmt::Display for HookFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: `{}` panicked: {}",
            self.table, self.key, self.hook, self.message
        )
    }
}

/// The past-tense hooks of an operation, in their order.
fn hooks_of(operation: Operation, other_columns: bool) -> &'static [HookName] {
    use HookName::{Created, Deleted, ForceDeleted, Restored, Saved, Trashed, Updated};
    match operation {
        Operation::Insert => &[Created, Saved],
        Operation::Update => &[Updated, Saved],
        Operation::Delete => &[Deleted],
        Operation::Trash => &[Trashed, Deleted],
        Operation::Restore if other_columns => &[Updated, Saved, Restored],
        Operation::Restore => &[Restored],
        Operation::ForceDelete => &[Deleted, ForceDeleted],
    }
}

/// Whether a past-tense hook of this operation may have a body, as bits.
pub(super) fn bits(operation: Operation) -> u32 {
    hooks_of(operation, true).iter().fold(0, |bits, hook| bits | hook.bit())
}

/// All past-tense hooks, as bits.
pub(super) fn any() -> u32 {
    use Operation::{Delete, ForceDelete, Insert, Restore, Trash, Update};
    [Insert, Update, Delete, Trash, Restore, ForceDelete]
        .into_iter()
        .fold(0, |all, operation| all | bits(operation))
}

/// Calls the past-tense hooks of one committed change of `E`.
pub(super) fn after<E: Entity>(
    core: &Core,
    runtime: &Arc<Runtime>,
    accepted: &Accepted,
    failures: &mut Vec<HookFailure>,
) {
    let Some(kept) = accepted.kept.as_ref().and_then(|kept| kept.downcast_ref::<Kept<E>>()) else {
        return;
    };
    let live = || {
        core.arena::<E>()?
            .slots
            .get(accepted.place.slot as usize)?
            .entity
            .as_ref()
    };
    let Some(entity) = kept.new.as_deref().or_else(live) else {
        return;
    };
    let Ok(table) = runtime.table::<E>() else { return };
    let committed = Committed {
        operation: accepted.operation,
        old: kept.old.as_deref().filter(|_| shows_changes(accepted.operation)),
        new: entity,
        changed: accepted.changed,
        runtime,
    };
    for &hook in hooks_of(accepted.operation, !accepted.changed.is_empty()) {
        if !table.may_have(hook.bit()) {
            continue;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| match hook {
            HookName::Created => entity.created(&committed),
            HookName::Saved => entity.saved(&committed),
            HookName::Updated => entity.updated(&committed),
            HookName::Deleted => entity.deleted(&committed),
            HookName::Trashed => entity.trashed(&committed),
            HookName::Restored => entity.restored(&committed),
            HookName::ForceDeleted => entity.force_deleted(&committed),
            // Before-hooks are not called here.
            _ => (),
        }));
        if let Err(panic) = outcome {
            failures.push(HookFailure {
                hook: hook.as_str(),
                table: E::TABLE.name,
                key: name_of(entity),
                message: message_of(&*panic),
            });
        }
    }
}

fn shows_changes(operation: Operation) -> bool {
    matches!(operation, Operation::Update | Operation::Restore | Operation::Trash)
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "a value that is no text".to_owned(),
    }
}

/// Merges the changes of a transaction by entity: first old values, last new values, in the order of each
/// entity's first change.
pub(super) fn merge_all(runtime: &Runtime, accepted: Vec<Accepted>) -> Vec<Accepted> {
    let mut merged: Vec<Option<Accepted>> = Vec::with_capacity(accepted.len());
    let mut seen = std::collections::HashMap::with_capacity(accepted.len());
    for later in accepted {
        let place = later.place;
        let known = seen
            .get(&place)
            .copied()
            .and_then(|at: usize| merged.get_mut(at))
            .and_then(Option::take);
        let Some(mut first) = known else {
            seen.insert(place, merged.len());
            merged.push(Some(later));
            continue;
        };
        let at = seen[&place];
        match together(first.operation, later.operation) {
            Together::Nothing => {
                seen.remove(&place);
            }
            Together::Both => {
                merged[at] = Some(first);
                seen.insert(place, merged.len());
                merged.push(Some(later));
            }
            Together::One(operation) => {
                if let Some(table) = runtime.registered(place.table as usize) {
                    (table.ops.merge)(&mut first, later);
                }
                first.operation = operation;
                // An update that came back to where it began is none.
                let nothing = operation == Operation::Update && first.changed.is_empty();
                merged[at] = (!nothing).then_some(first);
                if nothing {
                    seen.remove(&place);
                }
            }
        }
    }
    merged.into_iter().flatten().collect()
}

enum Together {
    Nothing,
    One(Operation),
    Both,
}

/// What two changes of one row in one transaction come to.
fn together(first: Operation, later: Operation) -> Together {
    use Operation::{Delete, ForceDelete, Insert, Restore, Trash, Update};
    match (first, later) {
        (Insert, Delete | ForceDelete) => Together::Nothing,
        (Insert, Trash) => Together::Both,
        (Insert, _) => Together::One(Insert),
        (Update, other) => Together::One(other),
        (Trash, Restore) | (Restore, Trash) => Together::One(Update),
        (Trash, Update) => Together::One(Trash),
        (Restore, Update) => Together::One(Restore),
        (_, other) => Together::One(other),
    }
}

/// Puts a later change of the same entity onto the first.
pub(super) fn merge<E: Entity>(first: &mut Accepted, later: Accepted) {
    // Values are there where a stream wants them.
    let has_values = !first.values.is_empty() || !later.values.is_empty();
    first.values = merge_values(std::mem::take(&mut first.values), later.values);
    let kept = |accepted: Option<Box<dyn std::any::Any + Send>>| {
        accepted
            .and_then(|kept| kept.downcast::<Kept<E>>().ok())
            .map(|kept| *kept)
    };
    let (kept, changed) = match (kept(first.kept.take()), kept(later.kept)) {
        (Some(a), Some(b)) => {
            let old = a.old.or(if first.operation == Operation::Insert {
                None
            } else {
                b.old
            });
            let changed = match (&old, &b.new) {
                (Some(old), Some(new)) => new.diff(old).without(&E::TABLE.internal()),
                _ => first.changed.union(&later.changed),
            };
            first.changed = changed;
            first.kept = Some(Box::new(Kept { old, new: b.new }));
            return;
        }
        // One of the two was flushed without hooks: those of the other run.
        (Some(a), None) => (Some(a), first.changed),
        (None, Some(b)) => (Some(b), later.changed),
        (None, None) => (None, first.changed.union(&later.changed)),
    };
    first.kept = kept.map(|kept| Box::new(kept) as Box<dyn std::any::Any + Send>);
    first.changed = changed;
    if has_values {
        first.changed = ColumnSet::EMPTY;
        first
            .values
            .iter()
            .for_each(|(column, _, _)| first.changed.insert(*column));
    }
}

/// First old, last new; what came back to where it began is left out.
fn merge_values(first: Vec<(usize, Value, Value)>, later: Vec<(usize, Value, Value)>) -> Vec<(usize, Value, Value)> {
    let mut merged = first;
    for (column, old, new) in later {
        match merged.iter_mut().find(|(c, _, _)| *c == column) {
            Some((_, _, last)) => *last = new,
            None => merged.push((column, old, new)),
        }
    }
    merged.retain(|(_, old, new)| !old.same(new));
    merged.sort_by_key(|(column, _, _)| *column);
    merged
}
