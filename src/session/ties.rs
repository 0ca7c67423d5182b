//! What ties the changes of a flush to each other: references to new rows, unique values handed over.

use std::collections::HashMap;

use super::changes::columns_given_up;
use super::core::Place;
use super::frozen::{Change, Frozen};
use super::plan::Tie;
use crate::table::{OnDelete, SqlType, TableDef, Value};

/// Why a tie is there, and so how it is broken when it closes a circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// A reference; broken by inserting NULL and filling it in later. Position in [`Frozen::pending`].
    Reference(usize),
    /// A unique value; broken by parking another value in the row that gives it up. Position in the
    /// table's indexes.
    Unique(usize),
    /// A delete that must come before an insert of the same key.
    Delete,
    /// A row is deleted before the one that this column of it refers to; broken by taking the reference back first.
    Child(usize),
}

/// All ties of a flush, with the reason for each.
pub(crate) fn ties(frozen: &Frozen) -> (Vec<Tie>, Vec<Why>) {
    let mut found = Found::default();
    references(frozen, &mut found);
    if gives_something_up(frozen) {
        if takes_something(frozen) {
            unique_values(frozen, &mut found);
        }
        if deletes_in_circle(frozen) {
            children(frozen, &mut found);
        }
    }
    (found.ties, found.why)
}

#[derive(Default)]
struct Found {
    ties: Vec<Tie>,
    why: Vec<Why>,
}

impl Found {
    fn add(&mut self, before: usize, after: usize, breakable: bool, why: Why) {
        if before != after {
            self.push(before, after, breakable, why);
        }
    }

    /// Also of a row with itself: it waits for nobody, but what ties it must be broken.
    fn push(&mut self, before: usize, after: usize, breakable: bool, why: Why) {
        self.ties.push(Tie {
            before,
            after,
            breakable,
        });
        self.why.push(why);
    }
}

/// Rows that refer to rows inserted by the same flush come after them.
fn references(frozen: &Frozen, found: &mut Found) {
    if frozen.pending.is_empty() {
        return;
    }
    let inserts: HashMap<Place, usize> = frozen
        .changes
        .iter()
        .enumerate()
        .filter(|(_, c)| c.is_insert())
        .map(|(i, c)| (c.place, i))
        .collect();
    for (after, change) in frozen.changes.iter().enumerate() {
        for position in change.pending.clone() {
            let pending = &frozen.pending[position];
            if let Some(&before) = inserts.get(&pending.target) {
                // A row that refers to itself needs the second step as well.
                found.push(before, after, pending.nullable, Why::Reference(position));
            }
        }
    }
}

/// Whether any row is deleted or leaves a unique value behind: without that nothing can collide in order.
fn gives_something_up(frozen: &Frozen) -> bool {
    frozen.changes.iter().any(|change| {
        change.is_delete() || (!change.is_insert() && frozen.shape(change).columns.meets(&change.def.unique_columns()))
    })
}

/// Whether any row takes a key or a unique value.
fn takes_something(frozen: &Frozen) -> bool {
    frozen.changes.iter().any(|change| {
        change.is_insert() || (!change.is_delete() && frozen.shape(change).columns.meets(&change.def.unique_columns()))
    })
}

/// Whether a row is deleted of a table that refers to itself, or to another that refers back.
fn deletes_in_circle(frozen: &Frozen) -> bool {
    let mut last: Option<&'static TableDef> = None;
    frozen.changes.iter().filter(|change| change.is_delete()).any(|change| {
        // Deletes of one table stand together.
        if last.is_some_and(|def| std::ptr::eq(def, change.def)) {
            return false;
        }
        last = Some(change.def);
        let mut kept = columns_given_up(change.def).iter();
        kept.any(|column| change.def.columns[column].reference.is_some())
    })
}

/// A unique value is given up before it is taken.
fn unique_values(frozen: &Frozen, found: &mut Found) {
    let mut given: HashMap<(&'static str, usize, Vec<String>), usize> = HashMap::new();
    const PRIMARY: usize = usize::MAX;
    for (i, change) in frozen.changes.iter().enumerate() {
        if change.is_delete() {
            given.insert((change.def.name, PRIMARY, vec![folded(&change.key)]), i);
        }
        for (n, index) in unique_indexes(change.def) {
            if let Some(values) = tuple(frozen, change, index, Side::Old) {
                given.insert((change.def.name, n, values), i);
            }
        }
    }
    for (after, change) in frozen.changes.iter().enumerate() {
        if change.is_insert()
            && !change.key.is_null()
            && let Some(&before) = given.get(&(change.def.name, PRIMARY, vec![folded(&change.key)]))
        {
            found.add(before, after, false, Why::Delete);
        }
        for (n, index) in unique_indexes(change.def) {
            if let Some(values) = tuple(frozen, change, index, Side::New)
                && let Some(&before) = given.get(&(change.def.name, n, values))
            {
                let giver = &frozen.changes[before];
                let parkable = !giver.is_delete() && parking_place(frozen, giver, index).is_some();
                found.add(before, after, parkable, Why::Unique(n));
            }
        }
    }
}

/// In tables that refer to themselves, or to each other in a circle, children are deleted before their parents.
/// The other tables stand in that order as a whole.
fn children(frozen: &Frozen, found: &mut Found) {
    let mut parents: HashMap<(&'static str, String), usize> = HashMap::new();
    for (i, change) in frozen.changes.iter().enumerate().filter(|(_, c)| c.is_delete()) {
        parents.insert((change.def.name, folded(&change.key)), i);
    }
    for (before, change) in frozen.changes.iter().enumerate().filter(|(_, c)| c.is_delete()) {
        let columns = columns_given_up(change.def);
        for (value, column) in frozen.values[change.old_values()].iter().zip(columns.iter()) {
            let about = &change.def.columns[column];
            let Some(reference) = about.reference else { continue };
            if let Some(&after) = parents.get(&((reference.table)().name, folded(value))) {
                // Where the database does not check it, any order will do.
                let breakable = about.nullable || reference.constraint.is_none();
                // The servers refuse to delete a row that refers to itself, too.
                let checked = reference.constraint == Some(OnDelete::Restrict);
                if before != after || checked {
                    found.push(before, after, breakable, Why::Child(column));
                }
            }
        }
    }
}

fn unique_indexes(def: &'static TableDef) -> impl Iterator<Item = (usize, &'static [usize])> {
    def.indexes
        .iter()
        .enumerate()
        .filter(|(_, index)| index.unique)
        .map(|(n, index)| (n, index.columns))
}

/// Hands over the values of unique indexes that a change gives up or takes, with the index's name.
pub(super) fn unique_tuples(frozen: &Frozen, change: &Change, mut each: impl FnMut(&'static str, &[String])) {
    for (n, columns) in unique_indexes(change.def) {
        let name = change.def.indexes.get(n).map_or("", |index| index.name);
        for side in [Side::Old, Side::New] {
            if let Some(values) = tuple(frozen, change, columns, side) {
                each(name, &values);
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Old,
    New,
}

/// The values of a unique index that a change gives up or takes; `None` when it does neither, or one is NULL.
fn tuple(frozen: &Frozen, change: &Change, index: &[usize], side: Side) -> Option<Vec<String>> {
    let kept = if change.is_delete() {
        columns_given_up(change.def)
    } else {
        frozen.shape(change).kept
    };
    let (range, there) = match side {
        Side::Old => (change.old_values(), !change.is_insert()),
        Side::New => (change.new_values(), !change.is_delete()),
    };
    if !there || !index.iter().any(|&column| kept.has(column)) {
        return None;
    }
    let mut values = Vec::with_capacity(index.len());
    for &column in index {
        let (columns, start) = if kept.has(column) {
            (&kept, range.start)
        } else if frozen.shape(change).beside.has(column) {
            (&frozen.shape(change).beside, change.beside_values().start)
        } else {
            return None;
        };
        let position = columns.iter().take_while(|&c| c < column).count();
        let value = frozen.values.get(start + position)?;
        if value.is_null() {
            return None;
        }
        values.push(folded(value));
    }
    Some(values)
}

/// A value as the server's case-insensitive collations see it, roughly: telling too few apart is harmless.
fn folded(value: &Value) -> String {
    match value {
        Value::Text(text) => text.trim_end().to_lowercase(),
        other => other.to_string(),
    }
}

/// A column of this index that can hold some other value for a moment, and that value: one that the change writes
/// anyway, so that its own statement puts the right value there.
pub(super) fn parking_place(frozen: &Frozen, change: &Change, index: &[usize]) -> Option<(usize, Value)> {
    let own = |column: &&usize| {
        let about = &change.def.columns[**column];
        let checked = about.reference.is_some_and(|reference| reference.constraint.is_some());
        frozen.shape(change).columns.has(**column) && (about.nullable || !checked)
    };
    index
        .iter()
        .filter(own)
        .find_map(|&column| Some((column, parking_value(change.def, column)?)))
}

/// A value that the column can hold for a moment and that no other row has.
fn parking_value(def: &TableDef, column: usize) -> Option<Value> {
    let about = def.columns.get(column)?;
    if about.nullable {
        return Some(Value::Null);
    }
    let unique = ulid::Ulid::generate();
    match about.stored() {
        SqlType::Text { length } => {
            let text = unique.to_string();
            // The end of an ULID is its random part.
            let from = text.len().saturating_sub(length as usize);
            (length >= 10).then(|| Value::Text(text[from..].to_owned()))
        }
        SqlType::Bytes { length } => (length >= 16).then(|| Value::Bytes(unique.to_bytes().to_vec())),
        SqlType::Uuid => Some(Value::Bytes(unique.to_bytes().to_vec())),
        SqlType::Integer {
            bytes: bytes @ 4..=8,
            signed,
        } => {
            let most = (1u64 << (u32::from(bytes) * 8 - 1)) - 1;
            // The upper half of the range, where counted numbers do not come.
            let number = most / 2 + u64::try_from(unique.0 & u128::from(most / 2)).unwrap_or_default();
            Some(if signed {
                Value::Int(-i64::try_from(number).unwrap_or(i64::MAX))
            } else {
                Value::UInt(number)
            })
        }
        _ => None,
    }
}
