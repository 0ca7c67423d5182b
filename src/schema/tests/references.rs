//! References, foreign keys and indexes on a real server.

use super::{DESTRUCTIVE, SAFE, expected, server, summary};
use crate::Table;
use crate::table::Ref;

mod small {
    use super::*;

    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "authors")]
    pub(super) struct Author {
        #[column(id)]
        id: u32,
        name: String,
        #[column(references)]
        best: Option<Ref<Post>>,
    }

    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "posts")]
    pub(super) struct Post {
        #[column(id)]
        id: u32,
        #[column(references(on_delete = "cascade"))]
        author: Ref<Author>,
        #[column(references(on_delete = "set_null"))]
        reviewer: Option<Ref<Author>>,
        #[column(references)]
        parent: Option<Ref<Post>>,
    }
}

mod large {
    use super::*;

    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "authors")]
    pub(super) struct Author {
        #[column(id)]
        id: u64,
        #[column(index = "ix_name")]
        name: String,
        best: Option<Ref<Post>>,
    }

    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "posts", index(reviewer, author, name = "ix_reviewer"))]
    pub(super) struct Post {
        #[column(id)]
        id: u32,
        #[column(references(on_delete = "restrict"))]
        author: Ref<Author>,
        #[column(references(on_delete = "set_null"))]
        reviewer: Option<Ref<Author>>,
        #[column(references)]
        parent: Option<Ref<Post>>,
    }
}

const RULES: &str = "SELECT CONCAT_WS(' ', CONSTRAINT_NAME, DELETE_RULE, REFERENCED_TABLE_NAME) \
                     FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE() ORDER BY 1";

#[test]
fn foreign_keys_are_made_in_a_circle_and_kept_when_types_grow() {
    let server = server();
    let (small, large) = (
        [small::Author::TABLE, small::Post::TABLE],
        [large::Author::TABLE, large::Post::TABLE],
    );
    server.apply(&small);
    server.assert_matches(&small);
    // MariaDB says RESTRICT and MySQL what was asked for; both mean the same.
    assert_eq!(
        server.texts(RULES),
        [
            "fk_authors_best RESTRICT posts",
            "fk_posts_author CASCADE authors",
            "fk_posts_parent RESTRICT posts",
            "fk_posts_reviewer SET NULL authors"
        ]
    );
    server.run(&[
        "INSERT INTO authors (id, name) VALUES (1, 'Ana'), (2, 'Ben')",
        "INSERT INTO posts (id, author, reviewer, parent) VALUES (1, 1, 2, NULL), (2, 1, NULL, 1)",
        "UPDATE authors SET best = 2 WHERE id = 1",
    ]);
    let diff = server.diff(&large);
    assert!(diff.steps().iter().all(|step| !step.is_destructive()), "{diff}");
    diff.apply().unwrap_or_else(|error| panic!("{error}\n{diff}"));
    server.assert_matches(&large);
    assert_eq!(
        server.texts(RULES),
        [
            "fk_posts_author RESTRICT authors",
            "fk_posts_parent RESTRICT posts",
            "fk_posts_reviewer SET NULL authors"
        ]
    );
    let rows = server.texts("SELECT CONCAT_WS('|', id, author, reviewer, parent) FROM posts ORDER BY id");
    assert_eq!(rows, ["1|1|2", "2|1|1"]);

    // And back: smaller integers wait for apply_all.
    let back = server.diff(&small);
    back.apply().unwrap_or_else(|error| panic!("{error}\n{back}"));
    server
        .diff(&small)
        .apply_all()
        .unwrap_or_else(|error| panic!("{error}\n{back}"));
    server.assert_matches(&small);
}

#[test]
fn a_row_that_refers_to_nothing_stops_a_new_foreign_key() {
    let server = server();
    let tables = [small::Author::TABLE, small::Post::TABLE];
    server.apply(&tables);
    server.run(&[
        "ALTER TABLE posts DROP FOREIGN KEY fk_posts_author",
        "INSERT INTO posts (author) VALUES (77)",
    ]);
    let error = server.diff(&tables).apply().expect_err("there is no author 77");
    assert!(error.is_foreign_key(), "{error}");
    assert!(error.to_string().contains("fk_posts_author"), "{error}");
    server.run(&["DELETE FROM posts"]);
    server.apply(&tables);
    server.assert_matches(&tables);
}

mod indexed {
    use super::*;

    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "people", index(unique, first, last))]
    pub(super) struct Before {
        #[column(id)]
        id: u32,
        #[column(index)]
        first: String,
        #[column(index = "people_by_last")]
        last: String,
        email: String,
    }

    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "people", index(unique, last, email, name = "uq_first_last"))]
    pub(super) struct After {
        #[column(id)]
        id: u32,
        first: String,
        last: String,
        #[column(unique)]
        email: String,
    }
}

#[test]
fn indexes_are_added_exchanged_and_dropped() {
    let server = server();
    server.apply(&[indexed::Before::TABLE]);
    server.run(&[
        "ALTER TABLE people ADD INDEX theirs (email(10)), ADD FULLTEXT INDEX words (email)",
        "INSERT INTO people (first, last, email) VALUES ('a', 'b', 'x'), ('c', 'd', 'X')",
    ]);
    server.assert_matches(&[indexed::Before::TABLE]);
    let after = [indexed::After::TABLE];
    let diff = server.diff(&after);
    let altered = "ALTER TABLE `people` DROP INDEX `ix_first`, ADD UNIQUE KEY `uq_email` (`email`), \
                   DROP INDEX `uq_first_last`, ADD UNIQUE KEY `uq_first_last` (`last`, `email`)";
    assert_eq!(summary(&diff), expected(&[(SAFE, altered)]));
    let error = diff.apply().expect_err("x is there twice");
    assert!(error.is_duplicate_key(), "{error}");
    assert!(
        error
            .to_string()
            .contains("people: duplicate value 'x' for unique index `uq_email`"),
        "{error}"
    );
    // Nothing of the statement was done.
    server.assert_matches(&[indexed::Before::TABLE]);

    server.run(&["UPDATE people SET email = 'y' WHERE first = 'c'"]);
    assert_eq!(diff.apply().expect("no value is there twice"), 1);
    server.assert_matches(&after);
    let names = server.texts(
        "SELECT DISTINCT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1",
    );
    // `people_by_last` has none of our names, so that nobody but its author drops it.
    assert_eq!(
        names,
        [
            "people_by_last",
            "PRIMARY",
            "theirs",
            "uq_email",
            "uq_first_last",
            "words"
        ]
    );
}

#[test]
fn an_index_that_needs_a_narrower_column_waits_with_it() {
    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "notes")]
    struct Long {
        #[column(id)]
        id: u32,
        #[column(length = 20_000)]
        title: String,
    }
    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "notes")]
    struct Short {
        #[column(id)]
        id: u32,
        #[column(length = 200, unique)]
        title: String,
    }
    let server = server();
    server.apply(&[Long::TABLE]);
    let diff = server.diff(&[Short::TABLE]);
    let altered = "ALTER TABLE `notes` MODIFY COLUMN `title` VARCHAR(200) COLLATE utf8mb4_unicode_520_ci NOT NULL, \
                   ADD UNIQUE KEY `uq_title` (`title`)";
    assert_eq!(summary(&diff), expected(&[(DESTRUCTIVE, altered)]));
    assert_eq!(diff.apply().expect("nothing is safe"), 0);
    assert_eq!(diff.apply_all().expect("the table is empty"), 1);
    server.assert_matches(&[Short::TABLE]);
}
