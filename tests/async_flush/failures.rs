//! What fails: for good, for now, in the middle of a batch; dead letters and what is decided about them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use headwater::prelude::*;
use headwater_testkit::mysql::prelude::Queryable;

use crate::support::*;
use crate::world::calls;

/// Counters with these values of a row that is inserted first.
fn queued(world: &crate::world::World, names: &[&str]) -> (Session, Vec<Handle<Counter>>) {
    let mut session = world.engine.session();
    let mut handles = Vec::new();
    for name in names {
        handles.push(session.insert(counter(name)));
        session.flush_async().unwrap();
    }
    (session, handles)
}

#[test]
fn one_that_fails_does_not_take_the_others_of_its_batch_with_it() {
    let world = world();
    let (_session, _) = queued(&world, &["a", "b", "c", "d"]);
    // The key of the second is taken meanwhile.
    assert_eq!(length(&world, QUEUE), 4);
    let mut other = world.engine.session();
    let second = 2u64;
    other.insert(Counter {
        id: second,
        ..counter("squatter")
    });
    other.flush().unwrap();
    let errors: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = errors.clone();
    let mut consumer = world
        .engine
        .async_consumer()
        .unwrap()
        .on_error(move |error| told.lock().unwrap().push(error.to_string()));
    assert_eq!(consumer.consume(100, Duration::ZERO).unwrap(), 4);
    assert_eq!(
        world.rows("SELECT name FROM counters ORDER BY id"),
        ["a", "squatter", "c", "d"]
    );
    assert_eq!((length(&world, QUEUE), length(&world, FAILED)), (0, 1));
    let letter = world.engine.async_dead_letters().unwrap().list(1).unwrap().remove(0);
    assert!(
        letter.error.contains("duplicate value") && letter.error.contains("1062"),
        "{}",
        letter.error
    );
    assert_eq!(errors.lock().unwrap().len(), 1);
    assert_eq!(
        world.events(),
        [
            "counters 2 Insert",
            "counters 1 Insert",
            "counters 3 Insert",
            "counters 4 Insert"
        ]
    );
    let queue = world.engine.delivery().queue.unwrap();
    assert_eq!((queue.backlog, queue.failed, queue.oldest), (0, 1, None));
}

#[test]
fn what_failed_for_good_stops_later_operations_of_the_same_row_until_it_is_replayed() {
    let world = world();
    sql(
        &world,
        &["ALTER TABLE counters ADD CONSTRAINT small CHECK (value < 10)"],
    );
    let (mut session, handles) = queued(&world, &["a", "b"]);
    let mut consumer = world.engine.async_consumer().unwrap();
    drain(&mut consumer);
    let (a, b) = (handles[0], handles[1]);
    for value in [1, 20, 3] {
        session[a].value = value;
        session.flush_async().unwrap();
    }
    session[b].value = 5;
    session.flush_async().unwrap();
    // 1 is executed, 20 is refused (3819, 4025), 3 waits for it, b does not.
    assert_eq!(consumer.consume(100, Duration::ZERO).unwrap(), 3);
    assert_eq!(world.rows("SELECT name, value FROM counters"), ["a|1", "b|5"]);
    assert_eq!((length(&world, QUEUE), length(&world, FAILED)), (1, 1));
    assert_eq!(consumer.consume(100, Duration::ZERO).unwrap(), 0);
    let queue = world.engine.delivery().queue.unwrap();
    assert_eq!((queue.backlog, queue.failed), (1, 1));
    assert!(queue.oldest.is_some());

    // Also a consumer that comes later knows.
    drop(consumer);
    let mut consumer = engine(&world).async_consumer().unwrap();
    assert_eq!(consumer.consume(100, Duration::ZERO).unwrap(), 0);

    // Tried again it fails again.
    let letters = world.engine.async_dead_letters().unwrap();
    assert_eq!(letters.replay(10).unwrap(), 1);
    assert!(letters.list(1).unwrap()[0].replaying);
    assert_eq!(consumer.consume(100, Duration::ZERO).unwrap(), 1);
    let letter = letters.list(10).unwrap().remove(0);
    assert_eq!(
        (letter.attempts, letter.replaying, letters.count().unwrap()),
        (2, false, 1)
    );
    assert_eq!(world.rows("SELECT name, value FROM counters"), ["a|1", "b|5"]);

    // Once it is mended, it comes before what waits for it.
    sql(&world, &["ALTER TABLE counters DROP CONSTRAINT small"]);
    let before = world.events().len();
    assert!(letters.replay_one(&letter.id).unwrap());
    assert_eq!(drain(&mut consumer), 2);
    assert_eq!(world.rows("SELECT name, value FROM counters"), ["a|3", "b|5"]);
    assert_eq!(
        world.events()[before..],
        ["counters 1 Update value: 1 -> 20", "counters 1 Update value: 20 -> 3"]
    );
    assert_eq!((length(&world, QUEUE), letters.count().unwrap()), (0, 0));
}

#[test]
fn what_is_given_up_is_recorded_and_others_go_on_without() {
    let world = world();
    sql(
        &world,
        &["ALTER TABLE counters ADD CONSTRAINT small CHECK (value < 10)"],
    );
    let (mut session, handles) = queued(&world, &["a"]);
    for value in [20, 3] {
        session[handles[0]].value = value;
        session.flush_async().unwrap();
    }
    let mut consumer = world.engine.async_consumer().unwrap();
    assert_eq!(drain(&mut consumer), 2);
    let letters = world.engine.async_dead_letters().unwrap();
    let letter = letters.list(1).unwrap().remove(0);
    assert!(letters.discard(&letter.id, "the customer called").unwrap());
    assert!(!letters.discard(&letter.id, "twice").unwrap());
    assert_eq!((letters.count().unwrap(), drain(&mut consumer)), (0, 1));
    assert_eq!(world.rows("SELECT value FROM counters"), ["3"]);
    let given_up = letters.discarded(10).unwrap();
    assert_eq!(given_up.len(), 1);
    assert_eq!(given_up[0].discarded.as_deref(), Some("the customer called"));
    assert_eq!(given_up[0].operation_id, letter.operation_id);
    assert_eq!(
        (&given_up[0].fields, &given_up[0].entry_id),
        (&letter.fields, &letter.entry_id)
    );
    assert!(!letters.replay_one(&letter.id).unwrap());
}

/// A trigger that refuses a value with the code of this error.
fn refuse(world: &crate::world::World, value: i32, code: u16) {
    // Where there is a binary log, making a trigger is the administrator's.
    let mut root = world.database.root().unwrap();
    root.query_drop(format!(
        "CREATE TRIGGER refuse BEFORE UPDATE ON counters FOR EACH ROW BEGIN IF NEW.value = {value} THEN \
         SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'not now'; END IF; END"
    ))
    .unwrap();
}

#[test]
fn what_may_heal_is_tried_again_in_order_and_others_go_on() {
    let world = world();
    let (mut session, handles) = queued(&world, &["a", "b"]);
    let mut consumer = world.engine.async_consumer().unwrap();
    drain(&mut consumer);
    // A lock timeout, as far as anybody can tell.
    refuse(&world, 1, 1205);
    for (n, value) in [(0, 1), (0, 2), (1, 3)] {
        session[handles[n]].value = value;
        session.flush_async().unwrap();
    }
    let stored = || world.rows("SELECT name, value FROM counters ORDER BY id");
    for _ in 0..20 {
        let error = consumer.consume(100, Duration::ZERO).unwrap_err();
        assert!(error.is_lock_timeout(), "{error}");
        assert_eq!(stored(), ["a|0", "b|3"]);
    }
    assert_eq!((length(&world, QUEUE), length(&world, FAILED)), (2, 0));
    sql(&world, &["DROP TRIGGER refuse"]);
    assert_eq!(consumer.consume(100, Duration::ZERO).unwrap(), 2);
    assert_eq!(stored(), ["a|2", "b|3"]);
    assert_eq!((length(&world, QUEUE), length(&world, FAILED)), (0, 0));
}

#[test]
fn what_nobody_knows_is_tried_so_often_and_no_more() {
    let world = world();
    let (mut session, handles) = queued(&world, &["a"]);
    let mut consumer = world.engine.async_consumer().unwrap().max_attempts(3);
    drain(&mut consumer);
    refuse(&world, 1, 9999);
    session[handles[0]].value = 1;
    session.flush_async().unwrap();
    for _ in 0..2 {
        let error = consumer.consume(100, Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("9999"), "{error}");
    }
    assert_eq!(consumer.consume(100, Duration::ZERO).unwrap(), 1);
    let letter = world.engine.async_dead_letters().unwrap().list(1).unwrap().remove(0);
    assert_eq!(letter.attempts, 3);
}

#[test]
fn a_stale_operation_is_a_dead_letter() {
    let world = world();
    let mut session = world.engine.session();
    let ana = session.insert(person("Ana"));
    session.flush().unwrap();
    session[ana].age = Some(18);
    session.flush_async().unwrap();
    sql(&world, &["UPDATE people SET version = 7"]);
    calls();
    let mut consumer = world.engine.async_consumer().unwrap();
    assert_eq!(drain(&mut consumer), 1);
    let letter = world.engine.async_dead_letters().unwrap().list(1).unwrap().remove(0);
    assert!(
        letter.error.contains("people: changed or deleted by somebody else"),
        "{}",
        letter.error
    );
    assert_eq!(world.rows("SELECT age, version FROM people"), ["NULL|7"]);
    assert!(calls().is_empty());
}

/// Puts something else in the queue's place: Redis refuses what is queued.
fn occupy(connection: &mut headwater_testkit::redis::Connection) {
    use headwater_testkit::redis;
    let _: () = redis::cmd("SET").arg(QUEUE).arg("no stream").query(connection).unwrap();
}

#[test]
fn a_refused_flush_leaves_everything_as_it_was() {
    let world = world();
    let mut session = world.engine.session();
    let ana = session.insert(person("nobody"));
    assert!(session.flush_async().unwrap_err().is_rejected());
    assert_eq!((session[ana].id, length(&world, QUEUE)), (0, 0));
    session[ana].name = "Ana".into();

    // Not inside of a transaction.
    let error = session
        .transaction(|session| session.flush_async().map(|_| ()))
        .unwrap_err();
    assert!(error.to_string().contains("inside of a transaction"), "{error}");

    // Redis does not take it.
    use headwater_testkit::redis;
    let mut connection = world.database.redis().unwrap();
    occupy(&mut connection);
    let error = session.flush_async().unwrap_err();
    assert!(error.to_string().contains("WRONGTYPE"), "{error}");
    assert_eq!((session[ana].id, session[ana].version), (0, 0));
    let _: () = redis::cmd("DEL").arg(QUEUE).query(&mut connection).unwrap();
    session.flush_async().unwrap();
    assert_ne!(session[ana].id, 0);
    assert_eq!(drain(&mut world.engine.async_consumer().unwrap()), 1);
    assert_eq!(world.rows("SELECT name FROM people"), ["Ana"]);
}

#[test]
fn rows_of_a_refused_flush_are_new_again() {
    use headwater_testkit::redis;
    let world = world();
    let mut session = world.engine.session();
    // Keys are taken in blocks, and the first looks into the queue.
    session.insert(counter("first"));
    session.flush_async().unwrap();
    assert_eq!(drain(&mut world.engine.async_consumer().unwrap()), 1);

    let [a, b] = ["a", "b"].map(|name| session.insert(counter(name)));
    let mut connection = world.database.redis().unwrap();
    // Whatever is there is replaced.
    occupy(&mut connection);
    let error = session.flush_async().unwrap_err();
    assert!(error.to_string().contains("did not take the operation"), "{error}");
    assert_eq!((session[a].id, session[b].id), (0, 0));
    let _: () = redis::cmd("DEL").arg(QUEUE).query(&mut connection).unwrap();

    // One is dropped as what was never stored, the other is inserted with its edit.
    session.delete(a).unwrap();
    session[b].value = 7;
    let report = session.flush_async().unwrap();
    assert_eq!((report.inserted, report.updated, report.deleted), (1, 0, 0));
    let id = session[b].id;
    assert_ne!(id, 0);
    assert_eq!(drain(&mut world.engine.async_consumer().unwrap()), 1);
    assert_eq!(world.rows("SELECT name, value FROM counters"), ["first|0", "b|7"]);
    assert_eq!(session.find::<Counter>(id).unwrap(), Some(b));
}

#[test]
fn an_engine_without_a_queue_says_so() {
    let (_database, builder) = crate::common::database();
    let engine = builder.entity::<Counter>().build().unwrap();
    let mut session = engine.session();
    session.insert(counter("a"));
    for error in [
        session.flush_async().unwrap_err(),
        engine.async_consumer().unwrap_err(),
        engine.async_dead_letters().unwrap_err(),
    ] {
        assert!(
            error.is_config() && error.to_string().contains(".async_flush()"),
            "{error}"
        );
    }
    assert_eq!(engine.delivery().queue, None);
    let (_database, builder) = crate::common::database();
    let error = builder
        .entity::<Counter>()
        .async_flush_on("elsewhere")
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("`elsewhere`, which is not given"), "{error}");
}

#[test]
fn an_event_of_a_stream_that_nobody_registered_keeps_its_operation_back() {
    let world = world();
    let mut session = world.engine.session();
    session.insert(person("Ana"));
    session.flush_async().unwrap();
    // A consumer that knows the database and no table.
    let builder = Engine::builder()
        .mysql(world.database.mysql_url())
        .redis(world.database.redis_url());
    let stranger = builder.async_flush().build().unwrap();
    assert_eq!(drain(&mut stranger.async_consumer().unwrap()), 1);
    let letters = world.engine.async_dead_letters().unwrap();
    assert!(
        letters.list(1).unwrap()[0]
            .error
            .contains("`AsyncEvents`, which is not registered")
    );
    assert!(world.rows("SELECT id FROM people").is_empty());
    letters.replay(1).unwrap();
    assert_eq!(drain(&mut world.engine.async_consumer().unwrap()), 1);
    assert_eq!(world.rows("SELECT name FROM people"), ["Ana"]);
}

#[test]
fn the_tables_of_the_consumer_are_missed() {
    let world = world();
    let (_session, _) = queued(&world, &["a"]);
    sql(&world, &["DROP TABLE _headwater_async_done"]);
    let mut consumer = world.engine.async_consumer().unwrap();
    let error = consumer.consume(10, Duration::ZERO).unwrap_err();
    assert!(error.is_schema(), "{error}");
    assert_eq!((length(&world, QUEUE), length(&world, FAILED)), (1, 0));
    world.engine.schema().diff().unwrap().apply().unwrap();
    assert_eq!(drain(&mut consumer), 1);
    assert_eq!(world.rows("SELECT name FROM counters"), ["a"]);
}
