//! References as columns: stored as the key of the row they point at.

use crate::error::{Error, ErrorKind, Result};
use crate::table::column::ColumnType;
use crate::table::def::{ColumnDef, SqlType, Table, TableDef};
use crate::table::handle::RawHandle;
use crate::table::key::Key;
use crate::table::reference::Ref;
use crate::table::value::Value;

impl<T: Table> ColumnType for Ref<T> {
    type Compare<'a> = <T::Key as ColumnType>::Compare<'a>;
    const SQL: SqlType = <T::Key as ColumnType>::SQL;
    const REFERS: Option<fn() -> &'static TableDef> = Some(|| T::TABLE);
    const BINARY_TEXT: bool = true;

    fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
        match self.key() {
            Some(key) if key.is_unset() => Err(column.misfit(&key.encode(column)?, "the reference points nowhere")),
            // Whether it fits is for the key's own column to say: a reference is stored as long as that.
            Some(key) => key.encode(T::TABLE.key()).map_err(|error| match error.into_kind() {
                ErrorKind::Value { value, reason, .. } => Error::new(ErrorKind::Value {
                    table: column.table,
                    column: column.name,
                    value,
                    reason,
                }),
                other => Error::new(other),
            }),
            None if self.is_unset() => Err(column.misfit(&Value::Null, "the reference points nowhere")),
            None => Err(column.misfit(
                &Value::Null,
                "the reference points at an entity that is not inserted yet",
            )),
        }
    }

    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        T::Key::decode(value, column).map(Ref::to)
    }

    fn operand(value: Self::Compare<'_>) -> Value {
        T::Key::operand(value)
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }

    fn pending(&self) -> Option<RawHandle> {
        Ref::pending(self).map(|handle| handle.raw())
    }
}
