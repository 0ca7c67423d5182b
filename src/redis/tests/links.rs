//! Connections, over both clients: reuse, timeouts, answers that are refusals.

use std::time::Duration;

use headwater_testkit::Proxy;

use super::{client_id, ping};
use crate::redis::testing::{Over, database, private, until};
use crate::redis::{Commands, Failure, Reply, Scattered};

#[test]
fn a_connection_is_used_again_and_a_broken_one_is_not() {
    let database = database();
    let proxy = Proxy::start(database.redis_url()).unwrap();
    let pool = Over::of(module_path!()).pool(&proxy.url_like(database.redis_url()).unwrap());
    let first = client_id(&mut pool.get().unwrap());
    assert_eq!(client_id(&mut pool.get().unwrap()), first);
    let mut link = pool.get().unwrap();
    proxy.cut();
    let failure = link.ask(&ping()).unwrap_err();
    assert!(matches!(failure, Failure::Broken { .. }), "{failure}");
    drop(link);
    assert_ne!(client_id(&mut pool.get().unwrap()), first);
    // What may be done twice is done again at once.
    proxy.cut();
    assert_eq!(
        pool.with(|link| link.ask(&ping())).unwrap(),
        Reply::Status("PONG".into())
    );
}

#[test]
fn who_wakes_the_server_gets_only_the_answers_to_the_rest() {
    let database = database();
    let pool = Over::of(module_path!()).pool(database.redis_url());
    let awake = || pool.wake().unwrap().unwrap();
    let set = Commands::one(&[b"SET", b"key", b"value"]);
    assert_eq!(awake().run(&set).unwrap(), [Reply::Status("OK".into())]);
    let mut scattered = Scattered::new();
    scattered.commands().begin(2).arg("GET").arg("key");
    let mut link = awake();
    link.wake().unwrap();
    let mut meanwhile = false;
    let replies = link.run_scattered(&scattered, || meanwhile = true).unwrap();
    assert_eq!(replies, [Reply::Bytes(b"value".to_vec())]);
    assert!(meanwhile && !link.is_broken());
    let none = Commands::one(&[b"XREAD", b"STREAMS", b"none", b"0"]);
    let (replies, read) = awake().run_reading(&none, Duration::ZERO).unwrap();
    assert!(replies.is_empty() && read.unwrap().is_empty());
}

#[test]
fn a_link_whose_answer_nobody_took_is_not_given_back() {
    let database = database();
    let pool = Over::of(module_path!()).pool(database.redis_url());
    let first = client_id(&mut pool.get().unwrap());
    let link = pool.wake().unwrap().unwrap();
    assert!(link.is_broken());
    drop(link);
    assert_ne!(client_id(&mut pool.get().unwrap()), first);
}

#[test]
fn a_woken_link_that_breaks_is_replaced() {
    let database = database();
    let proxy = Proxy::start(database.redis_url()).unwrap();
    let pool = Over::of(module_path!()).pool(&proxy.url_like(database.redis_url()).unwrap());
    let link = pool.wake().unwrap();
    proxy.cut();
    let answer = pool.with_link(link, |link| link.ask(&ping()));
    assert_eq!(answer.unwrap(), Reply::Status("PONG".into()));
}

#[test]
fn after_a_timeout_the_late_answer_is_nobodys() {
    let servers = private(false);
    let database = servers.database().unwrap();
    let server = servers.redis_server().unwrap();
    let pool = Over::of(module_path!()).impatient_pool(database.redis_url(), Duration::from_millis(50));
    let mut link = pool.connect().unwrap();
    server.pause().unwrap();
    let failure = link.ask(&ping()).unwrap_err();
    assert!(failure.to_string().contains("no answer in time"), "{failure}");
    assert!(link.is_broken());
    server.resume().unwrap();
    assert!(matches!(link.ask(&ping()), Err(Failure::Broken { .. })));
    until("the server to answer", || pool.connect().is_ok());
}

#[test]
fn answers_before_a_break_are_known() {
    let database = database();
    let pool = Over::of(module_path!()).pool(database.redis_url());
    let mut link = pool.connect().unwrap();
    let mut commands = ping();
    commands
        .push(&[b"SET", b"key", b"value"])
        .push(&[b"QUIT"])
        .push(&[b"PING"]);
    let mut replies = Vec::new();
    let failure = link.run_into(&commands, Duration::ZERO, &mut replies).unwrap_err();
    assert!(matches!(failure, Failure::Broken { .. }), "{failure}");
    assert_eq!(replies.len(), 3);
    let replies = pool.with(|link| link.run(&Commands::one(&[b"GET", b"key"]))).unwrap();
    assert_eq!(replies, [Reply::Bytes(b"value".to_vec())]);
}

#[test]
fn a_refusal_is_an_answer_among_others() {
    let database = database();
    let pool = Over::of(module_path!()).pool(database.redis_url());
    let mut link = pool.connect().unwrap();
    let mut commands = Commands::new();
    commands
        .push(&[b"SET", b"key", b"value"])
        .push(&[b"XLEN", b"key"])
        .push(&[b"NONSENSE"])
        .push(&[b"EVALSHA", b"0123456789012345678901234567890123456789", b"0"])
        .push(&[b"XREADGROUP", b"GROUP", b"g", b"c", b"STREAMS", b"none", b">"])
        .push(&[b"EVAL", b"return redis.error_reply('MINE is this')", b"0"])
        .push(&[b"EVAL", b"return {1, {'a', false}, redis.status_reply('fine')}", b"0"])
        .push(&[b"GET", b"key"]);
    let replies = link.run(&commands).unwrap();
    let code = |reply: &Reply| match reply {
        Reply::Refused(refusal) => refusal.code.clone(),
        reply => panic!("{reply:?}"),
    };
    assert_eq!(replies[0], Reply::Status("OK".into()));
    let codes: Vec<String> = replies[1..6].iter().map(code).collect();
    assert_eq!(codes, ["WRONGTYPE", "ERR", "NOSCRIPT", "NOGROUP", "MINE"]);
    let Reply::Refused(unknown) = &replies[2] else { panic!() };
    assert!(unknown.unknown_command(), "{unknown:?}");
    let nested = Reply::List(vec![Reply::Bytes(b"a".to_vec()), Reply::Nil]);
    assert_eq!(
        replies[6],
        Reply::List(vec![Reply::Int(1), nested, Reply::Status("fine".into())])
    );
    assert_eq!(replies[7], Reply::Bytes(b"value".to_vec()));
    assert!(!link.is_broken());
}

#[test]
fn a_refusal_within_a_transaction_is_an_answer_among_others() {
    let database = database();
    let pool = Over::of(module_path!()).pool(database.redis_url());
    let mut link = pool.connect().unwrap();
    let mut commands = Commands::new();
    commands
        .push(&[b"SET", b"key", b"value"])
        .push(&[b"MULTI"])
        .push(&[b"XADD", b"key", b"*", b"a", b"b"])
        .push(&[b"SET", b"other", b"\0\r\n"])
        .push(&[b"GET", b"nothing"])
        .push(&[b"EXEC"])
        .push(&[b"GET", b"other"]);
    for _ in 0..2 {
        let mut replies = link.run(&commands).unwrap();
        assert_eq!(replies.len(), 7);
        assert_eq!(replies[6], Reply::Bytes(b"\0\r\n".to_vec()));
        let Reply::List(answers) = replies.swap_remove(5) else {
            panic!()
        };
        assert!(
            matches!(&answers[0], Reply::Refused(refusal) if refusal.code == "WRONGTYPE"),
            "{answers:?}"
        );
        assert_eq!(answers[1..], [Reply::Status("OK".into()), Reply::Nil]);
    }
}
