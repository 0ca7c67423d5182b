//! What was frozen: the changes of a flush with their values, as statements, events and acceptance ask for them.

use std::ops::Range;

use super::committed::Operation;
use super::core::Place;
use super::queue::Queueing;
use super::rows::{Rows, joined};
use crate::mysql::Params;
use crate::stream::Flat;
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
    /// Which columns it is about: in [`Frozen::shapes`].
    pub(super) shape: ShapeId,
    /// Its values.
    pub(super) values: Extent,
    /// Of a row to insert, all its values in [`Frozen::rows`]; empty where they are [kept](Shape::kept) instead, or none.
    pub(crate) written: Range<usize>,
    /// Whether an update's values are asked for once its statement has run: by events that are no facts yet, or by who
    /// queues it.
    pub(crate) told: bool,
    /// Of an update what its event tells, in [`Frozen::facts`]; empty where the values are asked for instead.
    pub(super) fact: Range<usize>,
    /// Other entities that its references wait for, in [`Frozen::pending`].
    pub(crate) pending: Range<usize>,
}

/// A place in [`Frozen::shapes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShapeId(u32);

/// The columns of a change; most changes of a flush share them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

impl Shape {
    /// Whether the entity gets back any of the new values that are kept.
    fn gives_back_kept(&self) -> bool {
        self.managed.meets(&self.kept)
    }
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

/// The columns of the changes of a flush.
#[derive(Debug, Default)]
pub(crate) struct Shapes(Vec<Shape>);

impl Shapes {
    /// That of a change.
    pub(crate) fn of(&self, change: &Change) -> &Shape {
        &self.0[change.shape.0 as usize]
    }

    /// These columns, which most often are those of the change before.
    pub(super) fn add(&mut self, shape: Shape) -> ShapeId {
        if self.0.last() != Some(&shape) {
            self.0.push(shape);
        }
        // As many as there are changes at most.
        ShapeId(u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX))
    }
}

/// All changes of a flush.
#[derive(Debug, Default)]
pub(crate) struct Frozen {
    pub(crate) changes: Vec<Change>,
    pub(crate) values: Vec<Value>,
    pub(crate) pending: Vec<Pending>,
    /// The columns of changes, each once for those alike that follow each other.
    pub(crate) shapes: Shapes,
    /// Rows to insert whose values nobody asks for again, but for those that are kept as well.
    pub(crate) rows: Rows,
    /// Key, old and new values of updates as their events show them.
    pub(super) facts: Flat,
    /// How many changes there are, if all of them are updates of one table that write the same columns and have their
    /// facts, one after the other; fewer otherwise.
    pub(super) alike: usize,
    /// Room to work in: empty between two changes.
    pub(super) spare: Vec<Value>,
    /// How many entities of the same table follow the one that is being frozen: new ones only, once they begin.
    pub(super) more: usize,
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
    pub(super) fn is_spent(&self, shape: &Shape) -> bool {
        !self.told && !shape.gives_back_kept()
    }

    /// The new values that are kept, in the order of the columns.
    pub(crate) fn new_values(&self) -> Range<usize> {
        let start = self.values.first;
        start..start + usize::from(self.values.new)
    }

    /// Of an update: the old values of the columns it writes, where it is `told` or the table has unique indexes. Of a
    /// delete: those of [`columns_given_up`](super::changes::columns_given_up).
    pub(crate) fn old_values(&self) -> Range<usize> {
        let start = self.new_values().end;
        start..start + usize::from(self.values.old)
    }

    /// The values of the columns [beside](Shape::beside).
    pub(crate) fn beside_values(&self) -> Range<usize> {
        let start = self.old_values().end;
        start..start + usize::from(self.values.beside)
    }

    /// What an update's event shows of it, in the order of the columns.
    pub(super) fn shown(&self, shape: &Shape) -> impl Iterator<Item = Shown> + use<> {
        let updates = matches!(self.operation, Operation::Update | Operation::Restore);
        let internal = self.def.internal();
        let columns = shape.columns.iter().enumerate().filter(move |_| updates);
        let columns = columns.filter(move |(_, column)| !internal.has(*column));
        columns.map(move |(place, column)| Shown { place, column })
    }

    /// Old and new value of each column that an update's event shows.
    #[inline]
    pub(super) fn shown_values<'a>(
        &self,
        shown: &'a [Shown],
        values: &'a [Value],
    ) -> impl Iterator<Item = (&'a Value, &'a Value)> + use<'a> {
        let (new, old) = (self.new_values().start, self.old_values().start);
        shown
            .iter()
            .map(move |shown| (&values[old + shown.place], &values[new + shown.place]))
    }
}

/// A column whose change an update's event shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub(super) column: usize,
    /// Its place among the old and the new values.
    place: usize,
}

/// The most memory that a session keeps for the changes of its next flush, in bytes.
const KEPT: usize = 4 << 20;

impl Frozen {
    /// Empty, with its memory, if it is not too much to keep.
    pub(super) fn emptied(mut self) -> Option<Box<Frozen>> {
        self.changes.clear();
        self.values.clear();
        self.pending.clear();
        self.shapes.0.clear();
        self.queueing = None;
        self.rows.clear();
        self.facts.truncate(0);
        self.alike = 0;
        let bytes = self.changes.capacity() * size_of::<Change>()
            + self.values.capacity() * size_of::<Value>()
            + self.facts.capacity()
            + self.rows.kept();
        (bytes <= KEPT).then(|| Box::new(self))
    }

    /// Whether all changes are updates alike, with the facts of the first to the last.
    pub(super) fn are_all_alike(&self) -> bool {
        self.alike == self.changes.len()
    }

    /// Which columns a change is about.
    pub(crate) fn shape(&self, change: &Change) -> &Shape {
        self.shapes.of(change)
    }

    /// The new value that a change writes into a column.
    pub(crate) fn new_value(&self, change: &Change, column: usize) -> Option<&Value> {
        let kept = &self.shape(change).kept;
        if !kept.has(column) {
            return None;
        }
        let position = kept.iter().position(|c| c == column)?;
        self.values.get(change.new_values().start + position)
    }

    /// Where rows to insert stand in [`Frozen::rows`], those together that follow each other; `None` when they are not
    /// there.
    pub(crate) fn places(&self, rows: &[usize]) -> Option<Vec<Range<usize>>> {
        let written = |&i: &usize| &self.changes[i].written;
        let (first, last) = (rows.first()?, rows.last()?);
        // Rows are written in the order of the changes; of those of a step all are, or none.
        if rows.windows(2).all(|pair| pair[0] + 1 == pair[1]) {
            let place = written(first).start..written(last).end;
            return (!written(first).is_empty()).then(|| vec![place]);
        }
        joined(rows.iter().map(written))
    }

    /// The values of rows to insert, in the order of the columns. What the entities do not get back moves: events of
    /// an insert carry no values.
    pub(crate) fn take_rows(&mut self, rows: &[usize]) -> Params {
        let width = rows.first().map_or(0, |&i| self.shape(&self.changes[i]).columns.len());
        let places = self.places(rows);
        if let Rows::Bound(bound, _) = &mut self.rows
            && let Some(places) = places
        {
            if let [place] = places.as_slice() {
                return bound.take(place.clone());
            }
            let mut params = Params::with_capacity(rows.len() * width);
            places.into_iter().for_each(|place| bound.take_into(place, &mut params));
            return params;
        }
        let mut params = Params::with_capacity(rows.len() * width);
        for change in rows.iter().map(|&i| &self.changes[i]) {
            let shape = self.shapes.of(change);
            let values = &mut self.values[change.new_values()];
            if !shape.gives_back_kept() {
                values.iter_mut().for_each(|value| params.push(value.take()));
                continue;
            }
            for (column, value) in shape.kept.iter().zip(values) {
                params.push(if shape.managed.has(column) {
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
        let shown: Vec<Shown> = change.shown(self.shape(change)).collect();
        let values = change.shown_values(&shown, &self.values);
        let values = shown.iter().zip(values);
        values
            .map(|(shown, (old, new))| (shown.column, old.clone(), new.clone()))
            .collect()
    }
}
