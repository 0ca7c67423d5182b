//! Values on their way to the driver.

use std::ops::Range;

use mysql::Value as Driver;

use crate::error::Result;
use crate::table::{CivilDate, CivilDateTime, RowWriter, Value};

/// One value as it is bound: for those who write statements down instead of running them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bound<'a> {
    Null,
    Int(i64),
    UInt(u64),
    Double(f64),
    Bytes(&'a [u8]),
    DateTime(CivilDateTime),
}

/// The values bound to one statement.
#[derive(Debug, Default)]
pub(crate) struct Params(Vec<Driver>);

impl Params {
    pub(crate) fn new() -> Self {
        Params::default()
    }

    /// These values, in order.
    pub(crate) fn of(values: impl IntoIterator<Item = Value>) -> Self {
        Params(values.into_iter().map(to_driver).collect())
    }

    #[inline]
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Params(Vec::with_capacity(capacity))
    }

    #[inline]
    pub(crate) fn push(&mut self, value: Value) {
        self.0.push(to_driver(value));
    }

    pub(crate) fn reserve(&mut self, values: usize) {
        self.0.reserve(values);
    }

    /// Moves these values out; NULL is left in their places, or nothing where they are all.
    pub(crate) fn take(&mut self, place: Range<usize>) -> Params {
        if place == (0..self.0.len()) {
            return std::mem::take(self);
        }
        let mut taken = Params::with_capacity(place.len());
        self.take_into(place, &mut taken);
        taken
    }

    /// As [`take`](Params::take), behind what is there.
    pub(crate) fn take_into(&mut self, place: Range<usize>, taken: &mut Params) {
        let values = self.0.get_mut(place).unwrap_or_default();
        taken
            .0
            .extend(values.iter_mut().map(|value| std::mem::replace(value, Driver::NULL)));
    }

    /// As [`size_of`](Params::size_of), of these values together.
    pub(crate) fn size(&self, place: Range<usize>) -> usize {
        let size = |value: &Driver| match value {
            Driver::Bytes(bytes) => bytes.len() + 9,
            _ => 16,
        };
        self.0.get(place).unwrap_or_default().iter().map(size).sum()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Bytes that the values take on the wire, roughly: what `max_allowed_packet` counts.
    pub(crate) fn size_of(value: &Value) -> usize {
        match value {
            Value::Text(text) => text.len() + 9,
            Value::Bytes(bytes) => bytes.len() + 9,
            _ => 16,
        }
    }

    /// The bytes of the longest value.
    #[inline]
    pub(super) fn longest(&self) -> usize {
        let length = |value: &Driver| match value {
            Driver::Bytes(bytes) => bytes.len(),
            _ => 0,
        };
        self.0.iter().map(length).max().unwrap_or(0)
    }

    /// The values, one after the other, as they are bound.
    pub(crate) fn each<'a>(&'a self) -> impl Iterator<Item = Bound<'a>> {
        self.0.iter().map(|value| match value {
            Driver::NULL => Bound::Null,
            Driver::Bytes(bytes) => Bound::Bytes(bytes),
            Driver::Int(number) => Bound::Int(*number),
            Driver::UInt(number) => Bound::UInt(*number),
            Driver::Float(number) => Bound::Double(f64::from(*number)),
            Driver::Double(number) => Bound::Double(*number),
            Driver::Date(year, month, day, hour, minute, second, micros) => Bound::DateTime(CivilDateTime {
                date: CivilDate {
                    year: *year,
                    month: *month,
                    day: *day,
                },
                hour: *hour,
                minute: *minute,
                second: *second,
                micros: *micros,
            }),
            // `to_driver` makes none: times are bound as text.
            Driver::Time(..) => Bound::Null,
        })
    }

    pub(super) fn into_driver(self) -> mysql::Params {
        if self.0.is_empty() {
            mysql::Params::Empty
        } else {
            mysql::Params::Positional(self.0)
        }
    }
}

impl RowWriter for Params {
    #[inline]
    fn null(&mut self) -> Result<()> {
        self.0.push(Driver::NULL);
        Ok(())
    }

    #[inline]
    fn int(&mut self, number: i64) -> Result<()> {
        self.0.push(Driver::Int(number));
        Ok(())
    }

    #[inline]
    fn uint(&mut self, number: u64) -> Result<()> {
        self.0.push(Driver::UInt(number));
        Ok(())
    }

    #[inline]
    fn float(&mut self, number: f32) -> Result<()> {
        self.0.push(Driver::Float(number));
        Ok(())
    }

    #[inline]
    fn double(&mut self, number: f64) -> Result<()> {
        self.0.push(Driver::Double(number));
        Ok(())
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.push(Driver::Bytes(bytes.to_vec()));
        Ok(())
    }

    #[inline]
    fn value(&mut self, value: Value) -> Result<()> {
        self.push(value);
        Ok(())
    }
}

#[inline]
fn to_driver(value: Value) -> Driver {
    match value {
        Value::Null => Driver::NULL,
        Value::Bool(v) => Driver::Int(i64::from(v)),
        Value::Int(v) => Driver::Int(v),
        Value::UInt(v) => Driver::UInt(v),
        Value::Float(v) => Driver::Float(v),
        Value::Double(v) => Driver::Double(v),
        Value::Text(v) => Driver::Bytes(v.into_bytes()),
        Value::Bytes(v) => Driver::Bytes(v),
        Value::Date(d) => Driver::Date(d.year, d.month, d.day, 0, 0, 0, 0),
        Value::DateTime(v) => Driver::Date(
            v.date.year,
            v.date.month,
            v.date.day,
            v.hour,
            v.minute,
            v.second,
            v.micros,
        ),
        // MySQL 9 refuses some bound times within the type's range ("out of range in set_parameter_value").
        Value::Time(t) => Driver::Bytes(t.to_string().into_bytes()),
    }
}
