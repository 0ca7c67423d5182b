//! The bounded channel between flushes and the sender: one send per flush, room counted in events.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::stream::outgoing::Outgoing;
use crate::stream::parcel::Parcel;

/// What travels in the channel.
#[derive(Debug)]
pub(super) enum Message {
    /// The events of one flush.
    Parcel(Parcel, Instant),
    /// Look whether there is something else to do.
    Wake,
}

/// A clock cannot count further than its type.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Why events were not taken; they come back.
#[derive(Debug)]
pub(super) enum NotTaken {
    Full(Parcel),
    Closed(Parcel),
}

/// A channel of parcels, bounded by the number of events in it.
//
// The channel itself has no bound: events are counted beside it before they are sent, because a bound
// on parcels would say nothing about memory, and crossbeam's bounded channel takes the room of all its
// slots at once.
#[derive(Debug)]
pub(super) struct Queue {
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    capacity: u64,
    /// Events from the moment that room is made for them until they are written or given up.
    queued: AtomicU64,
    closed: AtomicBool,
    /// Nobody receives any more.
    finished: AtomicBool,
    /// Those who wait for room, served in the order they came.
    line: Mutex<Line>,
    room: Condvar,
    waiting: AtomicUsize,
}

#[derive(Debug, Default)]
struct Line {
    tickets: VecDeque<u64>,
    next: u64,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        let (sender, receiver) = unbounded();
        Queue {
            sender,
            receiver,
            capacity: (capacity as u64).max(1),
            queued: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            line: Mutex::default(),
            room: Condvar::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// How many events wait.
    pub(super) fn queued(&self) -> u64 {
        self.queued.load(SeqCst)
    }

    /// Whether somebody waits for room.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.load(SeqCst) > 0
    }

    pub(super) fn receiver(&self) -> &Receiver<Message> {
        &self.receiver
    }

    /// Puts the events in, all or none, and waits for room at most this long.
    #[inline]
    pub(super) fn push(&self, events: Parcel, patience: Duration) -> Result<(), NotTaken> {
        if self.closed.load(SeqCst) {
            return Err(NotTaken::Closed(events));
        }
        let count = events.len() as u64;
        let nobody_waits = self.waiting.load(SeqCst) == 0;
        let taken = (nobody_waits && self.reserve(count)) || self.wait_for_room(count, patience);
        if !taken {
            return Err(if self.closed.load(SeqCst) {
                NotTaken::Closed(events)
            } else {
                NotTaken::Full(events)
            });
        }
        // Both ends are in `self`: the channel is never disconnected.
        let _ = self.sender.send(Message::Parcel(events, Instant::now()));
        if self.finished.load(SeqCst) {
            return self.take_back();
        }
        Ok(())
    }

    /// The last look into the channel may have been before: what is found now is nobody's.
    #[cold]
    fn take_back(&self) -> Result<(), NotTaken> {
        let events = self.drain();
        if events.is_empty() {
            return Ok(());
        }
        Err(NotTaken::Closed(events.into()))
    }

    /// A parcel of more events than the capacity goes when nothing else waits.
    #[inline]
    fn reserve(&self, count: u64) -> bool {
        self.queued
            .try_update(SeqCst, SeqCst, |queued| {
                (queued == 0 || queued + count <= self.capacity).then_some(queued + count)
            })
            .is_ok()
    }

    #[cold]
    fn wait_for_room(&self, count: u64, patience: Duration) -> bool {
        let deadline = Instant::now() + patience.min(LONGEST);
        let mut line = self.line();
        let ticket = line.next;
        line.next += 1;
        line.tickets.push_back(ticket);
        self.waiting.fetch_add(1, SeqCst);
        let served = loop {
            if self.closed.load(SeqCst) {
                break false;
            }
            if line.tickets.front() == Some(&ticket) && self.reserve(count) {
                break true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break false;
            }
            line = self
                .room
                .wait_timeout(line, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        };
        line.tickets.retain(|other| *other != ticket);
        self.waiting.fetch_sub(1, SeqCst);
        drop(line);
        // The next in line may have room too.
        self.room.notify_all();
        served
    }

    /// This many events are written or given up.
    pub(super) fn release(&self, count: u64) {
        self.queued.fetch_sub(count, SeqCst);
        if self.waiting.load(SeqCst) > 0 {
            // Under the lock, so that nobody is between looking and waiting.
            let _line = self.line();
            self.room.notify_all();
        }
    }

    /// Takes no more events; those inside stay.
    pub(super) fn close(&self) {
        self.closed.store(true, SeqCst);
        {
            let _line = self.line();
            self.room.notify_all();
        }
        self.wake();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }

    /// Wakes the thread that receives.
    pub(super) fn wake(&self) {
        let _ = self.sender.send(Message::Wake);
    }

    /// Says that nobody receives any more, and takes out what is inside.
    pub(super) fn finish(&self) -> Vec<Outgoing> {
        self.closed.store(true, SeqCst);
        self.finished.store(true, SeqCst);
        self.drain()
    }

    fn drain(&self) -> Vec<Outgoing> {
        let mut events = Vec::new();
        for message in self.receiver.try_iter() {
            if let Message::Parcel(parcel, _) = message {
                events.extend(parcel.pack());
            }
        }
        self.release(events.len() as u64);
        events
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
