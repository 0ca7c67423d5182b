//! Rows find their own new values whatever their keys are: integers next to each other or far apart, at the ends of
//! their type, texts, UUIDs; with a version and without.

use std::fmt::Debug;

use headwater::prelude::*;
use uuid::Uuid;

use crate::common::{database, rows, sql};

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "plain")]
struct Plain {
    #[column(id)]
    id: u64,
    name: String,
    age: Option<i32>,
}
impl Entity for Plain {}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "versioned")]
struct Versioned {
    #[column(id)]
    id: i64,
    #[column(version)]
    version: u64,
    name: String,
    age: Option<i32>,
}
impl Entity for Versioned {}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "tiny")]
struct Tiny {
    #[column(id)]
    id: i8,
    name: String,
    age: Option<i32>,
}
impl Entity for Tiny {}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "by_text")]
struct ByText {
    #[column(id, length = 40)]
    code: String,
    name: String,
    age: Option<i32>,
}
impl Entity for ByText {}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "by_uuid")]
struct ByUuid {
    #[column(id)]
    id: Uuid,
    #[column(version)]
    version: i32,
    name: String,
    age: Option<i32>,
}
impl Entity for ByUuid {}

/// What the tables have in common.
trait Named: Entity + Debug + PartialEq {
    fn of(key: Self::Key) -> Self;
    fn set(&mut self, name: String, age: Option<i32>);
}

macro_rules! named {
    ($type:ident, $key:ident) => {
        impl Named for $type {
            fn of($key: Self::Key) -> Self {
                $type {
                    $key,
                    age: Some(-1),
                    ..$type::default()
                }
            }
            fn set(&mut self, name: String, age: Option<i32>) {
                (self.name, self.age) = (name, age);
            }
        }
    };
}
named!(Plain, id);
named!(Versioned, id);
named!(Tiny, id);
named!(ByText, code);
named!(ByUuid, id);

/// Sets of keys: how many, and the key at each place.
fn keys<K>(key: impl Fn(i128) -> K) -> Vec<Vec<K>> {
    let far = i128::from(u32::MAX);
    let sets: Vec<Vec<i128>> = vec![
        (0..2).collect(),
        (0..10).collect(),
        (0..100).collect(),
        // Some runs; rows that are not meant stand between them.
        (0..80).filter(|n| n % 20 != 7).collect(),
        // Many runs.
        (0..60).filter(|n| n % 3 != 1).collect(),
        // Far apart: few, and too many to look each up in a list of all.
        (0..3).map(|n| n * far).collect(),
        (0..64).map(|n| n * far).collect(),
        (0..130).map(|n| n * far).collect(),
    ];
    sets.into_iter()
        .map(|set| set.into_iter().map(&key).collect())
        .collect()
}

/// Writes rows with each set of keys, then gives each row other values in one flush, then the same values to all, and
/// deletes them; and looks at all of the table each time: also at the rows between, which nobody meant.
fn check<E: Named>(others: Vec<E::Key>, sets: Vec<Vec<E::Key>>, most_statements: u64)
where
    E::Key: Clone + PartialEq,
{
    let (database, builder) = database();
    let engine = builder.entity::<E>().build().expect("an engine");
    engine.schema().diff().and_then(|diff| diff.apply()).expect("a table");
    let key = E::TABLE.columns[E::TABLE.id].name;
    for (n, set) in sets.into_iter().enumerate() {
        sql(&database, &[&format!("DELETE FROM {}", E::TABLE.name)]);
        let mut session = engine.session();
        for other in others.iter().filter(|other| !set.contains(other)) {
            session.insert(E::of(other.clone()));
        }
        let handles: Vec<_> = set.iter().map(|key| session.insert(E::of(key.clone()))).collect();
        session.flush().expect("rows");
        let mut expected: Vec<E> = Vec::new();
        for turn in 0..2 {
            for (row, &handle) in handles.iter().enumerate() {
                // Each turn gives all rows another age, and some none.
                let age = (row % 4 != 2 + turn).then(|| (row * 10 + turn) as i32);
                session[handle].set(format!("'{row}\\ of {n} in {turn}"), age);
            }
            let report = session.flush().expect("an update");
            assert_eq!(report.updated, handles.len() as u64);
            assert!(
                report.statements <= most_statements,
                "set {n}: {} statements",
                report.statements
            );
            expected = handles.iter().map(|&handle| session[handle].clone()).collect();
        }
        let stored = engine.session().query::<E>().fetch().expect("all rows");
        for row in &expected {
            let found = stored.iter().find(|stored| stored.key() == row.key()).expect("a row");
            assert_eq!(found, row, "set {n}");
        }
        let untouched = format!("SELECT {key} FROM {} WHERE name = '' AND age = -1", E::TABLE.name);
        let untouched = rows(&database, &untouched).len();
        let meant = others
            .iter()
            .filter(|other| !expected.iter().any(|row| row.key() == *other));
        let meant = meant.count();
        assert_eq!(untouched, meant, "set {n}: rows that nobody meant");

        let count = |name: &str| {
            let matching = format!("SELECT {key} FROM {} WHERE name = '{name}'", E::TABLE.name);
            rows(&database, &matching).len()
        };
        let is_one = |report: FlushReport, what: &str| {
            assert_eq!(report.rows(), handles.len() as u64, "set {n}: {what}");
            assert!(report.statements <= most_statements, "set {n}: {what}: {report}");
        };
        for &handle in &handles {
            session[handle].set("alike".to_owned(), Some(7));
        }
        is_one(session.flush().expect("an update"), "rows alike");
        assert_eq!((count("alike"), count("")), (handles.len(), meant), "set {n}");

        // With a version, some rows have another than the rest by then.
        for &handle in handles.iter().step_by(3).take(n % 2 * handles.len()) {
            session[handle].set("apart".to_owned(), Some(8));
        }
        session.flush().expect("an update");
        for &handle in &handles {
            session.delete(handle).expect("a row");
        }
        is_one(session.flush().expect("deletes"), "deletes");
        assert_eq!(
            rows(&database, &format!("SELECT {key} FROM {}", E::TABLE.name)).len(),
            meant
        );
        assert_eq!(count(""), meant, "set {n}");
    }
}

#[test]
fn by_unsigned_integers() {
    let (half, end) = (i128::from(i64::MAX), i128::from(u64::MAX));
    for start in [1, 1 << 53, half - 50, end - 200, end - 99] {
        let key = move |n: i128| {
            // At the end of the type, what is far apart goes down.
            u64::try_from(start + n).unwrap_or_else(|_| u64::try_from(start - n).unwrap())
        };
        let others = (0..140).map(key).collect();
        check::<Plain>(others, keys(key), 1);
    }
}

#[test]
fn by_signed_integers_with_a_version() {
    for start in [
        i128::from(i64::MIN),
        -20,
        1,
        i128::from(i64::MAX) - 200,
        i128::from(i64::MAX) - 99,
    ] {
        let key = move |n: i128| i64::try_from(start + n).unwrap_or_else(|_| i64::try_from(start - n).unwrap());
        // Nought is a key that is to be made.
        let not_nought = |keys: Vec<i64>| keys.into_iter().filter(|&key| key != 0).collect::<Vec<_>>();
        let others = not_nought((0..140).map(key).collect());
        check::<Versioned>(others, keys(key).into_iter().map(not_nought).collect(), 1);
    }
}

#[test]
fn by_a_single_byte() {
    let sets = vec![
        (-128..-120).collect(),
        (-5..0).chain(1..7).collect(),
        (-60..0).chain(1..60).collect(),
        (100..=127).collect(),
        vec![-128, -1, 127],
    ];
    check::<Tiny>((-128..=127).filter(|&key| key != 0).collect(), sets, 1);
}

#[test]
fn by_texts() {
    let key = |n: i128| match n % 3 {
        0 => format!("Ä\\'{n}"),
        1 => format!("{n}"),
        // Another key than with a small letter, and than its number.
        _ => format!("{}E{n}", n % 2),
    };
    let others = (0..140).map(|n| key(n).to_lowercase()).collect();
    check::<ByText>(others, keys(key), 1);
}

#[test]
fn by_uuids_with_a_version() {
    let key = |n: i128| Uuid::from_u128(n.unsigned_abs() << 64 | 0xfedc_ba98_7654_3210 | 1 << 127);
    let others = (0..140).map(|n| key(n + 1_000_000)).collect();
    check::<ByUuid>(others, keys(key), 1);
}
