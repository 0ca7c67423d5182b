//! Several groups on one stream, several consumers in one group, and when an entry may go.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::thread;

use headwater_testkit::Proxy;

use super::*;

#[test]
fn two_groups_read_one_stream_each_in_full_while_entries_are_deleted() {
    let mut place = place();
    let groups = ["mailer".to_string(), "indexer".to_string()];
    let consumer = |name: &str| {
        ConsumerBuilder::new(place.pool.clone(), USERS, &groups)
            .group(name)
            .single()
            .unwrap()
    };
    let (mut mailer, mut indexer) = (consumer("mailer"), consumer("indexer"));
    place.add(1..101);
    assert_eq!(consume(&mut mailer, 60), (1..61).collect::<Vec<_>>());
    assert_eq!(place.len(), 100);
    assert_eq!(consume(&mut indexer, 30), (1..31).collect::<Vec<_>>());
    assert_eq!(place.len(), 70);
    assert_eq!(consume(&mut mailer, 100), (61..101).collect::<Vec<_>>());
    assert_eq!(place.len(), 70);
    // Delivered, but not acknowledged: it stays.
    let _ = indexer.consume(100, NO_WAIT, |events| {
        for event in &events[..10] {
            event.ack()?;
        }
        Err("no".into())
    });
    assert_eq!(place.len(), 60);
    assert_eq!(consume(&mut indexer, 100), (41..101).collect::<Vec<_>>());
    assert_eq!(place.len(), 0);
}

#[test]
fn a_registered_group_keeps_entries_before_it_ever_reads() {
    let mut place = place();
    let groups = ["late".to_string()];
    let mut early = ConsumerBuilder::new(place.pool.clone(), USERS, &groups)
        .single()
        .unwrap();
    place.add(1..4);
    assert_eq!(consume(&mut early, 10).len(), 3);
    assert_eq!(place.len(), 3);
    let mut late = ConsumerBuilder::new(place.pool.clone(), USERS, &groups)
        .group("late")
        .single()
        .unwrap();
    assert_eq!(consume(&mut late, 10), [1, 2, 3]);
    assert_eq!(place.len(), 0);
}

#[test]
fn four_workers_share_ten_thousand_events_and_one_that_goes_loses_none() {
    let mut place = place();
    place.add(1..10_001);
    let handled: Mutex<HashMap<u64, Vec<usize>>> = Mutex::default();
    thread::scope(|scope| {
        for worker in 0..4 {
            let mut consumer = place.builder().many().unwrap();
            let handled = &handled;
            scope.spawn(move || {
                let mut batches = 0;
                loop {
                    let result = consumer.consume(50, NO_WAIT, |events| {
                        batches += 1;
                        if worker == 3 && batches == 10 {
                            // Its events are delivered, and it is never heard of again.
                            return Err("gone".into());
                        }
                        let mut handled = handled.lock().unwrap();
                        for entity in entities(events) {
                            handled.entry(entity).or_default().push(worker);
                        }
                        Ok(())
                    });
                    match result {
                        Ok(0) | Err(_) => break,
                        Ok(_) => {}
                    }
                }
            });
        }
    });
    assert_eq!(place.len(), 50);
    let mut heir = place.builder().many().unwrap();
    until("the left events to be claimed", || {
        heir.auto_claim(20, Duration::from_millis(1), |events| {
            let mut handled = handled.lock().unwrap();
            for entity in entities(events) {
                handled.entry(entity).or_default().push(4);
            }
            Ok(())
        })
        .unwrap();
        place.len() == 0
    });
    let handled = handled.into_inner().unwrap();
    assert_eq!(handled.len(), 10_000);
    assert!(
        handled.values().all(|workers| workers.len() == 1),
        "an event was handled twice"
    );
    let workers: BTreeSet<usize> = handled.into_values().flatten().collect();
    assert_eq!(workers.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn cleanup_hands_pending_events_over_and_never_strands_them() {
    let mut place = place();
    place.add(1..6);
    let mut leaving = place.builder().many().unwrap();
    let _ = leaving.consume(3, NO_WAIT, |_| Err("no".into()));
    // With nobody to take them the name stays.
    leaving.cleanup().unwrap();
    assert_eq!(place.pending("consumer_group"), 3);
    let mut staying = place.builder().many().unwrap();
    assert_eq!(consume(&mut staying, 10), [4, 5]);
    leaving.cleanup().unwrap();
    let consumers: Vec<HashMap<String, headwater_testkit::redis::Value>> =
        command(&mut place.redis, "XINFO CONSUMERS UserStream consumer_group");
    assert_eq!(consumers.len(), 1);
    assert_eq!(place.pending("consumer_group"), 3);
    let mut claimed = Vec::new();
    staying
        .auto_claim(10, Duration::from_secs(3600), |events| {
            claimed.extend(entities(events));
            Ok(())
        })
        .unwrap();
    assert_eq!(claimed, [1, 2, 3]);
    assert_eq!(place.len(), 0);
}

#[test]
fn repeats_are_dropped_within_the_window() {
    let mut place = place();
    place.add([1, 2]);
    place.add([1, 3]);
    let mut consumer = place.builder().deduplicate(Duration::from_secs(60)).single().unwrap();
    // A failed event is no repeat of itself.
    let _ = consumer.consume(10, NO_WAIT, |_| Err("no".into()));
    assert_eq!(consume(&mut consumer, 10), [1, 2, 3]);
    place.add([1]);
    assert_eq!(consume(&mut consumer, 10), Vec::<u64>::new());
    assert_eq!((place.len(), place.pending("consumer_group")), (0, 0));
    // Another group has a memory of its own.
    place.add([1]);
    let mut other = place
        .builder()
        .group("other")
        .deduplicate(Duration::from_secs(60))
        .single()
        .unwrap();
    assert_eq!(consume(&mut other, 10), [1]);
}

#[test]
fn a_lost_acknowledgement_is_made_up_for_without_another_delivery() {
    let database = database();
    let proxy = Proxy::start(database.redis_url()).unwrap();
    let pool = pool(&proxy.url_like(database.redis_url()).unwrap());
    let mut redis = database.redis().unwrap();
    add(&pool, 1..4);
    let mut consumer = ConsumerBuilder::new(pool.clone(), USERS, &[]).single().unwrap();
    let mut seen = Vec::new();
    let handled = consumer.consume(2, NO_WAIT, |events| {
        seen.extend(entities(events));
        proxy.cut();
        Ok(())
    });
    assert_eq!(handled.unwrap(), 2);
    proxy.refuse(true).unwrap();
    proxy.cut();
    let failed = consumer.consume(2, NO_WAIT, |_| panic!("there is no connection"));
    assert!(failed.is_err());
    proxy.refuse(false).unwrap();
    let error = consumer.consume(2, NO_WAIT, |events| {
        seen.extend(entities(events));
        proxy.refuse(true).unwrap();
        proxy.cut();
        Ok(())
    });
    assert!(error.unwrap_err().is_connection());
    assert_eq!(redis.xlen::<_, usize>(USERS.name()).unwrap(), 1);
    proxy.refuse(false).unwrap();
    assert_eq!(consumer.consume(2, NO_WAIT, |_| panic!("it was handled")).unwrap(), 0);
    assert_eq!(redis.xlen::<_, usize>(USERS.name()).unwrap(), 0);
    assert_eq!(seen, [1, 2, 3]);
}

#[test]
fn an_answer_that_is_lost_with_its_entries_is_read_again() {
    let database = database();
    let proxy = Proxy::start(database.redis_url()).unwrap();
    let pool = pool(&proxy.url_like(database.redis_url()).unwrap());
    let mut consumer = ConsumerBuilder::new(pool.clone(), USERS, &[]).single().unwrap();
    assert_eq!(consume(&mut consumer, 10), Vec::<u64>::new());
    add(&pool, 1..4);
    proxy.cut_response(1);
    assert!(consumer.consume(2, NO_WAIT, |_| Ok(())).unwrap_err().is_connection());
    assert_eq!(consume(&mut consumer, 10), [1, 2, 3]);
}
