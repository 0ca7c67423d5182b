//! What happened to operations that were queued by `flush_async`: each is executed once, and those of a row in order.

use std::collections::{BTreeMap, BTreeSet};

use crate::truth::{Kind, Line};

/// What the workers said of their operations: `queue TAG ROWS` before, `queued TAG` after Redis had taken it. A worker
/// that is killed in between does not know.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// How many rows each operation writes its tag into.
    rows: BTreeMap<String, u64>,
    taken: BTreeSet<String>,
}

/// What is wrong, in numbers of operations.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Executed {
    /// Taken by Redis.
    pub(crate) queued: u64,
    /// Of those, and of those whose answer was lost.
    pub(crate) executed: u64,
    /// Taken, and not executed.
    pub(crate) lost: u64,
    /// Executed more than once.
    pub(crate) repeated: u64,
    /// Executed in part.
    pub(crate) halved: u64,
    /// Executed after a later one of the same writer and row.
    pub(crate) out_of_order: u64,
}

impl Executed {
    pub(crate) fn is_good(&self) -> bool {
        self.lost + self.repeated + self.halved + self.out_of_order == 0
    }
}

impl Queue {
    /// Takes what a worker said; whether it was about the queue.
    pub(crate) fn hear(&mut self, line: &str) -> bool {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["queue", tag, rows] => {
                self.rows
                    .insert((*tag).to_owned(), rows.parse::<u64>().unwrap_or_default());
                true
            }
            ["queued", tag] => {
                self.taken.insert((*tag).to_owned());
                true
            }
            _ => false,
        }
    }

    /// Compares with the log that the triggers keep.
    pub(crate) fn check(&self, lines: &[Line]) -> Executed {
        let mut result = Executed::default();
        let mut written: BTreeMap<&str, u64> = BTreeMap::new();
        let mut last: BTreeMap<(&str, &str), (&str, u64)> = BTreeMap::new();
        for line in lines.iter().filter(|line| line.kind != Kind::Delete) {
            let Some(tag) = line.ops.1.as_deref() else { continue };
            *written.entry(tag).or_default() += 1;
            let Some((writer, number)) = tag.rsplit_once('.') else {
                continue;
            };
            let number = number.parse().unwrap_or_default();
            let before = last.insert((&line.table, &line.row), (writer, number));
            if before.is_some_and(|(by, before)| by == writer && before > number) {
                result.out_of_order += 1;
            }
        }
        // One that only deletes tells no row of it; the events of the deletes are compared elsewhere.
        for (tag, rows) in self.rows.iter().filter(|(_, rows)| **rows > 0) {
            result.queued += u64::from(self.taken.contains(tag));
            match written.get(tag.as_str()) {
                None if self.taken.contains(tag) => result.lost += 1,
                None => {}
                Some(found) if found == rows => result.executed += 1,
                Some(found) if found > rows => {
                    result.executed += 1;
                    result.repeated += 1;
                }
                Some(_) => result.halved += 1,
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(lines: &[&str]) -> Queue {
        let mut queue = Queue::default();
        for line in lines {
            assert!(queue.hear(line), "{line}");
        }
        queue
    }

    fn line(row: &str, tag: &str) -> Line {
        Line {
            table: "orders".into(),
            row: row.into(),
            kind: Kind::Update,
            ops: (None, Some(tag.into())),
            levels: (None, None),
            gone: (false, false),
        }
    }

    const TWO: [&str; 3] = ["queue w1.0.1 2", "queued w1.0.1", "queue w1.0.2 1"];

    #[test]
    fn what_was_taken_must_be_executed_and_the_rest_may() {
        let once = [line("1", "w1.0.1"), line("2", "w1.0.1")];
        let all = [once.to_vec(), vec![line("1", "w1.0.2")]].concat();
        for (lines, executed) in [(once.as_slice(), 1), (all.as_slice(), 2)] {
            let found = queue(&TWO).check(lines);
            assert!(found.is_good(), "{found:?}");
            assert_eq!((found.queued, found.executed), (1, executed));
        }
    }

    #[test]
    fn each_fault_is_found() {
        let lost = queue(&TWO).check(&[]);
        assert_eq!((lost.lost, lost.is_good()), (1, false));
        let halved = queue(&TWO).check(&[line("1", "w1.0.1")]);
        assert_eq!((halved.halved, halved.is_good()), (1, false));
        let repeated = queue(&TWO).check(&[line("1", "w1.0.1"), line("2", "w1.0.1"), line("2", "w1.0.1")]);
        assert_eq!((repeated.repeated, repeated.is_good()), (1, false));
        let swapped = queue(&TWO).check(&[line("1", "w1.0.2"), line("1", "w1.0.1"), line("2", "w1.0.1")]);
        assert_eq!((swapped.out_of_order, swapped.is_good()), (1, false));
    }

    #[test]
    fn other_words_are_no_operations() {
        assert!(!Queue::default().hear("ready"));
        assert!(!Queue::default().hear("at relay-claimed"));
    }
}
