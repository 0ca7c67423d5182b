//! Order: of one row, of rows that refer to each other, of unique values, with several consumers and pools.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use headwater::prelude::*;
use headwater::stream::Shutdown;
use headwater_testkit::wait_until;

use crate::common;
use crate::support::*;
use crate::world::{SOON, calls};

#[test]
fn references_between_new_rows_and_soft_deletes() {
    let world = world();
    let mut session = world.engine.session();
    let ana = session.insert(person("Ana"));
    let first = session.insert(Note {
        text: "first".into(),
        person: Some(ana.into()),
        ..Note::default()
    });
    let report = session.flush_async().unwrap();
    assert_eq!((report.inserted, report.events), (2, 3));
    let (person_id, note_id) = (session[ana].id, session[first].id.clone());
    assert_eq!(note_id.len(), 26, "a ULID");
    session.delete(first).unwrap();
    session.flush_async().unwrap();
    session.restore(first).unwrap();
    session[first].text = "again".into();
    session.flush_async().unwrap();
    session.force_delete(first).unwrap();
    session.flush_async().unwrap();
    let mut consumer = world.engine.async_consumer().unwrap();
    assert_eq!(consumer.consume(2, Duration::ZERO).unwrap(), 2);
    assert_eq!(
        world.rows("SELECT id, text, person, deleted_at IS NULL FROM notes"),
        [format!("{note_id}|first|{person_id}|0")]
    );
    assert_eq!(drain(&mut consumer), 2);
    assert!(world.rows("SELECT id FROM notes").is_empty());
    assert_eq!(
        world.events(),
        [
            format!("people {person_id} Insert"),
            format!("notes {note_id} Insert"),
            format!("notes {note_id} Delete"),
            format!("notes {note_id} Update text: first -> again"),
            format!("notes {note_id} Delete"),
        ]
    );
    let calls = calls();
    for call in [
        "trashed notes first 3",
        "restored notes again None",
        "force_deleted notes again",
    ] {
        assert!(calls.iter().any(|other| other == call), "{call}: {calls:?}");
    }
}

#[test]
fn a_row_and_those_that_rely_on_it_wait_for_each_other() {
    let world = world();
    let mut session = world.engine.session();
    // The insert of the person cannot succeed yet.
    sql(
        &world,
        &["ALTER TABLE people ADD CONSTRAINT adults CHECK (age IS NULL OR age > 17)"],
    );
    let ana = session.insert(Person {
        age: Some(5),
        email: Some("ana@x.org".into()),
        ..person("Ana")
    });
    session.flush_async().unwrap();
    session.insert(Note {
        text: "of Ana".into(),
        person: Some((&session[ana]).into()),
        ..Note::default()
    });
    session.flush_async().unwrap();
    session[ana].email = None;
    session.flush_async().unwrap();
    // Takes the address that Ana gives up.
    session.insert(Person {
        email: Some("ANA@x.org".into()),
        ..person("Ben")
    });
    session.flush_async().unwrap();
    session.insert(counter("free"));
    session.flush_async().unwrap();
    let mut consumer = world.engine.async_consumer().unwrap();
    assert_eq!(drain(&mut consumer), 2);
    assert_eq!(world.rows("SELECT name FROM counters"), ["free"]);
    assert_eq!((length(&world, QUEUE), length(&world, FAILED)), (3, 1));
    sql(&world, &["ALTER TABLE people DROP CONSTRAINT adults"]);
    world.engine.async_dead_letters().unwrap().replay(1).unwrap();
    assert_eq!(drain(&mut consumer), 4);
    assert_eq!(
        world.rows("SELECT name, email FROM people ORDER BY id"),
        ["Ana|NULL", "Ben|ANA@x.org"]
    );
    assert_eq!(world.rows("SELECT text FROM notes"), ["of Ana"]);
}

#[test]
fn several_consumers_share_a_queue_one_at_a_time() {
    let world = world();
    let mut session = world.engine.session();
    let rows: Vec<_> = (0..5).map(|n| session.insert(counter(&format!("c{n}")))).collect();
    session.flush_async().unwrap();
    let shutdown = Shutdown::new();
    let consumers: Vec<_> = (0..3)
        .map(|_| {
            let (engine, shutdown) = (engine(&world), shutdown.clone());
            thread::spawn(move || {
                let mut consumer = engine.async_consumer().unwrap().lease(Duration::from_secs(1)).batch(7);
                // Each gives its place up again and again.
                while !shutdown.is_requested() {
                    consumer.consume(13, Duration::from_millis(5)).unwrap();
                    drop(consumer);
                    consumer = engine.async_consumer().unwrap().lease(Duration::from_secs(1)).batch(7);
                }
            })
        })
        .collect();
    for value in 1..=60 {
        for &row in &rows {
            session[row].value = value;
            session.flush_async().unwrap();
        }
    }
    wait_until(SOON, "the queue to be empty", || length(&world, QUEUE) == 0).unwrap();
    shutdown.request();
    consumers.into_iter().for_each(|consumer| consumer.join().unwrap());
    assert_eq!(world.rows("SELECT DISTINCT value FROM counters"), ["60"]);
    assert_eq!(length(&world, FAILED), 0);
    // Every event once, in the order of its row.
    let events = world.events();
    assert_eq!(events.len(), 5 * 61);
    let next = [(); 5].map(|()| AtomicUsize::new(0));
    for event in events.iter().filter(|event| event.contains("Update")) {
        let row: usize = event.split(' ').nth(1).unwrap().parse().unwrap();
        let before = next[row - 1].fetch_add(1, Ordering::Relaxed);
        assert_eq!(
            *event,
            format!("counters {row} Update value: {before} -> {}", before + 1)
        );
    }
}

#[test]
fn run_executes_until_it_is_told_to_stop() {
    let world = world();
    let shutdown = Shutdown::new();
    let (engine, stop) = (engine(&world), shutdown.clone());
    let running = thread::spawn(move || engine.async_consumer().unwrap().run(&stop));
    let mut session = world.engine.session();
    for n in 0..10 {
        session.insert(counter(&format!("c{n}")));
        session.flush_async().unwrap();
    }
    wait_until(SOON, "the rows", || world.rows("SELECT id FROM counters").len() == 10).unwrap();
    wait_until(SOON, "the acknowledgements", || length(&world, QUEUE) == 0).unwrap();
    shutdown.request();
    running.join().unwrap().unwrap();
}

pub(crate) const ELSEWHERE: Stream = Stream::new("AsyncElsewhere");

/// Of another database, and another Redis.
#[derive(Debug, Clone, Default, Table)]
#[table(name = "audits", mysql = "second", stream(ELSEWHERE, redis = "second"))]
struct Audit {
    #[column(id)]
    id: u32,
    text: String,
    counter: Option<Ref<Counter>>,
}
impl Entity for Audit {}

#[test]
fn two_pools_are_two_operations_in_order() {
    let (first, builder) = common::database();
    let (second, _) = common::database();
    let engine = builder
        .mysql_pool("second", second.mysql_url())
        .redis_pool("second", second.redis_url())
        .entity::<Counter>()
        .entity::<Audit>()
        .async_flush()
        .build()
        .unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut session = engine.session();
    let row = session.insert(counter("a"));
    let audit = session.insert(Audit {
        text: "made".into(),
        counter: Some(row.into()),
        ..Audit::default()
    });
    let report = session.flush_async().unwrap();
    assert_eq!((report.inserted, report.statements, report.events), (2, 2, 2));
    assert_eq!(engine.delivery().queue.unwrap().backlog, 2);
    let mut consumer = engine.async_consumer().unwrap();
    assert_eq!(drain(&mut consumer), 2);
    assert_eq!(common::rows(&first, "SELECT name FROM counters"), [["a"]]);
    let (id, of) = (session[audit].id.to_string(), session[row].id.to_string());
    assert_eq!(
        common::rows(&second, "SELECT id, text, counter FROM audits"),
        [[id.as_str(), "made", of.as_str()]]
    );
    assert_eq!(
        crate::world::events(&engine, &first, &EVENTS),
        [format!("counters {of} Insert")]
    );
    assert_eq!(
        crate::world::events(&engine, &second, &ELSEWHERE),
        [format!("audits {id} Insert")]
    );
}
