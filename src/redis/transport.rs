//! What a link needs of a client: bytes out, replies in, and what went wrong told in one way.

use std::time::Duration;

use super::reply::Reply;
use crate::error::Source;

/// A connection of one of the clients.
///
/// A reply is one answer of the server, an error reply among them; only what makes the connection
/// unusable is a fault.
pub(super) trait Transport: Send {
    /// Writes packed commands to which this many answers will come.
    fn send(&mut self, packed: &[u8], answers: usize) -> Result<(), Fault>;

    /// Takes the next answer.
    fn receive(&mut self) -> Result<Reply, Fault>;

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
