//! The operations that a consumer knows of: which may be executed now, and which wait for others. Pure.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use crate::redis::EntryId;
use crate::stream::operation::Operation;

/// The place of an operation in the queue. One that failed keeps its place.
pub(super) type Order = (EntryId, Source);

/// Where an operation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Source {
    /// From the queue.
    Queue,
    /// From the dead letters, with its id there: it is tried again.
    Letter(EntryId),
}

/// An operation that is to be executed.
#[derive(Debug)]
pub(super) struct Item {
    /// By what the database knows that it was executed.
    pub(super) id: String,
    pub(super) operation: Operation,
    pub(super) touches: Touches,
    /// Its pool in `Runtime::mysql`.
    pub(super) pool: usize,
    pub(super) attempts: u32,
    /// When it was read first, in milliseconds since 1970.
    pub(super) first_ms: u64,
    /// When it is tried again.
    pub(super) not_before: Option<Instant>,
    pub(super) bytes: usize,
}

/// What an operation writes and what it relies on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Touches {
    pub(super) writes: Vec<u64>,
    pub(super) reads: Vec<u64>,
    /// It cannot be told: anything.
    pub(super) anything: bool,
}

/// What is held up.
#[derive(Debug, Default)]
pub(super) struct Held {
    writes: HashSet<u64>,
    reads: HashSet<u64>,
    anything: bool,
    something: bool,
}

impl Held {
    pub(super) fn add(&mut self, touches: &Touches) {
        self.something = true;
        self.add_letter(touches);
    }

    /// As [`add`](Held::add), for a dead letter: whoever may touch anything does not wait for it, or one letter that
    /// nobody looks at would stop the queue.
    fn add_letter(&mut self, touches: &Touches) {
        self.anything |= touches.anything;
        self.writes.extend(&touches.writes);
        self.reads.extend(&touches.reads);
    }

    /// Whether an operation has to wait for what is held up.
    pub(super) fn holds(&self, touches: &Touches) -> bool {
        self.anything
            || (self.something && touches.anything)
            || touches
                .writes
                .iter()
                .any(|write| self.writes.contains(write) || self.reads.contains(write))
            || touches.reads.iter().any(|read| self.writes.contains(read))
    }
}

/// All that a consumer knows of.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) items: BTreeMap<Order, Item>,
    /// What the dead letters hold up, by their place in the queue.
    pub(super) letters: BTreeMap<Order, Touches>,
}

/// The most bytes of operations that are executed together, unless it is a single one.
const BYTES: usize = 8 << 20;

impl Work {
    /// The operations to execute together next: of one pool, in order, none that something before it holds up.
    /// `tried` are not for now; `now` says whether those that failed wait for their time.
    pub(super) fn next(&self, most: usize, tried: &HashSet<Order>, now: Option<Instant>) -> Vec<Order> {
        let mut held = Held::default();
        let mut letters = self.letters.iter().peekable();
        let mut batch = Vec::new();
        let (mut pool, mut bytes) = (None, 0);
        for (order, item) in &self.items {
            while let Some((_, touches)) = letters.next_if(|(letter, _)| *letter < order) {
                held.add_letter(touches);
            }
            let early = now.is_some_and(|now| item.not_before.is_some_and(|at| at > now));
            if early || tried.contains(order) || pool.is_some_and(|pool| pool != item.pool) || held.holds(&item.touches)
            {
                held.add(&item.touches);
                continue;
            }
            bytes += item.bytes;
            if !batch.is_empty() && bytes > BYTES {
                break;
            }
            pool = Some(item.pool);
            batch.push(*order);
            if batch.len() == most {
                break;
            }
        }
        batch
    }

    /// When the first is due whose time has not come.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        let times = self.items.values().filter_map(|item| item.not_before);
        times.filter(|at| *at > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(ms: u64) -> Order {
        (EntryId { ms, seq: 0 }, Source::Queue)
    }

    fn touches(writes: &[u64], reads: &[u64]) -> Touches {
        Touches {
            writes: writes.to_vec(),
            reads: reads.to_vec(),
            anything: false,
        }
    }

    fn item(pool: usize, touches: Touches) -> Item {
        Item {
            id: String::new(),
            operation: Operation {
                pool: String::new(),
                queries: Vec::new(),
                dirty: Vec::new(),
                redis: Vec::new(),
                own: None,
            },
            touches,
            pool,
            attempts: 0,
            first_ms: 0,
            not_before: None,
            bytes: 1,
        }
    }

    fn work(items: &[(u64, usize, Touches)]) -> Work {
        let items = items.iter().cloned();
        Work {
            items: items
                .map(|(ms, pool, touches)| (order(ms), item(pool, touches)))
                .collect(),
            letters: BTreeMap::new(),
        }
    }

    fn next(work: &Work, tried: &[u64]) -> Vec<u64> {
        let tried = tried.iter().map(|ms| order(*ms)).collect();
        work.next(100, &tried, None).into_iter().map(|(id, _)| id.ms).collect()
    }

    #[test]
    fn what_is_tried_holds_up_what_touches_the_same_and_nothing_else() {
        let work = work(&[
            (1, 0, touches(&[7], &[])),
            (2, 0, touches(&[7], &[])),
            (3, 0, touches(&[8], &[7])),
            (4, 0, touches(&[9], &[8])),
            (5, 0, touches(&[10], &[])),
        ]);
        assert_eq!(next(&work, &[]), [1, 2, 3, 4, 5]);
        // 4 relies on what 3 writes, and 3 waits for 1.
        assert_eq!(next(&work, &[1]), [5]);
        assert_eq!(next(&work, &[3]), [1, 2, 5]);
    }

    #[test]
    fn two_that_rely_on_the_same_do_not_wait_for_each_other() {
        let work = work(&[
            (1, 0, touches(&[1], &[7])),
            (2, 0, touches(&[2], &[7])),
            (3, 0, touches(&[7], &[])),
        ]);
        assert_eq!(next(&work, &[1]), [2]);
    }

    #[test]
    fn a_batch_is_of_one_pool_and_keeps_the_order_between_pools() {
        let work = work(&[
            (1, 0, touches(&[1], &[])),
            (2, 1, touches(&[2], &[1])),
            (3, 0, touches(&[3], &[2])),
            (4, 0, touches(&[4], &[])),
        ]);
        assert_eq!(next(&work, &[]), [1, 4]);
    }

    #[test]
    fn a_dead_letter_holds_up_what_came_after_it() {
        let mut work = work(&[
            (1, 0, touches(&[7], &[])),
            (3, 0, touches(&[7], &[])),
            (4, 0, touches(&[8], &[])),
        ]);
        work.letters.insert(order(2), touches(&[7], &[]));
        assert_eq!(next(&work, &[]), [1, 4]);
    }

    #[test]
    fn an_operation_that_may_touch_anything_waits_and_is_waited_for() {
        let anything = Touches {
            anything: true,
            ..Touches::default()
        };
        let work = work(&[(1, 0, touches(&[7], &[])), (2, 0, anything), (3, 0, touches(&[8], &[]))]);
        assert_eq!(next(&work, &[]), [1, 2, 3]);
        assert_eq!(next(&work, &[1]), [3; 0]);
        assert_eq!(next(&work, &[2]), [1]);
    }
}
