//! Executes operations of one pool in one transaction, with what tells that they were.

use std::collections::HashSet;

use super::done::{self, Known};
use super::publish;
use super::statements::Runner;
use super::tables::{DONE, LEASE};
use super::work::{Held, Item, Order};
use crate::error::{Error, ErrorKind, Result};
use crate::mysql::{Checkout, Connection, Params};
use crate::runtime::Runtime;
use crate::step::Step;
use crate::table::Value;

/// Executes operations for the holder of a lease.
pub(super) struct Executor<'a> {
    pub(super) runtime: &'a Runtime,
    /// Position in `Runtime::mysql`.
    pub(super) pool: usize,
    /// The queue's name.
    pub(super) queue: &'a str,
    /// The secret of the lease.
    pub(super) token: &'a str,
}

/// What became of operations.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// They are committed, by this transaction or by one before.
    pub(super) done: Vec<Order>,
    /// They are second entries of operations that are committed for the first.
    pub(super) doubles: Vec<Order>,
    pub(super) failed: Vec<(Order, Error)>,
}

/// Why nothing is committed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Somebody else executes the operations of this queue now.
    Fenced,
    Error(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Error(error)
    }
}

/// An operation with its place.
pub(super) type Entry<'a> = (Order, &'a Item);

/// How often a deadlock is met before others have their turn.
const TRIES: u32 = 3;

impl Executor<'_> {
    /// Says in the database that this lease counts from now on. It waits for the transactions of the lease before.
    pub(super) fn fence(&self) -> Result<()> {
        let mut connection = self.connect()?;
        let mut params = Params::with_capacity(3);
        for text in [self.queue, self.token, self.token] {
            params.push(Value::Text(text.to_owned()));
        }
        let sql = format!("INSERT INTO `{LEASE}` (`queue`,`holder`) VALUES (?,?) ON DUPLICATE KEY UPDATE `holder`=?");
        connection.execute(&sql, params, LEASE).map(|_| ())
    }

    /// Executes operations and commits.
    pub(super) fn run(&self, entries: &[Entry<'_>]) -> Result<Outcome, Trouble> {
        let mut connection = self.connect()?;
        let mut left = TRIES;
        loop {
            let outcome = self.attempt(&mut connection, entries);
            if connection.in_transaction() {
                connection.rollback();
            }
            left -= 1;
            match outcome {
                Err(Trouble::Error(error)) if error.is_deadlock() && left > 0 => {}
                outcome => return outcome,
            }
        }
    }

    fn connect(&self) -> Result<Checkout> {
        let pool = self.runtime.mysql.get(self.pool);
        pool.ok_or_else(|| Error::config("no such MySQL pool"))?.get()
    }

    fn attempt(&self, connection: &mut Connection, entries: &[Entry<'_>]) -> Result<Outcome, Trouble> {
        self.begin(connection)?;
        // Also those that were never read before: an operation may have two entries.
        let known = done::known(connection, entries)?;
        let (mut outcome, fresh) = split(entries, &known);
        let mut executed: Vec<Entry<'_>> = Vec::new();
        if !fresh.is_empty() {
            match self.together(connection, &fresh) {
                Ok(()) => executed = fresh,
                Err(error) if connection.is_broken() || error.is_deadlock() => return Err(error.into()),
                Err(_) => {
                    // One of them, and it is not to take the others with it: each by itself.
                    if connection.in_transaction() {
                        connection.rollback();
                    }
                    self.begin(connection)?;
                    let known = done::known(connection, entries)?;
                    let (again, fresh) = split(entries, &known);
                    outcome = again;
                    executed = self.apart(connection, &fresh, &mut outcome)?;
                }
            }
            done::note(connection, &executed)?;
        }
        let items: Vec<&Item> = executed.iter().map(|(_, item)| *item).collect();
        publish::write_durable(self.runtime, connection, &items)?;
        outcome.done.extend(executed.iter().map(|(order, _)| *order));
        self.runtime.steps.at(Step::AsyncExecuted);
        connection.commit()?;
        Ok(outcome)
    }

    /// Opens a transaction, unless another lease counts. Until its end no other can.
    fn begin(&self, connection: &mut Connection) -> Result<(), Trouble> {
        connection.begin()?;
        let mut params = Params::with_capacity(1);
        params.push(Value::Text(self.queue.to_owned()));
        // The form that both servers know.
        let sql = format!("SELECT `holder` FROM `{LEASE}` WHERE `queue`=? LOCK IN SHARE MODE");
        let mut ours = false;
        connection.select(&sql, params, LEASE, &mut |row| {
            ours = text(row.values().first()) == self.token.as_bytes();
            Ok(())
        })?;
        if ours { Ok(()) } else { Err(Trouble::Fenced) }
    }

    /// Executes all, or nothing that counts.
    fn together(&self, connection: &mut Connection, entries: &[Entry<'_>]) -> Result<()> {
        let mut ids = HashSet::with_capacity(entries.len());
        if !entries.iter().all(|(_, item)| ids.insert(item.id.as_str())) {
            return Err(Error::config("an operation stands in the queue twice"));
        }
        let mut runner = Runner::new(self.runtime, connection);
        for (_, item) in entries {
            runner.run(&item.operation)?;
        }
        runner.finish()?;
        Ok(())
    }

    /// Executes one after the other. One that fails is taken back by itself, and what has to do with it waits.
    /// Which of them it executed is returned.
    fn apart<'a>(
        &self,
        connection: &mut Connection,
        entries: &[Entry<'a>],
        outcome: &mut Outcome,
    ) -> Result<Vec<Entry<'a>>, Trouble> {
        let mut held = Held::default();
        let mut tried = HashSet::new();
        let mut executed: Vec<Entry<'a>> = Vec::new();
        for (order, item) in entries {
            // The second entry of an operation shares the fate of the first.
            if !tried.insert(&item.id) {
                if executed.iter().any(|(_, other)| other.id == item.id) {
                    outcome.doubles.push(*order);
                }
                continue;
            }
            if held.holds(&item.touches) {
                held.add(&item.touches);
                continue;
            }
            connection.run("SAVEPOINT headwater_async")?;
            let mut runner = Runner::one_by_one(self.runtime, connection);
            let ran = runner.run(&item.operation).and_then(|()| runner.finish());
            match ran {
                Ok(()) => executed.push((*order, item)),
                // Broken, or rolled back as a whole: nothing of it is left.
                Err(error) if connection.is_broken() || !connection.in_transaction() => return Err(error.into()),
                Err(error) => {
                    connection.run("ROLLBACK TO SAVEPOINT headwater_async")?;
                    held.add(&item.touches);
                    outcome.failed.push((*order, error));
                }
            }
        }
        Ok(executed)
    }

    /// Forgets rows of a page that are older than this; see [`done::purge`].
    pub(super) fn purge(&self, after: &str, keep: std::time::Duration) -> Result<(Option<String>, u64)> {
        done::purge(&mut *self.connect()?, after, keep)
    }
}

/// Whether an error is about the tables of the consumer itself: no operation's fault.
pub(super) fn is_own(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Schema { message, .. } => message.contains(DONE) || message.contains(LEASE),
        ErrorKind::DuplicateKey { table, .. } => table == DONE,
        _ => false,
    }
}

/// Those that are executed already, and the others.
fn split<'a>(entries: &[Entry<'a>], known: &Known) -> (Outcome, Vec<Entry<'a>>) {
    let (mut outcome, mut fresh) = (Outcome::default(), Vec::with_capacity(entries.len()));
    for (order, item) in entries {
        match known.get(&item.id) {
            None => fresh.push((*order, *item)),
            Some(entry) if *entry == order.0 => outcome.done.push(*order),
            Some(_) => outcome.doubles.push(*order),
        }
    }
    (outcome, fresh)
}

/// A text or the bytes in a column of the consumer's own tables.
pub(super) fn text(value: Option<&Value>) -> &[u8] {
    match value {
        Some(Value::Bytes(bytes)) => bytes,
        Some(Value::Text(text)) => text.as_bytes(),
        _ => &[],
    }
}
