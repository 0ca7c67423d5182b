//! UUIDs, stored as their 16 bytes.
#![cfg(feature = "uuid")]

use uuid::Uuid;

use super::unexpected;
use crate::error::Result;
use crate::table::column::ColumnType;
use crate::table::def::{ColumnDef, SqlType};
use crate::table::value::Value;

impl ColumnType for Uuid {
    type Compare<'a> = Uuid;
    const SQL: SqlType = SqlType::Uuid;

    fn encode(&self, _: &'static ColumnDef) -> Result<Value> {
        Ok(Value::Bytes(self.as_bytes().to_vec()))
    }

    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        let uuid = match &value {
            Value::Bytes(bytes) => Uuid::from_slice(bytes).ok(),
            // Events carry it as text.
            Value::Text(text) => Uuid::parse_str(text).ok(),
            other => return Err(unexpected(other, column, "a UUID")),
        };
        uuid.ok_or_else(|| column.misfit(&value, "not a UUID"))
    }

    fn operand(value: Uuid) -> Value {
        Value::Bytes(value.as_bytes().to_vec())
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}
