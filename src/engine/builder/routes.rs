//! What can be checked without a server, and the way of each stream.

use std::collections::HashMap;
use std::sync::Arc;

use super::{EngineBuilder, LEASE};
use crate::error::{Error, Result};
use crate::mysql::MysqlPool;
use crate::redis::RedisPool;
use crate::runtime::{OutboxRoute, Routed};
use crate::stream::outbox::{Relay, RelayOptions, RelayWorker};
use crate::stream::{DeliveryPolicy, Publication};
use crate::table::MAX_COLUMNS;

impl EngineBuilder {
    /// The ways by the outbox: for each database with tables that publish to durable streams, one to each Redis
    /// pool of these.
    pub(super) fn outboxes(
        &self,
        mysql: &[MysqlPool],
        redis: &[RedisPool],
        streams: &[Vec<Routed>],
    ) -> Result<Vec<OutboxRoute>> {
        let mut ways: Vec<(usize, usize)> = Vec::new();
        for (table, streams) in self.tables.iter().zip(streams) {
            let Some(database) = mysql.iter().position(|pool| pool.name() == table.def.mysql) else {
                continue;
            };
            let durable = streams.iter().filter(|routed| routed.publication.stream.is_durable());
            ways.extend(durable.map(|routed| (database, routed.sender)));
        }
        let spills = matches!(self.sender.policy, DeliveryPolicy::SpillToOutbox { .. });
        if spills && !mysql.is_empty() {
            ways.extend((0..redis.len()).map(|to| (0, to)));
        }
        ways.sort_unstable();
        ways.dedup();
        let options = RelayOptions {
            lease: self.lease.unwrap_or(LEASE),
            backoff: self.sender.backoff,
            handler: self.sender.handler.clone(),
            steps: self.steps.clone(),
            name: format!("{} {}", std::process::id(), ulid::Ulid::generate()),
        };
        let route = |(database, to): (usize, usize)| {
            let relay = Arc::new(Relay::new(mysql[database].clone(), redis[to].clone(), options.clone()));
            let worker = if self.relay_elsewhere {
                None
            } else {
                Some(Arc::new(RelayWorker::start(Arc::clone(&relay))?))
            };
            Ok(OutboxRoute {
                mysql: database,
                relay,
                worker,
            })
        };
        ways.into_iter().map(route).collect()
    }

    /// What can be checked without a server.
    pub(super) fn check(&self) -> Vec<Error> {
        let mut problems = Vec::new();
        if self.mysql.is_empty() && matches!(self.sender.policy, DeliveryPolicy::SpillToOutbox { .. }) {
            problems.push(Error::config(
                "events cannot spill to an outbox without a MySQL pool; add `.mysql(…)`",
            ));
        }
        for (kind, names) in [
            ("MySQL", self.mysql.iter().map(|(name, ..)| name).collect::<Vec<_>>()),
            ("Redis", self.redis.iter().map(|(name, ..)| name).collect()),
        ] {
            for (i, name) in names.iter().enumerate() {
                if names[..i].contains(name) {
                    problems.push(Error::config(format!("{kind} pool `{name}` is given twice")));
                }
            }
        }
        if let Some((pool, _)) = &self.queue
            && !self.redis.iter().any(|(name, ..)| name == pool)
        {
            problems.push(Error::config(format!(
                "the queue of `flush_async` is on the Redis pool `{pool}`, which is not given; {}",
                known(self.redis.iter().map(|(name, ..)| name.as_str()))
            )));
        }
        for (i, table) in self.tables.iter().enumerate() {
            let (name, entity) = (table.def.name, table.def.entity);
            if let Some(other) = self.tables[..i].iter().find(|other| other.def.name == name) {
                let others = if other.index == table.index {
                    String::new()
                } else {
                    format!(" and by `{}`", other.def.entity)
                };
                problems.push(Error::config(format!(
                    "table `{name}` is registered twice, by `{entity}`{others}"
                )));
            }
            if !self.mysql.iter().any(|(pool, ..)| pool == table.def.mysql) {
                problems.push(Error::config(format!(
                    "table `{name}` is on the MySQL pool `{}`, which is not given; {}",
                    table.def.mysql,
                    known(self.mysql.iter().map(|(pool, ..)| pool.as_str()))
                )));
            }
            if table.def.columns.len() > MAX_COLUMNS {
                problems.push(Error::config(format!(
                    "table `{name}` has more than {MAX_COLUMNS} columns"
                )));
            }
        }
        problems
    }

    /// The Redis pool of each stream, and the streams of each table with theirs.
    pub(super) fn route(&self, problems: &mut Vec<Error>) -> (HashMap<&'static str, usize>, Vec<Vec<Routed>>) {
        let mut wanted: Vec<(&'static str, &str, String)> = Vec::new();
        for table in &self.tables {
            for publication in table.streams {
                let pool = publication.redis.unwrap_or(table.def.redis);
                wanted.push((publication.stream.name(), pool, format!("table `{}`", table.def.name)));
            }
        }
        for (stream, pool) in &self.streams {
            wanted.push((stream.name(), pool, "`.stream(…)`".to_owned()));
        }
        let mut found: HashMap<&'static str, usize> = HashMap::new();
        for (i, (stream, pool, by)) in wanted.iter().enumerate() {
            if let Some((_, other, first)) = wanted[..i].iter().find(|(name, ..)| name == stream) {
                if other != pool {
                    problems.push(Error::config(format!(
                        "stream `{stream}` is on two Redis pools: `{other}` ({first}) and `{pool}` ({by})"
                    )));
                }
                continue;
            }
            match self.redis.iter().position(|(name, ..)| name == pool) {
                Some(position) => {
                    found.insert(stream, position);
                }
                None => problems.push(Error::config(format!(
                    "stream `{stream}` of {by} is on the Redis pool `{pool}`, which is not given; {}",
                    known(self.redis.iter().map(|(name, ..)| name.as_str()))
                ))),
            }
        }
        let routed = |publication: &'static Publication| {
            let sender = *found.get(publication.stream.name())?;
            Some(Routed {
                publication,
                sender,
                outbox: None,
            })
        };
        let routes = self
            .tables
            .iter()
            .map(|table| table.streams.iter().filter_map(routed).collect())
            .collect();
        (found, routes)
    }
}

/// The pools that there are, for an error text.
fn known<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "no such pool is given at all".to_owned()
    } else {
        format!("given are {}", names.join(", "))
    }
}
