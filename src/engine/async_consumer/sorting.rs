//! Which errors of an operation are for good, and which heal.

use crate::error::{Error, ErrorKind};

/// What an error means for the operation that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The same statement will always fail.
    Permanent,
    /// It will work once something has passed.
    Transient,
    /// Nobody knows: it is tried so often, and no more.
    Unknown,
}

/// What an error means.
///
/// Codes: <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>,
/// <https://mariadb.com/kb/en/mariadb-error-code-reference/>.
pub(super) fn verdict(error: &Error) -> Verdict {
    match error.kind() {
        ErrorKind::Connection { .. }
        | ErrorKind::CommitUnknown { .. }
        | ErrorKind::Deadlock { .. }
        | ErrorKind::LockTimeout { .. }
        | ErrorKind::Redis { .. } => Verdict::Transient,
        // Server errors that have a kind of their own here: 1062, 1586; 1216, 1217, 1451, 1452, 1761, 1762; 1048, 1049,
        // 1054, 1146, 1364, 1932.
        ErrorKind::DuplicateKey { .. }
        | ErrorKind::ForeignKey { .. }
        | ErrorKind::Schema { .. }
        | ErrorKind::Stale { .. }
        | ErrorKind::Value { .. }
        | ErrorKind::Malformed { .. }
        | ErrorKind::Config { .. }
        | ErrorKind::NotRegistered { .. } => Verdict::Permanent,
        ErrorKind::Server { code, .. } => of_code(*code),
        _ => Verdict::Unknown,
    }
}

fn of_code(code: u16) -> Verdict {
    match code {
        // Syntax, and what a statement names.
        1064 | 1051 | 1060 | 1063 | 1065 | 1066 | 1072 | 1109 | 1110 | 1111 | 1136 | 1149 | 1166 | 1210 | 1241..=1243 | 1305 | 1318
        // Values: too long, out of range, truncated, of the wrong form, no default, division by zero, bad functions.
        | 1264 | 1265 | 1263 | 1292 | 1365 | 1366 | 1367 | 1406 | 1411 | 1416 | 1425..=1427 | 1441 | 1525 | 1690
        // JSON and generated columns.
        | 3105 | 3140 | 3141 | 3143 | 3144 | 3156..=3158 | 1906 | 1907
        // CHECK constraints: MySQL, MariaDB. A trigger's SIGNAL.
        | 3819 | 4025 | 1644
        // Larger than any packet; too many placeholders; NULL in a key.
        | 1153 | 1390 | 1121 | 1171 => Verdict::Permanent,
        // Read only for now, disk or memory full, lock tables full, killed, taking too long, prepared anew, DDL meanwhile.
        1290 | 1836 | 1792 | 1021 | 1114 | 1030 | 1037 | 1038 | 1041 | 1135 | 1180 | 1206 | 1317 | 1412 | 1615 | 1637 | 1969 | 3024
        | 3100 | 3101 | 3572 => Verdict::Transient,
        _ => Verdict::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_never_heal_are_told_from_those_that_do() {
        let of = |code| {
            verdict(&Error::new(ErrorKind::Server {
                code,
                message: String::new(),
                source: None,
            }))
        };
        for code in [1064, 1264, 1265, 1292, 1366, 1406, 3819, 4025] {
            assert_eq!(of(code), Verdict::Permanent, "{code}");
        }
        for code in [1290, 1114, 1317, 3024] {
            assert_eq!(of(code), Verdict::Transient, "{code}");
        }
        assert_eq!(of(1142), Verdict::Unknown);
        assert_eq!(
            verdict(&Error::new(ErrorKind::Deadlock { source: None })),
            Verdict::Transient
        );
        assert_eq!(verdict(&Error::config("unknown pool")), Verdict::Permanent);
    }
}
