//! What events have in common that differ in keys and values only.

use super::decide::FlushType;
use super::declaration::Stream;
use crate::table::{ColumnSet, TableDef};

/// The kind of events: two of one kind differ in keys and values only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventKind {
    pub(crate) stream: &'static Stream,
    pub(crate) table: &'static TableDef,
    pub(crate) flush: FlushType,
    /// The columns that they show: none, but of updates.
    pub(crate) columns: ColumnSet,
}

impl PartialEq for EventKind {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.stream, other.stream)
            && std::ptr::eq(self.table, other.table)
            && self.flush == other.flush
            && self.columns == other.columns
    }
}
