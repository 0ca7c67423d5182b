//! Private servers that are killed, stopped, paused and started again.

use std::time::Duration;

use headwater_testkit::mysql::prelude::Queryable;
use headwater_testkit::{Servers, redis, wait_until};

#[test]
fn durable_servers_keep_what_they_acknowledged_through_a_kill() {
    let servers = Servers::builder().private().durable(true).start().expect("servers");
    let database = servers.database().expect("a database");
    let mut connection = database.mysql().expect("a connection");
    connection.query_drop("CREATE TABLE t (a INT)").expect("a table");
    connection.query_drop("INSERT INTO t VALUES (1), (2)").expect("rows");
    connection.query_drop("BEGIN").expect("a transaction");
    connection.query_drop("INSERT INTO t VALUES (3)").expect("a row");
    redis::cmd("SET")
        .arg("key")
        .arg("value")
        .exec(&mut database.redis().expect("a connection"))
        .expect("a key");

    let mysql = servers.mysql_server().expect("a private server");
    let redis = servers.redis_server().expect("a private server");
    let port = mysql.port();
    mysql.kill().expect("a kill");
    redis.kill().expect("a kill");
    assert!(connection.query_drop("COMMIT").is_err());
    assert!(database.mysql().is_err());
    assert!(database.redis().is_err());

    mysql.start_again().expect("a start");
    redis.start_again().expect("a start");
    assert_eq!(mysql.port(), port);
    let mut connection = database.mysql().expect("a connection");
    let count = connection
        .query_first_opt::<u64, _>("SELECT COUNT(*) FROM t")
        .expect("an answer");
    assert_eq!(count.expect("a row").expect("a number"), 2);
    let value: String = redis::cmd("GET")
        .arg("key")
        .query(&mut database.redis().expect("a connection"))
        .expect("an answer");
    assert_eq!(value, "value");
    let number = database.redis_url().rsplit('/').next().expect("a number").to_owned();
    assert_ne!(
        servers.database().expect("another").redis_url().rsplit('/').next(),
        Some(number.as_str())
    );
}

/// What Redis takes out of its file at a start it would bring back at the start after the next.
#[test]
fn a_transaction_that_was_half_written_does_not_come_back() {
    let servers = Servers::builder().private().durable(true).start().expect("servers");
    let database = servers.database().expect("a database");
    let server = servers.redis_server().expect("a private server");
    let both = |value: &str| {
        let script = "redis.call('RPUSH', 'list', ARGV[1]) redis.call('RPUSH', 'list', ARGV[1]) redis.call('SET', 'last', ARGV[1])";
        redis::cmd("EVAL")
            .arg(script)
            .arg(0)
            .arg(value)
            .exec(&mut database.redis().expect("a connection"))
            .expect("a script");
    };
    let list = || -> Vec<String> {
        redis::cmd("LRANGE")
            .arg("list")
            .arg(0)
            .arg(-1)
            .query(&mut database.redis().expect("a connection"))
            .expect("a list")
    };
    both("a");
    both("lost");
    server.kill().expect("a kill");
    let files = server.folder().join("data").join("appendonlydir");
    let file = std::fs::read_dir(files)
        .expect("a folder")
        .map(|file| file.expect("a file").path())
        .find(|path| path.to_string_lossy().ends_with(".incr.aof"))
        .expect("the file that is written to");
    let file = std::fs::OpenOptions::new().write(true).open(file).expect("the file");
    // Within the last command of the last transaction.
    file.set_len(file.metadata().expect("its length").len() - 30)
        .expect("a shorter file");

    server.start_again().expect("a start");
    assert_eq!(list(), ["a", "a"]);
    both("b");
    server.kill().expect("a kill");
    server.start_again().expect("a start");
    assert_eq!(list(), ["a", "a", "b", "b"]);
}

#[test]
fn a_stopped_server_ends_in_order_and_comes_back() {
    let servers = Servers::builder().private().start().expect("servers");
    let database = servers.database().expect("a database");
    database
        .mysql()
        .expect("a connection")
        .query_drop("CREATE TABLE t (a INT)")
        .expect("a table");
    let mysql = servers.mysql_server().expect("a private server");
    mysql.stop().expect("a stop");
    assert!(database.mysql().is_err());
    mysql.start_again().expect("a start");
    mysql.start_again().expect("nothing to do");
    database
        .mysql()
        .expect("a connection")
        .query_drop("INSERT INTO t VALUES (1)")
        .expect("a row");
    let redis = servers.redis_server().expect("a private server");
    redis.pause().expect("a pause");
    redis.stop().expect("a stop of a paused server");
    redis.start_again().expect("a start");
    database.redis().expect("a connection");
}

#[test]
fn a_paused_server_accepts_and_does_not_answer() {
    let servers = Servers::builder().private().mysql(false).start().expect("a server");
    let database = servers.database().expect("a database");
    let redis = servers.redis_server().expect("a private server");
    let mut connection = database.redis().expect("a connection");
    connection
        .set_read_timeout(Some(Duration::from_millis(100)))
        .expect("a timeout");
    redis.pause().expect("a pause");
    let error = redis::cmd("PING").exec(&mut connection).expect_err("no answer");
    assert!(error.is_timeout(), "{error}");
    redis.resume().expect("it goes on");
    wait_until(Duration::from_secs(5), "the server to answer again", || {
        database.redis().ok()
    })
    .expect("a connection");
}

#[test]
fn dropping_killed_or_paused_servers_is_quick() {
    let servers = Servers::builder().private().start().expect("servers");
    let database = servers.database().expect("a database");
    servers
        .mysql_server()
        .expect("a private server")
        .kill()
        .expect("a kill");
    servers
        .redis_server()
        .expect("a private server")
        .kill()
        .expect("a kill");
    let start = std::time::Instant::now();
    drop(database);
    drop(servers);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
