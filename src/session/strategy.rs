//! Which statement writes rows best and how many rows it takes, by server and number of rows. Pure.
//!
//! A statement must be prepared once to be fast and costs its server memory for as long as it is kept, so that there
//! must be few sizes; and each statement costs a round trip, so that there must be few statements. Same changes, same
//! statements: nothing here depends on what was run before.

use crate::mysql::Flavour;

/// How rows of one shape are changed to different values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// One statement for the one row.
    Single,
    /// One statement: each row picks its values from lists, by how far its key is from the first.
    Offset,
    /// One statement: each row picks its values from lists, by where its key stands in a list of keys.
    Listed,
    /// One statement: a join with a table of the values.
    Join,
    /// Some statements with lists of keys.
    Parts,
}

/// Rows beyond which a statement only gets slower.
pub(super) const MOST_ROWS: usize = 1024;

/// The most rows of a statement that names them by a few ranges of keys: more would save little, and a server that is slow
/// must answer in time.
pub(super) const MOST_RANGED: usize = 8 * MOST_ROWS;

/// The most ranges of keys in a statement that needs no more than the keys: each row is compared with one after the other.
pub(super) const MOST_RANGES: usize = 32;

/// The same where each row picks its values from lists: beyond that a list of keys is faster (benches/README.md).
pub(super) const MOST_RANGES_PICKED: usize = 8;

/// Rows beyond which looking each key up in a list of all takes longer than joining them.
pub(super) const LISTED: usize = 64;

/// So many rows are inserted by one statement of exactly their number.
const EXACT: usize = 128;

/// So many are, too, where more came before them: each further statement for them costs as much as thirty rows.
const REST: usize = 64;

/// How rows that get different values are updated. The span is that of their keys from the first to the last, where
/// they are integers.
//
// Measured on both servers (benches/README.md): picking from lists is faster than a join, or as fast, because the
// server reads and writes each row once, where a join first makes a table of the values and then one of the results.
//
// Not by MariaDB's command for many rows (COM_STMT_BULK_EXECUTE): on a table with triggers its count of rows is wrong,
// and a row that somebody else has changed or deleted would go unnoticed.
pub(super) fn update_way(rows: usize, span: Option<u128>, most_listed: usize, joinable: bool) -> Way {
    if rows <= 1 {
        Way::Single
    } else if span.is_some_and(|span| span <= rows as u128 * 2) {
        Way::Offset
    } else if rows <= most_listed {
        Way::Listed
    } else if joinable {
        Way::Join
    } else {
        Way::Parts
    }
}

/// Whether so many ranges name so many rows better than a list of their keys does. They are faster from about eight keys
/// a range on (benches/README.md). Few ranges are better even before: a list of many keys makes the server read, and lock,
/// all of a small table.
pub(super) fn by_ranges(ranges: usize, keys: usize) -> bool {
    keys >= ranges * if ranges <= 8 { 4 } else { 8 }
}

/// The most rows of one INSERT.
pub(crate) fn most_inserted(flavour: Flavour) -> usize {
    match flavour {
        Flavour::MariaDb => MOST_ROWS,
        // Large prepared statements get slower by the row here.
        Flavour::MySql => 192,
    }
}

/// How many of the rows that are left the next INSERT takes: all if they are few altogether, so that they need no
/// transaction; else the greatest of few sizes, because a statement of a new size must be prepared first.
pub(crate) fn inserted(all: usize, left: usize, most: usize) -> usize {
    let take = left.min(most);
    if all <= EXACT || take <= REST {
        return take;
    }
    // Eight sizes between each power of two and the next: what is left behind one below 1,024 is a rest.
    let step = 1 << take.ilog2().saturating_sub(3);
    take / step * step
}

/// The size of a statement that can have more places than rows: some more than these, so that there are few sizes.
pub(crate) fn padded(rows: usize, most: usize) -> usize {
    let below = step_below(rows);
    let padded = if below == rows { rows } else { below + step(below) };
    padded.min(most).max(rows)
}

/// The greatest size up to this number; there are four between each power of two and the next.
fn step_below(rows: usize) -> usize {
    let step = step(rows);
    rows / step * step
}

fn step(rows: usize) -> usize {
    rows.checked_ilog2().map_or(1, |power| 1 << power.saturating_sub(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(all: usize, most: usize) -> Vec<usize> {
        let (mut left, mut pieces) = (all, Vec::new());
        while left > 0 {
            pieces.push(inserted(all, left, most));
            left -= inserted(all, left, most);
        }
        pieces
    }

    #[test]
    fn inserts_of_any_number_of_rows_have_few_sizes() {
        assert_eq!(pieces(1, 1024), [1]);
        assert_eq!(pieces(128, 1024), [128]);
        assert_eq!(pieces(129, 1024), [128, 1]);
        assert_eq!(pieces(737, 1024), [704, 33]);
        assert_eq!(pieces(1000, 1024), [960, 40]);
        assert_eq!(pieces(2050, 1024), [1024, 1024, 2]);
        assert_eq!(pieces(400, 192), [192, 192, 16]);
        assert_eq!(pieces(7, 3), [3, 3, 1]);
        let sizes: std::collections::BTreeSet<usize> = (129..5000).flat_map(|rows| pieces(rows, 1024)).collect();
        assert_eq!(sizes.len(), 64 + 4 * 8);
        for rows in 1..5000 {
            assert_eq!(pieces(rows, 1024).iter().sum::<usize>(), rows);
            assert!(pieces(rows, 1024).len() <= rows / 1024 + 2, "{rows}");
        }
    }

    #[test]
    fn places_are_few_more_than_rows() {
        let all: Vec<usize> = [0, 1, 2, 7, 9, 10, 11, 100, 737, 1000, 1024]
            .map(|rows| padded(rows, 1024))
            .into();
        assert_eq!(all, [0, 1, 2, 7, 10, 10, 12, 112, 768, 1024, 1024]);
        assert_eq!(padded(900, 910), 910);
        for rows in 1..3000 {
            let padded = padded(rows, 4096);
            assert!(padded >= rows && padded * 4 <= rows * 5, "{rows}: {padded}");
        }
    }

    #[test]
    fn different_values_are_picked_or_joined() {
        for (rows, span, joinable, expected) in [
            (1, Some(1), true, Way::Single),
            (2, Some(2), true, Way::Offset),
            (2, Some(4), true, Way::Offset),
            (2, Some(5), true, Way::Listed),
            (2, None, false, Way::Listed),
            (64, None, true, Way::Listed),
            (65, None, true, Way::Join),
            (65, None, false, Way::Parts),
            (1000, Some(2000), false, Way::Offset),
            (1000, Some(2001), true, Way::Join),
        ] {
            assert_eq!(update_way(rows, span, 64, joinable), expected, "{rows} {span:?}");
        }
    }
}
