//! Which MySQL-compatible server a test talks to.

use std::fmt;

/// The two families of servers that speak the MySQL protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServerKind {
    /// MariaDB.
    MariaDb,
    /// MySQL of Oracle, or one built from it.
    MySql,
}

/// The family and version of a MySQL-compatible server, for tests that only hold on some.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerVersion {
    /// MariaDB or MySQL.
    pub kind: ServerKind,
    /// Major, minor and patch level, comparable: `version.number >= (10, 5, 0)`.
    pub number: (u16, u16, u16),
    /// The answer to `SELECT VERSION()`.
    pub text: String,
}

impl ServerVersion {
    pub(crate) fn parse(text: &str) -> Self {
        let mut numbers = text
            .split(|c: char| !c.is_ascii_digit())
            .map(|part| part.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self {
            kind: if text.contains("MariaDB") {
                ServerKind::MariaDb
            } else {
                ServerKind::MySql
            },
            number: (next(), next(), next()),
            text: text.to_owned(),
        }
    }

    /// Whether this is MariaDB.
    pub fn is_mariadb(&self) -> bool {
        self.kind == ServerKind::MariaDb
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ServerKind::MariaDb => write!(f, "MariaDB {}", self.text),
            ServerKind::MySql => write!(f, "MySQL {}", self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_are_told_apart() {
        let mariadb = ServerVersion::parse("10.11.19-MariaDB-0+deb12u1");
        assert!(mariadb.is_mariadb());
        assert_eq!(mariadb.number, (10, 11, 19));
        let mysql = ServerVersion::parse("8.4.7");
        assert_eq!(mysql.kind, ServerKind::MySql);
        assert_eq!(mysql.number, (8, 4, 7));
        assert!(mysql.number >= (8, 0, 1));
    }
}
