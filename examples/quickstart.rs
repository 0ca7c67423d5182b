//! A whole program: a table, its hooks, a session, and the events that other services read.
//!
//! It prints what happens step by step, and fails when what it saw is not what it expected.
//!
//! ```text
//! $ cargo xtask demo
//! $ cargo run --example quickstart
//! ```
//!
//! The first runs it on private servers; so does the second, unless `HEADWATER_MYSQL_URL` and
//! `HEADWATER_REDIS_URL` name servers. There it leaves an empty table `users` and two empty streams behind.

#![allow(missing_docs, reason = "its comments tell what a reader of an example wants to know")]

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use headwater::prelude::*;

#[path = "support/servers.rs"]
mod servers;

use servers::Urls;

// ---- What is stored, and which streams hear of it --------------------------------------------------------

pub const USERS: Stream = Stream::new("UserStream");
pub const USER_STATUS: Stream = Stream::new("UserStatusStream");

/// `UserStream` gets every change. `UserStatusStream` gets inserts and deletes, and of the updates those
/// that change the status.
#[derive(Debug, Clone, Default, Table)]
#[table(name = "users", stream(USERS), stream(USER_STATUS, on = "ID"))]
pub struct User {
    #[column(id)]
    pub id: u64,
    #[column(length = 100)]
    pub name: String,
    #[column(unique)]
    pub email: String,
    #[column(triggers(USER_STATUS))]
    pub status: Status,
    pub age: Option<u8>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enumeration)]
pub enum Status {
    #[default]
    Active,
    Banned,
}

// ---- How it behaves --------------------------------------------------------------------------------------

impl Entity for User {
    fn saving(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        told("hook", format!("saving    {}", self.name));
        self.email = self.email.trim().to_lowercase();
        if hook.is_dirty(User::EMAIL) && !self.email.contains('@') {
            return Err("an e-mail address needs an @".into());
        }
        Ok(())
    }

    fn created(&self, change: &Committed<'_, Self>) {
        told("hook", format!("created   {}, whose id is {}", self.name, change.key()));
    }

    fn updated(&self, change: &Committed<'_, Self>) {
        if let Some((old, new)) = change.of(User::STATUS) {
            told("hook", format!("updated   {}: status {old:?} -> {new:?}", self.name));
        }
        if let Some((old, new)) = change.of(User::NAME) {
            told("hook", format!("updated   {}: name {old:?} -> {new:?}", self.name));
        }
    }

    fn deleted(&self, _: &Committed<'_, Self>) {
        told("hook", format!("deleted   {}", self.name));
    }
}

// ---- The program -----------------------------------------------------------------------------------------

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nquickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let urls = Urls::find()?;
    say(format_args!("Headwater quickstart, on {}", urls.origin));

    heading("Build the engine, and make the table");
    let engine = Engine::builder()
        .mysql(&urls.mysql)
        .redis(&urls.redis)
        .entity::<User>()
        .on_statement(|statement| sql(statement.sql))
        .build()?;
    let diff = engine.schema().diff()?;
    for step in diff.steps() {
        told("schema", step.why());
    }
    diff.apply()?;

    heading("Insert two users");
    told(
        "code",
        "session.insert(User { name: \"Ana\", email: \"Ana@x.org\", .. })",
    );
    told(
        "code",
        "session.insert(User { name: \"Ben\", email: \"ben@x.org\", .. })",
    );
    told("code", "session.flush()");
    let mut session = engine.session();
    let ana = session.insert(User {
        name: "Ana".into(),
        email: "Ana@x.org".into(),
        ..User::default()
    });
    let ben = session.insert(User {
        name: "Ben".into(),
        email: "ben@x.org".into(),
        age: Some(30),
        ..User::default()
    });
    let report = session.flush()?;
    told("report", &report);
    check(report.statements == 1, "one statement for both rows")?;
    check(session[ana].email == "ana@x.org", "the address as the hook wrote it")?;

    heading("Change Ana's status");
    told("code", "session[ana].status = Status::Banned");
    told("code", "session.flush()");
    session[ana].status = Status::Banned;
    let report = session.flush()?;
    told("report", &report);
    check(report.events == 2, "an event for each of the two streams")?;

    heading("Change Ana's name");
    told("code", "session[ana].name = \"Anna\"");
    told("code", "session.flush()");
    session[ana].name = "Anna".into();
    let report = session.flush()?;
    told("report", &report);
    check(report.events == 1, "an event for UserStream only")?;

    heading("Flush once more, with nothing changed");
    told("code", "session[ana].name = \"Anna\"");
    told("code", "session.flush()");
    session[ana].name = "Anna".into();
    let report = session.flush()?;
    told("report", &report);
    check(report.is_empty() && report.statements == 0, "no statement")?;

    heading("Try an address that the hook refuses");
    told("code", "session[ben].email = \"nobody\"");
    told("code", "session.flush()");
    session[ben].email = "nobody".into();
    let refused = session.flush();
    if let Err(error) = &refused {
        told("error", error);
    }
    check(refused.is_err_and(|error| error.is_rejected()), "no statement was sent")?;
    session[ben].email = "ben@x.org".into();

    heading("Ask for active users over 17");
    let active = session
        .query::<User>()
        .filter(User::STATUS.eq(Status::Active).and(User::AGE.gt(17)))
        .order_by(User::NAME.asc())
        .limit(20)
        .all()?;
    for &user in &active {
        told("found", format!("{}, {:?}", session[user].name, session[user].age));
    }
    check(
        active == [ben],
        "Ben, under the handle that he has had since his insert",
    )?;

    heading("Delete both");
    told("code", "session.delete(ana); session.delete(ben)");
    told("code", "session.flush()");
    let (ana_id, ben_id) = (session[ana].id, session[ben].id);
    session.delete(ana)?;
    session.delete(ben)?;
    let report = session.flush()?;
    told("report", &report);
    check(report.statements == 1, "one statement for both rows")?;

    // Everything that will be sent is in Redis: what is not there now does not come later.
    let deadline = Instant::now() + Duration::from_secs(5);
    while engine.delivery().queued > 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    let seen = |stream: &Stream| consume(&engine, stream, [ana_id, ben_id]);
    let insert = |id| (FlushType::Insert, id, String::new());
    let update = |id, change: &str| (FlushType::Update, id, change.to_owned());
    let delete = |id| (FlushType::Delete, id, String::new());

    heading("What a consumer of UserStream gets: every change");
    let expected = [
        insert(ana_id),
        insert(ben_id),
        update(ana_id, "status Active -> Banned"),
        update(ana_id, "name \"Ana\" -> \"Anna\""),
        delete(ana_id),
        delete(ben_id),
    ];
    check(seen(&USERS)? == expected, "the six events in the order of the changes")?;

    heading("What a consumer of UserStatusStream gets: no event for the name");
    let expected = [
        insert(ana_id),
        insert(ben_id),
        update(ana_id, "status Active -> Banned"),
        delete(ana_id),
        delete(ben_id),
    ];
    check(
        seen(&USER_STATUS)? == expected,
        "the five events, and none for the change of name",
    )?;

    heading("Close the engine");
    engine.close(Duration::from_secs(5))?; // waits for the sender, names what it could not send
    let delivery = engine.delivery();
    told(
        "sender",
        format!("{} events sent, {} failed", delivery.sent, delivery.failed),
    );
    check(delivery.failed == 0, "no event was lost")?;
    say(format_args!("\nAll as expected."));
    Ok(())
}

/// What happened, to which row, and what changed of it.
type Seen = (FlushType, u64, String);

/// Consumes what is in a stream, prints it, and gives back what concerns these rows.
fn consume(engine: &Engine, stream: &Stream, ids: [u64; 2]) -> headwater::Result<Vec<Seen>> {
    let mut seen = Vec::new();
    engine
        .consumer(stream)
        .single()?
        .consume(100, Duration::from_secs(5), |events| {
            for event in events {
                let dirty = event.dirty()?; // DirtyEvent
                let id = dirty.key::<User>()?;
                let mut change = String::new();
                if let Some((old, new)) = dirty.change(User::STATUS)? {
                    change = format!("status {old:?} -> {new:?}");
                }
                if let Some((old, new)) = dirty.change(User::NAME)? {
                    change = format!("name {old:?} -> {new:?}");
                }
                let line = format!("{} {id}  {}  {change}", dirty.entity_type, dirty.flush_type);
                told("event", line.trim_end());
                // Servers of one's own may hold events of other users.
                if ids.contains(&id) {
                    seen.push((dirty.flush_type, id, change));
                }
            }
            Ok(())
        })?;
    Ok(seen)
}

// ---- What it prints --------------------------------------------------------------------------------------

/// Prints a line. Whoever reads the output may stop early: `… | head`.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Begins the next step.
fn heading(text: &str) {
    say(format_args!("\n== {text}"));
}

/// Prints a line of a step.
fn told(what: &str, text: impl std::fmt::Display) {
    say(format_args!("   {what:<7} {text}"));
}

/// Prints a statement; those that ask the server what tables it has are left out.
fn sql(statement: &str) {
    if !statement.contains("information_schema") && !statement.contains("GET_LOCK") {
        told("sql", statement.replace('\n', "\n           "));
    }
}

/// Ends the program when something is not as expected.
fn check(holds: bool, what: &str) -> Result<(), String> {
    if !holds {
        return Err(format!("expected: {what}"));
    }
    told("ok", what);
    Ok(())
}
