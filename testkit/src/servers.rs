//! A MySQL-compatible server and a Redis-compatible one: private ones, or those that the
//! environment names.

use std::env;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mysql::{Conn, Opts};

use crate::database::Database;
use crate::error::{Error, Result};
use crate::lease::Leases;
use crate::mysql_server::{self, MysqlServer};
use crate::redis_server::RedisServer;
use crate::url::Url;
use crate::version::ServerVersion;

/// The environment variable with the URL of a running MySQL or MariaDB server to use instead of a
/// private one. Its user must be allowed to create databases and users.
pub const MYSQL_URL: &str = "HEADWATER_MYSQL_URL";

/// The environment variable with the URL of a running Redis or Valkey server to use instead of a
/// private one.
pub const REDIS_URL: &str = "HEADWATER_REDIS_URL";

/// A MySQL-compatible server and a Redis-compatible one, for as long as this value, or a
/// [`Database`] made by it, lives.
///
/// Private servers listen on a free port of 127.0.0.1, keep everything in a temporary folder, and
/// are gone when they are dropped, and also when the process that owns them is killed.
#[derive(Debug)]
pub struct Servers {
    mysql: Option<Arc<Mysql>>,
    redis: Option<Arc<Redis>>,
}

/// Access to a MySQL-compatible server.
#[derive(Debug)]
pub(crate) struct Mysql {
    url: Url,
    root: Opts,
    pub(crate) version: ServerVersion,
    pub(crate) private: Option<MysqlServer>,
}

/// Access to a Redis-compatible server.
#[derive(Debug)]
pub(crate) struct Redis {
    // Before the server: leases are given back while it still answers.
    pub(crate) leases: Leases,
    pub(crate) private: Option<RedisServer>,
}

impl Servers {
    /// Both servers: those that [`HEADWATER_MYSQL_URL`](MYSQL_URL) and
    /// [`HEADWATER_REDIS_URL`](REDIS_URL) name, a private one where the variable is not set.
    ///
    /// # Errors
    ///
    /// When a server is not installed, does not start, or the one named by a variable does not
    /// answer.
    pub fn start() -> Result<Self> {
        Self::builder().start()
    }

    /// Servers with other settings.
    pub fn builder() -> ServersBuilder {
        ServersBuilder::default()
    }

    /// The servers that all tests of this process share, started by the first that asks.
    ///
    /// Tests stay apart by having a [`Database`] each.
    ///
    /// # Panics
    ///
    /// When [`start`](Self::start) fails, in every test with the same message.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<Servers, String>> = OnceLock::new();
        match SHARED.get_or_init(|| Self::start().map_err(|error| error.to_string())) {
            Ok(servers) => servers,
            Err(error) => panic!("the servers that the tests share are not there: {error}"),
        }
    }

    /// A fresh MySQL database with a user of its own, and an empty logical Redis database that
    /// nobody else uses. Both are gone when the value is dropped.
    ///
    /// # Errors
    ///
    /// When a server refuses, or every logical Redis database stays taken for two minutes.
    pub fn database(&self) -> Result<Database> {
        Database::new(self.mysql.clone(), self.redis.clone())
    }

    /// The private MySQL server, to be killed, stopped and paused.
    ///
    /// # Errors
    ///
    /// [`Error::NotPrivate`] when the server is not ours; see [`ServersBuilder::private`].
    pub fn mysql_server(&self) -> Result<&MysqlServer> {
        let none = not_private("MySQL server", self.mysql.is_some());
        let mysql = self.mysql.as_deref();
        mysql.and_then(|mysql| mysql.private.as_ref()).ok_or(none)
    }

    /// The private Redis server, to be killed, stopped and paused.
    ///
    /// # Errors
    ///
    /// [`Error::NotPrivate`] when the server is not ours; see [`ServersBuilder::private`].
    pub fn redis_server(&self) -> Result<&RedisServer> {
        let none = not_private("Redis server", self.redis.is_some());
        let redis = self.redis.as_deref();
        redis.and_then(|redis| redis.private.as_ref()).ok_or(none)
    }
}

fn not_private(server: &'static str, there: bool) -> Error {
    Error::NotPrivate {
        server,
        what: "breaking it",
        reason: if there {
            "this one was running before and is not ours to break; build the servers with `.private()`"
        } else {
            "these servers were built without it"
        },
    }
}

/// What a private server is tuned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settings {
    /// Tests: nothing outlives the process.
    Fast,
    /// Nothing that was acknowledged is lost in a crash.
    Durable,
    /// Measuring: as installed.
    Stock,
}

/// Settings of [`Servers`].
///
/// # Example
///
/// ```no_run
/// use headwater_testkit::Servers;
///
/// // A MySQL server to be killed in the middle of a commit.
/// let servers = Servers::builder().private().durable(true).redis(false).start()?;
/// servers.mysql_server()?.kill()?;
/// servers.mysql_server()?.start_again()?;
/// # Ok::<(), headwater_testkit::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ServersBuilder {
    private: bool,
    settings: Settings,
    mysql: bool,
    redis: bool,
}

impl Default for ServersBuilder {
    fn default() -> Self {
        Self {
            private: false,
            settings: Settings::Fast,
            mysql: true,
            redis: true,
        }
    }
}

impl ServersBuilder {
    /// Starts private servers whatever the environment says: for tests that break them.
    pub fn private(mut self) -> Self {
        self.private = true;
        self
    }

    /// Whether private servers keep every acknowledged write through a crash, as real ones do:
    /// InnoDB flushes its log at every commit, Redis its append-only file at every command.
    /// Off by default, which is faster.
    pub fn durable(mut self, durable: bool) -> Self {
        self.settings = if durable { Settings::Durable } else { Settings::Fast };
        self
    }

    /// Private servers run with the settings that they have where nobody sets any, for measuring: MySQL with its own
    /// buffer pool and log, flushed at every commit, Redis without a file.
    pub fn stock(mut self) -> Self {
        self.settings = Settings::Stock;
        self
    }

    /// Whether there is a MySQL-compatible server; on by default.
    pub fn mysql(mut self, mysql: bool) -> Self {
        self.mysql = mysql;
        self
    }

    /// Whether there is a Redis-compatible server; on by default.
    pub fn redis(mut self, redis: bool) -> Self {
        self.redis = redis;
        self
    }

    /// Starts them.
    ///
    /// # Errors
    ///
    /// As [`Servers::start`].
    pub fn start(self) -> Result<Servers> {
        let named = |variable| {
            if self.private {
                Ok(None)
            } else {
                from_environment(variable)
            }
        };
        let mysql = match self.mysql {
            true => Some(Arc::new(Mysql::new(named(MYSQL_URL)?, self.settings)?)),
            false => None,
        };
        let redis = match self.redis {
            true => Some(Arc::new(Redis::new(named(REDIS_URL)?, self.settings)?)),
            false => None,
        };
        Ok(Servers { mysql, redis })
    }
}

/// The URL in an environment variable; an empty one names nothing.
fn from_environment(variable: &str) -> Result<Option<String>> {
    match env::var_os(variable)
        .filter(|url| !url.is_empty())
        .map(|url| url.into_string())
    {
        None => Ok(None),
        Some(Ok(url)) => Ok(Some(url)),
        Some(Err(_)) => Err(Error::Url {
            name: variable.to_owned(),
            reason: "it is not UTF-8".to_owned(),
        }),
    }
}

impl Mysql {
    fn new(named: Option<String>, settings: Settings) -> Result<Self> {
        let Some(text) = named else {
            let server = MysqlServer::start(settings)?;
            return Ok(Self {
                url: Url::mysql(&format!("mysql://127.0.0.1:{}", server.port()), "")?,
                root: server.root(),
                version: server.version().clone(),
                private: Some(server),
            });
        };
        let url = Url::mysql(&text, MYSQL_URL)?;
        let root = Opts::from_url(&url.with_database("").to_text()).map_err(|_| Error::Url {
            name: MYSQL_URL.to_owned(),
            reason: "the driver does not understand it".to_owned(),
        })?;
        let mut connection = mysql_server::connect(&root, Duration::from_secs(10))?;
        Ok(Self {
            url,
            version: mysql_server::version(&mut connection)?,
            root,
            private: None,
        })
    }

    /// A connection of the administrator that waits no longer than this for any answer.
    pub(crate) fn root(&self, patience: Duration) -> Result<Conn> {
        mysql_server::connect(&self.root, patience)
    }

    /// The URL of a database for its user.
    pub(crate) fn url(&self, user: &str, password: &str, database: &str) -> Url {
        Url {
            credentials: Some(format!("{user}:{password}")),
            ..self.url.with_database(database)
        }
    }
}

impl Redis {
    fn new(named: Option<String>, settings: Settings) -> Result<Self> {
        let (url, private) = match named {
            Some(text) => (Url::redis(&text, REDIS_URL)?, None),
            None => {
                let server = RedisServer::start(settings)?;
                (Url::redis(&server.url(), "")?, Some(server))
            }
        };
        Ok(Self {
            leases: Leases::new(url, private.is_none())?,
            private,
        })
    }
}
