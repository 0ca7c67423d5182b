//! Runs the statements of a diff, one process at a time.

use std::fmt;

use super::Schema;
use super::step::SchemaStep;
use crate::error::{Error, ErrorKind, Result};
use crate::mysql::{Connection, MysqlPool, Params};
use crate::table::Value;

/// What the databases lack to match the structs: statements, the safe ones first.
///
/// Made by [`Schema::diff`]. It displays itself as a script of SQL with comments.
#[derive(Debug, Clone)]
pub struct SchemaDiff {
    schema: Schema,
    steps: Vec<SchemaStep>,
}

/// How long to wait until another process has changed the schema, in seconds.
const LOCK: i64 = 60;

impl SchemaDiff {
    pub(super) fn new(schema: Schema, steps: Vec<SchemaStep>) -> Self {
        SchemaDiff { schema, steps }
    }

    /// The statements in the order in which they run.
    pub fn steps(&self) -> &[SchemaStep] {
        &self.steps
    }

    /// Whether the databases match the structs.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Runs the safe statements and tells how many there were.
    ///
    /// Processes that do this at the same time take turns: each looks again when its turn has come, so that
    /// what another has done is not done twice.
    ///
    /// # Errors
    ///
    /// The first that a statement meets, with the statement; those before it are done, for DDL cannot be rolled
    /// back. A [`DuplicateKey`](ErrorKind::DuplicateKey) error when rows do not allow a new unique index. A
    /// [`LockTimeout`](ErrorKind::LockTimeout) error when another process or an open transaction holds the
    /// tables for a minute.
    pub fn apply(&self) -> Result<usize> {
        self.run(false)
    }

    /// Runs all statements, those that may lose something as well, and tells how many there were. A
    /// destructive statement runs only if it is one of [`steps`](SchemaDiff::steps).
    ///
    /// # Errors
    ///
    /// As [`apply`](SchemaDiff::apply); and a [`Schema`](ErrorKind::Schema) error, before anything was run,
    /// when a table was changed since the diff was made so that another destructive statement would be needed.
    pub fn apply_all(&self) -> Result<usize> {
        self.run(true)
    }

    fn run(&self, all: bool) -> Result<usize> {
        let mut count = 0;
        for pool in self.schema.pools() {
            let wanted = |step: &&SchemaStep| step.pool() == pool.name() && (all || !step.is_destructive());
            if self.steps.iter().any(|step| wanted(&step)) {
                let mut connection = pool.dedicated()?;
                lock(&mut connection, pool)?;
                let fresh = self.schema.diff_of(pool.name(), &mut connection)?;
                let fresh: Vec<&SchemaStep> = fresh.iter().filter(wanted).collect();
                self.check_shown(&fresh)?;
                for step in fresh {
                    connection
                        .define(step.sql(), step.table())
                        .map_err(|error| failed(error, step, count))?;
                    count += 1;
                }
            }
        }
        Ok(count)
    }

    /// What is destructive runs only as it was shown.
    fn check_shown(&self, fresh: &[&SchemaStep]) -> Result<()> {
        let unseen = fresh
            .iter()
            .find(|step| step.is_destructive() && !self.steps.iter().any(|shown| shown.sql() == step.sql()));
        match unseen {
            None => Ok(()),
            Some(step) => Err(schema_error(
                format!(
                    "`{}` was changed since the diff was made: ask for a new one",
                    step.table()
                ),
                None,
            )),
        }
    }
}

/// A lock of the server by name: it needs no table and is gone with the connection.
fn lock(connection: &mut Connection, pool: &MysqlPool) -> Result<()> {
    // Lock names are the whole server's and have at most 64 characters.
    let mut params = Params::with_capacity(2);
    params.push(Value::Text(format!("headwater.schema.{}", pool.database())));
    params.push(Value::Int(LOCK));
    let mut granted = false;
    connection.select("SELECT GET_LOCK(LEFT(?, 64), ?)", params, "", &mut |row| {
        granted = matches!(row.values().first(), Some(Value::Int(1) | Value::UInt(1)));
        Ok(())
    })?;
    if granted {
        Ok(())
    } else {
        Err(lock_timeout(format!(
            "another process is changing the tables of the database `{}`",
            pool.database()
        )))
    }
}

fn schema_error(message: String, source: Option<crate::error::Source>) -> Error {
    Error::new(ErrorKind::Schema { message, source })
}

/// The server's error with the statement, its kind kept where it tells more than that.
fn failed(error: Error, step: &SchemaStep, done: usize) -> Error {
    let done = match done {
        0 => String::new(),
        1 => " (the statement before it is done)".to_owned(),
        done => format!(" (the {done} statements before it are done)"),
    };
    let about = |message: String| format!("{message}; the statement was{done}: {}", step.sql());
    match error.into_kind() {
        ErrorKind::Server { code, message, source } => schema_error(about(message + hint(code)), source),
        ErrorKind::Schema { message, source } => schema_error(about(format!("{}: {message}", step.table())), source),
        ErrorKind::ForeignKey { table, message, source } => Error::new(ErrorKind::ForeignKey {
            table,
            message: about(message),
            source,
        }),
        ErrorKind::LockTimeout { .. } => lock_timeout(about(format!("{}: an open transaction uses it", step.table()))),
        kind => Error::new(kind),
    }
}

fn lock_timeout(cause: String) -> Error {
    Error::new(ErrorKind::LockTimeout {
        source: Some(cause.into()),
    })
}

/// What helps against errors that the server explains in its own words only.
fn hint(code: u16) -> &'static str {
    match code {
        // ER_TOO_BIG_ROWSIZE
        1118 => " (a text or bytes of `length = 16384` or more are kept outside of the row)",
        _ => "",
    }
}

impl fmt::Display for SchemaDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let several = self.steps.iter().any(|step| step.pool() != self.steps[0].pool());
        let mut pool = "";
        for step in &self.steps {
            if several && step.pool() != pool {
                pool = step.pool();
                writeln!(f, "-- pool {pool}")?;
            }
            step.fmt(f)?;
        }
        Ok(())
    }
}
