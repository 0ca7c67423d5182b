//! Which rows of a step a statement is about, by their keys: those of a few ranges, or those of a list.
//!
//! Rows whose keys follow each other are found faster by a range than one by one (benches/README.md).

use super::frozen::Frozen;
use super::sql::Condition;
use super::strategy::{MOST_RANGED, padded};
use crate::mysql::Params;
use crate::table::{SqlType, TableDef, Value};

/// The next rows of a step that a statement is about, by their keys alone.
pub(super) struct Chosen<'a, 'f> {
    pub(super) chunk: &'a [usize],
    pub(super) by: By<'f>,
    pub(super) later: &'a [usize],
}

/// How rows are named.
pub(super) enum By<'f> {
    /// By the ranges that their keys make.
    Ranges(Vec<[&'f Value; 3]>),
    /// By a list of so many keys, the last one repeated: an IN list may name a row twice.
    Keys(usize),
}

impl<'a, 'f> Chosen<'a, 'f> {
    /// Of these rows as many as one statement is best for; a list has at most so many.
    pub(super) fn next(frozen: &'f Frozen, rest: &'a [usize], most: usize) -> Option<Self> {
        let def = frozen.changes[*rest.first()?].def;
        let by_ranges = |rows: usize| {
            let (chunk, later) = rest.split_at(rows);
            let by = By::Ranges(ranges(def, chunk.iter().map(|&i| &frozen.changes[i].key))?);
            Some(Chosen { chunk, by, later })
        };
        let listed = rest.len().min(most);
        let ranged = rest.len().min(MOST_RANGED);
        let chosen = by_ranges(ranged).or_else(|| if listed < ranged { by_ranges(listed) } else { None });
        chosen.or_else(|| {
            let (chunk, later) = rest.split_at(listed);
            let by = By::Keys(padded(listed, most));
            Some(Chosen { chunk, by, later })
        })
    }
}

impl By<'_> {
    pub(super) fn condition(&self) -> Condition {
        match self {
            By::Ranges(ranges) => Condition::Ranges(ranges.len()),
            By::Keys(count) => Condition::Keys(*count),
        }
    }

    /// How many values it binds.
    pub(super) fn values(&self) -> usize {
        match self {
            By::Ranges(ranges) => ranges.len() * 3,
            By::Keys(count) => *count,
        }
    }

    pub(super) fn bind(&self, frozen: &Frozen, chunk: &[usize], params: &mut Params) {
        match self {
            By::Ranges(ranges) => ranges.iter().flatten().for_each(|&key| params.push(key.clone())),
            By::Keys(count) => {
                for row in 0..*count {
                    params.push(frozen.changes[chunk[row.min(chunk.len() - 1)]].key.clone());
                }
            }
        }
    }
}

/// The most ranges that stand in a statement: each row is compared with one after the other.
const MOST: usize = 32;

/// The fewest keys for each range, on average: a list of fewer is as fast (benches/README.md).
const KEYS: usize = 8;

/// Of each range its first key, the last but one, and the last: as many as one of few numbers, the last one again up to
/// that. `None` where the keys are better listed.
///
/// The last key stands alone, because a range locks the row behind it as well, which may be somebody else's:
/// <https://dev.mysql.com/doc/refman/8.4/en/innodb-locking.html>, next-key locks.
pub(super) fn ranges<'v>(def: &TableDef, mut keys: impl Iterator<Item = &'v Value>) -> Option<Vec<[&'v Value; 3]>> {
    // Between two keys that follow each other there is no other number only where all are whole.
    if !matches!(def.key().stored(), SqlType::Integer { .. }) {
        return None;
    }
    let mut last = [keys.next()?; 3];
    let (mut ranges, mut count) = (Vec::new(), 1);
    for key in keys {
        count += 1;
        if follows(last[2], key) {
            (last[1], last[2]) = (last[2], key);
            continue;
        }
        ranges.push(std::mem::replace(&mut last, [key; 3]));
        if ranges.len() == MOST {
            return None;
        }
    }
    ranges.push(last);
    if ranges.len() * KEYS > count {
        return None;
    }
    ranges.resize(ranges.len().next_power_of_two(), last);
    Some(ranges)
}

/// Whether a key is the next after another.
fn follows(key: &Value, next: &Value) -> bool {
    match (key, next) {
        (Value::UInt(key), Value::UInt(next)) => key.checked_add(1) == Some(*next),
        (Value::Int(key), Value::Int(next)) => key.checked_add(1) == Some(*next),
        _ => false,
    }
}
