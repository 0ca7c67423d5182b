//! How a diff is run: once, by one process at a time, with errors that say what to do.

use std::time::{Duration, Instant};

use headwater_testkit::mysql::prelude::Queryable;

use super::{PoolTables, SAFE, Schema, of_pool, server, summary};
use crate::Table;
use crate::mysql::{MysqlOptions, MysqlPool};
use crate::table::{Json, Ref};

#[derive(Debug, Clone, Default, Table)]
#[table(name = "users")]
struct User {
    #[column(id)]
    id: u64,
    #[column(unique)]
    name: String,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "users")]
struct Grown {
    #[column(id)]
    id: u64,
    #[column(unique)]
    name: String,
    #[column(index)]
    age: u8,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "posts")]
struct Post {
    #[column(id)]
    id: u64,
    #[column(references)]
    author: Ref<User>,
}

#[test]
fn many_processes_may_apply_at_once() {
    let server = server();
    let tables = [User::TABLE, Post::TABLE];
    let start = std::sync::Barrier::new(6);
    let counts: Vec<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| {
                    let diff = server.diff(&tables);
                    start.wait();
                    diff.apply().expect("somebody did it")
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    // One did everything, the others found it done.
    assert_eq!(counts.iter().sum::<usize>(), 3, "{counts:?}");
    server.assert_matches(&tables);
    assert_eq!(server.diff(&tables).apply().expect("nothing"), 0);
}

#[test]
fn another_process_that_changes_the_tables_is_waited_for() {
    let server = server();
    let mut other = server.database.mysql().expect("a connection");
    other
        .query_drop("DO GET_LOCK(CONCAT('headwater.schema.', DATABASE()), 0)")
        .expect("the lock");
    let diff = server.diff(&[User::TABLE]);
    std::thread::scope(|scope| {
        let applied = scope.spawn(|| diff.apply());
        let mut root = server.database.root().expect("a connection");
        let waits = format!(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User lock' AND db = '{}'",
            server.database.name()
        );
        let waiting = || root.query_first::<u64, _>(&waits).expect("the processes") == Some(1);
        headwater_testkit::wait_until(Duration::from_secs(30), "the other to wait", waiting).expect("it waits");
        assert!(!applied.is_finished());
        other
            .query_drop("DO RELEASE_LOCK(CONCAT('headwater.schema.', DATABASE()))")
            .expect("the lock is free");
        assert_eq!(applied.join().expect("no panic").expect("applied"), 1);
    });
}

#[test]
#[ignore = "waits for a minute"]
fn an_open_transaction_is_waited_for_a_minute_at_most() {
    let server = server();
    server.apply(&[User::TABLE]);
    let mut other = server.database.mysql().expect("a connection");
    other.query_drop("BEGIN").expect("a transaction");
    other.query_drop("SELECT * FROM users").expect("it uses the table");
    let start = Instant::now();
    let error = server.diff(&[Grown::TABLE]).apply().expect_err("the table is in use");
    assert!(error.is_lock_timeout(), "{error}");
    let text = format!("{error:?}");
    assert!(
        text.contains("users: an open transaction uses it; the statement was: ALTER TABLE"),
        "{text}"
    );
    assert!(start.elapsed() < Duration::from_secs(90));
    other.query_drop("COMMIT").expect("the end of it");
    server.apply(&[Grown::TABLE]);
    server.assert_matches(&[Grown::TABLE]);
}

#[test]
fn a_diff_of_yesterday_does_what_is_needed_today() {
    let server = server();
    let tables = [Grown::TABLE];
    let diff = server.diff(&tables);
    server.apply(&[User::TABLE]);
    // The table is there now, without a column that the diff would have made with it.
    assert_eq!(diff.apply().expect("the column"), 1);
    server.assert_matches(&tables);
    assert_eq!(diff.apply().expect("nothing is left"), 0);
}

#[test]
fn a_destructive_statement_that_was_not_shown_is_not_run() {
    let server = server();
    server.apply(&[Grown::TABLE]);
    let diff = server.diff(&[User::TABLE]);
    server.run(&["ALTER TABLE users ADD COLUMN precious INT"]);
    let error = diff
        .apply_all()
        .expect_err("it would drop a column that nobody saw in the diff");
    assert!(
        error.is_schema() && error.to_string().contains("ask for a new one"),
        "{error}"
    );
    let columns = "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()";
    assert_eq!(server.texts(columns), ["4"]);
    server.diff(&[User::TABLE]).apply_all().expect("shown");
    server.assert_matches(&[User::TABLE]);
}

#[test]
fn tables_that_are_not_ours_are_never_touched() {
    let server = server();
    server.run(&[
        "CREATE TABLE ix_theirs (id INT, uq_x INT, INDEX ix_old (id), UNIQUE INDEX uq_old (uq_x)) ENGINE=MyISAM DEFAULT CHARSET=latin1",
        "CREATE TABLE Users2 (a INT)",
        "CREATE VIEW seen AS SELECT 1 AS one",
    ]);
    let shown = |table: &str| {
        server.texts(&format!("SELECT CONCAT_WS('|', TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{table}'"))
    };
    let before = (shown("ix_theirs"), shown("Users2"), shown("seen"));
    server.apply(&[User::TABLE]);
    server.diff(&[User::TABLE]).apply_all().expect("nothing");
    server.assert_matches(&[User::TABLE]);
    assert_eq!((shown("ix_theirs"), shown("Users2"), shown("seen")), before);
    let indexes = "SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'ix_theirs'";
    assert_eq!(server.texts(indexes), ["2"]);
}

#[test]
fn every_difference_is_named() {
    let server = server();
    server
        .run(&["CREATE TABLE users (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(300) NULL)"]);
    let error = server
        .schema(&[Grown::TABLE, Post::TABLE])
        .verify()
        .expect_err("it differs");
    assert!(error.is_schema());
    let text = error.to_string();
    for difference in [
        "the database does not match the tables: ",
        "- `users`: column `name`: VARCHAR(300) becomes VARCHAR(255): longer values do not fit; NULL is not allowed any more",
        "- `users`: column `age` is missing",
        "- `users`: unique index `uq_name` is missing",
        "- `users`: index `ix_age` is missing",
        "- `posts`: table `posts` is missing",
        "- `posts`: foreign key `fk_posts_author` is missing",
        "`engine.schema().diff()` tells the statements that mend it",
    ] {
        assert!(text.contains(difference), "{difference}\nis not in\n{text}");
    }
}

#[test]
fn a_view_in_the_place_of_a_table_is_told() {
    let server = server();
    server.run(&["CREATE VIEW users AS SELECT 1 AS id"]);
    let error = server.schema(&[User::TABLE]).diff().expect_err("it is a view");
    assert!(
        error.is_schema() && error.to_string().contains("`users` is not a table but VIEW"),
        "{error}"
    );
}

#[test]
fn a_statement_may_take_longer_than_answers_usually_do() {
    let server = server();
    let options = MysqlOptions::default().with_answer_timeout(Duration::from_secs(1));
    let pool = MysqlPool::open("default", server.database.mysql_url(), &options, None).expect("a pool");
    let slow = "CREATE TABLE IF NOT EXISTS slow AS SELECT SLEEP(2) AS slept";
    let extra = vec![("slow".to_owned(), slow.to_owned())];
    let tables = vec![User::TABLE];
    let schema = Schema::new(vec![PoolTables { pool, tables, extra }]);
    let diff = schema.diff().expect("a diff");
    assert_eq!(summary(&diff)[0], (SAFE, slow.to_owned()));
    assert_eq!(diff.apply().expect("it was waited for"), 2);
    assert!(schema.diff().expect("a diff").is_empty());
}

#[test]
fn several_pools_are_told_apart() {
    let (one, two) = (server(), server());
    let pool = MysqlPool::open("second", two.database.mysql_url(), &MysqlOptions::default(), None).expect("a pool");
    let schema = Schema::new(vec![
        of_pool(&one.pool, &[User::TABLE]),
        of_pool(&pool, &[Grown::TABLE]),
    ]);
    let diff = schema.diff().expect("a diff");
    assert_eq!(
        diff.steps().iter().map(super::SchemaStep::pool).collect::<Vec<_>>(),
        ["default", "second"]
    );
    let script = diff.to_string();
    assert!(
        script.contains("-- pool second\n-- safe: table `users` is missing\nCREATE TABLE"),
        "{script}"
    );
    assert_eq!(diff.apply().expect("applied"), 2);
    assert!(schema.diff().expect("a diff").is_empty());
    one.assert_matches(&[User::TABLE]);
    two.assert_matches(&[Grown::TABLE]);
}

#[test]
fn what_no_server_could_make_is_told_at_once() {
    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "impossible", index(unique, one, two))]
    struct Impossible {
        #[column(id, length = 769)]
        id: String,
        #[column(length = 500)]
        one: String,
        #[column(length = 500)]
        two: String,
        #[column(index, length = 16_384)]
        large: String,
        #[column(references)]
        far: Ref<Far>,
        #[column(default = 0.125, precision(5, 2))]
        price: rust_decimal::Decimal,
        #[column(default = "tomorrow")]
        day: chrono::NaiveDate,
        json: Json<u8>,
    }
    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "far", mysql = "elsewhere")]
    struct Far {
        #[column(id)]
        id: u64,
    }
    let server = server();
    let error = server
        .schema(&[Impossible::TABLE])
        .diff()
        .expect_err("it cannot be made");
    assert!(error.is_config());
    let text = error.to_string();
    for problem in [
        "6 problems",
        "table `impossible`: the primary key takes up to 3076 bytes (four for each character), but a server indexes 3072 at most",
        "index `uq_one_two` takes up to 4000 bytes",
        "index `ix_large`: the column `large` is MEDIUMTEXT, which cannot be indexed",
        "the foreign key of `far`: the table `far` is in the pool `elsewhere`, which the pool `default` cannot reach",
        "the default of `price`: \"0.125\" is no default for a column of DECIMAL(5,2)",
        "the default of `day`: \"tomorrow\" is no default for a column of DATE",
    ] {
        assert!(text.contains(problem), "{problem}\nis not in\n{text}");
    }
}

#[test]
fn a_row_that_is_too_large_is_told_with_what_helps() {
    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "wide")]
    struct Wide {
        #[column(id)]
        id: u64,
        #[column(length = 10_000)]
        one: String,
        #[column(length = 10_000)]
        two: String,
    }
    let server = server();
    let error = server
        .diff(&[Wide::TABLE])
        .apply()
        .expect_err("80,000 bytes")
        .to_string();
    assert!(
        error.contains("wide: Row size too large") && error.contains("`length = 16384`"),
        "{error}"
    );
}
