//! What the derives emit: definitions, constants, conversions, streams.
#![cfg(all(feature = "chrono", feature = "uuid", feature = "decimal", feature = "json"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::duplicated_attributes, reason = "the lint takes two indexes for one")]

mod publications;
mod references;
pub mod strict;
mod values;

use headwater::prelude::*;
use headwater::stream::Publish;
use headwater::table::{ColumnDef, ColumnSet, ColumnType, DefaultValue, IndexDef, SqlType, Value};

const USERS: Stream = Stream::new("UserStream");
const USER_STATUS: Stream = Stream::new("UserStatusStream");

mod streams {
    use headwater::prelude::*;
    pub(super) const AUDIT: Stream = Stream::new("AuditStream").durable();
}

// No Debug, no Default: the derive must not need them.
#[derive(Clone, Copy, PartialEq, Eq, Enumeration)]
enum Plain {
    A,
    #[allow(dead_code, reason = "only its name counts")]
    B,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Enumeration)]
#[enumeration(rename_all = "snake_case")]
enum Status {
    #[default]
    Active,
    LockedOut,
    #[enumeration(name = "Gone for good")]
    Deleted = 7,
}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(
    name = "users",
    stream(USERS),
    stream(USER_STATUS, on = "DI", redis = "second"),
    index(unique, email, status),
    index(name = "by_age", age, name)
)]
struct User {
    #[column(id)]
    id: u64,
    #[column(length = 100)]
    name: String,
    #[column(unique)]
    email: String,
    #[column(triggers(USER_STATUS), default = "active")]
    status: Status,
    #[column(index, triggers(USER_STATUS))]
    age: Option<u8>,
}

fn column<E: Table>(name: &str) -> &'static ColumnDef {
    E::TABLE.column(name).unwrap().1
}

fn index(name: &'static str, columns: &'static [usize], unique: bool) -> IndexDef {
    IndexDef { name, columns, unique }
}

#[test]
fn the_list_of_columns_is_that_of_the_columns() {
    let names: Vec<String> = User::TABLE
        .columns
        .iter()
        .map(|column| format!("`{}`", column.name))
        .collect();
    assert_eq!(User::TABLE.list, names.join(","));
}

#[test]
fn names_types_and_indexes_are_as_declared() {
    let table = User::TABLE;
    assert_eq!((table.name, table.entity), ("users", "User"));
    assert_eq!((table.mysql, table.redis), ("default", "default"));
    assert_eq!((table.id, table.key().name), (0, "id"));
    let names: Vec<&str> = table.columns.iter().map(|c| c.name).collect();
    assert_eq!(names, ["id", "name", "email", "status", "age"]);
    assert!(table.columns.iter().all(|c| c.table == "users" && c.field == c.name));
    assert_eq!(table.columns[1].sql, SqlType::Text { length: 100 });
    assert_eq!(table.columns[2].sql, SqlType::Text { length: 255 });
    assert_eq!(
        table.columns[3].sql,
        SqlType::Enum(&["active", "locked_out", "Gone for good"])
    );
    assert_eq!(table.columns[3].default, Some(DefaultValue::Text("active")));
    let nullable: Vec<bool> = table.columns.iter().map(|c| c.nullable).collect();
    assert_eq!(nullable, [false, false, false, false, true]);
    // The key is told apart by its bytes, other text is not.
    let binary: Vec<bool> = table.columns.iter().map(|c| c.binary_text).collect();
    assert_eq!(binary, [true, false, false, false, false]);
    assert_eq!(
        table.indexes,
        [
            index("uq_email", &[2], true),
            index("ix_age", &[4], false),
            index("uq_email_status", &[2, 3], true),
            index("by_age", &[4, 1], false),
        ]
    );
}

#[test]
fn constants_are_typed_columns() {
    let email: Column<User, String> = User::EMAIL;
    let age: Column<User, Option<u8>> = User::AGE;
    assert_eq!((email.position(), email.name()), (2, "email"));
    assert_eq!(
        age.def().sql,
        SqlType::Integer {
            bytes: 1,
            signed: false
        }
    );
    let user = User {
        age: Some(7),
        ..User::default()
    };
    assert_eq!(age.get(&user), Some(7));
    assert_eq!(User::STATUS.get(&user), Status::Active);
    assert_eq!(format!("{:?}", User::STATUS), "users.status");
}

#[test]
fn keys_are_read_and_set() {
    let mut user = User::default();
    user.set_key(9);
    assert_eq!(user.key(), &9);

    #[derive(Clone, Table)]
    struct HTTPRequest {
        path: String,
        #[column(id, length = 26)]
        key: String,
    }
    assert_eq!((HTTPRequest::TABLE.name, HTTPRequest::TABLE.id), ("http_request", 1));
    let mut request = HTTPRequest {
        path: "/".into(),
        key: String::new(),
    };
    request.set_key("k".into());
    assert_eq!(request.key(), "k");
    let key = HTTPRequest::TABLE.key();
    assert_eq!((key.sql, key.binary_text), (SqlType::Text { length: 26 }, true));
}

#[test]
fn tables_are_numbered_apart() {
    assert_eq!(User::table_index(), User::table_index());
    assert_ne!(User::table_index(), strict::Strict::table_index());
}

#[test]
fn a_column_may_be_called_as_the_constants_of_the_traits_are() {
    #[derive(Clone, Table)]
    struct Booking {
        #[column(id)]
        key: u64,
        table: u8,
        streams: u8,
    }
    assert_eq!(Booking::TABLE.position(), 1);
    assert_eq!(<Booking as Table>::TABLE.columns.len(), 3);
    let booking = Booking {
        key: 1,
        table: 2,
        streams: 3,
    };
    assert!(matches!(booking.encode(2), Ok(Value::UInt(3))));
}

#[test]
fn enumerations_know_their_names() {
    assert_eq!(Plain::VARIANTS, ["A", "B"]);
    assert!(Plain::parse("A") == Some(Plain::A) && Plain::parse("a").is_none());
    assert_eq!(Status::VARIANTS, ["active", "locked_out", "Gone for good"]);
    assert_eq!(Status::Deleted.position(), 2);
    assert_eq!(Status::at(1), Some(Status::LockedOut));
    assert_eq!(Status::at(3), None);
    assert_eq!(
        <Status as ColumnType>::operand(Status::LockedOut),
        Value::Text("locked_out".into())
    );

    #[derive(Clone, Copy, PartialEq, Eq, Enumeration)]
    #[enumeration(rename_all = "kebab-case")]
    enum Raw {
        r#Type,
        HTTPServer,
    }
    assert_eq!(Raw::VARIANTS, ["type", "http-server"]);
    assert_eq!((Raw::Type.position(), Raw::HTTPServer.position()), (0, 1));
}

#[test]
fn tables_refer_to_themselves_and_to_each_other() {
    #[derive(Clone, Table)]
    struct Husband {
        #[column(id)]
        id: u64,
        wife: Option<Ref<Wife>>,
        father: Option<Ref<Husband>>,
    }
    #[derive(Clone, Table)]
    struct Wife {
        #[column(id)]
        id: u64,
        husband: Option<Ref<Husband>>,
    }
    let table = (Husband::WIFE.def().reference.unwrap().table)();
    assert_eq!((table.columns[1].reference.unwrap().table)().name, "husband");
    assert_eq!((Husband::FATHER.def().reference.unwrap().table)().name, "husband");
    assert_eq!(Wife::HUSBAND.position(), 1);
}

#[test]
fn a_macro_may_write_a_table() {
    macro_rules! table {
        ($name:ident, $table:literal, $field:ident: $ty:ty, $stream:path) => {
            #[derive(Clone, Table)]
            #[table(name = $table, stream($stream))]
            struct $name {
                #[column(id)]
                id: u64,
                #[column(triggers($stream))]
                $field: $ty,
            }
        };
    }
    table!(Tag, "tags", owner: Option<Ref<User>>, streams::AUDIT);
    assert_eq!((Tag::TABLE.name, Tag::OWNER.position()), ("tags", 1));
    assert_eq!(Tag::TABLE.indexes, [index("ix_owner", &[1], false)]);
    assert_eq!(Tag::STREAMS[0].triggers, ColumnSet::of(&[1]));
}
