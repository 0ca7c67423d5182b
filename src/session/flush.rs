//! Flush: collect, before-hooks, freeze, plan, execute, commit, accept, after-hooks, events.

use std::fmt;

use super::accept::{Accepted, Manner, accept_all};
use super::after::{self, HookFailure, merge_all};
use super::committed::Operation;
use super::core::{Core, Place};
use super::execute::{self, Failed};
use super::frozen::{Change, Frozen};
use super::plan::Plan;
use super::prepare::{Broken, Prepared, prepare, settle};
use super::publish::{self, Events};
use super::run::execute_all;
use super::stale::stale;
use super::transaction::{self, Transaction};
use crate::error::{Error, Result};
use crate::runtime::{Registered, Runtime};
use crate::step::Step;

/// What a flush did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct FlushReport {
    /// Rows inserted.
    pub inserted: u64,
    /// Rows updated, restored ones among them.
    pub updated: u64,
    /// Rows deleted, soft deletes among them.
    pub deleted: u64,
    /// Statements that wrote rows; BEGIN and COMMIT do not count.
    pub statements: u64,
    /// Events handed over for sending. Those of a transaction are counted by the report of its end.
    pub events: u64,
    /// Past-tense hooks that panicked; what they were told of is committed.
    pub hook_failures: Vec<HookFailure>,
    /// Events that could not be handed over; what they tell of is committed.
    pub delivery_failures: Vec<Error>,
}

impl FlushReport {
    /// Rows written, of any operation.
    pub fn rows(&self) -> u64 {
        self.inserted + self.updated + self.deleted
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    pub(super) fn add(&mut self, other: FlushReport) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.deleted += other.deleted;
        self.statements += other.statements;
        self.events += other.events;
        self.hook_failures.extend(other.hook_failures);
        self.delivery_failures.extend(other.delivery_failures);
    }

    pub(super) fn count(&mut self, operation: Operation, rows: u64) {
        *match operation {
            Operation::Insert => &mut self.inserted,
            Operation::Update | Operation::Restore => &mut self.updated,
            Operation::Delete | Operation::Trash | Operation::ForceDelete => &mut self.deleted,
        } += rows;
    }
}

impl fmt::Display for FlushReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} inserted, {} updated, {} deleted in {} statement(s), {} event(s)",
            self.inserted, self.updated, self.deleted, self.statements, self.events
        )?;
        for failure in &self.hook_failures {
            write!(f, "; {failure}")?;
        }
        for failure in &self.delivery_failures {
            write!(f, "; {failure}")?;
        }
        Ok(())
    }
}

/// Flushes a session.
pub(super) fn flush(core: &mut Core) -> Result<FlushReport> {
    let Some(Prepared {
        mut frozen,
        plan,
        broken,
    }) = prepare(core, None)?
    else {
        return Ok(FlushReport::default());
    };
    let outcome = if core.transaction.is_some() {
        within(core, &mut frozen, &plan, &broken)
    } else {
        alone(core, &mut frozen, &plan, &broken)
    };
    core.spare = frozen.emptied();
    outcome
}

/// A flush that is a transaction of its own: one for each pool.
fn alone(core: &mut Core, frozen: &mut Frozen, plan: &Plan, broken: &[Broken]) -> Result<FlushReport> {
    let runtime = core.runtime.clone();
    let events = |frozen: &mut Frozen| publish::of_frozen(&runtime, frozen, plan);
    if let Some(outcome) = one_statement(core, frozen, plan, broken) {
        let statements = outcome?;
        let events = events(frozen)?;
        return finish(core, frozen, plan, statements, None, events);
    }
    let mut transaction = Transaction::default();
    let executed = execute_all(&runtime, &mut transaction, frozen, plan, broken).and_then(|statements| {
        let mut events = events(frozen)?;
        events.write_durable(&runtime, &mut transaction)?;
        Ok((statements, events))
    });
    let (statements, mut told_of) = match executed {
        Ok(executed) => executed,
        Err(failed) => {
            transaction.abandon();
            return Err(told(failed, &runtime, &mut transaction, frozen));
        }
    };
    runtime.steps.at(Step::FlushExecuted);
    let (committed, outcome) = transaction.commit();
    match outcome {
        Ok(()) => finish(core, frozen, plan, statements, None, told_of),
        // Of several pools some may have committed before.
        Err(error) if committed.is_empty() => Err(error),
        Err(error) => {
            told_of.keep_pools(&runtime, &committed);
            finish(core, frozen, plan, statements, Some(&committed), told_of).and(Err(error))
        }
    }
}

/// The pool of a plan of exactly one statement that does nothing when it does not do all.
fn is_one_statement(runtime: &Runtime, frozen: &Frozen, plan: &Plan, broken: &[Broken]) -> Option<usize> {
    let [step] = plan.steps.as_slice() else { return None };
    if !broken.is_empty() || !frozen.pending.is_empty() {
        return None;
    }
    let pool = runtime.registered(frozen.changes[step[0]].place.table as usize)?.mysql;
    execute::is_single(frozen, step, runtime.mysql.get(pool)?.server()).then_some(pool)
}

/// Runs such a plan without BEGIN and COMMIT.
fn one_statement(core: &Core, frozen: &mut Frozen, plan: &Plan, broken: &[Broken]) -> Option<Result<u64>> {
    let pool = is_one_statement(&core.runtime, frozen, plan, broken)?;
    // The row of the outbox needs a transaction with it.
    if publish::has_durable(&core.runtime, frozen) {
        return None;
    }
    let run = |frozen: &mut Frozen| {
        let mut connection = core.runtime.mysql[pool].get()?;
        execute::step(&mut *connection, frozen, &plan.steps[0]).map_err(|failed| match failed {
            // The server commits by itself: lost once the statement was sent, its outcome is unknown.
            Failed::Error(error) if connection.was_sent() => error.into_commit_unknown(),
            Failed::Error(error) => error,
            Failed::Stale(rows) => stale(&mut connection, frozen, &rows),
        })
    };
    Some(run(frozen))
}

/// A flush inside an open transaction: after-hooks and events wait for its end.
fn within(core: &mut Core, frozen: &mut Frozen, plan: &Plan, broken: &[Broken]) -> Result<FlushReport> {
    let Some(mut transaction) = core.transaction.take() else {
        return Ok(FlushReport::default());
    };
    let runtime = core.runtime.clone();
    // A failed flush takes back its own statements only, as far as the server lets it.
    let single = is_one_statement(&runtime, frozen, plan, broken).is_some();
    if !single && let Err(error) = transaction.nest() {
        core.transaction = Some(transaction);
        return Err(error);
    }
    let mut executed = execute_all(&runtime, &mut *transaction, frozen, plan, broken);
    if !single && executed.is_ok() {
        executed = transaction.unnest().map_err(Failed::from).and(executed);
    }
    core.transaction = Some(transaction);
    let statements = match executed {
        Ok(statements) => statements,
        Err(failed) => {
            if !single {
                transaction::roll_back(core);
            }
            return Err(match &mut core.transaction {
                Some(transaction) => told(failed, &runtime, transaction, frozen),
                None => told(failed, &runtime, &mut Transaction::default(), frozen),
            });
        }
    };
    let mut report = FlushReport {
        statements,
        ..FlushReport::default()
    };
    let manner = |core: &Core, table: &Registered, _| Manner {
        undoable: true,
        // A later change of the entity may decide which.
        hooks: wants(core, table, after::any()),
    };
    accept_all(
        core,
        frozen,
        plan,
        |_| true,
        manner,
        &mut report,
        |core, table, change, mut accepted, undo| {
            if !table.streams.is_empty() {
                accepted.values = frozen.visible(change);
            }
            if let Some(transaction) = &mut core.transaction {
                transaction.accepted.push(accepted);
                if let Some(undo) = undo {
                    transaction.note_undo(undo);
                }
            }
        },
    )?;
    settle(core, frozen.changes.len());
    Ok(report)
}

/// The error of a flush whose statements are taken back.
fn told(failed: Failed, runtime: &Runtime, transaction: &mut Transaction, frozen: &Frozen) -> Error {
    match failed {
        Failed::Error(error) => error,
        Failed::Stale(rows) => {
            let pool = rows
                .first()
                .map_or(0, |&i| runtime.mysql_of(frozen.changes[i].place.table));
            let asked = transaction.ask(runtime, pool, |connection| stale(connection, frozen, &rows));
            asked.unwrap_or_else(|error| error)
        }
    }
}

/// Accepts what was committed, on all pools or on these only, runs the after-hooks and publishes.
fn finish(
    core: &mut Core,
    frozen: &Frozen,
    plan: &Plan,
    statements: u64,
    only: Option<&[usize]>,
    events: Events,
) -> Result<FlushReport> {
    let mut report = FlushReport {
        statements,
        ..FlushReport::default()
    };
    let mut all: Vec<Accepted> = Vec::new();
    let wanted = |table: &Registered| only.is_none_or(|pools| pools.contains(&table.mysql));
    let manner = |core: &Core, table: &Registered, operation| Manner {
        undoable: false,
        hooks: wants(core, table, after::bits(operation)),
    };
    let each = |_: &mut Core, _: &Registered, _: &Change, accepted: Accepted, _| {
        if accepted.kept.is_some() {
            all.push(accepted);
        }
    };
    accept_all(core, frozen, plan, wanted, manner, &mut report, each)?;
    if only.is_none() {
        settle(core, frozen.changes.len());
    }
    tell(core, all, events, &mut report);
    Ok(report)
}

/// After-hooks and events of committed changes.
pub(super) fn tell(core: &Core, all: Vec<Accepted>, events: Events, report: &mut FlushReport) {
    let runtime = &core.runtime;
    runtime.steps.at(Step::FlushCommitted);
    // First the events: a hook may change the same rows in a session of its own, whose events come later.
    let published = events.publish(runtime);
    report.events += published.events;
    report.delivery_failures.extend(published.problems);
    for accepted in &all {
        if let Some(table) = runtime.registered(accepted.place.table as usize) {
            (table.ops.after)(core, runtime, accepted, &mut report.hook_failures);
        }
    }
}

/// Ends the outermost transaction: durable events, commit, then what waited for it.
pub(super) fn commit(core: &mut Core) -> Result<FlushReport> {
    let Some(mut transaction) = core.transaction.take() else {
        return Ok(FlushReport::default());
    };
    let runtime = core.runtime.clone();
    let mut merged = merge_all(&runtime, std::mem::take(&mut transaction.accepted));
    let events = publish::of_accepted(&runtime, &merged);
    let mut events = match events.and_then(|mut events| {
        events.write_durable(&runtime, &mut transaction)?;
        Ok(events)
    }) {
        Ok(events) => events,
        Err(error) => {
            core.transaction = Some(transaction);
            transaction::roll_back(core);
            return Err(error);
        }
    };
    runtime.steps.at(Step::FlushExecuted);
    let (committed, outcome) = transaction.commit();
    let mut outcome = outcome;
    if outcome.is_err() {
        // Of several pools some may have committed: theirs stays, the rest is taken back.
        let is_committed = |place: Place| committed.contains(&runtime.mysql_of(place.table));
        let lost = transaction.split_off(|place| !is_committed(place));
        core.transaction = Some(Box::new(lost));
        transaction::roll_back(core);
        merged.retain(|accepted| is_committed(accepted.place));
        match publish::of_accepted(&runtime, &merged) {
            Ok(those) => events = those,
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    transaction::settle(core, *transaction);
    let mut report = FlushReport::default();
    tell(core, merged, events, &mut report);
    outcome.map(|()| report)
}

/// Whether any of these past-tense hooks may want the entity.
fn wants(core: &Core, table: &Registered, hooks: u32) -> bool {
    !core.without_hooks && table.may_have(hooks)
}
