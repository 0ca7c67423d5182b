//! Events: one for each change and stream that wants it; those of durable streams are written before the commit, the
//! others handed to the senders after it.

use super::accept::Accepted;
use super::changes::{Change, Frozen};
use super::committed::Operation;
use super::core::Place;
use super::transaction::Transaction;
use crate::error::{Error, Result};
use crate::runtime::{Registered, Runtime};
use crate::stream::outbox::{self, OUTBOX};
use crate::stream::{EventRecord, FlushType, Outgoing, publishes, write_event};
use crate::table::{ColumnSet, Value};

/// The events of a flush or a transaction.
#[derive(Default)]
pub(super) struct Events {
    /// Those of background streams, for each sender.
    background: Vec<Vec<Outgoing>>,
    /// Those of durable streams, for each way from a database to a Redis pool.
    durable: Vec<Vec<Outgoing>>,
    /// Events that could not be written.
    problems: Vec<Error>,
    /// Makes the event ids: random once, then counted, which costs a tenth.
    ids: ulid::Generator,
}

/// What became of the events of a flush.
#[derive(Debug, Default)]
pub(super) struct Published {
    pub(super) events: u64,
    /// What the senders could not take.
    pub(super) problems: Vec<Error>,
}

/// How streams see an operation: a soft delete is a delete, a restore an update.
pub(super) fn flush_type(operation: Operation) -> FlushType {
    match operation {
        Operation::Insert => FlushType::Insert,
        Operation::Update | Operation::Restore => FlushType::Update,
        Operation::Delete | Operation::Trash | Operation::ForceDelete => FlushType::Delete,
    }
}

/// What an event tells of.
struct Fact<'a> {
    place: Place,
    operation: Operation,
    key: &'a Value,
    changed: ColumnSet,
    values: &'a [(usize, Value, Value)],
}

/// The columns of a change that events show.
fn shown(change: &Change) -> ColumnSet {
    change.columns.without(&change.def.internal())
}

/// Whether a flush has events of durable streams, which are written in its transaction.
pub(super) fn has_durable(runtime: &Runtime, frozen: &Frozen) -> bool {
    !runtime.outboxes.is_empty()
        && frozen.changes.iter().any(|change| {
            let table = runtime.registered(change.place.table as usize);
            table.is_some_and(|table| {
                let flush = flush_type(change.operation);
                let mut durable = table.streams.iter().filter(|routed| routed.outbox.is_some());
                durable.any(|routed| publishes(table.def, routed.publication, flush, &shown(change)))
            })
        })
}

/// The events of frozen changes whose statements have run, in this order.
pub(super) fn of_frozen(
    runtime: &Runtime,
    frozen: &Frozen,
    order: impl Iterator<Item = usize>,
    wanted: impl Fn(&Registered) -> bool,
) -> Result<Events> {
    let mut events = Events::new(runtime);
    for change in order.map(|i| &frozen.changes[i]) {
        let Some(table) = runtime.registered(change.place.table as usize) else {
            continue;
        };
        if table.streams.is_empty() || !wanted(table) {
            continue;
        }
        let fact = Fact {
            place: change.place,
            operation: change.operation,
            key: &change.key,
            changed: shown(change),
            values: &frozen.visible(change),
        };
        events.add(table, &fact)?;
    }
    Ok(events)
}

/// The events of accepted changes.
pub(super) fn of_accepted(runtime: &Runtime, accepted: &[Accepted]) -> Result<Events> {
    let mut events = Events::new(runtime);
    for change in accepted {
        let Some(table) = runtime.registered(change.place.table as usize) else {
            continue;
        };
        let fact = Fact {
            place: change.place,
            operation: change.operation,
            key: &change.key,
            changed: change.changed,
            values: &change.values,
        };
        events.add(table, &fact)?;
    }
    Ok(events)
}

impl Events {
    fn new(runtime: &Runtime) -> Self {
        let mut events = Events::default();
        events.background.resize_with(runtime.senders.len(), Vec::new);
        events.durable.resize_with(runtime.outboxes.len(), Vec::new);
        events
    }

    /// An event that cannot be written stops a durable stream's flush; of a background stream it is told.
    fn add(&mut self, table: &Registered, fact: &Fact<'_>) -> Result<()> {
        debug_assert_eq!(table.index, fact.place.table);
        let flush = flush_type(fact.operation);
        for routed in &table.streams {
            if !publishes(table.def, routed.publication, flush, &fact.changed) {
                continue;
            }
            let record = EventRecord {
                table: table.def,
                key: fact.key,
                flush,
                changes: fact.values,
            };
            // Most events fit.
            let mut payload = Vec::with_capacity(192);
            let stream = &routed.publication.stream;
            let written = write_event(&mut payload, &record, stream.wire_format());
            let waiting = match routed.outbox {
                Some(outbox) => {
                    written?;
                    self.durable.get_mut(outbox)
                }
                None => {
                    if let Err(error) = written {
                        self.problems.push(error);
                        continue;
                    }
                    self.background.get_mut(routed.sender)
                }
            };
            if let Some(waiting) = waiting {
                let id = self.ids.generate().unwrap_or_else(|_| ulid::Ulid::generate());
                waiting.push(Outgoing::new(stream, id.to_string(), payload));
            }
        }
        Ok(())
    }

    /// Writes the events of durable streams to the outbox, on the connections of the transaction.
    //
    // The last statements before COMMIT: by then the transaction has locked every row it changed, and so its rows
    // of the outbox get ids after those of whoever changed them before. See "The outbox" in ARCHITECTURE.md.
    pub(super) fn write_durable(&self, runtime: &Runtime, transaction: &mut Transaction) -> Result<()> {
        for (route, events) in runtime.outboxes.iter().zip(&self.durable) {
            if events.is_empty() {
                continue;
            }
            let connection = transaction.connection(runtime, route.mysql)?;
            for body in outbox::pack(events) {
                connection.execute(outbox::INSERT, outbox::insert(route.redis_name(), body, None), OUTBOX)?;
            }
        }
        Ok(())
    }

    /// After the commit: wakes the relays, and hands the other events to the senders, one send for each Redis pool.
    pub(super) fn publish(self, runtime: &Runtime) -> Published {
        let mut published = Published {
            events: 0,
            problems: self.problems,
        };
        for (route, events) in runtime.outboxes.iter().zip(&self.durable) {
            if !events.is_empty() {
                published.events += events.len() as u64;
                route.wake();
            }
        }
        for (sender, batch) in runtime.senders.iter().zip(self.background) {
            if batch.is_empty() {
                continue;
            }
            let events = batch.len() as u64;
            match sender.send(batch) {
                Ok(()) => published.events += events,
                Err(error) => published.problems.push(error),
            }
        }
        published
    }
}
