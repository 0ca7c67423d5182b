//! Where the statements of a plan go: to a server that runs them, or to somebody who writes them down.

use super::frozen::Frozen;
use super::transaction::Transaction;
use crate::error::Result;
use crate::mysql::{Checkout, Connection, Done, Params, Server};
use crate::runtime::Runtime;
use crate::table::TableDef;

/// What takes the statements of one MySQL pool.
pub(super) trait Target {
    /// The server that runs them, now or later.
    fn server(&self) -> &Server;

    /// A statement that inserts the rows of these changes of one table.
    fn insert(&mut self, sql: &str, frozen: &mut Frozen, rows: &[usize], def: &TableDef) -> Result<Done>;

    /// A statement that changes or deletes rows; how many matched. So many must, where a number is given.
    fn change(&mut self, sql: &str, params: Params, table: &str, rows: Option<usize>) -> Result<u64>;
}

impl Target for Connection {
    fn server(&self) -> &Server {
        Connection::server(self)
    }

    fn insert(&mut self, sql: &str, frozen: &mut Frozen, rows: &[usize], def: &TableDef) -> Result<Done> {
        self.execute(sql, frozen.take_rows(rows), def.name)
    }

    fn change(&mut self, sql: &str, params: Params, table: &str, _: Option<usize>) -> Result<u64> {
        Ok(self.execute(sql, params, table)?.matched)
    }
}

/// The targets of all pools.
pub(super) trait Targets {
    type Target: Target;

    /// That of a pool.
    fn of(&mut self, runtime: &Runtime, pool: usize) -> Result<&mut Self::Target>;
}

impl Targets for Transaction {
    type Target = Connection;

    fn of(&mut self, runtime: &Runtime, pool: usize) -> Result<&mut Connection> {
        let checkout: &mut Checkout = self.connection(runtime, pool)?;
        Ok(checkout)
    }
}
