//! Tables that differ from their structs are changed on a real server, with rows in them.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use rust_decimal::Decimal;

use super::{DESTRUCTIVE, SAFE, expected, server, summary};
use crate::table::{Json, Ref, Set};
use crate::{Enumeration, Table};

#[derive(Debug, Clone, Default, Table)]
#[table(name = "users")]
struct Small {
    #[column(id)]
    id: u64,
    #[column(length = 50)]
    name: String,
    age: u8,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Enumeration)]
enum Status {
    #[default]
    Active,
    Banned,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "users")]
struct Grown {
    #[column(id)]
    id: u64,
    #[column(length = 100)]
    name: String,
    age: Option<u32>,
    nickname: String,
    status: Status,
    roles: Set<Status>,
    balance: Decimal,
    time: NaiveTime,
    #[column(default = "unknown")]
    city: String,
    #[column(created_at)]
    created_at: NaiveDateTime,
    born: Option<NaiveDate>,
    bytes: Vec<u8>,
    uuid: uuid::Uuid,
}

#[test]
fn columns_are_added_to_a_table_with_rows_and_widened() {
    let server = server();
    server.apply(&[Small::TABLE]);
    server.run(&["INSERT INTO users (name, age) VALUES ('Ana', 30), ('Ben', 31)"]);
    let diff = server.diff(&[Grown::TABLE]);
    let texts = diff.to_string();
    assert!(diff.steps().iter().all(|step| !step.is_destructive()), "{texts}");
    assert!(
        texts.contains("column `nickname` is missing; the rows of the table get ''"),
        "{texts}"
    );
    assert!(
        texts.contains("column `name`: VARCHAR(50) becomes VARCHAR(100)"),
        "{texts}"
    );
    // One statement for all columns, one that takes the default of created_at away again.
    assert_eq!(diff.apply().expect("applied"), 2);
    server.assert_matches(&[Grown::TABLE]);
    assert_eq!(
        server.texts("SELECT CONCAT_WS('|', name, age, nickname, status, roles, balance, time, city, born IS NULL, bytes, HEX(uuid)) FROM users"),
        [
            "Ana|30||Active||0.00000000|00:00:00.000000|unknown|1||00000000000000000000000000000000",
            "Ben|31||Active||0.00000000|00:00:00.000000|unknown|1||00000000000000000000000000000000"
        ]
    );
    let recent = "SELECT COUNT(*) FROM users WHERE ABS(TIMESTAMPDIFF(MINUTE, created_at, UTC_TIMESTAMP())) < 5";
    assert_eq!(server.texts(recent), ["2"]);
}

#[test]
fn what_is_narrowed_waits_for_apply_all() {
    let server = server();
    server.apply(&[Grown::TABLE]);
    server.run(&[
        "INSERT INTO users (name, age, nickname, status, roles, balance, time, created_at, bytes, uuid) \
                  VALUES (REPEAT('x', 60), NULL, '', 'Banned', '', 0, 0, '2020-01-01', '', REPEAT(0x00, 16))",
    ]);
    let diff = server.diff(&[Small::TABLE]);
    assert!(diff.steps().iter().any(|step| step.is_destructive()));
    diff.apply().expect("the safe ones");
    let left = server.diff(&[Small::TABLE]);
    assert_eq!(left.steps().len(), 1, "{left}");
    assert!(left.steps()[0].is_destructive());
    assert_eq!(left.apply().expect("nothing is safe"), 0);
    // The struct's INSERT names its own columns only.
    server.run(&["INSERT INTO users (name, age) VALUES ('Ana', 255)"]);
    assert_eq!(server.texts("SELECT LENGTH(name) FROM users"), ["60", "3"]);

    let error = left.apply_all().expect_err("a row does not fit");
    assert!(error.is_schema(), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("users: ") && text.contains("MODIFY COLUMN `name` VARCHAR(50)"),
        "{text}"
    );
    assert_eq!(server.texts("SELECT LENGTH(name) FROM users"), ["60", "3"]);

    server.run(&["DELETE FROM users WHERE LENGTH(name) = 60"]);
    assert_eq!(left.apply_all().expect("all rows fit"), 1);
    server.assert_matches(&[Small::TABLE]);
    assert_eq!(server.texts("SELECT CONCAT(name, age) FROM users"), ["Ana255"]);
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "users")]
struct Invented {
    #[column(id)]
    id: u64,
    #[column(length = 50)]
    name: String,
    age: u8,
    born: NaiveDate,
    at: NaiveDateTime,
    tags: Json<Option<u8>>,
    boss: Ref<Invented>,
    #[column(unique, length = 20)]
    email: String,
}

#[test]
fn values_that_nobody_gave_are_not_invented_by_apply() {
    let server = server();
    server.apply(&[Small::TABLE]);
    server.run(&["INSERT INTO users (name, age) VALUES ('Ana', 30)"]);
    let diff = server.diff(&[Invented::TABLE]);
    assert_eq!(diff.apply().expect("nothing is safe"), 0, "{diff}");
    let error = server
        .schema(&[Invented::TABLE])
        .verify()
        .expect_err("it differs")
        .to_string();
    for column in ["born", "at", "tags", "boss", "email"] {
        assert!(
            error.contains(&format!("- `users`: column `{column}` is missing")),
            "{error}"
        );
    }
    diff.apply_all().expect("asked for");
    server.assert_matches(&[Invented::TABLE]);
    // Each is a value that the field's type can read.
    let row = "SELECT CONCAT_WS('|', born, at, tags, boss, email) FROM users";
    assert_eq!(server.texts(row), ["1970-01-01|1970-01-01 00:00:00.000000|null|0|"]);

    // Without rows nothing is invented.
    let empty = super::server();
    empty.apply(&[Small::TABLE]);
    empty.apply(&[Invented::TABLE]);
    empty.assert_matches(&[Invented::TABLE]);
}

mod named {
    use super::*;

    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Enumeration)]
    pub(super) enum Abc {
        #[default]
        A,
        B,
        C,
    }

    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "letters")]
    pub(super) struct Letters {
        #[column(id)]
        id: u32,
        one: Abc,
        #[column(set)]
        many: Vec<Abc>,
    }
}

mod reordered {
    use super::*;

    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Enumeration)]
    pub(super) enum Cab {
        #[default]
        C,
        New,
        A,
        B,
    }

    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "letters")]
    pub(super) struct Letters {
        #[column(id)]
        id: u32,
        one: Cab,
        #[column(set)]
        many: Vec<Cab>,
    }
}

mod renamed {
    use super::*;

    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Enumeration)]
    pub(super) enum Abd {
        #[default]
        A,
        B,
        D,
    }

    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "letters")]
    pub(super) struct Letters {
        #[column(id)]
        id: u32,
        #[column(default = "D")]
        one: Abd,
        #[column(set)]
        many: Vec<Abd>,
    }
}

const LETTERS: &str = "SELECT CONCAT_WS('|', one, many) FROM letters ORDER BY id";

#[test]
fn names_in_another_order_keep_their_rows() {
    let server = server();
    server.apply(&[named::Letters::TABLE]);
    server.run(&["INSERT INTO letters (one, many) VALUES ('A', 'A'), ('B', 'B,C'), ('C', 'A,C')"]);
    let diff = server.diff(&[reordered::Letters::TABLE]);
    assert!(!diff.steps()[0].is_destructive(), "{diff}");
    assert_eq!(diff.apply().expect("applied"), 1);
    server.assert_matches(&[reordered::Letters::TABLE]);
    assert_eq!(server.texts(LETTERS), ["A|A", "B|C,B", "C|C,A"]);
}

#[test]
fn a_name_that_goes_is_destructive_and_the_one_that_comes_is_not() {
    let server = server();
    server.apply(&[named::Letters::TABLE]);
    server.run(&["INSERT INTO letters (one, many) VALUES ('C', 'A'), ('A', 'C')"]);
    let tables = [renamed::Letters::TABLE];
    let diff = server.diff(&tables);
    assert_eq!(diff.apply().expect("the names of both"), 1, "{diff}");
    server.run(&["INSERT INTO letters (many) VALUES ('D')"]);
    assert_eq!(server.texts(LETTERS), ["C|A", "A|C", "D|D"]);

    let left = server.diff(&tables);
    let modified = "ALTER TABLE `letters` MODIFY COLUMN `one` ENUM('A','B','D') COLLATE utf8mb4_bin NOT NULL DEFAULT 'D', \
                    MODIFY COLUMN `many` SET('A','B','D') COLLATE utf8mb4_bin NOT NULL";
    assert_eq!(summary(&left), expected(&[(DESTRUCTIVE, modified)]));
    assert!(
        left.steps()[0].why().contains("rows that hold 'C' do not fit"),
        "{left}"
    );
    left.apply_all().expect_err("two rows hold C");
    assert_eq!(server.texts(LETTERS), ["C|A", "A|C", "D|D"]);
    server.run(&[
        "UPDATE letters SET one = 'D' WHERE one = 'C'",
        "UPDATE letters SET many = 'D' WHERE many = 'C'",
    ]);
    assert_eq!(left.apply_all().expect("no row holds C"), 1);
    server.assert_matches(&tables);
    assert_eq!(server.texts(LETTERS), ["D|A", "A|D", "D|D"]);
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "texts")]
struct Texts {
    #[column(id)]
    id: u32,
    #[column(length = 20, unique)]
    name: String,
    #[column(length = 100_000)]
    long: String,
    #[column(default = "none")]
    other: Option<String>,
    #[column(created_at)]
    at: NaiveDateTime,
}

#[test]
fn engine_charset_and_types_of_an_old_table_are_mended() {
    let server = server();
    server.run(&[
        "CREATE TABLE texts (id MEDIUMINT UNSIGNED NOT NULL, name CHAR(20) NOT NULL COMMENT 'it''s theirs', \
         `long` TEXT NOT NULL, other VARCHAR(255) NULL, at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, \
         theirs VARCHAR(10) CHARACTER SET latin1 NULL) ENGINE=MyISAM DEFAULT CHARSET=latin1",
        "INSERT INTO texts VALUES (7, 'Zoë', 'ü', 'é', '2020-01-02 03:04:05', 'ñ')",
    ]);
    let diff = server.diff(&[Texts::TABLE]);
    diff.apply().unwrap_or_else(|error| panic!("{error}\n{diff}"));
    let left = server.diff(&[Texts::TABLE]);
    assert_eq!(
        summary(&left),
        expected(&[(DESTRUCTIVE, "ALTER TABLE `texts` DROP COLUMN `theirs`")])
    );
    assert_eq!(
        server.texts("SELECT CONCAT_WS('|', id, name, `long`, other, at, theirs) FROM texts"),
        ["7|Zoë|ü|é|2020-01-02 03:04:05.000000|ñ"]
    );
    let made = server.texts(
        "SELECT CONCAT_WS('|', ENGINE, TABLE_COLLATION) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()",
    );
    assert_eq!(made, ["InnoDB|utf8mb4_unicode_520_ci"]);
    let comments = server.texts(
        "SELECT COLUMN_COMMENT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND COLUMN_NAME = 'name'",
    );
    assert_eq!(comments, ["it's theirs"]);
    server.run(&["INSERT INTO texts (name, `long`, at) VALUES ('😀', '😀', '2020-01-01')"]);
}

#[test]
fn a_collation_that_somebody_chose_stays() {
    let server = server();
    server.run(&[
        "CREATE TABLE texts (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(10) COLLATE utf8mb4_bin NOT NULL, \
         UNIQUE KEY uq_name (name)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_spanish_ci",
        "INSERT INTO texts (name) VALUES ('a'), ('A')",
    ]);
    server.apply(&[Texts::TABLE]);
    server.assert_matches(&[Texts::TABLE]);
    let collations = server.texts(
        "SELECT COLLATION_NAME FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = DATABASE() AND COLLATION_NAME IS NOT NULL ORDER BY COLUMN_NAME",
    );
    assert_eq!(collations, ["utf8mb4_spanish_ci", "utf8mb4_bin", "utf8mb4_spanish_ci"]);
}

#[test]
fn defaults_come_and_go() {
    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "some")]
    struct Without {
        #[column(id)]
        id: u32,
        text: String,
        number: Option<i64>,
        at: NaiveDateTime,
        flag: bool,
    }
    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "some")]
    struct With {
        #[column(id)]
        id: u32,
        #[column(default = "it's")]
        text: String,
        #[column(default = -1)]
        number: Option<i64>,
        #[column(default = "CURRENT_TIMESTAMP")]
        at: NaiveDateTime,
        #[column(default = true)]
        flag: bool,
    }
    let server = server();
    server.apply(&[Without::TABLE]);
    for tables in [[With::TABLE], [Without::TABLE], [With::TABLE]] {
        let diff = server.diff(&tables);
        assert_eq!(summary(&diff).iter().map(|step| step.0).collect::<Vec<_>>(), [SAFE]);
        assert_eq!(diff.apply().expect("applied"), 1);
        server.assert_matches(&tables);
    }
}

#[test]
fn a_missing_key_is_added_and_a_wrong_one_is_exchanged() {
    let server = server();
    server.run(&[
        "CREATE TABLE users (name VARCHAR(50) NOT NULL, age TINYINT UNSIGNED NOT NULL)",
        "INSERT INTO users VALUES ('Ana', 1), ('Ben', 2)",
    ]);
    server.apply(&[Small::TABLE]);
    server.assert_matches(&[Small::TABLE]);
    assert_eq!(
        server.texts("SELECT CONCAT(id, name) FROM users ORDER BY id"),
        ["1Ana", "2Ben"]
    );

    server.run(&[
        "DROP TABLE users",
        "CREATE TABLE users (no INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL, age TINYINT UNSIGNED NOT NULL)",
        "INSERT INTO users (name, age) VALUES ('Ana', 1), ('Ben', 2)",
    ]);
    let diff = server.diff(&[Small::TABLE]);
    assert!(diff.steps().iter().all(super::SchemaStep::is_destructive), "{diff}");
    diff.apply_all().unwrap_or_else(|error| panic!("{error}\n{diff}"));
    server.assert_matches(&[Small::TABLE]);
    assert_eq!(
        server.texts("SELECT CONCAT(id, name) FROM users ORDER BY id"),
        ["1Ana", "2Ben"]
    );
}
