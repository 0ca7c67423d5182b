//! One row of a result, its values taken out by position.

use super::ColumnType;
use super::column::StoredAs;
use super::def::ColumnDef;
use super::value::Value;
use crate::error::Result;

/// The values of one row in the order of the table's columns; each is moved out once.
#[derive(Debug, Default)]
pub struct Row {
    values: Vec<Value>,
}

impl Row {
    /// A row of these values.
    pub fn new(values: Vec<Value>) -> Self {
        Row { values }
    }

    /// How many values it has.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Empties the row for the next one, keeping its memory.
    pub(crate) fn values_mut(&mut self) -> &mut Vec<Value> {
        &mut self.values
    }

    /// Moves the value at the position out and decodes it for the column.
    ///
    /// # Errors
    ///
    /// A [`Value`](crate::ErrorKind::Value) error when the column's type cannot hold it, or when the
    /// row has no such position.
    #[inline]
    pub fn take<C: ColumnType, F: StoredAs<C>>(&mut self, position: usize, column: &'static ColumnDef) -> Result<F> {
        F::decode_field(self.value(position, column)?, column)
    }

    /// Moves the value at the position out.
    ///
    /// # Errors
    ///
    /// A [`Value`](crate::ErrorKind::Value) error when the row has no such position.
    #[inline]
    pub fn value(&mut self, position: usize, column: &'static ColumnDef) -> Result<Value> {
        match self.values.get_mut(position) {
            Some(slot) => Ok(std::mem::replace(slot, Value::Null)),
            None => Err(column.misfit(&Value::Null, "the row of the result ends before this column")),
        }
    }
}
