//! Named steps of a change's way to Redis, where a crash test stops the process (feature `failpoints`).

use std::fmt;
#[cfg(feature = "failpoints")]
use std::sync::Arc;

/// A moment between two things that cannot be done in one: whoever dies here leaves the first done and the
/// second not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// The statements of a flush have run; COMMIT comes next.
    FlushExecuted,
    /// A flush is committed; nobody was woken and no event was handed over.
    FlushCommitted,
    /// A relay has the lease and has read rows of the outbox.
    RelayClaimed,
    /// Redis has the rows' events and their marker; the rows are still there.
    RelayWritten,
    /// The rows are deleted; the marker is still there.
    RelayDeleted,
    /// The marker is forgotten.
    RelayForgotten,
    /// A queued flush is in Redis; the session does not know.
    AsyncQueued,
    /// The statements of queued operations have run; COMMIT comes next.
    AsyncExecuted,
    /// Queued operations are committed; no event was handed over.
    AsyncCommitted,
    /// The events of queued operations are handed over; nothing is acknowledged.
    AsyncPublished,
    /// Queued operations are acknowledged.
    AsyncAcknowledged,
}

impl Step {
    /// All of them, in the order of a change's way.
    pub const ALL: &'static [Step] = &[
        Step::FlushExecuted,
        Step::FlushCommitted,
        Step::RelayClaimed,
        Step::RelayWritten,
        Step::RelayDeleted,
        Step::RelayForgotten,
        Step::AsyncQueued,
        Step::AsyncExecuted,
        Step::AsyncCommitted,
        Step::AsyncPublished,
        Step::AsyncAcknowledged,
    ];

    /// Its name, as `relay-written`.
    pub const fn name(self) -> &'static str {
        match self {
            Step::FlushExecuted => "flush-executed",
            Step::FlushCommitted => "flush-committed",
            Step::RelayClaimed => "relay-claimed",
            Step::RelayWritten => "relay-written",
            Step::RelayDeleted => "relay-deleted",
            Step::RelayForgotten => "relay-forgotten",
            Step::AsyncQueued => "async-queued",
            Step::AsyncExecuted => "async-executed",
            Step::AsyncCommitted => "async-committed",
            Step::AsyncPublished => "async-published",
            Step::AsyncAcknowledged => "async-acknowledged",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who is told of the steps of an engine. Without the feature nobody is, and telling costs nothing.
#[derive(Clone, Default)]
pub(crate) struct Steps {
    #[cfg(feature = "failpoints")]
    observer: Option<Arc<dyn Fn(Step) + Send + Sync>>,
}

impl Steps {
    #[cfg(feature = "failpoints")]
    pub(crate) fn told_to(observer: impl Fn(Step) + Send + Sync + 'static) -> Self {
        Steps {
            observer: Some(Arc::new(observer)),
        }
    }

    /// The step is reached.
    #[inline]
    pub(crate) fn at(&self, step: Step) {
        #[cfg(feature = "failpoints")]
        if let Some(observer) = &self.observer {
            observer(step);
        }
        #[cfg(not(feature = "failpoints"))]
        let _ = step;
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Steps").finish_non_exhaustive()
    }
}
