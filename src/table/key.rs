//! Keys: the types that may identify a row.

use std::fmt::{Debug, Display};
use std::hash::Hash;

use super::column::ColumnType;

/// Who makes the key of a new row that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generated {
    /// The server, by AUTO_INCREMENT.
    ByServer,
    /// This library, before the INSERT: ULID for text, UUID version 7 for `Uuid`.
    ByClient,
}

/// A type that may be the key of a table: integers, `String`, and `uuid::Uuid` with the feature `uuid`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a table",
    note = "a key is an integer, a `String` or, with the feature `uuid`, a `Uuid`"
)]
pub trait Key: ColumnType + Eq + Ord + Hash + Clone + Debug + Display + Sync {
    /// Who makes a key that is not set.
    const GENERATED: Generated;

    /// The key that says that none was set: 0, the empty string, the nil UUID.
    fn unset() -> Self;

    /// Whether no key was set.
    fn is_unset(&self) -> bool {
        *self == Self::unset()
    }

    /// The key from a number that the server generated; `None` when it does not fit the type.
    fn from_server(number: u64) -> Option<Self>;

    /// A fresh key made here; `None` where the server makes it.
    fn generate() -> Option<Self>;
}

macro_rules! integer_keys {
    ($($type:ty),*) => {$(
        impl Key for $type {
            const GENERATED: Generated = Generated::ByServer;
            fn unset() -> Self {
                0
            }
            fn from_server(number: u64) -> Option<Self> {
                <$type>::try_from(number).ok()
            }
            fn generate() -> Option<Self> {
                None
            }
        }
    )*};
}
integer_keys!(u8, u16, u32, u64, i8, i16, i32, i64);

impl Key for String {
    const GENERATED: Generated = Generated::ByClient;

    fn unset() -> Self {
        String::new()
    }

    fn from_server(_: u64) -> Option<Self> {
        None
    }

    fn generate() -> Option<Self> {
        Some(ulid::Ulid::generate().to_string())
    }
}

#[cfg(feature = "uuid")]
impl Key for uuid::Uuid {
    const GENERATED: Generated = Generated::ByClient;

    fn unset() -> Self {
        uuid::Uuid::nil()
    }

    fn from_server(_: u64) -> Option<Self> {
        None
    }

    fn generate() -> Option<Self> {
        Some(uuid::Uuid::now_v7())
    }
}
