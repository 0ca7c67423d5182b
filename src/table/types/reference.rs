//! References as columns: stored as the key of the row they point at.

use crate::error::Result;
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
            Some(key) => key.encode(column),
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
