//! Differences of columns.

use super::{Case, check, column, of_kind};
use crate::schema::default::Default;
use crate::schema::kind::{Kind, Lob};
use crate::schema::tests::{DESTRUCTIVE, SAFE};

#[test]
fn each_difference_has_its_statement() {
    let cases: [Case; 24] = [
        ("nothing", |_| (), &[]),
        ("column order", |t| t.columns.reverse(), &[]),
        (
            "the case of names",
            |t| {
                column(t, "age").name = "AGE".to_owned();
                t.indexes[0].name = "UQ_NAME".to_owned();
            },
            &[],
        ),
        (
            "another utf8mb4 collation",
            |t| {
                t.collation = "utf8mb4_spanish_ci".to_owned();
                column(t, "name").collation = Some("utf8mb4_spanish_ci".to_owned());
                column(t, "status").collation = Some("utf8mb4_spanish_ci".to_owned());
            },
            &[],
        ),
        (
            "a missing column with NULL and a default",
            |t| t.columns.retain(|c| c.name != "age"),
            &[(SAFE, "ADD COLUMN `age` TINYINT UNSIGNED NULL DEFAULT 7")],
        ),
        (
            "a missing column in a table with rows",
            |t| t.columns.retain(|c| c.name != "status"),
            &[(
                SAFE,
                "ADD COLUMN `status` ENUM('Active','Banned') COLLATE utf8mb4_bin NOT NULL",
            )],
        ),
        (
            "a missing unique column in a table with rows",
            |t| t.columns.retain(|c| c.name != "name"),
            &[(DESTRUCTIVE, "ADD COLUMN `name` VARCHAR(100) NOT NULL")],
        ),
        (
            "a missing unique column in a table without rows",
            |t| {
                t.has_rows = false;
                t.columns.retain(|c| c.name != "name");
            },
            &[(SAFE, "ADD COLUMN `name` VARCHAR(100) NOT NULL")],
        ),
        (
            "a shorter text",
            |t| column(t, "name").kind = Kind::Varchar(50),
            &[(
                SAFE,
                "MODIFY COLUMN `name` VARCHAR(100) COLLATE utf8mb4_unicode_520_ci NOT NULL",
            )],
        ),
        (
            "a longer text",
            |t| column(t, "name").kind = Kind::Varchar(101),
            &[(
                DESTRUCTIVE,
                "MODIFY COLUMN `name` VARCHAR(100) COLLATE utf8mb4_unicode_520_ci NOT NULL",
            )],
        ),
        (
            "another type, default and comment",
            |t| {
                let age = column(t, "age");
                age.kind = Kind::Varchar(5);
                age.default = Default::None;
                age.comment = "in 'years'".to_owned();
            },
            &[(
                DESTRUCTIVE,
                "MODIFY COLUMN `age` TINYINT UNSIGNED NULL DEFAULT 7 COMMENT 'in ''years'''",
            )],
        ),
        (
            "NULL forbidden",
            |t| column(t, "age").nullable = false,
            &[(SAFE, "MODIFY COLUMN `age` TINYINT UNSIGNED NULL DEFAULT 7")],
        ),
        (
            "NULL allowed",
            |t| column(t, "name").nullable = true,
            &[(
                DESTRUCTIVE,
                "MODIFY COLUMN `name` VARCHAR(100) COLLATE utf8mb4_unicode_520_ci NOT NULL",
            )],
        ),
        (
            "NULL allowed and a shorter text",
            |t| {
                column(t, "name").nullable = true;
                column(t, "name").kind = Kind::Varchar(9);
            },
            &[
                (
                    SAFE,
                    "MODIFY COLUMN `name` VARCHAR(100) COLLATE utf8mb4_unicode_520_ci NULL",
                ),
                (
                    DESTRUCTIVE,
                    "MODIFY COLUMN `name` VARCHAR(100) COLLATE utf8mb4_unicode_520_ci NOT NULL",
                ),
            ],
        ),
        (
            "no default",
            |t| column(t, "age").default = Default::None,
            &[(SAFE, "ALTER COLUMN `age` SET DEFAULT 7")],
        ),
        (
            "a default too many",
            |t| column(t, "name").default = Default::Constant(String::new()),
            &[(SAFE, "ALTER COLUMN `name` DROP DEFAULT")],
        ),
        (
            "fewer names",
            |t| column(t, "status").kind = Kind::Enum(vec!["Active".to_owned()]),
            &[(
                SAFE,
                "MODIFY COLUMN `status` ENUM('Active','Banned') COLLATE utf8mb4_bin NOT NULL",
            )],
        ),
        (
            "another order of names",
            |t| {
                column(t, "status").kind = Kind::Enum(vec!["Banned".to_owned(), "Active".to_owned()]);
            },
            &[(
                SAFE,
                "MODIFY COLUMN `status` ENUM('Active','Banned') COLLATE utf8mb4_bin NOT NULL",
            )],
        ),
        (
            "another name",
            |t| {
                column(t, "status").kind = Kind::Enum(vec!["Active".to_owned(), "it's".to_owned()]);
            },
            &[
                (
                    SAFE,
                    "MODIFY COLUMN `status` ENUM('Active','it''s','Banned') COLLATE utf8mb4_bin NOT NULL",
                ),
                (
                    DESTRUCTIVE,
                    "MODIFY COLUMN `status` ENUM('Active','Banned') COLLATE utf8mb4_bin NOT NULL",
                ),
            ],
        ),
        (
            "another name that the server cannot show",
            |t| {
                column(t, "status").kind = Kind::Enum(vec!["Active".to_owned(), "?".to_owned()]);
            },
            &[(
                DESTRUCTIVE,
                "MODIFY COLUMN `status` ENUM('Active','Banned') COLLATE utf8mb4_bin NOT NULL",
            )],
        ),
        (
            "a column that is not in the struct",
            |t| {
                let mut old = of_kind("old", Kind::Date);
                old.nullable = true;
                t.columns.push(old);
            },
            &[(DESTRUCTIVE, "DROP COLUMN `old`")],
        ),
        (
            "columns without defaults that are not in the struct",
            |t| {
                t.columns.push(of_kind("old", Kind::Enum(vec!["x".to_owned()])));
                t.columns.push(of_kind("older", Kind::Text(Lob::Regular)));
                t.columns.push(of_kind("oldest", Kind::Other("point".to_owned())));
            },
            &[
                (
                    SAFE,
                    "ALTER COLUMN `old` SET DEFAULT 'x', \
                    MODIFY COLUMN `older` TEXT COLLATE utf8mb4_general_ci NOT NULL DEFAULT ('')",
                ),
                (
                    DESTRUCTIVE,
                    "DROP COLUMN `old`, DROP COLUMN `older`, DROP COLUMN `oldest`",
                ),
            ],
        ),
        (
            "a computed column",
            |t| column(t, "age").generated = true,
            &[(DESTRUCTIVE, "MODIFY COLUMN `age` TINYINT UNSIGNED NULL DEFAULT 7")],
        ),
        (
            "ON UPDATE",
            |t| column(t, "age").on_update = true,
            &[(SAFE, "MODIFY COLUMN `age` TINYINT UNSIGNED NULL DEFAULT 7")],
        ),
    ];
    check(&cases);
}
