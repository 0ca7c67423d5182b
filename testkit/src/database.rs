//! What one test owns: a MySQL database with its user, and a logical Redis database.

use std::sync::Arc;
use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, Opts};

use crate::error::{Context, Error, Result};
use crate::servers::{Mysql, Redis};
use crate::statement_log::StatementLog;
use crate::version::{ServerKind, ServerVersion};
use crate::{mysql_server, random, redis_server};

/// How long connections of a test wait for an answer: longer than any lock timeout.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the tidying at the end of a test waits for a server that the test may have broken.
const TIDYING: Duration = Duration::from_secs(10);

/// A MySQL database with a user of its own and an exclusive logical Redis database.
///
/// Made by [`Servers::database`](crate::Servers::database). When it is dropped its MySQL connections
/// are ended, database and user are dropped, and the Redis database is emptied and given back.
#[derive(Debug)]
pub struct Database {
    name: String,
    mysql: Option<OwnMysql>,
    redis: Option<OwnRedis>,
}

#[derive(Debug)]
struct OwnMysql {
    name: String,
    url: String,
    server: Arc<Mysql>,
}

#[derive(Debug)]
struct OwnRedis {
    number: u32,
    url: String,
    server: Arc<Redis>,
}

impl Database {
    pub(crate) fn new(mysql: Option<Arc<Mysql>>, redis: Option<Arc<Redis>>) -> Result<Self> {
        let name = format!("headwater{}", random::word(14));
        Ok(Self {
            mysql: mysql.map(|server| OwnMysql::new(&name, server)).transpose()?,
            redis: redis.map(OwnRedis::new).transpose()?,
            name,
        })
    }

    /// The name of the MySQL database, and of its user.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `mysql://user:password@127.0.0.1:port/database` for the test's own user, who may do
    /// everything in this database and nothing elsewhere.
    ///
    /// # Panics
    ///
    /// When the servers were built without MySQL.
    pub fn mysql_url(&self) -> &str {
        &self.own_mysql().url
    }

    /// `redis://127.0.0.1:port/number`.
    ///
    /// # Panics
    ///
    /// When the servers were built without Redis.
    pub fn redis_url(&self) -> &str {
        &self.own_redis().url
    }

    /// A new connection of the test's own user to its database.
    ///
    /// # Errors
    ///
    /// When the server refuses it.
    ///
    /// # Panics
    ///
    /// When the servers were built without MySQL.
    pub fn mysql(&self) -> Result<Conn> {
        let opts = Opts::from_url(self.mysql_url()).map_err(|_| Error::Url {
            name: "the URL of the test's database".to_owned(),
            reason: "the driver does not understand it".to_owned(),
        })?;
        mysql_server::connect(&opts, PATIENCE)
    }

    /// A new connection of the administrator, with this database selected. What it does is in no
    /// [`StatementLog`].
    ///
    /// # Errors
    ///
    /// When the server refuses it.
    ///
    /// # Panics
    ///
    /// When the servers were built without MySQL.
    pub fn root(&self) -> Result<Conn> {
        let mut connection = self.own_mysql().server.root(PATIENCE)?;
        connection
            .query_drop(format!("USE `{}`", self.name))
            .context(|| format!("select the database {}", self.name))?;
        Ok(connection)
    }

    /// A new connection to the logical Redis database.
    ///
    /// # Errors
    ///
    /// When the server refuses it.
    ///
    /// # Panics
    ///
    /// When the servers were built without Redis.
    pub fn redis(&self) -> Result<redis::Connection> {
        redis_server::connect(self.redis_url(), PATIENCE)
    }

    /// Family and version of the MySQL server.
    ///
    /// # Panics
    ///
    /// When the servers were built without MySQL.
    pub fn server(&self) -> &ServerVersion {
        &self.own_mysql().server.version
    }

    /// Records from now on what the test's user makes the MySQL server do.
    ///
    /// # Errors
    ///
    /// When the administrator may not switch the server's general log on or read it.
    ///
    /// # Panics
    ///
    /// When the servers were built without MySQL.
    pub fn record(&self) -> Result<StatementLog> {
        StatementLog::start(self.own_mysql().server.root(PATIENCE)?, &self.name)
    }

    fn own_mysql(&self) -> &OwnMysql {
        match &self.mysql {
            Some(mysql) => mysql,
            None => panic!("these servers were built without MySQL"),
        }
    }

    fn own_redis(&self) -> &OwnRedis {
        match &self.redis {
            Some(redis) => redis,
            None => panic!("these servers were built without Redis"),
        }
    }
}

impl OwnMysql {
    fn new(name: &str, server: Arc<Mysql>) -> Result<Self> {
        let password = random::word(24);
        // Built first, so that a half made database goes with it.
        let own = Self {
            name: name.to_owned(),
            url: server.url(name, &password, name).to_text(),
            server,
        };
        let mut root = own.server.root(PATIENCE)?;
        let mut run = |statement: String| {
            root.query_drop(statement)
                .context(|| format!("make the database {name} and its user"))
        };
        run(format!("CREATE DATABASE `{name}` CHARACTER SET utf8mb4"))?;
        // `%` alone would give way to an anonymous user of localhost, where there is one.
        for host in ["%", "localhost", "127.0.0.1"] {
            run(format!("CREATE USER '{name}'@'{host}' IDENTIFIED BY '{password}'"))?;
            run(format!("GRANT ALL PRIVILEGES ON `{name}`.* TO '{name}'@'{host}'"))?;
        }
        Ok(own)
    }

    fn tidy(&self) -> Result<()> {
        let name = &self.name;
        let mut root = self.server.root(TIDYING)?;
        let what = || format!("drop the database {name}");
        // An open transaction of a forgotten connection would hold up the drop.
        let list = match self.server.version.kind {
            ServerKind::MariaDb => vec![format!("KILL USER '{name}'")],
            ServerKind::MySql => root
                .query_opt::<u64, _>(format!(
                    "SELECT id FROM information_schema.processlist WHERE user = '{name}'"
                ))
                .context(what)?
                .into_iter()
                .flatten()
                .map(|id| format!("KILL {id}"))
                .collect(),
        };
        for statement in list {
            // It may have ended by itself meanwhile.
            let _ = root.query_drop(statement);
        }
        for statement in [
            "SET lock_wait_timeout = 5".to_owned(),
            format!("DROP DATABASE IF EXISTS `{name}`"),
            format!("DROP USER IF EXISTS '{name}'@'%', '{name}'@'localhost', '{name}'@'127.0.0.1'"),
        ] {
            root.query_drop(statement).context(what)?;
        }
        Ok(())
    }
}

impl Drop for OwnMysql {
    fn drop(&mut self) {
        // A server that the test has broken or stopped has nothing left to tidy.
        let _ = self.tidy();
    }
}

impl OwnRedis {
    fn new(server: Arc<Redis>) -> Result<Self> {
        let (number, url) = server.leases.acquire()?;
        Ok(Self {
            number,
            url: url.to_text(),
            server,
        })
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        let _ = self.server.leases.release(self.number);
    }
}
