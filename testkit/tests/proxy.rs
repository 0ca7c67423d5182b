//! The proxy counts requests and cuts connections exactly where it was told to.

use std::time::Duration;

use headwater_testkit::mysql::prelude::Queryable;
use headwater_testkit::mysql::{Conn, Opts};
use headwater_testkit::{Database, Proxy, Servers, redis, wait_until};

fn database() -> Database {
    let database = Servers::shared().database().expect("a database");
    database
        .mysql()
        .expect("a connection")
        .query_drop("CREATE TABLE t (a INT)")
        .expect("a table");
    database
}

fn through(proxy: &Proxy) -> headwater_testkit::mysql::Result<Conn> {
    Conn::new(Opts::from_url(&proxy.url())?)
}

fn rows(database: &Database) -> u64 {
    let mut connection = database.mysql().expect("a connection");
    let count = connection
        .query_first_opt::<u64, _>("SELECT COUNT(*) FROM t")
        .expect("an answer");
    count.expect("a row").expect("a number")
}

#[test]
fn requests_are_counted_and_pass() {
    let database = database();
    let proxy = Proxy::start(database.mysql_url()).expect("a proxy");
    assert_eq!(proxy.url(), proxy.url_like(database.mysql_url()).expect("a URL"));
    assert!(proxy.url().contains(&proxy.addr().to_string()));
    let mut connection = through(&proxy).expect("a connection");
    let before = proxy.requests();
    connection.query_drop("INSERT INTO t VALUES (1)").expect("a row");
    connection.exec_drop("INSERT INTO t VALUES (?)", (2,)).expect("a row");
    connection.exec_drop("INSERT INTO t VALUES (?)", (3,)).expect("a row");
    // One text, one preparation, two executions.
    assert_eq!(proxy.requests() - before, 4);
    let large = "x".repeat(9_000_000);
    let length = connection
        .exec_first_opt::<u64, _, _>("SELECT LENGTH(?)", (&large,))
        .expect("an answer");
    assert_eq!(length.expect("a row").expect("a number"), 9_000_000);
    assert_eq!(rows(&database), 3);
}

#[test]
fn a_request_that_is_cut_before_never_arrives() {
    let database = database();
    let proxy = Proxy::start(database.mysql_url()).expect("a proxy");
    let mut connection = through(&proxy).expect("a connection");
    proxy.cut_before(2);
    connection.query_drop("INSERT INTO t VALUES (1)").expect("a row");
    assert!(connection.query_drop("INSERT INTO t VALUES (2)").is_err());
    assert_eq!(proxy.cuts(), 1);
    assert_eq!(rows(&database), 1);
    through(&proxy)
        .expect("a connection")
        .query_drop("INSERT INTO t VALUES (3)")
        .expect("a row");
}

#[test]
fn a_request_that_is_cut_after_arrives() {
    let database = database();
    let proxy = Proxy::start(database.mysql_url()).expect("a proxy");
    let mut connection = through(&proxy).expect("a connection");
    proxy.cut_after(1);
    assert!(connection.query_drop("INSERT INTO t VALUES (1)").is_err());
    wait_until(Duration::from_secs(5), "the row to arrive", || rows(&database) == 1).expect("a row");
}

#[test]
fn a_commit_whose_answer_is_lost_is_committed() {
    let database = database();
    let proxy = Proxy::start(database.mysql_url()).expect("a proxy");
    let mut connection = through(&proxy).expect("a connection");
    proxy.cut_response(3);
    connection.query_drop("BEGIN").expect("a transaction");
    connection.query_drop("INSERT INTO t VALUES (1)").expect("a row");
    assert!(connection.query_drop("COMMIT").is_err());
    assert_eq!(rows(&database), 1);
}

#[test]
fn all_connections_can_be_cut_and_new_ones_refused() {
    let database = database();
    let proxy = Proxy::start(database.mysql_url()).expect("a proxy");
    let mut one = through(&proxy).expect("a connection");
    let mut two = through(&proxy).expect("a connection");
    two.query_drop("BEGIN").expect("a transaction");
    two.query_drop("INSERT INTO t VALUES (1)").expect("a row");
    proxy.cut();
    assert!(one.query_drop("SELECT 1").is_err());
    assert!(two.query_drop("COMMIT").is_err());
    assert_eq!(rows(&database), 0);

    let mut three = through(&proxy).expect("a connection");
    for _ in 0..3 {
        proxy.refuse(true).expect("a refusal");
        proxy.refuse(true).expect("nothing to do");
        let refused = std::net::TcpStream::connect(proxy.addr()).expect_err("a refusal");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        three.query_drop("SELECT 1").expect("those that are there stay");
        proxy.refuse(false).expect("an end of it");
        through(&proxy).expect("a connection");
    }
}

#[test]
fn redis_is_cut_by_what_is_sent_at_once() {
    let database = database();
    let proxy = Proxy::start(database.redis_url()).expect("a proxy");
    let client = redis::Client::open(proxy.url()).expect("a client");
    let mut connection = client.get_connection().expect("a connection");
    let before = proxy.requests();
    redis::pipe()
        .atomic()
        .cmd("SET")
        .arg("a")
        .arg(1)
        .ignore()
        .cmd("SET")
        .arg("b")
        .arg(2)
        .ignore()
        .exec(&mut connection)
        .expect("a pipeline");
    assert_eq!(proxy.requests() - before, 1);
    proxy.cut_response(1);
    assert!(redis::cmd("SET").arg("c").arg(3).exec(&mut connection).is_err());
    let mut connection = client.get_connection().expect("a connection");
    proxy.cut_before(1);
    assert!(redis::cmd("SET").arg("d").arg(4).exec(&mut connection).is_err());
    let size: u64 = redis::cmd("DBSIZE")
        .query(&mut database.redis().expect("a connection"))
        .expect("a count");
    assert_eq!(size, 3);
    assert_eq!(proxy.cuts(), 2);
}

#[test]
fn a_proxy_that_is_dropped_takes_its_connections_and_port_with_it() {
    let database = database();
    let proxy = Proxy::start(database.mysql_url()).expect("a proxy");
    let address = proxy.addr();
    let mut connection = through(&proxy).expect("a connection");
    drop(proxy);
    assert!(connection.query_drop("SELECT 1").is_err());
    assert!(std::net::TcpStream::connect(address).is_err());
    let refusing = Proxy::start(database.mysql_url()).expect("a proxy");
    refusing.refuse(true).expect("a refusal");
    drop(refusing);
}

#[test]
fn a_proxy_in_front_of_nothing_closes() {
    let servers = Servers::builder().private().mysql(false).start().expect("a server");
    let database = servers.database().expect("a database");
    let proxy = Proxy::start(database.redis_url()).expect("a proxy");
    servers
        .redis_server()
        .expect("a private server")
        .kill()
        .expect("a kill");
    let client = redis::Client::open(proxy.url()).expect("a client");
    assert!(client.get_connection().is_err());
    assert!(Proxy::start("http://127.0.0.1:80").is_err());
}
