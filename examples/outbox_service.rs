//! A service whose events survive its death: payments are booked by several threads, their events go through the
//! outbox, and SIGTERM or Ctrl-C ends it cleanly.
//!
//! ```text
//! $ cargo run -q --example outbox_service                      # books and relays
//! $ cargo run -q --example outbox_service -- --book-only       # books, and leaves the relaying to …
//! $ cargo run -q --example outbox_service -- --relay-only      # … a process that does nothing else
//! ```
//!
//! Start several of each, on servers that `HEADWATER_MYSQL_URL` and `HEADWATER_REDIS_URL` name, and kill any of them
//! with SIGKILL: the stream holds each event once, and those of one account in the order of its payments. Without
//! the variables it starts private servers.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use headwater::prelude::*;
use headwater::stream::Shutdown;
use signal_hook::consts::{SIGINT, SIGTERM};

#[path = "support/servers.rs"]
mod servers;

use servers::Urls;

/// Every change of an account, in Redis exactly once.
const ACCOUNTS: Stream = Stream::new("AccountStream").durable();

#[derive(Debug, Clone, Default, Table)]
#[table(name = "service_accounts", stream(ACCOUNTS))]
struct Account {
    #[column(id)]
    id: u64,
    #[column(unique, length = 40)]
    owner: String,
    cents: i64,
    #[column(version)]
    version: u64,
}

impl Entity for Account {}

const OWNERS: [&str; 4] = ["ana", "bob", "cem", "dora"];
const CLERKS: usize = 3;

const USAGE: &str = "usage: outbox_service [--book-only | --relay-only] [--seconds N]";

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)) {
        Ok(options) => match run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("outbox_service: {error}");
                ExitCode::FAILURE
            }
        },
        Err(problem) => {
            eprintln!("outbox_service: {problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

struct Options {
    books: bool,
    relays: bool,
    /// Stops by itself after this long; otherwise a signal does.
    time: Option<Duration>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options {
            books: true,
            relays: true,
            time: None,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--book-only" => options.relays = false,
                "--relay-only" => options.books = false,
                "--seconds" => {
                    let seconds = arguments.next().and_then(|seconds| seconds.parse().ok());
                    options.time = Some(Duration::from_secs(seconds.ok_or("`--seconds` needs a number")?));
                }
                other => return Err(format!("there is no option `{other}`")),
            }
        }
        if !options.books && !options.relays {
            return Err("`--book-only` and `--relay-only` leave nothing to do".to_owned());
        }
        Ok(options)
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    // Before anything is done that a signal should end cleanly.
    let shutdown = Shutdown::new();
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, shutdown.flag())?;
    }
    let urls = Urls::find()?;
    println!("{}", urls.origin);
    let engine = Engine::builder()
        .mysql(&urls.mysql)
        .redis(&urls.redis)
        .entity::<Account>()
        // The engine's own relay thread, woken by each flush. A process that only relays runs it by `run_relay`.
        .relay(options.books && options.relays)
        .on_delivery_problem(|problem| eprintln!("delivery: {problem}"))
        .build()?;
    engine.schema().diff()?.apply()?;

    let payments = AtomicU64::new(0);
    thread::scope(|scope| {
        if options.books {
            open_accounts(&engine)?;
            for clerk in 0..CLERKS {
                let (engine, shutdown, payments) = (&engine, &shutdown, &payments);
                scope.spawn(move || book(engine, clerk, shutdown, payments));
            }
        } else {
            let (outbox, shutdown) = (engine.outbox(), &shutdown);
            scope.spawn(move || {
                if let Err(error) = outbox.run_relay(shutdown) {
                    eprintln!("relay: {error}");
                    shutdown.request();
                }
            });
        }
        watch(&engine, &shutdown, options.time, &payments)
    })?;

    println!("stopping; {} payments were booked", payments.load(Ordering::Relaxed));
    // Relays what this process left, as long as Redis takes it; the rest stays for the next.
    engine.close(Duration::from_secs(5))?;
    for backlog in engine.outbox().backlog()? {
        println!("{backlog}");
    }
    println!("stopped");
    Ok(())
}

fn open_accounts(engine: &Engine) -> headwater::Result<()> {
    let mut session = engine.session();
    for owner in OWNERS {
        let known = session.query::<Account>().filter(Account::OWNER.eq(owner)).exists()?;
        if !known {
            session.insert(Account {
                owner: owner.into(),
                ..Account::default()
            });
        }
    }
    match session.flush() {
        // Another process of this service was faster.
        Err(error) if error.is_duplicate_key() => Ok(()),
        flushed => flushed.map(|_| ()),
    }
}

/// Moves money between two accounts, again and again, until it is told to stop.
fn book(engine: &Engine, clerk: usize, shutdown: &Shutdown, payments: &AtomicU64) {
    let mut turn = clerk;
    while !shutdown.is_requested() {
        turn += 1;
        let (from, to) = (OWNERS[turn % OWNERS.len()], OWNERS[(turn + 1 + clerk) % OWNERS.len()]);
        match pay(engine, from, to) {
            Ok(()) => {
                payments.fetch_add(1, Ordering::Relaxed);
            }
            // Somebody else changed the account, or a server is away: the payment is tried again.
            Err(error) if error.is_stale() || error.is_retryable() => thread::sleep(Duration::from_millis(5)),
            Err(error) => {
                eprintln!("clerk {clerk}: {error}");
                shutdown.request();
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn pay(engine: &Engine, from: &str, to: &str) -> headwater::Result<()> {
    let mut session = engine.session();
    let mut account = |owner: &str| {
        let found = session.query::<Account>().filter(Account::OWNER.eq(owner)).first()?;
        found.ok_or_else(|| headwater::Error::handler(format!("{owner} has no account")))
    };
    let (payer, payee) = (account(from)?, account(to)?);
    session[payer].cents -= 1;
    session[payee].cents += 1;
    session.flush()?;
    Ok(())
}

/// Prints the backlog once a second until it is time to stop.
fn watch(engine: &Engine, shutdown: &Shutdown, time: Option<Duration>, payments: &AtomicU64) -> Result<(), Failure> {
    let start = Instant::now();
    let mut next = start + Duration::from_secs(1);
    while !shutdown.is_requested() {
        if time.is_some_and(|time| start.elapsed() >= time) {
            shutdown.request();
        }
        if Instant::now() >= next {
            next += Duration::from_secs(1);
            let relayed = engine.delivery().relayed;
            let booked = payments.load(Ordering::Relaxed);
            match engine.outbox().backlog() {
                Ok(backlogs) => backlogs
                    .iter()
                    .for_each(|backlog| println!("{booked} booked, {relayed} events relayed here; {backlog}")),
                Err(error) => eprintln!("backlog: {error}"),
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
