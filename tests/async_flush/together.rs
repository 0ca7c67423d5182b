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
        .map(|n| {
            session.insert(Person {
                email: Some(format!("old {n}")),
                ..person(&format!("person {n}"))
            })
        })
        .collect();
    session.flush().unwrap();
    let day = chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    for (&handle, n) in people.iter().zip(0i32..) {
        let person = &mut session[handle];
        person.name = format!("{n} {}", "ł".repeat(usize::try_from(n).unwrap()));
        person.email = (n % 2 == 0).then(|| format!("{n}@example.com"));
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
