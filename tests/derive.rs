//! What the derives emit: definitions, constants, conversions, streams.
#![cfg(all(feature = "chrono", feature = "uuid", feature = "decimal", feature = "json"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use headwater::prelude::*;
use headwater::stream::{Operations, Publication, Publish};
use headwater::table::{ColumnDef, ColumnSet, ColumnType, DefaultValue, IndexDef, Json, OnDelete, Row, SqlType, Value};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
fn streams_have_operations_pools_and_triggers() {
    let [all, status] = User::STREAMS else {
        panic!("two streams")
    };
    assert_eq!((all.stream, all.on, all.redis), (USERS, Operations::ALL, None));
    assert_eq!(all.triggers, ColumnSet::EMPTY);
    assert_eq!((status.stream, status.redis), (USER_STATUS, Some("second")));
    assert_eq!(status.on, Operations::INSERT.and(Operations::DELETE));
    assert_eq!(status.triggers, ColumnSet::of(&[3, 4]));
}

/// What must agree however the streams are declared.
fn told(streams: &[Publication]) -> Vec<(&'static str, Operations, Option<&'static str>, ColumnSet)> {
    streams
        .iter()
        .map(|p| (p.stream.name(), p.on, p.redis, p.triggers))
        .collect()
}

#[test]
fn the_tag_of_fluxaorm_means_the_same() {
    #[derive(Clone, Table)]
    #[table(dirty_stream = "UserStream, UserStatusStream//ID ,AuditStream/second, x.y-z//U")]
    struct Tagged {
        #[column(id)]
        id: u64,
        #[column(dirty_stream = "UserStatusStream,x.y-z")]
        status: u8,
        #[column(triggers(Self::USER_STATUS_STREAM, X_Y_Z))]
        age: u8,
    }

    const X: Stream = Stream::new("x.y-z");

    #[derive(Clone, Table)]
    #[table(
        stream(USERS),
        stream(self::USER_STATUS, on = "ID"),
        stream(streams::AUDIT, redis = "second"),
        stream(X, on = "U")
    )]
    struct Declared {
        #[column(id)]
        id: u64,
        #[column(triggers(USER_STATUS, X))]
        status: u8,
        #[column(triggers(crate::USER_STATUS))]
        #[column(triggers(X))]
        age: u8,
    }

    assert_eq!(told(Tagged::STREAMS), told(Declared::STREAMS));
    assert_eq!(Tagged::USER_STREAM.name(), "UserStream");
    assert_eq!(Tagged::X_Y_Z, Stream::new("x.y-z"));
    assert!(Declared::STREAMS[2].stream.is_durable());
}

#[test]
fn both_spellings_may_stand_side_by_side() {
    #[derive(Clone, Table)]
    #[table(stream(streams::AUDIT, on = ""), dirty_stream = "UserStream//I", redis = "events")]
    struct Both {
        #[column(id)]
        id: u64,
        #[column(triggers(AUDIT), dirty_stream = "UserStream")]
        status: u8,
    }

    use streams::AUDIT;
    assert_eq!(
        told(Both::STREAMS),
        [
            ("AuditStream", Operations::NONE, None, ColumnSet::of(&[1])),
            ("UserStream", Operations::INSERT, None, ColumnSet::of(&[1])),
        ]
    );
    assert_eq!(Both::TABLE.redis, "events");
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Enumeration)]
enum Role {
    Reader,
    Writer,
    Admin,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Address {
    street: String,
    lines: Vec<String>,
}

/// One field of each kind.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(mysql = "other")]
struct AllKinds {
    #[column(id)]
    id: Uuid,
    int8: i8,
    #[column(default = -1)]
    int64: i64,
    uint64: u64,
    #[column(default = 1.5)]
    float: f32,
    double: f64,
    #[column(default = true)]
    flag: bool,
    #[column(length = max)]
    text: String,
    #[column(length = 16)]
    bytes: Vec<u8>,
    day: NaiveDate,
    time: NaiveTime,
    #[column(precision = 0)]
    at: DateTime<Utc>,
    #[column(precision(10, 2))]
    price: Decimal,
    #[column(json)]
    address: Address,
    #[column(json)]
    extra: Option<BTreeMap<String, u8>>,
    wrapped: Json<Vec<u8>>,
    #[column(set)]
    list: Vec<Role>,
    #[column(set)]
    tree: Option<BTreeSet<Role>>,
    #[column(set)]
    roles: Set<Role>,
    unmarked: Option<Set<Role>>,
    status: Option<Status>,
    user: Option<Ref<User>>,
    r#type: String,
    #[column(skip)]
    cache: BTreeMap<u8, Status>,
}

fn all_kinds() -> AllKinds {
    AllKinds {
        id: Uuid::from_u128(7),
        int8: -8,
        int64: i64::MIN,
        uint64: u64::MAX,
        float: 0.1,
        double: -0.0,
        flag: true,
        text: "ä".repeat(300),
        bytes: vec![0, 255],
        day: NaiveDate::from_ymd_opt(2026, 2, 28).unwrap(),
        time: NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap(),
        at: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
        price: Decimal::new(-12_345, 2),
        address: Address {
            street: "Main".into(),
            lines: vec![],
        },
        extra: Some([("a".to_owned(), 1)].into()),
        wrapped: Json(vec![1, 2]),
        list: vec![Role::Reader, Role::Admin],
        tree: Some([Role::Writer].into()),
        roles: Set::of([Role::Admin]),
        unmarked: Some(Set::empty()),
        status: Some(Status::Deleted),
        user: Some(Ref::to(3)),
        r#type: "t".into(),
        cache: BTreeMap::new(),
    }
}

#[test]
fn every_kind_of_field_survives_a_round_trip() {
    for entity in [
        all_kinds(),
        AllKinds {
            id: Uuid::from_u128(1),
            ..AllKinds::default()
        },
    ] {
        let columns = AllKinds::TABLE.columns.len();
        let values: Vec<Value> = (0..columns).map(|c| entity.encode(c).unwrap()).collect();
        let read = AllKinds::from_row(&mut Row::new(values.clone())).unwrap();
        assert_eq!(read, entity);
        assert_eq!(read.double.to_bits(), entity.double.to_bits());

        let mut other = AllKinds {
            cache: [(1, Status::Active)].into(),
            ..AllKinds::default()
        };
        for (column, value) in values.into_iter().enumerate() {
            other.decode(column, value).unwrap();
        }
        assert_eq!(other.cache.len(), 1, "a skipped field is left alone");
        assert!(other.diff(&entity).is_empty());
    }
}

#[test]
fn every_kind_of_field_has_its_type() {
    let table = AllKinds::TABLE;
    assert_eq!(
        (table.name, table.entity, table.mysql),
        ("all_kinds", "AllKinds", "other")
    );
    assert!(table.column("cache").is_none(), "a skipped field is no column");
    const ROLES: &[&str] = &["Reader", "Writer", "Admin"];
    let expected = [
        ("id", SqlType::Uuid, false),
        ("int8", SqlType::Integer { bytes: 1, signed: true }, false),
        ("int64", SqlType::Integer { bytes: 8, signed: true }, false),
        (
            "uint64",
            SqlType::Integer {
                bytes: 8,
                signed: false,
            },
            false,
        ),
        ("float", SqlType::Float, false),
        ("double", SqlType::Double, false),
        ("flag", SqlType::Bool, false),
        ("text", SqlType::Text { length: u32::MAX }, false),
        ("bytes", SqlType::Bytes { length: 16 }, false),
        ("day", SqlType::Date, false),
        ("time", SqlType::Time { digits: 6 }, false),
        ("at", SqlType::DateTime { digits: 0 }, false),
        (
            "price",
            SqlType::Decimal {
                precision: 10,
                scale: 2,
            },
            false,
        ),
        ("address", SqlType::Json, false),
        ("extra", SqlType::Json, true),
        ("wrapped", SqlType::Json, false),
        ("list", SqlType::Set(ROLES), false),
        ("tree", SqlType::Set(ROLES), true),
        ("roles", SqlType::Set(ROLES), false),
        ("unmarked", SqlType::Set(ROLES), true),
        ("status", SqlType::Enum(Status::VARIANTS), true),
        (
            "user",
            SqlType::Integer {
                bytes: 8,
                signed: false,
            },
            true,
        ),
        ("type", SqlType::Text { length: 255 }, false),
    ];
    let columns: Vec<_> = table.columns.iter().map(|c| (c.name, c.sql, c.nullable)).collect();
    assert_eq!(columns, expected);
    assert_eq!(column::<AllKinds>("int64").default, Some(DefaultValue::Int(-1)));
    assert_eq!(column::<AllKinds>("float").default, Some(DefaultValue::Float(1.5)));
    assert_eq!(column::<AllKinds>("flag").default, Some(DefaultValue::Bool(true)));
    assert_eq!(column::<AllKinds>("flag").field, "flag");
}

#[test]
fn a_field_stored_another_way_has_a_column_of_that_type() {
    let address: Column<AllKinds, Json<Address>> = AllKinds::ADDRESS;
    let extra: Column<AllKinds, Option<Json<BTreeMap<String, u8>>>> = AllKinds::EXTRA;
    let list: Column<AllKinds, Set<Role>> = AllKinds::LIST;
    let tree: Column<AllKinds, Option<Set<Role>>> = AllKinds::TREE;
    let entity = all_kinds();
    assert_eq!(address.get(&entity).street, "Main");
    assert_eq!(extra.get(&entity).unwrap().0["a"], 1);
    assert_eq!(list.get(&entity), Set::of([Role::Admin, Role::Reader]));
    assert!(tree.get(&entity).unwrap().has(Role::Writer));
    assert_eq!(AllKinds::TYPE.name(), "type");
    // A list is a set once it is stored: order and repetition do not count.
    let shuffled = AllKinds {
        list: vec![Role::Admin, Role::Reader, Role::Admin],
        ..entity.clone()
    };
    assert!(shuffled.diff(&entity).is_empty());
}

#[test]
fn a_diff_names_the_columns_that_differ() {
    let old = all_kinds();
    let mut new = old.clone();
    assert!(new.diff(&old).is_empty());
    new.cache.insert(1, Status::Active);
    assert!(new.diff(&old).is_empty(), "a skipped field is not compared");
    new.double = 0.0;
    new.address.lines.push(String::new());
    new.tree = None;
    new.user = None;
    let names: Vec<&str> = new.diff(&old).iter().map(|c| AllKinds::TABLE.columns[c].name).collect();
    assert_eq!(names, ["double", "address", "tree", "user"]);
}

#[test]
fn what_does_not_fit_names_the_column() {
    let mut user = User {
        name: "x".repeat(101),
        ..User::default()
    };
    let error = user.encode(User::NAME.position()).unwrap_err().to_string();
    assert!(
        error.starts_with("users.name: 101 characters; the column holds 100"),
        "{error}"
    );
    let error = user
        .decode(User::AGE.position(), Value::Int(256))
        .unwrap_err()
        .to_string();
    assert_eq!(error, "users.age: does not fit u8 (value: 256)");
    let error = user
        .decode(User::STATUS.position(), Value::Text("idle".into()))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("users.status: not one of active, locked_out, Gone for good"),
        "{error}"
    );
}

#[test]
fn a_position_that_is_no_column_is_an_error() {
    let mut user = User::default();
    let error = user.encode(5).unwrap_err();
    assert!(error.is_value());
    assert_eq!(error.to_string(), "users.?: the table has no column at position 5");
    assert!(user.decode(usize::MAX, Value::Null).is_err());
    assert!(user.pending(5).is_none());
    let error = User::from_row(&mut Row::new(vec![Value::UInt(1)])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "users.name: the row of the result ends before this column"
    );
}

#[test]
fn keys_are_read_and_set() {
    let mut entity = AllKinds::default();
    entity.set_key(Uuid::from_u128(9));
    assert_eq!(entity.key(), &Uuid::from_u128(9));

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
    assert_ne!(User::table_index(), AllKinds::table_index());
}

#[derive(Clone, Default, Table)]
#[table(
    rename_all = "camelCase",
    soft_delete,
    index(unique, author, title),
    index(unique, r#unique)
)]
struct BlogPost {
    #[column(id)]
    post_id: u32,
    author: Ref<User>,
    #[column(references(on_delete = "set_null"))]
    second_author: Option<Ref<User>>,
    #[column(references, index = "by_editor")]
    editor: headwater::table::Ref<User>,
    #[column(unique = "one_each", references(on_delete = "cascade"))]
    owner: Ref<Named>,
    #[column(name = "Title")]
    title: String,
    unique: bool,
    #[column(version)]
    row_version: u32,
    #[column(created_at)]
    created: Option<DateTime<Utc>>,
    #[column(updated_at)]
    updated: DateTime<Utc>,
    #[column(deleted_at)]
    deleted: Option<DateTime<Utc>>,
}

#[derive(Clone, Default, Table)]
struct Named {
    #[column(id)]
    name: String,
}

#[test]
fn columns_are_renamed_but_their_constants_are_not() {
    let names: Vec<&str> = BlogPost::TABLE.columns.iter().map(|c| c.name).collect();
    assert_eq!(
        names,
        [
            "postId",
            "author",
            "secondAuthor",
            "editor",
            "owner",
            "Title",
            "unique",
            "rowVersion",
            "created",
            "updated",
            "deleted"
        ]
    );
    assert_eq!(BlogPost::SECOND_AUTHOR.name(), "secondAuthor");
    assert_eq!(BlogPost::SECOND_AUTHOR.def().field, "second_author");
}

#[test]
fn columns_with_a_task_are_known() {
    let table = BlogPost::TABLE;
    assert_eq!(
        (table.version, table.created_at, table.updated_at, table.deleted_at),
        (Some(7), Some(8), Some(9), Some(10))
    );
    let table = User::TABLE;
    assert_eq!(
        (table.version, table.created_at, table.updated_at, table.deleted_at),
        (None, None, None, None)
    );
}

#[test]
fn references_know_their_table_and_have_an_index() {
    let reference = |name| column::<BlogPost>(name).reference.unwrap();
    assert_eq!((reference("author").table)().name, "users");
    assert_eq!((reference("owner").table)().name, "named");
    assert_eq!(reference("author").constraint, None);
    assert_eq!(reference("secondAuthor").constraint, Some(OnDelete::SetNull));
    assert_eq!(reference("editor").constraint, Some(OnDelete::Restrict));
    assert_eq!(reference("owner").constraint, Some(OnDelete::Cascade));
    assert!(column::<BlogPost>("Title").reference.is_none());
    assert!(column::<BlogPost>("owner").binary_text);
    assert_eq!(
        BlogPost::TABLE.indexes,
        [
            index("ix_secondAuthor", &[2], false),
            index("by_editor", &[3], false),
            index("one_each", &[4], true),
            index("uq_author_Title", &[1, 5], true),
            index("uq_unique", &[6], true),
        ]
    );
}

#[test]
fn a_reference_to_a_new_row_is_pending_until_it_has_a_key() {
    let post = BlogPost {
        author: Ref::to(1),
        ..BlogPost::default()
    };
    assert!(post.pending(BlogPost::AUTHOR.position()).is_none());
    assert!(post.encode(BlogPost::EDITOR.position()).is_err(), "it points nowhere");
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
