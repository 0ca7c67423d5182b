//! Opening a pool by a URL against real servers: logins, idle connections, what is not a Redis server.

use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use headwater_testkit::Proxy;

use super::{client_id, ping};
use crate::ErrorKind;
use crate::redis::testing::{Over, command, database, private, until};
use crate::redis::{RedisOptions, RedisPool, Reply};

#[test]
fn a_pool_can_go_to_any_thread_and_shows_no_password() {
    fn check<T: Send + Sync + Clone>() {}
    check::<RedisPool>();
    let database = database();
    let mut redis = database.redis().unwrap();
    command::<()>(&mut redis, "ACL SETUSER ana on >secret ~* +@all");
    let url = database.redis_url().replace("redis://", "redis://ana:secret@");
    let pool = Over::Url.pool(&url);
    assert_eq!(
        pool.with(|link| link.ask(&ping())).unwrap(),
        Reply::Status("PONG".into())
    );
    let shown = format!("{pool:?}");
    assert!(shown.contains("ana:***@") && !shown.contains("secret"), "{shown}");
    command::<()>(&mut redis, "ACL DELUSER ana");
}

#[test]
fn an_idle_connection_is_tried_before_it_is_used() {
    let database = database();
    let proxy = Proxy::start(database.redis_url()).unwrap();
    let options = RedisOptions::default().with_idle_check(Duration::ZERO);
    let pool = RedisPool::open("default", &proxy.url_like(database.redis_url()).unwrap(), options).unwrap();
    let first = client_id(&mut pool.get().unwrap());
    proxy.cut();
    assert_ne!(client_id(&mut pool.get().unwrap()), first);
}

#[test]
fn opening_tells_at_once_what_is_wrong() {
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let open = |url: &str| RedisPool::open("cache1", url, RedisOptions::default()).unwrap_err();
    let error = open(&format!("redis://ana:secret@{nobody}/1"));
    let ErrorKind::Connection {
        server, pool, message, ..
    } = error.kind()
    else {
        panic!("{error:?}");
    };
    assert_eq!((*server, pool.as_str()), ("Redis", "cache1"));
    assert!(message.contains("ana:***@") && message.contains("refused"), "{message}");

    let database = database();
    let wrong = database.redis_url().replace("redis://", "redis://nobody:secret@");
    let error = open(&wrong);
    assert!(
        error.is_connection() && !format!("{error:?} {error:#?}").contains("secret"),
        "{error:?}"
    );

    if cfg!(feature = "tls") {
        let error = open(&database.redis_url().replace("redis://", "rediss://"));
        assert!(error.is_connection(), "{error:?}");
    }
}

#[test]
fn a_server_that_speaks_nonsense_is_an_error() {
    for nonsense in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "$99999999999999999999\r\n",
        "*-7\r\n",
        "\0\0\0\0",
        "",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = stream.unwrap().write_all(nonsense.as_bytes());
            }
        });
        let options = RedisOptions::default().with_io_timeout(Duration::from_millis(500));
        let result = RedisPool::open(
            "default",
            &url,
            options.with_connect_timeout(Duration::from_millis(500)),
        );
        assert!(result.unwrap_err().is_connection(), "{nonsense:?}");
    }
}

#[test]
fn a_server_that_is_loading_is_waited_for() {
    let servers = private(true);
    let database = servers.database().unwrap();
    let mut redis = database.redis().unwrap();
    let fill = "for i = 1, 300000 do redis.call('SET', 'key' .. i, string.rep('x', 100)) end";
    headwater_testkit::redis::cmd("EVAL")
        .arg(fill)
        .arg(0)
        .exec(&mut redis)
        .unwrap();
    servers.redis_server().unwrap().kill().unwrap();
    let url = database.redis_url().to_string();
    thread::scope(|scope| {
        let opening = scope.spawn(|| {
            let mut result = RedisPool::open("default", &url, RedisOptions::default());
            // Refused until it listens, loading for a moment then.
            until("the server to listen", || {
                let refused = matches!(&result, Err(error) if error.to_string().contains("refused"));
                if refused {
                    result = RedisPool::open("default", &url, RedisOptions::default());
                }
                !refused
            });
            result
        });
        servers.redis_server().unwrap().start_again().unwrap();
        opening.join().unwrap().unwrap();
    });
}
