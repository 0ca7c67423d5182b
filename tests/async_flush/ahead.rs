//! A consumer asks for the next entries before it executes those it has; the answer may be lost.
#![cfg(feature = "failpoints")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use headwater::prelude::*;
use headwater::step::Step;
use headwater_testkit::{Proxy, wait_until};

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

#[test]
fn what_was_read_ahead_is_the_next_leaders() {
    let world = world();
    queue_rows(&world.engine);
    // Something stands before the rest that is to be tried again.
    let mut first = world.engine.async_consumer().unwrap().batch(8);
    assert_eq!(first.consume(10, Duration::ZERO).unwrap(), 10);
    drop(first);
    let mut second = engine(&world).async_consumer().unwrap();
    assert_eq!(drain(&mut second), ROWS - 10);
    all_once(&world);
}
