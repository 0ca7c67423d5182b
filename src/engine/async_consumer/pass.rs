//! One pass of the consumer: lead, learn what there is, execute what may be executed.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::AsyncConsumer;
use super::execute::{Entry, Executor, Outcome, Trouble};
use super::work::Order;
use crate::error::{Error, Result};
use crate::stream::async_queue::Tenure;

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// `consume`: what failed is tried at every call.
    OneCall,
    /// `run`: what failed waits its time.
    Loop,
}

/// How long it takes to notice that the lease is free.
pub(super) const NAP: Duration = Duration::from_millis(50);

impl AsyncConsumer {
    /// Executes up to `count` operations; how many are done with, and the first error of one that is to be tried again.
    pub(super) fn pass(&mut self, count: usize, block: Duration, manner: Manner) -> Result<(usize, Option<Error>)> {
        let outcome = self.work_off(count, block, manner);
        let acknowledged = self.acknowledge();
        let outcome = outcome?;
        acknowledged.map(|()| outcome)
    }

    fn work_off(&mut self, count: usize, block: Duration, manner: Manner) -> Result<(usize, Option<Error>)> {
        let deadline = Instant::now() + block;
        let mut done = 0;
        let mut trouble = None;
        let mut tried = HashSet::new();
        if !self.lead(deadline)? {
            return Ok((0, None));
        }
        self.heed_decisions()?;
        let mut more = true;
        // While some are executed the next are read: few at first, which nothing is done beside, then more.
        let mut portion = self.settings.batch.div_ceil(8);
        let mut asked = None;
        while done < count {
            if more {
                let idle = self.select(1, &tried, manner).is_empty();
                let wait = deadline.saturating_duration_since(Instant::now());
                let wait = if idle && done == 0 && trouble.is_none() {
                    self.shortened(wait, manner)
                } else {
                    Duration::ZERO
                };
                let wanted = asked.take().unwrap_or_else(|| portion.min(count - done));
                let (read, buried) = self.read(wanted, wait)?;
                done += buried;
                more = read == wanted;
            }
            if !self.lead(Instant::now())? {
                break;
            }
            let batch = self.select(self.pace.min(self.settings.batch).min(count - done), &tried, manner);
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
            if more && done + batch.len() < count {
                portion = (portion * 3).min(self.settings.batch.div_ceil(2));
                let wanted = portion.min(count - done - batch.len());
                self.queue.ask_ahead(wanted).map_err(|failure| self.unknown(failure))?;
                asked = Some(wanted);
            }
            let begun = Instant::now();
            match self.execute(&batch)? {
                Some(outcome) => {
                    let (finished, failed) = self.settle(outcome, &mut tried)?;
                    self.adapt(batch.len(), begun.elapsed());
                    done += finished;
                    trouble = trouble.or(failed);
                }
                // Somebody else leads.
                None => break,
            }
        }
        Ok((done, trouble))
    }

    /// Takes as many operations at a time as are done in a small part of the lease: it is not renewed meanwhile, and
    /// whoever takes it over would do everything again that he can.
    fn adapt(&mut self, operations: usize, took: Duration) {
        if took > self.settings.lease / 4 {
            self.pace = (operations / 2).max(1);
        } else if operations >= self.pace && took < self.settings.lease / 16 {
            self.pace = self.pace.saturating_mul(2).min(self.settings.batch);
        }
    }

    /// Takes the lease, waiting for it until the deadline, and learns what there is when it is new.
    pub(super) fn lead(&mut self, deadline: Instant) -> Result<bool> {
        loop {
            match self.queue.renew(self.settings.lease) {
                Ok(Tenure::Kept) if self.state.is_some() => return Ok(true),
                Ok(Tenure::Kept | Tenure::New) => {
                    self.state = None;
                    self.learn()?;
                    return Ok(true);
                }
                Ok(Tenure::Lost) => self.state = None,
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
            if self.queue.confirm(self.settings.lease)? == Tenure::Kept {
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
                // A COMMIT whose answer is lost may still be under way, and what it does is not to be seen yet. The
                // next try writes the lease again, which waits for it.
                state.fenced.remove(&pool);
                Err(error)
            }
        }
    }
}
