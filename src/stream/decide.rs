//! What a flush did to a row, and which of the table's streams hear of it.

use std::fmt;

use super::declaration::{Operations, Publication};
use crate::table::{ColumnSet, TableDef};

/// The code of an insert in an event: [`FlushType::Insert`].
pub const DIRTY_STREAM_INSERT: u8 = 1;
/// The code of an update in an event: [`FlushType::Update`].
pub const DIRTY_STREAM_UPDATE: u8 = 2;
/// The code of a delete in an event: [`FlushType::Delete`].
pub const DIRTY_STREAM_DELETE: u8 = 3;

/// What a flush did to a row, as events tell it: a soft delete is a delete, a restore is an update.
///
/// ```
/// use headwater::prelude::*;
/// use headwater::stream::DIRTY_STREAM_DELETE;
///
/// assert_eq!(FlushType::from_code(DIRTY_STREAM_DELETE), Some(FlushType::Delete));
/// assert_eq!(FlushType::Update.to_string(), "update");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FlushType {
    /// A new row.
    Insert = DIRTY_STREAM_INSERT,
    /// Changed columns, or a restored row.
    Update = DIRTY_STREAM_UPDATE,
    /// A row that is gone, or marked as deleted.
    Delete = DIRTY_STREAM_DELETE,
}

impl FlushType {
    /// The code in an event: 1, 2 or 3.
    ///
    /// ```
    /// assert_eq!(headwater::stream::FlushType::Insert.code(), 1);
    /// ```
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The flush type of this code; `None` where there is none.
    ///
    /// ```
    /// assert_eq!(headwater::stream::FlushType::from_code(4), None);
    /// ```
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            DIRTY_STREAM_INSERT => Some(FlushType::Insert),
            DIRTY_STREAM_UPDATE => Some(FlushType::Update),
            DIRTY_STREAM_DELETE => Some(FlushType::Delete),
            _ => None,
        }
    }

    /// The same as an operation that a stream may be declared for.
    ///
    /// ```
    /// use headwater::stream::{FlushType, Operations};
    ///
    /// assert!(Operations::ALL.has(FlushType::Delete.operation()));
    /// ```
    pub const fn operation(self) -> Operations {
        match self {
            FlushType::Insert => Operations::INSERT,
            FlushType::Update => Operations::UPDATE,
            FlushType::Delete => Operations::DELETE,
        }
    }
}

impl fmt::Display for FlushType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            FlushType::Insert => "insert",
            FlushType::Update => "update",
            FlushType::Delete => "delete",
        })
    }
}

/// Whether this stream of the table gets an event for a row to which this happened.
///
/// An update is published by its operation, even when only columns changed that events do not show, or
/// by a trigger among the changed columns. Those columns themselves never trigger.
#[inline]
pub(crate) fn publishes(table: &TableDef, publication: &Publication, flush: FlushType, changed: &ColumnSet) -> bool {
    publication.on.has(flush.operation())
        || (flush == FlushType::Update && changed.without(&table.internal()).meets(&publication.triggers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Stream, fixture};

    /// Ops; then whether they publish an insert, a delete, an update, an update that hits a trigger.
    const TABLE: [(&str, Operations, [bool; 4]); 8] = {
        const I: Operations = Operations::INSERT;
        const U: Operations = Operations::UPDATE;
        const D: Operations = Operations::DELETE;
        [
            ("", Operations::NONE, [false, false, false, true]),
            ("I", I, [true, false, false, true]),
            ("U", U, [false, false, true, true]),
            ("D", D, [false, true, false, true]),
            ("IU", I.and(U), [true, false, true, true]),
            ("ID", I.and(D), [true, true, false, true]),
            ("UD", U.and(D), [false, true, true, true]),
            ("IUD", Operations::ALL, [true, true, true, true]),
        ]
    };

    fn subsets(of: &[usize]) -> Vec<ColumnSet> {
        (0..1usize << of.len())
            .map(|bits| {
                let picked = of.iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0);
                ColumnSet::of(&picked.map(|(_, &column)| column).collect::<Vec<_>>())
            })
            .collect()
    }

    #[test]
    fn every_combination_of_ops_operation_trigger_and_changed_column() {
        let table = &fixture::TABLE;
        let [status, name] = ["Status", "Name"].map(|name| table.column(name).unwrap().0);
        let internal: Vec<usize> = table.internal().iter().collect();
        assert_eq!(internal.len(), 4);
        let shown = [status, name];
        let all: Vec<usize> = shown.iter().chain(&internal).copied().collect();
        let mut combinations = 0;
        for (ops, on, [insert, delete, update, hit_update]) in TABLE {
            for triggers in subsets(&all) {
                let publication = Publication {
                    stream: Stream::new("S"),
                    on,
                    triggers,
                    redis: None,
                };
                for changed in subsets(&all) {
                    let hit = shown.iter().any(|&c| triggers.has(c) && changed.has(c));
                    let expected = [
                        (FlushType::Insert, insert),
                        (FlushType::Delete, delete),
                        (FlushType::Update, if hit { hit_update } else { update }),
                    ];
                    for (flush, expected) in expected {
                        let got = publishes(table, &publication, flush, &changed);
                        assert_eq!(
                            got, expected,
                            "ops {ops:?}, {flush}, triggers {triggers:?}, changed {changed:?}"
                        );
                        combinations += 1;
                    }
                }
            }
        }
        assert_eq!(combinations, 8 * 64 * 64 * 3);
    }

    #[test]
    fn codes_and_names_are_those_of_the_events() {
        for (flush, code, name) in [
            (FlushType::Insert, 1, "insert"),
            (FlushType::Update, 2, "update"),
            (FlushType::Delete, 3, "delete"),
        ] {
            assert_eq!((flush.code(), flush.to_string().as_str()), (code, name));
            assert_eq!(FlushType::from_code(code), Some(flush));
        }
        for code in (4..=255).chain([0]) {
            assert_eq!(FlushType::from_code(code), None);
        }
    }
}
