//! The same random edits by `flush` and by `flush_async`: the same rows, the same events, the same hooks.

use headwater::prelude::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::*;
use crate::world::{World, calls};

#[derive(Debug, Clone)]
enum Edit {
    Insert(Person),
    Change(usize, Person, u16),
    Delete(usize),
    Note(usize, String),
    Trash(usize),
    Restore(usize),
    Flush,
}

prop_compose! {
    fn some_person()(
        name in "[a-c]{1,3}",
        email in prop::option::of("[a-z]{12}"),
        age in any::<Option<u8>>(),
        balance in any::<Option<i64>>(),
        score in prop::option::of(prop::num::f64::NORMAL | prop::num::f64::ZERO),
        active in any::<Option<bool>>(),
        born in prop::option::of(0i32..3_000_000),
        seen in prop::option::of(-60_000_000_000_000_000i64..250_000_000_000_000_000),
        photo in prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
    ) -> Person {
        Person {
            name, email, age, balance, score, active, photo,
            born: born.and_then(chrono::NaiveDate::from_num_days_from_ce_opt),
            seen: seen.and_then(|at| Some(chrono::DateTime::from_timestamp_micros(at)?.naive_utc())),
            ..Person::default()
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => some_person().prop_map(Edit::Insert),
        6 => (0usize..8, some_person(), any::<u16>()).prop_map(|(row, to, columns)| Edit::Change(row, to, columns)),
        1 => (0usize..8).prop_map(Edit::Delete),
        2 => (0usize..8, "[x-z]{1,4}").prop_map(|(row, text)| Edit::Note(row, text)),
        1 => (0usize..4).prop_map(Edit::Trash),
        1 => (0usize..4).prop_map(Edit::Restore),
        3 => Just(Edit::Flush),
    ]
}

/// Does the edits; what the hooks were told.
fn run(world: &World, edits: &[Edit], flush: impl Fn(&mut Session)) {
    let mut session = world.engine.session();
    let mut people: Vec<Handle<Person>> = Vec::new();
    let mut notes: Vec<(Handle<Note>, Handle<Person>)> = Vec::new();
    for (n, edit) in edits.iter().chain([&Edit::Flush]).enumerate() {
        match edit {
            Edit::Insert(person) => people.push(session.insert(person.clone())),
            Edit::Change(row, to, columns) => {
                let Some(&row) = people.get(*row) else { continue };
                for (bit, column) in (1..10).enumerate() {
                    if columns & 1 << bit != 0 {
                        session[row].copy_column(column, to);
                    }
                }
            }
            Edit::Delete(row) => {
                if *row < people.len() {
                    let row = people.remove(*row);
                    for (note, _) in notes.extract_if(.., |(_, of)| *of == row) {
                        session.force_delete(note).unwrap();
                    }
                    session.delete(row).unwrap();
                }
            }
            Edit::Note(row, text) => {
                let Some(&row) = people.get(*row) else { continue };
                let note = Note {
                    // The same in both worlds.
                    id: format!("note-{n}"),
                    text: text.clone(),
                    person: Some(row.into()),
                    ..Note::default()
                };
                notes.push((session.insert(note), row));
            }
            Edit::Trash(row) => {
                let Some(&(note, _)) = notes.get(*row) else { continue };
                session.delete(note).unwrap();
                // A new one has just left the session.
                notes.retain(|(note, _)| session.get(*note).is_ok());
            }
            Edit::Restore(row) => {
                let Some(&(note, _)) = notes.get(*row) else { continue };
                session.restore(note).unwrap();
            }
            Edit::Flush => flush(&mut session),
        }
    }
}

/// What can be compared: the keys of people as they were inserted, and no times.
fn seen(world: &World) -> (Vec<String>, Vec<String>, Vec<String>, Vec<String>) {
    let mut keys: Vec<String> = world.events();
    keys.retain(|event| event.starts_with("people") && event.contains("Insert"));
    let keys: Vec<String> = keys
        .iter()
        .map(|event| event.split(' ').nth(1).unwrap().to_owned())
        .collect();
    let number = |key: &str| {
        keys.iter()
            .position(|other| other == key)
            .map_or_else(|| key.to_owned(), |n| format!("#{n}"))
    };
    let renamed = |text: String| {
        let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        // `people 7 …`, `created people 7 …`
        for n in 0..words.len().saturating_sub(1) {
            if words[n] == "people" {
                words[n + 1] = number(&words[n + 1]);
            }
        }
        words.join(" ")
    };
    let people = world.rows(
        "SELECT id, name, email, age, balance, score, active, born, seen, HEX(photo), version FROM people ORDER BY id",
    );
    let notes = world.rows("SELECT person, id, text, deleted_at IS NULL FROM notes ORDER BY id");
    let rows = people.into_iter().chain(notes);
    let rows = rows.map(|row| {
        let (first, rest) = row.split_once('|').unwrap();
        format!("{} {rest}", number(first))
    });
    let names = crate::world::events(&world.engine, &world.database, &NAMES);
    (
        rows.collect(),
        world.events().into_iter().map(&renamed).collect(),
        names.into_iter().map(&renamed).collect(),
        calls().into_iter().map(&renamed).collect(),
    )
}

#[test]
fn flush_async_tells_the_same_as_flush() {
    let mut runner = TestRunner::new(Config {
        cases: 16,
        failure_persistence: None,
        ..Config::default()
    });
    let edits = prop::collection::vec(edit(), 1..40);
    runner
        .run(&edits, |edits| {
            let (sync, queued) = (world(), world());
            run(&sync, &edits, |session| drop(session.flush().unwrap()));
            let expected = seen(&sync);
            calls();
            run(&queued, &edits, |session| drop(session.flush_async().unwrap()));
            assert!(queued.events().is_empty());
            drain(&mut queued.engine.async_consumer().unwrap());
            assert_eq!(length(&queued, FAILED), 0);
            let found = seen(&queued);
            prop_assert_eq!(&found.0, &expected.0, "rows");
            prop_assert_eq!(&found.1, &expected.1, "events");
            prop_assert_eq!(&found.2, &expected.2, "names");
            prop_assert_eq!(&found.3, &expected.3, "hooks");
            Ok(())
        })
        .unwrap();
}
