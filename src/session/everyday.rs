//! What a session offers beside reading and flushing: copies, evicting, refreshing, walking large tables.

use super::arena::{Mark, Status, name_of};
use super::core::Core;
use super::flush::FlushReport;
use super::{Root, Session};
use crate::entity::Entity;
use crate::error::{Error, ErrorKind, Result};
use crate::mysql::Params;
use crate::query::{Condition, Scope, Select, by_keys};
use crate::table::{CivilDateTime, Column, ColumnType, Handle, Key, StoredAs, Value};

impl<Phase> Session<Phase> {
    /// A copy of an entity as a new one, which the next flush inserts.
    ///
    /// Key, version, timestamps and the mark of a soft delete are cleared first; then `replicating` may change
    /// or refuse the copy, and `replicated` is told of it.
    ///
    /// # Errors
    ///
    /// As [`get`](Session::get); a [`Rejected`](ErrorKind::Rejected) error when `replicating` refuses.
    pub fn replicate<E: Entity>(&mut self, handle: Handle<E>) -> Result<Handle<E>> {
        let source = self.core.get(handle)?;
        let key = name_of(source);
        let mut copy = source.clone();
        clear_managed(&mut copy);
        if !self.core.without_hooks {
            copy.replicating().map_err(|source| {
                let (hook, table) = ("replicating", E::TABLE.name);
                Error::new(ErrorKind::Rejected {
                    hook,
                    table,
                    key,
                    source,
                })
            })?;
        }
        let copied = self.core.insert(copy);
        if !self.core.without_hooks {
            self.core.get(copied)?.replicated();
        }
        Ok(copied)
    }

    /// Takes an entity out of the session and returns it, unsaved edits included. Its row stays as it is.
    ///
    /// # Errors
    ///
    /// As [`get`](Session::get), and inside a transaction.
    pub fn evict<E: Entity>(&mut self, handle: Handle<E>) -> Result<E> {
        self.core.outside_of_transactions::<E>()?;
        let slot = self.core.check(handle)?;
        let gone = || {
            Error::new(ErrorKind::Handle {
                table: E::TABLE.name,
                reason: "the entity left the session",
            })
        };
        self.core.arena_mut::<E>().remove(slot).ok_or_else(gone)
    }

    /// Reads an entity's row again, throwing away its edits and marks.
    ///
    /// # Errors
    ///
    /// As [`get`](Session::get); a [`NotFound`](ErrorKind::NotFound) error when the row is gone or was never
    /// inserted; when the server cannot be asked.
    pub fn refresh<E: Entity>(&mut self, handle: Handle<E>) -> Result<()> {
        self.core.refresh(handle)
    }

    /// The row whose column has the same value as the given entity, with all other columns taken over from the
    /// entity; a new entity when there is no such row. The next flush writes what differs.
    ///
    /// The column should be unique. Between this look and the flush somebody else may insert the row: the flush
    /// then fails with [`is_duplicate_key`](Error::is_duplicate_key), and doing both again finds it.
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # #[table(name = "users")]
    /// # struct User { #[column(id)] id: u64, #[column(unique)] email: String, name: String }
    /// # impl Entity for User {}
    /// # fn demo(session: &mut Session) -> headwater::Result<()> {
    /// session.upsert(User::EMAIL, User { email: "ana@x.org".into(), name: "Ana".into(), ..User::default() })?;
    /// session.flush()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`find`](Session::find), and when the value does not fit the column.
    pub fn upsert<E: Entity, T: ColumnType + StoredAs<T>>(
        &mut self,
        column: Column<E, T>,
        entity: E,
    ) -> Result<Handle<E>> {
        let value = entity.encode(column.position())?;
        let mut select = Select {
            filter: Some(Condition::<E>::equals(column.position(), value)),
            // A row that is deleted softly has the value all the same.
            scope: Scope::WithTrashed,
            ..Select::default()
        };
        select.limit = Some(1);
        let (sql, params) = select.rows();
        let Some(handle) = self.core.load::<E>(&sql, params)?.into_iter().next() else {
            return Ok(self.core.insert(entity));
        };
        if super::before::is_trashed::<E>(&self.core, handle.raw.slot) {
            self.core.mark(handle, Mark::Restore)?;
        }
        let kept = E::TABLE.internal();
        let found = self.core.get_mut(handle)?;
        for position in (0..E::TABLE.columns.len()).filter(|&position| position != E::TABLE.id && !kept.has(position)) {
            found.copy_column(position, &entity);
        }
        Ok(handle)
    }
}

impl Session<Root> {
    /// Forgets all entities, unsaved edits included. All handles are refused from now on.
    ///
    /// # Errors
    ///
    /// Inside a transaction, whose end may need them.
    pub fn clear(&mut self) -> Result<()> {
        if self.core.transaction.is_some() {
            return Err(Error::config("a session cannot be cleared inside a transaction"));
        }
        self.core.clear();
        Ok(())
    }

    /// Walks the rows of a table for which the condition holds (all where it is `None`), in the order of their keys, `size` at a time, in constant
    /// memory: after each chunk the session is flushed and the chunk's entities leave it.
    ///
    /// Chunks are found by key (`WHERE id > last ORDER BY id LIMIT size`), so that the last one is read as fast
    /// as the first. Rows that are inserted behind the walk are met, those before it are not.
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # #[table(name = "users")]
    /// # struct User { #[column(id)] id: u64, name: String }
    /// # impl Entity for User {}
    /// # fn demo(session: &mut Session) -> headwater::Result<()> {
    /// session.for_each_chunk::<User>(1000, None, |session, users| {
    ///     for &user in users {
    ///         session[user].name = session[user].name.trim().to_owned();
    ///     }
    ///     Ok(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The closure's error, those of reading and of the flush after each chunk. What earlier chunks flushed
    /// stays, unless all runs in a [`transaction`](Session::transaction).
    pub fn for_each_chunk<E: Entity>(
        &mut self,
        size: usize,
        condition: Option<Condition<E>>,
        mut work: impl FnMut(&mut Session, &[Handle<E>]) -> Result<()>,
    ) -> Result<FlushReport> {
        let mut report = FlushReport::default();
        let mut last: Option<Value> = None;
        let size = size.max(1);
        loop {
            let after = last.take().map(|key| Condition::greater(E::TABLE.id, key));
            let filter = match (condition.clone(), after) {
                (Some(condition), Some(after)) => Some(condition.and(after)),
                (condition, after) => condition.or(after),
            };
            let select = Select {
                filter,
                limit: Some(size as u64),
                by_key: true,
                ..Select::default()
            };
            let (sql, params) = select.rows();
            let chunk = self.core.load::<E>(&sql, params)?;
            let added = self.core.added.clone();
            let Some(&end) = chunk.last() else { return Ok(report) };
            last = Some(self.core.get(end)?.key().encode(E::TABLE.key())?);
            work(self, &chunk)?;
            report.add(self.flush()?);
            if self.core.transaction.is_none() {
                for &handle in chunk.iter().filter(|handle| added.contains(&handle.raw.slot)) {
                    // What the closure deleted or evicted is gone already.
                    let _ = self.evict(handle);
                }
            }
            if chunk.len() < size {
                return Ok(report);
            }
        }
    }
}

impl Core {
    /// Refuses what would break the end of an open transaction.
    fn outside_of_transactions<E: Entity>(&self) -> Result<()> {
        match self.transaction {
            None => Ok(()),
            Some(_) => Err(Error::config(format!(
                "{}: an entity cannot leave the session inside a transaction",
                E::TABLE.name
            ))),
        }
    }

    /// What the session holds of a table whose rows were changed past it: read again, or let go where that fails.
    pub(super) fn renew<E: Entity>(&mut self) {
        if self.refresh_clean::<E>().is_ok() || self.transaction.is_some() {
            return;
        }
        let arena = self.arena_mut::<E>();
        for slot in 0..u32::try_from(arena.slots.len()).unwrap_or(u32::MAX) {
            let place = &arena.slots[slot as usize];
            if place.status == Status::Stored && !place.touched {
                arena.remove(slot);
            }
        }
    }

    /// Reads all entities of a table again that nobody edited; those whose row is gone leave the session, unless
    /// a transaction is open.
    fn refresh_clean<E: Entity>(&mut self) -> Result<()> {
        let arena = self.arena_mut::<E>();
        let clean = arena
            .slots
            .iter()
            .zip(0u32..)
            .filter(|(place, _)| place.status == Status::Stored && !place.touched);
        let clean: Vec<(u32, E::Key)> = clean
            .filter_map(|(place, slot)| Some((slot, place.stored_key(&arena.snapshots)?.clone())))
            .collect();
        for chunk in clean.chunks(1024) {
            let mut params = Params::with_capacity(chunk.len());
            for (_, key) in chunk {
                params.push(key.encode(E::TABLE.key())?);
            }
            let found = self.load_with::<E>(&by_keys(E::TABLE, chunk.len()), params, true)?;
            if self.transaction.is_some() {
                continue;
            }
            let there: std::collections::HashSet<u32> = found.into_iter().map(|handle| handle.raw.slot).collect();
            for (slot, _) in chunk.iter().filter(|(slot, _)| !there.contains(slot)) {
                self.arena_mut::<E>().remove(*slot);
            }
        }
        Ok(())
    }

    pub(super) fn refresh<E: Entity>(&mut self, handle: Handle<E>) -> Result<()> {
        let slot = self.check(handle)?;
        let arena = self.arena_mut::<E>();
        let place = &arena.slots[slot as usize];
        let gone = |key: String| {
            Error::new(ErrorKind::NotFound {
                table: E::TABLE.name,
                key,
            })
        };
        let stored = place.stored_key(&arena.snapshots);
        let Some(key) = stored.filter(|_| place.status == Status::Stored).cloned() else {
            return Err(gone("(new)".to_owned()));
        };
        let mut params = Params::with_capacity(1);
        params.push(key.encode(E::TABLE.key())?);
        let mut fresh: Option<E> = None;
        self.read::<E>(&by_keys(E::TABLE, 1), params, &mut |row| {
            fresh = Some(E::from_row(row)?);
            Ok(())
        })?;
        let mut fresh = fresh.ok_or_else(|| gone(key.to_string()))?;
        fresh.retrieved();
        let arena = self.arena_mut::<E>();
        arena.drop_original(slot);
        let place = &mut arena.slots[slot as usize];
        place.entity = Some(fresh);
        place.mark = Mark::None;
        place.touched = false;
        let at = Core::place::<E>(slot);
        self.touched.retain(|touched| *touched != at);
        Ok(())
    }
}

/// Makes a copy look like a new entity: no key, version, timestamps, mark of a soft delete.
fn clear_managed<E: Entity>(entity: &mut E) {
    let def = E::TABLE;
    entity.set_key(E::Key::unset());
    if let Some(column) = def.version {
        let zero = if entity.encode(column).is_ok_and(|v| matches!(v, Value::Int(_))) {
            Value::Int(0)
        } else {
            Value::UInt(0)
        };
        let _ = entity.decode(column, zero);
    }
    for column in [def.created_at, def.updated_at, def.deleted_at].into_iter().flatten() {
        // The epoch is what a timestamp that may not be NULL holds by default, and counts as not set.
        if entity.decode(column, Value::Null).is_err() {
            let _ = entity.decode(column, Value::DateTime(CivilDateTime::EPOCH));
        }
    }
}
