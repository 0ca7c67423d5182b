//! Flushing to a queue: everything up to the plan as a flush does it, then the statements are written down.
//!
//! The keys of new rows are made here ([`keys`]), the statements come from the very code that runs them
//! ([`recorder`]), and beside them goes what the consumer needs ([`describe`]). When Redis has the operations the
//! session's memory is as after a flush.

mod describe;
mod hooks;
mod keys;
mod recorder;

use std::ops::RangeInclusive;
use std::sync::Arc;

pub(crate) use self::hooks::after_queued;
pub(crate) use self::keys::KeyBlocks;
use self::keys::KeyMaker;
use self::recorder::Recorders;
use super::accept::{Manner, accept_all, split_early, take_back_all};
use super::core::Core;
use super::execute::Failed;
use super::flush::FlushReport;
use super::plan::Plan;
use super::prepare::{self, Prepared};
use super::rows::Rows;
use super::run::execute_all;
use crate::error::{Error, ErrorKind, Result};
use crate::redis::{Failure, RedisPool, Reply, Scattered, SharedLink};
use crate::runtime::{QueueSettings, Registered, Runtime};
use crate::step::Step;
use crate::stream::Wire;
use crate::stream::operation::QUEUE;
use crate::stream::wire::Piece;

/// What freezing needs for rows that are inserted later.
#[derive(Debug)]
pub(crate) struct Queueing {
    /// Makes the keys that are the server's to make otherwise.
    pub(crate) keys: KeyMaker,
    /// How operations are written.
    pub(crate) wire: Wire,
}

impl Queueing {
    fn new(runtime: &Arc<Runtime>, settings: &QueueSettings) -> Self {
        Queueing {
            keys: KeyMaker::new(Arc::clone(runtime)),
            wire: settings.wire,
        }
    }
}

/// For fewer changes, writing the statements takes less time than waking a server that has nothing to do; for more, so
/// long that it is asleep again.
const WAKES: RangeInclusive<usize> = 256..=10_000;

/// Queues what changed.
pub(super) fn flush_async(core: &mut Core) -> Result<FlushReport> {
    if core.transaction.is_some() {
        return Err(Error::config(
            "`flush_async` inside of a transaction: what it queues would be executed whatever becomes of the transaction",
        ));
    }
    let runtime = core.runtime.clone();
    let settings = runtime.queue()?;
    let Some(Prepared {
        mut frozen,
        plan,
        broken,
    }) = prepare::prepare(core, Some(Queueing::new(&runtime, settings)))?
    else {
        return Ok(FlushReport::default());
    };
    let pool = runtime
        .redis
        .get(settings.redis)
        .ok_or_else(|| Error::config("the Redis pool of the queue is gone"))?;
    let link = if WAKES.contains(&frozen.changes.len()) {
        pool.wake().map_err(not_taken)?
    } else {
        None
    };
    let mut recorders = Recorders::new(settings.wire);
    describe::touches(core, &frozen, &mut recorders)?;
    let statements = execute_all(&runtime, &mut recorders, &mut frozen, &plan, &broken).map_err(failed)?;
    let events = describe::events(&runtime, &frozen, &plan, &mut recorders)?;
    describe::changes(core, &frozen, &plan, &mut recorders)?;
    let operations = recorders.finish(&runtime)?;
    let mut report = FlushReport {
        statements,
        events,
        ..FlushReport::default()
    };
    let manner = |_: &Core, _: &Registered, _| Manner {
        undoable: false,
        hooks: false,
    };
    let mut accept = |core: &mut Core, plan: &Plan| {
        accept_all(core, &frozen, plan, |_| true, manner, &mut report, |_, _, _, _, _| ())
    };
    // While Redis is at work.
    let (early, rest) = split_early(plan, &frozen);
    let mut accepted = None;
    let meanwhile = || accepted = Some(accept(core, &early));
    if let Err(error) = enqueue(pool, link, &operations, &frozen.rows, meanwhile) {
        if accepted.is_some() {
            take_back_all(core, &frozen, &early);
        }
        return Err(error);
    }
    runtime.steps.at(Step::AsyncQueued);
    // A first try that could not even send did nothing meanwhile.
    accepted.unwrap_or_else(|| accept(core, &early))?;
    accept(core, &rest)?;
    prepare::settle(core, frozen.changes.len());
    core.spare = frozen.emptied();
    Ok(report)
}

fn failed(failed: Failed) -> Error {
    match failed {
        Failed::Error(error) => error,
        // A recorder finds every row.
        Failed::Stale(_) => Error::config("a statement that was only written down found a stale row"),
    }
}

/// Gives the operations to Redis: all or none, in one round trip. When the answer is lost with the connection they
/// are given again, and the consumer knows them by their ids. `meanwhile` is done once, while Redis is at work; it is not
/// when the first try could not send, whatever becomes of the second.
fn enqueue(
    pool: &RedisPool,
    link: Option<SharedLink>,
    operations: &[(String, Vec<Piece>)],
    rows: &Rows,
    meanwhile: impl FnOnce(),
) -> Result<()> {
    let framed = operations.len() > 1;
    let mut commands = Scattered::new();
    if framed {
        commands.commands().push(&[b"MULTI"]);
    }
    for (id, pieces) in operations {
        let command = commands.commands().begin(7);
        command.arg("XADD").arg(QUEUE).arg("*").arg("s");
        commands.word(pieces.iter().map(|piece| match piece {
            Piece::Here(bytes) => bytes,
            Piece::Rows(place) => rows.written(place),
        }));
        commands.commands().arg("e").arg(id);
    }
    if framed {
        commands.commands().push(&[b"EXEC"]);
    }
    let mut meanwhile = Some(meanwhile);
    pool.with_link(link, |link| {
        let meanwhile = meanwhile.take();
        let meanwhile = || meanwhile.into_iter().for_each(|work| work());
        for reply in link.run_scattered(&commands, meanwhile)? {
            // The answer to EXEC has one for each command.
            let replies = match link.check(reply)? {
                Reply::List(list) => list,
                other => vec![other],
            };
            for reply in replies {
                if link.check(reply)? == Reply::Nil {
                    return Err(Failure::nonsense(link.pool(), "XADD"));
                }
            }
        }
        Ok(())
    })
    .map_err(not_taken)
}

/// An error of the server that holds the queue, as what it is about.
fn not_taken(error: Error) -> Error {
    match error.into_kind() {
        ErrorKind::Redis { pool, message, source } => Error::new(ErrorKind::Redis {
            pool,
            message: format!("the queue `{QUEUE}` did not take the operation: {message}"),
            source,
        }),
        other => Error::new(other),
    }
}
