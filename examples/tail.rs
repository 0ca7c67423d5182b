//! Prints the events of a stream as lines of JSON, as they arrive, until Ctrl-C or SIGTERM.
//!
//! ```text
//! $ cargo run -q --example tail -- --stream UserStream --from-start
//! {"entry":"1763769600000-0","event_id":"01KB…","entity_type":"users","entity_id":1,"flush_type":1,"changes":null}
//! ```
//!
//! A group would keep entries for itself, or, as the only one, have them deleted with its
//! acknowledgements. So this reads without one, by XREAD: nothing in Redis changes. With `--group` it
//! is a consumer like any other.
//!
//! `--stats` prints a table of the stream's groups and their consumers instead.
//!
//! The body of an event that was published by hand stands under `body`. What is no MessagePack gets an
//! `error`, and the next line goes on.

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use headwater::prelude::*;
use headwater::stream::{Event, Shutdown, StreamStats};
use redis::streams::{StreamId, StreamReadReply};
use redis::{ErrorKind, RedisError};
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};

#[path = "support/event_json.rs"]
#[allow(dead_code, reason = "the way back is for `decode_event`")]
mod event_json;

const USAGE: &str = "\
usage: tail --stream NAME [--from-start] [--redis URL]
       tail --stream NAME --group GROUP  [--redis URL]
       tail --stream NAME --stats        [--redis URL]

Prints the events of a stream as lines of JSON, as they arrive.

  --stream NAME   the stream
  --from-start    those too that are in the stream already
  --group GROUP   reads as a member of this group, which is made when it is missing: goes on where
                  the group is, takes events from its other members, and acknowledges what it
                  printed. Without it nothing in Redis is changed.
  --stats         prints how long the stream is and how far its groups are, and ends
  --redis URL     the server; otherwise HEADWATER_REDIS_URL, otherwise redis://localhost";

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("tail: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has enough: `tail … | head`.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tail: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    stream: String,
    from_start: bool,
    stats: bool,
    group: Option<String>,
    redis: String,
}

impl Options {
    /// `None` when help is asked for.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
        let (mut stream, mut group, mut redis) = (None, None, None);
        let (mut from_start, mut stats) = (false, false);
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let target = match name {
                "--help" | "-h" => return Ok(None),
                "--from-start" if value.is_none() => {
                    from_start = true;
                    continue;
                }
                "--stats" if value.is_none() => {
                    stats = true;
                    continue;
                }
                "--stream" => &mut stream,
                "--group" => &mut group,
                "--redis" => &mut redis,
                _ => return Err(format!("there is no option `{argument}`")),
            };
            let value = value.or_else(|| arguments.next()).filter(|value| !value.is_empty());
            *target = Some(value.ok_or_else(|| format!("`{name}` needs a value"))?);
        }
        let stream = stream.ok_or("`--stream` is missing")?;
        if stream.len() > 512 {
            return Err("the name of a stream has at most 512 bytes".to_owned());
        }
        if from_start && group.is_some() {
            return Err("a group goes on where it is, a new one at the start: leave out `--from-start`".to_owned());
        }
        if stats && (from_start || group.is_some()) {
            return Err("`--stats` tells of all groups and prints no events: leave out the rest".to_owned());
        }
        let named = || std::env::var("HEADWATER_REDIS_URL").ok().filter(|url| !url.is_empty());
        Ok(Some(Options {
            stream,
            from_start,
            stats,
            group,
            redis: redis.or_else(named).unwrap_or_else(|| "redis://localhost".to_owned()),
        }))
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    if options.stats {
        let (engine, stream) = engine(options)?;
        return Ok(print(table(&engine.stats(&stream)?).into_iter())?);
    }
    let shutdown = Shutdown::new();
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, shutdown.flag())?;
    }
    match &options.group {
        Some(group) => consume(options, group, &shutdown),
        None => watch(options, &shutdown),
    }
}

/// An engine that knows this stream only.
fn engine(options: &Options) -> headwater::Result<(Engine, Stream)> {
    // Streams are constants of a program; this one learns its stream when it runs.
    let stream = Stream::new(String::leak(options.stream.clone()));
    let engine = Engine::builder().redis(&options.redis).stream(&stream).build()?;
    Ok((engine, stream))
}

/// Reads as a member of a group.
fn consume(options: &Options, group: &str, shutdown: &Shutdown) -> Result<(), Failure> {
    let (engine, stream) = engine(options)?;
    let mut consumer = engine
        .consumer(&stream)
        .group(group)
        .on_error(|error| eprintln!("tail: {error}"))
        .many()?;
    let mut broken = None;
    consumer.run(shutdown, |events: &[Event]| {
        let lines = events
            .iter()
            .map(|event| line(event.id(), event.event_id(), event.payload()));
        print(lines).map_err(|error| {
            // What could not be printed is not acknowledged; another member of the group gets it.
            broken = Some(io::Error::from(error.kind()));
            shutdown.request();
            error.into()
        })
    })?;
    consumer.cleanup()?;
    broken.map_or(Ok(()), |error| Err(error.into()))
}

/// Reads without a group.
fn watch(options: &Options, shutdown: &Shutdown) -> Result<(), Failure> {
    let client = redis::Client::open(options.redis.as_str())?;
    let mut connection = client.get_connection_with_timeout(PATIENCE)?;
    let mut after = match options.from_start {
        true => "0-0".to_owned(),
        false => last_entry(&mut connection, &options.stream)?,
    };
    let mut connection = Some(connection);
    let mut is_away = false;
    while !shutdown.is_requested() {
        let entries = match &mut connection {
            Some(connection) => entries_after(connection, &options.stream, &after),
            None => client.get_connection_with_timeout(PATIENCE).map(|again| {
                connection = Some(again);
                Vec::new()
            }),
        };
        match entries {
            Ok(entries) => {
                is_away = false;
                print(entries.iter().map(line_of))?;
                if let Some(last) = entries.into_iter().next_back() {
                    after = last.id;
                }
            }
            Err(_) if shutdown.is_requested() => {}
            Err(error) if heals(&error) => {
                if !is_away {
                    eprintln!("tail: {error}; trying again");
                }
                is_away = true;
                connection = None;
                sleep(Duration::from_millis(500));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// How long a read waits for entries: the longest that a signal goes unnoticed.
const BLOCK: Duration = Duration::from_millis(500);
/// How long to wait for any answer beyond that.
const PATIENCE: Duration = Duration::from_secs(5);

fn last_entry(connection: &mut redis::Connection, stream: &str) -> Result<String, RedisError> {
    let mut last = redis::cmd("XREVRANGE");
    last.arg(stream).arg("+").arg("-").arg("COUNT").arg(1);
    let last: redis::streams::StreamRangeReply = last.query(connection)?;
    Ok(last.ids.into_iter().next().map_or("0-0".to_owned(), |entry| entry.id))
}

fn entries_after(connection: &mut redis::Connection, stream: &str, after: &str) -> Result<Vec<StreamId>, RedisError> {
    connection.set_read_timeout(Some(BLOCK + PATIENCE))?;
    let mut read = redis::cmd("XREAD");
    read.arg("COUNT").arg(100);
    read.arg("BLOCK").arg(BLOCK.as_millis() as u64);
    read.arg("STREAMS").arg(stream).arg(after);
    let reply: Option<StreamReadReply> = read.query(connection)?;
    Ok(reply
        .into_iter()
        .flat_map(|reply| reply.keys)
        .flat_map(|stream| stream.ids)
        .collect())
}

/// Whether the server may answer later.
fn heals(error: &RedisError) -> bool {
    let loading = error.code() == Some("LOADING");
    loading
        || error.is_io_error()
        || error.is_timeout()
        || error.is_unrecoverable_error() && error.kind() != ErrorKind::AuthenticationFailed
}

fn line_of(entry: &StreamId) -> String {
    let event_id: Option<String> = entry.get("e");
    let payload: Option<Vec<u8>> = entry.get("s");
    match payload {
        Some(payload) => line(&entry.id, event_id.as_deref(), &payload),
        None => json(
            &entry.id,
            event_id.as_deref(),
            &Problem {
                error: "there is no field `s`".to_owned(),
                payload: None,
            },
        ),
    }
}

/// The line of an entry.
fn line(entry: &str, event_id: Option<&str>, payload: &[u8]) -> String {
    if let Ok(event) = DirtyEvent::from_bytes(payload) {
        return json(entry, event_id, &event_json::fields(&event));
    }
    match rmp_serde::from_slice::<serde_json::Value>(payload) {
        Ok(body) => json(entry, event_id, &Body { body }),
        Err(error) => json(
            entry,
            event_id,
            &Problem {
                error: error.to_string(),
                payload: Some(event_json::to_hex(payload)),
            },
        ),
    }
}

#[derive(Serialize)]
struct Line<'a, T: Serialize> {
    entry: &'a str,
    event_id: Option<&'a str>,
    #[serde(flatten)]
    content: &'a T,
}

#[derive(Serialize)]
struct Body {
    body: serde_json::Value,
}

#[derive(Serialize)]
struct Problem {
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
}

fn json(entry: &str, event_id: Option<&str>, content: &impl Serialize) -> String {
    let line = Line {
        entry,
        event_id,
        content,
    };
    serde_json::to_string(&line).unwrap_or_else(|error| format!("{{\"error\":{:?}}}", error.to_string()))
}

/// The figures of a stream, line by line.
fn table(stats: &StreamStats) -> Vec<String> {
    let oldest = stats
        .oldest
        .map_or(String::new(), |age| format!(", the oldest {} old", span(age)));
    let mut lines = vec![
        format!("{}: {} entries{oldest}", stats.stream, stats.length),
        format!("{} entries in the dead-letter stream", stats.dead_letters),
    ];
    if stats.groups.is_empty() {
        lines.push("no group".to_owned());
        return lines;
    }
    // Unread and pending count entries; `oldest` is that of the pending ones.
    let mut rows = vec![["group", "consumer", "unread", "pending", "oldest", "idle"].map(str::to_owned)];
    for group in &stats.groups {
        rows.push([
            group.name.clone(),
            String::new(),
            group.lag.map_or("?".to_owned(), |lag| lag.to_string()),
            group.pending.to_string(),
            group.oldest_pending.map_or(String::new(), span),
            String::new(),
        ]);
        for consumer in &group.consumers {
            rows.push([
                String::new(),
                consumer.name.clone(),
                String::new(),
                consumer.pending.to_string(),
                String::new(),
                span(consumer.idle),
            ]);
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [group, consumer, unread, pending, oldest, idle] = [0, 1, 2, 3, 4, 5].map(width);
    lines.push(String::new());
    lines.extend(rows.iter().map(|[a, b, c, d, e, f]| {
        let line = format!("{a:group$}  {b:consumer$}  {c:>unread$}  {d:>pending$}  {e:>oldest$}  {f:>idle$}");
        line.trim_end().to_owned()
    }));
    lines
}

/// A time in its largest unit.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn print(lines: impl Iterator<Item = String>) -> io::Result<()> {
    let mut output = io::stdout().lock();
    for line in lines {
        writeln!(output, "{line}")?;
    }
    output.flush()
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
