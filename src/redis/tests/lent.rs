//! What is handed over with an `r2d2_redis` pool, and what comes back.

use std::time::Duration;

use headwater_testkit::Proxy;
use r2d2_redis::redis::ConnectionLike;

use super::{client_id, ping};
use crate::redis::testing::{command, database, private, r2d2_pool, until};
use crate::redis::{Failure, RedisOptions, RedisPool, Reply};

fn impatient() -> RedisOptions {
    let patience = Duration::from_millis(200);
    RedisOptions::default()
        .with_connect_timeout(patience)
        .with_io_timeout(patience)
}

#[test]
fn a_pool_that_is_too_small_is_refused() {
    let database = database();
    let error = RedisPool::lent("cache1", r2d2_pool(database.redis_url(), 1), RedisOptions::default()).unwrap_err();
    assert!(error.is_config() && error.to_string().contains("cache1"), "{error}");
}

#[test]
fn a_pool_whose_connections_are_all_taken_says_who_has_them() {
    let database = database();
    let pool = RedisPool::lent("cache1", r2d2_pool(database.redis_url(), 2), impatient()).unwrap();
    let held = (pool.connect().unwrap(), pool.connect().unwrap());
    let failure = pool.connect().unwrap_err();
    assert!(failure.to_string().contains("all 2 connections"), "{failure}");
    drop(held);
    assert_eq!(
        pool.with(|link| link.ask(&ping())).unwrap(),
        Reply::Status("PONG".into())
    );
}

#[test]
fn connections_are_the_applications_own_and_come_back_without_timeouts() {
    let database = database();
    let theirs = r2d2_pool(database.redis_url(), 2);
    let first = {
        let mut connection = theirs.get().unwrap();
        let mut id = r2d2_redis::redis::cmd("CLIENT");
        id.arg("ID").query::<i64>(&mut *connection).unwrap()
    };
    let options = RedisOptions::default().with_io_timeout(Duration::from_millis(20));
    let pool = RedisPool::lent("cache1", theirs.clone(), options).unwrap();
    assert_eq!(client_id(&mut pool.get().unwrap()), first);
    // Longer than the timeout that the connection had with us.
    let mut connection = theirs.get().unwrap();
    let mut wait = r2d2_redis::redis::cmd("BLPOP");
    let nothing: Option<Vec<String>> = wait.arg("nothing").arg(1).query(&mut *connection).unwrap();
    assert_eq!(nothing, None);
}

#[test]
fn a_connection_with_a_late_answer_never_comes_back() {
    let servers = private(false);
    let database = servers.database().unwrap();
    let server = servers.redis_server().unwrap();
    let theirs = r2d2_pool(database.redis_url(), 2);
    let pool = RedisPool::lent("cache1", theirs.clone(), impatient()).unwrap();
    let mut link = pool.connect().unwrap();
    let first = client_id(&mut link);
    server.pause().unwrap();
    assert!(matches!(link.ask(&ping()), Err(Failure::Broken { .. })));
    drop(link);
    server.resume().unwrap();
    // Both places of the pool are free again, and neither has the old connection.
    until("both connections to answer", || {
        let (Ok(mut one), Ok(mut two)) = (pool.connect(), pool.connect()) else {
            return false;
        };
        assert!(client_id(&mut one) != first && client_id(&mut two) != first);
        true
    });
    let mut one = theirs.get().unwrap();
    assert!(one.check_connection());
}

#[test]
fn a_silent_server_is_not_waited_for_when_a_connection_is_tried() {
    let servers = private(false);
    let database = servers.database().unwrap();
    let server = servers.redis_server().unwrap();
    let pool = RedisPool::lent("cache1", r2d2_pool(database.redis_url(), 4), impatient()).unwrap();
    server.pause().unwrap();
    let failure = pool.connect().unwrap_err();
    assert!(matches!(failure, Failure::Broken { .. }), "{failure}");
    server.resume().unwrap();
    until("the server to answer", || pool.connect().is_ok());
}

#[test]
fn a_pool_that_does_not_try_its_connections_is_got_over() {
    let database = database();
    let proxy = Proxy::start(database.redis_url()).unwrap();
    let url = proxy.url_like(database.redis_url()).unwrap();
    let manager = r2d2_redis::RedisConnectionManager::new(url.as_str()).unwrap();
    let theirs = r2d2_redis::r2d2::Pool::builder()
        .max_size(4)
        .test_on_check_out(false)
        .build(manager)
        .unwrap();
    let pool = RedisPool::lent("cache1", theirs, RedisOptions::default()).unwrap();
    let mut redis = database.redis().unwrap();
    proxy.cut();
    // All four are dead.
    pool.with(|link| link.ask(&crate::redis::Commands::one(&[b"SET", b"key", b"value"])))
        .unwrap();
    assert_eq!(command::<String>(&mut redis, "GET key"), "value");
}

#[test]
fn a_password_is_never_shown() {
    let database = database();
    let mut redis = database.redis().unwrap();
    command::<()>(&mut redis, "ACL SETUSER lenny on >secret ~* +@all");
    let url = database.redis_url().replace("redis://", "redis://lenny:secret@");
    let theirs = r2d2_pool(&url, 2);
    let pool = RedisPool::lent("cache1", theirs, impatient()).unwrap();
    assert!(!format!("{pool:?}").contains("secret"));
    command::<()>(&mut redis, "ACL DELUSER lenny");
    until("the login to be refused", || match pool.connect() {
        Ok(_) => false,
        Err(failure) => {
            assert!(!format!("{failure} {failure:?}").contains("secret"), "{failure}");
            true
        }
    });
}
