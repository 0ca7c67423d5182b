//! One pass of the consumer: lead, learn what there is, execute what may be executed.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::AsyncConsumer;
use super::execute::{Entry, Executor, Outcome, Trouble, is_own};
use super::publish::{self, Published};
use super::sorting::{Verdict, verdict};
use super::work::{Item, Order, Source, Touches, Work};
use crate::error::{Error, ErrorKind, Result};
use crate::redis::{Entry as StreamEntry, EntryId, Failure};
use crate::step::Step;
use crate::stream::async_queue::{Failed, Obituary, Queue};
use crate::stream::backoff::Backoff;
use crate::stream::operation::Operation;
use crate::stream::touched_by;
use crate::stream::wire::read_operation;

/// What the holder of the lease knows.
#[derive(Debug)]
pub(super) struct State {
    /// The queue's name.
    queue: String,
    pub(super) work: Work,
    published: Published,
    /// In which databases this lease counts.
    fenced: HashSet<usize>,
    /// The decisions about dead letters that are known.
    decisions: u64,
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// `consume`: what failed is tried at every call.
    OneCall,
    /// `run`: what failed waits its time.
    Loop,
}

/// Above this, nothing new is read until something is done with.
const MOST: usize = 10_000;
/// How many pending entries are listed at once.
const PAGE: usize = 500;
/// How long it takes to notice that the lease is free.
const NAP: Duration = Duration::from_millis(50);
/// The waits between two tries of an operation.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(100),
    longest: Duration::from_secs(20),
};

impl AsyncConsumer {
    /// Executes up to `count` operations; how many are done with, and the first error of one that is to be tried again.
    pub(super) fn pass(&mut self, count: usize, block: Duration, manner: Manner) -> Result<(usize, Option<Error>)> {
        let deadline = Instant::now() + block;
        let mut done = 0;
        let mut trouble = None;
        let mut tried = HashSet::new();
        if !self.lead(deadline)? {
            return Ok((0, None));
        }
        self.heed_decisions()?;
        let mut more = true;
        while done < count {
            if more {
                let idle = self.select(1, &tried, manner).is_empty();
                let wait = deadline.saturating_duration_since(Instant::now());
                let wait = if idle && done == 0 && trouble.is_none() {
                    self.shortened(wait, manner)
                } else {
                    Duration::ZERO
                };
                let wanted = self.settings.batch.min(count - done);
                let (read, buried) = self.read(wanted, wait)?;
                done += buried;
                more = read == wanted;
            }
            if !self.lead(Instant::now())? {
                break;
            }
            let batch = self.select(self.settings.batch.min(count - done), &tried, manner);
            if batch.is_empty() {
                let patient = done == 0 && trouble.is_none() && Instant::now() < deadline;
                if !more && !patient {
                    break;
                }
                if !more {
                    self.heed_decisions()?;
                }
                more = true;
                continue;
            }
            match self.execute(&batch)? {
                Some(outcome) => {
                    let (finished, failed) = self.settle(outcome, &mut tried)?;
                    done += finished;
                    trouble = trouble.or(failed);
                }
                // Somebody else leads.
                None => break,
            }
        }
        Ok((done, trouble))
    }

    /// Takes the lease, waiting for it until the deadline, and learns what there is when it is new.
    fn lead(&mut self, deadline: Instant) -> Result<bool> {
        loop {
            match self.queue.renew(self.settings.lease) {
                Ok(true) if self.state.is_some() => return Ok(true),
                Ok(true) => {
                    self.learn()?;
                    return Ok(true);
                }
                Ok(false) => self.state = None,
                Err(failure) => {
                    self.state = None;
                    return Err(failure.into());
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            std::thread::sleep(NAP.min(left));
        }
    }

    /// Reads everything that is pending, and the dead letters.
    fn learn(&mut self) -> Result<()> {
        let mut state = State {
            queue: self.queue.identity()?,
            work: Work::default(),
            published: Published::default(),
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
        if learnt.is_err() {
            self.state = None;
        }
        learnt
    }

    fn recover(&mut self) -> Result<()> {
        let mut after = None;
        loop {
            let (next, pending) = self.queue.recover(after, PAGE)?;
            for pending in pending {
                self.admit(pending.entry, true)?;
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
        let mut after = None;
        let mut taken = 0;
        loop {
            let (next, pending) = self.queue.claim(idle, after, count)?;
            taken += pending.len();
            for pending in pending {
                self.admit(pending.entry, true)?;
            }
            match next {
                Some(id) => after = Some(id),
                None => return Ok(taken),
            }
        }
    }

    /// Reads new entries: how many, and how many of them could not be read.
    fn read(&mut self, count: usize, block: Duration) -> Result<(usize, usize)> {
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
            buried += usize::from(!self.admit(entry, false)?);
        }
        Ok((read, buried))
    }

    /// After an error of Redis it is not known what is pending.
    fn unknown(&mut self, failure: Failure) -> Error {
        self.state = None;
        failure.into()
    }

    /// Takes an entry in; `false` when it cannot be executed, ever: it is a dead letter then.
    fn admit(&mut self, entry: StreamEntry, maybe_done: bool) -> Result<bool> {
        let order = (entry.id, Source::Queue);
        let Some(state) = &mut self.state else { return Ok(true) };
        if state.work.items.contains_key(&order) {
            return Ok(true);
        }
        match self.item(&entry, entry.id, maybe_done) {
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
    fn item(&self, entry: &StreamEntry, origin: EntryId, maybe_done: bool) -> Result<Item, (Error, Touches)> {
        let malformed = |reason: &str| {
            Error::new(ErrorKind::Malformed {
                entry: Some(origin.to_string()),
                reason: reason.to_owned(),
            })
        };
        let bytes = entry
            .field(b"s")
            .ok_or_else(|| (malformed("there is no field `s`"), Touches::default()))?;
        let operation = read_operation(bytes).map_err(|error| (error, Touches::default()))?;
        let touches = touches_of(&operation);
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
            bytes: bytes.len(),
            operation,
            touches,
            pool,
            attempts: 0,
            first_ms: now_ms(),
            not_before: None,
            maybe_done,
        })
    }

    /// Looks whether anybody has decided about dead letters.
    fn heed_decisions(&mut self) -> Result<()> {
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
    fn letters(&mut self) -> Result<()> {
        let failed = self.queue.failed().map_err(|failure| self.unknown(failure))?;
        let mut letters = std::collections::BTreeMap::new();
        let mut again = Vec::new();
        for Failed {
            entry,
            origin,
            attempts,
            replay,
        } in failed
        {
            let order = (origin, Source::Letter(entry.id));
            match self.item(&entry, origin, true) {
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
                    let id = self.queue.settle(&[], Some((entry.id, &about, origin)));
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

    fn select(&self, most: usize, tried: &HashSet<Order>, manner: Manner) -> Vec<Order> {
        let now = (manner == Manner::Loop).then(Instant::now);
        let state = self.state.as_ref();
        state.map_or_else(Vec::new, |state| state.work.next(most, tried, now))
    }

    /// A loop wakes up for what is due next.
    fn shortened(&self, block: Duration, manner: Manner) -> Duration {
        let now = Instant::now();
        let due = self.state.as_ref().and_then(|state| state.work.next_due(now));
        match due {
            Some(at) if manner == Manner::Loop => block.min(at.saturating_duration_since(now)),
            _ => block,
        }
    }

    /// Executes a batch; `None` when somebody else leads.
    fn execute(&mut self, batch: &[Order]) -> Result<Option<Outcome>> {
        let Some(state) = &mut self.state else { return Ok(None) };
        let entries: Vec<Entry<'_>> = batch
            .iter()
            .filter_map(|order| Some((*order, state.work.items.get(order)?)))
            .collect();
        let Some(pool) = entries.first().map(|(_, item)| item.pool) else {
            return Ok(None);
        };
        let executor = Executor {
            runtime: &self.runtime,
            pool,
            queue: &state.queue,
            token: self.queue.token(),
        };
        let mut outcome = Err(Trouble::Fenced);
        if state.fenced.contains(&pool) {
            outcome = executor.run(&entries);
        } else {
            executor.fence()?;
            let token = self.queue.token().to_owned();
            // Whoever took the lease before this was written has written, or will, its own.
            if self.queue.confirm(self.settings.lease)? {
                state.fenced.insert(pool);
                let executor = Executor {
                    runtime: &self.runtime,
                    pool,
                    queue: &state.queue,
                    token: &token,
                };
                outcome = executor.run(&entries);
            }
        }
        match outcome {
            Ok(outcome) => Ok(Some(outcome)),
            Err(Trouble::Fenced) => {
                self.queue.forsake();
                self.state = None;
                Ok(None)
            }
            Err(Trouble::Error(error)) => {
                // After a lost COMMIT they may be done.
                for order in batch {
                    if let Some(item) = state.work.items.get_mut(order) {
                        item.maybe_done = true;
                    }
                }
                Err(error)
            }
        }
    }

    /// Deals with what became of a batch: how many are done with, and the first error that is to be told.
    fn settle(&mut self, outcome: Outcome, tried: &mut HashSet<Order>) -> Result<(usize, Option<Error>)> {
        let mut finished = outcome.done.len();
        if !outcome.done.is_empty() {
            self.finish(&outcome.done)?;
        }
        finished += self.drop_doubles(&outcome.doubles)?;
        let mut trouble = None;
        for (order, error) in outcome.failed {
            tried.insert(order);
            let Some(state) = &mut self.state else { break };
            let Some(item) = state.work.items.get_mut(&order) else {
                continue;
            };
            item.attempts = item.attempts.saturating_add(1);
            item.not_before = Some(Instant::now() + BACKOFF.after(item.attempts));
            let for_good = match verdict(&error) {
                _ if is_own(&error) => false,
                Verdict::Permanent => true,
                Verdict::Transient => false,
                Verdict::Unknown => item.attempts >= self.settings.max_attempts,
            };
            if !for_good {
                trouble.get_or_insert(error);
                continue;
            }
            let about = Obituary {
                error: told(&error),
                attempts: item.attempts,
                first_ms: item.first_ms,
                last_ms: now_ms(),
            };
            let touches = item.touches.clone();
            self.tell(&error);
            self.bury(order, &about, touches)?;
            finished += 1;
        }
        Ok((finished, trouble))
    }

    /// Acknowledges second entries of operations; how many there were.
    fn drop_doubles(&mut self, doubles: &[Order]) -> Result<usize> {
        let entries: Vec<EntryId> = doubles.iter().map(|(id, _)| *id).collect();
        self.queue.ack(&entries).map_err(|failure| self.unknown(failure))?;
        if let Some(state) = &mut self.state {
            doubles.iter().for_each(|order| drop(state.work.items.remove(order)));
        }
        Ok(doubles.len())
    }

    /// Publishes, calls hooks, acknowledges.
    fn finish(&mut self, done: &[Order]) -> Result<()> {
        self.runtime.steps.at(Step::AsyncCommitted);
        let Some(state) = &mut self.state else { return Ok(()) };
        // Whatever fails from here on: they are committed.
        for order in done {
            if let Some(item) = state.work.items.get_mut(order) {
                item.maybe_done = true;
            }
        }
        let mut sorted = done.to_vec();
        sorted.sort_unstable();
        let items: Vec<&Item> = sorted.iter().filter_map(|order| state.work.items.get(order)).collect();
        let pool = self.runtime.queue()?.redis;
        let published = publish::publish(&self.runtime, pool, self.queue.token(), &items, &mut state.published)?;
        if !published {
            self.queue.forsake();
            self.state = None;
            return Ok(());
        }
        self.runtime.steps.at(Step::AsyncPublished);
        let problems = publish::hooks(&self.runtime, &items);
        let ids: Vec<String> = items.iter().map(|item| item.id.clone()).collect();
        let (mut entries, mut letters) = (Vec::new(), Vec::new());
        for (id, source) in done {
            match source {
                Source::Queue => entries.push(*id),
                Source::Letter(letter) => letters.push(*letter),
            }
        }
        problems.iter().for_each(|problem| self.tell(problem));
        let acknowledged = self
            .queue
            .ack(&entries)
            .and_then(|()| self.queue.settle(&letters, None).map(|_| ()));
        acknowledged.map_err(|failure| self.unknown(failure))?;
        if let Some(state) = &mut self.state {
            for order in done {
                state.work.items.remove(order);
            }
            // What is acknowledged cannot come again.
            state.published.forget(ids.iter().map(String::as_str));
            state.decisions = state.decisions.wrapping_sub(letters.len() as u64);
        }
        self.runtime.steps.at(Step::AsyncAcknowledged);
        Ok(())
    }

    /// Puts an operation among the dead letters, where it holds up what it touches.
    fn bury(&mut self, order: Order, about: &Obituary, touches: Touches) -> Result<()> {
        let (origin, source) = order;
        let buried = match source {
            Source::Queue => self.queue.bury(origin, about),
            Source::Letter(id) => self.queue.settle(&[], Some((id, about, origin))),
        };
        let buried = buried.map_err(|failure| self.unknown(failure))?;
        let Some(state) = &mut self.state else { return Ok(()) };
        state.work.items.remove(&order);
        if let Some(id) = buried {
            state
                .work
                .letters
                .insert((origin, Source::Letter(id)), without_anything(touches));
            state.decisions = state.decisions.wrapping_add(u64::from(source == Source::Queue));
        }
        Ok(())
    }
}

/// What an operation touches.
fn touches_of(operation: &Operation) -> Touches {
    match &operation.own {
        Some(own) => Touches {
            writes: own.writes.clone(),
            reads: own.reads.clone(),
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
fn without_anything(touches: Touches) -> Touches {
    Touches {
        anything: false,
        ..touches
    }
}

/// An error as FluxaORM shows those of a server.
fn told(error: &Error) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    match source {
        Some(source) => format!("{error} ({source})"),
        None => error.to_string(),
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
