//! Entries that nobody should have written: no panic, no endless loop, no entry lost.

use std::collections::{BTreeSet, HashMap};

use headwater_testkit::redis;

use super::*;
use crate::stream::fixture::User;
use crate::stream::{ColumnChange, Param};

fn raw(redis: &mut Connection, fields: &[(&str, &[u8])]) {
    let mut add = redis::cmd("XADD");
    add.arg(USERS.name()).arg("*");
    for (name, value) in fields {
        add.arg(*name).arg(*value);
    }
    add.exec(redis).unwrap();
}

/// Payloads that are no event.
fn malformed() -> Vec<Vec<u8>> {
    let good = DirtyEvent::new("users", 7u64, FlushType::Update)
        .to_bytes(Wire::Documented)
        .unwrap();
    // Cut off at every byte, the empty one first.
    let mut all: Vec<Vec<u8>> = (0..good.len()).map(|end| good[..end].to_vec()).collect();
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    all.extend((1..50).map(|length| {
        let byte = |_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Not the marker of a map: chance shall not make an event.
            (random >> 56) as u8 | 0xe0
        };
        (0..length).map(byte).collect()
    }));
    let hundred_mib = [&b"\x81\xa2et\xdb"[..], &(100u32 << 20).to_be_bytes(), b"abc"].concat();
    let deep = [&b"\x91".repeat(10_000)[..], b"\xc0"].concat();
    let event =
        |table: &[u8], id: &[u8], flush: &[u8]| [&b"\x83\xa2et"[..], table, b"\xa2id", id, b"\xa2ft", flush].concat();
    all.extend([
        hundred_mib,
        deep,
        event(b"\xa1u", b"\x01", b"\x00"),
        event(b"\xa1u", b"\x01", b"\x04"),
        event(b"\xa1u", b"\x00", b"\x01"),
        event(b"\x01", b"\x01", b"\x01"),
        event(b"\xa1u", b"\xc0", b"\x01"),
        event(b"\xa1u", b"\x01", b"\xa11"),
        b"\x93\xa1u\x01\x01".to_vec(),
        [event(b"\xa1u", b"\x01", b"\x01"), vec![0]].concat(),
    ]);
    all
}

#[test]
fn every_malformed_entry_goes_aside_whole_and_every_good_one_is_handled() {
    let mut place = place();
    let malformed = malformed();
    for (number, payload) in malformed.iter().enumerate() {
        raw(&mut place.redis, &[("s", payload), ("tag", b"kept\xff")]);
        place.add([number as u64 + 1]);
    }
    raw(&mut place.redis, &[("other", b"field")]);
    let mut consumer = place.builder().single().unwrap();
    let mut handled = BTreeSet::new();
    let mut calls = 0;
    until("everything to be done with", || {
        calls += 1;
        let result = consumer.consume(100, NO_WAIT, |events| {
            for event in events {
                handled.insert(event.dirty()?.entity_id.as_u64().unwrap());
            }
            Ok(())
        });
        assert!(result.is_ok(), "{result:?}");
        assert!(calls < 1000, "an endless loop");
        place.len() == 0
    });
    assert_eq!(handled.len(), malformed.len());
    let dead: redis::streams::StreamRangeReply = place.redis.xrange_all("UserStream:dead").unwrap();
    assert_eq!(dead.ids.len(), malformed.len() + 1);
    let whole = |entry: &redis::streams::StreamId| -> Option<Vec<u8>> {
        let error: String = entry.get("dead:error").unwrap();
        assert!(error.contains("malformed"), "{error}");
        let tag: Option<Vec<u8>> = entry.get("tag");
        assert!(tag.is_none_or(|tag| tag == b"kept\xff"));
        entry.get("s")
    };
    let mut found: Vec<Vec<u8>> = dead.ids.iter().filter_map(whole).collect();
    let mut expected = malformed;
    found.sort();
    expected.sort();
    assert!(found == expected, "an entry is not whole");
}

#[test]
fn strange_events_are_events_and_say_what_does_not_fit() {
    let mut place = place();
    let send = |redis: &mut Connection, event: &DirtyEvent| {
        raw(redis, &[("s", &event.to_bytes(Wire::Documented).unwrap())]);
    };
    let change = |name: &str| ColumnChange::new(name, Param::null(), Param::new('u', "1"));
    // A table that nobody knows, and a column.
    let mut event = DirtyEvent::new("nobody", 1u64, FlushType::Update);
    event.changes.push(change("Name"));
    send(&mut place.redis, &event);
    event.entity_type = "UserEntity".into();
    event.changes = vec![change("Nowhere")];
    send(&mut place.redis, &event);
    // More changes than the table has columns.
    event.changes = (0..1000).map(|number| change(&format!("column {number}"))).collect();
    event
        .changes
        .push(ColumnChange::new("OrAge", Param::null(), Param::new('u', "18")));
    send(&mut place.redis, &event);
    let mut consumer = place.builder().single().unwrap();
    let mut seen = HashMap::new();
    let count = consumer
        .consume(10, NO_WAIT, |events| {
            for (number, event) in events.iter().enumerate() {
                let dirty = event.dirty()?;
                seen.insert(number, dirty.change(User::OR_AGE).map_err(|error| error.to_string()));
            }
            Ok(())
        })
        .unwrap();
    assert_eq!((count, place.dead()), (3, 0));
    assert!(
        seen[&0].as_ref().is_err_and(|error| error.contains("nobody")),
        "{seen:?}"
    );
    assert_eq!(seen[&1], Ok(None));
    assert_eq!(seen[&2], Ok(Some((None, Some(18)))));
}
