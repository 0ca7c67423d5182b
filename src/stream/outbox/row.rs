//! The body of an outbox row: the events of one flush for one Redis pool, packed and compressed.
//!
//! A row says in which format its body is written, so that during a rolling upgrade old rows are read by new
//! relays. Format 1 is MessagePack, format 2 the same compressed as one LZ4 block behind its length:
//!
//! ```text
//! [ [ [name, max_len | nil, max_age in ms | nil], … ]          the streams
//!   [ [stream, event id, payload, [tag, value, …]], … ] ]      the events, in order
//! ```
//!
//! Formats 3 and 4 are the same as 1 and 2, but that an event may have nil for its id: both it and the event before it
//! have ULIDs, and its own is the next one.

use std::borrow::Cow;
use std::time::Duration;

use rmp::encode;
use ulid::{ULID_LEN, Ulid};

use crate::error::Result;
use crate::stream::ids::after;
use crate::stream::wire::{Cursor, Integer, malformed};
use crate::stream::{Outgoing, Stream};

/// MessagePack as it is.
const PLAIN: u16 = 1;
/// MessagePack in an LZ4 block.
const COMPRESSED: u16 = 2;
/// So much more with ids that are counted.
const COUNTED: u16 = 2;
const PLAIN_COUNTED: u16 = PLAIN + COUNTED;
const COMPRESSED_COUNTED: u16 = COMPRESSED + COUNTED;

/// The most events of one row.
pub(crate) const EVENTS: usize = 1000;
/// The most bytes of events in one row, before they are compressed, unless it is a single one. Far below the
/// smallest `max_allowed_packet` in use (16 MiB in MariaDB, 64 MiB in MySQL).
const BYTES: usize = 2 << 20;
/// Less than this is not worth compressing.
const SMALL: usize = 256;
/// LZ4 cannot make more than this out of one byte: <https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md>.
const LONGEST_MATCH: usize = 256;

/// The body of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    /// How the bytes are written.
    pub(crate) format: u16,
    /// How many events it holds.
    pub(crate) events: u32,
    pub(crate) bytes: Vec<u8>,
}

/// Packs events into as few bodies as the bounds allow, in order.
pub(crate) fn pack(events: &[Outgoing]) -> Vec<Body> {
    let mut packer = Packer::default();
    for event in events {
        let place = packer.make_room(&event.stream, event.max_len, event.max_age, event.size());
        packer.last = None;
        packer.add(place, Some(&event.id), &event.payload, &event.tags);
    }
    packer.take()
}

/// Packs events one after the other, as they are made.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    /// The rows that are full.
    full: Vec<Body>,
    /// The streams of the row that is being packed.
    streams: Vec<Head>,
    /// Its events.
    bytes: Vec<u8>,
    /// How many events it has.
    events: usize,
    /// The id of the last one, where ids are counted.
    last: Option<Ulid>,
    /// Whether any has no id of its own.
    counted: bool,
    /// What they count of [`BYTES`].
    size: usize,
    /// How many events were packed in all.
    count: u64,
}

/// What a row says of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    stream: String,
    max_len: Option<u64>,
    max_age: Option<Duration>,
}

impl Packer {
    /// Packs an event of a stream.
    pub(crate) fn push(&mut self, stream: &Stream, id: Ulid, payload: &[u8]) {
        let size = Outgoing::size_of(stream.name(), "", payload) + ULID_LEN;
        let place = self.make_room(stream.name(), stream.longest(), stream.oldest(), size);
        let is_next = self.last.and_then(after) == Some(id);
        self.counted |= is_next;
        self.last = Some(id);
        let mut letters = [0; ULID_LEN];
        let own: Option<&str> = match is_next {
            true => None,
            false => Some(id.array_to_str(&mut letters)),
        };
        self.add(place, own, payload, &[]);
    }

    /// How many events were packed.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The rows.
    pub(crate) fn take(&mut self) -> Vec<Body> {
        self.close();
        std::mem::take(&mut self.full)
    }

    /// Makes room for an event of this size; the place of its stream in the row.
    fn make_room(&mut self, stream: &str, max_len: Option<u64>, max_age: Option<Duration>, size: usize) -> usize {
        if self.events == EVENTS || self.size + size > BYTES {
            self.close();
        }
        self.size += size;
        let same = |head: &Head| head.stream == stream && head.max_len == max_len && head.max_age == max_age;
        self.streams.iter().position(same).unwrap_or_else(|| {
            self.streams.push(Head {
                stream: stream.to_owned(),
                max_len,
                max_age,
            });
            self.streams.len() - 1
        })
    }

    /// Adds an event; without an id, it is the one after the last.
    fn add(&mut self, place: usize, id: Option<&str>, payload: &[u8], tags: &[(String, String)]) {
        let out = &mut self.bytes;
        array(out, 4);
        number(out, Some(place as u64));
        match id {
            Some(id) => text(out, id.as_bytes()),
            None => number(out, None),
        }
        text(out, payload);
        array(out, 2 * tags.len());
        for (name, value) in tags {
            text(out, name.as_bytes());
            text(out, value.as_bytes());
        }
        self.events += 1;
        self.count += 1;
    }

    /// Ends the row that is being packed.
    fn close(&mut self) {
        if self.events == 0 {
            return;
        }
        let mut bytes = Vec::with_capacity(self.bytes.len() + 64 * (1 + self.streams.len()));
        let out = &mut bytes;
        array(out, 2);
        array(out, self.streams.len());
        for head in &self.streams {
            array(out, 3);
            text(out, head.stream.as_bytes());
            number(out, head.max_len);
            let age = head.max_age;
            number(out, age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)));
        }
        array(out, self.events);
        out.append(&mut self.bytes);
        let (format, bytes) = if bytes.len() < SMALL {
            (PLAIN, bytes)
        } else {
            (COMPRESSED, lz4_flex::block::compress_prepend_size(&bytes))
        };
        let format = if self.counted { format + COUNTED } else { format };
        self.full.push(Body {
            format,
            events: u32::try_from(self.events).unwrap_or(u32::MAX),
            bytes,
        });
        self.streams.clear();
        (self.events, self.size) = (0, 0);
        (self.last, self.counted) = (None, false);
    }
}

// Writing to a vector does not fail.
fn array(out: &mut Vec<u8>, length: usize) {
    let _ = encode::write_array_len(out, u32::try_from(length).unwrap_or(u32::MAX));
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    let _ = encode::write_bin(out, bytes);
}

fn number(out: &mut Vec<u8>, number: Option<u64>) {
    match number {
        Some(number) => drop(encode::write_uint(out, number)),
        None => drop(encode::write_nil(out)),
    }
}

/// Reads a body back.
///
/// # Errors
///
/// A [`Malformed`](crate::ErrorKind::Malformed) error when the format is one of a later version, or the bytes are not
/// what the format says.
pub(crate) fn unpack(format: u16, bytes: &[u8]) -> Result<Vec<Outgoing>> {
    match format {
        PLAIN | PLAIN_COUNTED => read(bytes, format == PLAIN_COUNTED),
        COMPRESSED | COMPRESSED_COUNTED => read(&decompress(bytes)?, format == COMPRESSED_COUNTED),
        _ => Err(malformed(format!(
            "the row has format {format}, which this version does not know"
        ))),
    }
}

fn decompress(bytes: &[u8]) -> Result<Vec<u8>> {
    let (size, block) = lz4_flex::block::uncompressed_size(bytes).map_err(|error| malformed(error.to_string()))?;
    // Nothing is allocated from a length that the bytes only claim.
    if size / LONGEST_MATCH > block.len() {
        return Err(malformed(format!("{} bytes cannot become {size}", block.len())));
    }
    lz4_flex::block::decompress(block, size).map_err(|error| malformed(error.to_string()))
}

fn read(bytes: &[u8], counted: bool) -> Result<Vec<Outgoing>> {
    let mut cursor = Cursor::new(bytes);
    expect(&mut cursor, "the row", 2)?;
    let count = cursor.array("the streams")?;
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        expect(&mut cursor, "a stream", 3)?;
        let name = cursor.utf8("the name of a stream")?.to_owned();
        let max_len = optional(&mut cursor, "the length of a stream")?;
        let max_age = optional(&mut cursor, "the age of a stream")?.map(Duration::from_millis);
        streams.push((name, max_len, max_age));
    }
    let count = cursor.array("the events")?;
    let mut events: Vec<Outgoing> = Vec::with_capacity(count);
    for _ in 0..count {
        expect(&mut cursor, "an event", 4)?;
        let place = optional(&mut cursor, "the stream of an event")?;
        let stream = place.and_then(|place| streams.get(usize::try_from(place).ok()?));
        let Some((name, max_len, max_age)) = stream else {
            return Err(malformed("an event has a stream that the row does not name".to_owned()));
        };
        let id = match counted && cursor.nil() {
            true => events.last().and_then(|before| next(&before.id)).ok_or_else(|| {
                malformed("an event has the id after that of an event that is not there, or has no ULID".to_owned())
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
            stream: Cow::Owned(name.clone()),
            max_len: *max_len,
            max_age: *max_age,
            id,
            payload,
            tags,
        });
    }
    if cursor.left() > 0 {
        return Err(malformed(format!(
            "{} bytes too many at the end of the row",
            cursor.left()
        )));
    }
    Ok(events)
}

/// The ULID after this one.
fn next(id: &str) -> Option<String> {
    let id = Ulid::from_string(id).ok()?;
    after(id).map(|next| next.to_string())
}

fn expect(cursor: &mut Cursor<'_>, what: &str, wanted: usize) -> Result<()> {
    let found = cursor.array(what)?;
    if found == wanted {
        return Ok(());
    }
    Err(malformed(format!("{what} has {found} parts in place of {wanted}")))
}

fn optional(cursor: &mut Cursor<'_>, what: &str) -> Result<Option<u64>> {
    if cursor.nil() {
        return Ok(None);
    }
    match cursor.integer(what)? {
        Integer::Unsigned(number) => Ok(Some(number)),
        Integer::Negative(number) => Err(malformed(format!("{what} is {number}"))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

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

    fn shown(events: &[Outgoing]) -> Vec<String> {
        events.iter().map(|event| format!("{event:?}")).collect()
    }

    fn read_back(bodies: &[Body]) -> Vec<Outgoing> {
        let one = |body: &Body| {
            let events = unpack(body.format, &body.bytes).unwrap();
            assert_eq!(events.len(), body.events as usize);
            events
        };
        bodies.iter().flat_map(one).collect()
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

        #[test]
        fn no_bytes_make_it_panic(format in 0u16..6, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(format, &bytes);
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
        const ALL: Stream = Stream::new("s");
        let first = Ulid::from((7 << 80) | ((1 << 80) - 2));
        let last = after(first).unwrap();
        assert_eq!(after(last), None);
        let far = Ulid::from(9 << 80);
        let ids = |ids: &[Ulid]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let of = |events: &[Outgoing]| events.iter().map(|event| event.id.clone()).collect::<Vec<_>>();
        for (wanted, formats) in [
            (vec![first], [PLAIN, COMPRESSED]),
            (vec![first, far], [PLAIN, COMPRESSED]),
            (vec![first, first], [PLAIN, COMPRESSED]),
            (
                vec![first, last, far, after(far).unwrap()],
                [PLAIN_COUNTED, COMPRESSED_COUNTED],
            ),
        ] {
            for (payload, format) in [1, 1000].into_iter().zip(formats) {
                let mut packer = Packer::default();
                wanted.iter().for_each(|&id| packer.push(&ALL, id, &vec![7; payload]));
                let bodies = packer.take();
                assert_eq!(bodies[0].format, format, "{wanted:?}");
                assert_eq!(of(&read_back(&bodies)), ids(&wanted));
            }
        }
        // Each row begins with an id.
        let mut packer = Packer::default();
        let many: Vec<Ulid> = std::iter::successors(Some(far), |&id| after(id)).take(2500).collect();
        many.iter().for_each(|&id| packer.push(&ALL, id, b"x"));
        let bodies = packer.take();
        assert_eq!(bodies.len(), 3);
        assert_eq!(of(&read_back(&bodies)), ids(&many));
        // The first event of a row, one after an id that is no ULID, and a format that counts none.
        let row = |events: &[u8]| [&[0x92, 0x91, 0x93, 0xa1, b's', 0xc0, 0xc0], events].concat();
        let without = row(&[0x91, 0x94, 0, 0xc0, 0xa1, b'x', 0x90]);
        let behind = row(&[
            0x92, 0x94, 0, 0xa1, b'i', 0xa1, b'x', 0x90, 0x94, 0, 0xc0, 0xa1, b'x', 0x90,
        ]);
        for body in [without, behind] {
            let text = unpack(PLAIN_COUNTED, &body).unwrap_err().to_string();
            assert!(text.contains("id after"), "{text}");
            assert!(unpack(PLAIN, &body).is_err());
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
        for body in [&pack(&events)[0], &pack(&events[..1])[0]] {
            for length in 0..body.bytes.len() {
                assert!(unpack(body.format, &body.bytes[..length]).is_err(), "{length}");
            }
            let mut longer = body.bytes.clone();
            longer.push(0);
            assert!(unpack(body.format, &longer).is_err());
        }
    }

    #[test]
    fn a_later_format_and_a_claimed_length_are_refused() {
        let text = unpack(9, b"").unwrap_err().to_string();
        assert!(text.contains("format 9"), "{text}");
        let text = unpack(COMPRESSED, &[255, 255, 255, 127, 0]).unwrap_err().to_string();
        assert!(text.contains("cannot become"), "{text}");
        // A stream that is not there.
        assert!(unpack(PLAIN, &[0x92, 0x90, 0x91, 0x94, 0, 0xa0, 0xa0, 0x90]).is_err());
    }
}
