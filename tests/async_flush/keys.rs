//! Keys of rows that are inserted later.

use std::collections::HashSet;

use headwater::prelude::*;
use headwater_testkit::redis;

use crate::common;
use crate::support::*;

#[test]
fn keys_are_unique_between_engines_and_with_auto_increment() {
    let world = world();
    let engines = [engine(&world), engine(&world)];
    let mut keys = HashSet::new();
    let mut all = 0;
    for round in 0..4 {
        for engine in &engines {
            let mut session = engine.session();
            let queued: Vec<_> = (0..300)
                .map(|n| session.insert(counter(&format!("q{round}{n}"))))
                .collect();
            session.flush_async().unwrap();
            // Meanwhile others insert at once.
            let mut other = world.engine.session();
            let stored: Vec<_> = (0..50)
                .map(|n| other.insert(counter(&format!("s{round}{n}"))))
                .collect();
            other.flush().unwrap();
            keys.extend(queued.iter().map(|&row| session[row].id));
            keys.extend(stored.iter().map(|&row| other[row].id));
            all += 350;
            if round == 1 {
                drain(&mut world.engine.async_consumer().unwrap());
            }
        }
    }
    assert_eq!(keys.len(), all);
    drain(&mut world.engine.async_consumer().unwrap());
    assert_eq!(world.rows("SELECT COUNT(*) FROM counters"), [all.to_string()]);
    assert_eq!(length(&world, FAILED), 0);
}

#[test]
fn a_lost_counter_is_seeded_behind_what_is_stored_and_what_is_queued() {
    let world = world();
    sql(
        &world,
        &["INSERT INTO counters (id, name, value) VALUES (5000, 'old', 1)"],
    );
    let mut session = world.engine.session();
    let row = session.insert(counter("a"));
    session.flush_async().unwrap();
    let first = session[row].id;
    assert!(first > 5000, "{first}");
    let mut connection = world.database.redis().unwrap();
    let counters: Vec<String> = redis::cmd("KEYS")
        .arg("_headwater_async_keys:*")
        .query(&mut connection)
        .unwrap();
    assert_eq!(counters.len(), 1, "{counters:?}");
    // The counter is lost, and so is what the server knew, as after an import.
    let _: () = redis::cmd("DEL").arg(&counters[0]).query(&mut connection).unwrap();
    sql(
        &world,
        &["DELETE FROM counters", "ALTER TABLE counters AUTO_INCREMENT = 1"],
    );
    let fresh = engine(&world);
    let mut session = fresh.session();
    let row = session.insert(counter("b"));
    session.flush_async().unwrap();
    assert!(session[row].id > first, "{} after {first}", session[row].id);
    assert_eq!(drain(&mut fresh.async_consumer().unwrap()), 2);
    assert_eq!(world.rows("SELECT name FROM counters ORDER BY id"), ["a", "b"]);
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "tinies")]
struct Tiny {
    #[column(id)]
    id: i8,
    #[column(unique)]
    name: String,
}
impl Entity for Tiny {}

#[test]
fn a_small_type_of_key_runs_out_with_a_clear_error() {
    let (database, builder) = common::database();
    let engine = builder.entity::<Tiny>().async_flush().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    // What a row of defaults would collide with.
    common::sql(&database, &["INSERT INTO tinies (name) VALUES ('')"]);
    let mut session = engine.session();
    let mut made = 0;
    let error = loop {
        session.insert(Tiny {
            name: format!("t{made}"),
            ..Tiny::default()
        });
        match session.flush_async() {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
        assert!(made < 128);
    };
    assert!(
        error.to_string().contains("tinies.id: the key's type has no more keys"),
        "{error}"
    );
    assert!(made > 100, "{made}");
    assert_eq!(drain(&mut engine.async_consumer().unwrap()), made);
    assert_eq!(
        common::rows(&database, "SELECT COUNT(*) FROM tinies"),
        [[(made + 1).to_string()]]
    );
}

#[test]
fn a_key_that_is_set_is_kept() {
    let world = world();
    let mut session = world.engine.session();
    let row = session.insert(Counter { id: 77, ..counter("a") });
    session.flush_async().unwrap();
    assert_eq!(session[row].id, 77);
    assert_eq!(session.find::<Counter>(77).unwrap(), Some(row), "the session knows it");
    drain(&mut world.engine.async_consumer().unwrap());
    assert_eq!(world.rows("SELECT id FROM counters"), ["77"]);
}

#[test]
fn a_flush_takes_as_many_keys_as_it_has_rows_without_one() {
    let world = world();
    let mut session = world.engine.session();
    let old: Vec<_> = (0..20).map(|n| session.insert(counter(&format!("old {n}")))).collect();
    session.flush_async().unwrap();
    let mut last = session[*old.last().unwrap()].id;
    // One row beside many that are changed, and beside rows of another table and rows with keys of their own.
    for turn in 1..=5 {
        for &row in &old {
            session[row].value = turn;
        }
        session.insert(person(&format!("person {turn}")));
        let two = [session.insert(counter("a")), session.insert(counter("b"))];
        session.insert(Counter {
            id: 1_000_000 + u64::from(turn.unsigned_abs()),
            ..counter("own key")
        });
        session.flush_async().unwrap();
        assert_eq!(two.map(|row| session[row].id), [last + 1, last + 2]);
        last += 2;
    }
}
