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

#[test]
fn hooks_run_in_the_order_of_the_table() {
    let (database, builder) = database();
    let engine = builder.entity::<Plain>().entity::<Soft>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let owner = database.name().to_owned();
    let mut session = engine.session();

    let plain = session.insert(Plain {
        owner: owner.clone(),
        ..Plain::default()
    });
    assert!(calls(&owner).is_empty());
    session.flush().unwrap();
    assert_eq!(calls(&owner), ["saving", "creating", "created", "saved"]);

    session[plain].text = "x".into();
    session.flush().unwrap();
    assert_eq!(calls(&owner), ["saving", "updating", "updated", "saved"]);

    session[plain].text = "x".into();
    session.flush().unwrap();
    assert!(calls(&owner).is_empty(), "nothing changed");

    let mut other = engine.session();
    let same = other.find::<Plain>(1).unwrap().unwrap();
    assert_eq!(calls(&owner), ["retrieved"]);
    other.query::<Plain>().all().unwrap();
    other.find::<Plain>(1).unwrap();
    assert!(calls(&owner).is_empty(), "once for each identity");
    drop((other, same));

    session.delete(plain).unwrap();
    session.flush().unwrap();
    assert_eq!(calls(&owner), ["deleting", "deleted"]);

    let soft = session.insert(Soft {
        owner: owner.clone(),
        ..Soft::default()
    });
    session.flush().unwrap();
    calls(&owner);
    session.delete(soft).unwrap();
    session.flush().unwrap();
    assert_eq!(calls(&owner), ["deleting", "trashing", "trashed", "deleted"]);
    assert_eq!(
        rows(&database, "SELECT COUNT(*) FROM soft WHERE deleted_at IS NOT NULL"),
        [["1"]]
    );

    session.delete(soft).unwrap();
    assert!(session.flush().unwrap().is_empty());
    assert!(calls(&owner).is_empty(), "trashed already");

    session.restore(soft).unwrap();
    session.flush().unwrap();
    assert_eq!(calls(&owner), ["restoring", "restored"]);
    assert!(session[soft].deleted_at.is_none());

    session.delete(soft).unwrap();
    session.flush().unwrap();
    calls(&owner);
    session.restore(soft).unwrap();
    session[soft].text = "back".into();
    session.flush().unwrap();
    assert_eq!(
        calls(&owner),
        ["restoring", "saving", "updating", "updated", "saved", "restored"]
    );

    session.force_delete(soft).unwrap();
    session.flush().unwrap();
    assert_eq!(
        calls(&owner),
        ["force_deleting", "deleting", "deleted", "force_deleted"]
    );
    assert_eq!(rows(&database, "SELECT COUNT(*) FROM soft"), [["0"]]);

    let never = session.insert(Plain {
        owner: owner.clone(),
        ..Plain::default()
    });
    session.delete(never).unwrap();
    assert!(session.flush().unwrap().is_empty());
    assert!(calls(&owner).is_empty(), "never inserted");
}
