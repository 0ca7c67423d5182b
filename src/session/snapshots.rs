//! The snapshots of one table's entities in a session: in one store, so that none costs an allocation of its own.

/// Where a snapshot is kept, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot(u32);

impl Snapshot {
    /// No snapshot.
    pub(crate) const NONE: Snapshot = Snapshot(u32::MAX);

    #[inline]
    pub(crate) fn is_none(self) -> bool {
        self == Snapshot::NONE
    }
}

/// Entities as they were last read or written.
#[derive(Debug)]
pub(crate) struct Snapshots<E> {
    all: Vec<Option<E>>,
    free: Vec<u32>,
}

impl<E> Default for Snapshots<E> {
    fn default() -> Self {
        Snapshots {
            all: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<E> Snapshots<E> {
    /// Keeps a snapshot.
    #[inline]
    pub(crate) fn keep(&mut self, entity: E) -> Snapshot {
        if let Some(at) = self.free.pop()
            && let Some(place) = self.all.get_mut(at as usize)
        {
            *place = Some(entity);
            return Snapshot(at);
        }
        self.all.push(Some(entity));
        // 4 billion entities do not fit into memory.
        Snapshot(u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX))
    }

    /// The snapshot that is kept there.
    #[inline]
    pub(crate) fn get(&self, at: Snapshot) -> Option<&E> {
        self.all.get(at.0 as usize)?.as_ref()
    }

    /// Takes a snapshot out, and leaves none in its place.
    #[inline]
    pub(crate) fn take(&mut self, at: &mut Snapshot) -> Option<E> {
        let Snapshot(place) = std::mem::replace(at, Snapshot::NONE);
        let place_of_last = self.all.len().checked_sub(1)?;
        let taken = if place as usize == place_of_last {
            self.all.pop().flatten()
        } else {
            let taken = self.all.get_mut(place as usize)?.take();
            self.free.push(place);
            taken
        };
        // The next ones stand in the order in which they come again.
        if self.free.len() == self.all.len() {
            self.clear();
        }
        taken
    }

    /// Drops all of them.
    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.free.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again() {
        let mut snapshots = Snapshots::default();
        let (mut a, mut b) = (snapshots.keep("a"), snapshots.keep("b"));
        assert_eq!(snapshots.take(&mut a), Some("a"));
        assert!(a.is_none());
        assert_eq!(snapshots.take(&mut a), None);
        let c = snapshots.keep("c");
        assert_eq!((snapshots.get(b), snapshots.get(c)), (Some(&"b"), Some(&"c")));
        assert_eq!(snapshots.all.len(), 2);
        let mut c = c;
        assert_eq!((snapshots.take(&mut b), snapshots.take(&mut c)), (Some("b"), Some("c")));
        assert!(snapshots.all.is_empty() && snapshots.free.is_empty());
    }

    #[test]
    fn in_whatever_order_all_are_taken_the_next_ones_stand_in_theirs() {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]] {
            let mut snapshots = Snapshots::default();
            let mut kept = [0, 1, 2].map(|entity| snapshots.keep(entity));
            for at in order {
                assert_eq!(snapshots.take(&mut kept[at]), Some(at), "{order:?}");
                assert_eq!(snapshots.take(&mut kept[at]), None, "{order:?}");
            }
            assert!(snapshots.all.is_empty() && snapshots.free.is_empty(), "{order:?}");
        }
    }
}
