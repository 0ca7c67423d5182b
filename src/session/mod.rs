//! Sessions: one unit of work each, with identity map, snapshots, hooks and flush.
//!
//! The way of a change: `core`, `arena` and `snapshots` hold entities and notice what is touched; `flush` leads it:
//! `prepare` collects them, `before` runs the before-hooks, `changes` and `inserts` freeze what is to be written, `ties` and `plan`
//! order it, `run` and `execute` run it with the texts of `sql` in the ways of `strategy`, `accept` brings it back into
//! memory, `after` and `publish` tell of it; `queue` writes it down instead, for later; `stale` names the rows that an
//! optimistic lock found changed. `ops` are the few functions that know an entity's type.

mod accept;
mod after;
mod any_arena;
mod arena;
mod before;
mod bulk;
mod by_key;
mod changes;
mod committed;
mod core;
mod everyday;
mod execute;
mod find;
mod flush;
mod frozen;
mod hook;
mod inserts;
mod managed;
mod ops;
mod plan;
mod prepare;
mod publish;
pub(crate) mod queue;
mod relations;
mod retry;
mod rows;
mod run;
mod snapshots;
mod sql;
mod stale;
pub(crate) mod strategy;
mod target;
mod ties;
mod tracked;
mod transaction;
pub(crate) mod update_many;
mod updates;

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

pub use self::after::HookFailure;
use self::arena::Mark;
pub use self::bulk::{Bulk, Decided, Undecided};
pub use self::committed::{Committed, Operation};
use self::core::Core;
pub use self::find::Query;
pub use self::flush::FlushReport;
pub use self::hook::{FieldChange, Hook};
pub(crate) use self::ops::{EntityOps, Of};
pub use self::relations::Refers;
pub use self::retry::{Isolation, TransactionOptions};
pub use self::tracked::Tracked;
use crate::entity::Entity;
use crate::error::Result;
use crate::runtime::Runtime;
use crate::table::Handle;

/// A session as the application has it, with `flush` and `transaction`.
#[derive(Debug)]
pub struct Root(());

/// A session as a before-hook has it: without `flush` and `transaction`, which do not compile there.
#[derive(Debug)]
pub struct InHook(());

/// One unit of work: entities that were read or made, their snapshots, and `flush`.
///
/// `session[handle]` reads an entity, `&mut session[handle]` edits it; the first mutable access keeps a
/// snapshot. [`flush`](Session::flush) compares what was touched with its snapshot and writes what differs.
/// A row has one handle in a session, however often it is read (identity map).
///
/// A session is cheap to make; use one for each request, job or command. It can move to another thread but not
/// be shared between threads:
///
/// ```compile_fail
/// fn share<T: Sync>() {}
/// share::<headwater::Session>();
/// ```
///
/// # Four idioms for the borrow checker
///
/// ```no_run
/// # use headwater::prelude::*;
/// # #[derive(Debug, Clone, Default, Table)]
/// # #[table(name = "accounts")]
/// # struct Account { #[column(id)] id: u64, balance: i64, name: String }
/// # impl Entity for Account {}
/// # impl Account { fn set_name(&mut self, name: &str) { self.name = name.to_owned() } }
/// # fn demo(session: &mut Session, u: Handle<Account>, v: Handle<Account>) -> headwater::Result<()> {
/// // 1. Assign: a plain assignment may read another entity.
/// session[u].balance += session[v].balance;
///
/// // 2. Copy, then call: the argument of a method needs a local.
/// let name = session[v].name.clone();
/// session[u].set_name(&name);
///
/// // 3. Two entities mutably at once.
/// let (a, b) = session.pair_mut(u, v)?;
/// std::mem::swap(&mut a.name, &mut b.name);
///
/// // 4. Read and insert in one line.
/// session.insert(Account { balance: session[u].balance, ..Account::default() });
/// # Ok(())
/// # }
/// ```
pub struct Session<Phase = Root> {
    pub(crate) core: Core,
    phase: PhantomData<Unshared<Phase>>,
}

/// A Cell is Send but not Sync, and so is the session.
type Unshared<Phase> = (fn() -> Phase, std::cell::Cell<()>);

impl<Phase> std::fmt::Debug for Session<Phase> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.core.id)
            .field("touched", &self.core.touched.len())
            .finish_non_exhaustive()
    }
}

impl<Phase> Session<Phase> {
    #[inline]
    pub(crate) fn around(core: Core) -> Self {
        Session {
            core,
            phase: PhantomData,
        }
    }

    fn into_core(self) -> Core {
        self.core
    }

    /// Takes a new entity into the session; the next flush inserts it.
    ///
    /// A key that is not set (0, `""`, the nil UUID) is made by the server or by this library and known after
    /// the flush. The table must be registered with the engine, which the flush checks.
    pub fn insert<E: Entity>(&mut self, entity: E) -> Handle<E> {
        self.core.insert(entity)
    }

    /// The entity of a handle.
    ///
    /// # Errors
    ///
    /// A [`Handle`](crate::ErrorKind::Handle) error when the handle is of another session, when the entity was
    /// deleted or left the session, and in a hook of this very entity.
    pub fn get<E: Entity>(&self, handle: Handle<E>) -> Result<&E> {
        self.core.get(handle)
    }

    /// The entity of a handle, to edit it. The first such access keeps a snapshot.
    ///
    /// # Errors
    ///
    /// As [`get`](Session::get).
    pub fn get_mut<E: Entity>(&mut self, handle: Handle<E>) -> Result<&mut E> {
        self.core.get_mut(handle)
    }

    /// Two entities of one table, to edit both at once.
    ///
    /// # Errors
    ///
    /// As [`get`](Session::get), and when both handles are the same.
    pub fn pair_mut<E: Entity>(&mut self, first: Handle<E>, second: Handle<E>) -> Result<(&mut E, &mut E)> {
        self.core.pair_mut(first, second)
    }

    /// Marks an entity for deletion; the next flush deletes its row.
    ///
    /// A row of a soft-delete table is only marked as deleted (`deleted_at`). An entity that was never inserted
    /// just leaves the session, without hooks and events.
    ///
    /// # Errors
    ///
    /// As [`get`](Session::get).
    pub fn delete<E: Entity>(&mut self, handle: Handle<E>) -> Result<()> {
        self.core.mark(handle, Mark::Delete)
    }

    /// Marks an entity for deletion for good, also where [`delete`](Session::delete) would only mark the row.
    ///
    /// # Errors
    ///
    /// As [`get`](Session::get).
    pub fn force_delete<E: Entity>(&mut self, handle: Handle<E>) -> Result<()> {
        self.core.mark(handle, Mark::ForceDelete)
    }

    /// Takes the soft delete of a row back at the next flush. Of a row that is not deleted it changes nothing.
    ///
    /// # Errors
    ///
    /// As [`get`](Session::get).
    pub fn restore<E: Entity>(&mut self, handle: Handle<E>) -> Result<()> {
        self.core.mark(handle, Mark::Restore)
    }

    /// Writes the entity's `updated_at` (and version) at the next flush even if nothing else changed.
    ///
    /// # Errors
    ///
    /// As [`get`](Session::get).
    pub fn touch<E: Entity>(&mut self, handle: Handle<E>) -> Result<()> {
        self.core.mark(handle, Mark::Touch)
    }

    /// How many entities the session holds, of all tables.
    pub fn len(&self) -> usize {
        self.core.len()
    }

    /// Whether the session holds no entity.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Session<Root> {
    #[inline]
    pub(crate) fn new(runtime: Arc<Runtime>) -> Self {
        Session::around(Core::new(runtime))
    }

    /// Writes what changed since the last flush, runs the hooks and hands over the events.
    ///
    /// Before-hooks run first; then one transaction for each MySQL pool; then past-tense hooks and events. A
    /// single statement runs without BEGIN and COMMIT. Inside [`transaction`](Session::transaction) the
    /// past-tense hooks and the events wait for the outermost commit.
    ///
    /// # Errors
    ///
    /// Nothing is stored, no past-tense hook runs and no event is published when it fails, and the session
    /// stays usable, with the edits still in it: a value that does not fit, a refusal by a hook, a duplicate
    /// key, a stale row, a lost connection. One error is different:
    /// [`is_commit_unknown`](crate::Error::is_commit_unknown). With several pools those that committed before
    /// the one that failed stay committed and are told of.
    pub fn flush(&mut self) -> Result<FlushReport> {
        flush::flush(&mut self.core)
    }

    /// Queues what changed since the last flush, to be written later, and returns when Redis has it.
    ///
    /// Before-hooks run and keys, versions and timestamps are known as after [`flush`](Session::flush), also the
    /// keys that AUTO_INCREMENT makes otherwise. A consumer ([`async_consumer`](crate::Engine::async_consumer)) runs
    /// the statements in the order in which they were queued, publishes the events once they are committed, and
    /// calls the past-tense hooks. The report counts what was queued. The engine must be built with
    /// [`async_flush`](crate::EngineBuilder::async_flush).
    ///
    /// Until the consumer is there the database does not show the changes: what one session queued, another does
    /// not find. Change such rows by `flush_async` again, not by `flush`. What the server would refuse, a duplicate
    /// key or a row that somebody else has changed, is not found out here: such operations go, whole, to the
    /// [dead letters](crate::Engine::async_dead_letters).
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # #[table(name = "clicks")]
    /// # struct Click { #[column(id)] id: u64, page: String }
    /// # impl Entity for Click {}
    /// # fn demo(session: &mut Session) -> headwater::Result<()> {
    /// let click = session.insert(Click { page: "/".into(), ..Click::default() });
    /// session.flush_async()?;
    /// println!("click {} is on its way", session[click].id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`flush`](Session::flush) that come before its first statement, and inside of a transaction. When
    /// Redis does not take the operation the session is as before, with the edits still in it. A lost connection
    /// leaves it open whether Redis has the operation after all; queued again it would be another one.
    pub fn flush_async(&mut self) -> Result<FlushReport> {
        queue::flush_async(&mut self.core)
    }

    /// Runs several flushes as one transaction; nested ones are savepoints.
    ///
    /// What is not flushed yet when the closure returns `Ok` is flushed before the commit. `Err` and panics roll
    /// back: generated keys, versions, timestamps are taken back, entities that were inserted meanwhile leave
    /// the session, the edits of others stay.
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # fn demo(session: &mut Session) -> headwater::Result<()> {
    /// session.transaction(|session| {
    ///     // …
    ///     session.flush()?;
    ///     Ok(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The closure's error, or that of the flush or of the commit.
    pub fn transaction<T>(&mut self, work: impl FnOnce(&mut Session) -> Result<T>) -> Result<T> {
        self.transaction_reported(work).map(|(value, _)| value)
    }

    /// As [`transaction`](Session::transaction), with a report of the flush at its end and of its commit: rows of
    /// earlier flushes are in their own reports. That of a nested transaction has no events and hooks yet.
    ///
    /// # Errors
    ///
    /// As [`transaction`](Session::transaction).
    pub fn transaction_reported<T>(
        &mut self,
        work: impl FnOnce(&mut Session) -> Result<T>,
    ) -> Result<(T, FlushReport)> {
        let outermost = transaction::open(&mut self.core)?;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let value = work(self)?;
            Ok((value, self.flush()?))
        }));
        match outcome {
            Ok(Ok((value, mut report))) => {
                let end = if outermost {
                    flush::commit(&mut self.core)?
                } else {
                    transaction::close_nested(&mut self.core)?
                };
                report.add(end);
                Ok((value, report))
            }
            Ok(Err(error)) => {
                transaction::roll_back(&mut self.core);
                Err(error)
            }
            Err(panic) => {
                transaction::roll_back(&mut self.core);
                resume_unwind(panic)
            }
        }
    }

    /// Does the work with no hook of any kind being called, for imports. Events are published all the same.
    ///
    /// What is touched inside must be flushed inside, or its hooks run at a later flush.
    pub fn without_hooks<T>(&mut self, work: impl FnOnce(&mut Session) -> T) -> T {
        let before = std::mem::replace(&mut self.core.without_hooks, true);
        let outcome = catch_unwind(AssertUnwindSafe(|| work(self)));
        self.core.without_hooks = before;
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl<E: Entity, Phase> Index<Handle<E>> for Session<Phase> {
    type Output = E;

    /// The entity of a handle.
    ///
    /// # Panics
    ///
    /// When [`get`](Session::get) would return an error: the handle is of another session, or the entity left
    /// this one.
    fn index(&self, handle: Handle<E>) -> &E {
        match self.core.get(handle) {
            Ok(entity) => entity,
            Err(error) => panic!("{error}"),
        }
    }
}

impl<E: Entity, Phase> IndexMut<Handle<E>> for Session<Phase> {
    /// The entity of a handle, to edit it; see [`get_mut`](Session::get_mut).
    ///
    /// # Panics
    ///
    /// As [`Index`].
    fn index_mut(&mut self, handle: Handle<E>) -> &mut E {
        match self.core.get_mut(handle) {
            Ok(entity) => entity,
            Err(error) => panic!("{error}"),
        }
    }
}
