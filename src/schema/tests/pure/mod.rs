//! What the comparison says of each kind of difference, without a server: the tables compared.

mod of_columns;
mod of_tables;

use std::collections::HashMap;

use crate::mysql::Flavour;
use crate::schema::default::Default;
use crate::schema::found::{Column, ForeignKey, Index, Table as Found};
use crate::schema::kind::Kind;
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

/// What is different, how it is made so, and the statements that are expected, destructive or not.
type Case = (&'static str, fn(&mut Found), &'static [(bool, &'static str)]);

fn check(cases: &[Case]) {
    for (what, differ, wanted) in cases {
        assert_eq!(steps(differ), super::expected(wanted), "{what}");
    }
}
