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

/// Which client a pool works with. Test modules that run over both are compiled twice, and know by
/// their path which time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// Connections opened by a URL.
    Url,
    /// Those of an `r2d2_redis` pool.
    #[cfg(feature = "r2d2_redis")]
    R2d2,
}

impl Over {
    /// That of the module with this path.
    pub(crate) fn of(module: &str) -> Over {
        #[cfg(feature = "r2d2_redis")]
        if module.contains("over_r2d2") {
            return Over::R2d2;
        }
        let _ = module;
        Over::Url
    }

    /// A pool.
    pub(crate) fn pool(self, url: &str) -> RedisPool {
        self.impatient_pool(url, Duration::from_secs(5))
    }

    /// A pool that loses patience after this long.
    pub(crate) fn impatient_pool(self, url: &str, patience: Duration) -> RedisPool {
        let options = RedisOptions::default()
            .with_connect_timeout(patience)
            .with_io_timeout(patience);
        match self {
            Over::Url => RedisPool::open("default", url, options),
            #[cfg(feature = "r2d2_redis")]
            Over::R2d2 => RedisPool::lent("default", r2d2_pool(url, 32), options),
        }
        .expect("a pool")
    }
}

/// A pool of the application's, as it makes one.
#[cfg(feature = "r2d2_redis")]
pub(crate) fn r2d2_pool(url: &str, size: u32) -> r2d2_redis::r2d2::Pool<r2d2_redis::RedisConnectionManager> {
    let manager = r2d2_redis::RedisConnectionManager::new(url).expect("a URL");
    r2d2_redis::r2d2::Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        .error_handler(Box::new(r2d2_redis::r2d2::NopErrorHandler))
        .build(manager)
        .expect("a pool")
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
