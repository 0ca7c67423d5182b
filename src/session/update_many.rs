//! UPDATEs of many rows to different values: picked from lists by each row's key, or joined from a table of them.

use std::cell::Cell;

use super::by_key::ranges;
use super::sql::{self, Condition, Position};
use super::strategy::{self, LISTED, MOST_RANGES_PICKED, MOST_ROWS, Way, padded};
use crate::mysql::{Params, Server};
use crate::table::{ColumnSet, TableDef, Value};

/// Placeholders that one statement may have:
/// <https://dev.mysql.com/doc/refman/8.4/en/sql-prepared-statements.html> binds them to 16 bits.
pub(crate) const MOST_PLACEHOLDERS: usize = 65_535;

/// What such statements have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) def: &'static TableDef,
    /// The columns that are written.
    pub(crate) columns: ColumnSet,
    /// Whether the rows must have a version.
    pub(crate) versioned: bool,
}

/// One row that is to be updated.
pub(crate) struct Row<'a> {
    pub(crate) key: &'a Value,
    /// The version that it must have.
    pub(crate) version: Option<&'a Value>,
    /// Its new values, in the order of the columns.
    pub(crate) values: &'a [Cell<Value>],
    /// Whether nobody needs these any more: they move into the statement.
    pub(crate) spent: bool,
}

/// A statement with its values.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) params: Params,
    /// How many rows it must find.
    pub(crate) rows: usize,
}

/// The rows by their places in the lists of their values, and where a row finds its own.
struct Places<'a, 'v> {
    rows: Vec<Option<&'a Row<'v>>>,
    position: Position,
    /// What the position binds.
    of: Vec<&'a Value>,
    /// The places of each list: some more than are used, so that there are few texts.
    count: usize,
}

impl Shape {
    /// Values of a row.
    pub(crate) fn width(&self) -> usize {
        1 + usize::from(self.versioned) + self.columns.len()
    }

    /// The most rows of one statement.
    pub(crate) fn most_rows(&self) -> usize {
        MOST_ROWS.min(MOST_PLACEHOLDERS / self.width()).max(1)
    }

    /// The text that updates one row.
    pub(crate) fn single(&self) -> String {
        sql::update_one(self.def, &self.columns, self.versioned)
    }

    /// The statements that update these rows best. Each has the next of the rows.
    pub(crate) fn statements(&self, rows: &[Row<'_>], server: &Server) -> Vec<Statement> {
        if let Some(statement) = self.statement(rows, server) {
            return vec![statement];
        }
        let parts = rows.chunks(self.most_listed());
        parts
            .map(|part| {
                if let [row] = part {
                    self.one(row)
                } else {
                    self.listed(part)
                }
            })
            .collect()
    }

    /// The statement that updates all these rows; `None` when there is only one, or several statements are better.
    pub(crate) fn statement(&self, rows: &[Row<'_>], server: &Server) -> Option<Statement> {
        let joinable = sql::joinable(self.def, &self.columns);
        match strategy::update_way(rows.len(), span(rows), self.most_listed(), joinable) {
            Way::Offset => self.offset(rows),
            Way::Listed => Some(self.listed(rows)),
            Way::Join => Some(self.joined(rows, server)),
            Way::Single | Way::Parts => None,
        }
    }

    /// The lists that each row's values are picked from.
    fn lists(&self) -> usize {
        self.width() - 1
    }

    /// The most rows that are found in a list of keys.
    fn most_listed(&self) -> usize {
        LISTED.min(MOST_PLACEHOLDERS / (self.width() * 3)).max(1)
    }

    /// The statement that updates one row.
    pub(crate) fn one(&self, row: &Row<'_>) -> Statement {
        let mut params = Params::with_capacity(self.width());
        (0..row.values.len()).for_each(|column| params.push(row.value(column)));
        params.push(row.key.clone());
        if let Some(version) = row.version {
            params.push(version.clone());
        }
        Statement {
            text: self.single(),
            params,
            rows: 1,
        }
    }

    /// Values by how far the key is from the first one; `None` when there would be too many places.
    fn offset(&self, rows: &[Row<'_>]) -> Option<Statement> {
        let first = rows.iter().min_by_key(|row| number(row.key))?;
        let start = number(first.key)?;
        let mut places: Vec<Option<&Row<'_>>> = Vec::with_capacity(rows.len());
        for row in rows {
            let place = usize::try_from(number(row.key)? - start).ok()?;
            if places.len() <= place {
                places.resize(place + 1, None);
            }
            places[place] = Some(row);
        }
        let in_order = places.iter().flatten().map(|row| row.key);
        let (condition, keys) = match ranges(self.def, in_order, MOST_RANGES_PICKED) {
            Some((ranges, count)) if count == rows.len() => {
                (Condition::Ranges(ranges.len()), ranges.into_iter().flatten().collect())
            }
            _ => {
                let count = padded(rows.len(), MOST_ROWS);
                (Condition::Keys(count), repeated(rows.iter().map(|row| row.key), count))
            }
        };
        let most = ((MOST_PLACEHOLDERS - keys.len()) / self.lists()).saturating_sub(1);
        (places.len() <= most).then(|| {
            let count = padded(places.len(), most);
            let places = Places {
                rows: places,
                position: Position::Offset,
                of: vec![first.key],
                count,
            };
            self.picked(rows.len(), &places, condition, &keys)
        })
    }

    /// Values by where the key stands in a list of keys.
    fn listed(&self, rows: &[Row<'_>]) -> Statement {
        let count = padded(rows.len(), MOST_ROWS);
        let keys = repeated(rows.iter().map(|row| row.key), count);
        let places = Places {
            rows: rows.iter().map(Some).collect(),
            position: Position::Listed(count),
            of: keys.clone(),
            count,
        };
        self.picked(rows.len(), &places, Condition::Keys(count), &keys)
    }

    fn picked(&self, rows: usize, places: &Places<'_, '_>, condition: Condition, keys: &[&Value]) -> Statement {
        let mut params = Params::with_capacity(self.lists() * (places.of.len() + places.count) + keys.len());
        for column in 0..self.columns.len() {
            places.list(&mut params, |row| as_text(row.value(column)));
        }
        keys.iter().for_each(|&key| params.push(key.clone()));
        if self.versioned {
            places.list(&mut params, |row| row.version.cloned().unwrap_or(Value::Null));
        }
        let text = sql::update_picked(
            self.def,
            &self.columns,
            self.versioned,
            (places.position, places.count),
            condition,
        );
        Statement { text, params, rows }
    }

    /// Values from a table of them. Rows up to one of few sizes are filled with NULL keys, which match nothing.
    fn joined(&self, rows: &[Row<'_>], server: &Server) -> Statement {
        let places = padded(rows.len(), self.most_rows());
        let mut params = Params::with_capacity(places * self.width());
        for row in rows {
            params.push(row.key.clone());
            if let Some(version) = row.version {
                params.push(version.clone());
            }
            (0..row.values.len()).for_each(|column| params.push(as_text(row.value(column))));
        }
        for _ in rows.len() * self.width()..places * self.width() {
            params.push(Value::Null);
        }
        Statement {
            text: sql::update_join(self.def, &self.columns, self.versioned, places, server),
            params,
            rows: rows.len(),
        }
    }
}

impl Row<'_> {
    /// One of the new values.
    fn value(&self, column: usize) -> Value {
        let value = self.values[column].take();
        if !self.spent {
            self.values[column].set(value.clone());
        }
        value
    }
}

impl Places<'_, '_> {
    /// Adds the position and one value of each row.
    fn list(&self, params: &mut Params, value: impl Fn(&Row<'_>) -> Value) {
        self.of.iter().for_each(|&value| params.push(value.clone()));
        for row in &self.rows {
            params.push(row.map_or(Value::Null, &value));
        }
        (self.rows.len()..self.count).for_each(|_| params.push(Value::Null));
    }
}

/// From the least key to the greatest, both included; `None` unless all are integers.
fn span(rows: &[Row<'_>]) -> Option<u128> {
    let (mut least, mut most) = (i128::MAX, i128::MIN);
    for row in rows {
        let key = number(row.key)?;
        (least, most) = (least.min(key), most.max(key));
    }
    u128::try_from(most.checked_sub(least)? + 1).ok()
}

fn number(key: &Value) -> Option<i128> {
    match key {
        Value::Int(number) => Some(i128::from(*number)),
        Value::UInt(number) => Some(i128::from(*number)),
        _ => None,
    }
}

/// The items, the last one again up to so many.
fn repeated<T: Copy>(items: impl IntoIterator<Item = T>, count: usize) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    if let Some(&last) = items.last() {
        items.resize(count.max(items.len()), last);
    }
    items
}

/// A value in the form in which it goes through an expression: dates and floats as text, from which the column reads
/// all of their digits.
fn as_text(value: Value) -> Value {
    match value {
        Value::Date(_) | Value::DateTime(_) | Value::Time(_) => Value::Text(value.to_string()),
        Value::Float(number) => Value::Text(format!("{:e}", f64::from(number))),
        Value::Double(number) => Value::Text(format!("{number:e}")),
        other => other,
    }
}
