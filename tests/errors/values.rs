//! Values that do not fit their columns, of every type: refused before any statement, and mended.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use headwater::prelude::*;
use headwater::table::{CivilDate, CivilDateTime, CivilTime, Json};
use headwater::{Error, ErrorKind};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::world::{World, names, note};

pub(crate) const EVERYTHING: Stream = Stream::new("EverythingStream");

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enumeration)]
pub(crate) enum Colour {
    #[default]
    Red,
    Green,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pairs {
    pub(crate) pairs: BTreeMap<(u8, u8), u8>,
}

/// One column of each type.
#[derive(Debug, Clone, PartialEq, Table)]
#[table(name = "everything", stream(EVERYTHING))]
pub(crate) struct Everything {
    #[column(id)]
    pub(crate) id: u64,
    pub(crate) tiny: i8,
    pub(crate) small: i16,
    pub(crate) int: i32,
    pub(crate) big: i64,
    pub(crate) utiny: u8,
    pub(crate) usmall: u16,
    pub(crate) uint: u32,
    pub(crate) ubig: u64,
    pub(crate) flag: bool,
    pub(crate) single: f32,
    pub(crate) double: f64,
    #[column(precision(6, 2))]
    pub(crate) price: Decimal,
    #[column(length = 5)]
    pub(crate) text: String,
    #[column(length = 4)]
    pub(crate) bytes: Vec<u8>,
    pub(crate) colour: Colour,
    pub(crate) colours: Set<Colour>,
    pub(crate) day: NaiveDate,
    pub(crate) at: NaiveDateTime,
    pub(crate) instant: DateTime<Utc>,
    pub(crate) time: NaiveTime,
    pub(crate) span: TimeDelta,
    pub(crate) civil_day: CivilDate,
    pub(crate) civil_at: CivilDateTime,
    pub(crate) civil_time: CivilTime,
    pub(crate) uuid: Uuid,
    pub(crate) json: Json<Pairs>,
    pub(crate) own: Ref<Everything>,
    pub(crate) maybe: Option<f64>,
}

impl Entity for Everything {
    fn saved(&self, _: &Committed<'_, Self>) {
        note(format!("saved everything {}", self.id));
    }
}

const DAY: CivilDate = CivilDate {
    year: 2024,
    month: 2,
    day: 29,
};

pub(crate) fn everything() -> Everything {
    let day = NaiveDate::from_ymd_opt(2024, 2, 29).expect("a day");
    let at = day.and_hms_opt(1, 2, 3).expect("a time");
    Everything {
        id: 0,
        tiny: 1,
        small: 1,
        int: 1,
        big: 1,
        utiny: 1,
        usmall: 1,
        uint: 1,
        ubig: 1,
        flag: true,
        single: 0.5,
        double: 0.5,
        price: Decimal::new(123, 2),
        text: "text".into(),
        bytes: vec![1],
        colour: Colour::Red,
        colours: Set::of([Colour::Green]),
        day,
        at,
        instant: at.and_utc(),
        time: at.time(),
        span: TimeDelta::hours(1),
        civil_day: DAY,
        civil_at: CivilDateTime {
            date: DAY,
            ..CivilDateTime::default()
        },
        civil_time: CivilTime::default(),
        uuid: Uuid::nil(),
        json: Json::default(),
        own: Ref::to(1),
        maybe: None,
    }
}

pub(crate) fn world() -> World {
    World::new(EVERYTHING, |builder| builder.entity::<Everything>())
}

#[track_caller]
pub(crate) fn is_misfit(error: &Error, of: &str, why: &str, shown: &str) {
    let ErrorKind::Value {
        table,
        column,
        value,
        reason,
    } = error.kind()
    else {
        panic!("{of}: {error:#?}")
    };
    assert!(error.is_value() && !error.is_retryable(), "{error:#?}");
    assert_eq!((*table, *column), ("everything", of), "{error}");
    assert!(reason.contains(why), "{of}: {error}");
    assert!(
        value.contains(shown) && value.is_empty() == shown.is_empty(),
        "{of}: {error}"
    );
    names(error, &[&format!("everything.{of}"), why, shown]);
}

type Edit = fn(&mut Everything);

fn far(year: i32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, 1, 1).expect("a day of chrono")
}

/// Column, an edit that does not fit, why it does not, the value as the error shows it.
fn misfits() -> Vec<(&'static str, Edit, &'static str, &'static str)> {
    vec![
        (
            "text",
            |e| e.text = "sixsix".into(),
            "6 characters; the column holds 5",
            "\"sixsix\"",
        ),
        (
            "text",
            |e| e.text = "😀".repeat(6),
            "6 characters; the column holds 5",
            "😀😀😀😀😀😀",
        ),
        (
            "text",
            |e| e.text = "é".repeat(100),
            "100 characters; the column holds 5",
            "ééé",
        ),
        (
            "bytes",
            |e| e.bytes = vec![255; 5],
            "5 bytes; the column holds 4",
            "0xffffffffff",
        ),
        ("single", |e| e.single = f32::NAN, "NaN and infinity", "NaN"),
        ("single", |e| e.single = f32::INFINITY, "NaN and infinity", "inf"),
        ("double", |e| e.double = f64::NAN, "NaN and infinity", "NaN"),
        ("double", |e| e.double = f64::NEG_INFINITY, "NaN and infinity", "-inf"),
        ("maybe", |e| e.maybe = Some(f64::NAN), "NaN and infinity", "NaN"),
        (
            "price",
            |e| e.price = Decimal::new(10_000, 0),
            "more than 4 digits before the point",
            "10000",
        ),
        (
            "price",
            |e| e.price = Decimal::new(-1_234_567, 2),
            "more than 4 digits before the point",
            "-12345.67",
        ),
        (
            "price",
            |e| e.price = Decimal::new(1_001, 3),
            "more than 2 digits after the point",
            "1.001",
        ),
        (
            "day",
            |e| e.day = far(10_000),
            "between the years 0 and 9999",
            "10000-01-01",
        ),
        (
            "day",
            |e| e.day = far(-1),
            "between the years 0 and 9999",
            "-0001-01-01",
        ),
        (
            "at",
            |e| e.at = far(10_000).and_time(e.time),
            "between the years 0 and 9999",
            "10000-01-01",
        ),
        (
            "instant",
            |e| e.instant = DateTime::<Utc>::MAX_UTC,
            "between the years 0 and 9999",
            "262142-12-31",
        ),
        (
            "instant",
            |e| e.instant = DateTime::<Utc>::MIN_UTC,
            "between the years 0 and 9999",
            "-262143-01-01",
        ),
        (
            "span",
            |e| e.span = TimeDelta::hours(839),
            "-838:59:59 to 838:59:59",
            "839",
        ),
        (
            "span",
            |e| e.span = TimeDelta::hours(-839),
            "-838:59:59 to 838:59:59",
            "839",
        ),
        ("span", |e| e.span = TimeDelta::MAX, "-838:59:59 to 838:59:59", "P"),
        ("civil_day", |e| e.civil_day.year = 2023, "no such day", "2023-02-29"),
        (
            "civil_day",
            |e| e.civil_day = CivilDate::default(),
            "no such day",
            "0000-00-00",
        ),
        ("civil_day", |e| e.civil_day.month = 13, "no such day", "2024-13-29"),
        ("civil_at", |e| e.civil_at.date.day = 0, "no such day", "2024-02-00"),
        ("civil_at", |e| e.civil_at.hour = 24, "no such time of day", "24:00:00"),
        (
            "civil_at",
            |e| e.civil_at.micros = 1_000_000,
            "no such time of day",
            "2024-02-29",
        ),
        (
            "civil_time",
            |e| e.civil_time.hours = 839,
            "-838:59:59 to 838:59:59",
            "839:00:00",
        ),
        (
            "civil_time",
            |e| e.civil_time.minutes = 60,
            "-838:59:59 to 838:59:59",
            "00:60:00",
        ),
        (
            "json",
            |e| e.json.pairs.extend([((1, 2), 3)]),
            "cannot be written as JSON: key must be a string",
            "",
        ),
        ("own", |e| e.own = Ref::default(), "points nowhere", ""),
        ("own", |e| e.own = Ref::to(0), "points nowhere", "0"),
    ]
}

#[test]
fn a_value_that_does_not_fit_is_refused_with_table_column_and_value() {
    let world = world();
    let log = world.database.record().unwrap();
    let mut session = world.engine.session();
    let old = session.insert(everything());
    session.flush().unwrap();
    for (column, edit, why, shown) in misfits() {
        // In a new row, beside one that is all right.
        let new = session.insert(everything());
        session[old].uint += 1;
        edit(&mut session[new]);
        log.clear().unwrap();
        let error = session.flush().unwrap_err();
        is_misfit(&error, column, why, shown);
        assert!(
            log.executed().unwrap().is_empty(),
            "{column}: it is told before the first statement"
        );
        assert_eq!(session[new].id, 0);
        session[new] = everything();
        assert_eq!(world.works(&mut session).rows(), 2, "{column}");

        // In a row that is there.
        let before = session[new].clone();
        edit(&mut session[new]);
        let error = session.flush().unwrap_err();
        is_misfit(&error, column, why, shown);
        session[new] = before;
        assert!(session.flush().unwrap().is_empty(), "{column}");
        session.evict(new).unwrap();
    }
    assert_eq!(
        world.rows("SELECT uint FROM everything WHERE id = 1"),
        [(1 + misfits().len()).to_string()]
    );
}

#[test]
fn a_failed_flush_leaves_rows_streams_and_hooks_alone() {
    let world = world();
    let mut session = world.engine.session();
    let old = session.insert(everything());
    session.flush().unwrap();
    session[old].uint = 5;
    let new = session.insert(Everything {
        text: "sixsix".into(),
        ..everything()
    });
    is_misfit(&world.fails(&mut session), "text", "6 characters", "sixsix");
    is_misfit(&world.fails(&mut session), "text", "6 characters", "sixsix");
    session[new].text = "fits".into();
    assert_eq!(world.works(&mut session).rows(), 2);
    assert_eq!(
        world.rows("SELECT text, uint FROM everything ORDER BY id"),
        ["text|5", "fits|1"]
    );
}

/// Lengths are counted in characters, not in bytes; what just fits is stored whole.
#[test]
fn what_just_fits_is_stored_whole() {
    let world = world();
    let mut session = world.engine.session();
    for text in ["😀😀😀😀😀", "ééééé", "12345", ""] {
        let new = session.insert(Everything {
            text: text.into(),
            ..everything()
        });
        world.works(&mut session);
        let id = session[new].id;
        let mut other = world.engine.session();
        let read = other.require::<Everything>(id).unwrap();
        assert_eq!(other[read].text, text);
    }
    let edge = Everything {
        tiny: i8::MIN,
        small: i16::MAX,
        int: i32::MIN,
        big: i64::MIN,
        utiny: u8::MAX,
        usmall: u16::MAX,
        uint: u32::MAX,
        ubig: u64::MAX,
        single: f32::MAX,
        double: f64::MIN,
        price: Decimal::new(-999_999, 2),
        bytes: vec![0, 255, 0, 255],
        day: far(9999),
        civil_day: CivilDate {
            year: 0,
            month: 1,
            day: 1,
        },
        span: -(TimeDelta::hours(838) + TimeDelta::minutes(59) + TimeDelta::seconds(59)),
        ..everything()
    };
    let new = session.insert(edge.clone());
    world.works(&mut session);
    let id = session[new].id;
    let mut other = world.engine.session();
    let read = other.require::<Everything>(id).unwrap();
    assert_eq!(other[read], Everything { id, ..edge });
}
