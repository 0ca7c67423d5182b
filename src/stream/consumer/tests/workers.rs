//! Worker processes that share a group, one of them killed in the middle of its work.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use super::*;
use crate::stream::Shutdown;

const URL: &str = "HEADWATER_TEST_WORKER_URL";
const EVENTS: u64 = 10_000;

/// The worker: notes each event that it handles, and each that it acknowledged.
#[test]
#[ignore = "a part of the next test, in a process of its own"]
fn worker() {
    let Ok(url) = std::env::var(URL) else { return };
    let mut redis = headwater_testkit::redis::Client::open(url.as_str())
        .unwrap()
        .get_connection()
        .unwrap();
    let mut consumer = ConsumerBuilder::new(pool(&url), USERS, &[])
        .claim_after(Duration::from_millis(500))
        .batch(20)
        .many()
        .unwrap();
    let name = consumer.name().to_string();
    let shutdown = Shutdown::new();
    consumer
        .run(&shutdown, |events| {
            for event in events {
                let _: u64 = redis.hincr("handled", event.event_id().unwrap(), 1).unwrap();
                let _: u64 = redis.hincr("workers", &name, 1).unwrap();
            }
            Ok(())
        })
        .unwrap();
}

fn start(url: &str) -> Child {
    // The path of this module, which is one of two, without the name of the crate.
    let module = module_path!().split_once("::").unwrap().1;
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", &format!("{module}::worker")])
        .env(URL, url)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn four_processes_share_the_events_and_one_killed_in_the_middle_loses_none() {
    let database = database();
    let mut redis = database.redis().unwrap();
    add(&pool(database.redis_url()), 1..EVENTS + 1);
    let mut workers: Vec<Child> = (0..4).map(|_| start(database.redis_url())).collect();
    until("the work to be half done", || {
        redis.hlen::<_, u64>("handled").unwrap() > EVENTS / 2
    });
    let mut killed = workers.remove(0);
    killed.kill().unwrap();
    killed.wait().unwrap();
    until("all of it to be done", || {
        redis.xlen::<_, u64>(USERS.name()).unwrap() == 0
    });
    let pending: headwater_testkit::redis::streams::StreamPendingReply =
        redis.xpending(USERS.name(), "consumer_group").unwrap();
    assert_eq!(pending.count(), 0);
    // Every entry was given out as new once and leaves the pending list by one acknowledgement; nothing else took
    // one away: none was put aside, cut or deleted.
    let groups: Vec<BTreeMap<String, headwater_testkit::redis::Value>> = command(&mut redis, "XINFO GROUPS UserStream");
    let figure = |name: &str| groups[0][name].clone();
    assert_eq!(
        figure("entries-read"),
        headwater_testkit::redis::Value::Int(EVENTS as i64)
    );
    assert_eq!(figure("lag"), headwater_testkit::redis::Value::Int(0));
    for mut worker in workers {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    let handled: BTreeMap<String, u64> = redis.hgetall("handled").unwrap();
    assert_eq!(handled.len() as u64, EVENTS);
    // Only what the killed one had at that moment came twice.
    let again = handled.values().filter(|times| **times > 1).count();
    assert!(again <= 40, "{again} events were handled more than once");
    assert_eq!(redis.xlen::<_, u64>("UserStream:dead").unwrap(), 0);
    assert_eq!(redis.hlen::<_, u64>("workers").unwrap(), 4);
}
