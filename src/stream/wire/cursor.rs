//! Reading MessagePack from bytes that nobody vouches for: every step is checked, nothing recurses, and
//! nothing is allocated from a length that the bytes only claim.

use rmp::Marker;

use super::malformed;
use crate::error::{Error, Result};

/// A place in the bytes of an event.
pub(in crate::stream) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// An integer of any width and sign.
pub(in crate::stream) enum Integer {
    /// From 0 on.
    Unsigned(u64),
    /// Below 0.
    Negative(i64),
}

impl<'a> Cursor<'a> {
    pub(in crate::stream) fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0 }
    }

    /// How many bytes are left.
    pub(in crate::stream) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next bytes, which are there or it is an error.
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match rest.get(..count) {
            Some(taken) => {
                self.at += count;
                Ok(taken)
            }
            None => Err(self.cut_off(count)),
        }
    }

    #[cold]
    fn cut_off(&self, wanted: usize) -> Error {
        malformed(format!(
            "cut off: {wanted} bytes expected at byte {}, {} left",
            self.at,
            self.left()
        ))
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn marker(&mut self) -> Result<Marker> {
        self.bytes().map(|[byte]| Marker::from_u8(byte))
    }

    fn peek(&self) -> Option<Marker> {
        self.bytes.get(self.at).copied().map(Marker::from_u8)
    }

    /// A big-endian length of so many bytes.
    fn length(&mut self, width: usize) -> Result<usize> {
        let taken = self.take(width)?;
        let length = taken.iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
        // Where it does not fit the address space, the bytes are not there either.
        Ok(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Skips nil, when it is next.
    pub(in crate::stream) fn nil(&mut self) -> bool {
        let found = self.peek() == Some(Marker::Null);
        self.at += usize::from(found);
        found
    }

    /// The number of entries of the map that is next, of which the bytes left can hold so many.
    pub(in crate::stream) fn map(&mut self, what: &str) -> Result<usize> {
        let start = self.at;
        let entries = match self.marker()? {
            Marker::FixMap(entries) => usize::from(entries),
            Marker::Map16 => self.length(2)?,
            Marker::Map32 => self.length(4)?,
            other => return Err(unexpected(other, start, what, "a map")),
        };
        match entries.checked_mul(2) {
            Some(least) if least <= self.left() => Ok(entries),
            _ => Err(self.cut_off(entries.saturating_mul(2))),
        }
    }

    /// The number of elements of the array that is next, of which the bytes left can hold so many.
    pub(in crate::stream) fn array(&mut self, what: &str) -> Result<usize> {
        let start = self.at;
        let elements = match self.marker()? {
            Marker::FixArray(elements) => usize::from(elements),
            Marker::Array16 => self.length(2)?,
            Marker::Array32 => self.length(4)?,
            other => return Err(unexpected(other, start, what, "an array")),
        };
        if elements > self.left() {
            return Err(self.cut_off(elements));
        }
        Ok(elements)
    }

    /// As [`array`](Cursor::array); nil is empty.
    pub(super) fn array_or_nil(&mut self, what: &str) -> Result<usize> {
        if self.nil() {
            return Ok(0);
        }
        self.array(what)
    }

    /// A number from 0 on that counts or points at something.
    pub(super) fn index(&mut self, what: &str) -> Result<usize> {
        match self.integer(what)? {
            Integer::Unsigned(number) => {
                usize::try_from(number).map_err(|_| malformed(format!("{what} is {number}, which is too large")))
            }
            Integer::Negative(number) => Err(malformed(format!("{what} is {number}, which is below 0"))),
        }
    }

    /// The text that is next, as str or bin.
    pub(in crate::stream) fn text(&mut self, what: &str) -> Result<&'a [u8]> {
        let start = self.at;
        let length = match self.marker()? {
            Marker::FixStr(length) => usize::from(length),
            Marker::Str8 | Marker::Bin8 => self.length(1)?,
            Marker::Str16 | Marker::Bin16 => self.length(2)?,
            Marker::Str32 | Marker::Bin32 => self.length(4)?,
            other => return Err(unexpected(other, start, what, "text")),
        };
        self.take(length)
    }

    /// The text that is next, which must be valid UTF-8.
    pub(in crate::stream) fn utf8(&mut self, what: &str) -> Result<&'a str> {
        let text = self.text(what)?;
        std::str::from_utf8(text).map_err(|_| malformed(format!("{what} is not valid UTF-8")))
    }

    /// The text that is next; nil is empty.
    pub(in crate::stream) fn text_or_nil(&mut self, what: &str) -> Result<&'a [u8]> {
        if self.nil() {
            return Ok(&[]);
        }
        self.text(what)
    }

    pub(in crate::stream) fn boolean(&mut self, what: &str) -> Result<bool> {
        let start = self.at;
        match self.marker()? {
            Marker::True => Ok(true),
            Marker::False => Ok(false),
            other => Err(unexpected(other, start, what, "a boolean")),
        }
    }

    /// The integer that is next, of any width, signed or not.
    pub(in crate::stream) fn integer(&mut self, what: &str) -> Result<Integer> {
        let start = self.at;
        let signed = match self.marker()? {
            Marker::FixPos(value) => return Ok(Integer::Unsigned(value.into())),
            Marker::U8 => return Ok(Integer::Unsigned(u8::from_be_bytes(self.bytes()?).into())),
            Marker::U16 => return Ok(Integer::Unsigned(u16::from_be_bytes(self.bytes()?).into())),
            Marker::U32 => return Ok(Integer::Unsigned(u32::from_be_bytes(self.bytes()?).into())),
            Marker::U64 => return Ok(Integer::Unsigned(u64::from_be_bytes(self.bytes()?))),
            Marker::FixNeg(value) => i64::from(value),
            Marker::I8 => i64::from(i8::from_be_bytes(self.bytes()?)),
            Marker::I16 => i64::from(i16::from_be_bytes(self.bytes()?)),
            Marker::I32 => i64::from(i32::from_be_bytes(self.bytes()?)),
            Marker::I64 => i64::from_be_bytes(self.bytes()?),
            other => return Err(unexpected(other, start, what, "an integer")),
        };
        Ok(u64::try_from(signed).map_or(Integer::Negative(signed), Integer::Unsigned))
    }

    /// Whether text is next.
    pub(in crate::stream) fn at_text(&self) -> bool {
        matches!(
            self.peek(),
            Some(
                Marker::FixStr(_)
                    | Marker::Str8
                    | Marker::Str16
                    | Marker::Str32
                    | Marker::Bin8
                    | Marker::Bin16
                    | Marker::Bin32
            )
        )
    }

    /// Skips the value that is next with all that is in it, however deep.
    pub(in crate::stream) fn skip(&mut self) -> Result<()> {
        let mut pending = 1usize;
        while pending > 0 {
            // Each value has a byte at least, so this ends soon, whatever lengths are claimed.
            if pending > self.left() {
                return Err(self.cut_off(pending));
            }
            pending -= 1;
            let start = self.at;
            let (body, inner) = match self.marker()? {
                Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::False | Marker::True => (0, 0),
                Marker::U8 | Marker::I8 => (1, 0),
                Marker::U16 | Marker::I16 | Marker::FixExt1 => (2, 0),
                Marker::FixExt2 => (3, 0),
                Marker::U32 | Marker::I32 | Marker::F32 => (4, 0),
                Marker::FixExt4 => (5, 0),
                Marker::U64 | Marker::I64 | Marker::F64 => (8, 0),
                Marker::FixExt8 => (9, 0),
                Marker::FixExt16 => (17, 0),
                Marker::FixStr(length) => (usize::from(length), 0),
                Marker::Str8 | Marker::Bin8 => (self.length(1)?, 0),
                Marker::Str16 | Marker::Bin16 => (self.length(2)?, 0),
                Marker::Str32 | Marker::Bin32 => (self.length(4)?, 0),
                // The type of the extension is one byte more.
                Marker::Ext8 => (self.length(1)?.saturating_add(1), 0),
                Marker::Ext16 => (self.length(2)?.saturating_add(1), 0),
                Marker::Ext32 => (self.length(4)?.saturating_add(1), 0),
                Marker::FixArray(entries) => (0, usize::from(entries)),
                Marker::Array16 => (0, self.length(2)?),
                Marker::Array32 => (0, self.length(4)?),
                Marker::FixMap(entries) => (0, 2 * usize::from(entries)),
                Marker::Map16 => (0, self.length(2)?.saturating_mul(2)),
                Marker::Map32 => (0, self.length(4)?.saturating_mul(2)),
                Marker::Reserved => return Err(unexpected(Marker::Reserved, start, "a value", "any type")),
            };
            self.take(body)?;
            pending = pending.saturating_add(inner);
        }
        Ok(())
    }
}

#[cold]
fn unexpected(found: Marker, at: usize, what: &str, wanted: &str) -> Error {
    malformed(format!(
        "{what} should be {wanted}, byte {at} is 0x{:02x}",
        found.to_u8()
    ))
}
