//! Hooks: their literal orders, what they see, what they may change and refuse.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Mutex;

use chrono::NaiveDateTime;
use common::{database, rows};
use headwater::prelude::*;

/// What the hooks of a test did, by the database of the test: tests run side by side.
static CALLS: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

fn note(who: &str, call: &str) {
    CALLS.lock().unwrap().push((who.to_owned(), call.to_owned()));
}

fn calls(who: &str) -> Vec<String> {
    let mut all = CALLS.lock().unwrap();
    let mine = all
        .iter()
        .filter(|(owner, _)| owner == who)
        .map(|(_, call)| call.clone())
        .collect();
    all.retain(|(owner, _)| owner != who);
    mine
}

macro_rules! noting {
    ($entity:ty) => {
        impl Entity for $entity {
            fn saving(&mut self, _: &mut Hook<'_, Self>) -> HookResult {
                note(&self.owner, "saving");
                Ok(())
            }
            fn saved(&self, _: &Committed<'_, Self>) {
                note(&self.owner, "saved");
            }
            fn creating(&mut self, _: &mut Hook<'_, Self>) -> HookResult {
                note(&self.owner, "creating");
                Ok(())
            }
            fn created(&self, _: &Committed<'_, Self>) {
                note(&self.owner, "created");
            }
            fn updating(&mut self, _: &mut Hook<'_, Self>) -> HookResult {
                note(&self.owner, "updating");
                Ok(())
            }
            fn updated(&self, _: &Committed<'_, Self>) {
                note(&self.owner, "updated");
            }
            fn deleting(&mut self, _: &mut Hook<'_, Self>) -> HookResult {
                note(&self.owner, "deleting");
                Ok(())
            }
            fn deleted(&self, _: &Committed<'_, Self>) {
                note(&self.owner, "deleted");
            }
            fn trashing(&mut self, _: &mut Hook<'_, Self>) -> HookResult {
                note(&self.owner, "trashing");
                Ok(())
            }
            fn trashed(&self, _: &Committed<'_, Self>) {
                note(&self.owner, "trashed");
            }
            fn restoring(&mut self, _: &mut Hook<'_, Self>) -> HookResult {
                note(&self.owner, "restoring");
                Ok(())
            }
            fn restored(&self, _: &Committed<'_, Self>) {
                note(&self.owner, "restored");
            }
            fn force_deleting(&mut self, _: &mut Hook<'_, Self>) -> HookResult {
                note(&self.owner, "force_deleting");
                Ok(())
            }
            fn force_deleted(&self, _: &Committed<'_, Self>) {
                note(&self.owner, "force_deleted");
            }
            fn retrieved(&mut self) {
                note(&self.owner, "retrieved");
            }
            fn replicating(&mut self) -> HookResult {
                note(&self.owner, "replicating");
                Ok(())
            }
            fn replicated(&self) {
                note(&self.owner, "replicated");
            }
        }
    };
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "plain")]
struct Plain {
    #[column(id)]
    id: u64,
    owner: String,
    text: String,
}
noting!(Plain);

#[derive(Debug, Clone, Default, Table)]
#[table(name = "soft", soft_delete)]
struct Soft {
    #[column(id)]
    id: u64,
    owner: String,
    text: String,
    #[column(deleted_at)]
    deleted_at: Option<NaiveDateTime>,
}
noting!(Soft);

/// The order of hooks for each operation, as DESIGN.md (section 4) and the documentation of `Entity` have it.
const ORDERS: [(&str, &[&str]); 11] = [
    ("insert", &["saving", "creating", "created", "saved"]),
    ("update", &["saving", "updating", "updated", "saved"]),
    ("nothing changed", &[]),
    ("load", &["retrieved"]),
    ("delete", &["deleting", "deleted"]),
    ("soft delete", &["deleting", "trashing", "trashed", "deleted"]),
    ("restore", &["restoring", "restored"]),
    (
        "restore and update",
        &["restoring", "saving", "updating", "updated", "saved", "restored"],
    ),
    (
        "force delete",
        &["force_deleting", "deleting", "deleted", "force_deleted"],
    ),
    ("replicate", &["replicating", "replicated"]),
    ("never inserted", &[]),
];

#[test]
fn hooks_run_in_the_order_of_the_table() {
    let (database, builder) = database();
    let engine = builder.entity::<Plain>().entity::<Soft>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let owner = database.name().to_owned();
    let mut session = engine.session();
    let mut seen: Vec<&str> = Vec::new();
    let mut expect = |operation: &'static str| {
        let (_, hooks) = ORDERS.iter().find(|(name, _)| *name == operation).unwrap();
        assert_eq!(calls(&owner), *hooks, "{operation}");
        seen.push(operation);
    };

    let plain = session.insert(Plain {
        owner: owner.clone(),
        ..Plain::default()
    });
    let soft = session.insert(Soft {
        owner: owner.clone(),
        ..Soft::default()
    });
    session.delete(soft).unwrap();
    session.flush().unwrap();
    expect("insert");
    let soft = session.insert(Soft {
        owner: owner.clone(),
        ..Soft::default()
    });
    session.flush().unwrap();
    expect("insert");

    session[plain].text = "x".into();
    session.flush().unwrap();
    expect("update");
    session[plain].text = "x".into();
    session.flush().unwrap();
    expect("nothing changed");

    let mut other = engine.session();
    other.find::<Plain>(1).unwrap().unwrap();
    expect("load");
    other.fetch::<Plain>(1).unwrap().unwrap();
    expect("load");
    other.query::<Plain>().all().unwrap();
    other.find::<Plain>(1).unwrap();
    expect("nothing changed");

    let copy = session.replicate(plain).unwrap();
    expect("replicate");
    session.delete(copy).unwrap();
    assert!(session.flush().unwrap().is_empty());
    expect("never inserted");

    session.delete(plain).unwrap();
    session.flush().unwrap();
    expect("delete");

    session.delete(soft).unwrap();
    session.flush().unwrap();
    expect("soft delete");
    assert_eq!(
        rows(&database, "SELECT COUNT(*) FROM soft WHERE deleted_at IS NOT NULL"),
        [["1"]]
    );
    session.delete(soft).unwrap();
    assert!(session.flush().unwrap().is_empty());
    expect("nothing changed");

    session.restore(soft).unwrap();
    session.flush().unwrap();
    expect("restore");
    assert!(session[soft].deleted_at.is_none());
    session.delete(soft).unwrap();
    session.flush().unwrap();
    expect("soft delete");
    session.restore(soft).unwrap();
    session[soft].text = "back".into();
    session.flush().unwrap();
    expect("restore and update");

    session.force_delete(soft).unwrap();
    session.flush().unwrap();
    expect("force delete");
    assert_eq!(rows(&database, "SELECT COUNT(*) FROM soft"), [["0"]]);
    for (operation, _) in ORDERS {
        assert!(seen.contains(&operation), "{operation} was not tried");
    }
}

/// Every new one makes another one.
#[derive(Debug, Clone, Default, Table)]
#[table(name = "rabbits")]
struct Rabbit {
    #[column(id)]
    id: u64,
    generation: u32,
}

impl Entity for Rabbit {
    fn creating(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        let generation = self.generation + 1;
        hook.session().insert(Rabbit {
            generation,
            ..Rabbit::default()
        });
        Ok(())
    }
}

#[test]
fn hooks_that_never_end_are_stopped_and_named() {
    let (database, builder) = database();
    let engine = builder.entity::<Rabbit>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut session = engine.session();
    session.insert(Rabbit::default());
    let error = session.flush().unwrap_err();
    assert!(error.to_string().contains("rabbits (new)"), "{error}");
    assert!(matches!(error.kind(), headwater::ErrorKind::HookCycle { .. }));
    assert_eq!(rows(&database, "SELECT COUNT(*) FROM rabbits"), [["0"]]);
}

/// Its past-tense hooks panic, but for the last; and its e-mail address makes room when it is trashed.
#[derive(Debug, Clone, Default, Table)]
#[table(name = "fragile", soft_delete)]
struct Fragile {
    #[column(id)]
    id: u64,
    owner: String,
    #[column(unique, length = 100)]
    email: String,
    #[column(deleted_at)]
    deleted_at: Option<NaiveDateTime>,
}

impl Entity for Fragile {
    fn created(&self, _: &Committed<'_, Self>) {
        panic!("the mail server is on fire");
    }

    fn saved(&self, change: &Committed<'_, Self>) {
        note(&self.owner, &format!("saved {}", change.key()));
    }

    fn trashing(&mut self, _: &mut Hook<'_, Self>) -> HookResult {
        self.email = format!("{}#{}", self.email, self.id);
        Ok(())
    }
}

#[test]
fn a_panic_in_a_past_tense_hook_is_told_and_the_others_run() {
    let (database, builder) = database();
    let engine = builder.entity::<Fragile>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let owner = database.name().to_owned();
    let mut session = engine.session();
    for n in 1..=2 {
        session.insert(Fragile {
            owner: owner.clone(),
            email: format!("{n}@x.org"),
            ..Fragile::default()
        });
    }
    let report = session.flush().unwrap();
    let told: Vec<String> = report.hook_failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "fragile 1: `created` panicked: the mail server is on fire",
            "fragile 2: `created` panicked: the mail server is on fire"
        ]
    );
    assert_eq!(calls(&owner), ["saved 1", "saved 2"]);
    assert_eq!(rows(&database, "SELECT COUNT(*) FROM fragile"), [["2"]]);
}

#[test]
fn a_unique_value_is_free_again_after_a_soft_delete() {
    let (database, builder) = database();
    let engine = builder.entity::<Fragile>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let fragile = || Fragile {
        owner: database.name().into(),
        email: "ana@x.org".into(),
        ..Fragile::default()
    };
    let mut session = engine.session();
    let first = session.insert(fragile());
    session.flush().unwrap();
    // Trashed and made anew in one flush: the value is given up before it is taken.
    session.delete(first).unwrap();
    session.insert(fragile());
    session.flush().unwrap();
    assert_eq!(
        rows(&database, "SELECT email, deleted_at IS NULL FROM fragile ORDER BY id"),
        [["ana@x.org#1", "0"], ["ana@x.org", "1"]]
    );
}
