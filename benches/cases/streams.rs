//! Sending events, what a flush pays for them, and consuming.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use headwater::prelude::*;
use headwater::stream::Shutdown;
use headwater_testkit::Database;
use headwater_testkit::redis::{self, Value};
use mysql::prelude::Queryable;

use super::update;
use crate::support::case::{Case, Goal, Side, Started, side};
use crate::support::pin;
use crate::support::users::{Status, User, fill};
use crate::support::world::World;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![Case::new("send/100000", Goal::Ratio(1.15), send)];
    for rows in [1, 10, 100] {
        let goal = Goal::Beyond(Duration::from_micros(10));
        let case = Case::new(format!("flush_stream/{rows}"), goal, move |world| {
            with_stream(world, rows)
        });
        cases.push(case.against(Some("no stream")));
    }
    for count in [100, 1000] {
        cases.push(Case::new(format!("consume/{count}"), Goal::Ratio(1.20), move |world| {
            consuming(world, count)
        }));
    }
    cases
}

const EVENTS: Stream = Stream::new("BenchEvents");
const BARE: &str = "BareEvents";

/// The benches' row, with a stream.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "bench_published", stream(EVENTS))]
struct Published {
    #[column(id)]
    id: u64,
    name: String,
    email: String,
    status: Status,
    age: Option<u32>,
    balance: Option<f64>,
    active: bool,
}
impl Entity for Published {}

/// Another table with the stream.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "bench_before", stream(EVENTS))]
struct Before {
    #[column(id)]
    id: u64,
    age: Option<u32>,
}
impl Entity for Before {}

/// As long as the event of an update of two columns.
fn payload(n: usize) -> Vec<u8> {
    let mut payload = format!("event {n}").into_bytes();
    payload.resize(150, b'x');
    payload
}

/// Handed over to the sender, and in Redis.
fn send(world: &World) -> Started {
    const MANY: usize = 100_000;
    /// The driver's batches; more at once do not make it faster.
    const BATCH: usize = 1000;
    let site = world.site_of::<Published>();
    let engine = site.engine.clone();
    let mut server = site.database.redis().unwrap();
    let payloads = || -> Vec<Vec<u8>> { (0..MANY).map(payload).collect() };
    let headwater = side(
        move || {
            redis::cmd("DEL").arg(EVENTS.name()).exec(&mut server).unwrap();
            payloads()
        },
        move |payloads| {
            let before = engine.delivery().sent;
            for parcel in payloads.chunks_mut(100) {
                let parcel = parcel.iter_mut().map(std::mem::take).collect();
                headwater::__private::send(&engine, &EVENTS, parcel).unwrap();
            }
            while engine.delivery().sent - before < MANY as u64 {
                std::thread::yield_now();
            }
        },
    );
    let (mut server, mut connection) = (site.database.redis().unwrap(), site.database.redis().unwrap());
    let driver = side(
        move || {
            redis::cmd("DEL").arg(BARE).exec(&mut server).unwrap();
            payloads()
        },
        move |payloads| {
            for batch in payloads.chunks(BATCH) {
                let mut pipe = redis::pipe();
                for (payload, n) in batch.iter().zip(0u64..) {
                    // Event ids are part of the work.
                    let id = ulid(n);
                    pipe.cmd("XADD")
                        .arg(BARE)
                        .arg("*")
                        .arg("s")
                        .arg(&payload[..])
                        .arg("e")
                        .arg(&id[..])
                        .ignore();
                }
                pipe.exec(&mut connection).unwrap();
            }
        },
    );
    Started::on(site, vec![("headwater", headwater), ("driver", driver)])
}

/// Something as long as an event id.
fn ulid(n: u64) -> [u8; 26] {
    let mut id = [b'0'; 26];
    let mut rest = n;
    for digit in id.iter_mut().rev().take(8) {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    id
}

/// All rows to the same value, with the stream and without. The statement is the same on both sides, and yet the server
/// takes up to 20 us longer for the one or the other, for as long as its connection is open: it takes many starts to see
/// what the stream adds.
fn with_stream(world: &World, rows: u64) -> Started {
    let mut site = world.site();
    fill(&mut site.bare, 1000);
    site.engine = Engine::builder()
        .mysql(site.database.mysql_url())
        .redis(site.database.redis_url())
        .entity::<Published>()
        .entity::<Before>()
        .entity::<User>()
        .build()
        .unwrap();
    let diff = site.engine.schema().diff().unwrap();
    diff.apply().unwrap();
    // Both tables are filled by the same statement: their pages are laid out alike, and the same flush takes as long.
    for statement in [
        "INSERT INTO bench_published SELECT * FROM bench_users",
        "TRUNCATE TABLE bench_users",
        "INSERT INTO bench_users SELECT * FROM bench_published",
        "INSERT INTO bench_before SELECT id, age FROM bench_published",
    ] {
        site.bare.query_drop(statement).unwrap();
    }
    let age = |turn: u64| Some(u32::try_from(1000 + turn % 1_000_000).unwrap_or_default());
    let engine = site.engine.clone();
    let mut with = update::headwater(&engine, &site.place, (rows, 1), move |user: &mut Published, _, turn| {
        user.age = age(turn)
    });
    let mut without = update::headwater(&engine, &site.place, (rows, 1), move |user: &mut User, _, turn| {
        user.age = age(turn)
    });
    // What a flush finds warm must not depend on what happened since the one before: on both sides that is a flush of a
    // third table, with the stream, and enough time to send what either published.
    let unsynced = Unsynced::on(&site.database);
    let mut before = update::headwater(&engine, &site.place, (rows, 1), move |row: &mut Before, _, turn| {
        row.age = age(turn)
    });
    let mut apart = false;
    let before = Rc::new(RefCell::new(move || {
        let _ = &unsynced;
        // Sender and Redis are not where the flush is, as in production: what they leave in the caches is not what a flush
        // pays. And the sender has nothing to do when the next flush begins.
        if !std::mem::replace(&mut apart, true) {
            pin::apart("headwater-sende");
        }
        pause(&engine);
        before(1);
        pause(&engine);
    }));
    let before_without = Rc::clone(&before);
    let with = by_median(move || {
        before.borrow_mut()();
        with(1)
    });
    let without = by_median(move || {
        before_without.borrow_mut()();
        without(1)
    });
    Started::on(site, vec![("headwater", with), ("no stream", without)]).redis_apart()
}

/// The server syncs no commit meanwhile: its time, which nobody's stream changes, varies by more than what is measured.
struct Unsynced(mysql::Conn);

impl Unsynced {
    /// What a commit syncs: InnoDB's log, and the binary log where there is one.
    const SETTINGS: [&str; 2] = ["innodb_flush_log_at_trx_commit", "sync_binlog"];

    fn on(database: &Database) -> Self {
        let mut unsynced = Unsynced(database.root().unwrap());
        unsynced.set("0");
        unsynced
    }

    fn set(&mut self, value: &str) {
        for setting in Self::SETTINGS {
            self.0.query_drop(format!("SET GLOBAL {setting} = {value}")).unwrap();
        }
    }
}

impl Drop for Unsynced {
    fn drop(&mut self) {
        self.set("DEFAULT");
    }
}

/// Until the sender has nothing to do, and 0.6 ms at least.
fn pause(engine: &Engine) {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_micros(600) || engine.delivery().queued > 0 {
        std::thread::yield_now();
    }
}

/// Takes a slice's middle time for all of its times: to wake another processor costs a virtual machine a hundredfold now
/// and then, and the goal is about the median.
fn by_median(mut once: impl FnMut() -> Duration + 'static) -> Side {
    Box::new(move |times| {
        let mut all: Vec<Duration> = (0..times).map(|_| once()).collect();
        all.sort_unstable();
        let middle = all.get(all.len() / 2).copied().unwrap_or_default();
        middle * u32::try_from(times).unwrap_or(u32::MAX)
    })
}

/// Reads, handles, acknowledges and deletes 10,000 events.
fn consuming(world: &World, count: usize) -> Started {
    const MANY: usize = 10_000;
    let site = world.site_of::<Published>();
    let fill = |server: &mut redis::Connection, stream: &str, group: &str| {
        redis::cmd("DEL").arg(stream).exec(server).unwrap();
        let mut group_command = redis::cmd("XGROUP");
        group_command
            .arg("CREATE")
            .arg(stream)
            .arg(group)
            .arg("0")
            .arg("MKSTREAM")
            .exec(server)
            .unwrap();
        for first in (0..MANY).step_by(1000) {
            let mut pipe = redis::pipe();
            for n in first..first + 1000 {
                pipe.cmd("XADD")
                    .arg(stream)
                    .arg("*")
                    .arg("s")
                    .arg(payload(n))
                    .arg("e")
                    .arg(&ulid(n as u64)[..])
                    .ignore();
            }
            pipe.exec(server).unwrap();
        }
    };
    let mut server = site.database.redis().unwrap();
    let mut consumer = site
        .engine
        .consumer(&EVENTS)
        .group("bench")
        .batch(count)
        .single()
        .unwrap();
    let headwater = side(
        move || fill(&mut server, EVENTS.name(), "bench"),
        move |()| {
            let shutdown = Shutdown::new();
            let mut seen = 0;
            consumer
                .run(&shutdown, |events| {
                    seen += events.iter().filter(|event| event.payload().len() == 150).count();
                    if seen >= MANY {
                        shutdown.request();
                    }
                    Ok(())
                })
                .unwrap();
            assert_eq!(seen, MANY);
        },
    );
    let (mut server, mut connection) = (site.database.redis().unwrap(), site.database.redis().unwrap());
    let driver = side(
        move || fill(&mut server, BARE, "bench"),
        move |()| {
            let read = |pipe: &mut redis::Pipeline| {
                let command = pipe.cmd("XREADGROUP").arg("GROUP").arg("bench").arg("one");
                command.arg("COUNT").arg(count).arg("STREAMS").arg(BARE).arg(">");
            };
            let mut seen = 0;
            let mut pipe = redis::pipe();
            read(&mut pipe);
            while seen < MANY {
                // The answers are taken as they come: the crate's own type for them makes a map of each entry.
                let mut replies: Vec<Value> = pipe.query(&mut connection).unwrap();
                let entries = entries(replies.pop().unwrap());
                let mut ids: Vec<Vec<u8>> = Vec::with_capacity(entries.len());
                for (id, payload) in entries {
                    seen += usize::from(payload.len() == 150);
                    ids.push(id);
                }
                pipe = redis::pipe();
                pipe.cmd("XACK").arg(BARE).arg("bench").arg(&ids);
                pipe.cmd("XDEL").arg(BARE).arg(&ids);
                if seen < MANY {
                    read(&mut pipe);
                }
            }
            pipe.exec(&mut connection).unwrap();
        },
    );
    Started::on(site, vec![("headwater", headwater), ("driver", driver)])
}

/// Id and payload of each entry in the answer to XREADGROUP.
fn entries(reply: Value) -> Vec<(Vec<u8>, Vec<u8>)> {
    let list = |value: Value| match value {
        Value::Array(list) => list,
        other => panic!("{other:?} is no list"),
    };
    let bytes = |value: Value| match value {
        Value::BulkString(bytes) => bytes,
        other => panic!("{other:?} are no bytes"),
    };
    let mut stream = list(list(reply).remove(0));
    let entries = list(stream.pop().unwrap()).into_iter().map(|entry| {
        let mut entry = list(entry).into_iter();
        let id = bytes(entry.next().unwrap());
        let payload = bytes(list(entry.next().unwrap()).swap_remove(1));
        (id, payload)
    });
    entries.collect()
}
