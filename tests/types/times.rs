//! Dates and times, of chrono and of the crate itself.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SubsecRound, TimeDelta, Utc};
use headwater::prelude::*;
use headwater::table::{CivilDate, CivilDateTime, CivilTime};

use crate::round_trip;

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a day")
}

fn at(date: NaiveDate, hour: u32, minute: u32, second: u32, micros: u32) -> NaiveDateTime {
    date.and_hms_micro_opt(hour, minute, second, micros).expect("a time")
}

fn least() -> NaiveDateTime {
    at(day(0, 1, 1), 0, 0, 0, 0)
}

fn greatest() -> NaiveDateTime {
    at(day(9999, 12, 31), 23, 59, 59, 999_999)
}

/// Cut, not rounded: another day would be another fact.
fn to_millis(moment: &NaiveDateTime) -> NaiveDateTime {
    moment.trunc_subsecs(3)
}

round_trip!(date: NaiveDate, by |v| *v; [day(0, 1, 1), day(1, 1, 1), day(1970, 1, 1), day(2024, 2, 29), day(9999, 12, 31)]);
round_trip!(date_time: NaiveDateTime, by |v| *v; [
    least(),
    at(day(1969, 12, 31), 23, 59, 59, 999_999),
    at(day(2024, 2, 29), 0, 0, 0, 1),
    greatest(),
]);
round_trip!(#[column(precision = 3)] millis: NaiveDateTime, in_column to_millis; [
    at(day(2024, 12, 31), 23, 59, 59, 999_999),
    at(day(2024, 12, 31), 23, 59, 59, 999_400),
    greatest(),
]);
round_trip!(#[column(precision = 0)] seconds: NaiveDateTime, in_column |v| v.trunc_subsecs(0); [
    least(),
    at(day(2024, 12, 31), 23, 59, 59, 999_999),
    greatest(),
]);
// Around the change to summer time of most places with one.
round_trip!(utc: DateTime<Utc>, by |v| *v; [
    least(),
    at(day(2024, 3, 31), 1, 30, 0, 0),
    at(day(2024, 3, 31), 2, 30, 0, 0),
    at(day(2024, 3, 10), 2, 30, 0, 0),
    greatest(),
]
.map(|at| at.and_utc()));
round_trip!(time: NaiveTime, by |v| *v; [
    NaiveTime::MIN,
    NaiveTime::from_hms_micro_opt(0, 0, 0, 1).expect("a time"),
    NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).expect("a time"),
]);
round_trip!(#[column(precision = 0)] whole_time: NaiveTime, in_column |v| v.trunc_subsecs(0); [
    NaiveTime::MIN,
    NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).expect("a time"),
]);
round_trip!(span: TimeDelta, by |v| *v; [
    TimeDelta::seconds(-3_020_399),
    TimeDelta::microseconds(-1),
    TimeDelta::zero(),
    TimeDelta::microseconds(3_020_398_999_999),
    TimeDelta::seconds(3_020_399),
]);
round_trip!(civil_date: CivilDate, by |v| *v; [
    CivilDate { year: 0, month: 1, day: 1 },
    CivilDate { year: 9999, month: 12, day: 31 },
]);
round_trip!(civil_date_time: CivilDateTime, by |v| *v; [
    CivilDateTime {
        date: CivilDate { year: 0, month: 1, day: 1 },
        ..CivilDateTime::default()
    },
    CivilDateTime {
        date: CivilDate { year: 9999, month: 12, day: 31 },
        hour: 23,
        minute: 59,
        second: 59,
        micros: 999_999,
    },
]);
round_trip!(civil_time: CivilTime, by |v| *v; [
    CivilTime { negative: true, hours: 838, minutes: 59, seconds: 59, micros: 0 },
    CivilTime::default(),
    CivilTime { negative: false, hours: 838, minutes: 59, seconds: 58, micros: 999_999 },
]);
