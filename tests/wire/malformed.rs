//! Bytes that are no event: each an error that says why, at no cost of memory or stack.

use headwater::prelude::*;

use crate::{ENTRIES, NULL, WIRES, map, reason, vectors, with_changes, with_params};

#[test]
fn malformed_events_say_what_is_wrong() {
    let [table, key, flush] = ENTRIES;
    let changes = |column: &[u8], change: &[u8]| with_changes(&[b"\x81", column, change].concat());
    let change = map(&[("o", NULL), ("n", NULL)]);
    let twice = [&b"\x82\xa1a"[..], &change, b"\xa1a", &change].concat();
    let mut many = vec![0xde, 0x10, 0x01];
    (0..4097).for_each(|i| many.extend([&b"\xa4"[..], format!("{i:04}").as_bytes(), &change].concat()));
    for (bytes, expected) in [
        (Vec::new(), "cut off"),
        (b"\xc0".to_vec(), "an event should be a map"),
        (b"\x94\xa5users\x07\x02\xc0".to_vec(), "an event should be a map"),
        (b"\xc1".to_vec(), "an event should be a map"),
        (map(&[]), "no table"),
        (map(&[key, flush]), "no table"),
        (map(&[table, flush]), "no key"),
        (map(&[table, key]), "no flush type"),
        (map(&[("et", b"\xa0"), key, flush]), "`et`) is empty"),
        (map(&[("et", b"\xc0"), key, flush]), "`et`) should be text"),
        (map(&[("et", b"\x07"), key, flush]), "`et`) should be text"),
        (map(&[("et", b"\xa1\xff"), key, flush]), "not valid UTF-8"),
        (map(&[table, ("id", b"\x00"), flush]), "`id`) is 0"),
        (map(&[table, ("id", b"\xd3\0\0\0\0\0\0\0\0"), flush]), "`id`) is 0"),
        (map(&[table, ("id", b"\xc0"), flush]), "`id`) should be an integer"),
        (
            map(&[table, ("id", b"\xcb\x40\x1c\0\0\0\0\0\0"), flush]),
            "should be an integer",
        ),
        (map(&[table, ("id", b"\xa0"), flush]), "`id`) is empty"),
        (map(&[table, ("id", b"\xa1\xff"), flush]), "not valid UTF-8"),
        (map(&[table, key, ("ft", b"\x00")]), "is 0, not 1, 2 or 3"),
        (map(&[table, key, ("ft", b"\x04")]), "is 4, not 1, 2 or 3"),
        (map(&[table, key, ("ft", b"\xff")]), "is -1, not 1, 2 or 3"),
        (map(&[table, key, ("ft", b"\xcd\x01\x01")]), "is 257, not 1, 2 or 3"),
        (map(&[table, key, ("ft", b"\xa11")]), "should be an integer"),
        (map(&[table, key, flush, table]), "`et` is there twice"),
        (
            map(&[table, key, flush, ("ch", b"\xc0"), ("ch,omitempty", b"\xc0")]),
            "`ch` is there twice",
        ),
        (map(&[table, key, flush, ("x", b"\xc1")]), "byte"),
        ([map(&ENTRIES), vec![0]].concat(), "1 bytes more"),
        (b"\x81\x01\x02".to_vec(), "a key of the event should be text"),
        (with_changes(b"\x90"), "`ch`) should be a map"),
        (with_changes(b"\xa0"), "`ch`) should be a map"),
        (with_changes(&twice), "\"a\" is there twice"),
        (with_changes(&many), "4097 changes"),
        (changes(b"\x01", &change), "a column's name should be text"),
        (changes(b"\xa1\xff", &change), "a column's name is not valid UTF-8"),
        (changes(b"\xa1a", b"\xc0"), "a change should be a map"),
        (changes(b"\xa1a", &map(&[("o", NULL)])), "without its new value"),
        (changes(b"\xa1a", &map(&[("n", NULL)])), "without its old value"),
        (
            changes(b"\xa1a", &map(&[("o", NULL), ("o", NULL)])),
            "`o` is there twice",
        ),
        (with_params(b"\xc0", NULL), "a value should be a map"),
        (with_params(b"\xa1a", NULL), "a value should be a map"),
        (with_params(&map(&[("n", b"\x01")]), NULL), "`n`) should be a boolean"),
        (with_params(&map(&[("t", b"\x01")]), NULL), "`t`) should be text"),
        (
            with_params(&map(&[("t", b"\xa2ss")]), NULL),
            "longer than one character",
        ),
        (with_params(&map(&[("t", b"\xa1\xff")]), NULL), "not valid UTF-8"),
        (with_params(&map(&[("v", b"\x05")]), NULL), "`v`) should be text"),
        (
            with_params(&map(&[("v", b"\xa0"), ("v,omitempty", b"\xa0")]), NULL),
            "`v` is there twice",
        ),
    ] {
        let reason = reason(&bytes);
        assert!(reason.contains(expected), "{reason}\n(expected: {expected})");
    }
}

#[test]
fn an_event_that_ends_early_is_an_error_at_every_byte() {
    for vector in vectors() {
        let event = DirtyEvent::from_bytes(&vector.bytes).unwrap();
        for wire in WIRES {
            let bytes = event.to_bytes(wire).unwrap();
            for end in 0..bytes.len() {
                reason(&bytes[..end]);
            }
        }
    }
}

#[test]
fn claimed_lengths_allocate_nothing() {
    let hundred_mib = (100u32 << 20).to_be_bytes();
    for marker in [0xdb, 0xc6, 0xdd, 0xdf, 0xc9] {
        let huge = [&[marker], hundred_mib.as_slice(), b"abc"].concat();
        assert!(reason(&huge).contains(if marker == 0xdf { "cut off" } else { "should be a map" }));
        for key in ["et", "id", "ft", "ch", "unknown"] {
            reason(&map(&[(key, &huge)]));
        }
        reason(&with_params(&huge, NULL));
        for key in ["n", "t", "v", "unknown"] {
            reason(&with_params(&map(&[(key, &huge)]), NULL));
        }
    }
    // Maps of maps of maps, each of which claims all that memory holds.
    reason(&b"\xa1x\xdf\xff\xff\xff\xff".repeat(1000));
    reason(&[b"\x81\xa1x", b"\xdf\xff\xff\xff\xff".repeat(1000).as_slice()].concat());
}

#[test]
fn depth_costs_no_stack() {
    let [table, key, flush] = ENTRIES;
    for depth in [10_000, 1_000_000] {
        let arrays = [b"\x91".repeat(depth), vec![0xc0]].concat();
        let event = DirtyEvent::from_bytes(&map(&[("deep", &arrays), table, key, flush])).unwrap();
        assert_eq!(event.entity_id.as_u64(), Some(7));
        let maps = [b"\x81\xa1x".repeat(depth), vec![0xc0]].concat();
        assert!(DirtyEvent::from_bytes(&map(&[("deep", &maps), table, key, flush])).is_ok());
        reason(&arrays);
        reason(&maps);
        reason(&b"\x91".repeat(depth));
        reason(&map(&[("deep", &b"\x81\xa1x".repeat(depth))]));
        reason(&with_changes(&arrays));
        reason(&with_params(&map(&[("v", &maps)]), NULL));
    }
}
