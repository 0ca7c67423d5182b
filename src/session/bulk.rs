//! Changing or deleting all rows for which a condition holds, with or without their hooks.

use std::fmt;
use std::marker::PhantomData;

use super::core::Core;
use super::find::Query;
use super::flush::{self, FlushReport};
use super::{Root, Session};
use crate::entity::Entity;
use crate::error::Result;
use crate::mysql::Params;
use crate::query::{Condition, Select};
use crate::table::{CivilDateTime, Column, ColumnSet, ColumnType, Handle, SqlType, Value};

/// Rows that are read at once where entities are needed.
const CHUNK: u64 = 1000;

/// It was not said yet what becomes of the hooks.
#[derive(Debug)]
pub struct Undecided(());

/// It was said what becomes of the hooks.
#[derive(Debug)]
pub struct Decided(());

/// A change of all rows for which a condition holds; see [`Session::update_where`] and
/// [`Session::delete_where`].
///
/// It must be said what becomes of the rows' hooks; without that it cannot be run:
///
/// ```compile_fail
/// # use headwater::prelude::*;
/// # #[derive(Debug, Clone, Default, Table)]
/// # struct User { #[column(id)] id: u64, age: Option<u8> }
/// # impl Entity for User {}
/// # fn demo(session: &mut Session) -> headwater::Result<()> {
/// session.delete_where(User::AGE.lt(18)).run()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is changed until `run` is called"]
pub struct Bulk<'s, E: Entity, Choice = Undecided> {
    core: &'s mut Core,
    condition: Condition<E>,
    what: What<E>,
    hooks: bool,
    choice: PhantomData<fn() -> Choice>,
}

/// Sets one column of an entity.
type Setter<E> = Box<dyn Fn(&mut E) -> Result<()>>;

enum What<E> {
    Update {
        columns: ColumnSet,
        values: Vec<(usize, Result<Value>)>,
        setters: Vec<Setter<E>>,
    },
    Delete,
}

impl<E: Entity, Choice> fmt::Debug for Bulk<'_, E, Choice> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulk")
            .field("table", &E::TABLE.name)
            .field("condition", &self.condition)
            .finish_non_exhaustive()
    }
}

impl Session<Root> {
    /// Changes all rows for which the condition holds, at once and not at the next flush.
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # #[table(name = "users")]
    /// # struct User { #[column(id)] id: u64, age: Option<u8>, name: String }
    /// # impl Entity for User {}
    /// # fn demo(session: &mut Session) -> headwater::Result<()> {
    /// let report = session
    ///     .update_where(User::AGE.lt(18))
    ///     .set(User::NAME, "a minor".to_owned())
    ///     .skipping_hooks()
    ///     .run()?;
    /// println!("{} rows", report.updated);
    /// # Ok(())
    /// # }
    /// ```
    pub fn update_where<E: Entity>(&mut self, condition: Condition<E>) -> Bulk<'_, E> {
        let what = What::Update {
            columns: ColumnSet::EMPTY,
            values: Vec::new(),
            setters: Vec::new(),
        };
        Bulk {
            core: &mut self.core,
            condition,
            what,
            hooks: true,
            choice: PhantomData,
        }
    }

    /// Deletes all rows for which the condition holds, at once and not at the next flush. Rows of a soft-delete table
    /// are marked as deleted.
    pub fn delete_where<E: Entity>(&mut self, condition: Condition<E>) -> Bulk<'_, E> {
        Bulk {
            core: &mut self.core,
            condition,
            what: What::Delete,
            hooks: true,
            choice: PhantomData,
        }
    }
}

impl<'s, E: Entity> Bulk<'s, E, Undecided> {
    /// The hooks run: the rows are read, changed and flushed, 1,000 at a time, in one transaction. What the session
    /// holds of other edits is flushed first.
    pub fn with_hooks(self) -> Bulk<'s, E, Decided> {
        self.decided(true)
    }

    /// No hook runs. A table without streams is changed by one statement; of a table with streams the rows are
    /// read all the same, because each of its changes is an event; what the session holds of other edits is then
    /// flushed first, with its hooks.
    pub fn skipping_hooks(self) -> Bulk<'s, E, Decided> {
        self.decided(false)
    }

    fn decided(self, hooks: bool) -> Bulk<'s, E, Decided> {
        Bulk {
            core: self.core,
            condition: self.condition,
            what: self.what,
            hooks,
            choice: PhantomData,
        }
    }
}

impl<E: Entity, Choice> Bulk<'_, E, Choice> {
    /// Sets a column to a value. For a delete it has no meaning and is ignored.
    pub fn set<T: ColumnType + Sync>(mut self, column: Column<E, T>, value: T) -> Self {
        if let What::Update {
            columns,
            values,
            setters,
        } = &mut self.what
        {
            let position = column.position();
            columns.insert(position);
            values.retain(|(other, _)| *other != position);
            values.push((position, value.encode(column.def())));
            setters.push(Box::new(move |entity| {
                let value = value.encode(column.def())?;
                entity.decode(position, value)
            }));
        }
        self
    }
}

impl<E: Entity> Bulk<'_, E, Decided> {
    /// Does it. Entities of the table that the session holds without edits are read again.
    ///
    /// # Errors
    ///
    /// When a value does not fit, a hook refuses, the server refuses; nothing is changed then.
    pub fn run(self) -> Result<FlushReport> {
        let table = self.core.runtime.clone();
        let direct = !self.hooks && table.table::<E>()?.streams.is_empty();
        if direct { self.statement() } else { self.by_entities() }
    }

    fn statement(self) -> Result<FlushReport> {
        let mut sql = String::new();
        let mut params = Params::new();
        let def = E::TABLE;
        let mut report = FlushReport::default();
        let mut assignments: Vec<String> = Vec::new();
        let mut assign = |column: usize, value: Value, params: &mut Params| {
            assignments.push(format!("{}=?", def.columns[column].quoted));
            params.push(value);
        };
        let deleting = matches!(self.what, What::Delete);
        let now = |column: usize| match def.columns[column].sql {
            SqlType::DateTime { digits } => Value::DateTime(CivilDateTime::now().cut(digits)),
            _ => Value::DateTime(CivilDateTime::now()),
        };
        match self.what {
            What::Update { values, columns, .. } => {
                if values.is_empty() {
                    return Ok(report);
                }
                for (column, value) in values {
                    assign(column, value?, &mut params);
                }
                if let Some(column) = def.updated_at.filter(|&column| !columns.has(column)) {
                    assign(column, now(column), &mut params);
                }
            }
            What::Delete => {
                for column in [def.deleted_at, def.updated_at.filter(|_| def.deleted_at.is_some())]
                    .into_iter()
                    .flatten()
                {
                    assign(column, now(column), &mut params);
                }
            }
        }
        if deleting && def.deleted_at.is_none() {
            sql.push_str(&format!("DELETE FROM {}", def.quoted));
        } else {
            if let Some(column) = def.version {
                let name = def.columns[column].quoted;
                assignments.push(format!("{name}={name}+1"));
            }
            sql.push_str(&format!("UPDATE {} SET {}", def.quoted, assignments.join(",")));
        }
        Select::<E> {
            filter: Some(self.condition),
            ..Select::default()
        }
        .filter_into(&mut sql, &mut params);
        let runtime = self.core.runtime.clone();
        let pool = runtime.table::<E>()?.mysql;
        let done = match &mut self.core.transaction {
            Some(transaction) => {
                transaction.note_bulk(Core::place::<E>(0).table);
                transaction
                    .connection(&runtime, pool)?
                    .execute(&sql, params, def.name)?
            }
            None => {
                let mut connection = runtime.mysql[pool].get()?;
                connection.execute(&sql, params, def.name).map_err(|error| {
                    if connection.was_sent() {
                        error.into_commit_unknown()
                    } else {
                        error
                    }
                })?
            }
        };
        report.statements = 1;
        if deleting {
            report.deleted = done.matched
        } else {
            report.updated = done.matched
        }
        self.core.renew::<E>();
        Ok(report)
    }

    fn by_entities(self) -> Result<FlushReport> {
        let Bulk {
            core,
            condition,
            what,
            hooks,
            ..
        } = self;
        let mut session = Session::<Root>::around(std::mem::replace(core, core.stand_in()));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let (mut report, end) = session.transaction_reported(|session| {
                // What was edited before has its hooks, whatever becomes of those of the rows here.
                let mut report = session.flush()?;
                report.add(if hooks {
                    chunks(session, &condition, &what)?
                } else {
                    session.without_hooks(|session| chunks(session, &condition, &what))?
                });
                Ok(report)
            })?;
            report.add(end);
            Ok(report)
        }));
        *core = session.into_core();
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Reads, changes and flushes the rows, a chunk at a time.
fn chunks<E: Entity>(session: &mut Session, condition: &Condition<E>, what: &What<E>) -> Result<FlushReport> {
    let mut report = FlushReport::default();
    let mut last: Option<Value> = None;
    loop {
        let filter = match last.take() {
            Some(key) => condition.clone().and(Condition::greater(E::TABLE.id, key)),
            None => condition.clone(),
        };
        let query = Query {
            core: &mut session.core,
            select: Select {
                filter: Some(filter),
                limit: Some(CHUNK),
                by_key: true,
                ..Select::default()
            },
            eager: Vec::new(),
        };
        let rows: Vec<Handle<E>> = query.for_update().all()?;
        let Some(&end) = rows.last() else { return Ok(report) };
        last = Some(session.core.get(end)?.key().encode(E::TABLE.key())?);
        for &row in &rows {
            match what {
                What::Update { setters, .. } => {
                    let entity = session.core.get_mut(row)?;
                    setters.iter().try_for_each(|set| set(entity))?;
                }
                What::Delete => session.delete(row)?,
            }
        }
        report.add(flush::flush(&mut session.core)?);
        if (rows.len() as u64) < CHUNK {
            return Ok(report);
        }
    }
}
