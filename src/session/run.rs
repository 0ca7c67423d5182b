//! Runs a plan's statements in their order: what a circle needs first, the steps, what is filled in last.

use super::core::Place;
use super::execute::{self, Failed};
use super::frozen::Frozen;
use super::plan::Plan;
use super::prepare::Broken;
use super::target::Targets;
use super::ties::parking_place;
use crate::error::{Error, Result};
use crate::runtime::Runtime;
use crate::table::Value;

/// Runs the plan, or has it written down.
pub(super) fn execute_all<T: Targets>(
    runtime: &Runtime,
    targets: &mut T,
    frozen: &mut Frozen,
    plan: &Plan,
    broken: &[Broken],
) -> Result<u64, Failed> {
    let mut statements = 0;
    for action in broken {
        let (change, parked) = match *action {
            Broken::FillIn { .. } => continue,
            Broken::Park { change, index } => {
                let giver = &frozen.changes[change];
                let columns = giver.def.indexes.get(index).map_or(&[][..], |index| index.columns);
                (change, parking_place(frozen, giver, columns))
            }
            Broken::Release { change, column } => (change, Some((column, Value::Null))),
        };
        if let Some((column, value)) = parked {
            let change = &frozen.changes[change];
            let connection = targets.of(runtime, runtime.mysql_of(change.place.table))?;
            execute::park(connection, change, column, value)?;
            statements += 1;
        }
    }
    let inserted: std::collections::HashMap<Place, usize> = if frozen.pending.is_empty() {
        std::collections::HashMap::new()
    } else {
        frozen
            .changes
            .iter()
            .enumerate()
            .filter(|(_, c)| c.is_insert())
            .map(|(i, c)| (c.place, i))
            .collect()
    };
    let later: Vec<usize> = broken
        .iter()
        .filter_map(|b| {
            if let Broken::FillIn { pending, .. } = b {
                Some(*pending)
            } else {
                None
            }
        })
        .collect();
    for step in &plan.steps {
        // Most often nothing waits.
        let waiting = if frozen.pending.is_empty() {
            &[]
        } else {
            step.as_slice()
        };
        for &i in waiting {
            for position in frozen.changes[i].pending.clone() {
                if later.contains(&position) {
                    continue;
                }
                let pending = frozen.pending[position];
                frozen.values[pending.value] = key_of_inserted(frozen, &inserted, pending.target)?;
            }
        }
        let connection = targets.of(runtime, runtime.mysql_of(frozen.changes[step[0]].place.table))?;
        statements += execute::step(connection, frozen, step)?;
    }
    for action in broken {
        let Broken::FillIn { change, pending } = action else {
            continue;
        };
        let pending = frozen.pending[*pending];
        let key = key_of_inserted(frozen, &inserted, pending.target)?;
        let connection = targets.of(runtime, runtime.mysql_of(frozen.changes[*change].place.table))?;
        execute::fill_in(connection, &frozen.changes[*change], pending.column, &key)?;
        frozen.values[pending.value] = key;
        statements += 1;
    }
    Ok(statements)
}

fn key_of_inserted(
    frozen: &Frozen,
    inserted: &std::collections::HashMap<Place, usize>,
    target: Place,
) -> Result<Value> {
    let change = inserted
        .get(&target)
        .map(|&i| &frozen.changes[i])
        .filter(|change| !change.key.is_null());
    change
        .map(|change| change.key.clone())
        .ok_or_else(|| Error::config("a reference waits for an entity that this flush does not insert"))
}
