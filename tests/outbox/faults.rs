//! Servers that are away, full, or refuse: flushes go on, nothing is lost, and what is wrong heals.

use std::time::Duration;

use headwater::prelude::*;
use headwater::redis::RedisOptions;
use headwater_testkit::{Servers, redis, wait_until};

use crate::ledger::{Account, LEDGER, Ledger, NEWS, SOON, account};

fn private() -> (Servers, Ledger) {
    let servers = Servers::builder().private().durable(true).start().unwrap();
    let ledger = Ledger::on(servers.database().unwrap());
    (servers, ledger)
}

fn impatient(ledger: &Ledger) -> Engine {
    let options = RedisOptions::default()
        .with_connect_timeout(Duration::from_millis(500))
        .with_io_timeout(Duration::from_millis(500));
    Engine::builder()
        .mysql(ledger.database.mysql_url())
        .redis_pool_with("default", ledger.database.redis_url(), options)
        .relay_lease(Duration::from_millis(300))
        .entity::<Account>()
        .build()
        .unwrap()
}

#[test]
fn redis_away_does_not_hold_flushes_up() {
    let (servers, ledger) = private();
    let engine = impatient(&ledger);
    let mut session = engine.session();
    let ann = session.insert(account("ann", 0));
    session.flush().unwrap();
    ledger.drained();
    servers.redis_server().unwrap().kill().unwrap();
    for balance in 1..=200 {
        session[ann].balance = balance;
        let report = session.flush().unwrap();
        assert_eq!((report.events, report.delivery_failures.len()), (1, 0));
    }
    assert_eq!(ledger.waiting(), 200);
    wait_until(SOON, "an error to be told", || engine.delivery().last_error.is_some()).unwrap();
    servers.redis_server().unwrap().start_again().unwrap();
    ledger.drained();
    assert_eq!(ledger.balances(1), (1..=200).collect::<Vec<i64>>());
}

/// What Redis refuses for a moment is tried again until it is taken.
#[test]
fn out_of_memory_read_only_and_a_wrong_password_heal() {
    let (_servers, ledger) = private();
    let engine = impatient(&ledger);
    let mut session = engine.session();
    let ann = session.insert(account("ann", 0));
    session.flush().unwrap();
    ledger.drained();
    let mut connection = ledger.database.redis().unwrap();
    let mut config = |words: &[&str]| {
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(word);
        });
        let () = command.query(&mut connection).unwrap();
    };
    let mut balance = 0;
    let mut refuses = |trouble: &[&str], relief: &[&str], word: &str| {
        config(trouble);
        // New connections are made, which log in anew.
        config(&["CLIENT", "KILL", "TYPE", "normal"]);
        for _ in 0..10 {
            balance += 1;
            session[ann].balance = balance;
            session.flush().unwrap();
        }
        let told = || {
            engine
                .delivery()
                .last_error
                .is_some_and(|error| word.split('|').any(|word| error.contains(word)))
        };
        wait_until(SOON, word, told).unwrap_or_else(|_| panic!("{word}: {:?}", engine.delivery().last_error));
        assert!(ledger.waiting() > 0, "{word}");
        config(relief);
        ledger.drained();
    };
    refuses(
        &["CONFIG", "SET", "maxmemory", "1"],
        &["CONFIG", "SET", "maxmemory", "0"],
        "OOM",
    );
    refuses(
        &["REPLICAOF", "127.0.0.1", "1"],
        &["REPLICAOF", "NO", "ONE"],
        "READONLY",
    );
    refuses(
        &["ACL", "SETUSER", "default", "-xadd"],
        &["ACL", "SETUSER", "default", "+xadd"],
        "executing the script|NOPERM",
    );
    refuses(
        &["CONFIG", "SET", "requirepass", "other"],
        &["CONFIG", "SET", "requirepass", ""],
        "Authentication required|NOAUTH",
    );
    let told = ledger.balances(1);
    assert_eq!(told, (1..=40).collect::<Vec<i64>>());
}

#[test]
fn mysql_restarted_under_load_loses_nothing() {
    let (servers, ledger) = private();
    let engine = impatient(&ledger);
    let mut session = engine.session();
    let ann = session.insert(account("ann", 0));
    session.flush().unwrap();
    let mut failed = 0;
    for turn in 0..60 {
        if turn == 20 || turn == 40 {
            servers.mysql_server().unwrap().kill().unwrap();
            session[ann].balance += 1;
            let error = session.flush().unwrap_err();
            assert!(error.is_connection() || error.is_commit_unknown(), "{error:#?}");
            assert!(error.is_retryable() || error.is_commit_unknown(), "{error:#?}");
            failed += 1;
            servers.mysql_server().unwrap().start_again().unwrap();
            wait_until(SOON, "MySQL to answer", || session.flush().is_ok()).unwrap();
            continue;
        }
        session[ann].balance += 1;
        session.flush().unwrap();
    }
    assert_eq!(failed, 2);
    ledger.drained();
    let expected: Vec<i64> = (1..=60).collect();
    assert_eq!(ledger.balances(1), expected);
    assert_eq!(ledger.count("SELECT balance FROM accounts"), 60);
}

/// Closing relays what waits; dropping leaves it for the next process.
#[test]
fn close_relays_what_is_left() {
    let ledger = Ledger::new();
    let engine = ledger.engine();
    let mut session = engine.session();
    for number in 0..3000 {
        session.insert(account("ann", number));
        if number % 100 == 99 {
            session.flush().unwrap();
        }
    }
    drop(session);
    engine.close(SOON).unwrap();
    assert_eq!(ledger.waiting(), 0);
    assert_eq!(ledger.events().len(), 3000);
    let mut connection = ledger.database.redis().unwrap();
    let news: u64 = redis::cmd("XLEN").arg(NEWS.name()).query(&mut connection).unwrap();
    assert_eq!(news, 3000);
    assert!(LEDGER.is_durable());
}
