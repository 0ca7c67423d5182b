//! Freezing: what a flush will write, as plain values, once the before-hooks are done.
//!
//! Every value is encoded and checked here, before the first statement. Keys, versions and timestamps that this
//! library sets stand with the frozen changes only; the entities get them when they are accepted.

use super::arena::{Arena, Mark, Slot, Status, name_of};
use super::before::is_trashed;
use super::committed::Operation;
use super::core::{Core, Place};
use super::frozen::{Change, Extent, Frozen, Shape};
use super::inserts::{Inserts, insert};
use super::managed::{datetime, has_time, reference, successor};
use crate::entity::Entity;
use crate::error::Result;
use crate::table::{ColumnSet, RawHandle, TableDef, Value, ValueRef};

/// Freezes what is to be written of these entities.
pub(super) fn freeze<E: Entity>(core: &Core, places: &[Place], frozen: &mut Frozen) -> Result<()> {
    let Some(arena) = core.arena::<E>() else { return Ok(()) };
    let mut inserts = None;
    for (at, before) in places.iter().zip(1..) {
        if let Some(place) = arena.slots.get(at.slot as usize) {
            frozen.more = places.len() - before;
            one(core, arena, *at, place, &mut inserts, frozen)?;
        }
    }
    Ok(())
}

fn one<E: Entity>(
    core: &Core,
    arena: &Arena<E>,
    at: Place,
    place: &Slot<E>,
    inserts: &mut Option<Inserts>,
    frozen: &mut Frozen,
) -> Result<()> {
    let original = arena.snapshots.get(place.original);
    let update = |operation, frozen: &mut Frozen| update(core, at, place, original, operation, frozen);
    let delete = |operation, frozen: &mut Frozen| delete(at, original.or(place.entity.as_ref()), operation, frozen);
    let Some(entity) = &place.entity else { return Ok(()) };
    let slot = at.slot;
    let soft = E::TABLE.deleted_at.is_some();
    match (place.status, place.mark) {
        (Status::Free | Status::Gone, _) => Ok(()),
        // Where no hook may run nobody has looked in this flush.
        (Status::Stored, Mark::None) if place.clean && core.looked => Ok(()),
        (Status::New, _) => {
            let inserts = inserts.get_or_insert_with(|| Inserts::new(E::TABLE, frozen));
            insert(core, at, entity, inserts, frozen)
        }
        (Status::Stored, Mark::Delete) if soft && is_trashed::<E>(core, slot) => update(Operation::Update, frozen),
        (Status::Stored, Mark::Delete) if soft => update(Operation::Trash, frozen),
        (Status::Stored, Mark::ForceDelete) if soft => delete(Operation::ForceDelete, frozen),
        (Status::Stored, Mark::Delete | Mark::ForceDelete) => delete(Operation::Delete, frozen),
        (Status::Stored, Mark::Restore) if is_trashed::<E>(core, slot) => update(Operation::Restore, frozen),
        (Status::Stored, _) => update(Operation::Update, frozen),
    }
}

fn update<E: Entity>(
    core: &Core,
    at: Place,
    place: &Slot<E>,
    original: Option<&E>,
    operation: Operation,
    frozen: &mut Frozen,
) -> Result<()> {
    let def = E::TABLE;
    let (Some(entity), Some(original)) = (&place.entity, original) else {
        return Ok(());
    };
    let mut differs = entity.diff(original);
    if differs.has(def.id) {
        let value = entity.encode(def.id)?;
        return Err(def.key().misfit(
            &value,
            format!("the key of a stored row cannot change (it is {})", original.key()),
        ));
    }
    // These three are this library's to write; what stands in the entity is not a change by itself.
    for column in [def.version, def.deleted_at.filter(|_| operation != Operation::Update)]
        .into_iter()
        .flatten()
    {
        differs.remove(column);
    }
    let (first_new, first_pending) = (frozen.values.len(), frozen.pending.len());
    let mut columns = ColumnSet::EMPTY;
    let mut managed = ColumnSet::EMPTY;
    let told = frozen.queueing.is_some() || core.runtime.publishes(at.table);
    // The old values stand behind the new ones, where somebody asks for them: events, or who hands unique values over.
    let keeps_old = told || def.indexes.iter().any(|index| index.unique);
    let mut old = std::mem::take(&mut frozen.spare);
    if frozen.values.capacity() - frozen.values.len() < 2 * def.columns.len() {
        let left = frozen.changes.capacity() - frozen.changes.len();
        frozen
            .values
            .reserve(left.max(1) * differs.len() * (1 + usize::from(keeps_old)));
    }
    let wanted = managed_columns(def, operation, place.mark);
    for column in differs.union(&wanted).iter() {
        let about = &def.columns[column];
        let before = original.encode_ref(column).unwrap_or(ValueRef::Owned(Value::Null));
        let value = if Some(column) == def.deleted_at && operation == Operation::Trash {
            datetime(frozen.now, about)
        } else if Some(column) == def.deleted_at && operation == Operation::Restore {
            Value::Null
        } else if Some(column) == def.updated_at && (!differs.has(column) || before.same(&entity.encode_ref(column)?)) {
            datetime(frozen.now, about)
        } else if Some(column) == def.version {
            continue;
        } else if let Some(handle) = entity.pending(column) {
            managed.insert(column);
            reference(core, about, column, handle, frozen)?
        } else {
            let value = entity.encode_ref(column)?;
            // Different in memory, the same as stored: a time finer than its column, 1.0 and 1.00.
            if value.same(&before) {
                continue;
            }
            value.into_value()
        };
        if wanted.has(column) || has_time(about) {
            managed.insert(column);
        }
        columns.insert(column);
        frozen.values.push(value);
        if keeps_old {
            old.push(before.into_value());
        }
    }
    // Nothing but the time of an update that does not take place.
    let only_time = columns.without(&wanted).is_empty();
    if operation == Operation::Update && place.mark != Mark::Touch && only_time {
        frozen.values.truncate(first_new);
        frozen.pending.truncate(first_pending);
        old.clear();
        frozen.spare = old;
        return Ok(());
    }
    let mut version = None;
    if let Some(column) = def.version {
        let about = &def.columns[column];
        let expected = entity.encode(column)?;
        let next = successor(&expected, about)?;
        let position = columns.iter().take_while(|&c| c < column).count();
        columns.insert(column);
        managed.insert(column);
        frozen.values.insert(first_new + position, next);
        if keeps_old {
            old.insert(position, expected.clone());
        }
        for pending in &mut frozen.pending[first_pending..] {
            if pending.value >= first_new + position {
                pending.value += 1;
            }
        }
        version = Some(expected);
    }
    if columns.is_empty() {
        return Ok(());
    }
    let (new_values, old_values) = (frozen.values.len() - first_new, old.len());
    frozen.values.append(&mut old);
    frozen.spare = old;
    let mut beside_columns = ColumnSet::EMPTY;
    for index in def.indexes.iter().filter(|index| index.unique) {
        let of = ColumnSet::of(index.columns);
        if of.meets(&columns) {
            beside_columns = beside_columns.union(&of.without(&columns));
        }
    }
    let beside = beside_columns.iter().map(|column| stored(original, column));
    frozen.values.extend(beside);
    let shape = frozen.shapes.add(Shape {
        columns,
        kept: columns,
        beside: beside_columns,
        managed,
    });
    frozen.changes.push(Change {
        place: at,
        def,
        operation,
        key: original.encode(def.id)?,
        version,
        shape,
        values: Extent::from(first_new, new_values, old_values, beside_columns.len()),
        written: 0..0,
        told,
        pending: first_pending..frozen.pending.len(),
    });
    Ok(())
}

fn delete<E: Entity>(at: Place, row: Option<&E>, operation: Operation, frozen: &mut Frozen) -> Result<()> {
    let def = E::TABLE;
    let Some(entity) = row else {
        return Ok(());
    };
    let first = frozen.values.len();
    for column in given_up(def).iter() {
        frozen.values.push(stored(entity, column));
    }
    let version = def.version.map(|column| entity.encode(column)).transpose()?;
    let shape = frozen.shapes.add(Shape::default());
    frozen.changes.push(Change {
        place: at,
        def,
        operation,
        key: entity.encode(def.id)?,
        version,
        shape,
        values: Extent::from(first, 0, frozen.values.len() - first, 0),
        written: 0..0,
        told: false,
        pending: 0..0,
    });
    Ok(())
}

/// The value of a column as it is stored. A row may hold what its column cannot, where the server's is longer: it
/// can be replaced all the same, and events show it as NULL.
fn stored<E: Entity>(original: &E, column: usize) -> Value {
    original.encode(column).unwrap_or(Value::Null)
}

/// All columns of an entity as it is stored, before the changes of this flush; or with its edits, as far as its columns
/// can hold them.
pub(super) fn row<E: Entity>(core: &Core, slot: u32, edited: bool) -> Vec<Value> {
    let Some(arena) = core.arena::<E>() else {
        return Vec::new();
    };
    let edits = arena.slots.get(slot as usize).and_then(|place| place.entity.as_ref());
    let Some(original) = arena.stored(slot) else {
        return Vec::new();
    };
    let value = |column| match edits.filter(|_| edited).map(|entity| entity.encode(column)) {
        Some(Ok(value)) => value,
        _ => stored(original, column),
    };
    (0..E::TABLE.columns.len()).map(value).collect()
}

/// The columns that an operation writes whatever the entity says.
fn managed_columns(def: &TableDef, operation: Operation, mark: Mark) -> ColumnSet {
    let mut set = ColumnSet::EMPTY;
    if let Some(column) = def.updated_at {
        set.insert(column);
    }
    if operation != Operation::Update
        && let Some(column) = def.deleted_at
    {
        set.insert(column);
    }
    // `touch()` of a table without `updated_at` writes its version, and nothing where there is none either.
    if mark == Mark::Touch
        && let Some(column) = def.version
    {
        set.insert(column);
    }
    set
}

/// What others may wait for a deleted row to give up: its unique values, and its references within a circle of
/// tables.
pub(super) fn given_up(def: &TableDef) -> ColumnSet {
    let mut set = def.unique_columns();
    for (column, about) in def.columns.iter().enumerate() {
        if about
            .reference
            .is_some_and(|reference| leads_to((reference.table)(), def, &mut Vec::new()))
        {
            set.insert(column);
        }
    }
    set
}

/// Whether a table refers to another, itself or by way of others.
fn leads_to(from: &TableDef, to: &TableDef, seen: &mut Vec<&'static str>) -> bool {
    if from.name == to.name {
        return true;
    }
    if seen.contains(&from.name) {
        return false;
    }
    seen.push(from.name);
    let references = from.columns.iter().filter_map(|column| column.reference);
    references
        .map(|reference| (reference.table)())
        .any(|next| leads_to(next, to, seen))
}

/// The key of the entity of a handle: `None` when it is gone or goes with this flush, NULL when it is not inserted
/// yet.
pub(super) fn key_of<E: Entity>(core: &Core, handle: RawHandle) -> Option<Value> {
    let slot = core.arena::<E>()?.slots.get(handle.slot as usize)?;
    if slot.generation != handle.generation {
        return None;
    }
    let entity = slot.entity.as_ref()?;
    let soft = E::TABLE.deleted_at.is_some();
    if slot.mark == Mark::ForceDelete || (slot.mark == Mark::Delete && !soft) {
        return None;
    }
    match slot.status {
        Status::Free | Status::Gone => None,
        Status::New => Some(Value::Null),
        Status::Stored => entity.encode(E::TABLE.id).ok(),
    }
}

/// How an error names the entity of a change.
pub(super) fn describe<E: Entity>(core: &Core, slot: u32) -> String {
    let entity = core
        .arena::<E>()
        .and_then(|a| a.slots.get(slot as usize))
        .and_then(|s| s.entity.as_ref());
    entity.map_or_else(|| "(unknown)".to_owned(), name_of)
}
