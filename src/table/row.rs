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

/// One value of a row, in its place: looked at before it is moved out.
#[doc(hidden)]
#[derive(Debug)]
pub struct Cell<'a>(Place<'a>);

#[derive(Debug)]
enum Place<'a> {
    Value(&'a mut Value),
    Driver(&'a mut Option<Driver>),
}

/// A number as it was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Int(i64),
    UInt(u64),
    Double(f64),
}

impl Cell<'_> {
    /// Moves the value out.
    #[inline]
    pub(crate) fn take(&mut self) -> Value {
        match &mut self.0 {
            Place::Value(value) => value.take(),
            Place::Driver(cell) => take(cell),
        }
    }

    /// Whether it is NULL.
    #[inline]
    pub(crate) fn is_null(&self) -> bool {
        match &self.0 {
            Place::Value(value) => value.is_null(),
            Place::Driver(cell) => matches!(cell, None | Some(Driver::NULL)),
        }
    }

    /// The number that it is.
    #[inline]
    pub(crate) fn number(&self) -> Option<Number> {
        match &self.0 {
            Place::Driver(Some(Driver::Int(number))) => Some(Number::Int(*number)),
            Place::Driver(Some(Driver::UInt(number))) => Some(Number::UInt(*number)),
            Place::Driver(Some(Driver::Double(number))) => Some(Number::Double(*number)),
            _ => None,
        }
    }

    /// The bytes that it is.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Option<&mut Vec<u8>> {
        match &mut self.0 {
            Place::Driver(Some(Driver::Bytes(bytes))) | Place::Value(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }
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
    #[inline]
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

    /// The value at the position, in its place.
    #[doc(hidden)]
    #[inline]
    pub fn cell(&mut self, position: usize, column: &'static ColumnDef) -> Result<Cell<'_>> {
        let place = match &mut self.cells {
            Cells::Driver(cells) => cells.get_mut(position).map(Place::Driver),
            Cells::Values(values) => values.get_mut(position).map(Place::Value),
        };
        place.map(Cell).ok_or_else(|| too_short(column))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::def::SqlType;

    static COLUMN: ColumnDef = ColumnDef {
        table: "things",
        name: "value",
        quoted: "`value`",
        field: "value",
        sql: SqlType::Double,
        nullable: true,
        default: None,
        reference: None,
        binary_text: false,
    };

    /// What a type makes of a value in its place is what it makes of the value.
    fn check<T: ColumnType + std::fmt::Debug>(value: &Driver) {
        let told = |result: Result<T>| match result {
            Ok(value) => format!("{value:?}"),
            Err(error) => error.to_string(),
        };
        let taken = |mut row: Row| {
            told(
                row.cell(0, &COLUMN)
                    .and_then(|mut cell| T::from_cell(&mut cell, &COLUMN)),
            )
        };
        let row = || Row::of_driver(vec![Some(value.clone())]);
        let moved = told(row().value(0, &COLUMN).and_then(|value| T::decode(value, &COLUMN)));
        assert_eq!(taken(row()), moved, "{value:?}");
        assert_eq!(taken(Row::new(row().values())), moved, "{value:?}");
    }

    #[test]
    fn a_value_in_its_place_is_decoded_as_if_it_were_moved_out() {
        let texts: [&[u8]; 8] = [b"", b"0", b"1", b"-7", b"300", b"1.5", b"Ana", b"\xff"];
        let numbers = [i64::MIN, -129, -1, 0, 1, 2, 127, 128, 256, 1 << 40, i64::MAX];
        let doubles = [0.0, -0.0, 1.0, 0.1, 1e300, f64::NAN, 16_777_217.0];
        let mut values = vec![
            Driver::NULL,
            Driver::UInt(u64::MAX),
            Driver::Float(0.1),
            Driver::Date(2024, 2, 29, 1, 2, 3, 4),
            Driver::Time(true, 1, 2, 3, 4, 5),
        ];
        values.extend(texts.map(|text| Driver::Bytes(text.to_vec())));
        values.extend(numbers.map(Driver::Int));
        values.extend(numbers.iter().filter_map(|n| u64::try_from(*n).ok()).map(Driver::UInt));
        values.extend(doubles.map(Driver::Double));
        for value in &values {
            check::<u8>(value);
            check::<i8>(value);
            check::<u16>(value);
            check::<i32>(value);
            check::<u64>(value);
            check::<i64>(value);
            check::<bool>(value);
            check::<f32>(value);
            check::<f64>(value);
            check::<String>(value);
            check::<Vec<u8>>(value);
            check::<Option<u32>>(value);
            check::<Option<bool>>(value);
            check::<Option<String>>(value);
        }
        assert!(Row::new(Vec::new()).cell(0, &COLUMN).is_err());
    }
}
