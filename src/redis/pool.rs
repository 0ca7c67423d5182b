//! The pool: connections shared out to short calls, and connections of one's own for threads that wait.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use r2d2::{ManageConnection, PooledConnection};
use scheduled_thread_pool::ScheduledThreadPool;

use super::address::Address;
use super::client;
use super::failure::{Failure, Refusal};
#[cfg(feature = "r2d2_redis")]
use super::lent::Lender;
use super::link::{Link, broken};
use super::options::RedisOptions;
use super::pack::Commands;
use super::reply::Reply;
use crate::error::{Error, Result};

/// The connections to one Redis server under a name; cheap to clone.
#[derive(Clone)]
pub(crate) struct RedisPool {
    links: Links,
    maker: Arc<Maker>,
}

#[derive(Clone)]
enum Links {
    /// Connections of our own, as many as the options say.
    Own(r2d2::Pool<Manager>),
    /// Those of the application's pool.
    #[cfg(feature = "r2d2_redis")]
    Lent,
}

/// A shared connection, given back when it is dropped.
pub(crate) enum SharedLink {
    Own(PooledConnection<Manager>),
    #[cfg(feature = "r2d2_redis")]
    Lent(Link),
}

/// Makes connections.
struct Maker {
    name: Arc<str>,
    origin: Origin,
    options: RedisOptions,
}

/// Where connections come from.
enum Origin {
    Address(Box<Address>),
    #[cfg(feature = "r2d2_redis")]
    Lender(Lender),
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

/// The sender and a short call.
#[cfg(feature = "r2d2_redis")]
const FEWEST_LENT: u32 = 2;

impl RedisPool {
    /// Checks the URL, connects, and waits until the server answers.
    ///
    /// # Errors
    ///
    /// A configuration error when the URL is not one of a Redis server, a connection error when the
    /// server cannot be reached, refuses the login or is still loading at the deadline of the options.
    pub(crate) fn open(name: &str, url: &str, options: RedisOptions) -> Result<RedisPool> {
        let name: Arc<str> = name.into();
        let origin = Origin::Address(Box::new(Address::parse(
            &name,
            url,
            options.root_certificate.as_deref(),
        )?));
        let maker = Arc::new(Maker { name, origin, options });
        let links = r2d2::Pool::builder()
            .max_size(maker.options.connections)
            .min_idle(Some(0))
            .connection_timeout(maker.options.connect_timeout)
            .test_on_check_out(true)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .thread_pool(Arc::clone(&MAKERS))
            .build_unchecked(Manager(Arc::clone(&maker)));
        RedisPool::checked(maker, Links::Own(links))
    }

    /// Over a pool of the application's.
    ///
    /// # Errors
    ///
    /// A configuration error when the pool is too small to work with, a connection error when none of its
    /// connections answers at the deadline of the options.
    #[cfg(feature = "r2d2_redis")]
    pub(crate) fn lent(
        name: &str,
        pool: r2d2_redis::r2d2::Pool<r2d2_redis::RedisConnectionManager>,
        options: RedisOptions,
    ) -> Result<RedisPool> {
        let lender = Lender::new(pool, &options);
        if lender.size() < FEWEST_LENT {
            return Err(Error::config(format!(
                "Redis pool `{name}`: an `r2d2_redis` pool of {} connections is too small: the sender, a \
                 relay and each consumer keep one, and one more is needed for short calls",
                lender.size()
            )));
        }
        let maker = Arc::new(Maker {
            name: name.into(),
            origin: Origin::Lender(lender),
            options,
        });
        RedisPool::checked(maker, Links::Lent)
    }

    fn checked(maker: Arc<Maker>, links: Links) -> Result<RedisPool> {
        let pool = RedisPool { links, maker };
        pool.wait_until_it_answers()?;
        Ok(pool)
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
                        message: format!("{} does not answer: {refusal}", self.maker.shown()),
                        interrupted: false,
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
        &self.maker.name
    }

    /// A connection that is nobody else's, for threads that block on the server: they do not take the
    /// shared ones away.
    pub(crate) fn connect(&self) -> Result<Link, Failure> {
        self.maker.connect()
    }

    /// A shared connection.
    pub(crate) fn get(&self) -> Result<SharedLink, Failure> {
        match &self.links {
            Links::Own(links) => links.get().map(SharedLink::Own).map_err(|error| Failure::Broken {
                pool: Arc::clone(&self.maker.name),
                message: format!("no connection to {} in time: {error}", self.maker.shown()),
                interrupted: false,
                source: Some(Box::new(error)),
            }),
            #[cfg(feature = "r2d2_redis")]
            Links::Lent => self.connect().map(SharedLink::Lent),
        }
    }

    /// A shared connection whose server is [waking up](Link::wake); `None` when the connection turned out to be dead.
    pub(crate) fn wake(&self) -> Result<Option<SharedLink>> {
        let mut link = self.get()?;
        Ok(link.wake().is_ok().then_some(link))
    }

    /// Does something with a shared connection that may be done twice. When the connection turns out
    /// to be dead, as all are after the server was restarted, it is done again with a new one.
    pub(crate) fn with<T>(&self, work: impl FnMut(&mut Link) -> Result<T, Failure>) -> Result<T> {
        self.with_link(None, work)
    }

    /// As [`with`](RedisPool::with), at first with this connection.
    pub(crate) fn with_link<T>(
        &self,
        link: Option<SharedLink>,
        mut work: impl FnMut(&mut Link) -> Result<T, Failure>,
    ) -> Result<T> {
        let mut link = link.map_or_else(|| self.get(), Ok)?;
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
            .field("name", &self.maker.name)
            .field("url", &self.maker.shown())
            .finish_non_exhaustive()
    }
}

/// How often a connection is tried anew when a signal interrupts it; signals do not come that fast.
const INTERRUPTIONS: usize = 10;

impl Maker {
    /// A signal to the thread that connects, as one that asks for a clean end, is no reason to fail.
    fn connect(&self) -> Result<Link, Failure> {
        let mut outcome = self.connect_once();
        for _ in 0..INTERRUPTIONS {
            match outcome {
                Err(Failure::Broken { interrupted: true, .. }) => outcome = self.connect_once(),
                outcome => return outcome,
            }
        }
        outcome
    }

    fn connect_once(&self) -> Result<Link, Failure> {
        match &self.origin {
            Origin::Address(address) => client::connect(address, &self.options)
                .map(|connection| Link::over(connection, &self.name, self.options.io_timeout)),
            #[cfg(feature = "r2d2_redis")]
            Origin::Lender(lender) => lender
                .lend()
                .map(|connection| Link::over(connection, &self.name, self.options.io_timeout)),
        }
        .map_err(|fault| broken(&self.name, &format!("cannot connect to {}", self.shown()), fault))
    }

    /// Where the server is, without a password.
    fn shown(&self) -> &str {
        match &self.origin {
            Origin::Address(address) => address.shown(),
            #[cfg(feature = "r2d2_redis")]
            Origin::Lender(_) => "the server of the `r2d2_redis` pool",
        }
    }
}

impl Deref for SharedLink {
    type Target = Link;

    fn deref(&self) -> &Link {
        match self {
            SharedLink::Own(link) => link,
            #[cfg(feature = "r2d2_redis")]
            SharedLink::Lent(link) => link,
        }
    }
}

impl DerefMut for SharedLink {
    fn deref_mut(&mut self) -> &mut Link {
        match self {
            SharedLink::Own(link) => link,
            #[cfg(feature = "r2d2_redis")]
            SharedLink::Lent(link) => link,
        }
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
