//! Operations that become one statement, and those that must not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use headwater::prelude::*;

use crate::support::*;

/// An engine whose statements that write rows of these tables are kept.
fn watched(world: &crate::world::World) -> (Engine, Arc<Mutex<Vec<String>>>) {
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = log.clone();
    let builder = Engine::builder()
        .mysql(world.database.mysql_url())
        .redis(world.database.redis_url())
        .on_statement(move |event| {
            let is_ours = ["`people`", "`counters`"].iter().any(|table| event.sql.contains(table));
            if is_ours && !event.sql.starts_with("SELECT") {
                kept.lock().unwrap().push(event.sql.chars().take(24).collect());
            }
        });
    (entities(builder).build().unwrap(), log)
}

#[test]
fn updates_of_many_operations_are_few_statements() {
    let world = world();
    let mut session = world.engine.session();
    let people: Vec<Handle<Person>> = (0..40)
        .map(|n| session.insert(person(&format!("person {n}"))))
        .collect();
    session.flush().unwrap();
    let day = chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    for (&handle, n) in people.iter().zip(0i32..) {
        let person = &mut session[handle];
        person.name = format!("{n} {}", "ł".repeat(usize::try_from(n).unwrap()));
        person.age = u8::try_from(n).ok();
        person.balance = Some(i64::from(-n));
        person.score = Some(f64::from(n) / 3.0);
        person.active = Some(n % 3 == 0);
        person.born = day.checked_add_days(chrono::Days::new(n.unsigned_abs().into()));
        person.seen = day.and_hms_micro_opt(1, 2, 3, n.unsigned_abs());
        session.flush_async().unwrap();
    }
    let (engine, log) = watched(&world);
    assert_eq!(
        engine.async_consumer().unwrap().consume(1000, Duration::ZERO).unwrap(),
        40
    );
    let statements = log.lock().unwrap();
    assert_eq!(statements.len(), 1, "{statements:?}");
    let mut other = world.engine.session();
    for &handle in &people {
        let stored = other.find::<Person>(session[handle].id).unwrap().unwrap();
        assert_eq!(other[stored], session[handle]);
    }
    assert_eq!(world.events().len(), 40 + 40);
}

#[test]
fn a_row_that_is_updated_again_is_updated_in_order() {
    let world = world();
    let mut session = world.engine.session();
    let rows: Vec<Handle<Counter>> = (0..10).map(|n| session.insert(counter(&format!("c{n}")))).collect();
    session.flush().unwrap();
    for turn in 1..=3 {
        for &row in &rows {
            session[row].value = turn;
            session.flush_async().unwrap();
        }
    }
    let (engine, log) = watched(&world);
    assert_eq!(
        engine.async_consumer().unwrap().consume(1000, Duration::ZERO).unwrap(),
        30
    );
    assert_eq!(log.lock().unwrap().len(), 3);
    assert_eq!(world.rows("SELECT DISTINCT value FROM counters"), ["3"]);
}

#[test]
fn one_stale_row_does_not_take_the_others_with_it() {
    let world = world();
    let mut session = world.engine.session();
    let people: Vec<Handle<Person>> = (0..20)
        .map(|n| session.insert(person(&format!("person {n}"))))
        .collect();
    session.flush().unwrap();
    sql(
        &world,
        &["UPDATE people SET version = 7 WHERE name IN ('person 3', 'person 19')"],
    );
    for &handle in &people {
        session[handle].age = Some(18);
        session.flush_async().unwrap();
    }
    assert_eq!(drain(&mut world.engine.async_consumer().unwrap()), 20);
    assert_eq!((length(&world, QUEUE), length(&world, FAILED)), (0, 2));
    assert_eq!(
        world.rows("SELECT name, version FROM people WHERE age IS NULL ORDER BY id"),
        ["person 3|7", "person 19|7"]
    );
    assert_eq!(
        world.rows("SELECT COUNT(*) FROM people WHERE age = 18 AND version = 2"),
        ["18"]
    );
}

#[test]
fn unique_values_are_handed_over_in_order() {
    let world = world();
    let mut session = world.engine.session();
    let email = |n: usize| Some(format!("{n}@example.com"));
    let people: Vec<Handle<Person>> = (0..6)
        .map(|n| {
            session.insert(Person {
                email: email(n),
                ..person(&format!("person {n}"))
            })
        })
        .collect();
    session.flush().unwrap();
    let shift = |session: &mut Session, by: usize| {
        for (n, &handle) in people.iter().enumerate() {
            session[handle].email = email(n + by);
        }
    };
    // In one operation, whose plan has an order.
    shift(&mut session, 1);
    session.flush_async().unwrap();
    // One operation after the other: the last moves on first.
    for (n, &handle) in people.iter().enumerate().rev() {
        session[handle].email = email(n + 2);
        session.flush_async().unwrap();
    }
    let mut consumer = world.engine.async_consumer().unwrap();
    assert_eq!(consumer.consume(100, Duration::ZERO).unwrap(), 7);
    assert_eq!(length(&world, FAILED), 0);
    assert_eq!(
        world.rows("SELECT email FROM people ORDER BY id"),
        (2..8).map(|n| email(n).unwrap()).collect::<Vec<String>>()
    );
    // Round in a circle, with one parked.
    for (n, &handle) in people.iter().enumerate() {
        session[handle].email = email(2 + (n + 1) % 6);
    }
    session.flush_async().unwrap();
    assert_eq!((drain(&mut consumer), length(&world, FAILED)), (1, 0));
    assert_eq!(
        world.rows("SELECT email FROM people ORDER BY id LIMIT 1"),
        ["3@example.com"]
    );
}

/// A consumer whose struct is older: what does not fit there is not forced through its types.
#[test]
fn a_value_that_the_consumers_struct_cannot_hold_is_stored_whole() {
    #[derive(Debug, Clone, Default, PartialEq, Table)]
    #[table(name = "counters", stream(EVENTS))]
    struct Older {
        #[column(id)]
        id: u64,
        #[column(length = 3)]
        name: String,
        value: i32,
    }
    impl Entity for Older {}

    let world = world();
    let mut session = world.engine.session();
    let rows: Vec<Handle<Counter>> = (0..8).map(|n| session.insert(counter(&format!("c{n}")))).collect();
    session.flush().unwrap();
    for &row in &rows {
        session[row].name.push_str(" is longer");
        session.flush_async().unwrap();
    }
    let older = Engine::builder()
        .mysql(world.database.mysql_url())
        .redis(world.database.redis_url())
        .entity::<Older>()
        .async_flush()
        .build()
        .unwrap();
    assert_eq!(drain(&mut older.async_consumer().unwrap()), 8);
    assert_eq!(world.rows("SELECT name FROM counters WHERE id = 1"), ["c0 is longer"]);
    assert_eq!(length(&world, FAILED), 0);
}
