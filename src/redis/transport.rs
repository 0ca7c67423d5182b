//! What a link needs of a client: bytes out, replies in, and what went wrong told in one way.

use std::time::Duration;

use super::entry::Entry;
use super::reply::Reply;
use crate::error::Source;

/// The entries that were read, or what the server answered instead.
pub(crate) type Read = Result<Vec<Entry>, Reply>;

/// A connection of one of the clients.
///
/// A reply is one answer of the server, an error reply among them; only what makes the connection
/// unusable is a fault.
pub(super) trait Transport: Send {
    /// Writes packed commands to which this many answers will come.
    fn send(&mut self, packed: &[u8], answers: usize) -> Result<(), Fault>;

    /// As [`send`](Transport::send), of bytes that do not stand together.
    fn send_scattered(&mut self, slices: &[&[u8]], answers: usize) -> Result<(), Fault> {
        self.send(&slices.concat(), answers)
    }

    /// Takes the next answer.
    fn receive(&mut self) -> Result<Reply, Fault>;

    /// Takes the next answer, which reads one stream.
    fn receive_entries(&mut self) -> Result<Read, Fault> {
        Ok(entries_of_stream(self.receive()?))
    }

    /// How long `receive` waits for the next bytes.
    fn set_read_timeout(&mut self, timeout: Duration) -> Result<(), Fault>;
}

/// What broke a connection.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    pub(super) error: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// The server kept silent.
    Timeout,
    /// A signal came while the thread waited.
    Interrupted,
    /// Anything else.
    Other,
}

impl Fault {
    pub(super) fn new(kind: FaultKind, error: impl Into<Source>) -> Fault {
        let error = error.into();
        Fault { kind, error }
    }
}

/// The entries in the answer to a command that reads one stream. A null says that there are none.
fn entries_of_stream(answer: Reply) -> Read {
    let mut streams = match answer {
        Reply::List(streams) => streams,
        Reply::Nil => return Ok(Vec::new()),
        other => return Err(other),
    };
    let is_read =
        |stream: &Reply| matches!(stream, Reply::List(pair) if matches!(pair.as_slice(), [_, Reply::List(_)]));
    if streams.len() != 1 || !streams.iter().all(is_read) {
        return Err(Reply::List(streams));
    }
    match streams.pop() {
        Some(Reply::List(mut pair)) => Ok(pair.pop().map(Entry::list).unwrap_or_default()),
        _ => Ok(Vec::new()),
    }
}
