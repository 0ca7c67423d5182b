//! The queue of operations in Redis: who may work on it, its entries, those that failed.

use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::consumer::group::{Group, Page, Position};
use super::consumer::scripts::BURY;
use super::delivery::QueueFigures;
use super::operation::{FAILED, Operation, QUEUE};
use super::wire::read_operation;
use crate::error::{Error, ErrorKind, Result};
use crate::redis::{Commands, Entry, EntryId, Failure, Link, RedisPool, Reply, lua};

lua!(RENEW, include_str!("../redis/scripts/renew.lua"));
lua!(RELEASE, include_str!("../redis/scripts/release.lua"));
lua!(DECIDE, include_str!("../redis/scripts/decide.lua"));
lua!(SETTLE, include_str!("../redis/scripts/settle.lua"));

/// FluxaORM's group.
const GROUP: &str = "consumer_group";
/// Only one consumer works at a time, so that all of them may have one name: what one has left pending the next
/// finds as its own.
const CONSUMER: &str = "consumer-single";

/// Who works on the queue.
const LEASE: &str = "_fluxa_async_sql:lease";
/// Who took the lease last: it counts until somebody else takes it, be it over or not.
pub(crate) const HOLDER: &str = "_fluxa_async_sql:holder";
/// What names the queue in databases, which may serve several.
const IDENTITY: &str = "_fluxa_async_sql:identity";
/// The operations whose events were written last.
pub(crate) const MARKER: &str = "_fluxa_async_sql:published";
/// What was decided about operations that failed.
const DECIDED: &str = "_fluxa_async_sql_failed:decided";
/// How often something was.
const DECISIONS: &str = "_fluxa_async_sql_failed:decisions";
/// Operations that failed and were given up.
pub(crate) const DISCARDED: &str = "_fluxa_async_sql_discarded";

/// What stands in a field that says when an operation failed, and so on.
pub(crate) const ERROR: &str = "error";
pub(crate) const ORIGIN: &str = "dead:id";
pub(crate) const ATTEMPTS: &str = "dead:attempts";
pub(crate) const FIRST: &str = "dead:first";
pub(crate) const LAST: &str = "dead:last";
pub(crate) const DISCARDED_AT: &str = "dead:discarded";
pub(crate) const REASON: &str = "dead:reason";

/// The queue as its consumer has it.
#[derive(Debug)]
pub(crate) struct Queue {
    group: Group,
    link: Option<Link>,
    /// Takes the answer to a question for new entries, with the link, on a thread of its own.
    asked: Option<JoinHandle<Answer>>,
    /// Entries that were asked for ahead and are here.
    ahead: Vec<Queued>,
    /// The answer to such a question was lost: what is pending may be more than anybody knows.
    missed: bool,
    /// Entries that are done with.
    finished: Vec<EntryId>,
    /// Those of them that are acknowledged with the question, unless its answer is lost.
    sent: Vec<EntryId>,
    token: String,
    /// Until when nobody else may have taken the lease.
    held_until: Option<Instant>,
}

/// An entry of the queue, decoded.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) entry: Entry,
    pub(crate) operation: Result<Operation>,
}

/// What was answered to acknowledgements, and what was read.
type Answers = (Vec<Reply>, std::result::Result<Vec<Queued>, Reply>);
/// The link, and what it answered.
type Answer = (Link, Result<Answers, Failure>);

/// Whether the lease is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tenure {
    /// It is somebody else's.
    Lost,
    /// It is ours, and nobody else has had it since it became ours.
    Kept,
    /// It became ours now: what was known of the queue may be old.
    New,
}

/// An operation among the dead letters.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) entry: Entry,
    /// Where it stood in the queue.
    pub(crate) origin: EntryId,
    pub(crate) attempts: u32,
    /// Whether it shall be tried again.
    pub(crate) replay: bool,
}

/// What happened to an operation, for its dead letter.
#[derive(Debug, Clone)]
pub(crate) struct Obituary {
    pub(crate) error: String,
    pub(crate) attempts: u32,
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
}

impl Queued {
    pub(crate) fn new(entry: Entry) -> Self {
        let operation = match entry.field(b"s") {
            Some(bytes) => read_operation(bytes),
            None => Err(Error::new(ErrorKind::Malformed {
                entry: Some(entry.id.to_string()),
                reason: "there is no field `s`".to_owned(),
            })),
        };
        Queued { entry, operation }
    }
}

impl Queue {
    pub(crate) fn new(pool: RedisPool) -> Self {
        Queue {
            group: Group::new(pool, QUEUE, GROUP, &[], Position::Start),
            link: None,
            asked: None,
            ahead: Vec::new(),
            missed: false,
            finished: Vec::new(),
            sent: Vec::new(),
            token: ulid::Ulid::generate().to_string(),
            held_until: None,
        }
    }

    /// The secret of this consumer's lease.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Takes the lease, or keeps it.
    pub(crate) fn renew(&mut self, ttl: Duration) -> Result<Tenure, Failure> {
        let asked = Instant::now();
        if !self.missed && self.held_until.is_some_and(|until| asked + ttl / 2 < until) {
            return Ok(Tenure::Kept);
        }
        let (token, ms) = (self.token.clone(), ttl.as_millis().max(1).to_string());
        let keys = [LEASE.as_bytes(), HOLDER.as_bytes()];
        let reply = self.with_link(|_, link| RENEW.run(link, &keys, &[token.as_bytes(), ms.as_bytes()]))?;
        let tenure = match reply.int() {
            Some(1) if !self.missed => Tenure::Kept,
            Some(1 | 2) => Tenure::New,
            _ => Tenure::Lost,
        };
        self.missed = false;
        self.held_until = (tenure != Tenure::Lost).then(|| asked + ttl);
        Ok(tenure)
    }

    /// As [`renew`](Queue::renew), asking Redis in any case.
    pub(crate) fn confirm(&mut self, ttl: Duration) -> Result<Tenure, Failure> {
        self.held_until = None;
        self.renew(ttl)
    }

    /// A new secret: what was begun under the old one is not ours any more.
    pub(crate) fn forsake(&mut self) {
        self.release();
        self.token = ulid::Ulid::generate().to_string();
    }

    /// Gives the lease back, as far as Redis can be reached.
    pub(crate) fn release(&mut self) {
        if self.held_until.take().is_none() {
            return;
        }
        let token = self.token.clone();
        let _ = self.with_link(|_, link| RELEASE.run(link, &[LEASE.as_bytes()], &[token.as_bytes()]));
    }

    /// The name of this queue, whatever process asks.
    pub(crate) fn identity(&mut self) -> Result<String, Failure> {
        let fresh = ulid::Ulid::generate().to_string();
        self.with_link(|_, link| {
            let mut commands = Commands::new();
            commands.push(&[b"SET", IDENTITY.as_bytes(), fresh.as_bytes(), b"NX"]);
            commands.push(&[b"GET", IDENTITY.as_bytes()]);
            let found = link.run(&commands)?.pop().unwrap_or(Reply::Nil);
            let found = link.check(found)?.string();
            found.ok_or_else(|| Failure::nonsense(link.pool(), "GET"))
        })
    }

    /// A page of what is pending.
    pub(crate) fn recover(&mut self, after: Option<EntryId>, count: usize) -> Result<Page, Failure> {
        self.with_link(|group, link| group.recover(link, CONSUMER, after, count))
    }

    /// Takes over what consumers of other names left pending.
    pub(crate) fn claim(&mut self, idle: Duration, after: Option<EntryId>, count: usize) -> Result<Page, Failure> {
        self.with_link(|group, link| group.claim(link, CONSUMER, idle, after, count))
    }

    /// Reads new entries; of those that were asked for ahead, if there are any.
    pub(crate) fn read(&mut self, count: usize, block: Duration) -> Result<Vec<Queued>, Failure> {
        self.collect()?;
        if !self.ahead.is_empty() {
            let rest = self.ahead.split_off(count.min(self.ahead.len()));
            return Ok(std::mem::replace(&mut self.ahead, rest));
        }
        let finished = std::mem::take(&mut self.finished);
        let read = self.with_link(|group, link| {
            let mut commands = Commands::new();
            group.pack_ack(&mut commands, &finished);
            group.pack_read(&mut commands, CONSUMER, count, (!block.is_zero()).then_some(block));
            let (replies, read) = link.run_reading(&commands, block)?;
            let entries = read.or_else(|reply| group.read(link, reply))?;
            Ok((entries, group.acked(link, &finished, replies)))
        });
        // Those that may not be acknowledged are so again.
        let (entries, acked) = read.inspect_err(|_| self.finished.clone_from(&finished))?;
        if let Err(failure) = acked {
            self.finished = finished;
            self.missed = true;
            return Err(failure);
        }
        Ok(entries.into_iter().map(Queued::new).collect())
    }

    /// Asks for new entries without waiting for them: they are read and decoded while a database executes others. What
    /// is done with is acknowledged on the way.
    pub(crate) fn ask_ahead(&mut self, count: usize) -> Result<(), Failure> {
        if count == 0 || !self.ahead.is_empty() || self.asked.is_some() {
            return Ok(());
        }
        let finished = std::mem::take(&mut self.finished);
        let begun = self.with_link(|group, link| {
            let mut commands = Commands::new();
            group.pack_ack(&mut commands, &finished);
            group.pack_read(&mut commands, CONSUMER, count, None);
            link.begin_reading(&commands).map(|()| commands.count())
        });
        self.sent = finished;
        let (Ok(commands), Some(mut link)) = (&begun, self.link.take()) else {
            self.take_back();
            return begun.map(|_| ());
        };
        let commands = *commands;
        let take = move || {
            let answers = link.take_reading(commands).map(|(replies, read)| {
                let decoded = |entries: Vec<Entry>| entries.into_iter().map(Queued::new).collect();
                (replies, read.map(decoded))
            });
            (link, answers)
        };
        let thread = std::thread::Builder::new().name("headwater-queue".to_owned());
        // Without a thread the answer goes with the link.
        self.missed = true;
        self.asked = thread.spawn(take).ok();
        if self.asked.is_none() {
            self.take_back();
        }
        Ok(())
    }

    /// Whether what was sent is acknowledged is not known: it is sent again.
    fn take_back(&mut self) {
        self.sent.append(&mut self.finished);
        std::mem::swap(&mut self.sent, &mut self.finished);
    }

    /// Takes what was asked for ahead.
    fn collect(&mut self) -> Result<(), Failure> {
        let Some(thread) = self.asked.take() else { return Ok(()) };
        let collected = match thread.join() {
            Ok((link, answers)) => answers.and_then(|answers| self.take_answers(link, answers)),
            Err(_) => {
                self.take_back();
                return Ok(());
            }
        };
        match collected {
            Ok(()) => self.sent.clear(),
            Err(_) => self.take_back(),
        }
        collected
    }

    fn take_answers(&mut self, mut link: Link, (replies, read): Answers) -> Result<(), Failure> {
        let read = read.or_else(|reply| {
            let entries = self.group.read(&link, reply)?;
            Ok(entries.into_iter().map(Queued::new).collect())
        });
        let acked = self.group.acked(&mut link, &self.sent, replies);
        let gone = read.as_ref().is_err_and(super::consumer::group::group_is_gone);
        self.link = (!gone).then_some(link);
        self.ahead.extend(read?);
        self.missed = false;
        acked.map(|_| ())
    }

    /// What was asked for ahead and not read yet.
    pub(crate) fn take_ahead(&mut self) -> Result<Vec<Queued>, Failure> {
        self.collect()?;
        Ok(std::mem::take(&mut self.ahead))
    }

    /// Forgets what was asked for ahead: it is pending, and found as such.
    pub(crate) fn forget_ahead(&mut self) -> Result<(), Failure> {
        let collected = self.collect();
        self.ahead.clear();
        collected
    }

    /// These are done with: they are acknowledged and deleted with the next reading, or by [`ack`](Queue::ack).
    pub(crate) fn finished(&mut self, ids: &[EntryId]) {
        self.finished.extend_from_slice(ids);
    }

    /// How many of those that are done with may not be acknowledged yet: the last ones.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.sent.len() + self.finished.len()
    }

    /// Acknowledges and deletes all that is done with.
    pub(crate) fn ack(&mut self) -> Result<(), Failure> {
        self.collect()?;
        if self.finished.is_empty() {
            return Ok(());
        }
        let finished = std::mem::take(&mut self.finished);
        let acked = self.with_link(|group, link| group.ack(link, &finished).map(|_| ()));
        acked.inspect_err(|_| self.finished = finished)
    }

    /// Moves an entry, as it is, to the dead letters; its id there.
    pub(crate) fn bury(&mut self, id: EntryId, about: &Obituary) -> Result<Option<EntryId>, Failure> {
        let (id, words) = (id.to_string(), about.words(&id.to_string()));
        let reply = self.with_link(|_, link| {
            let mut args: Vec<&[u8]> = vec![GROUP.as_bytes(), id.as_bytes()];
            args.extend(words.iter().map(String::as_bytes));
            BURY.run(link, &[QUEUE.as_bytes(), FAILED.as_bytes()], &args)
        })?;
        Ok(reply.bytes().and_then(|id| EntryId::parse(&id)))
    }

    /// Takes operations that were tried again out of the dead letters, or says that one failed again: its new id.
    pub(crate) fn settle(
        &mut self,
        done: &[EntryId],
        again: Option<(EntryId, &Obituary, EntryId)>,
    ) -> Result<Option<EntryId>, Failure> {
        if done.is_empty() && again.is_none() {
            return Ok(None);
        }
        let mut words = vec![done.len().to_string()];
        words.extend(done.iter().map(EntryId::to_string));
        if let Some((id, about, origin)) = again {
            words.push(id.to_string());
            words.extend(about.words(&origin.to_string()));
        }
        let reply = self.with_link(|_, link| {
            let args: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
            SETTLE.run(link, &[FAILED.as_bytes(), DECIDED.as_bytes()], &args)
        })?;
        Ok(reply.bytes().and_then(|id| EntryId::parse(&id)))
    }

    /// How often something was decided about the dead letters.
    pub(crate) fn decisions(&mut self) -> Result<u64, Failure> {
        self.with_link(|_, link| {
            let mut commands = Commands::new();
            commands.push(&[b"GET", DECISIONS.as_bytes()]);
            commands.push(&[b"XLEN", FAILED.as_bytes()]);
            let mut replies = link.run(&commands)?.into_iter();
            let decisions = replies.next().and_then(|reply| reply.int()).unwrap_or(0);
            let length = replies.next().and_then(|reply| reply.int()).unwrap_or(0);
            // FluxaORM's consumers and hands of people leave no other trace.
            Ok(decisions
                .unsigned_abs()
                .wrapping_mul(1 << 32)
                .wrapping_add(length.unsigned_abs()))
        })
    }

    /// All dead letters.
    pub(crate) fn failed(&mut self) -> Result<Vec<Failed>, Failure> {
        self.with_link(|_, link| failed(link))
    }

    /// The operations whose events were written last, on this pool.
    pub(crate) fn marker(pool: &RedisPool) -> Result<Vec<String>> {
        let command = Commands::one(&[b"GET", MARKER.as_bytes()]);
        let reply = pool.with(|link| link.ask(&command))?;
        let text = reply.string().unwrap_or_default();
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn with_link<T>(&mut self, work: impl FnOnce(&Group, &mut Link) -> Result<T, Failure>) -> Result<T, Failure> {
        self.collect()?;
        let mut link = match self.link.take().filter(|link| !link.is_broken()) {
            Some(link) => link,
            None => {
                let mut link = self.group.pool.connect()?;
                self.group.prepare(&mut link)?;
                link
            }
        };
        let result = work(&self.group, &mut link);
        // A group that was deleted is made anew with the next connection.
        let gone = result.as_ref().is_err_and(super::consumer::group::group_is_gone);
        self.link = (!gone).then_some(link);
        result
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let _ = self.ack();
        self.release();
    }
}

impl Obituary {
    fn words(&self, origin: &str) -> Vec<String> {
        let fields = [
            (ERROR, self.error.clone()),
            (ORIGIN, origin.to_owned()),
            (ATTEMPTS, self.attempts.to_string()),
            (FIRST, self.first_ms.to_string()),
            (LAST, self.last_ms.to_string()),
        ];
        fields
            .into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value])
            .collect()
    }
}

/// All dead letters, by their place in the queue.
fn failed(link: &mut Link) -> Result<Vec<Failed>, Failure> {
    let decided = link.ask(&Commands::one(&[b"HKEYS", DECIDED.as_bytes()]))?;
    let decided: Vec<String> = decided
        .list()
        .unwrap_or_default()
        .into_iter()
        .filter_map(Reply::string)
        .collect();
    let mut all = Vec::new();
    let mut from = "-".to_owned();
    loop {
        let words: [&[u8]; 6] = [b"XRANGE", FAILED.as_bytes(), from.as_bytes(), b"+", b"COUNT", b"200"];
        let page = Entry::list(link.ask(&Commands::one(&words))?);
        let Some(last) = page.last() else { break };
        from = format!("({}", last.id);
        all.extend(page.into_iter().map(|entry| {
            let id = entry.id.to_string();
            Failed {
                origin: entry
                    .field(ORIGIN.as_bytes())
                    .and_then(EntryId::parse)
                    .unwrap_or(entry.id),
                attempts: number(&entry, ATTEMPTS).try_into().unwrap_or(u32::MAX),
                replay: decided.contains(&id),
                entry,
            }
        }));
    }
    Ok(all)
}

/// A field that is a number.
pub(crate) fn number(entry: &Entry, name: &str) -> u64 {
    let text = entry
        .field(name.as_bytes())
        .and_then(|value| std::str::from_utf8(value).ok());
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Decides about a dead letter; `false` when it is not there.
pub(crate) fn decide(pool: &RedisPool, decision: &str, id: EntryId, fields: &[(&str, String)]) -> Result<bool> {
    let id = id.to_string();
    let mut args: Vec<&[u8]> = vec![decision.as_bytes(), id.as_bytes()];
    for (name, value) in fields {
        args.push(name.as_bytes());
        args.push(value.as_bytes());
    }
    let keys = [FAILED, DECIDED, DECISIONS, DISCARDED].map(str::as_bytes);
    let reply = pool.with(|link| DECIDE.run(link, &keys, &args))?;
    Ok(reply.int() == Some(1))
}

/// The ids of the dead letters that shall be tried again.
pub(crate) fn decided(pool: &RedisPool) -> Result<Vec<String>> {
    let command = Commands::one(&[b"HKEYS", DECIDED.as_bytes()]);
    let reply = pool.with(|link| link.ask(&command))?;
    Ok(reply
        .list()
        .unwrap_or_default()
        .into_iter()
        .filter_map(Reply::string)
        .collect())
}

/// The figures of the queue.
pub(crate) fn figures(pool: &RedisPool) -> Result<QueueFigures> {
    let mut commands = Commands::new();
    commands.push(&[b"XLEN", QUEUE.as_bytes()]);
    commands.push(&[b"XRANGE", QUEUE.as_bytes(), b"-", b"+", b"COUNT", b"1"]);
    commands.push(&[b"XLEN", FAILED.as_bytes()]);
    pool.with(|link| {
        let mut replies = Vec::with_capacity(3);
        for reply in link.run(&commands)? {
            replies.push(link.check(reply)?);
        }
        let number = |reply: Option<&Reply>| reply.and_then(Reply::int).unwrap_or(0).unsigned_abs();
        let (backlog, failed) = (number(replies.first()), number(replies.get(2)));
        let oldest = Entry::list(replies.swap_remove(1));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(QueueFigures {
            backlog,
            failed,
            oldest: oldest
                .first()
                .map(|entry| now.saturating_sub(Duration::from_millis(entry.id.ms))),
        })
    })
}
