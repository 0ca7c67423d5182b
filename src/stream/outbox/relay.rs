//! The relay: claims rows of the outbox, writes them to Redis with their markers, deletes them, forgets the markers.
//!
//! Why each event arrives once, and those of a row in commit order, is argued in ARCHITECTURE.md ("The outbox").

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use super::lease::{Holder, Lease};
use super::table::{ANY, OUTBOX, delete, present};
use super::write::{Batch, Unpacked, Written, markers, write};
use crate::error::{ErrorKind, Result};
use crate::mysql::{Connection, MysqlPool, Params};
use crate::redis::{Failure, Link, RedisPool};
use crate::step::{Step, Steps};
use crate::stream::Outgoing;
use crate::stream::backoff::Backoff;
use crate::stream::delivery::{Delivery, DeliveryHandler, DeliveryProblem, tell};
use crate::table::Value;

/// How many markers are looked up at a time.
const MARKERS: usize = 256;
/// About the most events and bytes of one script.
const EVENTS: usize = 1000;
const BYTES: usize = 4 << 20;

/// What a relay needs to know.
#[derive(Clone)]
pub(crate) struct RelayOptions {
    /// How long a lease holds without being renewed.
    pub(crate) lease: Duration,
    /// The waits between two tries.
    pub(crate) backoff: Backoff,
    pub(crate) handler: Option<DeliveryHandler>,
    pub(crate) steps: Steps,
    /// What this engine is called in leases.
    pub(crate) name: String,
}

/// What was relayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relayed {
    /// Events that were written to Redis.
    pub events: u64,
    /// Rows of the outbox that are done.
    pub rows: u64,
    /// Events that were set aside: Redis will never take them as they are.
    pub set_aside: u64,
    /// Somebody else holds the lease of a Redis pool and relays there.
    pub elsewhere: bool,
}

impl Relayed {
    pub(super) fn add(&mut self, other: Relayed) {
        self.events += other.events;
        self.rows += other.rows;
        self.set_aside += other.set_aside;
        self.elsewhere |= other.elsewhere;
    }
}

/// The relay from one database to one Redis pool.
pub(crate) struct Relay {
    pub(super) mysql: MysqlPool,
    pub(super) redis: RedisPool,
    pub(super) options: RelayOptions,
    pub(super) holder: Holder,
    state: Mutex<State>,
    events: AtomicU64,
    last_error: Mutex<Option<String>>,
}

/// What is kept between two passes.
#[derive(Default)]
pub(super) struct State {
    pub(super) connection: Option<Connection>,
    link: Option<Link>,
    lease: Option<Lease>,
    /// The key of the markers.
    markers: Vec<u8>,
    /// Markers of rows that are deleted.
    pub(super) forget: Vec<Batch>,
    /// The most rows of the next claim.
    pub(super) limit: usize,
}

impl Relay {
    pub(crate) fn new(mysql: MysqlPool, redis: RedisPool, options: RelayOptions) -> Self {
        let holder = Holder {
            pool: redis.name().to_owned(),
            name: options.name.clone(),
        };
        Relay {
            mysql,
            redis,
            options,
            holder,
            state: Mutex::default(),
            events: AtomicU64::new(0),
            last_error: Mutex::default(),
        }
    }

    /// The name of the Redis pool.
    pub(crate) fn redis_name(&self) -> &str {
        self.redis.name()
    }

    /// The events relayed so far, and the last error.
    pub(crate) fn figures(&self) -> Delivery {
        let relayed = self.events.load(Relaxed);
        Delivery {
            sent: relayed,
            relayed,
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            ..Delivery::default()
        }
    }

    pub(super) fn note_error(&self, error: String) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// Relays all there is, as far as nobody else does. The lease stays ours.
    pub(super) fn pass(&self) -> Result<Relayed> {
        self.pass_in(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// As [`pass`](Relay::pass), unless another thread is at it.
    pub(super) fn try_pass(&self) -> Result<Option<Relayed>> {
        match self.state.try_lock() {
            Ok(mut state) => self.pass_in(&mut state).map(Some),
            Err(TryLockError::Poisoned(poisoned)) => self.pass_in(&mut poisoned.into_inner()).map(Some),
            Err(TryLockError::WouldBlock) => Ok(None),
        }
    }

    fn pass_in(&self, state: &mut MutexGuard<'_, State>) -> Result<Relayed> {
        let mut relayed = Relayed::default();
        let outcome = self.drain(state, &mut relayed);
        self.events.fetch_add(relayed.events, Relaxed);
        if let Err(error) = &outcome {
            self.note_error(error.to_string());
            // What is not forgotten, the next holder of the lease finds.
            state.forget.clear();
            state.link = None;
            if let (Some(lease), Some(mut connection)) = (state.lease.take(), state.connection.take())
                && !connection.is_broken()
                && self.holder.release(&mut connection, &lease).is_ok()
            {
                state.connection = Some(connection);
            }
        }
        outcome.map(|()| relayed)
    }

    /// Gives the lease back, if it is held.
    pub(super) fn release(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { lease, connection, .. } = &mut *state;
        if let (Some(lease), Some(connection)) = (lease.take(), connection) {
            // Without an answer it ends by itself.
            let _ = self.holder.release(connection, &lease);
        }
    }

    /// Whether the lease is held here.
    pub(super) fn is_holder(&self) -> bool {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .lease
            .is_some()
    }

    fn drain(&self, state: &mut State, relayed: &mut Relayed) -> Result<()> {
        if state.connection.as_ref().is_none_or(Connection::is_broken) {
            state.connection = Some(self.mysql.separate()?);
        }
        if state.lease.is_none() && !self.begin(state, relayed)? {
            return Ok(());
        }
        loop {
            let (Some(connection), Some(lease)) = (&mut state.connection, &mut state.lease) else {
                return Ok(());
            };
            if !self.holder.keep(connection, lease)? {
                relayed.elsewhere = true;
                lost(state);
                return Ok(());
            }
            let claimed = self.claim(state)?;
            if claimed.is_empty() {
                return self.forget(state);
            }
            // Redis must not hear of rows that a crash of MySQL could still take back.
            let (Some(connection), Some(lease)) = (&mut state.connection, &mut state.lease) else {
                return Ok(());
            };
            if !self.holder.renew(connection, lease)? {
                relayed.elsewhere = true;
                lost(state);
                return Ok(());
            }
            self.options.steps.at(Step::RelayClaimed);
            let rows = self.unpack(state, claimed, relayed)?;
            let mut rest = rows.as_slice();
            while !rest.is_empty() {
                let (part, later) = rest.split_at(fitting(rest));
                if !self.relay(state, part, relayed)? {
                    relayed.elsewhere = true;
                    lost(state);
                    return Ok(());
                }
                rest = later;
            }
        }
    }

    /// Takes the lease when there is something to do; whether there is and it is ours.
    fn begin(&self, state: &mut State, relayed: &mut Relayed) -> Result<bool> {
        let Some(connection) = &mut state.connection else {
            return Ok(false);
        };
        let mut any = false;
        let pool = || Value::Text(self.holder.pool.clone());
        let asked = connection.select(ANY, Params::of([pool()]), OUTBOX, &mut |_| {
            any = true;
            Ok(())
        });
        match asked {
            Ok(()) if any => {}
            Ok(()) => return Ok(false),
            // No table, no rows: the engine may be here to make it.
            Err(error) if matches!(error.kind(), ErrorKind::Schema { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        let outbox = self.holder.outbox(connection)?;
        let Some(lease) = self.holder.take(connection, self.options.lease)? else {
            relayed.elsewhere = true;
            return Ok(false);
        };
        state.markers = format!("_headwater:outbox:{}", ulid::Ulid::from_bytes(outbox)).into_bytes();
        state.forget.clear();
        state.lease = Some(lease);
        self.take_over(state)
    }

    /// Shuts earlier holders out of Redis, before the first row is read, and forgets markers that they left.
    fn take_over(&self, state: &mut State) -> Result<bool> {
        for _ in 0..2 {
            let State {
                connection: Some(connection),
                lease: Some(lease),
                ..
            } = state
            else {
                return Ok(false);
            };
            let epoch = lease.epoch;
            let link = match &mut state.link {
                Some(link) => link,
                none => none.insert(self.redis.connect()?),
            };
            match write(link, &state.markers, epoch, &[], &[])? {
                Written::Rows { .. } => {
                    let left = markers(link, &state.markers)?;
                    state.forget = gone(connection, left)?;
                    // The same of deletes: a row that comes back needs its marker.
                    if state.forget.is_empty() || self.holder.renew(connection, lease)? {
                        return Ok(true);
                    }
                    break;
                }
                Written::Fenced(latest) => {
                    if !self.holder.raise(connection, lease, latest)? {
                        break;
                    }
                }
            }
        }
        lost(state);
        Ok(false)
    }

    /// Writes rows to Redis and deletes them; whether the lease was still ours.
    fn relay(&self, state: &mut State, rows: &[Unpacked], relayed: &mut Relayed) -> Result<bool> {
        let Some(epoch) = state.lease.as_ref().map(|lease| lease.epoch) else {
            return Ok(false);
        };
        let link = match &mut state.link {
            Some(link) => link,
            none => none.insert(self.redis.connect()?),
        };
        let forget = std::mem::take(&mut state.forget);
        let (progress, obstacle, trimmed) = match write(link, &state.markers, epoch, &forget, rows)? {
            Written::Fenced(_) => return Ok(false),
            Written::Rows {
                rows,
                obstacle,
                trimmed,
            } => (rows, obstacle, trimmed),
        };
        if !forget.is_empty() {
            self.options.steps.at(Step::RelayForgotten);
        }
        self.options.steps.at(Step::RelayWritten);
        let mut done = Vec::new();
        for (row, progress) in rows.iter().zip(progress) {
            if progress.done < row.events.len() {
                continue;
            }
            relayed.rows += 1;
            relayed.events += (row.events.len() - progress.refused.len()) as u64;
            if progress.refused.is_empty() {
                done.push(row);
            } else {
                relayed.set_aside += progress.refused.len() as u64;
                self.refuse(state, row, progress)?;
            }
        }
        self.delete(state, &done)?;
        self.options.steps.at(Step::RelayDeleted);
        self.note_trimmed(trimmed);
        match obstacle {
            Some(failure) => Err(failure.into()),
            None => Ok(true),
        }
    }

    fn delete(&self, state: &mut State, done: &[&Unpacked]) -> Result<()> {
        let Some(connection) = &mut state.connection else {
            return Ok(());
        };
        if done.is_empty() {
            return Ok(());
        }
        // As many places as a power of two, so that few statements are prepared; the last id fills up.
        let places = done.len().next_power_of_two();
        let ids = done.iter().chain(std::iter::repeat(&done[done.len() - 1]));
        let ids = ids.take(places).map(|row| Value::UInt(row.id));
        connection.execute(&delete(places), Params::of(ids), OUTBOX)?;
        state.forget.extend(done.iter().map(|row| row.batch));
        Ok(())
    }

    /// Forgets the markers of deleted rows.
    fn forget(&self, state: &mut State) -> Result<()> {
        let (Some(lease), Some(link)) = (&state.lease, &mut state.link) else {
            return Ok(());
        };
        if state.forget.is_empty() {
            return Ok(());
        }
        let forget = std::mem::take(&mut state.forget);
        if let Written::Fenced(_) = write(link, &state.markers, lease.epoch, &forget, &[])? {
            lost(state);
        }
        self.options.steps.at(Step::RelayForgotten);
        Ok(())
    }

    fn note_trimmed(&self, trimmed: Vec<(String, Result<u64, Failure>)>) {
        for (stream, unread) in trimmed {
            let pool = self.holder.pool.clone();
            let problem = match unread {
                Ok(0) => continue,
                Ok(entries) => DeliveryProblem::CutUnread { pool, stream, entries },
                Err(failure) => DeliveryProblem::Untrimmed {
                    pool,
                    stream,
                    error: failure.into(),
                },
            };
            tell(self.options.handler.as_ref(), &problem);
        }
    }
}

/// The lease is somebody else's: what was to be forgotten is his to find.
fn lost(state: &mut State) {
    state.lease = None;
    state.forget.clear();
}

/// Those of the markers whose rows are gone for good: a row that is not there after earlier holders were shut
/// out was deleted, because a marker is only made for a row that was committed.
fn gone(connection: &mut Connection, mut markers: Vec<Batch>) -> Result<Vec<Batch>> {
    let mut gone = Vec::new();
    while !markers.is_empty() {
        let part = markers.split_off(markers.len().saturating_sub(MARKERS));
        let mut there = Vec::new();
        let values = part.iter().map(|batch| Value::Bytes(batch.to_vec()));
        connection.select(&present(part.len()), Params::of(values), OUTBOX, &mut |row| {
            there.extend(row.values().pop());
            Ok(())
        })?;
        let is_there = |batch: &Batch| there.iter().any(|value| matches!(value, Value::Bytes(b) if b == batch));
        gone.extend(part.into_iter().filter(|batch| !is_there(batch)));
    }
    Ok(gone)
}

/// How many rows from the front make one script.
fn fitting(rows: &[Unpacked]) -> usize {
    let (mut events, mut bytes) = (0, 0);
    let fits = |row: &&Unpacked| {
        events += row.events.len();
        bytes += row.events.iter().map(Outgoing::size).sum::<usize>();
        events <= EVENTS && bytes <= BYTES
    };
    rows.iter().take_while(fits).count().max(1)
}
