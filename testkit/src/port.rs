//! Free loopback ports for servers that may have to come back on the same one.

use std::net::{Ipv4Addr, TcpListener};

use crate::error::{Context, Error, Result};
use crate::random;

const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// Binds a loopback port below the range that systems give to outgoing connections.
///
/// A port from that range could be taken by any connection while its server is down, and a client
/// that retries against it may even connect to itself.
pub(crate) fn listen() -> Result<(TcpListener, u16)> {
    let mut last = None;
    for _ in 0..200 {
        let port = FIRST + (random::number() % u64::from(COUNT)) as u16;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return Ok((listener, port)),
            Err(error) => last = Some(error),
        }
    }
    let error = last.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into());
    Err(Error::Io {
        what: "find a free port on 127.0.0.1".to_owned(),
        source: error,
    })
}

/// A port that was free a moment ago.
pub(crate) fn free() -> Result<u16> {
    let (listener, port) = listen()?;
    drop(listener);
    Ok(port)
}

/// Binds a port that was ours before.
pub(crate) fn listen_again(port: u16) -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).context(|| format!("listen on 127.0.0.1:{port}"))
}
