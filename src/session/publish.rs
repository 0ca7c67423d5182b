//! Events: one for each committed change and stream that wants it, handed to the senders.

use super::accept::Accepted;
use super::committed::Operation;
use crate::error::{Error, Result};
use crate::runtime::Runtime;
use crate::stream::{EventRecord, FlushType, Outgoing, publishes, write_event};

/// What became of the events of a flush.
#[derive(Debug, Default)]
pub(super) struct Published {
    pub(super) events: u64,
    /// What the senders could not take.
    pub(super) problems: Vec<Error>,
}

/// How streams see an operation: a soft delete is a delete, a restore an update.
fn flush_type(operation: Operation) -> FlushType {
    match operation {
        Operation::Insert => FlushType::Insert,
        Operation::Update | Operation::Restore => FlushType::Update,
        Operation::Delete | Operation::Trash | Operation::ForceDelete => FlushType::Delete,
    }
}

/// Publishes the committed changes: one send for each Redis pool.
pub(super) fn publish(runtime: &Runtime, accepted: &[Accepted]) -> Published {
    let mut batches: Vec<Vec<Outgoing>> = Vec::new();
    batches.resize_with(runtime.senders.len(), Vec::new);
    let mut published = Published::default();
    // One for all: random once, then counted, which costs a tenth.
    let mut ids = ulid::Generator::new();
    for change in accepted {
        if let Err(error) = events_of(runtime, change, &mut batches, &mut ids) {
            published.problems.push(error);
        }
    }
    for (sender, batch) in runtime.senders.iter().zip(batches) {
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

fn events_of(
    runtime: &Runtime,
    change: &Accepted,
    batches: &mut [Vec<Outgoing>],
    ids: &mut ulid::Generator,
) -> Result<()> {
    let Some(table) = runtime.registered(change.place.table as usize) else {
        return Ok(());
    };
    let flush = flush_type(change.operation);
    for routed in &table.streams {
        if !publishes(table.def, routed.publication, flush, &change.changed) {
            continue;
        }
        let record = EventRecord {
            table: table.def,
            key: &change.key,
            flush,
            changes: &change.values,
        };
        // Most events fit.
        let mut payload = Vec::with_capacity(192);
        let stream = &routed.publication.stream;
        write_event(&mut payload, &record, stream.wire_format())?;
        if let Some(batch) = batches.get_mut(routed.sender) {
            // Counted past the end of its random part, which nobody will see, it is made anew.
            let id = ids.generate().unwrap_or_else(|_| ulid::Ulid::generate());
            batch.push(Outgoing::new(stream, id.to_string(), payload));
        }
    }
    Ok(())
}
