//! What was frozen: the changes of a flush with their values, as statements, events and acceptance ask for them.

use std::ops::Range;

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
    /// The columns that the statement writes.
    pub(crate) columns: ColumnSet,
    /// Those of them whose new values are kept: all, but for a row that is [`written`](Change::written).
    pub(crate) kept: ColumnSet,
    /// The new values that are kept, in the order of the columns.
    pub(crate) new: Range<usize>,
    /// All new values, in [`Queueing::rows`]; empty where that is not done.
    pub(crate) written: Range<usize>,
    /// Of an update: their old values, where it is `told` or the table has unique indexes. Of a delete: those of
    /// [`given_up`](super::changes::given_up).
    pub(crate) old: Range<usize>,
    /// Columns that an update leaves alone, in unique indexes of which it writes others.
    pub(crate) beside_columns: ColumnSet,
    /// Their values.
    pub(crate) beside: Range<usize>,
    /// The columns that the entity gets back from the frozen values.
    pub(crate) managed: ColumnSet,
    /// Whether an update's values are asked for once its statement has run: by events, or by who queues it.
    pub(crate) told: bool,
    /// Other entities that its references wait for, in [`Frozen::pending`].
    pub(crate) pending: Range<usize>,
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
        !self.told && !self.managed.meets(&self.kept)
    }

    /// Columns whose change an update's event shows, each with its place among the old and the new values.
    fn shown(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let updates = matches!(self.operation, Operation::Update | Operation::Restore);
        let internal = self.def.internal();
        let columns = self.columns.iter().enumerate().filter(move |_| updates);
        columns.filter(move |(_, column)| !internal.has(*column))
    }

    /// Column, old and new value of what an update changed, without the columns that no event shows. They move out of
    /// the frozen values, but for those that the entity gets back.
    pub(crate) fn take_visible<'a>(
        &'a self,
        values: &'a mut [Value],
    ) -> impl Iterator<Item = (usize, Value, Value)> + use<'a> {
        self.shown().map(|(place, column)| {
            let new = &mut values[self.new.start + place];
            let new = if self.managed.has(column) {
                new.clone()
            } else {
                new.take()
            };
            (column, values[self.old.start + place].take(), new)
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

    /// The new value that a change writes into a column.
    pub(crate) fn new_value(&self, change: &Change, column: usize) -> Option<&Value> {
        if !change.kept.has(column) {
            return None;
        }
        let position = change.kept.iter().position(|c| c == column)?;
        self.values.get(change.new.start + position)
    }

    /// The values of rows to insert, in the order of the columns. What the entities do not get back moves: events of
    /// an insert carry no values.
    pub(crate) fn take_rows(&mut self, rows: &[usize]) -> Params {
        let width = rows.first().map_or(0, |&i| self.changes[i].columns.len());
        let mut params = Params::with_capacity(rows.len() * width);
        for change in rows.iter().map(|&i| &self.changes[i]) {
            let values = &mut self.values[change.new.clone()];
            if !change.managed.meets(&change.kept) {
                values.iter_mut().for_each(|value| params.push(value.take()));
                continue;
            }
            for (column, value) in change.kept.iter().zip(values) {
                params.push(if change.managed.has(column) {
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
            .map(|(place, column)| (column, value(change.old.start, place), value(change.new.start, place)))
            .collect()
    }
}
