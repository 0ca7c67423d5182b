//! The optimistic lock: a row that somebody else changed or deleted rolls the whole flush back and is named.

use chrono::NaiveDateTime;
use headwater::prelude::*;
use headwater::{Error, ErrorKind};
use uuid::Uuid;

use crate::world::{World, names, note};

const PAGES: Stream = Stream::new("PageStream");

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "pages", stream(PAGES), soft_delete)]
struct Page {
    #[column(id)]
    id: u64,
    #[column(length = 40)]
    title: String,
    views: u32,
    #[column(version)]
    version: u32,
    #[column(deleted_at)]
    deleted_at: Option<NaiveDateTime>,
}
impl Entity for Page {
    fn saved(&self, _: &Committed<'_, Self>) {
        note(format!("saved {}", self.id));
    }
    fn deleted(&self, _: &Committed<'_, Self>) {
        note(format!("deleted {}", self.id));
    }
}

/// Without a version: only a row that is gone is noticed.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "plain", stream(PAGES))]
struct Plain {
    #[column(id)]
    id: u64,
    views: u32,
}
impl Entity for Plain {}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "tagged", stream(PAGES))]
struct Tagged {
    #[column(id)]
    id: Uuid,
    views: u32,
    #[column(version)]
    version: i16,
}
impl Entity for Tagged {}

fn world() -> World {
    World::new(PAGES, |builder| {
        builder.entity::<Page>().entity::<Plain>().entity::<Tagged>()
    })
}

/// A world with so many pages, and a session that holds them.
fn with_pages(count: usize) -> (World, Session, Vec<Handle<Page>>) {
    let world = world();
    let mut session = world.engine.session();
    let page = |n: usize| Page {
        title: format!("page {n}"),
        ..Page::default()
    };
    let pages = (1..=count).map(|n| session.insert(page(n))).collect();
    session.flush().unwrap();
    (world, session, pages)
}

#[track_caller]
fn is_stale(error: &Error, of: &str, rows: &[&str]) {
    let ErrorKind::Stale { table, keys } = error.kind() else {
        panic!("{error:#?}")
    };
    assert!(error.is_stale() && !error.is_retryable());
    assert_eq!(
        (*table, keys.as_slice()),
        (
            of,
            rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>().as_slice()
        )
    );
    names(error, &[of]);
    names(error, rows);
}

type Act = fn(&mut Session, Handle<Page>);

/// What one session does to a row that another has changed.
const ACTS: [(&str, Act); 6] = [
    ("update", |session, page| session[page].views += 1),
    ("update of two columns", |session, page| {
        session[page].views += 1;
        session[page].title.push('!');
    }),
    ("touch", |session, page| session.touch(page).unwrap()),
    ("soft delete", |session, page| session.delete(page).unwrap()),
    ("delete", |session, page| session.force_delete(page).unwrap()),
    ("update and delete", |session, page| {
        session[page].views += 1;
        session.delete(page).unwrap();
    }),
];

#[test]
fn a_stale_row_is_named_whatever_is_done_to_it() {
    for (name, act) in ACTS {
        for gone in [false, true] {
            for in_transaction in [false, true] {
                let (world, mut session, pages) = with_pages(3);
                let mut other = world.engine.session();
                let theirs = other.require::<Page>(2).unwrap();
                if gone {
                    other.force_delete(theirs).unwrap();
                } else {
                    other[theirs].title = "theirs".into();
                }
                other.flush().unwrap();
                act(&mut session, pages[1]);
                let before = session[pages[1]].clone();
                let error = if in_transaction {
                    world.fails_at(|| session.transaction(|_| Ok(())))
                } else {
                    world.fails(&mut session)
                };
                is_stale(&error, "pages", &["2"]);
                assert_eq!(session[pages[1]], before, "{name}: edits and version are as they were");
                // Beside others, all is taken back.
                session[pages[0]].views = 7;
                session[pages[2]].views = 8;
                let new = session.insert(Page::default());
                let error = world.fails(&mut session);
                is_stale(&error, "pages", &["2"]);
                assert_eq!((session[new].id, session[pages[0]].version), (0, 1));
                // Reading it again is the way out.
                match session.refresh(pages[1]) {
                    Ok(()) => {
                        assert!(!gone);
                        act(&mut session, pages[1]);
                    }
                    Err(error) => {
                        assert!(gone && error.is_not_found(), "{name}: {error}");
                        session.evict(pages[1]).unwrap();
                    }
                }
                assert_eq!(world.works(&mut session).rows(), if gone { 3 } else { 4 }, "{name}");
            }
        }
    }
}

#[test]
fn restoring_a_row_that_somebody_else_changed_is_stale() {
    let (world, mut session, pages) = with_pages(2);
    session.delete(pages[0]).unwrap();
    session.flush().unwrap();
    let mut other = world.engine.session();
    let theirs = other.query::<Page>().only_trashed().first().unwrap().unwrap();
    other[theirs].views = 1;
    other.flush().unwrap();
    session.restore(pages[0]).unwrap();
    is_stale(&world.fails(&mut session), "pages", &["1"]);
    session.refresh(pages[0]).unwrap();
    session.restore(pages[0]).unwrap();
    world.works(&mut session);
    assert_eq!(
        world.rows("SELECT version FROM pages WHERE id = 1 AND deleted_at IS NULL"),
        ["4"]
    );
}

/// Of 300 rows these are stale; exactly they are named, whichever statement writes them.
#[test]
fn of_a_batch_exactly_the_stale_rows_are_named() {
    let acts: [(&str, Act); 5] = [
        ("update to different values", |session, page| {
            session[page].views = session[page].id as u32
        }),
        ("update to the same value", |session, page| session[page].views = 5),
        ("soft delete", |session, page| session.delete(page).unwrap()),
        ("delete", |session, page| session.force_delete(page).unwrap()),
        ("touch", |session, page| session.touch(page).unwrap()),
    ];
    let (world, mut session, pages) = with_pages(300);
    let cases: [(&[u64], &[u64]); 4] = [(&[137], &[]), (&[], &[300]), (&[1, 2, 299], &[]), (&[5], &[150, 250])];
    for (name, act) in acts {
        for (changed, deleted) in cases {
            let rows = world.rows("SELECT COUNT(*), SUM(version) FROM pages");
            let expected: Vec<u64> = {
                let mut all: Vec<u64> = changed.iter().chain(deleted).copied().collect();
                all.sort_unstable();
                all
            };
            // Somebody else: through SQL, to be put back afterwards.
            let list = |ids: &[u64]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            if !changed.is_empty() {
                world.sql(&[&format!(
                    "UPDATE pages SET version = version + 1 WHERE id IN ({})",
                    list(changed)
                )]);
            }
            if !deleted.is_empty() {
                world.sql(&[
                    "CREATE TABLE aside LIKE pages",
                    &format!("INSERT INTO aside SELECT * FROM pages WHERE id IN ({})", list(deleted)),
                    &format!("DELETE FROM pages WHERE id IN ({})", list(deleted)),
                ]);
            }
            pages.iter().for_each(|&page| act(&mut session, page));
            let new = session.insert(Page::default());
            for in_transaction in [false, true] {
                let error = if in_transaction {
                    world.fails_at(|| session.transaction(|session| session.flush()))
                } else {
                    world.fails(&mut session)
                };
                let ErrorKind::Stale { keys, .. } = error.kind() else {
                    panic!("{name}: {error:#?}")
                };
                let mut keys: Vec<u64> = keys.iter().map(|key| key.parse().unwrap()).collect();
                keys.sort_unstable();
                assert_eq!(keys, expected, "{name}");
                assert!(pages.iter().all(|&page| session[page].version == 1), "{name}");
                assert_eq!(session[new].id, 0);
            }
            // Put back.
            if !changed.is_empty() {
                world.sql(&[&format!(
                    "UPDATE pages SET version = version - 1 WHERE id IN ({})",
                    list(changed)
                )]);
            }
            if !deleted.is_empty() {
                world.sql(&["INSERT INTO pages SELECT * FROM aside", "DROP TABLE aside"]);
            }
            assert_eq!(world.rows("SELECT COUNT(*), SUM(version) FROM pages"), rows);
            session.delete(new).unwrap();
            pages.iter().for_each(|&page| session.refresh_all(page));
        }
    }
    // And nothing was in the way of the whole batch but those.
    pages.iter().for_each(|&page| session[page].views = 9);
    assert_eq!(world.works(&mut session).updated, 300);
}

/// Throws the edits and marks of an entity away, without asking the server for each.
trait RefreshAll {
    fn refresh_all(&mut self, page: Handle<Page>);
}

impl RefreshAll for Session {
    fn refresh_all(&mut self, page: Handle<Page>) {
        self.refresh(page).expect("its row");
    }
}

/// Two sessions delete and change in turn; the second always finds out.
#[test]
fn two_sessions_never_lose_an_update() {
    let (world, mut one, pages) = with_pages(1);
    let mut two = world.engine.session();
    let theirs = two.require::<Page>(1).unwrap();
    for round in 1..=5 {
        one[pages[0]].views += 1;
        one.flush().unwrap();
        two[theirs].views += 10;
        is_stale(&two.flush().unwrap_err(), "pages", &["1"]);
        two.refresh(theirs).unwrap();
        two[theirs].views += 10;
        two.flush().unwrap();
        one[pages[0]].title = format!("round {round}");
        is_stale(&one.flush().unwrap_err(), "pages", &["1"]);
        one.refresh(pages[0]).unwrap();
    }
    assert_eq!(world.rows("SELECT views, version FROM pages"), ["55|11"]);
}

#[test]
fn without_a_version_a_row_that_is_gone_is_named() {
    let world = world();
    let mut session = world.engine.session();
    let rows: Vec<_> = (0..20).map(|_| session.insert(Plain::default())).collect();
    session.flush().unwrap();
    world.sql(&["DELETE FROM plain WHERE id IN (7, 9)"]);
    // Updates, of different values and of the same, and of one row.
    rows.iter()
        .for_each(|&row| session[row].views = session[row].id as u32 + 1);
    is_stale(&world.fails(&mut session), "plain", &["7", "9"]);
    rows.iter().for_each(|&row| session[row].views = 3);
    is_stale(&world.fails(&mut session), "plain", &["7", "9"]);
    rows.iter().for_each(|&row| session[row].views = 0);
    session[rows[6]].views = 3;
    is_stale(&world.fails(&mut session), "plain", &["7"]);
    session[rows[6]].views = 0;
    // Deletes.
    rows.iter().for_each(|&row| session.delete(row).unwrap());
    is_stale(&world.fails(&mut session), "plain", &["7", "9"]);
    for gone in [rows[6], rows[8]] {
        session.evict(gone).unwrap();
    }
    assert_eq!(world.works(&mut session).deleted, 18);
}

/// However many rows one statement is about.
#[test]
fn of_thousands_of_rows_exactly_those_that_are_gone_are_named() {
    let world = world();
    let mut session = world.engine.session();
    let rows: Vec<_> = (0..3_000).map(|_| session.insert(Plain::default())).collect();
    session.flush().unwrap();
    world.sql(&["DELETE FROM plain WHERE id IN (7, 2900)"]);
    rows.iter().for_each(|&row| session[row].views = 3);
    is_stale(&world.fails(&mut session), "plain", &["7", "2900"]);
    rows.iter().for_each(|&row| session.delete(row).unwrap());
    is_stale(&world.fails(&mut session), "plain", &["7", "2900"]);
    assert_eq!(world.rows("SELECT COUNT(*), SUM(views) FROM plain"), ["2998|0"]);
    for gone in [rows[6], rows[2_899]] {
        session.evict(gone).unwrap();
    }
    let report = world.works(&mut session);
    assert_eq!((report.deleted, report.statements), (2_998, 1));
}

/// A row that another changed to the same values is no conflict without a version.
#[test]
fn without_a_version_the_last_one_wins() {
    let world = world();
    let mut session = world.engine.session();
    let row = session.insert(Plain::default());
    session.flush().unwrap();
    world.sql(&["UPDATE plain SET views = 5"]);
    session[row].views = 5;
    assert_eq!(
        session.flush().unwrap().updated,
        1,
        "matched, though nothing is different"
    );
    session[row].views = 6;
    session.flush().unwrap();
    assert_eq!(world.rows("SELECT views FROM plain"), ["6"]);
}

/// Keys of other types are named as their entities show them.
#[test]
fn stale_rows_with_uuids_are_named() {
    let world = world();
    let mut session = world.engine.session();
    let rows: Vec<_> = (0..5).map(|_| session.insert(Tagged::default())).collect();
    session.flush().unwrap();
    let ids: Vec<String> = rows.iter().map(|&row| session[row].id.to_string()).collect();
    let mut other = world.engine.session();
    for row in [1, 3] {
        let theirs = other.require::<Tagged>(session[rows[row]].id).unwrap();
        other[theirs].views = 1;
    }
    other.flush().unwrap();
    rows.iter()
        .zip(10..)
        .for_each(|(&row, views)| session[row].views = views);
    let mut stale = [ids[1].as_str(), ids[3].as_str()];
    stale.sort_unstable();
    is_stale(&world.fails(&mut session), "tagged", &stale);
    rows.iter().for_each(|&row| session.delete(row).unwrap());
    is_stale(&world.fails(&mut session), "tagged", &stale);
    rows.iter().for_each(|&row| session.refresh(row).unwrap());
    session[rows[1]].views = 9;
    world.sql(&["DELETE FROM tagged"]);
    is_stale(&world.fails(&mut session), "tagged", &[&ids[1]]);
}

/// Deletes of a versioned row that is gone: two sessions delete the same.
#[test]
fn the_second_of_two_deletes_is_stale() {
    let (world, mut one, pages) = with_pages(4);
    let mut two = world.engine.session();
    let theirs: Vec<_> = (1..=4).map(|id| two.require::<Page>(id).unwrap()).collect();
    for &page in &pages[..2] {
        one.force_delete(page).unwrap();
    }
    one.flush().unwrap();
    for &page in &theirs {
        two.force_delete(page).unwrap();
    }
    is_stale(&world.fails(&mut two), "pages", &["1", "2"]);
    for &page in &theirs[..2] {
        two.evict(page).unwrap();
    }
    assert_eq!(world.works(&mut two).deleted, 2);
}
