//! The sender against a real server: order, figures, outages, refusals, closing.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use headwater_testkit::Proxy;
use headwater_testkit::redis::streams::StreamRangeReply;
use headwater_testkit::redis::{Commands as _, Connection};

use super::*;
use crate::redis::testing::{Over, command, database, private, until};
use crate::stream::{Outgoing, Stream};

const USERS: Stream = Stream::new("UserStream");
const OTHERS: Stream = Stream::new("OtherStream");

/// A pool of this module's client.
fn pool(url: &str) -> RedisPool {
    Over::of(module_path!()).pool(url)
}

fn impatient_pool(url: &str, patience: Duration) -> RedisPool {
    Over::of(module_path!()).impatient_pool(url, patience)
}

fn event(stream: &Stream, number: usize) -> Outgoing {
    Outgoing::new(stream, format!("id-{number}"), format!("event {number}").into_bytes())
}

fn events(stream: &Stream, numbers: std::ops::Range<usize>) -> Vec<Outgoing> {
    numbers.map(|number| event(stream, number)).collect()
}

fn quick() -> SenderOptions {
    SenderOptions {
        backoff: Backoff {
            first: Duration::from_millis(5),
            longest: Duration::from_millis(50),
        },
        ..SenderOptions::default()
    }
}

type Told = Arc<Mutex<Vec<String>>>;

fn listening() -> (Told, SenderOptions) {
    let told: Told = Arc::default();
    let notes = Arc::clone(&told);
    let handler: DeliveryHandler = Arc::new(move |problem| notes.lock().unwrap().push(problem.to_string()));
    (
        told,
        SenderOptions {
            handler: Some(handler),
            ..quick()
        },
    )
}

/// The field `s` of each entry in order.
fn payloads(connection: &mut Connection, stream: &Stream) -> Vec<String> {
    let reply: StreamRangeReply = connection.xrange_all(stream.name()).unwrap();
    reply.ids.iter().map(|entry| entry.get("s").unwrap()).collect()
}

fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("event {number}")).collect()
}

fn drained(sender: &Sender) {
    until("the sender to be done", || sender.delivery().queued == 0);
}

#[test]
fn events_arrive_in_order_with_their_id_and_tags() {
    let database = database();
    let sender = Sender::start(pool(database.redis_url()), quick()).unwrap();
    let mut tagged = event(&USERS, 0);
    tagged.tags.push(("colour".into(), "green".into()));
    sender.send(vec![tagged]).unwrap();
    for start in (1..3001).step_by(100) {
        sender.send(events(&USERS, start..start + 100)).unwrap();
    }
    sender.send(Vec::new()).unwrap();
    drained(&sender);
    let mut redis = database.redis().unwrap();
    assert_eq!(payloads(&mut redis, &USERS), numbered(0..3001));
    let first: StreamRangeReply = redis.xrange_count(USERS.name(), "-", "+", 1).unwrap();
    assert_eq!(first.ids[0].get::<String>("e").unwrap(), "id-0");
    assert_eq!(first.ids[0].get::<String>("colour").unwrap(), "green");
    let delivery = sender.delivery();
    assert_eq!(
        (delivery.queued, delivery.sent, delivery.retried, delivery.failed),
        (0, 3001, 0, 0)
    );
    assert_eq!((delivery.oldest, delivery.last_error), (None, None));
    sender.close(Duration::from_secs(5)).unwrap();
}

#[test]
fn each_of_many_threads_keeps_its_order() {
    let database = database();
    let sender = Arc::new(Sender::start(pool(database.redis_url()), quick()).unwrap());
    let start = Arc::new(Barrier::new(8));
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let (sender, start) = (Arc::clone(&sender), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                for number in 0..500 {
                    let payload = format!("{thread} {number}").into_bytes();
                    sender
                        .send(vec![Outgoing::new(&USERS, String::new(), payload)])
                        .unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    sender.close(Duration::from_secs(30)).unwrap();
    let all = payloads(&mut database.redis().unwrap(), &USERS);
    assert_eq!(all.len(), 4000);
    for thread in 0..8 {
        let own = all
            .iter()
            .filter_map(|payload| payload.strip_prefix(&format!("{thread} ")));
        let expected: Vec<String> = (0..500).map(|number| number.to_string()).collect();
        assert_eq!(own.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn redis_down_and_up_again_loses_nothing_and_keeps_the_order() {
    let servers = private(true);
    let database = servers.database().unwrap();
    let server = servers.redis_server().unwrap();
    let (told, options) = listening();
    let sender = Sender::start(pool(database.redis_url()), options).unwrap();
    sender.send(events(&USERS, 0..10)).unwrap();
    drained(&sender);
    server.kill().unwrap();
    for number in 10..30 {
        sender.send(vec![event(&USERS, number)]).unwrap();
    }
    until("the outage to be told", || !told.lock().unwrap().is_empty());
    until("it to be tried again", || {
        sender
            .delivery()
            .last_error
            .is_some_and(|error| error.contains("refused"))
    });
    let delivery = sender.delivery();
    assert_eq!((delivery.queued, delivery.sent, delivery.failed), (20, 10, 0));
    assert!(delivery.oldest.is_some());
    server.start_again().unwrap();
    drained(&sender);
    assert_eq!(payloads(&mut database.redis().unwrap(), &USERS), numbered(0..30));
    let delivery = sender.delivery();
    assert_eq!((delivery.sent, delivery.failed, delivery.oldest), (30, 0, None));
    sender.close(Duration::from_secs(5)).unwrap();
}

#[test]
fn a_connection_lost_before_the_answer_is_written_again() {
    let database = database();
    let proxy = Proxy::start(database.redis_url()).unwrap();
    let sender = Sender::start(pool(&proxy.url_like(database.redis_url()).unwrap()), quick()).unwrap();
    sender.send(events(&USERS, 0..5)).unwrap();
    drained(&sender);
    proxy.cut_response(1);
    sender.send(events(&USERS, 5..10)).unwrap();
    drained(&sender);
    let delivery = sender.delivery();
    assert_eq!((delivery.sent, delivery.retried, delivery.failed), (10, 5, 0));
    // The batch was taken both times: it is doubled whole, in order, told apart by its event ids.
    let expected = [numbered(0..10), numbered(5..10)].concat();
    assert_eq!(payloads(&mut database.redis().unwrap(), &USERS), expected);
}

#[test]
fn a_key_that_is_no_stream_does_not_hold_up_the_others() {
    let database = database();
    let mut redis = database.redis().unwrap();
    command::<()>(&mut redis, "SET OtherStream text");
    let (told, options) = listening();
    let sender = Sender::start(pool(database.redis_url()), options).unwrap();
    let mut batch = events(&USERS, 0..3);
    batch.insert(1, event(&OTHERS, 100));
    batch.insert(3, event(&OTHERS, 101));
    sender.send(batch).unwrap();
    sender.send(vec![event(&OTHERS, 102)]).unwrap();
    drained(&sender);
    assert_eq!(payloads(&mut redis, &USERS), numbered(0..3));
    let delivery = sender.delivery();
    assert_eq!((delivery.sent, delivery.retried, delivery.failed), (3, 0, 3));
    assert!(delivery.last_error.unwrap().contains("WRONGTYPE"));
    let failed = sender.take_failed();
    let ids: Vec<&str> = failed.iter().map(|event| event.event_id.as_str()).collect();
    assert_eq!(ids, ["id-100", "id-101", "id-102"]);
    assert_eq!(failed[0].payload, b"event 100");
    assert_eq!(failed[0].stream, "OtherStream");
    assert!(sender.take_failed().is_empty());
    assert!(told.lock().unwrap().iter().any(|text| text.contains("refused")));
}

#[test]
fn out_of_memory_and_read_only_heal() {
    let servers = private(false);
    let database = servers.database().unwrap();
    let mut redis = database.redis().unwrap();
    let sender = Sender::start(pool(database.redis_url()), quick()).unwrap();
    let mut next = 0;
    for (harm, healing) in [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
        ("CONFIG SET requirepass secret", "CONFIG SET requirepass "),
    ] {
        command::<()>(&mut redis, harm);
        // A connection from before stays logged in: a new one is what is refused.
        let mut killed = redis::Cmd::new();
        killed
            .arg("CLIENT")
            .arg("KILL")
            .arg("TYPE")
            .arg("normal")
            .arg("SKIPME")
            .arg("yes");
        killed.exec(&mut redis).unwrap();
        let failures = sender.delivery().last_error;
        sender.send(events(&USERS, next..next + 3)).unwrap();
        sender.send(events(&USERS, next + 3..next + 5)).unwrap();
        until("the harm to be noticed", || {
            let error = sender.delivery().last_error;
            error.is_some() && error != failures
        });
        assert_eq!(sender.delivery().queued, 5, "{harm}");
        command::<()>(&mut redis, healing);
        drained(&sender);
        next += 5;
    }
    assert_eq!(payloads(&mut redis, &USERS), numbered(0..15));
    assert_eq!(sender.delivery().failed, 0);
}

#[test]
fn a_user_who_may_add_and_nothing_else_is_served_one_by_one() {
    let database = database();
    let mut redis = database.redis().unwrap();
    command::<()>(
        &mut redis,
        "ACL SETUSER adder on >secret ~* -@all +xadd +ping +select +client",
    );
    let url = database.redis_url().replace("redis://", "redis://adder:secret@");
    let sender = Sender::start(pool(&url), quick()).unwrap();
    sender.send(events(&USERS, 0..3)).unwrap();
    sender.send(events(&USERS, 3..50)).unwrap();
    drained(&sender);
    assert_eq!(payloads(&mut redis, &USERS), numbered(0..50));
    let delivery = sender.delivery();
    assert_eq!((delivery.sent, delivery.failed), (50, 0));
    command::<()>(&mut redis, "ACL DELUSER adder");
}

#[test]
fn a_full_channel_blocks_until_there_is_room() {
    let servers = private(false);
    let database = servers.database().unwrap();
    let server = servers.redis_server().unwrap();
    let options = SenderOptions {
        capacity: 10,
        ..quick()
    };
    let sender = Arc::new(Sender::start(pool(database.redis_url()), options).unwrap());
    sender.send(events(&USERS, 0..1)).unwrap();
    drained(&sender);
    server.pause().unwrap();
    sender.send(events(&USERS, 1..11)).unwrap();
    let blocked = {
        let sender = Arc::clone(&sender);
        thread::spawn(move || sender.send(events(&USERS, 11..13)))
    };
    assert!(!blocked.is_finished());
    server.resume().unwrap();
    blocked.join().unwrap().unwrap();
    drained(&sender);
    // More than the channel holds goes when nothing else waits.
    sender.send(events(&USERS, 13..50)).unwrap();
    drained(&sender);
    assert_eq!(payloads(&mut database.redis().unwrap(), &USERS), numbered(0..50));
}

#[test]
fn events_without_room_in_time_come_back_and_are_counted() {
    let servers = private(false);
    let database = servers.database().unwrap();
    let server = servers.redis_server().unwrap();
    let (told, mut options) = listening();
    options.capacity = 2;
    options.policy = DeliveryPolicy::Block {
        deadline: Duration::from_millis(20),
    };
    let sender = Sender::start(pool(database.redis_url()), options).unwrap();
    server.kill().unwrap();
    sender.send(events(&USERS, 0..2)).unwrap();
    let error = sender.send(events(&USERS, 2..4)).unwrap_err();
    let ErrorKind::Unsent { unsent, .. } = error.kind() else {
        panic!("{error:?}");
    };
    assert_eq!(unsent[1], ("UserStream".to_string(), b"event 3".to_vec()));
    let delivery = sender.delivery();
    assert_eq!((delivery.queued, delivery.failed), (2, 2));
    assert_eq!(sender.take_failed().len(), 2);
    assert!(told.lock().unwrap().iter().any(|text| text.contains("had no room")));
    server.start_again().unwrap();
    drained(&sender);
    assert_eq!(payloads(&mut database.redis().unwrap(), &USERS), numbered(0..2));
}

#[test]
fn close_returns_what_it_could_not_send() {
    let servers = private(false);
    let database = servers.database().unwrap();
    let (told, options) = listening();
    let sender = Sender::start(pool(database.redis_url()), options).unwrap();
    servers.redis_server().unwrap().kill().unwrap();
    sender.send(events(&USERS, 0..3)).unwrap();
    sender.send(events(&USERS, 3..5)).unwrap();
    until("the outage to be noticed", || sender.delivery().last_error.is_some());
    let error = sender.close(Duration::from_millis(50)).unwrap_err();
    let ErrorKind::Unsent { unsent, reason } = error.kind() else {
        panic!("{error:?}");
    };
    let payloads: Vec<&[u8]> = unsent.iter().map(|(_, payload)| payload.as_slice()).collect();
    assert_eq!(
        payloads,
        numbered(0..5).iter().map(|text| text.as_bytes()).collect::<Vec<_>>()
    );
    assert!(reason.contains("last error"), "{reason}");
    let delivery = sender.delivery();
    assert_eq!((delivery.queued, delivery.failed), (0, 5));
    assert!(told.lock().unwrap().iter().any(|text| text.contains("unsent")));
    // Afterwards nothing is taken, and nothing is swallowed.
    let error = sender.send(events(&USERS, 5..6)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unsent { unsent, .. } if unsent.len() == 1));
    sender.close(Duration::ZERO).unwrap();
}

#[test]
fn close_does_not_wait_for_a_server_that_keeps_silent() {
    let servers = private(false);
    let database = servers.database().unwrap();
    let server = servers.redis_server().unwrap();
    let sender = Sender::start(impatient_pool(database.redis_url(), Duration::from_secs(3600)), quick()).unwrap();
    sender.send(events(&USERS, 0..1)).unwrap();
    drained(&sender);
    server.pause().unwrap();
    sender.send(events(&USERS, 1..4)).unwrap();
    let error = sender.close(Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unsent { unsent, .. } if unsent.len() == 3));
    server.resume().unwrap();
}

#[test]
fn a_slow_server_is_waited_for_and_asked_again() {
    let servers = private(false);
    let database = servers.database().unwrap();
    let server = servers.redis_server().unwrap();
    let sender = Sender::start(
        impatient_pool(database.redis_url(), Duration::from_millis(100)),
        quick(),
    )
    .unwrap();
    server.pause().unwrap();
    sender.send(events(&USERS, 0..3)).unwrap();
    until("patience to be lost", || sender.delivery().last_error.is_some());
    assert_eq!(sender.delivery().sent, 0);
    server.resume().unwrap();
    drained(&sender);
    // At least once: the same three in order, however often.
    let mut all = payloads(&mut database.redis().unwrap(), &USERS);
    assert_eq!(all.len() % 3, 0);
    all.truncate(3);
    assert_eq!(all, numbered(0..3));
    assert_eq!(sender.delivery().sent, 3);
}

#[test]
fn dropping_closes_and_a_panicking_handler_harms_nobody() {
    let database = database();
    let mut options = quick();
    options.handler = Some(Arc::new(|_| panic!("the handler's own trouble")));
    let mut redis = database.redis().unwrap();
    command::<()>(&mut redis, "SET OtherStream text");
    let sender = Sender::start(pool(database.redis_url()), options).unwrap();
    sender.send(vec![event(&OTHERS, 0)]).unwrap();
    sender.send(events(&USERS, 0..100)).unwrap();
    drop(sender);
    assert_eq!(payloads(&mut redis, &USERS), numbered(0..100));
}

#[test]
fn a_stream_keeps_to_its_bounds_and_counts_what_was_not_read() {
    const SHORT: Stream = Stream::new("ShortStream").max_len(10);
    const YOUNG: Stream = Stream::new("YoungStream").max_age(Duration::from_secs(60));
    let database = database();
    let mut redis = database.redis().unwrap();
    command::<()>(&mut redis, "XGROUP CREATE ShortStream readers 0 MKSTREAM");
    command::<()>(&mut redis, "XADD YoungStream 1-1 s old");
    let (told, options) = listening();
    let sender = Sender::start(pool(database.redis_url()), options).unwrap();
    sender.send(events(&SHORT, 0..10)).unwrap();
    drained(&sender);
    // Five are read, three of them acknowledged.
    let read: redis::streams::StreamReadReply =
        command(&mut redis, "XREADGROUP GROUP readers ana COUNT 5 STREAMS ShortStream >");
    for entry in &read.keys[0].ids[..3] {
        let _: u64 = redis.xack(SHORT.name(), "readers", &[&entry.id]).unwrap();
    }
    let mut batch = events(&SHORT, 10..17);
    batch.push(event(&YOUNG, 0));
    sender.send(batch).unwrap();
    drained(&sender);
    assert_eq!(payloads(&mut redis, &SHORT), numbered(7..17));
    assert_eq!(payloads(&mut redis, &YOUNG), numbered(0..1));
    // Of the seven that were cut, two were pending and two never delivered.
    assert_eq!(sender.delivery().cut_unread, 4);
    until("the cut to be told", || {
        told.lock()
            .unwrap()
            .iter()
            .any(|text| text.contains("4 unread entries"))
    });
    let pending: redis::streams::StreamPendingReply = redis.xpending(SHORT.name(), "readers").unwrap();
    assert_eq!(pending.count(), 0);
}
