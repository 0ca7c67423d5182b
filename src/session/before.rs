//! The before-hooks of a flush: a work list that runs until no hook touches anything more.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::arena::{Arena, Mark, Slot, Status, name_of};
use super::committed::field_changes;
use super::core::{Core, Place};
use super::hook::Hook;
use super::{InHook, Session};
use crate::entity::{Entity, HookName, HookResult};
use crate::error::{Error, ErrorKind, Result};
use crate::table::{ColumnSet, Handle, RawHandle};

/// Hooks that make new entities whose hooks make new entities … end here.
const LONGEST_CHAIN: usize = 100;

/// Groups of hooks that run at most once per entity and flush.
const SAVE: u8 = 1;
const DELETE: u8 = 2;
const RESTORE: u8 = 4;

/// An entity that the run has come to.
#[derive(Debug, Clone, Copy)]
struct Seen {
    place: Place,
    /// The one whose hook touched it, as a position among those seen.
    parent: Option<usize>,
    /// It is not just a row without changes.
    is_open: bool,
}

/// Runs the before-hooks of all touched entities and of those that the hooks touch.
///
/// The session is as before but for what the hooks edited when one refuses or panics.
///
/// Whether there may be anything to write: an entity that is not a row without changes.
pub(super) fn run(core: &mut Core, touched: &[Place]) -> Result<bool> {
    core.looked = !core.without_hooks && !none_may_run(core, touched);
    if !core.looked {
        return Ok(true);
    }
    let stand_in = core.stand_in();
    let mut session = Session::<InHook>::around(std::mem::replace(core, stand_in));
    session.core.in_hooks = true;
    // Each knows the one whose hook touched it, to name a chain that does not end.
    let mut seen: Vec<Seen> = Vec::with_capacity(touched.len());
    let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut session, touched, &mut seen)));
    session.core.in_hooks = false;
    *core = session.into_core();
    // A run to its end has seen all that is touched.
    reset(core, &seen, matches!(outcome, Ok(Ok(()))));
    match outcome {
        Ok(result) => result.map(|()| seen.iter().any(|seen| seen.is_open)),
        // A panic is the application's to see; the session behind it is whole again.
        Err(panic) => resume_unwind(panic),
    }
}

/// Whether any entity that was touched is not just a row without changes. Where none is, no hook is asked either.
pub(super) fn is_any_open(core: &Core) -> bool {
    let mut tables = core.touched.chunk_by(|a, b| a.table == b.table);
    tables.any(|places| {
        let table = core.runtime.registered(places[0].table as usize);
        table.is_none_or(|table| (table.ops.any_open)(core, places))
    })
}

/// Whether no before-hook may run for these entities: what they change is seen when it is frozen.
fn none_may_run(core: &Core, touched: &[Place]) -> bool {
    let mut tables = touched.chunk_by(|a, b| a.table == b.table);
    tables.all(|places| {
        let table = core.runtime.registered(places[0].table as usize);
        // Where none is known to be absent it does not matter what the entities may ask for.
        table.is_some_and(|table| table.lacks(all()) && !table.may_have((table.ops.before_hooks)(core, places)))
    })
}

/// All before-hooks, as bits.
fn all() -> u32 {
    use HookName::{Creating, Deleting, ForceDeleting, Restoring, Saving, Trashing, Updating};
    let hooks = [Saving, Creating, Updating, Deleting, Trashing, Restoring, ForceDeleting];
    hooks.into_iter().fold(0, |bits, hook| bits | hook.bit())
}

/// The before-hooks that entities may ask for as they are now, as bits.
pub(super) fn may_run<E: Entity>(core: &Core, places: &[Place]) -> u32 {
    let Some(arena) = core.arena::<E>() else { return 0 };
    let bits = |hooks: &[Before<E>]| hooks.iter().fold(0, |bits, (name, _)| bits | name.bit());
    let (new, edited) = (bits(&[saving(), creating()]), bits(&[saving(), updating()]));
    let others = [deleting(), trashing(), restoring(), force_deleting()];
    let others = match E::TABLE.deleted_at {
        Some(_) => edited | bits(&others),
        // A delete is for good, and nothing else can be asked for.
        None => bits(&[deleting()]),
    };
    let slots = places.iter().filter_map(|at| arena.slots.get(at.slot as usize));
    slots.fold(0, |all, place| {
        all | match (place.status, place.mark) {
            (Status::Free | Status::Gone, _) => 0,
            (Status::New, _) => new,
            (Status::Stored, Mark::None | Mark::Touch) => edited,
            (Status::Stored, Mark::Restore) => edited | others,
            (Status::Stored, Mark::Delete | Mark::ForceDelete) => others,
        }
    })
}

/// Whether any of these entities is not just a row without changes.
pub(super) fn any_open<E: Entity>(core: &Core, places: &[Place]) -> bool {
    let Some(arena) = core.arena::<E>() else { return true };
    places.iter().any(|at| match arena.slots.get(at.slot as usize) {
        Some(place) if (place.status, place.mark) == (Status::Stored, Mark::None) => is_open(arena, place),
        _ => true,
    })
}

/// Whether an entity differs from its snapshot.
fn is_open<E: Entity>(arena: &Arena<E>, place: &Slot<E>) -> bool {
    match (&place.entity, arena.snapshots.get(place.original)) {
        (Some(entity), Some(original)) => !entity.diff(original).is_empty(),
        _ => false,
    }
}

/// Forgets what the run remembered of each entity.
fn reset(core: &mut Core, seen: &[Seen], is_whole: bool) {
    let runtime = core.runtime.clone();
    let forget = |core: &mut Core, place: Place| {
        if let Some(table) = runtime.registered(place.table as usize) {
            (table.ops.reset)(core, place.slot);
        }
    };
    // A hook may have taken an entity out of those that are touched.
    let open = seen.iter().filter(|seen| seen.is_open);
    open.for_each(|seen| forget(core, seen.place));
    if !is_whole {
        let queued = std::mem::take(&mut core.queue);
        let touched = core.touched.clone();
        queued.into_iter().chain(touched).for_each(|place| forget(core, place));
    }
}

fn work(session: &mut Session<InHook>, touched: &[Place], seen: &mut Vec<Seen>) -> Result<()> {
    let runtime = session.core.runtime.clone();
    let mut list: VecDeque<(Place, Option<usize>)> = touched.iter().map(|&place| (place, None)).collect();
    while let Some((place, parent)) = list.pop_front() {
        let number = seen.len();
        seen.push(Seen {
            place,
            parent,
            is_open: true,
        });
        let Some(table) = runtime.registered(place.table as usize) else {
            // The flush will name it.
            continue;
        };
        check_chain(session, seen, number)?;
        seen[number].is_open = (table.ops.before)(session, place.slot)?;
        list.extend(session.core.queue.drain(..).map(|place| (place, Some(number))));
    }
    Ok(())
}

fn check_chain(session: &Session<InHook>, seen: &[Seen], last: usize) -> Result<()> {
    let mut length = 0;
    let mut at = Some(last);
    while let Some(number) = at {
        length += 1;
        at = seen[number].parent;
    }
    if length <= LONGEST_CHAIN {
        return Ok(());
    }
    let mut entities = Vec::new();
    let mut at = Some(last);
    while let Some(number) = at {
        let Seen { place, parent, .. } = seen[number];
        if let Some(table) = session.core.runtime.registered(place.table as usize) {
            let name = format!("{} {}", table.def.name, (table.ops.name)(&session.core, place.slot));
            // The chain repeats itself; each participant is named once.
            if !entities.contains(&name) {
                entities.push(name);
            }
        }
        at = parent;
    }
    Err(Error::new(ErrorKind::HookCycle { entities }))
}

/// Clears the marks of one entity after the run.
pub(super) fn reset_slot<E: Entity>(core: &mut Core, slot: u32) {
    if let Some(place) = core.arena_mut::<E>().slots.get_mut(slot as usize) {
        place.queued = false;
        place.hooked = 0;
    }
}

/// Runs the before-hooks that one entity's state asks for and that did not run yet. `false` for a row without
/// changes.
pub(super) fn before<E: Entity>(session: &mut Session<InHook>, slot: u32) -> Result<bool> {
    let arena = session.core.arena_mut::<E>();
    let Some(place) = arena.slots.get_mut(slot as usize) else {
        return Ok(false);
    };
    place.queued = false;
    let (status, mark) = (place.status, place.mark);
    if (status, mark) == (Status::Stored, Mark::None) {
        let is_open = is_open(arena, &arena.slots[slot as usize]);
        let place = &mut arena.slots[slot as usize];
        place.clean = !is_open;
        if place.clean {
            // Hooks of it that ran before are to be forgotten.
            return Ok(place.hooked != 0);
        }
    }
    run_for::<E>(session, slot, status, mark).map(|()| true)
}

fn run_for<E: Entity>(session: &mut Session<InHook>, slot: u32, status: Status, mark: Mark) -> Result<()> {
    let soft = E::TABLE.deleted_at.is_some();
    match (status, mark) {
        (Status::Free | Status::Gone, _) => Ok(()),
        (Status::New, _) => group::<E>(session, slot, SAVE, &[saving(), creating()]),
        (Status::Stored, Mark::ForceDelete) if soft => {
            group::<E>(session, slot, DELETE, &[force_deleting(), deleting()])
        }
        // Deleted already: what is left are its edits.
        (Status::Stored, Mark::Delete) if soft && is_trashed::<E>(&session.core, slot) => update::<E>(session, slot),
        (Status::Stored, Mark::Delete) if soft => group::<E>(session, slot, DELETE, &[deleting(), trashing()]),
        (Status::Stored, Mark::Delete | Mark::ForceDelete) => group::<E>(session, slot, DELETE, &[deleting()]),
        (Status::Stored, Mark::Restore) if is_trashed::<E>(&session.core, slot) => {
            group::<E>(session, slot, RESTORE, &[restoring()])?;
            update::<E>(session, slot)
        }
        (Status::Stored, _) => update::<E>(session, slot),
    }
}

/// Whether the row carries the mark of a soft delete, as stored.
pub(super) fn is_trashed<E: Entity>(core: &Core, slot: u32) -> bool {
    if E::TABLE.deleted_at.is_none() {
        return false;
    }
    let stored = core.arena::<E>().and_then(|arena| arena.stored(slot));
    stored.is_some_and(is_marked_deleted)
}

/// Whether an entity, as it is here, carries the mark of a soft delete.
pub(super) fn is_marked_deleted<E: Entity>(entity: &E) -> bool {
    let is_set = |column| entity.encode(column).is_ok_and(|value| !value.is_null());
    E::TABLE.deleted_at.is_some_and(is_set)
}

/// `saving` and `updating`, each only while something is left to write.
fn update<E: Entity>(session: &mut Session<InHook>, slot: u32) -> Result<()> {
    if !has_any::<E>(session, &[saving(), updating()])? {
        return Ok(());
    }
    let touch = session.core.arena_mut::<E>().slots[slot as usize].mark == Mark::Touch;
    if !touch && dirty::<E>(&session.core, slot).is_empty() {
        return Ok(());
    }
    group::<E>(session, slot, SAVE, &[saving(), updating()])
}

/// What differs from the snapshot.
fn dirty<E: Entity>(core: &Core, slot: u32) -> ColumnSet {
    let differs = |arena: &Arena<E>| {
        let entity = arena.slots.get(slot as usize)?.entity.as_ref()?;
        Some(entity.diff(arena.original(slot)?))
    };
    core.arena::<E>().and_then(differs).unwrap_or(ColumnSet::EMPTY)
}

type Before<E> = (HookName, fn(&mut E, &mut Hook<'_, E>) -> HookResult);

fn saving<E: Entity>() -> Before<E> {
    (HookName::Saving, E::saving)
}
fn creating<E: Entity>() -> Before<E> {
    (HookName::Creating, E::creating)
}
fn updating<E: Entity>() -> Before<E> {
    (HookName::Updating, E::updating)
}
fn deleting<E: Entity>() -> Before<E> {
    (HookName::Deleting, E::deleting)
}
fn trashing<E: Entity>() -> Before<E> {
    (HookName::Trashing, E::trashing)
}
fn restoring<E: Entity>() -> Before<E> {
    (HookName::Restoring, E::restoring)
}
fn force_deleting<E: Entity>() -> Before<E> {
    (HookName::ForceDeleting, E::force_deleting)
}

/// Whether any of these hooks may have a body of its own.
fn has_any<E: Entity>(session: &Session<InHook>, hooks: &[Before<E>]) -> Result<bool> {
    let bits = hooks.iter().fold(0, |bits, (name, _)| bits | name.bit());
    Ok(session.core.runtime.table::<E>()?.may_have(bits))
}

fn group<E: Entity>(session: &mut Session<InHook>, slot: u32, phase: u8, hooks: &[Before<E>]) -> Result<()> {
    if !has_any(session, hooks)? {
        return Ok(());
    }
    let place = &mut session.core.arena_mut::<E>().slots[slot as usize];
    if place.hooked & phase != 0 {
        return Ok(());
    }
    place.hooked |= phase;
    let touch = place.mark == Mark::Touch;
    for &(name, method) in hooks {
        // A hook that took everything back ends the update before its next hook.
        if name == HookName::Updating && !touch && dirty::<E>(&session.core, slot).is_empty() {
            break;
        }
        call(session, slot, name, method)?;
    }
    Ok(())
}

/// Calls one hook with the entity out of its slot, so that it has `&mut self` and the session at once.
fn call<E: Entity>(
    session: &mut Session<InHook>,
    slot: u32,
    name: HookName,
    method: fn(&mut E, &mut Hook<'_, E>) -> HookResult,
) -> Result<()> {
    if !session.core.runtime.table::<E>()?.may_have(name.bit()) {
        return Ok(());
    }
    let id = session.core.id;
    let arena = session.core.arena_mut::<E>();
    if arena.slots[slot as usize].status == Status::Stored {
        arena.keep_original(slot);
    }
    let place = &mut arena.slots[slot as usize];
    let Some(mut entity) = place.entity.take() else {
        return Ok(());
    };
    let generation = place.generation;
    // The snapshot stays in its slot, because the identity map reads the key from it; the hook sees a copy.
    let original = arena.snapshots.get(place.original).cloned();
    let dirty = match &original {
        Some(original) => entity.diff(original),
        None => E::TABLE.all(),
    };
    let changes = field_changes(original.as_ref(), &entity, &dirty);
    let key = name_of(&entity);
    let outcome = {
        let mut hook = Hook {
            handle: Handle::new(RawHandle {
                session: id,
                slot,
                generation,
            }),
            original: original.as_ref(),
            dirty,
            changes,
            session: &mut *session,
        };
        catch_unwind(AssertUnwindSafe(|| method(&mut entity, &mut hook)))
    };
    session.core.arena_mut::<E>().slots[slot as usize].entity = Some(entity);
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(source)) => Err(Error::new(ErrorKind::Rejected {
            hook: name.as_str(),
            table: E::TABLE.name,
            key,
            source,
        })),
        Err(panic) => resume_unwind(panic),
    }
}
