//! An event on its way to Redis.

use std::borrow::Cow;
use std::time::Duration;

use super::declaration::Stream;
use super::delivery::FailedEvent;
use crate::redis::Commands;

/// An event that waits to be written.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// The stream: its key in Redis.
    pub(crate) stream: Cow<'static, str>,
    /// The most entries that the stream keeps.
    pub(crate) max_len: Option<u64>,
    /// The greatest age of the stream's entries.
    pub(crate) max_age: Option<Duration>,
    /// The event id (field `e`); left out when it is empty.
    pub(crate) id: String,
    /// The packed event (field `s`).
    pub(crate) payload: Vec<u8>,
    /// More fields.
    pub(crate) tags: Vec<(String, String)>,
}

impl Outgoing {
    /// An event for this stream.
    pub(crate) fn new(stream: &Stream, id: String, payload: Vec<u8>) -> Self {
        Outgoing {
            stream: Cow::Borrowed(stream.name()),
            max_len: stream.longest(),
            max_age: stream.oldest(),
            id,
            payload,
            tags: Vec::new(),
        }
    }

    /// About how many bytes its command takes.
    pub(crate) fn size(&self) -> usize {
        let tags: usize = self
            .tags
            .iter()
            .map(|(name, value)| name.len() + value.len() + 20)
            .sum();
        Outgoing::size_of(&self.stream, &self.id, &self.payload) + tags
    }

    /// The same of an event without more fields.
    pub(crate) fn size_of(stream: &str, id: &str, payload: &[u8]) -> usize {
        payload.len() + id.len() + stream.len() + 64
    }

    /// Packs the command that adds it.
    pub(crate) fn pack(&self, commands: &mut Commands) {
        let with_id = !self.id.is_empty();
        commands
            .begin(5 + 2 * usize::from(with_id) + 2 * self.tags.len())
            .arg("XADD")
            .arg(self.stream.as_bytes())
            .arg("*")
            .arg("s")
            .arg(&self.payload);
        if with_id {
            commands.arg("e").arg(&self.id);
        }
        for (name, value) in &self.tags {
            commands.arg(name).arg(value);
        }
    }

    /// Hands the words of the command that adds it over.
    pub(crate) fn with_words(&self, each: &mut impl FnMut(&[&[u8]])) {
        let mut words: Vec<&[u8]> = vec![b"XADD", self.stream.as_bytes(), b"*", b"s", &self.payload];
        if !self.id.is_empty() {
            words.extend([b"e".as_slice(), self.id.as_bytes()]);
        }
        for (name, value) in &self.tags {
            words.extend([name.as_bytes(), value.as_bytes()]);
        }
        each(&words);
    }

    /// What is told of it when it is not delivered.
    pub(crate) fn failed(self, error: &str) -> FailedEvent {
        FailedEvent {
            stream: self.stream.into_owned(),
            event_id: self.id,
            payload: self.payload,
            tags: self.tags,
            error: error.to_string(),
        }
    }
}
