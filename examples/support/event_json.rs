//! A dirty event as a line of JSON, and back.
//!
//! ```json
//! {"entity_type":"users","entity_id":7,"flush_type":2,"changes":{"age":{"old":{"null":true,"type":"","val":""},"new":{"null":false,"type":"u","val":"18"}}}}
//! ```
//!
//! `entity_id` is a number or a text, `changes` null for inserts and deletes. JSON has no bytes: where a
//! value is no UTF-8, `val` shows it with U+FFFD in it and `val_hex` beside it has all of it in hex; read
//! back, `val_hex` counts.

use std::fmt;

use headwater::prelude::*;
use headwater::stream::{ColumnChange, EntityId, Param};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// A reason in words.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// The line of an event.
pub(crate) fn to_json(event: &DirtyEvent) -> Result<String, Failure> {
    Ok(serde_json::to_string(&EventLine::from(event))?)
}

/// What the line of an event is made of, to be part of a longer one.
#[allow(dead_code, reason = "only `tail` has longer ones")]
pub(crate) fn fields(event: &DirtyEvent) -> impl Serialize + use<> {
    EventLine::from(event)
}

/// The event of a line, checked as one that was read from a stream.
pub(crate) fn from_json(line: &[u8]) -> Result<DirtyEvent, Failure> {
    let event = serde_json::from_slice::<EventLine>(line)?.into_event()?;
    Ok(DirtyEvent::from_bytes(&event.to_bytes(Wire::Documented)?)?)
}

/// Bytes as hex digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of hex digits of either case.
pub(crate) fn from_hex(digits: &[u8]) -> Result<Vec<u8>, Failure> {
    let digit = |digit: u8| {
        let value = char::from(digit).to_digit(16);
        value.ok_or_else(|| format!("`{}` is no hex digit", digit.escape_ascii()))
    };
    if digits.len() % 2 == 1 {
        return Err("an odd number of hex digits".into());
    }
    digits
        .chunks_exact(2)
        .map(|pair| Ok(u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?)?))
        .collect()
}

#[derive(Serialize, Deserialize)]
struct EventLine {
    entity_type: String,
    entity_id: Id,
    flush_type: u8,
    changes: Option<Changes>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "a number between -2^63 and 2^64, or a text, as `entity_id`")]
enum Id {
    Unsigned(u64),
    Signed(i64),
    Text(String),
}

/// The changes in their order, which a map would lose.
struct Changes(Vec<(String, Change)>);

#[derive(Serialize, Deserialize)]
struct Change {
    old: Val,
    new: Val,
}

#[derive(Serialize, Deserialize)]
struct Val {
    null: bool,
    #[serde(rename = "type")]
    kind: String,
    val: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    val_hex: Option<String>,
}

impl From<&DirtyEvent> for EventLine {
    fn from(event: &DirtyEvent) -> Self {
        let changes = event.changes.iter().map(|change| {
            let (old, new) = (Val::from(&change.old), Val::from(&change.new));
            (change.column.clone(), Change { old, new })
        });
        let some = event.flush_type == FlushType::Update || !event.changes.is_empty();
        EventLine {
            entity_type: event.entity_type.clone(),
            entity_id: match &event.entity_id {
                EntityId::Unsigned(id) => Id::Unsigned(*id),
                EntityId::Signed(id) => Id::Signed(*id),
                EntityId::Text(id) => Id::Text(id.clone()),
            },
            flush_type: event.flush_type.code(),
            changes: some.then(|| Changes(changes.collect())),
        }
    }
}

impl EventLine {
    fn into_event(self) -> Result<DirtyEvent, Failure> {
        let id = match self.entity_id {
            Id::Unsigned(id) => EntityId::from(id),
            Id::Signed(id) => EntityId::from(id),
            Id::Text(id) => EntityId::from(id),
        };
        let flush = FlushType::from_code(self.flush_type)
            .ok_or_else(|| format!("the flush type is {}, not 1, 2 or 3", self.flush_type))?;
        let mut event = DirtyEvent::new(self.entity_type, id, flush);
        for (column, change) in self.changes.map(|changes| changes.0).unwrap_or_default() {
            let change = ColumnChange::new(column, change.old.into_param()?, change.new.into_param()?);
            event.changes.push(change);
        }
        Ok(event)
    }
}

impl From<&Param> for Val {
    fn from(param: &Param) -> Self {
        let val = String::from_utf8_lossy(&param.text);
        let lost = val.as_bytes() != param.text;
        Val {
            null: param.null,
            kind: param.kind.map(String::from).unwrap_or_default(),
            val: val.into_owned(),
            val_hex: lost.then(|| to_hex(&param.text)),
        }
    }
}

impl Val {
    fn into_param(self) -> Result<Param, Failure> {
        let mut param = Param::null();
        param.null = self.null;
        let mut kind = self.kind.chars();
        param.kind = kind.next();
        if kind.next().is_some() {
            return Err(format!("the type code {:?} is longer than one character", self.kind).into());
        }
        param.text = match self.val_hex {
            Some(digits) => from_hex(digits.as_bytes())?,
            None => self.val.into_bytes(),
        };
        Ok(param)
    }
}

impl Serialize for Changes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(column, change)| (column, change)))
    }
}

impl<'de> Deserialize<'de> for Changes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Changes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of column to old and new value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Changes, A::Error> {
                let mut changes = Vec::new();
                while let Some(change) = map.next_entry()? {
                    changes.push(change);
                }
                Ok(Changes(changes))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}
