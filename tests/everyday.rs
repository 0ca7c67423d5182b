//! What a session offers beside insert, edit, delete and flush.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use common::{database, rows};
use headwater::prelude::*;
use headwater::session::{Isolation, TransactionOptions};

const ACCOUNT_STREAM: Stream = Stream::new("AccountStream");

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "accounts", stream(ACCOUNT_STREAM), soft_delete)]
struct Account {
    #[column(id)]
    id: u64,
    #[column(unique, length = 60)]
    name: String,
    balance: i64,
    #[column(version)]
    version: u32,
    #[column(created_at)]
    created_at: DateTime<Utc>,
    #[column(updated_at)]
    updated_at: Option<NaiveDateTime>,
    #[column(deleted_at)]
    deleted_at: Option<NaiveDateTime>,
}

impl Entity for Account {
    fn replicating(&mut self) -> HookResult {
        if self.name == "unique" {
            return Err("there is only one of it".into());
        }
        self.name = format!("copy of {}", self.name);
        Ok(())
    }

    fn updating(&mut self, _: &mut Hook<'_, Self>) -> HookResult {
        UPDATING.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
static UPDATING: AtomicU32 = AtomicU32::new(0);

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "entries")]
struct Entry {
    #[column(id)]
    id: u64,
    account: Ref<Account>,
    reviewer: Option<Ref<Account>>,
    amount: i64,
}
impl Entity for Entry {}

fn engine() -> (headwater_testkit::Database, Engine) {
    let (database, builder) = database();
    let engine = builder.entity::<Entry>().entity::<Account>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    (database, engine)
}

fn account(name: &str, balance: i64) -> Account {
    Account {
        name: name.into(),
        balance,
        ..Account::default()
    }
}

#[test]
fn versions_and_timestamps_are_kept_by_the_session() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(account("ana", 1));
    session.flush().unwrap();
    assert_eq!(session[ana].version, 1);
    assert!(session[ana].created_at > DateTime::UNIX_EPOCH);
    let created = session[ana].created_at;
    assert_eq!(session[ana].updated_at, Some(created.naive_utc()));

    session[ana].balance = 2;
    session.flush().unwrap();
    assert_eq!(session[ana].version, 2);
    assert_eq!(session[ana].created_at, created);
    assert!(session[ana].updated_at > Some(created.naive_utc()));

    let before = session[ana].updated_at;
    session.touch(ana).unwrap();
    assert_eq!(session.flush().unwrap().updated, 1);
    assert!(session[ana].updated_at > before);
    assert_eq!(session[ana].version, 3);
    assert_eq!(rows(&database, "SELECT version FROM accounts"), [["3"]]);

    // A time that the user set stays.
    let long_ago = DateTime::from_timestamp(1_000_000, 0).unwrap();
    let old = session.insert(Account {
        created_at: long_ago,
        ..account("old", 0)
    });
    session.flush().unwrap();
    assert_eq!(session[old].created_at, long_ago);
}

#[test]
fn a_copy_is_a_new_entity_without_what_made_the_first_one_itself() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let first = session.insert(account("ana", 7));
    let single = session.insert(account("unique", 1));
    session.flush().unwrap();
    let copy = session.replicate(first).unwrap();
    assert_eq!(session[copy].id, 0);
    assert_eq!(session[copy].version, 0);
    assert_eq!(session[copy].updated_at, None);
    session.flush().unwrap();
    assert_eq!(
        rows(&database, "SELECT name, balance, version FROM accounts WHERE id = 3"),
        [["copy of ana", "7", "1"]]
    );
    let error = session.replicate(single).unwrap_err();
    assert!(
        error.is_rejected() && error.to_string().contains("replicating"),
        "{error}"
    );
}

#[test]
fn entities_leave_the_session_and_come_back() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(account("ana", 1));
    session.flush().unwrap();

    let mut tracked = session.detach(ana).unwrap();
    assert!(session.get(ana).is_err());
    tracked.balance = 5;
    let tracked = std::thread::spawn(move || tracked).join().unwrap();
    let mut other = engine.session();
    let ana = other.attach(tracked).unwrap();
    assert_eq!(other.flush().unwrap().updated, 1);
    assert_eq!(rows(&database, "SELECT balance, version FROM accounts"), [["5", "2"]]);

    let again = other.detach(ana).unwrap();
    let held = other.find::<Account>(1).unwrap().unwrap();
    let error = other.attach(again).unwrap_err();
    assert!(error.to_string().contains("the same row"), "{error}");

    other[held].balance = 9;
    assert_eq!(other.evict(held).unwrap().balance, 9);
    assert!(other.flush().unwrap().is_empty());

    let held = other.find::<Account>(1).unwrap().unwrap();
    assert_eq!(other[held].balance, 5);
    other[held].balance = 6;
    other.refresh(held).unwrap();
    assert_eq!(other[held].balance, 5);
    assert!(other.flush().unwrap().is_empty());

    other[held].balance = 7;
    other.clear().unwrap();
    assert!(other.is_empty() && other.get(held).is_err());
    assert!(other.flush().unwrap().is_empty());
    let new = other.insert(account("bob", 1));
    assert_ne!(new, held);
    assert!(other.get(held).is_err());
}

#[test]
fn a_table_is_walked_in_constant_memory_and_by_key() {
    let (database, engine) = engine();
    let mut session = engine.session();
    for n in 0..250 {
        session.insert(account(&format!("n{n:03}"), n));
    }
    session.flush().unwrap();
    let mut session = engine.session();
    let log = database.record().unwrap();
    let mut most = 0;
    let mut seen = 0;
    let report = session
        .for_each_chunk::<Account>(100, Some(Account::BALANCE.ge(50)), |session, chunk| {
            most = most.max(session.len());
            seen += chunk.len();
            for &account in chunk {
                session[account].balance += 1000;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!((seen, most, report.updated), (200, 100, 200));
    assert!(session.is_empty());
    let selects: Vec<String> = log
        .executed()
        .unwrap()
        .into_iter()
        .filter(|s| s.starts_with("SELECT"))
        .collect();
    assert!(selects.iter().all(|s| !s.contains("OFFSET")), "{selects:?}");
    assert_eq!(
        rows(&database, "SELECT COUNT(*) FROM accounts WHERE balance >= 1050"),
        [["200"]]
    );
}

#[test]
fn a_plain_value_is_the_row_as_it_is_in_the_database() {
    let (_database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(account("Ana", 1));
    let bob = session.insert(account("Bob", 2));
    session.flush().unwrap();
    let (ana_key, bob_key) = (session[ana].id, session[bob].id);
    let balance = |session: &mut Session, key: u64| {
        let found = session.fetch::<Account>(key).unwrap();
        found.map(|account| account.balance)
    };

    session[ana].balance = 10;
    assert_eq!(
        balance(&mut session, ana_key),
        Some(1),
        "the edit is the session's only"
    );
    assert_eq!(session[ana].balance, 10);
    let mut other = engine.session();
    assert_eq!(balance(&mut other, bob_key), Some(2));
    assert!(other.is_empty(), "nothing of it is tracked");
    assert_eq!(balance(&mut other, bob_key + 1), None);

    session
        .transaction(|session| {
            session.flush()?;
            assert_eq!(balance(session, ana_key), Some(10), "on the transaction's connection");
            assert_eq!(balance(&mut other, ana_key), Some(1));
            Ok(())
        })
        .unwrap();
    assert_eq!(balance(&mut other, ana_key), Some(10));

    session.delete(ana).unwrap();
    session.flush().unwrap();
    assert_eq!(balance(&mut other, ana_key), None, "it is trashed");
    assert_eq!(balance(&mut session, ana_key), None);
}

#[test]
fn upsert_changes_the_row_that_is_there_or_makes_one() {
    let (database, engine) = engine();
    let mut session = engine.session();
    session.upsert(Account::NAME, account("ana", 1)).unwrap();
    assert_eq!(session.flush().unwrap().inserted, 1);
    session.upsert(Account::NAME, account("ana", 2)).unwrap();
    let report = session.flush().unwrap();
    assert_eq!((report.inserted, report.updated), (0, 1));
    session.upsert(Account::NAME, account("ana", 2)).unwrap();
    assert!(session.flush().unwrap().is_empty());
    assert_eq!(
        rows(&database, "SELECT id, name, balance, version FROM accounts"),
        [["1", "ana", "2", "2"]]
    );
}

#[test]
fn relations_are_loaded_in_one_statement() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let accounts: Vec<_> = (0..10).map(|n| session.insert(account(&format!("n{n}"), n))).collect();
    for n in 0..30usize {
        session.insert(Entry {
            account: accounts[n % 10].into(),
            reviewer: (n % 3 == 0).then(|| accounts[9].into()),
            amount: n as i64,
            ..Entry::default()
        });
    }
    let report = session.flush().unwrap();
    assert_eq!((report.inserted, report.statements), (40, 2));

    let mut session = engine.session();
    let log = database.record().unwrap();
    let entries = session
        .query::<Entry>()
        .order_by(Entry::ID.asc())
        .with(Entry::ACCOUNT)
        .with(Entry::REVIEWER)
        .all()
        .unwrap();
    let selects = log.executed().unwrap().len();
    assert!(selects <= 3, "{:?}", log.executed().unwrap());
    for (n, &entry) in entries.iter().enumerate() {
        let reference = session[entry].account;
        let account = session.load(&reference).unwrap().unwrap();
        assert_eq!(session[account].name, format!("n{}", n % 10));
    }
    assert_eq!(log.executed().unwrap().len(), selects, "everything was there");

    let accounts = session.query::<Account>().order_by(Account::ID.desc()).all().unwrap();
    log.clear().unwrap();
    let of_each = session.load_many(Entry::ACCOUNT, &accounts).unwrap();
    assert_eq!(log.executed().unwrap().len(), 1);
    for (&account, entries) in accounts.iter().zip(&of_each) {
        assert_eq!(entries.len(), 3);
        assert!(
            entries
                .iter()
                .all(|&entry| session[entry].account.key() == Some(&session[account].id))
        );
    }
    let reviewed = session.load_many(Entry::REVIEWER, &accounts[..2]).unwrap();
    assert_eq!(reviewed.iter().map(Vec::len).collect::<Vec<_>>(), [10, 0]);

    let pending = session.insert(account("new", 0));
    assert_eq!(session.load(&Ref::from(pending)).unwrap(), Some(pending));
    assert_eq!(session.load(&Ref::<Account>::to(77)).unwrap(), None);
    assert_eq!(session.load(&Ref::<Account>::default()).unwrap(), None);
}

#[test]
fn bulk_changes_say_what_becomes_of_the_hooks() {
    let (database, engine) = engine();
    let mut session = engine.session();
    for n in 0..20 {
        session.insert(account(&format!("n{n:02}"), n));
    }
    session.flush().unwrap();
    let held = session.find::<Account>(1).unwrap().unwrap();
    let before = UPDATING.load(Ordering::Relaxed);
    let report = session
        .update_where(Account::BALANCE.lt(5))
        .set(Account::BALANCE, 100)
        .skipping_hooks()
        .run()
        .unwrap();
    assert_eq!(
        (report.updated, report.events),
        (5, 5),
        "each change of a table with streams is an event"
    );
    assert_eq!(session[held].balance, 100);
    assert_eq!(
        rows(
            &database,
            "SELECT COUNT(*) FROM accounts WHERE balance = 100 AND version = 2"
        ),
        [["5"]]
    );
    let report = session
        .update_where(Account::BALANCE.eq(100))
        .set(Account::BALANCE, 7)
        .with_hooks()
        .run()
        .unwrap();
    assert_eq!(report.updated, 5);
    assert!(UPDATING.load(Ordering::Relaxed) >= before + 5);

    let report = session
        .delete_where(Account::BALANCE.eq(7))
        .skipping_hooks()
        .run()
        .unwrap();
    assert_eq!(report.deleted, 6);
    assert_eq!(session.query::<Account>().count().unwrap(), 14);
    assert_eq!(session.query::<Account>().only_trashed().count().unwrap(), 6);
    assert_eq!(session.query::<Account>().with_trashed().count().unwrap(), 20);
    assert!(
        session.find::<Account>(1).unwrap().is_none(),
        "a trashed row is not found"
    );

    // Without streams it is one statement.
    let accounts = session.query::<Account>().limit(1).all().unwrap();
    for amount in 0..10 {
        session.insert(Entry {
            account: accounts[0].into(),
            amount,
            ..Entry::default()
        });
    }
    session.flush().unwrap();
    let kept = session
        .query::<Entry>()
        .filter(Entry::AMOUNT.eq(1))
        .first()
        .unwrap()
        .unwrap();
    let log = database.record().unwrap();
    let report = session
        .update_where(Entry::AMOUNT.lt(5))
        .set(Entry::AMOUNT, -1)
        .skipping_hooks()
        .run()
        .unwrap();
    assert_eq!((report.updated, report.statements), (5, 1));
    assert_eq!(
        log.executed()
            .unwrap()
            .iter()
            .filter(|s| s.starts_with("UPDATE"))
            .count(),
        1
    );
    assert_eq!(session[kept].amount, -1, "what the session holds is read again");
    let report = session
        .delete_where(Entry::AMOUNT.eq(-1))
        .skipping_hooks()
        .run()
        .unwrap();
    assert_eq!((report.deleted, report.statements), (5, 1));
    assert!(session.get(kept).is_err());
}

#[test]
fn a_deadlock_is_tried_again_and_no_update_is_lost() {
    let (database, engine) = engine();
    let mut session = engine.session();
    session.insert(account("a", 0));
    session.insert(account("b", 0));
    session.flush().unwrap();
    let options = TransactionOptions::default()
        .with_retries(100)
        .with_isolation(Isolation::ReadCommitted);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let engine = &engine;
            scope.spawn(move || {
                for _ in 0..10 {
                    let mut session = engine.session();
                    session
                        .transaction_with(options, |session| {
                            let order = if thread % 2 == 0 { [1, 2] } else { [2, 1] };
                            for id in order {
                                let account = session
                                    .query::<Account>()
                                    .filter(Account::ID.eq(id))
                                    .for_update()
                                    .first()?
                                    .expect("it is there");
                                session[account].balance += 1;
                                session.flush()?;
                            }
                            Ok(())
                        })
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(
        rows(&database, "SELECT balance FROM accounts ORDER BY id"),
        [["40"], ["40"]]
    );
    engine.close(Duration::from_secs(10)).unwrap();
}

#[test]
fn a_touch_does_not_take_a_delete_or_a_restore_back() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(account("ana", 1));
    session.flush().unwrap();
    session.delete(ana).unwrap();
    session.touch(ana).unwrap();
    assert_eq!(session.flush().unwrap().deleted, 1);
    session.restore(ana).unwrap();
    session.touch(ana).unwrap();
    session.flush().unwrap();
    assert_eq!(rows(&database, "SELECT deleted_at FROM accounts"), [["NULL"]]);
}

#[test]
fn edits_of_a_trashed_row_are_written_though_it_is_deleted_again() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(account("ana", 1));
    session.flush().unwrap();
    session.delete(ana).unwrap();
    session.flush().unwrap();
    session[ana].balance = 9;
    session.delete(ana).unwrap();
    assert_eq!(session.flush().unwrap().updated, 1);
    assert_eq!(
        rows(&database, "SELECT balance, deleted_at IS NULL FROM accounts"),
        [["9", "0"]]
    );
}

#[test]
fn a_delete_that_is_taken_back_leaves_the_edits_before_and_after_it() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(account("ana", 1));
    let [before, after, never] = [1, 2, 3].map(|amount| {
        session.insert(Entry {
            account: ana.into(),
            amount,
            ..Entry::default()
        })
    });
    session.flush().unwrap();
    session[before].amount = 10;
    for entry in [before, after, never] {
        session.delete(entry).unwrap();
    }
    session[after].amount = 20;
    for entry in [before, after, never] {
        session.restore(entry).unwrap();
    }
    let report = session.flush().unwrap();
    assert_eq!((report.updated, report.deleted), (2, 0));
    let amounts = || rows(&database, "SELECT amount FROM entries ORDER BY id");
    assert_eq!(amounts(), [["10"], ["20"], ["3"]]);
    // The same where a transaction takes the delete back, whether it was flushed or not.
    for flushes in [false, true] {
        let outcome: headwater::Result<()> = session.transaction(|session| {
            session.delete(never)?;
            if flushes {
                session.flush()?;
            }
            Err(headwater::Error::handler("no"))
        });
        outcome.unwrap_err();
        assert!(session.flush().unwrap().is_empty(), "{flushes}");
        session[never].amount += 1;
        assert_eq!(session.flush().unwrap().updated, 1, "{flushes}");
    }
    assert_eq!(amounts(), [["10"], ["20"], ["5"]]);
}

#[test]
fn a_row_that_is_edited_after_its_delete_is_found_by_its_key_until_then() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(account("ana", 1));
    let entry = session.insert(Entry {
        account: ana.into(),
        ..Entry::default()
    });
    session.flush().unwrap();
    let id = session[entry].id;
    session.delete(entry).unwrap();
    session[entry].id = 99;
    assert_eq!(session.find::<Entry>(id).unwrap(), Some(entry));
    assert_eq!(session.flush().unwrap().deleted, 1);
    assert!(rows(&database, "SELECT id FROM entries").is_empty());
}

#[test]
fn a_bulk_change_that_is_rolled_back_leaves_no_trace_in_memory() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(account("ana", 1));
    session.flush().unwrap();
    let entry = session.insert(Entry {
        account: ana.into(),
        amount: 3,
        ..Entry::default()
    });
    session.flush().unwrap();
    let outcome: headwater::Result<()> = session.transaction(|session| {
        session
            .update_where(Entry::AMOUNT.eq(3))
            .set(Entry::AMOUNT, 5)
            .skipping_hooks()
            .run()?;
        assert_eq!(session[entry].amount, 5);
        Err(headwater::Error::handler("no"))
    });
    outcome.unwrap_err();
    assert_eq!(session[entry].amount, 3);
    session[entry].amount = 5;
    assert_eq!(session.flush().unwrap().updated, 1);
    assert_eq!(rows(&database, "SELECT amount FROM entries"), [["5"]]);
}

#[test]
fn a_bulk_change_without_hooks_does_not_take_them_from_other_edits() {
    let (_database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(account("ana", 1));
    session.insert(account("ben", 50));
    session.flush().unwrap();
    let before = UPDATING.load(Ordering::Relaxed);
    session[ana].balance = 2;
    session
        .update_where(Account::BALANCE.eq(50))
        .set(Account::BALANCE, 60)
        .skipping_hooks()
        .run()
        .unwrap();
    assert!(
        UPDATING.load(Ordering::Relaxed) > before,
        "the hook of the other edit ran"
    );
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "members", index(unique, tenant, email))]
struct Member {
    #[column(id)]
    id: u64,
    tenant: u64,
    #[column(length = 60)]
    email: String,
}
impl Entity for Member {}

#[test]
fn swapped_values_of_a_composite_index_leave_its_other_columns_alone() {
    let (database, builder) = database();
    let engine = builder.entity::<Member>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut session = engine.session();
    let a = session.insert(Member {
        tenant: 5,
        email: "a@x.org".into(),
        ..Member::default()
    });
    let b = session.insert(Member {
        tenant: 5,
        email: "b@x.org".into(),
        ..Member::default()
    });
    session.flush().unwrap();
    let (first, second) = session.pair_mut(a, b).unwrap();
    std::mem::swap(&mut first.email, &mut second.email);
    session.flush().unwrap();
    assert_eq!(
        rows(&database, "SELECT tenant, email FROM members ORDER BY id"),
        [["5", "b@x.org"], ["5", "a@x.org"]]
    );
}
