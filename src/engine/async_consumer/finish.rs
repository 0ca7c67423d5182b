//! What becomes of operations that were tried: told and acknowledged, tried again, or put aside.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::AsyncConsumer;
use super::execute::{Outcome, is_own};
use super::known::{now_ms, without_anything};
use super::publish;
use super::sorting::{Verdict, verdict};
use super::work::{Item, Order, Source, Touches};
use crate::error::{Error, Result};
use crate::redis::EntryId;
use crate::step::Step;
use crate::stream::async_queue::Obituary;
use crate::stream::backoff::Backoff;

/// The waits between two tries of an operation.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(100),
    longest: Duration::from_secs(20),
};

impl AsyncConsumer {
    /// Deals with what became of a batch: how many are done with, and the first error that is to be told.
    pub(super) fn settle(&mut self, outcome: Outcome, tried: &mut HashSet<Order>) -> Result<(usize, Option<Error>)> {
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
    pub(super) fn drop_doubles(&mut self, doubles: &[Order]) -> Result<usize> {
        if doubles.is_empty() {
            return Ok(0);
        }
        let entries: Vec<EntryId> = doubles.iter().map(|(id, _)| *id).collect();
        self.queue.finished(&entries);
        self.acknowledge()?;
        if let Some(state) = &mut self.state {
            doubles.iter().for_each(|order| drop(state.work.items.remove(order)));
        }
        Ok(doubles.len())
    }

    /// Publishes, calls hooks, acknowledges.
    pub(super) fn finish(&mut self, done: &[Order]) -> Result<()> {
        self.runtime.steps.at(Step::AsyncCommitted);
        self.forget_acknowledged();
        let Some(state) = &mut self.state else { return Ok(()) };
        let mut sorted = done.to_vec();
        sorted.sort_unstable();
        let items: Vec<&Item> = sorted.iter().filter_map(|order| state.work.items.get(order)).collect();
        let pool = self.runtime.queue()?.redis;
        let published = publish::publish(&self.runtime, pool, self.queue.token(), &items, &mut state.published);
        let published = match published {
            Ok(published) => published,
            Err(error) => {
                // What Redis has of them only its marker tells now.
                self.state = None;
                return Err(error);
            }
        };
        if !published {
            self.queue.forsake();
            self.state = None;
            return Ok(());
        }
        self.runtime.steps.at(Step::AsyncPublished);
        let problems = publish::hooks(&self.runtime, &items);
        problems.iter().for_each(|problem| self.tell(problem));
        let (mut letters, mut settled) = (Vec::new(), Vec::new());
        for order in &sorted {
            let Some(state) = &mut self.state else { return Ok(()) };
            let Some(item) = state.work.items.remove(order) else {
                continue;
            };
            match order {
                (entry, Source::Queue) => {
                    self.queue.finished(&[*entry]);
                    state.finished.push_back(item.id);
                }
                (_, Source::Letter(letter)) => {
                    letters.push(*letter);
                    settled.push(item.id);
                }
            }
        }
        let outcome = self.queue.settle(&letters, None);
        outcome.map_err(|failure| self.unknown(failure))?;
        if let Some(state) = &mut self.state {
            state.published.forget(settled.iter().map(String::as_str));
            state.decisions = state.decisions.wrapping_sub(letters.len() as u64);
        }
        Ok(())
    }

    /// Acknowledges all that is done with.
    pub(super) fn acknowledge(&mut self) -> Result<()> {
        self.queue.ack().map_err(|failure| self.unknown(failure))?;
        self.forget_acknowledged();
        Ok(())
    }

    /// What is acknowledged cannot come again.
    fn forget_acknowledged(&mut self) {
        let Some(state) = &mut self.state else { return };
        let acknowledged = state.finished.len().saturating_sub(self.queue.unacknowledged());
        if acknowledged == 0 {
            return;
        }
        let ids: Vec<String> = state.finished.drain(..acknowledged).collect();
        state.published.forget(ids.iter().map(String::as_str));
        self.runtime.steps.at(Step::AsyncAcknowledged);
    }

    /// Puts an operation among the dead letters, where it holds up what it touches.
    pub(super) fn bury(&mut self, order: Order, about: &Obituary, touches: Touches) -> Result<()> {
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

/// An error as FluxaORM shows those of a server.
fn told(error: &Error) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    match source {
        Some(source) => format!("{error} ({source})"),
        None => error.to_string(),
    }
}
