//! A crash at every named step: whoever goes on, each event is there exactly once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use headwater::prelude::*;
use headwater::step::Step;
use headwater_testkit::redis;

use crate::ledger::{Ledger, account};

/// An engine without a relay thread that panics at this step, whichever thread gets there.
fn dying_at(ledger: &Ledger, step: Step) -> Engine {
    let dies = move |reached: Step| assert_ne!(reached, step, "crash");
    ledger.builder().relay(false).on_step(dies).build().unwrap()
}

fn written() -> Vec<String> {
    (1..=20)
        .map(|id| format!("{id} Insert"))
        .chain(["1 Update balance: 1 -> 2".to_owned()])
        .collect()
}

/// Twenty inserts and an update, in two rows.
fn write(engine: &Engine) {
    let mut session = engine.session();
    let first = session.insert(account("ann", 1));
    for _ in 1..20 {
        session.insert(account("many", 1));
    }
    session.flush().unwrap();
    session[first].balance = 2;
    session.flush().unwrap();
}

#[test]
fn a_relay_that_dies_at_any_step_loses_and_doubles_nothing() {
    for step in [
        Step::RelayClaimed,
        Step::RelayWritten,
        Step::RelayDeleted,
        Step::RelayForgotten,
    ] {
        let ledger = Ledger::new();
        write(&ledger.quiet());
        let engine = dying_at(&ledger, step);
        let died = catch_unwind(AssertUnwindSafe(|| engine.outbox().relay_once()));
        assert!(died.is_err(), "{step} was not reached");
        // What the dead one leaves behind: no rows and no markers that it had not got to.
        let (rows, markers) = (ledger.waiting(), ledger.markers().len());
        let left = match step {
            Step::RelayClaimed => (2, 0),
            Step::RelayWritten => (2, 2),
            Step::RelayDeleted => (0, 2),
            _ => (0, 0),
        };
        assert_eq!((rows, markers), left, "{step}");
        // Nobody gives the lease back, so the next one waits for its end.
        let heir = ledger.engine();
        write_one(&heir);
        ledger.drained();
        assert_eq!(
            ledger.events(),
            [written(), vec!["21 Insert".to_owned()]].concat(),
            "{step}"
        );
        drop(engine);
        headwater_testkit::wait_until(crate::ledger::SOON, "markers to be forgotten", || {
            ledger.markers().is_empty()
        })
        .unwrap();
    }
}

fn write_one(engine: &Engine) {
    let mut session = engine.session();
    session.insert(account("heir", 1));
    session.flush().unwrap();
}

#[test]
fn a_flush_that_dies_before_its_commit_leaves_nothing() {
    let ledger = Ledger::new();
    let engine = dying_at(&ledger, Step::FlushExecuted);
    let died = catch_unwind(AssertUnwindSafe(|| write(&engine)));
    assert!(died.is_err());
    let heir = ledger.quiet();
    heir.outbox().relay_once().unwrap();
    assert_eq!(ledger.events(), Vec::<String>::new());
    assert_eq!(ledger.count("SELECT COUNT(*) FROM accounts"), 0);
}

/// After the commit and before anybody is woken: another process finds the row.
#[test]
fn a_flush_that_dies_after_its_commit_has_published() {
    let ledger = Ledger::new();
    let heir = ledger.engine();
    let engine = dying_at(&ledger, Step::FlushCommitted);
    let died = catch_unwind(AssertUnwindSafe(|| write(&engine)));
    assert!(died.is_err());
    ledger.drained();
    assert_eq!(ledger.events(), written()[..20]);
    drop(heir);
}

/// InnoDB shows a commit before it is on disk. A commit of the relay's own, after it has read, puts both there.
#[test]
fn what_the_relay_read_is_on_disk_before_redis_has_it() {
    let ledger = Ledger::new();
    write(&ledger.quiet());
    let done = Arc::new(Mutex::new(Vec::new()));
    let (statements, steps) = (done.clone(), done.clone());
    let engine = ledger
        .builder()
        .relay(false)
        .on_statement(move |event| statements.lock().unwrap().push(event.sql.to_owned()))
        .on_step(move |step| steps.lock().unwrap().push(step.to_string()))
        .build()
        .unwrap();
    engine.outbox().relay_once().unwrap();
    let done = done.lock().unwrap();
    let at = |what: &dyn Fn(&str) -> bool| done.iter().position(|done| what(done)).unwrap();
    let read = at(&|sql| sql.starts_with("SELECT") && sql.contains("`body` FROM `_headwater_outbox`"));
    let written = at(&|step| step == "relay-written");
    let commits = done[read..written]
        .iter()
        .filter(|sql| sql.starts_with("UPDATE `_headwater_outbox_lease`"));
    assert_eq!(commits.count(), 1, "{done:#?}");
}

/// A marker whose row is gone is found by the next holder of the lease.
#[test]
fn markers_that_were_left_are_purged() {
    let ledger = Ledger::new();
    write(&ledger.quiet());
    ledger.quiet().outbox().relay_once().unwrap();
    let mut connection = ledger.database.redis().unwrap();
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("_headwater:outbox:*")
        .query(&mut connection)
        .unwrap();
    for number in 0..1000 {
        let marker = format!("{number:016}");
        let () = redis::cmd("HSET")
            .arg(&keys[0])
            .arg(marker)
            .arg(1)
            .query(&mut connection)
            .unwrap();
    }
    assert_eq!(ledger.markers().len(), 1000);
    let engine = ledger.quiet();
    write_one(&engine);
    engine.outbox().relay_once().unwrap();
    assert_eq!(ledger.markers().len(), 0);
}
