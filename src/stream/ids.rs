//! The ids of events: random for the first of a flush, then counted, which costs a tenth.

use ulid::Ulid;

/// Makes the ids of events that are told together.
#[derive(Debug, Default)]
pub(crate) struct Ids(Option<Ulid>);

impl Ids {
    /// The next one.
    pub(crate) fn next(&mut self) -> Ulid {
        let next = self.0.and_then(after).unwrap_or_else(Ulid::generate);
        self.0 = Some(next);
        next
    }
}

/// The id that follows this one, unless its random part is at its end.
pub(super) fn after(id: Ulid) -> Option<Ulid> {
    id.increment().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_counted_and_begin_anew_at_the_end() {
        let mut ids = Ids::default();
        let first = ids.next();
        assert_eq!(u128::from(ids.next()), u128::from(first) + 1);
        assert_ne!(Ids::default().next(), Ids::default().next());
        let mut ids = Ids(Some(Ulid::from(u128::from(first) | ((1 << 80) - 1))));
        let fresh = ids.next();
        assert!(fresh.timestamp_ms() >= first.timestamp_ms());
        assert_ne!(after(first), None);
    }
}
