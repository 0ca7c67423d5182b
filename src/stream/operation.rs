//! A queued operation: the statements of one transaction with their events, and what else we say of it.
//!
//! FluxaORM knows `pool`, `queries`, `events`, `redis` and `dirty`, and skips the key [`OWN`], under which stands
//! what a consumer of this crate needs beside them.

use super::event::DirtyEvent;
use super::param::Param;
use crate::mysql::Bound;
use crate::table::{CivilDateTime, TableDef, Value};

/// The stream of queued operations.
pub(crate) const QUEUE: &str = "_fluxa_async_sql";
/// The stream of those that failed.
pub(crate) const FAILED: &str = "_fluxa_async_sql_failed";
/// The key of an operation that only this crate reads.
pub(crate) const OWN: &str = "hw";

/// The statements of one transaction, to be executed later.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operation {
    /// The MySQL pool.
    pub(crate) pool: String,
    pub(crate) queries: Vec<QueuedQuery>,
    /// The events of its changes, each with its stream.
    pub(crate) dirty: Vec<(String, DirtyEvent)>,
    /// Commands for Redis that FluxaORM put off until the statements are committed.
    pub(crate) redis: Vec<RedisCommand>,
    /// `None` when FluxaORM wrote it.
    pub(crate) own: Option<Own>,
}

/// One statement with its values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QueuedQuery {
    pub(crate) sql: String,
    pub(crate) params: Vec<Param>,
}

/// A command for Redis as FluxaORM records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedisCommand {
    pub(crate) pool: String,
    pub(crate) command: String,
    pub(crate) arguments: Vec<Vec<u8>>,
}

/// What an operation of this crate says beside its statements.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Own {
    /// Unique: what was executed is known by it.
    pub(crate) id: String,
    /// For each statement how many rows must match.
    pub(crate) expected: Vec<Option<u64>>,
    /// What it writes and what it relies on, as hashes; see [`touch`].
    pub(crate) writes: Vec<u64>,
    pub(crate) reads: Vec<u64>,
    /// Tables of its changes with the columns that a change tells of.
    pub(crate) shapes: Vec<Shape>,
    /// Changes that past-tense hooks may want to see.
    pub(crate) changes: Vec<QueuedChange>,
}

/// A table and some of its columns, by name: the struct may have others by the time it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) table: String,
    pub(crate) columns: Vec<String>,
}

/// A change for the past-tense hooks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QueuedChange {
    /// Position in [`Own::shapes`].
    pub(crate) shape: usize,
    /// The code of the operation: what the session makes of it is the session's to know.
    pub(crate) operation: u8,
    pub(crate) row: QueuedRow,
}

/// Where the values of a change are, or of several.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum QueuedRow {
    /// The values of a statement are rows, one after the other.
    Inserted { query: usize },
    /// The row before the change, and what was written over it.
    Apart {
        before: Vec<Param>,
        /// Positions in the shape's columns, with the new values.
        written: Vec<(usize, Param)>,
    },
}

impl Own {
    /// The values of a change, in the order of its shape: the row before it, and what was written. An insert has
    /// nothing before, and may be of several rows.
    pub(crate) fn values<'a>(
        &'a self,
        queries: &'a [QueuedQuery],
        change: &'a QueuedChange,
    ) -> impl Iterator<Item = Values<'a>> {
        let shape = self.shapes.get(change.shape);
        let rows = shape.map(|shape| {
            let (params, width, written) = match &change.row {
                QueuedRow::Inserted { query } => {
                    let params = queries.get(*query).map_or(&[][..], |query| &query.params);
                    (params, shape.columns.len(), &[][..])
                }
                QueuedRow::Apart { before, written } => (before.as_slice(), before.len(), written.as_slice()),
            };
            let rows = params.chunks_exact(width.max(1));
            rows.map(move |row| Values { shape, row, written })
        });
        rows.into_iter().flatten()
    }
}

/// The values of a change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) row: &'a [Param],
    pub(crate) written: &'a [(usize, Param)],
}

/// One value bound to a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Parameter<'a> {
    Null,
    Int(i64),
    UInt(u64),
    Double(f64),
    Bytes(&'a [u8]),
    DateTime(CivilDateTime),
}

impl<'a> From<Bound<'a>> for Parameter<'a> {
    fn from(value: Bound<'a>) -> Self {
        match value {
            Bound::Null => Parameter::Null,
            Bound::Int(number) => Parameter::Int(number),
            Bound::UInt(number) => Parameter::UInt(number),
            Bound::Double(number) => Parameter::Double(number),
            Bound::Bytes(bytes) => Parameter::Bytes(bytes),
            Bound::DateTime(at) => Parameter::DateTime(at),
        }
    }
}

/// What two operations may have in common, as a number: a row by its key, or a value of a unique index. It is
/// the same in every process and version. Two things with one number only wait for each other without need.
pub(crate) fn touch(table: &str, what: &str, values: &[&[u8]]) -> u64 {
    let start = Touch::of(table).part(what.as_bytes());
    values.iter().fold(start, |touch, value| touch.part(value)).0
}

/// The number of a row.
pub(crate) fn touch_row(table: &str, key: &Value) -> u64 {
    Touch::rows_of(table).row(key)
}

/// The number of some thing, as far as its parts were added: FNV-1a, 64 bits, with a zero byte behind each part; keys
/// that are whole numbers are mixed in as such.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Touch(u64);

impl Touch {
    fn of(table: &str) -> Self {
        Touch(0xcbf2_9ce4_8422_2325).part(table.as_bytes())
    }

    /// What the rows of a table have in common.
    pub(crate) fn rows_of(table: &str) -> Self {
        Touch::of(table).part(b"")
    }

    #[inline]
    fn part(self, bytes: &[u8]) -> Self {
        let add = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        Touch(add(bytes.iter().fold(self.0, |hash, byte| add(hash, *byte)), 0))
    }

    /// As [`part`](Touch::part), of a key; one that is a whole number counts as that number, whatever its type.
    fn key(self, bytes: &[u8]) -> Self {
        whole_number(bytes).map_or_else(|| self.part(bytes), |number| self.number(number))
    }

    /// The finalizer of MurmurHash3: no byte has to wait for the one before it.
    #[inline]
    fn number(self, number: u64) -> Self {
        let mut hash = self.0 ^ number;
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        Touch(hash ^ (hash >> 33))
    }

    /// The number of a row.
    #[inline]
    pub(crate) fn row(self, key: &Value) -> u64 {
        let touch = match key {
            Value::UInt(number) => self.number(*number),
            Value::Text(text) => self.key(text.as_bytes()),
            Value::Bytes(bytes) => self.key(bytes),
            other => self.key(&key_bytes(other)),
        };
        touch.0
    }

    /// The same of a key as text.
    pub(crate) fn row_of(self, key: &[u8]) -> u64 {
        self.key(key).0
    }
}

/// The number that these are the digits of, without a sign or zeros before them.
fn whole_number(digits: &[u8]) -> Option<u64> {
    let is_plain = digits.iter().all(u8::is_ascii_digit) && (digits.len() == 1 || digits.first() != Some(&b'0'));
    std::str::from_utf8(digits).ok().filter(|_| is_plain)?.parse().ok()
}

/// A key as bytes.
pub(crate) fn key_bytes(key: &Value) -> Vec<u8> {
    match key {
        Value::Text(text) => text.clone().into_bytes(),
        Value::Bytes(bytes) => bytes.clone(),
        other => other.to_string().into_bytes(),
    }
}

/// A change for the past-tense hooks, on its way to the queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before<'a> {
    pub(crate) table: &'static TableDef,
    pub(crate) operation: u8,
    /// All columns.
    pub(crate) row: &'a [Value],
    /// Position and new value.
    pub(crate) written: &'a [(usize, &'a Value)],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_a_statement_are_as_long_as_their_table() {
        let params = ["1", "a", "2", "b", "3"].map(|text| Param::new('s', text));
        let queries = [QueuedQuery {
            sql: String::new(),
            params: params.to_vec(),
        }];
        let shape = |columns: &[&str]| Shape {
            table: "t".to_owned(),
            columns: columns.iter().map(ToString::to_string).collect(),
        };
        let own = Own {
            shapes: vec![shape(&["id", "name"]), shape(&[])],
            ..Own::default()
        };
        let rows = |shape, query| -> Vec<String> {
            let change = QueuedChange {
                shape,
                operation: 1,
                row: QueuedRow::Inserted { query },
            };
            let values = own.values(&queries, &change);
            values.map(|values| format!("{:?}", values.row)).collect()
        };
        assert_eq!(rows(0, 0), ["[s\"1\", s\"a\"]", "[s\"2\", s\"b\"]"]);
        assert_eq!(rows(1, 0).len(), 5);
        assert!(rows(0, 1).is_empty() && rows(2, 0).is_empty());
    }

    #[test]
    fn a_row_has_one_number_however_it_is_asked_for() {
        for key in [
            Value::UInt(0),
            Value::UInt(u64::MAX),
            Value::Int(-7),
            Value::Text("a".into()),
        ] {
            let touch = touch_row("t", &key);
            assert_eq!(touch, Touch::rows_of("t").row_of(&key_bytes(&key)), "{key:?}");
            assert_eq!(touch, touch_row("t", &Value::Bytes(key_bytes(&key))), "{key:?}");
        }
        // Operations that wait in a queue have them.
        assert_eq!(touch_row("t", &Value::UInt(7)), 0x4ce2_ac29_5112_63f4);
        assert_eq!(touch_row("t", &Value::Int(-7)), 0xac4b_80bb_9436_a03d);
        assert_eq!(touch_row("t", &Value::Text("a".into())), 0x140e_3526_afe4_7e8a);
        assert_eq!(touch("t", "i", &[b"a", b"b"]), 0x217b_5005_1c88_12b3);
        assert_eq!(touch_row("t", &Value::Int(7)), touch_row("t", &Value::UInt(7)));
        assert_ne!(
            touch_row("t", &Value::Text("07".into())),
            touch_row("t", &Value::UInt(7))
        );
        assert_ne!(touch_row("t", &Value::UInt(1)), touch_row("u", &Value::UInt(1)));
        assert_ne!(touch("t", "a", &[b"b"]), touch("t", "", &[b"ab"]));
    }
}
