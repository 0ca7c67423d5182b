//! Several tables on a stream, several streams of a table, soft deletes.

use headwater::prelude::*;

use crate::common::database;
use crate::{events, spelled};

const TEXTS: Stream = Stream::new("TextStream");
const MEMOS: Stream = Stream::new("MemoStream");
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
