//! What is stored: tables, columns, values, keys, references and enumerations.
//!
//! Everything here is known at compile time and needs no server. `#[derive(Table)]` and
//! `#[derive(Enumeration)]` write the implementations.

mod column;
mod columns;
mod def;
mod default;
mod enumeration;
mod handle;
mod key;
mod reference;
mod row;
mod types;
mod value;
mod writer;

pub use column::{Column, ColumnType, StoredAs};
pub use columns::{ColumnSet, MAX_COLUMNS};
pub use def::{ColumnDef, IndexDef, OnDelete, Reference, SqlType, Table, TableDef};
pub use default::DefaultValue;
pub use enumeration::{Enumeration, Set};
pub use handle::{Handle, RawHandle};
pub use key::{Generated, Key};
pub use reference::Ref;
pub use row::Row;
#[cfg(feature = "json")]
pub use types::json::Json;
pub use value::{CivilDate, CivilDateTime, CivilTime, Value, ValueRef};
pub(crate) use writer::RowWriter;

/// What the derives use beside the public items.
pub(crate) mod private {
    pub use super::def::next_table_index;
    pub use super::default::same_text;
    pub use super::row::Cell;
    pub use super::types::symbol::{decode_enumeration, take_enumeration};
    pub use super::writer::RowWriter;
}
