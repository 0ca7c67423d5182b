//! The sender's thread: takes what waits, writes it, tries again, and stops when it is told to.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::batch::{EVENTS, Fate, Outcome, Writer, batch};
use super::queue::Message;
use super::shared::Shared;
use super::spill::{Spill, SpillTo};
use crate::error::Error;
use crate::redis::{Failure, Link};
use crate::stream::delivery::DeliveryProblem;
use crate::stream::outgoing::Outgoing;

/// An event that was taken from the channel.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) event: Outgoing,
    pub(super) since: Instant,
    /// It was written before, with an unknown outcome or to no avail.
    pub(super) tried: bool,
}

pub(super) struct Worker {
    shared: Arc<Shared>,
    link: Option<Link>,
    writer: Writer,
    failures: u32,
    /// When the first of these failures was.
    failing: Option<Instant>,
    told: Option<String>,
    spill: Option<Spill>,
    /// Until then it looks for events by itself.
    naps_until: Instant,
}

/// How long after an event more of them are to be expected soon.
const LIVELY: Duration = Duration::from_millis(20);
/// How often it looks for them then. To be woken costs the flush that does it some 10 µs, on virtual machines more.
const NAP: Duration = Duration::from_micros(200);

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, spill: Option<SpillTo>) -> Self {
        let spill = spill.map(|to| Spill::new(to, shared.pool.name()));
        Worker {
            shared,
            link: None,
            writer: Writer::default(),
            failures: 0,
            failing: None,
            told: None,
            spill,
            naps_until: Instant::now(),
        }
    }

    /// Works until it is told to stop, and everything is sent or the deadline is over.
    pub(super) fn run(mut self) {
        while self.take() {
            if self.shared.is_over() {
                break;
            }
            let waiting = self.shared.work().len();
            if waiting == 0 {
                continue;
            }
            if self.spills() {
                continue;
            }
            let Some(failure) = self.write() else {
                self.failures = 0;
                self.failing = None;
                self.told = None;
                continue;
            };
            self.failures = self.failures.saturating_add(1);
            let failing = *self.failing.get_or_insert_with(Instant::now);
            // A connection that breaks after good service is most often a server that was restarted:
            // the first try after it does not wait.
            let at_once = self.failures == 1 && matches!(failure, Failure::Broken { .. }) && self.link.is_some();
            self.link = None;
            self.tell(Error::from(failure));
            if let Some(spill) = &mut self.spill
                && (self.shared.is_pressed() || failing.elapsed() >= spill.after())
            {
                spill.begin();
                let pool = self.shared.pool.name().to_string();
                self.shared.tell(&DeliveryProblem::Spilling { pool });
                continue;
            }
            if !at_once {
                let wait = self.shared.backoff.after(self.failures);
                self.shared.sleep(wait);
            }
        }
        self.shared.finished();
    }

    /// Moves what waits to the outbox, while it is the outbox's turn.
    fn spills(&mut self) -> bool {
        let Some(spill) = &mut self.spill else { return false };
        let spilled = match spill.is_active() {
            Ok(true) => spill.spill(&self.shared),
            Ok(false) => return false,
            Err(error) => Err(error),
        };
        match spilled {
            Ok(()) => (self.failures, self.failing, self.told) = (0, None, None),
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.tell(error);
                let wait = self.shared.backoff.after(self.failures);
                self.shared.sleep(wait);
            }
        }
        true
    }

    /// Fills the work from the channel; waits for events when there are none. `false` when it is
    /// closed and nothing is left.
    fn take(&mut self) -> bool {
        let queue = &self.shared.queue;
        let mut work = self.shared.work();
        while work.len() < EVENTS {
            let message = match queue.receiver().try_recv() {
                Ok(message) => message,
                Err(_) if !work.is_empty() => break,
                Err(_) if queue.is_closed() => return false,
                Err(_) if Instant::now() < self.naps_until => {
                    // Not by waiting for the channel with a timeout: whoever sends then would wake it all the same.
                    drop(work);
                    thread::sleep(NAP);
                    work = self.shared.work();
                    continue;
                }
                Err(_) => {
                    drop(work);
                    let message = queue.receiver().recv();
                    work = self.shared.work();
                    match message {
                        Ok(message) => message,
                        Err(_) => return false,
                    }
                }
            };
            if let Message::Parcel(parcel, since) = message {
                self.naps_until = Instant::now() + LIVELY;
                work.extend(parcel.pack().into_iter().map(|event| Waiting {
                    event,
                    since,
                    tried: false,
                }));
            }
        }
        true
    }

    /// Writes what fits in one batch; returns what stood in the way.
    fn write(&mut self) -> Option<Failure> {
        if self.link.is_none() {
            match self.shared.pool.connect() {
                Ok(link) => self.link = Some(link),
                Err(failure) => return Some(failure),
            }
        }
        let link = self.link.as_mut()?;
        let (count, bounds, retried) = {
            let mut work = self.shared.work();
            let count = batch(work.iter().map(|waiting| &waiting.event));
            if count == 0 {
                return None;
            }
            let bounds = self.writer.pack(work.iter().map(|waiting| &waiting.event), count);
            let mut retried = 0;
            for waiting in work.iter_mut().take(count) {
                retried += u64::from(waiting.tried);
                waiting.tried = true;
            }
            (count, bounds, retried)
        };
        // Not under the lock: `close` may give the events up while the server keeps us waiting.
        let outcome = self.writer.write(link, count, bounds);
        if link.is_broken() && outcome.obstacle.is_none() {
            self.link = None;
        }
        self.settle(count, retried, outcome)
    }

    /// Takes what is done out of the work.
    fn settle(&self, count: usize, retried: u64, outcome: Outcome) -> Option<Failure> {
        let shared = &self.shared;
        let mut written = 0;
        let mut refused = Vec::new();
        {
            let mut work = shared.work();
            if shared.is_given_up() {
                // Its outcome is no longer asked for.
                return None;
            }
            let mut again = VecDeque::new();
            for (waiting, fate) in work
                .drain(..count)
                .zip(outcome.events.into_iter().map(Some).chain(std::iter::repeat(None)))
            {
                match fate {
                    Some(Fate::Written) => written += 1,
                    Some(Fate::Refused(refusal)) => refused.push(waiting.event.failed(&refusal.to_string())),
                    Some(Fate::Again) | None => again.push_back(waiting),
                }
            }
            while let Some(waiting) = again.pop_back() {
                work.push_front(waiting);
            }
        }
        shared.figures.count(written, retried, refused.len() as u64);
        shared.queue.release(written + refused.len() as u64);
        if !refused.is_empty() {
            shared.set_last_error(&refused[0].error);
            shared.put_aside(&refused);
            shared.tell(&DeliveryProblem::Refused {
                pool: shared.pool.name().to_string(),
                events: refused,
            });
        }
        shared.note_trimmed(outcome.trimmed);
        outcome.obstacle
    }

    /// Tells of a failure, once for as long as it is the same.
    fn tell(&mut self, error: Error) {
        let text = error.to_string();
        self.shared.set_last_error(&text);
        if self.told.as_ref() != Some(&text) {
            self.told = Some(text);
            self.shared.tell(&DeliveryProblem::Waiting {
                pool: self.shared.pool.name().to_string(),
                error,
                queued: self.shared.queue.queued(),
            });
        }
    }
}
