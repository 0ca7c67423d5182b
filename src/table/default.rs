//! The DEFAULT of a column, and whether it fits the column's type.

use super::def::SqlType;

/// The DEFAULT of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DefaultValue {
    /// A text.
    Text(&'static str),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// A boolean.
    Bool(bool),
}

impl DefaultValue {
    /// Whether a column of this type can have it; the derive asks in a constant. A text is taken for dates
    /// and decimals as it is: the server reads it.
    #[doc(hidden)]
    #[must_use]
    pub const fn fits(&self, sql: SqlType) -> bool {
        match (self, sql) {
            (DefaultValue::Bool(_), SqlType::Bool) => true,
            (DefaultValue::Int(number), SqlType::Bool) => *number == 0 || *number == 1,
            (DefaultValue::Int(number), SqlType::Integer { bytes: 8, signed }) => signed || *number >= 0,
            (DefaultValue::Int(number), SqlType::Integer { bytes, signed }) => {
                let values = 1i64 << (8 * bytes as u32);
                let least = if signed { -values / 2 } else { 0 };
                *number >= least && *number < least + values
            }
            (
                DefaultValue::Int(_) | DefaultValue::Float(_),
                SqlType::Float | SqlType::Double | SqlType::Decimal { .. },
            ) => true,
            (
                DefaultValue::Text(_),
                SqlType::Decimal { .. } | SqlType::Date | SqlType::Time { .. } | SqlType::DateTime { .. },
            ) => true,
            // From there on they are TEXT and BLOB, which have no DEFAULT:
            // https://dev.mysql.com/doc/refman/8.4/en/data-type-defaults.html
            (DefaultValue::Text(text), SqlType::Text { length } | SqlType::Bytes { length }) => {
                let mut characters = 0;
                let mut i = 0;
                while i < text.len() {
                    // Every byte but those that continue a character.
                    characters += (text.as_bytes()[i] & 0xc0 != 0x80) as u32;
                    i += 1;
                }
                length < 16_384 && characters <= length
            }
            (DefaultValue::Text(text), SqlType::Enum(names)) => {
                let mut i = 0;
                while i < names.len() {
                    if same_text(names[i], text) {
                        return true;
                    }
                    i += 1;
                }
                false
            }
            (DefaultValue::Text(_), SqlType::Set(_)) => true,
            _ => false,
        }
    }
}

/// Whether two texts are equal; `==` cannot be used in a constant.
#[doc(hidden)]
#[must_use]
pub const fn same_text(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut same = a.len() == b.len();
    let mut i = 0;
    while same && i < a.len() {
        same = a[i] == b[i];
        i += 1;
    }
    same
}
