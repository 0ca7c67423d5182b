//! Operation: figures, rows set aside, replay, rows of other versions.

use headwater::stream::DeliveryProblem;
use headwater_testkit::redis;
use std::sync::{Arc, Mutex};

use crate::common::sql;
use crate::ledger::{LEDGER, Ledger, account};

#[test]
fn the_backlog_tells_what_waits_and_who_relays() {
    let ledger = Ledger::new();
    let engine = ledger.quiet();
    let mut session = engine.session();
    let empty = &engine.outbox().backlog().unwrap()[0];
    assert_eq!(
        (empty.rows, empty.events, empty.oldest, &empty.holder),
        (0, 0, None, &None)
    );
    session.insert(account("ann", 1));
    session.insert(account("bob", 1));
    session.flush().unwrap();
    session.insert(account("cid", 1));
    session.flush().unwrap();
    let backlog = &engine.outbox().backlog().unwrap()[0];
    assert_eq!((backlog.rows, backlog.events), (2, 3));
    assert!(backlog.bytes > 0 && backlog.oldest.is_some());
    assert_eq!((backlog.mysql.as_str(), backlog.redis.as_str()), ("default", "default"));
    let shown = backlog.to_string();
    assert!(
        shown.starts_with("default -> default: 3 event(s) in 2 row(s), the oldest "),
        "{shown}"
    );
    assert!(shown.ends_with("relayed by nobody"), "{shown}");
    let relayed = engine.outbox().relay_once().unwrap();
    assert_eq!((relayed.rows, relayed.events, relayed.elsewhere), (2, 3, false));
    let after = &engine.outbox().backlog().unwrap()[0];
    assert_eq!((after.rows, after.events, after.oldest), (0, 0, None));
}

/// A row that nobody can read, and a stream whose key is none: both go aside whole, and the rest goes on.
#[test]
fn poison_goes_aside_and_comes_back_when_it_is_asked_to() {
    let ledger = Ledger::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = told.clone();
    let engine = ledger
        .builder()
        .relay(false)
        .on_delivery_problem(move |problem| {
            if let DeliveryProblem::SetAside { events, error, .. } = problem {
                notes.lock().unwrap().push((events.len(), error.clone()));
            }
        })
        .build()
        .unwrap();
    let mut session = engine.session();
    sql(
        &ledger.database,
        &[
            "INSERT INTO _headwater_outbox (pool, batch, format, events, created_at, body) \
           VALUES ('default', REPEAT('x', 16), 1, 7, UTC_TIMESTAMP(6), 'nonsense'), \
                  ('default', REPEAT('y', 16), 99, 2, UTC_TIMESTAMP(6), 'of tomorrow')",
        ],
    );
    session.insert(account("ann", 1));
    session.flush().unwrap();
    let relayed = engine.outbox().relay_once().unwrap();
    assert_eq!((relayed.events, relayed.set_aside), (1, 9));
    assert_eq!(ledger.events(), ["1 Insert"]);
    assert_eq!(ledger.waiting(), 0);

    // The stream's key is taken by something else.
    let mut connection = ledger.database.redis().unwrap();
    let () = redis::cmd("DEL").arg(LEDGER.name()).query(&mut connection).unwrap();
    let () = redis::cmd("SET")
        .arg(LEDGER.name())
        .arg("mine")
        .query(&mut connection)
        .unwrap();
    session.insert(account("bob", 1));
    session.insert(account("cid", 1));
    session.flush().unwrap();
    let relayed = engine.outbox().relay_once().unwrap();
    assert_eq!((relayed.events, relayed.set_aside, relayed.rows), (0, 2, 1));
    assert!(ledger.markers().is_empty());

    let aside = engine.outbox().aside().unwrap();
    assert_eq!(aside.iter().map(|row| row.events).collect::<Vec<_>>(), [7, 2, 2]);
    assert!(aside[0].error.contains("malformed"), "{}", aside[0].error);
    assert!(aside[1].error.contains("format 99"), "{}", aside[1].error);
    assert!(aside[2].error.starts_with("WRONGTYPE"), "{}", aside[2].error);
    assert_eq!(
        (aside[1].body.as_slice(), aside[2].contents.len()),
        (&b"of tomorrow"[..], 2)
    );
    assert_eq!(aside[2].contents[0].stream, LEDGER.name());
    let told = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(told.iter().map(|(events, _)| *events).collect::<Vec<_>>(), [0, 0, 2]);
    let backlog = &engine.outbox().backlog().unwrap()[0];
    assert_eq!((backlog.aside_rows, backlog.aside_events), (3, 11));

    let () = redis::cmd("DEL").arg(LEDGER.name()).query(&mut connection).unwrap();
    assert!(engine.outbox().replay(&aside[2]).unwrap());
    assert!(!engine.outbox().replay(&aside[2]).unwrap(), "it is gone");
    assert!(engine.outbox().discard(&aside[0]).unwrap());
    assert!(!engine.outbox().discard(&aside[0]).unwrap());
    engine.outbox().relay_once().unwrap();
    assert_eq!(ledger.events(), ["2 Insert", "3 Insert"]);
    assert_eq!(engine.outbox().aside().unwrap().len(), 1);
}

/// Only one of several streams refuses: the events of the others are written, once.
#[test]
fn a_stream_that_refuses_does_not_block_the_others() {
    let ledger = Ledger::new();
    let engine = ledger.builder().relay(false).entity::<two::Transfer>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut connection = ledger.database.redis().unwrap();
    let () = redis::cmd("SET")
        .arg(LEDGER.name())
        .arg("mine")
        .query(&mut connection)
        .unwrap();
    let mut session = engine.session();
    session.insert(account("ann", 1));
    session.insert(two::Transfer::default());
    session.insert(account("bob", 1));
    session.flush().unwrap();
    let relayed = engine.outbox().relay_once().unwrap();
    assert_eq!((relayed.events, relayed.set_aside), (1, 2));
    let length: u64 = redis::cmd("XLEN").arg("TransferStream").query(&mut connection).unwrap();
    assert_eq!(length, 1);
}

mod two {
    use headwater::prelude::*;

    pub(super) const TRANSFERS: Stream = Stream::new("TransferStream").durable();

    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "transfers", stream(TRANSFERS))]
    pub(super) struct Transfer {
        #[column(id)]
        pub(super) id: u64,
        pub(super) amount: i64,
    }

    impl Entity for Transfer {}
}

/// A row as an earlier version would have written it: not compressed.
#[test]
fn rows_of_the_first_format_are_read() {
    let ledger = Ledger::new();
    let stream = [b"\xc4\x0c".as_slice(), b"LedgerStream"].concat();
    // [[[name, nil, nil]], [[0, id, payload, []]]]
    let payload = b"\x83\xa2et\xa8accounts\xa2id\x07\xa2ft\x01";
    let mut body = b"\x92\x91\x93".to_vec();
    body.extend(stream);
    body.extend(b"\xc0\xc0\x91\x94\x00\xc4\x04id-1\xc4");
    body.push(payload.len() as u8);
    body.extend(payload);
    body.push(0x90);
    let hex: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
    sql(
        &ledger.database,
        &[&format!(
            "INSERT INTO _headwater_outbox (pool, batch, format, events, created_at, body) \
             VALUES ('default', REPEAT('x', 16), 1, 1, UTC_TIMESTAMP(6), x'{hex}')"
        )],
    );
    ledger.quiet().outbox().relay_once().unwrap();
    assert_eq!(ledger.entries(), [("id-1".to_owned(), "7 Insert".to_owned())]);
}
