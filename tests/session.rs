//! Sessions: insert, edit, delete, find, and what a flush writes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{database, rows, sql};
use headwater::prelude::*;
use headwater_testkit::{Database, ServerKind};

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "users")]
struct User {
    #[column(id)]
    id: u64,
    #[column(length = 100)]
    name: String,
    #[column(unique)]
    email: String,
    age: Option<u8>,
}
impl Entity for User {}

const USERS: &str = "CREATE TABLE users (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(100) NOT NULL, \
                     email VARCHAR(255) NOT NULL, age TINYINT UNSIGNED NULL, UNIQUE KEY uq_email (email))";

fn user(n: usize) -> User {
    User {
        name: format!("User {n}"),
        email: format!("user{n}@example.org"),
        age: Some((n % 100) as u8),
        ..User::default()
    }
}

#[test]
fn an_entity_is_inserted_changed_and_deleted() {
    let (database, builder) = database();
    sql(&database, &[USERS]);
    let engine = builder.entity::<User>().build().unwrap();
    let mut session = engine.session();
    let ana = session.insert(user(1));
    let report = session.flush().unwrap();
    assert_eq!((report.inserted, report.statements), (1, 1));
    assert_eq!(session[ana].id, 1);

    session[ana].name = "Ana".into();
    session[ana].age = None;
    let report = session.flush().unwrap();
    assert_eq!((report.updated, report.statements), (1, 1));
    assert_eq!(
        rows(&database, "SELECT * FROM users"),
        [["1", "Ana", "user1@example.org", "NULL"]]
    );

    session.delete(ana).unwrap();
    let report = session.flush().unwrap();
    assert_eq!((report.deleted, report.statements), (1, 1));
    assert!(rows(&database, "SELECT * FROM users").is_empty());
    assert!(session.get(ana).is_err());
}

/// Of the entities of a session some are deleted, then all that are left; their places are used again.
#[test]
fn entities_that_stay_are_known_by_their_keys_when_others_are_deleted() {
    let (database, builder) = database();
    sql(&database, &[USERS]);
    let engine = builder.entity::<User>().build().unwrap();
    // Once the hooks are known to have no bodies, deletes are accepted all at once.
    for _ in 0..2 {
        sql(&database, &["TRUNCATE TABLE users"]);
        delete_some_then_all(&database, engine.session());
    }
}

fn delete_some_then_all(database: &Database, mut session: Session) {
    let handles: Vec<_> = (0..10).map(|n| session.insert(user(n))).collect();
    session.flush().unwrap();
    let (gone, kept): (Vec<_>, Vec<_>) = handles.iter().partition(|&&user| session[user].id % 3 == 1);
    for &user in &gone {
        session.delete(user).unwrap();
    }
    assert_eq!(session.flush().unwrap().deleted, 4);
    assert_eq!(session.len(), 6);
    for &user in &kept {
        assert_eq!(session.require::<User>(session[user].id).unwrap(), user);
    }
    for &user in &gone {
        assert!(session.get(user).is_err());
    }
    for id in [1, 4, 7, 10] {
        assert_eq!(session.find::<User>(id).unwrap(), None);
    }

    let new: Vec<_> = (10..13).map(|n| session.insert(user(n))).collect();
    session.flush().unwrap();
    for &user in &new {
        assert_eq!(session.require::<User>(session[user].id).unwrap(), user);
    }
    let all: Vec<_> = kept.iter().chain(&new).copied().collect();
    for &user in &all {
        session.delete(user).unwrap();
    }
    assert_eq!(session.flush().unwrap().deleted, 9);
    assert_eq!(session.len(), 0);
    assert!(all.iter().all(|&user| session.get(user).is_err()));
    assert!(rows(database, "SELECT * FROM users").is_empty());
    // A row of a key that was there is read anew.
    sql(
        database,
        &["INSERT INTO users VALUES (2, 'Again', 'again@example.org', NULL)"],
    );
    let again = session.require::<User>(2).unwrap();
    assert_eq!(session[again].name, "Again");
}

#[test]
fn statements_are_as_few_as_promised() {
    let (database, builder) = database();
    sql(&database, &[USERS]);
    let engine = builder.entity::<User>().build().unwrap();
    let log = database.record().unwrap();
    let writes = |word: &str| log.executed().unwrap().iter().filter(|s| s.starts_with(word)).count();

    let mut session = engine.session();
    let handles: Vec<_> = (0..1000).map(|n| session.insert(user(n))).collect();
    session.flush().unwrap();
    // Large prepared statements get slower by the row on MySQL.
    let few = match database.server().kind {
        ServerKind::MariaDb => 2,
        ServerKind::MySql => 6,
    };
    assert!(writes("INSERT") <= few, "{:?}", writes("INSERT"));
    for (n, &handle) in handles.iter().enumerate() {
        assert_eq!(session[handle].id, n as u64 + 1);
    }

    log.clear().unwrap();
    for (n, &handle) in handles.iter().enumerate() {
        session[handle].name = format!("Changed {n}");
        session[handle].age = if n % 7 == 0 { None } else { Some((n % 50) as u8) };
    }
    session.flush().unwrap();
    assert!(writes("UPDATE") <= 2, "{:?}", log.executed().unwrap().len());
    assert_eq!(
        rows(
            &database,
            "SELECT name, age FROM users WHERE id IN (8, 1000) ORDER BY id"
        ),
        [["Changed 7", "NULL"], ["Changed 999", "49"]]
    );

    log.clear().unwrap();
    for &handle in &handles {
        session[handle].age = Some(3);
    }
    session.flush().unwrap();
    assert_eq!(writes("UPDATE"), 1);

    log.clear().unwrap();
    let nothing = session.flush().unwrap();
    assert!(nothing.is_empty());
    assert!(log.executed().unwrap().is_empty());

    // Ten touched among 10,000 that are loaded.
    for n in 1000..10_000 {
        session.insert(user(n));
    }
    session.flush().unwrap();
    let mut large = engine.session();
    let loaded = large.query::<User>().order_by(User::ID.asc()).all().unwrap();
    assert_eq!(loaded.len(), 10_000);
    log.clear().unwrap();
    for &handle in &loaded[..10] {
        large[handle].name = "One of ten".into();
    }
    assert_eq!(large.flush().unwrap().updated, 10);
    assert_eq!(writes("UPDATE"), 1);

    log.clear().unwrap();
    for &handle in &handles {
        session.delete(handle).unwrap();
    }
    session.flush().unwrap();
    assert_eq!(writes("DELETE"), 1);
    assert_eq!(rows(&database, "SELECT COUNT(*) FROM users"), [["9000"]]);

    // A few ranges name up to 8,192 rows, and a list two.
    for (kept, expected) in [([5_000, 9_000], 2), ([10_001, 10_001], 1)] {
        log.clear().unwrap();
        let mut rest = engine.session();
        for row in rest.query::<User>().order_by(User::ID.asc()).all().unwrap() {
            if !kept.contains(&rest[row].id) {
                rest.delete(row).unwrap();
            }
        }
        rest.flush().unwrap();
        assert_eq!(writes("DELETE"), expected, "all but {kept:?}");
    }
    assert_eq!(rows(&database, "SELECT COUNT(*) FROM users"), [["0"]]);
}
