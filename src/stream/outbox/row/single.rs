//! Events one by one, each with its id, its payload and its tags: what a sender leaves to the outbox, what consumers of
//! queued operations publish, and what is set aside.
//!
//! ```text
//! [ [stream, event id, payload, [tag, value, …]], … ]
//! ```
//!
//! In format 3 an event may have nil for its id: both it and the event before it have ULIDs, and its own is the next one.

use std::borrow::Cow;

use super::{BYTES, Body, EVENTS, Head, SINGLE, array, expect, next, number, text};
use crate::error::Result;
use crate::stream::Outgoing;
use crate::stream::wire::{Cursor, malformed};

/// Packs events into as few bodies as the bounds allow, in order.
pub(crate) fn pack(events: &[Outgoing]) -> Vec<Body> {
    let mut bodies = Vec::new();
    let mut streams: Vec<Head> = Vec::new();
    let mut bytes = Vec::new();
    let (mut count, mut size) = (0, 0);
    for event in events {
        if count == EVENTS || (count > 0 && size + event.size() > BYTES) {
            bodies.push(Body::of(SINGLE, &streams, count, count, &bytes));
            streams.clear();
            bytes.clear();
            (count, size) = (0, 0);
        }
        (count, size) = (count + 1, size + event.size());
        let place = Head::place(&mut streams, &event.stream, event.max_len, event.max_age);
        array(&mut bytes, 4);
        number(&mut bytes, Some(place as u64));
        text(&mut bytes, event.id.as_bytes());
        text(&mut bytes, &event.payload);
        array(&mut bytes, 2 * event.tags.len());
        for (name, value) in &event.tags {
            text(&mut bytes, name.as_bytes());
            text(&mut bytes, value.as_bytes());
        }
    }
    if count > 0 {
        bodies.push(Body::of(SINGLE, &streams, count, count, &bytes));
    }
    bodies
}

/// Reads the events of a body, whose ids may be counted.
pub(super) fn read(cursor: &mut Cursor<'_>, streams: &[Head], counted: bool) -> Result<Vec<Outgoing>> {
    let count = cursor.array("the events")?;
    // Not from a length that the bytes only claim.
    let mut events: Vec<Outgoing> = Vec::with_capacity(count.min(EVENTS));
    for _ in 0..count {
        expect(cursor, "an event", 4)?;
        let head = Head::named(cursor, streams)?;
        let id = match counted && cursor.nil() {
            true => events.last().and_then(|before| next(&before.id)).ok_or_else(|| {
                malformed("an event has the id after that of an event that is not there, or has no ULID")
            })?,
            false => cursor.utf8("the id of an event")?.to_owned(),
        };
        let payload = cursor.text("the payload of an event")?.to_vec();
        let words = cursor.array("the tags of an event")?;
        let mut tags = Vec::with_capacity(words / 2);
        for _ in 0..words / 2 {
            let name = cursor.utf8("a tag")?.to_owned();
            tags.push((name, cursor.utf8("a tag")?.to_owned()));
        }
        events.push(Outgoing {
            stream: Cow::Owned(head.stream.clone()),
            max_len: head.max_len,
            max_age: head.max_age,
            id,
            payload,
            tags,
        });
    }
    Ok(events)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::tests::{assert_whole, read_back, shown};
    use super::super::{SINGLE_COUNTED, unpack};
    use super::*;

    fn event(stream: &str, number: usize, payload: Vec<u8>) -> Outgoing {
        Outgoing {
            stream: Cow::Owned(stream.to_owned()),
            max_len: number.is_multiple_of(3).then_some(number as u64),
            max_age: number.is_multiple_of(4).then(|| Duration::from_millis(number as u64)),
            id: format!("id-{number}"),
            payload,
            tags: vec![("n".to_owned(), number.to_string()); number % 3],
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_is_read_back(
            payloads in proptest::collection::vec((0usize..4, proptest::collection::vec(any::<u8>(), 0..80)), 0..60),
        ) {
            let streams = ["a", "b", "Ünï", "d"];
            let events: Vec<Outgoing> = payloads
                .into_iter()
                .enumerate()
                .map(|(number, (stream, payload))| event(streams[stream], number, payload))
                .collect();
            prop_assert_eq!(shown(&read_back(&pack(&events))), shown(&events));
        }
    }

    #[test]
    fn a_row_holds_a_thousand_events_and_two_mebibytes_at_most() {
        let small: Vec<Outgoing> = (0..2500).map(|number| event("s", number, vec![7; 20])).collect();
        let bodies = pack(&small);
        assert_eq!(
            bodies.iter().map(|body| body.events).collect::<Vec<_>>(),
            [1000, 1000, 500]
        );
        assert_eq!(shown(&read_back(&bodies)), shown(&small));
        let large: Vec<Outgoing> = (0..5).map(|number| event("s", number, vec![7; 1 << 20])).collect();
        assert_eq!(pack(&large).len(), 5);
        let giant = [event("s", 1, vec![7; 5 << 20])];
        assert_eq!(shown(&read_back(&pack(&giant))), shown(&giant));
        assert!(pack(&[]).is_empty());
    }

    #[test]
    fn ids_that_are_counted_come_back() {
        let row = |events: &[u8]| [&[0x92, 0x91, 0x93, 0xa1, b's', 0xc0, 0xc0], events].concat();
        let first = "01J9ZQ8X5Y0000000000000009";
        let counted = [b"\x92\x94\x00\xba", first.as_bytes(), b"\xa1x\x90\x94\x00\xc0\xa1y\x90"].concat();
        let events = unpack(SINGLE_COUNTED, &row(&counted)).unwrap();
        let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(ids, [first, "01J9ZQ8X5Y000000000000000A"]);
        // The first event of a row, one after an id that is no ULID, and a format that counts none.
        let without = row(&[0x91, 0x94, 0, 0xc0, 0xa1, b'x', 0x90]);
        let behind = row(&[
            0x92, 0x94, 0, 0xa1, b'i', 0xa1, b'x', 0x90, 0x94, 0, 0xc0, 0xa1, b'x', 0x90,
        ]);
        for body in [without, behind] {
            let text = unpack(SINGLE_COUNTED, &body).unwrap_err().to_string();
            assert!(text.contains("id after"), "{text}");
            assert!(unpack(SINGLE, &body).is_err());
        }
    }

    #[test]
    fn events_that_repeat_their_keys_become_small() {
        let event = |number: usize| {
            let payload = format!("et users id {number} ft 2 ch status old active new banned").into_bytes();
            event("s", number * 12, payload)
        };
        let events: Vec<Outgoing> = (0..1000).map(event).collect();
        let raw: usize = events.iter().map(|event| event.payload.len()).sum();
        assert!(pack(&events)[0].bytes.len() < raw / 2);
    }

    #[test]
    fn every_cut_off_body_is_an_error() {
        let events: Vec<Outgoing> = (0..20).map(|number| event("s", number, vec![1; 30])).collect();
        assert_whole(&pack(&events)[0]);
        assert_whole(&pack(&events[..1])[0]);
    }

    #[test]
    fn a_stream_that_is_not_there_is_refused() {
        assert!(unpack(SINGLE, &[0x92, 0x90, 0x91, 0x94, 0, 0xa0, 0xa0, 0x90]).is_err());
    }
}
