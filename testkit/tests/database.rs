//! Databases of tests are separate, exclusive, and leave nothing behind.

mod common;

use std::collections::HashSet;
use std::io::BufReader;
use std::thread;

use headwater_testkit::mysql::Conn;
use headwater_testkit::mysql::prelude::Queryable;
use headwater_testkit::{Database, MYSQL_URL, REDIS_URL, Servers, redis};

fn database() -> Database {
    Servers::shared().database().expect("a database")
}

fn count(connection: &mut Conn, query: String) -> u64 {
    let answer = connection.query_first_opt::<u64, _>(query).expect("an answer");
    answer.expect("a row").expect("a number")
}

#[test]
fn databases_see_nothing_of_each_other() {
    let (one, two) = (database(), database());
    assert_ne!(one.name(), two.name());
    assert_ne!(one.redis_url(), two.redis_url());
    let mut first = one.mysql().expect("a connection");
    first.query_drop("CREATE TABLE t (a INT)").expect("a table");
    let mut second = two.mysql().expect("a connection");
    assert!(second.query_drop("SELECT * FROM t").is_err());
    assert!(second.query_drop(format!("SELECT * FROM `{}`.t", one.name())).is_err());
    assert!(second.query_drop("CREATE DATABASE headwater_other").is_err());

    redis::cmd("SET")
        .arg("key")
        .arg("one")
        .exec(&mut one.redis().expect("a connection"))
        .expect("a key");
    let other: Option<String> = redis::cmd("GET")
        .arg("key")
        .query(&mut two.redis().expect("a connection"))
        .expect("an answer");
    assert_eq!(other, None);
}

#[test]
fn a_dropped_database_leaves_nothing() {
    let watcher = database();
    let mut root = watcher.root().expect("a connection");
    let name;
    {
        let database = database();
        name = database.name().to_owned();
        let mut connection = database.mysql().expect("a connection");
        connection.query_drop("CREATE TABLE t (a INT)").expect("a table");
        // Neither an open transaction nor a forgotten connection holds up the end.
        connection.query_drop("BEGIN").expect("a transaction");
        connection.query_drop("INSERT INTO t VALUES (1)").expect("a row");
        let start = std::time::Instant::now();
        drop(database);
        assert!(start.elapsed().as_secs() < 4, "{:?}", start.elapsed());
        assert!(connection.query_drop("SELECT 1").is_err());
    }
    let schemata = format!("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '{name}'");
    assert_eq!(count(&mut root, schemata), 0);
    assert_eq!(
        count(
            &mut root,
            format!("SELECT COUNT(*) FROM mysql.user WHERE user = '{name}'")
        ),
        0
    );
}

#[test]
fn the_url_alone_is_enough_for_the_driver() {
    let database = database();
    let opts = headwater_testkit::mysql::Opts::from_url(database.mysql_url()).expect("a URL");
    let mut connection = Conn::new(opts).expect("a connection");
    let name = connection
        .query_first_opt::<String, _>("SELECT DATABASE()")
        .expect("an answer");
    assert_eq!(name.expect("a row").expect("a name"), database.name());
}

#[test]
fn threads_get_databases_of_their_own() {
    let databases: Vec<Database> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(database)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a database"))
            .collect()
    });
    let urls: HashSet<&str> = databases.iter().map(Database::redis_url).collect();
    assert_eq!(urls.len(), 8);
}

#[test]
fn processes_share_the_logical_databases_of_one_server() {
    const TEST: &str = "processes_share_the_logical_databases_of_one_server";
    if common::is_child() {
        let servers = Servers::builder().mysql(false).start().expect("a server");
        for _ in 0..3 {
            let database = servers.database().expect("a database");
            let mut connection = database.redis().expect("a connection");
            let before: u64 = redis::cmd("INCR")
                .arg("holders")
                .query(&mut connection)
                .expect("a count");
            assert_eq!(before, 1, "somebody else has {}", database.redis_url());
            let size: u64 = redis::cmd("DBSIZE").query(&mut connection).expect("a count");
            assert_eq!(size, 1);
        }
        println!("done");
        return;
    }
    let running = Servers::builder().private().mysql(false).start().expect("a server");
    let url = format!(
        "redis://127.0.0.1:{}",
        running.redis_server().expect("a private server").port()
    );
    let mut connection = redis::Client::open(url.as_str())
        .expect("a client")
        .get_connection()
        .expect("a connection");
    // All but two of 4096 hold data that no test made: those two must be shared, and no other touched.
    let mut fill = redis::pipe();
    for number in (1..4096).filter(|number| ![7, 4000].contains(number)) {
        fill.cmd("SELECT")
            .arg(number)
            .ignore()
            .cmd("SET")
            .arg("precious")
            .arg(1)
            .ignore();
    }
    fill.exec(&mut connection).expect("data everywhere");
    let children: Vec<_> = (0..4)
        .map(|_| common::child(TEST, &[(REDIS_URL, &url), (MYSQL_URL, "")]))
        .collect();
    for mut child in children {
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        common::read_word(&mut output, "done");
        assert!(child.wait().expect("its end").success());
    }
    let mut check = redis::pipe();
    for number in 1..4096 {
        check.cmd("SELECT").arg(number).ignore().cmd("DBSIZE");
    }
    let sizes: Vec<u64> = check.query(&mut connection).expect("sizes");
    assert_eq!(sizes.iter().sum::<u64>(), 4093);
    redis::cmd("SELECT").arg(0).exec(&mut connection).expect("database 0");
    let left: u64 = redis::cmd("DBSIZE").query(&mut connection).expect("a count");
    assert_eq!(left, 0, "all leases were given back");
}
