//! One connection: commands out, answers in, and whether it can still be trusted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::failure::Failure;
use super::pack::{Commands, Scattered};
use super::reply::Reply;
pub(crate) use super::transport::Read;
use super::transport::{Fault, FaultKind, Transport};

/// One connection to a server.
///
/// After an I/O error or a timeout it is broken for good: an answer may still be on its way, and the
/// next command must not take it for its own.
pub(crate) struct Link {
    transport: Box<dyn Transport>,
    pool: Arc<str>,
    broken: bool,
    /// Answers that come before the next command's, and are nobody's.
    owed: usize,
    last_used: Instant,
    io_timeout: Duration,
    read_timeout: Duration,
}

impl Link {
    /// A link over a connection that was just made, whose read timeout is `io_timeout`.
    pub(super) fn over(transport: impl Transport + 'static, pool: &Arc<str>, io_timeout: Duration) -> Link {
        Link {
            transport: Box::new(transport),
            pool: Arc::clone(pool),
            broken: false,
            owed: 0,
            last_used: Instant::now(),
            io_timeout,
            read_timeout: io_timeout,
        }
    }

    /// The name of its pool.
    pub(crate) fn pool(&self) -> &Arc<str> {
        &self.pool
    }

    /// Whether it must not be used any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken || self.owed > 0
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

    /// Asks the server for an answer that is taken with those to the next commands: they find it awake if they follow
    /// soon.
    pub(crate) fn wake(&mut self) -> Result<(), Failure> {
        self.send(&Commands::one(&[b"PING"]), Duration::ZERO)?;
        self.broken = false;
        self.owed += 1;
        Ok(())
    }

    /// As [`run`](Link::run), with something that is done while the server is at work.
    pub(crate) fn run_scattered(
        &mut self,
        commands: &Scattered<'_>,
        meanwhile: impl FnOnce(),
    ) -> Result<Vec<Reply>, Failure> {
        let send = |transport: &mut dyn Transport| transport.send_scattered(&commands.slices(), commands.count());
        self.send_by(Duration::ZERO, send)?;
        meanwhile();
        let mut replies = Vec::with_capacity(commands.count());
        self.receive_all(commands.count(), &mut replies)?;
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
        self.receive_all(commands.count(), replies)
    }

    /// As [`run_blocking`](Link::run_blocking), where the last command reads one stream: its entries, decoded from
    /// the client's answer at once, or what it answered instead.
    pub(crate) fn run_reading(&mut self, commands: &Commands, block: Duration) -> Result<(Vec<Reply>, Read), Failure> {
        self.send(commands, block)?;
        self.take_reading(commands.count())
    }

    /// Sends commands of which the last reads one stream; the answers are taken later, by
    /// [`take_reading`](Link::take_reading): until then the link counts as broken.
    pub(crate) fn begin_reading(&mut self, commands: &Commands) -> Result<(), Failure> {
        self.send(commands, Duration::ZERO)
    }

    /// Takes the answers to so many commands that were begun.
    pub(crate) fn take_reading(&mut self, commands: usize) -> Result<(Vec<Reply>, Read), Failure> {
        let mut replies = Vec::with_capacity(commands);
        self.take_owed()?;
        for _ in 1..commands {
            replies.push(self.receive()?);
        }
        let read = self.transport.receive_entries();
        let read = read.map_err(|fault| unread(&self.pool, fault))?;
        self.arrived();
        Ok((replies, read))
    }

    /// Sends commands whose answers must be [`receive`](Link::receive)d then.
    fn send(&mut self, commands: &Commands, block: Duration) -> Result<(), Failure> {
        self.send_by(block, |transport| transport.send(commands.packed(), commands.count()))
    }

    fn send_by(
        &mut self,
        block: Duration,
        send: impl FnOnce(&mut dyn Transport) -> Result<(), Fault>,
    ) -> Result<(), Failure> {
        if self.broken {
            return Err(Failure::Broken {
                pool: Arc::clone(&self.pool),
                message: "the connection broke before".into(),
                interrupted: false,
                source: None,
            });
        }
        self.set_read_timeout(self.io_timeout.saturating_add(block))?;
        // Broken until every answer is here, so that nothing can leave early and hand it on.
        self.broken = true;
        send(&mut *self.transport).map_err(|fault| broken(&self.pool, "writing failed", fault))
    }

    fn receive(&mut self) -> Result<Reply, Failure> {
        self.transport.receive().map_err(|fault| unread(&self.pool, fault))
    }

    /// Takes the answers that are nobody's. Whatever is wrong with the server, the commands that follow are told.
    fn take_owed(&mut self) -> Result<(), Failure> {
        while self.owed > 0 {
            self.receive()?;
            self.owed -= 1;
        }
        Ok(())
    }

    /// Takes the answers to all commands that were sent.
    fn receive_all(&mut self, count: usize, replies: &mut Vec<Reply>) -> Result<(), Failure> {
        self.take_owed()?;
        for _ in 0..count {
            replies.push(self.receive()?);
        }
        self.arrived();
        Ok(())
    }

    /// Every answer is here.
    fn arrived(&mut self) {
        self.broken = false;
        self.last_used = Instant::now();
    }

    fn set_read_timeout(&mut self, timeout: Duration) -> Result<(), Failure> {
        if self.read_timeout != timeout {
            self.transport.set_read_timeout(timeout).map_err(|fault| {
                self.broken = true;
                broken(&self.pool, "the read timeout cannot be set", fault)
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
            .field("owed", &self.owed)
            .finish_non_exhaustive()
    }
}

fn unread(pool: &Arc<str>, fault: Fault) -> Failure {
    let what = match fault.kind {
        FaultKind::Timeout => "no answer in time",
        _ => "reading failed",
    };
    broken(pool, what, fault)
}

/// A connection that a fault broke.
pub(super) fn broken(pool: &Arc<str>, what: &str, fault: Fault) -> Failure {
    Failure::Broken {
        pool: Arc::clone(pool),
        message: format!("{what}: {}", fault.error),
        interrupted: fault.kind == FaultKind::Interrupted,
        source: Some(fault.error),
    }
}
