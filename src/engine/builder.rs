//! Building an engine: everything is checked, and everything that is wrong is told at once.

#[cfg(feature = "r2d2_redis")]
mod handed_over;
mod routes;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use super::rank::ranks;
use crate::entity::Entity;
use crate::error::{Error, ErrorKind, Result};
use crate::mysql::{MysqlOptions, MysqlPool, Observer, StatementEvent};
use crate::redis::{RedisOptions, RedisPool};
use crate::runtime::{OutboxRoute, QueueSettings, Registered, Runtime};
use crate::schema::Schema;
use crate::session::queue::KeyBlocks;
use crate::session::{EntityOps, Of};
#[cfg(feature = "failpoints")]
use crate::step::Step;
use crate::step::Steps;
use crate::stream::{
    DeliveryHandler, DeliveryPolicy, DeliveryProblem, Publication, Sender, SenderOptions, SpillTo, Stream, Wire,
};
use crate::table::TableDef;

/// The name of the pool that is meant where none is named.
const DEFAULT: &str = "default";

/// How long the lease of a relay holds when its process died.
const LEASE: Duration = Duration::from_secs(5);

/// Describes an engine; see [`Engine::builder`].
///
/// Only [`build`](EngineBuilder::build) talks to servers.
#[derive(Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct EngineBuilder {
    mysql: Vec<(String, String, MysqlOptions)>,
    redis: Vec<(String, RedisOrigin, RedisOptions)>,
    tables: Vec<Wanted>,
    streams: Vec<(Stream, String)>,
    groups: Vec<(&'static str, String)>,
    observer: Option<Observer>,
    sender: SenderOptions,
    lease: Option<Duration>,
    relay_elsewhere: bool,
    steps: Steps,
    queue: Option<(String, Wire)>,
}

/// Where a Redis pool's connections come from.
enum RedisOrigin {
    Url(String),
    #[cfg(feature = "r2d2_redis")]
    Pool(handed_over::R2d2Pool),
}

/// A table that was registered.
#[derive(Clone, Copy)]
struct Wanted {
    def: &'static TableDef,
    index: usize,
    streams: &'static [Publication],
    ops: &'static EntityOps,
}

impl fmt::Debug for EngineBuilder {
    /// Without the URLs, which may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pools: &mut dyn Iterator<Item = &String>| pools.cloned().collect::<Vec<_>>();
        f.debug_struct("EngineBuilder")
            .field("mysql", &names(&mut self.mysql.iter().map(|(name, ..)| name)))
            .field("redis", &names(&mut self.redis.iter().map(|(name, ..)| name)))
            .field(
                "tables",
                &self.tables.iter().map(|table| table.def.name).collect::<Vec<_>>(),
            )
            .finish_non_exhaustive()
    }
}

impl EngineBuilder {
    /// The MySQL database of the pool `default`: `mysql://user:password@host:3306/database`.
    pub fn mysql(self, url: impl Into<String>) -> Self {
        self.mysql_pool(DEFAULT, url)
    }

    /// A further MySQL pool, for tables that say `#[table(mysql = "name")]`.
    pub fn mysql_pool(self, name: impl Into<String>, url: impl Into<String>) -> Self {
        self.mysql_pool_with(name, url, MysqlOptions::default())
    }

    /// A MySQL pool with options.
    pub fn mysql_pool_with(mut self, name: impl Into<String>, url: impl Into<String>, options: MysqlOptions) -> Self {
        self.mysql.push((name.into(), url.into(), options));
        self
    }

    /// The Redis server of the pool `default`: `redis://user:password@host:6379/0`.
    pub fn redis(self, url: impl Into<String>) -> Self {
        self.redis_pool(DEFAULT, url)
    }

    /// A further Redis pool, for streams and tables that say `redis = "name"`.
    pub fn redis_pool(self, name: impl Into<String>, url: impl Into<String>) -> Self {
        self.redis_pool_with(name, url, RedisOptions::default())
    }

    /// A Redis pool with options.
    pub fn redis_pool_with(mut self, name: impl Into<String>, url: impl Into<String>, options: RedisOptions) -> Self {
        self.redis.push((name.into(), RedisOrigin::Url(url.into()), options));
        self
    }

    /// Registers a table.
    pub fn entity<E: Entity>(mut self) -> Self {
        self.tables.push(Wanted {
            def: E::TABLE,
            index: E::table_index(),
            streams: E::STREAMS,
            ops: const { &Of::<E>::OPS },
        });
        self
    }

    /// Registers a stream that no registered table publishes to, on the Redis pool `default`: to consume it, or
    /// to publish to it by hand.
    pub fn stream(self, stream: &Stream) -> Self {
        self.stream_on(stream, DEFAULT)
    }

    /// As [`stream`](EngineBuilder::stream), on another Redis pool.
    pub fn stream_on(mut self, stream: &Stream, pool: impl Into<String>) -> Self {
        self.streams.push((*stream, pool.into()));
        self
    }

    /// Registers a group of a stream, so that entries wait for it even before its first consumer starts.
    ///
    /// Entries are deleted once every group that exists in Redis, and every group registered here, has
    /// acknowledged them.
    pub fn group(mut self, stream: &Stream, group: impl Into<String>) -> Self {
        self.groups.push((stream.name(), group.into()));
        self
    }

    /// A function that is told of every statement that is run. It is called on the thread that runs it.
    pub fn on_statement(mut self, observer: impl Fn(&StatementEvent<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(Observer(Arc::new(observer)));
        self
    }

    /// A function that is told when events cannot be delivered. It is called on the sender's thread or on that of
    /// the flush; a panic in it is caught.
    pub fn on_delivery_problem(mut self, handler: impl Fn(&DeliveryProblem) + Send + Sync + 'static) -> Self {
        let handler: DeliveryHandler = Arc::new(handler);
        self.sender.handler = Some(handler);
        self
    }

    /// A function that is called at each named step of a change's way to Redis, on the thread that takes it: a crash
    /// test stops the process there. With feature `failpoints` only.
    #[cfg(feature = "failpoints")]
    pub fn on_step(mut self, observer: impl Fn(Step) + Send + Sync + 'static) -> Self {
        self.steps = Steps::told_to(observer);
        self
    }

    /// Lets sessions queue their changes by [`flush_async`](crate::Session::flush_async), on the Redis pool
    /// `default`, and consumers execute them. [`Schema`](crate::schema::Schema) makes the two tables that the consumers
    /// need in each database.
    ///
    /// The queue is the only copy of what waits in it: give Redis `appendonly yes` and `appendfsync always`, or know
    /// what a power cut costs.
    pub fn async_flush(self) -> Self {
        self.async_flush_on(DEFAULT)
    }

    /// As [`async_flush`](EngineBuilder::async_flush), on another Redis pool.
    pub fn async_flush_on(mut self, pool: impl Into<String>) -> Self {
        let wire = self.queue.map(|(_, wire)| wire).unwrap_or_default();
        self.queue = Some((pool.into(), wire));
        self
    }

    /// How queued operations are written: [`Wire::FluxaOrm`] where a consumer of FluxaORM executes them. Both are
    /// read.
    pub fn async_wire(mut self, wire: Wire) -> Self {
        let pool = self.queue.map_or_else(|| DEFAULT.to_owned(), |(pool, _)| pool);
        self.queue = Some((pool, wire));
        self
    }

    /// The most events that wait for each Redis pool; 65,536 where nothing is said.
    pub fn channel_capacity(mut self, events: usize) -> Self {
        self.sender.capacity = events.max(1);
        self
    }

    /// What a flush does when so many events wait already.
    pub fn delivery_policy(mut self, policy: DeliveryPolicy) -> Self {
        self.sender.policy = policy;
        self
    }

    /// Whether this engine relays the outbox to Redis by a thread of its own; it does where nothing is said. Without,
    /// events of durable streams wait until another process relays them, by
    /// [`Outbox::run_relay`](crate::stream::Outbox::run_relay) for example.
    pub fn relay(mut self, here: bool) -> Self {
        self.relay_elsewhere = !here;
        self
    }

    /// How long the lease of a relay holds when its process died; 5 s where nothing is said, at least 100 ms. A relay
    /// that lives renews it. Whatever it is, no event is lost or doubled: it only decides how long events wait for
    /// another process to take over.
    pub fn relay_lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease.max(Duration::from_millis(100)));
        self
    }

    /// Checks everything, connects, and starts the senders.
    ///
    /// # Errors
    ///
    /// All that is wrong, in one [`Several`](ErrorKind::Several) error when it is more than one thing: a URL that
    /// cannot be used, a pool that is named but not given, a table registered twice, one stream name on two
    /// pools, a server that does not answer within its deadline (5 s where nothing is said).
    pub fn build(self) -> Result<Engine> {
        let mut problems = self.check();
        let (streams, streams_of) = self.route(&mut problems);
        let mut mysql = Vec::new();
        for (name, url, options) in &self.mysql {
            match MysqlPool::open(name, url, options, self.observer.clone()) {
                Ok(pool) => mysql.push(pool),
                Err(error) => problems.push(error),
            }
        }
        for pool in &mysql {
            for table in self.tables.iter().filter(|table| table.def.mysql == pool.name()) {
                problems.extend(Schema::problems(table.def, pool.server().flavour));
            }
        }
        let mut redis = Vec::new();
        for (name, origin, options) in &self.redis {
            let opened = match origin {
                RedisOrigin::Url(url) => RedisPool::open(name, url, options.clone()),
                #[cfg(feature = "r2d2_redis")]
                RedisOrigin::Pool(pool) => RedisPool::lent(name, pool.clone(), options.clone()),
            };
            match opened {
                Ok(pool) => redis.push(pool),
                Err(error) => problems.push(error),
            }
        }
        if let Some(problem) = problems.pop() {
            if problems.is_empty() {
                return Err(problem);
            }
            problems.push(problem);
            return Err(Error::new(ErrorKind::Several { problems }));
        }
        let queue = self.queue.as_ref().and_then(|(name, wire)| {
            let redis = self.redis.iter().position(|(other, ..)| other == name)?;
            Some(QueueSettings { redis, wire: *wire })
        });
        let outboxes = self.outboxes(&mysql, &redis, &streams_of)?;
        let senders = redis
            .iter()
            .map(|pool| {
                let mut options = self.sender.clone();
                if let DeliveryPolicy::SpillToOutbox { after, .. } = options.policy {
                    let route = outboxes
                        .iter()
                        .find(|route| route.mysql == 0 && route.redis_name() == pool.name());
                    options.spill = route.map(|route| SpillTo {
                        mysql: mysql[0].clone(),
                        relay: route.worker.clone(),
                        after,
                    });
                }
                Sender::start(pool.clone(), options).map(Arc::new)
            })
            .collect::<Result<Vec<Arc<Sender>>>>()?;
        let ranks = ranks(&self.tables.iter().map(|table| table.def).collect::<Vec<_>>());
        let mut tables: Vec<Option<Registered>> = Vec::new();
        for ((wanted, rank), mut streams) in self.tables.iter().zip(ranks).zip(streams_of) {
            if tables.len() <= wanted.index {
                tables.resize_with(wanted.index + 1, || None);
            }
            let pool = self
                .mysql
                .iter()
                .position(|(name, ..)| name == wanted.def.mysql)
                .unwrap_or_default();
            for routed in streams
                .iter_mut()
                .filter(|routed| routed.publication.stream.is_durable())
            {
                let redis = redis[routed.sender].name();
                let way = |route: &OutboxRoute| route.mysql == pool && route.redis_name() == redis;
                routed.outbox = outboxes.iter().position(way);
            }
            tables[wanted.index] = Some(Registered::new(wanted.def, rank, pool, streams, wanted.ops));
        }
        Ok(Engine::around(Runtime {
            mysql,
            redis,
            senders,
            outboxes,
            steps: self.steps,
            queue,
            streams,
            groups: self.groups,
            names: Runtime::names(&tables),
            tables,
            keys: KeyBlocks::default(),
        }))
    }
}
