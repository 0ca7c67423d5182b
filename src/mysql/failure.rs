//! Server and driver errors, sorted into the kinds of this crate.

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

pub(super) fn classify(error: mysql::Error, about: About<'_>) -> Error {
    let server = match error {
        mysql::Error::MySqlError(server) => server,
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
        1213 => ErrorKind::Deadlock { source },
        1205 | 3572 => ErrorKind::LockTimeout { source },
        1216 | 1217 | 1451 | 1452 | 1761 | 1762 => ErrorKind::ForeignKey { table, message, source },
        1049 | 1054 | 1146 | 1932 => {
            let message = format!("{message}; `engine.schema().diff()` tells the statements that mend it");
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

/// A lost or refused connection.
pub(super) fn connection(error: mysql::Error, pool: &str) -> Error {
    let message = match &error {
        mysql::Error::IoError(io)
            if matches!(io.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
        {
            "no answer from the server in time".to_owned()
        }
        mysql::Error::IoError(io) => io.to_string(),
        mysql::Error::MySqlError(server) => server.message.clone(),
        other => other.to_string(),
    };
    Error::new(ErrorKind::Connection {
        server: "MySQL",
        pool: pool.to_owned(),
        message,
        source: Some(Box::new(error)),
    })
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
