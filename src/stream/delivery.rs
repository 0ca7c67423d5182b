//! What is told of the delivery of events: policy, figures, problems.

use std::fmt;
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
    /// Entries that a stream's `max_len` or `max_age` cut before every group had acknowledged them.
    pub cut_unread: u64,
    /// How long the oldest waiting event has waited.
    pub oldest: Option<Duration>,
    /// The last error, kept after it healed.
    pub last_error: Option<String>,
}

impl Delivery {
    /// The figures of several pools taken together.
    #[must_use]
    pub(crate) fn plus(mut self, other: Delivery) -> Delivery {
        self.queued += other.queued;
        self.sent += other.sent;
        self.retried += other.retried;
        self.failed += other.failed;
        self.cut_unread += other.cut_unread;
        self.oldest = self.oldest.max(other.oldest);
        self.last_error = other.last_error.or(self.last_error);
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
