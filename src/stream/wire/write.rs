//! Writing an event: exactly these bytes, into a buffer that is used again, without allocating.

use rmp::encode::{self, ByteBuf};

use super::malformed;
use super::number::{decimals, few_digits, go_float};
use super::short::{DIGITS, Short, digits};
use super::time::{write_rfc3339, write_span};
use crate::error::Result;
use crate::stream::decide::FlushType;
use crate::stream::declaration::Wire;
use crate::stream::entity_id::EntityId;
use crate::stream::event::DirtyEvent;
use crate::stream::param::Param;
use crate::table::{CivilDateTime, ColumnDef, SqlType, TableDef, Value, ValueRef};

/// One committed change of one row, as the session has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventRecord<'a> {
    /// The row's table.
    pub(crate) table: &'static TableDef,
    /// The row's key as its column stores it.
    pub(crate) key: &'a Value,
    /// What happened to the row.
    pub(crate) flush: FlushType,
    /// Of an update: position, old and new value of each changed column, ascending. Columns that events
    /// do not show may be among them.
    pub(crate) changes: &'a [(usize, Value, Value)],
}

/// Adds the bytes of the event to the buffer.
///
/// # Errors
///
/// A [`Malformed`](crate::ErrorKind::Malformed) error when a text is longer than 4 GiB; the buffer is as
/// before then.
pub(crate) fn write_event(buffer: &mut Vec<u8>, record: &EventRecord<'_>, wire: Wire) -> Result<()> {
    match wire {
        Wire::Documented => Out::<false>::append(buffer, |out| out.record(record)),
        Wire::FluxaOrm => Out::<true>::append(buffer, |out| out.record(record)),
    }
}

/// For the benches: adds the bytes of an update's event to the buffer.
///
/// # Errors
///
/// As `write_event`.
#[doc(hidden)]
pub fn pack_event(
    buffer: &mut Vec<u8>,
    table: &'static TableDef,
    key: &Value,
    changes: &[(usize, Value, Value)],
) -> Result<()> {
    let flush = FlushType::Update;
    write_event(
        buffer,
        &EventRecord {
            table,
            key,
            flush,
            changes,
        },
        Wire::Documented,
    )
}

/// The bytes of an event that was read or made by hand; see [`DirtyEvent::to_bytes`].
pub(in crate::stream) fn write_dirty_event(event: &DirtyEvent, wire: Wire) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    match wire {
        Wire::Documented => Out::<false>::append(&mut buffer, |out| out.event(event))?,
        Wire::FluxaOrm => Out::<true>::append(&mut buffer, |out| out.event(event))?,
    }
    Ok(buffer)
}

/// A change is a map of two.
pub(super) const OLD: &[u8] = b"\x82\xa1o";
pub(super) const NEW: &[u8] = b"\xa1n";

/// Writes a whole number; how long it is.
#[inline]
fn signed(text: &mut [u8; LONGEST], negative: bool, number: u64) -> usize {
    let [sign, behind @ ..] = text;
    if negative {
        *sign = b'-';
        return 1 + digits(behind, number);
    }
    text.first_chunk_mut().map_or(0, |text| digits(text, number))
}

/// An event being written. Which spelling its keys have is known when this is compiled, so that pieces of
/// constant length are copied without a loop.
#[derive(Debug)]
pub(crate) struct Out<const GO: bool> {
    // Writing to a `ByteBuf` cannot fail; writing to a `Vec` can, as far as the types go.
    buffer: ByteBuf,
    /// Where the event starts.
    start: usize,
}

/// A value that is not NULL, as it is documented, up to its text of less than 32 bytes; the type has to be put in.
const SHORT_VALUE: &[u8; 11] = b"\x83\xa1n\xc2\xa1t\xa1?\xa1v\xa0";
/// Where in it the type is put in, and the length of the text.
const KIND: usize = 7;
const LENGTH: usize = 10;
/// The digits of the longest number, and its sign.
const LONGEST: usize = 1 + DIGITS;
/// The same with room for the longest number.
const NUMBER: &[u8; 32] = b"\x83\xa1n\xc2\xa1t\xa1?\xa1v\xa0                     ";

impl<const GO: bool> Out<GO> {
    /// The key of the changes.
    const CHANGES: &[u8] = if GO { b"\xacch,omitempty" } else { b"\xa2ch" };
    /// A value up to its text: a map of three, the first key, false, the second key, a type code of [`KIND`], the
    /// third key.
    const VALUE: &[u8] = if GO {
        b"\x83\xabn,omitempty\xc2\xabt,omitempty\xa1?\xabv,omitempty"
    } else {
        b"\x83\xa1n\xc2\xa1t\xa1?\xa1v"
    };
    /// Where the type code stands.
    const KIND: usize = Self::VALUE.len() - Self::TEXT.len() - 1;
    /// The same with true: NULL.
    const NULL: &[u8] = if GO {
        b"\x83\xabn,omitempty\xc3\xabt,omitempty"
    } else {
        b"\x83\xa1n\xc3\xa1t"
    };
    /// The third key of a value.
    const TEXT: &[u8] = if GO { b"\xabv,omitempty" } else { b"\xa1v" };

    /// Nothing yet.
    pub(super) fn new() -> Self {
        Out {
            buffer: ByteBuf::new(),
            start: 0,
        }
    }

    /// What was written so far.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.as_slice()
    }

    /// Forgets what was written and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.buffer.as_mut_vec().clear();
    }

    /// How many bytes the memory holds.
    pub(super) fn capacity(&self) -> usize {
        self.buffer.as_vec().capacity()
    }

    /// Makes room.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.buffer.as_mut_vec().reserve(bytes);
    }

    /// Writes an event to the buffer's end, or leaves the buffer as it was.
    #[inline]
    pub(super) fn append(buffer: &mut Vec<u8>, write: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let start = buffer.len();
        let mut out = Out {
            buffer: ByteBuf::from_vec(std::mem::take(buffer)),
            start,
        };
        let written = write(&mut out);
        *buffer = out.buffer.into_vec();
        if written.is_err() {
            buffer.truncate(start);
        }
        written
    }

    fn record(&mut self, record: &EventRecord<'_>) -> Result<()> {
        self.head(record.table.name)?;
        self.key(record.key, record.table.key())?;
        self.flush(record.flush);
        if record.flush != FlushType::Update {
            self.no_changes();
            return Ok(());
        }
        let internal = record.table.internal();
        let changes = record.changes.iter().filter_map(|(column, old, new)| {
            let def = record.table.columns.get(*column)?;
            (!internal.has(*column)).then_some((def, old, new))
        });
        self.changes(changes.clone().count())?;
        for (column, old, new) in changes {
            self.text(column.name.as_bytes())?;
            self.raw(OLD);
            self.value(old, column)?;
            self.raw(NEW);
            self.value(new, column)?;
        }
        Ok(())
    }

    fn event(&mut self, event: &DirtyEvent) -> Result<()> {
        self.head(&event.entity_type)?;
        match &event.entity_id {
            EntityId::Unsigned(id) => self.unsigned(*id),
            EntityId::Signed(id) => self.signed(*id),
            EntityId::Text(id) => self.text(id.as_bytes())?,
        }
        self.flush(event.flush_type);
        if event.flush_type != FlushType::Update && event.changes.is_empty() {
            self.no_changes();
            return Ok(());
        }
        self.changes(event.changes.len())?;
        for change in &event.changes {
            self.text(change.column.as_bytes())?;
            self.raw(OLD);
            self.param(&change.old)?;
            self.raw(NEW);
            self.param(&change.new)?;
        }
        Ok(())
    }

    #[inline]
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.buffer.as_mut_vec().extend_from_slice(bytes);
    }

    #[inline]
    pub(super) fn unsigned(&mut self, number: u64) {
        let Ok(_) = encode::write_uint(&mut self.buffer, number);
    }

    fn signed(&mut self, number: i64) {
        // Numbers from 0 on take the unsigned forms here, as Go writes them.
        let Ok(_) = encode::write_sint(&mut self.buffer, number);
    }

    #[inline]
    pub(super) fn text(&mut self, text: &[u8]) -> Result<()> {
        // Most texts are short, and their length is in one byte with the marker.
        match u8::try_from(text.len()) {
            Ok(length @ 0..32) => self.raw(&[0xa0 | length]),
            _ => self.long_text(text.len())?,
        }
        self.raw(text);
        Ok(())
    }

    fn long_text(&mut self, length: usize) -> Result<()> {
        let Ok(length) = u32::try_from(length) else {
            return Err(malformed(format!(
                "{length} bytes of text are more than an event holds"
            )));
        };
        let Ok(_) = encode::write_str_len(&mut self.buffer, length);
        Ok(())
    }

    /// The event up to its key.
    #[inline]
    pub(super) fn head(&mut self, table: &str) -> Result<()> {
        self.raw(b"\x84\xa2et");
        self.text(table.as_bytes())?;
        self.raw(b"\xa2id");
        Ok(())
    }

    pub(super) fn key(&mut self, key: &Value, column: &ColumnDef) -> Result<()> {
        match key {
            Value::UInt(key) => self.unsigned(*key),
            Value::Int(key) => self.signed(*key),
            Value::Text(key) => return self.text(key.as_bytes()),
            Value::Bytes(key) => return self.key_bytes(key, column),
            // No other type is a key.
            other => return self.text(other.to_string().as_bytes()),
        }
        Ok(())
    }

    pub(super) fn key_bytes(&mut self, key: &[u8], column: &ColumnDef) -> Result<()> {
        match uuid(key, column) {
            Some(key) => self.text(key.as_bytes()),
            None => self.text(key),
        }
    }

    #[inline]
    pub(super) fn flush(&mut self, flush: FlushType) {
        self.raw(&[0xa2, b'f', b't', flush.code()]);
    }

    #[inline]
    pub(super) fn changes(&mut self, count: usize) -> Result<()> {
        let Ok(count) = u32::try_from(count) else {
            return Err(malformed(format!("{count} changes are more than an event holds")));
        };
        self.raw(Self::CHANGES);
        let Ok(_) = encode::write_map_len(&mut self.buffer, count);
        Ok(())
    }

    pub(super) fn no_changes(&mut self) {
        if GO {
            self.raw(Self::CHANGES);
            self.raw(b"\xc0");
        } else if let Some(head) = self.buffer.as_mut_vec().get_mut(self.start) {
            // A map of three after all.
            *head = 0x83;
        }
    }

    /// A value that is not NULL.
    #[inline]
    pub(super) fn typed(&mut self, kind: u8, text: &[u8]) -> Result<()> {
        let buffer = self.buffer.as_mut_vec();
        // Most values are short: what stands before them is one piece of constant size.
        if !GO && let Ok(length @ 0..32) = u8::try_from(text.len()) {
            buffer.reserve(SHORT_VALUE.len() + text.len());
            // Put in where it stands: read again at once from elsewhere it would have to be waited for.
            buffer.extend_from_slice(SHORT_VALUE);
            if let Some(head) = buffer.last_chunk_mut::<{ SHORT_VALUE.len() }>() {
                head[KIND] = kind;
                head[LENGTH] = SHORT_VALUE[LENGTH] | length;
            }
            buffer.extend_from_slice(text);
            return Ok(());
        }
        let at = buffer.len() + Self::KIND;
        buffer.reserve(Self::VALUE.len() + text.len() + 5);
        buffer.extend_from_slice(Self::VALUE);
        buffer[at] = kind;
        self.text(text)
    }

    /// A number that is not NULL, in decimal.
    #[inline]
    pub(super) fn number(&mut self, kind: u8, negative: bool, number: u64) -> Result<()> {
        if GO {
            return self.typed(kind, Short::number(negative, number).as_bytes());
        }
        self.in_place(kind, |text| signed(text, negative, number));
        Ok(())
    }

    /// A double that is not NULL, as Go writes it.
    pub(super) fn double(&mut self, number: f64) -> Result<()> {
        match few_digits(number.abs()) {
            Some((whole, fraction)) if !GO => self.in_place(b'f', |text| {
                let end = signed(text, number.is_sign_negative(), whole);
                let (places, digits) = decimals(fraction);
                if places == 0 {
                    return end;
                }
                // A number below a million leaves room for all four.
                if let Some(behind) = text.get_mut(end..end + 5) {
                    behind[0] = b'.';
                    behind[1..].copy_from_slice(&digits);
                }
                end + 1 + places
            }),
            _ => self.typed(b'f', go_float(number).as_bytes())?,
        }
        Ok(())
    }

    /// A value that is not NULL, of a text that is written where it stands; it tells how long it is.
    #[inline]
    fn in_place(&mut self, kind: u8, write: impl FnOnce(&mut [u8; LONGEST]) -> usize) {
        let buffer = self.buffer.as_mut_vec();
        let at = buffer.len();
        buffer.extend_from_slice(NUMBER);
        let mut length = 0;
        if let Some(whole) = buffer.last_chunk_mut::<{ NUMBER.len() }>()
            && let Some((head, text)) = whole.split_first_chunk_mut::<{ SHORT_VALUE.len() }>()
            && let Some(text) = text.first_chunk_mut()
        {
            length = write(text);
            head[KIND] = kind;
            head[LENGTH] = SHORT_VALUE[LENGTH] | length as u8;
        }
        buffer.truncate(at + SHORT_VALUE.len() + length);
    }

    pub(super) fn null(&mut self) {
        self.raw(Self::NULL);
        self.raw(b"\xa0");
        self.raw(Self::TEXT);
        self.raw(b"\xa0");
    }

    pub(super) fn array(&mut self, count: usize) -> Result<()> {
        let Ok(count) = u32::try_from(count) else {
            return Err(malformed(format!("{count} values are more than an array holds")));
        };
        let Ok(_) = encode::write_array_len(&mut self.buffer, count);
        Ok(())
    }

    fn value(&mut self, value: &Value, column: &ColumnDef) -> Result<()> {
        match value {
            Value::Null => {
                self.null();
                Ok(())
            }
            Value::Bool(value) => self.typed(b'b', if *value { b"1" } else { b"0" }),
            Value::Int(value) => self.number(b'i', *value < 0, value.unsigned_abs()),
            Value::UInt(value) => self.number(b'u', false, *value),
            Value::Float(value) => self.typed(b'f', go_float(*value).as_bytes()),
            Value::Double(value) => self.typed(b'f', go_float(*value).as_bytes()),
            Value::Text(text) => self.value_text(text, column),
            Value::Bytes(bytes) => self.value_bytes(bytes, column),
            Value::Date(date) => {
                let midnight = CivilDateTime {
                    date: *date,
                    ..CivilDateTime::default()
                };
                self.typed(b't', write_rfc3339(midnight).as_bytes())
            }
            Value::DateTime(at) => self.typed(b't', write_rfc3339(*at).as_bytes()),
            Value::Time(span) => self.typed(b's', write_span(*span).as_bytes()),
        }
    }

    #[inline]
    pub(super) fn value_ref(&mut self, value: &ValueRef<'_>, column: &ColumnDef) -> Result<()> {
        match value {
            ValueRef::Text(text) => self.value_text(text, column),
            ValueRef::Bytes(bytes) => self.value_bytes(bytes, column),
            ValueRef::Owned(value) => self.value(value, column),
        }
    }

    #[inline]
    fn value_text(&mut self, text: &str, column: &ColumnDef) -> Result<()> {
        let decimal = matches!(column.sql, SqlType::Decimal { .. });
        self.typed(if decimal { b'f' } else { b's' }, text.as_bytes())
    }

    fn value_bytes(&mut self, bytes: &[u8], column: &ColumnDef) -> Result<()> {
        match uuid(bytes, column) {
            Some(text) => self.typed(b's', text.as_bytes()),
            None => self.typed(b's', bytes),
        }
    }

    /// A value as it was read, whatever is in it.
    fn param(&mut self, param: &Param) -> Result<()> {
        self.raw(if param.null {
            Self::NULL
        } else {
            &Self::VALUE[..Self::KIND - 1]
        });
        match param.kind {
            Some(kind) => self.text(kind.encode_utf8(&mut [0; 4]).as_bytes())?,
            None => self.text(b"")?,
        }
        self.raw(Self::TEXT);
        self.text(&param.text)
    }
}

/// The hyphenated text of a UUID's bytes.
fn uuid(bytes: &[u8], column: &ColumnDef) -> Option<Short> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    if column.sql != SqlType::Uuid || bytes.len() != 16 {
        return None;
    }
    let mut text = Short::new();
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push(b"-");
        }
        text.push(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
    Some(text)
}
