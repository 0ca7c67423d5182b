//! What is told of an entity that several flushes of one transaction changed.

use headwater::prelude::*;

use crate::accounts::{Account, account, with_accounts};
use crate::world::{World, calls};

/// Runs a transaction and returns what its hooks and events told.
fn told(
    world: &World,
    session: &mut Session,
    work: impl FnOnce(&mut Session) -> headwater::Result<()>,
) -> (Vec<String>, Vec<String>) {
    let before = world.events().len();
    calls();
    session.transaction(work).unwrap();
    assert!(session.flush().unwrap().is_empty());
    (calls(), world.events().split_off(before))
}

#[test]
fn an_insert_that_is_updated_is_one_insert_with_the_last_values() {
    let (world, mut session, _) = with_accounts(1);
    let mut ann = None;
    let (hooks, events) = told(&world, &mut session, |session| {
        let new = session.insert(account("ann", 1));
        session.flush()?;
        session[new].balance = 2;
        session.flush()?;
        session[new].balance = 3;
        session[new].name = "anna".into();
        ann = Some(new);
        Ok(())
    });
    let id = session[ann.unwrap()].id;
    assert_eq!(hooks, [format!("created {id} anna = 3")]);
    assert_eq!(events, [format!("accounts {id} Insert")]);
    assert_eq!(session[ann.unwrap()].version, 3);
}

#[test]
fn an_insert_that_is_deleted_is_nothing() {
    let (world, mut session, _) = with_accounts(1);
    let (hooks, events) = told(&world, &mut session, |session| {
        let new = session.insert(account("ann", 1));
        session.flush()?;
        session[new].balance = 2;
        session.flush()?;
        session.delete(new)
    });
    assert!(hooks.is_empty() && events.is_empty(), "{hooks:?} {events:?}");
    assert_eq!(world.rows("SELECT name FROM accounts"), ["a1"]);
}

#[test]
fn updates_are_one_update_from_the_first_old_to_the_last_new_value() {
    let (world, mut session, accounts) = with_accounts(1);
    let (hooks, events) = told(&world, &mut session, |session| {
        session[accounts[0]].balance = 1;
        session.flush()?;
        session[accounts[0]].balance = 2;
        session[accounts[0]].note = Some("x".into());
        session.flush()?;
        session[accounts[0]].balance = 3;
        Ok(())
    });
    assert_eq!(hooks, ["updated 1 balance: 100 -> 3, note: NULL -> \"x\""]);
    assert_eq!(events, ["accounts 1 Update balance: 100 -> 3, note: NULL -> x"]);
    assert_eq!(world.rows("SELECT version FROM accounts"), ["4"]);
}

#[test]
fn a_column_that_came_back_to_where_it_began_is_not_told() {
    let (world, mut session, accounts) = with_accounts(1);
    let (hooks, events) = told(&world, &mut session, |session| {
        session[accounts[0]].balance = 1;
        session[accounts[0]].note = Some("x".into());
        session.flush()?;
        session[accounts[0]].balance = 100;
        Ok(())
    });
    assert_eq!(hooks, ["updated 1 note: NULL -> \"x\""]);
    assert_eq!(events, ["accounts 1 Update note: NULL -> x"]);
}

#[test]
fn an_update_that_comes_back_to_where_it_began_is_nothing() {
    let (world, mut session, accounts) = with_accounts(1);
    let (hooks, events) = told(&world, &mut session, |session| {
        session[accounts[0]].balance = 1;
        session.flush()?;
        session[accounts[0]].balance = 100;
        Ok(())
    });
    assert!(hooks.is_empty() && events.is_empty(), "{hooks:?} {events:?}");
    assert_eq!(
        world.rows("SELECT balance, version FROM accounts"),
        ["100|3"],
        "the statements ran"
    );
}

#[test]
fn an_update_that_is_deleted_is_a_delete() {
    let (world, mut session, accounts) = with_accounts(1);
    let (hooks, events) = told(&world, &mut session, |session| {
        session[accounts[0]].balance = 1;
        session.flush()?;
        session.delete(accounts[0])
    });
    assert_eq!(hooks, ["deleted 1 a1 = 1"]);
    assert_eq!(events, ["accounts 1 Delete"]);
}

#[test]
fn a_row_deleted_and_inserted_again_is_told_as_both() {
    let (world, mut session, accounts) = with_accounts(1);
    let (hooks, events) = told(&world, &mut session, |session| {
        session.delete(accounts[0])?;
        session.flush()?;
        session.insert(Account {
            id: 1,
            ..account("a1", 5)
        });
        Ok(())
    });
    // The hook of the delete finds the row that was inserted after it, and says so.
    let told: Vec<&String> = hooks.iter().filter(|call| !call.starts_with("NOT")).collect();
    assert_eq!(told, ["deleted 1 a1 = 100", "created 1 a1 = 5"]);
    assert_eq!(events, ["accounts 1 Delete", "accounts 1 Insert"]);
}

/// Only what the transaction kept is told, with the values that were kept.
#[test]
fn what_an_inner_transaction_took_back_is_not_told() {
    let (world, mut session, accounts) = with_accounts(2);
    let (hooks, events) = told(&world, &mut session, |session| {
        session[accounts[0]].balance = 1;
        session.flush()?;
        let inner = session.transaction(|session| {
            session[accounts[0]].balance = 2;
            session[accounts[1]].balance = 2;
            session.insert(account("inner", 2));
            session.flush()?;
            Err::<(), _>(headwater::Error::handler("stop"))
        });
        assert!(inner.is_err());
        session[accounts[0]].balance = 3;
        session[accounts[1]].balance = 100;
        Ok(())
    });
    assert_eq!(hooks, ["updated 1 balance: 100 -> 3"]);
    assert_eq!(events, ["accounts 1 Update balance: 100 -> 3"]);
}

/// Part of a transaction may run without hooks: the hooks of the rest run.
#[test]
fn hooks_run_for_the_part_of_a_transaction_that_wants_them() {
    let (world, mut session, accounts) = with_accounts(2);
    let (hooks, events) = told(&world, &mut session, |session| {
        session.without_hooks(|session| {
            session[accounts[0]].balance = 1;
            session.flush()
        })?;
        session[accounts[0]].balance = 2;
        session[accounts[1]].balance = 1;
        session.flush()?;
        session.without_hooks(|session| {
            session[accounts[1]].note = Some("x".into());
            session.flush()
        })?;
        Ok(())
    });
    let of = |id: &str| {
        hooks
            .iter()
            .filter(|call| call.starts_with(&format!("updated {id} ")))
            .count()
    };
    assert_eq!((of("1"), of("2")), (1, 1), "{hooks:?}");
    assert_eq!(
        events,
        [
            "accounts 1 Update balance: 100 -> 2",
            "accounts 2 Update balance: 100 -> 1, note: NULL -> x"
        ]
    );
}

/// The same of a table without streams.
#[test]
fn hooks_of_a_table_without_streams_run_for_the_part_that_wants_them() {
    #[derive(Debug, Clone, Default, PartialEq, Table)]
    #[table(name = "quiet")]
    struct Quiet {
        #[column(id)]
        id: u64,
        n: i32,
    }
    impl Entity for Quiet {
        fn updated(&self, change: &Committed<'_, Self>) {
            crate::world::note(format!("updated quiet {:?}", change.of(Quiet::N)));
        }
    }
    let world = World::new(crate::accounts::BANK, |builder| builder.entity::<Quiet>());
    let mut session = world.engine.session();
    let quiet = session.insert(Quiet::default());
    session.flush().unwrap();
    let (hooks, _) = told(&world, &mut session, |session| {
        session.without_hooks(|session| {
            session[quiet].n = 1;
            session.flush()
        })?;
        session[quiet].n = 2;
        Ok(())
    });
    assert_eq!(hooks, ["updated quiet Some((1, 2))"]);
    let (hooks, _) = told(&world, &mut session, |session| {
        session[quiet].n = 3;
        session.flush()?;
        session.without_hooks(|session| {
            session[quiet].n = 4;
            session.flush()
        })?;
        Ok(())
    });
    assert_eq!(hooks, ["updated quiet Some((2, 3))"]);
    let (hooks, _) = told(&world, &mut session, |session| {
        session[quiet].n = 5;
        session.flush()?;
        session[quiet].n = 4;
        Ok(())
    });
    assert!(hooks.is_empty(), "{hooks:?}");
}
