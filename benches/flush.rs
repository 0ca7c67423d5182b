//! Finding, loading and flushing, beside the bare driver doing the same work in the best way that it can.
//!
//! Names are `group/size/who`. Setting up is not part of the time.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

mod support;

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mysql::prelude::Queryable;
use support::{User, fill, insert, set_up, user, values};

fn timed(times: u64, mut once: impl FnMut() -> Duration) -> Duration {
    (0..times).map(|_| once()).sum()
}

fn find(c: &mut Criterion) {
    let (_database, engine, mut bare) = set_up();
    fill(&mut bare, 10_000);
    let mut group = c.benchmark_group("find_one");
    group.bench_function(BenchmarkId::new("1", "headwater"), |b| {
        let mut key = 0;
        b.iter(|| {
            key = key % 10_000 + 1;
            engine.session().find::<User>(key).unwrap()
        });
    });
    group.bench_function(BenchmarkId::new("1", "driver"), |b| {
        let statement = bare
            .prep("SELECT id,name,email,status,age,balance,active FROM bench_users WHERE id=?")
            .unwrap();
        let mut key = 0u64;
        b.iter(|| {
            key = key % 10_000 + 1;
            bare.exec_first::<mysql::Row, _, _>(&statement, (key,)).unwrap()
        });
    });
    group.finish();

    let mut group = c.benchmark_group("load_all");
    group.sample_size(20);
    group.bench_function(BenchmarkId::new("10000", "headwater"), |b| {
        b.iter(|| engine.session().query::<User>().fetch().unwrap())
    });
    group.bench_function(BenchmarkId::new("10000", "headwater tracked"), |b| {
        b.iter(|| {
            let mut session = engine.session();
            session.query::<User>().all().unwrap().len()
        });
    });
    group.bench_function(BenchmarkId::new("10000", "driver"), |b| {
        let statement = bare
            .prep("SELECT id,name,email,status,age,balance,active FROM bench_users")
            .unwrap();
        type Plain = (u64, String, String, String, Option<u32>, Option<f64>, bool);
        b.iter(|| bare.exec::<Plain, _, _>(&statement, ()).unwrap());
    });
    group.finish();
}

fn inserts(c: &mut Criterion) {
    let (_database, engine, mut bare) = set_up();
    let mut group = c.benchmark_group("flush_insert");
    group.sample_size(20);
    for rows in [1, 10, 100, 1000] {
        group.bench_function(BenchmarkId::new(rows.to_string(), "headwater"), |b| {
            b.iter_custom(|times| {
                timed(times, || {
                    let mut session = engine.session();
                    (0..rows).for_each(|n| {
                        session.insert(user(n));
                    });
                    let start = Instant::now();
                    session.flush().unwrap();
                    start.elapsed()
                })
            });
        });
        group.bench_function(BenchmarkId::new(rows.to_string(), "driver"), |b| {
            let statement = bare.prep(insert(rows)).unwrap();
            b.iter_custom(|times| {
                timed(times, || {
                    let users: Vec<User> = (0..rows).map(user).collect();
                    let start = Instant::now();
                    let mut params = Vec::with_capacity(rows * 6);
                    users.into_iter().for_each(|user| values(user, &mut params));
                    bare.exec_drop(&statement, params).unwrap();
                    start.elapsed()
                })
            });
        });
    }
    group.finish();
}

fn updates(c: &mut Criterion) {
    let (_database, engine, mut bare) = set_up();
    fill(&mut bare, 10_000);
    let mut group = c.benchmark_group("flush_update");
    group.sample_size(20);
    for rows in [1usize, 10, 100, 1000] {
        let mut turn = 0u32;
        group.bench_function(BenchmarkId::new(rows.to_string(), "headwater"), |b| {
            let mut session = engine.session();
            let handles = session
                .query::<User>()
                .order_by(User::ID.asc())
                .limit(u64::try_from(rows).unwrap())
                .all()
                .unwrap();
            b.iter_custom(|times| {
                timed(times, || {
                    turn += 1;
                    for (n, &handle) in (0u32..).zip(&handles) {
                        session[handle].name = format!("Changed {turn} {n}");
                        session[handle].age = Some(turn + n);
                    }
                    let start = Instant::now();
                    session.flush().unwrap();
                    start.elapsed()
                })
            });
        });
        group.bench_function(BenchmarkId::new(rows.to_string(), "driver row by row"), |b| {
            let statement = bare.prep("UPDATE bench_users SET name=?,age=? WHERE id=?").unwrap();
            b.iter_custom(|times| {
                timed(times, || {
                    turn += 1;
                    let start = Instant::now();
                    if rows > 1 {
                        bare.query_drop("BEGIN").unwrap();
                    }
                    for n in 0..rows {
                        bare.exec_drop(
                            &statement,
                            (format!("Changed {turn} {n}"), turn + u32::try_from(n).unwrap(), n + 1),
                        )
                        .unwrap();
                    }
                    if rows > 1 {
                        bare.query_drop("COMMIT").unwrap();
                    }
                    start.elapsed()
                })
            });
        });
    }
    group.finish();
}

fn untouched(c: &mut Criterion) {
    let (_database, engine, mut bare) = set_up();
    fill(&mut bare, 100_000);
    let mut session = engine.session();
    let handles = session.query::<User>().all().unwrap();
    let mut group = c.benchmark_group("flush_nothing");
    group.bench_function(BenchmarkId::new("100000 loaded", "headwater"), |b| {
        b.iter(|| session.flush().unwrap().rows())
    });
    group.sample_size(10);
    group.bench_function(BenchmarkId::new("100000 touched", "headwater"), |b| {
        b.iter_custom(|times| {
            timed(times, || {
                for &handle in &handles {
                    session.get_mut(handle).unwrap();
                }
                let start = Instant::now();
                session.flush().unwrap();
                start.elapsed()
            })
        });
    });
    group.finish();
}

criterion_group!(benches, find, inserts, updates, untouched);
criterion_main!(benches);
