//! Many threads, each with its own session, on the same few rows in opposite orders: no update is lost, every
//! deadlock is tried again.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use common::{database, rows};
use headwater::mysql::MysqlOptions;
use headwater::prelude::*;
use headwater::session::TransactionOptions;

const TRANSFERS: Stream = Stream::new("TransferStream");

#[derive(Debug, Clone, Default, Table)]
#[table(name = "counters", stream(TRANSFERS))]
struct Counter {
    #[column(id)]
    id: u64,
    count: i64,
    #[column(version)]
    version: u32,
}
impl Entity for Counter {}

const THREADS: u64 = 16;
const ROWS: u64 = 8;

/// How long the threads go on; longer with the environment variable, in seconds.
fn duration() -> Duration {
    let seconds = std::env::var("HEADWATER_THREADS_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok());
    Duration::from_secs(seconds.unwrap_or(20))
}

#[test]
fn overlapping_transactions_lose_nothing() {
    let (database, _) = database();
    let options = MysqlOptions::default()
        .with_max_connections(16)
        .with_wait(Duration::from_secs(60));
    let engine = Engine::builder()
        .mysql_pool_with("default", database.mysql_url(), options)
        .redis(database.redis_url())
        .entity::<Counter>()
        .build()
        .unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut session = engine.session();
    for _ in 0..ROWS {
        session.insert(Counter::default());
    }
    session.flush().unwrap();

    let done = AtomicI64::new(0);
    let until = Instant::now() + duration();
    let retried = TransactionOptions::default().with_retries(10_000);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (engine, done) = (&engine, &done);
            scope.spawn(move || {
                let mut turn = 0;
                while Instant::now() < until {
                    turn += 1;
                    let (first, second) = (1 + (thread + turn) % ROWS, 1 + (thread * 3 + turn * 5 + 1) % ROWS);
                    let mut session = engine.session();
                    session
                        .transaction_with(retried, |session| {
                            // Half of the threads take the rows in the opposite order.
                            let order = if thread % 2 == 0 {
                                [first, second]
                            } else {
                                [second, first]
                            };
                            for id in order {
                                let row = session
                                    .query::<Counter>()
                                    .filter(Counter::ID.eq(id))
                                    .for_update()
                                    .first()?
                                    .expect("it is there");
                                session[row].count += 1;
                                session.flush()?;
                            }
                            Ok(())
                        })
                        .unwrap();
                    done.fetch_add(2, Ordering::Relaxed);
                }
            });
        }
    });
    let sum: i64 = rows(&database, "SELECT SUM(count) FROM counters")[0][0]
        .parse()
        .unwrap();
    let done = done.load(Ordering::Relaxed);
    assert!(done > 0);
    assert_eq!(
        sum, done,
        "every increment of a committed transaction is there, and none of one rolled back"
    );
    engine.close(Duration::from_secs(30)).unwrap();
}
