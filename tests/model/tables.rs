//! Three tables with references and unique columns, and what is done at random with their rows.

use headwater::prelude::*;
use proptest::prelude::*;

pub(crate) const CHANGES: Stream = Stream::new("ModelStream");

/// A table with a unique column that may not be NULL, a reference to itself.
#[derive(Debug, Clone, Default, Table)]
#[table(name = "authors", stream(CHANGES))]
pub(crate) struct Author {
    #[column(id)]
    pub(crate) id: u64,
    #[column(unique, length = 40)]
    pub(crate) label: String,
    pub(crate) n: i32,
    pub(crate) parent: Option<Ref<Author>>,
}
impl Entity for Author {}

/// A table with a version, and a reference that must be set.
#[derive(Debug, Clone, Default, Table)]
#[table(name = "books", stream(CHANGES))]
pub(crate) struct Book {
    #[column(id)]
    pub(crate) id: u64,
    #[column(unique, length = 40)]
    pub(crate) label: String,
    pub(crate) n: i32,
    pub(crate) parent: Ref<Author>,
    #[column(version)]
    pub(crate) version: u32,
}
impl Entity for Book {}

/// A table with a unique column that may be NULL.
#[derive(Debug, Clone, Default, Table)]
#[table(name = "notes", stream(CHANGES))]
pub(crate) struct Note {
    #[column(id)]
    pub(crate) id: u64,
    #[column(unique)]
    pub(crate) label: Option<i32>,
    pub(crate) n: i32,
    pub(crate) parent: Option<Ref<Book>>,
}
impl Entity for Note {}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Author,
    Book,
    Note,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Handles {
    Author(Handle<Author>),
    Book(Handle<Book>),
    Note(Handle<Note>),
}

/// The columns of a row: label (none only for notes), number, parent as the model's number of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) label: Option<u8>,
    pub(crate) n: i8,
    pub(crate) parent: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    New,
    Row(Fields),
    /// Deleted by a flush, or left the session before it was inserted.
    Gone,
}

#[derive(Debug, Clone)]
pub(crate) struct Thing {
    pub(crate) kind: Kind,
    pub(crate) handle: Handles,
    pub(crate) now: Fields,
    pub(crate) stored: Stored,
    pub(crate) delete: bool,
    pub(crate) version: u32,
}

#[derive(Debug, Clone)]
pub(crate) enum Op {
    Insert { kind: u8, label: u8, n: i8, parent: u8 },
    Label { which: u8, label: u8 },
    Number { which: u8, n: i8 },
    Parent { which: u8, parent: u8 },
    Delete { which: u8 },
    Flush,
    Transaction { ops: Vec<Op>, commit: bool },
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
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
