//! What an application sees of the outbox: its backlog, rows set aside, and relaying by hand or in a process of its
//! own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::relay::{Relay, Relayed};
use super::row;
use super::table::{ASIDE, BACKLOG, COUNT_ASIDE, DISCARD, HELD, LEASE, LIST_ASIDE, OUTBOX, REPLAY};
use crate::error::{Error, Result};
use crate::mysql::Params;
use crate::stream::delivery::FailedEvent;
use crate::stream::{Outgoing, Shutdown};
use crate::table::Value;

/// The outbox of an engine: where events of durable streams wait for Redis. See [`Engine::outbox`].
///
/// Each engine relays by a thread of its own, unless it is told not to by
/// [`EngineBuilder::relay`](crate::EngineBuilder::relay). Any number of processes may do so: at any time one of them
/// holds the lease of a Redis pool and writes there, and when it dies another takes over once the lease is over.
///
/// ```no_run
/// # use headwater::prelude::*;
/// # use headwater::stream::Shutdown;
/// # fn demo(engine: &Engine) -> headwater::Result<()> {
/// for backlog in engine.outbox().backlog()? {
///     println!("{backlog}");
/// }
/// // A process that does nothing else:
/// engine.outbox().run_relay(&Shutdown::new())?;
/// # Ok(())
/// # }
/// ```
///
/// [`Engine::outbox`]: crate::Engine::outbox
#[derive(Clone)]
pub struct Outbox {
    relays: Vec<Arc<Relay>>,
}

/// What waits in the outbox of one database for one Redis pool.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backlog {
    /// The MySQL pool.
    pub mysql: String,
    /// The Redis pool.
    pub redis: String,
    /// Rows that wait: one for a flush and at most 1,000 events.
    pub rows: u64,
    /// Events in them.
    pub events: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// How long the oldest has waited, to the microsecond; `None` when nothing waits.
    pub oldest: Option<Duration>,
    /// Who holds the lease, `None` when nobody does.
    pub holder: Option<String>,
    /// For how long still, unless it is renewed.
    pub lease: Duration,
    /// Rows that were set aside.
    pub aside_rows: u64,
    /// Events in those.
    pub aside_events: u64,
}

impl fmt::Display for Backlog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} -> {}: {} event(s) in {} row(s)",
            self.mysql, self.redis, self.events, self.rows
        )?;
        if let Some(oldest) = self.oldest {
            write!(f, ", the oldest {:.1} s old", oldest.as_secs_f64())?;
        }
        match &self.holder {
            Some(holder) => write!(f, "; relayed by {holder}")?,
            None => f.write_str("; relayed by nobody")?,
        }
        if self.aside_rows > 0 {
            write!(
                f,
                "; {} event(s) in {} row(s) set aside",
                self.aside_events, self.aside_rows
            )?;
        }
        Ok(())
    }
}

/// A row of the outbox that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AsideRow {
    /// The MySQL pool.
    pub mysql: String,
    /// The Redis pool.
    pub redis: String,
    /// Its id among those set aside.
    pub id: u64,
    /// How many events it holds.
    pub events: u64,
    /// Why it was set aside.
    pub error: String,
    /// The events, empty when the bytes cannot be read.
    pub contents: Vec<FailedEvent>,
    /// The bytes as they are stored.
    pub body: Vec<u8>,
}

impl Outbox {
    pub(crate) fn new(relays: Vec<Arc<Relay>>) -> Self {
        Outbox { relays }
    }

    /// Relays all that waits now, on this thread, and gives the leases back. Where another process relays, or the
    /// engine's own thread does at this moment, nothing is done.
    ///
    /// # Errors
    ///
    /// When MySQL or Redis does not take part. What was not relayed stays in the outbox. All Redis pools are tried;
    /// the first error is returned.
    pub fn relay_once(&self) -> Result<Relayed> {
        let mut relayed = Relayed::default();
        let mut outcome = Ok(());
        for relay in &self.relays {
            match relay.try_pass() {
                Ok(Some(done)) => {
                    relayed.add(done);
                    relay.release();
                }
                Ok(None) => relayed.elsewhere = true,
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome.map(|()| relayed)
    }

    /// Relays until it is told to stop, for a process that does nothing else. Errors are told to the delivery
    /// handler and tried again, with growing waits.
    ///
    /// # Errors
    ///
    /// When a thread cannot be started.
    pub fn run_relay(&self, shutdown: &Shutdown) -> Result<()> {
        let workers = self
            .relays
            .iter()
            .map(|relay| super::worker::Worker::start(Arc::clone(relay)))
            .collect::<Result<Vec<_>>>()?;
        while !shutdown.is_requested() {
            shutdown.sleep(Duration::from_secs(3600));
        }
        drop(workers);
        Ok(())
    }

    /// What waits, for each database and Redis pool.
    ///
    /// # Errors
    ///
    /// When MySQL cannot be asked, or the outbox has no tables yet.
    pub fn backlog(&self) -> Result<Vec<Backlog>> {
        self.relays.iter().map(|relay| relay.backlog()).collect()
    }

    /// Rows that were set aside, the oldest 1,000 for each database and Redis pool.
    ///
    /// # Errors
    ///
    /// When MySQL cannot be asked, or the outbox has no tables yet.
    pub fn aside(&self) -> Result<Vec<AsideRow>> {
        let mut all = Vec::new();
        for relay in &self.relays {
            all.extend(relay.aside()?);
        }
        Ok(all)
    }

    /// Puts a row that was set aside back into the outbox. Its events come after those that were relayed meanwhile.
    /// Whether it was still there.
    ///
    /// # Errors
    ///
    /// When MySQL does not take part.
    pub fn replay(&self, row: &AsideRow) -> Result<bool> {
        self.relay_of(row)?.take_from_aside(row.id, true)
    }

    /// Deletes a row that was set aside. Whether it was still there.
    ///
    /// # Errors
    ///
    /// When MySQL does not take part.
    pub fn discard(&self, row: &AsideRow) -> Result<bool> {
        self.relay_of(row)?.take_from_aside(row.id, false)
    }

    fn relay_of(&self, row: &AsideRow) -> Result<&Relay> {
        let found = self
            .relays
            .iter()
            .find(|relay| relay.mysql.name() == row.mysql && relay.redis.name() == row.redis);
        found.map(Arc::as_ref).ok_or_else(|| {
            let (mysql, redis) = (&row.mysql, &row.redis);
            Error::config(format!(
                "this engine has no outbox from MySQL pool `{mysql}` to Redis pool `{redis}`"
            ))
        })
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ways: Vec<String> = self
            .relays
            .iter()
            .map(|relay| format!("{} -> {}", relay.mysql.name(), relay.redis.name()))
            .collect();
        f.debug_tuple("Outbox").field(&ways).finish()
    }
}

impl Relay {
    fn about_pool(&self) -> Params {
        Params::of([Value::Text(self.redis.name().to_owned())])
    }

    fn ask(&self, sql: &str, table: &str, mut each: impl FnMut(Vec<Value>)) -> Result<()> {
        let mut connection = self.mysql.get()?;
        connection.select(sql, self.about_pool(), table, &mut |row| {
            each(row.values());
            Ok(())
        })
    }

    fn backlog(&self) -> Result<Backlog> {
        let mut backlog = Backlog {
            mysql: self.mysql.name().to_owned(),
            redis: self.redis.name().to_owned(),
            rows: 0,
            events: 0,
            bytes: 0,
            oldest: None,
            holder: None,
            lease: Duration::ZERO,
            aside_rows: 0,
            aside_events: 0,
        };
        self.ask(BACKLOG, OUTBOX, |values| {
            (backlog.rows, backlog.events) = (number(&values, 0), number(&values, 1));
            backlog.bytes = number(&values, 2);
            backlog.oldest = (backlog.rows > 0).then(|| Duration::from_micros(number(&values, 3)));
        })?;
        self.ask(HELD, LEASE, |values| {
            backlog.lease = Duration::from_micros(number(&values, 1));
            backlog.holder = (!backlog.lease.is_zero()).then(|| text(&values, 0));
        })?;
        self.ask(COUNT_ASIDE, ASIDE, |values| {
            (backlog.aside_rows, backlog.aside_events) = (number(&values, 0), number(&values, 1));
        })?;
        Ok(backlog)
    }

    fn aside(&self) -> Result<Vec<AsideRow>> {
        let mut rows = Vec::new();
        self.ask(LIST_ASIDE, ASIDE, |mut values| {
            let body = match values.pop() {
                Some(Value::Bytes(body)) => body,
                _ => Vec::new(),
            };
            let error = text(&values, 3);
            let format = u16::try_from(number(&values, 1)).unwrap_or(u16::MAX);
            let events = row::unpack(format, &body).unwrap_or_default();
            rows.push(AsideRow {
                mysql: self.mysql.name().to_owned(),
                redis: self.redis.name().to_owned(),
                id: number(&values, 0),
                events: number(&values, 2),
                contents: events.into_iter().map(|event: Outgoing| event.failed(&error)).collect(),
                error,
                body,
            });
        })?;
        Ok(rows)
    }

    fn take_from_aside(&self, id: u64, replay: bool) -> Result<bool> {
        let mut connection = self.mysql.get()?;
        let about = || Params::of([Value::UInt(id)]);
        connection.begin()?;
        let put_back = if replay {
            connection.execute(REPLAY, about(), OUTBOX).map(|_| ())
        } else {
            Ok(())
        };
        match put_back.and_then(|()| connection.execute(DISCARD, about(), ASIDE)) {
            Ok(done) => connection.commit().map(|()| done.matched == 1),
            Err(error) => {
                connection.rollback();
                Err(error)
            }
        }
    }
}

fn number(values: &[Value], position: usize) -> u64 {
    match values.get(position) {
        Some(Value::UInt(number)) => *number,
        Some(Value::Int(number)) => u64::try_from(*number).unwrap_or_default(),
        _ => 0,
    }
}

fn text(values: &[Value], position: usize) -> String {
    match values.get(position) {
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    }
}
