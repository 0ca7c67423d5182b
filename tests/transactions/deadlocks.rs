//! Deadlocks and lock timeouts: the loser is rolled back, and nothing runs by itself in what is left of it.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};

use headwater::prelude::*;
use headwater::session::TransactionOptions;
use headwater::{Error, Result};
use headwater_testkit::{Servers, wait_until};

use crate::accounts::{Account, BANK, Entry, account, with_accounts};
use crate::world::{SOON, World, calls};

/// Two sessions take two rows in opposite order. Returns what each found out.
///
/// Each first flushes one row, waits until the other has done so too, and then hands the session to `second`, which
/// must try to take the other row.
fn collide<T: Send>(world: &World, second: impl Fn(&mut Session, Handle<Account>) -> T + Sync) -> [Result<T>; 2] {
    let barrier = Barrier::new(2);
    let run = |mine: u64, theirs: u64| {
        let mut session = world.engine.session();
        let (mine, theirs) = (session.require::<Account>(mine)?, session.require::<Account>(theirs)?);
        let mut first = true;
        session.transaction(|session| {
            assert!(std::mem::take(&mut first));
            session[mine].balance += 1;
            session.flush()?;
            barrier.wait();
            Ok(second(session, theirs))
        })
    };
    std::thread::scope(|scope| {
        let one = scope.spawn(|| run(1, 2));
        let two = scope.spawn(|| run(2, 1));
        [one.join().unwrap(), two.join().unwrap()]
    })
}

#[track_caller]
fn is_deadlock(error: &Error) {
    assert!(
        error.is_deadlock() && error.is_retryable() && !error.is_connection(),
        "{error:#?}"
    );
}

/// One wins with both its changes, the other's are all gone.
#[track_caller]
fn one_won<T: std::fmt::Debug>(world: &World, outcomes: &[Result<T>; 2]) {
    let lost: Vec<&Error> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert_eq!(lost.len(), 1, "{outcomes:?}");
    is_deadlock(lost[0]);
    let mut balances = world.rows("SELECT balance FROM accounts WHERE id < 3");
    balances.sort();
    assert_eq!(balances, ["101", "110"], "one session's changes, all of them");
    assert!(world.rows("SELECT * FROM entries").is_empty(), "nothing ran by itself");
    assert_eq!(
        world.rows("SELECT name FROM accounts WHERE id > 2"),
        Vec::<String>::new()
    );
    assert_eq!(world.events().len(), 2 + 2, "{:?}", world.events());
}

#[test]
fn the_loser_of_a_deadlock_is_rolled_back() {
    let (world, _session, _) = with_accounts(2);
    let outcomes = collide(&world, |session, theirs| {
        session[theirs].balance += 10;
    });
    one_won(&world, &outcomes);
}

/// The flush that meets the deadlock is one statement, or several; the closure swallows its error and goes on.
#[test]
fn nothing_runs_by_itself_after_a_deadlock_that_is_swallowed() {
    for statements in [1, 2] {
        for then in ["nothing", "one statement", "two statements", "a transaction", "a read"] {
            let (world, _session, _) = with_accounts(2);
            let outcomes = collide(&world, |session, theirs| {
                session[theirs].balance += 10;
                let new = (statements == 2).then(|| session.insert(account("new", 1)));
                let Err(error) = session.flush() else {
                    if let Some(new) = new {
                        session.delete(new).unwrap();
                    }
                    return;
                };
                is_deadlock(&error);
                if let Some(new) = new {
                    session.delete(new).unwrap();
                }
                let entry = |amount| Entry {
                    account: Ref::to(1),
                    amount,
                    ..Entry::default()
                };
                match then {
                    "one statement" => {
                        session.refresh(theirs).unwrap_err();
                        session.insert(entry(1));
                        is_deadlock(&session.flush().unwrap_err());
                        is_deadlock(&session.flush().unwrap_err());
                    }
                    "two statements" => {
                        session.insert(account("late", 1));
                        session.insert(entry(1));
                        is_deadlock(&session.flush().unwrap_err());
                    }
                    "a transaction" => {
                        let mut called = false;
                        let inner = session.transaction(|session| {
                            called = true;
                            session.insert(entry(1));
                            session.flush()
                        });
                        is_deadlock(&inner.unwrap_err());
                        assert!(!called, "there is nothing to nest in");
                    }
                    "a read" => is_deadlock(&session.query::<Account>().count().unwrap_err()),
                    _ => {}
                }
            });
            one_won(&world, &outcomes);
        }
    }
}

/// How many updates the past-tense hooks were told of. What they find in the table may be newer: the other session
/// goes on at the same time.
fn updated() -> usize {
    calls().iter().filter(|call| call.starts_with("updated")).count()
}

/// After the deadlock the loser's session is as before its transaction, with the edits, and can do it again.
#[test]
fn the_losers_session_goes_on() {
    let (world, _session, _) = with_accounts(2);
    let barrier = Barrier::new(2);
    let losses = AtomicU32::new(0);
    let run = |mine: u64, theirs: u64| {
        let mut session = world.engine.session();
        let (mine, theirs) = (
            session.require::<Account>(mine).unwrap(),
            session.require::<Account>(theirs).unwrap(),
        );
        let outcome = session.transaction(|session| {
            session[mine].balance += 1;
            session.flush()?;
            barrier.wait();
            session[theirs].balance += 10;
            Ok(())
        });
        if let Err(error) = outcome {
            is_deadlock(&error);
            losses.fetch_add(1, Ordering::Relaxed);
            assert_eq!((session[mine].version, session[mine].balance), (1, 101));
            assert!(calls().is_empty(), "no past-tense hook");
            // What the other changes meanwhile is stale; what is read again once it is done is not.
            wait_until(SOON, "the winner to be done", || {
                session.refresh(mine).unwrap();
                session.refresh(theirs).unwrap();
                session[mine].balance += 1;
                session[theirs].balance += 10;
                match session.flush() {
                    Ok(report) => report.updated == 2,
                    Err(error) => {
                        assert!(error.is_stale(), "{error:#?}");
                        false
                    }
                }
            })
            .unwrap();
        }
        assert_eq!(updated(), 2);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| run(1, 2));
        scope.spawn(|| run(2, 1));
    });
    assert_eq!(losses.into_inner(), 1);
    assert_eq!(world.rows("SELECT balance, version FROM accounts"), ["111|3", "111|3"]);
    assert_eq!(world.events().len(), 2 + 4);
}

/// Tried again when asked.
#[test]
fn a_deadlock_is_tried_again_when_asked() {
    let (world, _session, _) = with_accounts(2);
    let barrier = Barrier::new(2);
    let tries = AtomicU32::new(0);
    let run = |mine: u64, theirs: u64| {
        let mut session = world.engine.session();
        let mut first = true;
        let retried = TransactionOptions::default().with_retries(10);
        session
            .transaction_with(retried, |session| {
                tries.fetch_add(1, Ordering::Relaxed);
                let mine = session
                    .query::<Account>()
                    .filter(Account::ID.eq(mine))
                    .for_update()
                    .all()?[0];
                session[mine].balance += 1;
                session.flush()?;
                if std::mem::take(&mut first) {
                    barrier.wait();
                }
                let theirs = session
                    .query::<Account>()
                    .filter(Account::ID.eq(theirs))
                    .for_update()
                    .all()?[0];
                session[theirs].balance += 10;
                Ok(())
            })
            .unwrap();
        assert_eq!(updated(), 2, "past-tense hooks run once");
    };
    std::thread::scope(|scope| {
        scope.spawn(|| run(1, 2));
        scope.spawn(|| run(2, 1));
    });
    assert!(tries.into_inner() > 2);
    assert_eq!(world.rows("SELECT balance FROM accounts"), ["111", "111"]);
    assert_eq!(world.events().len(), 2 + 4);
}

/// A query of a before-hook that meets a deadlock is the flush's deadlock.
#[test]
fn a_deadlock_in_a_query_of_a_hook_is_retryable() {
    #[derive(Debug, Clone, Default, PartialEq, Table)]
    #[table(name = "audits")]
    struct Audit {
        #[column(id)]
        id: u64,
        account: u64,
    }
    impl Entity for Audit {
        fn creating(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
            let account = Account::ID.eq(self.account);
            let locked = hook.session().query::<Account>().filter(account).for_update().all()?;
            assert_eq!(locked.len(), 1);
            Ok(())
        }
    }
    let world = World::new(BANK, |builder| {
        builder.entity::<Entry>().entity::<Account>().entity::<Audit>()
    });
    let mut session = world.engine.session();
    session.insert(account("a1", 100));
    session.insert(account("a2", 100));
    session.flush().unwrap();
    let outcomes = collide(&world, |session, theirs| {
        let account = session[theirs].id;
        session.insert(Audit {
            account,
            ..Audit::default()
        });
        session.flush().map(|report| report.inserted)
    });
    let lost: Vec<&Error> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert_eq!(lost.len(), 1, "{outcomes:?}");
    assert!(lost[0].is_deadlock(), "{:#?}", lost[0]);
    assert_eq!(world.rows("SELECT COUNT(*) FROM audits"), ["1"]);
}

#[test]
fn a_lock_that_is_not_granted_in_time_takes_the_flush_back_and_leaves_the_transaction() {
    let servers = Servers::builder().private().start().unwrap();
    let database = servers.database().unwrap();
    mysql_run(&database, "SET GLOBAL innodb_lock_wait_timeout = 1");
    let engine = Engine::builder()
        .mysql(database.mysql_url())
        .redis(database.redis_url());
    let engine = engine.entity::<Account>().entity::<Entry>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let world = World::around(database, engine, BANK);
    let (mut one, mut two) = (world.engine.session(), world.engine.session());
    let ann = one.insert(account("ann", 1));
    one.flush().unwrap();
    let same = two.require::<Account>(1).unwrap();
    one.transaction(|one| {
        one[ann].balance = 2;
        one.flush()?;
        two[same].balance = 3;
        let error = world.fails(&mut two);
        assert!(
            error.is_lock_timeout() && error.is_retryable() && !error.is_deadlock(),
            "{error:#?}"
        );
        // Of two statements the first is taken back as well.
        two.insert(account("bob", 1));
        assert!(world.fails(&mut two).is_lock_timeout());
        // Inside a transaction the rest of it stays.
        two.transaction(|two| {
            two[same].balance = 1;
            two.flush()?;
            two[same].balance = 3;
            assert!(two.flush().unwrap_err().is_lock_timeout());
            two[same].balance = 1;
            Ok(())
        })
        .unwrap();
        Ok(())
    })
    .unwrap();
    assert_eq!(
        world.rows("SELECT name, balance FROM accounts ORDER BY id"),
        ["ann|2", "bob|1"]
    );
    two[same].balance = 3;
    assert!(world.fails(&mut two).is_stale());
}

fn mysql_run(database: &headwater_testkit::Database, statement: &str) {
    use headwater_testkit::mysql::prelude::Queryable;
    database.root().unwrap().query_drop(statement).unwrap();
}
