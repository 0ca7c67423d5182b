//! What goes with the statements: the rows that they touch, their events, and the changes for past-tense hooks.

use std::collections::HashMap;

use super::recorder::Recorders;
use crate::error::Result;
use crate::runtime::{Registered, Runtime};
use crate::session::after;
use crate::session::committed::Operation;
use crate::session::core::{Core, Place};
use crate::session::frozen::{Change, Frozen};
use crate::session::plan::Plan;
use crate::session::publish::flush_type;
use crate::session::target::Targets;
use crate::session::ties::unique_tuples;
use crate::stream::operation::{Before, Touch, touch, touch_row};
use crate::stream::wire::Draft;
use crate::stream::{EventRecord, publishes, write_event};
use crate::table::{Reference, Value};

/// Notes what each operation writes (rows, values of unique indexes) and what it relies on (rows referred to): the
/// consumer keeps those in order that have something in common. Before the statements, which take the values.
pub(super) fn touches(core: &Core, frozen: &Frozen, recorders: &mut Recorders) -> Result<()> {
    let runtime = &core.runtime;
    let mut keys: HashMap<Place, &Value> = HashMap::new();
    if !frozen.pending.is_empty() {
        let inserts = frozen.changes.iter().filter(|change| change.is_insert());
        keys.extend(inserts.map(|change| (change.place, &change.key)));
    }
    // Changes of a table stand together.
    for changes in frozen.changes.chunk_by(|a, b| a.place.table == b.place.table) {
        let Some(table) = runtime.registered(changes[0].place.table as usize) else {
            continue;
        };
        let draft = &mut recorders.of(runtime, table.mysql)?.draft;
        let def = table.def;
        let rows = Touch::rows_of(def.name);
        let references: Vec<(usize, &Reference)> = def
            .columns
            .iter()
            .enumerate()
            .filter_map(|(n, c)| Some((n, c.reference.as_ref()?)))
            .collect();
        let is_plain = references.is_empty() && !def.indexes.iter().any(|index| index.unique);
        draft.writes.reserve(changes.len());
        for change in changes {
            draft.writes.push(rows.row(&change.key));
            if is_plain {
                continue;
            }
            unique_tuples(frozen, change, |index, values| {
                let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
                draft.writes.push(touch(def.name, index, &values));
            });
            for &(column, reference) in &references {
                let waiting = frozen.pending[change.pending.clone()]
                    .iter()
                    .find(|pending| pending.column == column)
                    .and_then(|pending| keys.get(&pending.target).copied());
                let new = waiting.or_else(|| frozen.new_value(change, column));
                if let Some(value) = new.filter(|value| !value.is_null()) {
                    draft.reads.push(touch_row((reference.table)().name, value));
                }
            }
            // A reference that is given up lets others go on as well.
            if !change.is_insert() && !references.is_empty() {
                // `deleted` is given the entity as it stood in the session, edits that were never stored included.
                let row = (table.ops.row)(core, change.place.slot, change.is_delete());
                for &(column, reference) in &references {
                    if (change.is_delete() || frozen.shape(change).columns.has(column))
                        && let Some(value) = row.get(column).filter(|value| !value.is_null())
                    {
                        draft.reads.push(touch_row((reference.table)().name, value));
                    }
                }
            }
        }
    }
    Ok(())
}

/// The changes of a step with their table, where that has streams.
fn told<'a>(
    runtime: &'a Runtime,
    frozen: &'a Frozen,
    step: &'a [usize],
) -> impl Iterator<Item = (&'a Registered, &'a Change)> {
    // All changes of a step are of one table.
    let table = step.first().map(|&i| frozen.changes[i].place.table as usize);
    let table = table.and_then(|table| runtime.registered(table));
    let table = table.filter(|table| !table.streams.is_empty());
    let changes = step.iter().map(|&i| &frozen.changes[i]);
    table
        .into_iter()
        .flat_map(move |table| changes.clone().map(move |change| (table, change)))
}

/// Adds the events of all changes, in the order of the plan; how many there are.
pub(super) fn events(runtime: &Runtime, frozen: &Frozen, plan: &Plan, recorders: &mut Recorders) -> Result<u64> {
    // The consumer writes them as their streams want them.
    let wire = recorders.wire();
    let mut count = 0;
    let mut payload = Vec::with_capacity(128);
    for (table, change) in plan.steps.iter().flat_map(|step| told(runtime, frozen, step)) {
        let changes = frozen.visible(change);
        let changed = frozen.shape(change).columns.without(&change.def.internal());
        let flush = flush_type(change.operation);
        let draft = &mut recorders.of(runtime, table.mysql)?.draft;
        for routed in &table.streams {
            if !publishes(table.def, routed.publication, flush, &changed) {
                continue;
            }
            let record = EventRecord {
                table: table.def,
                key: &change.key,
                flush,
                changes: &changes,
            };
            payload.clear();
            let stream = &routed.publication.stream;
            write_event(&mut payload, &record, wire)?;
            draft.event(stream.name(), &payload)?;
            count += 1;
        }
    }
    Ok(count)
}

/// Adds the changes that past-tense hooks may want to see, in the order of the plan.
pub(super) fn changes(core: &Core, frozen: &Frozen, plan: &Plan, recorders: &mut Recorders) -> Result<()> {
    if core.without_hooks {
        return Ok(());
    }
    let runtime = &core.runtime;
    // Changes of a step are of one table, and all or none of them inserts.
    let wanted = |step: &&Vec<usize>| {
        let mut changes = step.iter().map(|&i| &frozen.changes[i]).peekable();
        let alike = changes.peek().is_some_and(|first| first.is_insert());
        changes.take(if alike { 1 } else { step.len() }).any(|change| {
            let table = runtime.registered(change.place.table as usize);
            table.is_some_and(|table| table.may_have(after::bits(change.operation)))
        })
    };
    let steps: Vec<&Vec<usize>> = plan.steps.iter().filter(wanted).collect();
    if steps.is_empty() {
        return Ok(());
    }
    let mut statements: Vec<Option<usize>> = vec![None; frozen.changes.len()];
    for &(first, query) in recorders.all().flat_map(|recorder| recorder.inserted.iter()) {
        statements[first] = Some(query);
    }
    for step in steps {
        let Some(first) = step.first().map(|&i| &frozen.changes[i]) else {
            continue;
        };
        let Some(table) = runtime.registered(first.place.table as usize) else {
            continue;
        };
        let draft = &mut recorders.of(runtime, table.mysql)?.draft;
        if first.is_insert() {
            // The first stands for all rows of its statement.
            for query in step.iter().filter_map(|&i| statements[i]) {
                draft.inserted(first.def, code(first.operation), query)?;
            }
            continue;
        }
        written_changes(core, frozen, table, step, draft)?;
    }
    Ok(())
}

/// Adds changes of a table that are no inserts.
fn written_changes(core: &Core, frozen: &Frozen, table: &Registered, step: &[usize], draft: &mut Draft) -> Result<()> {
    for change in step.iter().map(|&i| &frozen.changes[i]) {
        if !table.may_have(after::bits(change.operation)) {
            continue;
        }
        let operation = code(change.operation);
        // `deleted` is given the entity as it stood in the session, edits that were never stored included.
        let row = (table.ops.row)(core, change.place.slot, change.is_delete());
        draft.changed(&Before {
            table: change.def,
            operation,
            row: &row,
            written: &written(frozen, change),
        })?;
    }
    Ok(())
}

fn written<'a>(frozen: &'a Frozen, change: &Change) -> Vec<(usize, &'a Value)> {
    let new = &frozen.values[change.new_values()];
    frozen.shape(change).columns.iter().zip(new).collect()
}

/// How an operation is written.
fn code(operation: Operation) -> u8 {
    match operation {
        Operation::Insert => 1,
        Operation::Update => 2,
        Operation::Delete => 3,
        Operation::Trash => 4,
        Operation::Restore => 5,
        Operation::ForceDelete => 6,
    }
}

/// The operation that was written so.
pub(super) fn operation(code: u8) -> Option<Operation> {
    Some(match code {
        1 => Operation::Insert,
        2 => Operation::Update,
        3 => Operation::Delete,
        4 => Operation::Trash,
        5 => Operation::Restore,
        6 => Operation::ForceDelete,
        _ => return None,
    })
}
