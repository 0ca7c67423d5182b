//! Handles: small keys of entities inside one session.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// A handle without its type: which session, which slot, which use of the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawHandle {
    pub(crate) session: u32,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// The key of one entity inside its session: `Copy`, 12 bytes, valid until the entity leaves it.
///
/// `session[handle]` reads, `&mut session[handle]` edits. A handle of another session, or of an entity
/// that is gone, is told apart and refused.
pub struct Handle<E> {
    pub(crate) raw: RawHandle,
    entity: PhantomData<fn() -> E>,
}

impl<E> Handle<E> {
    pub(crate) const fn new(raw: RawHandle) -> Self {
        Handle {
            raw,
            entity: PhantomData,
        }
    }

    /// The handle without its type.
    pub fn raw(self) -> RawHandle {
        self.raw
    }
}

// Written out because deriving them would ask the same of E.
impl<E> Clone for Handle<E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E> Copy for Handle<E> {}
impl<E> PartialEq for Handle<E> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}
impl<E> Eq for Handle<E> {}
impl<E> PartialOrd for Handle<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Handle<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.raw.cmp(&other.raw)
    }
}
impl<E> Hash for Handle<E> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.raw.hash(state);
    }
}
impl<E> fmt::Debug for Handle<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Handle({}.{}.{})",
            self.raw.session, self.raw.slot, self.raw.generation
        )
    }
}
