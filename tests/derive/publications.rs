//! Streams: constants, operations, pools, triggers, and FluxaORM's spelling of them.

use headwater::prelude::*;
use headwater::stream::{Operations, Publication, Publish};
use headwater::table::ColumnSet;

use crate::{USER_STATUS, USERS, User, streams};

#[test]
fn streams_have_operations_pools_and_triggers() {
    let [all, status] = User::STREAMS else {
        panic!("two streams")
    };
    assert_eq!((all.stream, all.on, all.redis), (USERS, Operations::ALL, None));
    assert_eq!(all.triggers, ColumnSet::EMPTY);
    assert_eq!((status.stream, status.redis), (USER_STATUS, Some("second")));
    assert_eq!(status.on, Operations::INSERT.and(Operations::DELETE));
    assert_eq!(status.triggers, ColumnSet::of(&[3, 4]));
}

/// What must agree however the streams are declared.
fn told(streams: &[Publication]) -> Vec<(&'static str, Operations, Option<&'static str>, ColumnSet)> {
    streams
        .iter()
        .map(|p| (p.stream.name(), p.on, p.redis, p.triggers))
        .collect()
}

#[test]
fn the_tag_of_fluxaorm_means_the_same() {
    #[derive(Clone, Table)]
    #[table(dirty_stream = "UserStream, UserStatusStream//ID ,AuditStream/second, x.y-z//U")]
    struct Tagged {
        #[column(id)]
        id: u64,
        #[column(dirty_stream = "UserStatusStream,x.y-z")]
        status: u8,
        #[column(triggers(Self::USER_STATUS_STREAM, X_Y_Z))]
        age: u8,
    }

    const X: Stream = Stream::new("x.y-z");

    #[derive(Clone, Table)]
    #[table(
        stream(USERS),
        stream(self::USER_STATUS, on = "ID"),
        stream(streams::AUDIT, redis = "second"),
        stream(X, on = "U")
    )]
    struct Declared {
        #[column(id)]
        id: u64,
        #[column(triggers(USER_STATUS, X))]
        status: u8,
        #[column(triggers(crate::USER_STATUS))]
        #[column(triggers(X))]
        age: u8,
    }

    assert_eq!(told(Tagged::STREAMS), told(Declared::STREAMS));
    assert_eq!(Tagged::USER_STREAM.name(), "UserStream");
    assert_eq!(Tagged::X_Y_Z, Stream::new("x.y-z"));
    assert!(Declared::STREAMS[2].stream.is_durable());
}

#[test]
fn both_spellings_may_stand_side_by_side() {
    #[derive(Clone, Table)]
    #[table(stream(streams::AUDIT, on = ""), dirty_stream = "UserStream//I", redis = "events")]
    struct Both {
        #[column(id)]
        id: u64,
        #[column(triggers(AUDIT), dirty_stream = "UserStream")]
        status: u8,
    }

    use streams::AUDIT;
    assert_eq!(
        told(Both::STREAMS),
        [
            ("AuditStream", Operations::NONE, None, ColumnSet::of(&[1])),
            ("UserStream", Operations::INSERT, None, ColumnSet::of(&[1])),
        ]
    );
    assert_eq!(Both::TABLE.redis, "events");
}
