//! Events: one for each change and stream that wants it; those of durable streams are written before the commit, the
//! others handed to the senders after it.

use super::accept::Accepted;
use super::committed::Operation;
use super::frozen::{Change, Frozen, Shape, ShapeId, Shapes, Shown};
use super::plan::Plan;
use super::transaction::Transaction;
use crate::error::{Error, Result};
use crate::runtime::{Registered, Routed, Runtime};
use crate::stream::outbox::{self, OUTBOX, Packer};
use crate::stream::{EventKind, Facts, Flat, FlushType, Ids, Parcel, Values, publishes};
use crate::table::{ColumnSet, Value, ValueRef};

/// The events of a flush or a transaction.
#[derive(Default)]
pub(super) struct Events {
    /// Those of background streams, for each sender, which packs them.
    background: Vec<Facts>,
    /// Those of durable streams, for each way from a database to a Redis pool.
    durable: Vec<Packer>,
    /// Events that could not be written.
    problems: Vec<Error>,
    /// Makes the ids of durable events.
    ids: Ids,
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

/// What the events of changes of a table have in common whose operation and columns are the same.
struct Alike<'a> {
    table: &'a Registered,
    operation: Operation,
    shape: (ShapeId, &'a Shape),
    flush: FlushType,
    /// The columns that changed and that events may show.
    changed: ColumnSet,
}

impl<'a> Alike<'a> {
    fn of(table: &'a Registered, change: &Change, shape: &'a Shape) -> Self {
        Alike {
            table,
            operation: change.operation,
            shape: (change.shape, shape),
            flush: flush_type(change.operation),
            changed: shown(change, shape),
        }
    }

    /// The streams that hear of them.
    fn streams(&self) -> impl Iterator<Item = &'a Routed> + Clone {
        hearing(self.table, self.flush, self.changed)
    }

    /// Whether no event of them needs a transaction.
    fn are_background(&self) -> bool {
        self.streams().all(|routed| routed.outbox.is_none())
    }

    /// Their events for one of the streams.
    fn events_for(&self, routed: &Routed) -> EventKind {
        EventKind {
            stream: &routed.publication.stream,
            table: self.table.def,
            flush: self.flush,
            columns: match self.flush {
                FlushType::Update => self.changed,
                FlushType::Insert | FlushType::Delete => ColumnSet::EMPTY,
            },
        }
    }

    fn has(&self, change: &Change, shapes: &Shapes) -> bool {
        let (id, shape) = self.shape;
        // Where others stood between them, equal shapes have two places.
        self.operation == change.operation && (id == change.shape || shape == shapes.of(change))
    }
}

/// The streams of a table that hear of a change of these columns.
fn hearing(table: &Registered, flush: FlushType, changed: ColumnSet) -> impl Iterator<Item = &Routed> + Clone {
    let streams = table.streams.iter();
    streams.filter(move |routed| publishes(table.def, routed.publication, flush, &changed))
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

/// The events of frozen changes whose statements have run, in the order of the plan.
pub(super) fn of_frozen(runtime: &Runtime, frozen: &Frozen, plan: &Plan) -> Result<Events> {
    let mut events = Events::default();
    // Then none of the changes need be looked at: the server's work has put them out of the caches.
    let all_alike = frozen.are_all_alike();
    let Frozen {
        changes,
        values,
        shapes,
        facts,
        ..
    } = frozen;
    for step in &plan.steps {
        // All changes of a step are of one table.
        let table = step.first().map(|&i| changes[i].place.table as usize);
        let table = table.and_then(|table| runtime.registered(table));
        let Some(table) = table.filter(|table| !table.streams.is_empty()) else {
            continue;
        };
        events.begin(runtime);
        // Most changes of a step are heard of by the same streams, and show the same columns.
        let mut rest = step.as_slice();
        while let Some(first) = rest.first().map(|&i| &changes[i]) {
            let alike = Alike::of(table, first, shapes.of(first));
            if all_alike && alike.are_background() && rest.iter().copied().eq(0..changes.len()) {
                events.add_written(&alike, facts.get(0..facts.end()), rest.len());
                break;
            }
            let count = rest.iter().take_while(|&&i| alike.has(&changes[i], shapes)).count();
            let (these, later) = rest.split_at(count);
            let these = these.iter().map(|&i| &changes[i]);
            events.add(&alike, these, (shapes, values, facts))?;
            rest = later;
        }
    }
    Ok(events)
}

/// The events of accepted changes.
pub(super) fn of_accepted(runtime: &Runtime, accepted: &[Accepted]) -> Result<Events> {
    let mut events = Events::default();
    // Most changes that follow each other are heard of by the same streams, and show the same columns.
    for alike in accepted.chunk_by(is_told_alike) {
        let table = runtime.registered(alike[0].place.table as usize);
        if let Some(table) = table.filter(|table| !table.streams.is_empty()) {
            events.begin(runtime);
            events.add_accepted(table, alike)?;
        }
    }
    Ok(events)
}

/// Whether the events of two accepted changes differ in keys and values only.
fn is_told_alike(a: &Accepted, b: &Accepted) -> bool {
    a.place.table == b.place.table
        && flush_type(a.operation) == flush_type(b.operation)
        && a.changed == b.changed
        && columns_of(a) == columns_of(b)
}

/// The columns that the event of an accepted change shows: none, but of an update.
fn columns_of(change: &Accepted) -> ColumnSet {
    let is_update = flush_type(change.operation) == FlushType::Update;
    let columns = change.values.iter().map(|(column, ..)| *column);
    columns.filter(|_| is_update).collect()
}

impl Events {
    /// Makes room for events, the first time that a table has streams.
    #[inline]
    fn begin(&mut self, runtime: &Runtime) {
        if self.background.len() < runtime.senders.len() || self.durable.len() < runtime.outboxes.len() {
            self.background.resize_with(runtime.senders.len(), Facts::default);
            self.durable.resize_with(runtime.outboxes.len(), Packer::default);
        }
    }

    /// Adds so many events of changes alike for background streams, whose facts stand together.
    fn add_written(&mut self, alike: &Alike<'_>, written: &[u8], count: usize) {
        for routed in alike.streams() {
            if let Some(facts) = self.background.get_mut(routed.sender) {
                facts.begin(alike.events_for(routed), 0);
                facts.events(written, count);
            }
        }
    }

    /// Adds the events of changes alike, one stream after the other. One that cannot be written stops a durable stream's
    /// flush; of a background stream it is told.
    fn add<'a>(
        &mut self,
        alike: &Alike<'_>,
        changes: impl ExactSizeIterator<Item = &'a Change> + Clone,
        (shapes, values, written): (&Shapes, &[Value], &Flat),
    ) -> Result<()> {
        for routed in alike.streams() {
            match routed.outbox {
                Some(outbox) => self.add_durable(alike, changes.clone(), (shapes, values, written), routed, outbox)?,
                None => self.add_background(alike, changes.clone(), (shapes, values, written), routed),
            }
        }
        Ok(())
    }

    /// Adds the events of changes alike for a background stream.
    fn add_background<'a>(
        &mut self,
        alike: &Alike<'_>,
        changes: impl ExactSizeIterator<Item = &'a Change> + Clone,
        (shapes, values, written): (&Shapes, &[Value], &Flat),
        routed: &Routed,
    ) {
        let Some(facts) = self.background.get_mut(routed.sender) else {
            return;
        };
        // Those that are written already come all at once.
        let is_written = changes.clone().next().is_some_and(|change| !change.fact.is_empty());
        let one_by_one = if is_written { 0 } else { changes.len() };
        facts.begin(alike.events_for(routed), one_by_one);
        // Those that follow each other are taken together.
        let (mut run, mut count) = (0..0, 0);
        for change in changes {
            if !change.fact.is_empty() {
                if change.fact.start != run.end {
                    facts.events(written.get(run), std::mem::take(&mut count));
                    run = change.fact.start..change.fact.start;
                }
                run.end = change.fact.end;
                count += 1;
                continue;
            }
            facts.events(written.get(std::mem::take(&mut run)), std::mem::take(&mut count));
            let shown: Vec<Shown> = change.shown(shapes.of(change)).collect();
            let added = facts.event(&change.key, change.shown_values(&shown, values));
            self.problems.extend(added.err());
        }
        facts.events(written.get(run), count);
    }

    /// Adds the events of changes alike for a durable stream.
    fn add_durable<'a>(
        &mut self,
        alike: &Alike<'_>,
        mut changes: impl Iterator<Item = &'a Change> + Clone,
        (shapes, values, written): (&Shapes, &[Value], &Flat),
        routed: &Routed,
        outbox: usize,
    ) -> Result<()> {
        let Some(packer) = self.durable.get_mut(outbox) else {
            return Ok(());
        };
        let shown = changes.clone().next().map(|first| first.shown(shapes.of(first)));
        let shown: Vec<Shown> = shown.into_iter().flatten().collect();
        packer.begin(alike.events_for(routed))?;
        let ids = &mut self.ids;
        changes.try_for_each(|change| {
            let mut written = Values(written.get(change.fact.clone()));
            if let Some(key) = written.next() {
                let pairs = std::iter::from_fn(|| Some((written.next()?, written.next()?)));
                return packer.event(ids.next(), &key, pairs);
            }
            let values = change.shown_values(&shown, values);
            let values = values.map(|(old, new)| (ValueRef::of(old), ValueRef::of(new)));
            packer.event(ids.next(), &ValueRef::of(&change.key), values)
        })
    }

    /// Adds the events of accepted changes [alike](is_told_alike), one stream after the other.
    fn add_accepted(&mut self, table: &Registered, alike: &[Accepted]) -> Result<()> {
        let Some(first) = alike.first() else { return Ok(()) };
        let flush = flush_type(first.operation);
        let columns = columns_of(first);
        for routed in hearing(table, flush, first.changed) {
            let kind = EventKind {
                stream: &routed.publication.stream,
                table: table.def,
                flush,
                columns,
            };
            let shown = columns.len();
            if let Some(outbox) = routed.outbox {
                let Some(packer) = self.durable.get_mut(outbox) else {
                    continue;
                };
                packer.begin(kind)?;
                for change in alike {
                    let told = change
                        .values
                        .iter()
                        .take(shown)
                        .map(|(_, old, new)| (ValueRef::of(old), ValueRef::of(new)));
                    packer.event(self.ids.next(), &ValueRef::of(&change.key), told)?;
                }
            } else if let Some(facts) = self.background.get_mut(routed.sender) {
                facts.begin(kind, alike.len());
                for change in alike {
                    let added = facts.event(
                        &change.key,
                        change.values.iter().take(shown).map(|(_, old, new)| (old, new)),
                    );
                    self.problems.extend(added.err());
                }
            }
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
