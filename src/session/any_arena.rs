//! An arena without its type: what a session asks of all of its tables alike.

use std::any::Any;
use std::fmt;

use super::arena::Arena;
use crate::entity::Entity;

/// An arena without its type.
pub(crate) trait AnyArena: Any + Send + fmt::Debug {
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
    /// The name of its table.
    fn table(&self) -> &'static str;
    /// How many entities it holds.
    fn entities(&self) -> usize;
    /// Whether an entity is in this slot.
    fn holds(&self, slot: u32) -> bool;
    /// Frees all slots.
    fn clear(&mut self);
}

impl<E: Entity> AnyArena for Arena<E> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn table(&self) -> &'static str {
        E::TABLE.name
    }

    fn entities(&self) -> usize {
        self.len()
    }

    fn holds(&self, slot: u32) -> bool {
        self.slots
            .get(slot as usize)
            .is_some_and(|place| place.entity.is_some())
    }

    fn clear(&mut self) {
        self.free_all();
    }
}
