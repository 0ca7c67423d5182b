//! The events of one flush for one Redis pool, on their way to its sender.

use std::ops::Range;

use super::event_kind::EventKind;
use super::flat::{Flat, Values};
use super::ids::Ids;
use super::outgoing::Outgoing;
use super::wire::{EventRecord, malformed, write_event};
use crate::error::Result;
use crate::table::{TableDef, Value, ValueRef};

/// The events of one flush, packed, or as facts that are packed on the sender's thread: the flush need not wait for it.
#[derive(Debug)]
pub(crate) enum Parcel {
    Packed(Vec<Outgoing>),
    Facts(Facts),
}

/// Committed changes that streams are to be told of.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    groups: Vec<Group>,
    /// Of each event the key, and of an update column by column the old and the new value, [flat](super::flat).
    bytes: Flat,
}

/// Events of one kind.
#[derive(Debug)]
struct Group {
    kind: EventKind,
    /// How many there are.
    events: usize,
    /// Where they stand.
    bytes: Range<usize>,
}

impl Facts {
    /// How many events they make.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.groups.iter().map(|group| group.events).sum()
    }

    /// Keeps the events of these tables.
    pub(crate) fn retain(&mut self, mut wanted: impl FnMut(&'static TableDef) -> bool) {
        self.groups.retain(|group| wanted(group.kind.table));
    }

    /// Says what the events that follow have in common, of which so many at least come [one by one](Facts::event).
    #[inline]
    pub(crate) fn begin(&mut self, kind: EventKind, events: usize) {
        let end = self.bytes.end();
        self.bytes.reserve(events.saturating_mul(1 + 2 * kind.columns.len()));
        let is_it = |group: &Group| group.bytes.end == end && group.kind == kind;
        if self.groups.last().is_some_and(is_it) {
            return;
        }
        self.groups.push(Group {
            kind,
            events: 0,
            bytes: end..end,
        });
    }

    /// Adds the event of a row, with the old and the new value of each column that it has in common with the others, in
    /// the order of the columns.
    ///
    /// # Errors
    ///
    /// A [`Malformed`](crate::ErrorKind::Malformed) error for a text of more than 4 GiB, which no event holds.
    #[inline]
    pub(crate) fn event<'a>(
        &mut self,
        key: &Value,
        values: impl Iterator<Item = (&'a Value, &'a Value)>,
    ) -> Result<()> {
        let Some(group) = self.groups.last_mut() else {
            debug_assert!(false, "`begin` says what the event has in common with others");
            return Ok(());
        };
        let bytes = &mut self.bytes;
        let mut fits = bytes.push(key);
        for (old, new) in values {
            fits &= bytes.push(old) & bytes.push(new);
        }
        if !fits {
            bytes.truncate(group.bytes.end);
            return Err(malformed("a text of more than 4 GiB is more than an event holds"));
        }
        group.bytes.end = self.bytes.end();
        group.events += 1;
        Ok(())
    }

    /// Adds so many events whose keys and values are there already, in the form that [`event`](Facts::event) gives them.
    #[inline]
    pub(crate) fn events(&mut self, bytes: &[u8], count: usize) {
        let Some(group) = self.groups.last_mut() else {
            debug_assert!(false, "`begin` says what the events have in common with others");
            return;
        };
        self.bytes.extend(bytes);
        group.bytes.end = self.bytes.end();
        group.events += count;
    }

    fn pack(self) -> Vec<Outgoing> {
        let mut ids = Ids::default();
        let mut events = Vec::with_capacity(self.len());
        let mut changes = Vec::new();
        for group in &self.groups {
            let EventKind {
                stream,
                table,
                flush,
                columns,
            } = group.kind;
            let mut values = Values(self.bytes.get(group.bytes.clone()));
            while let Some(key) = values.next().map(ValueRef::into_value) {
                changes.clear();
                for column in columns.iter() {
                    if let (Some(old), Some(new)) = (values.next(), values.next()) {
                        changes.push((column, old.into_value(), new.into_value()));
                    }
                }
                let record = EventRecord {
                    table,
                    key: &key,
                    flush,
                    changes: &changes,
                };
                // Most events fit.
                let mut payload = Vec::with_capacity(192);
                let written = write_event(&mut payload, &record, stream.wire_format());
                debug_assert!(written.is_ok(), "`event` has seen to it: {written:?}");
                events.push(Outgoing::new(stream, ids.next().to_string(), payload));
            }
        }
        debug_assert_eq!(events.len(), self.len());
        events
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{DirtyEvent, FlushType, Stream, fixture};

    const USERS: &Stream = &Stream::new("UserStream");
    const OTHERS: &Stream = &Stream::new("OtherStream");

    #[test]
    fn events_have_their_own_keys_and_values_whatever_is_grouped_and_left_out() {
        let (kept, gone) = (&fixture::TABLE, &fixture::TEXT_TABLE);
        let (name, _) = fixture::column_of("Name");
        let texts = |key: u64| {
            [(
                name,
                Value::Text(format!("old {key}")),
                Value::Text(format!("new {key}")),
            )]
        };
        let mut facts = Facts::default();
        let mut key = 0;
        let mut add = |facts: &mut Facts, stream, table, flush, events: u64| {
            let columns = (flush == FlushType::Update).then_some(name);
            let kind = EventKind {
                stream,
                table,
                flush,
                columns: columns.into_iter().collect(),
            };
            facts.begin(kind, 1);
            for _ in 0..events {
                key += 1;
                let texts = texts(key);
                let values = texts.iter().filter(|_| columns.is_some());
                facts
                    .event(&Value::UInt(key), values.map(|(_, old, new)| (old, new)))
                    .unwrap();
            }
        };
        add(&mut facts, USERS, kept, FlushType::Update, 2);
        add(&mut facts, USERS, kept, FlushType::Update, 1);
        add(&mut facts, USERS, gone, FlushType::Update, 2);
        facts.retain(|table| std::ptr::eq(table, kept));
        // The group before is alike, but others stood between.
        add(&mut facts, USERS, kept, FlushType::Update, 1);
        add(&mut facts, OTHERS, kept, FlushType::Delete, 2);
        add(&mut facts, OTHERS, kept, FlushType::Update, 1);
        assert_eq!(facts.len(), 7);
        let found: Vec<(String, u64, Vec<String>)> = facts
            .pack()
            .iter()
            .map(|outgoing| {
                let event = DirtyEvent::from_bytes(&outgoing.payload).unwrap();
                let values = event.changes.iter().flat_map(|change| [&change.old, &change.new]);
                let values = values.map(|value| value.as_str().unwrap().to_owned());
                let key = event.entity_id.as_u64().unwrap();
                (outgoing.stream.to_string(), key, values.collect())
            })
            .collect();
        let expected = |stream: &str, key: u64, update: bool| {
            let values = [format!("old {key}"), format!("new {key}")];
            let values = values.into_iter().filter(|_| update).collect();
            (stream.to_owned(), key, values)
        };
        assert_eq!(
            found,
            [
                expected("UserStream", 1, true),
                expected("UserStream", 2, true),
                expected("UserStream", 3, true),
                expected("UserStream", 6, true),
                expected("OtherStream", 7, false),
                expected("OtherStream", 8, false),
                expected("OtherStream", 9, true),
            ]
        );
    }
}
