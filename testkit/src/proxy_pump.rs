//! The two threads of one proxied connection: one tells requests apart, one brings the answers.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::proxy::{Cut, Shared};

const CHUNK: usize = 64 * 1024;
/// A MySQL packet of this length is continued by the next one.
const LONGEST_PACKET: usize = 0xFF_FFFF;
const QUIT: u8 = 0x01;
const SEND_LONG_DATA: u8 = 0x18;
const CLOSE_STATEMENT: u8 = 0x19;
/// The length of the packet that asks for TLS, and the bit of its second byte that does so.
const TLS_REQUEST: usize = 32;
const TLS_BIT: u8 = 0x08;

/// How requests are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// By the packets of the MySQL protocol.
    Mysql,
    /// By what arrives at once.
    Chunks,
}

/// What the client sent, and whether it is a request that is counted.
struct Unit {
    bytes: Vec<u8>,
    request: bool,
}

/// Serves one client until it or the server closes, or the connection is cut.
pub(crate) fn serve(shared: &Arc<Shared>, client: TcpStream) {
    // A client that cannot be served sees its connection close, which is all a proxy can say.
    let _ = try_serve(shared, client);
}

fn try_serve(shared: &Arc<Shared>, client: TcpStream) -> io::Result<()> {
    let server = TcpStream::connect(&shared.upstream)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let streams = [client.try_clone()?, server.try_clone()?];
    let Some(number) = shared.register(streams) else {
        return Ok(());
    };
    let drop_answer = Arc::new(AtomicBool::new(false));
    let answers = {
        let drop_answer = Arc::clone(&drop_answer);
        let (server, client) = (server.try_clone()?, client.try_clone()?);
        thread::spawn(move || {
            let _ = bring_answers(&server, &client, &drop_answer);
            let _ = client.shutdown(Shutdown::Both);
        })
    };
    let outcome = forward_requests(shared, &client, &server, &drop_answer);
    // The server reads what was forwarded before it sees the end of the connection.
    let _ = server.shutdown(Shutdown::Write);
    let _ = answers.join();
    shared.forget(number);
    outcome
}

fn forward_requests(
    shared: &Shared,
    mut client: &TcpStream,
    mut server: &TcpStream,
    drop_answer: &AtomicBool,
) -> io::Result<()> {
    let mut protocol = shared.protocol;
    let mut first = true;
    while let Some(unit) = read_unit(&mut client, protocol)? {
        if first && asks_for_tls(&unit.bytes, protocol) {
            protocol = Protocol::Chunks;
        }
        first = false;
        let cut = if unit.request { shared.request() } else { None };
        match cut {
            None => server.write_all(&unit.bytes)?,
            Some(Cut::Before) => {
                client.shutdown(Shutdown::Both)?;
                return server.shutdown(Shutdown::Both);
            }
            Some(Cut::After) => {
                // The answer may come before the next line is reached, and must not get through.
                drop_answer.store(true, Ordering::SeqCst);
                server.write_all(&unit.bytes)?;
                return client.shutdown(Shutdown::Both);
            }
            Some(Cut::Response) => {
                drop_answer.store(true, Ordering::SeqCst);
                server.write_all(&unit.bytes)?;
            }
        }
    }
    Ok(())
}

fn bring_answers(mut server: &TcpStream, mut client: &TcpStream, drop_answer: &AtomicBool) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = server.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        if drop_answer.load(Ordering::SeqCst) {
            client.shutdown(Shutdown::Both)?;
            return server.shutdown(Shutdown::Both);
        }
        client.write_all(&buffer[..length])?;
    }
}

/// The next thing the client sends; `None` when it has closed.
fn read_unit(client: &mut impl Read, protocol: Protocol) -> io::Result<Option<Unit>> {
    match protocol {
        Protocol::Mysql => read_command(client),
        Protocol::Chunks => {
            let mut bytes = vec![0; CHUNK];
            let length = client.read(&mut bytes)?;
            bytes.truncate(length);
            let request = true;
            Ok((length > 0).then_some(Unit { bytes, request }))
        }
    }
}

fn read_command(client: &mut impl Read) -> io::Result<Option<Unit>> {
    let mut bytes = Vec::new();
    loop {
        let start = bytes.len();
        let header = client.take(4).read_to_end(&mut bytes)?;
        if header == 0 && start == 0 {
            return Ok(None);
        }
        if header < 4 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length =
            usize::from(bytes[start]) | usize::from(bytes[start + 1]) << 8 | usize::from(bytes[start + 2]) << 16;
        if client.take(length as u64).read_to_end(&mut bytes)? < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if length < LONGEST_PACKET {
            break;
        }
    }
    // Only commands begin a new sequence; what answers the server, as in the log-in, goes on in its.
    let command = bytes.get(4).copied();
    let silent = matches!(command, Some(QUIT | SEND_LONG_DATA | CLOSE_STATEMENT) | None);
    let request = bytes[3] == 0 && !silent;
    Ok(Some(Unit { bytes, request }))
}

fn asks_for_tls(packet: &[u8], protocol: Protocol) -> bool {
    protocol == Protocol::Mysql && packet.len() == 4 + TLS_REQUEST && packet[5] & TLS_BIT != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(sequence: u8, payload: &[u8]) -> Vec<u8> {
        let length = payload.len();
        let mut bytes = vec![length as u8, (length >> 8) as u8, (length >> 16) as u8, sequence];
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn commands_are_counted_and_answers_and_silent_commands_are_not() {
        let log_in = command(1, b"log-in");
        let query = command(0, b"\x03SELECT 1");
        let close = command(0, b"\x19\0\0\0\0");
        let all = [log_in, query, close].concat();
        let mut input = all.as_slice();
        let mut counted = Vec::new();
        while let Some(unit) = read_command(&mut input).expect("a command") {
            counted.push(unit.request);
        }
        assert_eq!(counted, [false, true, false]);
    }

    #[test]
    fn a_command_of_several_packets_is_one() {
        let first = command(0, &[3; LONGEST_PACKET]);
        let second = command(1, b"rest");
        let bytes = [first, second].concat();
        let mut input = bytes.as_slice();
        let unit = read_command(&mut input).expect("a command").expect("one");
        assert!(unit.request);
        assert_eq!(unit.bytes.len(), bytes.len());
        assert!(read_command(&mut input).expect("the end").is_none());
        let mut torn = &bytes[..100];
        assert!(read_command(&mut torn).is_err());
    }
}
