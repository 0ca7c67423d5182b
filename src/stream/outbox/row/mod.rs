//! The body of an outbox row: the events of one flush for one Redis pool, packed and compressed.
//!
//! A row says in which format its body is written, so that during a rolling upgrade old rows are read by new
//! relays; the relays are upgraded first, because they set aside what they cannot read. Each begins with the streams, and is MessagePack; a format of an even number is the one before it, compressed
//! as one LZ4 block behind its length:
//!
//! ```text
//! [ [ [name, max_len | nil, max_age in ms | nil], … ]        the streams
//!   [ … ] ]                                                  the events, in order
//! ```
//!
//! | format | events | |
//! |---|---|---|
//! | 1, 2 | [one by one](single) | |
//! | 3, 4 | the same, ids may be counted | read only |
//! | 5, 6 | [those alike together](alike) | what flushes write |

mod alike;
mod single;
mod variables;

use std::time::Duration;

pub(crate) use alike::Packer;
use rmp::encode;
pub(crate) use single::pack;
use ulid::Ulid;

use crate::error::Result;
use crate::stream::Outgoing;
use crate::stream::ids::after;
use crate::stream::wire::{Cursor, Integer, malformed};

/// Events one by one, not compressed.
const SINGLE: u16 = 1;
/// The same with ids that may be counted.
const SINGLE_COUNTED: u16 = 3;
/// Events alike together, not compressed.
const ALIKE: u16 = 5;

/// The most events of one row. Of events alike no more are read either, nor more [bytes](BYTES): these bounds are part of
/// the formats, and higher ones need new formats.
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

impl Body {
    /// Of streams, and of so many events, whose parts stand in these bytes; compressed where that is worth it.
    fn of(format: u16, streams: &[Head], events: usize, parts: usize, bytes: &[u8]) -> Self {
        let mut plain = Vec::with_capacity(bytes.len() + 64 * (1 + streams.len()));
        array(&mut plain, 2);
        array(&mut plain, streams.len());
        streams.iter().for_each(|head| head.write(&mut plain));
        array(&mut plain, parts);
        plain.extend_from_slice(bytes);
        let (format, bytes) = if plain.len() < SMALL {
            (format, plain)
        } else {
            (format + 1, lz4_flex::block::compress_prepend_size(&plain))
        };
        Body {
            format,
            events: u32::try_from(events).unwrap_or(u32::MAX),
            bytes,
        }
    }
}

/// What a row says of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    stream: String,
    max_len: Option<u64>,
    max_age: Option<Duration>,
}

impl Head {
    /// Its place among those of a row, where it is put if it is new.
    fn place(streams: &mut Vec<Head>, stream: &str, max_len: Option<u64>, max_age: Option<Duration>) -> usize {
        let same = |head: &Head| head.stream == stream && head.max_len == max_len && head.max_age == max_age;
        streams.iter().position(same).unwrap_or_else(|| {
            streams.push(Head {
                stream: stream.to_owned(),
                max_len,
                max_age,
            });
            streams.len() - 1
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        array(out, 3);
        text(out, self.stream.as_bytes());
        number(out, self.max_len);
        let age = self.max_age;
        number(out, age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)));
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Head> {
        expect(cursor, "a stream", 3)?;
        Ok(Head {
            stream: cursor.utf8("the name of a stream")?.to_owned(),
            max_len: optional(cursor, "the length of a stream")?,
            max_age: optional(cursor, "the age of a stream")?.map(Duration::from_millis),
        })
    }

    /// The stream that stands at the place which is read next.
    fn named<'a>(cursor: &mut Cursor<'_>, streams: &'a [Head]) -> Result<&'a Head> {
        let place = optional(cursor, "the stream of an event")?;
        place
            .and_then(|place| streams.get(usize::try_from(place).ok()?))
            .ok_or_else(|| malformed("an event has a stream that the row does not name"))
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
    let plain;
    let (format, bytes) = match format {
        SINGLE | SINGLE_COUNTED | ALIKE => (format, bytes),
        2 | 4 | 6 => {
            plain = decompress(bytes)?;
            (format - 1, plain.as_slice())
        }
        _ => {
            return Err(malformed(format!(
                "the row has format {format}, which this version does not know"
            )));
        }
    };
    let mut cursor = Cursor::new(bytes);
    expect(&mut cursor, "the row", 2)?;
    let count = cursor.array("the streams")?;
    let streams = (0..count)
        .map(|_| Head::read(&mut cursor))
        .collect::<Result<Vec<Head>>>()?;
    let events = match format {
        ALIKE => alike::read(&mut cursor, &streams)?,
        _ => single::read(&mut cursor, &streams, format == SINGLE_COUNTED)?,
    };
    if cursor.left() > 0 {
        return Err(malformed(format!(
            "{} bytes too many at the end of the row",
            cursor.left()
        )));
    }
    Ok(events)
}

fn decompress(bytes: &[u8]) -> Result<Vec<u8>> {
    let (size, block) = lz4_flex::block::uncompressed_size(bytes).map_err(|error| malformed(error.to_string()))?;
    // Nothing is allocated from a length that the bytes only claim.
    if size / LONGEST_MATCH > block.len() {
        return Err(malformed(format!("{} bytes cannot become {size}", block.len())));
    }
    lz4_flex::block::decompress(block, size).map_err(|error| malformed(error.to_string()))
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

    pub(super) fn shown(events: &[Outgoing]) -> Vec<String> {
        events.iter().map(|event| format!("{event:?}")).collect()
    }

    pub(super) fn read_back(bodies: &[Body]) -> Vec<Outgoing> {
        let one = |body: &Body| {
            let events = unpack(body.format, &body.bytes).unwrap();
            assert_eq!(events.len(), body.events as usize);
            events
        };
        bodies.iter().flat_map(one).collect()
    }

    /// That every body cut off, or with a byte too many, is an error.
    pub(super) fn assert_whole(body: &Body) {
        for length in 0..body.bytes.len() {
            assert!(unpack(body.format, &body.bytes[..length]).is_err(), "{length}");
        }
        let mut longer = body.bytes.clone();
        longer.push(0);
        assert!(unpack(body.format, &longer).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(format in 0u16..8, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(format, &bytes);
        }

        #[test]
        fn no_events_make_it_panic(format in 0u16..8, events in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(format, &[&[0x92, 0x91, 0x93, 0xa1, b's', 0xc0, 0xc0], events.as_slice()].concat());
        }
    }

    #[test]
    fn a_later_format_and_a_claimed_length_are_refused() {
        let text = unpack(9, b"").unwrap_err().to_string();
        assert!(text.contains("format 9"), "{text}");
        for format in [2, 4, 6] {
            let text = unpack(format, &[255, 255, 255, 127, 0]).unwrap_err().to_string();
            assert!(text.contains("cannot become"), "{text}");
        }
    }
}
