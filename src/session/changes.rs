//! Freezing: what a flush will write, as plain values, once the before-hooks are done.
//!
//! Every value is encoded and checked here, before the first statement. Keys, versions and timestamps that this
//! library sets stand with the frozen changes only; the entities get them when they are accepted.

use super::arena::{Arena, Mark, Slot, Status, name_of};
use super::before::is_trashed;
use super::committed::Operation;
use super::core::{Core, Place};
use super::frozen::{Change, Extent, Frozen, Shape, ShapeId};
use super::inserts::{Inserts, insert};
use super::managed::stored;
use super::updates::{Updates, update};
use crate::entity::Entity;
use crate::error::Result;
use crate::table::{ColumnSet, RawHandle, TableDef, Value};

/// Freezes what is to be written of these entities.
pub(super) fn freeze<E: Entity>(core: &Core, places: &[Place], frozen: &mut Frozen) -> Result<()> {
    let Some(arena) = core.arena::<E>() else { return Ok(()) };
    let mut common = Common::default();
    for (at, before) in places.iter().zip(1..) {
        if let Some(place) = arena.slots.get(at.slot as usize) {
            frozen.more = places.len() - before;
            one(core, arena, *at, place, &mut common, frozen)?;
        }
    }
    Ok(())
}

/// What the changes of a table have in common, once there is one.
#[derive(Default)]
struct Common {
    inserts: Option<Inserts>,
    updates: Option<Updates>,
    deletes: Option<Deletes>,
}

/// What the deletes of a table have in common.
struct Deletes {
    /// What others may wait for a deleted row to give up.
    given_up: ColumnSet,
    /// That of no columns.
    shape: ShapeId,
}

fn one<E: Entity>(
    core: &Core,
    arena: &Arena<E>,
    at: Place,
    place: &Slot<E>,
    common: &mut Common,
    frozen: &mut Frozen,
) -> Result<()> {
    let original = arena.snapshots.get(place.original);
    let Common {
        inserts,
        updates,
        deletes,
    } = common;
    let mut update = |operation, frozen: &mut Frozen| {
        let updates = updates.get_or_insert_with(|| Updates::new(core, at.table, E::TABLE, frozen));
        match original {
            Some(original) => update(core, at, place, original, operation, updates, frozen),
            None => Ok(()),
        }
    };
    let mut delete = |operation, frozen: &mut Frozen| {
        let deletes = deletes.get_or_insert_with(|| Deletes {
            given_up: columns_given_up(E::TABLE),
            shape: frozen.shapes.add(Shape::default()),
        });
        delete(at, original.or(place.entity.as_ref()), operation, deletes, frozen)
    };
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

fn delete<E: Entity>(
    at: Place,
    row: Option<&E>,
    operation: Operation,
    deletes: &Deletes,
    frozen: &mut Frozen,
) -> Result<()> {
    let def = E::TABLE;
    let Some(entity) = row else {
        return Ok(());
    };
    let first = frozen.values.len();
    for column in deletes.given_up.iter() {
        frozen.values.push(stored(entity, column));
    }
    let version = def.version.map(|column| entity.encode(column)).transpose()?;
    frozen.changes.push(Change {
        place: at,
        def,
        operation,
        key: entity.encode(def.id)?,
        version,
        shape: deletes.shape,
        values: Extent::from(first, 0, frozen.values.len() - first, 0),
        written: 0..0,
        told: false,
        fact: 0..0,
        pending: 0..0,
    });
    Ok(())
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

/// What others may wait for a deleted row to give up: its unique values, and its references within a circle of
/// tables.
pub(super) fn columns_given_up(def: &TableDef) -> ColumnSet {
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
