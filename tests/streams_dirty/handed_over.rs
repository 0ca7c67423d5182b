//! Over a pool of `r2d2_redis` that the application has.

use std::time::Duration;

use headwater::prelude::*;
use headwater::stream::ConsumerBuilder;

use crate::common::{database, sql};
use crate::{TABLE, User, events, example, spelled};

const LETTERS: Stream = Stream::new("LetterStream").durable();

#[derive(Debug, Clone, Default, Table)]
#[table(name = "letters", stream(LETTERS))]
struct Letter {
    #[column(id)]
    id: u64,
    text: String,
}
impl Entity for Letter {}

#[test]
fn the_example_over_a_pool_that_the_application_has() {
    let (database, _) = database();
    sql(&database, &[TABLE]);
    let manager = r2d2_redis::RedisConnectionManager::new(database.redis_url()).unwrap();
    // The sender, two consumers, a short call.
    let pool = r2d2_redis::r2d2::Pool::builder().max_size(4).build(manager).unwrap();
    let engine = Engine::builder()
        .mysql(database.mysql_url())
        .redis_from_r2d2("default", pool.clone())
        .entity::<User>()
        .build()
        .unwrap();
    example(&engine, ConsumerBuilder::single);
    engine.close(Duration::from_secs(30)).unwrap();
    drop(engine);
    // All of it is the application's again.
    let all: Vec<_> = (0..4).map(|_| pool.get().unwrap()).collect();
    assert_eq!(all.len(), 4);
}

#[test]
fn an_outbox_over_a_pool_that_the_application_has() {
    let (database, _) = database();
    let manager = r2d2_redis::RedisConnectionManager::new(database.redis_url()).unwrap();
    // The sender, the relay, a consumer, a short call.
    let pool = r2d2_redis::r2d2::Pool::builder().max_size(4).build(manager).unwrap();
    let engine = Engine::builder()
        .mysql(database.mysql_url())
        .redis_from_r2d2("default", pool)
        .entity::<Letter>()
        .build()
        .unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut letters = engine.consumer(&LETTERS).single().unwrap();
    let mut session = engine.session();
    let letter = session.insert(Letter::default());
    session.flush().unwrap();
    session[letter].text = "x".into();
    session.flush().unwrap();
    let told: Vec<String> = events(&mut letters, 2).iter().map(spelled).collect();
    assert_eq!(told, ["letters 1 1", "letters 1 2 text: \"\" -> \"x\""]);
    engine.close(Duration::from_secs(30)).unwrap();
}
