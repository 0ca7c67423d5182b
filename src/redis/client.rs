//! The client: connections that are opened by a URL.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Connection, RedisError, Value};

use super::address::Address;
use super::entry::{Entry, EntryId};
use super::failure::Refusal;
use super::options::RedisOptions;
use super::reply::Reply;
use super::transport::{Fault, FaultKind, Read, Transport};

pub(super) fn connect(address: &Address, options: &RedisOptions) -> Result<Connection, Fault> {
    let connection = address
        .client()
        .get_connection_with_timeout(options.connect_timeout)
        .map_err(fault)?;
    connection.set_read_timeout(Some(options.io_timeout)).map_err(fault)?;
    connection.set_write_timeout(Some(options.io_timeout)).map_err(fault)?;
    Ok(connection)
}

// Not by the client's `req_packed_commands`: it forgets the answers it has when one fails, and
// after a timeout waits the timeout over again for each answer that is left.
impl Transport for Connection {
    fn send(&mut self, packed: &[u8], _: usize) -> Result<(), Fault> {
        self.send_packed_command(packed).map_err(fault)
    }

    fn send_scattered(&mut self, slices: &[&[u8]], _: usize) -> Result<(), Fault> {
        slices
            .iter()
            .try_for_each(|slice| self.send_packed_command(slice))
            .map_err(fault)
    }

    // A read that a signal interrupts cannot be gone on with: the client throws the next answer away,
    // as one that came too late.
    fn receive(&mut self) -> Result<Reply, Fault> {
        loop {
            match self.recv_response() {
                Ok(Value::Push { .. }) => {}
                Ok(value) => return Ok(reply(value)),
                Err(error) => return Err(fault(error)),
            }
        }
    }

    // Decoded from the client's answer at once: a reply in between would cost as much as the reading.
    fn receive_entries(&mut self) -> Result<Read, Fault> {
        loop {
            match self.recv_response() {
                Ok(Value::Push { .. }) => {}
                Ok(value) => return Ok(entries_of_stream(value).map_err(reply)),
                Err(error) => return Err(fault(error)),
            }
        }
    }

    fn set_read_timeout(&mut self, timeout: Duration) -> Result<(), Fault> {
        Connection::set_read_timeout(self, Some(timeout)).map_err(fault)
    }
}

fn fault(error: RedisError) -> Fault {
    let kind = if error.is_timeout() {
        FaultKind::Timeout
    } else if is_interrupted(&error) {
        FaultKind::Interrupted
    } else {
        FaultKind::Other
    };
    Fault::new(kind, error)
}

fn is_interrupted(error: &RedisError) -> bool {
    // The client keeps the system's error behind a pointer, and the pointer is what it gives as the source.
    let kept = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Kept>());
    let system = kept.and_then(|kept| kept.downcast_ref::<io::Error>());
    system.is_some_and(|system| system.kind() == io::ErrorKind::Interrupted)
}

type Kept = Arc<dyn std::error::Error + Send + Sync>;

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
