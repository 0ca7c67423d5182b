//! Dates and times of chrono as columns. What is finer than the column's digits is cut when stored.
#![cfg(feature = "chrono")]

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};

use super::civil;
use crate::error::Result;
use crate::table::column::ColumnType;
use crate::table::def::{ColumnDef, SqlType};
use crate::table::value::{CivilDate, CivilDateTime, CivilTime, Value};

/// The years that DATE and DATETIME hold.
const YEARS: std::ops::RangeInclusive<i32> = 0..=9999;

fn civil_date(date: NaiveDate) -> Option<CivilDate> {
    if !YEARS.contains(&date.year()) {
        return None;
    }
    Some(CivilDate {
        year: u16::try_from(date.year()).ok()?,
        month: u8::try_from(date.month()).ok()?,
        day: u8::try_from(date.day()).ok()?,
    })
}

fn civil_datetime(at: NaiveDateTime) -> Option<CivilDateTime> {
    Some(CivilDateTime {
        date: civil_date(at.date())?,
        hour: u8::try_from(at.hour()).ok()?,
        minute: u8::try_from(at.minute()).ok()?,
        second: u8::try_from(at.second()).ok()?,
        // A leap second is 59 with more than 10^9 nanoseconds; MySQL has none.
        micros: at.nanosecond().min(999_999_999) / 1000,
    })
}

fn naive_date(date: CivilDate) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(i32::from(date.year), u32::from(date.month), u32::from(date.day))
}

fn naive_datetime(at: CivilDateTime) -> Option<NaiveDateTime> {
    naive_date(at.date)?.and_hms_micro_opt(
        u32::from(at.hour),
        u32::from(at.minute),
        u32::from(at.second),
        at.micros,
    )
}

/// The error for a day that MySQL or chrono does not have, zero dates among them.
fn no_such_day(value: Value, column: &ColumnDef) -> crate::error::Error {
    column.misfit(&value, "no such day between the years 0 and 9999")
}

/// A value beyond what the server holds, for an error text.
fn shown(value: impl ToString) -> Value {
    Value::Text(value.to_string())
}

impl ColumnType for NaiveDate {
    type Compare<'a> = NaiveDate;
    const SQL: SqlType = SqlType::Date;

    fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
        civil_date(*self)
            .map(Value::Date)
            .ok_or_else(|| no_such_day(shown(self), column))
    }

    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        naive_date(civil::date_of(&value, column)?).ok_or_else(|| no_such_day(value, column))
    }

    fn operand(value: NaiveDate) -> Value {
        civil_date(value).map_or_else(|| shown(value), Value::Date)
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

impl ColumnType for NaiveDateTime {
    type Compare<'a> = NaiveDateTime;
    const SQL: SqlType = SqlType::DateTime { digits: 6 };

    fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
        let at = civil_datetime(*self).ok_or_else(|| no_such_day(shown(self), column))?;
        Ok(civil::datetime(at, column))
    }

    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        naive_datetime(civil::datetime_of(&value, column)?).ok_or_else(|| no_such_day(value, column))
    }

    fn operand(value: NaiveDateTime) -> Value {
        civil_datetime(value).map_or_else(|| shown(value), Value::DateTime)
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

impl ColumnType for DateTime<Utc> {
    type Compare<'a> = DateTime<Utc>;
    const SQL: SqlType = SqlType::DateTime { digits: 6 };

    fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
        self.naive_utc().encode(column)
    }

    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        NaiveDateTime::decode(value, column).map(|at| at.and_utc())
    }

    fn operand(value: DateTime<Utc>) -> Value {
        NaiveDateTime::operand(value.naive_utc())
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

impl ColumnType for NaiveTime {
    type Compare<'a> = NaiveTime;
    const SQL: SqlType = SqlType::Time { digits: 6 };

    fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
        match Self::operand(*self) {
            Value::Time(time) => Ok(civil::time(time, column)),
            other => Err(column.misfit(&other, "no such time of day")),
        }
    }

    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        let time = civil::time_of(&value, column)?;
        let found = if time.negative {
            None
        } else {
            NaiveTime::from_hms_micro_opt(
                u32::from(time.hours),
                u32::from(time.minutes),
                u32::from(time.seconds),
                time.micros,
            )
        };
        found.ok_or_else(|| column.misfit(&value, "not a time of day from 00:00:00 to 23:59:59"))
    }

    fn operand(value: NaiveTime) -> Value {
        let parts = (
            u16::try_from(value.hour()),
            u8::try_from(value.minute()),
            u8::try_from(value.second()),
        );
        match parts {
            (Ok(hours), Ok(minutes), Ok(seconds)) => Value::Time(CivilTime {
                negative: false,
                hours,
                minutes,
                seconds,
                micros: value.nanosecond().min(999_999_999) / 1000,
            }),
            _ => shown(value),
        }
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

impl ColumnType for TimeDelta {
    type Compare<'a> = TimeDelta;
    const SQL: SqlType = SqlType::Time { digits: 6 };

    fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
        match Self::operand(*self) {
            Value::Time(time) => time.encode(column),
            other => Err(column.misfit(&other, "outside of -838:59:59 to 838:59:59")),
        }
    }

    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        let time = civil::time_of(&value, column)?;
        let seconds = i64::from(time.hours) * 3600 + i64::from(time.minutes) * 60 + i64::from(time.seconds);
        let span = TimeDelta::seconds(seconds) + TimeDelta::microseconds(i64::from(time.micros));
        Ok(if time.negative { -span } else { span })
    }

    fn operand(value: TimeDelta) -> Value {
        let size = value.abs();
        let seconds = size.num_seconds();
        let micros = size.subsec_nanos() / 1000;
        match (
            u16::try_from(seconds / 3600),
            u8::try_from(seconds / 60 % 60),
            u8::try_from(seconds % 60),
            u32::try_from(micros),
        ) {
            (Ok(hours), Ok(minutes), Ok(seconds), Ok(micros)) => {
                let time = CivilTime {
                    negative: false,
                    hours,
                    minutes,
                    seconds,
                    micros,
                };
                // Zero has no sign.
                Value::Time(CivilTime {
                    negative: value < TimeDelta::zero() && time != CivilTime::default(),
                    ..time
                })
            }
            _ => shown(value),
        }
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}
