//! A worker process: it works until it is killed, stops for ever at a named step, or is told to end.

use std::fmt::Write as _;
use std::io::{BufRead, Write};
use std::process::{ExitCode, exit};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use headwater::mysql::MysqlOptions;
use headwater::prelude::*;
use headwater::step::Step;
use headwater::stream::Shutdown;

use crate::options::{DieAt, MYSQL, Mode, REDIS, Role, WorkerOptions};
use crate::queueing::Queueing;
use crate::random::Random;
use crate::tables::{Background, Durable, Queued, Tables};
use crate::work::{Work, is_expected};

/// How long the servers may be away when a worker starts.
const STARTING: Duration = Duration::from_secs(60);
/// How long a worker that is told to end tries to send what it has.
const CLOSING: Duration = Duration::from_secs(20);

/// How long a dead relay holds up the others: short, so that it matters often.
const LEASE: Duration = Duration::from_millis(500);

/// A line for the controller.
pub(crate) fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    // The controller may be gone, which the reader of its words notices.
    let _ = writeln!(out, "{}", line.replace('\n', " | ")).and_then(|()| out.flush());
}

pub(crate) fn run(options: &WorkerOptions) -> ExitCode {
    let outcome = match options.mode {
        Mode::Background => work::<Background>(options),
        Mode::Durable => work::<Durable>(options),
        Mode::Async => work::<Queued>(options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("fault {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Listens to the controller: `stop` ends the worker in peace, the end of the words at once.
fn listen(stop: &Shutdown) {
    let stop = stop.clone();
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if line == "stop" {
                stop.request();
            }
        }
        exit(1);
    });
}

/// Parks the thread that comes to the step the wanted number of times, and says so.
fn observer(die_at: Option<DieAt>) -> impl Fn(Step) + Send + Sync + 'static {
    let born = Instant::now();
    let left = AtomicI64::new(die_at.as_ref().map_or(0, |die_at| die_at.times));
    move |step| {
        let Some(die_at) = &die_at else { return };
        if step != die_at.step || born.elapsed() < die_at.after {
            return;
        }
        if left.fetch_sub(1, Ordering::SeqCst) == 1 {
            tell(&format!("at {step}"));
            loop {
                thread::park();
            }
        }
    }
}

fn engine<T: Tables>(options: &WorkerOptions) -> Result<Engine, String> {
    let address = |variable| std::env::var(variable).map_err(|_| format!("{variable} is not set"));
    let (mysql, redis) = (address(MYSQL)?, address(REDIS)?);
    let born = Instant::now();
    // One for all tries, so that it counts on.
    let observer = Arc::new(observer(options.die_at.clone()));
    loop {
        let observer = observer.clone();
        let patient = MysqlOptions::default().with_answer_timeout(Duration::from_secs(20));
        let builder = Engine::builder()
            .mysql_pool_with("default", mysql.as_str(), patient)
            .redis(redis.as_str())
            .relay(options.role == Role::Both)
            .relay_lease(LEASE)
            .on_step(move |step| observer(step));
        let builder = match options.mode {
            Mode::Async => builder.async_flush(),
            _ => builder,
        };
        match T::register(builder).build() {
            Ok(engine) => return Ok(engine),
            Err(error) if born.elapsed() > STARTING => return Err(error.to_string()),
            // A server that is being killed answers in many ways.
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn work<T: Tables>(options: &WorkerOptions) -> Result<(), String> {
    let stop = Shutdown::new();
    listen(&stop);
    let engine = engine::<T>(options)?;
    tell("ready");
    if options.role == Role::Relay {
        return serve(&engine, options.mode, &stop).map_err(|error| chain(&error));
    }
    let (units, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for number in 0..options.threads {
            let random = Random::part(options.seed, number);
            let writer = format!("{}.{number}", options.label);
            let mut work: Box<dyn FnMut() -> headwater::Result<()> + Send> = match options.mode {
                Mode::Async => {
                    let mut queueing = Queueing::<T>::new(engine.clone(), random, writer);
                    Box::new(move || queueing.unit())
                }
                _ => {
                    let mut work = Work::<T>::new(engine.clone(), random, writer);
                    Box::new(move || work.unit())
                }
            };
            let (stop, units, failed) = (&stop, &units, &failed);
            scope.spawn(move || {
                while !stop.is_requested() {
                    match work() {
                        Ok(()) => {
                            units.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) if is_expected(&error) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            if error.is_connection() || error.is_commit_unknown() {
                                thread::sleep(Duration::from_millis(20));
                            }
                        }
                        Err(error) => tell(&format!("fault {}", chain(&error))),
                    }
                }
            });
        }
    });
    if let Err(error) = engine.close(CLOSING) {
        tell(&format!("unsent {error}"));
    }
    let (units, failed) = (units.into_inner(), failed.into_inner());
    tell(&format!("{units} units done, {failed} failed"));
    Ok(())
}

/// Relays the outbox, and executes what is queued, until it is told to stop.
fn serve(engine: &Engine, mode: Mode, stop: &Shutdown) -> headwater::Result<()> {
    thread::scope(|scope| {
        let relay = scope.spawn(|| engine.outbox().run_relay(stop));
        if mode == Mode::Async {
            engine.async_consumer()?.lease(LEASE).run(stop)?;
        }
        relay
            .join()
            .unwrap_or_else(|_| Err(headwater::Error::handler("the relay panicked")))
    })
}

/// An error with its causes, in one line.
fn chain(error: &headwater::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
