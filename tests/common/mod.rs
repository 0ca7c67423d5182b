//! What the integration tests share: a fresh database each, an engine on it.
#![allow(dead_code, reason = "each test uses some of it")]

use headwater::engine::EngineBuilder;
use headwater::prelude::*;
use headwater_testkit::{Database, Servers};

/// A fresh database and a builder of engines on it.
pub(crate) fn database() -> (Database, EngineBuilder) {
    let database = Servers::shared().database().expect("a fresh database");
    let builder = Engine::builder()
        .mysql(database.mysql_url())
        .redis(database.redis_url());
    (database, builder)
}

/// Runs statements as the test's own user.
pub(crate) fn sql(database: &Database, statements: &[&str]) {
    use mysql::prelude::Queryable;
    let mut connection = database.mysql().expect("a connection");
    for statement in statements {
        connection
            .query_drop(statement)
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// All rows of a query as text, `NULL` for NULL.
pub(crate) fn rows(database: &Database, query: &str) -> Vec<Vec<String>> {
    use mysql::prelude::Queryable;
    let mut connection = database.mysql().expect("a connection");
    let rows: Vec<mysql::Row> = connection
        .query(query)
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    rows.into_iter()
        .map(|row| {
            row.unwrap()
                .into_iter()
                .map(|value| match value {
                    mysql::Value::NULL => "NULL".to_owned(),
                    mysql::Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                    other => other.as_sql(true).trim_matches('\'').to_owned(),
                })
                .collect()
        })
        .collect()
}
