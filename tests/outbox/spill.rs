//! Background streams under `DeliveryPolicy::SpillToOutbox`: nothing waits for Redis, nothing overtakes.

use std::collections::HashSet;
use std::time::Duration;

use headwater::prelude::*;
use headwater::redis::RedisOptions;
use headwater::stream::DeliveryPolicy;
use headwater_testkit::{Servers, wait_until};

use crate::ledger::{Ledger, SOON};

/// A table with a background stream only.
#[derive(Debug, Clone, Default, Table)]
#[table(name = "notes", stream(NOTES))]
struct Note {
    #[column(id)]
    id: u64,
    number: u32,
}

const NOTES: Stream = Stream::new("NoteStream");

impl Entity for Note {}

struct World {
    servers: Servers,
    ledger: Ledger,
    engine: Engine,
}

impl World {
    fn new(after: Duration) -> Self {
        let servers = Servers::builder().private().durable(true).start().unwrap();
        let database = servers.database().unwrap();
        let ledger = Ledger { database };
        let engine = World::engine(&ledger, after);
        let steps = engine.schema().diff().unwrap();
        steps.apply().unwrap();
        World {
            servers,
            ledger,
            engine,
        }
    }

    fn engine(ledger: &Ledger, after: Duration) -> Engine {
        let options = RedisOptions::default()
            .with_connect_timeout(Duration::from_millis(300))
            .with_io_timeout(Duration::from_millis(300));
        Engine::builder()
            .mysql(ledger.database.mysql_url())
            .redis_pool_with("default", ledger.database.redis_url(), options)
            .channel_capacity(50)
            .delivery_policy(DeliveryPolicy::SpillToOutbox { after, deadline: SOON })
            .relay_lease(Duration::from_millis(300))
            .entity::<Note>()
            .build()
            .unwrap()
    }

    /// Inserts notes in flushes of ten, none of which fails to hand its events over.
    fn write(&self, notes: u32) {
        let mut session = self.engine.session();
        for number in 0..notes {
            session.insert(Note {
                number,
                ..Note::default()
            });
            if number % 10 == 9 {
                let report = session.flush().unwrap();
                assert!(report.delivery_failures.is_empty(), "{report}");
                session.clear().unwrap();
            }
        }
    }

    /// All notes are told of, in order. What Redis had taken without an answer may be there again, under the same id.
    #[track_caller]
    fn arrived(&self, notes: usize) {
        let distinct = || {
            let mut seen = HashSet::new();
            let mut entries = self.ledger.entries_of(&NOTES);
            entries.retain(|(id, _)| seen.insert(id.clone()));
            entries
        };
        let there = || distinct().len() >= notes && self.ledger.waiting() == 0;
        wait_until(SOON, "all events", there).unwrap();
        let told: Vec<String> = distinct().into_iter().map(|(_, text)| text).collect();
        let wrong = (0..told.len().max(notes)).find(|&i| told.get(i) != Some(&format!("{} Insert", i + 1)));
        assert_eq!(
            wrong,
            None,
            "{:?}",
            wrong.map(|i| told[i..].iter().take(3).collect::<Vec<_>>())
        );
    }
}

#[test]
fn events_spill_when_the_channel_is_full_and_come_back_in_order() {
    let world = World::new(Duration::from_secs(3600));
    world.write(100);
    world.servers.redis_server().unwrap().kill().unwrap();
    world.write(500);
    let delivery = world.engine.delivery();
    assert!(delivery.spilled >= 300, "{delivery:?}");
    assert_eq!(delivery.failed, 0);
    world.servers.redis_server().unwrap().start_again().unwrap();
    // Some of these still go by the outbox, later ones do not.
    world.write(500);
    world.arrived(1100);
    let spilled = world.engine.delivery().spilled;
    world.write(100);
    world.arrived(1200);
    assert_eq!(world.engine.delivery().spilled, spilled, "the way is direct again");
}

#[test]
fn events_spill_when_redis_stays_away() {
    let world = World::new(Duration::from_millis(200));
    world.servers.redis_server().unwrap().kill().unwrap();
    world.write(10);
    wait_until(SOON, "the events to be spilled", || {
        world.engine.delivery().spilled == 10
    })
    .unwrap();
    assert_eq!(world.engine.delivery().queued, 0);
    world.servers.redis_server().unwrap().start_again().unwrap();
    world.arrived(10);
}

/// Closing with Redis away: what was in memory is in the outbox, for the next process.
#[test]
fn close_spills_what_it_cannot_send() {
    let world = World::new(Duration::from_secs(3600));
    world.servers.redis_server().unwrap().kill().unwrap();
    world.write(30);
    world.engine.close(Duration::from_secs(3)).unwrap();
    assert_eq!(world.ledger.count("SELECT SUM(events) FROM _headwater_outbox"), 30);
    world.servers.redis_server().unwrap().start_again().unwrap();
    let heir = World::engine(&world.ledger, Duration::from_secs(3600));
    world.arrived(30);
    drop(heir);
}

/// Both servers away: the events wait in memory, and go whichever way opens first.
#[test]
fn events_stay_in_memory_while_mysql_is_away_as_well() {
    let world = World::new(Duration::from_millis(100));
    world.write(20);
    world.arrived(20);
    world.servers.redis_server().unwrap().kill().unwrap();
    world.write(20);
    world.servers.mysql_server().unwrap().kill().unwrap();
    world.servers.redis_server().unwrap().start_again().unwrap();
    world.servers.mysql_server().unwrap().start_again().unwrap();
    world.arrived(40);
}

#[test]
fn an_outbox_needs_a_database() {
    let servers = Servers::shared().database().unwrap();
    let error = Engine::builder()
        .redis(servers.redis_url())
        .delivery_policy(DeliveryPolicy::SpillToOutbox {
            after: SOON,
            deadline: SOON,
        })
        .build()
        .unwrap_err();
    assert!(error.is_config() && error.to_string().contains("MySQL pool"), "{error}");
}
