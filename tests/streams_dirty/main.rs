//! Dirty streams from a flush to a consumer: the example of the issue and FluxaORM's own cases.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "r2d2_redis")]
mod handed_over;
mod several;

use std::time::Duration;

use common::{database, sql};
use headwater::prelude::*;
use headwater::stream::{
    Consumer, ConsumerBuilder, DIRTY_STREAM_DELETE, DIRTY_STREAM_INSERT, DIRTY_STREAM_UPDATE, DirtyEvent,
};
use headwater::table::Value;
use headwater_testkit::Database;

pub(crate) const ALL: Stream = Stream::new("UserStream");
pub(crate) const STATUS: Stream = Stream::new("UserStatusStream");

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enumeration)]
#[enumeration(rename_all = "snake_case")]
pub(crate) enum Status {
    #[default]
    Active,
    Banned,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "UserEntity", stream(ALL), stream(STATUS, on = "ID"))]
pub(crate) struct User {
    #[column(id)]
    pub(crate) id: u64,
    #[column(length = 100)]
    pub(crate) name: String,
    #[column(triggers(STATUS))]
    pub(crate) status: Status,
    pub(crate) age: u8,
}
impl Entity for User {}

pub(crate) const TABLE: &str = "CREATE TABLE UserEntity (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, \
                     name VARCHAR(100) NOT NULL, status ENUM('active', 'banned') NOT NULL, \
                     age TINYINT UNSIGNED NOT NULL)";

/// What came of a stream, waited for as long as it takes.
pub(crate) fn events(consumer: &mut Consumer, count: usize) -> Vec<DirtyEvent> {
    let mut all = Vec::new();
    while all.len() < count {
        let more = consumer.consume(100, Duration::from_secs(30), |events| {
            for event in events {
                all.push(event.dirty()?);
            }
            Ok(())
        });
        assert!(more.expect("a batch") > 0, "the events did not come: {all:?}");
    }
    assert_eq!(all.len(), count);
    all
}

/// Nothing is in the stream once everything was sent.
pub(crate) fn nothing(engine: &Engine, consumer: &mut Consumer) {
    while engine.delivery().queued > 0 {
        std::thread::yield_now();
    }
    assert_eq!(consumer.consume(100, Duration::ZERO, |_| Ok(())).expect("an answer"), 0);
}

pub(crate) fn spelled(event: &DirtyEvent) -> String {
    let changes: Vec<String> = event
        .changes
        .iter()
        .map(|change| {
            let (old, new) = (change.old_value().unwrap(), change.new_value().unwrap());
            format!(" {}: {old} -> {new}", change.column)
        })
        .collect();
    let (table, id, kind) = (&event.entity_type, &event.entity_id, event.flush_type as u8);
    format!("{table} {id} {kind}{}", changes.concat())
}

/// An engine of the example's table.
pub(crate) fn engine() -> (Database, Engine) {
    let (database, builder) = database();
    sql(&database, &[TABLE]);
    let engine = builder.entity::<User>().build().unwrap();
    (database, engine)
}

/// The steps of the example, with the consumers made by `make`.
pub(crate) fn example(engine: &Engine, make: fn(ConsumerBuilder) -> headwater::Result<Consumer>) {
    let mut all = make(engine.consumer(&ALL)).unwrap();
    let mut status = make(engine.consumer(&STATUS)).unwrap();
    let mut session = engine.session();

    let ana = session.insert(User {
        name: "Ana".into(),
        age: 17,
        ..User::default()
    });
    session.flush().unwrap();
    let inserted = events(&mut all, 1);
    assert_eq!(spelled(&inserted[0]), format!("UserEntity 1 {DIRTY_STREAM_INSERT}"));
    assert_eq!(events(&mut status, 1), inserted);

    session[ana].status = Status::Banned;
    session.flush().unwrap();
    let banned = events(&mut all, 1);
    assert_eq!(
        spelled(&banned[0]),
        format!("UserEntity 1 {DIRTY_STREAM_UPDATE} status: \"active\" -> \"banned\"")
    );
    assert_eq!(events(&mut status, 1), banned);
    let typed = banned[0].change(User::STATUS).unwrap();
    assert_eq!(typed, Some((Status::Active, Status::Banned)));

    // A column that triggers nothing is news for the first stream only.
    session[ana].age = 18;
    session[ana].name = "Anna".into();
    session.flush().unwrap();
    let renamed = events(&mut all, 1);
    let changes = &renamed[0].changes;
    assert_eq!(
        changes.iter().map(|change| change.column.as_str()).collect::<Vec<_>>(),
        ["name", "age"]
    );
    assert_eq!(changes[1].old_value().unwrap(), Value::UInt(17));
    nothing(engine, &mut status);

    // With a column that triggers, the whole change is told.
    session[ana].age = 19;
    session[ana].status = Status::Active;
    session.flush().unwrap();
    let both = events(&mut status, 1);
    assert_eq!(both[0].changes.len(), 2);
    assert_eq!(events(&mut all, 1), both);

    session.delete(ana).unwrap();
    session.flush().unwrap();
    let deleted = events(&mut all, 1);
    assert_eq!(spelled(&deleted[0]), format!("UserEntity 1 {DIRTY_STREAM_DELETE}"));
    assert_eq!(events(&mut status, 1), deleted);
    nothing(engine, &mut all);
    nothing(engine, &mut status);
    assert_eq!(engine.stats(&ALL).unwrap().length, 0);
}

/// TestGenerate, its part on dirty streams.
#[test]
#[allow(non_snake_case)]
fn TestGenerate_dirty_streams() {
    let (_database, engine) = engine();
    example(&engine, ConsumerBuilder::single);
    engine.close(Duration::from_secs(30)).unwrap();
}

#[test]
fn the_example_consumed_by_one_of_many() {
    let (_database, engine) = engine();
    example(&engine, ConsumerBuilder::many);
    engine.close(Duration::from_secs(30)).unwrap();
}

/// A handler's error leads to another delivery; two workers split the events without overlap.
#[test]
fn a_handlers_error_leads_to_redelivery_and_two_workers_split_the_rest() {
    let (_database, engine) = engine();
    let mut session = engine.session();
    for _ in 0..10 {
        session.insert(User::default());
    }
    session.flush().unwrap();
    let mut consumers = [
        engine.consumer(&ALL).many().unwrap(),
        engine.consumer(&ALL).many().unwrap(),
    ];
    while engine.delivery().queued > 0 {
        std::thread::yield_now();
    }
    let error = consumers[0].consume(5, Duration::ZERO, |_| Err("simulated crash".into()));
    assert!(error.unwrap_err().to_string().contains("simulated crash"));
    let mut seen = Vec::new();
    for consumer in &mut consumers {
        let count = consumer.consume(5, Duration::ZERO, |events| {
            for event in events {
                seen.push((event.deliveries(), event.dirty()?.entity_id.as_u64().unwrap()));
            }
            Ok(())
        });
        assert_eq!(count.unwrap(), 5);
    }
    let expected: Vec<(u32, u64)> = (1..=10).map(|id| (if id <= 5 { 2 } else { 1 }, id)).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_flush_publishes_in_the_order_of_its_statements_and_only_what_was_committed() {
    let (database, builder) = database();
    sql(&database, &[TABLE]);
    let engine = builder.entity::<User>().build().unwrap();
    let mut consumer = engine.consumer(&ALL).single().unwrap();
    let mut session = engine.session();
    for number in 0..500 {
        session.insert(User {
            name: format!("User {number}"),
            ..User::default()
        });
    }
    session.flush().unwrap();
    let ids: Vec<u64> = events(&mut consumer, 500)
        .iter()
        .map(|event| event.entity_id.as_u64().unwrap())
        .collect();
    assert!(ids.is_sorted() && ids.len() == 500, "{ids:?}");

    let refused = session.transaction(|session| {
        session.insert(User::default());
        session.flush()?;
        Err::<(), _>(headwater::Error::handler("not today"))
    });
    assert!(refused.is_err());
    nothing(&engine, &mut consumer);
}

#[test]
fn redis_may_be_away_while_changes_are_committed() {
    let servers = headwater_testkit::Servers::builder()
        .private()
        .durable(true)
        .start()
        .unwrap();
    let database = servers.database().unwrap();
    sql(&database, &[TABLE]);
    let engine = Engine::builder()
        .mysql(database.mysql_url())
        .redis(database.redis_url())
        .entity::<User>()
        .build()
        .unwrap();
    let redis = servers.redis_server().unwrap();
    redis.kill().unwrap();
    let mut session = engine.session();
    for number in 0..20 {
        session.insert(User {
            name: format!("User {number}"),
            ..User::default()
        });
        session.flush().unwrap();
    }
    let delivery = engine.delivery();
    assert_eq!((delivery.queued, delivery.sent, delivery.failed), (40, 0, 0));
    redis.start_again().unwrap();
    let mut consumer = engine.consumer(&ALL).single().unwrap();
    let ids: Vec<u64> = events(&mut consumer, 20)
        .iter()
        .map(|event| event.entity_id.as_u64().unwrap())
        .collect();
    assert_eq!(ids, (1..21).collect::<Vec<_>>());

    // What cannot be sent is named when the engine is closed.
    redis.kill().unwrap();
    session.insert(User::default());
    session.flush().unwrap();
    let error = engine.close(Duration::from_millis(100)).unwrap_err();
    let headwater::ErrorKind::Unsent { unsent, .. } = error.kind() else {
        panic!("{error:?}");
    };
    let streams: Vec<&str> = unsent.iter().map(|(stream, _)| stream.as_str()).collect();
    assert_eq!(streams, ["UserStream", "UserStatusStream"]);
    assert_eq!(
        DirtyEvent::from_bytes(&unsent[0].1).unwrap().entity_id.as_u64(),
        Some(21)
    );
}
