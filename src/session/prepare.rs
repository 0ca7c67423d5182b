//! From what was touched to a plan: collect, before-hooks, freeze, order; and what was touched for nothing.

use std::cmp::Ordering;

use super::before;
use super::committed::Operation;
use super::core::{Core, Place};
use super::frozen::{Change, Frozen};
use super::plan::{self, Action, Node, Plan};
use super::queue::Queueing;
use super::ties::{Why, ties};
use crate::error::{Error, ErrorKind, Result};
use crate::table::CivilDateTime;

/// What is to be written, and in which order.
pub(super) struct Prepared {
    pub(super) frozen: Frozen,
    pub(super) plan: Plan,
    pub(super) broken: Vec<Broken>,
}

/// Runs the before-hooks, freezes and plans; `None` when nothing is to be written.
pub(super) fn prepare(core: &mut Core, queueing: Option<Queueing>) -> Result<Option<Prepared>> {
    if core.touched.is_empty() {
        return Ok(None);
    }
    // Before they are put into their order: whoever reads more than it writes does so often.
    if !before::is_any_open(core) {
        settle(core, 0);
        return Ok(None);
    }
    let touched = collect(core);
    if !before::run(core, &touched)? {
        settle(core, 0);
        return Ok(None);
    }
    let frozen = freeze(core, touched, queueing)?;
    if frozen.changes.is_empty() {
        settle(core, 0);
        return Ok(None);
    }
    let (plan, broken) = make_plan(core, &frozen)?;
    Ok(Some(Prepared { frozen, plan, broken }))
}

/// The touched entities: tables parents first, in a table stored rows by key, then new ones as they came.
fn collect(core: &mut Core) -> Vec<Place> {
    let runtime = core.runtime.clone();
    let mut touched = std::mem::take(&mut core.touched);
    let sort = |places: &mut Vec<Place>| match places.first().map(|at| runtime.registered(at.table as usize)) {
        Some(Some(registered)) => (registered.ops.sort)(core, places),
        // Told by `freeze`, which names the table.
        _ => places.retain(|&at| core.holds(at)),
    };
    if touched.windows(2).all(|pair| pair[0].table == pair[1].table) {
        sort(&mut touched);
    } else {
        let mut tables: Vec<u32> = touched.iter().map(|place| place.table).collect();
        tables.sort_unstable();
        tables.dedup();
        tables.sort_by_key(|&table| runtime.registered(table as usize).map_or(u32::MAX, |t| t.rank));
        let all = std::mem::take(&mut touched);
        for table in tables {
            let mut places: Vec<Place> = all.iter().filter(|place| place.table == table).copied().collect();
            sort(&mut places);
            touched.append(&mut places);
        }
    }
    core.touched.clone_from(&touched);
    touched
}

/// Freezes everything that was touched, by the hooks too.
fn freeze(core: &mut Core, touched: Vec<Place>, queueing: Option<Queueing>) -> Result<Frozen> {
    let places = if core.touched == touched {
        touched
    } else {
        collect(core)
    };
    let runtime = core.runtime.clone();
    let mut frozen = core.spare.take().map_or_else(Frozen::default, |spare| *spare);
    frozen.now = CivilDateTime::now();
    let rows = std::mem::take(&mut frozen.rows);
    frozen.rows = match &queueing {
        Some(queueing) => rows.queued(queueing.wire),
        None => rows.bound(),
    };
    frozen.queueing = queueing;
    frozen.changes.reserve(places.len());
    for places in places.chunk_by(|a, b| a.table == b.table) {
        let table = places[0].table;
        let Some(registered) = runtime.registered(table as usize) else {
            return Err(Error::new(ErrorKind::NotRegistered {
                table: core.table_name(table),
            }));
        };
        (registered.ops.freeze)(core, places, &mut frozen)?;
    }
    if let Some(queueing) = &mut frozen.queueing {
        queueing.keys.give_back();
    }
    Ok(frozen)
}

/// A tie that the plan broke, as what has to be done about it.
pub(super) enum Broken {
    /// The reference at this position of [`Frozen::pending`], of this change, is filled in later.
    FillIn { change: usize, pending: usize },
    /// This change's row gets another value in the index before all else.
    Park { change: usize, index: usize },
    /// This row, which is deleted later, takes back a reference before all else.
    Release { change: usize, column: usize },
}

/// Whether all changes share a statement and stand in their order already, as most often they do.
fn are_in_order(changes: &[Change]) -> bool {
    let shares = |a: &Change, b: &Change| {
        a.place.table == b.place.table && action(a) == action(b) && (a.is_delete() || a.shape == b.shape)
    };
    changes.windows(2).all(|pair| {
        let (a, b) = (&pair[0], &pair[1]);
        shares(a, b) && (a.is_insert() || plan::compare_keys(&a.key, &b.key) != Ordering::Greater)
    })
}

/// What kind of statement a change needs.
fn action(change: &Change) -> Action {
    match change.operation {
        Operation::Insert => Action::Insert,
        Operation::Update | Operation::Trash | Operation::Restore => Action::Update,
        Operation::Delete | Operation::ForceDelete => Action::Delete,
    }
}

fn make_plan(core: &Core, frozen: &Frozen) -> Result<(Plan, Vec<Broken>)> {
    let is_in_order = are_in_order(&frozen.changes);
    let all_in_one = || Ok((Plan::of_one(frozen.changes.len()), Vec::new()));
    // Whatever is inserted alone, or the one row that is updated, waits for nothing. Of several rows that are updated one
    // may take a value that another gives up, and one that is deleted may have to give up a reference to itself first.
    let is_free = match &frozen.changes[..] {
        [one] => !one.is_delete(),
        [first, ..] => first.is_insert(),
        [] => false,
    };
    if is_in_order && is_free && frozen.pending.is_empty() {
        return all_in_one();
    }
    let rank = |change: &Change| {
        core.runtime
            .registered(change.place.table as usize)
            .map_or(u32::MAX, |t| t.rank)
    };
    let nodes = frozen.changes.iter().map(|change| Node {
        rank: rank(change),
        action: action(change),
        shape: &frozen.shape(change).columns,
        key: &change.key,
    });
    let (ties, why) = ties(frozen);
    if ties.is_empty() && is_in_order {
        return all_in_one();
    }
    let nodes: Vec<Node<'_>> = nodes.collect();
    let plan = plan::plan(&nodes, &ties).map_err(|circle| {
        let name = |&i: &usize| {
            let change: &Change = &frozen.changes[i];
            let table = core.runtime.registered(change.place.table as usize);
            let key = table
                .map(|table| (table.ops.name)(core, change.place.slot))
                .unwrap_or_default();
            format!("{} {key}", change.def.name)
        };
        Error::new(ErrorKind::ReferenceCycle {
            entities: circle.iter().map(name).collect(),
        })
    })?;
    let broken = plan.broken.iter().filter_map(|&tie| match why[tie] {
        Why::Reference(pending) => Some(Broken::FillIn {
            change: ties[tie].after,
            pending,
        }),
        Why::Unique(index) => Some(Broken::Park {
            change: ties[tie].before,
            index,
        }),
        Why::Child(column) => {
            let change = ties[tie].before;
            let about = &frozen.changes[change].def.columns[column];
            let checked = about.reference.is_some_and(|reference| reference.constraint.is_some());
            checked.then_some(Broken::Release { change, column })
        }
        Why::Delete => None,
    });
    let broken = broken.collect();
    Ok((plan, broken))
}

/// The longest list of touched entities whose memory is kept: of 1 MB.
const KEPT: usize = 131_072;

/// What was touched but not changed is clean again; so many were changed, and accepted as that.
pub(super) fn settle(core: &mut Core, changed: usize) {
    let runtime = core.runtime.clone();
    let mut touched = std::mem::take(&mut core.touched);
    if touched.len() != changed {
        for places in touched.chunk_by(|a, b| a.table == b.table) {
            if let Some(table) = runtime.registered(places[0].table as usize) {
                (table.ops.settle)(core, places);
            }
        }
    }
    // The memory of a list that is not too long is for the next.
    if touched.capacity() <= KEPT {
        touched.clear();
        core.touched = touched;
    }
}
