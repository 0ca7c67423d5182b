//! The cases of FluxaORM's lifecycle_callbacks_test, under their names: what past-tense hooks are told.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(non_snake_case)]

mod common;

use std::cell::RefCell;

use chrono::NaiveDateTime;
use common::{database, rows};
use headwater::prelude::*;
use headwater_testkit::Database;

thread_local! {
    /// What the hooks of this thread's test were told.
    static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn told() -> Vec<String> {
    TOLD.take()
}

fn note(what: &str, name: &str, change: &[(String, String)]) {
    let changes: String = change
        .iter()
        .map(|(column, change)| format!(" {column}: {change}"))
        .collect();
    TOLD.with_borrow_mut(|told| told.push(format!("{what} {name}{changes}")));
}

fn spelled<E: Entity>(change: &Committed<'_, E>) -> Vec<(String, String)> {
    let one = |c: &headwater::session::FieldChange| (c.column.to_owned(), format!("{} -> {}", c.old, c.new));
    change.changes().iter().map(one).collect()
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "callback_entity", soft_delete)]
struct Callback {
    #[column(id)]
    id: u64,
    #[column(length = 100)]
    name: String,
    age: u8,
    #[column(created_at)]
    created_at: NaiveDateTime,
    #[column(updated_at)]
    updated_at: NaiveDateTime,
    #[column(deleted_at)]
    deleted_at: Option<NaiveDateTime>,
}

impl Entity for Callback {
    fn created(&self, _: &Committed<'_, Self>) {
        assert!(self.id > 0 && self.created_at > NaiveDateTime::default());
        note("created", &self.name, &[]);
        assert!(self.name != "fragile", "the callback's own trouble");
    }
    fn updated(&self, change: &Committed<'_, Self>) {
        note("updated", &self.name, &spelled(change));
    }
    fn deleted(&self, change: &Committed<'_, Self>) {
        assert!(*change.key() > 0);
        note("deleted", &self.name, &[]);
    }
}

/// A table without hooks, without soft delete.
#[derive(Debug, Clone, Default, Table)]
#[table(name = "plain_entity")]
struct Plain {
    #[column(id)]
    id: u64,
    name: String,
}
impl Entity for Plain {}

fn engine() -> (Database, Engine) {
    let (database, builder) = database();
    let engine = builder.entity::<Callback>().entity::<Plain>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    (database, engine)
}

fn named(name: &str) -> Callback {
    Callback {
        name: name.into(),
        ..Callback::default()
    }
}

#[test]
fn TestAfterInsertCallback() {
    let (_database, engine) = engine();
    let mut session = engine.session();
    session.insert(named("Ana"));
    assert_eq!(told(), [""; 0]);
    session.flush().unwrap();
    assert_eq!(told(), ["created Ana"]);
}

#[test]
fn TestAfterUpdateCallback() {
    let (_database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(named("Ana"));
    session.flush().unwrap();
    assert_eq!(told(), ["created Ana"]);
    session[ana].name = "Anna".into();
    session.flush().unwrap();
    assert_eq!(told(), ["updated Anna name: \"Ana\" -> \"Anna\""]);
}

#[test]
fn TestAfterDeleteCallback() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(named("Ana"));
    session.flush().unwrap();
    told();
    session.force_delete(ana).unwrap();
    session.flush().unwrap();
    assert_eq!(told(), ["deleted Ana"]);
    assert!(rows(&database, "SELECT id FROM callback_entity").is_empty());
}

#[test]
fn TestAfterDeleteCallbackFakeDelete() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(named("Ana"));
    session.flush().unwrap();
    told();
    session.delete(ana).unwrap();
    session.flush().unwrap();
    // The delete is told, the UPDATE that it is in the database is not.
    assert_eq!(told(), ["deleted Ana"]);
    assert_eq!(
        rows(&database, "SELECT deleted_at IS NULL FROM callback_entity"),
        [["0"]]
    );
}

#[test]
fn TestAfterFlushCallbacksNoHandler() {
    let (_database, engine) = engine();
    let mut session = engine.session();
    let plain = session.insert(Plain::default());
    session.flush().unwrap();
    session[plain].name = "x".into();
    session.flush().unwrap();
    session.delete(plain).unwrap();
    assert_eq!(session.flush().unwrap().deleted, 1);
    assert_eq!(told(), [""; 0]);
}

#[test]
fn TestAfterUpdateExcludesUpdatedAt() {
    let (_database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(named("Ana"));
    session.flush().unwrap();
    told();
    let before = session[ana].updated_at;
    session[ana].age = 1;
    session.flush().unwrap();
    assert_eq!(told(), ["updated Ana age: 0 -> 1"]);
    assert!(session[ana].updated_at > before);
}

#[test]
fn TestMultipleEntitiesInSingleFlush() {
    let (_database, engine) = engine();
    let mut session = engine.session();
    let handles: Vec<_> = ["Ana", "Ben"].map(|name| session.insert(named(name))).into();
    session.insert(Plain::default());
    let report = session.flush().unwrap();
    assert_eq!(report.inserted, 3);
    assert_eq!(told(), ["created Ana", "created Ben"]);
    session[handles[0]].age = 1;
    session.delete(handles[1]).unwrap();
    session.insert(named("Cleo"));
    session.flush().unwrap();
    let mut all = told();
    all.sort();
    assert_eq!(all, ["created Cleo", "deleted Ben", "updated Ana age: 0 -> 1"]);
}

/// There it is an error of `Flush` after the commit, which hides the rest; here the flush succeeds and its report
/// names what failed, and the other callbacks are called.
#[test]
fn TestAfterCallbackErrorPropagation() {
    let (database, engine) = engine();
    let mut session = engine.session();
    session.insert(named("fragile"));
    session.insert(named("Ana"));
    let report = session.flush().unwrap();
    assert_eq!(report.hook_failures.len(), 1);
    assert!(
        report.hook_failures[0]
            .to_string()
            .contains("the callback's own trouble")
    );
    assert_eq!(told(), ["created fragile", "created Ana"]);
    assert_eq!(
        rows(&database, "SELECT name FROM callback_entity ORDER BY id"),
        [["fragile"], ["Ana"]]
    );
    assert!(session.flush().unwrap().is_empty());
}
