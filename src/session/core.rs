//! The inside of a session: arenas, what was touched, the open transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::accept::Undo;
use super::any_arena::AnyArena;
use super::arena::{Arena, Mark, Slot, Status};
use super::frozen::Frozen;
use super::transaction::Transaction;
use crate::entity::Entity;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Runtime;
use crate::table::Handle;

/// An entity by table and slot, its type forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// The process-wide index of its table.
    pub(crate) table: u32,
    pub(crate) slot: u32,
}

/// Everything a session holds.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) id: u32,
    pub(crate) runtime: Arc<Runtime>,
    arenas: Vec<Option<Box<dyn AnyArena>>>,
    /// Entities that flush looks at, in the order in which they were touched.
    pub(crate) touched: Vec<Place>,
    /// Entities touched by a running before-hook, for its work list.
    pub(crate) queue: Vec<Place>,
    /// The slots that the last reading of a list of rows filled.
    pub(crate) added: Vec<u32>,
    /// Whether before-hooks are running.
    pub(crate) in_hooks: bool,
    /// Whether hooks are left out.
    pub(crate) without_hooks: bool,
    /// The memory of the last flush, for the next.
    pub(super) spare: Option<Box<Frozen>>,
    /// Whether the running flush has looked for changes before its hooks: without hooks it does not.
    pub(crate) looked: bool,
    /// Kept apart, as most sessions have none: a session is made and dropped for a single row, too.
    pub(crate) transaction: Option<Box<Transaction>>,
    /// How many new entities came so far.
    born: u32,
}

impl Core {
    #[inline]
    pub(crate) fn new(runtime: Arc<Runtime>) -> Self {
        // Counted for the whole process: handles of two engines' sessions must be told apart as well.
        static NEXT: AtomicU32 = AtomicU32::new(1);
        Core::with_id(runtime, NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// An empty stand-in while the real one is lent to the before-hooks.
    pub(crate) fn stand_in(&self) -> Self {
        Core::with_id(self.runtime.clone(), 0)
    }

    #[inline]
    fn with_id(runtime: Arc<Runtime>, id: u32) -> Self {
        Core {
            id,
            runtime,
            arenas: Vec::new(),
            touched: Vec::new(),
            queue: Vec::new(),
            added: Vec::new(),
            in_hooks: false,
            without_hooks: false,
            spare: None,
            looked: false,
            transaction: None,
            born: 0,
        }
    }

    /// The arena of `E`, if anything of it was ever in this session.
    #[inline]
    pub(crate) fn arena<E: Entity>(&self) -> Option<&Arena<E>> {
        self.arenas.get(E::table_index())?.as_ref()?.as_any().downcast_ref()
    }

    /// The arena of `E`.
    ///
    /// # Panics
    ///
    /// Never: what is stored under a table's index is that table's arena.
    #[inline]
    pub(crate) fn arena_mut<E: Entity>(&mut self) -> &mut Arena<E> {
        arena_of(&mut self.arenas)
    }

    /// The name of a table by its process-wide index.
    pub(crate) fn table_name(&self, index: u32) -> &'static str {
        self.arenas
            .get(index as usize)
            .and_then(Option::as_ref)
            .map_or("unknown", |arena| arena.table())
    }

    /// Whether an entity is at this place.
    pub(crate) fn holds(&self, place: Place) -> bool {
        let arena = self.arenas.get(place.table as usize).and_then(Option::as_ref);
        arena.is_some_and(|arena| arena.holds(place.slot))
    }

    pub(crate) fn place<E: Entity>(slot: u32) -> Place {
        // Tables are counted from 0 as the process meets them; there are never 4 billion.
        Place {
            table: u32::try_from(E::table_index()).unwrap_or(u32::MAX),
            slot,
        }
    }

    /// How many entities it holds.
    pub(crate) fn len(&self) -> usize {
        self.arenas.iter().flatten().map(|arena| arena.entities()).sum()
    }

    #[inline]
    pub(crate) fn get<E: Entity>(&self, handle: Handle<E>) -> Result<&E> {
        let gone = || {
            Error::new(ErrorKind::Handle {
                table: E::TABLE.name,
                reason: "the handle belongs to another session",
            })
        };
        let arena = self.arena::<E>().ok_or_else(gone)?;
        let slot = arena.check(self.id, handle.raw)?;
        arena.slots[slot as usize].entity.as_ref().ok_or_else(gone)
    }

    /// The slot of a handle, after all checks.
    pub(crate) fn check<E: Entity>(&mut self, handle: Handle<E>) -> Result<u32> {
        let id = self.id;
        self.arena_mut::<E>().check(id, handle.raw)
    }

    /// Forgets all entities.
    pub(crate) fn clear(&mut self) {
        self.touched.clear();
        self.arenas.iter_mut().flatten().for_each(|arena| arena.clear());
    }

    #[inline]
    pub(crate) fn get_mut<E: Entity>(&mut self, handle: Handle<E>) -> Result<&mut E> {
        let (arena, slot) = self.touch_in(handle, true)?;
        match &mut arena.slots[slot as usize].entity {
            Some(entity) => Ok(entity),
            // `touch_in` has just checked the handle.
            None => Err(Error::new(ErrorKind::Handle {
                table: E::TABLE.name,
                reason: "the entity left the session",
            })),
        }
    }

    pub(crate) fn pair_mut<E: Entity>(&mut self, first: Handle<E>, second: Handle<E>) -> Result<(&mut E, &mut E)> {
        let (a, b) = (self.touch(first)? as usize, self.touch(second)? as usize);
        let slots = &mut self.arena_mut::<E>().slots;
        match slots.get_disjoint_mut([a, b]) {
            Ok([Slot { entity: Some(a), .. }, Slot { entity: Some(b), .. }]) => Ok((a, b)),
            _ => Err(Error::new(ErrorKind::Handle {
                table: E::TABLE.name,
                reason: "both handles are of the same entity",
            })),
        }
    }

    /// Lists an entity for the next flush and keeps a snapshot of it if it is a row.
    #[inline]
    pub(crate) fn touch<E: Entity>(&mut self, handle: Handle<E>) -> Result<u32> {
        self.touch_in(handle, true).map(|(_, slot)| slot)
    }

    /// As [`touch`](Core::touch), with the arena that the entity is in. Who does not edit it need not keep a snapshot.
    #[inline]
    fn touch_in<E: Entity>(&mut self, handle: Handle<E>, keeps: bool) -> Result<(&mut Arena<E>, u32)> {
        let (id, in_hooks) = (self.id, self.in_hooks);
        let arena = arena_of::<E>(&mut self.arenas);
        let slot = arena.check(id, handle.raw)?;
        let place = &mut arena.slots[slot as usize];
        place.clean = false;
        let (newly_touched, newly_queued) = (!place.touched, in_hooks && !place.queued);
        let needs_snapshot = keeps && place.status == Status::Stored && place.original.is_none();
        if newly_touched || newly_queued || needs_snapshot {
            place.touched = true;
            place.queued |= in_hooks;
            if needs_snapshot {
                arena.keep_original(slot);
            }
            let at = Core::place::<E>(slot);
            if newly_touched {
                self.touched.push(at);
            }
            if newly_queued {
                self.queue.push(at);
            }
        }
        Ok((arena, slot))
    }

    pub(crate) fn insert<E: Entity>(&mut self, entity: E) -> Handle<E> {
        let slot = self.arena_mut::<E>().add(entity, Status::New);
        let in_hooks = self.in_hooks;
        self.born = self.born.wrapping_add(1);
        let born = self.born;
        let place = &mut self.arena_mut::<E>().slots[slot as usize];
        place.born = born;
        place.touched = true;
        place.queued = in_hooks;
        let at = Core::place::<E>(slot);
        self.touched.push(at);
        if in_hooks {
            self.queue.push(at);
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.note_pending(at);
        }
        let id = self.id;
        self.arena_mut::<E>().handle(id, slot)
    }

    /// Takes a new entity out. Inside a transaction its slot is kept: a rollback brings it back.
    fn drop_new<E: Entity>(&mut self, slot: u32) {
        if self.transaction.is_none() {
            self.arena_mut::<E>().remove(slot);
            return;
        }
        let Some((entity, _)) = self.arena_mut::<E>().take(slot) else {
            return;
        };
        if let Some(transaction) = &mut self.transaction {
            transaction.note_undo(Undo::of_dropped(Core::place::<E>(slot), entity));
        }
    }

    /// Marks an entity; one that was never inserted is simply dropped by a delete.
    pub(crate) fn mark<E: Entity>(&mut self, handle: Handle<E>, mark: Mark) -> Result<()> {
        // A row that is deleted for good is as it was read, unless it was edited, and has its snapshot, before.
        let deletes = matches!(mark, Mark::Delete | Mark::ForceDelete) && E::TABLE.deleted_at.is_none();
        let (arena, slot) = self.touch_in(handle, !deletes)?;
        let place = &mut arena.slots[slot as usize];
        if place.status == Status::New {
            if matches!(mark, Mark::Delete | Mark::ForceDelete) {
                self.drop_new::<E>(slot);
            }
            return Ok(());
        }
        if mark == Mark::Touch && place.mark != Mark::None {
            // What is deleted or restored is written anyway.
            return Ok(());
        }
        let before = std::mem::replace(&mut place.mark, mark);
        if let Some(transaction) = &mut self.transaction {
            transaction.note_mark(Core::place::<E>(slot), before);
        }
        Ok(())
    }
}

/// The arena of `E` among these: see [`Core::arena_mut`].
#[inline]
fn arena_of<E: Entity>(arenas: &mut Vec<Option<Box<dyn AnyArena>>>) -> &mut Arena<E> {
    let index = E::table_index();
    if index >= arenas.len() {
        arenas.resize_with(index + 1, || None);
    }
    let arena = arenas[index].get_or_insert_with(|| Box::<Arena<E>>::default());
    match arena.as_any_mut().downcast_mut() {
        Some(arena) => arena,
        None => unreachable!("an arena is stored under the index of its own table"),
    }
}
