//! Differences of keys, indexes, foreign keys and whole tables.

use std::collections::HashMap;

use super::{Case, Tag, User, as_made, check, column, foreign_key, index, of_kind, steps, wanted};
use crate::Table;
use crate::schema::change::Risk;
use crate::schema::default::Default;
use crate::schema::diff;
use crate::schema::kind::{Kind, Lob};
use crate::schema::tests::{DESTRUCTIVE, SAFE};

/// MySQL changes no column while a foreign key uses it.
const DROP_BOSS: (bool, &str) = (SAFE, "DROP FOREIGN KEY `fk_users_boss`");
const ADD_BOSS: (bool, &str) = (
    SAFE,
    "ADD CONSTRAINT `fk_users_boss` FOREIGN KEY (`boss`) REFERENCES `users` (`id`) ON DELETE RESTRICT",
);

#[test]
fn each_difference_has_its_statement() {
    let cases: [Case; 21] = [
        (
            "no AUTO_INCREMENT",
            |t| column(t, "id").auto_increment = false,
            &[
                DROP_BOSS,
                (SAFE, "MODIFY COLUMN `id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT"),
                ADD_BOSS,
            ],
        ),
        (
            "no primary key",
            |t| {
                t.primary.clear();
                column(t, "id").auto_increment = false;
            },
            &[
                DROP_BOSS,
                (
                    SAFE,
                    "MODIFY COLUMN `id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, ADD PRIMARY KEY (`id`)",
                ),
                ADD_BOSS,
            ],
        ),
        (
            "another primary key",
            |t| {
                t.primary = vec!["name".to_owned()];
                t.columns.retain(|c| c.name != "id");
            },
            &[(
                DESTRUCTIVE,
                "ADD COLUMN `id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, DROP PRIMARY KEY, ADD PRIMARY KEY (`id`)",
            )],
        ),
        (
            "a missing index",
            |t| t.indexes.clear(),
            &[(
                SAFE,
                "ADD UNIQUE KEY `uq_name` (`name`), ADD KEY `ix_status` (`status`), ADD KEY `ix_boss` (`boss`), ADD KEY `ix_text_key` (`text_key`)",
            )],
        ),
        (
            "an index of other columns",
            |t| t.indexes[0].columns.push("age".to_owned()),
            &[(SAFE, "DROP INDEX `uq_name`, ADD UNIQUE KEY `uq_name` (`name`)")],
        ),
        (
            "an index with a prefix",
            |t| t.indexes[0].plain = false,
            &[(SAFE, "DROP INDEX `uq_name`, ADD UNIQUE KEY `uq_name` (`name`)")],
        ),
        (
            "an index of a column that changes destructively",
            |t| {
                column(t, "name").kind = Kind::Text(Lob::Long);
                t.indexes.remove(0);
            },
            &[(
                DESTRUCTIVE,
                "MODIFY COLUMN `name` VARCHAR(100) COLLATE utf8mb4_unicode_520_ci NOT NULL, ADD UNIQUE KEY `uq_name` (`name`)",
            )],
        ),
        (
            "an index of ours that is not declared",
            |t| t.indexes.push(index("ix_old", false, &["age"])),
            &[(SAFE, "DROP INDEX `ix_old`")],
        ),
        (
            "an index of somebody else",
            |t| t.indexes.push(index("idx_old", false, &["age"])),
            &[],
        ),
        (
            "the engine",
            |t| t.engine = "MyISAM".to_owned(),
            &[(SAFE, "ENGINE=InnoDB")],
        ),
        (
            "the charset",
            |t| {
                t.collation = "latin1_swedish_ci".to_owned();
                column(t, "name").charset = Some("latin1".to_owned());
                column(t, "name").collation = Some("latin1_swedish_ci".to_owned());
            },
            &[(
                SAFE,
                "DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci, \
                    MODIFY COLUMN `name` VARCHAR(100) COLLATE utf8mb4_unicode_520_ci NOT NULL",
            )],
        ),
        (
            "a reference that is not told apart by its bytes",
            |t| {
                column(t, "text_key").collation = Some("utf8mb4_general_ci".to_owned());
            },
            &[(SAFE, "MODIFY COLUMN `text_key` VARCHAR(26) COLLATE utf8mb4_bin NULL")],
        ),
        (
            "a missing foreign key",
            |t| t.foreign_keys.clear(),
            &[(
                SAFE,
                "ADD CONSTRAINT `fk_users_boss` FOREIGN KEY (`boss`) REFERENCES `users` (`id`) ON DELETE RESTRICT",
            )],
        ),
        (
            "a foreign key that does something else",
            |t| t.foreign_keys[0].on_delete = "CASCADE".to_owned(),
            &[
                (SAFE, "DROP FOREIGN KEY `fk_users_boss`"),
                (
                    SAFE,
                    "ADD CONSTRAINT `fk_users_boss` FOREIGN KEY (`boss`) REFERENCES `users` (`id`) ON DELETE RESTRICT",
                ),
            ],
        ),
        (
            "the same foreign key by another name",
            |t| t.foreign_keys[0].name = "boss_of".to_owned(),
            &[],
        ),
        (
            "a foreign key of ours that is not declared",
            |t| {
                t.foreign_keys
                    .push(foreign_key("fk_users_text_key", "text_key", "RESTRICT"));
            },
            &[(SAFE, "DROP FOREIGN KEY `fk_users_text_key`")],
        ),
        (
            "a foreign key of somebody else and the index under it",
            |t| {
                t.indexes.push(index("ix_age", false, &["age"]));
                t.foreign_keys.push(foreign_key("by_age", "age", "RESTRICT"));
            },
            &[],
        ),
        (
            "a reference that is not in the struct",
            |t| {
                t.columns.push(of_kind("old", Kind::Varchar(3)));
                t.columns.last_mut().expect("one").nullable = true;
                t.indexes.push(index("ix_old", false, &["old"]));
                t.foreign_keys.push(foreign_key("fk_users_old", "old", "RESTRICT"));
            },
            &[
                (SAFE, "DROP FOREIGN KEY `fk_users_old`"),
                (SAFE, "DROP INDEX `ix_old`"),
                (DESTRUCTIVE, "DROP COLUMN `old`"),
            ],
        ),
        (
            "a foreign key of somebody else on a column that is not in the struct",
            |t| {
                t.columns.push(of_kind("old", Kind::Varchar(3)));
                t.columns.last_mut().expect("one").nullable = true;
                t.indexes.push(index("ix_old", false, &["old"]));
                t.foreign_keys.push(foreign_key("theirs", "old", "RESTRICT"));
            },
            &[
                (DESTRUCTIVE, "DROP FOREIGN KEY `theirs`"),
                (DESTRUCTIVE, "DROP COLUMN `old`, DROP INDEX `ix_old`"),
            ],
        ),
        (
            "a foreign key between columns of a smaller type",
            |t| {
                for name in ["id", "boss"] {
                    column(t, name).kind = Kind::Integer {
                        bytes: 4,
                        signed: false,
                    };
                }
            },
            &[
                (SAFE, "DROP FOREIGN KEY `fk_users_boss`"),
                (
                    SAFE,
                    "MODIFY COLUMN `id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, MODIFY COLUMN `boss` BIGINT UNSIGNED NULL",
                ),
                (
                    SAFE,
                    "ADD CONSTRAINT `fk_users_boss` FOREIGN KEY (`boss`) REFERENCES `users` (`id`) ON DELETE RESTRICT",
                ),
            ],
        ),
        (
            "a missing foreign key of a column that changes destructively",
            |t| {
                column(t, "boss").kind = Kind::Integer { bytes: 8, signed: true };
                t.foreign_keys.clear();
            },
            &[
                (DESTRUCTIVE, "MODIFY COLUMN `boss` BIGINT UNSIGNED NULL"),
                (
                    DESTRUCTIVE,
                    "ADD CONSTRAINT `fk_users_boss` FOREIGN KEY (`boss`) REFERENCES `users` (`id`) ON DELETE RESTRICT",
                ),
            ],
        ),
    ];
    check(&cases);
}

#[test]
fn a_missing_table_is_made_before_the_foreign_keys() {
    let found = HashMap::from([("tags".to_owned(), as_made(Tag::TABLE))]);
    let steps = diff::steps("default", &[wanted(Tag::TABLE), wanted(User::TABLE)], &found);
    assert_eq!(steps.len(), 2);
    assert_eq!(
        steps[0].to_string(),
        "-- safe: table `users` is missing\n\
         CREATE TABLE IF NOT EXISTS `users` (\n  \
           `id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,\n  \
           `name` VARCHAR(100) NOT NULL,\n  \
           `age` TINYINT UNSIGNED NULL DEFAULT 7,\n  \
           `status` ENUM('Active','Banned') COLLATE utf8mb4_bin NOT NULL,\n  \
           `boss` BIGINT UNSIGNED NULL,\n  \
           `text_key` VARCHAR(26) COLLATE utf8mb4_bin NULL,\n  \
           PRIMARY KEY (`id`),\n  \
           UNIQUE KEY `uq_name` (`name`),\n  \
           KEY `ix_status` (`status`),\n  \
           KEY `ix_boss` (`boss`),\n  \
           KEY `ix_text_key` (`text_key`)\n\
         ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;\n"
    );
    assert!(
        steps[1]
            .sql()
            .starts_with("ALTER TABLE `users` ADD CONSTRAINT `fk_users_boss`")
    );
}

#[test]
fn the_safe_comes_first() {
    assert!(Risk::Safe < Risk::Destructive);
    let steps = steps(&|table| {
        column(table, "name").kind = Kind::Varchar(200);
        column(table, "age").default = Default::None;
        table.columns.push(of_kind("old", Kind::Date));
    });
    let risks: Vec<bool> = steps.iter().map(|(destructive, _)| *destructive).collect();
    assert_eq!(risks, [SAFE, DESTRUCTIVE], "{steps:?}");
}
