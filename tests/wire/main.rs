//! The payload of dirty events against the bytes of the real Go encoder, against bytes that nobody vouches
//! for, and through the example that shows it.

use headwater::prelude::*;
use rmp::encode;
use serde_json::Value as Json;

#[path = "../../examples/support/event_json.rs"]
mod event_json;
mod example;
mod fuzz;
mod malformed;
mod reader;
mod vectors;

use event_json::from_hex;

pub(crate) const WIRES: [Wire; 2] = [Wire::Documented, Wire::FluxaOrm];

/// Bytes of the Go encoder with the event in them.
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) event: Json,
}

pub(crate) fn vectors() -> Vec<Vector> {
    let file: Vec<Json> = serde_json::from_str(include_str!("../data/fluxaorm-events.json")).expect("JSON");
    let vectors: Vec<Vector> = file
        .iter()
        .map(|vector| Vector {
            name: vector["name"].as_str().expect("a name").to_owned(),
            bytes: from_hex(vector["msgpack_hex"].as_str().expect("hex").as_bytes()).expect("hex"),
            event: vector["event"].clone(),
        })
        .collect();
    assert_eq!(vectors.len(), 10);
    vectors
}

/// Why these bytes are no event.
pub(crate) fn reason(bytes: &[u8]) -> String {
    let error = DirtyEvent::from_bytes(bytes).expect_err("a malformed event");
    assert!(error.is_malformed(), "{error}");
    error.to_string()
}

/// An event of these entries, each a key and its value's bytes.
pub(crate) fn map(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode::write_map_len(&mut bytes, u32::try_from(entries.len()).expect("few")).expect("a Vec");
    for (key, value) in entries {
        encode::write_str(&mut bytes, key).expect("a Vec");
        bytes.extend_from_slice(value);
    }
    bytes
}

pub(crate) const USERS: &[u8] = b"\xa5users";
pub(crate) const ENTRIES: [(&str, &[u8]); 3] = [("et", USERS), ("id", b"\x07"), ("ft", b"\x02")];

/// An update with this `ch`.
pub(crate) fn with_changes(changes: &[u8]) -> Vec<u8> {
    let [table, key, flush] = ENTRIES;
    map(&[table, key, flush, ("ch", changes)])
}

/// An update whose one change has these params.
pub(crate) fn with_params(old: &[u8], new: &[u8]) -> Vec<u8> {
    with_changes(&map(&[("age", &map(&[("o", old), ("n", new)]))]))
}

pub(crate) const NULL: &[u8] = b"\x81\xa1n\xc3";
