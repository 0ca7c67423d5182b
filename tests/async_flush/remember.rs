//! What was executed is remembered for as long as was asked for, and then forgotten.

use std::time::Duration;

use crate::support::*;

/// More than are looked at together.
const MANY: u32 = 10_000;

#[test]
fn what_was_executed_long_ago_is_forgotten_wherever_it_stands() {
    let world = world();
    let digits = (0..10)
        .map(|n| format!("SELECT {n}"))
        .collect::<Vec<_>>()
        .join(" UNION ALL ");
    let seed = |prefix: &str, rows: u32, hours: u32| {
        world.sql(&[&format!(
            "INSERT INTO _headwater_async_done (last, first, operations, done_at) WITH d (n) AS ({digits}), m (n) AS (SELECT a.n + 10 * \
             b.n + 100 * c.n + 1000 * d.n FROM d a, d b, d c, d) SELECT CONCAT('{prefix}', LPAD(n, 8, '0')), '', '', \
             UTC_TIMESTAMP(6) - INTERVAL {hours} HOUR FROM m WHERE n < {rows}"
        )]);
    };
    seed("A", MANY, 30);
    seed("B", MANY, 2);
    // Of a machine whose clock was ahead.
    seed("C", 500, 30);
    let mut session = world.engine.session();
    session.insert(counter("fresh"));
    session.flush_async().unwrap();
    let mut consumer = world.engine.async_consumer().unwrap();
    assert_eq!(consumer.consume(10, Duration::ZERO).unwrap(), 1);
    // A full page was found: there may be more.
    assert_eq!(consumer.consume(10, Duration::ZERO).unwrap(), 0);
    let left = "SELECT LEFT(last, 1), COUNT(*) FROM _headwater_async_done WHERE LENGTH(last) = 9 GROUP BY 1";
    assert_eq!(world.rows(left), [format!("B|{MANY}")]);
    assert_eq!(
        world.rows("SELECT COUNT(*) FROM _headwater_async_done WHERE LENGTH(last) > 9"),
        ["1"]
    );

    let mut forgetful = engine(&world)
        .async_consumer()
        .unwrap()
        .remember(Duration::from_secs(3600));
    drop(consumer);
    for _ in 0..3 {
        assert_eq!(forgetful.consume(10, Duration::ZERO).unwrap(), 0);
    }
    assert_eq!(world.rows(left), Vec::<String>::new());
    assert_eq!(world.rows("SELECT COUNT(*) FROM _headwater_async_done"), ["1"]);
}

#[test]
fn each_of_many_operations_that_share_a_row_is_known_again() {
    let world = world();
    let mut session = world.engine.session();
    for n in 0..60 {
        session.insert(counter(&format!("c{n}")));
        session.flush_async().unwrap();
    }
    let queued = entries(&world, QUEUE);
    let mut consumer = world.engine.async_consumer().unwrap();
    assert_eq!(drain(&mut consumer), 60);
    let noted = world.rows("SELECT last FROM _headwater_async_done");
    assert!(noted.len() < 30, "{} rows", noted.len());
    // Were any of them executed again, its row would be there again.
    world.sql(&["DELETE FROM counters"]);
    for entry in [&queued[0], &queued[1], &queued[31], &queued[59]] {
        again(&world, entry);
    }
    // Beside one that is new, and by a consumer that knows nothing.
    session.insert(counter("new"));
    session.flush_async().unwrap();
    again(&world, &queued[44]);
    drop(consumer);
    assert_eq!(drain(&mut engine(&world).async_consumer().unwrap()), 6);
    assert_eq!(world.rows("SELECT name FROM counters"), ["new"]);
    assert_eq!((length(&world, QUEUE), length(&world, FAILED)), (0, 0));
    assert_eq!(world.events().len(), 61);
}
