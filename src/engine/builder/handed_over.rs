//! Redis pools of `r2d2_redis` that the application has already.

use r2d2_redis::RedisConnectionManager;
use r2d2_redis::r2d2::Pool;

use super::{EngineBuilder, RedisOrigin};
use crate::redis::RedisOptions;

/// A pool as `r2d2_redis` makes it.
pub(super) type R2d2Pool = Pool<RedisConnectionManager>;

impl EngineBuilder {
    /// A Redis pool over the connections of a pool of `r2d2_redis` 0.14 that the application has already. With feature
    /// `r2d2_redis` only.
    ///
    /// Threads that wait keep a connection of it for as long as they live: the engine's sender one, the relay of an
    /// outbox one for each MySQL pool with durable streams, and each consumer one. Publishing by hand, figures, dead
    /// letters and `Event::ack` take one more for a moment. So the pool's `max_size` is at least 2, or 3 with an
    /// outbox, + the consumers that are alive at a time + what the application itself uses at a time.
    ///
    /// A connection is given back in the state in which `r2d2_redis` makes it, without timeouts; one on which an
    /// answer is missing is closed instead.
    ///
    /// ```no_run
    /// # #[cfg(feature = "r2d2_redis")]
    /// # fn demo() -> Result<(), Box<dyn std::error::Error>> {
    /// use headwater::prelude::*;
    /// use r2d2_redis::{RedisConnectionManager, r2d2};
    ///
    /// let manager = RedisConnectionManager::new("redis://localhost")?;
    /// let pool = r2d2::Pool::builder().max_size(10).build(manager)?;
    /// let engine = Engine::builder().redis_from_r2d2("default", pool.clone()).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn redis_from_r2d2(self, name: impl Into<String>, pool: Pool<RedisConnectionManager>) -> Self {
        self.redis_from_r2d2_with(name, pool, RedisOptions::default())
    }

    /// As [`redis_from_r2d2`](EngineBuilder::redis_from_r2d2), with options: the I/O timeout, the connect timeout (how
    /// long a connection of the pool is waited for) and the startup deadline. The others are the pool's affair.
    pub fn redis_from_r2d2_with(
        mut self,
        name: impl Into<String>,
        pool: Pool<RedisConnectionManager>,
        options: RedisOptions,
    ) -> Self {
        self.redis.push((name.into(), RedisOrigin::Pool(pool), options));
        self
    }
}
