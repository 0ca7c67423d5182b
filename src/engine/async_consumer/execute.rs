//! Executes operations of one pool in one transaction, with what tells that they were.

use std::collections::{HashMap, HashSet};

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
/// The most ids in one statement.
const IDS: usize = 1000;
/// How many operations are looked at together, whether they were executed long ago.
pub(super) const PAGE: u64 = 10_000;

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
        let mut known = Known::new();
        if entries.iter().any(|(_, item)| item.maybe_done) {
            known = self.known(connection, entries)?;
        }
        let (mut outcome, fresh) = split(entries, &known);
        let mut executed: Vec<Entry<'_>> = Vec::new();
        if !fresh.is_empty() {
            match self.together(connection, &fresh) {
                Ok(()) => executed = fresh,
                Err(Trouble::Error(error)) if connection.is_broken() || error.is_deadlock() => return Err(error.into()),
                Err(Trouble::Error(_)) => {
                    // One of them, and it is not to take the others with it: each by itself.
                    if connection.in_transaction() {
                        connection.rollback();
                    }
                    self.begin(connection)?;
                    let known = self.known(connection, entries)?;
                    let (again, fresh) = split(entries, &known);
                    outcome = again;
                    executed = self.apart(connection, &fresh, &mut outcome)?;
                }
                Err(fenced) => return Err(fenced),
            }
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

    /// Those that are executed already, each with the entry that it was executed for.
    fn known(&self, connection: &mut Connection, entries: &[Entry<'_>]) -> Result<Known> {
        let mut known = Known::new();
        for entries in entries.chunks(IDS) {
            let places = vec!["?"; entries.len()].join(",");
            let mut params = Params::with_capacity(entries.len());
            entries
                .iter()
                .for_each(|(_, item)| params.push(Value::Text(item.id.clone())));
            let sql = format!("SELECT `id`,`entry` FROM `{DONE}` WHERE `id` IN ({places})");
            connection.select(&sql, params, DONE, &mut |row| {
                let values = row.values();
                known.insert(text(values.first()).to_vec(), text(values.get(1)).to_vec());
                Ok(())
            })?;
        }
        Ok(known)
    }

    /// Executes all, with one row for each that tells so, or nothing.
    fn together(&self, connection: &mut Connection, entries: &[Entry<'_>]) -> Result<(), Trouble> {
        self.note_done(connection, entries)?;
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
            self.note_done(connection, &[(*order, item)])?;
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

    fn note_done(&self, connection: &mut Connection, entries: &[Entry<'_>]) -> Result<()> {
        for entries in entries.chunks(IDS) {
            let rows = vec!["(?,?,UTC_TIMESTAMP(6))"; entries.len()].join(",");
            let mut params = Params::with_capacity(entries.len() * 2);
            for ((entry, _), item) in entries {
                params.push(Value::Text(item.id.clone()));
                params.push(Value::Text(entry.to_string()));
            }
            let sql = format!("INSERT INTO `{DONE}` (`id`,`entry`,`done_at`) VALUES {rows}");
            connection.execute(&sql, params, DONE)?;
        }
        Ok(())
    }

    /// Forgets what was executed longer ago than this, of a page of those behind an id: the page's last id, where more
    /// may follow, and how many were forgotten.
    //
    // Without an index on the time, which would make noting an operation twice as dear. Ids begin with the time at
    // which an operation was queued, so that what is old stands together.
    pub(super) fn purge(&self, after: &str, keep: std::time::Duration) -> Result<(Option<String>, u64)> {
        let mut connection = self.connect()?;
        let mut last = None;
        let sql = format!(
            "SELECT `id` FROM `{DONE}` WHERE `id` > ? ORDER BY `id` LIMIT 1 OFFSET {}",
            PAGE - 1
        );
        connection.select(&sql, Params::of([Value::Text(after.to_owned())]), DONE, &mut |row| {
            last = Some(String::from_utf8_lossy(text(row.values().first())).into_owned());
            Ok(())
        })?;
        let mut sql =
            format!("DELETE FROM `{DONE}` WHERE `id` > ? AND `done_at` < UTC_TIMESTAMP(6) - INTERVAL ? SECOND");
        let mut params = Params::of([
            Value::Text(after.to_owned()),
            Value::UInt(keep.as_secs().min(100 * 365 * 86_400)),
        ]);
        if let Some(last) = &last {
            sql.push_str(" AND `id` <= ?");
            params.push(Value::Text(last.clone()));
        }
        let forgotten = connection.execute(&sql, params, DONE)?.matched;
        Ok((last, forgotten))
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

/// What is executed already, by id, with the entry that it was executed for.
type Known = HashMap<Vec<u8>, Vec<u8>>;

/// Those that are executed already, and the others.
fn split<'a>(entries: &[Entry<'a>], known: &Known) -> (Outcome, Vec<Entry<'a>>) {
    let (mut outcome, mut fresh) = (Outcome::default(), Vec::with_capacity(entries.len()));
    for (order, item) in entries {
        match known.get(item.id.as_bytes()) {
            None => fresh.push((*order, *item)),
            Some(entry) if *entry == order.0.to_string().into_bytes() => outcome.done.push(*order),
            Some(_) => outcome.doubles.push(*order),
        }
    }
    (outcome, fresh)
}

fn text(value: Option<&Value>) -> &[u8] {
    match value {
        Some(Value::Bytes(bytes)) => bytes,
        Some(Value::Text(text)) => text.as_bytes(),
        _ => &[],
    }
}
