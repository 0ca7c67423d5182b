//! Freezing changes of stored rows: what differs from the snapshot, with what this library writes beside it.

use super::arena::{Mark, Slot};
use super::committed::Operation;
use super::core::{Core, Place};
use super::frozen::{Change, Extent, Frozen, Shape, ShapeId};
use super::managed::{datetime, has_time, reference, stored, successor};
use crate::entity::Entity;
use crate::error::{Error, Result};
use crate::table::{ColumnSet, TableDef, Value, ValueRef};

/// What the updates of a table have in common.
pub(super) struct Updates {
    /// Whether their values are asked for once they are written.
    told: bool,
    /// Whether what events tell of them is written down at once.
    facts: bool,
    /// Whether the old values stand behind the new ones: where somebody asks for them, events, or who hands unique values
    /// over.
    keeps_old: bool,
    /// Whether an update writes nothing but what differs.
    plain: bool,
    /// Of the last one, if it wrote just what differed: those that differ in the same columns are frozen alike.
    last: Option<Last>,
}

/// An update that wrote just what differed.
struct Last {
    differs: ColumnSet,
    columns: Vec<usize>,
    /// Those of them that no event shows.
    hidden: ColumnSet,
    shape: ShapeId,
}

impl Updates {
    pub(super) fn new(core: &Core, table: u32, def: &'static TableDef, frozen: &Frozen) -> Self {
        let registered = core.runtime.registered(table as usize);
        let streams = registered.map_or(&[][..], |registered| &registered.streams);
        // A transaction merges the values of several flushes; what is queued has them in a form of its own.
        let facts = frozen.queueing.is_none() && core.transaction.is_none() && !streams.is_empty();
        let told = frozen.queueing.is_some() || (!streams.is_empty() && !facts);
        Updates {
            told,
            facts,
            keeps_old: told || def.indexes.iter().any(|index| index.unique),
            plain: def.version.is_none() && def.updated_at.is_none(),
            last: None,
        }
    }

    /// Notes an update for those that follow, if it wrote just what differed and each value was the entity's own.
    fn note(&mut self, def: &TableDef, operation: Operation, differs: ColumnSet, shape: &Shape, id: ShapeId) {
        let is_own = |column: usize| def.columns[column].reference.is_none();
        let is_plain = self.plain
            && operation == Operation::Update
            && shape.columns == differs
            && shape.managed.is_empty()
            && shape.beside.is_empty()
            && differs.iter().all(is_own);
        self.last = is_plain.then(|| Last {
            differs,
            columns: differs.iter().collect(),
            hidden: def.internal(),
            shape: id,
        });
    }
}

/// Freezes a change of a stored row.
pub(super) fn update<E: Entity>(
    core: &Core,
    at: Place,
    place: &Slot<E>,
    original: &E,
    operation: Operation,
    updates: &mut Updates,
    frozen: &mut Frozen,
) -> Result<()> {
    let Some(entity) = &place.entity else {
        return Ok(());
    };
    let differs = entity.diff(original);
    if let Some(last) = &updates.last
        && last.differs == differs
        && operation == Operation::Update
        && like_last(at, entity, original, updates, last, frozen)?
    {
        return Ok(());
    }
    by_column(core, at, place, original, (operation, differs), updates, frozen)
}

/// Freezes an update that differs in the columns of the last one; `false` when it does not once it is stored.
#[inline]
fn like_last<E: Entity>(
    at: Place,
    entity: &E,
    original: &E,
    updates: &Updates,
    last: &Last,
    frozen: &mut Frozen,
) -> Result<bool> {
    let first_new = frozen.values.len();
    let fact = frozen.facts.end();
    let key = original.encode(E::TABLE.id)?;
    let mut fits = !updates.facts || frozen.facts.push(&key);
    for &column in &last.columns {
        let value = entity.encode_ref(column)?;
        let before = original.encode_ref(column).unwrap_or(ValueRef::Owned(Value::Null));
        if value.same(&before) {
            frozen.values.truncate(first_new);
            frozen.facts.truncate(fact);
            frozen.spare.clear();
            return Ok(false);
        }
        if updates.facts && !last.hidden.has(column) {
            fits &= frozen.facts.push_ref(&before) & frozen.facts.push_ref(&value);
        }
        frozen.values.push(value.into_value());
        if updates.keeps_old {
            frozen.spare.push(before.into_value());
        }
    }
    if !fits {
        return Err(too_long(E::TABLE, &key));
    }
    let old = frozen.spare.len();
    frozen.values.append(&mut frozen.spare);
    if updates.facts && frozen.are_all_alike() {
        frozen.alike += 1;
    }
    frozen.changes.push(Change {
        place: at,
        def: E::TABLE,
        operation: Operation::Update,
        key,
        version: None,
        shape: last.shape,
        values: Extent::from(first_new, last.columns.len(), old, 0),
        written: 0..0,
        told: updates.told,
        fact: fact..frozen.facts.end(),
        pending: frozen.pending.len()..frozen.pending.len(),
    });
    Ok(true)
}

/// The same by each column, and by all that is this library's to write.
fn by_column<E: Entity>(
    core: &Core,
    at: Place,
    place: &Slot<E>,
    original: &E,
    (operation, mut differs): (Operation, ColumnSet),
    updates: &mut Updates,
    frozen: &mut Frozen,
) -> Result<()> {
    let def = E::TABLE;
    let Some(entity) = &place.entity else {
        return Ok(());
    };
    if differs.has(def.id) {
        let value = entity.encode(def.id)?;
        return Err(def.key().misfit(
            &value,
            format!("the key of a stored row cannot change (it is {})", original.key()),
        ));
    }
    // These are this library's to write; what stands in the entity is not a change by itself.
    for column in [def.version, def.deleted_at.filter(|_| operation != Operation::Update)]
        .into_iter()
        .flatten()
    {
        differs.remove(column);
    }
    let (first_new, first_pending) = (frozen.values.len(), frozen.pending.len());
    let mut columns = ColumnSet::EMPTY;
    let mut managed = ColumnSet::EMPTY;
    let Updates { keeps_old, .. } = *updates;
    let needs_old = keeps_old || updates.facts;
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
        if needs_old {
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
        if needs_old {
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
    let key = original.encode(def.id)?;
    let new_values = frozen.values.len() - first_new;
    // What a reference waits for is not known yet.
    let is_fact = updates.facts && operation != Operation::Trash && frozen.pending.len() == first_pending;
    let first_fact = frozen.facts.end();
    if is_fact {
        let hidden = def.internal();
        let mut fits = frozen.facts.push(&key);
        for ((column, new), old) in columns.iter().zip(&frozen.values[first_new..]).zip(&old) {
            if !hidden.has(column) {
                fits &= frozen.facts.push(old) & frozen.facts.push(new);
            }
        }
        if !fits {
            return Err(too_long(def, &key));
        }
        if !keeps_old {
            old.clear();
        }
    }
    let old_values = old.len();
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
    let shape = Shape {
        columns,
        kept: columns,
        beside: beside_columns,
        managed,
    };
    let id = frozen.shapes.add(shape);
    if frozen.more > 0 {
        updates.note(def, operation, differs, &shape, id);
        if updates.last.is_some() {
            let values = columns.len() * (1 + usize::from(keeps_old));
            frozen.values.reserve(frozen.more * values);
            if is_fact {
                frozen.facts.reserve(frozen.more * (1 + 2 * columns.len()));
            }
        }
    }
    if is_fact && frozen.changes.is_empty() {
        frozen.alike = 1;
    }
    frozen.changes.push(Change {
        place: at,
        def,
        operation,
        key,
        version,
        shape: id,
        values: Extent::from(first_new, new_values, old_values, beside_columns.len()),
        written: 0..0,
        told: updates.told || (updates.facts && !is_fact),
        fact: first_fact..frozen.facts.end(),
        pending: first_pending..frozen.pending.len(),
    });
    Ok(())
}

/// No server takes such a text either.
#[cold]
fn too_long(def: &TableDef, key: &Value) -> Error {
    def.key().misfit(
        key,
        "a text of the row has more than 4 GiB, which is more than an event holds",
    )
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
