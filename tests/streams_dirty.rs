//! Dirty streams from a flush to a consumer: the example of the issue and FluxaORM's own cases.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{database, sql};
use headwater::prelude::*;
use headwater::stream::{
    Consumer, ConsumerBuilder, DIRTY_STREAM_DELETE, DIRTY_STREAM_INSERT, DIRTY_STREAM_UPDATE, DirtyEvent,
};
use headwater::table::Value;
use headwater_testkit::Database;

const ALL: Stream = Stream::new("UserStream");
const STATUS: Stream = Stream::new("UserStatusStream");

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enumeration)]
#[enumeration(rename_all = "snake_case")]
enum Status {
    #[default]
    Active,
    Banned,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "UserEntity", stream(ALL), stream(STATUS, on = "ID"))]
struct User {
    #[column(id)]
    id: u64,
    #[column(length = 100)]
    name: String,
    #[column(triggers(STATUS))]
    status: Status,
    age: u8,
}
impl Entity for User {}

const TEXTS: Stream = Stream::new("TextStream");
const MEMOS: Stream = Stream::new("MemoStream");
const PAGES: Stream = Stream::new("PageStream");
const TITLES: Stream = Stream::new("TitleStream");

#[derive(Debug, Clone, Default, Table)]
#[table(name = "notes", stream(TEXTS))]
struct Note {
    #[column(id)]
    id: u64,
    text: String,
}
impl Entity for Note {}

#[cfg(feature = "r2d2_redis")]
const LETTERS: Stream = Stream::new("LetterStream").durable();

#[cfg(feature = "r2d2_redis")]
#[derive(Debug, Clone, Default, Table)]
#[table(name = "letters", stream(LETTERS))]
struct Letter {
    #[column(id)]
    id: u64,
    text: String,
}
#[cfg(feature = "r2d2_redis")]
impl Entity for Letter {}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "memos", stream(TEXTS), stream(MEMOS))]
struct Memo {
    #[column(id)]
    id: u64,
    text: String,
}
impl Entity for Memo {}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "pages", soft_delete, stream(PAGES), stream(TITLES, on = ""))]
struct Page {
    #[column(id)]
    id: u64,
    #[column(triggers(TITLES))]
    title: String,
    text: Option<String>,
    #[column(updated_at)]
    updated_at: chrono::NaiveDateTime,
    #[column(deleted_at)]
    deleted_at: Option<chrono::NaiveDateTime>,
}
impl Entity for Page {}

const TABLE: &str = "CREATE TABLE UserEntity (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, \
                     name VARCHAR(100) NOT NULL, status ENUM('active', 'banned') NOT NULL, \
                     age TINYINT UNSIGNED NOT NULL)";

/// What came of a stream, waited for as long as it takes.
fn events(consumer: &mut Consumer, count: usize) -> Vec<DirtyEvent> {
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
fn nothing(engine: &Engine, consumer: &mut Consumer) {
    while engine.delivery().queued > 0 {
        std::thread::yield_now();
    }
    assert_eq!(consumer.consume(100, Duration::ZERO, |_| Ok(())).expect("an answer"), 0);
}

fn spelled(event: &DirtyEvent) -> String {
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
fn engine() -> (Database, Engine) {
    let (database, builder) = database();
    sql(&database, &[TABLE]);
    let engine = builder.entity::<User>().build().unwrap();
    (database, engine)
}

/// The steps of the example, with the consumers made by `make`.
fn example(engine: &Engine, make: fn(ConsumerBuilder) -> headwater::Result<Consumer>) {
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

#[cfg(feature = "r2d2_redis")]
#[test]
fn the_example_over_a_pool_that_the_application_has() {
    let (database, _) = database();
    sql(&database, &[TABLE]);
    let manager = r2d2_redis::RedisConnectionManager::new(database.redis_url()).unwrap();
    // The sender, two consumers, a short call.
    let pool = r2d2_redis::r2d2::Pool::builder().max_size(4).build(manager).unwrap();
    let engine = Engine::builder()
        .mysql(database.mysql_url())
        .redis_from_r2d2("default", pool.clone())
        .entity::<User>()
        .build()
        .unwrap();
    example(&engine, ConsumerBuilder::single);
    engine.close(Duration::from_secs(30)).unwrap();
    drop(engine);
    // All of it is the application's again.
    let all: Vec<_> = (0..4).map(|_| pool.get().unwrap()).collect();
    assert_eq!(all.len(), 4);
}

#[cfg(feature = "r2d2_redis")]
#[test]
fn an_outbox_over_a_pool_that_the_application_has() {
    let (database, _) = database();
    let manager = r2d2_redis::RedisConnectionManager::new(database.redis_url()).unwrap();
    // The sender, the relay, a consumer, a short call.
    let pool = r2d2_redis::r2d2::Pool::builder().max_size(4).build(manager).unwrap();
    let engine = Engine::builder()
        .mysql(database.mysql_url())
        .redis_from_r2d2("default", pool)
        .entity::<Letter>()
        .build()
        .unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut letters = engine.consumer(&LETTERS).single().unwrap();
    let mut session = engine.session();
    let letter = session.insert(Letter::default());
    session.flush().unwrap();
    session[letter].text = "x".into();
    session.flush().unwrap();
    let told: Vec<String> = events(&mut letters, 2).iter().map(spelled).collect();
    assert_eq!(told, ["letters 1 1", "letters 1 2 text: \"\" -> \"x\""]);
    engine.close(Duration::from_secs(30)).unwrap();
}

/// Two entities on one stream, and one entity on two streams, each of which gets all: of the later change-data tests.
#[test]
fn two_entities_on_one_stream_and_one_entity_on_two() {
    let (database, builder) = database();
    let engine = builder.entity::<Note>().entity::<Memo>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut texts = engine.consumer(&TEXTS).single().unwrap();
    let mut memos = engine.consumer(&MEMOS).single().unwrap();
    let mut session = engine.session();
    let note = session.insert(Note::default());
    session.flush().unwrap();
    let memo = session.insert(Memo::default());
    session.flush().unwrap();
    session[note].text = "x".into();
    session[memo].text = "y".into();
    session.flush().unwrap();
    session.delete(note).unwrap();
    session.flush().unwrap();
    let all: Vec<String> = events(&mut texts, 5).iter().map(spelled).collect();
    assert_eq!(all[..2], ["notes 1 1", "memos 1 1"]);
    let mut updates = all[2..4].to_vec();
    updates.sort();
    assert_eq!(
        updates,
        ["memos 1 2 text: \"\" -> \"y\"", "notes 1 2 text: \"\" -> \"x\""]
    );
    assert_eq!(all[4], "notes 1 3");
    let own: Vec<String> = events(&mut memos, 2).iter().map(spelled).collect();
    assert_eq!(own, ["memos 1 1", "memos 1 2 text: \"\" -> \"y\""]);
    drop(database);
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

/// A soft delete is told as a delete, a restore as an update; a stream may have triggers alone.
#[test]
fn soft_deletes_restores_and_triggers_alone() {
    let (_database, builder) = database();
    let engine = builder.entity::<Page>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut all = engine.consumer(&PAGES).single().unwrap();
    let mut titles = engine.consumer(&TITLES).single().unwrap();
    let mut session = engine.session();
    let page = session.insert(Page::default());
    session.flush().unwrap();
    session.delete(page).unwrap();
    session.flush().unwrap();
    session.restore(page).unwrap();
    session.flush().unwrap();
    session[page].text = Some("x".into());
    session.flush().unwrap();
    session[page].title = "y".into();
    session[page].text = None;
    session.flush().unwrap();
    session.force_delete(page).unwrap();
    session.flush().unwrap();
    let told: Vec<String> = events(&mut all, 6).iter().map(spelled).collect();
    let both = "pages 1 2 title: \"\" -> \"y\" text: \"x\" -> NULL";
    assert_eq!(
        told,
        [
            "pages 1 1",
            "pages 1 3",
            "pages 1 2",
            "pages 1 2 text: NULL -> \"x\"",
            both,
            "pages 1 3"
        ]
    );
    let told: Vec<String> = events(&mut titles, 1).iter().map(spelled).collect();
    assert_eq!(told, [both]);
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
