//! Redis for unit tests: a shared server with a logical database for each test, and private ones.

use std::sync::OnceLock;
use std::time::Duration;

use headwater_testkit::redis::{Cmd, Connection, FromRedisValue};
use headwater_testkit::{Database, Servers, wait_until};

use super::{RedisOptions, RedisPool};

/// How long a test waits for what has to happen.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// An empty logical database of the server that all tests share.
pub(crate) fn database() -> Database {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS
        .get_or_init(|| Servers::builder().mysql(false).start().expect("a Redis server"))
        .database()
        .expect("an empty database")
}

/// A server of one's own, to be broken.
pub(crate) fn private(durable: bool) -> Servers {
    Servers::builder()
        .private()
        .mysql(false)
        .durable(durable)
        .start()
        .expect("a Redis server")
}

/// A pool with short timeouts.
pub(crate) fn pool(url: &str) -> RedisPool {
    let options = RedisOptions::default()
        .with_connect_timeout(Duration::from_secs(5))
        .with_io_timeout(Duration::from_secs(5));
    RedisPool::open("default", url, options).expect("a pool")
}

/// A pool that loses patience after this long.
pub(crate) fn impatient_pool(url: &str, patience: Duration) -> RedisPool {
    let options = RedisOptions::default()
        .with_connect_timeout(patience)
        .with_io_timeout(patience);
    RedisPool::open("default", url, options).expect("a pool")
}

/// Runs a command given as text, its words split at spaces.
pub(crate) fn command<T: FromRedisValue>(connection: &mut Connection, text: &str) -> T {
    let mut words = text.split(' ');
    let mut command = Cmd::new();
    for word in &mut words {
        command.arg(word);
    }
    command
        .query(connection)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Waits until it is so.
pub(crate) fn until(what: &str, condition: impl FnMut() -> bool) {
    wait_until(SOON, what, condition).unwrap_or_else(|error| panic!("{error}"));
}
