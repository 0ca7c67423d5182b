//! `Option`: the column may be NULL.

use crate::error::Result;
use crate::table::column::ColumnType;
use crate::table::def::{ColumnDef, SqlType, TableDef};
use crate::table::handle::RawHandle;
use crate::table::row::Cell;
use crate::table::value::{Value, ValueRef};
use crate::table::writer::RowWriter;

/// Keeps `Option<Option<T>>` from being a column: which `None` would NULL be?
trait NotOption {
    const NOT_NESTED: ();
}

impl<T: ColumnType> NotOption for Option<T> {
    const NOT_NESTED: () = assert!(!T::NULLABLE, "a column cannot be an Option of an Option");
}

impl<T: ColumnType> ColumnType for Option<T> {
    type Compare<'a> = T::Compare<'a>;
    const SQL: SqlType = T::SQL;
    const NULLABLE: bool = {
        let () = <Self as NotOption>::NOT_NESTED;
        true
    };
    const REFERS: Option<fn() -> &'static TableDef> = T::REFERS;
    const BINARY_TEXT: bool = T::BINARY_TEXT;

    #[inline]
    fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
        match self {
            Some(value) => value.encode(column),
            None => Ok(Value::Null),
        }
    }

    #[inline]
    fn encode_ref(&self, column: &'static ColumnDef) -> Result<ValueRef<'_>> {
        match self {
            Some(value) => value.encode_ref(column),
            None => Ok(ValueRef::Owned(Value::Null)),
        }
    }

    #[inline]
    fn write_column(&self, column: &'static ColumnDef, row: &mut impl RowWriter) -> Result<()> {
        match self {
            Some(value) => value.write_column(column, row),
            None => row.null(),
        }
    }

    #[inline]
    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        match value {
            Value::Null => Ok(None),
            value => T::decode(value, column).map(Some),
        }
    }

    #[inline]
    fn from_cell(cell: &mut Cell<'_>, column: &'static ColumnDef) -> Result<Self> {
        if cell.is_null() {
            return Ok(None);
        }
        T::from_cell(cell, column).map(Some)
    }

    fn operand(value: T::Compare<'_>) -> Value {
        T::operand(value)
    }

    #[inline]
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Some(a), Some(b)) => a.same(b),
            (None, None) => true,
            _ => false,
        }
    }

    fn pending(&self) -> Option<RawHandle> {
        self.as_ref().and_then(ColumnType::pending)
    }
}
