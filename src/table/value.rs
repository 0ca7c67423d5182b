//! One value of a column, apart from any driver.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// One value of a column as it travels to and from a server and in events.
///
/// ```
/// use headwater::table::Value;
///
/// assert_eq!(Value::Text("Ana".into()).to_string(), "\"Ana\"");
/// assert!(Value::Null.is_null());
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// NULL.
    #[default]
    Null,
    /// A boolean (`TINYINT(1)`).
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// A single-precision number (`FLOAT`).
    Float(f32),
    /// A double-precision number (`DOUBLE`).
    Double(f64),
    /// Text: strings, ENUM, SET, DECIMAL and JSON.
    Text(String),
    /// Bytes. Text from a server arrives as bytes as well and is checked when it is decoded.
    Bytes(Vec<u8>),
    /// A day.
    Date(CivilDate),
    /// A day and a time of it, UTC.
    DateTime(CivilDateTime),
    /// A time span (`TIME` holds −838:59:59 to 838:59:59).
    Time(CivilTime),
}

/// A value of a column whose text or bytes are borrowed from the entity.
///
/// ```
/// use headwater::table::{Value, ValueRef};
///
/// assert_eq!(ValueRef::Text("Ana").into_value(), Value::Text("Ana".into()));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// A [`Value::Text`].
    Text(&'a str),
    /// [`Value::Bytes`].
    Bytes(&'a [u8]),
    /// Any other value, or one that is made for the purpose.
    Owned(Value),
}

impl<'a> ValueRef<'a> {
    /// A value whose text or bytes stay where they are.
    pub(crate) fn of(value: &'a Value) -> Self {
        match value {
            Value::Text(text) => ValueRef::Text(text),
            Value::Bytes(bytes) => ValueRef::Bytes(bytes),
            other => ValueRef::Owned(other.clone()),
        }
    }
}

impl ValueRef<'_> {
    /// The value, with a copy of what was borrowed.
    pub fn into_value(self) -> Value {
        match self {
            ValueRef::Text(text) => Value::Text(text.to_owned()),
            ValueRef::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
            ValueRef::Owned(value) => value,
        }
    }

    /// As [`Value::same`].
    pub(crate) fn same(&self, other: &ValueRef<'_>) -> bool {
        match (self, other) {
            (ValueRef::Text(a), ValueRef::Text(b)) => a == b,
            (ValueRef::Bytes(a), ValueRef::Bytes(b)) => a == b,
            (ValueRef::Owned(a), ValueRef::Owned(b)) => a.same(b),
            (ValueRef::Owned(Value::Text(a)), ValueRef::Text(b))
            | (ValueRef::Text(b), ValueRef::Owned(Value::Text(a))) => a == b,
            (ValueRef::Owned(Value::Bytes(a)), ValueRef::Bytes(b))
            | (ValueRef::Bytes(b), ValueRef::Owned(Value::Bytes(a))) => a == b,
            _ => false,
        }
    }
}

/// A day of the proleptic Gregorian calendar. MySQL's zero date is `0000-00-00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CivilDate {
    /// 0 to 9999.
    pub year: u16,
    /// 1 to 12, 0 in a zero date.
    pub month: u8,
    /// 1 to 31, 0 in a zero date.
    pub day: u8,
}

/// A day with a time of day, in UTC wherever it means an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CivilDateTime {
    /// The day.
    pub date: CivilDate,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999.
    pub micros: u32,
}

/// A signed span of hours, minutes, seconds and microseconds, as `TIME` holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CivilTime {
    /// Whether it is below zero.
    pub negative: bool,
    /// 0 to 838.
    pub hours: u16,
    /// 0 to 59.
    pub minutes: u8,
    /// 0 to 59.
    pub seconds: u8,
    /// 0 to 999,999.
    pub micros: u32,
}

impl Value {
    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The value, leaving NULL in its place.
    #[inline]
    pub(crate) fn take(&mut self) -> Value {
        std::mem::replace(self, Value::Null)
    }

    /// Equal as stored: floats by their bits, so that NaN equals itself and 0 differs from −0.
    pub fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::Double(a), Value::Double(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a == b,
        }
    }

    /// As [`Display`](fmt::Display), cut after 64 characters: for error texts.
    pub(crate) fn brief(&self) -> String {
        let text = match self {
            Value::Text(s) if s.len() > 256 => format!("{:?}", s.chars().take(64).collect::<String>()),
            Value::Bytes(b) if b.len() > 64 => format!("{} bytes", b.len()),
            _ => self.to_string(),
        };
        if text.chars().count() <= 64 {
            return text;
        }
        let mut short: String = text.chars().take(64).collect();
        short.push('…');
        short
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("NULL"),
            Value::Bool(v) => v.fmt(f),
            Value::Int(v) => v.fmt(f),
            Value::UInt(v) => v.fmt(f),
            Value::Float(v) => v.fmt(f),
            Value::Double(v) => v.fmt(f),
            Value::Text(v) => write!(f, "{v:?}"),
            Value::Bytes(v) => match std::str::from_utf8(v) {
                Ok(text) => write!(f, "{text:?}"),
                Err(_) => {
                    f.write_str("0x")?;
                    v.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
                }
            },
            Value::Date(v) => v.fmt(f),
            Value::DateTime(v) => v.fmt(f),
            Value::Time(v) => v.fmt(f),
        }
    }
}

impl fmt::Display for CivilDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for CivilDateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {:02}:{:02}:{:02}",
            self.date, self.hour, self.minute, self.second
        )?;
        if self.micros > 0 {
            write!(f, ".{:06}", self.micros)?
        }
        Ok(())
    }
}

impl fmt::Display for CivilTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?
        }
        write!(f, "{:02}:{:02}:{:02}", self.hours, self.minutes, self.seconds)?;
        if self.micros > 0 {
            write!(f, ".{:06}", self.micros)?
        }
        Ok(())
    }
}

impl CivilDateTime {
    /// The beginning of 1970, which chrono's types have by default.
    pub(crate) const EPOCH: Self = CivilDateTime {
        date: CivilDate {
            year: 1970,
            month: 1,
            day: 1,
        },
        hour: 0,
        minute: 0,
        second: 0,
        micros: 0,
    };

    /// The present moment, UTC, in microseconds.
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        CivilDateTime::from_unix(since.as_secs(), since.subsec_micros())
    }

    /// The moment so many seconds after 1970 began.
    fn from_unix(seconds: u64, micros: u32) -> Self {
        // Days are counted from 0000-03-01, so that the leap day is the last of its year.
        let days = seconds / 86_400 + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let small = |number: u64| u8::try_from(number).unwrap_or_default();
        CivilDateTime {
            date: CivilDate {
                year: u16::try_from(era * 400 + year_of_era + u64::from(month >= 10)).unwrap_or(u16::MAX),
                month: small(if month < 10 { month + 3 } else { month - 9 }),
                day: small(day_of_year - (153 * month + 2) / 5 + 1),
            },
            hour: small(seconds / 3_600 % 24),
            minute: small(seconds / 60 % 60),
            second: small(seconds % 60),
            micros,
        }
    }

    /// Cuts the fraction of the second to this many digits (0 to 6).
    pub(crate) fn cut(mut self, digits: u8) -> Self {
        self.micros = cut_micros(self.micros, digits);
        self
    }
}

impl CivilTime {
    /// Cuts the fraction of the second to this many digits (0 to 6).
    pub(crate) fn cut(mut self, digits: u8) -> Self {
        self.micros = cut_micros(self.micros, digits);
        self
    }
}

fn cut_micros(micros: u32, digits: u8) -> u32 {
    let unit = 10u32.pow(6 - u32::from(digits.min(6)));
    micros / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_compared_by_bits() {
        assert!(Value::Double(f64::NAN).same(&Value::Double(f64::NAN)));
        assert!(!Value::Double(0.0).same(&Value::Double(-0.0)));
        assert!(Value::UInt(1).same(&Value::UInt(1)));
    }

    #[test]
    fn a_long_value_is_shortened_in_errors() {
        let brief = Value::Text("x".repeat(1000)).brief();
        assert!(brief.chars().count() <= 65, "{brief}");
    }

    #[test]
    fn moments_are_counted_from_1970() {
        let at = |seconds| CivilDateTime::from_unix(seconds, 0).to_string();
        assert_eq!(at(0), "1970-01-01 00:00:00");
        assert_eq!(at(951_782_400), "2000-02-29 00:00:00");
        assert_eq!(at(951_868_800), "2000-03-01 00:00:00");
        assert_eq!(at(1_709_164_800), "2024-02-29 00:00:00");
        assert_eq!(at(4_102_444_799), "2099-12-31 23:59:59");
        assert_eq!(at(4_107_542_400), "2100-03-01 00:00:00");
    }

    #[test]
    fn fractions_are_cut_not_rounded() {
        assert_eq!(cut_micros(999_999, 3), 999_000);
        assert_eq!(cut_micros(999_999, 0), 0);
        assert_eq!(cut_micros(123_456, 6), 123_456);
    }
}
