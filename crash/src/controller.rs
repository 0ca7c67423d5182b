//! The controller: starts workers, kills them, and compares in the end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use headwater::prelude::*;
use headwater::step::Step;
use headwater_testkit::{Database, Proxy, Servers};

use crate::chaos::{Chaos, Damage};
use crate::journal::Journal;
use crate::options::{DieAt, Mode, Options, Role};
use crate::process::{Fate, Plan, Process, Word};
use crate::queue::{Executed, Queue};
use crate::random::Random;
use crate::report::{Kills, Report};
use crate::tables::{Background, Durable, Queued, Tables};
use crate::{Failure, database};

/// So many faults of workers, and the run is over.
const FAULTS: usize = 50;

/// Runs it all and says whether all is well.
pub(crate) fn run(options: &Options) -> Result<bool, Failure> {
    let journal = Journal::new(options)?;
    match check(options, &journal) {
        Ok(true) => {
            journal.remove();
            Ok(true)
        }
        other => {
            println!("the log of this run is in {}", journal.path().display());
            other
        }
    }
}

fn check(options: &Options, journal: &Journal) -> Result<bool, Failure> {
    journal.say(&format!(
        "mode {}, seed {}, {} kills over {} s, at least {} changes",
        options.mode.name(),
        options.seed,
        options.kills,
        options.duration.as_secs(),
        options.changes
    ));
    let servers = Servers::builder().private().durable(true).start()?;
    let database = servers.database()?;
    let engine = Engine::builder()
        .mysql(database.mysql_url())
        .redis(database.redis_url());
    match options.mode {
        Mode::Background => database::prepare(&Background::register(engine).build()?, &database)?,
        Mode::Durable => database::prepare(&Durable::register(engine).build()?, &database)?,
        Mode::Async => database::prepare(&Queued::register(engine).async_flush().build()?, &database)?,
    }
    let (mysql, redis) = (Proxy::start(database.mysql_url())?, Proxy::start(database.redis_url())?);
    let over = AtomicBool::new(false);
    let chaos = Chaos {
        servers: &servers,
        mysql: &mysql,
        redis: &redis,
        journal,
        kills: options.server_kills,
        duration: options.duration,
        over: &over,
    };
    let mut run = Run::new(options, journal, [mysql.url(), redis.url()], &database);
    let damage = match options.outage {
        Some(outage) => run.outlive(outage, &servers)?,
        None => thread::scope(|scope| -> Result<Damage, Failure> {
            let random = Random::part(options.seed, 0);
            let chaos = scope.spawn(|| chaos.run(random).map_err(|error| error.to_string()));
            let killed = run.kill_all(options.kills - options.server_kills);
            over.store(true, Ordering::SeqCst);
            let damage = chaos.join().map_err(|_| "the thread that kills servers panicked")?;
            killed?;
            Ok(damage?)
        })?,
    };
    run.go_on_until_enough()?;
    run.end()?;
    let verdict = run.drain_and_compare()?;
    run.end()?;
    let report = Report {
        verdict,
        damage,
        kills: run.kills,
        faults: run.faults,
        lines: run.lines,
        changes: run.changes,
        pauses: run.pauses,
        executed: run.executed,
        sizes: database::sizes(&mut database.root()?)?,
        seconds: journal.elapsed().as_secs_f64(),
    };
    Ok(report.tell(options, journal))
}

/// A run under way.
pub(crate) struct Run<'a> {
    pub(crate) options: &'a Options,
    pub(crate) journal: &'a Journal,
    pub(crate) database: &'a Database,
    urls: [String; 2],
    pub(crate) random: Random,
    pub(crate) processes: Vec<Process>,
    pub(crate) words: (Sender<Word>, Receiver<Word>),
    started: u64,
    /// Kills of workers that are still to come.
    left: u64,
    pub(crate) kills: Kills,
    pub(crate) faults: Vec<String>,
    pub(crate) lines: u64,
    pub(crate) changes: u64,
    pub(crate) said: Instant,
    next_pause: Instant,
    pauses: u64,
    pub(crate) queue: Queue,
    pub(crate) executed: Executed,
}

impl<'a> Run<'a> {
    fn new(options: &'a Options, journal: &'a Journal, urls: [String; 2], database: &'a Database) -> Self {
        Run {
            options,
            journal,
            database,
            urls,
            random: Random::part(options.seed, 1),
            processes: Vec::new(),
            words: channel(),
            started: 0,
            left: 0,
            kills: Kills::new(options.mode),
            faults: Vec::new(),
            lines: 0,
            changes: 0,
            said: Instant::now(),
            next_pause: Instant::now(),
            pauses: 0,
            queue: Queue::default(),
            executed: Executed::default(),
        }
    }

    pub(crate) fn start_all(&mut self) -> Result<(), Failure> {
        for n in 0..self.options.workers {
            let relays = self.options.mode == Mode::Durable && n % 2 == 0;
            self.start(if relays { Role::Both } else { Role::Write })?;
        }
        for _ in 0..self.options.relays {
            self.start(Role::Relay)?;
        }
        Ok(())
    }

    /// Kills so many workers, with others taking their place.
    fn kill_all(&mut self, kills: u64) -> Result<(), Failure> {
        self.left = kills;
        self.start_all()?;
        while self.left > 0 {
            self.listen()?;
            self.pause_one()?;
            let now = Instant::now();
            for at in 0..self.processes.len() {
                match self.processes[at].fate {
                    Fate::Moment(moment) if moment <= now => self.kill(at, "moment")?,
                    _ => {}
                }
            }
            self.check_faults()?;
        }
        Ok(())
    }

    /// Now and then stops a worker in its tracks for a while, and lets those go on whose time has come.
    fn pause_one(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        for process in &mut self.processes {
            process.go_on(now)?;
        }
        if now < self.next_pause {
            return Ok(());
        }
        self.next_pause = now + Duration::from_millis(500 + self.random.below(3000));
        let at = self.random.below(self.processes.len() as u64);
        let until = now + Duration::from_millis(self.random.below(1500));
        if let Some(process) = usize::try_from(at).ok().and_then(|at| self.processes.get_mut(at)) {
            self.journal
                .note(&format!("pause w{} for {:?}", process.number, until - now));
            self.pauses += 1;
            process.pause(until)?;
        }
        Ok(())
    }

    /// Hears what one worker says, unless they are silent for a moment.
    pub(crate) fn listen(&mut self) -> Result<(), Failure> {
        let word = match self.words.1.recv_timeout(Duration::from_millis(5)) {
            Ok(word) => word,
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(error @ RecvTimeoutError::Disconnected) => return Err(error.into()),
        };
        if word.line.as_deref().is_some_and(|line| self.queue.hear(line)) {
            return Ok(());
        }
        // Of those that were killed meanwhile nothing more is wanted.
        let Some(at) = self.processes.iter().position(|process| process.number == word.from) else {
            return Ok(());
        };
        let Some(line) = word.line else {
            self.fault(format!("w{} ended by itself", word.from));
            let role = self.processes.remove(at).role;
            return self.start(role);
        };
        match line.split_once(' ') {
            Some(("at", step)) => self.kill(at, step)?,
            Some(("fault" | "unsent", _)) => self.fault(format!("w{}: {line}", word.from)),
            _ => self.journal.note(&format!("w{} says {line}", word.from)),
        }
        Ok(())
    }

    pub(crate) fn fault(&mut self, text: String) {
        self.journal.note(&text);
        self.faults.push(text);
    }

    pub(crate) fn check_faults(&self) -> Result<(), Failure> {
        match self.faults.last() {
            Some(last) if self.faults.len() > FAULTS => {
                Err(format!("workers fail again and again, the last time: {last}").into())
            }
            _ => Ok(()),
        }
    }

    /// Kills one worker and starts another in its place.
    fn kill(&mut self, at: usize, why: &str) -> Result<(), Failure> {
        let mut process = self.processes.remove(at);
        process.kill()?;
        self.journal.note(&format!("killed w{} at {why}", process.number));
        self.kills.count(why);
        self.left = self.left.saturating_sub(1);
        self.start(process.role)
    }

    /// Kills a worker whose place nobody takes.
    pub(crate) fn kill_last(&mut self, number: u64, why: &str) -> Result<(), Failure> {
        for process in &mut self.processes {
            if process.number == number {
                process.kill()?;
                self.journal.note(&format!("killed w{number} at {why}"));
                self.kills.count(why);
            }
        }
        Ok(())
    }

    pub(crate) fn start(&mut self, role: Role) -> Result<(), Failure> {
        let number = self.started;
        self.started += 1;
        let (fate, die_at) = if self.left > 0 {
            self.fate(role)
        } else {
            (Fate::Peace, None)
        };
        let step = die_at.as_ref().map_or("no step".to_owned(), DieAt::to_text);
        self.journal
            .note(&format!("start w{number} to {}, to die at {step}", role.name()));
        let plan = Plan {
            mode: self.options.mode,
            seed: self.random.next(),
            threads: self.options.threads,
            role,
            die_at,
            mysql: self.urls[0].clone(),
            redis: self.urls[1].clone(),
        };
        let process = Process::start(number, &plan, fate, self.words.0.clone())?;
        self.processes.push(process);
        Ok(())
    }

    /// How a new worker is to end: half of them at a step.
    fn fate(&mut self, role: Role) -> (Fate, Option<DieAt>) {
        let kills = self.options.kills.max(1);
        let processes = self.options.workers + self.options.relays;
        let life = self.options.duration.as_millis() as u64 * processes / kills;
        let now = Instant::now();
        let steps = self.options.mode.steps(role);
        let (relaying, writing): (Vec<Step>, Vec<Step>) = steps.into_iter().partition(|step| is_of_relay(*step));
        let relays = writing.is_empty() || (!relaying.is_empty() && self.random.percent(80));
        let step = if self.random.percent(if relays { 70 } else { 50 }) {
            self.random.pick(if relays { &relaying } else { &writing })
        } else {
            None
        };
        let Some(step) = step else {
            let moment = life / 10 + self.random.below(life * 2);
            return (Fate::Moment(now + Duration::from_millis(moment)), None);
        };
        let after = Duration::from_millis(life / 10 + self.random.below(life * 3 / 2));
        // A relay comes to its steps only while it holds the lease.
        let often = if is_of_relay(*step) { 2 } else { 8 };
        let times = 1 + i64::try_from(self.random.below(often)).unwrap_or_default();
        let last = now + after + Duration::from_millis(life + 2000);
        let die_at = DieAt {
            step: *step,
            times,
            after,
        };
        (Fate::Moment(last), Some(die_at))
    }
}

fn is_of_relay(step: Step) -> bool {
    !matches!(step, Step::FlushExecuted | Step::FlushCommitted | Step::AsyncQueued)
}
