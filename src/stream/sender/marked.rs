//! Writing events together with a marker that tells that they were written.

use super::Sender;
use crate::error::Result;
use crate::redis::{Commands, Failure, Link, Reply};
use crate::stream::delivery::DeliveryProblem;
use crate::stream::operation::RedisCommand;
use crate::stream::outgoing::Outgoing;
use crate::stream::retention::Bounds;

/// What is written in one step, or not at all.
#[derive(Debug, Default)]
pub(crate) struct Marked {
    pub(crate) events: Vec<Outgoing>,
    /// Other commands that go with them.
    pub(crate) commands: Vec<RedisCommand>,
    /// The marker's key and value.
    pub(crate) marker: (&'static str, String),
    /// A lock that must still be held, as its key and value.
    pub(crate) lock: Option<(&'static str, String)>,
}

impl Sender {
    /// Writes the events and the marker; `false` when the lock is not held any more. Events that Redis refuses for
    /// good are counted, kept and told as failed.
    pub(crate) fn write_marked(&self, marked: Marked) -> Result<bool> {
        let pool = &self.shared.pool;
        let mut link = pool.get()?;
        let outcome = match write(&mut link, &marked) {
            Err(Failure::Broken { .. }) => {
                drop(link);
                let mut link = pool.connect()?;
                // Whether it was done before the connection broke, the marker tells.
                let (key, value) = (marked.marker.0, &marked.marker.1);
                let found = link.ask(&Commands::one(&[b"GET", key.as_bytes()]))?;
                if found.bytes().is_some_and(|found| found == value.as_bytes()) {
                    self.shared.figures.count(marked.events.len() as u64, 0, 0);
                    return Ok(true);
                }
                write(&mut link, &marked)?
            }
            outcome => outcome?,
        };
        let Some(replies) = outcome else { return Ok(false) };
        let mut refused = Vec::new();
        let mut reason = String::new();
        let mut sent = 0;
        let mut replies = replies.into_iter();
        let mut bounds: Vec<Bounds> = Vec::new();
        for event in marked.events {
            let bound = Bounds::of(&event).filter(|bound| !bounds.iter().any(|known| known.stream == bound.stream));
            bounds.extend(bound);
            match replies.next() {
                Some(Reply::Refused(refusal)) => {
                    reason = refusal.to_string();
                    refused.push(event);
                }
                _ => sent += 1,
            }
        }
        self.shared.figures.count(sent, 0, 0);
        if !refused.is_empty() {
            self.shared.set_last_error(&reason);
            let events = self.shared.fail(refused, &reason);
            let pool = pool.name().to_owned();
            self.shared.tell(&DeliveryProblem::Refused { pool, events });
        }
        self.trim(bounds);
        Ok(true)
    }

    fn trim(&self, bounds: Vec<Bounds>) {
        let trimmed = bounds.into_iter().filter_map(|bound| {
            let unread = bound.trim(&mut *self.shared.pool.get().ok()?);
            let stream = bound.stream;
            Some(super::batch::Trimmed { stream, unread })
        });
        self.shared.note_trimmed(trimmed.collect());
    }
}

/// The answers to the commands; `None` when the lock is lost.
fn write(link: &mut Link, marked: &Marked) -> Result<Option<Vec<Reply>>, Failure> {
    if let Some((key, value)) = &marked.lock {
        let mut commands = Commands::new();
        commands.push(&[b"WATCH", key.as_bytes()]);
        commands.push(&[b"GET", key.as_bytes()]);
        let found = link.run(&commands)?.pop().unwrap_or(Reply::Nil);
        if link.check(found)?.bytes().is_none_or(|found| found != value.as_bytes()) {
            link.run(&Commands::one(&[b"UNWATCH"]))?;
            return Ok(None);
        }
    }
    let mut commands = Commands::new();
    commands.push(&[b"MULTI"]);
    for event in &marked.events {
        event.pack(&mut commands);
    }
    for command in &marked.commands {
        let words: Vec<&[u8]> = std::iter::once(command.command.as_bytes())
            .chain(command.arguments.iter().map(Vec::as_slice))
            .collect();
        commands.push(&words);
    }
    let (key, value) = &marked.marker;
    commands.push(&[b"SET", key.as_bytes(), value.as_bytes()]);
    commands.push(&[b"EXEC"]);
    let mut replies = link.run(&commands)?;
    let last = replies.pop().unwrap_or(Reply::Nil);
    match link.check(last) {
        Ok(Reply::List(list)) => Ok(Some(list)),
        // What was watched has changed.
        Ok(_) => Ok(None),
        // Nothing was done, and the first command that was refused tells why.
        Err(failure) => {
            let refused = replies.into_iter().find(|reply| matches!(reply, Reply::Refused(_)));
            match refused {
                Some(reply) => link.check(reply).and(Err(failure)),
                None => Err(failure),
            }
        }
    }
}
