//! Events alike together, as flushes make them: what they have in common once, and of each event the rest.
//!
//! ```text
//! [ [stream, id of the first, [piece, …], [shared, rest, …]], … ]
//! ```
//!
//! The payload of an event is the pieces with a variable after each but the last: its key, and the old and the new value
//! of each column. Each event takes the next variables, and has the ULID after that of the event before it. A variable
//! begins like that of the event before it, with so many shared bytes; the rest follows. Keys that are counted and texts
//! that begin alike take some bytes each, and a value that all have takes two: less for the server to log than what a
//! compression of the whole makes of them, which finds less to do and is faster.

use std::borrow::Cow;

use ulid::{ULID_LEN, Ulid};

use super::variables::{self, Variables};
use super::{ALIKE, BYTES, Body, EVENTS, Head, array, expect, next, number, text};
use crate::error::Result;
use crate::stream::ids::after;
use crate::stream::wire::{Cursor, Pieces, malformed};
use crate::stream::{EventKind, Outgoing};
use crate::table::ValueRef;

/// Packs events one after the other, as they are made.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    /// The rows that are full.
    full: Vec<Body>,
    /// The streams of the row that is being packed.
    streams: Vec<Head>,
    /// Its groups that are complete, and how many.
    bytes: Vec<u8>,
    groups: usize,
    /// What the events that come now have in common.
    alike: Option<(EventKind, Pieces)>,
    /// The variables of the group that is being packed, and how many.
    variables: Vec<u8>,
    many: usize,
    /// Those of the last event as they are, and of the one that comes.
    last: Variables,
    own: Variables,
    /// The id of its first event, and of the last.
    ids: Option<(Ulid, Ulid)>,
    /// How many events the row has.
    events: usize,
    /// What they count of [`BYTES`].
    size: usize,
    /// How many events were packed in all.
    count: u64,
}

impl Packer {
    /// Says what the events that follow have in common. Those of updates show these columns.
    ///
    /// # Errors
    ///
    /// A [`Malformed`](crate::ErrorKind::Malformed) error when a name is longer than 4 GiB.
    pub(crate) fn begin(&mut self, kind: EventKind) -> Result<()> {
        if self.alike.as_ref().is_some_and(|(alike, _)| *alike == kind) {
            return Ok(());
        }
        self.close_group();
        self.alike = Some((kind, Pieces::of(&kind)?));
        Ok(())
    }

    /// Packs the event of a row, with the old and the new value of each column, in the order of the columns.
    ///
    /// # Errors
    ///
    /// A [`Malformed`](crate::ErrorKind::Malformed) error for a text of more than 4 GiB, which no event holds.
    pub(crate) fn event<'a>(
        &mut self,
        id: Ulid,
        key: &ValueRef<'_>,
        values: impl Iterator<Item = (ValueRef<'a>, ValueRef<'a>)>,
    ) -> Result<()> {
        if self.events == EVENTS {
            self.close();
        }
        if self.ids.is_some_and(|(_, last)| after(last) != Some(id)) {
            self.close_group();
        }
        let Some((kind, pieces)) = &self.alike else {
            debug_assert!(false, "`begin` says what the event has in common with others");
            return Ok(());
        };
        self.own.write(kind, key, values)?;
        debug_assert_eq!(self.own.len() + 1, pieces.iter().len(), "values of all columns");
        let payload = pieces.size() + self.own.size();
        let size = Outgoing::size_of(kind.stream.name(), "", &[]) + ULID_LEN + payload;
        if self.events > 0 && self.size + size > BYTES {
            self.close();
        }
        if self.ids.is_none() {
            self.last.clear();
        }
        self.own.append(&mut self.variables, &self.last);
        self.many += self.own.len();
        std::mem::swap(&mut self.own, &mut self.last);
        self.size += size;
        self.events += 1;
        self.count += 1;
        let first = self.ids.map_or(id, |(first, _)| first);
        self.ids = Some((first, id));
        Ok(())
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

    /// Ends the group that is being packed; the next event begins one.
    fn close_group(&mut self) {
        let (Some((first, _)), Some((kind, pieces))) = (self.ids.take(), &self.alike) else {
            return;
        };
        let stream = kind.stream;
        let place = Head::place(&mut self.streams, stream.name(), stream.longest(), stream.oldest());
        let out = &mut self.bytes;
        array(out, 4);
        number(out, Some(place as u64));
        text(out, first.array_to_str(&mut [0; ULID_LEN]).as_bytes());
        array(out, pieces.iter().len());
        pieces.iter().for_each(|piece| text(out, piece));
        array(out, 2 * self.many);
        out.append(&mut self.variables);
        self.groups += 1;
        self.many = 0;
    }

    /// Ends the row that is being packed.
    fn close(&mut self) {
        self.close_group();
        if self.events > 0 {
            let body = Body::of(ALIKE, &self.streams, self.events, self.groups, &self.bytes);
            self.full.push(body);
        }
        self.streams.clear();
        self.bytes.clear();
        (self.groups, self.events, self.size) = (0, 0, 0);
    }
}

/// Reads the events of a body.
pub(super) fn read(cursor: &mut Cursor<'_>, streams: &[Head]) -> Result<Vec<Outgoing>> {
    let mut events: Vec<Outgoing> = Vec::new();
    let mut size = 0;
    for _ in 0..cursor.array("the events")? {
        expect(cursor, "events alike", 4)?;
        let head = Head::named(cursor, streams)?;
        let mut id = Some(cursor.utf8("the id of an event")?.to_owned());
        let count = cursor.array("the pieces of events alike")?;
        let mut pieces = Vec::with_capacity(count);
        for _ in 0..count {
            pieces.push(cursor.text("a piece of events alike")?);
        }
        let Some((last, pieces)) = pieces.split_last() else {
            return Err(malformed("events alike have no pieces"));
        };
        let parts = cursor.array("the variables of events alike")?;
        if pieces.is_empty() || parts % (2 * pieces.len()) != 0 {
            let pieces = pieces.len() + 1;
            return Err(malformed(format!(
                "{parts} parts of variables do not fit {pieces} pieces"
            )));
        }
        let mut variables = vec![Vec::new(); pieces.len()];
        let common: usize = pieces.iter().map(|piece| piece.len()).sum::<usize>() + last.len();
        for _ in 0..parts / (2 * pieces.len()) {
            for variable in &mut variables {
                variables::read(cursor, variable)?;
            }
            // What is read once is written for each event: what comes of a row has the bounds of its packer.
            let payload = common + variables.iter().map(Vec::len).sum::<usize>();
            size += Outgoing::size_of(&head.stream, "", &[]) + ULID_LEN + payload;
            if events.len() == EVENTS || (size > BYTES && !events.is_empty()) {
                return Err(malformed(format!(
                    "the row becomes more than {EVENTS} events, or than {BYTES} bytes"
                )));
            }
            let mut payload = Vec::with_capacity(payload);
            for (piece, variable) in pieces.iter().zip(&variables) {
                payload.extend_from_slice(piece);
                payload.extend_from_slice(variable);
            }
            payload.extend_from_slice(last);
            let own = id.ok_or_else(|| malformed("an event has the id after one that is no ULID, or the last"))?;
            id = next(&own);
            events.push(Outgoing {
                stream: Cow::Owned(head.stream.clone()),
                max_len: head.max_len,
                max_age: head.max_age,
                id: own,
                payload,
                tags: Vec::new(),
            });
        }
    }
    Ok(events)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::super::tests::{assert_whole, read_back, shown};
    use super::super::unpack;
    use super::*;
    use crate::error::ErrorKind;
    use crate::stream::fixture::{TABLE, TEXT_TABLE, column_of};
    use crate::stream::{EventRecord, FlushType, Stream, write_event};
    use crate::table::{ColumnSet, Value};

    const ALL: &Stream = &Stream::new("all").max_len(1000);
    const GO: &Stream = &Stream::new("go").wire(crate::stream::Wire::FluxaOrm);

    /// The event of an update of the name, as a sender would make it.
    fn single(stream: &'static Stream, id: Ulid, key: u64, old: &str, new: &str) -> Outgoing {
        let mut payload = Vec::new();
        let changes = [(column_of("Name").0, Value::Text(old.into()), Value::Text(new.into()))];
        let record = EventRecord {
            table: &TABLE,
            key: &Value::UInt(key),
            flush: FlushType::Update,
            changes: &changes,
        };
        write_event(&mut payload, &record, stream.wire_format()).unwrap();
        Outgoing::new(stream, id.to_string(), payload)
    }

    fn push(packer: &mut Packer, stream: &'static Stream, id: Ulid, key: u64, old: &str, new: &str) {
        let name = column_of("Name").0;
        let kind = EventKind {
            stream,
            table: &TABLE,
            flush: FlushType::Update,
            columns: std::iter::once(name).collect(),
        };
        packer.begin(kind).unwrap();
        let key = ValueRef::Owned(Value::UInt(key));
        let values = std::iter::once((ValueRef::Text(old), ValueRef::Text(new)));
        packer.event(id, &key, values).unwrap();
    }

    /// Ids that follow each other.
    fn ids() -> impl Iterator<Item = Ulid> {
        std::iter::successors(Some(Ulid::from(9 << 80)), |&id| after(id))
    }

    #[test]
    fn events_come_back_as_they_would_be_one_by_one() {
        // Of two streams in turns, with values of every length of a length.
        let lengths = [0, 1, 31, 32, 255, 256, 300, 70_000];
        let mut packer = Packer::default();
        let mut wanted = Vec::new();
        for ((key, length), id) in (0u64..).zip(lengths.into_iter().cycle()).take(60).zip(ids()) {
            let stream = if key % 7 < 4 { ALL } else { GO };
            let new = "x".repeat(length);
            push(&mut packer, stream, id, key * 1000, "old", &new);
            wanted.push(single(stream, id, key * 1000, "old", &new));
        }
        assert_eq!(packer.count(), 60);
        let bodies = packer.take();
        assert_eq!(bodies.len(), 1);
        assert_eq!(shown(&read_back(&bodies)), shown(&wanted));
    }

    #[test]
    fn a_row_holds_a_thousand_events_and_two_mebibytes_at_most() {
        let mut packer = Packer::default();
        let mut wanted = Vec::new();
        for (key, id) in (0..2500).zip(ids()) {
            push(&mut packer, ALL, id, key, "a", "b");
            wanted.push(single(ALL, id, key, "a", "b"));
        }
        let bodies = packer.take();
        assert_eq!(
            bodies.iter().map(|body| body.events).collect::<Vec<_>>(),
            [1000, 1000, 500]
        );
        assert_eq!(shown(&read_back(&bodies)), shown(&wanted));
        let (mut long, mut wanted) = (Packer::default(), Vec::new());
        let (mebibyte, giant) = ("y".repeat(1 << 20), "z".repeat(5 << 20));
        for (text, id) in [&mebibyte, &mebibyte, &giant, &mebibyte].into_iter().zip(ids()) {
            push(&mut long, ALL, id, 1, "", text);
            wanted.push(single(ALL, id, 1, "", text));
        }
        let bodies = long.take();
        assert_eq!(bodies.iter().map(|body| body.events).collect::<Vec<_>>(), [1; 4]);
        assert_eq!(shown(&read_back(&bodies)), shown(&wanted));
        assert!(Packer::default().take().is_empty());
    }

    #[test]
    fn ids_are_counted_as_long_as_they_follow_each_other() {
        let first = Ulid::from((7 << 80) | ((1 << 80) - 2));
        let last = after(first).unwrap();
        assert_eq!(after(last), None);
        let far = Ulid::from(9 << 80);
        for wanted in [
            vec![first],
            vec![first, far],
            vec![first, first],
            vec![first, last, far, after(far).unwrap()],
        ] {
            let mut packer = Packer::default();
            wanted.iter().for_each(|&id| push(&mut packer, ALL, id, 1, "a", "b"));
            let found = read_back(&packer.take()).into_iter().map(|event| event.id);
            let wanted = wanted.iter().map(Ulid::to_string);
            assert_eq!(found.collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
        }
    }

    #[test]
    fn events_of_other_tables_and_operations_stand_in_groups_of_their_own() {
        let mut packer = Packer::default();
        let mut ids = ids();
        let mut wanted = Vec::new();
        for (table, key, flush) in [
            (&TABLE, Value::UInt(1), FlushType::Insert),
            (&TABLE, Value::UInt(2), FlushType::Delete),
            (&TEXT_TABLE, Value::Text("k".into()), FlushType::Delete),
            (&TABLE, Value::UInt(3), FlushType::Delete),
        ] {
            let id = ids.next().unwrap();
            let kind = EventKind {
                stream: ALL,
                table,
                flush,
                columns: ColumnSet::EMPTY,
            };
            packer.begin(kind).unwrap();
            packer.event(id, &ValueRef::of(&key), std::iter::empty()).unwrap();
            let mut payload = Vec::new();
            let record = EventRecord {
                table,
                key: &key,
                flush,
                changes: &[],
            };
            write_event(&mut payload, &record, ALL.wire_format()).unwrap();
            wanted.push(Outgoing::new(ALL, id.to_string(), payload));
        }
        assert_eq!(shown(&read_back(&packer.take())), shown(&wanted));
    }

    #[test]
    fn every_cut_off_body_is_an_error() {
        for (events, format) in [(1, ALIKE), (20, ALIKE + 1)] {
            let mut packer = Packer::default();
            (0..events)
                .zip(ids())
                .for_each(|(key, id)| push(&mut packer, ALL, id, key, "a", "bcd"));
            let body = &packer.take()[0];
            assert_eq!(body.format, format);
            assert_whole(body);
        }
    }

    #[test]
    fn what_no_packer_writes_is_refused() {
        let row = |events: &[u8]| {
            let row = [&[0x92, 0x91, 0x93, 0xa1, b's', 0xc0, 0xc0], events].concat();
            match unpack(ALIKE, &row).unwrap_err().kind() {
                ErrorKind::Malformed { reason, .. } => reason.clone(),
                other => panic!("{other:?}"),
            }
        };
        for (events, reason) in [
            (&b"\x91\x94\x01\xa0\x92\xa1a\xa1b\x92\x00\xa1v"[..], "does not name"),
            (b"\x91\x94\x00\xa0\x90\x90", "no pieces"),
            (b"\x91\x94\x00\xa0\x91\xa1a\x90", "do not fit"),
            (
                b"\x91\x94\x00\xa0\x93\xa0\xa0\xa0\x92\x00\xa0",
                "2 parts of variables do not fit 3 pieces",
            ),
            (
                b"\x91\x94\x00\xa0\x92\xa0\xa0\x92\x01\xa0",
                "shares 1 bytes with one of 0",
            ),
            (b"\x91\x94\x00\xa0\x92\xa0\xa0\x92\xff\xa0", "is -1"),
            (b"\x91\x94\x00\xa1i\x92\xa1a\xa1b\x94\x00\xa1v\x00\xa1w", "no ULID"),
            (b"\x91\x93\x00\xa0\x90", "3 parts in place of 4"),
        ] {
            assert!(row(events).contains(reason), "{}", row(events));
        }
        // A piece of a mebibyte, of which 100 bytes would make hundreds.
        let piece = [b"\xc6\x00\x10\x00\x00".as_slice(), &vec![b'p'; 1 << 20]].concat();
        let head = b"\x91\x94\x00\xba00000000000000000000000001\x92".as_slice();
        let bomb = [head, &piece, b"\xa0\xdc\x00\xc8", &[0, 0xa0].repeat(100)].concat();
        assert!(row(&bomb).contains("becomes more than"), "{}", row(&bomb));
        // A variable of a mebibyte that all share.
        let variable = [b"\x00\xc6\x00\x10\x00\x00".as_slice(), &vec![b'v'; 1 << 20]].concat();
        let all = b"\xce\x00\x10\x00\x00\xa0".repeat(99);
        let bomb = [head, b"\xa0\xa0\xdc\x00\xc8", &variable, &all].concat();
        assert!(row(&bomb).contains("becomes more than"), "{}", row(&bomb));
        // Events of nothing.
        let bomb = [head, b"\xa0\xa0\xdc\x07\xd2", &[0, 0xa0].repeat(1001)].concat();
        assert!(row(&bomb).contains("becomes more than"), "{}", row(&bomb));
    }
}
