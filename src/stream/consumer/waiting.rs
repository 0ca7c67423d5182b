//! Entries that wait at a consumer for their next delivery, and whom they hold up.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::redis::EntryId;
use crate::stream::backoff::Backoff;

/// An entry that is pending for this consumer.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// The entity that it tells of; later entries of the same must wait for it.
    pub(super) entity: Option<u64>,
    /// How often the handler got it.
    pub(super) deliveries: u32,
    /// The handler failed on it, alone or among others: it comes alone now.
    pub(super) suspect: bool,
    /// When `run` tries it again.
    pub(super) not_before: Option<Instant>,
    /// When it was first delivered, in milliseconds since 1970.
    pub(super) first: u64,
    /// When it was last delivered.
    pub(super) last: u64,
    /// It has to go to the dead-letter stream, with this error, and could not yet.
    pub(super) verdict: Option<String>,
}

impl Held {
    pub(super) fn new(entity: Option<u64>, deliveries: u32, first: u64, last: u64) -> Self {
        Held {
            entity,
            deliveries,
            suspect: false,
            not_before: None,
            first,
            last,
            verdict: None,
        }
    }
}

/// The entries that wait, in the order of the stream.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    entries: BTreeMap<EntryId, Held>,
}

/// Above this, no new entries are read until some are done with.
pub(super) const MOST: usize = 10_000;

/// The waits of `run` between two deliveries of a failing entry.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(100),
    longest: Duration::from_secs(20),
};

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn ids(&self) -> Vec<EntryId> {
        self.entries.keys().copied().collect()
    }

    pub(super) fn contains(&self, id: EntryId) -> bool {
        self.entries.contains_key(&id)
    }

    pub(super) fn get(&self, id: EntryId) -> Option<&Held> {
        self.entries.get(&id)
    }

    pub(super) fn insert(&mut self, id: EntryId, held: Held) {
        self.entries.insert(id, held);
    }

    pub(super) fn remove(&mut self, id: EntryId) {
        self.entries.remove(&id);
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The entities that later entries must not overtake.
    pub(super) fn entities(&self) -> HashSet<u64> {
        self.entries.values().filter_map(|held| held.entity).collect()
    }

    /// When the next entry is due; `None` when none waits for its time.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let mut entities = HashSet::new();
        self.entries
            .values()
            // The others of an entity wait for its first.
            .filter(|held| held.entity.is_none_or(|entity| entities.insert(entity)))
            .filter_map(|held| held.not_before)
            .min()
    }

    /// What to deliver next: the first entries that nothing holds up, alone where it has to be. Each
    /// with the number that its delivery has.
    ///
    /// `tried` are not for now; `due` says whether entries wait for their time.
    pub(super) fn next(
        &self,
        most: usize,
        max_deliveries: u32,
        tried: &HashSet<EntryId>,
        due: Option<Instant>,
    ) -> Vec<(EntryId, u32)> {
        let mut blocked = HashSet::new();
        let mut batch: Vec<(EntryId, u32)> = Vec::new();
        for (id, held) in &self.entries {
            let is_blocked = held.entity.is_some_and(|entity| blocked.contains(&entity));
            let is_early = due.is_some_and(|now| held.not_before.is_some_and(|at| at > now));
            if is_blocked || is_early || tried.contains(id) {
                blocked.extend(held.entity);
                continue;
            }
            let delivery = held.deliveries.saturating_add(1);
            if is_alone(held, max_deliveries) {
                if batch.is_empty() {
                    return vec![(*id, delivery)];
                }
                break;
            }
            batch.push((*id, delivery));
            if batch.len() == most {
                break;
            }
        }
        batch
    }

    /// An entry that has to go to the dead-letter stream, and why.
    pub(super) fn condemned(&self, id: EntryId) -> Option<(Held, String)> {
        let held = self.entries.get(&id)?;
        Some((held.clone(), held.verdict.clone()?))
    }

    /// The handler failed on it: it comes alone now. When it was alone, `run` waits before it tries
    /// again.
    pub(super) fn failed(&mut self, id: EntryId, held: Held, was_alone: bool) {
        let not_before = was_alone.then(|| Instant::now() + BACKOFF.after(held.deliveries));
        self.entries.insert(
            id,
            Held {
                suspect: true,
                not_before,
                ..held
            },
        );
    }
}

/// Whether an entry is delivered alone, so that a failure is known to be its own. So it is after it
/// failed, after it was delivered twice and never came back, and when it has only one chance left.
fn is_alone(held: &Held, max_deliveries: u32) -> bool {
    held.suspect || held.deliveries >= 2 || held.deliveries.saturating_add(1) >= max_deliveries
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64) -> EntryId {
        EntryId { ms, seq: 0 }
    }

    fn held(entity: u64, deliveries: u32) -> Held {
        Held::new(Some(entity), deliveries, 0, 0)
    }

    fn ids(batch: Vec<(EntryId, u32)>) -> Vec<u64> {
        batch.into_iter().map(|(id, _)| id.ms).collect()
    }

    #[test]
    fn an_entry_that_was_tried_holds_up_its_entity_only() {
        let mut waiting = Waiting::default();
        for (ms, entity) in [(1, 7), (2, 8), (3, 7), (4, 9)] {
            waiting.insert(id(ms), held(entity, 1));
        }
        let tried = HashSet::from([id(1)]);
        assert_eq!(ids(waiting.next(10, 10, &HashSet::new(), None)), [1, 2, 3, 4]);
        assert_eq!(ids(waiting.next(10, 10, &tried, None)), [2, 4]);
    }

    #[test]
    fn suspects_come_alone() {
        let mut waiting = Waiting::default();
        waiting.insert(id(1), held(1, 1));
        waiting.insert(id(2), held(2, 2));
        waiting.insert(id(3), held(3, 1));
        assert_eq!(ids(waiting.next(10, 10, &HashSet::new(), None)), [1]);
        assert_eq!(ids(waiting.next(10, 10, &HashSet::from([id(1)]), None)), [2]);
        assert_eq!(ids(waiting.next(10, 2, &HashSet::new(), None)), [1]);
    }

    #[test]
    fn an_entry_that_is_not_due_holds_up_its_entity() {
        let mut waiting = Waiting::default();
        waiting.failed(id(1), held(7, 1), true);
        waiting.insert(id(2), held(7, 0));
        waiting.insert(id(3), held(8, 0));
        let now = Instant::now();
        assert_eq!(ids(waiting.next(10, 10, &HashSet::new(), Some(now))), [3]);
        assert_eq!(ids(waiting.next(10, 10, &HashSet::new(), None)), [1]);
        let later = now + Duration::from_secs(60);
        assert_eq!(ids(waiting.next(10, 10, &HashSet::new(), Some(later))), [1]);
    }
}
