//! Columns: the typed constants that the derive makes, and what a field's type must offer.

use std::fmt;
use std::marker::PhantomData;

use super::def::{ColumnDef, Reference, SqlType, Table, TableDef};
use super::handle::RawHandle;
use super::row::Cell;
use super::value::{Value, ValueRef};
use super::writer::RowWriter;
use crate::error::Result;

/// A column of the table `E` whose values have the type `T`: `User::EMAIL`.
///
/// Conditions (`User::AGE.gt(17)`), orders (`User::NAME.asc()`), dirty checks
/// (`hook.is_dirty(User::EMAIL)`) and changes (`change.of(User::STATUS)`) are asked with it, so that a
/// misspelt column or a value of the wrong type does not compile.
pub struct Column<E, T> {
    position: usize,
    get: fn(&E) -> T,
    of: PhantomData<fn() -> (E, T)>,
}

impl<E, T> Clone for Column<E, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E, T> Copy for Column<E, T> {}

impl<E: Table, T> fmt::Debug for Column<E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", E::TABLE.name, self.name())
    }
}

impl<E, T> Column<E, T> {
    #[doc(hidden)]
    pub const fn new(position: usize, get: fn(&E) -> T) -> Self {
        Column {
            position,
            get,
            of: PhantomData,
        }
    }

    /// Its position among the table's columns.
    pub const fn position(self) -> usize {
        self.position
    }

    /// The value of this column in an entity.
    pub fn get(self, entity: &E) -> T {
        (self.get)(entity)
    }
}

impl<E: Table, T> Column<E, T> {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        self.def().name
    }

    /// All that is known of it.
    pub fn def(self) -> &'static ColumnDef {
        &E::TABLE.columns[self.position]
    }
}

/// A Rust type that a column can have.
///
/// Implemented for the integers, floats, `bool`, `String`, `Vec<u8>`, enumerations, [`Set`](super::Set),
/// [`Ref`](super::Ref), `Option` of these and, with the features named after the crates, for the types of
/// chrono, uuid, rust_decimal and for `Json<T>`. A type of your own can implement it by way of one of
/// these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the type of a column",
    note = "a list or a struct needs `#[column(json)]`, a list of an enumeration `#[column(set)]`, an enum `#[derive(Enumeration)]`",
    note = "dates need the feature `chrono`, `Uuid` the feature `uuid`, `Decimal` the feature `decimal`, `Json<T>` the feature `json`"
)]
pub trait ColumnType: Clone + Send + 'static {
    /// What a column of this type is compared with: `&str` for `String`, the inner type for `Option`.
    type Compare<'a>;

    /// How it is stored where no attribute says otherwise.
    const SQL: SqlType;

    /// Whether NULL is one of its values.
    const NULLABLE: bool = false;

    /// The table that it refers to.
    const REFERS: Option<fn() -> &'static TableDef> = None;

    /// Whether its text is told apart by its bytes where it refers to a key.
    const BINARY_TEXT: bool = false;

    /// The value as it is stored.
    ///
    /// # Errors
    ///
    /// A [`Value`](crate::ErrorKind::Value) error when it does not fit the column.
    fn encode(&self, column: &'static ColumnDef) -> Result<Value>;

    /// The same value, without a copy of its text or bytes where the type can do without.
    ///
    /// # Errors
    ///
    /// As [`encode`](ColumnType::encode).
    #[inline]
    fn encode_ref(&self, column: &'static ColumnDef) -> Result<ValueRef<'_>> {
        self.encode(column).map(ValueRef::Owned)
    }

    /// As [`encode`](ColumnType::encode), into a row.
    #[doc(hidden)]
    #[inline]
    fn write_column(&self, column: &'static ColumnDef, row: &mut impl RowWriter) -> Result<()> {
        row.put(self.encode_ref(column)?)
    }

    /// The value from what was stored.
    ///
    /// # Errors
    ///
    /// A [`Value`](crate::ErrorKind::Value) error when this type cannot hold it.
    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self>;

    /// As [`decode`](ColumnType::decode), from a value that is still in its row.
    #[doc(hidden)]
    #[inline]
    fn from_cell(cell: &mut Cell<'_>, column: &'static ColumnDef) -> Result<Self> {
        Self::decode(cell.take(), column)
    }

    /// The other side of a comparison, as it is bound to a statement.
    fn operand(value: Self::Compare<'_>) -> Value;

    /// Whether both are stored alike.
    fn same(&self, other: &Self) -> bool;

    /// The entity that this reference waits for.
    fn pending(&self) -> Option<RawHandle> {
        None
    }
}

/// A field that is stored as a column of type `C`: every column type as itself; any serde type as `Json`
/// (`#[column(json)]`); `BTreeSet` and `Vec` of an enumeration as `Set` (`#[column(set)]`).
// Without `C: ColumnType`, and with nothing given: the compiler then says what is wrong with a field once, and
// not once for each method.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored as `{C}`",
    note = "`#[column(json)]` needs `#[derive(Clone, Serialize, Deserialize)]` of serde on the type"
)]
pub trait StoredAs<C>: Sized {
    /// See [`ColumnType::SQL`].
    const SQL: SqlType;

    /// The value of the column.
    fn to_column(&self) -> C;

    /// See [`ColumnType::encode`].
    ///
    /// # Errors
    ///
    /// As [`ColumnType::encode`].
    fn encode_field(&self, column: &'static ColumnDef) -> Result<Value>;

    /// See [`ColumnType::encode_ref`].
    ///
    /// # Errors
    ///
    /// As [`ColumnType::encode`].
    #[inline]
    fn encode_field_ref(&self, column: &'static ColumnDef) -> Result<ValueRef<'_>> {
        self.encode_field(column).map(ValueRef::Owned)
    }

    /// See [`ColumnType::decode`].
    ///
    /// # Errors
    ///
    /// As [`ColumnType::decode`].
    fn decode_field(value: Value, column: &'static ColumnDef) -> Result<Self>;

    /// See [`ColumnType::same`].
    fn same_field(&self, other: &Self) -> bool;
}

impl<C: ColumnType> StoredAs<C> for C {
    const SQL: SqlType = C::SQL;

    fn to_column(&self) -> C {
        self.clone()
    }

    #[inline]
    fn encode_field(&self, column: &'static ColumnDef) -> Result<Value> {
        self.encode(column)
    }

    #[inline]
    fn encode_field_ref(&self, column: &'static ColumnDef) -> Result<ValueRef<'_>> {
        self.encode_ref(column)
    }

    #[inline]
    fn decode_field(value: Value, column: &'static ColumnDef) -> Result<Self> {
        C::decode(value, column)
    }

    #[inline]
    fn same_field(&self, other: &Self) -> bool {
        self.same(other)
    }
}

impl Reference {
    /// Where a column of type `C` points; the derive calls it in a constant.
    #[doc(hidden)]
    pub const fn of<C: ColumnType>(constraint: Option<super::def::OnDelete>) -> Option<Reference> {
        match C::REFERS {
            Some(table) => Some(Reference { table, constraint }),
            None => None,
        }
    }
}
