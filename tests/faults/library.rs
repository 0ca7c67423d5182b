//! A library whose one flush has a statement of every kind, and what it looks like before and after.

use std::cell::RefCell;

use chrono::{DateTime, NaiveDateTime, Utc};
use headwater::engine::EngineBuilder;
use headwater::mysql::MysqlOptions;
use headwater::prelude::*;
use headwater::{Error, Result};
use headwater_testkit::{Database, Proxy, redis, wait_until};

use crate::common::{self, rows, sql};
use crate::world::{SOON, calls, is_past, note, tells_no_secret};

pub(crate) const LIBRARY: Stream = Stream::new("LibraryStream");

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "authors", stream(LIBRARY))]
pub(crate) struct Author {
    #[column(id)]
    pub(crate) id: u64,
    /// Never edited: by it an author is known before it has a key.
    #[column(length = 20)]
    label: String,
    #[column(unique, length = 40)]
    name: String,
    note: String,
    favourite: Option<Ref<Book>>,
}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "books", stream(LIBRARY))]
pub(crate) struct Book {
    #[column(id)]
    id: u64,
    #[column(length = 20)]
    label: String,
    title: String,
    pages: u32,
    #[column(references)]
    author: Ref<Author>,
}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "drafts", stream(LIBRARY), soft_delete)]
pub(crate) struct Draft {
    #[column(id)]
    id: u64,
    #[column(length = 20)]
    label: String,
    #[column(unique, length = 40)]
    title: String,
    words: u32,
    author: Ref<Author>,
    #[column(version)]
    version: u32,
    #[column(created_at)]
    created_at: DateTime<Utc>,
    #[column(updated_at)]
    updated_at: DateTime<Utc>,
    #[column(deleted_at)]
    deleted_at: Option<NaiveDateTime>,
}

/// What a before-hook does at one of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Veto,
    Panic,
}

thread_local! {
    static FAULT: RefCell<Option<(String, Fault)>> = const { RefCell::new(None) };
}

/// Makes the before-hook of this call (`saving authors a4`) fail; `None` ends it.
pub(crate) fn fail_at(fault: Option<(&str, Fault)>) {
    FAULT.set(fault.map(|(call, fault)| (call.to_owned(), fault)));
}

fn before(hook: &str, table: &str, label: &str) -> HookResult {
    let call = format!("{hook} {table} {label}");
    note(call.clone());
    match FAULT.with_borrow(|fault| fault.clone()) {
        Some((at, Fault::Veto)) if at == call => Err("not while I watch".into()),
        Some((at, Fault::Panic)) if at == call => panic!("what a mess at {call}"),
        _ => Ok(()),
    }
}

macro_rules! watched {
    ($entity:ty, $table:literal) => {
        watched!(@impl $entity, $table,
            saving creating updating deleting trashing restoring force_deleting,
            saved created updated deleted trashed restored force_deleted);
    };
    (@impl $entity:ty, $table:literal, $($before:ident)*, $($after:ident)*) => {
        impl Entity for $entity {
            $(fn $before(&mut self, _: &mut Hook<'_, Self>) -> HookResult {
                before(stringify!($before), $table, &self.label)
            })*
            $(fn $after(&self, _: &Committed<'_, Self>) {
                note(format!("{} {} {}", stringify!($after), $table, self.label));
            })*
        }
    };
}
watched!(Author, "authors");
watched!(Book, "books");
watched!(Draft, "drafts");

/// How the edits are flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    Alone,
    InTransaction,
    Nested,
}

impl Run {
    pub(crate) fn flush(self, session: &mut Session) -> Result<FlushReport> {
        match self {
            Run::Alone => session.flush(),
            Run::InTransaction => {
                let (mut report, end) = session.transaction_reported(|session| session.flush())?;
                report.events += end.events;
                Ok(report)
            }
            Run::Nested => session.transaction(|session| session.transaction(|session| session.flush())),
        }
    }
}

/// The library's database, behind a proxy, with its rows.
pub(crate) struct Library {
    pub(crate) database: Database,
    pub(crate) proxy: Proxy,
}

/// One engine's life in the library: entities loaded and edited, not flushed.
pub(crate) struct Case<'a> {
    library: &'a Library,
    pub(crate) world: Engine,
    pub(crate) session: Session,
    authors: Vec<Handle<Author>>,
    books: Vec<Handle<Book>>,
    drafts: Vec<Handle<Draft>>,
}

/// What the flush leaves behind when it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    view: Vec<Vec<String>>,
    events: Vec<String>,
    /// Every call of a hook, in order.
    hooks: Vec<String>,
}

impl Done {
    pub(crate) fn view(&self) -> Vec<Vec<String>> {
        self.view.clone()
    }
}

impl Library {
    pub(crate) fn new() -> Self {
        let (database, _) = common::database();
        let proxy = Proxy::start(database.mysql_url()).expect("a proxy");
        let library = Library { database, proxy };
        let engine = library.builder().build().expect("an engine");
        let diff = engine.schema().diff().expect("a diff");
        diff.apply().expect("tables");
        library
    }

    fn builder(&self) -> EngineBuilder {
        Engine::builder()
            .mysql_pool_with(
                "default",
                self.proxy.url(),
                MysqlOptions::default().with_answer_timeout(SOON),
            )
            .redis(self.database.redis_url())
            .entity::<Author>()
            .entity::<Book>()
            .entity::<Draft>()
    }

    /// Puts the rows back to where they were at first.
    pub(crate) fn reset(&self) {
        sql(
            &self.database,
            &[
                "DELETE FROM books",
                "DELETE FROM authors",
                "DELETE FROM drafts",
                "INSERT INTO authors (id, label, name, note) VALUES (1,'a1','Ada',''), (2,'a2','Bea',''), (3,'a3','Cid',''), \
                 (4,'a4','Dan',''), (5,'a5','Eve',''), (6,'a6','Fay','')",
                "INSERT INTO books (id, label, title, pages, author) VALUES (1,'b1','One',1,1), (2,'b2','Two',1,1), \
                 (3,'b3','Three',1,1), (4,'b4','Four',1,1), (5,'b5','Five',1,6), (6,'b6','Six',1,6)",
                "INSERT INTO drafts (id, label, title, words, author, version, created_at, updated_at, deleted_at) \
                 SELECT id, CONCAT('d', id), CONCAT('Draft ', id), 1, 1, 1, '2024-01-01', '2024-01-01', NULL FROM authors",
                "INSERT INTO drafts (id, label, title, words, author, version, created_at, updated_at, deleted_at) \
                 VALUES (8,'d8','Draft 8',1,1,1,'2024-01-01','2024-01-01','2024-01-02')",
            ],
        );
        let mut connection = self.database.redis().expect("a connection");
        redis::cmd("DEL")
            .arg(LIBRARY.name())
            .exec(&mut connection)
            .expect("an empty stream");
    }

    /// An engine and a session with all edits made, on rows as they were at first.
    pub(crate) fn case(&self) -> Case<'_> {
        self.case_with(|builder| builder)
    }

    /// As [`case`](Library::case), with an engine that is built otherwise.
    pub(crate) fn case_with(&self, otherwise: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Case<'_> {
        self.reset();
        let engine = otherwise(self.builder()).build().expect("an engine");
        let mut session = engine.session();
        let mut authors = session
            .query::<Author>()
            .order_by(Author::ID.asc())
            .all()
            .expect("authors");
        let mut books = session.query::<Book>().order_by(Book::ID.asc()).all().expect("books");
        let drafts = session.query::<Draft>().with_trashed().order_by(Draft::ID.asc());
        let mut drafts = drafts.all().expect("drafts");
        let author = |label: &str| Author {
            label: label.into(),
            name: format!("New {label}"),
            ..Author::default()
        };
        let book = |label: &str, author: Handle<Author>| Book {
            label: label.into(),
            title: format!("New {label}"),
            author: author.into(),
            ..Book::default()
        };
        // Inserts: children by reference to new parents, and a circle by a nullable reference.
        let (first, second) = (session.insert(author("a7")), session.insert(author("a8")));
        let (one, two) = (session.insert(book("b7", first)), session.insert(book("b8", second)));
        session[first].favourite = Some(one.into());
        let draft = session.insert(Draft {
            label: "d9".into(),
            title: "New d9".into(),
            author: second.into(),
            ..Draft::default()
        });
        // Updates: of one row, of many with different values, of many with the same.
        session[authors[3]].note = "changed".into();
        session[books[0]].pages = 10;
        session[books[1]].pages = 20;
        session[books[2]].title = "The same".into();
        session[books[3]].title = "The same".into();
        // Two unique values change places.
        let (a, b) = session.pair_mut(authors[1], authors[2]).expect("two authors");
        std::mem::swap(&mut a.name, &mut b.name);
        // Versions and timestamps: many rows, one row, soft delete, restore, delete of many.
        session[drafts[0]].words = 10;
        session[drafts[1]].words = 20;
        session[drafts[2]].title = "Changed".into();
        session.delete(drafts[3]).expect("a delete");
        session.force_delete(drafts[4]).expect("a delete");
        session.force_delete(drafts[5]).expect("a delete");
        session.restore(drafts[6]).expect("a restore");
        // Deletes: of many rows and of one, children first.
        session.delete(books[4]).expect("a delete");
        session.delete(books[5]).expect("a delete");
        session.delete(authors[5]).expect("a delete");
        authors.extend([first, second]);
        books.extend([one, two]);
        drafts.push(draft);
        calls();
        Case {
            library: self,
            world: engine,
            session,
            authors,
            books,
            drafts,
        }
    }

    /// The rows without what differs from run to run: generated keys and times.
    pub(crate) fn view(&self) -> Vec<Vec<String>> {
        let queries = [
            "SELECT 'author', a.label, a.name, a.note, b.label FROM authors a LEFT JOIN books b ON b.id = a.favourite \
             ORDER BY a.label",
            "SELECT 'book', b.label, b.title, b.pages, a.label FROM books b LEFT JOIN authors a ON a.id = b.author \
             ORDER BY b.label",
            "SELECT 'draft', d.label, d.title, d.words, d.version, a.label, d.deleted_at IS NULL, \
             d.created_at > '2024-01-03', d.updated_at > '2024-01-03' \
             FROM drafts d LEFT JOIN authors a ON a.id = d.author ORDER BY d.label",
        ];
        queries.iter().flat_map(|query| rows(&self.database, query)).collect()
    }

    /// Every value of every row.
    pub(crate) fn dump(&self) -> Vec<Vec<String>> {
        let tables = ["authors", "books", "drafts"];
        let all = tables.iter().map(|table| format!("SELECT * FROM {table} ORDER BY id"));
        all.flat_map(|query| rows(&self.database, &query)).collect()
    }

    /// Waits until the server has ended all connections of the test's user.
    pub(crate) fn wait_for_the_end_of_connections(&self) {
        let user = self.database.name();
        let mut root = self.database.root().expect("an administrator");
        let query = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{user}'");
        wait_until(SOON, "the server to end the connection", || {
            use mysql::prelude::Queryable;
            root.query_first::<u64, _>(&query).expect("a count") == Some(0)
        })
        .expect("an end");
    }
}

impl Case<'_> {
    /// Every entity as the session shows it.
    pub(crate) fn memory(&self) -> Vec<String> {
        let session = &self.session;
        let authors = self.authors.iter().map(|&handle| format!("{:?}", session.get(handle)));
        let books = self.books.iter().map(|&handle| format!("{:?}", session.get(handle)));
        let drafts = self.drafts.iter().map(|&handle| format!("{:?}", session.get(handle)));
        authors.chain(books).chain(drafts).collect()
    }

    fn events(&self) -> Vec<String> {
        crate::world::events(&self.world, &self.library.database, &LIBRARY)
    }

    /// Flushes, and tells what it left behind.
    #[track_caller]
    pub(crate) fn works(&mut self, run: Run) -> Done {
        calls();
        let report = run
            .flush(&mut self.session)
            .unwrap_or_else(|error| panic!("this flush must work: {error}"));
        assert!(report.hook_failures.is_empty() && report.delivery_failures.is_empty());
        let hooks = calls();
        self.agrees();
        // Events of new rows carry keys that differ from run to run.
        let mut events: Vec<String> = self.events();
        for event in events.iter_mut().filter(|event| event.contains("Insert")) {
            *event = event.split(' ').step_by(2).collect::<Vec<_>>().join(" ");
        }
        let done = Done {
            view: self.library.view(),
            events,
            hooks,
        };
        assert!(
            self.session.flush().expect("nothing to do").is_empty(),
            "all is written"
        );
        done
    }

    /// The session shows what is stored, generated keys, versions and times among it.
    #[track_caller]
    fn agrees(&mut self) {
        let mut fresh = self.world.session();
        let session = &self.session;
        let authors = self.authors.iter().filter_map(|&handle| session.get(handle).ok());
        let books = self.books.iter().filter_map(|&handle| session.get(handle).ok());
        let drafts = self.drafts.iter().filter_map(|&handle| session.get(handle).ok());
        for author in authors {
            let stored = fresh.require::<Author>(author.id).expect("a row");
            assert_eq!(&fresh[stored], author);
        }
        for book in books {
            let stored = fresh.require::<Book>(book.id).expect("a row");
            assert_eq!(&fresh[stored], book);
        }
        for draft in drafts {
            let stored = fresh.query::<Draft>().with_trashed().filter(Draft::ID.eq(draft.id));
            let stored = stored.first().expect("an answer").expect("a row");
            assert_eq!(&fresh[stored], draft);
        }
    }

    /// A flush that must fail: nothing of it is left in memory, in the stream, with the past-tense hooks. The rows
    /// are left to the caller.
    #[track_caller]
    pub(crate) fn fails(&mut self, run: Run, at: &str) -> Error {
        let memory = self.memory();
        calls();
        let Err(error) = run.flush(&mut self.session) else {
            panic!("{at}: the flush must fail")
        };
        let after: Vec<String> = calls().into_iter().filter(|call| is_past(call)).collect();
        assert!(after.is_empty(), "{at}: past-tense hooks: {after:?}");
        assert_eq!(self.memory(), memory, "{at}: the session after {error}");
        assert!(self.events().is_empty(), "{at}: events after {error}");
        tells_no_secret(&error, self.library.database.mysql_url());
        error
    }
}

/// What the flush leaves behind when nothing goes wrong, and how many requests it sends.
pub(crate) fn done(library: &Library, run: Run) -> (Done, u64) {
    let mut case = library.case();
    let before = library.proxy.requests();
    let report = run.flush(&mut case.session).expect("nothing is in the way");
    let requests = library.proxy.requests() - before;
    // Its events are waited for: they must not come into the stream of the next case.
    case.events();
    drop(case);
    if run != Run::Nested {
        assert_eq!(
            (report.inserted, report.updated, report.deleted),
            (5, 11, 6),
            "{report}"
        );
    }
    let done = library.case().works(run);
    assert_eq!(done.events.len(), 22, "{:#?}", done.events);
    (done, requests)
}
