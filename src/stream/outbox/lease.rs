//! The lease of a Redis pool: who relays to it, and since when, as a number that only grows.
//!
//! The row in MySQL decides who holds it. Because a holder can be stopped for longer than its lease (a paused
//! process, a slow disk) the lease alone protects nothing: the epoch does. Redis knows the latest one and
//! refuses whoever comes with an earlier, see `relay.lua`.

use std::time::{Duration, Instant};

use super::table::{LEASE, MAKE_LEASE, OUTBOX_ID, RAISE_LEASE, RELEASE_LEASE, RENEW_LEASE, TAKE_LEASE};
use crate::error::{Error, Result};
use crate::mysql::{Connection, Params};
use crate::table::Value;

/// How often a lease was taken: later holders have greater ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Epoch(pub(super) u64);

/// A lease that is held.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) epoch: Epoch,
    length: Duration,
    renewed: Instant,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    /// The Redis pool.
    pub(super) pool: String,
    /// A name that no other has.
    pub(super) name: String,
}

fn micros(length: Duration) -> Value {
    Value::UInt(u64::try_from(length.as_micros()).unwrap_or(u64::MAX))
}

impl Holder {
    fn pool(&self) -> Value {
        Value::Text(self.pool.clone())
    }

    fn name(&self) -> Value {
        Value::Text(self.name.clone())
    }

    /// What the markers of this outbox are called after, the same for all who share the database.
    pub(super) fn outbox(&self, connection: &mut Connection) -> Result<[u8; 16]> {
        let fresh = Value::Bytes(ulid::Ulid::generate().to_bytes().to_vec());
        let mut found = None;
        for _ in 0..2 {
            connection.select(OUTBOX_ID, Params::of([self.pool()]), LEASE, &mut |row| {
                found = match row.values().first() {
                    Some(Value::Bytes(id)) => <[u8; 16]>::try_from(id.as_slice()).ok(),
                    _ => None,
                };
                Ok(())
            })?;
            if found.is_some() {
                break;
            }
            connection.execute(MAKE_LEASE, Params::of([self.pool(), fresh.clone()]), LEASE)?;
        }
        found.ok_or_else(|| Error::config(format!("the outbox has no lease for Redis pool `{}`", self.pool)))
    }

    /// Takes the lease if nobody else holds it.
    pub(super) fn take(&self, connection: &mut Connection, length: Duration) -> Result<Option<Lease>> {
        let asked = Instant::now();
        let values = [self.name(), micros(length), self.pool(), self.name()];
        let done = connection.execute(TAKE_LEASE, Params::of(values), LEASE)?;
        Ok((done.matched == 1).then_some(Lease {
            epoch: Epoch(done.first_key),
            length,
            renewed: asked,
        }))
    }

    /// Holds the lease for longer when a third of it is over. Whether it is still ours.
    pub(super) fn keep(&self, connection: &mut Connection, lease: &mut Lease) -> Result<bool> {
        if lease.renewed.elapsed() < lease.length / 3 {
            return Ok(true);
        }
        self.renew(connection, lease)
    }

    /// Holds the lease for longer. Whether it is still ours.
    ///
    /// Its commit makes durable what was read before. InnoDB shows what a transaction did to others before its log is
    /// on disk; a server that crashes then forgets the transaction. The log is one: once this commit is on disk, so is
    /// every commit that was seen before it.
    pub(super) fn renew(&self, connection: &mut Connection, lease: &mut Lease) -> Result<bool> {
        let asked = Instant::now();
        let values = [
            micros(lease.length),
            self.pool(),
            self.name(),
            Value::UInt(lease.epoch.0),
        ];
        let done = connection.execute(RENEW_LEASE, Params::of(values), LEASE)?;
        lease.renewed = asked;
        Ok(done.matched == 1)
    }

    /// Goes beyond an epoch that Redis knows and MySQL does not: the database was restored from a copy. Whether
    /// the lease is still ours.
    pub(super) fn raise(&self, connection: &mut Connection, lease: &mut Lease, latest: u64) -> Result<bool> {
        let values = [
            Value::UInt(latest),
            self.pool(),
            self.name(),
            Value::UInt(lease.epoch.0),
        ];
        let done = connection.execute(RAISE_LEASE, Params::of(values), LEASE)?;
        if done.matched == 1 {
            lease.epoch = Epoch(done.first_key);
        }
        Ok(done.matched == 1)
    }

    /// Gives it back, so that another need not wait for its end.
    pub(super) fn release(&self, connection: &mut Connection, lease: &Lease) -> Result<()> {
        let values = [self.pool(), self.name(), Value::UInt(lease.epoch.0)];
        connection.execute(RELEASE_LEASE, Params::of(values), LEASE).map(|_| ())
    }
}
