//! The bytes of the real Go encoder, and any event there and back.

use headwater::prelude::*;
use headwater::stream::{ColumnChange, EntityId, Param};
use proptest::prelude::*;
use serde_json::Value as Json;

use crate::event_json::{from_hex, from_json, to_hex, to_json};
use crate::{WIRES, vectors};

#[test]
fn every_vector_decodes_to_its_event() {
    for vector in vectors() {
        let event = DirtyEvent::from_bytes(&vector.bytes).unwrap();
        let json: Json = serde_json::from_str(&to_json(&event).unwrap()).unwrap();
        assert_eq!(json, vector.event, "{}", vector.name);
        for change in &event.changes {
            assert!(change.old_value().is_ok() && change.new_value().is_ok());
        }
    }
}

#[test]
fn every_vector_encodes_back_to_its_bytes() {
    for vector in vectors() {
        let event = DirtyEvent::from_bytes(&vector.bytes).unwrap();
        // None of them has more than one change, so that Go's random order of maps is no matter.
        assert_eq!(
            to_hex(&event.to_bytes(Wire::FluxaOrm).unwrap()),
            to_hex(&vector.bytes),
            "{}",
            vector.name
        );
        let documented = event.to_bytes(Wire::Documented).unwrap();
        assert!(documented.len() < vector.bytes.len());
        assert_eq!(DirtyEvent::from_bytes(&documented).unwrap(), event);
        assert_eq!(from_json(vector.event.to_string().as_bytes()).unwrap(), event);
    }
}

#[test]
fn the_golden_events_of_the_reference() {
    // reference/fluxaorm.md, section 2.2.
    let mut aged = DirtyEvent::new("UserEntity", 7u64, FlushType::Update);
    let (old, new) = (Param::new('u', "18"), Param::new('u', "19"));
    aged.changes.push(ColumnChange::new("Age", old, new));
    for (event, hex) in [
        (
            DirtyEvent::new("UserEntity", 1u64, FlushType::Insert),
            "84a26574aa55736572456e74697479a2696401a2667401ac63682c6f6d6974656d707479c0",
        ),
        (
            DirtyEvent::new("UserEntity", 300u64, FlushType::Delete),
            "84a26574aa55736572456e74697479a26964cd012ca2667403ac63682c6f6d6974656d707479c0",
        ),
        (
            DirtyEvent::new("UserEntity", 1u64 << 40, FlushType::Insert),
            "84a26574aa55736572456e74697479a26964cf0000010000000000a2667401ac63682c6f6d6974656d707479c0",
        ),
        (
            DirtyEvent::new("U", 1u64, FlushType::Update),
            "84a26574a155a2696401a2667402ac63682c6f6d6974656d70747980",
        ),
        (
            aged,
            "84a26574aa55736572456e74697479a2696407a2667402ac63682c6f6d6974656d70747981a341676582a16f83ab6e2c6f6d69\
             74656d707479c2ab742c6f6d6974656d707479a175ab762c6f6d6974656d707479a23138a16e83ab6e2c6f6d6974656d707479\
             c2ab742c6f6d6974656d707479a175ab762c6f6d6974656d707479a23139",
        ),
    ] {
        assert_eq!(to_hex(&event.to_bytes(Wire::FluxaOrm).unwrap()), hex);
        assert_eq!(
            DirtyEvent::from_bytes(&from_hex(hex.as_bytes()).unwrap()).unwrap(),
            event
        );
    }
}

fn param() -> impl Strategy<Value = Param> {
    let value = (any::<char>(), any::<Vec<u8>>()).prop_map(|(kind, text)| Param::new(kind, text));
    let known =
        ("[siufbt]", any::<String>()).prop_map(|(kind, text)| Param::new(kind.chars().next().unwrap_or('s'), text));
    prop_oneof![1 => Just(Param::null()), 1 => Just(Param::default()), 2 => value, 4 => known]
}

fn event() -> impl Strategy<Value = DirtyEvent> {
    let id = prop_oneof![
        (1..=u64::MAX).prop_map(EntityId::from),
        (1..300u64).prop_map(EntityId::from),
        (i64::MIN..0).prop_map(EntityId::from),
        (-300i64..0).prop_map(EntityId::from),
        ".{1,40}".prop_map(EntityId::from),
    ];
    let changes = proptest::collection::vec((param(), param()), 0..40);
    (".{1,70}", id, 1u8..=3, changes, any::<u16>()).prop_map(|(table, id, flush, changes, name)| {
        let flush = FlushType::from_code(flush).expect("1 to 3");
        let mut event = DirtyEvent::new(table, id, flush);
        if flush == FlushType::Update {
            // Each column is there once.
            let columns = changes.into_iter().enumerate();
            event.changes = columns
                .map(|(i, (old, new))| ColumnChange::new(format!("{name}{i}"), old, new))
                .collect();
        }
        event
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_event_comes_back_from_both_wires_and_from_json(event in event()) {
        for wire in WIRES {
            let bytes = event.to_bytes(wire).unwrap();
            let read = DirtyEvent::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&read, &event);
            prop_assert_eq!(read.to_bytes(wire).unwrap(), bytes);
        }
        let json = to_json(&event).unwrap();
        prop_assert_eq!(from_json(json.as_bytes()).unwrap(), event);
    }
}
