//! Writing events together with a marker that tells that they were written.

use std::borrow::Cow;

use super::Sender;
use crate::error::Result;
use crate::redis::{Commands, Failure, Link, Refusal, Reply, lua};
use crate::stream::delivery::DeliveryProblem;
use crate::stream::operation::RedisCommand;
use crate::stream::outgoing::Outgoing;
use crate::stream::retention::Bounds;

lua!(TOGETHER, include_str!("../../redis/scripts/together.lua"));

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
        let Some(refusals) = outcome else { return Ok(false) };
        let mut refused = Vec::new();
        let mut reason = String::new();
        let mut sent = 0;
        let mut refusals = refusals.into_iter();
        let mut bounds: Vec<Bounds> = Vec::new();
        for event in marked.events {
            let bound = Bounds::of(&event).filter(|bound| !bounds.iter().any(|known| known.stream == bound.stream));
            bounds.extend(bound);
            match refusals.next().flatten() {
                Some(refusal) => {
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

/// What became of each command, events first: its error, if it met one. `None` when the lock is lost.
//
// A script, because a connection that an application lends has no WATCH; see `redis/lent_frame.rs`.
fn write(link: &mut Link, marked: &Marked) -> Result<Option<Vec<Option<Refusal>>>, Failure> {
    let (lock, token) = marked
        .lock
        .as_ref()
        .map_or(("", ""), |(lock, token)| (*lock, token.as_str()));
    let mut words: Vec<Cow<'_, [u8]>> = vec![Cow::Borrowed(token.as_bytes())];
    let mut push = |command: &[&[u8]]| {
        words.push(Cow::Owned(command.len().to_string().into_bytes()));
        words.extend(command.iter().map(|word| Cow::Owned(word.to_vec())));
    };
    for event in &marked.events {
        event.with_words(&mut push);
    }
    for command in &marked.commands {
        let command: Vec<&[u8]> = std::iter::once(command.command.as_bytes())
            .chain(command.arguments.iter().map(Vec::as_slice))
            .collect();
        push(&command);
    }
    let (key, value) = &marked.marker;
    push(&[b"SET", key.as_bytes(), value.as_bytes()]);
    let args: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
    let reply = TOGETHER.run(link, &[lock.as_bytes()], &args)?;
    if reply == Reply::Nil {
        return Ok(None);
    }
    let list = reply.list().ok_or_else(|| Failure::nonsense(link.pool(), "EVALSHA"))?;
    let mut refusals = Vec::with_capacity(list.len());
    for answer in list {
        let mut parts = answer.list().unwrap_or_default().into_iter();
        let refused = parts.next().and_then(|mark| mark.int()) == Some(0);
        let text = parts.next().and_then(Reply::string).unwrap_or_default();
        let (code, detail) = text.split_once(' ').unwrap_or((&text, ""));
        refusals.push(refused.then(|| Refusal {
            code: code.to_owned(),
            detail: detail.to_owned(),
        }));
    }
    // What Redis takes nothing for, for a moment, it takes nothing of.
    match refusals.iter().flatten().find(|refusal| refusal.heals()) {
        Some(refusal) => Err(Failure::Refused {
            pool: link.pool().clone(),
            refusal: refusal.clone(),
        }),
        None => Ok(Some(refusals)),
    }
}
