//! After the commit: events, put-off commands, past-tense hooks.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::work::Item;
use crate::error::{Error, Result};
use crate::mysql::Connection;
use crate::runtime::Runtime;
use crate::stream::async_queue::{HOLDER, MARKER};
use crate::stream::operation::{Operation, RedisCommand};
use crate::stream::outbox::{self, OUTBOX};
use crate::stream::{Marked, Outgoing, Wire};

/// Which operations' events Redis has, for each Redis pool: as far back as they are not acknowledged.
#[derive(Debug, Default)]
pub(super) struct Published {
    pub(super) pools: Vec<BTreeSet<String>>,
}

/// So many ids are kept that nobody knows: entries that others hold may come again.
const STRAYS: usize = 1000;

impl Published {
    /// Forgets all but these, and the newest of the others.
    pub(super) fn prune(&mut self, known: &HashSet<&str>) {
        for pool in &mut self.pools {
            let strays: Vec<String> = pool.iter().filter(|id| !known.contains(id.as_str())).cloned().collect();
            for id in strays.iter().rev().skip(STRAYS) {
                pool.remove(id);
            }
        }
    }

    /// Forgets acknowledged operations.
    pub(super) fn forget<'a>(&mut self, ids: impl Iterator<Item = &'a str> + Clone) {
        for pool in &mut self.pools {
            for id in ids.clone() {
                pool.remove(id);
            }
        }
    }
}

/// The Redis pool that an event goes to.
fn pool_of(runtime: &Runtime, stream: &str) -> Result<usize> {
    runtime.stream_named(stream).map(|(_, pool)| pool).ok_or_else(|| {
        Error::config(format!(
            "an event is for the stream `{stream}`, which is not registered with the engine of this consumer"
        ))
    })
}

/// Checks before its statements run that nothing keeps an operation from being published.
pub(super) fn check(runtime: &Runtime, operation: &Operation) -> Result<()> {
    for (stream, _) in &operation.dirty {
        pool_of(runtime, stream)?;
    }
    for command in &operation.redis {
        redis_pool(runtime, command)?;
    }
    Ok(())
}

fn redis_pool(runtime: &Runtime, command: &RedisCommand) -> Result<usize> {
    let pool = runtime.redis.iter().position(|pool| pool.name() == command.pool);
    pool.ok_or_else(|| {
        Error::config(format!(
            "a command is for the Redis pool `{}`, which the engine of this consumer does not have",
            command.pool
        ))
    })
}

/// An event of an operation, and where it goes.
struct Addressed {
    /// The Redis pool.
    pool: usize,
    /// Of a durable stream, the way by the outbox.
    outbox: Option<usize>,
    event: Outgoing,
}

fn events(runtime: &Runtime, item: &Item) -> Result<Vec<Addressed>> {
    let operation = &item.operation;
    let mut events = Vec::with_capacity(operation.dirty.len());
    for (n, (name, event)) in operation.dirty.iter().enumerate() {
        let pool = pool_of(runtime, name)?;
        let Some((stream, _)) = runtime.stream_named(name) else {
            continue;
        };
        let event = if operation.own.is_some() {
            // Known by it when it comes twice.
            let id = format!("{}-{n}", item.id);
            Outgoing::new(&stream, id, event.to_bytes(stream.wire_format())?)
        } else {
            // As FluxaORM would have written it: readers mend what it garbles.
            Outgoing::new(&stream, String::new(), event.to_bytes(Wire::FluxaOrm)?)
        };
        let redis = runtime.redis.get(pool).map(|pool| pool.name());
        let outbox = || {
            let mut ways = runtime.outboxes.iter();
            ways.position(|way| way.mysql == item.pool && Some(way.redis_name()) == redis)
        };
        events.push(Addressed {
            pool,
            outbox: if stream.is_durable() { outbox() } else { None },
            event,
        });
    }
    Ok(events)
}

/// Writes the events of durable streams to the outbox, as the last statements of the transaction.
pub(super) fn write_durable(runtime: &Runtime, connection: &mut Connection, items: &[&Item]) -> Result<()> {
    if runtime.outboxes.is_empty() {
        return Ok(());
    }
    let mut ways: Vec<Vec<Outgoing>> = Vec::new();
    ways.resize_with(runtime.outboxes.len(), Vec::new);
    for item in items {
        for addressed in events(runtime, item)? {
            if let Some(way) = addressed.outbox.and_then(|way| ways.get_mut(way)) {
                way.push(addressed.event);
            }
        }
    }
    for (route, events) in runtime.outboxes.iter().zip(&ways) {
        if !events.is_empty() {
            for body in outbox::pack(events) {
                connection.execute(outbox::INSERT, outbox::insert(route.redis_name(), body, None), OUTBOX)?;
            }
        }
    }
    Ok(())
}

/// Writes the events of committed operations that Redis does not have yet; `false` when the lease is lost.
pub(super) fn publish(
    runtime: &Runtime,
    queue_pool: usize,
    token: &str,
    items: &[&Item],
    published: &mut Published,
) -> Result<bool> {
    published.pools.resize_with(runtime.redis.len(), BTreeSet::new);
    let mut batches: Vec<Marked> = Vec::new();
    batches.resize_with(runtime.redis.len(), Marked::default);
    let mut told: Vec<BTreeSet<String>> = vec![BTreeSet::new(); runtime.redis.len()];
    for item in items {
        for Addressed { pool, outbox, event } in events(runtime, item)? {
            if let Some(route) = outbox.and_then(|way| runtime.outboxes.get(way)) {
                route.wake();
            } else if !published.pools[pool].contains(&item.id) {
                batches[pool].events.push(event);
                told[pool].insert(item.id.clone());
            }
        }
        for command in &item.operation.redis {
            let pool = redis_pool(runtime, command)?;
            if let Some(command) = replayable(command)
                && !published.pools[pool].contains(&item.id)
            {
                batches[pool].commands.push(command);
                told[pool].insert(item.id.clone());
            }
        }
    }
    for (pool, (mut batch, told)) in batches.into_iter().zip(told).enumerate() {
        if told.is_empty() {
            continue;
        }
        let all: BTreeSet<String> = published.pools[pool].union(&told).cloned().collect();
        batch.marker = (MARKER, all.iter().map(String::as_str).collect::<Vec<_>>().join("\n"));
        // On another server the lease cannot be watched; there the ids of the events tell repeats.
        batch.lock = (pool == queue_pool).then(|| (HOLDER, token.to_owned()));
        let Some(sender) = runtime.senders.get(pool) else {
            continue;
        };
        if !sender.write_marked(batch)? {
            return Ok(false);
        }
        published.pools[pool] = all;
    }
    Ok(true)
}

/// The commands that FluxaORM puts off, as far as they are whole.
fn replayable(command: &RedisCommand) -> Option<RedisCommand> {
    let arguments = &command.arguments;
    let enough = match command.command.as_str() {
        "rpush" => arguments.len() >= 2,
        "lset" => arguments.len() == 3,
        "del" => !arguments.is_empty(),
        "hset" => arguments.len() >= 3 && arguments.len() % 2 == 1,
        "set" if arguments.len() == 3 => {
            // Key, value, and for how many seconds; 0 is for ever.
            let mut arguments = arguments.clone();
            if arguments[2] == b"0" {
                arguments.truncate(2);
            } else {
                arguments.insert(2, b"EX".to_vec());
            }
            return Some(RedisCommand {
                arguments,
                ..command.clone()
            });
        }
        _ => false,
    };
    enough.then(|| command.clone())
}

/// Calls the past-tense hooks of committed operations; what went wrong with them.
pub(super) fn hooks(runtime: &Arc<Runtime>, items: &[&Item]) -> Vec<Error> {
    let mut problems = Vec::new();
    let mut failures = Vec::new();
    for item in items {
        let Some(own) = &item.operation.own else { continue };
        for change in &own.changes {
            for values in own.values(&item.operation.queries, change) {
                let Some((_, table)) = runtime.named(&values.shape.table) else {
                    continue;
                };
                if let Err(error) = (table.ops.after_queued)(runtime, change.operation, values, &mut failures) {
                    problems.push(error);
                }
            }
        }
    }
    problems.extend(failures.iter().map(|failure| Error::handler(failure.to_string())));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_ids_that_nobody_knows_the_newest_are_kept() {
        let id = |n: usize| format!("{n:06}");
        let mut published = Published {
            pools: vec![(0..STRAYS + 50).map(id).collect(), BTreeSet::from([id(3)])],
        };
        let known = [id(2), id(40)];
        published.prune(&known.iter().map(String::as_str).collect());
        let left: Vec<String> = published.pools[0].iter().cloned().collect();
        // Of 1,048 strangers 48 go: all below 50 but the two.
        let expected: Vec<String> = known.iter().cloned().chain((50..STRAYS + 50).map(id)).collect();
        assert_eq!(left, expected);
        assert_eq!(published.pools[1].len(), 1);
    }
}
