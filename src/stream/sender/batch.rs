//! Writes one batch of events and tells what became of each.

use std::time::Duration;

use crate::redis::{Commands, Failure, Link, Refusal, Reply};
use crate::stream::outgoing::Outgoing;
use crate::stream::retention::Bounds;

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What became of each event; those beyond its end were not reached.
    pub(super) events: Vec<Fate>,
    /// Why the batch was not written, where something stood in the way of it.
    pub(super) obstacle: Option<Failure>,
    /// What was cut from the streams with bounds.
    pub(super) trimmed: Vec<Trimmed>,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// Redis has it.
    Written,
    /// It is to be written again.
    Again,
    /// Redis will never take it.
    Refused(Refusal),
}

/// The stream of a batch that was trimmed.
#[derive(Debug)]
pub(super) struct Trimmed {
    pub(super) stream: String,
    /// Unread entries that were cut.
    pub(super) unread: Result<u64, Failure>,
}

/// Packs and writes batches.
#[derive(Debug, Default)]
pub(super) struct Writer {
    commands: Commands,
    /// The server, or a proxy before it, does not take MULTI.
    plain: bool,
}

/// The most events of one batch.
pub(super) const EVENTS: usize = 1000;
/// The most bytes of one batch, unless it is a single event.
const BYTES: usize = 4 << 20;

/// How many events from the front make a batch.
pub(super) fn batch<'a>(events: impl Iterator<Item = &'a Outgoing>) -> usize {
    let mut bytes = 0;
    let mut count = 0;
    for event in events.take(EVENTS) {
        bytes += event.size();
        if count > 0 && bytes > BYTES {
            break;
        }
        count += 1;
    }
    count
}

/// A batch of giants does not keep its memory.
const KEPT: usize = 1 << 20;

impl Writer {
    /// Packs the batch.
    //
    // Several events go in one MULTI/EXEC: when Redis takes nothing for a moment (out of memory, a
    // replica for now), a plain pipeline could lose that moment's events and have the later ones
    // written, and order would be gone. It costs some 8 % of a batch.
    pub(super) fn pack<'a>(&mut self, events: impl Iterator<Item = &'a Outgoing> + Clone, count: usize) -> Vec<Bounds> {
        self.commands.clear();
        self.commands.shrink_to(KEPT);
        let framed = self.is_framed(count);
        if framed {
            self.commands.push(&[b"MULTI"]);
        }
        for event in events.clone().take(count) {
            event.pack(&mut self.commands);
        }
        if framed {
            self.commands.push(&[b"EXEC"]);
        }
        let mut bounds: Vec<Bounds> = Vec::new();
        for event in events.take(count) {
            let is_known = bounds.iter().any(|bound| bound.stream == event.stream);
            if !is_known && let Some(bound) = Bounds::of(event) {
                bound.pack(&mut self.commands);
                bounds.push(bound);
            }
        }
        bounds
    }

    fn is_framed(&self, count: usize) -> bool {
        count > 1 && !self.plain
    }

    /// Writes the packed batch of this many events.
    pub(super) fn write(&mut self, link: &mut Link, count: usize, bounds: Vec<Bounds>) -> Outcome {
        let framed = self.is_framed(count);
        let mut replies = Vec::with_capacity(self.commands.count());
        let broken = link.run_into(&self.commands, Duration::ZERO, &mut replies).err();
        let frame = if framed { count + 2 } else { count };
        let trims = replies.split_off(replies.len().min(frame));
        let mut outcome = if framed {
            self.in_frame(link, replies, count)
        } else {
            one_by_one(link, replies)
        };
        for (bound, reply) in bounds.into_iter().zip(trims) {
            let unread = bound.cut(link, reply);
            outcome.trimmed.push(Trimmed {
                stream: bound.stream,
                unread,
            });
        }
        // When every event has its answer, what broke afterwards concerns the next batch only.
        if outcome.events.len() < count && outcome.obstacle.is_none() {
            outcome.obstacle = broken;
        }
        outcome
    }

    fn in_frame(&mut self, link: &Link, mut replies: Vec<Reply>, count: usize) -> Outcome {
        if replies.len() < count + 2 {
            // The connection broke before the answer to EXEC: all or nothing was written.
            return Outcome::default();
        }
        let answer = replies.pop().unwrap_or(Reply::Nil);
        let refused = match answer {
            Reply::List(list) if list.len() == count => return one_by_one(link, list),
            Reply::Refused(refusal) => *refusal,
            _ => Refusal {
                code: "TRYAGAIN".into(),
                detail: "unexpected answer to EXEC".into(),
            },
        };
        let mut queued = replies.into_iter();
        if let Some(Reply::Refused(begun)) = queued.next() {
            // MULTI itself is what they do not take: the events after it were written, or not, one by one.
            self.plain = !begun.heals();
            return one_by_one(link, queued.collect());
        }
        // Nothing was written, because of one event or of something that concerns all of them.
        let mut outcome = Outcome::default();
        let mut culprit = None;
        for reply in queued {
            outcome.events.push(match reply {
                Reply::Refused(refusal) if !refusal.heals() => Fate::Refused(*refusal),
                Reply::Refused(refusal) => {
                    culprit.get_or_insert(*refusal);
                    Fate::Again
                }
                _ => Fate::Again,
            });
        }
        if culprit.is_none() && outcome.events.contains(&Fate::Again) && !outcome.events.iter().any(Fate::is_refused) {
            culprit = Some(refused);
        }
        outcome.obstacle = culprit.map(|refusal| refusal_of(link, refusal));
        outcome
    }
}

impl Fate {
    fn is_refused(&self) -> bool {
        matches!(self, Fate::Refused(_))
    }
}

/// The answers to XADD, one for each event as far as they came.
fn one_by_one(link: &Link, replies: Vec<Reply>) -> Outcome {
    let mut outcome = Outcome::default();
    for reply in replies {
        outcome.events.push(match reply {
            Reply::Refused(refusal) if refusal.heals() => {
                outcome.obstacle.get_or_insert_with(|| refusal_of(link, *refusal));
                Fate::Again
            }
            Reply::Refused(refusal) => Fate::Refused(*refusal),
            // Put off, and nobody carried it out.
            Reply::Status(status) if status == "QUEUED" => Fate::Again,
            _ => Fate::Written,
        });
    }
    outcome
}

fn refusal_of(link: &Link, refusal: Refusal) -> Failure {
    Failure::Refused {
        pool: link.pool().clone(),
        refusal,
    }
}
