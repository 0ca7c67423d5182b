//! Freezing rows to insert: their values go straight from the fields into the form of their statement, but for those
//! that this library sets or is asked for again.

use std::ops::Range;

use super::committed::Operation;
use super::core::{Core, Place};
use super::frozen::{Change, Extent, Frozen, Shape, ShapeId};
use super::managed::{datetime, has_time, is_unset_time, number, reference};
use crate::entity::Entity;
use crate::error::Result;
use crate::table::{ColumnSet, ColumnType, Key, TableDef, Value};

/// What the inserts of a table have in common.
pub(super) struct Inserts {
    all: ColumnSet,
    /// The columns, those together whose values are the entity's to say and go nowhere but into the statement.
    parts: Vec<Part>,
    /// Whether values go into [`Frozen::rows`].
    writes: bool,
    /// Whether nothing but a key is this library's to say.
    plain: bool,
    /// The shape of the last one, and what it follows from.
    last: Option<(Made, ShapeId)>,
}

/// Columns of an insert that are treated alike.
enum Part {
    Plain(Range<usize>),
    Other(usize),
}

/// What is made for an insert: the columns that it is about follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Made {
    key: bool,
    created_at: bool,
    updated_at: bool,
    /// A reference waits for its key: which of them, does not follow.
    reference: bool,
}

impl Inserts {
    pub(super) fn new(def: &'static TableDef, frozen: &Frozen) -> Self {
        let managed = [Some(def.id), def.version, def.created_at, def.updated_at];
        // Stored rows come before new ones: only they hand values over, but for others that are queued.
        let others = frozen
            .changes
            .last()
            .is_some_and(|change| std::ptr::eq(change.def, def));
        let unique = match others || frozen.queueing.is_some() {
            true => def.unique_columns(),
            false => ColumnSet::EMPTY,
        };
        // A reference may wait for its key.
        let writes = def.columns.iter().all(|column| column.reference.is_none());
        let mut parts = Vec::new();
        for (column, about) in def.columns.iter().enumerate() {
            if !writes || managed.contains(&Some(column)) || has_time(about) || unique.has(column) {
                parts.push(Part::Other(column));
            } else if let Some(Part::Plain(columns)) = parts.last_mut() {
                columns.end = column + 1;
            } else {
                parts.push(Part::Plain(column..column + 1));
            }
        }
        let is_plain = |part: &Part| matches!(part, Part::Plain(_)) || matches!(part, Part::Other(c) if *c == def.id);
        Inserts {
            all: def.all(),
            plain: writes && parts.iter().all(is_plain),
            parts,
            writes,
            last: None,
        }
    }
}

/// Freezes a row to insert.
pub(super) fn insert<E: Entity>(
    core: &Core,
    at: Place,
    entity: &E,
    inserts: &mut Inserts,
    frozen: &mut Frozen,
) -> Result<()> {
    let def = E::TABLE;
    let is_first = inserts.last.is_none();
    let more = frozen.more;
    if is_first && inserts.writes {
        frozen.rows.reserve(def.columns.len(), more + 1);
    }
    let (first_value, first_pending) = (frozen.values.len(), frozen.pending.len());
    let start = frozen.rows.end();
    let (key, shape) = match inserts.plain {
        true => plain_row(entity, inserts, frozen)?,
        false => row_by_column(core, entity, inserts, frozen)?,
    };
    let written = start..frozen.rows.end();
    frozen.rows.finish(&written);
    if is_first && more > 0 {
        frozen.rows.reserve_like(&written, more);
        frozen.values.reserve(more * (frozen.values.len() - first_value));
    }
    frozen.changes.push(Change {
        place: at,
        def,
        operation: Operation::Insert,
        key,
        version: None,
        shape,
        values: Extent::from(first_value, frozen.values.len() - first_value, 0, 0),
        written,
        // Events of an insert have no values.
        told: false,
        fact: 0..0,
        pending: first_pending..frozen.pending.len(),
    });
    Ok(())
}

/// Writes a row of which nothing but the key is this library's to say: it, and the shape of the change.
#[inline]
fn plain_row<E: Entity>(entity: &E, inserts: &mut Inserts, frozen: &mut Frozen) -> Result<(Value, ShapeId)> {
    let mut made = Made::default();
    let mut key = Value::Null;
    for part in &inserts.parts {
        if let Part::Plain(columns) = part {
            frozen.rows.columns(entity, columns.clone())?;
            continue;
        }
        made.key = entity.key().is_unset();
        key = key_of_new(entity, made.key, frozen)?;
        if !key.is_null() {
            // The entity gets it from the change.
            frozen.rows.push(&key)?;
        }
    }
    let shape = match inserts.last {
        Some((last, shape)) if last == made => shape,
        _ => {
            let id = ColumnSet::of(&[E::TABLE.id]);
            let shape = frozen.shapes.add(Shape {
                columns: if key.is_null() {
                    inserts.all.without(&id)
                } else {
                    inserts.all
                },
                managed: if made.key { id } else { ColumnSet::EMPTY },
                ..Shape::default()
            });
            inserts.last = Some((made, shape));
            shape
        }
    };
    Ok((key, shape))
}

/// The key of a row to insert; NULL when the server makes it.
#[inline]
fn key_of_new<E: Entity>(entity: &E, is_unset: bool, frozen: &mut Frozen) -> Result<Value> {
    let def = E::TABLE;
    let about = def.key();
    if !is_unset {
        return entity.encode(def.id);
    }
    match (E::Key::generate(), &mut frozen.queueing) {
        (Some(made), _) => ColumnType::encode(&made, about),
        (None, Some(queueing)) => Ok(number(about, queueing.keys.next(def, frozen.more)?)),
        (None, None) => Ok(Value::Null),
    }
}

/// Writes a row column by column, or keeps its values: its key, and the shape of the change.
fn row_by_column<E: Entity>(
    core: &Core,
    entity: &E,
    inserts: &mut Inserts,
    frozen: &mut Frozen,
) -> Result<(Value, ShapeId)> {
    let def = E::TABLE;
    let now = frozen.now;
    let writes = inserts.writes;
    let mut columns = inserts.all;
    let (mut managed, mut kept) = (ColumnSet::EMPTY, ColumnSet::EMPTY);
    let mut made = Made::default();
    let mut key = Value::Null;
    for part in &inserts.parts {
        let column = match part {
            Part::Plain(columns) => {
                frozen.rows.columns(entity, columns.clone())?;
                continue;
            }
            Part::Other(column) => *column,
        };
        let about = &def.columns[column];
        if column == def.id {
            made.key = entity.key().is_unset();
            if made.key {
                managed.insert(column);
            }
            key = key_of_new(entity, made.key, frozen)?;
            if key.is_null() {
                columns.remove(column);
            } else if writes {
                // The entity gets it from the change.
                frozen.rows.push(&key)?;
            } else {
                kept.insert(column);
                frozen.values.push(key.clone());
            }
            continue;
        }
        let value = if Some(column) == def.version {
            managed.insert(column);
            number(about, 1)
        } else if (Some(column) == def.created_at || Some(column) == def.updated_at) && is_unset_time(entity, column) {
            managed.insert(column);
            made.created_at |= Some(column) == def.created_at;
            made.updated_at |= Some(column) == def.updated_at;
            datetime(now, about)
        } else if about.reference.is_some()
            && let Some(handle) = entity.pending(column)
        {
            managed.insert(column);
            made.reference = true;
            reference(core, about, column, handle, frozen)?
        } else {
            if has_time(about) {
                managed.insert(column);
            }
            entity.encode(column)?
        };
        if writes {
            frozen.rows.push(&value)?;
        }
        kept.insert(column);
        frozen.values.push(value);
    }
    let shape = match inserts.last {
        Some((last, shape)) if last == made && !made.reference => shape,
        _ => {
            let shape = frozen.shapes.add(Shape {
                columns,
                kept,
                beside: ColumnSet::EMPTY,
                managed,
            });
            inserts.last = Some((made, shape));
            shape
        }
    };
    Ok((key, shape))
}
