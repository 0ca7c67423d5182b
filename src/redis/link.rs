//! One connection: commands out, answers in, and whether it can still be trusted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::redis::{Connection, RedisError, Value};

use super::address::Address;
use super::entry::{Entry, EntryId};
use super::failure::{Failure, Refusal};
use super::options::RedisOptions;
use super::pack::Commands;
use super::reply::Reply;

/// The entries that were read, or what the server answered instead.
pub(crate) type Read = Result<Vec<Entry>, Reply>;

/// One connection to a server.
///
/// After an I/O error or a timeout it is broken for good: an answer may still be on its way, and the
/// next command must not take it for its own.
pub(crate) struct Link {
    connection: Connection,
    pool: Arc<str>,
    broken: bool,
    last_used: Instant,
    io_timeout: Duration,
    read_timeout: Duration,
}

impl Link {
    pub(super) fn connect(pool: &Arc<str>, address: &Address, options: &RedisOptions) -> Result<Link, Failure> {
        let failed = |error: RedisError| broken(pool, format!("cannot connect to {}", address.shown()), error);
        let connection = address
            .client()
            .get_connection_with_timeout(options.connect_timeout)
            .map_err(failed)?;
        connection.set_read_timeout(Some(options.io_timeout)).map_err(failed)?;
        connection.set_write_timeout(Some(options.io_timeout)).map_err(failed)?;
        Ok(Link {
            connection,
            pool: Arc::clone(pool),
            broken: false,
            last_used: Instant::now(),
            io_timeout: options.io_timeout,
            read_timeout: options.io_timeout,
        })
    }

    /// The name of its pool.
    pub(crate) fn pool(&self) -> &Arc<str> {
        &self.pool
    }

    /// Whether it must not be used any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// How long ago it was used.
    pub(super) fn idle(&self) -> Duration {
        self.last_used.elapsed()
    }

    /// Sends the commands in one write and takes one answer for each; error replies are among them.
    pub(crate) fn run(&mut self, commands: &Commands) -> Result<Vec<Reply>, Failure> {
        self.run_blocking(commands, Duration::ZERO)
    }

    /// As [`run`](Link::run), where the server may wait this long before it answers.
    pub(crate) fn run_blocking(&mut self, commands: &Commands, block: Duration) -> Result<Vec<Reply>, Failure> {
        let mut replies = Vec::with_capacity(commands.count());
        self.run_into(commands, block, &mut replies)?;
        Ok(replies)
    }

    /// One command and its answer; an error reply is a failure.
    pub(crate) fn ask(&mut self, command: &Commands) -> Result<Reply, Failure> {
        debug_assert_eq!(command.count(), 1);
        let reply = self.run(command)?.pop().unwrap_or(Reply::Nil);
        self.check(reply)
    }

    /// An error reply as a failure.
    pub(crate) fn check(&self, reply: Reply) -> Result<Reply, Failure> {
        match reply {
            Reply::Refused(refusal) => Err(Failure::Refused {
                pool: Arc::clone(&self.pool),
                refusal: *refusal,
            }),
            reply => Ok(reply),
        }
    }

    /// As [`run_blocking`](Link::run_blocking); the answers that came before the connection broke are
    /// in `replies` all the same.
    //
    // Not by the client's `req_packed_commands`: it forgets the answers it has when one fails, and
    // after a timeout waits the timeout over again for each answer that is left.
    pub(crate) fn run_into(
        &mut self,
        commands: &Commands,
        block: Duration,
        replies: &mut Vec<Reply>,
    ) -> Result<(), Failure> {
        if commands.is_empty() && !self.broken {
            return Ok(());
        }
        self.send(commands, block)?;
        for _ in 0..commands.count() {
            let value = self.receive()?;
            replies.push(reply(value));
        }
        self.arrived();
        Ok(())
    }

    /// As [`run_blocking`](Link::run_blocking), where the last command reads one stream: its entries, decoded from
    /// the client's answer at once, or what it answered instead.
    pub(crate) fn run_reading(&mut self, commands: &Commands, block: Duration) -> Result<(Vec<Reply>, Read), Failure> {
        self.send(commands, block)?;
        let mut replies = Vec::with_capacity(commands.count());
        for _ in 1..commands.count() {
            let value = self.receive()?;
            replies.push(reply(value));
        }
        let value = self.receive()?;
        self.arrived();
        Ok((replies, entries_of_stream(value).map_err(reply)))
    }

    /// Sends commands whose answers must be [`receive`](Link::receive)d then.
    fn send(&mut self, commands: &Commands, block: Duration) -> Result<(), Failure> {
        if self.broken {
            return Err(Failure::Broken {
                pool: Arc::clone(&self.pool),
                message: "the connection broke before".into(),
                source: None,
            });
        }
        self.set_read_timeout(self.io_timeout.saturating_add(block))?;
        // Broken until every answer is here, so that nothing can leave early and hand it on.
        self.broken = true;
        self.connection
            .send_packed_command(commands.packed())
            .map_err(|error| broken(&self.pool, "writing failed".into(), error))?;
        Ok(())
    }

    fn receive(&mut self) -> Result<Value, Failure> {
        loop {
            match self.connection.recv_response() {
                Ok(Value::Push { .. }) => {}
                Ok(value) => return Ok(value),
                Err(error) if error.is_timeout() => {
                    return Err(broken(&self.pool, "no answer in time".into(), error));
                }
                Err(error) => return Err(broken(&self.pool, "reading failed".into(), error)),
            }
        }
    }

    /// Every answer is here.
    fn arrived(&mut self) {
        self.broken = false;
        self.last_used = Instant::now();
    }

    fn set_read_timeout(&mut self, timeout: Duration) -> Result<(), Failure> {
        if self.read_timeout != timeout {
            self.connection.set_read_timeout(Some(timeout)).map_err(|error| {
                self.broken = true;
                broken(&self.pool, "the read timeout cannot be set".into(), error)
            })?;
            self.read_timeout = timeout;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("pool", &self.pool)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

fn broken(pool: &Arc<str>, what: String, error: RedisError) -> Failure {
    Failure::Broken {
        pool: Arc::clone(pool),
        message: format!("{what}: {error}"),
        source: Some(Box::new(error)),
    }
}

/// The entries in the answer to a command that reads one stream; what is not of that form comes back. A null says that
/// there are none.
fn entries_of_stream(value: Value) -> Result<Vec<Entry>, Value> {
    let mut streams = match value {
        Value::Array(streams) => streams,
        Value::Nil => return Ok(Vec::new()),
        other => return Err(other),
    };
    let is_read =
        |stream: &Value| matches!(stream, Value::Array(pair) if matches!(pair.as_slice(), [_, Value::Array(_)]));
    if streams.len() != 1 || !streams.iter().all(is_read) {
        return Err(Value::Array(streams));
    }
    let Some(Value::Array(mut pair)) = streams.pop() else {
        return Ok(Vec::new());
    };
    let Some(Value::Array(list)) = pair.pop() else {
        return Ok(Vec::new());
    };
    let mut entries = Vec::with_capacity(list.len());
    entries.extend(list.into_iter().filter_map(entry));
    Ok(entries)
}

/// As [`Entry::from_reply`].
fn entry(value: Value) -> Option<Entry> {
    let Value::Array(parts) = value else { return None };
    let mut parts = parts.into_iter();
    let (Some(Value::BulkString(id)), Some(Value::Array(list))) = (parts.next(), parts.next()) else {
        return None;
    };
    let mut fields = Vec::with_capacity(list.len());
    for field in list {
        fields.push(match field {
            Value::BulkString(bytes) => bytes,
            other => reply(other).bytes()?,
        });
    }
    Some(Entry {
        id: EntryId::parse(&id)?,
        fields,
    })
}

fn reply(value: Value) -> Reply {
    match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Int(number),
        Value::BulkString(bytes) => Reply::Bytes(bytes),
        Value::Okay => Reply::Status("OK".into()),
        Value::SimpleString(text) => Reply::Status(text),
        Value::Array(list) | Value::Set(list) => Reply::List(list.into_iter().map(reply).collect()),
        Value::ServerError(error) => Reply::Refused(Box::new(Refusal {
            code: error.code().to_string(),
            detail: error.details().unwrap_or_default().to_string(),
        })),
        // The rest belongs to protocol 3, which is not asked for.
        Value::Map(pairs) => Reply::List(pairs.into_iter().flat_map(|(k, v)| [reply(k), reply(v)]).collect()),
        Value::Double(number) => Reply::Status(number.to_string()),
        Value::Boolean(truth) => Reply::Int(i64::from(truth)),
        Value::VerbatimString { text, .. } => Reply::Status(text),
        Value::Attribute { data, .. } => reply(*data),
        _ => Reply::Nil,
    }
}
