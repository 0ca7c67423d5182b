//! Updates of one row each that follow each other and write the same columns: one statement.

use std::cell::Cell;
use std::collections::HashSet;

use crate::mysql::Server;
use crate::runtime::Runtime;
use crate::session::update_many::{Row, Shape, Statement};
use crate::stream::Param;
use crate::stream::wire::row_value;
use crate::table::{ColumnDef, ColumnSet, SqlType, Value};

/// Updates that are held back for as long as they can be joined.
#[derive(Debug)]
pub(super) struct Updates<'a> {
    sql: &'a str,
    shape: Shape,
    /// The values of each row, as the queue has them: new values, key, version.
    rows: Vec<&'a [Param]>,
    keys: HashSet<&'a [u8]>,
    bytes: usize,
}

impl<'a> Updates<'a> {
    /// None yet, of the form of this statement; `None` when it is no update of one row as a session writes it.
    pub(super) fn of(runtime: &Runtime, sql: &'a str) -> Option<Self> {
        let (table, rest) = sql.strip_prefix("UPDATE `")?.split_once("` SET ")?;
        let (set, condition) = rest.rsplit_once(" WHERE ")?;
        let def = runtime.named(table)?.1.def;
        let mut columns = ColumnSet::EMPTY;
        for assignment in set.split(',') {
            let name = assignment.strip_prefix('`')?.strip_suffix("`=?")?;
            columns.insert(def.column(name)?.0);
        }
        let shape = Shape {
            def,
            columns,
            versioned: def.version.is_some() && condition.contains(" AND "),
        };
        // Rows may hand a unique value over to each other, in the order of the queue.
        let mut unique = def.indexes.iter().filter(|index| index.unique);
        if unique.any(|index| columns.meets(&ColumnSet::of(index.columns))) {
            return None;
        }
        // Whatever was not looked at above is the same, or it is another statement.
        (shape.single() == sql).then(|| Updates {
            sql,
            shape,
            rows: Vec::new(),
            keys: HashSet::new(),
            bytes: 0,
        })
    }

    /// Takes one more in; `false` when it has another form, its row is among them already, or there is no room.
    pub(super) fn take(&mut self, sql: &str, params: &'a [Param], bytes: usize, server: &Server) -> bool {
        let Some(key) = params.get(self.shape.columns.len()) else {
            return false;
        };
        let fits = self.sql == sql
            && params.len() == self.shape.width()
            && self.rows.len() < self.shape.most_rows()
            && self.bytes + bytes <= server.max_packet / 4 * 3
            && !self.keys.contains(key.text.as_slice());
        if fits {
            self.keys.insert(&key.text);
            self.rows.push(params);
            self.bytes += bytes;
        }
        fits
    }

    /// The text that updates one row.
    pub(super) fn sql(&self) -> &'a str {
        self.sql
    }

    /// What each row binds to that text.
    pub(super) fn rows(&self) -> &[&'a [Param]] {
        &self.rows
    }

    /// All rows in one statement; `None` when they are better updated one by one.
    pub(super) fn joined(&self, server: &Server) -> Option<Statement> {
        let def = self.shape.def;
        let columns: Vec<&ColumnDef> = self.shape.columns.iter().map(|column| &def.columns[column]).collect();
        let value = |param: &Param, column| row_value(param, column).ok().filter(|value| fits(value, column));
        let mut values = Vec::with_capacity(self.rows.len() * columns.len());
        let mut conditions = Vec::with_capacity(self.rows.len());
        for params in &self.rows {
            let (new, rest) = params.split_at(columns.len());
            for (param, column) in new.iter().zip(&columns) {
                values.push(Cell::new(value(param, column)?));
            }
            let version = match (rest.get(1), def.version) {
                (Some(param), Some(column)) => Some(value(param, &def.columns[column])?),
                _ => None,
            };
            conditions.push((value(rest.first()?, def.key())?, version));
        }
        let rows: Vec<Row<'_>> = conditions
            .iter()
            .zip(values.chunks(columns.len()))
            .map(|((key, version), values)| Row {
                key,
                version: version.as_ref(),
                values,
                spent: true,
            })
            .collect();
        self.shape.statement(&rows, server)
    }
}

/// Whether a value is certainly one of its column's type as this engine knows it, which the join gives it: the struct
/// of whoever queued it may have another.
fn fits(value: &Value, column: &ColumnDef) -> bool {
    let text = match value {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    };
    let fits = |is_fit: &dyn Fn(&str) -> bool| text.is_some_and(is_fit);
    match (column.stored(), value) {
        (_, Value::Null) => true,
        (SqlType::Bool | SqlType::Integer { .. }, Value::Bool(_) | Value::Int(_) | Value::UInt(_)) => true,
        (SqlType::Float | SqlType::Double, Value::Float(_) | Value::Double(_)) => true,
        (SqlType::Date, Value::Date(_) | Value::DateTime(_)) => true,
        (SqlType::DateTime { .. }, Value::DateTime(_)) | (SqlType::Time { .. }, Value::Time(_)) => true,
        (SqlType::Text { length }, _) => fits(&|text| text.chars().count() <= length as usize),
        (SqlType::Bytes { length }, Value::Bytes(bytes)) => bytes.len() <= length as usize,
        (SqlType::Uuid, Value::Bytes(bytes)) => bytes.len() == 16,
        (SqlType::Enum(names), _) => fits(&|text| names.contains(&text)),
        (SqlType::Set(names), _) => fits(&|text| text.is_empty() || text.split(',').all(|name| names.contains(&name))),
        (SqlType::Decimal { precision, scale }, _) => fits(&|text| {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            let whole = whole.trim_start_matches(['-', '0']).len();
            fraction.len() <= usize::from(scale) && whole <= usize::from(precision.saturating_sub(scale))
        }),
        _ => false,
    }
}
