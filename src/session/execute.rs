//! Running a plan: statements in chunks, generated keys, rows counted.

use std::cell::Cell;

use super::by_key::Chosen;
use super::frozen::{Change, Frozen};
use super::sql;
use super::strategy::{self, MOST_ROWS, padded};
use super::target::Target;
use super::update_many::{MOST_PLACEHOLDERS, Row, Shape};
use crate::error::{Error, Result};
use crate::mysql::{Params, Server};
use crate::table::{ColumnSet, SqlType, Value};

/// Why a step did not do its work.
#[derive(Debug)]
pub(super) enum Failed {
    Error(Error),
    /// Not all of these rows were as the session knows them. Which, [`stale`](super::stale::stale) tells once the flush is taken back:
    /// before that, the rows that a DELETE found cannot be told from those that were gone.
    Stale(Vec<usize>),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Failed::Error(error)
    }
}

/// Runs one step of the plan and returns how many statements it took.
pub(super) fn step<T: Target>(connection: &mut T, frozen: &mut Frozen, step: &[usize]) -> Result<u64, Failed> {
    let Some(first) = step.first().map(|&i| &frozen.changes[i]) else {
        return Ok(0);
    };
    if first.is_insert() {
        Ok(insert(connection, frozen, step)?)
    } else if first.is_delete() {
        delete(connection, frozen, step)
    } else {
        update(connection, frozen, step)
    }
}

/// Whether a step is one statement that does nothing when it does not do all: it can run by itself.
///
/// An UPDATE or DELETE of many rows is not: when one of them is stale the others must be taken back.
pub(super) fn is_single(frozen: &Frozen, step: &[usize], server: &Server) -> bool {
    let Some(first) = step.first().map(|&i| &frozen.changes[i]) else {
        return false;
    };
    if !first.is_insert() {
        return step.len() == 1;
    }
    // A key that the server made may not fit the struct's type, which is only known afterwards.
    let key = &first.def.columns[first.def.id];
    if !frozen.shape(first).columns.has(first.def.id) && !matches!(key.stored(), SqlType::Integer { bytes: 8, .. }) {
        return false;
    }
    if step.len() == 1 {
        return true;
    }
    let most = most_inserted(server, frozen.shape(first).columns.len());
    strategy::inserted(step.len(), step.len(), most) == step.len()
        && Chunks::of(frozen, step, server, most).count() == 1
}

/// The most rows of one INSERT of so many columns.
fn most_inserted(server: &Server, columns: usize) -> usize {
    strategy::most_inserted(server.flavour)
        .min(MOST_PLACEHOLDERS / columns.max(1))
        .max(1)
}

fn insert<T: Target>(connection: &mut T, frozen: &mut Frozen, step: &[usize]) -> Result<u64> {
    let server = *connection.server();
    let first = &frozen.changes[step[0]];
    let (def, columns) = (first.def, frozen.shape(first).columns);
    let generated = !columns.has(def.id);
    let mut statements = 0;
    let most = most_inserted(&server, columns.len());
    for chunk in Chunks::of(frozen, step, &server, most).cut_by(strategy::inserted) {
        let done = connection.insert(&sql::insert(def, &columns, chunk.len()), frozen, chunk, def)?;
        statements += 1;
        if generated {
            // A plain INSERT of several rows gets consecutive keys, the first of which is reported:
            // https://dev.mysql.com/doc/refman/8.4/en/innodb-auto-increment-handling.html
            let signed = matches!(def.key().sql, SqlType::Integer { signed: true, .. });
            for (row, &i) in (0u64..).zip(chunk) {
                let key = done.first_key.wrapping_add(row.wrapping_mul(server.key_step));
                if key > most_of(def.key().sql) {
                    let reason = "the server made a key that the struct's key cannot hold";
                    return Err(def.key().misfit(&Value::UInt(key), reason));
                }
                frozen.changes[i].key = match i64::try_from(key) {
                    Ok(key) if signed => Value::Int(key),
                    _ => Value::UInt(key),
                };
            }
        }
    }
    Ok(statements)
}

/// The greatest number that an integer column holds.
fn most_of(sql: SqlType) -> u64 {
    match sql {
        SqlType::Integer { bytes, signed } if bytes < 8 || signed => {
            (1 << (u32::from(bytes) * 8 - u32::from(signed))) - 1
        }
        _ => u64::MAX,
    }
}

fn update<T: Target>(connection: &mut T, frozen: &mut Frozen, step: &[usize]) -> Result<u64, Failed> {
    let server = *connection.server();
    let first = &frozen.changes[step[0]];
    let (def, columns) = (first.def, frozen.shape(first).columns);
    let versioned = first.version.is_some();
    let shape = Shape {
        def,
        columns,
        versioned,
    };
    if step.len() > 1 && !versioned && all_same(frozen, step) {
        return update_same(connection, frozen, step);
    }
    let mut statements = 0;
    let chunks = Chunks::of(frozen, step, &server, shape.most_rows());
    let Frozen {
        changes,
        values,
        shapes,
        ..
    } = frozen;
    let values = Cell::from_mut(values.as_mut_slice()).as_slice_of_cells();
    let row = |&i: &usize| {
        let change = &changes[i];
        Row {
            key: &change.key,
            version: change.version.as_ref(),
            values: &values[change.new_values()],
            spent: change.is_spent(shapes.of(change)),
        }
    };
    for chunk in chunks {
        if let [one] = chunk {
            let statement = shape.one(&row(one));
            let matched = connection.change(&statement.text, statement.params, def.name, Some(1))?;
            statements += 1;
            expect(chunk, matched)?;
            continue;
        }
        let rows: Vec<Row<'_>> = chunk.iter().map(row).collect();
        let mut rest = chunk;
        for statement in shape.statements(&rows, &server) {
            let (rows, later) = rest.split_at(statement.rows);
            let matched = connection.change(&statement.text, statement.params, def.name, Some(rows.len()))?;
            statements += 1;
            expect(rows, matched)?;
            rest = later;
        }
    }
    Ok(statements)
}

/// Whether all changes of a step write the same values.
fn all_same(frozen: &Frozen, step: &[usize]) -> bool {
    let values = |i: usize| &frozen.values[frozen.changes[i].new_values()];
    let first = values(step[0]);
    step[1..]
        .iter()
        .all(|&i| values(i).iter().zip(first).all(|(a, b)| a.same(b)))
}

fn update_same<T: Target>(connection: &mut T, frozen: &Frozen, step: &[usize]) -> Result<u64, Failed> {
    let first = &frozen.changes[step[0]];
    let (def, columns) = (first.def, frozen.shape(first).columns);
    let most = MOST_ROWS.min(MOST_PLACEHOLDERS - columns.len());
    let mut statements = 0;
    let mut rest = step;
    while let Some(Chosen { chunk, by, later }) = Chosen::next(frozen, rest, most) {
        let mut params = Params::with_capacity(columns.len() + by.values());
        frozen.values[first.new_values()]
            .iter()
            .for_each(|value| params.push(value.clone()));
        by.bind(frozen, chunk, &mut params);
        let text = sql::update_same(def, &columns, by.condition());
        let matched = connection.change(&text, params, def.name, Some(chunk.len()))?;
        statements += 1;
        expect(chunk, matched)?;
        rest = later;
    }
    Ok(statements)
}

fn delete<T: Target>(connection: &mut T, frozen: &Frozen, step: &[usize]) -> Result<u64, Failed> {
    let first = &frozen.changes[step[0]];
    let def = first.def;
    let version = def.version.filter(|_| first.version.is_some());
    if let Some(version) = version
        && !is_version_same(frozen, step)
    {
        return delete_pairs(connection, frozen, step, version);
    }
    let mut statements = 0;
    let mut rest = step;
    while let Some(Chosen { chunk, by, later }) = Chosen::next(frozen, rest, MOST_ROWS) {
        let mut params = Params::with_capacity(by.values() + 1);
        by.bind(frozen, chunk, &mut params);
        if let Some(version) = &first.version {
            params.push(version.clone());
        }
        let text = sql::delete(def, by.condition(), version.is_some());
        let matched = connection.change(&text, params, def.name, Some(chunk.len()))?;
        statements += 1;
        expect(chunk, matched)?;
        rest = later;
    }
    Ok(statements)
}

/// Whether all changes of a step expect the same version.
fn is_version_same(frozen: &Frozen, step: &[usize]) -> bool {
    let version = |i: usize| frozen.changes[i].version.as_ref();
    let first = version(step[0]);
    step[1..].iter().all(|&i| match (version(i), first) {
        (Some(version), Some(first)) => version.same(first),
        _ => false,
    })
}

/// Deletes rows that have a version each.
fn delete_pairs<T: Target>(connection: &mut T, frozen: &Frozen, step: &[usize], version: usize) -> Result<u64, Failed> {
    let def = frozen.changes[step[0]].def;
    let mut statements = 0;
    for chunk in step.chunks(MOST_ROWS) {
        let rows = padded(chunk.len(), MOST_ROWS);
        let mut params = Params::with_capacity(rows * 2);
        for row in 0..rows {
            let change = &frozen.changes[chunk[row.min(chunk.len() - 1)]];
            params.push(change.key.clone());
            params.push(change.version.clone().unwrap_or(Value::Null));
        }
        let text = sql::delete_pairs(def, version, rows);
        let matched = connection.change(&text, params, def.name, Some(chunk.len()))?;
        statements += 1;
        expect(chunk, matched)?;
    }
    Ok(statements)
}

/// Every row must have matched.
fn expect(chunk: &[usize], matched: u64) -> Result<(), Failed> {
    if matched == chunk.len() as u64 {
        Ok(())
    } else {
        Err(Failed::Stale(chunk.to_vec()))
    }
}

/// Fills in one reference that was inserted as NULL, once its target has its key.
pub(super) fn fill_in<T: Target>(connection: &mut T, change: &Change, column: usize, target: &Value) -> Result<()> {
    let def = change.def;
    let columns = ColumnSet::of(&[column]);
    let mut params = Params::with_capacity(2);
    params.push(target.clone());
    params.push(change.key.clone());
    connection
        .change(&sql::update_one(def, &columns, false), params, def.name, None)
        .map(|_| ())
}

/// Gives the row another value for a moment: of a unique index, or NULL for a reference.
pub(super) fn park<T: Target>(connection: &mut T, change: &Change, column: usize, value: Value) -> Result<()> {
    fill_in(connection, change, column, &value)
}

/// Cuts a step into chunks by rows and by what a packet holds.
struct Chunks<'a> {
    rest: &'a [usize],
    all: usize,
    /// How large each row is; not needed where there is one, or all fit into a packet.
    sizes: Vec<usize>,
    /// How many of the sizes were used.
    at: usize,
    most_rows: usize,
    most_bytes: usize,
    /// How many rows the next chunk has, of all, of those that are left, and of the most.
    cut: fn(usize, usize, usize) -> usize,
}

impl<'a> Chunks<'a> {
    fn of(frozen: &Frozen, step: &'a [usize], server: &Server, most_rows: usize) -> Self {
        let size = |&i: &usize| {
            let change = &frozen.changes[i];
            if !change.written.is_empty() {
                return frozen.rows.size_of(&change.written);
            }
            frozen.values[change.new_values()].iter().map(Params::size_of).sum()
        };
        // A quarter of the packet is left for what the sizes do not count.
        let most_bytes = server.max_packet / 4 * 3;
        // Of the rows of a step all are written or none.
        let is_written = step.first().is_some_and(|&i| !frozen.changes[i].written.is_empty());
        Chunks {
            rest: step,
            all: step.len(),
            sizes: match step {
                [_] => Vec::new(),
                _ if is_written && frozen.rows.size() <= most_bytes => Vec::new(),
                _ => step.iter().map(size).collect(),
            },
            at: 0,
            most_rows,
            most_bytes,
            cut: |_, left, most| left.min(most),
        }
    }

    /// With chunks of the sizes that this function makes.
    fn cut_by(mut self, cut: fn(usize, usize, usize) -> usize) -> Self {
        self.cut = cut;
        self
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [usize];

    fn next(&mut self) -> Option<&'a [usize]> {
        if self.rest.is_empty() {
            return None;
        }
        let most = (self.cut)(self.all, self.rest.len(), self.most_rows);
        let mut rows = if self.sizes.is_empty() { most } else { 0 };
        let mut bytes = 0;
        for size in self.sizes.iter().skip(self.at).take(most) {
            bytes += size;
            // A single row that is too large is sent all the same, for the server to say so.
            if bytes > self.most_bytes && rows > 0 {
                break;
            }
            rows += 1;
        }
        self.at += rows;
        let (chunk, rest) = self.rest.split_at(rows);
        self.rest = rest;
        Some(chunk)
    }
}
