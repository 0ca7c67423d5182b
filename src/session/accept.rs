//! Accepting: what the statements made true enters the session's memory; and taking it back.

use std::any::Any;

use super::arena::{Arena, Mark, Status};
use super::committed::Operation;
use super::core::{Core, Place};
use super::flush::FlushReport;
use super::frozen::{Change, Frozen, Shape};
use super::plan::Plan;
use crate::entity::Entity;
use crate::error::{Error, Result};
use crate::runtime::Registered;
use crate::table::{ColumnSet, Key, Value};

/// A change whose statements succeeded, kept for its after-hooks and its events.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) place: Place,
    pub(crate) operation: Operation,
    pub(crate) key: Value,
    /// The columns that an update changed.
    pub(crate) changed: ColumnSet,
    /// Column, old and new value for events; empty where no stream wants them.
    pub(crate) values: Vec<(usize, Value, Value)>,
    /// A `Kept<E>`, where an after-hook may want it.
    pub(crate) kept: Option<Box<dyn Any + Send>>,
}

/// The entity before and after, for its after-hooks.
pub(super) struct Kept<E> {
    pub(super) old: Option<Box<E>>,
    /// `None`: as it stands in the session.
    pub(super) new: Option<Box<E>>,
}

/// What takes an accepted change back when its transaction is rolled back.
#[derive(Debug)]
pub(crate) struct Undo {
    pub(crate) place: Place,
    operation: Operation,
    managed: ColumnSet,
    mark: Mark,
    /// A `Box<E>`: the entity as it was when the change was accepted.
    accepted: Option<Box<dyn Any + Send>>,
    /// A `Box<E>`: of a stored row the snapshot, of a new one the entity before it was inserted.
    before: Box<dyn Any + Send>,
    /// A `Box<E>`: the entity that a delete took out.
    deleted: Option<Box<dyn Any + Send>>,
}

impl Undo {
    /// Brings a new entity back that was deleted before it was ever inserted.
    pub(super) fn of_dropped<E: Entity>(place: Place, entity: E) -> Self {
        Undo {
            accepted: None,
            place,
            operation: Operation::Insert,
            managed: ColumnSet::EMPTY,
            mark: Mark::None,
            before: Box::new(Box::new(entity.clone())),
            deleted: Some(Box::new(Box::new(entity))),
        }
    }
}

/// What accepting a change gives: the change as it is told of, and how it is taken back; nothing where neither was
/// asked for.
pub(crate) type Acceptance = Option<(Accepted, Option<Undo>)>;

/// How a change is accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// A transaction is open: what may be rolled back must be kept.
    pub(crate) undoable: bool,
    /// An after-hook may want the entity.
    pub(crate) hooks: bool,
}

impl Manner {
    /// Nobody wants to be told, and nothing can be taken back.
    fn is_quiet(self) -> bool {
        !self.undoable && !self.hooks
    }
}

/// Accepts the changes of a plan in its order, those of the tables that are `wanted`, counts them and hands over what
/// came of those that somebody wants to be told of.
pub(super) fn accept_all(
    core: &mut Core,
    frozen: &Frozen,
    plan: &Plan,
    wanted: impl Fn(&Registered) -> bool,
    manner: impl Fn(&Core, &Registered, Operation) -> Manner,
    report: &mut FlushReport,
    mut each: impl FnMut(&mut Core, &Registered, &Change, Accepted, Option<Undo>),
) -> Result<()> {
    let runtime = core.runtime.clone();
    for step in &plan.steps {
        // All changes of a step are of one table.
        let Some(first) = step.first().map(|&i| &frozen.changes[i]) else {
            continue;
        };
        let table = runtime.registered(first.place.table as usize);
        let Some(table) = table.filter(|table| wanted(table)) else {
            continue;
        };
        if first.is_insert() {
            (table.ops.reserve)(core, step.len());
        }
        let mut changes = step.iter().map(|&i| &frozen.changes[i]);
        let operation = first.operation;
        if manner(core, table, operation).is_quiet() && changes.clone().all(|change| change.operation == operation) {
            (table.ops.accept_quietly)(core, step, frozen)?;
            report.count(operation, step.len() as u64);
            continue;
        }
        changes.try_for_each(|change| {
            let manner = manner(core, table, change.operation);
            let acceptance = (table.ops.accept)(core, change, frozen, manner)?;
            report.count(change.operation, 1);
            if let Some((accepted, undo)) = acceptance {
                each(core, table, change, accepted, undo);
            }
            Ok::<(), Error>(())
        })?;
    }
    Ok(())
}

/// Makes room for so many inserted rows in the identity map.
pub(super) fn reserve<E: Entity>(core: &mut Core, rows: usize) {
    core.arena_mut::<E>().reserve_identity(rows);
}

/// Accepts one change of `E`.
pub(super) fn accept<E: Entity>(
    core: &mut Core,
    change: &Change,
    frozen: &Frozen,
    manner: Manner,
) -> Result<Acceptance> {
    let slot = change.place.slot;
    let arena = core.arena_mut::<E>();
    if manner.is_quiet() {
        quietly(arena, change, frozen)?;
        return Ok(None);
    }
    let Arena { slots, snapshots, .. } = arena;
    let place = &mut slots[slot as usize];
    let mark = std::mem::replace(&mut place.mark, Mark::None);
    let mut accepted = Accepted {
        place: change.place,
        operation: change.operation,
        key: change.key.clone(),
        changed: frozen.shape(change).columns.without(&E::TABLE.internal()),
        values: Vec::new(),
        kept: None,
    };
    let undo = |before: Box<E>, accepted: Option<Box<E>>, deleted: Option<Box<E>>| Undo {
        accepted: accepted.map(|entity| Box::new(entity) as Box<dyn Any + Send>),
        place: change.place,
        operation: change.operation,
        managed: frozen.shape(change).managed,
        mark,
        before: Box::new(before),
        deleted: deleted.map(|entity| Box::new(entity) as Box<dyn Any + Send>),
    };
    if change.is_delete() {
        let Some((entity, old)) = arena.take(slot) else {
            return Ok(Some((accepted, None)));
        };
        let undo = manner.undoable.then(|| {
            let before = old.as_ref().unwrap_or(&entity).clone();
            undo(Box::new(before), None, Some(Box::new(entity.clone())))
        });
        if !manner.undoable {
            arena.release(slot);
        }
        if manner.hooks {
            let kept: Kept<E> = Kept {
                old: old.map(Box::new),
                new: Some(Box::new(entity)),
            };
            accepted.kept = Some(Box::new(kept));
        }
        return Ok(Some((accepted, undo)));
    }
    let Some(entity) = &mut place.entity else {
        return Ok(Some((accepted, None)));
    };
    let before = (manner.undoable && change.is_insert()).then(|| Box::new(entity.clone()));
    give_back(entity, change, frozen)?;
    let old = snapshots.take(&mut place.original).map(Box::new);
    place.touched = false;
    let new = manner.undoable.then(|| Box::new(entity.clone()));
    if change.is_insert() {
        place.status = Status::Stored;
        arena.identify(slot);
    }
    let undo = if manner.undoable {
        before
            .or_else(|| old.clone())
            .map(|before| undo(before, new.clone(), None))
    } else {
        None
    };
    if manner.hooks {
        let kept: Kept<E> = Kept { old, new };
        accepted.kept = Some(Box::new(kept));
    }
    Ok(Some((accepted, undo)))
}

/// Accepts changes where nobody wants to be told, and nothing can be taken back.
pub(super) fn accept_quietly<E: Entity>(core: &mut Core, changes: &[usize], frozen: &Frozen) -> Result<()> {
    let arena = core.arena_mut::<E>();
    // The last snapshots are taken first: nothing is left to be done for their places.
    let mut changes = changes.iter().rev().map(|&i| &frozen.changes[i]);
    // All changes of a step are of one kind.
    if changes.clone().next().is_some_and(Change::is_delete) {
        arena.discard(changes.map(|change| change.place.slot));
        return Ok(());
    }
    changes.try_for_each(|change| quietly(arena, change, frozen))
}

/// Splits a plan: the steps that insert and give their entities nothing back but a key that they had not, and the rest.
/// The first can be accepted before it is known that they succeed, and [taken back](take_back_all).
pub(super) fn split_early(plan: Plan, frozen: &Frozen) -> (Plan, Plan) {
    let is_early = |step: &Vec<usize>| {
        let mut changes = step.iter().map(|&i| &frozen.changes[i]);
        changes.next().is_some_and(|first| {
            let mut managed = frozen.shape(first).managed;
            managed.remove(first.def.id);
            first.is_insert() && managed.is_empty() && changes.all(|change| change.shape == first.shape)
        })
    };
    let (early, rest) = plan.steps.into_iter().partition(is_early);
    let of = |steps| Plan {
        steps,
        broken: Vec::new(),
    };
    (of(early), of(rest))
}

/// Takes back what was accepted [early](split_early).
pub(super) fn take_back_all(core: &mut Core, frozen: &Frozen, early: &Plan) {
    let runtime = core.runtime.clone();
    for step in &early.steps {
        let table = step.first().map(|&i| frozen.changes[i].place.table as usize);
        if let Some(table) = table.and_then(|table| runtime.registered(table)) {
            (table.ops.take_back)(core, step, frozen);
        }
    }
}

/// Makes rows new again that were accepted [early](split_early).
pub(super) fn take_back<E: Entity>(core: &mut Core, changes: &[usize], frozen: &Frozen) {
    let arena = core.arena_mut::<E>();
    for change in changes.iter().map(|&i| &frozen.changes[i]) {
        let slot = change.place.slot;
        if arena.slots[slot as usize].status != Status::Stored {
            continue;
        }
        arena.forget(slot);
        let place = &mut arena.slots[slot as usize];
        place.status = Status::New;
        place.touched = true;
        if frozen.shape(change).managed.has(E::TABLE.id)
            && let Some(entity) = &mut place.entity
        {
            entity.set_key(E::Key::unset());
        }
    }
}

fn quietly<E: Entity>(arena: &mut Arena<E>, change: &Change, frozen: &Frozen) -> Result<()> {
    let slot = change.place.slot;
    if change.is_delete() {
        arena.discard(std::iter::once(slot));
        return Ok(());
    }
    let Arena { slots, snapshots, .. } = arena;
    let place = &mut slots[slot as usize];
    place.mark = Mark::None;
    let Some(entity) = &mut place.entity else {
        return Ok(());
    };
    give_back(entity, change, frozen)?;
    snapshots.take(&mut place.original);
    place.touched = false;
    if change.is_insert() {
        place.status = Status::Stored;
        arena.identify(slot);
    }
    Ok(())
}

/// The columns that the flush made the values of.
fn give_back<E: Entity>(entity: &mut E, change: &Change, frozen: &Frozen) -> Result<()> {
    let Shape { managed, kept, .. } = frozen.shape(change);
    // A key that was made is known by the change, whether or not it is part of the statement.
    if managed.has(E::TABLE.id) {
        let number = match change.key {
            Value::UInt(number) => Some(number),
            _ => None,
        };
        match number.and_then(E::Key::from_server) {
            Some(key) => entity.set_key(key),
            None => entity.decode(E::TABLE.id, change.key.clone())?,
        }
    }
    if managed.meets(kept) {
        for (column, value) in kept.iter().zip(&frozen.values[change.new_values()]) {
            if managed.has(column) && column != E::TABLE.id {
                entity.decode(column, value.clone())?;
            }
        }
    }
    Ok(())
}

/// Takes one accepted change back; the user's own edits stay.
pub(super) fn undo<E: Entity>(core: &mut Core, undo: Undo) {
    let Ok(before) = undo.before.downcast::<Box<E>>() else {
        return;
    };
    let before = *before;
    let slot = undo.place.slot;
    let arena = core.arena_mut::<E>();
    if let Some(deleted) = undo.deleted.and_then(|entity| entity.downcast::<Box<E>>().ok()) {
        match undo.operation {
            Operation::Insert => arena.put_back_new(slot, **deleted),
            _ => arena.put_back(slot, **deleted, *before, undo.mark),
        }
        core.touched.push(undo.place);
        return;
    }
    if undo.operation == Operation::Insert {
        arena.forget(slot);
    }
    let Arena { slots, snapshots, .. } = arena;
    let place = &mut slots[slot as usize];
    let Some(entity) = &mut place.entity else { return };
    // What the user changed since is the user's; the rest of what this library wrote is taken back.
    let accepted = undo.accepted.and_then(|entity| entity.downcast::<Box<E>>().ok());
    let edited = accepted.map_or(ColumnSet::EMPTY, |accepted| entity.diff(&accepted));
    for column in undo.managed.without(&edited).iter() {
        entity.copy_column(column, &before);
    }
    place.mark = undo.mark;
    if undo.operation == Operation::Insert {
        place.status = Status::New;
        snapshots.take(&mut place.original);
    } else {
        snapshots.take(&mut place.original);
        place.original = snapshots.keep(*before);
    }
    if !place.touched {
        place.touched = true;
        core.touched.push(undo.place);
    }
}
