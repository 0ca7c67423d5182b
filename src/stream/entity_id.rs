//! The key of a row as an event carries it: a number, or text for ULIDs and UUIDs.

use std::fmt;

use crate::table::Value;

/// The key of a row as an event carries it.
///
/// Numbers travel as numbers (FluxaORM knows unsigned ones only); keys of `String` (ULIDs) travel as
/// text, UUIDs as hyphenated text.
///
/// ```
/// use headwater::stream::EntityId;
///
/// let id = EntityId::from(7u64);
/// assert_eq!(id.as_u64(), Some(7));
/// assert_eq!(id.to_string(), "7");
/// assert_eq!(EntityId::from(-7i64), EntityId::Signed(-7));
/// assert_eq!(EntityId::from("01J9ZQ").as_str(), Some("01J9ZQ"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntityId {
    /// A number from 0 on.
    Unsigned(u64),
    /// A number below 0. `EntityId::from` gives [`Unsigned`](EntityId::Unsigned) for the others.
    Signed(i64),
    /// Text: a ULID, a UUID, any key that is a string.
    Text(String),
}

impl EntityId {
    /// The number, unless it is below 0 or text.
    ///
    /// ```
    /// use headwater::stream::EntityId;
    ///
    /// assert_eq!(EntityId::from(u64::MAX).as_u64(), Some(u64::MAX));
    /// assert_eq!(EntityId::from(-1i64).as_u64(), None);
    /// ```
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            EntityId::Unsigned(id) => Some(*id),
            EntityId::Signed(id) => u64::try_from(*id).ok(),
            EntityId::Text(_) => None,
        }
    }

    /// The number, unless it is beyond `i64` or text.
    ///
    /// ```
    /// assert_eq!(headwater::stream::EntityId::from(-1i64).as_i64(), Some(-1));
    /// ```
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            EntityId::Unsigned(id) => i64::try_from(*id).ok(),
            EntityId::Signed(id) => Some(*id),
            EntityId::Text(_) => None,
        }
    }

    /// The text, unless it is a number.
    ///
    /// ```
    /// assert_eq!(headwater::stream::EntityId::from(1u64).as_str(), None);
    /// ```
    pub fn as_str(&self) -> Option<&str> {
        match self {
            EntityId::Text(text) => Some(text),
            EntityId::Unsigned(_) | EntityId::Signed(_) => None,
        }
    }

    /// As the value of a key's column.
    pub(super) fn to_value(&self) -> Value {
        match self {
            EntityId::Unsigned(id) => Value::UInt(*id),
            EntityId::Signed(id) => Value::Int(*id),
            EntityId::Text(text) => Value::Text(text.clone()),
        }
    }
}

impl From<u64> for EntityId {
    fn from(id: u64) -> Self {
        EntityId::Unsigned(id)
    }
}

impl From<i64> for EntityId {
    fn from(id: i64) -> Self {
        u64::try_from(id).map_or(EntityId::Signed(id), EntityId::Unsigned)
    }
}

impl From<String> for EntityId {
    fn from(id: String) -> Self {
        EntityId::Text(id)
    }
}

impl From<&str> for EntityId {
    fn from(id: &str) -> Self {
        EntityId::Text(id.to_owned())
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntityId::Unsigned(id) => id.fmt(f),
            EntityId::Signed(id) => id.fmt(f),
            EntityId::Text(id) => id.fmt(f),
        }
    }
}
