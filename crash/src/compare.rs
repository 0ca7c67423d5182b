//! Compares what the streams should hold with what they hold, row by row.

use std::collections::{BTreeMap, HashSet};

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

/// The writer in an `op`: what stands before the last dot.
fn writer(op: &str) -> Option<&str> {
    op.rsplit_once('.').map(|(writer, _)| writer)
}

pub(crate) fn compare(rows: &BTreeMap<Place, Vec<Change>>, found: &[Found], order: Order) -> Verdict {
    let mut verdict = Verdict {
        found: found.len() as u64,
        ..Verdict::default()
    };
    let mut places: BTreeMap<(&str, &str, &str), (Vec<Expected<'_>>, Vec<Told>)> = BTreeMap::new();
    for ((table, row), changes) in rows {
        for rule in RULES.iter().filter(|rule| rule.table == table) {
            for change in changes {
                let Some(told) = rule.of(change) else { continue };
                verdict.expected += 1;
                let writer = change.ops.1.as_deref().and_then(writer);
                let place = places.entry((rule.stream, table, row)).or_default();
                place.0.push(Expected { told, writer });
            }
        }
    }
    let mut ids = HashSet::new();
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
        place.1.push(told);
        if !ids.insert((&event.stream, &event.id)) {
            verdict.repeated_ids += 1;
        }
    }
    for ((stream, table, row), (expected, found)) in places {
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
                faults: faults.to_string(),
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
mod tests {
    use super::*;
    use crate::truth::{Kind, Line, fold};

    /// A row of `orders` in four changes: insert, two updates, delete.
    fn rows() -> BTreeMap<Place, Vec<Change>> {
        let line = |kind, old: Option<&str>, new: Option<&str>| Line {
            table: "orders".into(),
            row: "7".into(),
            kind,
            ops: (old.map(str::to_owned), new.map(str::to_owned)),
            levels: (Some(1), Some(1)),
            gone: (false, false),
        };
        fold([
            line(Kind::Insert, None, Some("w1.1")),
            line(Kind::Update, Some("w1.1"), Some("w2.1")),
            line(Kind::Update, Some("w2.1"), Some("w1.2")),
            line(Kind::Delete, Some("w1.2"), None),
        ])
    }

    fn found(stream: &str, flush: FlushType, ops: Option<(&str, &str)>) -> Found {
        Found {
            stream: stream.into(),
            table: "orders".into(),
            row: "7".into(),
            flush,
            ops: ops.map(|(old, new)| (old.to_owned(), new.to_owned())),
            id: String::new(),
        }
    }

    /// What both streams hold when all is well.
    fn good() -> Vec<Found> {
        let mut events = vec![
            found("Orders", FlushType::Insert, None),
            found("Orders", FlushType::Update, Some(("w1.1", "w2.1"))),
            found("Orders", FlushType::Update, Some(("w2.1", "w1.2"))),
            found("Orders", FlushType::Delete, None),
            found("OrderLevels", FlushType::Insert, None),
            found("OrderLevels", FlushType::Delete, None),
        ];
        number(&mut events);
        events
    }

    fn number(events: &mut [Found]) {
        for (n, event) in events.iter_mut().enumerate() {
            event.id = n.to_string();
        }
    }

    /// Lost, doubled, repeated ids, out of order, never committed.
    fn figures(events: &[Found], order: Order) -> [u64; 5] {
        let verdict = compare(&rows(), events, order);
        assert_eq!(verdict.expected, 6);
        assert_eq!(verdict.found, events.len() as u64);
        let is_good = verdict.is_good();
        let figures = [
            verdict.lost,
            verdict.doubled,
            verdict.repeated_ids,
            verdict.out_of_order,
            verdict.never_committed,
        ];
        assert_eq!(is_good, figures == [0; 5]);
        figures
    }

    #[test]
    fn all_is_well() {
        assert_eq!(figures(&good(), Order::Commits), [0; 5]);
        assert_eq!(figures(&good(), Order::Writers), [0; 5]);
    }

    #[test]
    fn each_lost_event_is_missed() {
        for at in 0..6 {
            let mut events = good();
            events.remove(at);
            assert_eq!(figures(&events, Order::Commits), [1, 0, 0, 0, 0], "{at}");
        }
        assert_eq!(figures(&[], Order::Commits), [6, 0, 0, 0, 0]);
    }

    #[test]
    fn a_repeat_is_found_with_its_id_and_without() {
        for at in 0..6 {
            let mut events = good();
            events.push(events[at].clone());
            assert_eq!(figures(&events, Order::Commits), [0, 1, 1, 0, 0], "{at}");
            number(&mut events);
            assert_eq!(figures(&events, Order::Commits), [0, 1, 0, 0, 0], "{at}");
        }
    }

    #[test]
    fn an_id_in_another_stream_is_no_repeat() {
        let mut events = good();
        events[4].id = events[0].id.clone();
        assert_eq!(figures(&events, Order::Commits), [0; 5]);
    }

    #[test]
    fn every_swap_in_a_stream_is_out_of_order() {
        for at in [0, 1, 2, 4] {
            let mut events = good();
            events.swap(at, at + 1);
            assert_eq!(figures(&events, Order::Commits), [0, 0, 0, 1, 0], "{at}");
        }
        // Streams have no order between them.
        let mut events = good();
        events.rotate_left(4);
        assert_eq!(figures(&events, Order::Commits), [0; 5]);
    }

    #[test]
    fn writers_may_overtake_each_other_but_not_themselves() {
        // The update of w2 before the insert of w1.
        let mut events = good();
        events.swap(0, 1);
        assert_eq!(figures(&events, Order::Writers), [0; 5]);
        // The second update of w1 before its insert.
        let mut events = good();
        events.swap(0, 2);
        assert_eq!(figures(&events, Order::Writers), [0, 0, 0, 1, 0]);
    }

    #[test]
    fn what_was_never_committed_is_found() {
        let others = [
            found("Orders", FlushType::Update, Some(("w1.1", "rb1.1"))),
            Found {
                row: "8".into(),
                ..found("Orders", FlushType::Insert, None)
            },
            // A stream that does not get it.
            found("OrderLevels", FlushType::Update, Some(("w1.1", "w2.1"))),
            // A table that has no such stream.
            Found {
                table: "notes".into(),
                ..found("Orders", FlushType::Insert, None)
            },
            found("Unknown", FlushType::Insert, None),
        ];
        for other in others {
            let mut events = good();
            events.insert(2, other.clone());
            number(&mut events);
            assert_eq!(figures(&events, Order::Commits), [0, 0, 0, 0, 1], "{other:?}");
        }
    }

    #[test]
    fn a_wrong_old_value_is_no_event_of_the_change() {
        let mut events = good();
        events[2].ops = Some(("w1.1".into(), "w1.2".into()));
        assert_eq!(figures(&events, Order::Commits), [1, 0, 0, 0, 1]);
    }

    #[test]
    fn a_bad_row_is_named_with_both_sequences() {
        let mut events = good();
        events.remove(1);
        let verdict = compare(&rows(), &events, Order::Commits);
        let [bad] = verdict.bad.as_slice() else {
            panic!("{verdict:?}")
        };
        assert_eq!((bad.stream.as_str(), bad.row.as_str()), ("Orders", "7"));
        assert_eq!((bad.expected.len(), bad.found.len()), (4, 3));
        assert_eq!(bad.faults, "1 lost, 0 doubled, 0 out of order, 0 never committed");
    }
}
