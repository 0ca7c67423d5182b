//! A loopback TCP proxy that counts requests and cuts connections at a chosen one.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::error::Result;
use crate::port;
use crate::proxy_pump::{self, Protocol};
use crate::url::Url;

/// A TCP proxy in front of a MySQL or Redis server, to lose connections at chosen moments.
///
/// A request is, for MySQL, one command of the client that asks for an answer: a query, the
/// preparation or the execution of a statement, a ping; not the log-in, and not the commands that
/// have no answer (closing a statement, closing the connection). For Redis it is what the client
/// sends at once: one command or one whole pipeline of up to 64 KiB; clients send one when they
/// connect, too. MySQL connections with TLS are counted as Redis ones are; compressed ones are not
/// understood. Private servers listen on nothing but TCP; a client of another MySQL server may leave
/// the proxy for a Unix socket that the server names, as the `mysql` crate does on loopback unless
/// `prefer_socket=false` is in the URL.
///
/// A planned cut counts the requests of all connections from the call on, hits once, and closes the
/// connection it hits; there is one plan at a time. The proxy's threads end when it is dropped, and
/// with them its connections.
///
/// # Example
///
/// ```
/// use headwater_testkit::mysql::prelude::Queryable;
/// use headwater_testkit::mysql::{Conn, Opts};
/// use headwater_testkit::{Proxy, Servers};
///
/// let database = Servers::shared().database()?;
/// database.mysql()?.query_drop("CREATE TABLE t (a INT)")?;
/// let proxy = Proxy::start(database.mysql_url())?;
/// let mut connection = Conn::new(Opts::from_url(&proxy.url())?)?;
///
/// // The server commits, but the client never hears of it.
/// proxy.cut_response(1);
/// assert!(connection.query_drop("INSERT INTO t VALUES (1)").is_err());
/// assert_eq!(proxy.cuts(), 1);
/// let count = database.mysql()?.query_first_opt::<u64, _>("SELECT COUNT(*) FROM t")?;
/// assert_eq!(count.expect("a row")?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Proxy {
    url: Url,
    port: u16,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What the proxy and its threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) protocol: Protocol,
    pub(crate) upstream: String,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stopping: bool,
    refusing: bool,
    /// Whether the acceptor has a listening socket.
    listening: bool,
    /// A socket for the acceptor to go on with after refusing.
    listener: Option<TcpListener>,
    plan: Option<(Cut, u64)>,
    requests: u64,
    cuts: u64,
    next_connection: u64,
    connections: HashMap<u64, [TcpStream; 2]>,
    threads: Vec<JoinHandle<()>>,
}

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Before,
    After,
    Response,
}

impl Proxy {
    /// Starts a proxy in front of the server that a `mysql://` or `redis://` URL names.
    ///
    /// # Errors
    ///
    /// When the URL is neither, or no loopback port is free.
    pub fn start(upstream: &str) -> Result<Self> {
        let schemes = [("mysql", 3306), ("redis", 6379), ("valkey", 6379)];
        let url = Url::parse(upstream, "the URL behind the proxy", &schemes)?;
        let (listener, port) = port::listen()?;
        let shared = Arc::new(Shared {
            protocol: match url.scheme.as_str() {
                "mysql" => Protocol::Mysql,
                _ => Protocol::Chunks,
            },
            upstream: url.address(),
            state: Mutex::new(State {
                listening: true,
                ..State::default()
            }),
            changed: Condvar::new(),
        });
        let acceptor = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || accept(&shared, listener))
        };
        Ok(Self {
            url,
            port,
            shared,
            acceptor: Some(acceptor),
        })
    }

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The URL it was started with, leading through the proxy.
    pub fn url(&self) -> String {
        self.through(self.url.clone())
    }

    /// Another URL of the same server, for another database or user, leading through the proxy.
    ///
    /// # Errors
    ///
    /// When it is no `mysql://` or `redis://` URL.
    pub fn url_like(&self, url: &str) -> Result<String> {
        let schemes = [("mysql", 3306), ("redis", 6379), ("valkey", 6379)];
        Ok(self.through(Url::parse(url, "the URL to lead through the proxy", &schemes)?))
    }

    fn through(&self, url: Url) -> String {
        Url {
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: self.port,
            ..url
        }
        .to_text()
    }

    /// Closes all connections there are; new ones are let in.
    pub fn cut(&self) {
        for streams in self.shared.state().connections.values() {
            close(streams);
        }
    }

    /// Refuses new connections as if nothing listened, or lets them in again. Those there are stay.
    ///
    /// # Errors
    ///
    /// When the port cannot be listened on again.
    pub fn refuse(&self, refuse: bool) -> Result<()> {
        let mut state = self.shared.state();
        if state.refusing == refuse {
            return Ok(());
        }
        if refuse {
            state.refusing = true;
            drop(state);
            self.wake_acceptor();
            state = self.shared.state();
            while state.listening {
                state = self.shared.wait(state);
            }
        } else {
            state.listener = Some(port::listen_again(self.port)?);
            state.refusing = false;
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    /// Lets the `n`th request from now on through to the server and closes the connection at once:
    /// the server takes it up, but may not be done with it when the client sees the end.
    ///
    /// # Panics
    ///
    /// When `n` is 0: the first request from now on is number 1.
    pub fn cut_after(&self, n: u64) {
        self.plan(Cut::After, n);
    }

    /// Closes the connection instead of forwarding the `n`th request from now on: the server never
    /// sees it.
    ///
    /// # Panics
    ///
    /// When `n` is 0: the first request from now on is number 1.
    pub fn cut_before(&self, n: u64) {
        self.plan(Cut::Before, n);
    }

    /// Lets the `n`th request from now on through, waits for the server's answer, drops it and
    /// closes the connection: the server is done with it, and the client does not know.
    ///
    /// # Panics
    ///
    /// When `n` is 0: the first request from now on is number 1.
    pub fn cut_response(&self, n: u64) {
        self.plan(Cut::Response, n);
    }

    /// How many requests there were so far, with one that was cut before it went through.
    pub fn requests(&self) -> u64 {
        self.shared.state().requests
    }

    /// How many planned cuts have hit so far.
    pub fn cuts(&self) -> u64 {
        self.shared.state().cuts
    }

    fn plan(&self, cut: Cut, n: u64) {
        assert!(n > 0, "the first request from now on is number 1");
        self.shared.state().plan = Some((cut, n));
    }

    fn wake_acceptor(&self) {
        // It may have been woken by a client meanwhile; then nobody listens, which is as good.
        drop(TcpStream::connect(self.addr()));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state();
            state.stopping = true;
            for streams in state.connections.values() {
                close(streams);
            }
            self.shared.changed.notify_all();
        }
        self.wake_acceptor();
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        let threads = std::mem::take(&mut self.shared.state().threads);
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Counts a request and says whether, and how, the connection is to be cut at it.
    pub(crate) fn request(&self) -> Option<Cut> {
        let mut state = self.state();
        state.requests += 1;
        let (cut, left) = state.plan?;
        state.plan = Some((cut, left - 1));
        if left > 1 {
            return None;
        }
        state.plan = None;
        state.cuts += 1;
        Some(cut)
    }

    /// Makes a connection known, so that it can be cut; `None` when the proxy is being dropped.
    pub(crate) fn register(&self, streams: [TcpStream; 2]) -> Option<u64> {
        let mut state = self.state();
        if state.stopping {
            return None;
        }
        state.next_connection += 1;
        let number = state.next_connection;
        state.connections.insert(number, streams);
        Some(number)
    }

    pub(crate) fn forget(&self, number: u64) {
        if let Some(streams) = self.state().connections.remove(&number) {
            close(&streams);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(shared: &Arc<Shared>, listener: TcpListener) {
    let mut listener = Some(listener);
    loop {
        let accepted = listener.as_ref().map(TcpListener::accept);
        let mut state = shared.state();
        if !state.stopping && state.refusing {
            // Whoever came just now is turned away as well.
            drop(accepted);
            drop(listener.take());
            state.listening = false;
            shared.changed.notify_all();
            while !state.stopping && state.listener.is_none() {
                state = shared.wait(state);
            }
            listener = state.listener.take();
            state.listening = listener.is_some();
            continue;
        }
        if state.stopping {
            return;
        }
        if let Some(Ok((client, _))) = accepted {
            state.threads.retain(|thread| !thread.is_finished());
            let shared = Arc::clone(shared);
            let thread = thread::spawn(move || proxy_pump::serve(&shared, client));
            state.threads.push(thread);
        }
    }
}

fn close(streams: &[TcpStream; 2]) {
    for stream in streams {
        // It may be closed already.
        let _ = stream.shutdown(Shutdown::Both);
    }
}
