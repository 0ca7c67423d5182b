//! The end of a run: enough is committed, workers end, streams come to rest, and all is compared.

use std::time::{Duration, Instant};

use headwater_testkit::wait_until;

use crate::compare::{Order, Verdict, compare};
use crate::controller::Run;
use crate::options::{Mode, Role};
use crate::{Failure, database, truth};

/// How long the workers have to end when they are told to.
const ENDING: Duration = Duration::from_secs(60);
/// How long the streams may go on growing after that, and for how long they must not have, to be done.
const DRAINING: Duration = Duration::from_secs(120);
const QUIET: Duration = Duration::from_secs(3);

impl Run<'_> {
    /// Lets the workers work until enough is committed.
    pub(crate) fn go_on_until_enough(&mut self) -> Result<(), Failure> {
        loop {
            self.listen()?;
            self.check_faults()?;
            if self.said.elapsed() > Duration::from_secs(1) {
                self.said = Instant::now();
                if database::at_least_committed(&mut self.database.root()?)? >= self.options.changes {
                    return Ok(());
                }
            }
        }
    }

    /// Ends the workers in peace.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        self.journal.note("the workers are told to end");
        let past = Instant::now() + ENDING;
        for process in &mut self.processes {
            process.go_on(past)?;
            process.stop();
        }
        let deadline = Instant::now() + ENDING;
        while !self.processes.is_empty() && Instant::now() < deadline {
            if let Ok(word) = self.words.1.recv_timeout(Duration::from_millis(5))
                && let Some(line) = word.line
            {
                match line.split_once(' ') {
                    _ if self.queue.hear(&line) => {}
                    Some(("fault" | "unsent", _)) => self.fault(format!("w{}: {line}", word.from)),
                    // It came to its step only now, and would stay there.
                    Some(("at", step)) => self.kill_last(word.from, step)?,
                    _ => self.journal.note(&format!("w{} says {line}", word.from)),
                }
            }
            let mut running = Vec::new();
            for mut process in self.processes.drain(..) {
                if !process.has_ended()? {
                    running.push(process);
                }
            }
            self.processes = running;
        }
        for process in std::mem::take(&mut self.processes) {
            self.fault(format!("w{} does not end", process.number));
        }
        Ok(())
    }

    /// Waits until the streams no longer grow, and compares.
    pub(crate) fn drain_and_compare(&mut self) -> Result<Verdict, Failure> {
        if self.options.mode.relays() {
            self.start(Role::Relay)?;
        }
        let (mut root, mut redis) = (self.database.root()?, self.database.redis()?);
        let (mut entries, mut since) = (0, Instant::now());
        wait_until(DRAINING, "the streams to come to rest", || {
            match database::entries(&mut redis) {
                Ok(now) if now == entries => {
                    let relayed = !self.options.mode.relays() || matches!(database::outbox(&mut root), Ok(0));
                    let executed = matches!(database::queued(&mut redis), Ok((0, _)));
                    relayed && executed && since.elapsed() > QUIET
                }
                Ok(now) => {
                    (entries, since) = (now, Instant::now());
                    false
                }
                Err(_) => false,
            }
        })?;
        let lines = database::log(&mut root)?;
        let (_, failed) = database::queued(&mut redis)?;
        if failed > 0 {
            self.fault(format!("{failed} queued operations were put aside as impossible"));
        }
        self.lines = lines.len() as u64;
        if self.options.mode == Mode::Async {
            self.executed = self.queue.check(&lines);
        }
        let rows = truth::fold(lines);
        self.changes = truth::count(&rows);
        let found = database::events(&mut redis)?;
        let order = match self.options.mode {
            Mode::Background => Order::Writers,
            Mode::Durable | Mode::Async => Order::Commits,
        };
        Ok(compare(&rows, &found, order))
    }
}
