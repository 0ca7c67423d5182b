//! A COMMIT whose answer never came may still be under way in the database when its operations are tried again.
#![cfg(feature = "failpoints")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headwater::prelude::*;
use headwater::step::Step;
use headwater_testkit::mysql::prelude::Queryable;
use headwater_testkit::mysql::{Conn, Row};
use headwater_testkit::wait_until;

use crate::common;
use crate::support::*;
use crate::world::{SOON, World};

/// Cuts all connections of the engine, as the server sees them; their transactions are rolled back.
fn kill_all(root: &mut Conn, name: &str, but: u64) {
    let find = "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = ? AND ID <> ?";
    let all: Vec<u64> = root.exec(find, (name, but)).unwrap();
    assert!(!all.is_empty());
    for connection in all {
        // One may be gone already.
        let _ = root.query_drop(format!("KILL {connection}"));
    }
    wait_until(SOON, "the connections to be gone", || {
        let left: Vec<u64> = root.exec(find, (name, but)).unwrap();
        left.is_empty()
    })
    .unwrap();
}

/// Does what the consumer's transaction did, up to its COMMIT, in place of the consumer, whose connection is cut: as if
/// the server had not noticed the cut yet. Rows that it updated get another value, to see whether that stays.
fn take_its_place(root: &mut Conn, place: &mut Conn, name: &str) {
    place
        .query_drop("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
        .unwrap();
    place.query_drop("BEGIN").unwrap();
    let counters: Vec<(u64, String, i32)> = place.query("SELECT id, name, value FROM counters").unwrap();
    let done: (String, String, Vec<u8>) = place
        .query_first("SELECT last, first, operations FROM _headwater_async_done ORDER BY last DESC")
        .unwrap()
        .expect("what was executed");
    kill_all(root, name, place.connection_id().into());
    let _: Vec<Row> = place
        .query("SELECT holder FROM _headwater_async_lease LOCK IN SHARE MODE")
        .unwrap();
    for (id, name, _) in counters {
        let sql = "INSERT INTO counters (id, name, value) VALUES (?,?,0) ON DUPLICATE KEY UPDATE value = 99";
        place.exec_drop(sql, (id, name)).unwrap();
    }
    let sql = "INSERT INTO _headwater_async_done (last, first, operations, done_at) VALUES (?,?,?,UTC_TIMESTAMP(6))";
    place.exec_drop(sql, done).unwrap();
}

/// Queues by `first`, has the COMMIT of it go on while its answer is lost, queues by `then`, and has all executed.
fn interrupted(before: impl FnOnce(&mut Session, &World), first: fn(&mut Session), then: fn(&mut Session)) -> World {
    let (database, builder) = common::database();
    let (name, armed) = (database.name().to_owned(), Arc::new(AtomicBool::new(false)));
    let place = Arc::new(Mutex::new(database.mysql().unwrap()));
    let root = Mutex::new(database.root().unwrap());
    let (taken, fires) = (place.clone(), armed.clone());
    let builder = builder.on_step(move |at| {
        if at == Step::AsyncExecuted && fires.swap(false, Ordering::SeqCst) {
            take_its_place(&mut root.lock().unwrap(), &mut taken.lock().unwrap(), &name);
        }
    });
    let engine = entities(builder).build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let world = World::around(database, engine, EVENTS);
    let mut session = world.engine.session();
    before(&mut session, &world);
    first(&mut session);
    session.flush_async().unwrap();
    let mut consumer = world.engine.async_consumer().unwrap();
    armed.store(true, Ordering::SeqCst);
    consumer.consume(10, Duration::ZERO).unwrap_err();
    then(&mut session);
    session.flush_async().unwrap();
    let mut root = world.database.root().unwrap();
    std::thread::scope(|scope| {
        let again = scope.spawn(|| drain(&mut consumer));
        // A statement that takes a second waits.
        let waiting = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = ? AND COMMAND <> 'Sleep' AND \
                       TIME >= 1";
        wait_until(SOON, "the next try to wait", || {
            let count: Option<u64> = root.exec_first(waiting, (world.database.name(),)).unwrap();
            count == Some(1)
        })
        .unwrap();
        place.lock().unwrap().query_drop("COMMIT").unwrap();
        again.join().unwrap();
    });
    assert_eq!((length(&world, QUEUE), length(&world, FAILED)), (0, 0));
    world
}

#[test]
fn a_commit_that_is_still_under_way_is_waited_for() {
    let nothing = |_: &mut Session| ();
    let insert = |session: &mut Session| {
        session.insert(counter("a"));
    };
    let world = interrupted(|_, _| (), insert, nothing);
    assert_eq!(world.rows("SELECT name FROM counters"), ["a"]);
    assert_eq!(world.events(), ["counters 1 Insert"]);
}

#[test]
fn what_such_a_commit_wrote_is_not_written_again_beside_something_new() {
    let stored = |session: &mut Session, world: &World| {
        session.insert(counter("a"));
        session.flush_async().unwrap();
        assert_eq!(drain(&mut world.engine.async_consumer().unwrap()), 1);
        let row = session.query::<Counter>().first().unwrap().unwrap();
        session[row].value = 1;
    };
    let more = |session: &mut Session| {
        session.insert(counter("b"));
    };
    let world = interrupted(stored, |_| (), more);
    assert_eq!(world.rows("SELECT name, value FROM counters"), ["a|99", "b|0"]);
    assert_eq!(
        world.events(),
        [
            "counters 1 Insert",
            "counters 1 Update value: 0 -> 1",
            "counters 2 Insert"
        ]
    );
}

#[test]
fn what_is_done_with_is_not_claimed_as_new() {
    let (database, builder) = common::database();
    let fails = Arc::new(Mutex::new(Some(2)));
    let counted = fails.clone();
    let root = Mutex::new(database.root().unwrap());
    let name = database.name().to_owned();
    // The connection to the database is cut in the second transaction: one portion is done with, and one was asked for.
    let builder = builder.on_step(move |at| {
        let mut left = counted.lock().unwrap();
        if at == Step::AsyncExecuted
            && let Some(number) = left.as_mut()
        {
            *number -= 1;
            if *number == 0 {
                *left = None;
                kill_all(&mut root.lock().unwrap(), &name, 0);
            }
        }
    });
    let engine = entities(builder).build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let world = World::around(database, engine, EVENTS);
    let mut session = world.engine.session();
    for n in 0..20 {
        session.insert(counter(&format!("c{n}")));
        session.flush_async().unwrap();
    }
    let mut consumer = world.engine.async_consumer().unwrap().batch(8);
    consumer.consume(100, Duration::ZERO).unwrap_err();
    assert_eq!(*fails.lock().unwrap(), None);
    consumer.auto_claim(100, Duration::ZERO).unwrap();
    drain(&mut consumer);
    assert_eq!((length(&world, QUEUE), length(&world, FAILED)), (0, 0));
    assert_eq!(world.rows("SELECT COUNT(*) FROM counters"), ["20"]);
    let events: Vec<String> = (1..=20).map(|id| format!("counters {id} Insert")).collect();
    assert_eq!(world.events(), events);
}
