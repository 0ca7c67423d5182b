//! Which rows of a step a statement is about, by their keys: those of a few ranges, or those of a list.
//!
//! Rows whose keys follow each other are found faster by a range than one by one (benches/README.md).

use super::frozen::Frozen;
use super::sql::Condition;
use super::strategy::{self, MOST_RANGED, MOST_RANGES, padded};
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
        let listed = rest.len().min(most);
        let ranged = rest.len().min(MOST_RANGED);
        let found = ranges(def, rest[..ranged].iter().map(|&i| &frozen.changes[i].key), MOST_RANGES);
        let (by, rows) = match found {
            // Never more statements than lists would take.
            Some((ranges, rows)) if rows >= listed => (By::Ranges(ranges), rows),
            _ => (By::Keys(padded(listed, most)), listed),
        };
        let (chunk, later) = rest.split_at(rows);
        Some(Chosen { chunk, by, later })
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

/// The ranges that the keys make, from the first key on, and how many keys they hold: all, unless there would be more
/// than the most ranges. Of each its first key, the last but one, and the last; as many as one of few numbers, the last
/// range again up to that. `None` where the keys are better listed.
///
/// The last key stands alone, because a range locks the row behind it as well, which may be somebody else's:
/// <https://dev.mysql.com/doc/refman/8.4/en/innodb-locking.html>, next-key locks.
pub(super) fn ranges<'v>(
    def: &TableDef,
    mut keys: impl Iterator<Item = &'v Value>,
    most: usize,
) -> Option<(Vec<[&'v Value; 3]>, usize)> {
    // Between two keys that follow each other there is no other number only where all are whole.
    if !matches!(def.key().stored(), SqlType::Integer { .. }) {
        return None;
    }
    let mut last = [keys.next()?; 3];
    let (mut ranges, mut count) = (Vec::new(), 1);
    for key in keys {
        if follows(last[2], key) {
            (last[1], last[2]) = (last[2], key);
        } else if ranges.len() + 1 < most {
            ranges.push(std::mem::replace(&mut last, [key; 3]));
        } else {
            break;
        }
        count += 1;
    }
    ranges.push(last);
    if !strategy::by_ranges(ranges.len(), count) {
        return None;
    }
    ranges.resize(ranges.len().next_power_of_two(), last);
    Some((ranges, count))
}

/// Whether a key is the next after another.
fn follows(key: &Value, next: &Value) -> bool {
    match (key, next) {
        (Value::UInt(key), Value::UInt(next)) => key.checked_add(1) == Some(*next),
        (Value::Int(key), Value::Int(next)) => key.checked_add(1) == Some(*next),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use crate::table::Value;

    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "numbered")]
    struct Numbered {
        #[column(id)]
        id: u64,
    }
    impl Entity for Numbered {}

    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "named")]
    struct Named {
        #[column(id)]
        id: String,
    }
    impl Entity for Named {}

    /// First, last but one and last key of each range, and how many keys they hold.
    fn found(keys: &[Value]) -> Option<(Vec<String>, usize)> {
        let (ranges, count) = ranges(Numbered::TABLE, keys.iter(), MOST_RANGES)?;
        let text = |[first, before, last]: [&Value; 3]| format!("{first}-{before},{last}");
        Some((ranges.into_iter().map(text).collect(), count))
    }

    fn unsigned(keys: impl Iterator<Item = u64>) -> Vec<Value> {
        keys.map(Value::UInt).collect()
    }

    #[test]
    fn keys_that_follow_each_other_make_a_range() {
        let one = |text: &str, count| Some((vec![text.to_owned()], count));
        assert_eq!(found(&unsigned(1..=4)), one("1-3,4", 4));
        assert_eq!(found(&unsigned(u64::MAX - 4..=u64::MAX)), {
            one("18446744073709551611-18446744073709551614,18446744073709551615", 5)
        });
        let signed = |keys: std::ops::RangeInclusive<i64>| keys.map(Value::Int).collect::<Vec<_>>();
        assert_eq!(found(&signed(-2..=2)), one("-2-1,2", 5));
        assert_eq!(found(&signed(i64::MIN..=i64::MIN + 4)), {
            one("-9223372036854775808--9223372036854775805,-9223372036854775804", 5)
        });
        assert_eq!(found(&signed(i64::MAX - 4..=i64::MAX)), {
            one("9223372036854775803-9223372036854775806,9223372036854775807", 5)
        });
    }

    #[test]
    fn few_keys_are_listed() {
        assert_eq!(found(&[]), None);
        assert_eq!(found(&unsigned(1..=3)), None);
        // Not in order, or the same again.
        assert_eq!(found(&unsigned((1..=4).rev())), None);
        assert_eq!(found(&unsigned([1, 1, 2, 2].into_iter())), None);
        let names: Vec<Value> = (0..9).map(|n| Value::Text(n.to_string())).collect();
        assert!(ranges(Named::TABLE, names.iter(), MOST_RANGES).is_none());
        // Numbers of two kinds.
        assert_eq!(
            found(&[Value::Int(1), Value::UInt(2), Value::Int(3), Value::UInt(4)]),
            None
        );
    }

    #[test]
    fn ranges_are_few_and_of_few_numbers() {
        let runs = |runs: u64, keys: u64| unsigned((0..runs).flat_map(move |run| run * 1000..run * 1000 + keys));
        for (count, keys, expected) in [
            (1, 4, Some((1, 4))),
            (2, 4, Some((2, 8))),
            (3, 4, Some((4, 12))),
            (8, 3, None),
            (8, 4, Some((8, 32))),
            (9, 4, None),
            (9, 8, Some((16, 72))),
            (32, 7, None),
            (32, 8, Some((32, 256))),
            // Those that are left come with the next statement.
            (33, 8, Some((32, 256))),
            (100, 100, Some((32, 3_200))),
            (100, 1, None),
        ] {
            let keys = runs(count, keys);
            let found = found(&keys).map(|(ranges, keys)| (ranges.len(), keys));
            assert_eq!(found, expected, "{count} runs of {} keys", keys.len());
        }
        let (three, _) = found(&runs(3, 4)).expect("ranges");
        assert_eq!(three, ["0-2,3", "1000-1002,1003", "2000-2002,2003", "2000-2002,2003"]);
    }
}
