//! Transactions: connections, savepoints, what to take back, what to tell after the outermost commit.

use super::accept::{Accepted, Undo};
use super::arena::Mark;
use super::core::{Core, Place};
use super::flush::FlushReport;
use super::retry::Isolation;
use crate::error::{Error, Result};
use crate::mysql::{Checkout, Connection};
use crate::runtime::Runtime;

/// An open transaction of a session.
#[derive(Default)]
pub(crate) struct Transaction {
    /// A connection for each pool that was used so far, and the depth at which it joined.
    connections: Vec<Option<(Checkout, usize)>>,
    /// What to take back, oldest first.
    undo: Vec<Undo>,
    /// Changes whose after-hooks and events wait for the commit.
    pub(super) accepted: Vec<Accepted>,
    /// Entities inserted into the session since the transaction began.
    pending: Vec<Place>,
    /// Entities read into the session since the transaction began.
    pub(super) loaded: Vec<Place>,
    pub(super) isolation: Option<Isolation>,
    /// Tables changed by statements past the entities: after a rollback what the session holds of them is read again.
    bulk: Vec<u32>,
    /// Marks set since the transaction began, with those before.
    marks: Vec<(Place, Mark)>,
    /// Where each nested transaction began.
    savepoints: Vec<Savepoint>,
}

#[derive(Debug, Clone, Copy)]
struct Savepoint {
    undo: usize,
    accepted: usize,
    pending: usize,
    marks: usize,
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction")
            .field("depth", &self.savepoints.len())
            .finish_non_exhaustive()
    }
}

impl Transaction {
    pub(super) fn note_pending(&mut self, place: Place) {
        self.pending.push(place);
    }

    pub(super) fn note_bulk(&mut self, table: u32) {
        if !self.bulk.contains(&table) {
            self.bulk.push(table);
        }
    }

    pub(super) fn note_loaded(&mut self, place: Place) {
        self.loaded.push(place);
    }

    pub(super) fn note_mark(&mut self, place: Place, before: Mark) {
        self.marks.push((place, before));
    }

    pub(super) fn note_undo(&mut self, undo: Undo) {
        self.undo.push(undo);
    }

    /// The connection of a pool, with its transaction begun.
    pub(super) fn connection(&mut self, runtime: &Runtime, pool: usize) -> Result<&mut Checkout> {
        if self.connections.len() <= pool {
            self.connections.resize_with(pool + 1, || None);
        }
        let depth = self.savepoints.len();
        let slot = &mut self.connections[pool];
        if slot.is_none() {
            let mut connection = runtime.mysql[pool].get()?;
            if let Some(isolation) = self.isolation {
                connection.run(isolation.statement())?;
            }
            connection.begin()?;
            *slot = Some((connection, depth));
        }
        match slot {
            Some((connection, _)) => {
                if connection.is_broken() || !connection.in_transaction() {
                    return Err(connection.ended());
                }
                Ok(connection)
            }
            // Filled just now.
            None => Err(Error::config("no connection")),
        }
    }

    /// Asks the database on the transaction's connection, which sees what the transaction did so far, or else on
    /// one of the pool's.
    pub(super) fn ask<T>(
        &mut self,
        runtime: &Runtime,
        pool: usize,
        question: impl FnOnce(&mut Connection) -> T,
    ) -> Result<T> {
        match self.connections.get_mut(pool) {
            Some(Some((connection, _))) => Ok(question(connection)),
            _ => Ok(question(&mut *runtime.mysql[pool].get()?)),
        }
    }

    /// Rolls back without touching the session: nothing was accepted yet.
    pub(super) fn abandon(&mut self) {
        for (connection, _) in self.connections.iter_mut().flatten() {
            if connection.in_transaction() {
                connection.rollback();
            }
        }
        self.connections.clear();
    }

    /// The part of the transaction that concerns these entities; the rest stays.
    pub(super) fn split_off(&mut self, belongs: impl Fn(Place) -> bool) -> Transaction {
        let (undo, kept) = std::mem::take(&mut self.undo)
            .into_iter()
            .partition(|undo: &Undo| belongs(undo.place));
        self.undo = kept;
        Transaction {
            undo,
            pending: std::mem::take(&mut self.pending),
            marks: std::mem::take(&mut self.marks),
            ..Transaction::default()
        }
    }

    /// Opens a nested transaction.
    pub(super) fn nest(&mut self) -> Result<()> {
        let name = savepoint(self.savepoints.len());
        for (connection, _) in self.connections.iter_mut().flatten() {
            if connection.is_broken() || !connection.in_transaction() {
                return Err(connection.ended());
            }
            connection.run(&format!("SAVEPOINT {name}"))?;
        }
        self.savepoints.push(Savepoint {
            undo: self.undo.len(),
            accepted: self.accepted.len(),
            pending: self.pending.len(),
            marks: self.marks.len(),
        });
        Ok(())
    }

    /// Ends a nested transaction, its work now that of the outer one.
    pub(super) fn unnest(&mut self) -> Result<()> {
        let Some(depth) = self.savepoints.len().checked_sub(1) else {
            return Ok(());
        };
        let name = savepoint(depth);
        for (connection, joined) in self.connections.iter_mut().flatten() {
            if *joined > depth {
                *joined = depth;
            } else {
                connection.run(&format!("RELEASE SAVEPOINT {name}"))?;
            }
        }
        self.savepoints.pop();
        Ok(())
    }

    /// Commits pool after pool; the pools that committed, and the first error.
    pub(super) fn commit(&mut self) -> (Vec<usize>, Result<()>) {
        let mut committed = Vec::new();
        let mut connections = std::mem::take(&mut self.connections);
        // A pool whose transaction is over must not find the others committed.
        let alive =
            |slot: &Option<(Checkout, usize)>| slot.as_ref().is_none_or(|(c, _)| c.in_transaction() && !c.is_broken());
        let dead = connections.iter().find(|slot| !alive(slot)).and_then(Option::as_ref);
        let mut outcome = dead.map_or(Ok(()), |(connection, _)| Err(connection.ended()));
        for (pool, slot) in connections.iter_mut().enumerate() {
            let Some((connection, _)) = slot else { continue };
            if outcome.is_ok() {
                outcome = connection.commit();
                if outcome.is_ok() {
                    committed.push(pool);
                }
            } else {
                connection.rollback();
            }
        }
        (committed, outcome)
    }
}

/// Opens a transaction, or a nested one; whether it is the outermost.
pub(super) fn open(core: &mut Core) -> Result<bool> {
    match &mut core.transaction {
        Some(transaction) => transaction.nest().map(|()| false),
        None => {
            core.transaction = Some(Box::default());
            Ok(true)
        }
    }
}

/// Opens the outermost transaction with an isolation level.
pub(super) fn open_with(core: &mut Core, isolation: Option<Isolation>) {
    core.transaction = Some(Box::new(Transaction {
        isolation,
        ..Transaction::default()
    }));
}

/// Ends a nested transaction whose work went well.
pub(super) fn close_nested(core: &mut Core) -> Result<FlushReport> {
    let Some(transaction) = &mut core.transaction else {
        return Ok(FlushReport::default());
    };
    if let Err(error) = transaction.unnest() {
        roll_back(core);
        return Err(error);
    }
    Ok(FlushReport::default())
}

/// Rolls the innermost transaction back, in the database and in memory. The outermost is gone afterwards.
pub(super) fn roll_back(core: &mut Core) {
    let Some(mut transaction) = core.transaction.take() else {
        return;
    };
    let bulk = transaction.bulk.clone();
    let savepoint_taken = transaction.savepoints.pop();
    match savepoint_taken {
        None => {
            for (connection, _) in transaction.connections.iter_mut().flatten() {
                if connection.in_transaction() {
                    connection.rollback();
                }
            }
            take_back(
                core,
                &mut transaction,
                Savepoint {
                    undo: 0,
                    accepted: 0,
                    pending: 0,
                    marks: 0,
                },
            );
            // Its connections go back to their pools before anything is read again.
            drop(transaction);
        }
        Some(to) => {
            let depth = transaction.savepoints.len();
            let name = savepoint(depth);
            for slot in &mut transaction.connections {
                let Some((connection, joined)) = slot else { continue };
                if *joined > depth {
                    connection.rollback();
                    *slot = None;
                } else if connection.in_transaction()
                    && connection.run(&format!("ROLLBACK TO SAVEPOINT {name}")).is_err()
                {
                    // A deadlock took the whole transaction; the outer one finds it dead.
                    connection.rollback();
                }
            }
            take_back(core, &mut transaction, to);
            core.transaction = Some(transaction);
        }
    }
    let runtime = core.runtime.clone();
    for table in bulk.into_iter().filter_map(|table| runtime.registered(table as usize)) {
        (table.ops.renew)(core);
    }
}

/// Restores the session's memory to what it was at a savepoint, but for the user's edits.
fn take_back(core: &mut Core, transaction: &mut Transaction, to: Savepoint) {
    let runtime = core.runtime.clone();
    transaction.accepted.truncate(to.accepted);
    for undo in transaction.undo.drain(to.undo..).rev() {
        if let Some(table) = runtime.registered(undo.place.table as usize) {
            (table.ops.undo)(core, undo);
        }
    }
    for (place, mark) in transaction.marks.drain(to.marks..).rev() {
        if let Some(table) = runtime.registered(place.table as usize) {
            (table.ops.set_mark)(core, place.slot, mark);
        }
    }
    for place in transaction.pending.drain(to.pending..) {
        if let Some(table) = runtime.registered(place.table as usize) {
            (table.ops.drop_new)(core, place.slot);
        }
    }
}

/// Frees the slots of what a committed transaction deleted.
pub(super) fn settle(core: &mut Core, transaction: Transaction) {
    let runtime = core.runtime.clone();
    let places = transaction.undo.iter().map(|undo| undo.place);
    for place in places {
        if let Some(table) = runtime.registered(place.table as usize) {
            (table.ops.release)(core, place.slot);
        }
    }
}

fn savepoint(depth: usize) -> String {
    format!("headwater_{depth}")
}
