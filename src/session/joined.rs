//! One UPDATE of many rows to different values: a join with a table of the values.

use super::sql;
use super::strategy::{self, MOST_ROWS, Way, padded};
use crate::mysql::{Params, Server};
use crate::table::{ColumnSet, TableDef, Value};

/// Placeholders that one statement may have:
/// <https://dev.mysql.com/doc/refman/8.4/en/sql-prepared-statements.html> binds them to 16 bits.
pub(super) const MOST_PLACEHOLDERS: usize = 65_535;

/// What such statements have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) def: &'static TableDef,
    /// The columns that are written.
    pub(crate) columns: ColumnSet,
    /// Whether the rows must have a version.
    pub(crate) versioned: bool,
}

/// The values of the rows.
#[derive(Debug)]
pub(crate) struct Rows {
    params: Params,
    count: usize,
}

impl Shape {
    /// Values of a row.
    pub(crate) fn width(&self) -> usize {
        1 + usize::from(self.versioned) + self.columns.len()
    }

    /// Whether so many rows are best joined.
    pub(crate) fn is_best(&self, rows: usize, server: &Server) -> bool {
        let joinable = sql::joinable(self.def, &self.columns);
        strategy::update_way(server.flavour, rows, joinable) == Way::Join
    }

    /// The most rows of one statement.
    pub(crate) fn most_rows(&self) -> usize {
        MOST_ROWS.min(MOST_PLACEHOLDERS / self.width()).max(1)
    }

    /// The text that updates one row.
    pub(crate) fn single(&self) -> String {
        sql::update_one(self.def, &self.columns, self.versioned)
    }

    /// The statement. Rows up to one of few sizes are filled with NULL keys, which match nothing: few texts, kept
    /// prepared.
    pub(crate) fn statement(&self, rows: Rows, server: &Server) -> (String, Params) {
        let Rows { mut params, count } = rows;
        let places = padded(count, self.most_rows());
        for _ in count * self.width()..places * self.width() {
            params.push(Value::Null);
        }
        let text = sql::update_join(self.def, &self.columns, self.versioned, places, server);
        (text, params)
    }
}

impl Rows {
    /// None yet; room for so many.
    pub(crate) fn of(shape: &Shape, rows: usize) -> Self {
        let places = padded(rows, shape.most_rows());
        Rows {
            params: Params::with_capacity(places * shape.width()),
            count: 0,
        }
    }

    /// Adds a row: its key, the version that it must have, and its new values in the order of the columns.
    pub(crate) fn push<'a>(
        &mut self,
        key: &Value,
        version: Option<&Value>,
        values: impl IntoIterator<Item = &'a Value>,
    ) {
        self.params.push(key.clone());
        if let Some(version) = version {
            self.params.push(version.clone());
        }
        values.into_iter().for_each(|value| self.params.push(joined(value)));
        self.count += 1;
    }
}

/// A value in the form in which it goes through the table value constructor of a join.
fn joined(value: &Value) -> Value {
    match value {
        Value::Date(_) | Value::DateTime(_) | Value::Time(_) => Value::Text(value.to_string()),
        Value::Float(number) => Value::Text(format!("{:e}", f64::from(*number))),
        Value::Double(number) => Value::Text(format!("{number:e}")),
        other => other.clone(),
    }
}
