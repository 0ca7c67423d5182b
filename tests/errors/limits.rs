//! What is at the end of what a server, or a counter, can hold.

use headwater::prelude::*;

use crate::values::EVERYTHING as LIMITS;
use crate::world::{World, names};

/// A row that no packet of the server holds: nothing was sent, so nothing is unknown and no other try will help.
#[test]
fn a_row_larger_than_a_packet_is_told_and_does_not_count_as_a_lost_connection() {
    #[derive(Debug, Clone, Default, PartialEq, Table)]
    #[table(name = "essays", stream(LIMITS))]
    struct Essay {
        #[column(id)]
        id: u64,
        #[column(length = max)]
        text: String,
    }
    impl Entity for Essay {}
    let world = World::new(LIMITS, |builder| builder.entity::<Essay>());
    let most: usize = world.rows("SELECT @@max_allowed_packet")[0].parse().unwrap();
    let mut session = world.engine.session();
    for more in [1, 100, most] {
        let essay = session.insert(Essay {
            text: "x".repeat(most + more),
            ..Essay::default()
        });
        let error = world.fails(&mut session);
        assert!(!error.is_retryable() && !error.is_commit_unknown(), "{error:#?}");
        names(&error, &["essays", "max_allowed_packet"]);
        let other = session.insert(Essay::default());
        let error = world.fails(&mut session);
        assert!(!error.is_retryable() && !error.is_commit_unknown(), "{error:#?}");
        session[essay].text.truncate(10);
        assert_eq!(world.works(&mut session).inserted, 2);
        session[other].text = "x".repeat(most + more);
        session[essay].text.clear();
        let error = world.fails(&mut session);
        assert!(!error.is_retryable() && !error.is_commit_unknown(), "{error:#?}");
        names(&error, &["essays", "max_allowed_packet"]);
        session[other].text.clear();
        assert_eq!(world.works(&mut session).updated, 1);
    }
}

/// The longest value that a packet holds.
#[test]
fn a_value_as_long_as_a_packet_is_stored_or_refused_but_not_lost() {
    #[derive(Debug, Clone, Default, PartialEq, Table)]
    #[table(name = "scans", stream(LIMITS))]
    struct Scan {
        #[column(id)]
        id: u64,
        #[column(length = max)]
        image: Vec<u8>,
    }
    impl Entity for Scan {}
    let world = World::new(LIMITS, |builder| builder.entity::<Scan>());
    let most: usize = world.rows("SELECT @@max_allowed_packet")[0].parse().unwrap();
    let mut session = world.engine.session();
    for less in [0, 1, 7, 30, 1000] {
        let scan = session.insert(Scan {
            image: vec![1; most - less],
            ..Scan::default()
        });
        match session.flush() {
            Ok(report) => {
                assert_eq!(report.inserted, 1);
                let stored = world.rows("SELECT LENGTH(image) FROM scans");
                assert_eq!(stored, [(most - less).to_string()]);
                session.delete(scan).unwrap();
                session.flush().unwrap();
            }
            Err(error) => {
                assert!(less < 1000, "{error}");
                assert!(
                    !error.is_retryable() && !error.is_commit_unknown(),
                    "{less}: {error:#?}"
                );
                session.delete(scan).unwrap();
            }
        }
    }
}

/// A version that cannot be counted further.
#[test]
fn a_version_at_its_end_is_told() {
    #[derive(Debug, Clone, Default, PartialEq, Table)]
    #[table(name = "worn", stream(LIMITS))]
    struct Worn {
        #[column(id)]
        id: u64,
        n: u32,
        #[column(version)]
        version: u8,
    }
    impl Entity for Worn {}
    let world = World::new(LIMITS, |builder| builder.entity::<Worn>());
    world.sql(&["INSERT INTO worn (n, version) VALUES (1, 254)"]);
    let mut session = world.engine.session();
    let worn = session.require::<Worn>(1).unwrap();
    session[worn].n = 2;
    world.works(&mut session);
    assert_eq!(session[worn].version, 255);
    session[worn].n = 3;
    let error = world.fails(&mut session);
    assert!(error.is_value(), "{error:#?}");
    names(&error, &["worn.version", "cannot be counted further", "255"]);
    session.delete(worn).unwrap();
    world.works(&mut session);
}
