//! MySQL and MariaDB: pool, connections, statements, identifiers and how the two servers differ.
//!
//! Only this folder knows the driver, but for the rows that it reads ([`Row`](crate::table::Row)); everything above
//! speaks in [`Value`](crate::table::Value)s.

mod checkout;
mod connection;
mod failure;
mod identifier;
mod observe;
mod params;
mod pool;
mod server;
mod statements;
#[cfg(test)]
mod tests;

pub(crate) use checkout::Checkout;
pub(crate) use connection::{Connection, Done};
pub(crate) use identifier::{Identifier, quoted_text};
pub(crate) use observe::Observer;
pub use observe::StatementEvent;
pub(crate) use params::{Bound, Params};
pub use pool::MysqlOptions;
pub(crate) use pool::MysqlPool;
pub(crate) use server::{Flavour, Server};
