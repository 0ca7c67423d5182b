//! The order of statements: by references, whatever the order in which entities were touched.

use headwater::ErrorKind;
use headwater::prelude::*;

use crate::tree::{Dice, Egg, File, Folder, Hen, Node, Player, Team, folder, world};
use crate::world::names;

type Edit = Box<dyn Fn(&mut Session)>;

#[test]
fn parents_of_two_tables_come_first_in_whatever_order_they_are_inserted() {
    let world = world();
    let mut session = world.engine.session();
    let late = session.insert(folder("late"));
    let file = session.insert(File {
        folder: late.into(),
        name: "a".into(),
        ..File::default()
    });
    let other = session.insert(folder("other"));
    let report = world.works(&mut session);
    assert_eq!(
        (report.inserted, report.statements),
        (3, 2),
        "one statement for each table"
    );
    assert_eq!(session[file].folder, Ref::to(session[late].id));
    assert!(session[late].id < session[other].id);
    assert_eq!(
        world.rows("SELECT f.name FROM files JOIN folders f ON f.id = files.folder"),
        ["late"]
    );
}

/// A tree whose folders are inserted in any order, with a statement for each level.
#[test]
fn a_tree_is_inserted_level_by_level_in_whatever_order_its_folders_came() {
    let world = world();
    for seed in 0..8 {
        world.sql(&["SET foreign_key_checks = 0", "DELETE FROM folders"]);
        let mut dice = Dice(seed);
        let mut session = world.engine.session();
        let mut order: Vec<usize> = (0..40).collect();
        dice.shuffle(&mut order);
        let mut handles = vec![None; 40];
        for &n in &order {
            handles[n] = Some(session.insert(folder(format!("f{n}"))));
        }
        let handles: Vec<Handle<Folder>> = handles.into_iter().flatten().collect();
        // Each hangs below one with a smaller number: 0 is the root, of depth at most 39.
        let parents: Vec<usize> = (0..40).map(|n| if n == 0 { 0 } else { dice.below(n) }).collect();
        let depth = |mut n: usize| {
            let mut depth = 0;
            while n != 0 {
                n = parents[n];
                depth += 1;
            }
            depth
        };
        for n in 1..40 {
            session[handles[n]].parent = Some(handles[parents[n]].into());
        }
        let report = world.works(&mut session);
        let levels = (0..40).map(depth).max().unwrap() + 1;
        assert_eq!((report.inserted, report.statements), (40, levels as u64), "seed {seed}");
        for n in 1..40 {
            assert_eq!(
                session[handles[n]].parent,
                Some(Ref::to(session[handles[parents[n]]].id))
            );
            assert!(session[handles[parents[n]]].id < session[handles[n]].id);
        }
        let stored = world.rows("SELECT c.name, p.name FROM folders c JOIN folders p ON p.id = c.parent ORDER BY c.id");
        assert_eq!(stored.len(), 39);
        for (n, parent) in parents.iter().enumerate().take(40).skip(1) {
            assert!(stored.contains(&format!("f{n}|f{parent}")));
        }
        // The other way round: children are deleted before their parents.
        for &n in &order {
            session.delete(handles[n]).unwrap();
        }
        assert_eq!(world.works(&mut session).deleted, 40, "seed {seed}");
    }
}

#[test]
fn a_circle_through_a_nullable_reference_is_filled_in_later() {
    let world = world();
    let log = world.database.record().unwrap();
    for captain_first in [true, false] {
        let mut session = world.engine.session();
        log.clear().unwrap();
        let (team, captain);
        if captain_first {
            captain = session.insert(Player::default());
            team = session.insert(Team {
                captain: Some(captain.into()),
                ..Team::default()
            });
            session[captain].team = team.into();
        } else {
            team = session.insert(Team::default());
            captain = session.insert(Player {
                team: team.into(),
                ..Player::default()
            });
            session[team].captain = Some(captain.into());
        }
        let report = world.works(&mut session);
        assert_eq!((report.inserted, report.updated, report.statements), (2, 0, 3));
        assert_eq!(session[team].captain, Some(Ref::to(session[captain].id)));
        assert_eq!(
            (session[team].version, &session[captain].team),
            (1, &Ref::to(session[team].id))
        );
        let stored = world.rows(&format!(
            "SELECT captain, version FROM teams WHERE id = {}",
            session[team].id
        ));
        assert_eq!(stored, [format!("{}|1", session[captain].id)]);
        let ran = log.executed().unwrap();
        let words = ran.iter().filter_map(|sql| sql.split(' ').next());
        let words: Vec<&str> = words.filter(|word| *word != "SELECT").collect();
        assert_eq!(words, ["BEGIN", "INSERT", "INSERT", "UPDATE", "COMMIT"], "{ran:?}");
        // It is not a change any more.
        assert!(session.flush().unwrap().is_empty());
        // Both are deleted by one flush: the reference is taken back first. Without it, children go first.
        if captain_first {
            session[team].captain = None;
            session.flush().unwrap();
        }
        session.delete(team).unwrap();
        session.delete(captain).unwrap();
        let report = world.works(&mut session);
        assert_eq!((report.deleted, report.updated), (2, 0));
        assert_eq!(report.statements, if captain_first { 2 } else { 3 });
    }
}

/// A stored row gets a reference to a new one that refers back to it: no circle at all.
#[test]
fn a_new_row_and_a_stored_one_may_refer_to_each_other() {
    let world = world();
    let mut session = world.engine.session();
    let team = session.insert(Team::default());
    session.flush().unwrap();
    let captain = session.insert(Player {
        team: team.into(),
        ..Player::default()
    });
    session[team].captain = Some(captain.into());
    let report = world.works(&mut session);
    assert_eq!((report.inserted, report.updated, report.statements), (1, 1, 2));
    assert_eq!(session[team].captain, Some(Ref::to(session[captain].id)));
    assert_eq!(session[team].version, 2);
}

#[test]
fn rows_may_refer_to_themselves_and_in_longer_circles() {
    let world = world();
    let mut session = world.engine.session();
    let own = session.insert(folder("own"));
    session[own].parent = Some(own.into());
    world.works(&mut session);
    assert_eq!(session[own].parent, Some(Ref::to(session[own].id)));

    let ring: Vec<_> = (0..5).map(|n| session.insert(folder(format!("ring {n}")))).collect();
    for n in 0..5 {
        session[ring[n]].parent = Some(ring[(n + 1) % 5].into());
    }
    assert_eq!(world.works(&mut session).inserted, 5);
    for n in 0..5 {
        assert_eq!(session[ring[n]].parent, Some(Ref::to(session[ring[(n + 1) % 5]].id)));
    }
    assert_eq!(world.rows("SELECT COUNT(*) FROM folders WHERE parent IS NULL"), ["0"]);

    // Deleted by one flush, as a ring and each that refers to itself.
    ring.iter().for_each(|&handle| session.delete(handle).unwrap());
    session.delete(own).unwrap();
    assert_eq!(world.works(&mut session).deleted, 6);

    // Keys that are known before the INSERT make no difference.
    let (one, two) = (session.insert(Node::default()), session.insert(Node::default()));
    session[one].next = Some(two.into());
    session[two].next = Some(one.into());
    world.works(&mut session);
    assert_eq!(session[one].next, Some(Ref::to(session[two].id.clone())));
    assert_eq!(session[two].next, Some(Ref::to(session[one].id.clone())));
    assert_eq!(
        world.rows("SELECT COUNT(*) FROM nodes a JOIN nodes b ON a.next = b.id AND b.next = a.id"),
        ["2"]
    );
}

#[test]
fn a_circle_that_nothing_can_break_is_named() {
    let world = world();
    let mut session = world.engine.session();
    let hen = session.insert(Hen::default());
    let egg = session.insert(Egg {
        hen: hen.into(),
        ..Egg::default()
    });
    session[hen].egg = egg.into();
    session.insert(folder("beside"));
    let error = world.fails(&mut session);
    let ErrorKind::ReferenceCycle { entities } = error.kind() else {
        panic!("{error:#?}")
    };
    let mut named = entities.clone();
    named.sort();
    assert_eq!(named, ["eggs (new)", "hens (new)"]);
    names(&error, &["eggs (new)", "hens (new)"]);
    // The hen was first.
    session[hen].egg = Ref::to(77);
    assert_eq!(world.works(&mut session).inserted, 3);

    // Stored rows in such a circle, which the database does not check, can be deleted together.
    session[hen].egg = egg.into();
    session.flush().unwrap();
    session.delete(hen).unwrap();
    session.delete(egg).unwrap();
    assert_eq!(world.works(&mut session).deleted, 2);
}

/// Same changes, same statements, in whatever order the entities were loaded, touched and inserted.
#[test]
fn the_order_of_statements_is_independent_of_the_order_of_touches() {
    let world = world();
    let log = world.database.record().unwrap();
    let mut expected: Option<Vec<String>> = None;
    for seed in 0..10 {
        world.sql(&[
            "SET foreign_key_checks = 0",
            // Not TRUNCATE: MySQL prepares and logs anew what it had prepared before it.
            "DELETE FROM files",
            "DELETE FROM folders",
            "DELETE FROM teams",
            "INSERT INTO folders (id, name) SELECT seq, CONCAT('f', seq) FROM (SELECT 1 seq UNION SELECT 2 UNION \
             SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8) s",
            "INSERT INTO files (id, folder, name, size) SELECT id, id, CONCAT('file', id), 1 FROM folders",
            "INSERT INTO teams (id, version) SELECT id, 1 FROM folders",
        ]);
        let mut dice = Dice(seed);
        let mut session = world.engine.session();
        let mut edits: Vec<Edit> = Vec::new();
        for id in 1..=8u64 {
            edits.push(Box::new(move |session| {
                let file = session.require::<File>(id).unwrap();
                match id {
                    1..=3 => session[file].size = 10 + id as u32,
                    4..=5 => session[file].name = "same".into(),
                    6 => session[file].folder = Ref::to(1),
                    _ => session.delete(file).unwrap(),
                }
            }));
            edits.push(Box::new(move |session| {
                let folder = session.require::<Folder>(id).unwrap();
                match id {
                    1 => session[folder].name = "f2".into(),
                    2 => session[folder].name = "f1".into(),
                    3..=4 => session[folder].parent = Some(Ref::to(1)),
                    7..=8 => session.delete(folder).unwrap(),
                    _ => {}
                }
            }));
            edits.push(Box::new(move |session| {
                let team = session.require::<Team>(id).unwrap();
                if id % 3 == 0 {
                    session.delete(team).unwrap();
                } else {
                    session.touch(team).unwrap();
                }
            }));
        }
        dice.shuffle(&mut edits);
        for edit in &edits {
            edit(&mut session);
        }
        // New rows are inserted in the order in which they came; that of their tables does not matter.
        let mut new: Vec<Edit> = vec![
            Box::new(|session| {
                session.insert(folder("new"));
            }),
            Box::new(|session| {
                session.insert(File {
                    folder: Ref::to(2),
                    name: "new".into(),
                    ..File::default()
                });
            }),
            Box::new(|session| {
                session.insert(Team::default());
            }),
        ];
        dice.shuffle(&mut new);
        new.iter().for_each(|insert| insert(&mut session));
        log.clear().unwrap();
        world.works(&mut session);
        let ran: Vec<String> = log
            .executed()
            .unwrap()
            .into_iter()
            .filter(|sql| !sql.starts_with("SELECT"))
            .map(without_parked)
            .collect();
        assert!(ran.len() > 10, "{ran:#?}");
        match &expected {
            None => expected = Some(ran),
            Some(expected) => assert_eq!(&ran, expected, "seed {seed}"),
        }
    }
}

/// The value that a row holds for a moment while two swap theirs is another one each time.
fn without_parked(sql: String) -> String {
    match sql.split_once("UPDATE `folders` SET `name`='") {
        Some(("", rest)) if rest.find('\'') == Some(26) => format!("parked{}", &rest[26..]),
        _ => sql,
    }
}
