//! A database with an engine on it, and what a failed flush must leave alone: rows, events, hooks, secrets.
#![allow(dead_code, reason = "each test uses some of it")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use headwater::engine::EngineBuilder;
use headwater::prelude::*;
use headwater::stream::DirtyEvent;
use headwater::{Error, Result};
use headwater_testkit::{Database, redis, wait_until};

use crate::common;

/// How long anything that must happen is waited for.
pub(crate) const SOON: Duration = Duration::from_secs(20);

thread_local! {
    /// What the hooks of this thread's test did. A flush calls its hooks on the thread that flushes.
    static CALLS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes that a hook was called.
pub(crate) fn note(call: impl Into<String>) {
    CALLS.with_borrow_mut(|calls| calls.push(call.into()));
}

/// What the hooks did since the last time this was asked.
pub(crate) fn calls() -> Vec<String> {
    CALLS.take()
}

/// A test's database, with an engine whose tables are made.
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) engine: Engine,
    stream: Stream,
}

impl World {
    /// An engine with these entities, and their tables.
    pub(crate) fn new(stream: Stream, entities: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Self {
        let (database, builder) = common::database();
        let engine = entities(builder).build().expect("an engine");
        let diff = engine.schema().diff().expect("a diff");
        diff.apply().expect("tables");
        World::around(database, engine, stream)
    }

    pub(crate) fn around(database: Database, engine: Engine, stream: Stream) -> Self {
        calls();
        World {
            database,
            engine,
            stream,
        }
    }

    /// Runs statements as the test's own user.
    pub(crate) fn sql(&self, statements: &[&str]) {
        common::sql(&self.database, statements);
    }

    /// The rows of a query as texts, their values with `|` between them.
    pub(crate) fn rows(&self, query: &str) -> Vec<String> {
        let rows = common::rows(&self.database, query);
        rows.into_iter().map(|row| row.join("|")).collect()
    }

    /// Every row of every table, by table.
    pub(crate) fn dump(&self) -> Vec<(String, Vec<String>)> {
        let tables = self.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name",
        );
        let of = |table: String| {
            let rows = self.rows(&format!("SELECT * FROM `{table}` ORDER BY 1"));
            (table, rows)
        };
        tables.into_iter().map(of).collect()
    }

    /// The events of the stream so far, once all that was handed over is in Redis:
    /// `members 7 Update nick: Ana -> Ann`.
    pub(crate) fn events(&self) -> Vec<String> {
        events(&self.engine, &self.database, &self.stream)
    }

    /// A flush that must fail, and must leave rows, streams and past-tense hooks alone.
    #[track_caller]
    pub(crate) fn fails(&self, session: &mut Session) -> Error {
        self.fails_at(|| session.flush())
    }

    /// As [`fails`](World::fails), of whatever flushes.
    #[track_caller]
    pub(crate) fn fails_at<T: std::fmt::Debug>(&self, work: impl FnOnce() -> Result<T>) -> Error {
        let (rows, events) = (self.dump(), self.events());
        calls();
        let error = work().expect_err("it must fail");
        assert_eq!(self.dump(), rows, "rows after {error}");
        assert_eq!(self.events(), events, "events after {error}");
        let after: Vec<String> = calls().into_iter().filter(|call| is_past(call)).collect();
        assert!(after.is_empty(), "past-tense hooks after {error}: {after:?}");
        tells_no_secret(&error, self.database.mysql_url());
        error
    }

    /// A flush that must work after the one that failed: with rows, one event for each and past-tense hooks.
    #[track_caller]
    pub(crate) fn works(&self, session: &mut Session) -> FlushReport {
        let events = self.events();
        calls();
        let report = session
            .flush()
            .unwrap_or_else(|error| panic!("the next flush must work: {error}"));
        assert!(
            !report.is_empty(),
            "the next flush must write what the failed one did not"
        );
        assert_eq!(self.events().len(), events.len() + report.events as usize);
        assert!(report.hook_failures.is_empty() && report.delivery_failures.is_empty());
        report
    }
}

/// Whether a noted call is one of a past-tense hook: `saved members 7`.
pub(crate) fn is_past(call: &str) -> bool {
    let hook = call.split(' ').next().unwrap_or_default();
    hook.ends_with("ed")
}

/// The events of a stream, once all that was handed over is in Redis.
pub(crate) fn events(engine: &Engine, database: &Database, stream: &Stream) -> Vec<String> {
    wait_until(SOON, "the sender to be done", || engine.delivery().queued == 0).expect("a sender that sends");
    let mut connection = database.redis().expect("a connection");
    let entries: Vec<(String, BTreeMap<String, Vec<u8>>)> = redis::cmd("XRANGE")
        .arg(stream.name())
        .arg("-")
        .arg("+")
        .query(&mut connection)
        .expect("the entries");
    let shown = |(_, fields): (String, BTreeMap<String, Vec<u8>>)| {
        let event = DirtyEvent::from_bytes(&fields["s"]).expect("an event");
        let changes: Vec<String> = event
            .changes
            .iter()
            .map(|change| format!(" {}: {} -> {}", change.column, change.old, change.new))
            .collect();
        format!(
            "{} {} {:?}{}",
            event.entity_type,
            event.entity_id,
            event.flush_type,
            changes.join(",")
        )
    };
    entries.into_iter().map(shown).collect()
}

/// Every text that an error can be made to show.
pub(crate) fn all_texts(error: &Error) -> String {
    let mut texts = format!("{error}\n{error:?}\n{error:#?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        texts.push_str(&format!("\n{cause}\n{cause:?}\n{cause:#?}"));
        source = cause.source();
    }
    texts
}

/// No text of the error shows the password of this URL.
#[track_caller]
pub(crate) fn tells_no_secret(error: &Error, url: &str) {
    let texts = all_texts(error);
    let login = url.split("://").nth(1).and_then(|rest| rest.rsplit_once('@'));
    let password = login
        .and_then(|(login, _)| login.split_once(':'))
        .map(|(_, password)| password);
    if let Some(password) = password.filter(|password| !password.is_empty()) {
        assert!(!texts.contains(password), "{texts}");
    }
}

/// The error's text names all of these.
#[track_caller]
pub(crate) fn names(error: &Error, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

/// What `work` returns, unless it takes longer than anything with a deadline may.
#[track_caller]
pub(crate) fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(work()));
    result.recv_timeout(SOON).expect("an answer in time")
}
