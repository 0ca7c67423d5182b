//! The events of one flush for one Redis pool, on their way to its sender.

use std::ops::Range;

use super::decide::FlushType;
use super::declaration::Stream;
use super::outgoing::Outgoing;
use super::wire::{EventRecord, malformed, write_event};
use crate::error::Result;
use crate::table::{TableDef, Value};

/// The events of one flush, packed, or as facts that are packed on the sender's thread: the flush need not wait for it.
#[derive(Debug)]
pub(crate) enum Parcel {
    Packed(Vec<Outgoing>),
    Facts(Facts),
}

/// Committed changes that streams are to be told of.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    facts: Vec<Fact>,
    /// Column, old and new value of all updates, one after the other.
    values: Vec<(usize, Value, Value)>,
}

#[derive(Debug)]
struct Fact {
    stream: &'static Stream,
    table: &'static TableDef,
    key: Value,
    flush: FlushType,
    values: Range<usize>,
}

impl Facts {
    /// How many events they make.
    pub(crate) fn len(&self) -> usize {
        self.facts.len()
    }

    /// Keeps the events of these tables.
    pub(crate) fn retain(&mut self, mut wanted: impl FnMut(&'static TableDef) -> bool) {
        self.facts.retain(|fact| wanted(fact.table));
    }

    /// Adds what a change changed, for an event that [`add`](Facts::add) adds.
    ///
    /// # Errors
    ///
    /// A [`Malformed`](crate::ErrorKind::Malformed) error for a text of more than 4 GiB, which no event holds.
    pub(crate) fn changed(&mut self, values: impl Iterator<Item = (usize, Value, Value)>) -> Result<Range<usize>> {
        let start = self.values.len();
        self.values.extend(values);
        let long = self.values[start..]
            .iter()
            .flat_map(|(_, old, new)| [old, new])
            .map(length)
            .find(|length| u32::try_from(*length).is_err());
        if let Some(length) = long {
            self.values.truncate(start);
            return Err(malformed(format!(
                "{length} bytes of text are more than an event holds"
            )));
        }
        Ok(start..self.values.len())
    }

    /// Adds an event.
    pub(crate) fn add(
        &mut self,
        stream: &'static Stream,
        table: &'static TableDef,
        key: &Value,
        flush: FlushType,
        values: Range<usize>,
    ) {
        self.facts.push(Fact {
            stream,
            table,
            key: key.clone(),
            flush,
            values,
        });
    }

    fn pack(self) -> Vec<Outgoing> {
        // Random once, then counted, which costs a tenth.
        let mut ids = ulid::Generator::new();
        let pack = |fact: &Fact| {
            let record = EventRecord {
                table: fact.table,
                key: &fact.key,
                flush: fact.flush,
                changes: &self.values[fact.values.clone()],
            };
            // Most events fit.
            let mut payload = Vec::with_capacity(192);
            let written = write_event(&mut payload, &record, fact.stream.wire_format());
            debug_assert!(written.is_ok(), "`changed` has seen to it: {written:?}");
            let id = ids.generate().unwrap_or_else(|_| ulid::Ulid::generate());
            Outgoing::new(fact.stream, id.to_string(), payload)
        };
        self.facts.iter().map(pack).collect()
    }
}

fn length(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}

impl Parcel {
    /// How many events are in it.
    pub(crate) fn len(&self) -> usize {
        match self {
            Parcel::Packed(events) => events.len(),
            Parcel::Facts(facts) => facts.len(),
        }
    }

    /// The events, packed and with their ids.
    pub(crate) fn pack(self) -> Vec<Outgoing> {
        match self {
            Parcel::Packed(events) => events,
            Parcel::Facts(facts) => facts.pack(),
        }
    }
}

impl From<Vec<Outgoing>> for Parcel {
    fn from(events: Vec<Outgoing>) -> Self {
        Parcel::Packed(events)
    }
}
