//! Consumers: events read by a group, handed to a handler, acknowledged, tried again, put aside.

mod builder;
mod deliver;
pub(in crate::stream) mod event;
pub(crate) mod group;
mod pass;
mod run;
pub(super) mod scripts;
#[cfg(test)]
mod tests;
#[cfg(all(test, feature = "r2d2_redis"))]
#[path = "tests/mod.rs"]
#[allow(clippy::duplicate_mod, reason = "the same tests over the other client")]
mod tests_over_r2d2;
mod waiting;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use builder::ConsumerBuilder;
use builder::Settings;
pub use event::Event;
use group::{Group, group_is_gone};
use scripts::LEAVE;
use waiting::Waiting;

use crate::error::{Error, Result, Source};
use crate::redis::{EntryId, Failure, Link};
use crate::stream::dead_letter::DeadLetters;
use crate::stream::stats::{StreamStats, stats};

/// What a handler of events returns: any error may be given back with `?`.
pub type HandlerResult = std::result::Result<(), Source>;

/// The most events that are read at once, whatever is asked for: an answer has to fit into memory.
const MOST_AT_ONCE: usize = 100_000;

/// Redis has an end to its timeouts.
const LONGEST_BLOCK: Duration = Duration::from_secs(365 * 24 * 3600);

/// Reads the events of a stream as a member of a group.
///
/// Every event comes at least once: a worker that ends in the middle leaves its events to the next. An
/// event whose handling failed comes again before later events of the same entity, and does not hold up
/// others. This order is the order of one consumer: several of a group work side by side.
///
/// ```no_run
/// # fn example(mut consumer: headwater::stream::Consumer) -> headwater::Result<()> {
/// use std::time::Duration;
///
/// let handled = consumer.consume(100, Duration::from_secs(5), |events| {
///     for event in events {
///         let dirty = event.dirty()?;
///         println!("{} {} {:?}", dirty.entity_type, dirty.entity_id, dirty.flush_type);
///     }
///     Ok(())
/// })?;
/// println!("{handled} events");
/// # Ok(())
/// # }
/// ```
pub struct Consumer {
    group: Arc<Group>,
    name: String,
    settings: Settings,
    link: Option<Link>,
    waiting: Waiting,
    recovery: Recovery,
    /// Handled, and not acknowledged at the server yet.
    acks: Vec<EntryId>,
    /// The handler has control; still so at the start of a call, it panicked in the one before.
    handling: bool,
}

/// How far the list of one's own pending entries was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recovery {
    /// What comes after this id is not known, or nothing is.
    After(Option<EntryId>),
    /// All is known.
    Done,
}

/// Why a call of `consume` ends early.
#[derive(Debug)]
enum Trouble {
    Redis(Failure),
    Handler(Error),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble::Redis(failure)
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Redis(failure) => failure.into(),
            Trouble::Handler(error) => error,
        }
    }
}

impl Consumer {
    fn start(group: Group, name: String, settings: Settings) -> Result<Self> {
        let mut consumer = Consumer {
            group: Arc::new(group),
            name,
            settings,
            link: None,
            waiting: Waiting::default(),
            recovery: Recovery::After(None),
            acks: Vec::new(),
            handling: false,
        };
        consumer.with_link(|_, _, _| Ok(()))?;
        Ok(consumer)
    }

    /// Its name within the group.
    ///
    /// ```no_run
    /// # fn example(consumer: headwater::stream::Consumer) {
    /// println!("{} of {}", consumer.name(), consumer.group());
    /// # }
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its group.
    ///
    /// ```no_run
    /// # fn example(consumer: headwater::stream::Consumer) {
    /// assert_eq!(consumer.group(), "consumer_group");
    /// # }
    /// ```
    pub fn group(&self) -> &str {
        &self.group.name
    }

    /// The name of its stream.
    ///
    /// ```no_run
    /// # fn example(consumer: headwater::stream::Consumer) {
    /// println!("reads {}", consumer.stream());
    /// # }
    /// ```
    pub fn stream(&self) -> &str {
        &self.group.stream
    }

    /// Hands up to `count` events to the handler, and acknowledges them when it returns Ok.
    ///
    /// What was delivered to this consumer before and never acknowledged comes first, then new events;
    /// when there are none, it waits up to `block` for the first (`Duration::ZERO`: not at all).
    /// Returns how many events are done with, those included that went to the dead-letter stream. The
    /// handler may be called several times.
    ///
    /// When the handler fails, what it acknowledged itself is done, and the rest comes again at the next
    /// call, one by one, so that the failing event is found. Later events of its entity wait for it; it
    /// is delivered [`max_deliveries`](ConsumerBuilder::max_deliveries) times and then goes to the
    /// dead-letter stream. An entry that is malformed goes there at once.
    ///
    /// ```no_run
    /// # fn example(mut consumer: headwater::stream::Consumer) -> headwater::Result<()> {
    /// use std::time::Duration;
    ///
    /// consumer.consume(10, Duration::ZERO, |events| {
    ///     for event in events {
    ///         if event.tag("kind") == Some("test") {
    ///             continue;
    ///         }
    ///         let age: u8 = event.tag("age").ok_or("no age")?.parse()?;
    ///     }
    ///     Ok(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A [`Handler`](crate::ErrorKind::Handler) error with what the handler returned; a connection or
    /// Redis error. The consumer goes on to be usable after each of them. When Redis was lost after the
    /// handler had succeeded, the acknowledgement is made up for at the next call.
    pub fn consume<H>(&mut self, count: usize, block: Duration, mut handler: H) -> Result<usize>
    where
        H: FnMut(&[Event]) -> HandlerResult,
    {
        let count = count.clamp(1, MOST_AT_ONCE);
        Ok(self.pass(count, block.min(LONGEST_BLOCK), pass::Manner::OneCall, &mut handler)?)
    }

    /// Takes over events that other consumers of the group got at least `min_idle` ago and never
    /// acknowledged, `count` at a time until there are none left, and hands them to the handler.
    ///
    /// [`run`](Consumer::run) does this by itself.
    ///
    /// ```no_run
    /// # fn example(mut consumer: headwater::stream::Consumer) -> headwater::Result<()> {
    /// use std::time::Duration;
    ///
    /// consumer.auto_claim(100, Duration::from_secs(60), |events| {
    ///     println!("{} events of the departed", events.len());
    ///     Ok(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`consume`](Consumer::consume).
    pub fn auto_claim<H>(&mut self, count: usize, min_idle: Duration, mut handler: H) -> Result<usize>
    where
        H: FnMut(&[Event]) -> HandlerResult,
    {
        Ok(self.claim_all(count.clamp(1, MOST_AT_ONCE), min_idle, &mut handler)?)
    }

    /// Takes the consumer's name out of the group. Events that are pending for it are handed to another
    /// consumer of the group; when there is none, the name stays, and with it the events, until somebody
    /// claims them. The consumer can be used again.
    ///
    /// ```no_run
    /// # fn example(mut consumer: headwater::stream::Consumer) -> headwater::Result<()> {
    /// consumer.cleanup()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached or refuses.
    pub fn cleanup(&mut self) -> Result<()> {
        self.settle_acks()?;
        let left = self.with_link(|group, link, name| {
            LEAVE.run(
                link,
                &[group.stream.as_bytes()],
                &[group.name.as_bytes(), name.as_bytes()],
            )
        });
        match left {
            Err(failure) if group_is_gone(&failure) => {}
            left => {
                left?;
            }
        }
        self.waiting.clear();
        self.recovery = Recovery::After(None);
        Ok(())
    }

    /// The figures of its stream: length, and how far each group and consumer is.
    ///
    /// ```no_run
    /// # fn example(consumer: headwater::stream::Consumer) -> headwater::Result<()> {
    /// println!("{} entries", consumer.stats()?.length);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached or refuses.
    pub fn stats(&self) -> Result<StreamStats> {
        stats(&self.group.pool, &self.group.stream)
    }

    /// The dead letters of its stream.
    ///
    /// ```no_run
    /// # fn example(consumer: headwater::stream::Consumer) -> headwater::Result<()> {
    /// println!("{} dead letters", consumer.dead_letters().count()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn dead_letters(&self) -> DeadLetters {
        DeadLetters::new(self.group.pool.clone(), &self.group.stream)
    }

    /// Works on the connection, which is made when there is none. What fails on it makes the list of
    /// pending entries unknown: an answer with entries may have been lost.
    fn with_link<T>(&mut self, work: impl FnOnce(&Group, &mut Link, &str) -> Result<T, Failure>) -> Result<T, Failure> {
        let result = self.link_then(work);
        if let Err(failure) = &result {
            self.recovery = Recovery::After(None);
            if group_is_gone(failure) {
                // With the group, everything about its entries is gone.
                self.waiting.clear();
                self.acks.clear();
                self.link = None;
            }
            if failure.refusal().is_none() {
                self.link = None;
            }
        }
        result
    }

    fn link_then<T>(&mut self, work: impl FnOnce(&Group, &mut Link, &str) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut link = match self.link.take().filter(|link| !link.is_broken()) {
            Some(link) => link,
            None => {
                let mut link = self.group.pool.connect()?;
                self.group.prepare(&mut link)?;
                link
            }
        };
        let result = work(&self.group, &mut link, &self.name);
        self.link = Some(link);
        result
    }

    /// Acknowledges what was handled.
    fn settle_acks(&mut self) -> Result<(), Failure> {
        if self.acks.is_empty() {
            return Ok(());
        }
        let acks = std::mem::take(&mut self.acks);
        let mut result = self.with_link(|group, link, _| group.ack(link, &acks));
        if matches!(result, Err(Failure::Broken { .. })) {
            // Most often the server was restarted: acknowledging twice does no harm.
            result = self.with_link(|group, link, _| group.ack(link, &acks));
        }
        match result {
            Err(failure) if !group_is_gone(&failure) => {
                self.acks = acks;
                Err(failure)
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("stream", &self.group.stream)
            .field("group", &self.group.name)
            .field("name", &self.name)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}
