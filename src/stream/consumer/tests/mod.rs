//! Consumers against a real server, over both clients.
#![allow(clippy::unwrap_used)]

mod broker;
mod dead_letters;
mod failures;
mod figures;
mod groups;
mod looping;
mod malformed;
mod one_command;
mod signals;
mod starting;
mod upstream;
mod workers;

use std::time::Duration;

use headwater_testkit::Database;
use headwater_testkit::redis::{Commands as _, Connection};

use super::*;
use crate::ErrorKind;
use crate::redis::RedisPool;
use crate::redis::testing::{Over, command, database, private, until};
use crate::stream::outgoing::Outgoing;
use crate::stream::{DirtyEvent, FlushType, Stream, Wire};

pub(super) const USERS: Stream = Stream::new("UserStream");
pub(super) const NO_WAIT: Duration = Duration::ZERO;

/// A pool of this module's client.
pub(super) fn pool(url: &str) -> RedisPool {
    Over::of(module_path!()).pool(url)
}

/// A stream with a pool to read it and a plain connection to look at it.
pub(super) struct Place {
    pub(super) pool: RedisPool,
    pub(super) redis: Connection,
    _database: Database,
}

pub(super) fn place() -> Place {
    let database = database();
    Place {
        pool: pool(database.redis_url()),
        redis: database.redis().unwrap(),
        _database: database,
    }
}

impl Place {
    pub(super) fn builder(&self) -> ConsumerBuilder {
        ConsumerBuilder::new(self.pool.clone(), USERS, &[])
    }

    pub(super) fn len(&mut self) -> usize {
        self.redis.xlen(USERS.name()).unwrap()
    }

    pub(super) fn dead(&mut self) -> usize {
        self.redis.xlen("UserStream:dead").unwrap()
    }

    /// Adds one event for each entity, its event id counted.
    pub(super) fn add(&mut self, entities: impl IntoIterator<Item = u64>) {
        add(&self.pool, entities);
    }

    pub(super) fn pending(&mut self, group: &str) -> usize {
        let reply: headwater_testkit::redis::streams::StreamPendingReply =
            self.redis.xpending(USERS.name(), group).unwrap();
        reply.count()
    }
}

pub(super) fn add(pool: &RedisPool, entities: impl IntoIterator<Item = u64>) {
    let mut commands = crate::redis::Commands::new();
    for (number, entity) in entities.into_iter().enumerate() {
        let event = DirtyEvent::new("users", entity, FlushType::Update);
        let payload = event.to_bytes(Wire::Documented).unwrap();
        Outgoing::new(&USERS, format!("{entity}-{number}"), payload).pack(&mut commands);
    }
    pool.get().unwrap().run(&commands).unwrap();
}

/// The entity of each event.
pub(super) fn entities(events: &[Event]) -> Vec<u64> {
    events
        .iter()
        .map(|event| event.dirty().unwrap().entity_id.as_u64().unwrap())
        .collect()
}

/// Consumes once and tells which entities came.
pub(super) fn consume(consumer: &mut Consumer, count: usize) -> Vec<u64> {
    let mut seen = Vec::new();
    consumer
        .consume(count, NO_WAIT, |events| {
            seen.extend(entities(events));
            Ok(())
        })
        .unwrap();
    seen
}
