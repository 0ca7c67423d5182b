//! One connection: runs statements, keeps them prepared, knows whether it can still be trusted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;

use super::failure::{self, About};
use super::observe::{Observer, StatementEvent};
use super::params::Params;
use super::server::Server;
use super::statements::{At, Statements};
use crate::error::{Error, ErrorKind, Result};
use crate::table::Row;

/// What a statement that returns no rows did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    /// Rows that matched, changed or not (the connection asks for CLIENT_FOUND_ROWS).
    pub(crate) matched: u64,
    /// The first key that the statement generated.
    pub(crate) first_key: u64,
}

/// At this age a connection is closed when it comes back: a server that was replaced behind its name is left in the end.
pub(super) const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// A connection to a MySQL or MariaDB server.
#[derive(Debug)]
pub(crate) struct Connection {
    driver: mysql::Conn,
    statements: Statements,
    pool: Arc<str>,
    server: Server,
    observer: Option<Observer>,
    opened: Instant,
    /// When it was lent last.
    pub(super) lent: Instant,
    pub(super) broken: bool,
    in_transaction: bool,
    sent: bool,
}

impl Connection {
    pub(super) fn new(
        driver: mysql::Conn,
        pool: Arc<str>,
        server: Server,
        statements: usize,
        observer: Option<Observer>,
    ) -> Self {
        let now = Instant::now();
        Connection {
            driver,
            statements: Statements::new(statements),
            pool,
            server,
            observer,
            opened: now,
            lent: now,
            broken: false,
            in_transaction: false,
            sent: false,
        }
    }

    /// What is known of the server.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Whether a transaction is open on it.
    pub(crate) fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    /// Why nothing more can be done in a transaction that is over before its end.
    pub(crate) fn ended(&self) -> Error {
        Error::new(if self.broken {
            ErrorKind::Connection {
                server: "MySQL",
                pool: self.pool.to_string(),
                message: "the connection was lost earlier in this transaction, which is rolled back".to_owned(),
                source: None,
            }
        } else {
            ErrorKind::Deadlock { source: None }
        })
    }

    /// Whether it cannot be used any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether the pool should close it, as far as is known without looking at a clock.
    #[inline]
    pub(super) fn is_old(&self) -> bool {
        self.lent.duration_since(self.opened) >= LIFETIME
    }

    /// Whether the last statement was sent, not only prepared.
    pub(crate) fn was_sent(&self) -> bool {
        self.sent
    }

    pub(super) fn ping(&mut self) -> Result<()> {
        let pong = self.driver.ping();
        self.finish(pong, "")
    }

    /// Runs a statement that returns no rows, kept prepared.
    pub(crate) fn execute(&mut self, sql: &str, params: Params, table: &str) -> Result<Done> {
        self.check_size(&params, table)?;
        let (count, start) = (params.len(), self.begin_to_observe());
        let outcome = self.execute_prepared(sql, params);
        self.observe(sql, count, start, outcome.as_ref().err());
        self.finish(outcome, table)
    }

    /// Runs a query, kept prepared, and hands each row over.
    #[inline]
    pub(crate) fn select(
        &mut self,
        sql: &str,
        params: Params,
        table: &str,
        each: &mut dyn FnMut(&mut Row) -> Result<()>,
    ) -> Result<()> {
        self.check_size(&params, table)?;
        let (count, start) = (params.len(), self.begin_to_observe());
        let outcome = self.select_prepared(sql, params, each);
        match outcome {
            Ok(refused) => {
                self.observe(sql, count, start, None);
                self.finish(Ok(()), table)?;
                refused
            }
            Err(error) => {
                self.observe(sql, count, start, Some(&error));
                self.finish(Err(error), table)
            }
        }
    }

    /// A value that no packet holds is not sent: the server would close the connection, and nobody would know why.
    #[inline]
    fn check_size(&mut self, params: &Params, table: &str) -> Result<()> {
        let longest = params.longest();
        // With its header of 7 bytes a packet must be shorter than the limit.
        if longest + 7 < self.server.max_packet {
            return Ok(());
        }
        Err(self.too_large(longest, table))
    }

    #[cold]
    fn too_large(&mut self, bytes: usize, table: &str) -> Error {
        self.sent = false;
        failure::too_large(&format!("a value of {bytes} bytes"), table, None)
    }

    /// Runs a statement of DDL about a table: nothing can be bound, and it is run once only.
    pub(crate) fn define(&mut self, sql: &str, table: &str) -> Result<()> {
        self.run_about(sql, table).map(|_| ())
    }

    /// Runs constant text that binds nothing and returns no rows.
    pub(crate) fn run(&mut self, sql: &str) -> Result<Done> {
        self.run_about(sql, "")
    }

    fn run_about(&mut self, sql: &str, table: &str) -> Result<Done> {
        let start = self.begin_to_observe();
        let outcome = self.driver.query_drop(sql).map(|()| Done {
            matched: self.driver.affected_rows(),
            first_key: self.driver.last_insert_id(),
        });
        self.observe(sql, 0, start, outcome.as_ref().err());
        self.finish(outcome, table)
    }

    /// Opens a transaction.
    pub(crate) fn begin(&mut self) -> Result<()> {
        self.run("BEGIN")?;
        self.in_transaction = true;
        Ok(())
    }

    /// Commits. An error other than a clear refusal by the server leaves the outcome unknown.
    pub(crate) fn commit(&mut self) -> Result<()> {
        let outcome = self.run("COMMIT");
        self.in_transaction = false;
        match outcome {
            Ok(_) => Ok(()),
            Err(error) if error.is_connection() => {
                self.broken = true;
                let source = match error.into_kind() {
                    ErrorKind::Connection { source, .. } => source,
                    _ => None,
                };
                Err(Error::new(ErrorKind::CommitUnknown {
                    pool: self.pool.to_string(),
                    source,
                }))
            }
            Err(error) => {
                // InnoDB rolls back what it refuses to commit; make sure that nothing is left open.
                self.rollback();
                Err(error)
            }
        }
    }

    /// Rolls the open transaction back. When that fails the connection is thrown away, which rolls back too.
    pub(crate) fn rollback(&mut self) {
        self.in_transaction = false;
        if !self.broken && self.run("ROLLBACK").is_err() {
            self.broken = true;
        }
    }

    fn execute_prepared(&mut self, sql: &str, params: Params) -> mysql::Result<Done> {
        self.sent = false;
        let statement = self.statement(sql)?;
        self.sent = true;
        let result = self
            .driver
            .exec_iter(self.statements.get(statement), params.into_driver())?;
        Ok(Done {
            matched: result.affected_rows(),
            first_key: result.last_insert_id().unwrap_or(0),
        })
    }

    /// The outer result is the driver's, the inner one that of `each`.
    #[inline]
    fn select_prepared(
        &mut self,
        sql: &str,
        params: Params,
        each: &mut dyn FnMut(&mut Row) -> Result<()>,
    ) -> mysql::Result<Result<()>> {
        let statement = self.statement(sql)?;
        let result = self
            .driver
            .exec_iter(self.statements.get(statement), params.into_driver())?;
        for values in result {
            let mut row = Row::of_driver(values?.unwrap_raw());
            if let Err(error) = each(&mut row) {
                // Dropping the result reads what is left of it, so the connection stays usable.
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    #[inline]
    fn statement(&mut self, sql: &str) -> mysql::Result<At> {
        match self.statements.find(sql) {
            Some(at) => Ok(at),
            None => self.prepare(sql),
        }
    }

    #[cold]
    fn prepare(&mut self, sql: &str) -> mysql::Result<At> {
        let statement = self.driver.prep(sql)?;
        let (at, evicted) = self.statements.keep(sql, statement);
        for evicted in evicted {
            self.driver.close(evicted)?;
        }
        Ok(at)
    }

    #[inline]
    fn finish<T>(&mut self, outcome: mysql::Result<T>, table: &str) -> Result<T> {
        outcome.map_err(|error| self.failed(error, table))
    }

    #[cold]
    fn failed(&mut self, error: mysql::Error, table: &str) -> Error {
        if failure::breaks_connection(&error) {
            self.broken = true;
        }
        if self.in_transaction && failure::ends_transaction(&error, self.server.timeout_ends_transaction) {
            // What is tried in it from now on must not run by itself.
            self.in_transaction = false;
            self.broken |= self.driver.query_drop("ROLLBACK").is_err();
        }
        failure::classify(
            error,
            About {
                pool: &self.pool,
                table,
            },
        )
    }

    /// The time, where anybody wants to know how long a statement takes.
    #[inline]
    fn begin_to_observe(&self) -> Option<Instant> {
        self.observer.is_some().then(Instant::now)
    }

    #[inline]
    fn observe(&self, sql: &str, parameters: usize, start: Option<Instant>, error: Option<&mysql::Error>) {
        if let (Some(observer), Some(start)) = (&self.observer, start) {
            self.tell(observer, sql, parameters, start, error);
        }
    }

    #[cold]
    fn tell(
        &self,
        Observer(observer): &Observer,
        sql: &str,
        parameters: usize,
        start: Instant,
        error: Option<&mysql::Error>,
    ) {
        let text = error.map(ToString::to_string);
        let event = StatementEvent {
            pool: &self.pool,
            sql,
            parameters,
            elapsed: start.elapsed(),
            error: text.as_deref(),
        };
        // A panic in it must not tear the flush that it watches.
        let _ = catch_unwind(AssertUnwindSafe(|| observer(&event)));
    }
}
