//! Compares what the streams should hold with what they hold, row by row.

use std::collections::{BTreeMap, HashMap};

use headwater::stream::FlushType;

use crate::truth::{Change, Place, RULES, Told};

/// An event that was found in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) stream: String,
    pub(crate) table: String,
    pub(crate) row: String,
    pub(crate) flush: FlushType,
    /// Column `op` before and after, of an update.
    pub(crate) ops: Option<(String, String)>,
    /// The event id (field `e`).
    pub(crate) id: String,
    /// The id of its entry, which tells when it was written.
    pub(crate) entry: String,
}

/// Which order the events of a row must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// That of the commits.
    Commits,
    /// That of the commits of each writer: all that background streams promise.
    Writers,
}

/// What came of the comparison.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) expected: u64,
    pub(crate) found: u64,
    /// Committed, and in no entry.
    pub(crate) lost: u64,
    /// Entries that tell again what another told.
    pub(crate) doubled: u64,
    /// Entries whose event id another entry of their stream has.
    pub(crate) repeated_ids: u64,
    /// Entries that came before one that they should follow.
    pub(crate) out_of_order: u64,
    /// Entries that tell of nothing that was committed.
    pub(crate) never_committed: u64,
    /// Rows with any of these.
    pub(crate) bad: Vec<Bad>,
}

/// A row whose events are not as they should be.
#[derive(Debug)]
pub(crate) struct Bad {
    pub(crate) stream: String,
    pub(crate) table: String,
    pub(crate) row: String,
    pub(crate) expected: Vec<Told>,
    pub(crate) found: Vec<Told>,
    pub(crate) faults: String,
}

impl Verdict {
    /// Nothing is lost, doubled, out of order or published without being committed.
    pub(crate) fn is_good(&self) -> bool {
        self.lost + self.doubled + self.repeated_ids + self.out_of_order + self.never_committed == 0
    }
}

/// An expected event, with the unit of work it is of where that is known.
#[derive(Debug)]
struct Expected<'a> {
    told: Told,
    writer: Option<&'a str>,
}

/// What a stream should hold of a row, and what it holds.
#[derive(Debug, Default)]
struct Sides<'a> {
    expected: Vec<Expected<'a>>,
    found: Vec<Told>,
    /// Event ids that came again, and where.
    repeats: Vec<String>,
}

/// The writer in an `op`: what stands before the last dot.
fn writer(op: &str) -> Option<&str> {
    op.rsplit_once('.').map(|(writer, _)| writer)
}

pub(crate) fn compare(rows: &BTreeMap<Place, Vec<Change>>, found: &[Found], order: Order) -> Verdict {
    let mut verdict = Verdict {
        found: found.len() as u64,
        ..Verdict::default()
    };
    // By stream, table and row.
    let mut places: BTreeMap<(&str, &str, &str), Sides<'_>> = BTreeMap::new();
    for ((table, row), changes) in rows {
        for rule in RULES.iter().filter(|rule| rule.table == table) {
            for change in changes {
                let Some(told) = rule.of(change) else { continue };
                verdict.expected += 1;
                let writer = change.ops.1.as_deref().and_then(writer);
                let place = places.entry((rule.stream, table, row)).or_default();
                place.expected.push(Expected { told, writer });
            }
        }
    }
    let mut ids: HashMap<(&str, &str), &Found> = HashMap::new();
    for event in found {
        let rule = RULES
            .iter()
            .find(|rule| rule.stream == event.stream && rule.table == event.table);
        let told = match rule {
            Some(rule) => rule.told(event.flush, event.ops.clone()),
            None => Told {
                flush: event.flush,
                ops: event.ops.clone(),
            },
        };
        let place = places.entry((&event.stream, &event.table, &event.row)).or_default();
        place.found.push(told);
        if let Some(first) = ids.insert((&event.stream, &event.id), event) {
            verdict.repeated_ids += 1;
            place
                .repeats
                .push(format!("{} in {} and {}", event.id, first.entry, event.entry));
        }
    }
    for ((stream, table, row), sides) in places {
        let Sides {
            expected,
            found,
            repeats,
        } = sides;
        let is_same = expected.len() == found.len() && expected.iter().map(|e| &e.told).eq(found.iter());
        if is_same {
            continue;
        }
        let faults = Faults::of(&expected, &found, order);
        verdict.lost += faults.lost;
        verdict.doubled += faults.doubled;
        verdict.out_of_order += faults.out_of_order;
        verdict.never_committed += faults.never_committed;
        if faults != Faults::default() {
            verdict.bad.push(Bad {
                stream: stream.to_owned(),
                table: table.to_owned(),
                row: row.to_owned(),
                expected: expected.into_iter().map(|expected| expected.told).collect(),
                found,
                faults: std::iter::once(faults.to_string())
                    .chain(repeats)
                    .collect::<Vec<_>>()
                    .join(", "),
            });
        }
    }
    verdict
}

/// What is wrong with one row's events in one stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Faults {
    lost: u64,
    doubled: u64,
    out_of_order: u64,
    never_committed: u64,
}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} lost, {} doubled, {} out of order, {} never committed",
            self.lost, self.doubled, self.out_of_order, self.never_committed
        )
    }
}

impl Faults {
    fn of(expected: &[Expected<'_>], found: &[Told], order: Order) -> Faults {
        let mut faults = Faults::default();
        // Which expected event each found one is. Those of a longest common subsequence are in order.
        let mut is: Vec<Option<usize>> = vec![None; found.len()];
        for (wanted, got) in common(expected, found) {
            is[got] = Some(wanted);
        }
        let mut open: Vec<bool> = vec![true; expected.len()];
        for wanted in is.iter().flatten() {
            open[*wanted] = false;
        }
        let mut moved = 0;
        for (got, told) in found.iter().enumerate() {
            if is[got].is_some() {
                continue;
            }
            let same = |at: &usize| expected[*at].told == *told;
            if let Some(wanted) = (0..expected.len()).filter(|&at| open[at]).find(same) {
                open[wanted] = false;
                is[got] = Some(wanted);
                moved += 1;
            } else if (0..expected.len()).any(|at| same(&at)) {
                faults.doubled += 1;
            } else {
                faults.never_committed += 1;
            }
        }
        faults.lost = open.iter().filter(|open| **open).count() as u64;
        faults.out_of_order = match order {
            Order::Commits => moved,
            Order::Writers => overtaken(expected, &is),
        };
        faults
    }
}

/// How many events a later one of the same writer has overtaken.
fn overtaken(expected: &[Expected<'_>], is: &[Option<usize>]) -> u64 {
    let known: Vec<usize> = is.iter().flatten().copied().collect();
    let is_overtaken = |at: usize, wanted: usize| {
        let by = expected[wanted].writer;
        by.is_some()
            && known[..at]
                .iter()
                .any(|&before| before > wanted && expected[before].writer == by)
    };
    (0..known.len()).filter(|&at| is_overtaken(at, known[at])).count() as u64
}

/// The positions of a longest common subsequence.
fn common(expected: &[Expected<'_>], found: &[Told]) -> Vec<(usize, usize)> {
    let (rows, columns) = (expected.len(), found.len());
    // The length of the longest one of what follows each pair of positions.
    let mut longest = vec![vec![0u32; columns + 1]; rows + 1];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            longest[i][j] = if expected[i].told == found[j] {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < rows && j < columns {
        if expected[i].told == found[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if longest[i + 1][j] >= longest[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests;
