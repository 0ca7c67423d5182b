//! Several tables on a stream, several streams of a table, soft deletes.

use headwater::prelude::*;

use crate::common::database;
use crate::{events, spelled};

const TEXTS: Stream = Stream::new("TextStream");
const MEMOS: Stream = Stream::new("MemoStream");
const LASTING: Stream = Stream::new("LastingStream").durable();
const PAGES: Stream = Stream::new("PageStream");
const TITLES: Stream = Stream::new("TitleStream");

#[derive(Debug, Clone, Default, Table)]
#[table(name = "notes", stream(TEXTS))]
struct Note {
    #[column(id)]
    id: u64,
    text: String,
}
impl Entity for Note {}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "memos", stream(TEXTS), stream(MEMOS))]
struct Memo {
    #[column(id)]
    id: u64,
    text: String,
}
impl Entity for Memo {}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "pages", soft_delete, stream(PAGES), stream(TITLES, on = ""))]
struct Page {
    #[column(id)]
    id: u64,
    #[column(triggers(TITLES))]
    title: String,
    text: Option<String>,
    #[column(updated_at)]
    updated_at: chrono::NaiveDateTime,
    #[column(deleted_at)]
    deleted_at: Option<chrono::NaiveDateTime>,
}
impl Entity for Page {}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "leaves", stream(TEXTS), stream(MEMOS, on = "U"), stream(LASTING))]
struct Leaf {
    #[column(id)]
    id: u64,
    text: String,
    size: Option<i32>,
    branch: Option<Ref<Note>>,
    #[column(created_at)]
    at: chrono::NaiveDateTime,
}
impl Entity for Leaf {}

/// Updates of one flush that differ in their columns, in what no event shows and in what waits for a key: each event has
/// the values of its row, of background streams as of durable ones.
#[test]
fn updates_of_one_flush_have_their_own_columns_and_values() {
    let (_database, builder) = database();
    let engine = builder.entity::<Note>().entity::<Leaf>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut texts = engine.consumer(&TEXTS).single().unwrap();
    let mut memos = engine.consumer(&MEMOS).single().unwrap();
    let mut lasting = engine.consumer(&LASTING).single().unwrap();
    let mut session = engine.session();
    let note = session.insert(Note::default());
    let leaves: Vec<Handle<Leaf>> = (0..9)
        .map(|size| {
            session.insert(Leaf {
                size: Some(size),
                ..Leaf::default()
            })
        })
        .collect();
    session.flush().unwrap();
    events(&mut texts, 10);
    events(&mut lasting, 9);
    let fresh = session.insert(Note::default());
    for (n, &leaf) in leaves.iter().enumerate() {
        match n {
            0 | 1 | 4 => session[leaf].size = Some(-1),
            2 => session[leaf].branch = Some(fresh.into()),
            3 => session[leaf].branch = Some(note.into()),
            5 => session[leaf].at += chrono::TimeDelta::days(1),
            6 | 7 => {
                session[leaf].text = format!("é{n}");
                session[leaf].size = None;
            }
            _ => {
                session[leaf].at += chrono::TimeDelta::days(1);
                session[leaf].size = Some(8);
            }
        }
    }
    // The same as before: nothing is written.
    session[leaves[8]].size = Some(8);
    session.flush().unwrap();
    let mut told: Vec<String> = events(&mut texts, 10).iter().map(spelled).collect();
    told.sort();
    let expected = [
        "leaves 1 2 size: 0 -> -1",
        "leaves 2 2 size: 1 -> -1",
        "leaves 3 2 branch: NULL -> 2",
        "leaves 4 2 branch: NULL -> 1",
        "leaves 5 2 size: 4 -> -1",
        "leaves 6 2",
        "leaves 7 2 text: \"\" -> \"é6\" size: 6 -> NULL",
        "leaves 8 2 text: \"\" -> \"é7\" size: 7 -> NULL",
        "leaves 9 2",
        "notes 2 1",
    ];
    assert_eq!(told, expected);
    for stream in [&mut memos, &mut lasting] {
        let mut told: Vec<String> = events(stream, 9).iter().map(spelled).collect();
        told.sort();
        assert_eq!(told, expected[..9]);
    }
}

/// Two entities on one stream, and one entity on two streams, each of which gets all: of the later change-data tests.
#[test]
fn two_entities_on_one_stream_and_one_entity_on_two() {
    let (database, builder) = database();
    let engine = builder.entity::<Note>().entity::<Memo>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut texts = engine.consumer(&TEXTS).single().unwrap();
    let mut memos = engine.consumer(&MEMOS).single().unwrap();
    let mut session = engine.session();
    let note = session.insert(Note::default());
    session.flush().unwrap();
    let memo = session.insert(Memo::default());
    session.flush().unwrap();
    session[note].text = "x".into();
    session[memo].text = "y".into();
    session.flush().unwrap();
    session.delete(note).unwrap();
    session.flush().unwrap();
    let all: Vec<String> = events(&mut texts, 5).iter().map(spelled).collect();
    assert_eq!(all[..2], ["notes 1 1", "memos 1 1"]);
    let mut updates = all[2..4].to_vec();
    updates.sort();
    assert_eq!(
        updates,
        ["memos 1 2 text: \"\" -> \"y\"", "notes 1 2 text: \"\" -> \"x\""]
    );
    assert_eq!(all[4], "notes 1 3");
    let own: Vec<String> = events(&mut memos, 2).iter().map(spelled).collect();
    assert_eq!(own, ["memos 1 1", "memos 1 2 text: \"\" -> \"y\""]);
    drop(database);
}

/// A soft delete is told as a delete, a restore as an update; a stream may have triggers alone.
#[test]
fn soft_deletes_restores_and_triggers_alone() {
    let (_database, builder) = database();
    let engine = builder.entity::<Page>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut all = engine.consumer(&PAGES).single().unwrap();
    let mut titles = engine.consumer(&TITLES).single().unwrap();
    let mut session = engine.session();
    let page = session.insert(Page::default());
    session.flush().unwrap();
    session.delete(page).unwrap();
    session.flush().unwrap();
    session.restore(page).unwrap();
    session.flush().unwrap();
    session[page].text = Some("x".into());
    session.flush().unwrap();
    session[page].title = "y".into();
    session[page].text = None;
    session.flush().unwrap();
    session.force_delete(page).unwrap();
    session.flush().unwrap();
    let told: Vec<String> = events(&mut all, 6).iter().map(spelled).collect();
    let both = "pages 1 2 title: \"\" -> \"y\" text: \"x\" -> NULL";
    assert_eq!(
        told,
        [
            "pages 1 1",
            "pages 1 3",
            "pages 1 2",
            "pages 1 2 text: NULL -> \"x\"",
            both,
            "pages 1 3"
        ]
    );
    let told: Vec<String> = events(&mut titles, 1).iter().map(spelled).collect();
    assert_eq!(told, [both]);
}
