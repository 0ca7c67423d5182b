//! A pool of connections to one database, over r2d2 with a connection manager of our own.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;

use super::checkout::{Checkout, Spare};
use super::connection::{Connection, LIFETIME};
use super::failure;
use super::observe::Observer;
use super::server::Server;
use crate::error::{Error, ErrorKind, Result};

/// How a MySQL pool behaves.
///
/// ```
/// use headwater::mysql::MysqlOptions;
/// use std::time::Duration;
///
/// let options = MysqlOptions::default().with_max_connections(4).with_wait(Duration::from_secs(2));
/// # let _ = options;
/// ```
#[derive(Debug, Clone)]
pub struct MysqlOptions {
    max_connections: u32,
    wait: Duration,
    connect: Duration,
    answer: Duration,
    statements: usize,
}

impl Default for MysqlOptions {
    fn default() -> Self {
        MysqlOptions {
            max_connections: 10,
            wait: Duration::from_secs(5),
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(60),
            statements: 256,
        }
    }
}

impl MysqlOptions {
    /// The most connections that are open at once; 10 where nothing is said, at least 1.
    #[must_use]
    pub fn with_max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// How long to wait for a free connection; 5 s where nothing is said.
    #[must_use]
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// How long to wait for a server to accept a connection; 5 s where nothing is said.
    #[must_use]
    pub fn with_connect_timeout(mut self, wait: Duration) -> Self {
        self.connect = wait;
        self
    }

    /// How long to wait for the answer to a statement; 60 s where nothing is said.
    #[must_use]
    pub fn with_answer_timeout(mut self, wait: Duration) -> Self {
        self.answer = wait;
        self
    }

    /// How many statements each connection keeps prepared; 256 where nothing is said. The server's
    /// `max_prepared_stmt_count` (16,382) bounds all connections together.
    #[must_use]
    pub fn with_prepared_statements(mut self, statements: usize) -> Self {
        self.statements = statements;
        self
    }
}

/// A connection that was lent longer ago is asked whether it still lives before it is used.
pub(super) const TRUSTED_IDLE: Duration = Duration::from_secs(10);

/// What every session of this crate runs with: instants are UTC, text is utf8mb4, a value that does not fit
/// is an error.
const INIT: &str = "SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', \
                    SESSION group_concat_max_len = 1048576, NAMES utf8mb4";

/// What is asked of each new connection.
const FACTS: &str = "SELECT VERSION(), @@SESSION.auto_increment_increment, @@max_allowed_packet, \
                     @@innodb_rollback_on_timeout";

/// A named pool of connections; clones share it.
#[derive(Clone)]
pub(crate) struct MysqlPool {
    name: Arc<str>,
    pool: r2d2::Pool<Manager>,
    spare: Arc<Spare>,
    wait: Duration,
    server: Server,
    database: Arc<str>,
    /// Makes connections outside of the pool, for statements that may take hours.
    patient: Arc<Manager>,
    /// Makes connections outside of the pool, like those in it.
    own: Arc<Manager>,
}

impl MysqlPool {
    /// Opens a pool and checks that the server answers.
    pub(crate) fn open(name: &str, url: &str, options: &MysqlOptions, observer: Option<Observer>) -> Result<Self> {
        let name: Arc<str> = Arc::from(name);
        let manager = Manager {
            driver: driver_options(&name, url, options)?,
            name: name.clone(),
            statements: options.statements,
            observer,
            connect: options.connect,
            suspected: Mutex::new(None),
        };
        let database = Arc::from(manager.driver.get_db_name().unwrap_or_default());
        let patient = Arc::new(manager.patient());
        let own = Arc::new(manager.with(manager.driver.clone()));
        let first = manager.connect_in_time()?;
        let server = *first.server();
        drop(first);
        let pool = r2d2::Pool::builder()
            .max_size(options.max_connections)
            .min_idle(Some(0))
            .connection_timeout(options.wait)
            .max_lifetime(Some(LIFETIME))
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(manager);
        Ok(MysqlPool {
            name,
            pool,
            spare: Arc::default(),
            wait: options.wait,
            server,
            database,
            patient,
            own,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What the first connection said of the server.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// The database that its connections use.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// A connection of its own, outside of the pool, that waits for an answer as long as the server lives: an
    /// ALTER TABLE may rebuild a large table. It waits for the locks of others for a minute at most.
    pub(crate) fn dedicated(&self) -> Result<Connection> {
        self.patient.connect_in_time()
    }

    /// A connection of its own, outside of the pool, for a thread that works for as long as the engine lives.
    pub(crate) fn separate(&self) -> Result<Connection> {
        self.own.connect_in_time()
    }

    /// A free connection, waited for no longer than the pool's options say.
    #[inline]
    pub(crate) fn get(&self) -> Result<Checkout> {
        self.spare.take(&self.pool).map_err(|error| self.none_free(error))
    }

    #[cold]
    fn none_free(&self, error: r2d2::Error) -> Error {
        let message = format!(
            "no connection to {} within {:?} ({error})",
            self.patient.address(),
            self.wait
        );
        Error::new(ErrorKind::Connection {
            server: "MySQL",
            pool: self.name.to_string(),
            message,
            source: Some(Box::new(error)),
        })
    }
}

impl fmt::Debug for MysqlPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlPool")
            .field("name", &self.name)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// What a connection for long statements runs with beside [`INIT`]: the servers' own limit for the lock on a
/// table's definition is a day or a year.
const INIT_PATIENT: &str = "SET SESSION lock_wait_timeout = 60";

/// How long a silent connection is trusted before the network is asked whether the other side still lives.
const KEEPALIVE_MS: u32 = 30_000;

/// Makes connections and tells r2d2 which of them are good.
pub(crate) struct Manager {
    driver: mysql::Opts,
    name: Arc<str>,
    statements: usize,
    observer: Option<Observer>,
    connect: Duration,
    /// When a connection last broke: those that have been idle since before may be dead as well.
    suspected: Mutex<Option<Instant>>,
}

impl Manager {
    fn with(&self, driver: mysql::Opts) -> Manager {
        Manager {
            driver,
            name: self.name.clone(),
            statements: self.statements,
            observer: self.observer.clone(),
            connect: self.connect,
            suspected: Mutex::new(None),
        }
    }

    /// Where the server is.
    fn address(&self) -> String {
        match self.driver.get_socket() {
            Some(socket) => socket.to_owned(),
            None => format!("{}:{}", self.driver.get_ip_or_hostname(), self.driver.get_tcp_port()),
        }
    }

    /// Connects within the time for connecting. The driver's own limit ends when the connection is let in, whether
    /// or not the server ever says a word on it.
    fn connect_in_time(&self) -> Result<Connection> {
        let (done, outcome) = mpsc::channel();
        let manager = self.with(self.driver.clone());
        let thread = thread::Builder::new().name(format!("headwater-connect-{}", self.name));
        let started = thread.spawn(move || {
            // Nobody listens any more when it took too long.
            let _ = done.send(manager.connect_now());
        });
        if started.is_err() {
            return self.connect_now();
        }
        let late = |_| Err(failure::no_connection(None, &self.name, &self.address()));
        outcome.recv_timeout(self.connect).unwrap_or_else(late)
    }

    /// The same without a limit for an answer; that the server is gone is noticed by TCP keep-alive.
    fn patient(&self) -> Manager {
        let driver = mysql::OptsBuilder::from_opts(self.driver.clone())
            .read_timeout(None)
            .tcp_keepalive_time_ms(Some(KEEPALIVE_MS))
            .init(vec![INIT, INIT_PATIENT]);
        self.with(driver.into())
    }

    fn connect_now(&self) -> Result<Connection> {
        let failed = |error| failure::no_connection(Some(error), &self.name, &self.address());
        let mut driver = mysql::Conn::new(self.driver.clone()).map_err(failed)?;
        let facts: Option<mysql::Row> = driver.query_first(FACTS).map_err(failed)?;
        let fact = |position: usize| -> String {
            facts
                .as_ref()
                .and_then(|row| row.get_opt(position))
                .and_then(Result::ok)
                .unwrap_or_default()
        };
        // What cannot be read is taken as the servers' defaults.
        let server = Server::new(
            &fact(0),
            fact(1).parse().unwrap_or(1),
            fact(2).parse().unwrap_or(16 << 20),
            fact(3) == "1",
        );
        Ok(Connection::new(
            driver,
            self.name.clone(),
            server,
            self.statements,
            self.observer.clone(),
        ))
    }
}

impl r2d2::ManageConnection for Manager {
    // It is moved from hand to hand: boxed, that is a word.
    type Connection = Box<Connection>;
    type Error = Error;

    fn connect(&self) -> Result<Box<Connection>> {
        self.connect_now().map(Box::new)
    }

    fn is_valid(&self, connection: &mut Box<Connection>) -> Result<()> {
        // A ping for each checkout would double the cost of a small flush.
        let suspected = *self.suspected.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.lent.elapsed() < TRUSTED_IDLE && suspected.is_none_or(|at| at < connection.lent) {
            Ok(())
        } else {
            connection.ping()
        }
    }

    fn has_broken(&self, connection: &mut Box<Connection>) -> bool {
        if connection.is_broken() {
            *self.suspected.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        // Left inside a transaction, by a panic for example: closing it rolls back.
        connection.is_broken() || connection.in_transaction()
    }
}

/// The driver's options from a URL; an error never shows the URL, which may hold a password.
fn driver_options(pool: &str, url: &str, options: &MysqlOptions) -> Result<mysql::Opts> {
    let wrong = |why: String| Error::config(format!("MySQL pool `{pool}`: {why}"));
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if scheme != Some("mysql") && scheme != Some("mariadb") {
        let found = scheme.map_or_else(|| "a URL without a scheme".to_owned(), |s| format!("the scheme `{s}`"));
        return Err(wrong(format!(
            "expected a URL like mysql://user:password@host:3306/database, got {found}"
        )));
    }
    // The driver knows the one scheme only.
    let url = format!("mysql{}", &url[url.find("://").unwrap_or_default()..]);
    let parsed =
        mysql::Opts::from_url(&url).map_err(|error| wrong(format!("the URL cannot be used: {}", reason(&error))))?;
    if parsed.get_db_name().is_none_or(str::is_empty) {
        return Err(wrong(
            "the URL names no database: mysql://user:password@host:3306/database".to_owned(),
        ));
    }
    let asked_for_socket = url.contains("prefer_socket=true");
    let builder = mysql::OptsBuilder::from_opts(parsed)
        // The driver would leave a TCP address for the socket file behind it, past any proxy or tunnel.
        .prefer_socket(asked_for_socket)
        .tcp_connect_timeout(Some(options.connect))
        .read_timeout(Some(options.answer))
        .write_timeout(Some(options.answer))
        .stmt_cache_size(0)
        .additional_capabilities(mysql::consts::CapabilityFlags::CLIENT_FOUND_ROWS)
        .init(vec![INIT]);
    Ok(builder.into())
}

/// What is wrong with a URL, without the values in it.
fn reason(error: &mysql::UrlError) -> String {
    match error {
        // What does not look like a name may be the end of a password with a `?` in it.
        mysql::UrlError::UnknownParameter(name) if name.chars().all(|c| c.is_ascii_lowercase() || c == '_') => {
            format!("unknown parameter `{name}`")
        }
        mysql::UrlError::UnknownParameter(_) => {
            "what stands after the `?` is no parameter; special characters of a password are written as %XX".to_owned()
        }
        mysql::UrlError::InvalidValue(name, _) | mysql::UrlError::FeatureRequired(name, _) => {
            format!("bad value of parameter `{name}`")
        }
        mysql::UrlError::UnsupportedScheme(scheme) => format!("unknown scheme `{scheme}`"),
        _ => "it is not a valid URL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(url: &str) -> String {
        driver_options("default", url, &MysqlOptions::default())
            .map(|_| ())
            .expect_err("the URL is wrong")
            .to_string()
    }

    #[test]
    fn a_wrong_url_is_told_without_its_password() {
        for url in [
            "postgres://app:s3cret@localhost/shop",
            "app:s3cret@localhost/shop",
            "mysql://app:s3cret@localhost",
            "mysql://app:s3cret@localhost/shop?no_such=s3cret",
            "mysql://app:s3cret@loca lhost:99999/shop",
        ] {
            let text = message(url);
            assert!(!text.contains("s3cret"), "{text}");
            assert!(text.starts_with("MySQL pool `default`"), "{text}");
        }
    }

    #[test]
    fn both_schemes_are_accepted() {
        for url in ["mysql://app@localhost/shop", "mariadb://app@localhost/shop"] {
            assert!(
                driver_options("default", url, &MysqlOptions::default()).is_ok(),
                "{url}"
            );
        }
    }
}
