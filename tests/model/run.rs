//! One case: each step is done with the session and with the model, and both are compared.

use std::collections::BTreeMap;

use headwater::prelude::*;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::oracle::Model;
use crate::tables::{Author, Book, Fields, Handles, Kind, Note, Op, Stored, Thing};

/// Rows by table and key: label, number, parent, version.
pub(crate) type Rows = BTreeMap<(Kind, u64), (String, i32, Option<u64>, u32)>;

/// A run of one case: the events that are expected so far, each with its row's key.
pub(crate) struct Run {
    pub(crate) expected: Vec<(Kind, u64, u8, Vec<&'static str>)>,
    /// The model as of the last commit, while a transaction is open.
    pub(crate) committed: Option<Model>,
    /// The last key that each thing was seen with.
    pub(crate) keys: Vec<u64>,
}

pub(crate) fn text(label: Option<u8>) -> String {
    format!("label {}", label.unwrap_or_default())
}

impl Run {
    pub(crate) fn set(session: &mut Session, model: &Model, number: usize, with_parent: bool) {
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

    pub(crate) fn author(session: &Session, handle: Handles) -> Ref<Author> {
        match handle {
            Handles::Author(handle) => match session[handle].id {
                0 => Ref::from(handle),
                id => Ref::to(id),
            },
            _ => unreachable!("the parent is an author"),
        }
    }

    pub(crate) fn key(session: &Session, handle: Handles) -> Option<u64> {
        match handle {
            Handles::Author(handle) => session.get(handle).ok().map(|author| author.id),
            Handles::Book(handle) => session.get(handle).ok().map(|book| book.id),
            Handles::Note(handle) => session.get(handle).ok().map(|note| note.id),
        }
    }

    pub(crate) fn steps(&mut self, session: &mut Session, model: &mut Model, ops: &[Op]) -> Result<(), TestCaseError> {
        for op in ops {
            self.step(session, model, op)?;
            self.look(session, model);
            Run::compare(session, model)?;
        }
        Ok(())
    }

    pub(crate) fn step(&mut self, session: &mut Session, model: &mut Model, op: &Op) -> Result<(), TestCaseError> {
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

    pub(crate) fn flush(&mut self, session: &mut Session, model: &mut Model) -> Result<(), TestCaseError> {
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

    pub(crate) fn transaction(
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
    pub(crate) fn look(&mut self, session: &Session, model: &Model) {
        self.keys.resize(model.things.len(), 0);
        for (known, key) in self.keys.iter_mut().zip(Run::keys(session, model)) {
            if let Some(key) = key.filter(|&key| key != 0) {
                *known = key;
            }
        }
    }

    /// The keys of all things before what is about to delete some of them.
    pub(crate) fn keys(session: &Session, model: &Model) -> Vec<Option<u64>> {
        model
            .things
            .iter()
            .map(|thing| Run::key(session, thing.handle))
            .collect()
    }

    pub(crate) fn commit(&mut self, session: &Session, before: &Model, after: &Model, keys: &[Option<u64>]) {
        for (i, kind, columns) in Model::events(before, after) {
            let now = Run::key(session, after.things[i].handle).or(keys.get(i).copied().flatten());
            let key = now.unwrap_or_else(|| self.keys.get(i).copied().unwrap_or_default());
            self.expected.push((after.things[i].kind, key, kind, columns));
        }
    }

    /// Rows and entities against the model.
    pub(crate) fn compare(session: &mut Session, model: &Model) -> Result<(), TestCaseError> {
        let mut expected: Rows = BTreeMap::new();
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
        let keys_of = |map: &Rows| map.keys().copied().collect::<Vec<_>>();
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
