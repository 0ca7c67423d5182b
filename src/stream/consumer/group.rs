//! A group of a stream: made when it is missing, entries acknowledged, claimed, listed, buried.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use super::scripts::{ACK, BURY, CLAIM, KEEP, RECOVER, SEEN, TAKE};
use crate::redis::{Commands, Entry, EntryId, Failure, Link, RedisPool, Refusal, Reply, Script};

/// One group of one stream.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) pool: RedisPool,
    pub(crate) stream: String,
    pub(crate) name: String,
    /// Every group that the application knows of this stream: they are made together, so that no entry
    /// is deleted before the last of them has seen it.
    pub(crate) registered: Vec<String>,
    /// Where it starts when it is made.
    position: Position,
    /// The position as an id, known once this consumer has looked.
    start: OnceLock<EntryId>,
    /// The server acknowledges and deletes by one command (Redis 8.2, Valkey 9.2).
    has_xackdel: AtomicBool,
}

/// Where a group starts that does not exist yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Position {
    /// At the first entry of the stream.
    #[default]
    Start,
    /// After the entries that are there now.
    Now,
    /// After the entry with this id.
    After(EntryId),
}

/// A pending entry.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) entry: Entry,
    /// How often it was delivered.
    pub(crate) deliveries: u32,
    /// How long ago the last time was.
    pub(crate) idle: Duration,
}

/// A script's arguments are limited by Lua's stack.
const IDS_PER_CALL: usize = 1000;

impl Group {
    pub(crate) fn new(pool: RedisPool, stream: &str, name: &str, registered: &[String], position: Position) -> Self {
        let mut registered = registered.to_vec();
        if !registered.iter().any(|other| other == name) {
            registered.push(name.to_string());
        }
        Group {
            pool,
            stream: stream.to_string(),
            name: name.to_string(),
            registered,
            position,
            start: OnceLock::new(),
            has_xackdel: AtomicBool::new(false),
        }
    }

    /// The key of the dead-letter stream.
    pub(crate) fn dead(&self) -> String {
        dead_letters_of(&self.stream)
    }

    /// The id after which its entries come, if it has to be made. It is looked up once: when the group is
    /// deleted under us and made anew, nothing that came meanwhile is left out.
    fn start(&self, link: &mut Link) -> Result<EntryId, Failure> {
        let wanted = match (self.position, self.start.get()) {
            (Position::Start, _) => return Ok(EntryId::default()),
            (_, Some(start)) => {
                let exists = link.ask(&Commands::one(&[b"EXISTS", self.stream.as_bytes()]))?;
                // A stream that is made anew may count from anywhere.
                return Ok(if exists.int() == Some(0) {
                    EntryId::default()
                } else {
                    *start
                });
            }
            (Position::After(id), None) => id,
            (Position::Now, None) => {
                let command = Commands::one(&[b"XINFO", b"STREAM", self.stream.as_bytes()]);
                match link.ask(&command) {
                    Ok(reply) => reply
                        .field("last-generated-id")
                        .and_then(|id| EntryId::parse(id.text()?.as_bytes()))
                        .ok_or_else(|| Failure::nonsense(link.pool(), "XINFO STREAM"))?,
                    Err(Failure::Refused { refusal, .. }) if refusal.no_key() => EntryId::default(),
                    Err(failure) => return Err(failure),
                }
            }
        };
        Ok(*self.start.get_or_init(|| wanted))
    }

    /// Makes the groups that are missing, and looks what the server can do. Groups of the application that
    /// are none of this consumer's start at the beginning of the stream.
    pub(crate) fn prepare(&self, link: &mut Link) -> Result<(), Failure> {
        let start = self.start(link)?.to_string();
        let mut commands = Commands::new();
        for name in &self.registered {
            let start = if *name == self.name { start.as_bytes() } else { b"0" };
            let words: [&[u8]; 6] = [
                b"XGROUP",
                b"CREATE",
                self.stream.as_bytes(),
                name.as_bytes(),
                start,
                b"MKSTREAM",
            ];
            commands.push(&words);
        }
        // A command without its arguments is refused by its name, or by their number when it is known.
        commands.push(&[b"XACKDEL"]);
        ACK.load(&mut commands);
        let mut replies = link.run(&commands)?.into_iter();
        for reply in replies.by_ref().take(self.registered.len()) {
            match link.check(reply) {
                Err(Failure::Refused { refusal, .. }) if refusal.code == "BUSYGROUP" => {}
                reply => {
                    reply?;
                }
            }
        }
        let known =
            matches!(replies.next(), Some(Reply::Refused(refusal)) if refusal.detail.contains("number of arguments"));
        self.has_xackdel.store(known, Relaxed);
        Ok(())
    }

    /// Packs the acknowledgement of entries, with the deletion of those that every group has
    /// acknowledged; the answers go to [`acked`](Group::acked).
    pub(crate) fn pack_ack(&self, commands: &mut Commands, ids: &[EntryId]) {
        for ids in ids.chunks(IDS_PER_CALL) {
            if self.has_xackdel.load(Relaxed) {
                commands
                    .begin(6 + ids.len())
                    .arg("XACKDEL")
                    .arg(&self.stream)
                    .arg(&self.name)
                    .arg("ACKED")
                    .arg("IDS")
                    .number(ids.len() as u64);
            } else {
                ACK.begin(commands, 1, 1 + ids.len()).arg(&self.stream).arg(&self.name);
            }
            for id in ids {
                commands.id(*id);
            }
        }
    }

    /// Reads the answers to `pack_ack`: how many entries were pending until now.
    pub(crate) fn acked(&self, link: &mut Link, ids: &[EntryId], replies: Vec<Reply>) -> Result<u64, Failure> {
        let mut acked = 0;
        for (ids, reply) in ids.chunks(IDS_PER_CALL).zip(replies) {
            acked += match reply {
                Reply::Int(number) => number.unsigned_abs(),
                // One answer for each id: 1 deleted, 2 kept for other groups, -1 not pending.
                Reply::List(list) => list
                    .iter()
                    .filter(|reply| reply.int().is_some_and(|fate| fate > 0))
                    .count() as u64,
                Reply::Refused(refusal) if refusal.no_group() => 0,
                Reply::Refused(refusal) if refusal.unknown_command() => {
                    self.has_xackdel.store(false, Relaxed);
                    self.ack_by_script(link, ids)?
                }
                reply if Script::is_missing(&reply) => self.ack_by_script(link, ids)?,
                reply => {
                    link.check(reply)?;
                    0
                }
            };
        }
        Ok(acked)
    }

    fn ack_by_script(&self, link: &mut Link, ids: &[EntryId]) -> Result<u64, Failure> {
        let ids: Vec<String> = ids.iter().map(EntryId::to_string).collect();
        let mut args: Vec<&[u8]> = vec![self.name.as_bytes()];
        args.extend(ids.iter().map(|id| id.as_bytes()));
        let reply = ACK.run(link, &[self.stream.as_bytes()], &args)?;
        Ok(reply.int().unwrap_or(0).unsigned_abs())
    }

    /// Acknowledges entries; how many were pending until now.
    pub(crate) fn ack(&self, link: &mut Link, ids: &[EntryId]) -> Result<u64, Failure> {
        let mut commands = Commands::new();
        self.pack_ack(&mut commands, ids);
        let replies = link.run(&commands)?;
        self.acked(link, ids, replies)
    }

    /// Packs the reading of new entries.
    pub(crate) fn pack_read(&self, commands: &mut Commands, consumer: &str, count: usize, block: Option<Duration>) {
        commands.begin(9 + if block.is_some() { 2 } else { 0 });
        commands
            .arg("XREADGROUP")
            .arg("GROUP")
            .arg(&self.name)
            .arg(consumer)
            .arg("COUNT")
            .number(count as u64);
        if let Some(block) = block {
            // 0 would be for ever.
            let block = u64::try_from(block.as_millis()).unwrap_or(u64::MAX).max(1);
            commands.arg("BLOCK").number(block);
        }
        commands.arg("STREAMS").arg(&self.stream).arg(">");
    }

    /// The entries in the answer to `pack_read`.
    pub(crate) fn read(&self, link: &Link, reply: Reply) -> Result<Vec<Entry>, Failure> {
        let nonsense = || Failure::nonsense(link.pool(), "XREADGROUP");
        let Some(stream) = link.check(reply)?.list().ok_or_else(nonsense)?.into_iter().next() else {
            return Ok(Vec::new());
        };
        let entries = stream.list().and_then(|mut pair| pair.pop()).ok_or_else(nonsense)?;
        Ok(Entry::list(entries))
    }

    /// Takes pending entries of this consumer for their next delivery, whose number is given with each.
    pub(crate) fn take(&self, link: &mut Link, consumer: &str, ids: &[(EntryId, u32)]) -> Result<Vec<Entry>, Failure> {
        let words: Vec<String> = ids
            .iter()
            .flat_map(|(id, delivery)| [id.to_string(), delivery.to_string()])
            .collect();
        let mut args: Vec<&[u8]> = vec![self.name.as_bytes(), consumer.as_bytes()];
        args.extend(words.iter().map(|word| word.as_bytes()));
        Ok(Entry::list(TAKE.run(link, &[self.stream.as_bytes()], &args)?))
    }

    /// Says that entries still wait at this consumer.
    pub(crate) fn keep(&self, link: &mut Link, consumer: &str, ids: &[EntryId]) -> Result<(), Failure> {
        let ids: Vec<String> = ids.iter().map(EntryId::to_string).collect();
        let mut args: Vec<&[u8]> = vec![self.name.as_bytes(), consumer.as_bytes()];
        args.extend(ids.iter().map(|id| id.as_bytes()));
        KEEP.run(link, &[self.stream.as_bytes()], &args)?;
        Ok(())
    }

    /// A page of what is pending for this consumer, after an id, and where the next page starts.
    pub(crate) fn recover(
        &self,
        link: &mut Link,
        consumer: &str,
        after: Option<EntryId>,
        count: usize,
    ) -> Result<Page, Failure> {
        let (after, count) = (start(after), count.to_string());
        let args: [&[u8]; 4] = [
            self.name.as_bytes(),
            consumer.as_bytes(),
            after.as_bytes(),
            count.as_bytes(),
        ];
        let reply = RECOVER.run(link, &[self.stream.as_bytes()], &args)?;
        page(link, reply)
    }

    /// As [`recover`](Group::recover), of what nobody has touched for this long; it is this consumer's
    /// then.
    pub(crate) fn claim(
        &self,
        link: &mut Link,
        consumer: &str,
        idle: Duration,
        after: Option<EntryId>,
        count: usize,
    ) -> Result<Page, Failure> {
        let (idle, after, count) = (idle.as_millis().to_string(), start(after), count.to_string());
        let args: [&[u8]; 5] = [
            self.name.as_bytes(),
            consumer.as_bytes(),
            idle.as_bytes(),
            after.as_bytes(),
            count.as_bytes(),
        ];
        let reply = CLAIM.run(link, &[self.stream.as_bytes()], &args)?;
        page(link, reply)
    }

    /// Moves an entry to the dead-letter stream with these fields added; `false` when it was not
    /// pending any more.
    pub(crate) fn bury(&self, link: &mut Link, id: EntryId, fields: &[(&str, String)]) -> Result<bool, Failure> {
        let (id, dead) = (id.to_string(), self.dead());
        let mut args: Vec<&[u8]> = vec![self.name.as_bytes(), id.as_bytes()];
        for (name, value) in fields {
            args.push(name.as_bytes());
            args.push(value.as_bytes());
        }
        let reply = BURY.run(link, &[self.stream.as_bytes(), dead.as_bytes()], &args)?;
        Ok(reply != Reply::Nil)
    }

    /// For each event id, the entry that brought it first; what is new is remembered for this long.
    pub(crate) fn first_seen(
        &self,
        link: &mut Link,
        events: &[(EntryId, String)],
        window: Duration,
    ) -> Result<Vec<Option<EntryId>>, Failure> {
        let keys: Vec<String> = events
            .iter()
            .map(|(_, event)| format!("{}:{}:seen:{event}", self.stream, self.name))
            .collect();
        let window = window.as_millis().max(1).to_string();
        let ids: Vec<String> = events.iter().map(|(id, _)| id.to_string()).collect();
        let keys: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes()).collect();
        let mut args: Vec<&[u8]> = vec![window.as_bytes()];
        args.extend(ids.iter().map(|id| id.as_bytes()));
        let list = SEEN.run(link, &keys, &args)?.list().unwrap_or_default();
        Ok(list.into_iter().map(|reply| EntryId::parse(&reply.bytes()?)).collect())
    }
}

/// The key of a stream's dead-letter stream.
pub(crate) fn dead_letters_of(stream: &str) -> String {
    format!("{stream}:dead")
}

/// Some pending entries, and the id after which the next page starts.
pub(crate) type Page = (Option<EntryId>, Vec<Pending>);

fn start(after: Option<EntryId>) -> String {
    after.map_or("-".to_string(), |id| format!("({id}"))
}

fn page(link: &Link, reply: Reply) -> Result<Page, Failure> {
    let nonsense = || Failure::nonsense(link.pool(), "XPENDING");
    let mut parts = reply.list().ok_or_else(nonsense)?.into_iter();
    let next = parts.next().and_then(Reply::bytes).and_then(|id| EntryId::parse(&id));
    let list = parts.next().and_then(Reply::list).ok_or_else(nonsense)?;
    let entries = list.into_iter().filter_map(|reply| {
        let mut parts = reply.list()?.into_iter();
        Some(Pending {
            entry: Entry::from_reply(parts.next()?)?,
            deliveries: parts.next()?.int()?.clamp(0, i64::from(u32::MAX)) as u32,
            idle: Duration::from_millis(parts.next()?.int()?.unsigned_abs()),
        })
    });
    Ok((next, entries.collect()))
}

/// Whether the group, or the whole stream, was deleted under us.
pub(crate) fn group_is_gone(failure: &Failure) -> bool {
    failure.refusal().is_some_and(Refusal::no_group)
}
