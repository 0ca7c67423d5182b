//! The consumer of queued operations: executes them, publishes their events, calls the past-tense hooks.
//!
//! One consumer works at a time, whoever holds the lease (`execute` makes the databases see to it). `work` says which
//! operations may be executed, `execute`, `statements` and `updates` do so, `done` remembers them, `sorting` tells errors
//! that heal from those that do not, `publish` tells of what is committed, `known` is what the consumer has learnt,
//! `finish` what becomes of what was tried, `pass` puts it all together.

mod done;
mod execute;
mod finish;
mod known;
mod pass;
mod publish;
mod sorting;
mod statements;
mod tables;
mod updates;
mod work;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use done::PAGE;
use execute::Executor;
use known::State;
use pass::Manner;
pub(super) use tables::tables;

use crate::error::{Error, Result};
use crate::runtime::Runtime;
use crate::stream::Shutdown;
use crate::stream::async_queue::Queue;
use crate::stream::backoff::Backoff;

/// Executes what [`flush_async`](crate::Session::flush_async) queued, and what FluxaORM did.
///
/// Many operations are committed together, and each is known by its id afterwards: one that comes again, because the
/// consumer died before it could acknowledge it, is not executed again. Its events are written to Redis together
/// with a marker, so that they are not published again either. The past-tense hooks may run a second time then.
///
/// Operations that touch the same rows (written, referred to, or with a unique value of theirs) are executed in the
/// order in which they were queued, also when one of them has to be tried again. Others do not wait for them. Of
/// several consumers, in whatever process, one works and the others wait to take its place.
///
/// What the database refuses for good goes to the [dead letters](crate::Engine::async_dead_letters), and holds up
/// later operations of the same rows until somebody decides. What may heal (a deadlock, a lost connection, a full
/// disk) is tried again for as long as it takes.
///
/// ```no_run
/// # fn example(engine: &headwater::Engine) -> headwater::Result<()> {
/// use std::time::Duration;
///
/// let mut consumer = engine.async_consumer()?;
/// while consumer.consume(1000, Duration::ZERO)? > 0 {}
/// # Ok(())
/// # }
/// ```
pub struct AsyncConsumer {
    runtime: Arc<Runtime>,
    queue: Queue,
    settings: Settings,
    /// What is known while the lease is ours.
    state: Option<State>,
    /// How many operations are executed at a time, for now.
    pace: usize,
    next_purge: Option<Instant>,
    /// In each database, up to where it was looked for what was executed long ago, beside at the beginning.
    purged: Vec<String>,
}

/// What is told of errors that the consumer gets over.
type OnError = Arc<dyn Fn(&Error) + Send + Sync>;

#[derive(Clone)]
struct Settings {
    batch: usize,
    lease: Duration,
    max_attempts: u32,
    keep: Duration,
    on_error: Option<OnError>,
}

/// How many operations are executed at a time, before it is known how long they take.
const FIRST_PACE: usize = 128;

/// The waits of `run` while a server is away.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(50),
    longest: Duration::from_secs(5),
};
/// How long `run` waits at once: the longest that a request to stop goes unnoticed.
const BLOCK: Duration = Duration::from_millis(500);
/// How often what was executed long ago is forgotten.
const PURGE: Duration = Duration::from_secs(60);

impl AsyncConsumer {
    pub(super) fn new(runtime: Arc<Runtime>) -> Result<Self> {
        let redis = runtime.queue()?.redis;
        let pool = runtime.redis.get(redis).cloned();
        let pool = pool.ok_or_else(|| Error::config("the Redis pool of the queue is gone"))?;
        Ok(AsyncConsumer {
            runtime,
            queue: Queue::new(pool),
            settings: Settings {
                batch: 1000,
                lease: Duration::from_secs(10),
                max_attempts: 10,
                keep: Duration::from_secs(24 * 3600),
                on_error: None,
            },
            state: None,
            pace: FIRST_PACE,
            next_purge: None,
            purged: Vec::new(),
        })
    }

    /// The most operations that are committed together; 1,000 where nothing is said, at least 1.
    #[must_use]
    pub fn batch(mut self, operations: usize) -> Self {
        self.settings.batch = operations.clamp(1, 10_000);
        self
    }

    /// How long after the death of a consumer another takes its place; 10 s where nothing is said, at least 100 ms.
    #[must_use]
    pub fn lease(mut self, time: Duration) -> Self {
        self.settings.lease = time.max(Duration::from_millis(100));
        self
    }

    /// How often an operation is tried whose error is neither known to heal nor known not to; 10 where nothing is
    /// said, at least 1.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts.max(1);
        self
    }

    /// How long the database remembers what was executed; a day where nothing is said. It must be longer than an
    /// entry can come back after it was acknowledged, as when a Redis server is restored from its last save.
    #[must_use]
    pub fn remember(mut self, time: Duration) -> Self {
        self.settings.keep = time;
        self
    }

    /// A function that is told of errors that the consumer gets over: an operation that failed, a hook that panicked,
    /// in [`run`](AsyncConsumer::run) also a server that is away.
    #[must_use]
    pub fn on_error(mut self, handler: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.settings.on_error = Some(Arc::new(handler));
        self
    }

    /// Executes up to `count` operations, waiting up to `block` for the first (`Duration::ZERO`: not at all), and
    /// tells how many are done with, those included that went to the dead letters. 0 also when another consumer is
    /// at work.
    ///
    /// # Errors
    ///
    /// The first error of an operation that is to be tried again, once everything else was executed; a lost
    /// connection, to either server. Call it again: nothing is lost or done twice.
    pub fn consume(&mut self, count: usize, block: Duration) -> Result<usize> {
        let (done, trouble) = self.pass(count.max(1), block.min(LONGEST), Manner::OneCall)?;
        self.purge_now_and_then();
        trouble.map_or(Ok(done), Err)
    }

    /// Takes over entries that a consumer of another name, which FluxaORM may start, read at least `min_idle` ago
    /// and never acknowledged, `count` at a time, and executes them.
    ///
    /// What a consumer of this crate left behind needs no such call.
    ///
    /// # Errors
    ///
    /// As [`consume`](AsyncConsumer::consume).
    pub fn auto_claim(&mut self, count: usize, min_idle: Duration) -> Result<usize> {
        let taken = self.take_over(count.clamp(1, 10_000), min_idle)?;
        if taken == 0 {
            return Ok(0);
        }
        let (done, trouble) = self.pass(taken, Duration::ZERO, Manner::OneCall)?;
        trouble.map_or(Ok(done), Err)
    }

    /// Executes operations until it is told to stop, waits while a server is away, and takes over what consumers of
    /// other names left behind a minute ago.
    ///
    /// # Errors
    ///
    /// When waiting would not help: the queue's key holds something else, the tables of the consumer are missing.
    pub fn run(&mut self, shutdown: &Shutdown) -> Result<()> {
        let mut failures = 0u32;
        let mut next_claim = Instant::now();
        while !shutdown.is_requested() {
            let mut turn = || {
                if next_claim <= Instant::now() {
                    self.take_over(1000, IDLE)?;
                    next_claim = Instant::now() + IDLE;
                }
                let (_, trouble) = self.pass(self.settings.batch, BLOCK, Manner::Loop)?;
                self.purge_now_and_then();
                Ok::<_, Error>(trouble)
            };
            match turn() {
                Ok(trouble) => {
                    failures = 0;
                    // It waits its time; others do not.
                    if let Some(trouble) = trouble {
                        self.tell(&trouble);
                    }
                }
                Err(error) if is_hopeless(&error) => return Err(error),
                Err(error) => {
                    failures += 1;
                    if failures == 1 || failures.is_multiple_of(10) {
                        self.tell(&error);
                    }
                    shutdown.sleep(BACKOFF.after(failures));
                }
            }
        }
        Ok(())
    }

    /// Whether it is the one that works.
    pub fn is_active(&self) -> bool {
        self.state.is_some()
    }

    fn purge_now_and_then(&mut self) {
        let now = Instant::now();
        if self.state.is_none() || self.next_purge.is_some_and(|next| now < next) {
            return;
        }
        self.next_purge = Some(now + PURGE);
        self.purged.resize(self.runtime.mysql.len(), String::new());
        for pool in 0..self.purged.len() {
            match self.purge(pool) {
                Ok(true) => self.next_purge = None,
                Ok(false) => {}
                // Not worth an error: it is tried again in a minute.
                Err(error) => self.tell(&error),
            }
        }
    }

    /// Forgets what was executed long ago, a page at the beginning and one further on; whether there may be much more.
    fn purge(&mut self, pool: usize) -> Result<bool> {
        let executor = Executor {
            runtime: &self.runtime,
            pool,
            queue: "",
            token: "",
        };
        let (last, forgotten) = executor.purge("", self.settings.keep)?;
        let Some(last) = last else { return Ok(false) };
        if forgotten * 2 > PAGE {
            return Ok(true);
        }
        // Behind what is not old yet: ids of FluxaORM's operations, and of machines whose clocks differ.
        let after = Some(&self.purged[pool]).filter(|after| **after > last).unwrap_or(&last);
        let (last, forgotten) = executor.purge(after, self.settings.keep)?;
        self.purged[pool] = last.unwrap_or_default();
        Ok(forgotten * 2 > PAGE)
    }

    fn tell(&self, error: &Error) {
        if let Some(handler) = &self.settings.on_error {
            let _ = catch_unwind(AssertUnwindSafe(|| handler(error)));
        }
    }
}

/// What is idle for this long is somebody's who died.
const IDLE: Duration = Duration::from_secs(60);
/// Redis has an end to its timeouts.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Waiting changes nothing about it.
fn is_hopeless(error: &Error) -> bool {
    match error.kind() {
        crate::ErrorKind::Redis { message, .. } => message.starts_with("WRONGTYPE") || message.starts_with("NOPERM"),
        crate::ErrorKind::Config { .. } | crate::ErrorKind::Schema { .. } => true,
        _ => false,
    }
}

impl fmt::Debug for AsyncConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncConsumer")
            .field("active", &self.is_active())
            .field(
                "waiting",
                &self.state.as_ref().map_or(0, |state| state.work.items.len()),
            )
            .finish_non_exhaustive()
    }
}
