//! Several relays: one at a time writes, and one that was asleep for longer than its lease does no harm.

use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use headwater::prelude::*;
use headwater::step::Step;
use headwater_testkit::{redis, wait_until};

use crate::ledger::{Account, Ledger, SOON, account};

/// Wherever the first relay falls asleep, the second takes over after the lease, and the first wakes up to find
/// itself shut out.
#[test]
fn a_relay_that_sleeps_longer_than_its_lease_does_no_harm() {
    for step in [Step::RelayClaimed, Step::RelayWritten, Step::RelayDeleted] {
        let ledger = Ledger::new();
        let writer = ledger.quiet();
        let mut session = writer.session();
        let ann = session.insert(account("ann", 1));
        session.flush().unwrap();
        session[ann].balance = 2;
        session.flush().unwrap();

        let (asleep, fell_asleep) = mpsc::channel();
        let (wake, woken) = mpsc::channel::<()>();
        let sleep = Mutex::new(Some((asleep, woken)));
        let sleeper = move |reached: Step| {
            if reached == step
                && let Some((asleep, woken)) = sleep.lock().unwrap().take()
            {
                asleep.send(()).unwrap();
                woken.recv().unwrap();
            }
        };
        let first = ledger.builder().relay(false).on_step(sleeper).build().unwrap();
        let outbox = first.outbox();
        let sleeping = thread::spawn(move || outbox.relay_once());
        fell_asleep.recv_timeout(SOON).unwrap();

        let second = ledger.quiet();
        let busy = second.outbox().relay_once().unwrap();
        assert!(
            busy.elsewhere || step == Step::RelayDeleted,
            "{step}: the lease is held"
        );
        session[ann].balance = 3;
        session.flush().unwrap();
        wait_until(SOON, "the second relay to take over", || {
            second.outbox().relay_once().unwrap();
            ledger.waiting() == 0
        })
        .unwrap();
        let events = ["1 Insert", "1 Update balance: 1 -> 2", "1 Update balance: 2 -> 3"];
        assert_eq!(ledger.events(), events, "{step}");

        wake.send(()).unwrap();
        let shut_out = sleeping.join().unwrap().unwrap();
        assert!(shut_out.elsewhere || step != Step::RelayClaimed, "{step}");
        session[ann].balance = 4;
        session.flush().unwrap();
        second.outbox().relay_once().unwrap();
        assert_eq!(ledger.events()[3..], ["1 Update balance: 3 -> 4"], "{step}");
        assert!(ledger.markers().is_empty(), "{step}");
    }
}

/// Processes that all write the same rows and all relay.
#[test]
fn several_relays_keep_each_rows_order_and_double_nothing() {
    const ENGINES: usize = 3;
    const ROWS: u64 = 5;
    const TURNS: i64 = 60;
    let ledger = Ledger::new();
    let first = ledger.quiet();
    let mut session = first.session();
    for _ in 0..ROWS {
        session.insert(account("shared", 0));
    }
    session.flush().unwrap();
    let engines: Vec<Engine> = (0..ENGINES).map(|_| ledger.engine()).collect();
    let start = Arc::new(Barrier::new(2 * ENGINES));
    thread::scope(|scope| {
        for engine in engines.iter().chain(&engines) {
            let start = start.clone();
            scope.spawn(move || {
                let mut session = engine.session();
                start.wait();
                for turn in 0..TURNS {
                    let id = turn as u64 % ROWS + 1;
                    let add_one = |session: &mut Session| {
                        let row = session
                            .query::<Account>()
                            .filter(Account::ID.eq(id))
                            .for_update()
                            .first()?
                            .expect("the account");
                        session[row].balance += 1;
                        session.flush().map(|_| ())
                    };
                    session.transaction(add_one).unwrap();
                }
            });
        }
    });
    ledger.drained();
    let expected: Vec<i64> = (1..=2 * ENGINES as i64 * TURNS / ROWS as i64).collect();
    for id in 1..=ROWS {
        assert_eq!(ledger.balances(id), expected, "account {id}");
    }
    drop(engines);
}

/// The database was restored from a copy: Redis knows a later epoch than MySQL.
#[test]
fn an_epoch_that_fell_behind_is_raised() {
    let ledger = Ledger::new();
    let engine = ledger.quiet();
    let mut session = engine.session();
    let ann = session.insert(account("ann", 1));
    session.flush().unwrap();
    engine.outbox().relay_once().unwrap();
    crate::common::sql(&ledger.database, &["UPDATE _headwater_outbox_lease SET epoch = 0"]);
    let mut connection = ledger.database.redis().unwrap();
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("_headwater:outbox:*")
        .query(&mut connection)
        .unwrap();
    let () = redis::cmd("HSET")
        .arg(&keys[0])
        .arg("epoch")
        .arg(1000)
        .query(&mut connection)
        .unwrap();
    session[ann].balance = 2;
    session.flush().unwrap();
    engine.outbox().relay_once().unwrap();
    assert_eq!(ledger.events(), ["1 Insert", "1 Update balance: 1 -> 2"]);
    assert_eq!(ledger.count("SELECT epoch FROM _headwater_outbox_lease"), 1001);
}
