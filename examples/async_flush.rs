//! A burst of changes is queued at once, and written to the database in its own time.
//!
//! ```text
//! $ cargo run --release --example async_flush
//! $ cargo run --release --example async_flush -- --changes 200000 --together 1
//! ```
//!
//! Scores of players change, a few of them with every request. First each request flushes; then each queues its
//! changes, and a consumer executes them while a bar shows how far it is. Both must leave the same scores behind.
//!
//! It runs on private servers, unless `HEADWATER_MYSQL_URL` and `HEADWATER_REDIS_URL` name servers; there the tables
//! `async_players` and `_headwater_async_…`, the stream and the queue are left behind.
#![allow(missing_docs, reason = "its comments tell what a reader of an example wants to know")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use headwater::prelude::*;
use indicatif::{ProgressBar, ProgressStyle};

#[path = "support/servers.rs"]
mod servers;

use servers::Urls;

/// Nobody reads this one, so it keeps the latest events only.
pub const SCORES: Stream = Stream::new("AsyncScores").max_len(100_000);

#[derive(Debug, Clone, Default, Table)]
#[table(name = "async_players", stream(SCORES))]
pub struct Player {
    #[column(id)]
    pub id: u64,
    #[column(length = 40)]
    pub name: String,
    pub score: i64,
}
impl Entity for Player {}

const USAGE: &str = "\
usage: async_flush [--changes N] [--together N]

Changes the scores of 1,000 players, first by flush, then by flush_async.

  --changes N    changes in all (50000)
  --together N   changes of one request, which are flushed together (5)";

/// How many players there are.
const PLAYERS: usize = 1000;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let (changes, together) = match options(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("async_flush: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(changes, together) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("async_flush: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Changes in all, and of one request; `None` when help is asked for.
fn options(mut arguments: impl Iterator<Item = String>) -> Result<Option<(usize, usize)>, String> {
    let (mut changes, mut together) = (50_000, 5);
    while let Some(argument) = arguments.next() {
        let wanted = match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--changes" => &mut changes,
            "--together" => &mut together,
            other => return Err(format!("there is no option `{other}`")),
        };
        let value = arguments.next().ok_or_else(|| format!("`{argument}` needs a value"))?;
        *wanted = match value.replace('_', "").parse() {
            Ok(number) if number > 0 => number,
            _ => return Err(format!("`{argument}` needs a number above 0, not `{value}`")),
        };
    }
    Ok(Some((changes, together.min(PLAYERS))))
}

fn run(changes: usize, together: usize) -> Result<(), Failure> {
    let urls = Urls::find()?;
    println!("{changes} changes, {together} with each flush, on {}", urls.origin);
    let engine = Engine::builder()
        .mysql(&urls.mysql)
        .redis(&urls.redis)
        .entity::<Player>()
        .async_flush()
        .build()?;
    engine.schema().diff()?.apply()?;
    let mut session = engine.session();
    let players: Vec<Handle<Player>> = (0..PLAYERS)
        .map(|n| {
            session.insert(Player {
                name: format!("Player {n}"),
                ..Player::default()
            })
        })
        .collect();
    session.flush()?;

    let flushed = play(&mut session, &players, changes, together, |session| {
        session.flush().map(drop)
    })?;
    println!("flushed in {:.2} s", flushed.as_secs_f64());

    let queued = play(&mut session, &players, changes, together, |session| {
        session.flush_async().map(drop)
    })?;
    println!(
        "queued in {:.2} s, {:.1} times as fast",
        queued.as_secs_f64(),
        flushed.as_secs_f64() / queued.as_secs_f64()
    );

    let drained = drain(&engine)?;
    println!(
        "executed in {:.2} s: {:.0} changes per second, {:.1} times as fast as flushing",
        drained.as_secs_f64(),
        changes as f64 / drained.as_secs_f64(),
        flushed.as_secs_f64() / drained.as_secs_f64()
    );

    // What the database has now is what the session thinks it has.
    let mut fresh = engine.session();
    for &player in &players {
        let stored = fresh
            .find::<Player>(session[player].id)?
            .map(|player| fresh[player].score);
        if stored != Some(session[player].score) {
            return Err(format!("player {} has {stored:?}", session[player].id).into());
        }
    }
    println!("all {PLAYERS} scores are as they should be");
    engine.close(Duration::from_secs(30))?;
    Ok(())
}

/// Changes scores, and flushes them in some way.
fn play(
    session: &mut Session,
    players: &[Handle<Player>],
    changes: usize,
    together: usize,
    flush: impl Fn(&mut Session) -> headwater::Result<()>,
) -> headwater::Result<Duration> {
    let start = Instant::now();
    for change in 0..changes {
        session[players[change * 7 % PLAYERS]].score += 1 + i64::from(change as u16);
        if (change + 1) % together == 0 {
            flush(session)?;
        }
    }
    flush(session)?;
    Ok(start.elapsed())
}

/// Executes what is queued.
fn drain(engine: &Engine) -> Result<Duration, Failure> {
    let backlog = engine.delivery().queue.map_or(0, |queue| queue.backlog);
    let style =
        ProgressStyle::with_template("{bar:40} {percent:>3} %  {pos} of {len} operations  {elapsed} of {duration}")?;
    let bar = ProgressBar::new(backlog).with_style(style);
    let start = Instant::now();
    let mut consumer = engine.async_consumer()?;
    loop {
        let done = consumer.consume(1000, Duration::ZERO)?;
        bar.inc(done as u64);
        if done == 0 {
            break;
        }
    }
    bar.finish_and_clear();
    let took = start.elapsed();
    let failed = engine.delivery().queue.map_or(0, |queue| queue.failed);
    if failed > 0 {
        return Err(format!("{failed} operations failed").into());
    }
    Ok(took)
}
