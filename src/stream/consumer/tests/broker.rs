//! Events of one's own: published one by one and by the buffer.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::*;
use crate::stream::broker::{Route, publish};
use crate::stream::sender::{Sender, SenderOptions};
use crate::stream::{DeliveryHandler, Flusher};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Signup {
    email: String,
    age: Option<u8>,
}

fn signup(name: &str) -> Signup {
    Signup {
        email: format!("{name}@x.org"),
        age: None,
    }
}

const SIGNUPS: Stream = Stream::new("SignupStream");
const OTHERS: Stream = Stream::new("OtherStream");

fn bodies(consumer: &mut Consumer) -> Vec<Signup> {
    let mut bodies = Vec::new();
    consumer
        .consume(100, NO_WAIT, |events| {
            for event in events {
                bodies.push(event.body()?);
            }
            Ok(())
        })
        .unwrap();
    bodies
}

#[test]
fn a_published_event_is_consumed_with_its_body_and_tags() {
    let place = place();
    let sender = Sender::start(place.pool.clone(), SenderOptions::default()).unwrap();
    let id = publish(&sender, &SIGNUPS, &signup("ana"), &[("source", "web"), ("größe", "ä")]).unwrap();
    let mut consumer = ConsumerBuilder::new(place.pool.clone(), SIGNUPS, &[]).single().unwrap();
    let count = consumer.consume(1, NO_WAIT, |events| {
        let event = &events[0];
        assert_eq!((event.id(), event.stream()), (id.as_str(), "SignupStream"));
        assert_eq!(event.body::<Signup>()?, signup("ana"));
        assert_eq!(
            (event.tag("source"), event.tag("größe"), event.tag("x")),
            (Some("web"), Some("ä"), None)
        );
        assert!(event.event_id().is_some_and(|id| id.len() == 26));
        assert_eq!(event.deliveries(), 1);
        assert!(event.body::<Vec<u8>>().unwrap_err().is_malformed());
        assert!(event.dirty().unwrap_err().is_malformed());
        Ok(())
    });
    assert_eq!(count.unwrap(), 1);
}

#[test]
fn reserved_tags_and_bodies_that_cannot_be_packed_are_errors() {
    let place = place();
    let sender = Sender::start(place.pool.clone(), SenderOptions::default()).unwrap();
    for tag in ["s", "e", "", "dead:group"] {
        let error = publish(&sender, &SIGNUPS, "text", &[(tag, "x")]).unwrap_err();
        assert!(error.is_config(), "{tag}: {error}");
    }
    struct Unwilling;
    impl Serialize for Unwilling {
        fn serialize<S: serde::Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("I will not"))
        }
    }
    let error = publish(&sender, &SIGNUPS, &Unwilling, &[]).unwrap_err();
    assert!(
        error.is_malformed() && error.to_string().contains("I will not"),
        "{error}"
    );
}

#[test]
fn the_flusher_writes_each_pool_and_keeps_the_order_of_each_stream() {
    let (first, second) = (place(), place());
    let start = |place: &Place| Arc::new(Sender::start(place.pool.clone(), SenderOptions::default()).unwrap());
    let senders: BTreeMap<&str, _> = [(SIGNUPS.name(), start(&first)), (OTHERS.name(), start(&second))].into();
    let route: Route = Arc::new(move |stream: &Stream| {
        let sender = senders.get(stream.name());
        sender.cloned().ok_or_else(|| Error::config("no such stream"))
    });
    let mut flusher = Flusher::new(route);
    assert_eq!(flusher.flush().unwrap(), 0);
    for number in 0..1500 {
        flusher.publish(&SIGNUPS, &signup(&number.to_string())).unwrap();
        flusher.publish_tagged(&OTHERS, &number, &[("number", "x")]).unwrap();
    }
    assert!(flusher.publish(&USERS, "x").unwrap_err().is_config());
    assert_eq!(flusher.len(), 3000);
    assert_eq!(flusher.flush().unwrap(), 3000);
    assert!(flusher.is_empty());
    let mut consumer = ConsumerBuilder::new(first.pool.clone(), SIGNUPS, &[]).single().unwrap();
    let mut all = Vec::new();
    while all.len() < 1500 {
        all.extend(bodies(&mut consumer).into_iter().map(|signup| signup.email));
    }
    assert_eq!(
        all,
        (0..1500).map(|number| format!("{number}@x.org")).collect::<Vec<_>>()
    );
    assert_eq!(
        second
            .pool
            .with(|link| link.ask(&crate::redis::Commands::one(&[b"XLEN", b"OtherStream"])))
            .unwrap()
            .int(),
        Some(1500)
    );
}

#[test]
fn what_a_flush_could_not_write_stays_in_the_buffer() {
    let mut place = place();
    command::<()>(&mut place.redis, "SET OtherStream text");
    let sender = Arc::new(Sender::start(place.pool.clone(), SenderOptions::default()).unwrap());
    let mut flusher = Flusher::new(Arc::new(move |_| Ok(Arc::clone(&sender))));
    flusher.publish(&SIGNUPS, &1).unwrap();
    flusher.publish(&OTHERS, &2).unwrap();
    flusher.publish(&SIGNUPS, &3).unwrap();
    let error = flusher.flush().unwrap_err();
    assert!(error.to_string().contains("WRONGTYPE"), "{error}");
    assert_eq!(flusher.len(), 1);
    assert_eq!(place.redis.xlen::<_, usize>("SignupStream").unwrap(), 2);
    command::<()>(&mut place.redis, "DEL OtherStream");
    assert_eq!(flusher.flush().unwrap(), 1);
}

#[test]
fn publishing_after_a_restart_of_redis_works_at_once() {
    let servers = private(true);
    let database = servers.database().unwrap();
    let server = servers.redis_server().unwrap();
    let sender = Sender::start(pool(database.redis_url()), SenderOptions::default()).unwrap();
    publish(&sender, &SIGNUPS, "one", &[]).unwrap();
    server.kill().unwrap();
    let error = publish(&sender, &SIGNUPS, "two", &[]).unwrap_err();
    assert!(error.is_connection() && error.is_retryable(), "{error}");
    server.start_again().unwrap();
    publish(&sender, &SIGNUPS, "three", &[]).unwrap();
    assert_eq!(database.redis().unwrap().xlen::<_, usize>("SignupStream").unwrap(), 2);
}

#[test]
fn a_published_event_keeps_its_stream_within_bounds() {
    const SHORT: Stream = Stream::new("ShortStream").max_len(2);
    let mut place = place();
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let notes = Arc::clone(&told);
    let handler: DeliveryHandler = Arc::new(move |problem| notes.lock().unwrap().push(problem.to_string()));
    let options = SenderOptions {
        handler: Some(handler),
        ..SenderOptions::default()
    };
    let sender = Sender::start(place.pool.clone(), options).unwrap();
    let _consumer = ConsumerBuilder::new(place.pool.clone(), SHORT, &[]).single().unwrap();
    for number in 0..5 {
        publish(&sender, &SHORT, &number, &[]).unwrap();
    }
    assert_eq!(place.redis.xlen::<_, usize>("ShortStream").unwrap(), 2);
    assert_eq!(sender.delivery().cut_unread, 3);
    assert_eq!(told.lock().unwrap().len(), 3);
}
