//! Reading an event from its bytes, in either spelling of the keys.

use std::collections::HashSet;

use super::cursor::{Cursor, Integer};
use super::malformed;
use crate::error::Result;
use crate::stream::column_change::ColumnChange;
use crate::stream::decide::FlushType;
use crate::stream::entity_id::EntityId;
use crate::stream::event::DirtyEvent;
use crate::stream::param::Param;

/// The most columns that a MySQL table can have
/// (<https://dev.mysql.com/doc/refman/8.4/en/column-count-limit.html>).
const MOST_CHANGES: usize = 4096;

/// What FluxaORM's struct tags add to a key.
const OMITEMPTY: &[u8] = b",omitempty";

/// Reads an event; see [`DirtyEvent::from_bytes`].
pub(in crate::stream) fn read_event(bytes: &[u8]) -> Result<DirtyEvent> {
    let mut reader = Reader::new(bytes);
    let event = reader.event()?;
    match reader.input.left() {
        0 => Ok(event),
        more => Err(malformed(format!("{more} bytes more than the event has"))),
    }
}

pub(super) struct Reader<'a> {
    pub(super) input: Cursor<'a>,
    /// Whether a key was spelt as FluxaORM does.
    pub(super) go_keys: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader {
            input: Cursor::new(bytes),
            go_keys: false,
        }
    }

    fn event(&mut self) -> Result<DirtyEvent> {
        self.event_with(&mut None)
    }

    /// An event of an operation, with the stream that it goes to.
    pub(super) fn event_for_stream(&mut self) -> Result<(String, DirtyEvent)> {
        let mut stream = Some(String::new());
        self.go_keys = false;
        let event = self.event_with(&mut stream)?;
        match stream {
            Some(stream) if !stream.is_empty() => Ok((stream, event)),
            _ => Err(malformed("an event without its stream (`s`)")),
        }
    }

    fn event_with(&mut self, stream: &mut Option<String>) -> Result<DirtyEvent> {
        let (mut entity_type, mut entity_id, mut flush_type, mut changes) = (None, None, None, None);
        for _ in 0..self.input.map("an event")? {
            match self.input.text("a key of the event")? {
                b"s" if stream.is_some() => *stream = Some(self.input.utf8("the stream (`s`)")?.to_owned()),
                b"et" => once(&mut entity_type, "et", self.entity_type()?)?,
                b"id" => once(&mut entity_id, "id", self.entity_id()?)?,
                b"ft" => once(&mut flush_type, "ft", self.flush_type()?)?,
                key if self.is(key, b"ch") => once(&mut changes, "ch", self.changes()?)?,
                _ => self.input.skip()?,
            }
        }
        Ok(DirtyEvent {
            entity_type: entity_type.ok_or_else(|| malformed("no table (`et`)"))?,
            entity_id: entity_id.ok_or_else(|| malformed("no key (`id`)"))?,
            flush_type: flush_type.ok_or_else(|| malformed("no flush type (`ft`)"))?,
            changes: changes.unwrap_or_default(),
            go_keys: self.go_keys,
        })
    }

    /// Whether it is this key, in either spelling.
    pub(super) fn is(&mut self, key: &[u8], name: &[u8]) -> bool {
        match key.strip_prefix(name) {
            Some(b"") => true,
            Some(OMITEMPTY) => {
                self.go_keys = true;
                true
            }
            _ => false,
        }
    }

    fn entity_type(&mut self) -> Result<String> {
        match self.input.utf8("the table (`et`)")? {
            "" => Err(malformed("the table (`et`) is empty")),
            name => Ok(name.to_owned()),
        }
    }

    fn entity_id(&mut self) -> Result<EntityId> {
        if self.input.at_text() {
            return match self.input.utf8("the key (`id`)")? {
                "" => Err(malformed("the key (`id`) is empty")),
                key => Ok(EntityId::Text(key.to_owned())),
            };
        }
        match self.input.integer("the key (`id`)")? {
            Integer::Unsigned(0) => Err(malformed("the key (`id`) is 0")),
            Integer::Unsigned(key) => Ok(EntityId::Unsigned(key)),
            Integer::Negative(key) => Ok(EntityId::Signed(key)),
        }
    }

    fn flush_type(&mut self) -> Result<FlushType> {
        let code = match self.input.integer("the flush type (`ft`)")? {
            Integer::Unsigned(code) => i128::from(code),
            Integer::Negative(code) => i128::from(code),
        };
        u8::try_from(code)
            .ok()
            .and_then(FlushType::from_code)
            .ok_or_else(|| malformed(format!("the flush type (`ft`) is {code}, not 1, 2 or 3")))
    }

    fn changes(&mut self) -> Result<Vec<ColumnChange>> {
        if self.input.nil() {
            return Ok(Vec::new());
        }
        let count = self.input.map("the changes (`ch`)")?;
        if count > MOST_CHANGES {
            return Err(malformed(format!(
                "{count} changes; a table has {MOST_CHANGES} columns at most"
            )));
        }
        // A change has more than eight bytes, so this is no more than a few times what was sent.
        let mut changes = Vec::with_capacity(count.min(self.input.left() / 8));
        for _ in 0..count {
            let column = self.input.utf8("a column's name")?.to_owned();
            let (old, new) = self.change()?;
            changes.push(ColumnChange { column, old, new });
        }
        match repeated(&changes) {
            Some(column) => Err(malformed(format!("the column {column:?} is there twice"))),
            None => Ok(changes),
        }
    }

    fn change(&mut self) -> Result<(Param, Param)> {
        let (mut old, mut new) = (None, None);
        for _ in 0..self.input.map("a change")? {
            match self.input.text("a key of a change")? {
                b"o" => once(&mut old, "o", self.param()?)?,
                b"n" => once(&mut new, "n", self.param()?)?,
                _ => self.input.skip()?,
            }
        }
        match (old, new) {
            (Some(old), Some(new)) => Ok((old, new)),
            (None, _) => Err(malformed("a change without its old value (`o`)")),
            (_, None) => Err(malformed("a change without its new value (`n`)")),
        }
    }

    /// What is missing is false or empty, as Go has it.
    pub(super) fn param(&mut self) -> Result<Param> {
        let (mut null, mut kind, mut text) = (None, None, None);
        for _ in 0..self.input.map("a value")? {
            let key = self.input.text("a key of a value")?;
            if self.is(key, b"n") {
                once(&mut null, "n", self.input.boolean("the mark for NULL (`n`)")?)?;
            } else if self.is(key, b"t") {
                once(&mut kind, "t", self.kind()?)?;
            } else if self.is(key, b"v") {
                once(&mut text, "v", self.input.text_or_nil("the text of a value (`v`)")?)?;
            } else {
                self.input.skip()?;
            }
        }
        Ok(Param {
            null: null.unwrap_or_default(),
            kind: kind.unwrap_or_default(),
            text: text.unwrap_or_default().to_vec(),
        })
    }

    fn kind(&mut self) -> Result<Option<char>> {
        let code = self.input.text_or_nil("the type code (`t`)")?;
        let mut chars = std::str::from_utf8(code)
            .map_err(|_| malformed("the type code (`t`) is not valid UTF-8"))?
            .chars();
        match (chars.next(), chars.next()) {
            (kind, None) => Ok(kind),
            _ => Err(malformed("the type code (`t`) is longer than one character")),
        }
    }
}

/// A column that is there twice.
fn repeated(changes: &[ColumnChange]) -> Option<&str> {
    let mut columns = changes.iter().map(|change| change.column.as_str()).enumerate();
    if changes.len() <= 16 {
        return columns
            .find(|(i, column)| changes[..*i].iter().any(|earlier| earlier.column == *column))
            .map(|(_, column)| column);
    }
    let mut seen = HashSet::with_capacity(changes.len());
    columns.map(|(_, column)| column).find(|column| !seen.insert(*column))
}

/// Keeps the value of a key, which may be there once only: readers would differ in which one counts.
fn once<T>(slot: &mut Option<T>, key: &str, value: T) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(malformed(format!("the key `{key}` is there twice"))),
    }
}
