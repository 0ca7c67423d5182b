//! Handing events to the handler, and what becomes of them then.

use std::error::Error as StdError;

use super::event::Event;
use super::group::group_is_gone;
use super::waiting::{Held, now_ms};
use super::{Consumer, HandlerResult, Trouble};
use crate::error::{Error, ErrorKind, Source};
use crate::redis::{EntryId, Failure};

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// Events that are done with.
    pub(super) done: usize,
    /// The events that wait for another delivery.
    pub(super) failed: Vec<EntryId>,
    /// What went wrong.
    pub(super) trouble: Option<Trouble>,
}

impl Consumer {
    /// Calls the handler. Events that it fails on are put where they wait, or aside.
    pub(super) fn deliver(
        &mut self,
        mut events: Vec<Event>,
        handler: &mut dyn FnMut(&[Event]) -> HandlerResult,
    ) -> Result<Delivered, Failure> {
        let begun = now_ms();
        let mut delivered = Delivered::default();
        while !events.is_empty() {
            self.handling = true;
            let result = handler(&events);
            self.handling = false;
            let source = match result {
                Ok(()) => {
                    for event in &events {
                        self.waiting.remove(event.entry_id());
                    }
                    self.acks
                        .extend(events.iter().filter(|event| !event.is_acked()).map(Event::entry_id));
                    delivered.done += events.len();
                    break;
                }
                Err(source) => source,
            };
            events.retain(|event| {
                if event.is_acked() {
                    self.waiting.remove(event.entry_id());
                    delivered.done += 1;
                }
                !event.is_acked()
            });
            let malformed = culprit(&source, &events);
            let Some(at) = malformed.or_else(|| self.has_had_its_chances(&events).then_some(0)) else {
                let was_alone = events.len() == 1;
                for event in &events {
                    let held = self.held(event, begun);
                    self.waiting.failed(event.entry_id(), held, was_alone);
                    delivered.failed.push(event.entry_id());
                }
                delivered.trouble = Some(Trouble::Handler(Error::handler(source)));
                break;
            };
            let event = events.remove(at);
            let held = self.held(&event, begun);
            if self.put_aside(event.entry_id(), held, text(&source))? {
                delivered.done += 1;
            } else {
                delivered.failed.push(event.entry_id());
            }
            if malformed.is_none() {
                delivered.trouble = Some(Trouble::Handler(Error::handler(source)));
            }
        }
        Ok(delivered)
    }

    /// Moves an entry to the dead-letter stream, whole. Where that is refused it waits for another try,
    /// so that it does not hold the others up; `false` then.
    pub(super) fn put_aside(&mut self, id: EntryId, held: Held, error: String) -> Result<bool, Failure> {
        let fields = [
            ("dead:id", id.to_string()),
            ("dead:stream", self.group.stream.clone()),
            ("dead:group", self.group.name.clone()),
            ("dead:consumer", self.name.clone()),
            ("dead:error", error.clone()),
            ("dead:attempts", held.deliveries.to_string()),
            ("dead:first", held.first.to_string()),
            ("dead:last", held.last.to_string()),
        ];
        let recovery = self.recovery;
        let Err(failure) = self.with_link(|group, link, _| group.bury(link, id, &fields)) else {
            self.waiting.remove(id);
            return Ok(true);
        };
        let verdict = Some(error);
        self.waiting.failed(id, Held { verdict, ..held }, true);
        if failure.heals() || group_is_gone(&failure) {
            return Err(failure);
        }
        // No entries were lost with this answer.
        self.recovery = recovery;
        self.tell(&failure.into());
        Ok(false)
    }

    /// A lone event that was delivered as often as it may be.
    fn has_had_its_chances(&self, events: &[Event]) -> bool {
        matches!(events, [event] if event.deliveries() >= self.settings.max_deliveries)
    }

    fn held(&self, event: &Event, begun: u64) -> Held {
        let id = event.entry_id();
        let first = self.waiting.get(id).map_or(begun, |held| held.first.min(begun));
        Held::new(event.entity(), event.deliveries(), first, begun)
    }
}

/// The event that is malformed, when the error says so: by its id, or because it was the only one.
fn culprit(source: &Source, events: &[Event]) -> Option<usize> {
    let reported = reported(source.as_ref())?;
    match reported {
        Some(place) => events.iter().position(|event| event.place() == place),
        None if events.len() == 1 => Some(0),
        None => None,
    }
}

/// The place that a [`Malformed`](ErrorKind::Malformed) error among the causes names.
fn reported<'a>(error: &'a (dyn StdError + 'static)) -> Option<Option<&'a str>> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(ErrorKind::Malformed { entry, .. }) = error.downcast_ref::<Error>().map(Error::kind) {
            return Some(entry.as_deref());
        }
        cause = error.source();
    }
    None
}

/// An error with its causes.
fn text(error: &Source) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
