//! What was executed, as the database remembers it: one row for many operations.
//!
//! A row has operations of one transaction that were queued within half a minute: their ids, which begin with that time,
//! share their first letters. So an operation is looked for among few rows, wherever its id stands.

use std::collections::HashMap;

use super::execute::Entry;
use super::tables::DONE;
use crate::error::Result;
use crate::mysql::{Connection, Params};
use crate::session::strategy::inserted;
use crate::table::Value;

/// What is executed already, by id, with the entry that it was executed for.
pub(super) type Known = HashMap<String, String>;

/// How many rows are looked at together, whether they are old.
pub(super) const PAGE: u64 = 10_000;
/// The most operations of a row: some 43 kB.
const PACKED: usize = 1000;
/// The most rows of one INSERT.
const ROWS: usize = 256;
/// The most groups of ids in one SELECT.
const GROUPS: usize = 256;
/// The letters that the ids of a row share: of an ULID they say its time to 33 seconds.
const SHARED: usize = 7;

/// Notes these operations, each with its entry.
pub(super) fn note(connection: &mut Connection, entries: &[Entry<'_>]) -> Result<()> {
    let rows = rows(
        entries
            .iter()
            .map(|((entry, _), item)| (item.id.as_str(), entry.to_string())),
    );
    let mut left = rows.as_slice();
    while !left.is_empty() {
        let (some, rest) = left.split_at(inserted(rows.len(), left.len(), ROWS));
        let mut params = Params::with_capacity(some.len() * 3);
        for row in some {
            for text in [&row.last, &row.first, &row.operations] {
                params.push(Value::Text(text.clone()));
            }
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
        let sql = format!("SELECT `last`,`first`,`operations` FROM `{DONE}` WHERE {wanted}");
        connection.select(&sql, params, DONE, &mut |row| {
            let values = row.values();
            let [last, first, operations] = [0, 1, 2].map(|n| text(values.get(n)));
            for (id, entry) in unpack(&last, &first, &operations) {
                if ids.binary_search(&id).is_ok() {
                    known.insert(id.to_owned(), entry.to_owned());
                }
            }
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
        last = Some(text(row.values().first()));
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
struct Row {
    last: String,
    first: String,
    /// A line for each, with its id and its entry.
    operations: String,
}

fn rows<'a>(operations: impl Iterator<Item = (&'a str, String)>) -> Vec<Row> {
    let mut operations: Vec<(&str, String)> = operations.collect();
    operations.sort_unstable();
    let groups = operations.chunk_by(|(a, _), (b, _)| shares(a, b));
    let rows = groups.flat_map(|group| group.chunks(PACKED)).map(|group| {
        let lines: Vec<String> = group.iter().map(|(id, entry)| format!("{id} {entry}")).collect();
        Row {
            last: group[group.len() - 1].0.to_owned(),
            first: group[0].0.to_owned(),
            operations: lines.join("\n"),
        }
    });
    rows.collect()
}

/// The operations of a row, each with its entry.
fn unpack<'a>(last: &'a str, first: &'a str, operations: &'a str) -> Vec<(&'a str, &'a str)> {
    if last == first {
        // Whatever stands in an id that others have made.
        let entry = operations.rsplit_once(' ').map_or("", |(_, entry)| entry);
        return vec![(last, entry)];
    }
    operations.lines().filter_map(|line| line.split_once(' ')).collect()
}

/// Whether two operations may stand in one row.
fn shares(a: &str, b: &str) -> bool {
    shared(a).is_some_and(|letters| shared(b) == Some(letters))
}

/// What ids of a row share; nothing where an id is not an ULID: it has a row for itself.
fn shared(id: &str) -> Option<&str> {
    let is_ulid = id.len() == 26 && id.bytes().all(|letter| matches!(letter, b'0'..=b'9' | b'A'..=b'Z'));
    is_ulid.then(|| &id[..SHARED])
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(operations: &[(&str, &str)]) -> Vec<Row> {
        rows(operations.iter().map(|(id, entry)| (*id, (*entry).to_owned())))
    }

    #[test]
    fn operations_of_one_time_share_a_row() {
        let (a, b, c) = (
            "01JD0000000000000000000001",
            "01JD0000000000000000000002",
            "01JD0010000000000000000000",
        );
        let rows = packed(&[(c, "3-0"), (a, "1-0"), (b, "2-0")]);
        let packed = Row {
            last: b.to_owned(),
            first: a.to_owned(),
            operations: format!("{a} 1-0\n{b} 2-0"),
        };
        assert_eq!(rows[0], packed);
        assert_eq!(unpack(b, a, &rows[0].operations), [(a, "1-0"), (b, "2-0")]);
        assert_eq!(unpack(c, c, &rows[1].operations), [(c, "3-0")]);
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn ids_of_others_stand_alone_whatever_they_are() {
        let ids = ["queue:1-0", "queue:2-0", "a b\nc 9-9", ""];
        let rows = packed(&ids.map(|id| (id, "7-1")));
        assert_eq!(rows.len(), ids.len());
        for row in &rows {
            assert_eq!(
                unpack(&row.last, &row.first, &row.operations),
                [(row.last.as_str(), "7-1")]
            );
        }
    }

    #[test]
    fn a_row_has_so_many_operations_at_most() {
        let ids: Vec<String> = (0..2500).map(|n| format!("01JD0000{n:018}")).collect();
        let rows = rows(ids.iter().map(|id| (id.as_str(), "1-0".to_owned())));
        assert_eq!(
            rows.iter()
                .map(|row| row.operations.lines().count())
                .collect::<Vec<_>>(),
            [1000, 1000, 500]
        );
        let all = rows
            .iter()
            .flat_map(|row| unpack(&row.last, &row.first, &row.operations));
        assert_eq!(all.map(|(id, _)| id).collect::<Vec<_>>(), ids);
    }
}
