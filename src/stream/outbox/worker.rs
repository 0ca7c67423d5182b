//! The relay's thread: woken by flushes, looks by itself from time to time, and stops with the engine.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::relay::Relay;
use crate::error::{Error, Result};
use crate::stream::backoff::Backoff;
use crate::stream::delivery::{DeliveryProblem, tell};

/// How often the holder of the lease looks for rows of other processes.
const LOOK: Duration = Duration::from_millis(50);
/// A holder that found nothing for this long gives the lease back: the next flush may be another process's.
const IDLE: Duration = Duration::from_secs(1);
/// How often everybody looks for rows of processes that died.
const SWEEP: Duration = Duration::from_secs(1);

/// A relay with its thread.
pub(crate) struct Worker {
    wake: Sender<()>,
    stop: Arc<Stop>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Stop {
    /// When to stop at the latest: once nothing is left, or then.
    until: Mutex<Option<Instant>>,
    finished: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    fn until(&self) -> Option<Instant> {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn start(relay: Arc<Relay>) -> Result<Worker> {
        let (wake, woken) = bounded(1);
        let stop = Arc::new(Stop::default());
        let loops = Loop {
            relay: Arc::clone(&relay),
            woken,
            stop: Arc::clone(&stop),
            backoff: relay.options.backoff,
            told: None,
        };
        let thread = thread::Builder::new()
            .name(format!("headwater-relay-{}", relay.redis.name()))
            .spawn(move || loops.run())
            .map_err(|error| Error::config(format!("the relay's thread cannot be started: {error}")))?;
        Ok(Worker {
            wake,
            stop,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Says that there are rows.
    pub(crate) fn wake(&self) {
        // Full: it is awake, or will be.
        let _ = self.wake.try_send(());
    }

    /// Relays what there is, at most until then, and stops.
    pub(crate) fn begin_close(&self, until: Instant) {
        *self.stop.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        self.wake();
    }

    /// Waits for its end, at most until then. What is left stays in the outbox.
    pub(crate) fn wait(&self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now());
        let finished = self.stop.finished.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .stop
            .changed
            .wait_timeout_while(finished, left, |finished| !*finished);
        let finished = *waited.unwrap_or_else(PoisonError::into_inner).0;
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let is_self = thread
            .as_ref()
            .is_some_and(|thread| thread.thread().id() == thread::current().id());
        if finished
            && !is_self
            && let Some(thread) = thread.take()
        {
            let _ = thread.join();
        }
    }
}

/// How long dropping the engine waits for a relay to give its lease back.
const PATIENCE_OF_DROP: Duration = Duration::from_secs(2);

impl Drop for Worker {
    fn drop(&mut self) {
        // Rows stay in the outbox; only what is under way is waited for.
        if self.stop.until().is_none() {
            self.begin_close(Instant::now());
        }
        self.wait(Instant::now() + PATIENCE_OF_DROP);
    }
}

struct Loop {
    relay: Arc<Relay>,
    woken: Receiver<()>,
    stop: Arc<Stop>,
    backoff: Backoff,
    told: Option<String>,
}

impl Loop {
    fn run(mut self) {
        let mut failures = 0;
        let mut busy = Instant::now();
        let mut wait = Duration::ZERO;
        loop {
            let disconnected = self.woken.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected);
            let until = self.stop.until();
            if disconnected || until.is_some_and(|until| until <= Instant::now()) {
                break;
            }
            match self.relay.pass() {
                Ok(relayed) => {
                    (failures, self.told) = (0, None);
                    if relayed.rows > 0 || relayed.set_aside > 0 {
                        busy = Instant::now();
                    }
                    let holder = self.relay.is_holder();
                    if holder && busy.elapsed() > IDLE {
                        self.relay.release();
                    }
                    // Held by another who may be dead: his lease ends some time.
                    wait = if holder || relayed.elsewhere { LOOK } else { SWEEP };
                    // Nothing is left, or another relays it.
                    if until.is_some() {
                        break;
                    }
                }
                Err(error) => {
                    failures += 1;
                    wait = self.backoff.after(failures);
                    self.tell(error);
                    busy = Instant::now();
                    self.pause(wait);
                    wait = Duration::ZERO;
                }
            }
        }
        self.relay.release();
        *self.stop.finished.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
    }

    /// Waits after a failure, however many flushes wake it; the end of the engine ends it.
    fn pause(&self, wait: Duration) {
        let end = Instant::now() + wait;
        while Instant::now() < end && self.stop.until().is_none_or(|until| Instant::now() < until) {
            let left = end.saturating_duration_since(Instant::now()).min(LOOK);
            thread::sleep(left);
        }
    }

    fn tell(&mut self, error: Error) {
        let text = error.to_string();
        if self.told.as_ref() != Some(&text) {
            self.told = Some(text);
            let problem = DeliveryProblem::Relaying {
                pool: self.relay.redis.name().to_owned(),
                error,
            };
            tell(self.relay.options.handler.as_ref(), &problem);
        }
    }
}
