//! Writing at once, from the caller's thread, for events that are published one by one or flushed.

use super::Sender;
use super::batch::{Fate, Writer, batch};
use crate::error::Result;
use crate::redis::{Commands, Failure, Reply};
use crate::stream::outgoing::Outgoing;
use crate::stream::retention::Bounds;

impl Sender {
    /// Writes one event now and returns the id of its entry. A connection that turns out to be dead is
    /// replaced once; when the answer was lost with it, the event may be there twice.
    pub(crate) fn write_one(&self, event: &Outgoing) -> Result<String> {
        let mut commands = Commands::new();
        event.pack(&mut commands);
        let bounds = Bounds::of(event);
        if let Some(bounds) = &bounds {
            bounds.pack(&mut commands);
        }
        let (id, trimmed) = self.shared.pool.with(|link| {
            let mut replies = link.run(&commands)?.into_iter();
            let id = link.check(replies.next().unwrap_or(Reply::Nil))?;
            let id = id.string().ok_or_else(|| Failure::nonsense(link.pool(), "XADD"))?;
            let trimmed = bounds
                .as_ref()
                .zip(replies.next())
                .map(|(bounds, reply)| super::batch::Trimmed {
                    stream: bounds.stream.clone(),
                    unread: bounds.cut(link, reply),
                });
            Ok((id, trimmed))
        })?;
        self.shared.note_trimmed(trimmed.into_iter().collect());
        Ok(id)
    }

    /// Writes the events now, in order, and takes those out that Redis has. What is left when it fails
    /// is what was not written, or may not have been.
    pub(crate) fn write_all(&self, events: &mut Vec<Outgoing>) -> Result<usize> {
        let mut writer = Writer::default();
        let mut written = 0;
        let mut refused = Vec::new();
        let mut first = None;
        let result = loop {
            let count = batch(events.iter());
            if count == 0 {
                break Ok(());
            }
            let mut link = match self.shared.pool.get() {
                Ok(link) => link,
                Err(failure) => break Err(failure),
            };
            let bounds = writer.pack(events.iter(), count);
            let outcome = writer.write(&mut link, count, bounds);
            let fates = outcome.events.into_iter().chain(std::iter::repeat(Fate::Again));
            let mut again = Vec::new();
            for (event, fate) in events.drain(..count).zip(fates) {
                match fate {
                    Fate::Written => written += 1,
                    Fate::Again => again.push(event),
                    Fate::Refused(refusal) => {
                        first.get_or_insert_with(|| Failure::Refused {
                            pool: link.pool().clone(),
                            refusal,
                        });
                        refused.push(event);
                    }
                }
            }
            events.splice(..0, again);
            self.shared.note_trimmed(outcome.trimmed);
            if let Some(failure) = outcome.obstacle {
                break Err(failure);
            }
        };
        // Those that were refused stay, before those that were not reached.
        events.splice(..0, refused);
        result?;
        match first {
            Some(failure) => Err(failure.into()),
            None => Ok(written),
        }
    }
}
