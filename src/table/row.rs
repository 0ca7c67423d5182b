//! One row of a result, its values taken out by position.

use mysql::Value as Driver;

use super::ColumnType;
use super::column::StoredAs;
use super::def::ColumnDef;
use super::value::{CivilDate, CivilDateTime, CivilTime, Value};
use crate::error::{Error, Result};

/// The values of one row in the order of the table's columns; each is moved out once.
#[derive(Debug, Default)]
pub struct Row {
    cells: Cells,
}

/// As they were made by hand, or as the driver read them: each is then converted when it is moved out.
#[derive(Debug)]
enum Cells {
    Values(Vec<Value>),
    Driver(Vec<Option<Driver>>),
}

impl Default for Cells {
    fn default() -> Self {
        Cells::Values(Vec::new())
    }
}

impl Row {
    /// A row of these values.
    pub fn new(values: Vec<Value>) -> Self {
        Row {
            cells: Cells::Values(values),
        }
    }

    /// A row as the driver read it.
    pub(crate) fn of_driver(cells: Vec<Option<Driver>>) -> Self {
        Row {
            cells: Cells::Driver(cells),
        }
    }

    /// How many values it has.
    pub fn len(&self) -> usize {
        match &self.cells {
            Cells::Values(values) => values.len(),
            Cells::Driver(cells) => cells.len(),
        }
    }

    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves all values out.
    pub(crate) fn values(&mut self) -> Vec<Value> {
        match std::mem::take(&mut self.cells) {
            Cells::Values(values) => values,
            Cells::Driver(mut cells) => cells.iter_mut().map(take).collect(),
        }
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
        let value = match &mut self.cells {
            Cells::Driver(cells) => cells.get_mut(position).map(take),
            Cells::Values(values) => values.get_mut(position).map(Value::take),
        };
        value.ok_or_else(|| too_short(column))
    }
}

#[cold]
fn too_short(column: &'static ColumnDef) -> Error {
    column.misfit(&Value::Null, "the row of the result ends before this column")
}

#[inline]
fn take(cell: &mut Option<Driver>) -> Value {
    cell.take().map_or(Value::Null, from_driver)
}

/// A value of a result row. Dates and datetimes share one form on the wire, so the column's type, not this
/// function, tells them apart.
#[inline]
fn from_driver(value: Driver) -> Value {
    match value {
        Driver::NULL => Value::Null,
        Driver::Bytes(v) => Value::Bytes(v),
        Driver::Int(v) => Value::Int(v),
        Driver::UInt(v) => Value::UInt(v),
        Driver::Float(v) => Value::Float(v),
        Driver::Double(v) => Value::Double(v),
        Driver::Date(year, month, day, hour, minute, second, micros) => Value::DateTime(CivilDateTime {
            date: CivilDate { year, month, day },
            hour,
            minute,
            second,
            micros,
        }),
        Driver::Time(negative, days, hours, minutes, seconds, micros) => {
            // TIME ends at 838 hours, so days * 24 fits; more would be a broken server, kept visible.
            let hours = u16::try_from(days.saturating_mul(24).saturating_add(u32::from(hours))).unwrap_or(u16::MAX);
            Value::Time(CivilTime {
                negative,
                hours,
                minutes,
                seconds,
                micros,
            })
        }
    }
}
