//! Headwater.
#![forbid(unsafe_code)]

// The derives write `::headwater::…`; this makes them work inside the crate as well.
extern crate self as headwater;

pub mod error;
pub mod mysql;
pub mod schema;
pub mod stream;
pub mod table;

pub use error::{Error, ErrorKind, Result};
pub use headwater_derive::{Enumeration, Table};
pub use stream::Stream;
pub use table::{Enumeration, Table};

/// What a program that uses the crate wants in scope: `use headwater::prelude::*;`.
pub mod prelude {
    pub use crate::stream::{Stream, Wire};
    pub use crate::table::{Column, Handle, Ref, Set};
    // The traits and the derives of the same name.
    pub use crate::{Enumeration, Table};
}

/// What the derives use; no part of the public API and free to change in any release.
#[doc(hidden)]
pub mod __private {
    pub use crate::error::Result;
    pub use crate::stream::{Operations, Publication, Publish, Stream};
    #[cfg(feature = "json")]
    pub use crate::table::Json;
    pub use crate::table::private::*;
    pub use crate::table::{
        Column, ColumnDef, ColumnSet, ColumnType, DefaultValue, Enumeration, IndexDef, OnDelete, RawHandle, Reference,
        Row, Set, SqlType, StoredAs, Table, TableDef, Value,
    };
    pub use std::sync::OnceLock;
}
