//! Every way in which a flush writes rows must store the same: one row, many rows at once, all rows alike.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
mod keys;
mod locks;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use common::database;
use headwater::prelude::*;
use headwater::table::Json;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rust_decimal::Decimal;
use uuid::Uuid;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enumeration)]
enum Colour {
    #[default]
    Red,
    #[enumeration(name = "it's \\ \"green\"")]
    Green,
    #[enumeration(name = "żółty")]
    Yellow,
}

/// One column of every type, and of most a nullable one.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "everything")]
struct Everything {
    #[column(id)]
    id: u64,
    tiny: i8,
    small: Option<u16>,
    int: i32,
    big: u64,
    long: Option<i64>,
    flag: bool,
    perhaps: Option<bool>,
    single: f32,
    double: Option<f64>,
    #[column(precision(20, 6))]
    price: Option<Decimal>,
    #[column(length = 40)]
    text: String,
    note: Option<String>,
    #[column(length = max)]
    essay: String,
    #[column(length = 64)]
    bytes: Option<Vec<u8>>,
    blob: Vec<u8>,
    colour: Colour,
    other: Option<Colour>,
    colours: Set<Colour>,
    day: Option<NaiveDate>,
    at: Option<NaiveDateTime>,
    instant: DateTime<Utc>,
    time: Option<NaiveTime>,
    span: Option<TimeDelta>,
    uuid: Uuid,
    maybe: Option<Uuid>,
    json: Json<Vec<Option<String>>>,
}
impl Entity for Everything {}

fn micros(at: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at).unwrap()
}

prop_compose! {
    fn numbers()(
        tiny in any::<i8>(), small in any::<Option<u16>>(), int in any::<i32>(), big in any::<u64>(), long in any::<Option<i64>>(),
        flag in any::<bool>(), perhaps in any::<Option<bool>>(),
        single in prop::num::f32::NORMAL | prop::num::f32::ZERO,
        double in prop::option::of(prop::num::f64::NORMAL | prop::num::f64::ZERO),
        price in prop::option::of((-99_999_999_999_999_999_999i128..=99_999_999_999_999_999_999).prop_map(|n| Decimal::from_i128_with_scale(n, 6))),
    ) -> Everything {
        Everything { tiny, small, int, big, long, flag, perhaps, single, double, price, ..Everything::default() }
    }
}

prop_compose! {
    fn texts()(
        text in "\\PC{0,40}", note in prop::option::of("\\PC{0,255}"), essay in "\\PC{0,600}",
        bytes in prop::option::of(prop::collection::vec(any::<u8>(), 0..=64)),
        blob in prop::collection::vec(any::<u8>(), 0..300),
        colour in colour(), other in prop::option::of(colour()), colours in prop::collection::vec(colour(), 0..3),
        json in prop::collection::vec(prop::option::of("\\PC{0,20}"), 0..4),
    ) -> Everything {
        Everything {
            text, note, essay, bytes, blob, colour, other, colours: Set::of(colours), json: Json(json), ..Everything::default()
        }
    }
}

fn colour() -> impl Strategy<Value = Colour> {
    prop_oneof![Just(Colour::Red), Just(Colour::Green), Just(Colour::Yellow)]
}

prop_compose! {
    fn everything()(
        numbers in numbers(), texts in texts(),
        day in prop::option::of(-719_528i64..2_932_896), at in prop::option::of(-62_167_219_200_000_000i64..253_402_300_799_999_999),
        instant in -62_167_219_200_000_000i64..253_402_300_799_999_999,
        time in prop::option::of(0u64..86_400_000_000), span in prop::option::of(-3_020_399_000_000i64..=3_020_399_000_000),
        uuid in any::<u128>(), maybe in any::<Option<u128>>(),
    ) -> Everything {
        Everything {
            text: texts.text, note: texts.note, essay: texts.essay, bytes: texts.bytes, blob: texts.blob, colour: texts.colour,
            other: texts.other, colours: texts.colours, json: texts.json,
            day: day.map(|days| micros(days * 86_400_000_000).date_naive()),
            at: at.map(|at| micros(at).naive_utc()),
            instant: micros(instant),
            time: time.map(|t| NaiveTime::MIN + TimeDelta::microseconds(t as i64)),
            span: span.map(TimeDelta::microseconds),
            uuid: Uuid::from_u128(uuid),
            maybe: maybe.map(Uuid::from_u128),
            ..numbers
        }
    }
}

fn check(engine: &Engine, expected: &[Everything]) {
    let stored = engine
        .session()
        .query::<Everything>()
        .order_by(Everything::ID.asc())
        .fetch()
        .unwrap();
    for (stored, expected) in stored.iter().zip(expected) {
        for (column, about) in Everything::TABLE.columns.iter().enumerate() {
            let (stored, expected) = (stored.encode(column).unwrap(), expected.encode(column).unwrap());
            assert!(
                stored.same(&expected),
                "{}: {stored} is stored, {expected} was written",
                about.name
            );
        }
    }
    assert_eq!(stored.len(), expected.len());
}

/// So many rows at once that they are joined with a table of values, but for those that it cannot carry.
#[test]
fn rows_whose_keys_are_far_apart_are_stored_the_same() {
    let (_database, builder) = database();
    let engine = builder.entity::<Everything>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 6,
        failure_persistence: None,
        ..Config::default()
    });
    // With more than 64 rows, one after the other is far away.
    let rows = || prop::collection::vec(everything(), 1..80);
    runner
        .run(&(rows(), rows()), |(first, second)| {
            let mut session = engine.session();
            let keyed = (0u64..).zip(&first).map(|(n, row)| Everything {
                id: 1 + n * n * 1_000_000_007,
                ..row.clone()
            });
            let handles: Vec<_> = keyed.map(|row| session.insert(row)).collect();
            session.flush().unwrap();
            for (&handle, row) in handles.iter().zip(second.iter().cycle()) {
                let id = session[handle].id;
                session[handle] = Everything { id, ..row.clone() };
            }
            session.flush().unwrap();
            let updated: Vec<Everything> = handles.iter().map(|&handle| session[handle].clone()).collect();
            check(&engine, &updated);
            handles.iter().for_each(|&handle| session.delete(handle).unwrap());
            session.flush().unwrap();
            Ok(())
        })
        .unwrap();
}

#[test]
fn long_values_of_many_rows_are_stored_whole() {
    let (_database, builder) = database();
    let engine = builder.entity::<Everything>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut session = engine.session();
    let handles: Vec<_> = (0..6).map(|_| session.insert(Everything::default())).collect();
    session.flush().unwrap();
    for turn in 1..=3 {
        // Beyond what a VARCHAR and a TEXT hold; bytes that are no text.
        let long = [100, 30_000, 65_000][turn - 1];
        for (n, &handle) in handles.iter().enumerate() {
            let row = &mut session[handle];
            row.essay = format!("{turn}ß{n}").repeat(long);
            row.blob = (0..long).map(|byte| (byte * turn + n) as u8).rev().collect();
            row.json = Json(vec![Some(format!("\\\"ж{n}").repeat(long)), None]);
        }
        let report = session.flush().unwrap();
        assert_eq!((report.updated, report.statements), (6, 1));
        let expected: Vec<Everything> = handles.iter().map(|&handle| session[handle].clone()).collect();
        check(&engine, &expected);
    }
}

#[test]
fn all_strategies_store_the_same() {
    let (_database, builder) = database();
    let engine = builder.entity::<Everything>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 12,
        failure_persistence: None,
        ..Config::default()
    });
    let rows = || prop::collection::vec(everything(), 30);
    runner
        .run(&(rows(), rows()), |(first, second)| {
            let mut session = engine.session();
            let handles: Vec<_> = first.iter().cloned().map(|row| session.insert(row)).collect();
            session.flush().unwrap();
            let inserted: Vec<Everything> = handles.iter().map(|&handle| session[handle].clone()).collect();
            check(&engine, &inserted);

            // All rows to other values in all columns.
            for (&handle, row) in handles.iter().zip(&second) {
                let id = session[handle].id;
                session[handle] = Everything { id, ..row.clone() };
            }
            session.flush().unwrap();
            let updated: Vec<Everything> = handles.iter().map(|&handle| session[handle].clone()).collect();
            check(&engine, &updated);

            // Column by column, so that the rows share a statement.
            for column in 1..Everything::TABLE.columns.len() {
                for (&handle, row) in handles.iter().zip(&first) {
                    session[handle].copy_column(column, row);
                }
                session.flush().unwrap();
            }
            let shared: Vec<Everything> = handles.iter().map(|&handle| session[handle].clone()).collect();
            check(&engine, &shared);

            for &handle in &handles {
                session.delete(handle).unwrap();
            }
            session.flush().unwrap();
            check(&engine, &[]);
            Ok(())
        })
        .unwrap();
}
