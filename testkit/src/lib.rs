//! Private MariaDB, MySQL, Redis and Valkey servers for tests, a log of what a test made them do,
//! and ways to break them.
//!
//! A test asks the servers that its process shares for a [`Database`]: a fresh MySQL database with
//! a user of its own, and a logical Redis database that nobody else uses. Tests run side by side
//! and see nothing of each other.
//!
//! ```
//! use headwater_testkit::Servers;
//! use headwater_testkit::mysql::prelude::Queryable;
//!
//! let database = Servers::shared().database()?;
//! let mut connection = database.mysql()?;
//! connection.query_drop("CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(50))")?;
//!
//! let log = database.record()?;
//! connection.exec_drop("INSERT INTO users VALUES (?, ?), (?, ?)", (1, "Ana", 2, "Ben"))?;
//! assert_eq!(
//!     log.executed()?,
//!     ["INSERT INTO users VALUES (1, 'Ana'), (2, 'Ben')"]
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The same for a program that uses `headwater` itself:
//!
//! ```ignore
//! let database = Servers::shared().database()?;
//! let engine = Engine::builder()
//!     .mysql(database.mysql_url())
//!     .redis(database.redis_url())
//!     .entity::<User>()
//!     .build()?;
//! engine.schema().diff()?.apply()?;
//!
//! let log = database.record()?;
//! let mut session = engine.session();
//! session.insert(User { name: "Ana".into(), ..User::default() });
//! session.flush()?;
//! assert_eq!(log.executed()?.len(), 1);
//! ```
//!
//! # Where the servers come from
//!
//! `mariadbd` or `mysqld`, and `redis-server` or `valkey-server`, must be installed. They are started
//! on free ports of 127.0.0.1 with settings for tests, and everything they write is in a temporary
//! folder. Both are gone when the process ends, even when it is killed. The initialised data folder
//! of each MySQL version is kept in the temporary folder of the system and copied.
//!
//! `HEADWATER_MYSQL_URL` and `HEADWATER_REDIS_URL` name servers that run already; each works without
//! the other. Logical Redis databases are leased there, so that several test processes can share
//! them; one that holds data which no test made is left alone.
//!
//! # Breaking things
//!
//! - [`ServersBuilder::private`] makes servers that a test may [kill](MysqlServer::kill),
//!   [pause](MysqlServer::pause) and [start again](MysqlServer::start_again) on the same port and
//!   data; [`durable`](ServersBuilder::durable) ones keep what they acknowledged.
//! - [`Proxy`] loses connections: all at once, or at a chosen request, before the server sees it,
//!   after it, or after its answer.
//! - [`wait_until`] waits for the consequences.
//!
//! Unix only: a small shell guards each server.

#[cfg(not(unix))]
compile_error!("headwater-testkit guards its servers with a Unix shell");

mod database;
mod error;
mod lease;
mod mysql_server;
mod port;
mod program;
mod proxy;
mod proxy_pump;
mod random;
mod redis_server;
mod servers;
mod statement_log;
mod supervisor;
mod template;
mod url;
mod version;
mod wait;

pub use mysql;
pub use redis;

pub use database::Database;
pub use error::{Error, Result};
pub use mysql_server::MysqlServer;
pub use program::{installed_mysql, installed_redis};
pub use proxy::Proxy;
pub use redis_server::RedisServer;
pub use servers::{MYSQL_URL, REDIS_URL, Servers, ServersBuilder};
pub use statement_log::{Statement, StatementKind, StatementLog};
pub use version::{ServerKind, ServerVersion};
pub use wait::{Answer, wait_until};
