//! Tests of the comparison, without a server and with one.

mod applying;
mod changing;
mod every_type;
mod evolution;
mod kinds;
mod pure;
mod references;

use headwater_testkit::mysql::prelude::Queryable;
use headwater_testkit::{Database, Servers};

use super::{PoolTables, Schema, SchemaDiff, SchemaStep};
use crate::mysql::{MysqlOptions, MysqlPool};
use crate::table::TableDef;

/// A database of its own on the server of the tests, and a pool that reaches it.
struct Server {
    database: Database,
    pool: MysqlPool,
}

fn of_pool(pool: &MysqlPool, tables: &[&'static TableDef]) -> PoolTables {
    PoolTables {
        pool: pool.clone(),
        tables: tables.to_vec(),
        extra: Vec::new(),
    }
}

fn server() -> Server {
    let database = Servers::shared().database().expect("a database for the test");
    let pool = MysqlPool::open("default", database.mysql_url(), &MysqlOptions::default(), None).expect("a pool");
    Server { database, pool }
}

impl Server {
    fn schema(&self, tables: &[&'static TableDef]) -> Schema {
        Schema::new(vec![of_pool(&self.pool, tables)])
    }

    fn diff(&self, tables: &[&'static TableDef]) -> SchemaDiff {
        self.schema(tables).diff().expect("a diff")
    }

    /// Applies what is safe.
    fn apply(&self, tables: &[&'static TableDef]) -> usize {
        let diff = self.diff(tables);
        diff.apply().unwrap_or_else(|error| panic!("{error}\n{diff}"))
    }

    /// Fails with the statements when there are any.
    #[track_caller]
    fn assert_matches(&self, tables: &[&'static TableDef]) {
        let diff = self.diff(tables);
        assert!(diff.is_empty(), "not empty:\n{diff}");
    }

    /// Runs statements of the test itself, in a session as an application has it.
    #[track_caller]
    fn run(&self, statements: &[&str]) {
        let mut connection = self.pool.get().expect("a connection");
        for sql in statements {
            connection.run(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }

    /// The first column of the rows of a query, as text.
    #[track_caller]
    fn texts(&self, sql: &str) -> Vec<String> {
        let mut connection = self.database.mysql().expect("a connection");
        connection.query(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}

/// Whether each statement is destructive, with its text on one line.
fn summary(diff: &SchemaDiff) -> Vec<(bool, String)> {
    diff.steps()
        .iter()
        .map(|step| {
            (
                step.is_destructive(),
                step.sql().split_whitespace().collect::<Vec<_>>().join(" "),
            )
        })
        .collect()
}

/// The same as constants of a test.
fn expected(steps: &[(bool, &str)]) -> Vec<(bool, String)> {
    steps
        .iter()
        .map(|(destructive, sql)| (*destructive, (*sql).to_owned()))
        .collect()
}

const SAFE: bool = false;
const DESTRUCTIVE: bool = true;
