//! What is told of the delivery of events: policy, figures, problems.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;

/// What a flush does when the channel to the sender is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryPolicy {
    /// Waits for room, at most this long. The changes are committed by then: events that find no room
    /// are counted as failed, given to the delivery handler, and come back in an
    /// [`Unsent`](crate::ErrorKind::Unsent) error.
    Block {
        /// The longest wait.
        deadline: Duration,
    },
    /// Moves what waits to the outbox in MySQL when the channel is full, or when Redis has been away for a time.
    /// From then on all events of the pool take that way, so that none overtakes another, until the outbox has
    /// relayed them. Events that are in the channel when the process dies are lost, as with `Block`.
    ///
    /// The outbox of the first MySQL pool is used; [`Schema`](crate::schema::Schema) makes its tables.
    SpillToOutbox {
        /// How long Redis may be away before events are spilled.
        after: Duration,
        /// The longest wait for room in the channel, as in `Block`: MySQL may be away as well.
        deadline: Duration,
    },
}

impl DeliveryPolicy {
    /// The longest wait for room in the channel.
    pub(super) fn deadline(self) -> Duration {
        match self {
            DeliveryPolicy::Block { deadline } | DeliveryPolicy::SpillToOutbox { deadline, .. } => deadline,
        }
    }
}

impl Default for DeliveryPolicy {
    fn default() -> Self {
        DeliveryPolicy::Block {
            deadline: Duration::from_secs(5),
        }
    }
}

/// The figures of the delivery to Redis at one moment.
///
/// ```no_run
/// # use headwater::stream::Delivery;
/// # fn show(delivery: Delivery) {
/// println!("{} waiting, {} sent, {} failed", delivery.queued, delivery.sent, delivery.failed);
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Events that wait to be written, those under way included.
    pub queued: u64,
    /// Events that Redis has taken.
    pub sent: u64,
    /// Events that were written again because an earlier try failed or its outcome was not known.
    pub retried: u64,
    /// Events that will not be sent: refused for good, no room in time, left over by `close`.
    pub failed: u64,
    /// Events that this engine relayed from the outbox; `sent` counts them too.
    pub relayed: u64,
    /// Events of background streams that went to the outbox, by
    /// [`SpillToOutbox`](DeliveryPolicy::SpillToOutbox). Its relay sends them.
    pub spilled: u64,
    /// Entries that a stream's `max_len` or `max_age` cut before every group had acknowledged them.
    pub cut_unread: u64,
    /// How long the oldest waiting event has waited.
    pub oldest: Option<Duration>,
    /// The last error, kept after it healed.
    pub last_error: Option<String>,
    /// The queue of [`flush_async`](crate::Session::flush_async); `None` where the engine has none, or Redis cannot be
    /// asked.
    pub queue: Option<QueueFigures>,
}

/// The figures of the queue of operations, of all processes together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueFigures {
    /// Operations that wait to be executed, those under way and those that wait for others included, and those that
    /// were executed a moment ago and are not acknowledged yet.
    pub backlog: u64,
    /// How long the oldest of them has waited, by the clocks of Redis and of this machine.
    pub oldest: Option<Duration>,
    /// Operations among the dead letters.
    pub failed: u64,
}

impl Delivery {
    /// The figures of several pools taken together.
    #[must_use]
    pub(crate) fn plus(mut self, other: Delivery) -> Delivery {
        self.queued += other.queued;
        self.sent += other.sent;
        self.retried += other.retried;
        self.failed += other.failed;
        self.relayed += other.relayed;
        self.spilled += other.spilled;
        self.cut_unread += other.cut_unread;
        self.oldest = self.oldest.max(other.oldest);
        self.last_error = other.last_error.or(self.last_error);
        self.queue = other.queue.or(self.queue);
        self
    }
}

/// An event that was not delivered, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedEvent {
    /// The stream it was meant for.
    pub stream: String,
    /// The event id (field `e` of the entry).
    pub event_id: String,
    /// The packed event (field `s` of the entry).
    pub payload: Vec<u8>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// What stood in the way.
    pub error: String,
}

/// Something that keeps events from being delivered; told to the delivery handler.
#[derive(Debug)]
#[non_exhaustive]
pub enum DeliveryProblem {
    /// Redis cannot be reached or takes nothing at the moment. The events wait and are sent again;
    /// this is told once for an error, not at every try.
    Waiting {
        /// The name of the pool.
        pool: String,
        /// Why.
        error: Error,
        /// How many events wait.
        queued: u64,
    },
    /// Redis refused these events for good, as when the stream's key is no stream. They are put aside.
    Refused {
        /// The name of the pool.
        pool: String,
        /// The events.
        events: Vec<FailedEvent>,
    },
    /// There was no room for these events in time.
    Overflow {
        /// The name of the pool.
        pool: String,
        /// The events.
        events: Vec<FailedEvent>,
    },
    /// The engine was closed before these events could be sent.
    Unsent {
        /// The name of the pool.
        pool: String,
        /// The events.
        events: Vec<FailedEvent>,
    },
    /// The outbox holds events that could not be relayed for a moment, because MySQL or Redis is away. They stay
    /// there and are relayed later; this is told once for an error, not at every try.
    Relaying {
        /// The name of the Redis pool.
        pool: String,
        /// Why.
        error: Error,
    },
    /// A row of the outbox was set aside: its bytes cannot be read, or a stream will never take its events, as when
    /// the stream's key is no stream. [`Outbox::aside`](crate::stream::Outbox::aside) shows it.
    SetAside {
        /// The name of the Redis pool.
        pool: String,
        /// The row's id in the outbox.
        row: u64,
        /// The events, where they can be read.
        events: Vec<FailedEvent>,
        /// Why.
        error: String,
    },
    /// Events of background streams go to the outbox from now on, because Redis is away or the channel is full.
    Spilling {
        /// The name of the Redis pool.
        pool: String,
    },
    /// The stream's `max_len` or `max_age` cut entries that some group had not acknowledged.
    CutUnread {
        /// The name of the pool.
        pool: String,
        /// The stream.
        stream: String,
        /// How many.
        entries: u64,
    },
    /// A stream could not be trimmed to its bounds.
    Untrimmed {
        /// The name of the pool.
        pool: String,
        /// The stream.
        stream: String,
        /// Why.
        error: Error,
    },
}

impl fmt::Display for DeliveryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeliveryProblem::Waiting { error, queued, .. } => write!(f, "{queued} event(s) wait: {error}"),
            DeliveryProblem::Refused { pool, events } => {
                write!(
                    f,
                    "Redis pool `{pool}` refused {} event(s){}",
                    events.len(),
                    why(events)
                )
            }
            DeliveryProblem::Overflow { pool, events } => {
                write!(
                    f,
                    "Redis pool `{pool}` had no room for {} event(s){}",
                    events.len(),
                    why(events)
                )
            }
            DeliveryProblem::Unsent { pool, events } => {
                write!(
                    f,
                    "Redis pool `{pool}` was closed with {} event(s) unsent{}",
                    events.len(),
                    why(events)
                )
            }
            DeliveryProblem::Relaying { pool, error } => {
                write!(f, "the outbox waits for Redis pool `{pool}`: {error}")
            }
            DeliveryProblem::SetAside { pool, row, error, .. } => {
                write!(
                    f,
                    "row {row} of the outbox for Redis pool `{pool}` was set aside: {error}"
                )
            }
            DeliveryProblem::Spilling { pool } => {
                write!(f, "events for Redis pool `{pool}` go to the outbox for now")
            }
            DeliveryProblem::CutUnread { stream, entries, .. } => {
                write!(f, "stream `{stream}`: {entries} unread entries were cut by its bounds")
            }
            DeliveryProblem::Untrimmed { stream, error, .. } => {
                write!(f, "stream `{stream}` was not trimmed: {error}")
            }
        }
    }
}

fn why(events: &[FailedEvent]) -> String {
    events
        .first()
        .map(|event| format!(": {}", event.error))
        .unwrap_or_default()
}

/// What is called with every [`DeliveryProblem`], in the sender's thread or the flushing one. It should
/// be quick; a panic in it is caught.
pub type DeliveryHandler = Arc<dyn Fn(&DeliveryProblem) + Send + Sync>;

/// Calls the application's handler. What it does wrong stays with it.
pub(super) fn tell(handler: Option<&DeliveryHandler>, problem: &DeliveryProblem) {
    if let Some(handler) = handler {
        let _ = catch_unwind(AssertUnwindSafe(|| handler(problem)));
    }
}
