//! Worker processes as the controller sees them: started, heard, killed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Instant;

use crate::Failure;
use crate::options::{DieAt, MYSQL, Mode, REDIS, Role};

/// What a worker said, or that it will say no more.
#[derive(Debug)]
pub(crate) struct Word {
    /// The number of the process.
    pub(crate) from: u64,
    pub(crate) line: Option<String>,
}

/// How a process is meant to end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// It is told to end when all is over.
    Peace,
    /// It is killed at this moment, if it has not come to its step before.
    Moment(Instant),
}

/// How a worker is started.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    pub(crate) seed: u64,
    pub(crate) threads: u64,
    pub(crate) role: Role,
    pub(crate) die_at: Option<DieAt>,
    pub(crate) mysql: String,
    pub(crate) redis: String,
}

/// A running worker.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) number: u64,
    pub(crate) role: Role,
    pub(crate) fate: Fate,
    /// When it goes on, if it is stopped in its tracks.
    paused: Option<Instant>,
    child: Child,
}

impl Process {
    pub(crate) fn start(number: u64, plan: &Plan, fate: Fate, words: Sender<Word>) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["worker", "--mode", plan.mode.name()])
            .args(["--label", &format!("w{number}")])
            .args(["--seed", &plan.seed.to_string()])
            .args(["--threads", &plan.threads.to_string()])
            .args(["--role", plan.role.name()])
            .env(MYSQL, &plan.mysql)
            .env(REDIS, &plan.redis)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(die_at) = &plan.die_at {
            command.args(["--die-at", &die_at.to_text()]);
        }
        let mut child = command.spawn()?;
        let said = child.stdout.take().ok_or("a worker has no output")?;
        thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                let line = Some(line);
                if words.send(Word { from: number, line }).is_err() {
                    return;
                }
            }
            // The controller may have heard enough.
            let _ = words.send(Word {
                from: number,
                line: None,
            });
        });
        Ok(Process {
            number,
            role: plan.role,
            fate,
            paused: None,
            child,
        })
    }

    /// Ends it by SIGKILL and waits until it is gone.
    pub(crate) fn kill(&mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops it in its tracks by SIGSTOP until then; a lease that it holds may end meanwhile.
    pub(crate) fn pause(&mut self, until: Instant) -> Result<(), Failure> {
        self.paused = Some(until);
        self.signal("STOP")
    }

    /// Lets it go on when its time has come.
    pub(crate) fn go_on(&mut self, now: Instant) -> Result<(), Failure> {
        match self.paused {
            Some(until) if until <= now => {
                self.paused = None;
                self.signal("CONT")
            }
            _ => Ok(()),
        }
    }

    fn signal(&self, name: &str) -> Result<(), Failure> {
        // It is not waited for yet, so that the number is still its own.
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-s", name, &pid]).status()?;
        Ok(())
    }

    /// Tells it to end when it is done with what it is at.
    pub(crate) fn stop(&mut self) {
        if let Some(input) = self.child.stdin.as_mut() {
            // It may have died, which is seen elsewhere.
            let _ = input.write_all(b"stop\n").and_then(|()| input.flush());
        }
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> Result<bool, Failure> {
        Ok(self.child.try_wait()?.is_some())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
