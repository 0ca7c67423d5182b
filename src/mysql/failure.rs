//! Server and driver errors, sorted into the kinds of this crate.

use std::error::Error as _;

use crate::error::{Error, ErrorKind, Source};

/// What the failed statement was about, for the error's text.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) pool: &'a str,
    pub(super) table: &'a str,
}

/// Whether the connection can no longer be used after this error.
pub(super) fn breaks_connection(error: &mysql::Error) -> bool {
    match error {
        mysql::Error::MySqlError(server) => lost_connection(server.code),
        mysql::Error::UrlError(_) | mysql::Error::FromValueError(_) | mysql::Error::FromRowError(_) => false,
        // I/O, codec, driver and TLS errors: what the server did is unknown.
        _ => true,
    }
}

/// Server error codes that end a connection or refuse one:
/// <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>.
fn lost_connection(code: u16) -> bool {
    matches!(
        code,
        1040 | 1053 | 1077 | 1079 | 1152 | 1158..=1161 | 1184 | 1203 | 1927 | 2006 | 2013 | 3169 | 4031
    )
}

/// Whether the server has rolled the whole transaction back with this error: a deadlock, with MariaDB 11.6 also
/// a row that changed since the transaction's view of it (1020), and a lock timeout where the server is set so.
pub(super) fn ends_transaction(error: &mysql::Error, timeout_does: bool) -> bool {
    let mysql::Error::MySqlError(server) = error else {
        return false;
    };
    matches!(server.code, 1213 | 1020) || (server.code == 1205 && timeout_does)
}

pub(super) fn classify(error: mysql::Error, about: About<'_>) -> Error {
    let server = match error {
        mysql::Error::MySqlError(server) => server,
        // The driver sends nothing of it: the same as the server's own error.
        mysql::Error::CodecError(codec) if codec.to_string() == TOO_LARGE => {
            return too_large("a statement", about.table, Some(Box::new(codec)));
        }
        other => return connection(other, about.pool),
    };
    let code = server.code;
    let message = server.message.clone();
    let table = about.table.to_owned();
    let source: Option<Source> = Some(Box::new(server));
    Error::new(match code {
        // 1586 is the form of 1062 that names the index.
        1062 | 1586 => {
            let (value, index) = duplicate(&message);
            ErrorKind::DuplicateKey {
                table,
                index,
                value,
                source,
            }
        }
        1213 | 1020 => ErrorKind::Deadlock { source },
        1205 | 3572 => ErrorKind::LockTimeout { source },
        1216 | 1217 | 1451 | 1452 | 1761 | 1762 => ErrorKind::ForeignKey { table, message, source },
        // 1048 and 1364: a column that may not be NULL, or needs a value, at the server only. What may not be NULL
        // in the struct never gets there.
        1048 | 1049 | 1054 | 1146 | 1364 | 1932 => {
            let about = if table.is_empty() {
                String::new()
            } else {
                format!("{table}: ")
            };
            let message = format!("{about}{message}; `engine.schema().diff()` tells the statements that mend it");
            ErrorKind::Schema { message, source }
        }
        code if lost_connection(code) => ErrorKind::Connection {
            server: "MySQL",
            pool: about.pool.to_owned(),
            message,
            source,
        },
        _ => {
            let message = if table.is_empty() {
                message
            } else {
                format!("{table}: {message}")
            };
            ErrorKind::Server { code, message, source }
        }
    })
}

/// What the server would refuse with error 1153, and then close the connection.
pub(super) fn too_large(what: &str, table: &str, source: Option<Source>) -> Error {
    Error::new(ErrorKind::Server {
        code: 1153,
        message: format!("{table}: {what} is larger than the server's max_allowed_packet"),
        source,
    })
}

/// A lost or refused connection.
pub(super) fn connection(error: mysql::Error, pool: &str) -> Error {
    let message = words(&error);
    Error::new(ErrorKind::Connection {
        server: "MySQL",
        pool: pool.to_owned(),
        message,
        source: Some(Box::new(error)),
    })
}

/// A connection to this address that could not be made; `None` when it was not made in time.
pub(super) fn no_connection(error: Option<mysql::Error>, pool: &str, address: &str) -> Error {
    let why = error.as_ref().map_or_else(|| SILENT.to_owned(), words);
    Error::new(ErrorKind::Connection {
        server: "MySQL",
        pool: pool.to_owned(),
        message: format!("cannot connect to {address}: {why}"),
        source: error.map(|error| Box::new(error) as Source),
    })
}

const SILENT: &str = "no answer from the server in time";

/// What the driver says of a packet that the server would refuse.
const TOO_LARGE: &str = "Packet is larger than max_allowed_packet";

/// What happened, in words that an operator can work with.
fn words(error: &mysql::Error) -> String {
    let io = match error {
        mysql::Error::IoError(io) => Some(io),
        mysql::Error::CodecError(codec) => codec.source().and_then(|source| source.downcast_ref()),
        _ => None,
    };
    match (error, io.map(std::io::Error::kind)) {
        (_, Some(std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut))
        | (mysql::Error::DriverError(mysql::DriverError::ConnectTimeout), _) => SILENT.to_owned(),
        (mysql::Error::DriverError(mysql::DriverError::CouldNotConnect(Some((_, why, _)))), _) => why.clone(),
        (mysql::Error::MySqlError(server), _) => server.message.clone(),
        _ => io.map_or_else(|| error.to_string(), ToString::to_string),
    }
}

/// The value and the index out of `Duplicate entry 'x' for key 'users.uq_email'`; MariaDB leaves the
/// table's name out.
fn duplicate(message: &str) -> (String, String) {
    let inside = message
        .strip_prefix("Duplicate entry ")
        .and_then(|rest| rest.rsplit_once(" for key "));
    match inside {
        Some((value, index)) => {
            let index = index.trim().trim_matches('\'');
            let index = index.rsplit_once('.').map_or(index, |(_, name)| name);
            (value.to_owned(), index.to_owned())
        }
        None => (message.to_owned(), "unknown".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_and_value_of_a_duplicate_are_read_from_both_servers_messages() {
        let expected = ("'ana@x.org'".to_owned(), "uq_email".to_owned());
        assert_eq!(
            duplicate("Duplicate entry 'ana@x.org' for key 'users.uq_email'"),
            expected
        );
        assert_eq!(duplicate("Duplicate entry 'ana@x.org' for key 'uq_email'"), expected);
        assert_eq!(duplicate("Duplicate entry 'a for key b' for key 'uq'").1, "uq");
        assert_eq!(duplicate("something else").1, "unknown");
    }
}
