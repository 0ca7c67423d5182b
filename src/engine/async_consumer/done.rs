//! What was executed, as the database remembers it: one row for many operations.
//!
//! A row has operations of one transaction that were queued within half a minute: their ids, which begin with that time,
//! share their first letters. So an operation is looked for among few rows, wherever its id stands.

use std::collections::HashMap;

use ulid::Ulid;

use super::execute::{Entry, text};
use super::tables::DONE;
use crate::error::{Error, ErrorKind, Result};
use crate::mysql::{Connection, Params};
use crate::redis::EntryId;
use crate::session::strategy::inserted;
use crate::table::Value;

/// What is executed already, by id, with the entry that it was executed for.
pub(super) type Known = HashMap<String, EntryId>;

/// How many rows are looked at together, whether they are old.
pub(super) const PAGE: u64 = 10_000;
/// The most operations of a row, which is some 7 kB then: a longer one would have pages of its own.
const PACKED: usize = 500;
/// The most rows of one INSERT.
const ROWS: usize = 256;
/// The most groups of ids in one SELECT.
const GROUPS: usize = 256;
/// The letters that the ids of a row share: of an ULID they say its time to 33 seconds.
const SHARED: usize = 7;
/// The bytes of an ULID behind what such letters say.
const END: usize = 12;

/// Notes these operations, each with its entry.
pub(super) fn note(connection: &mut Connection, entries: &[Entry<'_>]) -> Result<()> {
    let rows = rows(entries.iter().map(|((entry, _), item)| (item.id.as_str(), *entry)));
    let mut left = rows.as_slice();
    while !left.is_empty() {
        let (some, rest) = left.split_at(inserted(rows.len(), left.len(), ROWS));
        let mut params = Params::with_capacity(some.len() * 3);
        for row in some {
            for id in [row.last, row.first] {
                params.push(Value::Text(id.to_owned()));
            }
            params.push(Value::Bytes(row.operations.clone()));
        }
        let values = vec!["(?,?,?,UTC_TIMESTAMP(6))"; some.len()].join(",");
        let sql = format!("INSERT INTO `{DONE}` (`last`,`first`,`operations`,`done_at`) VALUES {values}");
        connection.execute(&sql, params, DONE)?;
        left = rest;
    }
    Ok(())
}

/// Those of these operations that are executed already.
pub(super) fn known(connection: &mut Connection, entries: &[Entry<'_>]) -> Result<Known> {
    let mut known = Known::new();
    let mut ids: Vec<&str> = entries.iter().map(|(_, item)| item.id.as_str()).collect();
    ids.sort_unstable();
    let groups: Vec<&[&str]> = ids.chunk_by(|a, b| shares(a, b)).collect();
    for groups in groups.chunks(GROUPS) {
        // Of few sizes, so that few texts are kept prepared.
        let count = groups.len().next_power_of_two();
        let mut params = Params::with_capacity(count * 3);
        for n in 0..count {
            let group = groups[n.min(groups.len() - 1)];
            let (first, last) = (group[0], group[group.len() - 1]);
            let end = match shared(first) {
                // Behind every letter of an id.
                Some(letters) => format!("{letters}~"),
                None => last.to_owned(),
            };
            for text in [first.to_owned(), end, last.to_owned()] {
                params.push(Value::Text(text));
            }
        }
        let wanted = vec!["(`last` BETWEEN ? AND ? AND `first` <= ?)"; count].join(" OR ");
        let sql = format!("SELECT `last`,`operations` FROM `{DONE}` WHERE {wanted}");
        connection.select(&sql, params, DONE, &mut |row| {
            let values = row.values();
            let last = String::from_utf8_lossy(text(values.first()));
            let noted = unpack(&last, text(values.get(1))).ok_or_else(|| {
                let reason = format!("the row {last:?} of `{DONE}` is not what this library writes");
                Error::new(ErrorKind::Malformed { entry: None, reason })
            })?;
            known.extend(
                noted
                    .into_iter()
                    .filter(|(id, _)| ids.binary_search(&id.as_str()).is_ok()),
            );
            Ok(())
        })?;
    }
    Ok(known)
}

/// Forgets what was executed longer ago than this, of a page of rows behind an id: the page's last id, where more may
/// follow, and how many rows were forgotten.
//
// Without an index on the time, which every transaction would pay for. Ids begin with the time at which an operation
// was queued, so that what is old stands together.
pub(super) fn purge(
    connection: &mut Connection,
    after: &str,
    keep: std::time::Duration,
) -> Result<(Option<String>, u64)> {
    let mut last = None;
    let sql = format!(
        "SELECT `last` FROM `{DONE}` WHERE `last` > ? ORDER BY `last` LIMIT 1 OFFSET {}",
        PAGE - 1
    );
    connection.select(&sql, Params::of([Value::Text(after.to_owned())]), DONE, &mut |row| {
        last = Some(String::from_utf8_lossy(text(row.values().first())).into_owned());
        Ok(())
    })?;
    let mut sql = format!("DELETE FROM `{DONE}` WHERE `last` > ? AND `done_at` < UTC_TIMESTAMP(6) - INTERVAL ? SECOND");
    let mut params = Params::of([
        Value::Text(after.to_owned()),
        Value::UInt(keep.as_secs().min(100 * 365 * 86_400)),
    ]);
    if let Some(last) = &last {
        sql.push_str(" AND `last` <= ?");
        params.push(Value::Text(last.clone()));
    }
    let forgotten = connection.execute(&sql, params, DONE)?.matched;
    Ok((last, forgotten))
}

/// A row as it is noted.
#[derive(Debug, PartialEq, Eq)]
struct Row<'a> {
    last: &'a str,
    first: &'a str,
    /// For each the end of its id, where it is an ULID, and its entry.
    operations: Vec<u8>,
}

fn rows<'a>(operations: impl Iterator<Item = (&'a str, EntryId)>) -> Vec<Row<'a>> {
    let mut operations: Vec<(&str, EntryId)> = operations.collect();
    operations.sort_unstable();
    let groups = operations.chunk_by(|(a, _), (b, _)| shares(a, b));
    let rows = groups.flat_map(|group| group.chunks(PACKED));
    rows.map(|group| Row {
        last: group[group.len() - 1].0,
        first: group[0].0,
        operations: pack(group),
    })
    .collect()
}

fn pack(operations: &[(&str, EntryId)]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(operations.len() * (END + 3) + 16);
    let mut before = 0;
    for (id, entry) in operations {
        if let Some(ulid) = ulid(id) {
            packed.extend_from_slice(&ulid.to_bytes()[16 - END..]);
        }
        // Neighbours were queued one soon after the other.
        let later = entry.ms.wrapping_sub(before).cast_signed();
        number(&mut packed, ((later << 1) ^ (later >> 63)).cast_unsigned());
        number(&mut packed, entry.seq);
        before = entry.ms;
    }
    packed
}

/// The operations of a row, each with its entry; nothing when it is none.
fn unpack(last: &str, mut packed: &[u8]) -> Option<Vec<(String, EntryId)>> {
    let ulid = ulid(last);
    let mut operations = Vec::with_capacity(packed.len() / (END + 2) + 1);
    let mut before = 0u64;
    loop {
        let id = match ulid {
            Some(ulid) => {
                let mut bytes = ulid.to_bytes();
                let (end, rest) = packed.split_at_checked(END)?;
                bytes[16 - END..].copy_from_slice(end);
                packed = rest;
                Ulid::from_bytes(bytes).to_string()
            }
            None => last.to_owned(),
        };
        let later = take_number(&mut packed)?;
        let later = (later >> 1).cast_signed() ^ -(later & 1).cast_signed();
        before = before.wrapping_add(later.cast_unsigned());
        let seq = take_number(&mut packed)?;
        operations.push((id, EntryId { ms: before, seq }));
        if packed.is_empty() {
            return Some(operations);
        }
        // Of others there is one.
        ulid?;
    }
}

/// Seven bits to a byte, the lowest first; all but the last byte have the highest bit.
fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Whether two operations may stand in one row.
fn shares(a: &str, b: &str) -> bool {
    shared(a).is_some_and(|letters| shared(b) == Some(letters))
}

/// What ids of a row share; nothing where an id is not an ULID: it has a row for itself.
fn shared(id: &str) -> Option<&str> {
    is_ulid(id).then(|| id.get(..SHARED)).flatten()
}

/// An id that is an ULID as this library writes them.
fn ulid(id: &str) -> Option<Ulid> {
    is_ulid(id).then(|| Ulid::from_string(id).ok()).flatten()
}

/// Whether an id is an ULID in the letters in which it is written: others are read, and are not the same when they are
/// written again. (Crockford's Base32, <https://github.com/ulid/spec>; the first letter has three bits.)
fn is_ulid(id: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_digit() || (byte.is_ascii_uppercase() && !b"ILOU".contains(&byte));
    id.len() == 26 && id.as_bytes()[0] <= b'7' && id.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn entry(ms: u64, seq: u64) -> EntryId {
        EntryId { ms, seq }
    }

    #[test]
    fn operations_of_one_time_share_a_row() {
        let (a, b, c) = (
            "01JD0000000000000000000001",
            "01JD0000000000000000000002",
            "01JD0010000000000000000000",
        );
        let of = [(c, entry(3, 0)), (a, entry(1, 7)), (b, entry(2, 0))];
        let rows = rows(of.into_iter());
        let ends: Vec<(&str, &str)> = rows.iter().map(|row| (row.first, row.last)).collect();
        assert_eq!(ends, [(a, b), (c, c)]);
        let noted = unpack(b, &rows[0].operations).unwrap();
        assert_eq!(noted, [(a.to_owned(), entry(1, 7)), (b.to_owned(), entry(2, 0))]);
        assert_eq!(unpack(c, &rows[1].operations).unwrap(), [(c.to_owned(), entry(3, 0))]);
        assert_eq!(rows[0].operations.len(), 2 * (END + 2));
    }

    proptest! {
        #[test]
        fn an_ulid_is_what_is_written_as_it_is_read(id in "[0-9A-Za-z]{26}|[0-7][0-9A-HJKMNP-TV-Z]{25}|.{0,30}") {
            let written = Ulid::from_string(&id).is_ok_and(|ulid| ulid.to_string() == id);
            prop_assert_eq!(is_ulid(&id), written);
        }
    }

    #[test]
    fn ids_of_others_stand_alone_whatever_they_are() {
        // The last two are written otherwise, or begin with more than an ULID holds.
        let ids = [
            "queue:1-0",
            "queue:2-0",
            "",
            "01JD000000000000000000000o",
            "81JD0000000000000000000000",
        ];
        let rows = rows(ids.iter().map(|id| (*id, entry(7, 1))));
        assert_eq!(rows.len(), ids.len());
        for row in &rows {
            assert_eq!(
                unpack(row.last, &row.operations).unwrap(),
                [(row.last.to_owned(), entry(7, 1))]
            );
        }
    }

    #[test]
    fn a_row_has_so_many_operations_at_most() {
        let ids: Vec<String> = (0..1200).map(|n| format!("01JD0000{n:018}")).collect();
        let rows = rows(ids.iter().map(|id| (id.as_str(), entry(u64::MAX, u64::MAX))));
        let all: Vec<Vec<(String, EntryId)>> = rows
            .iter()
            .map(|row| unpack(row.last, &row.operations).unwrap())
            .collect();
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [500, 500, 200]);
        assert_eq!(all.concat().into_iter().map(|(id, _)| id).collect::<Vec<_>>(), ids);
    }

    proptest! {
        #[test]
        fn what_is_noted_is_known(of in prop::collection::btree_map(0u128..1 << 110, any::<(u64, u64)>(), 1..40)) {
            let of: Vec<(String, EntryId)> =
                of.into_iter().map(|(id, (ms, seq))| (Ulid(id).to_string(), entry(ms, seq))).collect();
            let rows = rows(of.iter().map(|(id, entry)| (id.as_str(), *entry)));
            let noted: Vec<_> = rows.iter().flat_map(|row| unpack(row.last, &row.operations).unwrap()).collect();
            prop_assert_eq!(noted, of);
        }

        #[test]
        fn what_nobody_noted_is_no_panic(last in "[0-9A-Z]{26}|.{0,9}", bytes: Vec<u8>) {
            let _ = unpack(&last, &bytes);
        }
    }
}
