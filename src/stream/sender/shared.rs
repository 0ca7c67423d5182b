//! What the sender's thread, the flushes and `close` share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::batch::Trimmed;
use super::queue::Queue;
use super::worker::Waiting;
use crate::redis::RedisPool;
use crate::stream::backoff::Backoff;
use crate::stream::delivery::{Delivery, DeliveryHandler, DeliveryProblem, FailedEvent, tell};
use crate::stream::outgoing::Outgoing;

pub(super) struct Shared {
    pub(super) pool: RedisPool,
    pub(super) queue: Queue,
    pub(super) backoff: Backoff,
    pub(super) figures: Figures,
    handler: Option<DeliveryHandler>,
    work: Mutex<VecDeque<Waiting>>,
    aside: Mutex<VecDeque<FailedEvent>>,
    kept_aside: usize,
    last_error: Mutex<Option<String>>,
    ending: Mutex<Ending>,
    ended: Condvar,
}

/// How far the end has come.
#[derive(Debug, Default)]
struct Ending {
    /// When to stop, whatever is left.
    deadline: Option<Instant>,
    /// The work was taken away from the thread.
    given_up: bool,
    /// The thread is done.
    finished: bool,
}

#[derive(Debug, Default)]
pub(super) struct Figures {
    sent: AtomicU64,
    retried: AtomicU64,
    failed: AtomicU64,
    cut_unread: AtomicU64,
    spilled: AtomicU64,
}

impl Figures {
    pub(super) fn count(&self, sent: u64, retried: u64, failed: u64) {
        self.sent.fetch_add(sent, Relaxed);
        self.retried.fetch_add(retried, Relaxed);
        self.failed.fetch_add(failed, Relaxed);
    }

    pub(super) fn cut(&self, entries: u64) {
        self.cut_unread.fetch_add(entries, Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(
        pool: RedisPool,
        queue: Queue,
        backoff: Backoff,
        handler: Option<DeliveryHandler>,
        kept_aside: usize,
    ) -> Self {
        Shared {
            pool,
            queue,
            backoff,
            figures: Figures::default(),
            handler,
            work: Mutex::default(),
            aside: Mutex::default(),
            kept_aside,
            last_error: Mutex::default(),
            ending: Mutex::default(),
            ended: Condvar::new(),
        }
    }

    /// What the thread has taken from the channel, in order.
    pub(super) fn work(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        lock(&self.work)
    }

    pub(super) fn delivery(&self) -> Delivery {
        Delivery {
            queued: self.queue.queued(),
            sent: self.figures.sent.load(Relaxed),
            retried: self.figures.retried.load(Relaxed),
            failed: self.figures.failed.load(Relaxed),
            relayed: 0,
            spilled: self.figures.spilled.load(Relaxed),
            cut_unread: self.figures.cut_unread.load(Relaxed),
            oldest: self.work().front().map(|waiting| waiting.since.elapsed()),
            last_error: lock(&self.last_error).clone(),
            queue: None,
        }
    }

    pub(super) fn set_last_error(&self, text: &str) {
        *lock(&self.last_error) = Some(text.to_string());
    }

    /// Calls the application's handler. What it does wrong stays with it.
    pub(super) fn tell(&self, problem: &DeliveryProblem) {
        tell(self.handler.as_ref(), problem);
    }

    /// Keeps failed events for `take_failed`, the newest when there are too many.
    pub(super) fn put_aside(&self, events: &[FailedEvent]) {
        let mut aside = lock(&self.aside);
        aside.extend(events.iter().cloned());
        let surplus = aside.len().saturating_sub(self.kept_aside);
        aside.drain(..surplus);
    }

    pub(super) fn take_failed(&self) -> Vec<FailedEvent> {
        std::mem::take(&mut *lock(&self.aside)).into()
    }

    /// Counts events that will not be sent, keeps them and makes the report of them.
    pub(super) fn fail(&self, events: Vec<Outgoing>, reason: &str) -> Vec<FailedEvent> {
        let failed: Vec<FailedEvent> = events.into_iter().map(|event| event.failed(reason)).collect();
        self.figures.count(0, 0, failed.len() as u64);
        self.put_aside(&failed);
        failed
    }

    /// Takes the first events out of the work: the outbox has them. `false` when the work was given up meanwhile.
    pub(super) fn spilled(&self, count: usize) -> bool {
        let mut work = self.work();
        if self.is_given_up() {
            return false;
        }
        work.drain(..count);
        drop(work);
        self.figures.spilled.fetch_add(count as u64, Relaxed);
        self.queue.release(count as u64);
        true
    }

    /// Whether what is left must not wait any longer: flushes wait for room, or the engine is being closed.
    pub(super) fn is_pressed(&self) -> bool {
        self.queue.is_full() || lock(&self.ending).deadline.is_some()
    }

    /// Counts and tells what was cut from streams with bounds.
    pub(super) fn note_trimmed(&self, trimmed: Vec<Trimmed>) {
        for Trimmed { stream, unread } in trimmed {
            let pool = self.pool.name().to_string();
            match unread {
                Ok(0) => {}
                Ok(entries) => {
                    self.figures.cut(entries);
                    self.tell(&DeliveryProblem::CutUnread { pool, stream, entries });
                }
                // The stream itself is refused: its events told already.
                Err(failure) if failure.refusal().is_some_and(|refusal| refusal.code == "WRONGTYPE") => {}
                Err(failure) => self.tell(&DeliveryProblem::Untrimmed {
                    pool,
                    stream,
                    error: failure.into(),
                }),
            }
        }
    }

    /// Sleeps between two tries; `close` and the deadline end it.
    pub(super) fn sleep(&self, wait: Duration) {
        let ending = lock(&self.ending);
        let was_closing = ending.deadline.is_some();
        let wait = match ending.deadline {
            Some(deadline) => wait.min(deadline.saturating_duration_since(Instant::now())),
            None => wait,
        };
        let _ = self
            .ended
            .wait_timeout_while(ending, wait, |ending| {
                !ending.given_up && ending.deadline.is_some() == was_closing
            })
            .unwrap_or_else(PoisonError::into_inner);
    }

    /// Tells the thread to stop when everything is sent, or at the deadline.
    pub(super) fn end(&self, deadline: Instant) {
        {
            let mut ending = lock(&self.ending);
            ending.deadline = Some(ending.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
            self.ended.notify_all();
        }
        self.queue.close();
    }

    /// Waits until the thread is done; whether it is at the deadline.
    pub(super) fn wait_for_end(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let (ending, _) = self
            .ended
            .wait_timeout_while(lock(&self.ending), left, |ending| !ending.finished)
            .unwrap_or_else(PoisonError::into_inner);
        ending.finished
    }

    /// Takes everything away that is not sent. What the thread is just writing is among it: whether
    /// that arrives is not known.
    pub(super) fn give_up(&self) -> Vec<Outgoing> {
        let mut left: Vec<Outgoing> = {
            let mut work = self.work();
            // Under the lock of the work: a batch is settled before it is given up, or not at all.
            lock(&self.ending).given_up = true;
            work.drain(..).map(|waiting| waiting.event).collect()
        };
        self.ended.notify_all();
        self.queue.release(left.len() as u64);
        left.extend(self.queue.finish());
        left
    }

    /// The deadline is over, or the work was taken away.
    pub(super) fn is_over(&self) -> bool {
        let ending = lock(&self.ending);
        ending.given_up || ending.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    pub(super) fn is_given_up(&self) -> bool {
        lock(&self.ending).given_up
    }

    pub(super) fn finished(&self) {
        lock(&self.ending).finished = true;
        self.ended.notify_all();
    }
}
