//! A session against a plain model in memory: random graphs of three tables with references and unique columns,
//! random edits, flushes, nested transactions and rollbacks. After each step the rows, the entities and, in the
//! end, the published events must be those of the model.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::database;
use headwater::prelude::*;
use headwater_testkit::{Database, wait_until};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

const CHANGES: Stream = Stream::new("ModelStream");

/// A table with a unique column that may not be NULL, a reference to itself.
#[derive(Debug, Clone, Default, Table)]
#[table(name = "authors", stream(CHANGES))]
struct Author {
    #[column(id)]
    id: u64,
    #[column(unique, length = 40)]
    label: String,
    n: i32,
    parent: Option<Ref<Author>>,
}
impl Entity for Author {}

/// A table with a version, and a reference that must be set.
#[derive(Debug, Clone, Default, Table)]
#[table(name = "books", stream(CHANGES))]
struct Book {
    #[column(id)]
    id: u64,
    #[column(unique, length = 40)]
    label: String,
    n: i32,
    parent: Ref<Author>,
    #[column(version)]
    version: u32,
}
impl Entity for Book {}

/// A table with a unique column that may be NULL.
#[derive(Debug, Clone, Default, Table)]
#[table(name = "notes", stream(CHANGES))]
struct Note {
    #[column(id)]
    id: u64,
    #[column(unique)]
    label: Option<i32>,
    n: i32,
    parent: Option<Ref<Book>>,
}
impl Entity for Note {}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Author,
    Book,
    Note,
}

#[derive(Debug, Clone, Copy)]
enum Handles {
    Author(Handle<Author>),
    Book(Handle<Book>),
    Note(Handle<Note>),
}

/// The columns of a row: label (none only for notes), number, parent as the model's number of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fields {
    label: Option<u8>,
    n: i8,
    parent: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    New,
    Row(Fields),
    /// Deleted by a flush, or left the session before it was inserted.
    Gone,
}

#[derive(Debug, Clone)]
struct Thing {
    kind: Kind,
    handle: Handles,
    now: Fields,
    stored: Stored,
    delete: bool,
    version: u32,
}

#[derive(Debug, Clone)]
enum Op {
    Insert { kind: u8, label: u8, n: i8, parent: u8 },
    Label { which: u8, label: u8 },
    Number { which: u8, n: i8 },
    Parent { which: u8, parent: u8 },
    Delete { which: u8 },
    Flush,
    Transaction { ops: Vec<Op>, commit: bool },
}

fn op() -> impl Strategy<Value = Op> {
    let leaf = prop_oneof![
        4 => (0..3u8, 0..8u8, any::<i8>(), any::<u8>()).prop_map(|(kind, label, n, parent)| Op::Insert { kind, label, n, parent }),
        3 => (any::<u8>(), 0..8u8).prop_map(|(which, label)| Op::Label { which, label }),
        2 => (any::<u8>(), -3..3i8).prop_map(|(which, n)| Op::Number { which, n }),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(which, parent)| Op::Parent { which, parent }),
        2 => any::<u8>().prop_map(|which| Op::Delete { which }),
        3 => Just(Op::Flush),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        (prop::collection::vec(inner, 1..6), prop::bool::weighted(0.6))
            .prop_map(|(ops, commit)| Op::Transaction { ops, commit })
    })
}

/// The model; `floor` is how many things there were when the innermost transaction began.
#[derive(Debug, Clone, Default)]
struct Model {
    things: Vec<Thing>,
    floor: usize,
}

impl Model {
    fn alive(&self, number: usize) -> bool {
        self.things[number].stored != Stored::Gone && !self.things[number].delete
    }

    /// One of the things alive, chosen by a random number.
    fn pick(&self, which: u8, fits: impl Fn(&Thing) -> bool) -> Option<usize> {
        let alive: Vec<usize> = (0..self.things.len())
            .filter(|&i| self.alive(i) && fits(&self.things[i]))
            .collect();
        (!alive.is_empty()).then(|| alive[usize::from(which) % alive.len()])
    }

    fn parent_kind(kind: Kind) -> Kind {
        match kind {
            Kind::Author | Kind::Book => Kind::Author,
            Kind::Note => Kind::Book,
        }
    }

    /// What a flush comes to; `None` when a unique value would be there twice.
    fn flushed(&self) -> Option<Model> {
        let mut after = self.clone();
        for thing in &mut after.things {
            match thing.stored {
                Stored::Gone => {}
                _ if thing.delete => {
                    thing.stored = Stored::Gone;
                    thing.delete = false;
                }
                Stored::New => {
                    thing.stored = Stored::Row(thing.now);
                    thing.version = 1;
                }
                Stored::Row(row) => {
                    if row != thing.now {
                        thing.version += 1;
                    }
                    thing.stored = Stored::Row(thing.now);
                }
            }
        }
        let mut labels: Vec<(Kind, u8)> = Vec::new();
        for thing in &after.things {
            if let Stored::Row(Fields { label: Some(label), .. }) = thing.stored {
                labels.push((thing.kind, label));
            }
        }
        let all = labels.len();
        labels.sort_unstable();
        labels.dedup();
        (labels.len() == all).then_some(after)
    }

    /// What a rollback to an earlier state comes to: its rows, the edits of what was there then.
    fn rolled_back(&self, to: &Model) -> Model {
        let mut after = to.clone();
        for (earlier, now) in after.things.iter_mut().zip(&self.things) {
            earlier.now = now.now;
        }
        after
    }

    /// The events of a commit, by table and row: 1 insert, 2 update with its columns, 3 delete.
    fn events(before: &Model, after: &Model) -> Vec<(usize, u8, Vec<&'static str>)> {
        let mut events = Vec::new();
        for (i, thing) in after.things.iter().enumerate() {
            let earlier = before.things.get(i).map_or(Stored::New, |thing| thing.stored);
            match (earlier, thing.stored) {
                (Stored::New, Stored::Row(_)) => events.push((i, 1, Vec::new())),
                (Stored::Row(_), Stored::Gone) => events.push((i, 3, Vec::new())),
                (Stored::Row(old), Stored::Row(new)) if old != new => {
                    let columns = [
                        ("label", old.label != new.label),
                        ("n", old.n != new.n),
                        ("parent", old.parent != new.parent),
                    ];
                    events.push((
                        i,
                        2,
                        columns
                            .iter()
                            .filter(|(_, changed)| *changed)
                            .map(|(name, _)| *name)
                            .collect(),
                    ));
                }
                _ => {}
            }
        }
        events
    }
}

/// A run of one case: the events that are expected so far, each with its row's key.
struct Run {
    expected: Vec<(Kind, u64, u8, Vec<&'static str>)>,
    /// The model as of the last commit, while a transaction is open.
    committed: Option<Model>,
    /// The last key that each thing was seen with.
    keys: Vec<u64>,
}

fn text(label: Option<u8>) -> String {
    format!("label {}", label.unwrap_or_default())
}

impl Run {
    fn set(session: &mut Session, model: &Model, number: usize, with_parent: bool) {
        let thing = &model.things[number];
        let Fields { label, n, parent } = thing.now;
        // The parent of an entity may be gone; then it is left as it is.
        let parent = parent.filter(|_| with_parent).map(|parent| model.things[parent].handle);
        match thing.handle {
            Handles::Author(handle) => {
                let parent = parent.map(|parent| Run::author(session, parent));
                let author = &mut session[handle];
                (author.label, author.n) = (text(label), n.into());
                author.parent = parent.or(author.parent);
            }
            Handles::Book(handle) => {
                let parent = parent.map(|parent| Run::author(session, parent));
                let book = &mut session[handle];
                (book.label, book.n) = (text(label), n.into());
                book.parent = parent.unwrap_or(book.parent);
            }
            Handles::Note(handle) => {
                let parent = parent.map(|parent| match parent {
                    Handles::Book(book) => match session[book].id {
                        0 => Ref::from(book),
                        id => Ref::to(id),
                    },
                    _ => unreachable!("the parent of a note is a book"),
                });
                let note = &mut session[handle];
                (note.label, note.n) = (label.map(i32::from), n.into());
                note.parent = parent.or(note.parent);
            }
        }
    }

    fn author(session: &Session, handle: Handles) -> Ref<Author> {
        match handle {
            Handles::Author(handle) => match session[handle].id {
                0 => Ref::from(handle),
                id => Ref::to(id),
            },
            _ => unreachable!("the parent is an author"),
        }
    }

    fn key(session: &Session, handle: Handles) -> Option<u64> {
        match handle {
            Handles::Author(handle) => session.get(handle).ok().map(|author| author.id),
            Handles::Book(handle) => session.get(handle).ok().map(|book| book.id),
            Handles::Note(handle) => session.get(handle).ok().map(|note| note.id),
        }
    }

    fn steps(&mut self, session: &mut Session, model: &mut Model, ops: &[Op]) -> Result<(), TestCaseError> {
        for op in ops {
            self.step(session, model, op)?;
            self.look(session, model);
            Run::compare(session, model)?;
        }
        Ok(())
    }

    fn step(&mut self, session: &mut Session, model: &mut Model, op: &Op) -> Result<(), TestCaseError> {
        match op {
            Op::Insert { kind, label, n, parent } => {
                let kind = [Kind::Author, Kind::Book, Kind::Note][usize::from(*kind)];
                let parent = model.pick(*parent, |thing| thing.kind == Model::parent_kind(kind));
                if kind == Kind::Book && parent.is_none() {
                    return Ok(());
                }
                let label = if kind == Kind::Note {
                    label.checked_sub(3)
                } else {
                    Some(*label)
                };
                let handle = match kind {
                    Kind::Author => Handles::Author(session.insert(Author::default())),
                    Kind::Book => Handles::Book(session.insert(Book::default())),
                    Kind::Note => Handles::Note(session.insert(Note::default())),
                };
                let now = Fields { label, n: *n, parent };
                model.things.push(Thing {
                    kind,
                    handle,
                    now,
                    stored: Stored::New,
                    delete: false,
                    version: 0,
                });
                Run::set(session, model, model.things.len() - 1, true);
            }
            Op::Label { which, label } => {
                if let Some(i) = model.pick(*which, |_| true) {
                    model.things[i].now.label = if model.things[i].kind == Kind::Note {
                        label.checked_sub(3)
                    } else {
                        Some(*label)
                    };
                    Run::set(session, model, i, false);
                }
            }
            Op::Number { which, n } => {
                if let Some(i) = model.pick(*which, |_| true) {
                    model.things[i].now.n = *n;
                    Run::set(session, model, i, false);
                }
            }
            Op::Parent { which, parent } => {
                if let Some(i) = model.pick(*which, |_| true) {
                    let wanted = Model::parent_kind(model.things[i].kind);
                    // A key that was written down is the user's: it does not change back when a rollback takes the
                    // row away. What was there before a transaction points only at rows that were, too.
                    let lasting = |p: usize| match &self.committed {
                        Some(first) if i < model.floor => first
                            .things
                            .get(p)
                            .is_some_and(|thing| matches!(thing.stored, Stored::Row(_))),
                        _ => true,
                    };
                    let fits: Vec<usize> = (0..model.things.len())
                        .filter(|&p| model.alive(p) && model.things[p].kind == wanted && lasting(p))
                        .collect();
                    if !fits.is_empty() {
                        model.things[i].now.parent = Some(fits[usize::from(*parent) % fits.len()]);
                        Run::set(session, model, i, true);
                    }
                }
            }
            Op::Delete { which } => {
                // A new thing that others wait for cannot go.
                let waited = |i: usize| {
                    model
                        .things
                        .iter()
                        .any(|thing| thing.stored != Stored::Gone && thing.now.parent == Some(i))
                };
                let Some(i) = model.pick(*which, |_| true) else {
                    return Ok(());
                };
                if model.things[i].stored == Stored::New && waited(i) {
                    return Ok(());
                }
                match model.things[i].handle {
                    Handles::Author(handle) => session.delete(handle),
                    Handles::Book(handle) => session.delete(handle),
                    Handles::Note(handle) => session.delete(handle),
                }
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
                if model.things[i].stored == Stored::New {
                    model.things[i].stored = Stored::Gone;
                } else {
                    model.things[i].delete = true;
                }
            }
            Op::Flush => self.flush(session, model)?,
            Op::Transaction { ops, commit } => self.transaction(session, model, ops, *commit)?,
        }
        Ok(())
    }

    fn flush(&mut self, session: &mut Session, model: &mut Model) -> Result<(), TestCaseError> {
        let keys = Run::keys(session, model);
        match (session.flush(), model.flushed()) {
            (Ok(_), Some(after)) => {
                if self.committed.is_none() {
                    self.commit(session, model, &after, &keys);
                }
                *model = after;
            }
            (Err(error), None) => prop_assert!(error.is_duplicate_key(), "{error}"),
            (Ok(report), None) => prop_assert!(false, "a duplicate was stored: {report}"),
            (Err(error), Some(_)) => prop_assert!(false, "{error:?}"),
        }
        Ok(())
    }

    fn transaction(
        &mut self,
        session: &mut Session,
        model: &mut Model,
        ops: &[Op],
        commit: bool,
    ) -> Result<(), TestCaseError> {
        let before = model.clone();
        let outermost = self.committed.is_none();
        if outermost {
            self.committed = Some(before.clone());
        }
        let floor = std::mem::replace(&mut model.floor, model.things.len());
        let mut failure: Option<TestCaseError> = None;
        let mut expected: Option<Model> = None;
        let mut keys = Vec::new();
        let outcome = session.transaction(|session| {
            if let Err(error) = self.steps(session, model, ops) {
                failure = Some(error);
                return Err(headwater::Error::handler("the test failed"));
            }
            if !commit {
                return Err(headwater::Error::handler("rolled back on purpose"));
            }
            // The transaction flushes once more before it commits.
            expected = model.flushed();
            keys = Run::keys(session, model);
            Ok(())
        });
        if let Some(failure) = failure {
            return Err(failure);
        }
        model.floor = floor;
        let first = if outermost { self.committed.take() } else { None };
        match (outcome, expected) {
            (Ok(()), Some(mut after)) => {
                after.floor = floor;
                if let Some(first) = first {
                    self.commit(session, &first, &after, &keys);
                }
                *model = after;
            }
            (Err(_), None) => {
                let mut back = model.rolled_back(&before);
                back.floor = floor;
                // What was inserted meanwhile is gone, whoever still has its number.
                for thing in &model.things[before.things.len()..] {
                    back.things.push(Thing {
                        stored: Stored::Gone,
                        delete: false,
                        ..thing.clone()
                    });
                }
                *model = back;
            }
            (Ok(()), None) => prop_assert!(false, "a duplicate was committed"),
            (Err(error), Some(_)) => prop_assert!(false, "{error:?}"),
        }
        Ok(())
    }

    /// Remembers the keys, for events of what is gone by the time of the commit.
    fn look(&mut self, session: &Session, model: &Model) {
        self.keys.resize(model.things.len(), 0);
        for (known, key) in self.keys.iter_mut().zip(Run::keys(session, model)) {
            if let Some(key) = key.filter(|&key| key != 0) {
                *known = key;
            }
        }
    }

    /// The keys of all things before what is about to delete some of them.
    fn keys(session: &Session, model: &Model) -> Vec<Option<u64>> {
        model
            .things
            .iter()
            .map(|thing| Run::key(session, thing.handle))
            .collect()
    }

    fn commit(&mut self, session: &Session, before: &Model, after: &Model, keys: &[Option<u64>]) {
        for (i, kind, columns) in Model::events(before, after) {
            let now = Run::key(session, after.things[i].handle).or(keys.get(i).copied().flatten());
            let key = now.unwrap_or_else(|| self.keys.get(i).copied().unwrap_or_default());
            self.expected.push((after.things[i].kind, key, kind, columns));
        }
    }

    /// Rows and entities against the model.
    fn compare(session: &mut Session, model: &Model) -> Result<(), TestCaseError> {
        let mut expected: BTreeMap<(Kind, u64), (String, i32, Option<u64>, u32)> = BTreeMap::new();
        let keys = Run::keys(session, model);
        for (thing, key) in model.things.iter().zip(&keys) {
            prop_assert_eq!(key.is_some(), thing.stored != Stored::Gone, "{:?}", thing);
            let Some(key) = *key else { continue };
            if let Stored::Row(row) = thing.stored {
                prop_assert!(key != 0, "a stored entity has its key: {:?}", thing);
                let label = if thing.kind == Kind::Note {
                    row.label.map_or("NULL".into(), |l| l.to_string())
                } else {
                    text(row.label)
                };
                let parent = row.parent.map(|parent| keys[parent]);
                // The key of a parent that was deleted is not known any more; it is compared where it is.
                let version = if thing.kind == Kind::Book { thing.version } else { 0 };
                expected.insert((thing.kind, key), (label, row.n.into(), parent.flatten(), version));
            } else {
                prop_assert_eq!(key, 0, "a new entity has no key: {:?}", thing);
            }
            match thing.handle {
                Handles::Author(handle) => {
                    let author = &session[handle];
                    prop_assert_eq!((&author.label, author.n), (&text(thing.now.label), thing.now.n.into()));
                }
                Handles::Book(handle) => {
                    let book = &session[handle];
                    prop_assert_eq!((&book.label, book.n), (&text(thing.now.label), thing.now.n.into()));
                    prop_assert_eq!(book.version, thing.version);
                }
                Handles::Note(handle) => {
                    let note = &session[handle];
                    prop_assert_eq!(
                        (note.label, note.n),
                        (thing.now.label.map(i32::from), thing.now.n.into())
                    );
                }
            }
        }
        let mut stored = BTreeMap::new();
        let known = |parent: Option<u64>| parent.filter(|parent| keys.contains(&Some(*parent)));
        for row in session.query::<Author>().fetch().unwrap() {
            stored.insert(
                (Kind::Author, row.id),
                (row.label, row.n, known(row.parent.and_then(|p| p.key().copied())), 0),
            );
        }
        for row in session.query::<Book>().fetch().unwrap() {
            stored.insert(
                (Kind::Book, row.id),
                (row.label, row.n, known(row.parent.key().copied()), row.version),
            );
        }
        for row in session.query::<Note>().fetch().unwrap() {
            let label = row.label.map_or("NULL".into(), |label| label.to_string());
            stored.insert(
                (Kind::Note, row.id),
                (label, row.n, known(row.parent.and_then(|p| p.key().copied())), 0),
            );
        }
        let keys_of =
            |map: &BTreeMap<(Kind, u64), (String, i32, Option<u64>, u32)>| map.keys().copied().collect::<Vec<_>>();
        prop_assert_eq!(keys_of(&stored), keys_of(&expected));
        for (key, row) in &stored {
            let wanted = &expected[key];
            prop_assert_eq!((&row.0, row.1, row.3), (&wanted.0, wanted.1, wanted.3), "{:?}", key);
            // A key may be that of a deleted parent and, by its number, that of a row of another table.
            if wanted.2.is_some() {
                prop_assert_eq!(row.2, wanted.2, "{:?}", key);
            }
        }
        Ok(())
    }
}

/// The events in the stream, which is emptied.
fn published(database: &Database, at_least: usize) -> Vec<(Kind, u64, u8, Vec<String>)> {
    let mut redis = database.redis().unwrap();
    let length = |redis: &mut redis::Connection| redis::cmd("XLEN").arg(CHANGES.name()).query::<usize>(redis).unwrap();
    let _ = wait_until(Duration::from_secs(10), "the events to arrive", || {
        length(&mut redis) >= at_least
    });
    let entries: redis::streams::StreamRangeReply = redis::cmd("XRANGE")
        .arg(CHANGES.name())
        .arg("-")
        .arg("+")
        .query(&mut redis)
        .unwrap();
    let _: () = redis::cmd("DEL").arg(CHANGES.name()).query(&mut redis).unwrap();
    let mut events = Vec::new();
    for entry in entries.ids {
        let payload: Vec<u8> = entry.get("s").unwrap();
        let event = DirtyEvent::from_bytes(&payload).unwrap();
        let kind = match event.entity_type.as_str() {
            "authors" => Kind::Author,
            "books" => Kind::Book,
            _ => Kind::Note,
        };
        let columns = event.changes.iter().map(|change| change.column.clone()).collect();
        events.push((
            kind,
            event.entity_id.as_u64().unwrap(),
            event.flush_type.code(),
            columns,
        ));
    }
    events
}

/// How many cases one of the four tests runs; together they make 2,000.
fn cases() -> u32 {
    std::env::var("HEADWATER_MODEL_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(500)
}

fn run() {
    let (database, builder) = database();
    let engine = builder
        .entity::<Author>()
        .entity::<Book>()
        .entity::<Note>()
        .build()
        .unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut runner = TestRunner::new(Config {
        cases: cases(),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    });
    let result = runner.run(&prop::collection::vec(op(), 1..14), |ops| {
        common::sql(
            &database,
            &["DELETE FROM notes", "DELETE FROM books", "DELETE FROM authors"],
        );
        // A case that failed may have left events behind.
        wait_until(Duration::from_secs(10), "the sender to be idle", || {
            engine.delivery().queued == 0
        })
        .unwrap();
        published(&database, 0);
        let mut session = engine.session();
        let mut model = Model::default();
        let mut run = Run {
            expected: Vec::new(),
            committed: None,
            keys: Vec::new(),
        };
        run.steps(&mut session, &mut model, &ops)?;
        // In the order of each row; rows among each other are in the order of the plan.
        let by_row = |mut events: Vec<(Kind, u64, u8, Vec<String>)>| {
            events.sort_by_key(|(kind, key, _, _)| (*kind, *key));
            events
        };
        let found = by_row(published(&database, run.expected.len()));
        let wanted = run
            .expected
            .into_iter()
            .map(|(kind, key, what, columns)| (kind, key, what, columns.iter().map(|c| (*c).to_owned()).collect()));
        prop_assert_eq!(found, by_row(wanted.collect()));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn a_session_does_what_the_model_does_1() {
    run();
}

#[test]
fn a_session_does_what_the_model_does_2() {
    run();
}

#[test]
fn a_session_does_what_the_model_does_3() {
    run();
}

#[test]
fn a_session_does_what_the_model_does_4() {
    run();
}
