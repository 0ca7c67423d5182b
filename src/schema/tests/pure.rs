//! What the comparison says of each kind of difference, without a server.

use std::collections::HashMap;

use super::{DESTRUCTIVE, SAFE};
use crate::mysql::Flavour;
use crate::schema::change::Risk;
use crate::schema::default::Default;
use crate::schema::found::{Column, ForeignKey, Index, Table as Found};
use crate::schema::kind::{Change, Kind, Lob, change};
use crate::schema::{diff, wanted};
use crate::table::{Ref, TableDef};
use crate::{Enumeration, Table};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enumeration)]
enum Status {
    #[default]
    Active,
    Banned,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "users")]
struct User {
    #[column(id)]
    id: u64,
    #[column(length = 100, unique)]
    name: String,
    #[column(default = 7)]
    age: Option<u8>,
    #[column(index)]
    status: Status,
    #[column(references)]
    boss: Option<Ref<User>>,
    text_key: Option<Ref<Tag>>,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "tags")]
struct Tag {
    #[column(id, length = 26)]
    id: String,
}

fn wanted(def: &'static TableDef) -> wanted::Table {
    wanted::Table::of(def, Flavour::MariaDb).expect("a table that can be made")
}

/// The table as the server would say it is after it was made.
fn as_made(def: &'static TableDef) -> Found {
    let wanted = wanted(def);
    let columns = wanted.columns.iter().map(|column| {
        let collation = if column.binary || column.kind.is_named() {
            "utf8mb4_bin"
        } else {
            "utf8mb4_unicode_520_ci"
        };
        let text = column.kind.is_text();
        Column {
            name: column.name.to_owned(),
            kind: match &column.kind {
                Kind::Bool => Kind::Integer { bytes: 1, signed: true },
                kind => kind.clone(),
            },
            nullable: column.nullable,
            default: column.default.compared.clone(),
            auto_increment: column.auto_increment,
            generated: false,
            on_update: false,
            charset: text.then(|| "utf8mb4".to_owned()),
            collation: text.then(|| collation.to_owned()),
            comment: String::new(),
        }
    });
    Found {
        name: wanted.name.to_owned(),
        foreign_kind: None,
        engine: "InnoDB".to_owned(),
        collation: "utf8mb4_unicode_520_ci".to_owned(),
        columns: columns.collect(),
        primary: vec![wanted.key().name.to_owned()],
        indexes: wanted
            .indexes
            .iter()
            .map(|i| index(i.name, i.unique, &i.columns))
            .collect(),
        foreign_keys: wanted
            .foreign_keys
            .iter()
            .map(|key| foreign_key(&key.name, key.column, key.on_delete))
            .collect(),
        has_rows: true,
    }
}

fn index(name: &str, unique: bool, columns: &[&str]) -> Index {
    Index {
        name: name.to_owned(),
        unique,
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        plain: true,
    }
}

fn foreign_key(name: &str, column: &str, on_delete: &str) -> ForeignKey {
    ForeignKey {
        name: name.to_owned(),
        columns: vec![column.to_owned()],
        to_table: "users".to_owned(),
        to_columns: vec!["id".to_owned()],
        on_delete: on_delete.to_owned(),
    }
}

fn column<'a>(table: &'a mut Found, name: &str) -> &'a mut Column {
    table
        .columns
        .iter_mut()
        .find(|column| column.name == name)
        .expect("the column")
}

fn of_kind(name: &str, kind: Kind) -> Column {
    Column {
        charset: kind.is_text().then(|| "utf8mb4".to_owned()),
        collation: kind.is_text().then(|| "utf8mb4_general_ci".to_owned()),
        nullable: false,
        default: Default::None,
        auto_increment: false,
        generated: false,
        on_update: false,
        comment: String::new(),
        name: name.to_owned(),
        kind,
    }
}

/// The statements for `User` when the server's table differs from it in this way.
fn steps(differ: &dyn Fn(&mut Found)) -> Vec<(bool, String)> {
    let mut found = as_made(User::TABLE);
    differ(&mut found);
    let tables = HashMap::from([("users".to_owned(), found), ("tags".to_owned(), as_made(Tag::TABLE))]);
    let steps = diff::steps("default", &[wanted(Tag::TABLE), wanted(User::TABLE)], &tables);
    steps
        .iter()
        .map(|step| {
            assert!(!step.why().is_empty(), "{step}");
            let sql = step.sql().replace("ALTER TABLE `users`", "").replace('\n', " ");
            (
                step.is_destructive(),
                sql.split_whitespace().collect::<Vec<_>>().join(" "),
            )
        })
        .collect()
}

#[test]
fn each_difference_has_its_statement() {
    type Differ = fn(&mut Found);
    let cases: Vec<(&str, Differ, Vec<(bool, &str)>)> = vec![
        ("nothing", |_| (), vec![]),
        ("column order", |t| t.columns.reverse(), vec![]),
        (
            "the case of names",
            |t| {
                column(t, "age").name = "AGE".to_owned();
                t.indexes[0].name = "UQ_NAME".to_owned();
            },
            vec![],
        ),
        (
            "another utf8mb4 collation",
            |t| {
                t.collation = "utf8mb4_spanish_ci".to_owned();
                column(t, "name").collation = Some("utf8mb4_spanish_ci".to_owned());
                column(t, "status").collation = Some("utf8mb4_spanish_ci".to_owned());
            },
            vec![],
        ),
        (
            "a missing column with NULL and a default",
            |t| t.columns.retain(|c| c.name != "age"),
            vec![(SAFE, "ADD COLUMN `age` TINYINT UNSIGNED NULL DEFAULT 7")],
        ),
        (
            "a missing column in a table with rows",
            |t| t.columns.retain(|c| c.name != "status"),
            vec![(
                SAFE,
                "ADD COLUMN `status` ENUM('Active','Banned') COLLATE utf8mb4_bin NOT NULL",
            )],
        ),
        (
            "a missing unique column in a table with rows",
            |t| t.columns.retain(|c| c.name != "name"),
            vec![(DESTRUCTIVE, "ADD COLUMN `name` VARCHAR(100) NOT NULL")],
        ),
        (
            "a missing unique column in a table without rows",
            |t| {
                t.has_rows = false;
                t.columns.retain(|c| c.name != "name");
            },
            vec![(SAFE, "ADD COLUMN `name` VARCHAR(100) NOT NULL")],
        ),
        (
            "a shorter text",
            |t| column(t, "name").kind = Kind::Varchar(50),
            vec![(
                SAFE,
                "MODIFY COLUMN `name` VARCHAR(100) COLLATE utf8mb4_unicode_520_ci NOT NULL",
            )],
        ),
        (
            "a longer text",
            |t| column(t, "name").kind = Kind::Varchar(101),
            vec![(
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
            vec![(
                DESTRUCTIVE,
                "MODIFY COLUMN `age` TINYINT UNSIGNED NULL DEFAULT 7 COMMENT 'in ''years'''",
            )],
        ),
        (
            "NULL forbidden",
            |t| column(t, "age").nullable = false,
            vec![(SAFE, "MODIFY COLUMN `age` TINYINT UNSIGNED NULL DEFAULT 7")],
        ),
        (
            "NULL allowed",
            |t| column(t, "name").nullable = true,
            vec![(
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
            vec![
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
            vec![(SAFE, "ALTER COLUMN `age` SET DEFAULT 7")],
        ),
        (
            "a default too many",
            |t| column(t, "name").default = Default::Constant(String::new()),
            vec![(SAFE, "ALTER COLUMN `name` DROP DEFAULT")],
        ),
        (
            "fewer names",
            |t| column(t, "status").kind = Kind::Enum(vec!["Active".to_owned()]),
            vec![(
                SAFE,
                "MODIFY COLUMN `status` ENUM('Active','Banned') COLLATE utf8mb4_bin NOT NULL",
            )],
        ),
        (
            "another order of names",
            |t| {
                column(t, "status").kind = Kind::Enum(vec!["Banned".to_owned(), "Active".to_owned()]);
            },
            vec![(
                SAFE,
                "MODIFY COLUMN `status` ENUM('Active','Banned') COLLATE utf8mb4_bin NOT NULL",
            )],
        ),
        (
            "another name",
            |t| {
                column(t, "status").kind = Kind::Enum(vec!["Active".to_owned(), "it's".to_owned()]);
            },
            vec![
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
            vec![(
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
            vec![(DESTRUCTIVE, "DROP COLUMN `old`")],
        ),
        (
            "columns without defaults that are not in the struct",
            |t| {
                t.columns.push(of_kind("old", Kind::Enum(vec!["x".to_owned()])));
                t.columns.push(of_kind("older", Kind::Text(Lob::Regular)));
                t.columns.push(of_kind("oldest", Kind::Other("point".to_owned())));
            },
            vec![
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
            vec![(DESTRUCTIVE, "MODIFY COLUMN `age` TINYINT UNSIGNED NULL DEFAULT 7")],
        ),
        (
            "ON UPDATE",
            |t| column(t, "age").on_update = true,
            vec![(SAFE, "MODIFY COLUMN `age` TINYINT UNSIGNED NULL DEFAULT 7")],
        ),
        (
            "no AUTO_INCREMENT",
            |t| column(t, "id").auto_increment = false,
            vec![(SAFE, "MODIFY COLUMN `id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT")],
        ),
        (
            "no primary key",
            |t| {
                t.primary.clear();
                column(t, "id").auto_increment = false;
            },
            vec![(
                SAFE,
                "MODIFY COLUMN `id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, ADD PRIMARY KEY (`id`)",
            )],
        ),
        (
            "another primary key",
            |t| {
                t.primary = vec!["name".to_owned()];
                t.columns.retain(|c| c.name != "id");
            },
            vec![(
                DESTRUCTIVE,
                "ADD COLUMN `id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, DROP PRIMARY KEY, ADD PRIMARY KEY (`id`)",
            )],
        ),
        (
            "a missing index",
            |t| t.indexes.clear(),
            vec![(
                SAFE,
                "ADD UNIQUE KEY `uq_name` (`name`), ADD KEY `ix_status` (`status`), ADD KEY `ix_boss` (`boss`), ADD KEY `ix_text_key` (`text_key`)",
            )],
        ),
        (
            "an index of other columns",
            |t| t.indexes[0].columns.push("age".to_owned()),
            vec![(SAFE, "DROP INDEX `uq_name`, ADD UNIQUE KEY `uq_name` (`name`)")],
        ),
        (
            "an index with a prefix",
            |t| t.indexes[0].plain = false,
            vec![(SAFE, "DROP INDEX `uq_name`, ADD UNIQUE KEY `uq_name` (`name`)")],
        ),
        (
            "an index of a column that changes destructively",
            |t| {
                column(t, "name").kind = Kind::Text(Lob::Long);
                t.indexes.remove(0);
            },
            vec![(
                DESTRUCTIVE,
                "MODIFY COLUMN `name` VARCHAR(100) COLLATE utf8mb4_unicode_520_ci NOT NULL, ADD UNIQUE KEY `uq_name` (`name`)",
            )],
        ),
        (
            "an index of ours that is not declared",
            |t| t.indexes.push(index("ix_old", false, &["age"])),
            vec![(SAFE, "DROP INDEX `ix_old`")],
        ),
        (
            "an index of somebody else",
            |t| t.indexes.push(index("idx_old", false, &["age"])),
            vec![],
        ),
        (
            "the engine",
            |t| t.engine = "MyISAM".to_owned(),
            vec![(SAFE, "ENGINE=InnoDB")],
        ),
        (
            "the charset",
            |t| {
                t.collation = "latin1_swedish_ci".to_owned();
                column(t, "name").charset = Some("latin1".to_owned());
                column(t, "name").collation = Some("latin1_swedish_ci".to_owned());
            },
            vec![(
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
            vec![(SAFE, "MODIFY COLUMN `text_key` VARCHAR(26) COLLATE utf8mb4_bin NULL")],
        ),
        (
            "a missing foreign key",
            |t| t.foreign_keys.clear(),
            vec![(
                SAFE,
                "ADD CONSTRAINT `fk_users_boss` FOREIGN KEY (`boss`) REFERENCES `users` (`id`) ON DELETE RESTRICT",
            )],
        ),
        (
            "a foreign key that does something else",
            |t| t.foreign_keys[0].on_delete = "CASCADE".to_owned(),
            vec![
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
            vec![],
        ),
        (
            "a foreign key of ours that is not declared",
            |t| {
                t.foreign_keys
                    .push(foreign_key("fk_users_text_key", "text_key", "RESTRICT"));
            },
            vec![(SAFE, "DROP FOREIGN KEY `fk_users_text_key`")],
        ),
        (
            "a foreign key of somebody else and the index under it",
            |t| {
                t.indexes.push(index("ix_age", false, &["age"]));
                t.foreign_keys.push(foreign_key("by_age", "age", "RESTRICT"));
            },
            vec![],
        ),
        (
            "a reference that is not in the struct",
            |t| {
                t.columns.push(of_kind("old", Kind::Varchar(3)));
                t.columns.last_mut().expect("one").nullable = true;
                t.indexes.push(index("ix_old", false, &["old"]));
                t.foreign_keys.push(foreign_key("fk_users_old", "old", "RESTRICT"));
            },
            vec![
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
            vec![
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
            vec![
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
            vec![
                (DESTRUCTIVE, "MODIFY COLUMN `boss` BIGINT UNSIGNED NULL"),
                (
                    DESTRUCTIVE,
                    "ADD CONSTRAINT `fk_users_boss` FOREIGN KEY (`boss`) REFERENCES `users` (`id`) ON DELETE RESTRICT",
                ),
            ],
        ),
    ];
    for (what, differ, expected) in cases {
        assert_eq!(steps(&differ), super::expected(&expected), "{what}");
    }
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
fn a_type_changes_safely_only_into_one_that_holds_all_its_values() {
    let integer = |bytes, signed| Kind::Integer { bytes, signed };
    let decimal = |precision, scale| Kind::Decimal { precision, scale };
    let same = [
        (integer(1, true), Kind::Bool),
        (decimal(5, 2), decimal(5, 2)),
        (Kind::Enum(vec!["?".to_owned()]), Kind::Enum(vec!["😀".to_owned()])),
    ];
    let safe = [
        (integer(4, true), integer(8, true)),
        (integer(3, false), integer(4, false)),
        (integer(4, false), integer(8, true)),
        (Kind::Float, Kind::Double),
        (decimal(5, 2), decimal(6, 3)),
        (Kind::Varchar(255), Kind::Varchar(256)),
        (Kind::Char(9), Kind::Varchar(9)),
        (Kind::Varchar(16_383), Kind::Text(Lob::Medium)),
        (Kind::Text(Lob::Regular), Kind::Text(Lob::Medium)),
        (Kind::Text(Lob::Tiny), Kind::Varchar(255)),
        (Kind::Binary(16), Kind::Varbinary(16)),
        (Kind::Varbinary(100), Kind::Blob(Lob::Regular)),
        (Kind::Date, Kind::DateTime(0)),
        (Kind::Time(0), Kind::Time(6)),
        (Kind::Timestamp(3), Kind::DateTime(6)),
    ];
    let destructive = [
        (integer(8, true), integer(4, true)),
        (integer(4, true), integer(4, false)),
        (integer(4, true), integer(8, false)),
        (integer(4, false), integer(4, true)),
        (integer(1, false), Kind::Bool),
        (integer(8, true), Kind::Double),
        (Kind::Double, Kind::Float),
        (decimal(6, 3), decimal(6, 2)),
        (decimal(6, 2), decimal(6, 3)),
        (Kind::Varchar(256), Kind::Varchar(255)),
        (Kind::Text(Lob::Tiny), Kind::Varchar(254)),
        (Kind::Text(Lob::Regular), Kind::Varchar(16_383)),
        (Kind::Varchar(10), Kind::Varbinary(40)),
        (Kind::Varbinary(17), Kind::Binary(16)),
        (Kind::Text(Lob::Long), Kind::Json),
        (Kind::Json, Kind::Text(Lob::Long)),
        (Kind::DateTime(0), Kind::Date),
        (Kind::DateTime(6), Kind::DateTime(3)),
        (Kind::Other("uuid".to_owned()), Kind::Binary(16)),
    ];
    for (found, wanted) in same {
        assert_eq!(change(&found, &wanted), Change::None, "{found} {wanted}");
    }
    for (found, wanted) in safe {
        assert_eq!(change(&found, &wanted), Change::Safe, "{found} {wanted}");
    }
    for (found, wanted) in destructive {
        assert!(
            matches!(change(&found, &wanted), Change::Destructive { .. }),
            "{found} {wanted}"
        );
    }
}

#[test]
fn types_are_read_as_both_servers_print_them() {
    let integer = |bytes, signed| Kind::Integer { bytes, signed };
    for (printed, kind) in [
        ("tinyint(1)", integer(1, true)),
        ("tinyint(3) unsigned", integer(1, false)),
        ("int", integer(4, true)),
        ("int(10) unsigned zerofill", integer(4, false)),
        ("bigint unsigned", integer(8, false)),
        ("mediumint(9)", integer(3, true)),
        ("float", Kind::Float),
        ("float(7,2)", Kind::Other("float(7,2)".to_owned())),
        ("double unsigned", Kind::Other("double unsigned".to_owned())),
        (
            "decimal(28,8)",
            Kind::Decimal {
                precision: 28,
                scale: 8,
            },
        ),
        ("varchar(255)", Kind::Varchar(255)),
        ("varchar(20) /*M!100301 COMPRESSED*/", Kind::Varchar(20)),
        ("longblob", Kind::Blob(Lob::Long)),
        ("time", Kind::Time(0)),
        ("datetime(6)", Kind::DateTime(6)),
        (
            "enum('a','it''s, \\\\ (x)')",
            Kind::Enum(vec!["a".to_owned(), "it's, \\ (x)".to_owned()]),
        ),
        ("set('x')", Kind::Set(vec!["x".to_owned()])),
        ("geometry", Kind::Other("geometry".to_owned())),
        ("enum(", Kind::Other("enum(".to_owned())),
        ("", Kind::Other(String::new())),
    ] {
        assert_eq!(Kind::parse(printed), kind, "{printed}");
    }
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
