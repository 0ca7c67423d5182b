//! What the reader takes beside what is written here: other widths, other types, other keys.

use headwater::prelude::*;
use headwater::stream::{EntityId, Param};

use crate::event_json::to_hex;
use crate::{ENTRIES, NULL, map, with_params};

#[test]
fn the_reader_takes_what_other_writers_write() {
    let [table, key, flush] = ENTRIES;
    let plain = DirtyEvent::from_bytes(&map(&[table, key, flush])).unwrap();
    assert_eq!(plain, DirtyEvent::new("users", 7u64, FlushType::Update));
    for entries in [
        vec![flush, key, table],
        vec![table, key, flush, ("ch", b"\xc0")],
        vec![table, key, flush, ("ch", b"\x80")],
        vec![table, key, flush, ("ch,omitempty", b"\xde\x00\x00")],
        vec![("et", b"\xc4\x05users"), key, flush],
        vec![("et", b"\xdb\x00\x00\x00\x05users"), key, flush],
        vec![
            table,
            ("id", b"\xcf\0\0\0\0\0\0\0\x07"),
            ("ft", b"\xd3\0\0\0\0\0\0\0\x02"),
        ],
        vec![table, ("id", b"\xd0\x07"), ("ft", b"\xcd\x00\x02")],
        vec![table, ("id", b"\xd2\0\0\0\x07"), ("ft", b"\xcc\x02")],
        vec![
            ("new", b"\x92\x81\x01\xc0\xd6\x00abcd"),
            table,
            ("x", b"\xca\0\0\0\0"),
            key,
            flush,
        ],
        vec![
            ("", b"\xc7\x03\x01abc"),
            table,
            key,
            ("t", b"\xcb\0\0\0\0\0\0\0\0"),
            flush,
        ],
    ] {
        assert_eq!(DirtyEvent::from_bytes(&map(&entries)).unwrap(), plain, "{entries:?}");
    }
    for (id, expected) in [
        (&b"\xff"[..], EntityId::Signed(-1)),
        (b"\xd3\x80\0\0\0\0\0\0\0", EntityId::Signed(i64::MIN)),
        (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", EntityId::Unsigned(u64::MAX)),
        (b"\xa201", EntityId::from("01")),
        (b"\xc4\x0201", EntityId::from("01")),
    ] {
        let event = DirtyEvent::from_bytes(&map(&[table, ("id", id), flush])).unwrap();
        assert_eq!(event.entity_id, expected);
    }
}

#[test]
fn the_reader_takes_params_in_every_form() {
    for (bytes, param) in [
        (
            map(&[("n", b"\xc2"), ("t", b"\xa1s"), ("v", b"\xa2Al")]),
            Param::new('s', "Al"),
        ),
        (map(&[("v", b"\xc4\x02Al"), ("t", b"\xc4\x01s")]), Param::new('s', "Al")),
        (
            map(&[
                ("v,omitempty", b"\xa2Al"),
                ("x", b"\x90"),
                ("t,omitempty", b"\xa1s"),
                ("n", b"\xc2"),
            ]),
            Param::new('s', "Al"),
        ),
        (map(&[("n", b"\xc3"), ("t", b"\xc0"), ("v", b"\xc0")]), Param::null()),
        (map(&[("n,omitempty", b"\xc3")]), Param::null()),
        (map(&[]), Param::default()),
        (
            map(&[("t", b"\xa1s"), ("v", b"\xa2\xff\x00")]),
            Param::new('s', [0xff, 0]),
        ),
        (map(&[("t", b"\xa2\xc5\x82")]), Param::new('ł', "")),
    ] {
        let event = DirtyEvent::from_bytes(&with_params(&bytes, NULL)).unwrap();
        assert_eq!(event.change_of("age").unwrap().old, param, "{}", to_hex(&bytes));
    }
}
