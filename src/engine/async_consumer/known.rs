//! What the holder of the lease knows: pending entries, new ones, dead letters and decisions about them.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::AsyncConsumer;
use super::pass::NAP;
use super::publish::{self, Published};
use super::work::{Item, Source, Touches, Work};
use crate::error::{Error, Result};
use crate::redis::{EntryId, Failure};
use crate::stream::async_queue::{Failed, Obituary, Queue, Queued};
use crate::stream::operation::Operation;
use crate::stream::touched_by;

/// What the holder of the lease knows.
#[derive(Debug)]
pub(super) struct State {
    /// The queue's name.
    pub(super) queue: String,
    pub(super) work: Work,
    pub(super) published: Published,
    /// Operations of the queue that are done with and may not be acknowledged yet, in the order in which they will be.
    pub(super) finished: VecDeque<String>,
    /// In which databases this lease counts.
    pub(super) fenced: HashSet<usize>,
    /// The decisions about dead letters that are known.
    pub(super) decisions: u64,
}

/// Above this, nothing new is read until something is done with.
const MOST: usize = 10_000;
/// How many pending entries are listed at once.
const PAGE: usize = 500;

impl AsyncConsumer {
    /// Reads everything that is pending, and the dead letters.
    pub(super) fn learn(&mut self) -> Result<()> {
        self.queue.forget_ahead()?;
        // What is done with is not to be found pending.
        self.queue.ack()?;
        let mut state = State {
            queue: self.queue.identity()?,
            work: Work::default(),
            published: Published::default(),
            finished: VecDeque::new(),
            fenced: HashSet::new(),
            decisions: self.queue.decisions()?,
        };
        for pool in &self.runtime.redis {
            state
                .published
                .pools
                .push(Queue::marker(pool)?.into_iter().collect::<BTreeSet<_>>());
        }
        self.state = Some(state);
        let learnt = self.letters().and_then(|()| self.recover());
        match &mut self.state {
            Some(state) if learnt.is_ok() => {
                let known: HashSet<&str> = state.work.items.values().map(|item| item.id.as_str()).collect();
                state.published.prune(&known);
            }
            _ => self.state = None,
        }
        learnt
    }

    pub(super) fn recover(&mut self) -> Result<()> {
        let mut after = None;
        loop {
            let (next, pending) = self.queue.recover(after, PAGE)?;
            for pending in pending {
                self.admit(Queued::new(pending.entry))?;
            }
            match next {
                Some(id) => after = Some(id),
                None => return Ok(()),
            }
        }
    }

    /// Takes over what consumers of other names left pending; how many entries there were.
    pub(super) fn take_over(&mut self, count: usize, idle: Duration) -> Result<usize> {
        if !self.lead(Instant::now())? {
            return Ok(0);
        }
        // What is known already, or done with, is not to be taken for new when it comes again.
        let ahead = self.queue.take_ahead().map_err(|failure| self.unknown(failure))?;
        for queued in ahead {
            self.admit(queued)?;
        }
        self.acknowledge()?;
        let mut after = None;
        let mut taken = 0;
        loop {
            let (next, pending) = self.queue.claim(idle, after, count)?;
            taken += pending.len();
            for pending in pending {
                self.admit(Queued::new(pending.entry))?;
            }
            match next {
                Some(id) => after = Some(id),
                None => return Ok(taken),
            }
        }
    }

    /// Reads new entries: how many, and how many of them could not be read.
    pub(super) fn read(&mut self, count: usize, block: Duration) -> Result<(usize, usize)> {
        if self.state.as_ref().is_none_or(|state| state.work.items.len() >= MOST) {
            std::thread::sleep(block.min(NAP));
            return Ok((0, 0));
        }
        // A lease is not kept by one who waits for longer.
        let entries = match self.queue.read(count, block.min(self.settings.lease / 3)) {
            Ok(entries) => entries,
            Err(failure) => return Err(self.unknown(failure)),
        };
        let read = entries.len();
        let mut buried = 0;
        for entry in entries {
            buried += usize::from(!self.admit(entry)?);
        }
        Ok((read, buried))
    }

    /// After an error of Redis it is not known what is pending.
    pub(super) fn unknown(&mut self, failure: Failure) -> Error {
        self.state = None;
        failure.into()
    }

    /// Takes an entry in; `false` when it cannot be executed, ever: it is a dead letter then.
    pub(super) fn admit(&mut self, queued: Queued) -> Result<bool> {
        let order = (queued.entry.id, Source::Queue);
        let Some(state) = &mut self.state else { return Ok(true) };
        if state.work.items.contains_key(&order) {
            return Ok(true);
        }
        let origin = queued.entry.id;
        match self.item(queued, origin) {
            Ok(item) => {
                if let Some(state) = &mut self.state {
                    state.work.items.insert(order, item);
                }
                Ok(true)
            }
            Err((error, touches)) => {
                let now = now_ms();
                let about = Obituary {
                    error: error.to_string(),
                    attempts: 0,
                    first_ms: now,
                    last_ms: now,
                };
                self.tell(&error);
                self.bury(order, &about, touches)?;
                Ok(false)
            }
        }
    }

    /// An entry as something to execute, or why it is none, with what has to wait for it.
    pub(super) fn item(&self, queued: Queued, origin: EntryId) -> Result<Item, (Error, Touches)> {
        let mut operation = queued.operation.map_err(|error| (error, Touches::default()))?;
        let bytes = queued.entry.field(b"s").map_or(0, <[u8]>::len);
        let touches = touches_of(&mut operation);
        let pool = self.runtime.mysql.iter().position(|pool| pool.name() == operation.pool);
        let checked = pool
            .ok_or_else(|| {
                Error::config(format!(
                    "the operation is for the MySQL pool `{}`, which the engine of this consumer does not have",
                    operation.pool
                ))
            })
            .and_then(|pool| publish::check(&self.runtime, &operation).map(|()| pool));
        let pool = match checked {
            Ok(pool) => pool,
            Err(error) => return Err((error, touches)),
        };
        let queue = self.state.as_ref().map_or("", |state| state.queue.as_str());
        Ok(Item {
            // FluxaORM gives its operations no ids; an entry has one for as long as the queue is there.
            id: operation
                .own
                .as_ref()
                .map_or_else(|| format!("{queue}:{origin}"), |own| own.id.clone()),
            bytes,
            operation,
            touches,
            pool,
            attempts: 0,
            first_ms: now_ms(),
            not_before: None,
        })
    }

    /// Looks whether anybody has decided about dead letters.
    pub(super) fn heed_decisions(&mut self) -> Result<()> {
        let decisions = self.queue.decisions().map_err(|failure| self.unknown(failure))?;
        match &mut self.state {
            Some(state) if state.decisions != decisions => {
                state.decisions = decisions;
                self.letters()
            }
            _ => Ok(()),
        }
    }

    /// Reads the dead letters: those that are to be tried again, and what the others hold up.
    pub(super) fn letters(&mut self) -> Result<()> {
        let failed = self.queue.failed().map_err(|failure| self.unknown(failure))?;
        let mut letters = BTreeMap::new();
        let mut again = Vec::new();
        for Failed {
            entry,
            origin,
            attempts,
            replay,
        } in failed
        {
            let order = (origin, Source::Letter(entry.id));
            let letter = entry.id;
            match self.item(Queued::new(entry), origin) {
                Ok(item) if replay => again.push((order, Item { attempts, ..item })),
                Ok(Item { touches, .. }) | Err((_, touches)) if !replay => {
                    letters.insert(order, without_anything(touches));
                }
                Err((error, touches)) => {
                    // Still not to be read.
                    let now = now_ms();
                    let about = Obituary {
                        error: error.to_string(),
                        attempts: attempts.saturating_add(1),
                        first_ms: now,
                        last_ms: now,
                    };
                    let id = self.queue.settle(&[], Some((letter, &about, origin)));
                    if let Some(id) = id.map_err(|failure| self.unknown(failure))? {
                        letters.insert((origin, Source::Letter(id)), without_anything(touches));
                    }
                }
                Ok(_) => {}
            }
        }
        let Some(state) = &mut self.state else { return Ok(()) };
        state.work.letters = letters;
        // Those that were discarded meanwhile are not tried.
        state.work.items.retain(|(_, source), _| match source {
            Source::Queue => true,
            Source::Letter(_) => again.iter().any(|((_, other), _)| other == source),
        });
        for (order, item) in again {
            state.work.items.entry(order).or_insert(item);
        }
        Ok(())
    }
}

/// What an operation touches: it is moved out of it.
fn touches_of(operation: &mut Operation) -> Touches {
    match &mut operation.own {
        Some(own) => Touches {
            writes: std::mem::take(&mut own.writes),
            reads: std::mem::take(&mut own.reads),
            anything: false,
        },
        None => match touched_by(&operation.queries) {
            Some(writes) => Touches {
                writes,
                ..Touches::default()
            },
            None => Touches {
                anything: true,
                ..Touches::default()
            },
        },
    }
}

/// A dead letter of which nobody knows what it touches holds nothing up: it would be everything, until somebody looks.
pub(super) fn without_anything(touches: Touches) -> Touches {
    Touches {
        anything: false,
        ..touches
    }
}

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
