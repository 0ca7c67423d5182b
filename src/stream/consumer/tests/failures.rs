//! Handlers that fail, panic or vanish, and entries that nobody can read.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use headwater_testkit::redis::streams::StreamRangeReply;

use super::*;

fn dead(place: &mut Place) -> Vec<HashMap<String, String>> {
    let reply: StreamRangeReply = place.redis.xrange_all("UserStream:dead").unwrap();
    reply
        .ids
        .into_iter()
        .map(|entry| {
            let text = |value| headwater_testkit::redis::from_redis_value::<Vec<u8>>(value).unwrap();
            entry
                .map
                .into_iter()
                .map(|(name, value)| (name, String::from_utf8_lossy(&text(value)).into_owned()))
                .collect()
        })
        .collect()
}

#[test]
fn what_the_handler_acknowledged_itself_does_not_come_again() {
    let mut place = place();
    place.add(1..4);
    let mut consumer = place.builder().single().unwrap();
    let error = consumer.consume(10, NO_WAIT, |events| {
        events[0].ack()?;
        events[0].ack()?;
        Err("after the first".into())
    });
    assert!(error.is_err());
    assert_eq!(place.len(), 2);
    assert_eq!(consume(&mut consumer, 10), [2, 3]);
    assert_eq!(place.len(), 0);
    // All by themselves: nothing is left for the end.
    place.add(1..3);
    let handled = consumer.consume(10, NO_WAIT, |events| {
        events.iter().try_for_each(Event::ack)?;
        Ok(())
    });
    assert_eq!(handled.unwrap(), 2);
    assert_eq!(place.len(), 0);
}

#[test]
fn a_failing_entity_keeps_its_order_and_the_others_go_on() {
    let mut place = place();
    place.add([7, 8, 7, 9]);
    let mut consumer = place.builder().single().unwrap();
    let mut handled = Vec::new();
    let mut healed = false;
    let pass = |consumer: &mut Consumer, healed: bool, handled: &mut Vec<(u64, String)>| {
        consumer.consume(10, NO_WAIT, |events| {
            for event in events {
                let entity = event.dirty()?.entity_id.as_u64().unwrap();
                if entity == 7 && !healed {
                    return Err("seven is ill".into());
                }
            }
            for event in events {
                handled.push((
                    entities(std::slice::from_ref(event))[0],
                    event.event_id().unwrap().into(),
                ));
            }
            Ok(())
        })
    };
    // The batch fails as a whole, the next call finds out who it was.
    pass(&mut consumer, healed, &mut handled).unwrap_err();
    assert!(handled.is_empty());
    place.add([7, 10]);
    let error = pass(&mut consumer, healed, &mut handled).unwrap_err();
    assert!(error.to_string().contains("seven is ill"));
    let others: Vec<u64> = handled.iter().map(|(entity, _)| *entity).collect();
    assert_eq!(others, [8, 9, 10]);
    place.add([11, 7]);
    pass(&mut consumer, healed, &mut handled).unwrap_err();
    assert_eq!(handled.last().unwrap().0, 11);
    healed = true;
    handled.clear();
    assert_eq!(pass(&mut consumer, healed, &mut handled).unwrap(), 4);
    let order: Vec<&str> = handled.iter().map(|(_, id)| id.as_str()).collect();
    assert_eq!(order, ["7-0", "7-2", "7-0", "7-1"]);
    assert_eq!((place.len(), place.dead()), (0, 0));
}

#[test]
fn after_its_deliveries_an_entry_goes_to_the_dead_letters_alone() {
    let mut place = place();
    place.add([1, 2, 3]);
    let mut consumer = place.builder().max_deliveries(3).single().unwrap();
    let mut deliveries = Vec::new();
    let mut handled = Vec::new();
    for _ in 0..10 {
        let _ = consumer.consume(10, NO_WAIT, |events| {
            for event in events {
                if entities(std::slice::from_ref(event)) == [2] {
                    deliveries.push(event.deliveries());
                    return Err("never two".into());
                }
            }
            handled.extend(entities(events));
            Ok(())
        });
    }
    assert_eq!(deliveries, [1, 2, 3]);
    assert_eq!(handled, [1, 3]);
    assert_eq!((place.len(), place.pending("consumer_group")), (0, 0));
    let dead = dead(&mut place);
    assert_eq!(dead.len(), 1);
    let entry = &dead[0];
    assert_eq!(entry["e"], "2-1");
    assert!(entry.contains_key("s"));
    assert_eq!(entry["dead:error"], "never two");
    assert_eq!(entry["dead:attempts"], "3");
    assert_eq!(entry["dead:group"], "consumer_group");
    assert!(entry["dead:first"].parse::<u64>().unwrap() <= entry["dead:last"].parse().unwrap());
    assert!(entry["dead:id"].contains('-'));
}

#[test]
fn one_delivery_only_means_one() {
    let mut place = place();
    place.add([1, 2, 3]);
    let mut consumer = place.builder().max_deliveries(1).single().unwrap();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let _ = consumer.consume(10, NO_WAIT, |events| {
            seen.extend(entities(events));
            if entities(events).contains(&2) {
                Err("no".into())
            } else {
                Ok(())
            }
        });
    }
    assert_eq!(seen, [1, 2, 3]);
    assert_eq!((place.len(), place.dead()), (0, 1));
}

#[test]
fn malformed_entries_go_aside_whole_and_at_once() {
    let mut place = place();
    place.add([1]);
    command::<String>(&mut place.redis, "XADD UserStream * other field");
    command::<String>(&mut place.redis, "XADD UserStream * s garbage tag kept");
    place.add([2]);
    let mut consumer = place.builder().single().unwrap();
    let mut handled = Vec::new();
    let count = consumer
        .consume(10, NO_WAIT, |events| {
            for event in events {
                let dirty = event.dirty()?;
                handled.push(dirty.entity_id.as_u64().unwrap());
            }
            Ok(())
        })
        .unwrap();
    // The first was handled, then the batch failed on the garbage and came again without it.
    assert_eq!(handled, [1, 1, 2]);
    assert_eq!(count, 4);
    assert_eq!(place.len(), 0);
    let dead = dead(&mut place);
    assert_eq!(dead.len(), 2);
    assert_eq!((dead[0]["other"].as_str(), dead[1]["tag"].as_str()), ("field", "kept"));
    assert!(dead[0]["dead:error"].contains("no field `s`"));
    assert!(dead[1]["dead:error"].contains("malformed"), "{}", dead[1]["dead:error"]);
    assert_eq!(dead[1]["s"], "garbage");
}

#[test]
fn a_dead_letter_stream_that_is_none_holds_nobody_up() {
    let mut place = place();
    command::<()>(&mut place.redis, "SET UserStream:dead text");
    command::<String>(&mut place.redis, "XADD UserStream * other field");
    command::<String>(&mut place.redis, "XADD UserStream * s garbage");
    place.add([1]);
    let mut consumer = place.builder().single().unwrap();
    let mut handled = Vec::new();
    for next in 2..5 {
        consumer
            .consume(10, NO_WAIT, |events| {
                for event in events {
                    handled.push(event.dirty()?.entity_id.as_u64().unwrap());
                }
                Ok(())
            })
            .unwrap();
        place.add([next]);
    }
    assert_eq!(handled, [1, 2, 3]);
    assert_eq!(place.len(), 3);
    // Once it can go aside, it does.
    command::<()>(&mut place.redis, "DEL UserStream:dead");
    assert_eq!(consume(&mut consumer, 10), [4]);
    assert_eq!((place.len(), place.dead()), (0, 2));
    assert!(dead(&mut place)[1]["dead:error"].contains("malformed"));
}

#[test]
fn a_panic_in_the_handler_loses_nothing() {
    let mut place = place();
    place.add([1, 2]);
    let mut consumer = place.builder().single().unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| consumer.consume(10, NO_WAIT, |_| panic!("oh"))));
    assert!(panic.is_err());
    assert_eq!(consume(&mut consumer, 10), [1, 2]);
    assert_eq!(place.len(), 0);
}

#[test]
fn an_entry_that_ends_its_process_is_found_and_put_aside() {
    let mut place = place();
    place.add([1, 2, 3]);
    let mut handled = Vec::new();
    let mut starts = 0;
    // Each round is a process: what it was delivered and did not acknowledge stays behind when it ends.
    while place.len() > 0 {
        starts += 1;
        assert!(starts < 20, "it does not come to an end");
        let mut consumer = place.builder().max_deliveries(4).single().unwrap();
        let mut died = false;
        while !died && place.len() > 0 {
            let crash = catch_unwind(AssertUnwindSafe(|| {
                consumer.consume(10, NO_WAIT, |events| {
                    if entities(events).contains(&2) {
                        panic!("the process ends");
                    }
                    handled.extend(entities(events));
                    Ok(())
                })
            }));
            died = crash.is_err();
        }
    }
    assert_eq!(handled, [1, 3]);
    let dead = dead(&mut place);
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0]["e"].as_str(), dead[0]["dead:attempts"].as_str()), ("2-1", "4"));
}

#[test]
fn what_a_consumer_left_behind_comes_first() {
    let mut place = place();
    place.add([1, 2, 3]);
    let mut consumer = place.builder().single().unwrap();
    let _ = consumer.consume(2, NO_WAIT, |_| Err("no".into()));
    drop(consumer);
    place.add([4]);
    let mut consumer = place.builder().single().unwrap();
    let mut batches = Vec::new();
    consumer
        .consume(10, NO_WAIT, |events| {
            batches.push(entities(events));
            Ok(())
        })
        .unwrap();
    assert_eq!(batches, [vec![1, 2], vec![3, 4]]);
}

#[test]
fn an_entry_that_was_deleted_while_it_was_pending_is_forgotten() {
    let mut place = place();
    place.add([1, 2]);
    let mut consumer = place.builder().single().unwrap();
    let mut ids = Vec::new();
    let _ = consumer.consume(10, NO_WAIT, |events| {
        ids = events.iter().map(|event| event.id().to_string()).collect();
        Err("no".into())
    });
    let _: u64 = place.redis.xdel(USERS.name(), &[&ids[0]]).unwrap();
    assert_eq!(consume(&mut consumer, 10), [2]);
    assert_eq!(place.pending("consumer_group"), 0);
}

#[test]
fn a_key_that_is_no_stream_is_an_error() {
    let mut place = place();
    command::<()>(&mut place.redis, "SET UserStream text");
    let error = place.builder().single().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Redis { message, .. } if message.contains("WRONGTYPE")));
    command::<()>(&mut place.redis, "DEL UserStream");
    let mut consumer = place.builder().single().unwrap();
    command::<()>(&mut place.redis, "SET UserStream text");
    let error = consumer.consume(1, NO_WAIT, |_| Ok(())).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Redis { .. }), "{error}");
    let error = consumer.run(&crate::stream::Shutdown::new(), |_| Ok(())).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Redis { .. }), "{error}");
}

#[test]
fn a_user_without_the_right_is_an_error_and_nothing_is_lost() {
    let servers = private(false);
    let database = servers.database().unwrap();
    let mut redis = database.redis().unwrap();
    command::<()>(&mut redis, "ACL SETUSER ana on >pw ~* +@all");
    let pool = pool(&database.redis_url().replace("redis://", "redis://ana:pw@"));
    add(&pool, [1, 2]);
    let mut consumer = ConsumerBuilder::new(pool, USERS, &[]).single().unwrap();
    for right in ["xreadgroup", "evalsha"] {
        command::<()>(&mut redis, &format!("ACL SETUSER ana -{right}"));
        let refused = |error: Error| {
            assert!(
                matches!(error.kind(), ErrorKind::Redis { message, .. } if message.contains("NOPERM")),
                "{error}"
            );
        };
        refused(consumer.consume(1, NO_WAIT, |_| Ok(())).unwrap_err());
        refused(consumer.run(&crate::stream::Shutdown::new(), |_| Ok(())).unwrap_err());
        command::<()>(&mut redis, &format!("ACL SETUSER ana +{right}"));
    }
    consumer.consume(10, NO_WAIT, |_| Ok(())).unwrap();
    assert_eq!(redis.xlen::<_, usize>(USERS.name()).unwrap(), 0);
}

#[test]
fn a_server_out_of_memory_or_read_only_heals() {
    let servers = private(false);
    let database = servers.database().unwrap();
    let mut redis = database.redis().unwrap();
    let pool = pool(database.redis_url());
    let mut consumer = ConsumerBuilder::new(pool.clone(), USERS, &[])
        .max_deliveries(1)
        .single()
        .unwrap();
    add(&pool, [1, 2]);
    let mut handled = 0;
    let mut pass = |consumer: &mut Consumer| {
        consumer.consume(10, NO_WAIT, |events| {
            handled += events.len();
            if entities(events).contains(&2) {
                Err("no".into())
            } else {
                Ok(())
            }
        })
    };
    // The dead letter of the second finds no room.
    command::<()>(&mut redis, "CONFIG SET maxmemory 1");
    assert!(pass(&mut consumer).is_err());
    assert_eq!(redis.xlen::<_, usize>("UserStream:dead").unwrap(), 0);
    command::<()>(&mut redis, "CONFIG SET maxmemory 0");
    command::<()>(&mut redis, "REPLICAOF 127.0.0.1 1");
    assert!(pass(&mut consumer).is_err());
    command::<()>(&mut redis, "REPLICAOF NO ONE");
    until("the dead letter to be written", || {
        let _ = pass(&mut consumer);
        redis.xlen::<_, usize>(USERS.name()).unwrap() == 0
    });
    let dead: StreamRangeReply = redis.xrange_all("UserStream:dead").unwrap();
    assert_eq!(dead.ids.len(), 1);
    // Why it is there was not forgotten meanwhile, and it was not delivered again.
    assert_eq!(dead.ids[0].get::<String>("dead:error").unwrap(), "no");
    assert_eq!(handled, 2);
}

#[test]
fn consumers_and_events_can_cross_threads() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<Consumer>();
    send::<ConsumerBuilder>();
    sync::<Event>();
    sync::<crate::stream::DeadLetters>();
    send::<crate::stream::Flusher>();
}
