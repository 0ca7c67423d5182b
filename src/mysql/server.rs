//! Which server it is, and how MySQL and MariaDB differ in what this crate uses.

/// MySQL or MariaDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    MariaDb,
    MySql,
}

/// What is known of a server once a connection to it was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server {
    pub(crate) flavour: Flavour,
    /// The step between two generated keys of one INSERT (`auto_increment_increment`).
    pub(crate) key_step: u64,
    /// The largest packet that the server takes, in bytes.
    pub(crate) max_packet: usize,
    /// Whether a lock timeout rolls the whole transaction back (`innodb_rollback_on_timeout`).
    pub(super) timeout_ends_transaction: bool,
}

impl Server {
    /// From what `SELECT VERSION(), …` said.
    pub(super) fn new(version: &str, key_step: u64, max_packet: u64, timeout_ends_transaction: bool) -> Self {
        Server {
            flavour: if version.to_ascii_lowercase().contains("mariadb") {
                Flavour::MariaDb
            } else {
                Flavour::MySql
            },
            key_step: key_step.max(1),
            max_packet: usize::try_from(max_packet).unwrap_or(usize::MAX),
            timeout_ends_transaction,
        }
    }

    /// What stands between VALUES and the parenthesis of a row in a table value constructor:
    /// <https://dev.mysql.com/doc/refman/8.4/en/values.html>.
    pub(crate) fn row_constructor(&self) -> &'static str {
        match self.flavour {
            Flavour::MariaDb => "",
            Flavour::MySql => "ROW",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flavour_is_read_from_the_version() {
        assert_eq!(
            Server::new("10.11.19-MariaDB-0+deb12u1", 1, 1, false).flavour,
            Flavour::MariaDb
        );
        assert_eq!(Server::new("9.7.4", 1, 1, false).flavour, Flavour::MySql);
        assert_eq!(Server::new("9.7.4", 0, 1, false).key_step, 1);
    }
}
