//! Making a consumer: its group, its name, and how it deals with failures.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::group::{Group, Position};
use super::{Consumer, MOST_AT_ONCE};
use crate::error::{Error, Result};
use crate::redis::{EntryId, RedisPool};
use crate::stream::declaration::Stream;
use crate::stream::retention::Bounds;

/// The group that a consumer belongs to when none is named, as with FluxaORM.
pub(crate) const DEFAULT_GROUP: &str = "consumer_group";

/// The name of a group's one consumer.
pub(super) const SINGLE: &str = "consumer-single";

/// How the names begin that consumers are given.
pub(super) const GIVEN_NAMES: &str = "consumer-";

/// Sets a consumer up; `engine.consumer(&STREAM)` makes it.
///
/// ```no_run
/// # fn example(builder: headwater::stream::ConsumerBuilder) -> headwater::Result<()> {
/// let mut consumer = builder.group("mailer").max_deliveries(5).many()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "it does nothing until `single` or `many` is called"]
pub struct ConsumerBuilder {
    pool: Result<RedisPool>,
    stream: Stream,
    group: String,
    registered: Vec<String>,
    position: Result<Position>,
    pub(super) settings: Settings,
}

/// Called with what goes wrong while `run` goes on.
pub(super) type ErrorHandler = Arc<dyn Fn(&Error) + Send + Sync>;

/// How a consumer works.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) max_deliveries: u32,
    pub(super) window: Option<Duration>,
    pub(super) claim_after: Duration,
    pub(super) batch: usize,
    pub(super) bounds: Option<Bounds>,
    /// After this time without a sign of life `run` forgets the names of consumers without events.
    pub(super) forget_after: Duration,
    pub(super) on_error: Option<ErrorHandler>,
}

impl ConsumerBuilder {
    /// `registered` are the groups of this stream that the application knows.
    pub(crate) fn new(pool: RedisPool, stream: Stream, registered: &[String]) -> Self {
        ConsumerBuilder::with(Ok(pool), stream, registered)
    }

    /// A builder whose consumer cannot be made, for this reason.
    pub(crate) fn refused(error: Error, stream: Stream) -> Self {
        ConsumerBuilder::with(Err(error), stream, &[])
    }

    fn with(pool: Result<RedisPool>, stream: Stream, registered: &[String]) -> Self {
        ConsumerBuilder {
            pool,
            stream,
            group: DEFAULT_GROUP.to_string(),
            registered: registered.to_vec(),
            position: Ok(Position::Start),
            settings: Settings {
                max_deliveries: 10,
                window: None,
                claim_after: Duration::from_secs(60),
                batch: 100,
                bounds: Bounds::of_stream(&stream),
                forget_after: Duration::from_secs(3600),
                on_error: None,
            },
        }
    }

    /// Names the group (`consumer_group` otherwise). The consumers of a group share the events; each
    /// group gets all of them.
    ///
    /// ```no_run
    /// # fn example(builder: headwater::stream::ConsumerBuilder) -> headwater::Result<()> {
    /// let mut mailer = builder.group("mailer").single()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.group = name.into();
        self
    }

    /// A group that does not exist yet starts with the oldest entry of the stream. This is so where nothing is
    /// said, as with FluxaORM; where a group is, it goes on, whatever is said here.
    ///
    /// ```no_run
    /// # fn example(builder: headwater::stream::ConsumerBuilder) -> headwater::Result<()> {
    /// let mut all = builder.group("archive").from_start().single()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_start(mut self) -> Self {
        self.position = Ok(Position::Start);
        self
    }

    /// A group that does not exist yet starts after the entries that are there now. A group that is registered
    /// at the engine may have been made before, from the start of the stream.
    ///
    /// ```no_run
    /// # fn example(builder: headwater::stream::ConsumerBuilder) -> headwater::Result<()> {
    /// let mut news = builder.group("screen").from_now().single()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_now(mut self) -> Self {
        self.position = Ok(Position::Now);
        self
    }

    /// A group that does not exist yet starts after the entry with this id: [`Event::id`](super::Event::id), or
    /// milliseconds since 1970 alone.
    ///
    /// What is no id is told when the consumer is made.
    ///
    /// ```no_run
    /// # fn example(builder: headwater::stream::ConsumerBuilder) -> headwater::Result<()> {
    /// let mut rest = builder.group("restored").from_id("1763769600000-0").single()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_id(mut self, id: &str) -> Self {
        let whole = if id.contains('-') {
            id.to_string()
        } else {
            format!("{id}-0")
        };
        self.position = EntryId::parse(whole.as_bytes()).map(Position::After).ok_or_else(|| {
            Error::config(format!(
                "stream `{}`: `{id}` is not the id of an entry",
                self.stream.name()
            ))
        });
        self
    }

    /// How often an event is delivered before it goes to the dead-letter stream (10). An event of a
    /// batch that failed comes alone the next time, so that no event goes there for another's failure.
    ///
    /// ```no_run
    /// # fn example(builder: headwater::stream::ConsumerBuilder) -> headwater::Result<()> {
    /// let mut careful = builder.max_deliveries(3).single()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_deliveries(mut self, times: u32) -> Self {
        self.settings.max_deliveries = times.max(1);
        self
    }

    /// Drops repeats: another entry with an event id that the group saw within this time is
    /// acknowledged without being delivered. A sender that did not learn whether Redis took an event
    /// sends it again; this is what makes one of the two.
    ///
    /// Each event costs a key in Redis for as long, and each batch a round trip.
    ///
    /// ```no_run
    /// # fn example(builder: headwater::stream::ConsumerBuilder) -> headwater::Result<()> {
    /// use std::time::Duration;
    ///
    /// let mut once = builder.deduplicate(Duration::from_secs(3600)).many()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn deduplicate(mut self, window: Duration) -> Self {
        self.settings.window = Some(window);
        self
    }

    /// After this time without a sign of life from the consumer that has it, `run` takes a pending event
    /// over (60 s). Longer than the handler ever takes for one batch, or events are handled twice.
    ///
    /// ```no_run
    /// # fn example(builder: headwater::stream::ConsumerBuilder) -> headwater::Result<()> {
    /// use std::time::Duration;
    ///
    /// let mut slow = builder.claim_after(Duration::from_secs(600)).many()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn claim_after(mut self, idle: Duration) -> Self {
        self.settings.claim_after = idle;
        self
    }

    /// How many events `run` hands to the handler at once, at most (100).
    ///
    /// ```no_run
    /// # fn example(builder: headwater::stream::ConsumerBuilder) -> headwater::Result<()> {
    /// let mut one_by_one = builder.batch(1).many()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn batch(mut self, events: usize) -> Self {
        self.settings.batch = events.clamp(1, MOST_AT_ONCE);
        self
    }

    /// Is called with every error that `run` gets over: a handler that failed, a server that is away.
    ///
    /// ```no_run
    /// # fn example(builder: headwater::stream::ConsumerBuilder) -> headwater::Result<()> {
    /// let mut consumer = builder.on_error(|error| eprintln!("{error}")).many()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_error(mut self, handler: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.settings.on_error = Some(Arc::new(handler));
        self
    }

    /// The one consumer of its group, under the name `consumer-single`: what it left behind when it
    /// ended comes first when it starts again. Two of them at the same time would have the same events.
    ///
    /// ```no_run
    /// # fn example(builder: headwater::stream::ConsumerBuilder) -> headwater::Result<()> {
    /// let mut consumer = builder.single()?;
    /// assert_eq!(consumer.name(), "consumer-single");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached, or the stream's key holds something else, or the group has no name.
    pub fn single(self) -> Result<Consumer> {
        self.named(SINGLE.to_string())
    }

    /// One of several consumers that share the group's events, under a name of its own.
    ///
    /// ```no_run
    /// # fn example(builder: headwater::stream::ConsumerBuilder) -> headwater::Result<()> {
    /// let mut consumer = builder.many()?;
    /// println!("{}", consumer.name());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`single`](ConsumerBuilder::single).
    pub fn many(self) -> Result<Consumer> {
        let name = format!("{GIVEN_NAMES}{}-{}", std::process::id(), ulid::Ulid::generate());
        self.named(name)
    }

    fn named(self, name: String) -> Result<Consumer> {
        if self.group.is_empty() {
            return Err(Error::config(format!(
                "stream `{}`: a group needs a name",
                self.stream.name()
            )));
        }
        let group = Group::new(
            self.pool?,
            self.stream.name(),
            &self.group,
            &self.registered,
            self.position?,
        );
        Consumer::start(group, name, self.settings)
    }
}

impl fmt::Debug for ConsumerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerBuilder")
            .field("stream", &self.stream.name())
            .field("group", &self.group)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}
