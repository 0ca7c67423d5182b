//! The statement log shows what the server really did, in order, for one test only.

use headwater_testkit::mysql::prelude::Queryable;
use headwater_testkit::{Database, Servers, StatementKind};

fn database() -> Database {
    let database = Servers::shared().database().expect("a database");
    let mut connection = database.mysql().expect("a connection");
    connection
        .query_drop("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50))")
        .expect("a table");
    database
}

#[test]
fn text_and_prepared_statements_appear_as_they_ran() {
    let database = database();
    let log = database.record().expect("a log");
    let mut connection = database.mysql().expect("a connection");
    connection.query_drop("BEGIN").expect("a transaction");
    connection
        .exec_drop("INSERT INTO t (name) VALUES (?), (?)", ("Ana", "O'Neil"))
        .expect("rows");
    connection
        .exec_drop("UPDATE t SET name = ? WHERE id = ?", (None::<String>, 1))
        .expect("a row");
    connection
        .exec_drop("UPDATE t SET name = ? WHERE id = ?", ("Åse ☂", 2))
        .expect("a row");
    connection.query_drop("COMMIT").expect("a commit");
    assert_eq!(
        log.executed().expect("statements"),
        [
            "BEGIN",
            "INSERT INTO t (name) VALUES ('Ana'), ('O\\'Neil')",
            "UPDATE t SET name = NULL WHERE id = 1",
            "UPDATE t SET name = 'Åse ☂' WHERE id = 2",
            "COMMIT",
        ]
    );
    let mut statements = log.statements().expect("statements");
    // The server may take up the end of the connection that made the table as late as now.
    statements.retain(|statement| statement.kind != StatementKind::Quit);
    let prepared: Vec<&str> = statements
        .iter()
        .filter(|statement| statement.kind == StatementKind::Prepare)
        .map(|statement| statement.text.as_str())
        .collect();
    assert_eq!(
        prepared,
        [
            "INSERT INTO t (name) VALUES (?), (?)",
            "UPDATE t SET name = ? WHERE id = ?"
        ]
    );
    assert_eq!(statements[0].kind, StatementKind::Connect);
    assert!(
        statements
            .iter()
            .all(|statement| statement.connection == statements[0].connection)
    );
}

#[test]
fn clear_forgets_and_other_tests_are_not_seen() {
    let (one, two) = (database(), database());
    let log = one.record().expect("a log");
    let other = two.record().expect("a log");
    let mut first = one.mysql().expect("a connection");
    let mut second = two.mysql().expect("a connection");
    first
        .query_drop("INSERT INTO t (name) VALUES ('first')")
        .expect("a row");
    second
        .query_drop("INSERT INTO t (name) VALUES ('second')")
        .expect("a row");
    one.root()
        .expect("a connection")
        .query_drop("DELETE FROM t")
        .expect("no rows");
    assert_eq!(
        log.executed().expect("statements"),
        ["INSERT INTO t (name) VALUES ('first')"]
    );
    log.clear().expect("an empty log");
    assert_eq!(log.statements().expect("statements"), []);
    // The end of one record does not end another.
    drop(log);
    second.query_drop("DELETE FROM t").expect("no rows");
    assert_eq!(
        other.executed().expect("statements"),
        ["INSERT INTO t (name) VALUES ('second')", "DELETE FROM t"]
    );
}

#[test]
fn a_bulk_command_is_one_statement_on_mariadb() {
    let database = database();
    let log = database.record().expect("a log");
    let mut connection = database.mysql().expect("a connection");
    connection
        .exec_batch("INSERT INTO t (name) VALUES (?)", [("a",), ("b",)])
        .expect("rows");
    if database.server().is_mariadb() {
        assert_eq!(log.executed().expect("statements"), ["INSERT INTO t (name) VALUES (?)"]);
    } else {
        assert_eq!(
            log.executed().expect("statements"),
            ["INSERT INTO t (name) VALUES ('a')", "INSERT INTO t (name) VALUES ('b')"]
        );
    }
}

#[test]
fn several_statements_in_one_text_are_one_on_mariadb() {
    let database = database();
    let log = database.record().expect("a log");
    let mut connection = database.mysql().expect("a connection");
    connection
        .query_drop("INSERT INTO t (name) VALUES ('a'); DELETE FROM t")
        .expect("statements");
    let executed = log.executed().expect("statements");
    if database.server().is_mariadb() {
        assert_eq!(executed, ["INSERT INTO t (name) VALUES ('a'); DELETE FROM t"]);
    } else {
        assert_eq!(executed, ["INSERT INTO t (name) VALUES ('a');", "DELETE FROM t"]);
    }
}
