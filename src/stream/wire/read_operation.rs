//! Reading a queued operation, whoever wrote it.

use super::malformed;
use super::read::Reader;
use super::time::span;
use crate::error::Result;
use crate::stream::operation::{OWN, Operation, Own, QueuedChange, QueuedQuery, QueuedRow, RedisCommand, Shape};
use crate::stream::param::Param;
use crate::table::{ColumnDef, SqlType, Value};

/// The longest id of an operation, in letters of ASCII.
const LONGEST_ID: usize = 100;

/// Reads an operation.
///
/// # Errors
///
/// A [`Malformed`](crate::ErrorKind::Malformed) error when the bytes are none.
pub(crate) fn read_operation(bytes: &[u8]) -> Result<Operation> {
    let mut reader = Reader::new(bytes);
    let (mut pool, mut queries, mut dirty, mut redis, mut own) = (None, None, Vec::new(), Vec::new(), None);
    for _ in 0..reader.input.map("an operation")? {
        match reader.input.text("a key of the operation")? {
            b"pool" => pool = Some(reader.input.utf8("the pool")?.to_owned()),
            b"queries" => queries = Some(reader.list("the statements", Reader::query)?),
            key if key == OWN.as_bytes() => own = Some(reader.own()?),
            key if reader.is(key, b"dirty") => dirty = reader.list("the events", Reader::event_for_stream)?,
            key if reader.is(key, b"redis") => redis = reader.list("the commands", Reader::redis)?,
            _ => reader.input.skip()?,
        }
    }
    match (pool, queries, reader.input.left()) {
        (Some(pool), Some(queries), 0) if !pool.is_empty() => Ok(Operation {
            pool,
            queries,
            dirty,
            redis,
            own,
        }),
        (None, _, _) => Err(malformed("an operation without its pool")),
        (_, None, _) => Err(malformed("an operation without statements")),
        (_, _, 0) => Err(malformed("the operation's pool is empty")),
        (_, _, more) => Err(malformed(format!("{more} bytes more than the operation has"))),
    }
}

/// A value of a row in the form in which a column takes it from a server.
pub(crate) fn row_value(param: &Param, column: &ColumnDef) -> Result<Value> {
    match param.kind {
        Some('s') | None if param.null => Ok(Value::Null),
        Some('s') | None if matches!(column.stored(), SqlType::Time { .. }) => {
            let found = span(&param.text).map(Value::Time);
            found.ok_or_else(|| malformed(format!("{param:?} is no time")))
        }
        Some('s') | None => Ok(Value::Bytes(param.text.clone())),
        Some(_) => param.value(),
    }
}

impl Reader<'_> {
    fn list<T>(&mut self, what: &str, read: impl Fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let count = self.input.array_or_nil(what)?;
        // Nothing is smaller than a byte, so this is no more than what was sent times the size of an element.
        let mut list = Vec::with_capacity(count.min(self.input.left() / 8 + 1));
        for _ in 0..count {
            list.push(read(self)?);
        }
        Ok(list)
    }

    fn query(&mut self) -> Result<QueuedQuery> {
        let (mut sql, mut params) = (None, Vec::new());
        for _ in 0..self.input.map("a statement")? {
            match self.input.text("a key of a statement")? {
                b"q" => sql = Some(self.input.utf8("the text of a statement")?.to_owned()),
                b"p" => params = self.list("the values of a statement", Reader::param)?,
                _ => self.input.skip()?,
            }
        }
        match sql {
            Some(sql) => Ok(QueuedQuery { sql, params }),
            None => Err(malformed("a statement without its text (`q`)")),
        }
    }

    fn redis(&mut self) -> Result<RedisCommand> {
        let (mut pool, mut command, mut arguments) = (String::new(), String::new(), Vec::new());
        for _ in 0..self.input.map("a command")? {
            match self.input.text("a key of a command")? {
                b"p" => pool = self.input.utf8("the pool of a command")?.to_owned(),
                b"c" => command = self.input.utf8("a command")?.to_owned(),
                key if self.is(key, b"a") => {
                    arguments = self.list("the words of a command", |reader| {
                        reader.input.text_or_nil("a word of a command").map(<[u8]>::to_vec)
                    })?;
                }
                _ => self.input.skip()?,
            }
        }
        Ok(RedisCommand {
            pool,
            command,
            arguments,
        })
    }

    fn own(&mut self) -> Result<Own> {
        let mut own = Own::default();
        for _ in 0..self.input.map("what is ours of an operation")? {
            match self.input.text("a key of it")? {
                b"id" => own.id = self.input.utf8("the id of an operation")?.to_owned(),
                b"m" => {
                    own.expected = self.list("the rows expected", |reader| {
                        if reader.input.nil() {
                            return Ok(None);
                        }
                        reader.input.index("the rows expected").map(|rows| Some(rows as u64))
                    })?;
                }
                b"w" => own.writes = self.touches()?,
                b"r" => own.reads = self.touches()?,
                b"t" => own.shapes = self.list("the tables", Reader::shape)?,
                b"c" => own.changes = self.list("the changes", Reader::queued_change)?,
                _ => self.input.skip()?,
            }
        }
        if own.id.is_empty() {
            return Err(malformed("an operation without its id"));
        }
        // As long as the column that remembers it, and without what separates ids there.
        if own.id.len() > LONGEST_ID || !own.id.bytes().all(|letter| letter.is_ascii_graphic()) {
            let reason = format!("{:?} is no id of an operation", Value::Text(own.id).brief());
            return Err(malformed(reason));
        }
        Ok(own)
    }

    fn touches(&mut self) -> Result<Vec<u64>> {
        let bytes = self.input.text_or_nil("what an operation touches")?;
        let (numbers, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(malformed("what an operation touches is cut off"));
        }
        Ok(numbers.iter().map(|number| u64::from_be_bytes(*number)).collect())
    }

    fn shape(&mut self) -> Result<Shape> {
        self.tuple(2, "a table")?;
        let table = self.input.utf8("the name of a table")?.to_owned();
        let columns = self.list("the columns of a table", |reader| {
            reader.input.utf8("the name of a column").map(str::to_owned)
        })?;
        Ok(Shape { table, columns })
    }

    fn queued_change(&mut self) -> Result<QueuedChange> {
        let parts = self.input.array_or_nil("a change")?;
        let shape = self.input.index("the table of a change")?;
        let operation = self.input.index("what a change does")?;
        let operation = u8::try_from(operation).map_err(|_| malformed("what a change does is not known"))?;
        let row = match parts {
            3 => QueuedRow::Inserted {
                query: self.input.index("the statement of a change")?,
            },
            5 => {
                let before = self.list("a row", Reader::compact)?;
                let columns = self.list("the columns of a change", |reader| reader.input.index("a column"))?;
                let values = self.list("the values of a change", Reader::compact)?;
                if columns.len() != values.len() {
                    return Err(malformed("a change has more columns than values, or fewer"));
                }
                QueuedRow::Apart {
                    before,
                    written: columns.into_iter().zip(values).collect(),
                }
            }
            other => return Err(malformed(format!("a change of {other} parts"))),
        };
        Ok(QueuedChange { shape, operation, row })
    }

    fn compact(&mut self) -> Result<Param> {
        if self.input.nil() {
            return Ok(Param::null());
        }
        match self.input.text("a value")?.split_first() {
            Some((kind, text)) => Ok(Param::new(char::from(*kind), text)),
            None => Err(malformed("a value without its type code")),
        }
    }

    fn tuple(&mut self, parts: usize, what: &str) -> Result<()> {
        match self.input.array_or_nil(what)? {
            found if found == parts => Ok(()),
            found => Err(malformed(format!("{what} of {found} parts"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::declaration::Wire;
    use crate::stream::fixture::TABLE;
    use crate::stream::operation::{Before, Parameter, Values};
    use crate::stream::wire::{Draft, Piece};
    use crate::table::{CivilDate, CivilDateTime};
    use proptest::prelude::*;

    /// The bytes of an operation without rows that stand elsewhere.
    fn whole(pieces: Vec<Piece>) -> Vec<u8> {
        let bytes = pieces.into_iter().map(|piece| match piece {
            Piece::Here(bytes) => bytes,
            Piece::Rows(place) => panic!("rows at {place:?}"),
        });
        bytes.collect::<Vec<_>>().concat()
    }

    fn written(wire: Wire) -> Vec<u8> {
        let mut draft = Draft::new(wire);
        let at = CivilDateTime {
            date: CivilDate {
                year: 2024,
                month: 1,
                day: 2,
            },
            ..CivilDateTime::default()
        };
        let values = [
            Parameter::Null,
            Parameter::Int(i64::MIN),
            Parameter::UInt(u64::MAX),
            Parameter::Double(1e21),
            Parameter::Bytes(&[0xff, 0]),
            Parameter::DateTime(at),
        ];
        draft
            .query("INSERT INTO `t` VALUES (?,?,?,?,?,?)", 6, values.into_iter(), None)
            .unwrap();
        draft
            .query(
                "DELETE FROM `t` WHERE `id`=?",
                1,
                [Parameter::UInt(7)].into_iter(),
                Some(1),
            )
            .unwrap();
        draft.writes = vec![9, 7, 9];
        draft.reads = vec![7, 8];
        draft.inserted(&TABLE, 1, 0).unwrap();
        draft.inserted(&TABLE, 1, 9).unwrap();
        let row = [Value::UInt(7), Value::Null, Value::Text("Ana".into())];
        let new = Value::Text("Ann".into());
        let before = Before {
            table: &TABLE,
            operation: 2,
            row: &row,
            written: &[(2, &new)],
        };
        draft.changed(&before).unwrap();
        draft.event("S", b"\x83\xa2et\xa1t\xa2id\x07\xa2ft\x01").unwrap();
        whole(draft.finish("default", "01ARZ3NDEKTSV4RRFFQ69G5FAV").unwrap())
    }

    #[test]
    fn what_is_written_is_read_in_both_spellings() {
        let read = [Wire::Documented, Wire::FluxaOrm].map(|wire| read_operation(&written(wire)).unwrap());
        assert_eq!(read[0], read[1]);
        let operation = &read[0];
        let own = operation.own.as_ref().unwrap();
        assert_eq!((operation.pool.as_str(), operation.queries.len()), ("default", 2));
        let texts: Vec<String> = operation.queries[0]
            .params
            .iter()
            .map(|param| format!("{param:?}"))
            .collect();
        assert_eq!(
            texts,
            [
                "NULL",
                "i\"-9223372036854775808\"",
                "u\"18446744073709551615\"",
                "f\"1e+21\"",
                "s\"\\xff\\x00\"",
                "t\"2024-01-02T00:00:00Z\""
            ]
        );
        assert_eq!(
            (own.writes.as_slice(), own.reads.as_slice()),
            ([7, 9].as_slice(), [8].as_slice())
        );
        assert_eq!(own.expected, [None, Some(1)]);
        let (stream, event) = &operation.dirty[0];
        assert_eq!((stream.as_str(), event.entity_type.as_str()), ("S", "t"));
        let rows =
            |change: usize| -> Vec<Values<'_>> { own.values(&operation.queries, &own.changes[change]).collect() };
        let changed = rows(2)[0];
        assert_eq!(
            (changed.row[0].clone(), changed.row[1].null),
            (Param::new('u', "7"), true)
        );
        assert_eq!(changed.written, [(2, Param::new('s', "Ann"))]);
        // Six values are no row of this table; and there is no such statement.
        assert!(rows(0).is_empty() && rows(1).is_empty());
    }

    #[test]
    fn an_id_that_could_not_be_remembered_is_refused() {
        let with = |id: &str| {
            let draft = Draft::new(Wire::Documented);
            read_operation(&whole(draft.finish("default", id).unwrap()))
        };
        assert_eq!(with("a-b_9").unwrap().own.unwrap().id, "a-b_9");
        assert!(with(&"x".repeat(LONGEST_ID)).is_ok());
        for id in ["", "a b", "a\nb", "é", "a\0", &"x".repeat(LONGEST_ID + 1)] {
            assert!(with(id).is_err(), "{id:?}");
        }
    }

    #[test]
    fn what_is_cut_off_or_changed_is_an_error_and_no_panic() {
        let whole = written(Wire::FluxaOrm);
        for length in 0..whole.len() {
            assert!(read_operation(&whole[..length]).is_err(), "{length}");
        }
        let mut longer = whole.clone();
        longer.push(0xc0);
        assert!(read_operation(&longer).is_err());
        for at in 0..whole.len() {
            for byte in [0x00, 0x7f, 0xc0, 0xdb, 0xdd, 0xdf, 0xff] {
                let mut changed = whole.clone();
                changed[at] = byte;
                let _ = read_operation(&changed);
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_operation(&bytes);
        }
    }
}
