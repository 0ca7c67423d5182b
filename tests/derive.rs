//! What the derives emit: definitions, constants, conversions, streams.
#![cfg(all(feature = "chrono", feature = "uuid", feature = "decimal", feature = "json"))]
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use headwater::prelude::*;
use headwater::stream::{Operations, Publish};
use headwater::table::{
    Column, ColumnDef, ColumnSet, DefaultValue, IndexDef, Json, OnDelete, Row, SqlType, Table, Value,
};
use rust_decimal::Decimal;
use uuid::Uuid;

pub const USERS: Stream = Stream::new("UserStream");
pub const USER_STATUS: Stream = Stream::new("UserStatusStream");

// No Debug, no Default: the derive must not need them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Enumeration)]
enum Plain {
    A,
    B,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Enumeration)]
#[enumeration(rename_all = "snake_case")]
pub enum Status {
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
pub struct User {
    #[column(id)]
    pub id: u64,
    #[column(length = 100)]
    pub name: String,
    #[column(unique)]
    pub email: String,
    #[column(triggers(USER_STATUS), default = "active")]
    pub status: Status,
    #[column(index, triggers(USER_STATUS))]
    pub age: Option<u8>,
}

#[test]
fn the_program_of_the_design() {
    let table = User::TABLE;
    assert_eq!((table.name, table.entity), ("users", "User"));
    assert_eq!((table.mysql, table.redis), ("default", "default"));
    assert_eq!(table.id, 0);
    assert_eq!(table.key().name, "id");
    let names: Vec<&str> = table.columns.iter().map(|c| c.name).collect();
    assert_eq!(names, ["id", "name", "email", "status", "age"]);
    assert!(table.columns.iter().all(|c| c.table == "users" && c.field == c.name));
    assert_eq!(table.columns[1].sql, SqlType::Text { length: 100 });
    assert_eq!(table.columns[2].sql, SqlType::Text { length: 255 });
    assert_eq!(User::EMAIL.name(), "email");
    assert_eq!(User::AGE.position(), 4);
    assert_eq!(User::STATUS.get(&User::default()), Status::Active);
}
