//! What was committed: the log that the server's triggers keep, folded as a transaction is told.

use std::collections::BTreeMap;

use headwater::stream::{FlushType, Operations};

/// What a statement did to a row, as its trigger saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) table: String,
    pub(crate) row: String,
    pub(crate) kind: Kind,
    /// The row's column `op` before and after.
    pub(crate) ops: (Option<String>, Option<String>),
    /// The row's column `level` before and after.
    pub(crate) levels: (Option<i32>, Option<i32>),
    /// Whether the row was marked as deleted before and after.
    pub(crate) gone: (bool, bool),
}

/// What a trigger is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Insert,
    Update,
    Delete,
}

/// What an event tells of its row: enough to know which change it is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Told {
    pub(crate) flush: FlushType,
    /// Column `op` before and after; only updates tell columns.
    pub(crate) ops: Option<(String, String)>,
}

/// What one transaction did to one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) flush: FlushType,
    pub(crate) ops: (Option<String>, Option<String>),
    levels: (Option<i32>, Option<i32>),
}

/// A unit of work that deletes what it wrote says so in the row's `op`: the row then tells that both are of one
/// transaction, which the log cannot know.
pub(crate) const DELETED_BY_ITSELF: char = 'x';

/// A stream of a table, and what it gets.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) stream: &'static str,
    pub(crate) table: &'static str,
    on: Operations,
    /// A change of column `level` publishes an update.
    triggered: bool,
    /// The old value is that of the row, not what a session without a version once read.
    tells_old: bool,
}

const fn rule(stream: &'static str, table: &'static str, on: Operations) -> Rule {
    Rule {
        stream,
        table,
        on,
        triggered: false,
        tells_old: true,
    }
}

/// The declarations of `tables.rs`, told again, so that a fault in reading them is seen.
pub(crate) const RULES: [Rule; 4] = [
    rule("Orders", "orders", Operations::ALL),
    Rule {
        triggered: true,
        ..rule("OrderLevels", "orders", Operations::INSERT.and(Operations::DELETE))
    },
    Rule {
        tells_old: false,
        ..rule("Journal", "notes", Operations::ALL)
    },
    Rule {
        triggered: true,
        ..rule("Journal", "stock", Operations::DELETE)
    },
];

impl Rule {
    /// What the stream hears of a change, if anything.
    pub(crate) fn of(&self, change: &Change) -> Option<Told> {
        let operation = match change.flush {
            FlushType::Insert => Operations::INSERT,
            FlushType::Update => Operations::UPDATE,
            FlushType::Delete => Operations::DELETE,
        };
        let triggers = change.flush == FlushType::Update && change.levels.0 != change.levels.1;
        let publishes = self.on.has(operation) || (self.triggered && triggers);
        if !publishes {
            return None;
        }
        let ops = match (change.flush, &change.ops) {
            (FlushType::Update, (Some(old), Some(new))) => Some((old.clone(), new.clone())),
            _ => None,
        };
        Some(self.told(change.flush, ops))
    }

    /// What an event of this stream and table tells that can be compared.
    pub(crate) fn told(&self, flush: FlushType, ops: Option<(String, String)>) -> Told {
        let ops = match (flush, ops) {
            (FlushType::Update, Some((_, new))) if !self.tells_old => Some((String::new(), new)),
            (FlushType::Update, ops) => ops,
            _ => None,
        };
        Told { flush, ops }
    }
}

/// A table and a row of it.
pub(crate) type Place = (String, String);

/// The changes of each row in the order of their commits.
///
/// The lines of a row are in that order, since whoever writes one holds the row's lock until the commit.
pub(crate) fn fold(lines: impl IntoIterator<Item = Line>) -> BTreeMap<Place, Vec<Change>> {
    let mut rows: BTreeMap<Place, Vec<Vec<Line>>> = BTreeMap::new();
    for line in lines {
        let transactions = rows.entry((line.table.clone(), line.row.clone())).or_default();
        match transactions.last_mut() {
            Some(transaction) if transaction.last().is_some_and(|last| are_together(last, &line)) => {
                transaction.push(line);
            }
            _ => transactions.push(vec![line]),
        }
    }
    rows.into_iter()
        .map(|(place, transactions)| (place, transactions.iter().flat_map(|lines| told(lines)).collect()))
        .collect()
}

/// Whether one transaction wrote both: each writes an `op` of its own into the rows it changes.
fn are_together(last: &Line, line: &Line) -> bool {
    let by = last.ops.1.as_ref();
    match line.kind {
        Kind::Insert => false,
        Kind::Update => by.is_some() && by == line.ops.1.as_ref(),
        Kind::Delete => by.is_some_and(|op| line.ops.0.as_ref() == Some(op) && op.ends_with(DELETED_BY_ITSELF)),
    }
}

/// What a transaction that did this to a row is told as.
fn told(lines: &[Line]) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for line in lines {
        let flush = match line.kind {
            Kind::Insert => FlushType::Insert,
            Kind::Delete => FlushType::Delete,
            Kind::Update if line.gone == (false, true) => FlushType::Delete,
            Kind::Update => FlushType::Update,
        };
        let Some(first) = changes.last_mut() else {
            changes.push(Change {
                flush,
                ops: line.ops.clone(),
                levels: line.levels,
            });
            continue;
        };
        match (first.flush, flush, line.kind) {
            (FlushType::Insert, FlushType::Delete, Kind::Delete) => {
                changes.pop();
                continue;
            }
            // The row is there, and marked: both are told.
            (FlushType::Insert, FlushType::Delete, _) => {
                changes.push(Change {
                    flush,
                    ops: line.ops.clone(),
                    levels: line.levels,
                });
                continue;
            }
            (FlushType::Insert, ..) => {}
            // Marked, and changed once more while it is.
            (FlushType::Delete, FlushType::Update, _) if line.gone == (true, true) => {}
            _ => first.flush = flush,
        }
        first.ops.1.clone_from(&line.ops.1);
        first.levels.1 = line.levels.1;
    }
    changes
}

/// How many changes, of how many rows.
pub(crate) fn count(rows: &BTreeMap<Place, Vec<Change>>) -> u64 {
    rows.values().map(|changes| changes.len() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: Kind, old: &str, new: &str) -> Line {
        let op = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Line {
            table: "orders".into(),
            row: "1".into(),
            kind,
            ops: (op(old), op(new)),
            levels: (Some(0), Some(0)),
            gone: (false, false),
        }
    }

    fn insert(new: &str) -> Line {
        line(Kind::Insert, "", new)
    }

    fn update(old: &str, new: &str) -> Line {
        line(Kind::Update, old, new)
    }

    fn delete(old: &str) -> Line {
        line(Kind::Delete, old, "")
    }

    fn marked(gone: (bool, bool), line: Line) -> Line {
        Line { gone, ..line }
    }

    /// The changes as `I`, `U a>b`, `D`.
    fn folded(lines: &[Line]) -> Vec<String> {
        let shown = |change: &Change| match (change.flush, &change.ops) {
            (FlushType::Insert, _) => "I".to_owned(),
            (FlushType::Delete, _) => "D".to_owned(),
            (FlushType::Update, (old, new)) => {
                format!(
                    "U {}>{}",
                    old.as_deref().unwrap_or_default(),
                    new.as_deref().unwrap_or_default()
                )
            }
        };
        let rows = fold(lines.to_vec());
        rows.values().flatten().map(shown).collect()
    }

    #[test]
    fn statements_of_one_transaction_are_one_change() {
        let cases: [(&[Line], &[&str]); 8] = [
            (&[insert("a"), update("a", "a"), update("a", "a")], &["I"]),
            (&[insert("a"), update("a", "b"), update("b", "b")], &["I", "U a>b"]),
            (&[insert("ax"), delete("ax")], &[]),
            (&[insert("ax"), update("ax", "ax"), delete("ax")], &[]),
            (&[insert("a"), update("a", "bx"), delete("bx")], &["I", "D"]),
            (&[insert("a"), delete("a")], &["I", "D"]),
            (
                &[insert("a"), update("a", "b"), update("b", "b"), update("b", "c")],
                &["I", "U a>b", "U b>c"],
            ),
            (&[update("a", "b"), delete("b")], &["U a>b", "D"]),
        ];
        for (lines, expected) in cases {
            assert_eq!(folded(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_mark_is_a_delete_and_its_removal_an_update() {
        let trash = |old, new| marked((false, true), update(old, new));
        let restore = |old, new| marked((true, false), update(old, new));
        let edit = |old, new| marked((true, true), update(old, new));
        let cases: [(&[Line], &[&str]); 5] = [
            (&[insert("a"), trash("a", "b"), restore("b", "c")], &["I", "D", "U b>c"]),
            (&[insert("a"), trash("a", "a")], &["I", "D"]),
            (&[insert("a"), update("a", "b"), trash("b", "b")], &["I", "D"]),
            (&[trash("a", "b"), edit("b", "b"), edit("b", "c")], &["D", "U b>c"]),
            (&[trash("a", "b"), delete("b")], &["D", "D"]),
        ];
        for (lines, expected) in cases {
            assert_eq!(folded(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn rows_are_apart() {
        let mut other = insert("a");
        other.row = "2".into();
        let rows = fold([insert("a"), other, update("a", "b")]);
        assert_eq!((rows.len(), count(&rows)), (2, 3));
    }

    #[test]
    fn streams_get_what_they_are_declared_for() {
        let with_level = |levels, line| Line { levels, ..line };
        let lines = [
            insert("a"),
            update("a", "b"),
            with_level((Some(0), Some(1)), update("b", "c")),
            // There and back in one transaction triggers nothing.
            with_level((Some(1), Some(2)), update("c", "d")),
            with_level((Some(2), Some(1)), update("d", "d")),
            delete("d"),
        ];
        let rows = fold(lines);
        let heard = |rule: &Rule| {
            let told = rows.values().flatten().filter_map(|change| rule.of(change));
            told.map(|told| match told.ops {
                Some((old, new)) => format!("{} {old}>{new}", told.flush),
                None => told.flush.to_string(),
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(
            heard(&RULES[0]),
            ["insert", "update a>b", "update b>c", "update c>d", "delete"]
        );
        assert_eq!(heard(&RULES[1]), ["insert", "update b>c", "delete"]);
        assert_eq!(
            heard(&RULES[2]),
            ["insert", "update >b", "update >c", "update >d", "delete"]
        );
        assert_eq!(heard(&RULES[3]), ["update b>c", "delete"]);
    }
}
