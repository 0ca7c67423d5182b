//! FluxaORM's own cases for async flush, by name.

use std::time::Duration;

use headwater_testkit::redis;

use crate::support::*;
use crate::world::calls;

/// TestFlushAsync
#[test]
fn test_flush_async() {
    let world = world();
    let mut session = world.engine.session();
    let ana = session.insert(person("Ana"));
    let report = session.flush_async().unwrap();
    assert_eq!((report.inserted, report.statements, report.events), (1, 1, 2));
    let id = session[ana].id;
    assert_ne!(id, 0);
    assert!(world.rows("SELECT id FROM people").is_empty(), "nothing is written yet");
    assert_eq!(length(&world, QUEUE), 1);
    assert!(world.events().is_empty() && calls().is_empty());

    let mut consumer = world.engine.async_consumer().unwrap();
    assert_eq!(consumer.consume(100, Duration::ZERO).unwrap(), 1);
    assert_eq!(
        world.rows("SELECT id, name, version FROM people"),
        [format!("{id}|Ana|1")]
    );
    assert_eq!((length(&world, QUEUE), length(&world, FAILED)), (0, 0));
    assert_eq!(world.events(), [format!("people {id} Insert")]);
    assert_eq!(
        calls(),
        [
            format!("created people {id} Ana Insert"),
            format!("saved people {id} None")
        ]
    );

    // A body that is no operation keeps its bytes.
    enqueue(&world, b"a plain string");
    assert_eq!(consumer.consume(100, Duration::ZERO).unwrap(), 1);
    assert_eq!((length(&world, QUEUE), length(&world, FAILED)), (0, 1));
    assert_eq!(entries(&world, FAILED)[0]["s"], b"a plain string");

    // Invalid SQL (1064).
    enqueue(&world, &raw("INVALID SQL"));
    assert_eq!(consumer.consume(100, Duration::ZERO).unwrap(), 1);
    assert_eq!((length(&world, QUEUE), length(&world, FAILED)), (0, 2));
    let letters = world.engine.async_dead_letters().unwrap();
    let letter = letters.list(10).unwrap().pop().unwrap();
    assert!(letter.error.contains("1064"), "{}", letter.error);
    assert_eq!(
        (letter.attempts, letter.statements),
        (1, vec!["INVALID SQL".to_owned()])
    );

    // Nothing is tracked.
    assert!(session.flush_async().unwrap().is_empty());
    assert_eq!(length(&world, QUEUE), 0);

    // A consumer that dies with what it read.
    session.insert(person("Ben"));
    session.flush_async().unwrap();
    let mut connection = world.database.redis().unwrap();
    let read: redis::Value = redis::cmd("XREADGROUP")
        .arg(&[
            "GROUP",
            "consumer_group",
            "consumer-of-another-kind",
            "COUNT",
            "10",
            "STREAMS",
            QUEUE,
            ">",
        ])
        .query(&mut connection)
        .unwrap();
    assert_ne!(read, redis::Value::Nil);
    drop(consumer);
    let mut fresh = world.engine.async_consumer().unwrap();
    assert_eq!(fresh.consume(100, Duration::ZERO).unwrap(), 0);
    headwater_testkit::wait_until(crate::world::SOON, "the entry to be idle", || {
        fresh.auto_claim(100, Duration::from_millis(5)).unwrap() == 1
    })
    .unwrap();
    assert_eq!(world.rows("SELECT name FROM people"), ["Ana", "Ben"]);
    assert_eq!(length(&world, QUEUE), 0);
}

/// TestFlushAsyncDeferredCache, as far as it applies: rows are not there before they are consumed, and a deleted one
/// is there until then.
#[test]
fn test_flush_async_deferred() {
    let world = world();
    let mut consumer = world.engine.async_consumer().unwrap();
    let mut session = world.engine.session();
    let ana = session.insert(person("Ana"));
    session.flush_async().unwrap();
    let (id, created) = (session[ana].id, session[ana].created_at);
    let stored = || {
        world
            .engine
            .session()
            .find::<crate::support::Person>(id)
            .unwrap()
            .is_some()
    };
    let name = || world.rows("SELECT name FROM people").join(" ");
    assert!(!stored());
    drain(&mut consumer);
    assert!(stored());

    session[ana].name = "Anna".into();
    session.flush_async().unwrap();
    assert_eq!(name(), "Ana");
    drain(&mut consumer);
    assert_eq!(name(), "Anna");
    assert_eq!(session[ana].created_at, created);
    let stored_times = world.rows("SELECT created_at, updated_at FROM people");
    let (created, updated) = (session[ana].created_at, session[ana].updated_at);
    let shown = |at: chrono::NaiveDateTime| at.format("%Y-%m-%d %H:%M:%S%.6f").to_string();
    assert_eq!(stored_times, [format!("{}|{}", shown(created), shown(updated))]);

    session.delete(ana).unwrap();
    session.flush_async().unwrap();
    assert!(stored());
    drain(&mut consumer);
    assert!(!stored());
    assert_eq!(world.events().len(), 3);
}
