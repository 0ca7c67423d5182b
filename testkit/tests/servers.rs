//! Servers come up, are found through the environment, and are gone with their owner.

mod common;

use std::io::BufReader;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use headwater_testkit::mysql::prelude::Queryable;
use headwater_testkit::{Error, MYSQL_URL, REDIS_URL, Servers, redis, wait_until};

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[test]
fn both_servers_answer_and_vanish_when_dropped() {
    let servers = Servers::builder().private().start().expect("servers");
    let mysql = servers.mysql_server().expect("a private server");
    let redis = servers.redis_server().expect("a private server");
    let ports = [mysql.port(), redis.port()];
    let folders = [mysql.folder().to_owned(), redis.folder().to_owned()];
    assert!(ports.iter().all(|port| listens(*port)));
    assert!(folders.iter().all(|folder| folder.is_dir()));
    {
        let database = servers.database().expect("a database");
        let mut connection = database.mysql().expect("a connection");
        let one = connection.query_first_opt::<u8, _>("SELECT 1").expect("an answer");
        assert_eq!(one.expect("a row").expect("a number"), 1);
        let pong: String = redis::cmd("PING")
            .query(&mut database.redis().expect("a connection"))
            .expect("an answer");
        assert_eq!(pong, "PONG");
        println!("tested on {}", database.server());
    }
    drop(servers);
    assert!(!ports.iter().any(|port| listens(*port)));
    assert!(!folders.iter().any(|folder| folder.exists()));
}

#[test]
fn servers_live_as_long_as_a_database_of_theirs() {
    let database = {
        let servers = Servers::builder().private().start().expect("servers");
        servers.database().expect("a database")
    };
    database.mysql().expect("a connection");
    database.redis().expect("a connection");
}

#[test]
fn servers_vanish_when_their_owner_is_killed() {
    if common::is_child() {
        let servers = Servers::builder().private().start().expect("servers");
        let mysql = servers.mysql_server().expect("a private server");
        let redis = servers.redis_server().expect("a private server");
        println!("mysql-port {}", mysql.port());
        println!("redis-port {}", redis.port());
        println!("mysql-folder {}", mysql.folder().display());
        println!("redis-folder {}", redis.folder().display());
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).expect("to be killed here");
        return;
    }
    let mut child = common::child("servers_vanish_when_their_owner_is_killed", &[]);
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    let ports = ["mysql-port", "redis-port"].map(|word| {
        let port = common::read_word(&mut output, word);
        port.parse::<u16>().expect("a port")
    });
    let folders = ["mysql-folder", "redis-folder"].map(|word| PathBuf::from(common::read_word(&mut output, word)));
    assert!(ports.iter().all(|port| listens(*port)));
    assert!(folders.iter().all(|folder| folder.is_dir()));
    child.kill().expect("to kill it");
    child.wait().expect("its end");
    wait_until(
        Duration::from_secs(20),
        "the servers of a killed process to vanish",
        || !ports.iter().any(|port| listens(*port)) && !folders.iter().any(|folder| folder.exists()),
    )
    .expect("no servers");
}

#[test]
fn the_environment_names_running_servers() {
    if common::is_child() {
        let servers = Servers::shared();
        assert!(matches!(servers.mysql_server(), Err(Error::NotPrivate { .. })));
        assert!(matches!(servers.redis_server(), Err(Error::NotPrivate { .. })));
        let database = servers.database().expect("a database");
        let mut connection = database.mysql().expect("a connection");
        connection.query_drop("CREATE TABLE t (a INT)").expect("a table");
        redis::cmd("SET")
            .arg("a")
            .arg(1)
            .exec(&mut database.redis().expect("a connection"))
            .expect("a key");
        println!("used {} {}", database.mysql_url(), database.redis_url());
        return;
    }
    let running = Servers::builder().private().start().expect("servers");
    let database = running.database().expect("a database");
    // A user who may do what an administrator of a running server may.
    let mut root = database.root().expect("a connection");
    let port = running.mysql_server().expect("a private server").port();
    root.query_drop("CREATE USER boss@'127.0.0.1' IDENTIFIED BY 'very-secret'")
        .expect("a user");
    root.query_drop("GRANT ALL PRIVILEGES ON *.* TO boss@'127.0.0.1' WITH GRANT OPTION")
        .expect("a grant");
    let mysql = format!("mysql://boss:very-secret@127.0.0.1:{port}/mysql");
    let redis = format!(
        "redis://127.0.0.1:{}",
        running.redis_server().expect("a private server").port()
    );
    let mut child = common::child(
        "the_environment_names_running_servers",
        &[(MYSQL_URL, &mysql), (REDIS_URL, &redis)],
    );
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    let used = common::read_word(&mut output, "used");
    assert!(child.wait().expect("its end").success());
    assert!(used.contains(&format!("127.0.0.1:{port}/headwater")), "{used}");
    assert!(used.contains(&redis), "{used}");
}

#[test]
fn a_wrong_variable_is_named_without_its_password() {
    if common::is_child() {
        let error = Servers::start().expect_err("a refusal");
        println!("refused {}", error.to_string().replace('\n', " "));
        return;
    }
    let refusal = |variables: &[(&str, &str)]| {
        let mut child = common::child("a_wrong_variable_is_named_without_its_password", variables);
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let refusal = common::read_word(&mut output, "refused");
        child.wait().expect("its end");
        refusal
    };
    assert_eq!(
        refusal(&[(MYSQL_URL, "http://me:very-secret@localhost")]),
        "HEADWATER_MYSQL_URL cannot be used: it does not start with mysql://"
    );
    let nobody = refusal(&[(MYSQL_URL, "mysql://me:very-secret@127.0.0.1:9")]);
    assert!(
        nobody.starts_with("cannot connect to the MySQL server at 127.0.0.1:9: "),
        "{nobody}"
    );
    assert!(!nobody.contains("very-secret"), "{nobody}");
}

#[test]
fn each_server_can_be_left_out() {
    let servers = Servers::builder().mysql(false).start().expect("a server");
    let database = servers.database().expect("a database");
    database.redis().expect("a connection");
    assert!(matches!(servers.mysql_server(), Err(Error::NotPrivate { .. })));
}
