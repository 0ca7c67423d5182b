//! Operations that FluxaORM queued, by the bytes that its Go encoder makes, and ours in its form.

use std::time::Duration;

use headwater::prelude::*;
use headwater_testkit::redis;

use crate::common;
use crate::support::*;
use crate::world::events;

pub(crate) const USERS: Stream = Stream::new("UserStream");

#[derive(Debug, Clone, Default, Table)]
#[table(name = "UserEntity", rename_all = "PascalCase", stream(USERS))]
struct User {
    #[column(id, name = "ID")]
    id: u64,
    name: String,
    age: Option<u8>,
    active: bool,
    score: f64,
    seen: Option<chrono::NaiveDateTime>,
}
impl Entity for User {}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap())
        .collect()
}

/// A delete by the first version's encoder, which knows two keys.
const OLD: &str = "82a4706f6f6ca764656661756c74a7717565726965739182a171be44454c4554452046524f4d206055602057484552452060494460203d203fa1709183ab6e2c6f6d6974656d707479c2ab742c6f6d6974656d707479a175ab762c6f6d6974656d707479a137";
/// All five keys: a statement `X`, an event for a hook, a command for Redis, an event of a stream.
const FULL: &str = "85a4706f6f6ca764656661756c74a7717565726965739182a171a158a17090b06576656e74732c6f6d6974656d7074799184a2636900a2696407a2667402ac63682c6f6d6974656d70747981a44e616d6583ab6e2c6f6d6974656d707479c2ab742c6f6d6974656d707479a173ab762c6f6d6974656d707479a36f6c64af72656469732c6f6d6974656d7074799183a170a764656661756c74a163a364656cab612c6f6d6974656d70747991a16baf64697274792c6f6d6974656d7074799185a173aa5573657253747265616da26574aa55736572456e74697479a2696407a2667401ac63682c6f6d6974656d707479c0";
/// What a poisoned entry leaves behind.
const ZERO: &str = "85a4706f6f6ca0a771756572696573c0b06576656e74732c6f6d6974656d707479c0af72656469732c6f6d6974656d707479c0af64697274792c6f6d6974656d707479c0";

#[test]
fn operations_of_fluxaorm_are_executed_and_their_events_published() {
    let (database, builder) = common::database();
    let engine = builder.entity::<User>().async_flush().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    common::sql(
        &database,
        &[
            "CREATE TABLE U (ID BIGINT UNSIGNED PRIMARY KEY)",
            "INSERT INTO U VALUES (7), (8)",
        ],
    );
    let mut connection = database.redis().unwrap();
    let mut queue = |body: &[u8]| {
        let _: String = redis::cmd("XADD")
            .arg(QUEUE)
            .arg("*")
            .arg("s")
            .arg(body)
            .query(&mut connection)
            .unwrap();
    };
    let _: () = redis::cmd("SET")
        .arg("k")
        .arg("cached")
        .query(&mut database.redis().unwrap())
        .unwrap();
    queue(&hex(OLD));
    // The statement `X` becomes one that can be run.
    let full = hex(FULL);
    let at = full.windows(5).position(|window| window == b"\xa1q\xa1X\xa1").unwrap();
    let full = [&full[..at + 2], b"\xb5DELETE FROM U LIMIT 1", &full[at + 4..]].concat();
    queue(&full);
    queue(&hex(ZERO));
    let mut consumer = engine.async_consumer().unwrap();
    assert_eq!(consumer.consume(100, Duration::ZERO).unwrap(), 3);
    let left: u64 = common::rows(&database, "SELECT COUNT(*) FROM U")[0][0].parse().unwrap();
    assert_eq!(left, 0);
    assert_eq!(events(&engine, &database, &USERS), ["UserEntity 7 Insert"]);
    let cached: Option<String> = redis::cmd("GET")
        .arg("k")
        .query(&mut database.redis().unwrap())
        .unwrap();
    assert_eq!(cached, None, "the put-off command was executed");
    let letters = engine.async_dead_letters().unwrap();
    assert_eq!(letters.count().unwrap(), 1);
    assert_eq!(letters.list(1).unwrap()[0].fields[0].1, hex(ZERO), "the bytes are kept");
}

#[test]
fn ours_has_the_keys_that_go_reads() {
    let (database, builder) = common::database();
    let engine = builder
        .entity::<User>()
        .async_flush()
        .async_wire(Wire::FluxaOrm)
        .build()
        .unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut session = engine.session();
    session.insert(User {
        id: 7,
        name: "Ana".into(),
        active: true,
        score: 1e6,
        seen: chrono::DateTime::from_timestamp(1_704_160_800, 0).map(|at| at.naive_utc()),
        ..User::default()
    });
    session.flush_async().unwrap();
    let entries: Vec<(String, std::collections::BTreeMap<String, Vec<u8>>)> = redis::cmd("XRANGE")
        .arg(QUEUE)
        .arg("-")
        .arg("+")
        .query(&mut database.redis().unwrap())
        .unwrap();
    let body = &entries[0].1["s"];
    let begins = |bytes: &[u8], text: &[u8]| assert_eq!(&bytes[..text.len()], text, "{}", bytes.escape_ascii());
    begins(body, b"\x86\xa4pool\xa7default\xa7queries\x91\x82\xa1q\xd9");
    let params = body.windows(3).position(|window| window == b"\xa1p\x96").unwrap() + 3;
    let param = |kind: char, text: &str| {
        let mut bytes = b"\x83\xabn,omitempty\xc2\xabt,omitempty\xa1".to_vec();
        bytes.push(kind as u8);
        bytes.extend_from_slice(b"\xabv,omitempty");
        bytes.push(0xa0 + text.len() as u8);
        bytes.extend_from_slice(text.as_bytes());
        bytes
    };
    let null = b"\x83\xabn,omitempty\xc3\xabt,omitempty\xa0\xabv,omitempty\xa0".to_vec();
    let expected = [
        param('u', "7"),
        param('s', "Ana"),
        null,
        param('i', "1"),
        param('f', "1e+06"),
        param('t', "2024-01-02T02:00:00Z"),
    ]
    .concat();
    begins(&body[params..], &expected);
    let rest = &body[params + expected.len()..];
    begins(
        rest,
        b"\xb0events,omitempty\xc0\xafredis,omitempty\xc0\xafdirty,omitempty\x91\x85\xa1s\xaaUserStream",
    );
    assert_eq!(drain(&mut engine.async_consumer().unwrap()), 1);
    assert_eq!(
        common::rows(&database, "SELECT Name, Age, Active, Score, Seen FROM UserEntity"),
        [["Ana", "NULL", "1", "1000000", "2024-01-02 02:00:00.000000"]]
    );
}
