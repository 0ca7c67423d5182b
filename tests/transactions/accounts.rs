//! The tables of these tests: accounts with version, timestamps and hooks, and entries that belong to them.

use chrono::{DateTime, Utc};
use headwater::prelude::*;

use crate::world::{World, note};

pub(crate) const BANK: Stream = Stream::new("BankStream");

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "accounts", stream(BANK))]
pub(crate) struct Account {
    #[column(id)]
    pub(crate) id: u64,
    #[column(unique, length = 40)]
    pub(crate) name: String,
    pub(crate) balance: i64,
    pub(crate) note: Option<String>,
    #[column(version)]
    pub(crate) version: u32,
    #[column(created_at)]
    pub(crate) created_at: DateTime<Utc>,
    #[column(updated_at)]
    pub(crate) updated_at: DateTime<Utc>,
}

impl Entity for Account {
    fn saving(&mut self, _: &mut Hook<'_, Self>) -> HookResult {
        if self.name == "refused" {
            return Err("no account of that name".into());
        }
        Ok(())
    }
    fn created(&self, change: &Committed<'_, Self>) {
        note(format!("created {} {} = {}", change.key(), self.name, self.balance));
        sees_the_row(change, self, true);
    }
    fn updated(&self, change: &Committed<'_, Self>) {
        let changes: Vec<String> = change
            .changes()
            .iter()
            .map(|c| format!("{}: {} -> {}", c.column, c.old, c.new))
            .collect();
        note(format!("updated {} {}", change.key(), changes.join(", ")));
        sees_the_row(change, self, true);
    }
    fn deleted(&self, change: &Committed<'_, Self>) {
        note(format!("deleted {} {} = {}", change.key(), self.name, self.balance));
        sees_the_row(change, self, false);
    }
}

/// A past-tense hook is called when everybody else sees what it is told of.
fn sees_the_row(change: &Committed<'_, Account>, account: &Account, there: bool) {
    let mut other = change.engine().session();
    let row = other.query::<Account>().filter(Account::ID.eq(account.id)).fetch();
    match row.expect("an answer").first() {
        Some(row) if there => {
            if (&row.name, row.balance, row.version) != (&account.name, account.balance, account.version) {
                note(format!("NOT AS COMMITTED {row:?}"));
            }
        }
        None if !there => {}
        other => note(format!("NOT COMMITTED {other:?}")),
    }
}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "entries", stream(BANK))]
pub(crate) struct Entry {
    #[column(id)]
    pub(crate) id: u64,
    #[column(references)]
    pub(crate) account: Ref<Account>,
    pub(crate) amount: i64,
}

impl Entity for Entry {
    fn created(&self, change: &Committed<'_, Self>) {
        note(format!("created entry {}", change.key()));
    }
    fn updated(&self, change: &Committed<'_, Self>) {
        note(format!("updated entry {}", change.key()));
    }
    fn deleted(&self, change: &Committed<'_, Self>) {
        note(format!("deleted entry {}", change.key()));
    }
}

pub(crate) fn world() -> World {
    World::new(BANK, |builder| builder.entity::<Entry>().entity::<Account>())
}

pub(crate) fn account(name: &str, balance: i64) -> Account {
    Account {
        name: name.into(),
        balance,
        ..Account::default()
    }
}

pub(crate) fn entry(account: impl Into<Ref<Account>>, amount: i64) -> Entry {
    Entry {
        account: account.into(),
        amount,
        ..Entry::default()
    }
}

/// A world with accounts `a1`, `a2`, … of balance 100 and a session that holds them.
pub(crate) fn with_accounts(count: usize) -> (World, Session, Vec<Handle<Account>>) {
    let world = world();
    let mut session = world.engine.session();
    let accounts = (1..=count)
        .map(|n| session.insert(account(&format!("a{n}"), 100)))
        .collect();
    session.flush().expect("accounts");
    world.events();
    crate::world::calls();
    (world, session, accounts)
}
