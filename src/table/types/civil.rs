//! The crate's own plain dates and times as columns, with or without chrono.

use super::unexpected;
use crate::error::Result;
use crate::table::column::ColumnType;
use crate::table::def::{ColumnDef, SqlType};
use crate::table::value::{CivilDate, CivilDateTime, CivilTime, Value};

/// Cuts the fraction of the second to the column's digits.
pub(super) fn datetime(value: CivilDateTime, column: &ColumnDef) -> Value {
    match column.sql {
        SqlType::DateTime { digits } => Value::DateTime(value.cut(digits)),
        _ => Value::DateTime(value),
    }
}

/// Cuts the fraction of the second to the column's digits.
pub(super) fn time(value: CivilTime, column: &ColumnDef) -> Value {
    match column.sql {
        SqlType::Time { digits } => Value::Time(value.cut(digits)),
        _ => Value::Time(value),
    }
}

/// The day of a value that the server sent.
pub(super) fn date_of(value: &Value, column: &ColumnDef) -> Result<CivilDate> {
    match value {
        Value::Date(date) => Ok(*date),
        // The binary protocol has one wire form for both; a DATE has no time of day.
        Value::DateTime(at)
            if *at
                == (CivilDateTime {
                    date: at.date,
                    ..CivilDateTime::default()
                }) =>
        {
            Ok(at.date)
        }
        other => Err(unexpected(other, column, "a date")),
    }
}

/// The instant of a value that the server sent.
pub(super) fn datetime_of(value: &Value, column: &ColumnDef) -> Result<CivilDateTime> {
    match value {
        Value::DateTime(at) => Ok(*at),
        Value::Date(date) => Ok(CivilDateTime {
            date: *date,
            ..CivilDateTime::default()
        }),
        other => Err(unexpected(other, column, "a date and time")),
    }
}

/// The span of a value that the server sent.
pub(super) fn time_of(value: &Value, column: &ColumnDef) -> Result<CivilTime> {
    match value {
        Value::Time(time) => Ok(*time),
        other => Err(unexpected(other, column, "a time")),
    }
}

/// Refuses what DATE cannot hold (<https://dev.mysql.com/doc/refman/8.4/en/datetime.html>).
fn check_date(date: CivilDate, column: &ColumnDef) -> Result<()> {
    let leap = date.year.is_multiple_of(4) && (!date.year.is_multiple_of(100) || date.year.is_multiple_of(400));
    let days = match date.month {
        2 => 28 + u8::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    if date.year > 9999 || date.day == 0 || date.day > days {
        return Err(column.misfit(&Value::Date(date), "no such day between the years 0 and 9999"));
    }
    Ok(())
}

impl ColumnType for CivilDate {
    type Compare<'a> = CivilDate;
    const SQL: SqlType = SqlType::Date;

    fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
        check_date(*self, column)?;
        Ok(Value::Date(*self))
    }

    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        date_of(&value, column)
    }

    fn operand(value: CivilDate) -> Value {
        Value::Date(value)
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

impl ColumnType for CivilDateTime {
    type Compare<'a> = CivilDateTime;
    const SQL: SqlType = SqlType::DateTime { digits: 6 };

    fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
        check_date(self.date, column)?;
        if self.hour > 23 || self.minute > 59 || self.second > 59 || self.micros > 999_999 {
            return Err(column.misfit(&Value::DateTime(*self), "no such time of day"));
        }
        Ok(datetime(*self, column))
    }

    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        datetime_of(&value, column)
    }

    fn operand(value: CivilDateTime) -> Value {
        Value::DateTime(value)
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

impl ColumnType for CivilTime {
    type Compare<'a> = CivilTime;
    const SQL: SqlType = SqlType::Time { digits: 6 };

    fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
        // https://dev.mysql.com/doc/refman/8.4/en/time.html: '838:59:59.000000' is the end.
        let last = self.hours == 838 && self.minutes == 59 && self.seconds == 59;
        if self.hours > 838
            || self.minutes > 59
            || self.seconds > 59
            || self.micros > 999_999
            || (last && self.micros > 0)
        {
            return Err(column.misfit(&Value::Time(*self), "outside of -838:59:59 to 838:59:59"));
        }
        Ok(time(*self, column))
    }

    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        time_of(&value, column)
    }

    fn operand(value: CivilTime) -> Value {
        Value::Time(value)
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}
