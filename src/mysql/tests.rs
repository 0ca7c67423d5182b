//! Tests of the pool and its connections, on a server.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use headwater_testkit::mysql::prelude::Queryable;
use headwater_testkit::{Database, Servers};

use super::{Checkout, MysqlOptions, MysqlPool, Params};
use crate::error::Result;
use crate::table::Value;

/// How long a test waits for what has to happen.
const SOON: Duration = Duration::from_secs(30);

fn database() -> Database {
    Servers::shared().database().expect("a database for the test")
}

fn pool_of(database: &Database, options: &MysqlOptions) -> MysqlPool {
    MysqlPool::open("default", database.mysql_url(), options, None).expect("a pool")
}

/// Two connections at most.
fn two() -> MysqlOptions {
    MysqlOptions::default().with_max_connections(2).with_wait(SOON)
}

/// The rows of a query.
fn ask(connection: &mut Checkout, sql: &str) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    connection.select(sql, Params::new(), "", &mut |row| {
        rows.push(row.values());
        Ok(())
    })?;
    Ok(rows)
}

/// The server's number of a connection.
fn number(connection: &mut Checkout) -> u64 {
    let rows = ask(connection, "SELECT CONNECTION_ID()").expect("a number");
    match rows[0][0] {
        Value::UInt(number) => number,
        Value::Int(number) => number.unsigned_abs(),
        ref other => panic!("{other:?}"),
    }
}

fn kill(database: &Database, number: u64) {
    let mut root = database.root().expect("a connection");
    root.query_drop(format!("KILL {number}")).expect("it ends");
}

#[test]
fn a_connection_that_came_back_is_lent_again() {
    let database = database();
    let pool = pool_of(&database, &two());
    let first = number(&mut pool.get().expect("a connection"));
    for _ in 0..3 {
        assert_eq!(number(&mut pool.get().expect("a connection")), first);
    }
    // While it is away there is another, and both are lent again.
    let (mut one, mut other) = (pool.get().expect("one"), pool.get().expect("another"));
    let both = [number(&mut one), number(&mut other)];
    assert_ne!(both[0], both[1]);
    drop((one, other));
    let (mut one, mut other) = (pool.get().expect("one"), pool.get().expect("another"));
    let mut again = [number(&mut one), number(&mut other)];
    again.sort_unstable();
    let mut both = both;
    both.sort_unstable();
    assert_eq!(again, both);
}

#[test]
fn nobody_waits_for_a_connection_that_is_free() {
    let database = database();
    let pool = pool_of(&database, &two().with_max_connections(1));
    let (done, ended) = mpsc::channel();
    for _ in 0..8 {
        let (pool, done) = (pool.clone(), done.clone());
        thread::spawn(move || {
            for _ in 0..500 {
                let mut connection = pool.get().expect("a connection");
                ask(&mut connection, "SELECT 1").expect("an answer");
            }
            let _ = done.send(());
        });
    }
    for _ in 0..8 {
        ended.recv_timeout(SOON).expect("all threads get connections");
    }
}

#[test]
fn one_left_in_a_transaction_is_not_lent_again() {
    let database = database();
    let pool = pool_of(&database, &two());
    let mut connection = pool.get().expect("a connection");
    let first = number(&mut connection);
    connection.begin().expect("a transaction");
    drop(connection);
    assert_ne!(number(&mut pool.get().expect("a connection")), first);
}

#[test]
fn where_one_broke_the_others_are_asked_first() {
    let database = database();
    let pool = pool_of(&database, &two());
    let (mut one, mut other) = (pool.get().expect("one"), pool.get().expect("another"));
    let both = [number(&mut one), number(&mut other)];
    both.iter().for_each(|&number| kill(&database, number));
    // The one that lies ready is dead as well.
    drop(other);
    let error = ask(&mut one, "SELECT 1").expect_err("the connection is gone");
    assert!(error.is_connection(), "{error}");
    drop(one);
    let next = number(&mut pool.get().expect("a connection"));
    assert!(!both.contains(&next));
}

#[test]
fn statements_unused_for_longest_make_room() {
    let database = database();
    let pool = pool_of(&database, &two().with_prepared_statements(3));
    let mut connection = pool.get().expect("a connection");
    let mut said = |letters: &str| {
        for letter in letters.chars() {
            let rows = ask(&mut connection, &format!("SELECT '{letter}'")).expect("an answer");
            assert_eq!(rows, [[Value::Bytes(letter.to_string().into_bytes())]], "{letters}");
        }
        // This is the third that is kept.
        let counts = "SHOW SESSION STATUS WHERE Variable_name IN ('Com_stmt_prepare','Com_stmt_close')";
        let rows = ask(&mut connection, counts).expect("the figures");
        let figure = |row: &Vec<Value>| match &row[1] {
            Value::Bytes(digits) => String::from_utf8_lossy(digits).parse::<u64>().unwrap_or_default(),
            other => panic!("{other:?}"),
        };
        // Closed, prepared.
        [figure(&rows[0]), figure(&rows[1])]
    };
    assert_eq!(said("aabab"), [0, 3]);
    assert_eq!(said("babab"), [0, 3]);
    // `a` goes, then `b`, then `c`; what is moved to their places is found there.
    assert_eq!(said("bc"), [1, 4]);
    assert_eq!(said("ca"), [2, 5]);
    assert_eq!(said("acca"), [2, 5]);
    assert_eq!(said("ab"), [3, 6]);
    assert_eq!(said("abba"), [3, 6]);
}
