//! Declaring streams: the constant that names one, and which of a table's changes it gets.

use std::time::Duration;

use crate::table::ColumnSet;

/// A named Redis Stream, declared once as a constant and used everywhere by it.
///
/// ```
/// use headwater::prelude::*;
///
/// pub const USERS: Stream = Stream::new("UserStream");
/// pub const PAYMENTS: Stream = Stream::new("PaymentStream").durable();
///
/// assert_eq!(USERS.name(), "UserStream");
/// assert!(PAYMENTS.is_durable());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    name: &'static str,
    durable: bool,
    wire: Wire,
    max_len: Option<u64>,
    max_age: Option<Duration>,
}

/// How the events of a stream are written; readers understand both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Wire {
    /// The documented keys (`ch`, `n`, `t`, `v`).
    #[default]
    Documented,
    /// Exactly the bytes of FluxaORM's Go encoder, whose keys are `ch,omitempty`, `n,omitempty`, …
    FluxaOrm,
}

impl Stream {
    /// A stream of this name, whose events are sent in the background.
    ///
    /// # Panics
    ///
    /// When the name is empty or longer than 512 bytes; for a constant that does not compile.
    pub const fn new(name: &'static str) -> Self {
        assert!(!name.is_empty(), "a stream needs a name");
        assert!(name.len() <= 512, "the name of a stream has at most 512 bytes");
        Stream {
            name,
            durable: false,
            wire: Wire::Documented,
            max_len: None,
            max_age: None,
        }
    }

    /// Keeps the events in the outbox, written in the transaction of the change, until Redis has them.
    ///
    /// No event is lost when the process dies, and each arrives exactly once, as long as Redis keeps what it has
    /// acknowledged. The outbox is a table beside the entity's; [`Schema`](crate::schema::Schema) makes it.
    #[must_use]
    pub const fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Chooses how its events are written.
    #[must_use]
    pub const fn wire(mut self, wire: Wire) -> Self {
        self.wire = wire;
        self
    }

    /// An upper bound of its entries: the oldest are cut, read or not.
    #[must_use]
    pub const fn max_len(mut self, entries: u64) -> Self {
        self.max_len = Some(entries);
        self
    }

    /// An upper bound of its entries' age: older ones are cut, read or not.
    #[must_use]
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Its name: the key in Redis.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether its events survive a crash of the process.
    pub const fn is_durable(&self) -> bool {
        self.durable
    }

    /// How its events are written.
    pub const fn wire_format(&self) -> Wire {
        self.wire
    }

    /// The most entries it keeps.
    pub const fn longest(&self) -> Option<u64> {
        self.max_len
    }

    /// The greatest age of its entries.
    pub const fn oldest(&self) -> Option<Duration> {
        self.max_age
    }
}

/// Operations on rows: which of them a stream gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Operations(u8);

impl Operations {
    /// No operation: a stream that only column triggers feed.
    pub const NONE: Operations = Operations(0);
    /// Inserts.
    pub const INSERT: Operations = Operations(1);
    /// Updates of any column.
    pub const UPDATE: Operations = Operations(2);
    /// Deletes, soft ones among them.
    pub const DELETE: Operations = Operations(4);
    /// All three.
    pub const ALL: Operations = Operations(7);

    /// Those of both.
    #[must_use]
    pub const fn and(self, other: Operations) -> Operations {
        Operations(self.0 | other.0)
    }

    /// Whether all of `other` are in it.
    pub const fn has(self, other: Operations) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One stream of a table: `#[table(stream(USERS, on = "ID", redis = "pool"))]` with the columns whose
/// change triggers it (`#[column(triggers(USERS))]`).
#[derive(Debug, Clone, Copy)]
pub struct Publication {
    /// The stream.
    pub stream: Stream,
    /// The operations that publish.
    pub on: Operations,
    /// The columns whose change publishes an update, whatever `on` says.
    pub triggers: ColumnSet,
    /// The name of the Redis pool; the table's where `None`.
    pub redis: Option<&'static str>,
}

/// The streams of a table; `#[derive(Table)]` writes it beside `Table`.
pub trait Publish {
    /// Each stream in the order of declaration.
    const STREAMS: &'static [Publication];
}
