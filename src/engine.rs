//! The engine: what is built once per process and shared by all sessions.

mod async_consumer;
mod builder;
mod rank;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

pub use async_consumer::AsyncConsumer;
pub use builder::EngineBuilder;

use crate::entity::Entity;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Runtime;
use crate::schema::{PoolTables, Schema};
use crate::session::{Committed, Session};
use crate::stream::{
    AsyncDeadLetters, ConsumerBuilder, DeadLetters, Delivery, FailedEvent, Flusher, Outbox, Outgoing, Stream,
    StreamStats, async_queue, broker, outbox, stats,
};

/// What stands for a deadline beyond the clock's range.
const LONG: Duration = Duration::from_secs(365 * 24 * 3600);

/// The immutable runtime of an application: pools, registered tables, senders.
///
/// Cheap to clone, `Send` and `Sync`. Dropping the last clone closes it; [`close`](Engine::close) does so with a
/// deadline and tells which events could not be sent.
///
/// ```no_run
/// use headwater::prelude::*;
///
/// #[derive(Debug, Clone, Default, Table)]
/// #[table(name = "users")]
/// struct User {
///     #[column(id)]
///     id: u64,
///     name: String,
/// }
/// impl Entity for User {}
///
/// # fn main() -> headwater::Result<()> {
/// let engine = Engine::builder().mysql("mysql://app@localhost/shop").entity::<User>().build()?;
/// let mut session = engine.session();
/// session.insert(User { name: "Ana".into(), ..User::default() });
/// session.flush()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Engine {
    runtime: Arc<Runtime>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables: Vec<&str> = self.runtime.by_rank().iter().map(|table| table.def.name).collect();
        f.debug_struct("Engine")
            .field("mysql", &self.runtime.mysql)
            .field("tables", &tables)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts describing an engine.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// A new session. It takes a connection only while it talks to a server.
    #[inline]
    pub fn session(&self) -> Session {
        Session::new(self.runtime.clone())
    }

    /// The schema of the databases: what they lack to match the tables, and the statements that mend it.
    pub fn schema(&self) -> Schema {
        let tables = self.runtime.by_rank();
        let pools = self.runtime.mysql.iter().enumerate().map(|(i, pool)| {
            let defs = tables.iter().filter(|table| table.mysql == i).map(|table| table.def);
            PoolTables {
                pool: pool.clone(),
                tables: defs.collect(),
                extra: {
                    let mut extra = Vec::new();
                    if self.runtime.outboxes.iter().any(|route| route.mysql == i) {
                        extra.extend(outbox::tables());
                    }
                    if self.runtime.queue.is_some() {
                        extra.extend(async_consumer::tables());
                    }
                    extra
                },
            }
        });
        Schema::new(pools.collect())
    }

    /// Starts describing a consumer of a stream that is registered with this engine.
    ///
    /// What is wrong, a stream that is not registered among it, is told when the consumer is made.
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # use std::time::Duration;
    /// # const USERS: Stream = Stream::new("UserStream");
    /// # fn demo(engine: &Engine) -> headwater::Result<()> {
    /// engine.consumer(&USERS).group("mailer").single()?.consume(100, Duration::from_secs(5), |events| {
    ///     for event in events {
    ///         println!("{:?}", event.dirty()?);
    ///     }
    ///     Ok(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn consumer(&self, stream: &Stream) -> ConsumerBuilder {
        match self.runtime.pool_of(stream) {
            Ok(pool) => ConsumerBuilder::new(pool.clone(), *stream, &self.runtime.groups_of(stream)),
            Err(error) => ConsumerBuilder::refused(error, *stream),
        }
    }

    /// Publishes an event of the application's own now, with a body of any serde type (MessagePack) and tags, and
    /// returns the id of its entry.
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # const SIGNUPS: Stream = Stream::new("SignupStream");
    /// # fn demo(engine: &Engine) -> headwater::Result<()> {
    /// engine.publish(&SIGNUPS, "ana@x.org", &[("source", "web")])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the stream is not registered, the body cannot be packed, or Redis does not take it.
    pub fn publish<T: Serialize + ?Sized>(&self, stream: &Stream, body: &T, tags: &[(&str, &str)]) -> Result<String> {
        broker::publish(self.runtime.sender_of(stream)?, stream, body, tags)
    }

    /// A buffer for events of the application's own, written together by its `flush`.
    pub fn flusher(&self) -> Flusher {
        let runtime = self.runtime.clone();
        Flusher::new(Arc::new(move |stream: &Stream| runtime.sender_of(stream).cloned()))
    }

    /// The figures of a stream: length, age, and lag, pending entries and consumers of each group.
    ///
    /// # Errors
    ///
    /// When the stream is not registered or Redis cannot be asked.
    pub fn stats(&self, stream: &Stream) -> Result<StreamStats> {
        stats::stats(self.runtime.pool_of(stream)?, stream.name())
    }

    /// The events of a stream that no consumer could handle.
    ///
    /// # Errors
    ///
    /// When the stream is not registered.
    pub fn dead_letters(&self, stream: &Stream) -> Result<DeadLetters> {
        Ok(DeadLetters::new(self.runtime.pool_of(stream)?.clone(), stream.name()))
    }

    /// A consumer of what [`flush_async`](crate::Session::flush_async) queued.
    ///
    /// ```no_run
    /// # fn demo(engine: &headwater::Engine) -> headwater::Result<()> {
    /// use headwater::stream::Shutdown;
    ///
    /// let shutdown = Shutdown::new();
    /// engine.async_consumer()?.on_error(|error| eprintln!("{error}")).run(&shutdown)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the engine was built without [`async_flush`](EngineBuilder::async_flush).
    pub fn async_consumer(&self) -> Result<AsyncConsumer> {
        AsyncConsumer::new(self.runtime.clone())
    }

    /// The queued operations that failed for good.
    ///
    /// # Errors
    ///
    /// When the engine was built without [`async_flush`](EngineBuilder::async_flush).
    pub fn async_dead_letters(&self) -> Result<AsyncDeadLetters> {
        let redis = self.runtime.queue()?.redis;
        let pool = self.runtime.redis.get(redis).cloned();
        let pool = pool.ok_or_else(|| Error::config("the Redis pool of the queue is gone"))?;
        Ok(AsyncDeadLetters::new(pool))
    }

    /// The figures of the delivery of events, of all Redis pools together. Those of the queue of operations, where
    /// the engine has one, are asked from Redis.
    pub fn delivery(&self) -> Delivery {
        let relays = self.runtime.outboxes.iter().map(|route| route.relay.figures());
        let senders = self.runtime.senders.iter().map(|sender| sender.delivery());
        let mut delivery = senders.chain(relays).fold(Delivery::default(), Delivery::plus);
        let queue = self.runtime.queue.and_then(|queue| self.runtime.redis.get(queue.redis));
        delivery.queue = queue.and_then(|pool| async_queue::figures(pool).ok());
        delivery
    }

    /// The outbox, where events of durable streams wait: its backlog, rows set aside, and relaying by hand.
    pub fn outbox(&self) -> Outbox {
        Outbox::new(self.runtime.outboxes.iter().map(|route| route.relay.clone()).collect())
    }

    /// The events that were not delivered and are kept, the newest 1,000 for each Redis pool; they are forgotten
    /// here and belong to the caller.
    pub fn take_failed_events(&self) -> Vec<FailedEvent> {
        self.runtime
            .senders
            .iter()
            .flat_map(|sender| sender.take_failed())
            .collect()
    }

    /// Takes no more events and waits until all are sent, at most this long. What the outbox still holds then stays
    /// there, for the next process that relays it.
    ///
    /// # Errors
    ///
    /// An [`Unsent`](ErrorKind::Unsent) error with the events that could not be sent in time.
    pub fn close(&self, deadline: Duration) -> Result<()> {
        let until = Instant::now().checked_add(deadline);
        let mut all = Vec::new();
        let mut reasons: Vec<String> = Vec::new();
        for sender in &self.runtime.senders {
            sender.begin_close(deadline);
        }
        for sender in &self.runtime.senders {
            let left = until.map_or(deadline, |until| until.saturating_duration_since(Instant::now()));
            let Err(error) = sender.close(left) else { continue };
            match error.into_kind() {
                ErrorKind::Unsent { unsent, reason } => {
                    all.extend(unsent);
                    reasons.push(reason);
                }
                other => return Err(Error::new(other)),
            }
        }
        // Only now: a sender may just have spilled its events.
        let until = until.unwrap_or_else(|| Instant::now() + LONG);
        let workers = || self.runtime.outboxes.iter().filter_map(|route| route.worker.as_ref());
        workers().for_each(|worker| worker.begin_close(until));
        workers().for_each(|worker| worker.wait(until));
        if all.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unsent {
            unsent: all,
            reason: reasons.join("; "),
        }))
    }

    pub(crate) fn around(runtime: Runtime) -> Engine {
        Engine {
            runtime: Arc::new(runtime),
        }
    }
}

impl<E: Entity> Committed<'_, E> {
    /// The engine, to open a session of the hook's own.
    pub fn engine(&self) -> Engine {
        Engine {
            runtime: self.runtime.clone(),
        }
    }
}

/// For the benches: hands packed events over to the sender of their stream.
///
/// # Errors
///
/// When the stream is not registered or the sender does not take them.
#[doc(hidden)]
pub fn send(engine: &Engine, stream: &Stream, payloads: Vec<Vec<u8>>) -> Result<()> {
    let event = |payload| Outgoing::new(stream, ulid::Ulid::generate().to_string(), payload);
    let events: Vec<Outgoing> = payloads.into_iter().map(event).collect();
    engine.runtime.sender_of(stream)?.send(events)
}
