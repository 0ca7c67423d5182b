//! Values as bytes, one after the other: the form in which what events tell of updates waits for the sender's thread, or
//! for the outbox. It never leaves the process.
//!
//! A flush pays for what it hands to another processor by the cache line. A number below 65,536 has 3 bytes here and 32
//! as a [`Value`], and the flush keeps its own memory.

use std::ops::Range;

use crate::table::{CivilDate, CivilDateTime, CivilTime, Value, ValueRef};

/// What a value begins with: the lower half of its first byte. The upper half says of a whole number, and of the length
/// of a text, how many bytes it has.
mod tag {
    pub(super) const NULL: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const INT: u8 = 3;
    pub(super) const UINT: u8 = 4;
    pub(super) const FLOAT: u8 = 5;
    pub(super) const DOUBLE: u8 = 6;
    pub(super) const TEXT: u8 = 7;
    pub(super) const BYTES: u8 = 8;
    pub(super) const DATE: u8 = 9;
    pub(super) const DATE_TIME: u8 = 10;
    pub(super) const TIME: u8 = 11;
    pub(super) const TIME_BELOW_ZERO: u8 = 12;
}

/// The most bytes of a number with its tag.
const NUMBER: usize = 9;

/// Values, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Flat(Vec<u8>);

impl Flat {
    /// Makes room for so many numbers.
    #[inline]
    pub(crate) fn reserve(&mut self, values: usize) {
        self.0.reserve(values.saturating_mul(NUMBER));
    }

    /// Where the next value will begin.
    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.0.len()
    }

    /// Forgets what is behind this place.
    pub(crate) fn truncate(&mut self, end: usize) {
        self.0.truncate(end);
    }

    /// The bytes of memory that it has.
    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// The bytes of a place.
    #[inline]
    pub(crate) fn get(&self, place: Range<usize>) -> &[u8] {
        self.0.get(place).unwrap_or_default()
    }

    /// Adds bytes of another.
    #[inline]
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Adds a value; `false`, and nothing of it, for a text of more than 4 GiB, which no event holds.
    #[inline(always)]
    pub(crate) fn push(&mut self, value: &Value) -> bool {
        match value {
            // Keys, and most of what changes.
            Value::Int(v) => self.whole(tag::INT, v.cast_unsigned()),
            Value::UInt(v) => self.whole(tag::UINT, *v),
            other => return self.push_other(other),
        }
        true
    }

    /// As [`push`](Flat::push).
    #[inline(always)]
    pub(crate) fn push_ref(&mut self, value: &ValueRef<'_>) -> bool {
        match value {
            ValueRef::Owned(value) => self.push(value),
            other => self.push_borrowed(other),
        }
    }

    #[inline(never)]
    fn push_borrowed(&mut self, value: &ValueRef<'_>) -> bool {
        match value {
            ValueRef::Text(text) => self.bytes(tag::TEXT, text.as_bytes()),
            ValueRef::Bytes(bytes) => self.bytes(tag::BYTES, bytes),
            ValueRef::Owned(value) => self.push(value),
        }
    }

    #[inline(never)]
    fn push_other(&mut self, value: &Value) -> bool {
        match value {
            Value::Null => self.0.push(tag::NULL),
            Value::Bool(false) => self.0.push(tag::FALSE),
            Value::Bool(true) => self.0.push(tag::TRUE),
            Value::Int(v) => self.whole(tag::INT, v.cast_unsigned()),
            Value::UInt(v) => self.whole(tag::UINT, *v),
            Value::Float(v) => self.number(tag::FLOAT, u64::from(v.to_bits()).to_le_bytes()),
            Value::Double(v) => self.number(tag::DOUBLE, v.to_le_bytes()),
            Value::Text(v) => return self.bytes(tag::TEXT, v.as_bytes()),
            Value::Bytes(v) => return self.bytes(tag::BYTES, v),
            Value::Date(v) => self.number(tag::DATE, day(*v, [0; 4])),
            Value::DateTime(v) => {
                self.number(tag::DATE_TIME, day(v.date, [v.hour, v.minute, v.second, 0]));
                self.0.extend_from_slice(&v.micros.to_le_bytes());
            }
            Value::Time(v) => {
                let [h0, h1] = v.hours.to_le_bytes();
                let [m0, m1, m2, m3] = v.micros.to_le_bytes();
                let tag = if v.negative { tag::TIME_BELOW_ZERO } else { tag::TIME };
                self.number(tag, [h0, h1, v.minutes, v.seconds, m0, m1, m2, m3]);
            }
        }
        true
    }

    #[inline(always)]
    fn number(&mut self, tag: u8, [a, b, c, d, e, f, g, h]: [u8; 8]) {
        self.0.extend_from_slice(&[tag, a, b, c, d, e, f, g, h]);
    }

    /// Without the zeros at its upper end.
    #[inline(always)]
    fn whole(&mut self, tag: u8, number: u64) {
        let zeros = number.leading_zeros() / 8;
        let bytes = 8 - zeros as u8;
        self.number(tag | bytes << 4, number.to_le_bytes());
        self.0.truncate(self.0.len() - zeros as usize);
    }

    fn bytes(&mut self, tag: u8, bytes: &[u8]) -> bool {
        if u32::try_from(bytes.len()).is_err() {
            return false;
        }
        self.whole(tag, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        true
    }
}

fn day(date: CivilDate, [a, b, c, d]: [u8; 4]) -> [u8; 8] {
    let [y0, y1] = date.year.to_le_bytes();
    [y0, y1, date.month, date.day, a, b, c, d]
}

/// Reads values that were [pushed](Flat::push); ends where the bytes do, or where they are none of ours.
pub(crate) struct Values<'a>(pub(crate) &'a [u8]);

impl<'a> Values<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// A whole number of so many bytes.
    fn whole(&mut self, bytes: u8) -> Option<u64> {
        let (taken, rest) = self.0.split_at_checked(usize::from(bytes))?;
        self.0 = rest;
        let mut number = [0; 8];
        number.get_mut(..taken.len())?.copy_from_slice(taken);
        Some(u64::from_le_bytes(number))
    }

    fn bytes(&mut self, length: u8) -> Option<&'a [u8]> {
        let length = usize::try_from(self.whole(length)?).ok()?;
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = ValueRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<ValueRef<'a>> {
        let [first] = self.take()?;
        let (tag, bytes) = (first & 0xF, first >> 4);
        Some(ValueRef::Owned(match tag {
            tag::NULL => Value::Null,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::INT => Value::Int(self.whole(bytes)?.cast_signed()),
            tag::UINT => Value::UInt(self.whole(bytes)?),
            tag::FLOAT => {
                let [a, b, c, d, ..] = self.take::<8>()?;
                Value::Float(f32::from_le_bytes([a, b, c, d]))
            }
            tag::DOUBLE => Value::Double(f64::from_le_bytes(self.take()?)),
            tag::TEXT => return Some(ValueRef::Text(std::str::from_utf8(self.bytes(bytes)?).ok()?)),
            tag::BYTES => return Some(ValueRef::Bytes(self.bytes(bytes)?)),
            tag::DATE | tag::DATE_TIME => {
                let [y0, y1, month, day, hour, minute, second, _] = self.take()?;
                let date = CivilDate {
                    year: u16::from_le_bytes([y0, y1]),
                    month,
                    day,
                };
                if tag == tag::DATE {
                    return Some(ValueRef::Owned(Value::Date(date)));
                }
                Value::DateTime(CivilDateTime {
                    date,
                    hour,
                    minute,
                    second,
                    micros: u32::from_le_bytes(self.take()?),
                })
            }
            tag::TIME | tag::TIME_BELOW_ZERO => {
                let [h0, h1, minutes, seconds, m0, m1, m2, m3] = self.take()?;
                Value::Time(CivilTime {
                    negative: tag == tag::TIME_BELOW_ZERO,
                    hours: u16::from_le_bytes([h0, h1]),
                    minutes,
                    seconds,
                    micros: u32::from_le_bytes([m0, m1, m2, m3]),
                })
            }
            _ => return None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let date =
            || (any::<u16>(), any::<u8>(), any::<u8>()).prop_map(|(year, month, day)| CivilDate { year, month, day });
        let time = || (any::<u8>(), any::<u8>(), any::<u8>(), any::<u32>());
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<u64>().prop_map(Value::UInt),
            any::<u32>().prop_map(|bits| Value::Float(f32::from_bits(bits))),
            any::<u64>().prop_map(|bits| Value::Double(f64::from_bits(bits))),
            any::<String>().prop_map(Value::Text),
            any::<Vec<u8>>().prop_map(Value::Bytes),
            date().prop_map(Value::Date),
            (date(), time()).prop_map(|(date, (hour, minute, second, micros))| {
                Value::DateTime(CivilDateTime {
                    date,
                    hour,
                    minute,
                    second,
                    micros,
                })
            }),
            (any::<bool>(), any::<u16>(), time()).prop_map(|(negative, hours, (minutes, seconds, _, micros))| {
                Value::Time(CivilTime {
                    negative,
                    hours,
                    minutes,
                    seconds,
                    micros,
                })
            }),
        ]
    }

    proptest! {
        #[test]
        fn values_come_back_as_they_were(values in prop::collection::vec(values(), 0..20)) {
            let mut flat = Flat::default();
            prop_assert!(values.iter().all(|value| flat.push(value)));
            let end = flat.end();
            let found: Vec<Value> = Values(flat.get(0..end)).map(ValueRef::into_value).collect();
            prop_assert_eq!(values.len(), found.len());
            for (a, b) in values.iter().zip(&found) {
                prop_assert!(a.same(b), "{:?} {:?}", a, b);
                let borrowed = match a {
                    Value::Text(text) => ValueRef::Text(text),
                    Value::Bytes(bytes) => ValueRef::Bytes(bytes),
                    other => ValueRef::Owned(other.clone()),
                };
                prop_assert!(flat.push_ref(&borrowed));
            }
            prop_assert_eq!(flat.get(0..end), flat.get(end..flat.end()));
        }

        #[test]
        fn any_bytes_can_be_read(bytes: Vec<u8>) {
            let _ = Values(&bytes).count();
        }
    }
}
