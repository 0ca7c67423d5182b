//! A consumer that dies at each step: what it had begun is executed once, and told of once.
#![cfg(feature = "failpoints")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headwater::prelude::*;
use headwater::step::Step;
use headwater_testkit::wait_until;

use crate::common;
use crate::support::*;
use crate::world::{SOON, calls, events};

pub(crate) const KEPT: Stream = Stream::new("AsyncKept").durable();

/// Its events go by the outbox too.
#[derive(Debug, Clone, Default, Table)]
#[table(name = "amounts", stream(EVENTS), stream(KEPT))]
struct Amount {
    #[column(id)]
    id: u64,
    value: i32,
}
impl Entity for Amount {
    fn updated(&self, change: &Committed<'_, Self>) {
        let (old, new) = change.of(Amount::VALUE).unwrap();
        crate::world::note(format!("{} {old} -> {new}", self.id));
    }
}

#[test]
fn whoever_dies_at_any_step_leaves_nothing_to_do_twice() {
    for step in [
        Step::AsyncExecuted,
        Step::AsyncCommitted,
        Step::AsyncPublished,
        Step::AsyncAcknowledged,
    ] {
        let (database, builder) = common::database();
        let armed = Arc::new(AtomicBool::new(false));
        let fires = armed.clone();
        let engine = builder
            .entity::<Amount>()
            .async_flush()
            .on_step(move |at| {
                if at == step && fires.swap(false, Ordering::SeqCst) {
                    panic!("killed at {at}");
                }
            })
            .build()
            .unwrap();
        engine.schema().diff().unwrap().apply().unwrap();
        let mut session = engine.session();
        let rows: Vec<_> = (0..3).map(|_| session.insert(Amount::default())).collect();
        session.flush_async().unwrap();
        for value in 1..=4 {
            for &row in &rows {
                session[row].value = value;
                session.flush_async().unwrap();
            }
        }
        calls();
        let killed = || {
            let mut consumer = engine
                .async_consumer()
                .unwrap()
                .batch(4)
                .lease(Duration::from_millis(200));
            armed.store(true, Ordering::SeqCst);
            let died = catch_unwind(AssertUnwindSafe(|| consumer.consume(1000, Duration::ZERO)));
            assert!(died.is_err() || !armed.load(Ordering::SeqCst), "{step}");
            // A process that is killed gives no lease back.
            std::mem::forget(consumer);
        };
        killed();
        killed_again(&engine, &database, &killed);
        let mut consumer = engine.async_consumer().unwrap().lease(Duration::from_millis(200));
        wait_until(SOON, "the rest to be executed", || {
            consumer.consume(1000, Duration::from_millis(20)).unwrap();
            engine.delivery().queue.unwrap().backlog == 0
        })
        .unwrap();
        let context = step.name();
        assert_eq!(
            common::rows(&database, "SELECT id, value FROM amounts WHERE value <> 4"),
            Vec::<Vec<String>>::new(),
            "{context}"
        );
        let mut expected = Vec::new();
        for &row in &rows {
            let id = session[row].id;
            expected.push(format!("amounts {id} Insert"));
            expected.extend((0..4).map(|value| format!("amounts {id} Update value: {value} -> {}", value + 1)));
        }
        let by_row = |mut events: Vec<String>| {
            // Stable: the order of each row's events stays.
            events.sort_by_key(|event| event.split(' ').nth(1).map(str::to_owned));
            events
        };
        wait_until(SOON, "the relay", || {
            events(&engine, &database, &KEPT).len() >= expected.len()
        })
        .unwrap();
        assert_eq!(
            by_row(events(&engine, &database, &EVENTS)),
            expected,
            "{context}: background"
        );
        assert_eq!(
            by_row(events(&engine, &database, &KEPT)),
            expected,
            "{context}: durable"
        );
        // Hooks run at least once, in order.
        let mut calls = calls();
        calls.dedup();
        for &row in &rows {
            let of_row: Vec<&String> = calls
                .iter()
                .filter(|call| call.starts_with(&format!("{} ", session[row].id)))
                .collect();
            assert!(of_row.len() >= 4, "{context}: {of_row:?}");
        }
        engine.close(Duration::from_secs(5)).unwrap();
    }
}

/// The lease of a dead consumer ends by itself.
fn killed_again(engine: &Engine, database: &headwater_testkit::Database, killed: &dyn Fn()) {
    let lease = || {
        let mut connection = database.redis().unwrap();
        let found: bool = headwater_testkit::redis::cmd("EXISTS")
            .arg("_fluxa_async_sql:lease")
            .query(&mut connection)
            .unwrap();
        found
    };
    wait_until(SOON, "the lease to end", || !lease()).unwrap();
    if engine.delivery().queue.unwrap().backlog > 0 {
        killed();
    }
    wait_until(SOON, "the lease to end", || !lease()).unwrap();
}

#[test]
fn a_consumer_whose_lease_ended_cannot_commit() {
    let world = world();
    let entered = Arc::new(AtomicBool::new(false));
    let go_on = Arc::new(AtomicBool::new(false));
    let (told, wait) = (entered.clone(), go_on.clone());
    let builder = Engine::builder()
        .mysql(world.database.mysql_url())
        .redis(world.database.redis_url());
    let slow = entities(builder)
        .on_step(move |at| {
            // After the commit, and before anybody is told.
            if at == Step::AsyncCommitted {
                told.store(true, Ordering::SeqCst);
                let _ = wait_until(SOON, "the others", || wait.load(Ordering::SeqCst));
            }
        })
        .build()
        .unwrap();
    let mut session = world.engine.session();
    let row = session.insert(counter("a"));
    session.flush_async().unwrap();
    let first = std::thread::spawn(move || {
        let mut consumer = slow.async_consumer().unwrap().lease(Duration::from_millis(100));
        let first = consumer.consume(1, Duration::ZERO).unwrap();
        (first, consumer.is_active())
    });
    wait_until(SOON, "the first to commit", || entered.load(Ordering::SeqCst)).unwrap();
    session[row].value = 1;
    session.flush_async().unwrap();
    // The other takes its place and goes on, while the first stands still.
    let mut other = world.engine.async_consumer().unwrap();
    let mut done = 0;
    wait_until(SOON, "the lease to end", || {
        done += other.consume(10, Duration::from_millis(20)).unwrap();
        done == 2
    })
    .unwrap();
    go_on.store(true, Ordering::SeqCst);
    let (_, active) = first.join().unwrap();
    assert!(!active, "it learnt that it had lost the lease");
    assert_eq!(world.rows("SELECT value FROM counters"), ["1"]);
    assert_eq!(world.events(), ["counters 1 Insert", "counters 1 Update value: 0 -> 1"]);
    assert_eq!(event_ids(&world, &EVENTS).len(), 2);
}

#[test]
fn an_operation_that_was_queued_twice_is_executed_and_told_once() {
    let world = world();
    let mut session = world.engine.session();
    let row = session.insert(counter("a"));
    session.flush_async().unwrap();
    let insert = entries(&world, QUEUE).remove(0);
    again(&world, &insert);
    session[row].value = 1;
    session.flush_async().unwrap();
    let update = entries(&world, QUEUE).remove(2);
    let mut consumer = world.engine.async_consumer().unwrap();
    assert_eq!(drain(&mut consumer), 3);
    // And when it comes after the first is long done.
    again(&world, &insert);
    again(&world, &update);
    assert_eq!(drain(&mut consumer), 2);
    assert_eq!(world.rows("SELECT name, value FROM counters"), ["a|1"]);
    assert_eq!(world.events(), ["counters 1 Insert", "counters 1 Update value: 0 -> 1"]);
    assert_eq!((length(&world, QUEUE), length(&world, FAILED)), (0, 0));
}
