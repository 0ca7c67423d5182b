//! Connections that are lost inside a transaction and during its commit.

use headwater::Error;
use headwater::prelude::*;
use headwater_testkit::Proxy;

use crate::accounts::{Account, BANK, Entry, account, entry};
use crate::common::database;
use crate::world::{World, names};

const BALANCES: &str = "SELECT name, balance, version FROM accounts ORDER BY id";

fn behind_a_proxy() -> (World, Proxy) {
    let (database, _) = database();
    let proxy = Proxy::start(database.mysql_url()).unwrap();
    let engine = Engine::builder().mysql(proxy.url()).redis(database.redis_url());
    let engine = engine.entity::<Account>().entity::<Entry>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    (World::around(database, engine, BANK), proxy)
}

/// A connection that is lost inside a transaction ends it, whether or not the error is swallowed.
#[test]
fn nothing_is_done_in_a_transaction_whose_connection_was_lost() {
    let (world, proxy) = behind_a_proxy();
    let mut session = world.engine.session();
    let ann = session.insert(account("ann", 1));
    session.flush().unwrap();
    let ways: [fn(&mut Session, Handle<Account>) -> Error; 3] = [
        // A read.
        |session, _| session.query::<Account>().all().unwrap_err(),
        // A lone statement.
        |session, ann| {
            session[ann].note.get_or_insert_default().push('!');
            session.flush().unwrap_err()
        },
        // A flush of two statements.
        |session, ann| {
            session[ann].note.get_or_insert_default().push('!');
            session.insert(entry(ann, 1));
            session.flush().unwrap_err()
        },
    ];
    for way in ways {
        for pending in [true, false] {
            let balance = session[ann].balance;
            let error = world.fails_at(|| {
                session.transaction(|session| {
                    session[ann].balance += 1;
                    session.flush()?;
                    proxy.cut();
                    let error = way(session, ann);
                    assert!(error.is_connection() && error.is_retryable(), "{error:#?}");
                    // Swallowed: from here on nothing must reach the server.
                    let error = session.query::<Account>().count().unwrap_err();
                    assert!(error.is_connection(), "{error:#?}");
                    let error = session.transaction(|_| Ok(())).unwrap_err();
                    assert!(error.is_connection(), "{error:#?}");
                    if pending {
                        session.insert(account("too late", 1));
                        assert!(session.flush().unwrap_err().is_connection());
                    } else {
                        session.refresh(ann).unwrap_err();
                    }
                    Ok(())
                })
            });
            assert!(error.is_connection() && error.is_retryable(), "{error:#?}");
            assert!(!error.is_commit_unknown(), "nothing was committed, and that is known");
            assert_eq!(session[ann].balance, balance + 1, "the edit stays");
            assert_eq!(session.len(), 1);
            world.works(&mut session);
        }
    }
}

#[test]
fn a_connection_that_is_lost_during_commit_leaves_the_outcome_open() {
    let (world, proxy) = behind_a_proxy();
    let mut session = world.engine.session();
    let ann = session.insert(account("ann", 1));
    session.flush().unwrap();
    session[ann].balance = 2;
    proxy.cut_before(8);
    let mut requests = 0;
    let error = world.fails_at(|| {
        session.transaction(|session| {
            let before = proxy.requests();
            session.flush()?;
            session.query::<Account>().count()?;
            requests = proxy.requests() - before;
            proxy.cut_before(1);
            Ok(())
        })
    });
    assert!(requests > 0);
    assert!(
        error.is_commit_unknown() && !error.is_retryable() && !error.is_connection(),
        "{error:#?}"
    );
    names(&error, &["MySQL pool `default`", "COMMIT"]);
    assert_eq!((session[ann].balance, session[ann].version), (2, 1));
    world.works(&mut session);

    session[ann].balance = 3;
    let events = world.events();
    let error = session.transaction(|session| {
        session.flush()?;
        proxy.cut_response(1);
        Ok(())
    });
    assert!(error.unwrap_err().is_commit_unknown());
    assert_eq!(world.rows(BALANCES), ["ann|3|3"], "this one was committed");
    assert_eq!(world.events(), events, "and nobody is told of what is not known");
    // Looking is the way out.
    session.refresh(ann).unwrap();
    assert_eq!((session[ann].balance, session[ann].version), (3, 3));
    assert!(session.flush().unwrap().is_empty());
}
