//! An event in parts: what it has in common with events alike, and what is its own.

use super::write::{NEW, OLD, Out};
use crate::error::Result;
use crate::stream::decide::FlushType;
use crate::stream::declaration::Wire;
use crate::stream::event_kind::EventKind;
use crate::table::{ColumnDef, TableDef, ValueRef};

/// What events alike have in common: pieces between which the key and the values of each stand.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pieces {
    bytes: Vec<u8>,
    /// Where each ends. Behind each but the last stands the key or a value: of each column the old one, then the new.
    ends: Vec<usize>,
}

impl Pieces {
    /// Those of events of this kind.
    ///
    /// # Errors
    ///
    /// A [`Malformed`](crate::ErrorKind::Malformed) error when a name is longer than 4 GiB.
    pub(crate) fn of(kind: &EventKind) -> Result<Self> {
        let mut pieces = Pieces::default();
        let Pieces { bytes, ends } = &mut pieces;
        match kind.stream.wire_format() {
            Wire::Documented => Out::<false>::append(bytes, |out| out.pieces(kind, ends))?,
            Wire::FluxaOrm => Out::<true>::append(bytes, |out| out.pieces(kind, ends))?,
        }
        Ok(pieces)
    }

    /// How many bytes they have.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// One after the other.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.ends.len()).map(|at| {
            let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
            self.bytes.get(start..self.ends[at]).unwrap_or_default()
        })
    }
}

/// Adds the bytes of a key, as they stand between two [`Pieces`].
///
/// # Errors
///
/// As [`write_event`](super::write_event).
#[inline]
pub(crate) fn write_key(buffer: &mut Vec<u8>, key: &ValueRef<'_>, table: &TableDef) -> Result<()> {
    // Both spell it alike.
    Out::<false>::append(buffer, |out| match key {
        ValueRef::Text(key) => out.text(key.as_bytes()),
        ValueRef::Bytes(key) => out.key_bytes(key, table.key()),
        ValueRef::Owned(key) => out.key(key, table.key()),
    })
}

/// Adds the bytes of a value, as they stand between two [`Pieces`].
///
/// # Errors
///
/// As [`write_event`](super::write_event).
#[inline]
pub(crate) fn write_value(buffer: &mut Vec<u8>, value: &ValueRef<'_>, column: &ColumnDef, wire: Wire) -> Result<()> {
    match wire {
        Wire::Documented => Out::<false>::append(buffer, |out| out.value_ref(value, column)),
        Wire::FluxaOrm => Out::<true>::append(buffer, |out| out.value_ref(value, column)),
    }
}

impl<const GO: bool> Out<GO> {
    /// What an event has but key and values; where each piece of it ends.
    fn pieces(&mut self, kind: &EventKind, ends: &mut Vec<usize>) -> Result<()> {
        let EventKind {
            table, flush, columns, ..
        } = *kind;
        self.head(table.name)?;
        ends.push(self.bytes().len());
        self.flush(flush);
        if flush != FlushType::Update {
            self.no_changes();
            ends.push(self.bytes().len());
            return Ok(());
        }
        let shown = columns.without(&table.internal());
        self.changes(shown.len())?;
        for column in shown.iter().filter_map(|column| table.columns.get(column)) {
            self.text(column.name.as_bytes())?;
            self.raw(OLD);
            ends.push(self.bytes().len());
            self.raw(NEW);
            ends.push(self.bytes().len());
        }
        ends.push(self.bytes().len());
        Ok(())
    }
}
