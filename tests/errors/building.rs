//! What is wrong when the engine is built: pools, tables, streams, URLs.

use std::time::Duration;

use headwater::engine::EngineBuilder;
use headwater::prelude::*;
use headwater::{Error, ErrorKind};

use crate::common::database;
use crate::world::{all_texts, names};

const NEWS: Stream = Stream::new("NewsStream");
const FAR_NEWS: Stream = Stream::new("FarNewsStream");
const LOCAL: Stream = Stream::new("LocalStream");

#[derive(Debug, Clone, Default, Table)]
#[table(name = "articles", stream(NEWS))]
struct Article {
    #[column(id)]
    id: u64,
}
impl Entity for Article {}

/// Another struct for the same table.
#[derive(Debug, Clone, Default, Table)]
#[table(name = "articles")]
struct Story {
    #[column(id)]
    id: u64,
}
impl Entity for Story {}

/// The same stream on another pool.
#[derive(Debug, Clone, Default, Table)]
#[table(name = "letters", stream(NEWS, redis = "far"))]
struct Letter {
    #[column(id)]
    id: u64,
}
impl Entity for Letter {}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "cables", mysql = "abroad", stream(FAR_NEWS, redis = "far"))]
struct Cable {
    #[column(id)]
    id: u64,
}
impl Entity for Cable {}

#[track_caller]
fn refused(builder: EngineBuilder) -> Error {
    builder.build().expect_err("this cannot be built")
}

#[track_caller]
fn is_config(error: &Error) {
    assert!(matches!(error.kind(), ErrorKind::Config { .. }), "{error:#?}");
    assert!(error.is_config() && !error.is_connection() && !error.is_retryable());
}

#[test]
fn an_unknown_mysql_pool_is_named_with_its_table_and_those_that_there_are() {
    let (_database, builder) = database();
    let far = _database.redis_url().to_owned();
    let error = refused(builder.redis_pool("far", far).entity::<Cable>());
    is_config(&error);
    names(&error, &["`cables`", "MySQL pool `abroad`", "given are `default`"]);

    let error = refused(Engine::builder().entity::<Story>());
    is_config(&error);
    names(
        &error,
        &["`articles`", "MySQL pool `default`", "no such pool is given at all"],
    );
}

#[test]
fn an_unknown_redis_pool_is_named_with_its_stream_and_those_that_there_are() {
    let (database, builder) = database();
    let builder = builder.mysql_pool("abroad", database.mysql_url());
    let error = refused(builder.entity::<Cable>());
    is_config(&error);
    names(
        &error,
        &["`FarNewsStream`", "cables", "Redis pool `far`", "given are `default`"],
    );

    let only_mysql = Engine::builder().mysql(database.mysql_url());
    let error = refused(only_mysql.entity::<Article>());
    is_config(&error);
    names(
        &error,
        &["`NewsStream`", "Redis pool `default`", "no such pool is given at all"],
    );

    let only_mysql = Engine::builder().mysql(database.mysql_url());
    let error = refused(only_mysql.stream_on(&LOCAL, "nowhere"));
    is_config(&error);
    names(&error, &["`LocalStream`", "Redis pool `nowhere`"]);
}

#[test]
fn a_pool_that_is_given_twice_is_named() {
    let (database, builder) = database();
    let error = refused(builder.mysql(database.mysql_url()));
    is_config(&error);
    names(&error, &["MySQL pool `default` is given twice"]);
    let (database, builder) = crate::common::database();
    let error = refused(builder.redis(database.redis_url()));
    is_config(&error);
    names(&error, &["Redis pool `default` is given twice"]);
}

#[test]
fn a_table_that_is_registered_twice_is_named() {
    let (_database, builder) = database();
    let error = refused(builder.entity::<Story>().entity::<Story>());
    is_config(&error);
    names(&error, &["table `articles` is registered twice", "`Story`"]);
}

#[test]
fn two_structs_of_one_table_are_named() {
    let (_database, builder) = database();
    let error = refused(builder.entity::<Article>().entity::<Story>());
    is_config(&error);
    names(
        &error,
        &["table `articles` is registered twice", "by `Story`", "by `Article`"],
    );
}

#[test]
fn one_stream_on_two_pools_is_named_with_both_and_their_tables() {
    let (database, builder) = database();
    let builder = builder.redis_pool("far", database.redis_url());
    let error = refused(builder.entity::<Article>().entity::<Letter>());
    is_config(&error);
    names(
        &error,
        &[
            "stream `NewsStream` is on two Redis pools",
            "`default`",
            "articles",
            "`far`",
            "letters",
        ],
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let (database, builder) = database();
    let builder = builder
        .mysql_pool("abroad", "postgres://app:tops3cret@localhost/x")
        .redis_pool("far", "http://app:tops3cret@localhost")
        .mysql_pool("near", database.mysql_url());
    let error = refused(builder.entity::<Article>().entity::<Story>().entity::<Letter>());
    let ErrorKind::Several { problems } = error.kind() else {
        panic!("{error:#?}")
    };
    assert!(error.is_config());
    assert_eq!(problems.len(), 4, "{error}");
    for words in [
        "table `articles` is registered twice",
        "stream `NewsStream` is on two Redis pools",
        "MySQL pool `abroad`",
        "Redis pool `far`",
    ] {
        assert_eq!(
            problems
                .iter()
                .filter(|problem| problem.to_string().contains(words))
                .count(),
            1,
            "{words}: {error}"
        );
        names(&error, &[words]);
    }
    assert!(!all_texts(&error).contains("tops3cret"), "{error:#?}");
}

/// URLs of which nothing must be shown but what is no secret.
const BAD_MYSQL: [(&str, &str); 15] = [
    ("postgres://app:tops3cret@localhost/shop", "postgres"),
    ("redis://app:tops3cret@localhost/shop", "redis"),
    ("MYSQL2://app:tops3cret@localhost/shop", "MYSQL2"),
    ("app:tops3cret@localhost/shop", "without a scheme"),
    ("tops3cret", "without a scheme"),
    ("", "without a scheme"),
    ("mysql://app:tops3cret@localhost", "no database"),
    ("mysql://app:tops3cret@localhost/", "no database"),
    ("mysql://app:tops3cret@localhost?prefer_socket=false", "no database"),
    ("mysql://app:tops3cret@localhost/shop?tops3cret", "URL"),
    ("mysql://app:tops3cret@localhost/shop?pool_min=tops3cret", "pool_min"),
    ("mysql://app:tops3cret@localhost:tops3cret/shop", "URL"),
    ("mysql://app:tops3cret@loca lhost/shop", "URL"),
    ("mysql://app:tops3cret@[::1/shop", "URL"),
    ("mysql://", "URL"),
];

const BAD_REDIS: [(&str, &str); 12] = [
    ("mysql://app:tops3cret@localhost/0", "scheme"),
    ("app:tops3cret@localhost", "redis://"),
    ("app", "redis://"),
    ("", "redis://"),
    ("redis://", "no host"),
    ("redis://app:tops3cret@", "no host"),
    ("redis://app:tops3cret@localhost/main", "number of a database"),
    ("redis://app:tops3cret@localhost:port", "URL"),
    ("redis://app:tops3cret@loca lhost", "URL"),
    ("redis-sentinel://app:tops3cret@a:26379", "Sentinel"),
    ("redis+cluster://app:tops3cret@a", "Cluster"),
    ("unix:///no/such?pass=tops3cret&db=main", "database"),
];

#[test]
fn a_wrong_url_is_told_without_its_password() {
    for (url, words) in BAD_MYSQL {
        let builder = Engine::builder().mysql_pool("orders", url);
        assert!(
            !format!("{builder:?} {builder:#?}").contains("tops3cret"),
            "{builder:?}"
        );
        let error = refused(builder);
        is_config(&error);
        names(&error, &["MySQL pool `orders`", words]);
        assert!(!all_texts(&error).contains("tops3cret"), "{url}: {error:#?}");
    }
    for (url, words) in BAD_REDIS {
        let builder = Engine::builder().redis_pool("orders", url);
        assert!(
            !format!("{builder:?} {builder:#?}").contains("tops3cret"),
            "{builder:?}"
        );
        let error = refused(builder);
        is_config(&error);
        names(&error, &["Redis pool `orders`", words]);
        assert!(!all_texts(&error).contains("tops3cret"), "{url}: {error:#?}");
    }
}

#[test]
fn a_refused_login_is_told_without_its_password() {
    let (database, _) = database();
    let (before, after) = database.mysql_url().split_once('@').expect("a login");
    let user = before.trim_start_matches("mysql://").split(':').next().expect("a user");
    let error = refused(Engine::builder().mysql_pool("orders", format!("mysql://{user}:tops3cret@{after}")));
    assert!(error.is_connection(), "{error:#?}");
    names(&error, &["MySQL pool `orders`", "Access denied", user]);
    assert!(!all_texts(&error).contains("tops3cret"), "{error:#?}");

    let url = database.redis_url().replace("redis://", "redis://nobody:tops3cret@");
    let error = refused(Engine::builder().redis_pool("orders", url));
    assert!(error.is_connection(), "{error:#?}");
    names(&error, &["Redis pool `orders`", "nobody"]);
    assert!(!all_texts(&error).contains("tops3cret"), "{error:#?}");
}

#[test]
fn an_engine_shows_no_password() {
    let (database, builder) = database();
    let engine = builder.entity::<Article>().build().unwrap();
    let password = database.mysql_url().split([':', '@']).nth(2).expect("a password");
    assert!(password.len() > 10);
    let shown = format!("{engine:?} {engine:#?} {:?} {:?}", engine.session(), engine.schema());
    assert!(shown.contains("articles"), "{shown}");
    assert!(!shown.contains(password), "{shown}");
}

#[test]
fn a_stream_that_is_not_registered_is_named() {
    let (_database, builder) = database();
    let engine = builder.entity::<Article>().build().unwrap();
    let consumer = |stream: &Stream| engine.consumer(stream).group("mailer");
    for error in [
        consumer(&LOCAL).single().expect_err("not registered"),
        consumer(&LOCAL).many().expect_err("not registered"),
        engine.publish(&LOCAL, "x", &[]).expect_err("not registered"),
        engine.stats(&LOCAL).expect_err("not registered"),
        engine.dead_letters(&LOCAL).expect_err("not registered"),
    ] {
        is_config(&error);
        names(&error, &["stream `LocalStream` is not registered"]);
    }
    assert_eq!(
        consumer(&NEWS)
            .single()
            .unwrap()
            .consume(1, Duration::ZERO, |_| Ok(()))
            .unwrap(),
        0
    );
}
