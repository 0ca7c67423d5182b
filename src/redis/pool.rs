//! The pool: connections shared out to short calls, and connections of one's own for threads that wait.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use r2d2::{ManageConnection, PooledConnection};
use scheduled_thread_pool::ScheduledThreadPool;

use super::address::Address;
use super::failure::{Failure, Refusal};
use super::link::Link;
use super::options::RedisOptions;
use super::pack::Commands;
use super::reply::Reply;
use crate::error::{Error, Result};

/// The connections to one Redis server under a name; cheap to clone.
#[derive(Clone)]
pub(crate) struct RedisPool {
    name: Arc<str>,
    links: r2d2::Pool<Manager>,
    maker: Arc<Maker>,
}

/// A shared connection, given back when it is dropped.
pub(crate) type SharedLink = PooledConnection<Manager>;

struct Maker {
    name: Arc<str>,
    address: Address,
    options: RedisOptions,
}

pub(crate) struct Manager(Arc<Maker>);

/// The threads in which shared connections are made, for all pools of the process.
static MAKERS: LazyLock<Arc<ScheduledThreadPool>> = LazyLock::new(|| {
    Arc::new(
        ScheduledThreadPool::builder()
            .num_threads(2)
            .thread_name_pattern("headwater-redis-{}")
            .build(),
    )
});

impl RedisPool {
    /// Checks the URL, connects, and waits until the server answers.
    ///
    /// # Errors
    ///
    /// A configuration error when the URL is not one of a Redis server, a connection error when the
    /// server cannot be reached, refuses the login or is still loading at the deadline of the options.
    pub(crate) fn open(name: &str, url: &str, options: RedisOptions) -> Result<RedisPool> {
        let name: Arc<str> = name.into();
        let address = Address::parse(&name, url)?;
        let maker = Arc::new(Maker { name, address, options });
        let pool = RedisPool::new(maker);
        pool.wait_until_it_answers()?;
        Ok(pool)
    }

    fn new(maker: Arc<Maker>) -> RedisPool {
        let options = &maker.options;
        let links = r2d2::Pool::builder()
            .max_size(options.connections)
            .min_idle(Some(0))
            .connection_timeout(options.connect_timeout)
            .test_on_check_out(true)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .thread_pool(Arc::clone(&MAKERS))
            .build_unchecked(Manager(Arc::clone(&maker)));
        RedisPool {
            name: Arc::clone(&maker.name),
            links,
            maker,
        }
    }

    fn wait_until_it_answers(&self) -> Result<()> {
        let deadline = Instant::now() + self.maker.options.startup_deadline;
        loop {
            match self.connect().and_then(|mut link| ping(&mut link)) {
                Ok(()) => return Ok(()),
                Err(failure) if is_starting(&failure) && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(Failure::Refused { pool, refusal }) => {
                    return Err(Failure::Broken {
                        pool,
                        message: format!("{} does not answer: {refusal}", self.maker.address.shown()),
                        source: None,
                    }
                    .into());
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A connection that is nobody else's, for threads that block on the server: they do not take the
    /// shared ones away.
    pub(crate) fn connect(&self) -> Result<Link, Failure> {
        self.maker.connect()
    }

    /// A shared connection.
    pub(crate) fn get(&self) -> Result<SharedLink, Failure> {
        self.links.get().map_err(|error| Failure::Broken {
            pool: Arc::clone(&self.name),
            message: format!("no connection to {} in time: {error}", self.maker.address.shown()),
            source: Some(Box::new(error)),
        })
    }

    /// Does something with a shared connection that may be done twice. When the connection turns out
    /// to be dead, as all are after the server was restarted, it is done again with a new one.
    pub(crate) fn with<T>(&self, mut work: impl FnMut(&mut Link) -> Result<T, Failure>) -> Result<T> {
        let mut link = self.get()?;
        match work(&mut link) {
            Err(Failure::Broken { .. }) => {
                drop(link);
                let mut link = self.connect()?;
                Ok(work(&mut link)?)
            }
            done => Ok(done?),
        }
    }
}

impl fmt::Debug for RedisPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisPool")
            .field("name", &self.name)
            .field("url", &self.maker.address.shown())
            .finish_non_exhaustive()
    }
}

impl Maker {
    fn connect(&self) -> Result<Link, Failure> {
        Link::connect(&self.name, &self.address, &self.options)
    }
}

impl ManageConnection for Manager {
    type Connection = Link;
    type Error = Error;

    fn connect(&self) -> Result<Link, Error> {
        Ok(self.0.connect()?)
    }

    fn is_valid(&self, link: &mut Link) -> Result<(), Error> {
        if link.idle() >= self.0.options.idle_check {
            ping(link)?;
        }
        Ok(())
    }

    fn has_broken(&self, link: &mut Link) -> bool {
        link.is_broken()
    }
}

fn ping(link: &mut Link) -> Result<(), Failure> {
    match link.ask(&Commands::one(&[b"PING"]))? {
        Reply::Status(_) | Reply::Bytes(_) => Ok(()),
        _ => Err(Failure::nonsense(link.pool(), "PING")),
    }
}

/// The server is there and will answer soon.
fn is_starting(failure: &Failure) -> bool {
    let starting = ["LOADING", "BUSY", "MASTERDOWN"];
    match failure {
        Failure::Refused {
            refusal: Refusal { code, .. },
            ..
        } => starting.contains(&code.as_str()),
        // The login's answer comes by way of the client's error text.
        Failure::Broken { message, .. } => message.contains("LOADING"),
    }
}
