//! A session against a plain model in memory: random graphs of three tables with references and unique columns,
//! random edits, flushes, nested transactions and rollbacks. After each step the rows, the entities and, in the
//! end, the published events must be those of the model.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
mod oracle;
mod run;
mod tables;

use std::time::Duration;

use common::database;
use headwater::prelude::*;
use headwater_testkit::{Database, wait_until};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use oracle::Model;
use run::Run;
use tables::{Author, Book, CHANGES, Kind, Note, op};

/// The events in the stream, which is emptied.
fn published(database: &Database, at_least: usize) -> Vec<(Kind, u64, u8, Vec<String>)> {
    let mut redis = database.redis().unwrap();
    let length = |redis: &mut redis::Connection| redis::cmd("XLEN").arg(CHANGES.name()).query::<usize>(redis).unwrap();
    let _ = wait_until(Duration::from_secs(10), "the events to arrive", || {
        length(&mut redis) >= at_least
    });
    let entries: redis::streams::StreamRangeReply = redis::cmd("XRANGE")
        .arg(CHANGES.name())
        .arg("-")
        .arg("+")
        .query(&mut redis)
        .unwrap();
    let _: () = redis::cmd("DEL").arg(CHANGES.name()).query(&mut redis).unwrap();
    let mut events = Vec::new();
    for entry in entries.ids {
        let payload: Vec<u8> = entry.get("s").unwrap();
        let event = DirtyEvent::from_bytes(&payload).unwrap();
        let kind = match event.entity_type.as_str() {
            "authors" => Kind::Author,
            "books" => Kind::Book,
            _ => Kind::Note,
        };
        let columns = event.changes.iter().map(|change| change.column.clone()).collect();
        events.push((
            kind,
            event.entity_id.as_u64().unwrap(),
            event.flush_type.code(),
            columns,
        ));
    }
    events
}

/// How many cases one of the four tests runs; together they make 2,000.
fn cases() -> u32 {
    std::env::var("HEADWATER_MODEL_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(500)
}

fn run() {
    let (database, builder) = database();
    let engine = builder
        .entity::<Author>()
        .entity::<Book>()
        .entity::<Note>()
        .build()
        .unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut runner = TestRunner::new(Config {
        cases: cases(),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    });
    let result = runner.run(&prop::collection::vec(op(), 1..14), |ops| {
        common::sql(
            &database,
            &["DELETE FROM notes", "DELETE FROM books", "DELETE FROM authors"],
        );
        // A case that failed may have left events behind.
        wait_until(Duration::from_secs(10), "the sender to be idle", || {
            engine.delivery().queued == 0
        })
        .unwrap();
        published(&database, 0);
        let mut session = engine.session();
        let mut model = Model::default();
        let mut run = Run {
            expected: Vec::new(),
            committed: None,
            keys: Vec::new(),
        };
        run.steps(&mut session, &mut model, &ops)?;
        // In the order of each row; rows among each other are in the order of the plan.
        let by_row = |mut events: Vec<(Kind, u64, u8, Vec<String>)>| {
            events.sort_by_key(|(kind, key, _, _)| (*kind, *key));
            events
        };
        let found = by_row(published(&database, run.expected.len()));
        let wanted = run
            .expected
            .into_iter()
            .map(|(kind, key, what, columns)| (kind, key, what, columns.iter().map(|c| (*c).to_owned()).collect()));
        prop_assert_eq!(found, by_row(wanted.collect()));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn a_session_does_what_the_model_does_1() {
    run();
}

#[test]
fn a_session_does_what_the_model_does_2() {
    run();
}

#[test]
fn a_session_does_what_the_model_does_3() {
    run();
}

#[test]
fn a_session_does_what_the_model_does_4() {
    run();
}
