//! Packing an event.

use headwater::__private::{Value, pack_event};
use headwater::prelude::*;
use rmp::encode;

use crate::support::case::{Case, Goal, Started, plain};
use crate::support::users::User;

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("event_encode/2 changes", Goal::Ratio(3.0), |_| encoding()).against(Some("by hand"))]
}

fn encoding() -> Started {
    let text = |text: &str| Value::Text(text.to_owned());
    // Name and age.
    let changes = [
        (1, text("User name 1234 1"), text("User name 1234 2")),
        (4, Value::UInt(33), Value::UInt(34)),
    ];
    let mut id = 0;
    let mut buffer = Vec::with_capacity(256);
    let mut expected = Vec::new();
    pack_event(&mut expected, User::TABLE, &Value::UInt(7), &changes).unwrap();
    let headwater = plain(move || {
        id += 1;
        buffer.clear();
        pack_event(&mut buffer, User::TABLE, &Value::UInt(id), &changes).unwrap();
        buffer.len()
    });
    let mut buffer = Vec::with_capacity(256);
    by_hand(&mut buffer, 7);
    assert_eq!(buffer, expected, "both pack the same");
    let mut id = 0;
    let driver = plain(move || {
        id += 1;
        buffer.clear();
        by_hand(&mut buffer, id);
        buffer.len()
    });
    Started::bare(vec![("headwater", headwater), ("by hand", driver)])
}

/// The same bytes, by someone who knows everything but the key.
fn by_hand(out: &mut Vec<u8>, id: u64) {
    let value = |out: &mut Vec<u8>, name: &str, kind: &str, text: &str| {
        encode::write_str(out, name).unwrap();
        encode::write_map_len(out, 3).unwrap();
        encode::write_str(out, "n").unwrap();
        encode::write_bool(out, false).unwrap();
        encode::write_str(out, "t").unwrap();
        encode::write_str(out, kind).unwrap();
        encode::write_str(out, "v").unwrap();
        encode::write_str(out, text).unwrap();
    };
    encode::write_map_len(out, 4).unwrap();
    encode::write_str(out, "et").unwrap();
    encode::write_str(out, "bench_users").unwrap();
    encode::write_str(out, "id").unwrap();
    encode::write_uint(out, id).unwrap();
    encode::write_str(out, "ft").unwrap();
    encode::write_uint(out, 2).unwrap();
    encode::write_str(out, "ch").unwrap();
    encode::write_map_len(out, 2).unwrap();
    encode::write_str(out, "name").unwrap();
    encode::write_map_len(out, 2).unwrap();
    value(out, "o", "s", "User name 1234 1");
    value(out, "n", "s", "User name 1234 2");
    encode::write_str(out, "age").unwrap();
    encode::write_map_len(out, 2).unwrap();
    value(out, "o", "u", "33");
    value(out, "n", "u", "34");
}
