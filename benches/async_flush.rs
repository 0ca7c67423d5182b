//! Queueing a flush, beside giving Redis the same bytes; executing what is queued, beside the bare driver committing
//! the same statements one by one. Servers are durable: Redis syncs every write, MySQL every commit.
//!
//! Names are `group/size/who`. Setting up is not part of the time.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use headwater::prelude::*;
use headwater_testkit::{Database, Servers, redis};
use mysql::prelude::Queryable;
use support::users::{User, fill, insert, user, values};

const QUEUE: &str = "_fluxa_async_sql";
const ROWS: usize = 1000;

/// As [`support::set_up`], with a queue.
fn set_up() -> (Database, Engine, mysql::Conn) {
    let servers = Servers::builder().durable(true).start().expect("servers");
    let database = servers.database().expect("a database");
    let engine = Engine::builder()
        .mysql(database.mysql_url())
        .redis(database.redis_url())
        .entity::<User>()
        .async_flush()
        .build()
        .expect("an engine");
    engine
        .schema()
        .diff()
        .and_then(|diff| diff.apply())
        .expect("the tables");
    let options = mysql::Opts::from_url(database.mysql_url()).expect("a URL");
    let options = mysql::OptsBuilder::from_opts(options)
        .prefer_socket(false)
        .stmt_cache_size(256);
    let bare = mysql::Conn::new(options).expect("a connection");
    (database, engine, bare)
}

fn forget(redis: &mut redis::Connection) {
    let _: () = redis::cmd("XTRIM")
        .arg(QUEUE)
        .arg("MAXLEN")
        .arg(0)
        .query(redis)
        .unwrap();
}

fn queueing(c: &mut Criterion) {
    let (database, engine, _bare) = set_up();
    let mut connection = database.redis().unwrap();
    let insert = || {
        let mut session = engine.session();
        for n in 0..ROWS {
            session.insert(user(n));
        }
        session
    };
    insert().flush_async().unwrap();
    let entries: Vec<(String, BTreeMap<String, Vec<u8>>)> = redis::cmd("XRANGE")
        .arg(QUEUE)
        .arg("-")
        .arg("+")
        .query(&mut connection)
        .unwrap();
    let body = entries[0].1["s"].clone();
    eprintln!("flush_async/{ROWS}: {} bytes", body.len());
    let mut group = c.benchmark_group("flush_async");
    group.sample_size(30);
    group.bench_function(BenchmarkId::new(ROWS.to_string(), "headwater"), |b| {
        b.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                let mut session = insert();
                let start = Instant::now();
                session.flush_async().unwrap();
                spent += start.elapsed();
                forget(&mut connection);
            }
            spent
        });
    });
    let mut connection = database.redis().unwrap();
    group.bench_function(BenchmarkId::new(ROWS.to_string(), "one XADD"), |b| {
        b.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                let start = Instant::now();
                let _: String = redis::cmd("XADD")
                    .arg(QUEUE)
                    .arg("*")
                    .arg("s")
                    .arg(&body)
                    .arg("e")
                    .arg("01ARZ3NDEKTSV4RRFFQ69G5FAV")
                    .query(&mut connection)
                    .unwrap();
                spent += start.elapsed();
                forget(&mut connection);
            }
            spent
        });
    });
    group.finish();
}

fn draining(c: &mut Criterion) {
    let (_database, engine, mut bare) = set_up();
    let mut consumer = engine.async_consumer().unwrap();
    let mut group = c.benchmark_group("async_drain");
    group.sample_size(10);
    let drain = |consumer: &mut headwater::engine::AsyncConsumer| {
        let start = Instant::now();
        let mut done = 0;
        while done < ROWS {
            done += consumer.consume(ROWS, Duration::ZERO).unwrap();
        }
        start.elapsed()
    };
    group.bench_function(BenchmarkId::new(ROWS.to_string(), "headwater"), |b| {
        b.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                let mut session = engine.session();
                for n in 0..ROWS {
                    session.insert(user(n));
                    session.flush_async().unwrap();
                }
                spent += drain(&mut consumer);
            }
            spent
        });
    });
    group.bench_function(BenchmarkId::new(ROWS.to_string(), "driver, each autocommitted"), |b| {
        let statement = bare.prep(insert(1)).unwrap();
        b.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                let start = Instant::now();
                for n in 0..ROWS {
                    let mut params = Vec::with_capacity(6);
                    values(&user(n), &mut params);
                    bare.exec_drop(&statement, params).unwrap();
                }
                spent += start.elapsed();
            }
            spent
        });
    });
    group.finish();

    let mut group = c.benchmark_group("async_drain_updates");
    group.sample_size(10);
    fill(&mut bare, ROWS);
    let mut turn = 0;
    group.bench_function(BenchmarkId::new(ROWS.to_string(), "headwater"), |b| {
        b.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                turn += 1;
                let mut session = engine.session();
                let rows = session.query::<User>().all().unwrap();
                for &row in &rows {
                    session[row].age = Some(1000 + turn);
                    session.flush_async().unwrap();
                }
                spent += drain(&mut consumer);
            }
            spent
        });
    });
    group.bench_function(BenchmarkId::new(ROWS.to_string(), "driver, each autocommitted"), |b| {
        let statement = bare.prep("UPDATE bench_users SET age=? WHERE id=?").unwrap();
        b.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                turn += 1;
                let start = Instant::now();
                for n in 0..ROWS {
                    bare.exec_drop(&statement, (1000 + turn, n + 1)).unwrap();
                }
                spent += start.elapsed();
            }
            spent
        });
    });
    group.finish();
}

criterion_group!(benches, queueing, draining);
criterion_main!(benches);
