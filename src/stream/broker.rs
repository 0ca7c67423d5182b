//! Publishing events of one's own: one at a time, or many through a buffer.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::consumer::event::is_reserved;
use super::declaration::Stream;
use super::outgoing::Outgoing;
use super::sender::Sender;
use crate::error::{Error, ErrorKind, Result};

/// Adds an event to a stream now and returns the id of its entry.
pub(crate) fn publish<T: Serialize + ?Sized>(
    sender: &Sender,
    stream: &Stream,
    body: &T,
    tags: &[(&str, &str)],
) -> Result<String> {
    sender.write_one(&packed(stream, body, tags)?)
}

/// An event with this body, packed, and an id of its own.
fn packed<T: Serialize + ?Sized>(stream: &Stream, body: &T, tags: &[(&str, &str)]) -> Result<Outgoing> {
    for (name, _) in tags {
        if is_reserved(name) {
            return Err(Error::config(format!(
                "stream `{}`: a tag cannot be named `{name}`",
                stream.name()
            )));
        }
    }
    let payload = rmp_serde::to_vec_named(body).map_err(|error| {
        Error::new(ErrorKind::Malformed {
            entry: None,
            reason: format!("a {} cannot be packed: {error}", std::any::type_name::<T>()),
        })
    })?;
    let mut event = Outgoing::new(stream, ulid::Ulid::generate().to_string(), payload);
    event.tags = tags
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    Ok(event)
}

/// Finds the sender of a stream.
pub(crate) type Route = Arc<dyn Fn(&Stream) -> Result<Arc<Sender>> + Send + Sync>;

/// Collects events and writes them together; `engine.flusher()` makes it.
///
/// ```no_run
/// # fn example(mut flusher: headwater::stream::Flusher) -> headwater::Result<()> {
/// use headwater::prelude::*;
///
/// #[derive(serde::Serialize)]
/// struct Signup { email: &'static str }
///
/// const SIGNUPS: Stream = Stream::new("SignupStream");
///
/// flusher.publish(&SIGNUPS, &Signup { email: "ana@x.org" })?;
/// flusher.publish_tagged(&SIGNUPS, &Signup { email: "ben@x.org" }, &[("source", "import")])?;
/// assert_eq!(flusher.flush()?, 2);
/// # Ok(())
/// # }
/// ```
#[must_use = "events that are not flushed are dropped with it"]
pub struct Flusher {
    route: Route,
    /// What waits for each sender, in order.
    waiting: Vec<(Arc<Sender>, Vec<Outgoing>)>,
}

impl Flusher {
    pub(crate) fn new(route: Route) -> Self {
        Flusher {
            route,
            waiting: Vec::new(),
        }
    }

    /// Puts an event into the buffer.
    ///
    /// ```no_run
    /// # fn example(flusher: &mut headwater::stream::Flusher) -> headwater::Result<()> {
    /// # const SIGNUPS: headwater::Stream = headwater::Stream::new("SignupStream");
    /// flusher.publish(&SIGNUPS, "ana@x.org")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the body cannot be packed, or the engine does not know the stream's pool.
    pub fn publish<T: Serialize + ?Sized>(&mut self, stream: &Stream, body: &T) -> Result<()> {
        self.publish_tagged(stream, body, &[])
    }

    /// Puts an event with tags into the buffer; a consumer asks for them with
    /// [`Event::tag`](super::Event::tag).
    ///
    /// ```no_run
    /// # fn example(flusher: &mut headwater::stream::Flusher) -> headwater::Result<()> {
    /// # const SIGNUPS: headwater::Stream = headwater::Stream::new("SignupStream");
    /// flusher.publish_tagged(&SIGNUPS, "ana@x.org", &[("source", "import")])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`publish`](Flusher::publish); a configuration error for a tag named `s`, `e` or `dead:…`.
    pub fn publish_tagged<T: Serialize + ?Sized>(
        &mut self,
        stream: &Stream,
        body: &T,
        tags: &[(&str, &str)],
    ) -> Result<()> {
        let event = packed(stream, body, tags)?;
        let sender = (self.route)(stream)?;
        match self.waiting.iter_mut().find(|(other, _)| Arc::ptr_eq(other, &sender)) {
            Some((_, events)) => events.push(event),
            None => self.waiting.push((sender, vec![event])),
        }
        Ok(())
    }

    /// How many events are in the buffer.
    ///
    /// ```no_run
    /// # fn example(flusher: headwater::stream::Flusher) {
    /// assert_eq!(flusher.len(), 0);
    /// # }
    /// ```
    pub fn len(&self) -> usize {
        self.waiting.iter().map(|(_, events)| events.len()).sum()
    }

    /// Whether nothing is in the buffer.
    ///
    /// ```no_run
    /// # fn example(flusher: headwater::stream::Flusher) {
    /// assert!(flusher.is_empty());
    /// # }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets the events in the buffer.
    ///
    /// ```no_run
    /// # fn example(mut flusher: headwater::stream::Flusher) {
    /// flusher.clear();
    /// assert!(flusher.is_empty());
    /// # }
    /// ```
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Writes the events, in one pipeline for each Redis pool; those of one stream keep their order.
    /// Returns how many there were.
    ///
    /// ```no_run
    /// # fn example(mut flusher: headwater::stream::Flusher) -> headwater::Result<()> {
    /// let written = flusher.flush()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The first error. Events that were not written stay in the buffer for another try; when an answer
    /// was lost with its connection they may be there already, and will be twice, with the same event id.
    pub fn flush(&mut self) -> Result<usize> {
        let mut written = 0;
        let mut first = None;
        for (sender, events) in &mut self.waiting {
            match sender.write_all(events) {
                Ok(count) => written += count,
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        first.map_or(Ok(written), Err)
    }
}

impl fmt::Debug for Flusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flusher")
            .field("events", &self.len())
            .finish_non_exhaustive()
    }
}
