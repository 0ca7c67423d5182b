//! Entities outside of a session that still know what they were: for other threads and struct fields.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::Session;
use super::arena::Status;
use super::core::Core;
use crate::entity::Entity;
use crate::error::{Error, ErrorKind, Result};
use crate::table::Handle;

/// An entity that left its session with its snapshot. `Deref` to read, `DerefMut` to edit;
/// [`Session::attach`] brings it back, into any session of the engine.
pub struct Tracked<E> {
    entity: E,
    original: Option<E>,
    stored: bool,
}

impl<E: Entity> Tracked<E> {
    /// Whether it is not inserted yet.
    pub fn is_new(&self) -> bool {
        !self.stored
    }

    /// The entity alone, without what is known of its row.
    pub fn into_inner(self) -> E {
        self.entity
    }
}

impl<E: Entity + fmt::Debug> fmt::Debug for Tracked<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entity.fmt(f)
    }
}

impl<E> Deref for Tracked<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.entity
    }
}

impl<E: Clone> DerefMut for Tracked<E> {
    /// Keeps a snapshot at the first mutable access.
    fn deref_mut(&mut self) -> &mut E {
        if self.stored && self.original.is_none() {
            self.original = Some(self.entity.clone());
        }
        &mut self.entity
    }
}

impl<Phase> Session<Phase> {
    /// Takes an entity out of the session with all that is known of it; its handle is refused from now on.
    ///
    /// # Errors
    ///
    /// As [`get`](Session::get), and inside a transaction, whose end may need the entity.
    pub fn detach<E: Entity>(&mut self, handle: Handle<E>) -> Result<Tracked<E>> {
        let slot = self.core.check(handle)?;
        let stored = self.core.arena_mut::<E>().slots[slot as usize].status == Status::Stored;
        let original = self.core.arena_mut::<E>().original(slot).cloned();
        let entity = self.evict(handle)?;
        Ok(Tracked {
            entity,
            original,
            stored,
        })
    }

    /// Brings an entity into the session; its edits are written by the next flush.
    ///
    /// # Errors
    ///
    /// A [`Handle`](ErrorKind::Handle) error when the session holds the same row already.
    pub fn attach<E: Entity>(&mut self, tracked: Tracked<E>) -> Result<Handle<E>> {
        if !tracked.stored {
            return Ok(self.core.insert(tracked.entity));
        }
        let arena = self.core.arena_mut::<E>();
        let key = tracked.original.as_ref().unwrap_or(&tracked.entity).key();
        if arena.locate(key).is_some() {
            let reason = "the session holds the same row already";
            return Err(Error::new(ErrorKind::Handle {
                table: E::TABLE.name,
                reason,
            }));
        }
        let edited = tracked.original.is_some();
        let slot = arena.add_tracked(tracked.entity, tracked.original);
        if edited {
            arena.slots[slot as usize].touched = true;
            let at = Core::place::<E>(slot);
            self.core.touched.push(at);
            if self.core.in_hooks {
                self.core.queue.push(at);
            }
        }
        let session = self.core.id;
        Ok(self.core.arena_mut::<E>().handle(session, slot))
    }
}
