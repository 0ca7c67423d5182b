//! The typed store of one table's entities in a session: slots, identity map, snapshots.

use std::fmt;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::snapshots::{Snapshot, Snapshots};
use crate::entity::Entity;
use crate::error::{Error, ErrorKind, Result};
use crate::table::{Handle, Key, RawHandle};

/// What a slot's entity is to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// The slot is free.
    Free,
    /// Not inserted yet.
    New,
    /// A row.
    Stored,
    /// Deleted by the open transaction; the slot is kept until its outcome is known.
    Gone,
}

/// What was asked of an entity beside edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    None,
    /// Delete it; of a soft-delete table: trash it.
    Delete,
    /// Delete it for good.
    ForceDelete,
    /// Take the soft delete back.
    Restore,
    /// Write it even if nothing changed, for its `updated_at`.
    Touch,
}

/// One entity and what the session knows of it.
#[derive(Debug)]
pub(crate) struct Slot<E> {
    /// `None` when free, and while a hook of the entity runs.
    pub(crate) entity: Option<E>,
    /// The entity as last read or written, from the first mutable access on: in [`Arena::snapshots`].
    pub(crate) original: Snapshot,
    pub(crate) generation: u32,
    pub(crate) status: Status,
    pub(crate) mark: Mark,
    /// In the session's list of touched entities.
    pub(crate) touched: bool,
    /// Waiting in the work list of the running before-hooks.
    pub(crate) queued: bool,
    /// The before-hooks of the running flush found nothing to write, and nobody has touched it since.
    pub(crate) clean: bool,
    /// The phases whose hooks ran in the running flush.
    pub(crate) hooked: u8,
    /// When it came into the session, counted: new entities are inserted in this order.
    pub(crate) born: u32,
}

impl<E: Entity> Slot<E> {
    fn empty(generation: u32) -> Self {
        Slot {
            entity: None,
            original: Snapshot::NONE,
            generation,
            status: Status::Free,
            mark: Mark::None,
            touched: false,
            queued: false,
            clean: false,
            hooked: 0,
            born: 0,
        }
    }

    /// The key as the field says it now.
    pub(crate) fn key(&self) -> Option<&E::Key> {
        self.entity.as_ref().map(|entity| entity.key())
    }

    /// The entity as last read or written.
    #[inline]
    pub(crate) fn stored<'a>(&'a self, snapshots: &'a Snapshots<E>) -> Option<&'a E> {
        snapshots.get(self.original).or(self.entity.as_ref())
    }

    /// The key under which it is in the identity map: the stored one, whatever the field says now.
    pub(crate) fn stored_key<'a>(&'a self, snapshots: &'a Snapshots<E>) -> Option<&'a E::Key> {
        self.stored(snapshots).map(|entity| entity.key())
    }
}

fn rehash<E: Entity>(slots: &[Slot<E>], snapshots: &Snapshots<E>, hasher: &DefaultHashBuilder, slot: u32) -> u64 {
    let key = slots[slot as usize].stored_key(snapshots);
    key.map_or(0, |key| hasher.hash_one(key))
}

/// All entities of one table in a session.
pub(crate) struct Arena<E: Entity> {
    pub(crate) slots: Vec<Slot<E>>,
    pub(crate) snapshots: Snapshots<E>,
    free: Vec<u32>,
    /// Slots of stored entities by the hash of their key.
    identity: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl<E: Entity> Default for Arena<E> {
    fn default() -> Self {
        Arena {
            slots: Vec::new(),
            snapshots: Snapshots::default(),
            free: Vec::new(),
            identity: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl<E: Entity> fmt::Debug for Arena<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena")
            .field("table", &E::TABLE.name)
            .field("slots", &self.slots.len())
            .finish_non_exhaustive()
    }
}

impl<E: Entity> Arena<E> {
    /// Puts an entity into a slot; a stored one must not be in the identity map yet.
    pub(crate) fn add(&mut self, entity: E, status: Status) -> u32 {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(Slot::empty(0));
                // 4 billion entities do not fit into memory.
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            }
        };
        let place = &mut self.slots[slot as usize];
        place.status = status;
        place.entity = Some(entity);
        if status == Status::Stored {
            self.identify(slot);
        }
        slot
    }

    /// Takes in an entity that was read: its slot, and whether that is new. One that the session has already stays as it
    /// is, unless it is to be renewed and has no edits.
    #[inline]
    pub(crate) fn adopt(&mut self, mut entity: E, renew: bool) -> (u32, bool) {
        let Some(slot) = self.locate(entity.key()) else {
            entity.retrieved();
            return (self.add(entity, Status::Stored), true);
        };
        let place = &mut self.slots[slot as usize];
        if renew && !place.touched && place.entity.is_some() {
            entity.retrieved();
            place.entity = Some(entity);
        }
        (slot, false)
    }

    /// Puts a stored entity with its snapshot into a slot.
    pub(crate) fn add_tracked(&mut self, entity: E, original: Option<E>) -> u32 {
        let slot = self.add(entity, Status::New);
        let place = &mut self.slots[slot as usize];
        place.status = Status::Stored;
        place.original = original.map_or(Snapshot::NONE, |original| self.snapshots.keep(original));
        self.identify(slot);
        slot
    }

    /// Takes an entity out, with its snapshot; the slot stays reserved.
    pub(crate) fn take(&mut self, slot: u32) -> Option<(E, Option<E>)> {
        self.forget(slot);
        let place = self.slots.get_mut(slot as usize)?;
        if !matches!(place.status, Status::New | Status::Stored) {
            return None;
        }
        place.status = Status::Gone;
        place.mark = Mark::None;
        place.touched = false;
        place.queued = false;
        place.hooked = 0;
        let original = self.snapshots.take(&mut place.original);
        place.entity.take().map(|entity| (entity, original))
    }

    /// Frees a slot whose entity was taken; its handles are refused from now on.
    pub(crate) fn release(&mut self, slot: u32) {
        let Some(place) = self.slots.get_mut(slot as usize) else {
            return;
        };
        if place.status == Status::Gone {
            place.status = Status::Free;
            place.generation = place.generation.wrapping_add(1);
            self.free.push(slot);
        }
    }

    /// Frees the slots of stored entities, which are dropped where they are; their handles are refused from now on.
    pub(crate) fn discard(&mut self, slots: impl ExactSizeIterator<Item = u32>) {
        self.free.reserve(slots.len());
        // The identity map holds the stored entities and no others: it need not be searched when all of them go.
        let is_all = slots.len() == self.identity.len();
        for slot in slots {
            if !is_all {
                self.forget(slot);
            }
            let Some(place) = self.slots.get_mut(slot as usize) else {
                continue;
            };
            if place.status == Status::Stored {
                self.snapshots.take(&mut place.original);
                *place = Slot::empty(place.generation.wrapping_add(1));
                self.free.push(slot);
            }
        }
        if is_all {
            let is_gone = |&slot: &u32| self.slots[slot as usize].status == Status::Free;
            debug_assert!(self.identity.iter().all(is_gone), "a stored entity is lost");
            self.identity.clear();
        }
    }

    /// Drops all entities and frees all slots; their handles are refused from now on.
    pub(crate) fn free_all(&mut self) {
        self.identity.clear();
        self.free.clear();
        self.snapshots.clear();
        for (at, place) in (0u32..).zip(&mut self.slots) {
            let generation = place.generation.wrapping_add(u32::from(place.status != Status::Free));
            *place = Slot::empty(generation);
            self.free.push(at);
        }
    }

    /// Takes an entity out and frees its slot.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<E> {
        let taken = self.take(slot);
        self.release(slot);
        taken.map(|(entity, _)| entity)
    }

    /// Puts a taken entity back under its old handle.
    pub(crate) fn put_back(&mut self, slot: u32, entity: E, original: E, mark: Mark) {
        let Some(place) = self.slots.get_mut(slot as usize) else {
            return;
        };
        place.entity = Some(entity);
        self.snapshots.take(&mut place.original);
        place.original = self.snapshots.keep(original);
        place.status = Status::Stored;
        place.mark = mark;
        place.touched = true;
        self.identify(slot);
    }

    /// Puts a taken new entity back under its old handle.
    pub(crate) fn put_back_new(&mut self, slot: u32, entity: E) {
        if let Some(place) = self.slots.get_mut(slot as usize) {
            place.entity = Some(entity);
            self.snapshots.take(&mut place.original);
            place.status = Status::New;
            place.mark = Mark::None;
            place.touched = true;
        }
    }

    /// The snapshot of an entity.
    pub(crate) fn original(&self, slot: u32) -> Option<&E> {
        self.snapshots.get(self.slots.get(slot as usize)?.original)
    }

    /// An entity as last read or written.
    pub(crate) fn stored(&self, slot: u32) -> Option<&E> {
        self.slots.get(slot as usize)?.stored(&self.snapshots)
    }

    /// Keeps a snapshot of an entity that has none.
    #[inline]
    pub(crate) fn keep_original(&mut self, slot: u32) {
        if let Some(place) = self.slots.get_mut(slot as usize)
            && place.original.is_none()
            && let Some(entity) = &place.entity
        {
            place.original = self.snapshots.keep(entity.clone());
        }
    }

    /// Drops the snapshot of an entity.
    #[inline]
    pub(crate) fn drop_original(&mut self, slot: u32) {
        if let Some(place) = self.slots.get_mut(slot as usize) {
            self.snapshots.take(&mut place.original);
        }
    }

    /// Enters a stored entity into the identity map.
    pub(crate) fn identify(&mut self, slot: u32) {
        let Some(key) = self.slots[slot as usize].stored_key(&self.snapshots) else {
            return;
        };
        let hash = self.hasher.hash_one(key);
        let (slots, snapshots, hasher) = (&self.slots, &self.snapshots, &self.hasher);
        self.identity
            .insert_unique(hash, slot, |&other| rehash(slots, snapshots, hasher, other));
    }

    /// Takes an entity out of the identity map.
    pub(crate) fn forget(&mut self, slot: u32) {
        let place = self.slots.get(slot as usize);
        let Some(key) = place.and_then(|place| place.stored_key(&self.snapshots)) else {
            return;
        };
        let hash = self.hasher.hash_one(key);
        if let Ok(entry) = self.identity.find_entry(hash, |&other| other == slot) {
            entry.remove();
        }
    }

    /// The slot of the stored entity with this key.
    pub(crate) fn locate(&self, key: &E::Key) -> Option<u32> {
        if self.identity.is_empty() {
            return None;
        }
        let hash = self.hasher.hash_one(key);
        let is_it = |&slot: &u32| {
            let stored = self.slots[slot as usize].stored_key(&self.snapshots);
            stored.is_some_and(|k| k == key)
        };
        self.identity.find(hash, is_it).copied()
    }

    /// The handle of a slot.
    pub(crate) fn handle(&self, session: u32, slot: u32) -> Handle<E> {
        let generation = self.slots.get(slot as usize).map_or(0, |place| place.generation);
        Handle::new(RawHandle {
            session,
            slot,
            generation,
        })
    }

    /// How many entities it holds.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Makes room for more entities at once.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.slots.reserve(more);
        self.reserve_identity(more);
    }

    /// Makes room for more stored entities in the identity map.
    pub(crate) fn reserve_identity(&mut self, more: usize) {
        let (slots, snapshots, hasher) = (&self.slots, &self.snapshots, &self.hasher);
        self.identity
            .reserve(more, |&other| rehash(slots, snapshots, hasher, other));
    }

    /// The slot of a handle, after all checks.
    #[inline]
    pub(crate) fn check(&self, session: u32, handle: RawHandle) -> Result<u32> {
        if handle.session == session
            && let Some(slot) = self.slots.get(handle.slot as usize)
            && slot.generation == handle.generation
            && slot.entity.is_some()
        {
            return Ok(handle.slot);
        }
        Err(self.refusal(session, handle))
    }

    /// Why a handle is refused.
    #[cold]
    fn refusal(&self, session: u32, handle: RawHandle) -> Error {
        let reason = if handle.session != session {
            "the handle belongs to another session"
        } else {
            match self.slots.get(handle.slot as usize) {
                Some(slot)
                    if slot.generation == handle.generation && matches!(slot.status, Status::New | Status::Stored) =>
                {
                    "a hook of this entity is running: use `self` there, not its handle"
                }
                _ => "the entity of this handle was deleted or left the session",
            }
        };
        Error::new(ErrorKind::Handle {
            table: E::TABLE.name,
            reason,
        })
    }
}

/// How errors name an entity: its key, `(new)` when it has none.
pub(crate) fn name_of<E: Entity>(entity: &E) -> String {
    if entity.key().is_unset() {
        "(new)".to_owned()
    } else {
        entity.key().to_string()
    }
}
