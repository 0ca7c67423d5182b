//! Servers that cannot be reached: when the engine is built and later, always with a deadline.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use headwater::mysql::MysqlOptions;
use headwater::prelude::*;
use headwater::redis::RedisOptions;
use headwater::{Error, ErrorKind};
use headwater_testkit::{Proxy, Servers, wait_until};

use crate::common::{database, rows};
use crate::world::{SOON, World, all_texts, in_time, names};

const NOTES: Stream = Stream::new("NoteStream");

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "notes", stream(NOTES))]
struct Note {
    #[column(id)]
    id: u64,
    text: String,
}
impl Entity for Note {}

fn note(text: &str) -> Note {
    Note {
        text: text.into(),
        ..Note::default()
    }
}

const SHORT: Duration = Duration::from_millis(300);

fn impatient_mysql() -> MysqlOptions {
    MysqlOptions::default()
        .with_wait(SHORT)
        .with_connect_timeout(SHORT)
        .with_answer_timeout(SHORT)
}

fn impatient_redis() -> RedisOptions {
    RedisOptions::default()
        .with_connect_timeout(SHORT)
        .with_io_timeout(SHORT)
        .with_startup_deadline(SHORT)
}

/// A port on which nobody listens.
fn closed_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A listener that lets connections in and never says a word.
fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

fn mysql_at(port: u16) -> String {
    format!("mysql://app:tops3cret@127.0.0.1:{port}/shop")
}

fn redis_at(port: u16) -> String {
    format!("redis://app:tops3cret@127.0.0.1:{port}/0")
}

/// The error tells of a connection of this pool, with the address and without the password.
#[track_caller]
fn is_unreachable(error: &Error, server: &str, pool: &str, port: u16) {
    let ErrorKind::Connection {
        server: kind, pool: of, ..
    } = error.kind()
    else {
        panic!("{error:#?}")
    };
    assert_eq!((*kind, of.as_str()), (server, pool));
    assert!(error.is_connection() && error.is_retryable() && !error.is_commit_unknown() && !error.is_config());
    names(error, &[server, &format!("`{pool}`"), &port.to_string()]);
    assert!(!all_texts(error).contains("tops3cret"), "{error:#?}");
}

#[test]
fn a_port_that_nobody_listens_on_is_told_when_the_engine_is_built() {
    let port = closed_port();
    let error = in_time(move || {
        Engine::builder()
            .mysql_pool("orders", mysql_at(port))
            .build()
            .unwrap_err()
    });
    is_unreachable(&error, "MySQL", "orders", port);
    let error = in_time(move || {
        Engine::builder()
            .redis_pool("orders", redis_at(port))
            .build()
            .unwrap_err()
    });
    is_unreachable(&error, "Redis", "orders", port);

    let both = in_time(move || {
        let builder = Engine::builder().mysql(mysql_at(port)).redis(redis_at(port));
        builder.build().unwrap_err()
    });
    let ErrorKind::Several { problems } = both.kind() else {
        panic!("{both:#?}")
    };
    assert!(
        problems.len() == 2 && problems.iter().all(Error::is_connection),
        "{both}"
    );
}

#[test]
fn a_server_that_never_answers_is_given_up_when_the_engine_is_built() {
    let (_listener, port) = silent();
    let error = in_time(move || {
        let builder = Engine::builder().mysql_pool_with("orders", mysql_at(port), impatient_mysql());
        builder.build().unwrap_err()
    });
    is_unreachable(&error, "MySQL", "orders", port);
    let error = in_time(move || {
        let builder = Engine::builder().redis_pool_with("orders", redis_at(port), impatient_redis());
        builder.build().unwrap_err()
    });
    is_unreachable(&error, "Redis", "orders", port);
}

/// The time for an answer, a minute where nothing is said, is for statements: a server that does not even greet is
/// given up after the time for connecting.
#[test]
fn a_server_that_never_greets_is_given_up_after_the_connect_timeout() {
    let (_listener, port) = silent();
    let error = in_time(move || {
        let options = MysqlOptions::default().with_connect_timeout(SHORT);
        let builder = Engine::builder().mysql_pool_with("orders", mysql_at(port), options);
        builder.build().unwrap_err()
    });
    is_unreachable(&error, "MySQL", "orders", port);
}

#[test]
fn a_mysql_server_that_refuses_connections_later_is_told_and_the_session_goes_on() {
    let (database, builder) = database();
    let proxy = Proxy::start(database.mysql_url()).unwrap();
    let builder = builder.mysql_pool_with("away", proxy.url(), impatient_mysql());
    drop(builder);
    let engine = Engine::builder()
        .mysql_pool_with("default", proxy.url(), impatient_mysql())
        .redis(database.redis_url())
        .entity::<Note>()
        .build()
        .unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let world = World::around(database, engine, NOTES);
    let mut session = world.engine.session();
    let note = session.insert(note("a"));

    proxy.refuse(true).unwrap();
    proxy.cut();
    let error = world.fails(&mut session);
    is_away(&error);
    let error = session.find::<Note>(1).unwrap_err();
    is_away(&error);
    let error = session.query::<Note>().all().unwrap_err();
    is_away(&error);
    let error = world.engine.schema().diff().unwrap_err();
    is_away(&error);

    proxy.refuse(false).unwrap();
    let report = retried(|| session.flush());
    assert_eq!(report.inserted, 1);
    assert_eq!(
        world.rows("SELECT id, text FROM notes"),
        [format!("{}|a", session[note].id)]
    );
    assert_eq!(world.events().len(), 1);
}

#[track_caller]
fn is_away(error: &Error) {
    assert!(error.is_connection() && error.is_retryable(), "{error:#?}");
    names(error, &["MySQL pool `default`"]);
}

/// What is done again after a lost connection, as an application does it.
#[track_caller]
fn retried<T>(mut work: impl FnMut() -> headwater::Result<T>) -> T {
    match work() {
        Ok(value) => value,
        Err(error) if error.is_retryable() => work().expect("the second try"),
        Err(error) => panic!("not retryable: {error}"),
    }
}

#[test]
fn a_mysql_server_that_is_killed_and_comes_back_costs_one_retryable_error_at_most() {
    let servers = Servers::builder().private().durable(true).start().unwrap();
    let database = servers.database().unwrap();
    let engine = Engine::builder()
        .mysql_pool_with(
            "default",
            database.mysql_url(),
            impatient_mysql().with_answer_timeout(SOON),
        )
        .redis(database.redis_url())
        .entity::<Note>()
        .build()
        .unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let server = servers.mysql_server().unwrap();

    // Four connections lie in the pool when the server goes.
    let mut sessions: Vec<Session> = (0..4).map(|_| engine.session()).collect();
    fn nested(sessions: &mut [Session], deepest: &mut dyn FnMut()) {
        match sessions.split_first_mut() {
            None => deepest(),
            Some((first, rest)) => first
                .transaction(|session| {
                    session.query::<Note>().count()?;
                    nested(rest, deepest);
                    Ok(())
                })
                .unwrap(),
        }
    }
    nested(&mut sessions, &mut || ());
    let mut session = sessions.pop().unwrap();
    session.insert(note("before"));
    session.flush().unwrap();

    server.kill().unwrap();
    let lost = session.insert(note("a"));
    session.insert(note("b"));
    let old = session.find::<Note>(1).unwrap().unwrap();
    session[old].text = "changed".into();
    let error = session.flush().unwrap_err();
    is_away(&error);
    assert_eq!(session[lost].id, 0);

    server.start_again().unwrap();
    let report = retried(|| session.flush());
    assert_eq!((report.inserted, report.updated), (2, 1));
    assert_eq!(
        rows(&database, "SELECT text FROM notes ORDER BY text"),
        [["a"], ["b"], ["changed"]]
    );

    // The same with nobody asking while it was away: all connections are dead and nobody knows.
    nested(&mut sessions, &mut || ());
    server.kill().unwrap();
    server.start_again().unwrap();
    session[lost].text = "again".into();
    session[old].text = "and again".into();
    session.insert(note("c"));
    let report = retried(|| session.flush());
    assert_eq!((report.inserted, report.updated), (1, 2));
}

#[test]
fn a_mysql_server_that_stops_answering_is_given_up() {
    let servers = Servers::builder().private().start().unwrap();
    let database = servers.database().unwrap();
    let engine = Engine::builder()
        .mysql_pool_with("default", database.mysql_url(), impatient_mysql())
        .redis(database.redis_url())
        .entity::<Note>()
        .build()
        .unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut session = engine.session();
    let old = session.insert(note("a"));
    session.flush().unwrap();

    let server = servers.mysql_server().unwrap();
    server.pause().unwrap();
    let (mut session, error) = in_time(move || {
        session[old].text = "b".into();
        session.insert(note("c"));
        let error = session.flush().unwrap_err();
        (session, error)
    });
    is_away(&error);
    names(&error, &["in time"]);
    let (back, error) = in_time(move || {
        let error = session.find::<Note>(77).unwrap_err();
        (session, error)
    });
    session = back;
    is_away(&error);
    let error = in_time({
        let url = database.mysql_url().to_owned();
        move || {
            let builder = Engine::builder().mysql_pool_with("orders", url, impatient_mysql());
            builder.build().unwrap_err()
        }
    });
    assert!(error.is_connection(), "{error:#?}");

    server.resume().unwrap();
    wait_until(SOON, "the server to answer", || session.find::<Note>(77).is_ok()).unwrap();
    session.flush().unwrap();
    assert_eq!(rows(&database, "SELECT text FROM notes ORDER BY text"), [["b"], ["c"]]);
}

/// A lone statement commits by itself: when its answer does not come, nobody knows.
#[test]
fn a_lone_statement_without_an_answer_is_not_called_retryable() {
    let (database, _) = database();
    let proxy = Proxy::start(database.mysql_url()).unwrap();
    let engine = Engine::builder().mysql(proxy.url()).redis(database.redis_url());
    let engine = engine.entity::<Note>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let world = World::around(database, engine, NOTES);
    let mut session = world.engine.session();
    session.query::<Note>().count().unwrap();

    // The preparation is lost: nothing was asked for yet.
    session.insert(note("a"));
    proxy.cut_response(1);
    let error = world.fails(&mut session);
    is_away(&error);

    // The statement is lost on its way.
    retried(|| session.query::<Note>().count());
    proxy.cut_before(2);
    let error = world.fails(&mut session);
    assert!(
        error.is_commit_unknown() && !error.is_retryable() && !error.is_connection(),
        "{error:#?}"
    );
    names(&error, &["MySQL pool `default`", "may or may not"]);

    // Its answer is lost: the row is there, and no event tells of it.
    session.query::<Note>().count().unwrap();
    proxy.cut_response(2);
    let error = session.flush().unwrap_err();
    assert!(error.is_commit_unknown(), "{error:#?}");
    assert_eq!(world.rows("SELECT text FROM notes"), ["a"]);
    assert!(world.events().is_empty());
    assert_eq!(proxy.cuts(), 3);
}

#[test]
fn a_redis_server_that_is_away_stops_no_flush_and_what_was_not_sent_comes_back_from_close() {
    let servers = Servers::builder().private().start().unwrap();
    let database = servers.database().unwrap();
    let engine = Engine::builder()
        .mysql(database.mysql_url())
        .redis_pool_with("default", database.redis_url(), impatient_redis())
        .entity::<Note>()
        .build()
        .unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    servers.redis_server().unwrap().kill().unwrap();
    let mut session = engine.session();
    session.insert(note("a"));
    session.insert(note("b"));
    let report = session.flush().unwrap();
    assert_eq!((report.inserted, report.events), (2, 2));
    assert!(report.delivery_failures.is_empty());
    assert_eq!(rows(&database, "SELECT COUNT(*) FROM notes"), [["2"]]);
    let error = in_time({
        let engine = engine.clone();
        move || engine.consumer(&NOTES).single().map(drop).unwrap_err()
    });
    assert!(error.is_connection(), "{error:#?}");
    names(&error, &["Redis pool `default`"]);
    wait_until(SOON, "the sender to notice", || engine.delivery().last_error.is_some()).unwrap();
    assert_eq!(engine.delivery().queued, 2);

    let error = in_time({
        let engine = engine.clone();
        move || engine.close(SHORT).unwrap_err()
    });
    let ErrorKind::Unsent { unsent, reason } = error.kind() else {
        panic!("{error:#?}")
    };
    let of: Vec<&str> = unsent.iter().map(|(stream, _)| stream.as_str()).collect();
    assert_eq!(of, ["NoteStream", "NoteStream"]);
    assert!(!reason.is_empty());
    names(&error, &["2 event(s) could not be sent"]);

    // Closed, and told so; rows are written all the same.
    session.insert(note("c"));
    let report = session.flush().unwrap();
    assert_eq!(report.inserted, 1);
    let [failure] = report.delivery_failures.as_slice() else {
        panic!("{report:?}")
    };
    names(failure, &["1 event(s) could not be sent", "closed"]);
    assert_eq!(rows(&database, "SELECT COUNT(*) FROM notes"), [["3"]]);
}
