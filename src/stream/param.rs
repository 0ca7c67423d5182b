//! One value as an event carries it: a mark for NULL, a type code, a text.

use std::fmt;

use super::wire::{boolean, malformed, rfc3339};
use crate::error::Result;
use crate::table::Value;

/// One value as an event carries it.
///
/// The text of a `s` may be any bytes: FluxaORM writes blobs as text and checks no UTF-8.
///
/// ```
/// use headwater::stream::Param;
/// use headwater::table::Value;
///
/// assert_eq!(Param::new('u', "18").value()?, Value::UInt(18));
/// assert_eq!(Param::null().value()?, Value::Null);
/// assert!(Param::new('u', "many").value().is_err());
/// # Ok::<(), headwater::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Param {
    /// Whether it is NULL; the other two are empty then.
    pub null: bool,
    /// The type code: `s` text or bytes, `i` signed, `u` unsigned, `f` number with a fraction, `b` boolean
    /// (`1`, `0`), `t` time (RFC 3339). `None` where the writer left it empty; any other is read as text.
    pub kind: Option<char>,
    /// The value as text.
    pub text: Vec<u8>,
}

impl Param {
    /// NULL.
    ///
    /// ```
    /// assert!(headwater::stream::Param::null().null);
    /// ```
    pub fn null() -> Self {
        Param {
            null: true,
            ..Param::default()
        }
    }

    /// A value of this type code.
    ///
    /// ```
    /// let name = headwater::stream::Param::new('s', "Ana");
    /// assert_eq!(name.as_str(), Some("Ana"));
    /// ```
    pub fn new(kind: char, text: impl Into<Vec<u8>>) -> Self {
        Param {
            null: false,
            kind: Some(kind),
            text: text.into(),
        }
    }

    /// The text, where it is valid UTF-8; `None` for NULL.
    ///
    /// ```
    /// use headwater::stream::Param;
    ///
    /// assert_eq!(Param::new('f', "1e+06").as_str(), Some("1e+06"));
    /// assert_eq!(Param::new('s', [0xff]).as_str(), None);
    /// assert_eq!(Param::null().as_str(), None);
    /// ```
    pub fn as_str(&self) -> Option<&str> {
        if self.null {
            return None;
        }
        std::str::from_utf8(&self.text).ok()
    }

    /// The value that the type code and the text say, without knowing the column: a DECIMAL is a
    /// [`Value::Double`], a DATE a [`Value::DateTime`], text that is no UTF-8 a [`Value::Bytes`].
    ///
    /// [`DirtyEvent::change`](super::DirtyEvent::change) knows the column and gives its own type.
    ///
    /// ```
    /// use headwater::stream::Param;
    /// use headwater::table::Value;
    ///
    /// assert_eq!(Param::new('f', "1e+06").value()?, Value::Double(1_000_000.0));
    /// assert_eq!(Param::new('b', "1").value()?, Value::Bool(true));
    /// # Ok::<(), headwater::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A [`Malformed`](crate::ErrorKind::Malformed) error when the text is not of the type.
    pub fn value(&self) -> Result<Value> {
        if self.null {
            return Ok(Value::Null);
        }
        let found = match self.kind {
            Some('i') => self.parsed().map(Value::Int),
            Some('u') => self.parsed().map(Value::UInt),
            Some('f') => self.parsed().map(Value::Double),
            Some('b') => boolean(&self.text).map(Value::Bool),
            Some('t') => rfc3339(&self.text).map(Value::DateTime),
            _ => Some(match std::str::from_utf8(&self.text) {
                Ok(text) => Value::Text(text.to_owned()),
                Err(_) => Value::Bytes(self.text.clone()),
            }),
        };
        found.ok_or_else(|| malformed(format!("{self:?} is not what its type code says")))
    }

    /// The text as any type that Rust parses.
    fn parsed<T: std::str::FromStr>(&self) -> Option<T> {
        std::str::from_utf8(&self.text).ok()?.parse().ok()
    }
}

impl fmt::Display for Param {
    /// The text, with what is no UTF-8 replaced; `NULL` for NULL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.null {
            return f.pad("NULL");
        }
        f.pad(&String::from_utf8_lossy(&self.text))
    }
}

impl fmt::Debug for Param {
    /// The type code and the quoted text, cut after 64 bytes: `u"18"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.null {
            return f.write_str("NULL");
        }
        if let Some(kind) = self.kind {
            write!(f, "{kind}")?;
        }
        let shown = &self.text[..self.text.len().min(64)];
        match std::str::from_utf8(shown) {
            Ok(text) => write!(f, "{text:?}")?,
            Err(_) => write!(f, "\"{}\"", shown.escape_ascii())?,
        }
        if shown.len() < self.text.len() {
            f.write_str("…")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{CivilDate, CivilDateTime};

    #[test]
    fn values_are_typed_by_their_code() {
        let at = CivilDateTime {
            date: CivilDate {
                year: 2024,
                month: 1,
                day: 2,
            },
            hour: 2,
            minute: 4,
            second: 5,
            micros: 0,
        };
        for (param, value) in [
            (Param::new('i', "-9223372036854775808"), Value::Int(i64::MIN)),
            (Param::new('u', "18446744073709551615"), Value::UInt(u64::MAX)),
            (Param::new('f', "1e+21"), Value::Double(1e21)),
            (Param::new('f', "+Inf"), Value::Double(f64::INFINITY)),
            (Param::new('b', "0"), Value::Bool(false)),
            (Param::new('t', "2024-01-02T02:04:05Z"), Value::DateTime(at)),
            (Param::new('s', ""), Value::Text(String::new())),
            (Param::new('s', [0xff, 0]), Value::Bytes(vec![0xff, 0])),
            (Param::new('x', "new"), Value::Text("new".into())),
            (Param::default(), Value::Text(String::new())),
        ] {
            assert_eq!(param.value().unwrap(), value);
        }
    }

    #[test]
    fn what_is_not_of_its_type_is_an_error() {
        for (kind, text) in [
            ('i', "9223372036854775808"),
            ('i', ""),
            ('u', "-1"),
            ('u', "{5 true}"),
            ('f', "1,5"),
            ('b', "true"),
            ('b', ""),
            ('t', "2024-01-02"),
            ('t', "2024-13-02T00:00:00Z"),
        ] {
            let error = Param::new(kind, text).value().unwrap_err();
            assert!(error.is_malformed(), "{error}");
        }
        assert!(Param::new('u', [0xff]).value().is_err());
    }

    #[test]
    fn a_param_is_shown_short() {
        assert_eq!(format!("{:?}", Param::new('u', "18")), "u\"18\"");
        assert_eq!(format!("{:?}", Param::new('s', [0xff, b'a'])), "s\"\\xffa\"");
        assert_eq!(format!("{:?}", Param::new('s', "ł".repeat(99))).chars().count(), 36);
        assert_eq!(format!("{:?} {}", Param::null(), Param::null()), "NULL NULL");
    }
}
