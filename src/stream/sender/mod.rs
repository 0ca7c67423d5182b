//! The sender: takes the events of flushes and writes them to Redis from a thread of its own.
//!
//! A flush pays one channel send. The thread writes what waits in one pipeline, tries again for as long
//! as Redis is away, and never lets a later event overtake an earlier one.

mod batch;
mod direct;
mod marked;
mod queue;
mod shared;
mod spill;
#[cfg(test)]
mod tests;
#[cfg(all(test, feature = "r2d2_redis"))]
#[path = "tests.rs"]
#[allow(clippy::duplicate_mod, reason = "the same tests over the other client")]
mod tests_over_r2d2;
mod worker;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(crate) use marked::Marked;
use queue::{NotTaken, Queue};
use shared::Shared;
pub(crate) use spill::SpillTo;
use worker::Worker;

use super::backoff::Backoff;
use super::delivery::{Delivery, DeliveryHandler, DeliveryPolicy, DeliveryProblem, FailedEvent};
use super::parcel::Parcel;
use crate::error::{Error, ErrorKind, Result};
use crate::redis::RedisPool;

/// How a sender works.
#[derive(Clone)]
pub(crate) struct SenderOptions {
    /// The most events that wait, counted one by one.
    pub(crate) capacity: usize,
    /// What happens when there is no room.
    pub(crate) policy: DeliveryPolicy,
    /// The waits between two tries.
    pub(crate) backoff: Backoff,
    /// What is told of problems.
    pub(crate) handler: Option<DeliveryHandler>,
    /// How many failed events are kept for `take_failed`.
    pub(crate) kept_aside: usize,
    /// Where events go while Redis is away, if the policy says so.
    pub(crate) spill: Option<SpillTo>,
}

impl Default for SenderOptions {
    fn default() -> Self {
        SenderOptions {
            capacity: 65_536,
            policy: DeliveryPolicy::default(),
            backoff: Backoff::default(),
            handler: None,
            kept_aside: 1000,
            spill: None,
        }
    }
}

/// How long dropping a sender waits for it.
const PATIENCE_OF_DROP: Duration = Duration::from_secs(2);

/// The sender of one Redis pool.
pub(crate) struct Sender {
    shared: Arc<Shared>,
    policy: DeliveryPolicy,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Sender {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// A configuration error when the system has no room for one more thread.
    pub(crate) fn start(pool: RedisPool, options: SenderOptions) -> Result<Sender> {
        let shared = Arc::new(Shared::new(
            pool,
            Queue::new(options.capacity),
            options.backoff,
            options.handler,
            options.kept_aside,
        ));
        let worker = Worker::new(Arc::clone(&shared), options.spill);
        let thread = thread::Builder::new()
            .name(format!("headwater-sender-{}", shared.pool.name()))
            .spawn(move || worker.run())
            .map_err(|error| Error::config(format!("the sender's thread cannot be started: {error}")))?;
        Ok(Sender {
            shared,
            policy: options.policy,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Hands the events of one flush over, all or none.
    ///
    /// # Errors
    ///
    /// An [`Unsent`](ErrorKind::Unsent) error with the events when the policy's deadline is over or the
    /// sender is closed. They are counted as failed and the delivery handler was told.
    #[inline]
    pub(crate) fn send(&self, events: impl Into<Parcel>) -> Result<()> {
        let parcel = events.into();
        if parcel.len() == 0 {
            return Ok(());
        }
        let deadline = self.policy.deadline();
        match self.shared.queue.push(parcel, deadline) {
            Ok(()) => Ok(()),
            Err(not_taken) => self.not_taken(not_taken, deadline),
        }
    }

    #[cold]
    fn not_taken(&self, not_taken: NotTaken, deadline: Duration) -> Result<()> {
        let pool = self.shared.pool.name().to_string();
        match not_taken {
            NotTaken::Full(events) => {
                let reason = format!("the channel to Redis pool `{pool}` was full for {deadline:?}");
                self.shared.set_last_error(&reason);
                let events = self.shared.fail(events.pack(), &reason);
                Err(self.unsent(DeliveryProblem::Overflow { pool, events }, reason))
            }
            NotTaken::Closed(events) => {
                let reason = "the engine is closed".to_string();
                let events = self.shared.fail(events.pack(), &reason);
                Err(self.unsent(DeliveryProblem::Unsent { pool, events }, reason))
            }
        }
    }

    /// The figures at this moment.
    pub(crate) fn delivery(&self) -> Delivery {
        self.shared.delivery()
    }

    /// The failed events that were kept, the newest at most, and forgets them.
    pub(crate) fn take_failed(&self) -> Vec<FailedEvent> {
        self.shared.take_failed()
    }

    /// Takes no more events, and waits until all are sent or the deadline is over.
    ///
    /// # Errors
    ///
    /// An [`Unsent`](ErrorKind::Unsent) error with the events that were not sent. When the server kept
    /// an answer back, the last batch is among them and may have arrived all the same.
    pub(crate) fn close(&self, deadline: Duration) -> Result<()> {
        let until = self.begin_close(deadline);
        let own_thread = self.is_own_thread();
        let finished = !own_thread && self.shared.wait_for_end(until);
        let left = self.shared.give_up();
        if finished && let Some(thread) = self.thread().take() {
            let _ = thread.join();
        }
        if left.is_empty() {
            return Ok(());
        }
        let reason = match self.delivery().last_error {
            Some(error) => format!("closed before Redis took them; the last error was: {error}"),
            None => "closed before Redis took them".to_string(),
        };
        let events = self.shared.fail(left, &reason);
        let pool = self.shared.pool.name().to_string();
        Err(self.unsent(DeliveryProblem::Unsent { pool, events }, reason))
    }

    /// Takes no more events, and lets the thread work on until the deadline; `close` waits for it. With
    /// several senders, begin with all before waiting for the first.
    pub(crate) fn begin_close(&self, deadline: Duration) -> Instant {
        let until = Instant::now() + deadline.min(Duration::from_secs(365 * 24 * 3600));
        self.shared.end(until);
        until
    }

    fn unsent(&self, problem: DeliveryProblem, reason: String) -> Error {
        self.shared.tell(&problem);
        let unsent = match problem {
            DeliveryProblem::Overflow { events, .. } | DeliveryProblem::Unsent { events, .. } => {
                events.into_iter().map(|event| (event.stream, event.payload)).collect()
            }
            _ => Vec::new(),
        };
        Error::new(ErrorKind::Unsent { unsent, reason })
    }

    fn is_own_thread(&self) -> bool {
        self.thread()
            .as_ref()
            .is_some_and(|thread| thread.thread().id() == thread::current().id())
    }

    fn thread(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // The delivery handler is told of what is left.
        let _ = self.close(PATIENCE_OF_DROP);
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("pool", &self.shared.pool.name())
            .field("delivery", &self.delivery())
            .finish_non_exhaustive()
    }
}
