//! Queueing a flush, beside giving Redis the same bytes; executing what is queued, beside the bare driver committing
//! the same statements one by one. (The consumer joins statements and commits many operations together: that is what
//! it is for.) Servers are durable: Redis syncs every write, MySQL every commit.
//!
//! Names are `group/size/who`. Setting up is not part of the time. Both sides take turns the whole time, whichever of
//! them is being measured, so that what disturbs one disturbs both; the line at the end of a group tells the median of
//! the ratios within one turn, which holds from run to run as times do not.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

mod support;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use headwater::prelude::*;
use headwater_testkit::redis::{ConnectionLike, IntoConnectionInfo};
use headwater_testkit::{Database, Servers, redis};
use mysql::prelude::Queryable;
use support::users::{User, fill, insert, user, values};

const QUEUE: &str = "_fluxa_async_sql";
const ROWS: usize = 1000;

/// As [`support::set_up`], with a queue.
fn set_up() -> (Database, Engine, mysql::Conn) {
    let servers = Servers::builder().private().durable(true).start().expect("servers");
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
    let bare = support::world::bare(database.mysql_url());
    (database, engine, bare)
}

/// A connection to Redis with the settings of the engine's.
fn bare_redis(database: &Database) -> redis::Connection {
    let info = database.redis_url().into_connection_info().expect("a URL");
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    let client = redis::Client::open(info.set_tcp_settings(tcp)).expect("a client");
    client.get_connection().expect("a connection")
}

fn forget(redis: &mut redis::Connection) {
    let _: () = redis::cmd("XTRIM")
        .arg(QUEUE)
        .arg("MAXLEN")
        .arg(0)
        .query(redis)
        .unwrap();
}

/// Measures two sides that take turns.
fn in_turns(
    c: &mut Criterion,
    group: &str,
    samples: usize,
    mut own: impl FnMut() -> Duration,
    other: (&str, impl FnMut() -> Duration),
) {
    let (name, mut other) = other;
    let mut ratios = Vec::new();
    let mut turn = || {
        // Forth and back, so that nobody is always the one who comes after the other.
        let (own, other) = if ratios.len() % 2 == 0 {
            let own = own();
            (own, other())
        } else {
            let other = other();
            (own(), other)
        };
        ratios.push(own.as_secs_f64() / other.as_secs_f64());
        (own, other)
    };
    let mut benches = c.benchmark_group(group);
    benches.sample_size(samples);
    benches.bench_function(BenchmarkId::new(ROWS.to_string(), "headwater"), |b| {
        b.iter_custom(|times| (0..times).map(|_| turn().0).sum());
    });
    benches.bench_function(BenchmarkId::new(ROWS.to_string(), name), |b| {
        b.iter_custom(|times| (0..times).map(|_| turn().1).sum());
    });
    benches.finish();
    let turns = ratios.len();
    let ratio = support::measure::median(ratios);
    println!("{group}/{ROWS}: {ratio:.2} of {name}, median of {turns} turns\n");
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
    let mut other = bare_redis(&database);
    // Packed before the clock runs: the bytes are there.
    let packed = redis::cmd("XADD")
        .arg(QUEUE)
        .arg("*")
        .arg("s")
        .arg(&body)
        .arg("e")
        .arg("01ARZ3NDEKTSV4RRFFQ69G5FAV")
        .get_packed_command();
    let own = || {
        let mut session = insert();
        let start = Instant::now();
        session.flush_async().unwrap();
        let spent = start.elapsed();
        drop(session);
        forget(&mut connection);
        spent
    };
    let xadd = || {
        // As the other side: a server that was asked a moment ago answers sooner than one that was left alone while
        // somebody made rows.
        let session = insert();
        let start = Instant::now();
        other.req_packed_command(&packed).unwrap();
        let spent = start.elapsed();
        drop(session);
        forget(&mut other);
        spent
    };
    in_turns(c, "flush_async", 30, own, ("one XADD", xadd));
}

fn draining(c: &mut Criterion) {
    let (_database, engine, mut bare) = set_up();
    let mut consumer = engine.async_consumer().unwrap();
    let drain = |consumer: &mut headwater::engine::AsyncConsumer| {
        let start = Instant::now();
        let mut done = 0;
        while done < ROWS {
            done += consumer.consume(ROWS, Duration::ZERO).unwrap();
        }
        start.elapsed()
    };
    // The key is part of a queued statement too.
    let with_key = insert(1).replace("(name", "(id,name").replace("(?", "(?,?");
    let statement = bare.prep(with_key).unwrap();
    let row = |key: u64, n: usize| {
        let mut params = Vec::with_capacity(7);
        params.push(mysql::Value::UInt(key));
        values(&user(n), &mut params);
        params
    };
    // The keys of queued rows begin behind the greatest there is, those of the driver's side far below.
    bare.exec_drop(&statement, row(1 << 40, 0)).unwrap();
    let mut key = 0;
    let own = || {
        let mut session = engine.session();
        for n in 0..ROWS {
            session.insert(user(n));
            session.flush_async().unwrap();
        }
        drain(&mut consumer)
    };
    let each = || {
        let start = Instant::now();
        for n in 0..ROWS {
            key += 1;
            bare.exec_drop(&statement, row(key, n)).unwrap();
        }
        start.elapsed()
    };
    in_turns(c, "async_drain", 10, own, ("driver, each autocommitted", each));
    let dead = engine.async_dead_letters().unwrap().list(1).unwrap();
    assert!(dead.is_empty(), "{dead:?}");

    fill(&mut bare, ROWS);
    let statement = bare.prep("UPDATE bench_users SET age=? WHERE id=?").unwrap();
    let age = Cell::new(1000);
    let next = || {
        age.set(age.get() + 1);
        age.get()
    };
    let own = || {
        let age = next();
        let mut session = engine.session();
        let rows = session.query::<User>().all().unwrap();
        for &row in &rows {
            session[row].age = Some(age);
            session.flush_async().unwrap();
        }
        drain(&mut consumer)
    };
    let each = || {
        let age = next();
        let start = Instant::now();
        for n in 0..ROWS {
            bare.exec_drop(&statement, (age, n + 1)).unwrap();
        }
        start.elapsed()
    };
    in_turns(c, "async_drain_updates", 10, own, ("driver, each autocommitted", each));
}

criterion_group!(benches, queueing, draining);
criterion_main!(benches);
