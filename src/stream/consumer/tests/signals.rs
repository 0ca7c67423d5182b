//! A process that is stopped and goes on again while it waits for events: the system interrupts its reads.

use std::process::{Child, Command, Stdio};

use super::*;
use crate::stream::Shutdown;

const URL: &str = "HEADWATER_TEST_SLEEPER_URL";
const HOW: &str = "HEADWATER_TEST_SLEEPER_HOW";

/// Notes the entities that it handles and the errors that it is told of.
#[test]
#[ignore = "a part of the next test, in a process of its own"]
fn sleeper() {
    let Ok(url) = std::env::var(URL) else { return };
    let connect = || {
        let client = headwater_testkit::redis::Client::open(url.as_str()).unwrap();
        client.get_connection().unwrap()
    };
    let (mut redis, errors) = (connect(), std::sync::Mutex::new(connect()));
    let mut consumer = ConsumerBuilder::new(pool(&url), USERS, &[])
        .on_error(move |error| {
            let _: u64 = errors.lock().unwrap().rpush("errors", error.to_string()).unwrap();
        })
        .single()
        .unwrap();
    let mut note = |events: &[Event]| {
        for entity in entities(events) {
            let _: u64 = redis.rpush("handled", entity).unwrap();
        }
        Ok(())
    };
    if std::env::var(HOW).as_deref() == Ok("run") {
        return consumer.run(&Shutdown::new(), note).unwrap();
    }
    loop {
        consumer.consume(10, Duration::from_secs(600), &mut note).unwrap();
    }
}

fn start(url: &str, how: &str) -> Child {
    let module = module_path!().split_once("::").unwrap().1;
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", &format!("{module}::sleeper")])
        .env(URL, url)
        .env(HOW, how)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn signal(process: &Child, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &process.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

fn a_wait_that_is_interrupted_goes_on(how: &str) {
    let servers = private(false);
    let database = servers.database().unwrap();
    let mut redis = database.redis().unwrap();
    let mut sleeper = start(database.redis_url(), how);
    let mut blocked = || {
        let info: String = command(&mut redis, "INFO clients");
        info.contains("blocked_clients:1")
    };
    for _ in 0..5 {
        until("it to wait for events", &mut blocked);
        signal(&sleeper, "STOP");
        signal(&sleeper, "CONT");
    }
    add(&pool(database.redis_url()), [1]);
    until("the event to be handled", || {
        redis.llen::<_, u64>("handled").unwrap() >= 1
    });
    assert!(sleeper.try_wait().unwrap().is_none(), "it ended");
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    assert_eq!(redis.lrange::<_, Vec<u64>>("handled", 0, -1).unwrap(), [1]);
    assert_eq!(redis.lrange::<_, Vec<String>>("errors", 0, -1).unwrap(), [""; 0]);
}

#[test]
fn a_read_that_is_interrupted_is_made_again() {
    a_wait_that_is_interrupted_goes_on("consume");
}

#[test]
fn a_loop_that_is_interrupted_goes_on_and_tells_nobody() {
    a_wait_that_is_interrupted_goes_on("run");
}
