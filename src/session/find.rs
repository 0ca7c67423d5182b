//! Reading: by key, by condition, into the session or as plain values.

use std::borrow::Cow;
use std::fmt;

use super::Session;
use super::before::{is_marked_deleted, is_trashed};
use super::core::Core;
use super::relations::Eager;
use super::strategy::padded;
use super::transaction::Transaction;
use crate::entity::Entity;
use crate::error::{Error, ErrorKind, Result};
use crate::mysql::Params;
use crate::query::{Condition, Lock, Order, Scope, Select, by_keys};
use crate::runtime::{Registered, Runtime};
use crate::table::{ColumnType, Handle, Key, Row, TableDef, Value};

/// Keys in one SELECT; more only make it slower.
const MOST_KEYS: usize = 1024;

impl<Phase> Session<Phase> {
    /// The row with this key, `None` when there is none. An entity that the session holds is not read again.
    ///
    /// A row that is soft-deleted counts as none; see [`Query::with_trashed`].
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # #[table(name = "users")]
    /// # struct User { #[column(id)] id: u64, name: String }
    /// # impl Entity for User {}
    /// # fn demo(session: &mut Session) -> headwater::Result<()> {
    /// if let Some(user) = session.find::<User>(7)? {
    ///     println!("{}", session[user].name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the table is not registered or the server cannot be asked.
    pub fn find<E: Entity>(&mut self, key: <E::Key as ColumnType>::Compare<'_>) -> Result<Option<Handle<E>>> {
        self.core.find(E::Key::operand(key))
    }

    /// The row with this key, which must be there.
    ///
    /// # Errors
    ///
    /// A [`NotFound`](ErrorKind::NotFound) error that names table and key when there is no such row, and as
    /// [`find`](Session::find).
    pub fn require<E: Entity>(&mut self, key: <E::Key as ColumnType>::Compare<'_>) -> Result<Handle<E>> {
        let key = E::Key::operand(key);
        let shown = match &key {
            Value::Text(text) => text.clone(),
            other => other.to_string(),
        };
        let found = self.core.find(key)?;
        found.ok_or_else(|| {
            Error::new(ErrorKind::NotFound {
                table: E::TABLE.name,
                key: shown,
            })
        })
    }

    /// The row with this key as a plain value outside of the session, `None` when there is none: as it is in the
    /// database (as the open transaction sees it, if there is one), whatever the session holds of it, and nothing of it
    /// is tracked.
    ///
    /// The database is asked each time, and [`retrieved`](Entity::retrieved) runs each time. A row that is soft-deleted
    /// counts as none.
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # #[table(name = "users")]
    /// # struct User { #[column(id)] id: u64, name: String }
    /// # impl Entity for User {}
    /// # fn demo(session: &mut Session) -> headwater::Result<()> {
    /// let name = session.fetch::<User>(7)?.map(|user| user.name);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`find`](Session::find).
    #[inline]
    pub fn fetch<E: Entity>(&mut self, key: <E::Key as ColumnType>::Compare<'_>) -> Result<Option<E>> {
        let Some(mut entity) = self.core.read_one::<E>(E::Key::operand(key))? else {
            return Ok(None);
        };
        if is_marked_deleted(&entity) {
            return Ok(None);
        }
        entity.retrieved();
        Ok(Some(entity))
    }

    /// The rows with these keys, in the order of the keys; keys without a row are left out, a key that is named
    /// twice counts once.
    ///
    /// # Errors
    ///
    /// As [`find`](Session::find).
    pub fn find_many<E: Entity>(&mut self, keys: impl IntoIterator<Item = E::Key>) -> Result<Vec<Handle<E>>> {
        self.core.find_many(keys.into_iter().collect())
    }

    /// A query on the rows of `E`.
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # #[table(name = "users")]
    /// # struct User { #[column(id)] id: u64, name: String, age: Option<u8> }
    /// # impl Entity for User {}
    /// # fn demo(session: &mut Session) -> headwater::Result<()> {
    /// let adults = session.query::<User>().filter(User::AGE.gt(17)).order_by(User::NAME.asc()).limit(20).all()?;
    /// for user in adults {
    ///     println!("{}", session[user].name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn query<E: Entity>(&mut self) -> Query<'_, E> {
        Query {
            core: &mut self.core,
            select: Select::default(),
            eager: Vec::new(),
        }
    }
}

/// A query under way: conditions, order, bounds, and how its rows are wanted.
///
/// It reads the database as it is: what is not flushed yet it does not see.
#[must_use = "a query does nothing until it is asked for its rows"]
pub struct Query<'s, E: Entity> {
    pub(super) core: &'s mut Core,
    pub(super) select: Select<E>,
    pub(super) eager: Vec<Eager<E>>,
}

impl<E: Entity> fmt::Debug for Query<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("table", &E::TABLE.name)
            .field("filter", &self.select.filter)
            .finish_non_exhaustive()
    }
}

impl<E: Entity> Query<'_, E> {
    /// Only rows for which this holds, and what was asked for before.
    pub fn filter(mut self, condition: Condition<E>) -> Self {
        self.select.filter = Some(match self.select.filter.take() {
            Some(before) => before.and(condition),
            None => condition,
        });
        self
    }

    /// Orders the rows; further calls order those that are equal so far.
    pub fn order_by(mut self, order: Order<E>) -> Self {
        self.select.order.push(order);
        self
    }

    /// At most so many rows.
    pub fn limit(mut self, rows: u64) -> Self {
        self.select.limit = Some(rows);
        self
    }

    /// Leaves out so many rows first.
    pub fn offset(mut self, rows: u64) -> Self {
        self.select.offset = Some(rows);
        self
    }

    /// Soft-deleted rows too.
    pub fn with_trashed(mut self) -> Self {
        self.select.scope = Scope::WithTrashed;
        self
    }

    /// Soft-deleted rows only.
    pub fn only_trashed(mut self) -> Self {
        self.select.scope = Scope::OnlyTrashed;
        self
    }

    /// Locks the rows until the end of the transaction, so that nobody else changes them meanwhile. Entities that
    /// the session held without edits are read anew. Outside of a [`transaction`](Session::transaction) the lock
    /// ends with the statement.
    pub fn for_update(mut self) -> Self {
        self.select.lock = Some(Lock::Update);
        self
    }

    /// Locks the rows against changes by others until the end of the transaction; see
    /// [`for_update`](Query::for_update).
    pub fn for_share(mut self) -> Self {
        self.select.lock = Some(Lock::Share);
        self
    }

    /// The rows, in the session. An entity that the session held already is as it is there, edits included.
    ///
    /// # Errors
    ///
    /// When the table is not registered, the server cannot be asked, or a row holds a value that the struct
    /// cannot hold.
    pub fn all(self) -> Result<Vec<Handle<E>>> {
        let runtime = self.core.runtime.clone();
        let (sql, params) = statement(&runtime, &self.select)?;
        let rows = self.core.load_with(&sql, params, self.select.lock.is_some())?;
        for load in self.eager {
            load(self.core, &rows)?;
        }
        Ok(rows)
    }

    /// The first row, in the session.
    ///
    /// # Errors
    ///
    /// As [`all`](Query::all).
    pub fn first(self) -> Result<Option<Handle<E>>> {
        Ok(self.limit(1).all()?.into_iter().next())
    }

    /// The rows as plain values outside of the session: nothing of them is tracked.
    ///
    /// # Errors
    ///
    /// As [`all`](Query::all).
    pub fn fetch(self) -> Result<Vec<E>> {
        let runtime = self.core.runtime.clone();
        let (sql, params) = statement(&runtime, &self.select)?;
        let mut rows = Vec::with_capacity(usize::from(self.select.only_key().is_some()));
        self.core.read::<E>(&sql, params, &mut |row| {
            let mut entity = E::from_row(row)?;
            entity.retrieved();
            rows.push(entity);
            Ok(())
        })?;
        Ok(rows)
    }

    /// How many rows there are, within limit and offset.
    ///
    /// # Errors
    ///
    /// As [`all`](Query::all).
    pub fn count(self) -> Result<u64> {
        let (sql, params) = self.select.count();
        let mut count = 0;
        self.core.read::<E>(&sql, params, &mut |row| {
            count = match row.values().first() {
                Some(Value::Int(n)) => u64::try_from(*n).unwrap_or(0),
                Some(Value::UInt(n)) => *n,
                _ => 0,
            };
            Ok(())
        })?;
        Ok(count)
    }

    /// Whether there is any row.
    ///
    /// # Errors
    ///
    /// As [`all`](Query::all).
    pub fn exists(self) -> Result<bool> {
        Ok(self.limit(1).count()? > 0)
    }
}

/// Asks on the open transaction's connection, or on one of the pool's.
//
// Inlined down to the driver, as is the way of a connection from and to its pool, with all that is rare put apart: where
// the server works on the same processor, most code is out of the caches after each answer, and functions that stand
// apart cost a row more than what they do.
#[inline]
fn ask(
    runtime: &Runtime,
    transaction: Option<&mut Transaction>,
    table: &Registered,
    sql: &str,
    params: Params,
    each: &mut dyn FnMut(&mut Row) -> Result<()>,
) -> Result<()> {
    let name = table.def.name;
    match transaction {
        Some(transaction) => transaction
            .connection(runtime, table.mysql)?
            .select(sql, params, name, each),
        None => runtime.mysql[table.mysql].get()?.select(sql, params, name, each),
    }
}

/// The text that asks for these rows, and its values. That which reads a row by its key is kept for each table.
fn statement<'a, E: Entity>(runtime: &'a Runtime, select: &Select<E>) -> Result<(Cow<'a, str>, Params)> {
    if let Some(key) = select.only_key() {
        let mut params = Params::with_capacity(1);
        params.push(key.clone());
        return Ok((Cow::Borrowed(runtime.table::<E>()?.by_key()), params));
    }
    let (sql, params) = select.rows();
    Ok((Cow::Owned(sql), params))
}

impl Core {
    /// Runs a query on the open transaction's connection, or on one of the pool's.
    pub(super) fn read<E: Entity>(
        &mut self,
        sql: &str,
        params: Params,
        each: &mut dyn FnMut(&mut Row) -> Result<()>,
    ) -> Result<()> {
        let Core {
            runtime, transaction, ..
        } = self;
        let table = runtime.table::<E>()?;
        ask(runtime, transaction.as_deref_mut(), table, sql, params, each)
    }

    /// The row with this key, soft-deleted or not, as it is in the database.
    #[inline]
    fn read_one<E: Entity>(&mut self, key: Value) -> Result<Option<E>> {
        let Core {
            runtime, transaction, ..
        } = self;
        let table = runtime.table::<E>()?;
        let mut params = Params::with_capacity(1);
        params.push(key);
        // One row needs no list of rows.
        let mut found = None;
        ask(
            runtime,
            transaction.as_deref_mut(),
            table,
            table.by_key(),
            params,
            &mut |row| {
                found = Some(E::from_row(row)?);
                Ok(())
            },
        )?;
        Ok(found)
    }

    /// Reads rows into the session.
    pub(super) fn load<E: Entity>(&mut self, sql: &str, params: Params) -> Result<Vec<Handle<E>>> {
        self.load_with(sql, params, false)
    }

    /// Reads rows into the session; with `renew`, entities without edits take the new values.
    pub(super) fn load_with<E: Entity>(&mut self, sql: &str, params: Params, renew: bool) -> Result<Vec<Handle<E>>> {
        let mut rows: Vec<E> = Vec::new();
        self.read::<E>(sql, params, &mut |row| {
            rows.push(E::from_row(row)?);
            Ok(())
        })?;
        Ok(self.adopt(rows, renew))
    }

    /// Enters rows that were read into the identity map.
    fn adopt<E: Entity>(&mut self, rows: Vec<E>, renew: bool) -> Vec<Handle<E>> {
        let session = self.id;
        let mut handles = Vec::with_capacity(rows.len());
        let arena = self.arena_mut::<E>();
        arena.reserve(rows.len());
        let mut added = Vec::new();
        for entity in rows {
            let (slot, is_new) = arena.adopt(entity, renew);
            if is_new {
                added.push(slot);
            }
            handles.push(arena.handle(session, slot));
        }
        if let Some(transaction) = &mut self.transaction {
            added
                .iter()
                .for_each(|&slot| transaction.note_loaded(Core::place::<E>(slot)));
        }
        self.added = added;
        handles
    }

    pub(super) fn find<E: Entity>(&mut self, key: Value) -> Result<Option<Handle<E>>> {
        self.runtime.table::<E>()?;
        let Ok(wanted) = E::Key::decode(key.clone(), E::TABLE.key()) else {
            return Ok(None);
        };
        let session = self.id;
        if let Some(slot) = self.arena_mut::<E>().locate(&wanted) {
            return Ok(self
                .live::<E>(slot)
                .then(|| self.arena_mut::<E>().handle(session, slot)));
        }
        if wanted.is_unset() {
            return Ok(None);
        }
        let Some(entity) = self.read_one::<E>(key)? else {
            return Ok(None);
        };
        let arena = self.arena_mut::<E>();
        let (slot, is_new) = arena.adopt(entity, false);
        let handle = arena.handle(session, slot);
        if let Some(transaction) = self.transaction.as_mut().filter(|_| is_new) {
            transaction.note_loaded(Core::place::<E>(slot));
        }
        Ok(self.live::<E>(slot).then_some(handle))
    }

    /// Whether an entity is not soft-deleted, as stored.
    fn live<E: Entity>(&self, slot: u32) -> bool {
        E::TABLE.deleted_at.is_none() || !is_trashed::<E>(self, slot)
    }

    pub(super) fn find_many<E: Entity>(&mut self, keys: Vec<E::Key>) -> Result<Vec<Handle<E>>> {
        self.runtime.table::<E>()?;
        let arena = self.arena_mut::<E>();
        let mut missing: Vec<Value> = Vec::new();
        for key in &keys {
            if !key.is_unset() && arena.locate(key).is_none() {
                missing.push(key.encode(E::TABLE.key())?);
            }
        }
        self.load_keys::<E>(E::TABLE, &missing)?;
        let session = self.id;
        let mut seen = std::collections::HashSet::with_capacity(keys.len());
        let mut found = Vec::with_capacity(keys.len());
        for key in &keys {
            let Some(slot) = self.arena_mut::<E>().locate(key) else {
                continue;
            };
            if seen.insert(slot) && self.live::<E>(slot) {
                found.push(self.arena_mut::<E>().handle(session, slot));
            }
        }
        Ok(found)
    }

    fn load_keys<E: Entity>(&mut self, def: &'static TableDef, keys: &[Value]) -> Result<()> {
        for chunk in keys.chunks(MOST_KEYS) {
            // Padded to one of few sizes with the last key, so that few texts are kept prepared.
            let wanted = padded(chunk.len(), MOST_KEYS);
            let mut params = Params::with_capacity(wanted);
            for i in 0..wanted {
                params.push(chunk[i.min(chunk.len() - 1)].clone());
            }
            self.load::<E>(&by_keys(def, wanted), params)?;
        }
        Ok(())
    }
}
