//! Writing a queued operation: Go's keys first, ours behind them.

use std::ops::Range;

use super::number::go_float;
use super::short::Short;
use super::time::{write_rfc3339, write_span};
use super::write::Out;
use crate::error::Result;
use crate::stream::declaration::Wire;
use crate::stream::operation::{Before, OWN, Parameter};
use crate::table::{CivilDateTime, RowWriter, Table, TableDef, Value};

/// An operation being written.
#[derive(Debug)]
pub(crate) struct Draft {
    wire: Wire,
    /// What stands before the end of `queries`: rows of long statements are not copied to stand with the rest.
    pieces: Vec<Piece>,
    queries: Part,
    dirty: Part,
    changes: Part,
    expected: Vec<Option<usize>>,
    shapes: Vec<&'static TableDef>,
    pub(crate) writes: Vec<u64>,
    pub(crate) reads: Vec<u64>,
}

/// A part of an operation's bytes.
#[derive(Debug)]
pub(crate) enum Piece {
    Here(Vec<u8>),
    /// At this place of the [`WrittenRows`].
    Rows(Range<usize>),
}

/// The elements of an array, whose number is known at the end.
#[derive(Debug, Default)]
struct Part {
    bytes: Vec<u8>,
    count: usize,
}

impl Draft {
    pub(crate) fn new(wire: Wire) -> Self {
        Draft {
            wire,
            pieces: Vec::new(),
            queries: Part::default(),
            dirty: Part::default(),
            changes: Part::default(),
            expected: Vec::new(),
            shapes: Vec::new(),
            writes: Vec::new(),
            reads: Vec::new(),
        }
    }

    /// How many statements it has.
    pub(crate) fn queries(&self) -> usize {
        self.queries.count
    }

    /// Adds a statement with so many values; `expected` rows must match.
    pub(crate) fn query<'a>(
        &mut self,
        sql: &str,
        count: usize,
        values: impl Iterator<Item = Parameter<'a>>,
        expected: Option<usize>,
    ) -> Result<()> {
        match self.wire {
            Wire::Documented => query::<false>(&mut self.queries.bytes, sql, count, values)?,
            Wire::FluxaOrm => query::<true>(&mut self.queries.bytes, sql, count, values)?,
        }
        self.queries.count += 1;
        self.expected.push(expected);
        Ok(())
    }

    /// Adds an INSERT with rows that are written already at these places, of so many values together.
    pub(crate) fn insert(&mut self, sql: &str, count: usize, rows: impl Iterator<Item = Range<usize>>) -> Result<()> {
        Out::<false>::append(&mut self.queries.bytes, |out| statement(out, sql, count))?;
        self.pieces.push(Piece::Here(std::mem::take(&mut self.queries.bytes)));
        self.pieces.extend(rows.map(Piece::Rows));
        self.queries.count += 1;
        self.expected.push(None);
        Ok(())
    }

    /// Adds an event, given as its stream's entries have it.
    pub(crate) fn event(&mut self, stream: &str, payload: &[u8]) -> Result<()> {
        let (head, rest) = payload.split_first().unwrap_or((&0x80, &[]));
        let head = *head;
        Out::<false>::append(&mut self.dirty.bytes, |out| {
            // A map of one more; an event has four keys at most.
            out.raw(&[head + 1]);
            out.raw(b"\xa1s");
            out.text(stream.as_bytes())?;
            out.raw(rest);
            Ok(())
        })?;
        self.dirty.count += 1;
        Ok(())
    }

    /// Says that a statement inserted rows with all columns of a table.
    pub(crate) fn inserted(&mut self, table: &'static TableDef, operation: u8, query: usize) -> Result<()> {
        let shape = self.shape(table);
        Out::<false>::append(&mut self.changes.bytes, |out| {
            out.raw(b"\x93");
            for number in [shape, usize::from(operation), query] {
                out.unsigned(number as u64);
            }
            Ok(())
        })?;
        self.changes.count += 1;
        Ok(())
    }

    /// Says what was done to a row, with the row.
    pub(crate) fn changed(&mut self, change: &Before<'_>) -> Result<()> {
        let shape = self.shape(change.table);
        Out::<false>::append(&mut self.changes.bytes, |out| {
            out.raw(b"\x95");
            out.unsigned(shape as u64);
            out.unsigned(u64::from(change.operation));
            out.array(change.row.len())?;
            for value in change.row {
                compact(out, value)?;
            }
            out.array(change.written.len())?;
            for (column, _) in change.written {
                out.unsigned(*column as u64);
            }
            out.array(change.written.len())?;
            for (_, value) in change.written {
                compact(out, value)?;
            }
            Ok(())
        })?;
        self.changes.count += 1;
        Ok(())
    }

    fn shape(&mut self, table: &'static TableDef) -> usize {
        let known = self.shapes.iter().position(|other| other.name == table.name);
        known.unwrap_or_else(|| {
            self.shapes.push(table);
            self.shapes.len() - 1
        })
    }

    /// The bytes of the operation, one piece after the other.
    pub(crate) fn finish(mut self, pool: &str, id: &str) -> Result<Vec<Piece>> {
        if !self.reads.is_empty() {
            for touches in [&mut self.writes, &mut self.reads] {
                touches.sort_unstable();
                touches.dedup();
            }
            self.reads.retain(|read| self.writes.binary_search(read).is_err());
        }
        let go = self.wire == Wire::FluxaOrm;
        let mut head = Vec::with_capacity(64);
        Out::<false>::append(&mut head, |out| {
            out.raw(if go { b"\x86" } else { b"\x84" });
            out.text(b"pool")?;
            out.text(pool.as_bytes())?;
            out.text(b"queries")?;
            out.array(self.queries.count)
        })?;
        let queries = std::mem::take(&mut self.queries.bytes);
        let touches = (self.writes.len() + self.reads.len()) * 8;
        let mut rest = Vec::with_capacity(self.dirty.bytes.len() + self.changes.bytes.len() + touches + 1024);
        Out::<false>::append(&mut rest, |out| {
            if go {
                out.text(b"events,omitempty")?;
                out.raw(b"\xc0");
                out.text(b"redis,omitempty")?;
                out.raw(b"\xc0");
                out.text(b"dirty,omitempty")?;
            } else {
                out.text(b"dirty")?;
            }
            if self.dirty.count == 0 {
                out.raw(b"\xc0");
            } else {
                self.dirty.write(out)?;
            }
            out.text(OWN.as_bytes())?;
            self.own(out, id)
        })?;
        let mut pieces = Vec::with_capacity(self.pieces.len() + 3);
        pieces.push(Piece::Here(head));
        pieces.append(&mut self.pieces);
        pieces.extend([Piece::Here(queries), Piece::Here(rest)]);
        Ok(pieces)
    }

    fn own(&self, out: &mut Out<false>, id: &str) -> Result<()> {
        out.raw(b"\x86");
        out.text(b"id")?;
        out.text(id.as_bytes())?;
        out.text(b"m")?;
        out.array(self.expected.len())?;
        for expected in &self.expected {
            match expected {
                Some(rows) => out.unsigned(*rows as u64),
                None => out.raw(b"\xc0"),
            }
        }
        for (key, touches) in [(b"w", &self.writes), (b"r", &self.reads)] {
            out.text(key)?;
            let bytes: Vec<u8> = touches.iter().flat_map(|touch| touch.to_be_bytes()).collect();
            out.text(&bytes)?;
        }
        out.text(b"t")?;
        out.array(self.shapes.len())?;
        for table in &self.shapes {
            out.raw(b"\x92");
            out.text(table.name.as_bytes())?;
            out.array(table.columns.len())?;
            for column in table.columns {
                out.text(column.name.as_bytes())?;
            }
        }
        out.text(b"c")?;
        self.changes.write(out)
    }
}

impl Part {
    fn write<const GO: bool>(&self, out: &mut Out<GO>) -> Result<()> {
        out.array(self.count)?;
        out.raw(&self.bytes);
        Ok(())
    }
}

/// The values of rows to insert, in the form in which their statement will have them.
#[derive(Debug)]
pub(crate) enum WrittenRows {
    Documented(Out<false>),
    FluxaOrm(Out<true>),
}

impl WrittenRows {
    pub(crate) fn new(wire: Wire) -> Self {
        match wire {
            Wire::Documented => WrittenRows::Documented(Out::new()),
            Wire::FluxaOrm => WrittenRows::FluxaOrm(Out::new()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            WrittenRows::Documented(out) => out.bytes(),
            WrittenRows::FluxaOrm(out) => out.bytes(),
        }
    }

    pub(crate) fn wire(&self) -> Wire {
        match self {
            WrittenRows::Documented(_) => Wire::Documented,
            WrittenRows::FluxaOrm(_) => Wire::FluxaOrm,
        }
    }

    /// Forgets all rows and keeps the memory.
    pub(crate) fn clear(&mut self) {
        match self {
            WrittenRows::Documented(out) => out.clear(),
            WrittenRows::FluxaOrm(out) => out.clear(),
        }
    }

    /// How many bytes the memory holds.
    pub(crate) fn capacity(&self) -> usize {
        match self {
            WrittenRows::Documented(out) => out.capacity(),
            WrittenRows::FluxaOrm(out) => out.capacity(),
        }
    }

    /// Where the next value will begin.
    pub(crate) fn end(&self) -> usize {
        self.bytes().len()
    }

    /// Adds these columns of an entity.
    #[inline]
    pub(crate) fn columns<T: Table>(&mut self, entity: &T, columns: Range<usize>) -> Result<()> {
        match self {
            WrittenRows::Documented(out) => entity.write_columns(columns, out),
            WrittenRows::FluxaOrm(out) => entity.write_columns(columns, out),
        }
    }

    /// Adds a value.
    #[inline]
    pub(crate) fn push(&mut self, value: &Value) -> Result<()> {
        match (self, value) {
            // A key, as most are.
            (WrittenRows::Documented(out), Value::UInt(number)) => out.uint(*number),
            (WrittenRows::Documented(out), value) => bound(out, value),
            (WrittenRows::FluxaOrm(out), value) => bound(out, value),
        }
    }

    /// Makes room for so many rows that are about as long as this one, within bounds: they may be much shorter.
    pub(crate) fn reserve_like(&mut self, row: &Range<usize>, rows: usize) {
        const MOST: usize = 1 << 20;
        // Keys and numbers get longer.
        let bytes = (row.len() + row.len() / 8).saturating_mul(rows).min(MOST);
        match self {
            WrittenRows::Documented(out) => out.reserve(bytes),
            WrittenRows::FluxaOrm(out) => out.reserve(bytes),
        }
    }

    /// Values that were added.
    pub(crate) fn get(&self, place: &Range<usize>) -> &[u8] {
        self.bytes().get(place.clone()).unwrap_or_default()
    }
}

/// Values in the form in which they are bound: a boolean as a number, a date as its midnight, a time as text.
impl<const GO: bool> RowWriter for Out<GO> {
    fn null(&mut self) -> Result<()> {
        Out::null(self);
        Ok(())
    }

    fn int(&mut self, number: i64) -> Result<()> {
        self.number(b'i', number < 0, number.unsigned_abs())
    }

    fn uint(&mut self, number: u64) -> Result<()> {
        self.number(b'u', false, number)
    }

    fn float(&mut self, number: f32) -> Result<()> {
        self.double(f64::from(number))
    }

    fn double(&mut self, number: f64) -> Result<()> {
        Out::double(self, number)
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.typed(b's', bytes)
    }

    fn value(&mut self, value: Value) -> Result<()> {
        bound(self, &value)
    }
}

fn bound<const GO: bool>(out: &mut Out<GO>, value: &Value) -> Result<()> {
    match value {
        Value::Null => RowWriter::null(out),
        Value::Bool(value) => out.int(i64::from(*value)),
        Value::Int(number) => out.int(*number),
        Value::UInt(number) => out.uint(*number),
        Value::Float(number) => out.float(*number),
        Value::Double(number) => out.double(*number),
        Value::Text(text) => RowWriter::bytes(out, text.as_bytes()),
        Value::Bytes(bytes) => RowWriter::bytes(out, bytes),
        Value::Date(date) => parameter(
            out,
            Parameter::DateTime(CivilDateTime {
                date: *date,
                ..CivilDateTime::default()
            }),
        ),
        Value::DateTime(at) => parameter(out, Parameter::DateTime(*at)),
        Value::Time(span) => RowWriter::bytes(out, span.to_string().as_bytes()),
    }
}

fn statement<const GO: bool>(out: &mut Out<GO>, sql: &str, count: usize) -> Result<()> {
    out.raw(b"\x82\xa1q");
    out.text(sql.as_bytes())?;
    out.raw(b"\xa1p");
    out.array(count)
}

fn query<'a, const GO: bool>(
    buffer: &mut Vec<u8>,
    sql: &str,
    count: usize,
    values: impl Iterator<Item = Parameter<'a>>,
) -> Result<()> {
    buffer.reserve(sql.len() + count * 40);
    Out::<GO>::append(buffer, |out| {
        statement(out, sql, count)?;
        for value in values {
            parameter(out, value)?;
        }
        Ok(())
    })
}

#[inline]
fn parameter<const GO: bool>(out: &mut Out<GO>, value: Parameter<'_>) -> Result<()> {
    match value {
        Parameter::Null => {
            out.null();
            Ok(())
        }
        Parameter::Int(number) => out.number(b'i', number < 0, number.unsigned_abs()),
        Parameter::UInt(number) => out.number(b'u', false, number),
        Parameter::Double(number) => out.double(number),
        Parameter::Bytes(bytes) => out.typed(b's', bytes),
        Parameter::DateTime(at) => out.typed(b't', write_rfc3339(at).as_bytes()),
    }
}

/// A value of a row: nil, or text that begins with its type code.
fn compact(out: &mut Out<false>, value: &Value) -> Result<()> {
    let mut coded = |kind: u8, text: &[u8]| {
        let mut whole = Vec::with_capacity(text.len() + 1);
        whole.push(kind);
        whole.extend_from_slice(text);
        out.text(&whole)
    };
    match value {
        Value::Null => {
            out.raw(b"\xc0");
            Ok(())
        }
        Value::Bool(value) => coded(b'b', if *value { b"1" } else { b"0" }),
        Value::Int(number) => coded(b'i', Short::number(*number < 0, number.unsigned_abs()).as_bytes()),
        Value::UInt(number) => coded(b'u', Short::number(false, *number).as_bytes()),
        Value::Float(number) => coded(b'f', go_float(f64::from(*number)).as_bytes()),
        Value::Double(number) => coded(b'f', go_float(*number).as_bytes()),
        Value::Text(text) => coded(b's', text.as_bytes()),
        Value::Bytes(bytes) => coded(b's', bytes),
        Value::Date(date) => {
            let midnight = CivilDateTime {
                date: *date,
                ..CivilDateTime::default()
            };
            coded(b't', write_rfc3339(midnight).as_bytes())
        }
        Value::DateTime(at) => coded(b't', write_rfc3339(*at).as_bytes()),
        Value::Time(span) => coded(b's', write_span(*span).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::Params;
    use crate::table::{CivilDate, CivilTime};

    /// Numbers are written where they stand, or as text that was made before: both ways are the same.
    #[test]
    fn numbers_in_place_are_those_made_before() {
        let check = |number: f64| {
            let (mut place, mut before) = (Out::<false>::new(), Out::<false>::new());
            place.double(number).unwrap();
            before.typed(b'f', go_float(number).as_bytes()).unwrap();
            assert_eq!(place.bytes(), before.bytes(), "{number}");
        };
        for number in 0..20_000u32 {
            let number = f64::from(number);
            for by in [1.0, -3.0, 4.0, 100.0, 1000.0, -10_000.0, 12_345.0] {
                check(number / by);
                check(999_999.5 - number / by);
            }
        }
        for number in [-0.0, f64::MAX, f64::MIN_POSITIVE, 1e6, -999_999.5, 999_999.999_9] {
            check(number);
        }
        for power in 0..20 {
            let number = 10u64.pow(power);
            for number in [number - 1, number, u64::MAX / number] {
                for negative in [false, true] {
                    let (mut place, mut before) = (Out::<false>::new(), Out::<false>::new());
                    place.number(b'i', negative, number).unwrap();
                    before.typed(b'i', Short::number(negative, number).as_bytes()).unwrap();
                    assert_eq!(place.bytes(), before.bytes(), "{number}");
                }
            }
        }
    }

    /// Each value as a statement's parameter and as a written row's.
    #[test]
    fn written_rows_are_what_is_bound() {
        let at = CivilDateTime {
            date: CivilDate {
                year: 2024,
                month: 2,
                day: 29,
            },
            hour: 23,
            minute: 59,
            second: 1,
            micros: 7,
        };
        let values = [
            Value::Null,
            Value::Bool(true),
            Value::Int(-7),
            Value::UInt(u64::MAX),
            Value::Float(0.1),
            Value::Double(12.25),
            Value::Text("Zażółć".to_owned()),
            Value::Text("x".repeat(300)),
            Value::Bytes(vec![0, 0xff]),
            Value::Date(at.date),
            Value::DateTime(at),
            Value::Time(CivilTime {
                negative: true,
                hours: 838,
                minutes: 59,
                seconds: 59,
                micros: 5,
            }),
        ];
        for wire in [Wire::Documented, Wire::FluxaOrm] {
            for value in &values {
                let params = Params::of([value.clone()]);
                let bound = params.each().map(Parameter::from);
                let mut one = Draft::new(wire);
                one.query("SQL", 1, bound, None).unwrap();
                let mut rows = WrittenRows::new(wire);
                rows.push(value).unwrap();
                let mut other = Draft::new(wire);
                other.insert("SQL", 1, std::iter::once(0..rows.end())).unwrap();
                let [Piece::Here(head), Piece::Rows(place)] = &other.pieces[..] else {
                    panic!("{:?}", other.pieces);
                };
                let whole = [head.as_slice(), rows.get(place)].concat();
                assert_eq!(whole, one.queries.bytes, "{value:?}");
            }
        }
    }
}
