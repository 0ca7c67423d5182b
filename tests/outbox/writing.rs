//! What a flush writes, and what never gets into the outbox.

use headwater::Error;

use crate::ledger::{Ledger, account};

#[test]
fn events_arrive_in_order_and_nothing_is_left_behind() {
    let ledger = Ledger::new();
    let engine = ledger.engine();
    let mut session = engine.session();
    let ann = session.insert(account("ann", 1));
    let bob = session.insert(account("bob", 1));
    let report = session.flush().unwrap();
    assert_eq!(report.events, 4, "two in each of two streams");
    session[ann].balance = 2;
    session.flush().unwrap();
    session[ann].balance = 3;
    session[bob].balance = 2;
    session.flush().unwrap();
    session.delete(bob).unwrap();
    session.flush().unwrap();
    ledger.drained();
    assert_eq!(
        ledger.events(),
        [
            "1 Insert",
            "2 Insert",
            "1 Update balance: 1 -> 2",
            "1 Update balance: 2 -> 3",
            "2 Update balance: 1 -> 2",
            "2 Delete",
        ]
    );
    headwater_testkit::wait_until(crate::ledger::SOON, "the markers to be forgotten", || {
        ledger.markers().is_empty()
    })
    .unwrap();
    let delivery = engine.delivery();
    assert_eq!((delivery.relayed, delivery.sent, delivery.failed), (6, 8, 0));
}

#[test]
fn the_statements_of_a_flush_and_its_row_are_one_transaction() {
    let ledger = Ledger::new();
    let log = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = log.clone();
    let builder = ledger.builder().relay(false);
    let engine = builder
        .on_statement(move |event| {
            noted
                .lock()
                .unwrap()
                .push(event.sql.split(" (").next().unwrap().to_owned())
        })
        .build()
        .unwrap();
    let mut session = engine.session();
    let taken = || std::mem::take(&mut *log.lock().unwrap());
    taken();
    let ann = session.insert(account("ann", 1));
    session.flush().unwrap();
    let row = "INSERT INTO `_headwater_outbox`";
    assert_eq!(taken(), ["BEGIN", "INSERT INTO `accounts`", row, "COMMIT"]);
    session
        .transaction(|session| {
            for balance in 2..5 {
                session[ann].balance = balance;
                session.flush()?;
            }
            Ok(())
        })
        .unwrap();
    let statements = taken();
    assert_eq!(statements[statements.len() - 2..], [row, "COMMIT"]);
    assert_eq!(statements.iter().filter(|sql| *sql == row).count(), 1);
    assert_eq!(ledger.waiting(), 2);
    // One row for a thousand events.
    for number in 0..2500 {
        session.insert(account("many", number));
    }
    session.flush().unwrap();
    assert_eq!(ledger.waiting(), 2 + 3);
    assert_eq!(ledger.count("SELECT SUM(events) FROM _headwater_outbox"), 2502);
    engine.outbox().relay_once().unwrap();
    assert_eq!(ledger.events()[1], "1 Update balance: 1 -> 4");
    assert_eq!(ledger.events().len(), 2502);
}

#[test]
fn what_is_rolled_back_was_never_in_the_outbox() {
    let ledger = Ledger::new();
    let engine = ledger.quiet();
    let mut session = engine.session();
    let ann = session.insert(account("ann", 1));
    session.flush().unwrap();
    let failed: headwater::Result<()> = session.transaction(|session| {
        session[ann].balance = 7;
        session.flush()?;
        Err(Error::handler("changed my mind"))
    });
    failed.unwrap_err();
    session.refresh(ann).unwrap();
    session
        .transaction(|session| {
            session[ann].balance = 2;
            session.flush()?;
            let inner: headwater::Result<()> = session.transaction(|session| {
                session[ann].balance = 9;
                session.insert(account("ghost", 0));
                session.flush()?;
                Err(Error::handler("no"))
            });
            inner.unwrap_err();
            // The session's edits stay; the user takes this one back.
            session[ann].balance = 2;
            Ok(())
        })
        .unwrap();
    engine.outbox().relay_once().unwrap();
    assert_eq!(ledger.events(), ["1 Insert", "1 Update balance: 1 -> 2"]);
    assert_eq!(ledger.waiting(), 0);
}

/// Without its table, the flush says what to do, and stores nothing.
#[test]
fn a_missing_table_fails_the_flush() {
    let ledger = Ledger::new();
    crate::common::sql(&ledger.database, &["DROP TABLE _headwater_outbox"]);
    let engine = ledger.quiet();
    let mut session = engine.session();
    session.insert(account("ann", 1));
    let error = session.flush().unwrap_err();
    assert!(error.to_string().contains("engine.schema().diff()"), "{error}");
    assert_eq!(ledger.count("SELECT COUNT(*) FROM accounts"), 0);
    engine.schema().diff().unwrap().apply().unwrap();
    assert_eq!(session.flush().unwrap().inserted, 1);
    assert_eq!(ledger.waiting(), 1);
}

/// Events of more than what a row takes of small ones.
#[test]
fn large_events_get_rows_of_their_own() {
    let ledger = Ledger::new();
    let engine = ledger.quiet();
    let mut session = engine.session();
    let ann = session.insert(account("", 1));
    let bob = session.insert(account("", 1));
    session.flush().unwrap();
    for handle in [ann, bob] {
        session[handle].owner = "x".repeat(3 << 20);
    }
    session.flush().unwrap();
    assert_eq!(ledger.waiting(), 3);
    engine.outbox().relay_once().unwrap();
    let events = ledger.events();
    assert_eq!(events.len(), 4);
    assert!(events[3].len() > 3 << 20);
}
