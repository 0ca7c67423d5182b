//! What was frozen: the changes of a flush with their values, as statements, events and acceptance ask for them.

use std::ops::Range;
use std::sync::Arc;

use super::committed::Operation;
use super::core::Place;
use super::queue::Queueing;
use crate::mysql::Params;
use crate::table::{CivilDateTime, ColumnSet, TableDef, Value};

/// One entity's change, its values in [`Frozen::values`].
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) place: Place,
    pub(crate) def: &'static TableDef,
    pub(crate) operation: Operation,
    /// The key; NULL while only the server can make it.
    pub(crate) key: Value,
    /// The version that the row must still have.
    pub(crate) version: Option<Value>,
    /// Which columns it is about.
    pub(crate) shape: Arc<Shape>,
    /// Its values.
    pub(super) values: Extent,
    /// All new values, in [`Queueing::rows`]; empty where that is not done.
    pub(crate) written: Range<usize>,
    /// Whether an update's values are asked for once its statement has run: by events, or by who queues it.
    pub(crate) told: bool,
    /// Other entities that its references wait for, in [`Frozen::pending`].
    pub(crate) pending: Range<usize>,
}

/// The columns of a change; most changes of a flush share them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Those that the statement writes.
    pub(crate) columns: ColumnSet,
    /// Those of them whose new values are kept: all, but for a row that is [`written`](Change::written).
    pub(crate) kept: ColumnSet,
    /// Those that an update leaves alone, in unique indexes of which it writes others.
    pub(crate) beside: ColumnSet,
    /// Those that the entity gets back from the frozen values.
    pub(crate) managed: ColumnSet,
}

/// Where the values of a change stand in [`Frozen::values`]: one kind after the other. A table has at most 256 columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    first: usize,
    new: u16,
    old: u16,
    beside: u16,
}

impl Extent {
    /// From the first value on so many new ones, then old ones, then those beside.
    pub(super) fn from(first: usize, new: usize, old: usize, beside: usize) -> Self {
        let count = |values| u16::try_from(values).unwrap_or(u16::MAX);
        Extent {
            first,
            new: count(new),
            old: count(old),
            beside: count(beside),
        }
    }
}

/// A reference to an entity that the same flush inserts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending {
    pub(crate) column: usize,
    pub(crate) target: Place,
    /// Where its key goes in [`Frozen::values`].
    pub(crate) value: usize,
    pub(crate) nullable: bool,
}

/// All changes of a flush.
#[derive(Debug, Default)]
pub(crate) struct Frozen {
    pub(crate) changes: Vec<Change>,
    pub(crate) values: Vec<Value>,
    pub(crate) pending: Vec<Pending>,
    /// The columns of the change that was frozen last.
    shape: Arc<Shape>,
    /// Room to work in: empty between two changes.
    pub(super) spare: Vec<Value>,
    /// The time that the whole flush writes into its timestamp columns.
    pub(crate) now: CivilDateTime,
    /// What a flush needs whose rows are inserted later.
    pub(crate) queueing: Option<Queueing>,
}

impl Change {
    /// Whether it inserts a row.
    pub(crate) fn is_insert(&self) -> bool {
        self.operation == Operation::Insert
    }

    /// Whether it deletes a row.
    pub(crate) fn is_delete(&self) -> bool {
        matches!(self.operation, Operation::Delete | Operation::ForceDelete)
    }

    /// Whether nobody needs its new values once they are bound.
    pub(super) fn is_spent(&self) -> bool {
        !self.told && !self.gives_back_kept()
    }

    /// Whether the entity gets back any of the new values that are kept.
    fn gives_back_kept(&self) -> bool {
        self.shape.managed.meets(&self.shape.kept)
    }

    /// The new values that are kept, in the order of the columns.
    pub(crate) fn new_values(&self) -> Range<usize> {
        let start = self.values.first;
        start..start + usize::from(self.values.new)
    }

    /// Of an update: the old values of the columns it writes, where it is `told` or the table has unique indexes. Of a
    /// delete: those of [`given_up`](super::changes::given_up).
    pub(crate) fn old_values(&self) -> Range<usize> {
        let start = self.new_values().end;
        start..start + usize::from(self.values.old)
    }

    /// The values of the columns [beside](Shape::beside).
    pub(crate) fn beside_values(&self) -> Range<usize> {
        let start = self.old_values().end;
        start..start + usize::from(self.values.beside)
    }

    /// Columns whose change an update's event shows, each with its place among the old and the new values.
    fn shown(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let updates = matches!(self.operation, Operation::Update | Operation::Restore);
        let internal = self.def.internal();
        let columns = self.shape.columns.iter().enumerate().filter(move |_| updates);
        columns.filter(move |(_, column)| !internal.has(*column))
    }

    /// Column, old and new value of what an update changed, without the columns that no event shows. They move out of
    /// the frozen values, but for those that the entity gets back.
    pub(crate) fn take_visible<'a>(
        &'a self,
        values: &'a mut [Value],
    ) -> impl Iterator<Item = (usize, Value, Value)> + use<'a> {
        self.shown().map(|(place, column)| {
            let new = &mut values[self.new_values().start + place];
            let new = if self.shape.managed.has(column) {
                new.clone()
            } else {
                new.take()
            };
            (column, values[self.old_values().start + place].take(), new)
        })
    }
}

/// The most memory that a session keeps for the changes of its next flush, in bytes.
const KEPT: usize = 4 << 20;

impl Frozen {
    /// Empty, with its memory, if it is not too much to keep.
    pub(super) fn emptied(mut self) -> Option<Box<Frozen>> {
        self.changes.clear();
        self.values.clear();
        self.pending.clear();
        self.queueing = None;
        let bytes = self.changes.capacity() * size_of::<Change>() + self.values.capacity() * size_of::<Value>();
        (bytes <= KEPT).then(|| Box::new(self))
    }

    /// These columns, which most often are those of the change before.
    pub(super) fn shape(&mut self, shape: Shape) -> Arc<Shape> {
        if *self.shape != shape {
            self.shape = Arc::new(shape);
        }
        self.shape.clone()
    }

    /// The new value that a change writes into a column.
    pub(crate) fn new_value(&self, change: &Change, column: usize) -> Option<&Value> {
        if !change.shape.kept.has(column) {
            return None;
        }
        let position = change.shape.kept.iter().position(|c| c == column)?;
        self.values.get(change.new_values().start + position)
    }

    /// The values of rows to insert, in the order of the columns. What the entities do not get back moves: events of
    /// an insert carry no values.
    pub(crate) fn take_rows(&mut self, rows: &[usize]) -> Params {
        let width = rows.first().map_or(0, |&i| self.changes[i].shape.columns.len());
        let mut params = Params::with_capacity(rows.len() * width);
        for change in rows.iter().map(|&i| &self.changes[i]) {
            let values = &mut self.values[change.new_values()];
            if !change.gives_back_kept() {
                values.iter_mut().for_each(|value| params.push(value.take()));
                continue;
            }
            for (column, value) in change.shape.kept.iter().zip(values) {
                params.push(if change.shape.managed.has(column) {
                    value.clone()
                } else {
                    value.take()
                });
            }
        }
        params
    }

    /// Column, old and new value of what an update changed, without the columns that no event shows.
    pub(crate) fn visible(&self, change: &Change) -> Vec<(usize, Value, Value)> {
        let value = |start: usize, place: usize| self.values[start + place].clone();
        let shown = change.shown();
        shown
            .map(|(place, column)| {
                (
                    column,
                    value(change.old_values().start, place),
                    value(change.new_values().start, place),
                )
            })
            .collect()
    }
}
