//! Figures of a stream: its length, and how far its groups and their consumers are.

use std::time::Duration;

use super::consumer::group::dead_letters_of;
use crate::error::Result;
use crate::redis::{Commands, EntryId, Failure, Link, RedisPool, Reply};

/// The figures of a stream at one moment.
///
/// ```no_run
/// # fn show(stats: headwater::stream::StreamStats) {
/// println!("{}: {} entries, {} dead letters", stats.stream, stats.length, stats.dead_letters);
/// for group in &stats.groups {
///     println!("  {}: {:?} to read, {} pending", group.name, group.lag, group.pending);
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamStats {
    /// The stream.
    pub stream: String,
    /// How many entries it has.
    pub length: u64,
    /// How long ago the oldest of them was added.
    pub oldest: Option<Duration>,
    /// How many entries its dead-letter stream has.
    pub dead_letters: u64,
    /// Its groups, by name.
    pub groups: Vec<GroupStats>,
}

/// The figures of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupStats {
    /// Its name.
    pub name: String,
    /// How many entries it has not read yet; `None` where the server cannot tell.
    pub lag: Option<u64>,
    /// How many entries were delivered and not acknowledged.
    pub pending: u64,
    /// How long ago the oldest of the pending entries was added.
    pub oldest_pending: Option<Duration>,
    /// The id of the last entry that was delivered.
    pub last_delivered: String,
    /// Its consumers, by name.
    pub consumers: Vec<ConsumerStats>,
}

/// The figures of a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerStats {
    /// Its name.
    pub name: String,
    /// How many entries are pending for it.
    pub pending: u64,
    /// How long ago it was last heard of.
    pub idle: Duration,
}

/// Reads the figures of a stream; those of a stream that is not there are zero.
pub(crate) fn stats(pool: &RedisPool, stream: &str) -> Result<StreamStats> {
    pool.with(|link| read(link, stream))
}

fn read(link: &mut Link, stream: &str) -> Result<StreamStats, Failure> {
    let key = stream.as_bytes();
    let dead = dead_letters_of(stream);
    let mut commands = Commands::new();
    commands
        .push(&[b"XLEN", key])
        .push(&[b"XRANGE", key, b"-", b"+", b"COUNT", b"1"])
        .push(&[b"XLEN", dead.as_bytes()])
        .push(&[b"TIME"])
        .push(&[b"XINFO", b"GROUPS", key]);
    let mut replies = link.run(&commands)?.into_iter();
    let mut next = || replies.next().unwrap_or(Reply::Nil);
    let length = number(&link.check(next())?);
    let oldest = link
        .check(next())?
        .list()
        .and_then(|mut list| list.pop())
        .and_then(id_of);
    let dead_letters = number(&link.check(next())?);
    let now = link.check(next())?;
    let groups = match next() {
        Reply::Refused(refusal) if refusal.detail.contains("no such key") => Vec::new(),
        reply => link.check(reply)?.list().unwrap_or_default(),
    };
    let now = now_ms(now).ok_or_else(|| Failure::nonsense(link.pool(), "TIME"))?;
    let mut groups: Vec<GroupStats> = groups
        .into_iter()
        .filter_map(|info| {
            Some(GroupStats {
                name: info.field("name")?.text()?.to_string(),
                lag: info.field("lag").and_then(Reply::int).map(i64::unsigned_abs),
                pending: info.field("pending").map_or(0, number),
                oldest_pending: None,
                last_delivered: info.field("last-delivered-id")?.text()?.to_string(),
                consumers: Vec::new(),
            })
        })
        .collect();
    more(link, stream, now, &mut groups)?;
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(StreamStats {
        stream: stream.to_string(),
        length,
        oldest: oldest.map(|id| age(now, id)),
        dead_letters,
        groups,
    })
}

/// Fills in what has to be asked of each group.
fn more(link: &mut Link, stream: &str, now: u64, groups: &mut [GroupStats]) -> Result<(), Failure> {
    let mut commands = Commands::new();
    for group in groups.iter() {
        commands
            .push(&[b"XPENDING", stream.as_bytes(), group.name.as_bytes()])
            .push(&[b"XINFO", b"CONSUMERS", stream.as_bytes(), group.name.as_bytes()]);
    }
    let mut replies = link.run(&commands)?.into_iter();
    for group in groups.iter_mut() {
        // A group that was deleted in between has none of it.
        let pending = replies.next().and_then(Reply::list).unwrap_or_default();
        group.oldest_pending = pending
            .get(1)
            .and_then(Reply::text)
            .and_then(|id| EntryId::parse(id.as_bytes()))
            .map(|id| age(now, id));
        let consumers = replies.next().and_then(Reply::list).unwrap_or_default();
        group.consumers = consumers
            .iter()
            .filter_map(|info| {
                Some(ConsumerStats {
                    name: info.field("name")?.text()?.to_string(),
                    pending: info.field("pending").map_or(0, number),
                    idle: Duration::from_millis(info.field("idle").map_or(0, number)),
                })
            })
            .collect();
        group.consumers.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(())
}

fn number(reply: &Reply) -> u64 {
    reply.int().unwrap_or(0).unsigned_abs()
}

fn id_of(entry: Reply) -> Option<EntryId> {
    EntryId::parse(&entry.list()?.into_iter().next()?.bytes()?)
}

/// The server's clock, by which it makes ids.
fn now_ms(time: Reply) -> Option<u64> {
    let parts = time.list()?;
    let seconds = u64::try_from(parts.first()?.int()?).ok()?;
    let micros = u64::try_from(parts.get(1)?.int()?).ok()?;
    seconds.checked_mul(1000)?.checked_add(micros / 1000)
}

fn age(now: u64, id: EntryId) -> Duration {
    Duration::from_millis(now.saturating_sub(id.ms))
}
