//! The loop: stopping, outages, groups deleted under it, the departed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::*;
use crate::stream::Shutdown;

type Seen = Arc<Mutex<Vec<u64>>>;

/// A consumer that runs in a thread.
struct Running {
    shutdown: Shutdown,
    seen: Seen,
    errors: Arc<Mutex<Vec<String>>>,
    thread: JoinHandle<Result<()>>,
}

fn run(builder: ConsumerBuilder, fails_on: Option<u64>) -> Running {
    let (shutdown, seen) = (Shutdown::new(), Seen::default());
    let errors: Arc<Mutex<Vec<String>>> = Arc::default();
    let notes = Arc::clone(&errors);
    let mut consumer = builder
        .on_error(move |error| notes.lock().unwrap().push(error.to_string()))
        .many()
        .unwrap();
    let (stop, saw) = (shutdown.clone(), Arc::clone(&seen));
    let thread = thread::spawn(move || {
        consumer.run(&stop, |events| {
            for event in events {
                let entity = event.dirty()?.entity_id.as_u64().unwrap();
                if fails_on == Some(entity) {
                    return Err("ill".into());
                }
                saw.lock().unwrap().push(entity);
                event.ack()?;
            }
            Ok(())
        })
    });
    Running {
        shutdown,
        seen,
        errors,
        thread,
    }
}

impl Running {
    fn sees(&self, entities: impl IntoIterator<Item = u64>) {
        let expected: BTreeSet<u64> = entities.into_iter().collect();
        until("the events to be seen", || {
            expected.is_subset(&self.seen.lock().unwrap().iter().copied().collect())
        });
    }

    fn stop(self) -> Vec<u64> {
        self.shutdown.request();
        self.thread.join().unwrap().unwrap();
        Arc::try_unwrap(self.seen).unwrap().into_inner().unwrap()
    }
}

#[test]
fn it_consumes_until_it_is_told_to_stop_and_acknowledges_the_last_batch() {
    let mut place = place();
    let (shutdown, stop) = {
        let shutdown = Shutdown::new();
        (shutdown.clone(), shutdown)
    };
    place.add(1..251);
    let mut consumer = place.builder().batch(100).single().unwrap();
    let mut batches = Vec::new();
    let mut left = 250;
    consumer
        .run(&shutdown, |events| {
            batches.push(events.len());
            left -= events.len();
            if left == 0 {
                stop.request();
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(batches, [100, 100, 50]);
    assert_eq!((place.len(), place.pending("consumer_group")), (0, 0));
}

#[test]
fn a_group_that_is_deleted_under_it_is_made_anew() {
    let mut place = place();
    let running = run(place.builder(), None);
    place.add([1]);
    running.sees([1]);
    command::<()>(&mut place.redis, "XGROUP DESTROY UserStream consumer_group");
    place.add([2]);
    running.sees([2]);
    command::<()>(&mut place.redis, "DEL UserStream");
    place.add([3]);
    running.sees([3]);
    running.stop();
    assert_eq!(place.len(), 0);
}

#[test]
fn it_survives_a_restart_of_redis_and_an_empty_one() {
    let servers = private(true);
    let database = servers.database().unwrap();
    let server = servers.redis_server().unwrap();
    let pool = pool(database.redis_url());
    let running = run(ConsumerBuilder::new(pool.clone(), USERS, &[]), None);
    add(&pool, [1]);
    running.sees([1]);
    server.kill().unwrap();
    until("the outage to be told", || !running.errors.lock().unwrap().is_empty());
    server.start_again().unwrap();
    add(&self::pool(database.redis_url()), [2]);
    running.sees([2]);
    let mut redis = database.redis().unwrap();
    command::<()>(&mut redis, "FLUSHALL");
    add(&self::pool(database.redis_url()), [3]);
    running.sees([3]);
    assert_eq!(running.stop().iter().collect::<BTreeSet<_>>().len(), 3);
}

#[test]
fn it_takes_over_from_the_departed_and_leaves_the_living_alone() {
    let mut place = place();
    place.add(1..4);
    let mut departed = place.builder().many().unwrap();
    let _ = departed.consume(10, NO_WAIT, |_| Err("no".into()));
    drop(departed);
    let running = run(place.builder().claim_after(Duration::from_millis(50)), None);
    running.sees([1, 2, 3]);
    running.stop();
    assert_eq!(place.len(), 0);
}

#[test]
fn failing_events_end_among_the_dead_letters_and_nobody_waits_for_them() {
    let mut place = place();
    let running = run(place.builder().max_deliveries(3), Some(7));
    place.add([7, 1, 2, 7]);
    running.sees([1, 2]);
    place.add([3]);
    running.sees([3]);
    until("the dead letters to come", || place.dead() == 2);
    assert!(running.errors.lock().unwrap().iter().any(|error| error.contains("ill")));
    running.stop();
    assert_eq!((place.len(), place.pending("consumer_group")), (0, 0));
}
