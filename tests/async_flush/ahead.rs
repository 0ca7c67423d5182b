//! A consumer asks for the next entries before it executes those it has; the answer may be lost.
#![cfg(feature = "failpoints")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headwater::prelude::*;
use headwater::step::Step;
use headwater_testkit::{Proxy, redis, wait_until};

use crate::common;
use crate::support::*;
use crate::world::{SOON, World};

const ROWS: usize = 40;

fn queue_rows(engine: &Engine) {
    let mut session = engine.session();
    for n in 0..ROWS {
        session.insert(counter(&format!("c{n}")));
        session.flush_async().unwrap();
    }
}

/// Every row is there once, each in its place, with its event, and nothing was put aside.
fn all_once(world: &World) {
    let names: Vec<String> = (0..ROWS).map(|n| format!("c{n}")).collect();
    assert_eq!(world.rows("SELECT name FROM counters ORDER BY id"), names);
    assert_eq!((length(world, QUEUE), length(world, FAILED)), (0, 0));
    let events: Vec<String> = (1..=ROWS).map(|id| format!("counters {id} Insert")).collect();
    assert_eq!(world.events(), events);
}

#[test]
fn portions_are_read_while_others_are_executed() {
    for batch in [1, 2, 3, 7, 39, 40, 41, 1000] {
        let world = world();
        queue_rows(&world.engine);
        let mut consumer = world.engine.async_consumer().unwrap().batch(batch);
        // No more than was asked for, whatever was read.
        assert_eq!(consumer.consume(25, Duration::ZERO).unwrap(), 25, "batch {batch}");
        assert_eq!(world.rows("SELECT COUNT(*) FROM counters"), ["25"], "batch {batch}");
        assert_eq!(
            consumer.consume(100, Duration::ZERO).unwrap(),
            ROWS - 25,
            "batch {batch}"
        );
        assert_eq!(consumer.consume(100, Duration::ZERO).unwrap(), 0, "batch {batch}");
        all_once(&world);
    }
}

#[test]
fn an_answer_that_is_lost_is_learnt_from_what_is_pending() {
    for step in [Step::AsyncExecuted, Step::AsyncCommitted, Step::AsyncPublished] {
        let (database, _) = common::database();
        let proxy = Arc::new(Proxy::start(database.redis_url()).unwrap());
        let cuts = Arc::new(AtomicUsize::new(0));
        let (cut, counted) = (proxy.clone(), cuts.clone());
        let builder = Engine::builder()
            .mysql(database.mysql_url())
            .redis(proxy.url_like(database.redis_url()).unwrap())
            .on_step(move |at| {
                // At the second, fourth, … batch.
                if at == step && counted.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
                    cut.cut();
                }
            });
        let engine = entities(builder).build().unwrap();
        engine.schema().diff().unwrap().apply().unwrap();
        let world = World::around(database, engine, EVENTS);
        queue_rows(&world.engine);
        let mut consumer = world.engine.async_consumer().unwrap().batch(8);
        wait_until(SOON, "everything to be executed", || {
            let _ = consumer.consume(1000, Duration::ZERO);
            length(&world, QUEUE) == 0
        })
        .unwrap();
        assert!(cuts.load(Ordering::SeqCst) > 4, "{step}");
        all_once(&world);
    }
}

/// Whatever answer is lost: also where nothing is known of the lease yet in the database, which is asked for between
/// the question for more entries and its answer.
#[test]
fn every_answer_of_redis_may_be_lost() {
    for lost in 1..=24 {
        let (database, _) = common::database();
        let proxy = Proxy::start(database.redis_url()).unwrap();
        let builder = Engine::builder()
            .mysql(database.mysql_url())
            .redis(proxy.url_like(database.redis_url()).unwrap());
        let engine = entities(builder).build().unwrap();
        engine.schema().diff().unwrap().apply().unwrap();
        let world = World::around(database, engine, EVENTS);
        queue_rows(&world.engine);
        let mut consumer = world.engine.async_consumer().unwrap().batch(8);
        proxy.cut_response(lost);
        // The same consumer, which keeps its lease: it has to find out by itself.
        wait_until(SOON, "everything to be executed", || {
            let _ = consumer.consume(1000, Duration::ZERO);
            length(&world, QUEUE) == 0
        })
        .unwrap_or_else(|error| panic!("answer {lost}: {error}"));
        assert_eq!(proxy.cuts(), 1, "answer {lost}");
        all_once(&world);
    }
}

#[test]
fn what_was_read_ahead_is_the_next_leaders() {
    let (database, builder) = common::database();
    let batches = Arc::new(AtomicUsize::new(0));
    let counted = batches.clone();
    let builder = builder.on_step(move |at| {
        if at == Step::AsyncExecuted && counted.fetch_add(1, Ordering::SeqCst) == 1 {
            panic!("in the second batch");
        }
    });
    let first_engine = entities(builder).build().unwrap();
    first_engine.schema().diff().unwrap().apply().unwrap();
    let world = World::around(database, first_engine, EVENTS);
    queue_rows(&world.engine);
    let mut first = world.engine.async_consumer().unwrap().batch(8);
    assert!(catch_unwind(AssertUnwindSafe(|| first.consume(1000, Duration::ZERO))).is_err());
    drop(first);
    // One was done with; three were being executed, four had been asked for.
    let mut connection = world.database.redis().unwrap();
    let (pending, _, _, _): (usize, redis::Value, redis::Value, redis::Value) = redis::cmd("XPENDING")
        .arg(QUEUE)
        .arg("consumer_group")
        .query(&mut connection)
        .unwrap();
    assert_eq!((length(&world, QUEUE), pending), (ROWS - 1, 3 + 4));
    let mut second = engine(&world).async_consumer().unwrap();
    assert_eq!(drain(&mut second), ROWS - 1);
    all_once(&world);
}

/// A crash may come before Redis has seen an acknowledgement: until it is known to be there, Redis knows which
/// operations' events it has.
#[test]
fn what_may_not_be_acknowledged_stays_marked_as_published() {
    let (database, builder) = common::database();
    let mut connection = database.redis().unwrap();
    let marked: Arc<Mutex<Vec<usize>>> = Arc::default();
    let seen = marked.clone();
    let redis = Mutex::new(database.redis().unwrap());
    let builder = builder.on_step(move |at| {
        if at == Step::AsyncPublished {
            let marker: String = redis::cmd("GET")
                .arg("_fluxa_async_sql:published")
                .query(&mut *redis.lock().unwrap())
                .unwrap();
            seen.lock().unwrap().push(marker.lines().count());
        }
    });
    let engine = entities(builder).build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let world = World::around(database, engine, EVENTS);
    queue_rows(&world.engine);
    let mut consumer = world.engine.async_consumer().unwrap().batch(8);
    assert_eq!(consumer.consume(8, Duration::ZERO).unwrap(), 8);
    // One, three and four operations; each time those before are acknowledged on the way of the question for the next.
    assert_eq!(*marked.lock().unwrap(), [1, 1 + 3, 3 + 4]);
    assert_eq!(length(&world, QUEUE), ROWS - 8);
    // All of these are acknowledged now: the next marker has none of them.
    assert_eq!(consumer.consume(1, Duration::ZERO).unwrap(), 1);
    assert_eq!(marked.lock().unwrap().last(), Some(&1));
    let marker: String = redis::cmd("GET")
        .arg("_fluxa_async_sql:published")
        .query(&mut connection)
        .unwrap();
    assert_eq!(marker.lines().count(), 1);
}
