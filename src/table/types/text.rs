//! Text and bytes.

use super::unexpected;
use crate::error::{Error, Result};
use crate::table::column::ColumnType;
use crate::table::def::{ColumnDef, SqlType};
use crate::table::row::Cell;
use crate::table::value::{Value, ValueRef};

/// The text of a value that the server sent as text or bytes.
#[inline]
pub(super) fn text_of(value: Value, column: &'static ColumnDef) -> Result<String> {
    match value {
        Value::Bytes(bytes) => String::from_utf8(bytes).map_err(|error| no_text(error.into_bytes(), column)),
        Value::Text(text) => Ok(text),
        other => Err(unexpected(&other, column, "text")),
    }
}

#[cold]
fn no_text(bytes: Vec<u8>, column: &'static ColumnDef) -> Error {
    column.misfit(&Value::Bytes(bytes), "not valid UTF-8")
}

/// Checks a text that is longer in bytes than its column in characters.
#[cold]
fn few_characters(text: &str, column: &'static ColumnDef, most: usize) -> Result<()> {
    let characters = text.chars().count();
    if characters <= most {
        return Ok(());
    }
    let reason = format!("{characters} characters; the column holds {most}");
    Err(column.misfit(&Value::Text(text.to_owned()), reason))
}

impl ColumnType for String {
    type Compare<'a> = &'a str;
    const SQL: SqlType = SqlType::Text { length: 255 };

    fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
        self.encode_ref(column).map(ValueRef::into_value)
    }

    #[inline]
    fn encode_ref(&self, column: &'static ColumnDef) -> Result<ValueRef<'_>> {
        // Counting characters is only needed when there are more bytes than allowed characters.
        if let SqlType::Text { length } = column.sql
            && self.len() > length as usize
        {
            few_characters(self, column, length as usize)?;
        }
        Ok(ValueRef::Text(self))
    }

    #[inline]
    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        text_of(value, column)
    }

    #[inline]
    fn from_cell(cell: &mut Cell<'_>, column: &'static ColumnDef) -> Result<Self> {
        match cell.bytes() {
            Some(bytes) => {
                String::from_utf8(std::mem::take(bytes)).map_err(|error| no_text(error.into_bytes(), column))
            }
            None => Self::decode(cell.take(), column),
        }
    }

    fn operand(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    #[inline]
    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

impl ColumnType for Vec<u8> {
    type Compare<'a> = &'a [u8];
    const SQL: SqlType = SqlType::Bytes { length: 65_535 };

    fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
        self.encode_ref(column).map(ValueRef::into_value)
    }

    #[inline]
    fn encode_ref(&self, column: &'static ColumnDef) -> Result<ValueRef<'_>> {
        if let SqlType::Bytes { length } = column.sql
            && self.len() > length as usize
        {
            return Err(column.misfit(
                &Value::Bytes(self.clone()),
                format!("{} bytes; the column holds {length}", self.len()),
            ));
        }
        Ok(ValueRef::Bytes(self))
    }

    #[inline]
    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        match value {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Text(text) => Ok(text.into_bytes()),
            other => Err(unexpected(&other, column, "bytes")),
        }
    }

    fn operand(value: &[u8]) -> Value {
        Value::Bytes(value.to_vec())
    }

    #[inline]
    fn same(&self, other: &Self) -> bool {
        self == other
    }
}
