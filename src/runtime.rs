//! What a session needs of its engine: pools, registered tables, senders. Shared and never changed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use crate::error::{Error, ErrorKind, Result};
use crate::mysql::MysqlPool;
use crate::query::by_keys;
use crate::redis::RedisPool;
use crate::session::EntityOps;
use crate::session::queue::KeyBlocks;
use crate::step::Steps;
use crate::stream::outbox::{Relay, RelayWorker};
use crate::stream::{Publication, Sender, Stream, Wire};
use crate::table::{Table, TableDef};

/// The engine's inside, behind an `Arc`.
#[derive(Debug)]
pub(crate) struct Runtime {
    /// MySQL pools, in the order in which a flush begins and commits on them.
    pub(crate) mysql: Vec<MysqlPool>,
    /// Redis pools.
    pub(crate) redis: Vec<RedisPool>,
    /// Senders, one for each Redis pool, in the same order.
    pub(crate) senders: Vec<Arc<Sender>>,
    /// The ways from a database to a Redis pool by the outbox.
    pub(crate) outboxes: Vec<OutboxRoute>,
    /// Who is told of the steps of a change's way.
    pub(crate) steps: Steps,
    /// The queue of operations, where the engine has one.
    pub(crate) queue: Option<QueueSettings>,
    /// Keys for rows that are queued.
    pub(crate) keys: KeyBlocks,
    /// The pool of each stream that is registered, by its name.
    pub(crate) streams: HashMap<&'static str, usize>,
    /// Registered groups, each with its stream.
    pub(crate) groups: Vec<(&'static str, String)>,
    /// Registered tables by their process-wide index.
    pub(crate) tables: Vec<Option<Registered>>,
    /// The same by the tables' names.
    pub(crate) names: HashMap<&'static str, usize>,
}

/// The queue of operations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueSettings {
    /// Its pool in `Runtime::redis`.
    pub(crate) redis: usize,
    /// How operations are written.
    pub(crate) wire: Wire,
}

/// A registered table.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) def: &'static TableDef,
    /// Its place among the tables: parents before children.
    pub(crate) rank: u32,
    /// Its pool in `Runtime::mysql`.
    pub(crate) mysql: usize,
    /// Its streams, each with its sender.
    pub(crate) streams: Vec<Routed>,
    /// The functions that know the entity's type.
    pub(crate) ops: &'static EntityOps,
    /// The text that reads one row by its key.
    by_key: OnceLock<String>,
    /// Hooks whose default body was seen to run: they need not be called again.
    absent: AtomicU32,
}

/// A stream of a table and where its events go.
#[derive(Debug)]
pub(crate) struct Routed {
    pub(crate) publication: &'static Publication,
    pub(crate) sender: usize,
    /// For a durable stream the way of its events in `Runtime::outboxes`.
    pub(crate) outbox: Option<usize>,
}

/// The way of events from the outbox of a database to a Redis pool.
pub(crate) struct OutboxRoute {
    /// The pool in `Runtime::mysql`.
    pub(crate) mysql: usize,
    pub(crate) relay: Arc<Relay>,
    /// The relay's thread; `None` where another process relays.
    pub(crate) worker: Option<Arc<RelayWorker>>,
}

impl OutboxRoute {
    /// The name of the Redis pool.
    pub(crate) fn redis_name(&self) -> &str {
        self.relay.redis_name()
    }

    /// There are rows to relay.
    pub(crate) fn wake(&self) {
        if let Some(worker) = &self.worker {
            worker.wake();
        }
    }
}

impl std::fmt::Debug for OutboxRoute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboxRoute")
            .field("mysql", &self.mysql)
            .field("redis", &self.redis_name())
            .finish_non_exhaustive()
    }
}

impl Registered {
    pub(crate) fn new(
        def: &'static TableDef,
        rank: u32,
        mysql: usize,
        streams: Vec<Routed>,
        ops: &'static EntityOps,
    ) -> Self {
        Registered {
            def,
            rank,
            mysql,
            streams,
            ops,
            by_key: OnceLock::new(),
            absent: AtomicU32::new(0),
        }
    }

    /// The text that reads one row by its key.
    #[inline]
    pub(crate) fn by_key(&self) -> &str {
        self.by_key.get_or_init(|| by_keys(self.def, 1))
    }

    /// Whether any of these hooks may have a body of its own.
    pub(crate) fn may_have(&self, hooks: u32) -> bool {
        self.absent.load(Ordering::Relaxed) & hooks != hooks
    }

    /// Whether any of these hooks is known to have no body of its own.
    pub(crate) fn lacks(&self, hooks: u32) -> bool {
        self.absent.load(Ordering::Relaxed) & hooks != 0
    }

    /// Remembers that a hook has only its default body.
    pub(crate) fn note_absent(&self, hook: u32) {
        self.absent.fetch_or(hook, Ordering::Relaxed);
    }
}

impl Runtime {
    /// The tables' places by their names.
    pub(crate) fn names(tables: &[Option<Registered>]) -> HashMap<&'static str, usize> {
        let named = tables.iter().enumerate();
        named
            .filter_map(|(i, table)| Some((table.as_ref()?.def.name, i)))
            .collect()
    }

    /// The position in [`mysql`](Runtime::mysql) of the pool of a table by its process-wide index.
    pub(crate) fn mysql_of(&self, table: u32) -> usize {
        self.registered(table as usize).map_or(0, |table| table.mysql)
    }

    /// The queue of operations.
    pub(crate) fn queue(&self) -> Result<&QueueSettings> {
        self.queue.as_ref().ok_or_else(|| {
            Error::config("the engine has no queue for `flush_async`: add `.async_flush()` to the engine's builder")
        })
    }

    /// The Redis pool of a registered stream.
    pub(crate) fn pool_of(&self, stream: &Stream) -> Result<&RedisPool> {
        let pool = self.streams.get(stream.name()).and_then(|&pool| self.redis.get(pool));
        pool.ok_or_else(|| {
            Error::config(format!(
                "stream `{}` is not registered: register a table that publishes to it, or add `.stream(&…)` to the engine's builder",
                stream.name()
            ))
        })
    }

    /// The declaration and the pool of the registered stream of this name.
    pub(crate) fn stream_named(&self, name: &str) -> Option<(Stream, usize)> {
        let (known, pool) = self.streams.get_key_value(name)?;
        let mut published = self.tables.iter().flatten().flat_map(|table| &table.streams);
        let declared = published.find(|routed| routed.publication.stream.name() == name);
        let stream = declared.map_or_else(|| Stream::new(known), |routed| routed.publication.stream);
        Some((stream, *pool))
    }

    /// The registered groups of a stream.
    pub(crate) fn groups_of(&self, stream: &Stream) -> Vec<String> {
        self.groups
            .iter()
            .filter(|(name, _)| *name == stream.name())
            .map(|(_, group)| group.clone())
            .collect()
    }

    /// The sender of a registered stream.
    pub(crate) fn sender_of(&self, stream: &Stream) -> Result<&Arc<Sender>> {
        // Only to have the error in one place; both lists have the same order.
        self.pool_of(stream)?;
        let sender = self.streams.get(stream.name()).and_then(|&pool| self.senders.get(pool));
        sender.ok_or_else(|| Error::config(format!("stream `{}` has no sender", stream.name())))
    }

    /// The registered table of `E`.
    #[inline]
    pub(crate) fn table<E: Table>(&self) -> Result<&Registered> {
        self.registered(E::table_index())
            .ok_or_else(|| Error::new(ErrorKind::NotRegistered { table: E::TABLE.name }))
    }

    /// The registered table with this process-wide index.
    #[inline]
    pub(crate) fn registered(&self, index: usize) -> Option<&Registered> {
        self.tables.get(index).and_then(Option::as_ref)
    }

    /// The registered table of this name, with its process-wide index.
    pub(crate) fn named(&self, name: &str) -> Option<(u32, &Registered)> {
        let index = *self.names.get(name)?;
        Some((u32::try_from(index).ok()?, self.registered(index)?))
    }

    /// All registered tables, parents before children.
    pub(crate) fn by_rank(&self) -> Vec<&Registered> {
        let mut tables: Vec<&Registered> = self.tables.iter().flatten().collect();
        tables.sort_by_key(|table| table.rank);
        tables
    }
}
