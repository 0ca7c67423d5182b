//! Stores values of one type and compares what comes back.

use std::fmt::Debug;

use headwater::prelude::*;
use headwater::query::Condition;
use headwater::table::ColumnType;
use headwater_testkit::Database;

use crate::common::database;

/// A table with a column of the type and a nullable one.
pub(crate) trait Thing: Entity<Key = u32> {
    type Value: ColumnType + Debug;

    fn new(value: Self::Value, other: Option<Self::Value>) -> Self;
    fn value(&mut self) -> &mut Self::Value;
    fn other(&mut self) -> &mut Option<Self::Value>;
    /// The condition that the column has the value; `None` for types that cannot be compared.
    fn is(value: &Self::Value) -> Option<Condition<Self>>;
}

/// A test that stores these values in a column of the type: alone, many at once, all alike, and as NULL.
///
/// `by` tells how a value is compared with the column; `in_column` what of it is kept.
#[macro_export]
macro_rules! round_trip {
    ($(#[$column:meta])? $name:ident: $type:ty $(, by $by:expr)? $(, in_column $kept:expr)?; $values:expr) => {
        #[test]
        fn $name() {
            #[derive(Debug, Clone, Default, Table)]
            #[table(name = "things")]
            struct Thing {
                #[column(id)]
                id: u32,
                $(#[$column])?
                value: $type,
                $(#[$column])?
                other: Option<$type>,
            }
            impl Entity for Thing {}
            impl $crate::round_trip::Thing for Thing {
                type Value = $type;
                fn new(value: $type, other: Option<$type>) -> Self {
                    Thing { id: 0, value, other }
                }
                fn value(&mut self) -> &mut $type {
                    &mut self.value
                }
                fn other(&mut self) -> &mut Option<$type> {
                    &mut self.other
                }
                fn is(value: &$type) -> Option<headwater::query::Condition<Self>> {
                    let by: [for<'a> fn(&'a $type) -> <$type as headwater::table::ColumnType>::Compare<'a>; _] = [$($by)?];
                    by.first().map(|by| Thing::VALUE.eq(by(value)))
                }
            }
            let kept: [fn(&$type) -> $type; _] = [$($kept)?];
            let kept = kept.first().copied();
            $crate::round_trip::check::<Thing>(Vec::from($values), kept);
        }
    };
}

/// What of a value is kept in the column.
type Kept<V> = fn(&V) -> V;

/// Whether two columns hold the same; floats by their bits.
fn same<T: ColumnType>(a: &Option<T>, b: &Option<T>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.same(b),
        (None, None) => true,
        _ => false,
    }
}

struct Check<T: Thing> {
    engine: Engine,
    kept: Option<Kept<T::Value>>,
    _database: Database,
}

impl<T: Thing> Check<T> {
    /// Compares all rows, in a session that knows nothing of them yet.
    fn expect(&self, values: &[(T::Value, Option<T::Value>)], after: &str) {
        let rows = self.engine.session().query::<T>().fetch().expect("readable rows");
        assert_eq!(rows.len(), values.len(), "after {after}");
        let keep = |value: &T::Value| self.kept.map_or_else(|| value.clone(), |keep| keep(value));
        for (mut row, (value, other)) in rows.into_iter().zip(values) {
            let found = (row.value().clone(), row.other().clone());
            let wanted = (keep(value), other.as_ref().map(keep));
            assert!(
                found.0.same(&wanted.0) && same(&found.1, &wanted.1),
                "after {after}: found {found:?} instead of {wanted:?}"
            );
        }
    }
}

pub(crate) fn check<T: Thing>(values: Vec<T::Value>, kept: Option<Kept<T::Value>>) {
    let (database, builder) = database();
    let engine = builder.entity::<T>().build().expect("an engine");
    engine.schema().diff().expect("a diff").apply().expect("a table");
    engine.schema().verify().expect("the table is as declared");
    let check = Check::<T> {
        engine: engine.clone(),
        kept,
        _database: database,
    };

    let mut rows: Vec<(T::Value, Option<T::Value>)> = values.iter().map(|v| (v.clone(), Some(v.clone()))).collect();
    rows.push((values[0].clone(), None));
    let mut session = engine.session();
    let handles: Vec<_> = rows
        .iter()
        .map(|(value, other)| session.insert(T::new(value.clone(), other.clone())))
        .collect();
    session.flush().expect("all rows in one INSERT");
    check.expect(&rows, "an INSERT of many rows");

    for (position, (value, _)) in rows.iter().enumerate() {
        if let Some(condition) = T::is(value) {
            let mut found = engine
                .session()
                .query::<T>()
                .filter(condition)
                .fetch()
                .expect("readable rows");
            let id = *session[handles[position]].key();
            assert!(
                found.iter_mut().any(|row| *row.key() == id),
                "{value:?} is not found by its value"
            );
        }
    }

    // Each row gets what the next one has.
    rows.rotate_left(1);
    for (handle, (value, other)) in handles.iter().zip(&rows) {
        *session[*handle].value() = value.clone();
        *session[*handle].other() = other.clone();
    }
    session.flush().expect("one UPDATE with different values");
    check.expect(&rows, "an UPDATE of many rows");

    for value in &values {
        for (handle, row) in handles.iter().zip(&mut rows) {
            *row = (value.clone(), Some(value.clone()));
            *session[*handle].value() = value.clone();
            *session[*handle].other() = Some(value.clone());
        }
        session.flush().expect("one UPDATE with the same values");
        check.expect(&rows, "an UPDATE of many rows alike");
    }

    for value in &values {
        rows[0] = (value.clone(), None);
        *session[handles[0]].value() = value.clone();
        *session[handles[0]].other() = None;
        session.flush().expect("an UPDATE of one row");
        check.expect(&rows, "an UPDATE of one row");
        let mut alone = engine.session();
        alone.insert(T::new(value.clone(), None));
        alone.flush().expect("an INSERT of one row");
        rows.push((value.clone(), None));
        check.expect(&rows, "an INSERT of one row");
    }
}
