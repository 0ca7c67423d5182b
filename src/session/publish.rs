//! Events: one for each change and stream that wants it; those of durable streams are written before the commit, the
//! others handed to the senders after it.

use super::accept::Accepted;
use super::committed::Operation;
use super::frozen::{Change, Frozen, Shape};
use super::plan::Plan;
use super::transaction::Transaction;
use crate::error::{Error, Result};
use crate::runtime::{Registered, Routed, Runtime};
use crate::stream::outbox::{self, OUTBOX, Packer};
use crate::stream::{EventRecord, Facts, FlushType, Parcel, publishes, write_event};
use crate::table::{ColumnSet, Value};

/// The events of a flush or a transaction.
#[derive(Default)]
pub(super) struct Events {
    /// Those of background streams, for each sender, which packs them.
    background: Vec<Facts>,
    /// Those of durable streams, for each way from a database to a Redis pool.
    durable: Vec<Packer>,
    /// Events that could not be written.
    problems: Vec<Error>,
    /// Makes the ids of durable events: random once, then counted, which costs a tenth.
    ids: ulid::Generator,
    /// Room for the values and the bytes of one event.
    values: Vec<(usize, Value, Value)>,
    payload: Vec<u8>,
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

/// What an event tells of, beside values.
struct Told<'a> {
    operation: Operation,
    key: &'a Value,
    changed: ColumnSet,
}

/// The columns of a change that events show.
fn shown(change: &Change, shape: &Shape) -> ColumnSet {
    shape.columns.without(&change.def.internal())
}

/// Whether a flush has events of durable streams, which are written in its transaction.
pub(super) fn has_durable(runtime: &Runtime, frozen: &Frozen) -> bool {
    !runtime.outboxes.is_empty()
        && frozen.changes.iter().any(|change| {
            let table = runtime.registered(change.place.table as usize);
            table.is_some_and(|table| {
                let flush = flush_type(change.operation);
                let mut durable = table.streams.iter().filter(|routed| routed.outbox.is_some());
                durable.any(|routed| {
                    publishes(
                        table.def,
                        routed.publication,
                        flush,
                        &shown(change, frozen.shape(change)),
                    )
                })
            })
        })
}

/// The events of frozen changes whose statements have run, in the order of the plan. The values that events show move
/// into them, but for those that the entities get back.
pub(super) fn of_frozen(runtime: &Runtime, frozen: &mut Frozen, plan: &Plan) -> Result<Events> {
    let mut events = Events::new(runtime);
    let Frozen {
        changes,
        values,
        shapes,
        ..
    } = frozen;
    for step in &plan.steps {
        // All changes of a step are of one table.
        let table = step.first().map(|&i| changes[i].place.table as usize);
        let table = table.and_then(|table| runtime.registered(table));
        let Some(table) = table.filter(|table| !table.streams.is_empty()) else {
            continue;
        };
        for change in step.iter().map(|&i| &changes[i]) {
            let shape = shapes.of(change);
            let told = Told {
                operation: change.operation,
                key: &change.key,
                changed: shown(change, shape),
            };
            events.add(table, &told, change.take_visible(shape, values))?;
        }
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
        let told = Told {
            operation: change.operation,
            key: &change.key,
            changed: change.changed,
        };
        events.add(table, &told, change.values.iter().cloned())?;
    }
    Ok(events)
}

impl Events {
    fn new(runtime: &Runtime) -> Self {
        let mut events = Events::default();
        events.background.resize_with(runtime.senders.len(), Facts::default);
        events.durable.resize_with(runtime.outboxes.len(), Packer::default);
        events
    }

    /// Adds the events of a change. One that cannot be written stops a durable stream's flush; of a
    /// background stream it is told.
    fn add(
        &mut self,
        table: &Registered,
        told: &Told<'_>,
        values: impl Iterator<Item = (usize, Value, Value)>,
    ) -> Result<()> {
        let flush = flush_type(told.operation);
        let publishes = |routed: &&Routed| publishes(table.def, routed.publication, flush, &told.changed);
        let mut streams = table.streams.iter().filter(publishes);
        let Some(first) = streams.next() else { return Ok(()) };
        if first.outbox.is_none() && streams.clone().next().is_none() {
            self.add_background(table, told, first, values);
            return Ok(());
        }
        let mut all = std::mem::take(&mut self.values);
        all.extend(values);
        for routed in std::iter::once(first).chain(streams) {
            match routed.outbox {
                Some(outbox) => self.add_durable(table, told, routed, outbox, &all)?,
                None => self.add_background(table, told, routed, all.iter().cloned()),
            }
        }
        all.clear();
        self.values = all;
        Ok(())
    }

    fn add_background(
        &mut self,
        table: &Registered,
        told: &Told<'_>,
        routed: &Routed,
        values: impl Iterator<Item = (usize, Value, Value)>,
    ) {
        let Some(facts) = self.background.get_mut(routed.sender) else {
            return;
        };
        match facts.changed(values) {
            Ok(values) => {
                let stream = &routed.publication.stream;
                facts.add(stream, table.def, told.key, flush_type(told.operation), values);
            }
            Err(error) => self.problems.push(error),
        }
    }

    fn add_durable(
        &mut self,
        table: &Registered,
        told: &Told<'_>,
        routed: &Routed,
        outbox: usize,
        values: &[(usize, Value, Value)],
    ) -> Result<()> {
        let record = EventRecord {
            table: table.def,
            key: told.key,
            flush: flush_type(told.operation),
            changes: values,
        };
        let stream = &routed.publication.stream;
        self.payload.clear();
        write_event(&mut self.payload, &record, stream.wire_format())?;
        if let Some(packer) = self.durable.get_mut(outbox) {
            let id = self.ids.generate().unwrap_or_else(|_| ulid::Ulid::generate());
            packer.push(stream, id.array_to_str(&mut [0; ulid::ULID_LEN]), &self.payload);
        }
        Ok(())
    }

    /// Forgets the events of other MySQL pools than these, whose transactions were not committed.
    pub(super) fn keep_pools(&mut self, runtime: &Runtime, pools: &[usize]) {
        for (route, events) in runtime.outboxes.iter().zip(&mut self.durable) {
            if !pools.contains(&route.mysql) {
                *events = Packer::default();
            }
        }
        for facts in &mut self.background {
            facts.retain(|table| {
                let registered = runtime.named(table.name);
                registered.is_some_and(|(_, registered)| pools.contains(&registered.mysql))
            });
        }
    }

    /// Writes the events of durable streams to the outbox, on the connections of the transaction.
    //
    // The last statements before COMMIT: by then the transaction has locked every row it changed, and so its rows
    // of the outbox get ids after those of whoever changed them before. See "The outbox" in ARCHITECTURE.md.
    pub(super) fn write_durable(&mut self, runtime: &Runtime, transaction: &mut Transaction) -> Result<()> {
        for (route, events) in runtime.outboxes.iter().zip(&mut self.durable) {
            if events.count() == 0 {
                continue;
            }
            let connection = transaction.connection(runtime, route.mysql)?;
            for body in events.take() {
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
            if events.count() > 0 {
                published.events += events.count();
                route.wake();
            }
        }
        for (sender, facts) in runtime.senders.iter().zip(self.background) {
            let events = facts.len() as u64;
            match sender.send(Parcel::Facts(facts)) {
                Ok(()) => published.events += events,
                Err(error) => published.problems.push(error),
            }
        }
        published
    }
}
