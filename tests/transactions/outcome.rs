//! Commit, rollback by error and by panic, savepoints: rows and memory.

use std::panic::{AssertUnwindSafe, catch_unwind};

use headwater::prelude::*;
use headwater::{Error, ErrorKind};

use crate::accounts::{Account, account, entry, with_accounts};
use crate::tree::{File, Folder};
use crate::world::{World, calls, names};

fn stop() -> Error {
    Error::handler("stop")
}

#[track_caller]
fn is_stop(error: &Error) {
    assert!(matches!(error.kind(), ErrorKind::Handler { .. }), "{error:#?}");
}

const BALANCES: &str = "SELECT name, balance, version FROM accounts ORDER BY id";

#[test]
fn a_commit_makes_all_flushes_true_and_flushes_what_is_left() {
    let (world, mut session, accounts) = with_accounts(2);
    let (entry, report) = session
        .transaction_reported(|session| {
            session[accounts[0]].balance = 50;
            assert_eq!(session.flush()?.updated, 1);
            let entry = session.insert(entry(accounts[0], -50));
            session.flush()?;
            assert!(session[entry].id > 0);
            assert!(world.rows("SELECT id FROM entries").is_empty(), "nobody sees it yet");
            assert_eq!(world.events().len(), 2, "no event yet");
            assert!(calls().is_empty(), "no past-tense hook yet");
            session[accounts[1]].balance = 150;
            Ok(entry)
        })
        .unwrap();
    assert_eq!(
        (report.updated, report.inserted, report.events),
        (1, 0, 3),
        "of its own flush and of its end"
    );
    assert_eq!(world.rows(BALANCES), ["a1|50|2", "a2|150|2"]);
    assert_eq!(world.rows("SELECT account, amount FROM entries"), ["1|-50"]);
    assert_eq!(session[entry].account, Ref::to(1));
    assert_eq!(
        calls(),
        [
            "updated 1 balance: 100 -> 50",
            &format!("created entry {}", session[entry].id),
            "updated 2 balance: 100 -> 150"
        ]
    );
    assert_eq!(
        world.events()[2..],
        [
            "accounts 1 Update balance: 100 -> 50".to_owned(),
            format!("entries {} Insert", session[entry].id),
            "accounts 2 Update balance: 100 -> 150".to_owned()
        ]
    );
    assert!(session.flush().unwrap().is_empty());
}

#[test]
fn a_transaction_without_work_asks_the_server_nothing() {
    let (world, mut session, _) = with_accounts(1);
    let log = world.database.record().unwrap();
    assert_eq!(session.transaction(|_| Ok(7)).unwrap(), 7);
    is_stop(&session.transaction(|_| Err::<(), _>(stop())).unwrap_err());
    session.transaction(|session| session.transaction(|_| Ok(()))).unwrap();
    assert!(log.executed().unwrap().is_empty());
}

/// What a transaction did is taken back: rows, and in the session keys, versions, times, marks, new entities.
fn rolls_back(end: impl FnOnce(&World, &mut Session, &mut dyn FnMut(&mut Session))) {
    let (world, mut session, accounts) = with_accounts(5);
    let (rows, events) = (world.dump(), world.events());
    // Before the transaction: edits, a new entity, a mark of delete.
    session[accounts[0]].balance = 1;
    let new = session.insert(account("new", 7));
    let dropped = session.insert(account("dropped", 8));
    session.delete(accounts[4]).unwrap();
    let before: Vec<Account> = accounts.iter().map(|&handle| session[handle].clone()).collect();
    let (mut inside, mut entries) = (Vec::new(), Vec::new());
    let mut work = |session: &mut Session| {
        session[accounts[1]].balance = 2;
        inside.push(session.insert(account("inside", 9)));
        entries.push(session.insert(entry(inside[0], 1)));
        session.delete(accounts[2]).unwrap();
        session.delete(dropped).unwrap();
        session.flush().unwrap();
        assert!(session[new].id > 0 && session[inside[0]].id > 0);
        assert_eq!((session[accounts[0]].version, session[accounts[1]].version), (2, 2));
        assert!(session.get(accounts[2]).is_err() && session.get(accounts[4]).is_err());
        assert!(session.get(dropped).is_err());
        // Flushed once more, marked and not flushed, edited and not flushed.
        session[accounts[1]].balance = 3;
        session[inside[0]].balance = 10;
        session.flush().unwrap();
        session.delete(accounts[3]).unwrap();
        session[accounts[1]].note = Some("not flushed".into());
        inside.push(session.insert(account("never flushed", 9)));
    };
    calls();
    end(&world, &mut session, &mut work);
    assert!(calls().is_empty(), "no past-tense hook");
    assert_eq!(world.dump(), rows);
    assert_eq!(world.events(), events);

    // Memory: keys, versions and times are as they were; the edits stay.
    let mut expected = before;
    expected[1].balance = 3;
    expected[1].note = Some("not flushed".into());
    let now: Vec<Account> = accounts.iter().map(|&handle| session[handle].clone()).collect();
    assert_eq!(now, expected);
    assert_eq!(session[new], account("new", 7));
    assert_eq!(session[dropped], account("dropped", 8), "it waits for its insert again");
    for handle in inside {
        assert!(session.get(handle).is_err(), "what began inside is gone");
    }
    assert!(session.get(entries[0]).is_err());
    assert_eq!(session.len(), 7);

    // The next flush writes what was pending before, and the edits; it deletes what was marked before.
    let report = world.works(&mut session);
    assert_eq!((report.inserted, report.updated, report.deleted), (2, 2, 1), "{report}");
    let ids = [session[new].id, session[dropped].id];
    assert_eq!(
        world.rows(BALANCES),
        ["a1|1|2", "a2|3|2", "a3|100|1", "a4|100|1", "new|7|1", "dropped|8|1"]
    );
    assert!(ids[0] < ids[1], "in the order in which they came");
    assert!(world.rows("SELECT * FROM entries").is_empty());
}

#[test]
fn an_error_rolls_all_back() {
    rolls_back(|_, session, work| {
        let error = session.transaction(|session| {
            work(session);
            Err::<(), _>(stop())
        });
        is_stop(&error.unwrap_err());
    });
}

#[test]
fn a_panic_rolls_all_back_and_goes_on() {
    rolls_back(|_, session, work| {
        let panic = catch_unwind(AssertUnwindSafe(|| {
            session.transaction::<()>(|session| {
                work(session);
                panic!("what a mess")
            })
        }));
        assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"what a mess"));
    });
}

#[test]
fn a_flush_at_the_end_that_fails_rolls_all_back() {
    rolls_back(|_, session, work| {
        let error = session.transaction(|session| {
            work(session);
            session.insert(account("refused", 0));
            Ok(())
        });
        assert!(error.unwrap_err().is_rejected());
    });
}

#[test]
fn an_inner_rollback_inside_an_outer_commit_takes_all_of_its_own_back() {
    rolls_back(|_, session, work| {
        session
            .transaction(|session| {
                let error = session.transaction(|session| {
                    work(session);
                    Err::<(), _>(stop())
                });
                is_stop(&error.unwrap_err());
                // The end of the outer one would flush what was pending before; that is not what is looked at here.
                Err::<(), _>(stop())
            })
            .unwrap_err();
    });
}

#[test]
fn an_inner_panic_rolls_back_both_when_nobody_stops_it() {
    rolls_back(|_, session, work| {
        let panic = catch_unwind(AssertUnwindSafe(|| {
            session.transaction(|session| {
                session.transaction::<()>(|session| {
                    work(session);
                    panic!("what a mess")
                })
            })
        }));
        assert!(panic.is_err());
    });
}

#[test]
fn an_inner_rollback_keeps_the_outer_work() {
    let (world, mut session, accounts) = with_accounts(3);
    let (first, second) = session
        .transaction(|session| {
            session[accounts[0]].balance = 1;
            let first = session.insert(account("first", 1));
            session.flush()?;
            let inner = session.transaction(|session| {
                session[accounts[0]].balance = 2;
                session[accounts[1]].balance = 2;
                let inner = session.insert(account("inner", 2));
                session.delete(accounts[2])?;
                session.delete(first)?;
                session.flush()?;
                assert!(session[inner].id > 0);
                Err::<(), _>(stop())
            });
            is_stop(&inner.unwrap_err());
            assert_eq!((session[accounts[0]].version, session[accounts[1]].version), (2, 1));
            // The edits of the inner one stay; they are taken back here by hand.
            session[accounts[0]].balance = 1;
            session[accounts[1]].balance = 100;
            assert_eq!(session[first].name, "first");
            let second = session.insert(account("second", 3));
            Ok((first, second))
        })
        .unwrap();
    assert_eq!(
        world.rows(BALANCES),
        ["a1|1|2", "a2|100|1", "a3|100|1", "first|1|1", "second|3|1"]
    );
    assert_eq!(
        calls(),
        [
            format!("created {} first = 1", session[first].id),
            "updated 1 balance: 100 -> 1".to_owned(),
            format!("created {} second = 3", session[second].id),
        ]
    );
    assert_eq!(world.events().len(), 3 + 3);
    assert!(session.flush().unwrap().is_empty());
}

#[test]
fn savepoints_nest_to_any_depth() {
    let (world, mut session, accounts) = with_accounts(4);
    fn deeper(session: &mut Session, accounts: &[Handle<Account>], depth: usize) -> headwater::Result<()> {
        let Some((&first, rest)) = accounts.split_first() else {
            return Ok(());
        };
        let outcome = session.transaction(|session| {
            session[first].balance += 1 + depth as i64;
            session.flush()?;
            deeper(session, rest, depth + 1)?;
            if depth % 2 == 1 { Err(stop()) } else { Ok(()) }
        });
        if depth % 2 == 1 {
            is_stop(&outcome.unwrap_err());
            session.refresh(first)?;
            for &handle in rest {
                session.refresh(handle)?;
            }
            return Ok(());
        }
        outcome
    }
    // Depths 0 and 2 commit, 1 and 3 do not, and with 1 goes 2.
    deeper(&mut session, &accounts, 0).unwrap();
    assert_eq!(world.rows(BALANCES), ["a1|101|2", "a2|100|1", "a3|100|1", "a4|100|1"]);
}

#[test]
fn a_failed_flush_that_is_swallowed_takes_back_its_own_statements_only() {
    let (world, mut session, accounts) = with_accounts(3);
    session
        .transaction(|session| {
            session[accounts[0]].balance = 1;
            session.flush()?;
            // Two statements, the second of which fails.
            let entry = session.insert(entry(accounts[0], 5));
            let double = session.insert(account("a2", 5));
            session[accounts[1]].balance = 2;
            let error = session.flush().unwrap_err();
            assert!(error.is_duplicate_key(), "{error}");
            assert_eq!(
                (session[entry].id, session[double].id, session[accounts[1]].version),
                (0, 0, 1)
            );
            // One statement by itself.
            session.delete(entry)?;
            session[accounts[1]].balance = 100;
            let error = session.flush().unwrap_err();
            assert!(error.is_duplicate_key(), "{error}");
            // A hook that refuses, a value that does not fit.
            session[double].name = "refused".into();
            assert!(session.flush().unwrap_err().is_rejected());
            session[double].name = "x".repeat(41);
            assert!(session.flush().unwrap_err().is_value());
            session[double].name = "a4".into();
            Ok(())
        })
        .unwrap();
    assert_eq!(world.rows(BALANCES), ["a1|1|2", "a2|100|1", "a3|100|1", "a4|5|1"]);
    assert!(world.rows("SELECT * FROM entries").is_empty());
    assert_eq!(calls().len(), 2);
    assert_eq!(world.events().len(), 3 + 2);
}

#[test]
fn a_swallowed_inner_error_leaves_the_outer_transaction_usable() {
    let (world, mut session, accounts) = with_accounts(2);
    session
        .transaction(|session| {
            let inner = session.transaction(|session| {
                session.insert(account("a1", 0));
                Ok(())
            });
            assert!(inner.unwrap_err().is_duplicate_key());
            session[accounts[1]].balance = 2;
            Ok(())
        })
        .unwrap();
    assert_eq!(world.rows(BALANCES), ["a1|100|1", "a2|2|2"]);
    assert_eq!(session.len(), 2);
}

#[test]
fn a_transaction_reads_what_it_wrote_and_others_do_not() {
    let (world, mut session, accounts) = with_accounts(1);
    session
        .transaction(|session| {
            session[accounts[0]].balance = 1;
            session.insert(account("inside", 2));
            session.flush()?;
            assert_eq!(session.query::<Account>().filter(Account::BALANCE.lt(10)).count()?, 2);
            let mut other = world.engine.session();
            assert_eq!(other.query::<Account>().filter(Account::BALANCE.lt(10)).count()?, 0);
            Ok(())
        })
        .unwrap();
}

/// Before-hooks run inside the transaction, for each flush; past-tense hooks and events are told once.
#[test]
fn a_refusal_in_the_second_flush_takes_the_first_back_when_it_is_not_swallowed() {
    let (world, mut session, accounts) = with_accounts(2);
    let error = world.fails_at(|| {
        session.transaction(|session| {
            session[accounts[0]].balance = 1;
            session.flush()?;
            session[accounts[1]].name = "refused".into();
            session.flush()
        })
    });
    assert!(error.is_rejected());
    names(&error, &["accounts", "2", "saving", "no account of that name"]);
    session[accounts[1]].name = "a2".into();
    assert_eq!(world.works(&mut session).updated, 1);
    assert_eq!(world.rows(BALANCES), ["a1|1|2", "a2|100|1"]);
}

/// A panic of a past-tense hook after the commit is reported; the others run.
#[test]
fn past_tense_hooks_run_after_the_outermost_commit_in_the_order_of_the_changes() {
    let (world, mut session, accounts) = with_accounts(2);
    session
        .transaction(|session| {
            session[accounts[1]].balance = 1;
            session.flush()?;
            session.transaction(|session| {
                session[accounts[0]].balance = 2;
                session.flush()?;
                Ok(())
            })?;
            assert!(calls().is_empty(), "the inner one is not the outermost");
            assert_eq!(world.events().len(), 2);
            Ok(())
        })
        .unwrap();
    assert_eq!(calls(), ["updated 2 balance: 100 -> 1", "updated 1 balance: 100 -> 2"]);
    assert_eq!(
        world.events()[2..],
        [
            "accounts 2 Update balance: 100 -> 1",
            "accounts 1 Update balance: 100 -> 2"
        ]
    );
}

/// The tables have no hooks, which the library learns when it would call them: until then a flush looks for changes
/// before it asks what to write.
#[test]
fn an_edit_is_written_that_a_rollback_brought_back_after_a_flush_without_changes() {
    let stream = Stream::new("TreeStream");
    let world = World::new(stream, |builder| builder.entity::<Folder>().entity::<File>());
    let mut session = world.engine.session();
    let folder = session.insert(Folder {
        name: "a".into(),
        ..Folder::default()
    });
    session.flush().unwrap();
    session[folder].name = "b".into();
    let outcome = session.transaction(|session| {
        assert_eq!(session.flush()?.updated, 1);
        // Touched for nothing, together with a table whose hooks are not known yet.
        session.get_mut(folder)?;
        session.insert(File {
            folder: Ref::to(session[folder].id),
            ..File::default()
        });
        assert_eq!(session.flush()?.inserted, 1);
        Err::<(), _>(stop())
    });
    is_stop(&outcome.unwrap_err());
    session.flush().unwrap();
    assert_eq!(world.rows("SELECT name FROM folders"), ["b"]);
}
