//! The server refuses every row that a flush writes, one after the other, and every unique value that it takes.

use headwater::ErrorKind;
use headwater_testkit::mysql::prelude::Queryable;

use crate::common::{rows, sql};
use crate::library::{Library, Run, done};
use crate::world::names;

/// Triggers that count the rows that are written and refuse the one that the table `control` says.
fn with_triggers(library: &Library) {
    let mut root = library.database.root().expect("an administrator");
    let mut run = |statement: String| {
        root.query_drop(&statement)
            .unwrap_or_else(|error| panic!("{statement}: {error}"))
    };
    run("CREATE TABLE control (written INT NOT NULL, refused INT NOT NULL)".into());
    run("INSERT INTO control VALUES (0, 0)".into());
    run("CREATE PROCEDURE step() BEGIN \
           UPDATE control SET written = written + 1; \
           IF (SELECT written = refused FROM control) THEN \
             SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this row'; \
           END IF; \
         END"
    .into());
    for table in ["authors", "books", "drafts"] {
        for event in ["INSERT", "UPDATE", "DELETE"] {
            run(format!(
                "CREATE TRIGGER {table}_{event} BEFORE {event} ON {table} FOR EACH ROW CALL step()"
            ));
        }
    }
}

fn refuse_every_row(run: Run) {
    let library = Library::new();
    with_triggers(&library);
    let mut case = library.case();
    sql(&library.database, &["UPDATE control SET written = 0, refused = 0"]);
    let expected = case.works(run);
    let written: u64 = rows(&library.database, "SELECT written FROM control")[0][0]
        .parse()
        .unwrap();
    // 22 changes, one reference that is filled in later, one unique value that is parked.
    assert_eq!(written, 24);
    for row in 1..=written {
        let at = format!("row {row} of {written}, {run:?}");
        let mut case = library.case();
        sql(
            &library.database,
            &[&format!("UPDATE control SET written = 0, refused = {row}")],
        );
        let before = library.dump();
        let error = case.fails(run, &at);
        let ErrorKind::Server { code, .. } = error.kind() else {
            panic!("{at}: {error:#?}")
        };
        assert_eq!(*code, 1644, "{at}");
        assert!(!error.is_retryable() && !error.is_connection(), "{at}: {error:#?}");
        names(&error, &["not this row"]);
        let told = error.to_string();
        assert!(
            ["authors", "books", "drafts"].iter().any(|table| told.contains(table)),
            "{told}"
        );
        assert_eq!(library.dump(), before, "{at}");
        sql(&library.database, &["UPDATE control SET refused = 0"]);
        assert_eq!(case.works(run), expected, "{at}: the next flush");
    }
}

#[test]
fn any_row_of_a_flush_is_refused() {
    refuse_every_row(Run::Alone);
}

#[test]
fn any_row_of_a_transaction_is_refused() {
    refuse_every_row(Run::InTransaction);
}

#[test]
fn any_row_of_a_nested_transaction_is_refused() {
    refuse_every_row(Run::Nested);
}

#[test]
fn any_unique_value_is_taken_by_somebody_else() {
    let library = Library::new();
    for run in [Run::Alone, Run::InTransaction] {
        let (expected, _) = done(&library, run);
        let author = "INSERT INTO authors (id, label, name, note) VALUES (99, 'rival',";
        let draft = "INSERT INTO drafts (id, label, words, author, version, created_at, updated_at, title) VALUES \
                     (99, 'rival', 1, 1, 1, '2024-01-01', '2024-01-01',";
        let rivals = [
            ("authors", "uq_name", "New a7", format!("{author} 'New a7', '')")),
            ("authors", "uq_name", "New a8", format!("{author} 'New a8', '')")),
            ("drafts", "uq_title", "New d9", format!("{draft} 'New d9')")),
            ("drafts", "uq_title", "Changed", format!("{draft} 'Changed')")),
        ];
        for (table, index, value, insert) in rivals {
            let mut case = library.case();
            sql(&library.database, &[&insert]);
            let before = library.dump();
            let error = case.fails(run, value);
            let ErrorKind::DuplicateKey {
                table: of,
                index: at,
                value: told,
                ..
            } = error.kind()
            else {
                panic!("{value}: {error:#?}")
            };
            assert_eq!((of.as_str(), at.as_str()), (table, index));
            assert!(told.contains(value), "{error}");
            assert_eq!(library.dump(), before, "{value}");
            sql(&library.database, &[&format!("DELETE FROM {table} WHERE id = 99")]);
            assert_eq!(case.works(run), expected, "{value}: the next flush");
        }
    }
}
