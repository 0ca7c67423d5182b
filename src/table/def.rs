//! What the derive says of a table, as constants: names, column types, indexes.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::columns::ColumnSet;
use super::default::DefaultValue;
use super::handle::RawHandle;
use super::key::Key;
use super::row::Row;
use super::value::{Value, ValueRef};
use super::writer::RowWriter;
use crate::error::{Error, ErrorKind, Result};

/// A struct that is stored as the rows of a table. `#[derive(Table)]` writes it.
///
/// The derive also makes one typed [`Column`](super::Column) constant for each column
/// (`User::EMAIL`), from which conditions, dirty checks and changes are asked.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a table",
    note = "add `#[derive(Clone, Table)]` and `#[table(name = \"…\")]` to the struct"
)]
pub trait Table: Sized + Clone + Send + 'static {
    /// The type of the key column.
    type Key: Key;

    /// What is known of the table at compile time.
    const TABLE: &'static TableDef;

    /// A number for this table, the same for the life of the process and dense from 0.
    #[doc(hidden)]
    fn table_index() -> usize;

    /// The key.
    fn key(&self) -> &Self::Key;

    /// Sets the key.
    fn set_key(&mut self, key: Self::Key);

    /// Makes an entity from a row that has every column in order.
    ///
    /// # Errors
    ///
    /// A [`Value`](ErrorKind::Value) error for the first column whose value does not fit.
    fn from_row(row: &mut Row) -> Result<Self>;

    /// The value of one column as it is stored, checked against the column.
    ///
    /// # Errors
    ///
    /// A [`Value`](ErrorKind::Value) error when it does not fit: too long, out of range, a reference
    /// that points nowhere.
    fn encode(&self, column: usize) -> Result<Value>;

    /// The same value, without a copy of its text or bytes where the field's type can do without.
    ///
    /// # Errors
    ///
    /// As [`encode`](Table::encode).
    fn encode_ref(&self, column: usize) -> Result<ValueRef<'_>> {
        self.encode(column).map(ValueRef::Owned)
    }

    /// As [`encode`](Table::encode), these columns one after the other into a row.
    #[doc(hidden)]
    fn write_columns(&self, columns: Range<usize>, row: &mut impl RowWriter) -> Result<()> {
        columns
            .into_iter()
            .try_for_each(|column| row.put(self.encode_ref(column)?))
    }

    /// Sets one column from a stored value.
    ///
    /// # Errors
    ///
    /// A [`Value`](ErrorKind::Value) error when the field's type cannot hold it.
    fn decode(&mut self, column: usize, value: Value) -> Result<()>;

    /// The columns in which both differ; floats are compared by their bits.
    fn diff(&self, other: &Self) -> ColumnSet;

    /// Sets one column as it is in another entity.
    fn copy_column(&mut self, column: usize, from: &Self);

    /// The entity that the column's reference waits for, if it is not inserted yet.
    fn pending(&self, column: usize) -> Option<RawHandle>;
}

/// A table as known at compile time.
#[derive(Debug)]
pub struct TableDef {
    /// The table's name in the database.
    pub name: &'static str,
    /// The same, quoted as statements have it.
    pub quoted: &'static str,
    /// The Rust type, for error texts.
    pub entity: &'static str,
    /// The columns in the order of the fields.
    pub columns: &'static [ColumnDef],
    /// The names of all columns, quoted and with commas between them: what a SELECT of rows begins with.
    pub list: &'static str,
    /// The position of the key.
    pub id: usize,
    /// The position of the optimistic lock's counter.
    pub version: Option<usize>,
    /// The position of the time of insertion.
    pub created_at: Option<usize>,
    /// The position of the time of the last change.
    pub updated_at: Option<usize>,
    /// The position of the time of the soft delete; set exactly when the table has soft delete.
    pub deleted_at: Option<usize>,
    /// All indexes but the primary key: of columns, references and the table.
    pub indexes: &'static [IndexDef],
    /// The name of the MySQL pool.
    pub mysql: &'static str,
    /// The name of the Redis pool of its streams, where the stream's declaration names none.
    pub redis: &'static str,
}

/// A column as known at compile time.
#[derive(Debug)]
pub struct ColumnDef {
    /// The table's name.
    pub table: &'static str,
    /// The column's name in the database.
    pub name: &'static str,
    /// The same, quoted as statements have it.
    pub quoted: &'static str,
    /// The field's name in the struct.
    pub field: &'static str,
    /// How it is stored, with length and precision.
    pub sql: SqlType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// The DEFAULT of the column in the database.
    pub default: Option<DefaultValue>,
    /// The table that it refers to.
    pub reference: Option<Reference>,
    /// Text of this column is told apart by its bytes (`utf8mb4_bin`): keys and references to them.
    pub binary_text: bool,
}

/// Where a reference points.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    /// The table referred to.
    pub table: fn() -> &'static TableDef,
    /// Whether the database checks it too, and what it does when the row is deleted
    /// (`#[column(references)]`).
    pub constraint: Option<OnDelete>,
}

/// What the database does with rows that refer to a deleted row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// It refuses the delete.
    Restrict,
    /// It deletes them too. Their hooks do not run and no events are published for them.
    Cascade,
    /// It sets the reference to NULL. No hooks run and no events are published.
    SetNull,
}

/// An index beside the primary key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexDef {
    /// The index's name in the database.
    pub name: &'static str,
    /// The positions of its columns.
    pub columns: &'static [usize],
    /// Whether it is unique.
    pub unique: bool,
}

/// How a column is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqlType {
    /// `TINYINT(1)` of 0 and 1.
    Bool,
    /// `TINYINT` to `BIGINT`.
    Integer {
        /// 1, 2, 4 or 8.
        bytes: u8,
        /// Whether it has a sign.
        signed: bool,
    },
    /// `FLOAT`.
    Float,
    /// `DOUBLE`.
    Double,
    /// `DECIMAL(precision, scale)`.
    Decimal {
        /// Digits in all, 1 to 65.
        precision: u8,
        /// Digits after the point, at most 30.
        scale: u8,
    },
    /// Text of at most this many characters: `VARCHAR`, from 16,384 on `MEDIUMTEXT` or `LONGTEXT`.
    Text {
        /// Characters, not bytes.
        length: u32,
    },
    /// At most this many bytes: `VARBINARY`, from 16,384 on `BLOB`, `MEDIUMBLOB` or `LONGBLOB`.
    Bytes {
        /// Bytes.
        length: u32,
    },
    /// `BINARY(16)`, a UUID's bytes in their order.
    Uuid,
    /// `ENUM` of these names.
    Enum(&'static [&'static str]),
    /// `SET` of these names.
    Set(&'static [&'static str]),
    /// `DATE`.
    Date,
    /// `TIME(digits)`.
    Time {
        /// Digits of the second's fraction, 0 to 6.
        digits: u8,
    },
    /// `DATETIME(digits)`, UTC.
    DateTime {
        /// Digits of the second's fraction, 0 to 6.
        digits: u8,
    },
    /// `JSON`.
    Json,
}

impl SqlType {
    /// The same type with `#[column(length = …)]` applied; the derive calls it in a constant.
    ///
    /// # Panics
    ///
    /// When the type has no length or the length is 0; in a constant that does not compile.
    #[must_use]
    #[track_caller]
    pub const fn with_length(self, length: u32) -> SqlType {
        match self.try_length(length) {
            Ok(sql) => sql,
            Err(problem) => panic!("{}", problem),
        }
    }

    /// The same type with this length, or why it has none.
    #[doc(hidden)]
    pub const fn try_length(self, length: u32) -> std::result::Result<SqlType, &'static str> {
        match self {
            _ if length == 0 => Err("`length` must be at least 1"),
            SqlType::Text { .. } => Ok(SqlType::Text { length }),
            SqlType::Bytes { .. } => Ok(SqlType::Bytes { length }),
            _ => Err("`length` is for text and bytes only"),
        }
    }

    /// The same type with `#[column(precision = …)]` applied; the derive calls it in a constant.
    ///
    /// # Panics
    ///
    /// When the type has no precision or it is out of range; in a constant that does not compile.
    #[must_use]
    #[track_caller]
    pub const fn with_precision(self, precision: u8, scale: Option<u8>) -> SqlType {
        match self.try_precision(precision, scale) {
            Ok(sql) => sql,
            Err(problem) => panic!("{}", problem),
        }
    }

    /// The same type with this precision, or why it cannot have it.
    #[doc(hidden)]
    pub const fn try_precision(self, precision: u8, scale: Option<u8>) -> std::result::Result<SqlType, &'static str> {
        match (self, scale) {
            // https://dev.mysql.com/doc/refman/8.4/en/precision-math-decimal-characteristics.html
            (SqlType::Decimal { .. }, Some(_)) if precision == 0 || precision > 65 => {
                Err("a decimal has 1 to 65 digits")
            }
            (SqlType::Decimal { .. }, Some(scale)) if scale > 30 || scale > precision => {
                Err("a decimal has at most 30 digits, and no more than all, after the point")
            }
            (SqlType::Decimal { .. }, Some(scale)) => Ok(SqlType::Decimal { precision, scale }),
            (SqlType::Decimal { .. }, None) => {
                Err("a decimal needs two numbers: `precision(digits, digits after the point)`")
            }
            (SqlType::Time { .. } | SqlType::DateTime { .. }, Some(_)) => {
                Err("a time needs one number, the digits of the second's fraction: `precision = 3`")
            }
            (SqlType::Time { .. } | SqlType::DateTime { .. }, None) if precision > 6 => {
                Err("a time has at most 6 digits of the second's fraction")
            }
            (SqlType::Time { .. }, None) => Ok(SqlType::Time { digits: precision }),
            (SqlType::DateTime { .. }, None) => Ok(SqlType::DateTime { digits: precision }),
            _ => Err("`precision` is for decimals and times only"),
        }
    }

    /// Whether `#[column(set)]` may stand on a field of this type.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        matches!(self, SqlType::Set(_))
    }

    /// Whether it is an integer: what a version column must be.
    #[must_use]
    pub const fn is_integer(&self) -> bool {
        matches!(self, SqlType::Integer { .. })
    }

    /// Whether it is a datetime: what the timestamp columns must be.
    #[must_use]
    pub const fn is_datetime(&self) -> bool {
        matches!(self, SqlType::DateTime { .. })
    }
}

impl TableDef {
    /// The column with this database name, with its position.
    pub fn column(&self, name: &str) -> Option<(usize, &ColumnDef)> {
        self.columns.iter().enumerate().find(|(_, column)| column.name == name)
    }

    /// The key's column.
    pub fn key(&self) -> &ColumnDef {
        &self.columns[self.id]
    }

    /// The error for a position that the table does not have.
    #[doc(hidden)]
    #[cold]
    pub fn no_column(&self, position: usize) -> Error {
        Error::new(ErrorKind::Value {
            table: self.name,
            column: "?",
            value: String::new(),
            reason: format!("the table has no column at position {position}"),
        })
    }

    /// Every column's position.
    pub(crate) fn all(&self) -> ColumnSet {
        ColumnSet::first(self.columns.len())
    }

    /// The columns of all unique indexes.
    pub(crate) fn unique_columns(&self) -> ColumnSet {
        let unique = self.indexes.iter().filter(|index| index.unique);
        unique.fold(ColumnSet::EMPTY, |set, index| set.union(&ColumnSet::of(index.columns)))
    }

    /// The columns that no event ever shows: timestamps, version and soft-delete mark
    /// (DESIGN.md, section 6).
    pub(crate) fn internal(&self) -> ColumnSet {
        let mut set = ColumnSet::EMPTY;
        for column in [self.created_at, self.updated_at, self.version, self.deleted_at]
            .into_iter()
            .flatten()
        {
            set.insert(column);
        }
        set
    }
}

impl ColumnDef {
    /// How it is stored in the database: a reference as the key that it holds, whose length only the table
    /// referred to knows.
    pub(crate) fn stored(&self) -> SqlType {
        self.reference
            .map_or(self.sql, |reference| (reference.table)().key().sql)
    }

    /// The error that says that this value does not fit this column.
    #[cold]
    pub fn misfit(&self, value: &Value, reason: impl Into<String>) -> Error {
        let value = if value.is_null() { String::new() } else { value.brief() };
        Error::new(ErrorKind::Value {
            table: self.table,
            column: self.name,
            value,
            reason: reason.into(),
        })
    }
}

/// Numbers tables densely as the process meets them, so that a session finds an arena by an index.
#[doc(hidden)]
pub fn next_table_index() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
