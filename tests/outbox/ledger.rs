//! A durable table for these tests, its engines, and what its stream holds.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use headwater::engine::EngineBuilder;
use headwater::prelude::*;
use headwater::stream::DirtyEvent;
use headwater_testkit::{Database, Servers, redis, wait_until};

pub(crate) const LEDGER: Stream = Stream::new("LedgerStream").durable();
pub(crate) const NEWS: Stream = Stream::new("NewsStream");

#[derive(Debug, Clone, Default, Table)]
#[table(name = "accounts", stream(LEDGER), stream(NEWS, on = "I"))]
pub(crate) struct Account {
    #[column(id)]
    pub(crate) id: u64,
    #[column(length = 16_777_215)]
    pub(crate) owner: String,
    pub(crate) balance: i64,
}

impl Entity for Account {}

/// How long anything that must happen is waited for.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) fn account(owner: &str, balance: i64) -> Account {
    Account {
        owner: owner.into(),
        balance,
        ..Account::default()
    }
}

pub(crate) struct Ledger {
    pub(crate) database: Database,
}

impl Ledger {
    /// A fresh database with the tables.
    pub(crate) fn new() -> Self {
        Ledger::on(Servers::shared().database().unwrap())
    }

    pub(crate) fn on(database: Database) -> Self {
        let ledger = Ledger { database };
        let engine = ledger.builder().relay(false).build().unwrap();
        engine.schema().diff().unwrap().apply().unwrap();
        assert!(engine.schema().diff().unwrap().is_empty());
        ledger
    }

    pub(crate) fn builder(&self) -> EngineBuilder {
        Engine::builder()
            .mysql(self.database.mysql_url())
            .redis(self.database.redis_url())
            .relay_lease(Duration::from_millis(300))
            .entity::<Account>()
    }

    /// An engine with a relay of its own.
    pub(crate) fn engine(&self) -> Engine {
        self.builder().build().unwrap()
    }

    /// An engine that relays only when it is asked to.
    pub(crate) fn quiet(&self) -> Engine {
        self.builder().relay(false).build().unwrap()
    }

    /// Event id and text of each event of the durable stream: `7 Update balance: 1 -> 2`.
    pub(crate) fn entries(&self) -> Vec<(String, String)> {
        self.entries_of(&LEDGER)
    }

    /// The same of any stream.
    pub(crate) fn entries_of(&self, stream: &Stream) -> Vec<(String, String)> {
        let mut connection = self.database.redis().unwrap();
        let entries: Vec<(String, BTreeMap<String, Vec<u8>>)> = redis::cmd("XRANGE")
            .arg(stream.name())
            .arg("-")
            .arg("+")
            .query(&mut connection)
            .unwrap();
        let shown = |(_, fields): (String, BTreeMap<String, Vec<u8>>)| {
            let event = DirtyEvent::from_bytes(&fields["s"]).unwrap();
            let mut text = format!("{} {:?}", event.entity_id, event.flush_type);
            for change in &event.changes {
                text.push_str(&format!(" {}: {} -> {}", change.column, change.old, change.new));
            }
            (String::from_utf8(fields["e"].clone()).unwrap(), text)
        };
        entries.into_iter().map(shown).collect()
    }

    /// The events of the durable stream, each of which has an id of its own.
    pub(crate) fn events(&self) -> Vec<String> {
        let entries = self.entries();
        let ids: HashSet<&String> = entries.iter().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), entries.len(), "an event is there twice");
        entries.into_iter().map(|(_, text)| text).collect()
    }

    /// The balances that the events of an account tell of, in order.
    pub(crate) fn balances(&self, id: u64) -> Vec<i64> {
        let start = format!("{id} Update balance: ");
        let told = |event: String| Some(event.strip_prefix(&start)?.split(" -> ").nth(1)?.parse().unwrap());
        self.events().into_iter().filter_map(told).collect()
    }

    pub(crate) fn count(&self, query: &str) -> u64 {
        crate::common::rows(&self.database, query)[0][0].parse().unwrap()
    }

    /// Rows in the outbox.
    pub(crate) fn waiting(&self) -> u64 {
        self.count("SELECT COUNT(*) FROM _headwater_outbox")
    }

    pub(crate) fn drained(&self) {
        wait_until(SOON, "the outbox to be empty", || self.waiting() == 0).unwrap();
    }

    /// The markers in Redis, without the epoch.
    pub(crate) fn markers(&self) -> Vec<Vec<u8>> {
        let mut connection = self.database.redis().unwrap();
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg("_headwater:outbox:*")
            .query(&mut connection)
            .unwrap();
        let mut markers = Vec::new();
        for key in keys {
            let fields: Vec<Vec<u8>> = redis::cmd("HKEYS").arg(key).query(&mut connection).unwrap();
            markers.extend(fields.into_iter().filter(|field| field != b"epoch"));
        }
        markers
    }
}
