//! Spilling: while Redis is away, events of background streams go to the outbox, all of them and in order.
//!
//! Only the sender's thread spills, so the order is that of the channel; and it writes to Redis again only when its
//! relay has moved everything that was spilled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::shared::Shared;
use super::worker::Waiting;
use crate::error::Result;
use crate::mysql::{Connection, MysqlPool, Params};
use crate::stream::outbox::{self, INSERT, OUTBOX, RelayWorker, SPILLED};
use crate::stream::outgoing::Outgoing;
use crate::table::Value;

/// Where a sender spills to.
#[derive(Clone)]
pub(crate) struct SpillTo {
    pub(crate) mysql: MysqlPool,
    /// The relay's thread, if this engine has one.
    pub(crate) relay: Option<Arc<RelayWorker>>,
    /// How long Redis may be away.
    pub(crate) after: Duration,
}

/// How often it is asked whether the relay is done.
const ASK: Duration = Duration::from_millis(20);

pub(super) struct Spill {
    to: SpillTo,
    /// The name of the Redis pool.
    pool: String,
    /// What this sender is called in the rows it spills.
    origin: [u8; 16],
    connection: Option<Connection>,
    active: bool,
    /// Rows were spilled since it began.
    outstanding: bool,
    asked: Option<Instant>,
}

impl Spill {
    pub(super) fn new(to: SpillTo, pool: &str) -> Self {
        Spill {
            to,
            pool: pool.to_owned(),
            origin: ulid::Ulid::generate().to_bytes(),
            connection: None,
            active: false,
            outstanding: false,
            asked: None,
        }
    }

    /// How long Redis may be away.
    pub(super) fn after(&self) -> Duration {
        self.to.after
    }

    pub(super) fn begin(&mut self) {
        self.active = true;
    }

    /// Whether events go to the outbox.
    pub(super) fn is_active(&mut self) -> Result<bool> {
        if !self.active || !self.outstanding {
            return Ok(self.active);
        }
        if self.asked.is_some_and(|asked| asked.elapsed() < ASK) {
            return Ok(true);
        }
        let mut params = Params::new();
        params.push(Value::Text(self.pool.clone()));
        params.push(Value::Bytes(self.origin.to_vec()));
        let mut left = false;
        self.connection()?.select(SPILLED, params, OUTBOX, &mut |_| {
            left = true;
            Ok(())
        })?;
        self.asked = Some(Instant::now());
        if !left {
            (self.active, self.outstanding) = (false, false);
        }
        Ok(left)
    }

    /// Moves what waits to the outbox. After an error what is left is still in the work.
    pub(super) fn spill(&mut self, shared: &Shared) -> Result<()> {
        let events: Vec<Outgoing> = shared
            .work()
            .iter()
            .map(|waiting: &Waiting| waiting.event.clone())
            .collect();
        let pool = self.pool.clone();
        for body in outbox::pack(&events) {
            let count = body.events as usize;
            let params = outbox::insert(&pool, body, Some(self.origin));
            let spilled = self.connection()?.execute(INSERT, params, OUTBOX);
            if let Err(error) = spilled {
                if !self.outstanding {
                    // Redis may be back before MySQL is.
                    self.active = false;
                }
                return Err(error);
            }
            self.outstanding = true;
            self.asked = None;
            if !shared.spilled(count) {
                break;
            }
            if let Some(relay) = &self.to.relay {
                relay.wake();
            }
        }
        Ok(())
    }

    fn connection(&mut self) -> Result<&mut Connection> {
        if self.connection.as_ref().is_some_and(Connection::is_broken) {
            self.connection = None;
        }
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => Ok(none.insert(self.to.mysql.separate()?)),
        }
    }
}
