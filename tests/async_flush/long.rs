//! Operations so long that they are sent in pieces.

use headwater_testkit::Proxy;

use crate::common;
use crate::support::*;
use crate::world::World;

#[test]
fn long_operations_are_sent_whole() {
    let world = world();
    let mut session = world.engine.session();
    let mut consumer = world.engine.async_consumer().unwrap();
    let mut told = 0;
    // Rows of inserts (MariaDB has the long statements), statements of updates, and what follows them: each is long by
    // itself with one of these sizes, whichever it stands beside.
    for rows in [700, 1024, 4096] {
        let handles: Vec<_> = (0..rows)
            .map(|n| session.insert(counter(&format!("c{n:04}"))))
            .collect();
        assert_eq!(session.flush_async().unwrap().inserted, rows);
        assert_eq!(drain(&mut consumer), 1);
        assert_eq!(
            world.rows("SELECT COUNT(*), COUNT(DISTINCT name), SUM(value) FROM counters"),
            [format!("{rows}|{rows}|0")]
        );
        for (value, &handle) in (1..).zip(&handles) {
            session[handle].value = value;
        }
        assert_eq!(session.flush_async().unwrap().updated, rows);
        assert_eq!(drain(&mut consumer), 1);
        let sum = rows * (rows + 1) / 2;
        assert_eq!(
            world.rows("SELECT COUNT(DISTINCT value), SUM(value) FROM counters"),
            [format!("{rows}|{sum}")]
        );
        for handle in handles {
            session.delete(handle).unwrap();
        }
        assert_eq!(session.flush_async().unwrap().deleted, rows);
        assert_eq!(drain(&mut consumer), 1);
        assert_eq!(world.rows("SELECT COUNT(*) FROM counters"), ["0"]);
        told += 3 * rows as usize;
        assert_eq!(world.events().len(), told);
    }
}

#[test]
fn rows_are_accepted_whichever_try_sends_them() {
    let (database, _) = common::database();
    let proxy = Proxy::start(database.redis_url()).unwrap();
    let builder = headwater::Engine::builder()
        .mysql(database.mysql_url())
        .redis(proxy.url_like(database.redis_url()).unwrap());
    let engine = entities(builder).build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let world = World::around(database, engine, EVENTS);
    let mut session = world.engine.session();
    session.insert(counter("first"));
    session.flush_async().unwrap();

    // So much that the connection ends while it is written to.
    const ROWS: u64 = 60_000;
    let handles: Vec<_> = (0..ROWS).map(|_| session.insert(counter("c"))).collect();
    proxy.cut_before(12);
    let before = proxy.requests();
    assert_eq!(session.flush_async().unwrap().inserted, ROWS);
    assert_eq!(proxy.cuts(), 1);
    assert!(proxy.requests() > before + 24, "what was cut is a small part");
    assert_eq!(length(&world, QUEUE), 2);

    // They are rows now, whose edits are updates.
    let last = handles[handles.len() - 1];
    assert!(session[handles[0]].id > 0 && session[last].id > 0);
    session[last].value = 7;
    let report = session.flush_async().unwrap();
    assert_eq!((report.inserted, report.updated), (0, 1));
    drain(&mut world.engine.async_consumer().unwrap());
    assert_eq!(world.rows("SELECT COUNT(*), SUM(value) FROM counters"), ["60001|7"]);
    let id = session[last].id;
    assert_eq!(session.find::<Counter>(id).unwrap(), Some(last));
}
