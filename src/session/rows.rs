//! The rows of a flush that are inserted: their values go straight from the fields into the form in which their
//! statement has them.

use std::ops::Range;

use crate::error::Result;
use crate::mysql::Params;
use crate::stream::Wire;
use crate::stream::wire::WrittenRows;
use crate::table::{RowWriter, Table, Value};

/// The values of rows to insert, one row after the other.
#[derive(Debug)]
pub(crate) enum Rows {
    /// As the driver binds them, with the bytes that they take; places are counted in values.
    Bound(Params, usize),
    /// As a queued statement has them; places are counted in bytes.
    Written(WrittenRows),
}

impl Default for Rows {
    fn default() -> Self {
        Rows::Bound(Params::new(), 0)
    }
}

impl Rows {
    /// Rows that are bound.
    pub(super) fn bound(self) -> Self {
        match self {
            Rows::Bound(..) => self,
            Rows::Written(_) => Rows::default(),
        }
    }

    /// Rows that are queued, with the memory of others if they were written alike.
    pub(super) fn queued(self, wire: Wire) -> Self {
        match self {
            Rows::Written(rows) if rows.wire() == wire => Rows::Written(rows),
            _ => Rows::Written(WrittenRows::new(wire)),
        }
    }

    /// Forgets all rows; the memory of those that are written is kept, and those that are bound are gone with it.
    pub(super) fn clear(&mut self) {
        match self {
            Rows::Bound(..) => *self = Rows::default(),
            Rows::Written(rows) => rows.clear(),
        }
    }

    /// The bytes of memory that [`clear`](Rows::clear) keeps.
    pub(super) fn kept(&self) -> usize {
        match self {
            Rows::Bound(..) => 0,
            Rows::Written(rows) => rows.capacity(),
        }
    }

    /// Where the next value will begin.
    pub(super) fn end(&self) -> usize {
        match self {
            Rows::Bound(params, _) => params.len(),
            Rows::Written(rows) => rows.end(),
        }
    }

    /// Adds these columns of an entity.
    #[inline]
    pub(super) fn columns<T: Table>(&mut self, entity: &T, columns: Range<usize>) -> Result<()> {
        match self {
            Rows::Bound(params, _) => entity.write_columns(columns, params),
            Rows::Written(rows) => rows.columns(entity, columns),
        }
    }

    /// Adds a value.
    #[inline]
    pub(super) fn push(&mut self, value: &Value) -> Result<()> {
        match self {
            Rows::Bound(params, _) => params.value(value.clone()),
            Rows::Written(rows) => rows.push(value),
        }
    }

    /// Makes room for so many rows; how long they are written, nobody knows.
    pub(super) fn reserve(&mut self, columns: usize, rows: usize) {
        if let Rows::Bound(params, _) = self {
            params.reserve(columns.saturating_mul(rows));
        }
    }

    /// Makes room for so many rows that are written about as long as this one.
    pub(super) fn reserve_like(&mut self, first: &Range<usize>, rows: usize) {
        if let Rows::Written(written) = self {
            written.reserve_like(first, rows);
        }
    }

    /// The bytes of rows that are written.
    pub(super) fn written(&self, place: &Range<usize>) -> &[u8] {
        match self {
            Rows::Bound(..) => &[],
            Rows::Written(rows) => rows.get(place),
        }
    }

    /// Notes that the row of this place is whole.
    pub(super) fn finish(&mut self, row: &Range<usize>) {
        if let Rows::Bound(params, bytes) = self {
            *bytes += params.size(row.clone());
        }
    }

    /// Bytes that a row takes on the wire, roughly: what `max_allowed_packet` counts.
    pub(super) fn size_of(&self, row: &Range<usize>) -> usize {
        match self {
            Rows::Bound(params, _) => params.size(row.clone()),
            Rows::Written(_) => row.len(),
        }
    }

    /// The same of all rows together.
    pub(super) fn size(&self) -> usize {
        match self {
            Rows::Bound(_, bytes) => *bytes,
            Rows::Written(rows) => rows.end(),
        }
    }
}

/// Rows that stand one after the other, as one place each; most often all do. `None` when the values of one stand
/// elsewhere.
pub(super) fn joined<'a>(rows: impl Iterator<Item = &'a Range<usize>>) -> Option<Vec<Range<usize>>> {
    let mut places = Vec::new();
    let mut last = 0..0;
    for place in rows {
        if place.is_empty() {
            return None;
        }
        if last.end == place.start && !last.is_empty() {
            last.end = place.end;
        } else {
            places.push(std::mem::replace(&mut last, place.clone()));
        }
    }
    places.push(last);
    places.retain(|place| !place.is_empty());
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "one place")]
    fn neighbours_are_joined() {
        assert_eq!(joined([0..2, 2..5, 5..7].iter()), Some(vec![0..7]));
        assert_eq!(joined([3..4, 4..5, 2..3].iter()), Some(vec![3..5, 2..3]));
        assert_eq!(joined([0..2, 2..2, 2..4].iter()), None);
        assert_eq!(joined([].iter()), Some(vec![]));
    }
}
