//! The order of a flush's changes and their grouping into statements. Pure: no I/O, no clock, no hash order.
//!
//! Without ties between rows the order is: inserts (parents before children, then as inserted), updates
//! (by table, written columns, key), deletes (children before parents, by key). Ties — a reference to a row
//! that the same flush inserts, a unique value that one row gives up and another takes — move exactly the
//! rows they concern. Same changes, same order, every time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::table::{ColumnSet, Value};

/// What kind of statement a change needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Action {
    Insert,
    Update,
    Delete,
}

/// What the plan needs to know of one change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a> {
    /// The place of its table among the tables: parents before children.
    pub(crate) rank: u32,
    pub(crate) action: Action,
    /// The columns that it writes; changes that write others do not share a statement.
    pub(crate) shape: &'a ColumnSet,
    pub(crate) key: &'a Value,
}

/// One change must be executed before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tie {
    pub(crate) before: usize,
    pub(crate) after: usize,
    /// Whether `after` can do without: insert NULL first, fill it in later.
    pub(crate) breakable: bool,
}

/// Changes that one statement writes, as positions in the flush's changes.
pub(crate) type Step = Vec<usize>;

/// The plan of a flush.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// The ties that had to be broken, as positions in the ties given.
    pub(crate) broken: Vec<usize>,
}

impl Plan {
    /// So many changes in one step, in their order.
    pub(super) fn of_one(changes: usize) -> Self {
        Plan {
            steps: vec![(0..changes).collect()],
            broken: Vec::new(),
        }
    }
}

/// Orders and groups the changes, or returns the changes of a circle that cannot be broken.
pub(crate) fn plan(nodes: &[Node<'_>], ties: &[Tie]) -> Result<Plan, Vec<usize>> {
    if ties.is_empty() {
        let mut order: Vec<usize> = (0..nodes.len()).collect();
        order.sort_by(|&a, &b| compare(nodes, &[], a, b));
        return Ok(Plan {
            steps: group(nodes, &order, &[]),
            broken: Vec::new(),
        });
    }
    // What waits for itself can only be broken.
    let mut broken: Vec<bool> = ties
        .iter()
        .map(|tie| tie.breakable && tie.before == tie.after)
        .collect();
    loop {
        let live: Vec<Tie> = ties
            .iter()
            .zip(&broken)
            .filter(|(_, broken)| !**broken)
            .map(|(tie, _)| *tie)
            .collect();
        match sort(nodes, &live) {
            Ok(order) => {
                let broken = broken
                    .iter()
                    .enumerate()
                    .filter(|(_, broken)| **broken)
                    .map(|(i, _)| i)
                    .collect();
                return Ok(Plan {
                    steps: group(nodes, &order, &live),
                    broken,
                });
            }
            Err(stuck) => {
                let circle = circle(nodes.len(), &live, &stuck);
                let weak = ties.iter().enumerate().position(|(i, tie)| {
                    tie.breakable && !broken[i] && circle.contains(&tie.before) && circle.contains(&tie.after)
                });
                match weak {
                    Some(tie) => broken[tie] = true,
                    None => return Err(circle),
                }
            }
        }
    }
}

/// Whether two changes write the same columns of the same table the same way.
fn shares(a: &Node<'_>, b: &Node<'_>) -> bool {
    a.rank == b.rank
        && a.action == b.action
        && (a.action == Action::Delete || std::ptr::eq(a.shape, b.shape) || a.shape == b.shape)
}

/// The order of two changes that nothing ties.
fn compare(nodes: &[Node<'_>], levels: &[u32], a: usize, b: usize) -> Ordering {
    let (x, y) = (&nodes[a], &nodes[b]);
    let level = |i: usize| levels.get(i).copied().unwrap_or(0);
    let rank = match x.action {
        Action::Delete => y.rank.cmp(&x.rank),
        _ => x.rank.cmp(&y.rank),
    };
    let within = || match x.action {
        // As they were inserted, so that generated keys ascend in that order.
        Action::Insert => x.shape.cmp(y.shape).then(a.cmp(&b)),
        Action::Update => x.shape.cmp(y.shape).then_with(|| compare_keys(x.key, y.key)),
        Action::Delete => compare_keys(x.key, y.key),
    };
    x.action
        .cmp(&y.action)
        .then(rank)
        .then_with(|| level(a).cmp(&level(b)))
        .then_with(within)
        .then(a.cmp(&b))
}

/// Keys of one table have one type; anything else only needs some order.
pub(crate) fn compare_keys(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::UInt(a), Value::UInt(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

/// A topological sort that takes the least change that is free; the changes left over when there is a circle.
fn sort(nodes: &[Node<'_>], ties: &[Tie]) -> Result<Vec<usize>, Vec<usize>> {
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut waiting = vec![0u32; nodes.len()];
    for tie in ties {
        followers[tie.before].push(tie.after);
        waiting[tie.after] += 1;
    }
    let levels = levels(&followers, &waiting);
    // Positions in the order without ties: a heap of numbers instead of one of comparisons.
    let mut sorted: Vec<usize> = (0..nodes.len()).collect();
    sorted.sort_by(|&a, &b| compare(nodes, &levels, a, b));
    let mut turn = vec![0usize; nodes.len()];
    for (at, &node) in sorted.iter().enumerate() {
        turn[node] = at;
    }
    let mut free: BinaryHeap<Reverse<usize>> = (0..nodes.len())
        .filter(|&n| waiting[n] == 0)
        .map(|n| Reverse(turn[n]))
        .collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(at)) = free.pop() {
        let node = sorted[at];
        order.push(node);
        for &next in &followers[node] {
            waiting[next] -= 1;
            if waiting[next] == 0 {
                free.push(Reverse(turn[next]));
            }
        }
    }
    if order.len() == nodes.len() {
        return Ok(order);
    }
    Err((0..nodes.len()).filter(|&n| waiting[n] > 0).collect())
}

/// How long the longest chain before each change is, so that chains side by side share statements.
fn levels(followers: &[Vec<usize>], waiting: &[u32]) -> Vec<u32> {
    let mut waiting = waiting.to_vec();
    let mut levels = vec![0u32; followers.len()];
    let mut free: Vec<usize> = (0..followers.len()).filter(|&n| waiting[n] == 0).collect();
    while let Some(node) = free.pop() {
        for &next in &followers[node] {
            levels[next] = levels[next].max(levels[node] + 1);
            waiting[next] -= 1;
            if waiting[next] == 0 {
                free.push(next);
            }
        }
    }
    levels
}

/// One circle among the changes that a sort left over.
fn circle(count: usize, ties: &[Tie], stuck: &[usize]) -> Vec<usize> {
    let mut left = vec![false; count];
    stuck.iter().for_each(|&node| left[node] = true);
    // Every one of these waits for another of them, so going backwards must come round.
    let mut path: Vec<usize> = stuck.iter().take(1).copied().collect();
    while let Some(&node) = path.last() {
        let Some(tie) = ties.iter().find(|tie| tie.after == node && left[tie.before]) else {
            break;
        };
        if let Some(start) = path.iter().position(|&n| n == tie.before) {
            let mut circle = path.split_off(start);
            circle.sort_unstable();
            return circle;
        }
        path.push(tie.before);
    }
    stuck.to_vec()
}

/// Neighbours that write the same columns of the same table the same way share a statement, unless one waits
/// for another of them.
fn group(nodes: &[Node<'_>], order: &[usize], ties: &[Tie]) -> Vec<Step> {
    let mut waits_for: Vec<Vec<usize>> = if ties.is_empty() {
        Vec::new()
    } else {
        vec![Vec::new(); nodes.len()]
    };
    for tie in ties {
        waits_for[tie.after].push(tie.before);
    }
    let mut steps: Vec<Step> = Vec::new();
    let mut step_of = vec![usize::MAX; nodes.len()];
    for &node in order {
        let last = steps.len().wrapping_sub(1);
        let shares = steps.last().is_some_and(|step| {
            shares(&nodes[step[0]], &nodes[node])
                && !waits_for
                    .get(node)
                    .is_some_and(|before| before.iter().any(|&n| step_of[n] == last))
        });
        match steps.last_mut() {
            Some(step) if shares => step.push(node),
            _ => steps.push(vec![node]),
        }
        step_of[node] = steps.len() - 1;
    }
    steps
}
