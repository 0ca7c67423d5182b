//! How a Redis pool connects: sizes and timeouts.

use std::time::Duration;

/// Sizes and timeouts of a Redis pool.
///
/// ```
/// use std::time::Duration;
/// use headwater::redis::RedisOptions;
///
/// let options = RedisOptions::default()
///     .with_connections(4)
///     .with_io_timeout(Duration::from_secs(2));
/// # let _ = options;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisOptions {
    pub(super) connections: u32,
    pub(super) connect_timeout: Duration,
    pub(super) io_timeout: Duration,
    pub(super) idle_check: Duration,
    pub(super) startup_deadline: Duration,
    pub(super) root_certificate: Option<Vec<u8>>,
}

impl Default for RedisOptions {
    fn default() -> Self {
        RedisOptions {
            connections: 8,
            connect_timeout: Duration::from_secs(5),
            io_timeout: Duration::from_secs(5),
            idle_check: Duration::from_secs(30),
            startup_deadline: Duration::from_secs(5),
            root_certificate: None,
        }
    }
}

/// The socket calls refuse a timeout of zero.
const SHORTEST: Duration = Duration::from_millis(1);

impl RedisOptions {
    /// The most connections that are shared out at a time (8). The sender and every consumer have one
    /// of their own besides.
    #[must_use]
    pub fn with_connections(mut self, connections: u32) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// How long connecting may take, with TLS and login (5 s).
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.max(SHORTEST);
        self
    }

    /// How long the server may be silent while an answer is due (5 s). A blocking read adds the time
    /// that it asked to block for.
    #[must_use]
    pub fn with_io_timeout(mut self, timeout: Duration) -> Self {
        self.io_timeout = timeout.max(SHORTEST);
        self
    }

    /// A shared connection that was idle this long is tried with PING before it is used (30 s).
    #[must_use]
    pub fn with_idle_check(mut self, idle: Duration) -> Self {
        self.idle_check = idle;
        self
    }

    /// How long a server that is still loading its data is waited for when the pool opens (5 s).
    #[must_use]
    pub fn with_startup_deadline(mut self, deadline: Duration) -> Self {
        self.startup_deadline = deadline;
        self
    }

    /// The certificate (PEM) of the authority that signs the server's, for `rediss://` URLs. It takes the place of the
    /// public authorities, which are trusted where none is given. Needs the feature `tls`.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use headwater::prelude::*;
    /// use headwater::redis::RedisOptions;
    ///
    /// let options = RedisOptions::default().with_root_certificate(std::fs::read("authority.pem")?);
    /// let engine = Engine::builder().redis_pool_with("default", "rediss://app:secret@cache", options).build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificate = Some(pem.into());
        self
    }
}
