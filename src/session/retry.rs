//! Transactions that are tried again after a deadlock or a lock timeout.

use super::core::{Core, Place};
use super::{Root, Session, transaction};
use crate::error::Result;

/// How a transaction runs; see [`Session::transaction_with`].
///
/// ```
/// use headwater::session::{Isolation, TransactionOptions};
///
/// let options = TransactionOptions::default().with_retries(5).with_isolation(Isolation::ReadCommitted);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransactionOptions {
    retries: u32,
    isolation: Option<Isolation>,
}

/// What a transaction sees of others:
/// <https://dev.mysql.com/doc/refman/8.4/en/innodb-transaction-isolation-levels.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isolation {
    /// Also what is not committed.
    ReadUncommitted,
    /// What is committed when a statement begins.
    ReadCommitted,
    /// What was committed when the transaction first read: the servers' default.
    RepeatableRead,
    /// As if transactions ran one after the other: what is read is locked.
    Serializable,
}

impl Isolation {
    pub(super) const fn statement(self) -> &'static str {
        match self {
            Isolation::ReadUncommitted => "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED",
            Isolation::ReadCommitted => "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
            Isolation::RepeatableRead => "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            Isolation::Serializable => "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        }
    }
}

impl TransactionOptions {
    /// How often the work is done again after a deadlock or a lock timeout; never where nothing is said.
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The isolation level; the server's where nothing is said. A nested transaction has that of the outermost.
    #[must_use]
    pub fn with_isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = Some(isolation);
        self
    }
}

impl Session<Root> {
    /// As [`transaction`](Session::transaction), tried again after a deadlock (server error 1213) or a lock timeout
    /// (1205), and with an isolation level.
    ///
    /// Before another try the session is put back to where it was: entities that the work read leave the
    /// session, those that it edited are read again, edits that were there before are kept. The closure must
    /// therefore find its entities anew, or use handles that it had before the transaction. Before-hooks run
    /// again at each try, past-tense hooks once, after the commit. A nested transaction is not tried again by
    /// itself: a deadlock ends the outermost one.
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # use headwater::session::TransactionOptions;
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # #[table(name = "accounts")]
    /// # struct Account { #[column(id)] id: u64, balance: i64 }
    /// # impl Entity for Account {}
    /// # fn demo(session: &mut Session) -> headwater::Result<()> {
    /// session.transaction_with(TransactionOptions::default().with_retries(5), |session| {
    ///     let accounts = session.query::<Account>().filter(Account::ID.in_([1, 2])).for_update().all()?;
    ///     session[accounts[0]].balance -= 10;
    ///     session[accounts[1]].balance += 10;
    ///     Ok(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`transaction`](Session::transaction); the last deadlock or timeout when all tries were in vain.
    pub fn transaction_with<T>(
        &mut self,
        options: TransactionOptions,
        mut work: impl FnMut(&mut Session) -> Result<T>,
    ) -> Result<T> {
        if self.core.transaction.is_some() {
            return self.transaction(work);
        }
        let edited = self.core.touched.clone();
        let mut tries = 0;
        loop {
            let saved = (options.retries > 0).then(|| self.core.save(&edited));
            let outcome = self.transaction_isolated(options.isolation, &mut work);
            let Err((error, loaded)) = outcome else {
                return outcome.map_err(|(error, _)| error);
            };
            if !(error.is_deadlock() || error.is_lock_timeout()) || tries >= options.retries {
                return Err(error);
            }
            tries += 1;
            if let Some(saved) = saved {
                self.core.put_back(loaded, saved)?;
            }
        }
    }
}

/// An entity that was edited before the transaction, as it was then.
pub(crate) type Saved = (Place, Box<dyn std::any::Any + Send>);

impl Core {
    /// Keeps entities that are edited already, so that a second try finds them as the first did.
    fn save(&mut self, edited: &[Place]) -> Vec<Saved> {
        let runtime = self.runtime.clone();
        let keep = |&place: &Place| {
            let table = runtime.registered(place.table as usize)?;
            Some((place, (table.ops.save)(self, place.slot)?))
        };
        edited.iter().filter_map(keep).collect()
    }

    /// Puts the session back to where it was before the transaction that was rolled back.
    fn put_back(&mut self, loaded: Vec<Place>, saved: Vec<Saved>) -> Result<()> {
        let runtime = self.runtime.clone();
        for place in loaded {
            if let Some(table) = runtime.registered(place.table as usize) {
                (table.ops.evict)(self, place.slot);
            }
        }
        let touched = self.touched.clone();
        for place in touched {
            if saved.iter().any(|(kept, _)| *kept == place) {
                continue;
            }
            if let Some(table) = runtime.registered(place.table as usize) {
                (table.ops.refresh)(self, place.slot)?;
            }
        }
        for (place, entity) in saved {
            if let Some(table) = runtime.registered(place.table as usize) {
                (table.ops.restore)(self, place.slot, entity);
            }
        }
        Ok(())
    }
}

impl Session<Root> {
    /// One try; with the error come the entities that it read.
    fn transaction_isolated<T>(
        &mut self,
        isolation: Option<Isolation>,
        work: &mut impl FnMut(&mut Session) -> Result<T>,
    ) -> std::result::Result<T, (crate::error::Error, Vec<Place>)> {
        transaction::open_with(&mut self.core, isolation);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let value = work(self)?;
            self.flush()?;
            Ok(value)
        }));
        let loaded = self
            .core
            .transaction
            .as_mut()
            .map(|t| std::mem::take(&mut t.loaded))
            .unwrap_or_default();
        match outcome {
            Ok(Ok(value)) => match super::flush::commit(&mut self.core) {
                Ok(_) => Ok(value),
                Err(error) => Err((error, loaded)),
            },
            Ok(Err(error)) => {
                transaction::roll_back(&mut self.core);
                Err((error, loaded))
            }
            Err(panic) => {
                transaction::roll_back(&mut self.core);
                std::panic::resume_unwind(panic)
            }
        }
    }
}
