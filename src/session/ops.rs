//! The functions of the session that know an entity's type, behind one table of pointers per type.
//!
//! Everything else of a flush works on plain values, so that it is compiled once and not for each entity.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::accept::{self, Acceptance, Accepted, Manner, Undo};
use super::after::{self, HookFailure};
use super::arena::{Arena, Mark, Slot, Status};
use super::changes;
use super::core::{Core, Place};
use super::frozen::{Change, Frozen};
use super::{InHook, Session, before, queue};
use crate::entity::Entity;
use crate::error::Result;
use crate::runtime::Runtime;
use crate::stream::operation::Values;
use crate::table::{RawHandle, TableDef, Value};

/// What a flush asks of an entity's type.
pub(crate) struct EntityOps {
    pub(crate) def: &'static TableDef,
    /// Sorts touched entities: stored ones by key, then new ones as they came. Those that are gone fall out.
    pub(crate) sort: fn(&Core, &mut Vec<Place>),
    pub(crate) name: fn(&Core, u32) -> String,
    /// The before-hooks that these entities may ask for, as bits.
    pub(crate) before_hooks: fn(&Core, &[Place]) -> u32,
    /// Whether any of these entities is not just a row without changes.
    pub(crate) any_open: fn(&Core, &[Place]) -> bool,
    pub(crate) before: fn(&mut Session<InHook>, u32) -> Result<bool>,
    pub(crate) reset: fn(&mut Core, u32),
    pub(crate) key_of: fn(&Core, RawHandle) -> Option<Value>,
    pub(crate) freeze: fn(&Core, &[Place], &mut Frozen) -> Result<()>,
    /// All columns of an entity as it is stored, or with its edits.
    pub(crate) row: fn(&Core, u32, bool) -> Vec<Value>,
    /// The past-tense hooks of a change that was queued.
    pub(crate) after_queued: fn(&Arc<Runtime>, u8, Values<'_>, &mut Vec<HookFailure>) -> Result<()>,
    pub(crate) reserve: fn(&mut Core, usize),
    pub(crate) accept: fn(&mut Core, &Change, &Frozen, Manner) -> Result<Acceptance>,
    /// Accepts these changes where nobody wants to be told, and nothing can be taken back.
    pub(crate) accept_quietly: fn(&mut Core, &[usize], &Frozen) -> Result<()>,
    pub(crate) take_back: fn(&mut Core, &[usize], &Frozen),
    pub(crate) merge: fn(&mut Accepted, Accepted),
    pub(crate) after: fn(&Core, &Arc<Runtime>, &Accepted, &mut Vec<HookFailure>),
    pub(crate) settle: fn(&mut Core, &[Place]),
    pub(crate) undo: fn(&mut Core, Undo),
    pub(crate) set_mark: fn(&mut Core, u32, Mark),
    pub(crate) drop_new: fn(&mut Core, u32),
    pub(crate) release: fn(&mut Core, u32),
    /// Reads the table's entities again that nobody edited.
    pub(crate) renew: fn(&mut Core),
    /// For another try of a transaction: a copy of an edited entity, and putting it back.
    pub(crate) save: fn(&mut Core, u32) -> Option<Box<dyn Any + Send>>,
    pub(crate) restore: fn(&mut Core, u32, Box<dyn Any + Send>),
    pub(crate) evict: fn(&mut Core, u32),
    pub(crate) refresh: fn(&mut Core, u32) -> Result<()>,
}

impl fmt::Debug for EntityOps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityOps")
            .field("table", &self.def.name)
            .finish_non_exhaustive()
    }
}

/// The table of pointers of `E`.
pub(crate) struct Of<E>(std::marker::PhantomData<E>);

impl<E: Entity> Of<E> {
    pub(crate) const OPS: EntityOps = EntityOps {
        def: E::TABLE,
        sort: sort::<E>,
        name: changes::describe::<E>,
        before_hooks: before::may_run::<E>,
        any_open: before::any_open::<E>,
        before: before::before::<E>,
        reset: before::reset_slot::<E>,
        key_of: changes::key_of::<E>,
        freeze: changes::freeze::<E>,
        row: changes::row::<E>,
        after_queued: queue::after_queued::<E>,
        reserve: accept::reserve::<E>,
        accept: accept::accept::<E>,
        accept_quietly: accept::accept_quietly::<E>,
        take_back: accept::take_back::<E>,
        merge: after::merge::<E>,
        after: after::after::<E>,
        settle: settle::<E>,
        undo: accept::undo::<E>,
        set_mark: set_mark::<E>,
        drop_new: drop_new::<E>,
        release: release::<E>,
        renew: Core::renew::<E>,
        save: save::<E>,
        restore: restore::<E>,
        evict: evict::<E>,
        refresh: refresh::<E>,
    };
}

fn sort<E: Entity>(core: &Core, places: &mut Vec<Place>) {
    let Some(arena) = core.arena::<E>() else {
        return places.clear();
    };
    if is_sorted(arena, places) {
        return;
    }
    let table = places.first().map_or(0, |at| at.table);
    let mut slots: Vec<u32> = places.iter().map(|at| at.slot).collect();
    let status = |slot: u32| {
        arena
            .slots
            .get(slot as usize)
            .filter(|s| s.touched)
            .map_or(Status::Free, |s| s.status)
    };
    slots.retain(|&slot| matches!(status(slot), Status::New | Status::Stored));
    let (mut stored, mut new): (Vec<u32>, Vec<u32>) = slots.iter().partition(|&&slot| status(slot) == Status::Stored);
    // Not the stored key, which is further away: a key that was changed ends the flush.
    let key = |slot: u32| arena.slots[slot as usize].key();
    stored.sort_unstable_by(|&a, &b| key(a).cmp(&key(b)));
    stored.dedup();
    // A slot may be listed twice when it was freed and used again.
    new.sort_by_key(|&slot| arena.slots[slot as usize].born);
    new.dedup();
    stored.append(&mut new);
    places.clear();
    places.extend(stored.into_iter().map(|slot| Place { table, slot }));
}

/// Whether touched entities stand in their order already, each once, as most often they do.
fn is_sorted<E: Entity>(arena: &Arena<E>, places: &[Place]) -> bool {
    let mut last: Option<&Slot<E>> = None;
    places.iter().all(|at| {
        let place = arena.slots.get(at.slot as usize);
        let Some(place) = place.filter(|place| place.touched && place.entity.is_some()) else {
            return false;
        };
        let before = last.replace(place);
        match (before, place.status) {
            (_, Status::Free | Status::Gone) => false,
            (None, _) => true,
            (Some(before), Status::Stored) => before.status == Status::Stored && before.key() < place.key(),
            (Some(before), Status::New) => before.status == Status::Stored || before.born < place.born,
        }
    })
}

/// What was touched but not changed needs no snapshot any more.
fn settle<E: Entity>(core: &mut Core, places: &[Place]) {
    let arena = core.arena_mut::<E>();
    // The last snapshots are taken first: nothing is left to be done for their places.
    for at in places.iter().rev() {
        if let Some(place) = arena.slots.get_mut(at.slot as usize)
            && place.touched
        {
            place.touched = false;
            place.mark = Mark::None;
            if place.status == Status::Stored {
                arena.snapshots.take(&mut place.original);
            }
        }
    }
}

fn set_mark<E: Entity>(core: &mut Core, slot: u32, mark: Mark) {
    if let Some(place) = core.arena_mut::<E>().slots.get_mut(slot as usize) {
        place.mark = mark;
    }
}

fn drop_new<E: Entity>(core: &mut Core, slot: u32) {
    let arena = core.arena_mut::<E>();
    if arena
        .slots
        .get(slot as usize)
        .is_some_and(|place| place.status == Status::New)
    {
        arena.remove(slot);
    }
}

fn release<E: Entity>(core: &mut Core, slot: u32) {
    core.arena_mut::<E>().release(slot);
}

fn save<E: Entity>(core: &mut Core, slot: u32) -> Option<Box<dyn Any + Send>> {
    let entity = core.arena_mut::<E>().slots.get(slot as usize)?.entity.clone()?;
    Some(Box::new(entity))
}

fn restore<E: Entity>(core: &mut Core, slot: u32, entity: Box<dyn Any + Send>) {
    if let (Some(place), Ok(entity)) = (
        core.arena_mut::<E>().slots.get_mut(slot as usize),
        entity.downcast::<E>(),
    ) && place.entity.is_some()
    {
        place.entity = Some(*entity);
    }
}

fn evict<E: Entity>(core: &mut Core, slot: u32) {
    core.arena_mut::<E>().remove(slot);
}

/// Reads the row of a slot again; one that is gone leaves the session.
fn refresh<E: Entity>(core: &mut Core, slot: u32) -> Result<()> {
    let session = core.id;
    let arena = core.arena_mut::<E>();
    if arena
        .slots
        .get(slot as usize)
        .is_none_or(|place| place.status != Status::Stored)
    {
        return Ok(());
    }
    let handle = arena.handle(session, slot);
    match core.refresh(handle) {
        Err(error) if error.is_not_found() => {
            evict::<E>(core, slot);
            Ok(())
        }
        other => other,
    }
}
