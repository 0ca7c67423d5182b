//! An entry of a stream as a handler gets it.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;

use super::group::Group;
use crate::error::{Error, ErrorKind, Result};
use crate::redis::{Entry, EntryId};
use crate::stream::event::DirtyEvent;

/// An event that a consumer hands to its handler.
///
/// ```no_run
/// # fn handle(event: &headwater::stream::Event) -> headwater::Result<()> {
/// let dirty = event.dirty()?;
/// println!("{} {}: {} {:?}", event.stream(), event.id(), dirty.entity_type, dirty.flush_type);
/// event.ack()?;
/// # Ok(())
/// # }
/// ```
pub struct Event {
    entry: Entry,
    /// Its id as text, once somebody asked.
    id: OnceLock<String>,
    group: Arc<Group>,
    deliveries: u32,
    acked: AtomicBool,
}

impl Event {
    pub(super) fn new(entry: Entry, group: Arc<Group>, deliveries: u32) -> Self {
        Event {
            id: OnceLock::new(),
            entry,
            group,
            deliveries,
            acked: AtomicBool::new(false),
        }
    }

    /// The id of the entry in its stream: when it was added, in milliseconds since 1970, and a number.
    ///
    /// ```no_run
    /// # fn handle(event: &headwater::stream::Event) {
    /// assert!(event.id().contains('-'));
    /// # }
    /// ```
    pub fn id(&self) -> &str {
        self.id.get_or_init(|| self.entry.id.to_string())
    }

    /// The stream it was read from.
    ///
    /// ```no_run
    /// # fn handle(event: &headwater::stream::Event) {
    /// println!("from {}", event.stream());
    /// # }
    /// ```
    pub fn stream(&self) -> &str {
        &self.group.stream
    }

    /// The event id (field `e`): the same for every copy of an event, so that repeats can be told.
    /// FluxaORM's events have none.
    ///
    /// ```no_run
    /// # fn handle(event: &headwater::stream::Event, seen: &mut std::collections::HashSet<String>) {
    /// if let Some(id) = event.event_id() && !seen.insert(id.to_string()) {
    ///     return;
    /// }
    /// # }
    /// ```
    pub fn event_id(&self) -> Option<&str> {
        self.tag("e")
    }

    /// The packed event: field `s` as it came.
    ///
    /// ```no_run
    /// # fn handle(event: &headwater::stream::Event) {
    /// println!("{} bytes", event.payload().len());
    /// # }
    /// ```
    pub fn payload(&self) -> &[u8] {
        self.entry.field(b"s").unwrap_or_default()
    }

    /// The change of a row that it tells of.
    ///
    /// ```no_run
    /// # fn handle(event: &headwater::stream::Event) -> headwater::Result<()> {
    /// let dirty = event.dirty()?;
    /// println!("{} {}", dirty.entity_type, dirty.entity_id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A [`Malformed`](ErrorKind::Malformed) error when it is no such event. When the handler returns
    /// it, the consumer moves the entry to the dead-letter stream at once.
    pub fn dirty(&self) -> Result<DirtyEvent> {
        // Only headwater writes event ids.
        let read = match self.entry.field(b"e") {
            Some(_) => DirtyEvent::from_own_bytes(self.payload()),
            None => DirtyEvent::from_bytes(self.payload()),
        };
        read.map_err(|error| self.malformed(error))
    }

    /// The body of an event of one's own, as it was given to `publish`.
    ///
    /// ```no_run
    /// #[derive(serde::Deserialize)]
    /// struct Signup { email: String }
    ///
    /// # fn handle(event: &headwater::stream::Event) -> headwater::Result<()> {
    /// let signup: Signup = event.body()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A [`Malformed`](ErrorKind::Malformed) error when the body is not of this type; see
    /// [`dirty`](Event::dirty).
    pub fn body<T: DeserializeOwned>(&self) -> Result<T> {
        rmp_serde::from_slice(self.payload()).map_err(|error| {
            Error::new(ErrorKind::Malformed {
                entry: Some(self.place()),
                reason: format!("not a {}: {error}", std::any::type_name::<T>()),
            })
        })
    }

    /// One of the tags that were given to `publish`; `None` when there is none, or it is not text.
    ///
    /// ```no_run
    /// # fn handle(event: &headwater::stream::Event) {
    /// let trace = event.tag("trace").unwrap_or("none");
    /// # }
    /// ```
    pub fn tag(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.entry.field(name.as_bytes())?).ok()
    }

    /// All tags that are text, in the order in which they were given.
    ///
    /// ```no_run
    /// # fn handle(event: &headwater::stream::Event) {
    /// for (name, value) in event.tags() {
    ///     println!("{name} = {value}");
    /// }
    /// # }
    /// ```
    pub fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entry.fields.chunks_exact(2).filter_map(|pair| {
            let (name, value) = (std::str::from_utf8(&pair[0]).ok()?, std::str::from_utf8(&pair[1]).ok()?);
            (!is_reserved(name)).then_some((name, value))
        })
    }

    /// How often it was delivered, this time included. Above 1 the work may have been done before, in
    /// part or in full.
    ///
    /// ```no_run
    /// # fn handle(event: &headwater::stream::Event) {
    /// if event.deliveries() > 1 { println!("again: {}", event.id()); }
    /// # }
    /// ```
    pub fn deliveries(&self) -> u32 {
        self.deliveries
    }

    /// Acknowledges it now, alone: it will not come again even if the handler fails later. Once is
    /// enough; more do nothing.
    ///
    /// ```no_run
    /// # fn handle(events: &[headwater::stream::Event]) -> headwater::Result<()> {
    /// for event in events {
    ///     // … the work …
    ///     event.ack()?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached or refuses; it is not acknowledged then.
    pub fn ack(&self) -> Result<()> {
        if !self.is_acked() {
            self.group.pool.with(|link| self.group.ack(link, &[self.entry.id]))?;
            self.acked.store(true, SeqCst);
        }
        Ok(())
    }

    pub(super) fn is_acked(&self) -> bool {
        self.acked.load(SeqCst)
    }

    pub(super) fn entry_id(&self) -> EntryId {
        self.entry.id
    }

    pub(super) fn entity(&self) -> Option<u64> {
        entity_of(&self.entry)
    }

    /// Stream and id, for errors.
    pub(super) fn place(&self) -> String {
        format!("{} {}", self.group.stream, self.id())
    }

    fn malformed(&self, error: Error) -> Error {
        match error.into_kind() {
            ErrorKind::Malformed { reason, .. } => Error::new(ErrorKind::Malformed {
                entry: Some(self.place()),
                reason,
            }),
            other => Error::new(other),
        }
    }
}

/// Whether a field of an entry with this name is none of the publisher's tags.
pub(in crate::stream) fn is_reserved(name: &str) -> bool {
    matches!(name, "s" | "e" | "") || name.starts_with("dead:")
}

/// A number for the entity that an entry tells of. Two entities may share one: then a failure of one
/// holds the other up, too.
pub(super) fn entity_of(entry: &Entry) -> Option<u64> {
    let dirty = DirtyEvent::from_bytes(entry.field(b"s")?).ok()?;
    let mut hasher = DefaultHasher::new();
    dirty.entity_type.hash(&mut hasher);
    dirty.entity_id.hash(&mut hasher);
    Some(hasher.finish())
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("stream", &self.group.stream)
            .field("id", &self.id())
            .field("event_id", &self.event_id())
            .field("bytes", &self.payload().len())
            .field("deliveries", &self.deliveries)
            .finish_non_exhaustive()
    }
}
