//! Tables with every type of column, by hand, for the tests of this folder.

use crate::error::Result;
use crate::table::{Column, ColumnDef, ColumnSet, RawHandle, Row, SqlType, Table, TableDef, Value};

const fn column(name: &'static str, sql: SqlType, nullable: bool) -> ColumnDef {
    ColumnDef {
        table: "UserEntity",
        name,
        quoted: "",
        field: name,
        sql,
        nullable,
        default: None,
        reference: None,
        binary_text: false,
    }
}

const fn integer(bytes: u8, signed: bool) -> SqlType {
    SqlType::Integer { bytes, signed }
}

const DECIMAL: SqlType = SqlType::Decimal {
    precision: 28,
    scale: 8,
};
const AT: SqlType = SqlType::DateTime { digits: 6 };
const NAMES: &[&str] = &["active", "banned"];

/// Every type of column, not null; then those that events do not show; then every type, nullable, under the
/// same name with `Or` before it.
const COLUMNS: &[ColumnDef] = &[
    column("ID", integer(8, false), false),
    column("Active", SqlType::Bool, false),
    column("Balance", integer(8, true), false),
    column("Age", integer(1, false), false),
    column("Rate", SqlType::Float, false),
    column("Score", SqlType::Double, false),
    column("Price", DECIMAL, false),
    column("Name", SqlType::Text { length: 100 }, false),
    column("Photo", SqlType::Bytes { length: 100 }, false),
    column("Token", SqlType::Uuid, false),
    column("Status", SqlType::Enum(NAMES), false),
    column("Flags", SqlType::Set(NAMES), false),
    column("Born", SqlType::Date, false),
    column("Shift", SqlType::Time { digits: 6 }, false),
    column("SeenAt", AT, false),
    column("Tags", SqlType::Json, false),
    column("Version", integer(8, false), false),
    column("CreatedAt", AT, false),
    column("UpdatedAt", AT, false),
    column("DeletedAt", AT, true),
    column("OrActive", SqlType::Bool, true),
    column("OrBalance", integer(8, true), true),
    column("OrAge", integer(8, false), true),
    column("OrRate", SqlType::Float, true),
    column("OrScore", SqlType::Double, true),
    column("OrPrice", DECIMAL, true),
    column("OrName", SqlType::Text { length: 100 }, true),
    column("OrPhoto", SqlType::Bytes { length: 100 }, true),
    column("OrToken", SqlType::Uuid, true),
    column("OrStatus", SqlType::Enum(NAMES), true),
    column("OrFlags", SqlType::Set(NAMES), true),
    column("OrBorn", SqlType::Date, true),
    column("OrShift", SqlType::Time { digits: 6 }, true),
    column("OrSeenAt", AT, true),
    column("OrTags", SqlType::Json, true),
];

const fn table(id: usize) -> TableDef {
    TableDef {
        name: "UserEntity",
        quoted: "",
        entity: "User",
        columns: COLUMNS,
        list: "",
        id,
        version: Some(16),
        created_at: Some(17),
        updated_at: Some(18),
        deleted_at: Some(19),
        indexes: &[],
        mysql: "default",
        redis: "default",
    }
}

/// A table whose key is a number.
pub(super) static TABLE: TableDef = table(0);
/// A table whose key is a UUID.
pub(super) static UUID_TABLE: TableDef = table(9);
/// A table whose key is text.
pub(super) static TEXT_TABLE: TableDef = table(7);

/// The position and the column of this name.
pub(super) fn column_of(name: &str) -> (usize, &'static ColumnDef) {
    let position = COLUMNS
        .iter()
        .position(|column| column.name == name)
        .expect("a column of the fixture");
    (position, &TABLE.columns[position])
}

/// An entity of [`TABLE`], of which only the columns are asked.
#[derive(Debug, Clone)]
pub(super) struct User;

impl User {
    pub(super) const NAME: Column<User, String> = Column::new(7, |_| String::new());
    pub(super) const OR_AGE: Column<User, Option<u8>> = Column::new(22, |_| None);
    pub(super) const OR_NAME: Column<User, Option<String>> = Column::new(26, |_| None);
}

impl Table for User {
    type Key = u32;
    const TABLE: &'static TableDef = &TABLE;

    fn table_index() -> usize {
        0
    }
    fn key(&self) -> &u32 {
        &1
    }
    fn set_key(&mut self, _: u32) {}
    fn copy_column(&mut self, _: usize, _: &Self) {}
    fn from_row(_: &mut Row) -> Result<Self> {
        Ok(User)
    }
    fn encode(&self, _: usize) -> Result<Value> {
        Ok(Value::Null)
    }
    fn decode(&mut self, _: usize, _: Value) -> Result<()> {
        Ok(())
    }
    fn diff(&self, _: &Self) -> ColumnSet {
        ColumnSet::EMPTY
    }
    fn pending(&self, _: usize) -> Option<RawHandle> {
        None
    }
}
