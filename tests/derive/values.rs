//! Every kind of field: how it is stored, read, compared.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use headwater::prelude::*;
use headwater::table::{DefaultValue, Json, Row, SqlType, Value};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Status, User, column};

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
fn a_column_is_copied_alone() {
    let from = all_kinds();
    let mut to = AllKinds::default();
    for column in 0..AllKinds::TABLE.columns.len() {
        to.copy_column(column, &from);
        assert!(!to.diff(&from).has(column));
    }
    assert!(to.diff(&from).is_empty());
    to.copy_column(usize::MAX, &AllKinds::default());
    assert!(
        to.diff(&from).is_empty(),
        "a position that is no column changes nothing"
    );
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
