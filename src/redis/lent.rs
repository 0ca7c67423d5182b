//! Connections out of an `r2d2_redis` pool that the application has already.
//!
//! Links take them out of it, the ones that block as well, and give them back as they were. A connection
//! whose answers are not all here is never given back: the pool cannot see that, and would lend it to
//! somebody who takes a late answer for his own.

use std::collections::VecDeque;
use std::mem;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use r2d2_redis::RedisConnectionManager;
use r2d2_redis::r2d2::{Pool, PooledConnection};
use r2d2_redis::redis::{Connection, ConnectionLike, ErrorKind, RedisError, Value};

use super::failure::Refusal;
use super::lent_frame::{Due, framed, unframed};
use super::options::RedisOptions;
use super::reply::Reply;
use super::transport::{Fault, FaultKind, Transport};

/// The application's pool.
#[derive(Clone)]
pub(super) struct Lender {
    pool: Pool<RedisConnectionManager>,
    connect_timeout: Duration,
    io_timeout: Duration,
    /// Connections that could not be closed yet.
    unclosed: Arc<Unclosed>,
}

/// A connection of the pool, until it is dropped.
pub(super) struct Lent {
    /// Taken out by `drop` alone.
    connection: Option<PooledConnection<RedisConnectionManager>>,
    /// The answers that are still to come.
    due: VecDeque<Due>,
    /// Answers that came together, in one.
    ready: VecDeque<Reply>,
    faulty: bool,
    unclosed: Arc<Unclosed>,
}

#[derive(Default)]
struct Unclosed(Mutex<Vec<PooledConnection<RedisConnectionManager>>>);

impl Lender {
    pub(super) fn new(pool: Pool<RedisConnectionManager>, options: &RedisOptions) -> Lender {
        Lender {
            pool,
            connect_timeout: options.connect_timeout,
            io_timeout: options.io_timeout,
            unclosed: Arc::default(),
        }
    }

    /// How many connections the pool has at most.
    pub(super) fn size(&self) -> u32 {
        self.pool.max_size()
    }

    /// A connection that answers.
    pub(super) fn lend(&self) -> Result<Lent, Fault> {
        self.unclosed.sweep();
        let deadline = Instant::now() + self.connect_timeout;
        loop {
            let connection = self.take_out(deadline.saturating_duration_since(Instant::now()))?;
            let lent = Lent {
                connection: Some(connection),
                due: VecDeque::new(),
                ready: VecDeque::new(),
                faulty: false,
                unclosed: Arc::clone(&self.unclosed),
            };
            let tried = self.prepare(lent);
            // A pool that does not try its connections may hand out several that are dead.
            if tried.is_ok() || self.pool.test_on_check_out() || Instant::now() >= deadline {
                return tried;
            }
        }
    }

    /// By a thread that may be left behind: the pool tries a connection with PING, and where it has no
    /// timeout, a server that keeps silent is waited for without end.
    fn take_out(&self, patience: Duration) -> Result<PooledConnection<RedisConnectionManager>, Fault> {
        let out = |error| Fault::new(FaultKind::Other, self.explained(error));
        if !self.pool.test_on_check_out() {
            return self.pool.get_timeout(patience).map_err(|error| out(error.to_string()));
        }
        let (sender, receiver) = sync_channel(1);
        let pool = self.pool.clone();
        thread::Builder::new()
            .name("headwater-redis-lend".into())
            .spawn(move || {
                // A connection that nobody waits for goes back to its pool.
                let _ = sender.send(pool.get_timeout(patience));
            })
            .map_err(|error| out(error.to_string()))?;
        match receiver.recv_timeout(patience + GRACE) {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(out(error.to_string())),
            Err(RecvTimeoutError::Timeout) => Err(out("the server does not answer".into())),
            Err(RecvTimeoutError::Disconnected) => Err(out("the pool panicked".into())),
        }
    }

    fn explained(&self, error: String) -> String {
        let state = self.pool.state();
        if state.idle_connections == 0 && state.connections >= self.pool.max_size() {
            return format!(
                "{error}; all {} connections of the pool are taken: the sender, a relay and each consumer keep one",
                self.pool.max_size()
            );
        }
        error
    }

    fn prepare(&self, mut lent: Lent) -> Result<Lent, Fault> {
        let connection = lent.connection()?;
        connection.set_read_timeout(Some(self.io_timeout)).map_err(fault)?;
        connection.set_write_timeout(Some(self.io_timeout)).map_err(fault)?;
        if !self.pool.test_on_check_out() {
            lent.send(PING, 1)?;
            lent.receive()?;
        }
        Ok(lent)
    }
}

/// How much longer the thread is waited for that waits for the pool.
const GRACE: Duration = Duration::from_millis(50);

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const QUIT: &[u8] = b"*1\r\n$4\r\nQUIT\r\n";

impl Lent {
    fn connection(&mut self) -> Result<&mut Connection, Fault> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            None => Err(Fault::new(FaultKind::Other, "the connection was given back")),
        }
    }
}

impl Transport for Lent {
    fn send(&mut self, packed: &[u8], answers: usize) -> Result<(), Fault> {
        let sent = match framed(packed) {
            Some((commands, due)) => {
                self.due.extend(due);
                self.connection()?.send_packed_command(commands.packed())
            }
            None => {
                self.due.extend(std::iter::repeat_n(Due::One, answers));
                self.connection()?.send_packed_command(packed)
            }
        }
        .map_err(fault);
        self.faulty |= sent.is_err();
        sent
    }

    fn receive(&mut self) -> Result<Reply, Fault> {
        if let Some(reply) = self.ready.pop_front() {
            return Ok(reply);
        }
        loop {
            let received = match self.connection()?.recv_response() {
                Ok(value) => Ok(reply(value)),
                Err(error) if is_answer(&error) => Ok(Reply::Refused(Box::new(refusal(&error)))),
                Err(error) => Err(fault(error)),
            };
            match received {
                Ok(reply) => {
                    let Some(Due::Frame(count)) = self.due.pop_front() else {
                        return Ok(reply);
                    };
                    self.ready.extend(unframed(reply, count));
                    return self.receive();
                }
                // What was read so far is kept by the client.
                Err(fault) if fault.kind == FaultKind::Interrupted => {}
                Err(fault) => {
                    self.faulty = true;
                    return Err(fault);
                }
            }
        }
    }

    fn set_read_timeout(&mut self, timeout: Duration) -> Result<(), Fault> {
        self.connection()?.set_read_timeout(Some(timeout)).map_err(fault)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if !self.due.is_empty() || self.faulty {
            self.unclosed.close(connection);
        } else {
            // As `r2d2_redis` makes them: the application may block on it for as long as it likes.
            let _ = connection.set_read_timeout(None);
            let _ = connection.set_write_timeout(None);
        }
    }
}

impl Unclosed {
    /// Gives a connection back once it is closed, so that the pool makes another in its place.
    fn close(&self, mut connection: PooledConnection<RedisConnectionManager>) {
        let timeout = Some(Duration::from_millis(5));
        let _ = connection.set_read_timeout(timeout);
        let _ = connection.set_write_timeout(timeout);
        let _ = connection.send_packed_command(QUIT);
        if !is_closed(&mut connection) {
            self.list().push(connection);
        }
    }

    /// Looks which have been closed by now.
    fn sweep(&self) {
        self.list().retain_mut(|connection| !is_closed(connection));
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<PooledConnection<RedisConnectionManager>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Unclosed {
    fn drop(&mut self) {
        self.sweep();
        // A place in the pool is lost: better than a connection with another's answers in it.
        self.list().drain(..).for_each(mem::forget);
    }
}

/// Whether the client knows that the connection is closed, which is all that the pool asks it.
//
// It notices at the end of what it reads, or at a write after the other side has closed.
fn is_closed(connection: &mut Connection) -> bool {
    for _ in 0..1000 {
        match connection.recv_response() {
            Ok(_) => {}
            Err(error) if is_answer(&error) => {}
            Err(_) => break,
        }
    }
    for _ in 0..2 {
        if connection.is_open() {
            let _ = connection.send_packed_command(PING);
        }
    }
    !connection.is_open()
}

/// Whether it is an error reply, as against one of the connection.
fn is_answer(error: &RedisError) -> bool {
    // The client has no kind of its own for an answer that it cannot read.
    error.code().is_some() && !error.to_string().starts_with("parse error")
}

fn refusal(error: &RedisError) -> Refusal {
    Refusal {
        code: error.code().unwrap_or("ERR").to_string(),
        detail: error.detail().unwrap_or_default().to_string(),
    }
}

fn fault(error: RedisError) -> Fault {
    let kind = if error.is_timeout() {
        FaultKind::Timeout
    } else if error.kind() == ErrorKind::IoError && format!("{error:?}").contains("Interrupted") {
        // Its error keeps the system's to itself.
        FaultKind::Interrupted
    } else {
        FaultKind::Other
    };
    Fault::new(kind, error)
}

fn reply(value: Value) -> Reply {
    match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Int(number),
        Value::Data(bytes) => Reply::Bytes(bytes),
        Value::Okay => Reply::Status("OK".into()),
        Value::Status(text) => Reply::Status(text),
        Value::Bulk(list) => Reply::List(list.into_iter().map(reply).collect()),
    }
}
