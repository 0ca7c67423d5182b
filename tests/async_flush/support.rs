//! What these tests share: tables, a world with a queue, raw looks at it.

use std::collections::BTreeMap;
use std::time::Duration;

use headwater::engine::{AsyncConsumer, EngineBuilder};
use headwater::prelude::*;
use headwater_testkit::redis;

use crate::common;
use crate::world::{World, note};

pub(crate) const EVENTS: Stream = Stream::new("AsyncEvents");
pub(crate) const NAMES: Stream = Stream::new("AsyncNames");
pub(crate) const QUEUE: &str = "_fluxa_async_sql";
pub(crate) const FAILED: &str = "_fluxa_async_sql_failed";

/// Hooks, streams, nullable columns, unique values.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "people", stream(EVENTS), stream(NAMES, on = "ID"))]
pub(crate) struct Person {
    #[column(id)]
    pub(crate) id: u64,
    #[column(triggers(NAMES))]
    pub(crate) name: String,
    #[column(unique)]
    pub(crate) email: Option<String>,
    pub(crate) age: Option<u8>,
    pub(crate) balance: Option<i64>,
    pub(crate) score: Option<f64>,
    pub(crate) active: Option<bool>,
    pub(crate) born: Option<chrono::NaiveDate>,
    pub(crate) seen: Option<chrono::NaiveDateTime>,
    pub(crate) photo: Option<Vec<u8>>,
    #[column(version)]
    pub(crate) version: u32,
    #[column(created_at)]
    pub(crate) created_at: chrono::NaiveDateTime,
    #[column(updated_at)]
    pub(crate) updated_at: chrono::NaiveDateTime,
}

impl Entity for Person {
    fn saving(&mut self, _: &mut Hook<'_, Self>) -> HookResult {
        self.name = self.name.trim().to_owned();
        if self.name == "nobody" {
            return Err("nobody is nobody".into());
        }
        Ok(())
    }
    fn created(&self, change: &Committed<'_, Self>) {
        note(format!(
            "created people {} {} {:?}",
            self.id,
            self.name,
            change.operation()
        ));
    }
    fn saved(&self, change: &Committed<'_, Self>) {
        note(format!("saved people {} {:?}", self.id, change.of(Person::AGE)));
    }
    fn updated(&self, change: &Committed<'_, Self>) {
        let changes: Vec<String> = change
            .changes()
            .iter()
            .map(|change| format!("{}: {} -> {}", change.column, change.old, change.new))
            .collect();
        note(format!("updated people {} {}", self.id, changes.join(", ")));
    }
    fn deleted(&self, _: &Committed<'_, Self>) {
        note(format!("deleted people {} {}", self.id, self.name));
    }
}

/// Soft delete, a reference, a text key.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "notes", stream(EVENTS), soft_delete)]
pub(crate) struct Note {
    #[column(id, length = 40)]
    pub(crate) id: String,
    pub(crate) text: String,
    #[column(references)]
    pub(crate) person: Option<Ref<Person>>,
    #[column(deleted_at)]
    pub(crate) deleted_at: Option<chrono::NaiveDateTime>,
}

impl Entity for Note {
    fn trashed(&self, change: &Committed<'_, Self>) {
        note(format!("trashed notes {} {}", self.text, change.operation() as u8));
    }
    fn restored(&self, _: &Committed<'_, Self>) {
        note(format!("restored notes {} {:?}", self.text, self.deleted_at));
    }
    fn force_deleted(&self, _: &Committed<'_, Self>) {
        note(format!("force_deleted notes {}", self.text));
    }
}

/// A small table without hooks.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "counters", stream(EVENTS))]
pub(crate) struct Counter {
    #[column(id)]
    pub(crate) id: u64,
    #[column(length = 20)]
    pub(crate) name: String,
    pub(crate) value: i32,
}
impl Entity for Counter {}

pub(crate) fn entities(builder: EngineBuilder) -> EngineBuilder {
    builder
        .entity::<Person>()
        .entity::<Note>()
        .entity::<Counter>()
        .async_flush()
}

pub(crate) fn world() -> World {
    World::new(EVENTS, entities)
}

/// Another engine on the same servers, as another process has it.
pub(crate) fn engine(world: &World) -> Engine {
    let builder = Engine::builder()
        .mysql(world.database.mysql_url())
        .redis(world.database.redis_url());
    entities(builder).build().unwrap()
}

pub(crate) fn person(name: &str) -> Person {
    Person {
        name: name.into(),
        ..Person::default()
    }
}

pub(crate) fn counter(name: &str) -> Counter {
    Counter {
        name: name.into(),
        ..Counter::default()
    }
}

/// Executes all that is queued; how many operations there were.
pub(crate) fn drain(consumer: &mut AsyncConsumer) -> usize {
    let mut all = 0;
    loop {
        match consumer.consume(1000, Duration::ZERO).unwrap() {
            0 => return all,
            done => all += done,
        }
    }
}

pub(crate) fn length(world: &World, stream: &str) -> usize {
    let mut connection = world.database.redis().unwrap();
    redis::cmd("XLEN").arg(stream).query(&mut connection).unwrap()
}

/// Adds an entry with this body.
pub(crate) fn enqueue(world: &World, body: &[u8]) {
    let mut connection = world.database.redis().unwrap();
    let _: String = redis::cmd("XADD")
        .arg(QUEUE)
        .arg("*")
        .arg("s")
        .arg(body)
        .query(&mut connection)
        .unwrap();
}

/// The fields of all entries of a stream.
pub(crate) fn entries(world: &World, stream: &str) -> Vec<BTreeMap<String, Vec<u8>>> {
    let mut connection = world.database.redis().unwrap();
    let entries: Vec<(String, BTreeMap<String, Vec<u8>>)> = redis::cmd("XRANGE")
        .arg(stream)
        .arg("-")
        .arg("+")
        .query(&mut connection)
        .unwrap();
    entries.into_iter().map(|(_, fields)| fields).collect()
}

/// The event ids of a stream.
pub(crate) fn event_ids(world: &World, stream: &Stream) -> Vec<String> {
    let entries = entries(world, stream.name());
    entries
        .into_iter()
        .map(|fields| String::from_utf8(fields["e"].clone()).unwrap())
        .collect()
}

/// A statement without values, as FluxaORM queues it.
pub(crate) fn raw(sql: &str) -> Vec<u8> {
    let mut body = Vec::new();
    let mut text = |text: &str| {
        body.push(0xd9);
        body.push(u8::try_from(text.len()).unwrap());
        body.extend_from_slice(text.as_bytes());
    };
    text("pool");
    text("default");
    text("queries");
    let mut all = vec![0x82];
    all.append(&mut body);
    all.extend_from_slice(b"\x91\x82\xa1q\xd9");
    all.push(u8::try_from(sql.len()).unwrap());
    all.extend_from_slice(sql.as_bytes());
    all.extend_from_slice(b"\xa1p\xc0");
    all
}

pub(crate) fn sql(world: &World, statements: &[&str]) {
    common::sql(&world.database, statements);
}

/// Queues an operation a second time, as when the answer was lost with the connection and it was given again.
pub(crate) fn again(world: &World, entry: &BTreeMap<String, Vec<u8>>) {
    let mut connection = world.database.redis().unwrap();
    let _: String = redis::cmd("XADD")
        .arg(QUEUE)
        .arg(&["*", "s"])
        .arg(&entry["s"])
        .arg("e")
        .arg(&entry["e"])
        .query(&mut connection)
        .unwrap();
}
