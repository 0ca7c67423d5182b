//! The derives of [headwater](https://docs.rs/headwater): [`Table`] and [`Enumeration`].
//!
//! Use them by way of headwater, which the code that they write needs. Everything that can be known when a
//! program is compiled is checked then, and what is wrong is told at the attribute that is.

mod attributes;
mod case;
mod column_attributes;
mod columns;
mod definition;
mod enumeration;
mod errors;
mod indexes;
mod methods;
mod operations;
mod streams;
mod table;
mod table_attributes;
mod tag;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct with named fields a table.
///
/// Writes `Table`, one typed constant for each column, named after its field (`User::EMAIL`), and the table's
/// streams. The struct must be `Clone`, cannot be generic, and has exactly one field with `#[column(id)]`.
///
/// ```
/// use headwater::prelude::*;
///
/// pub const USERS: Stream = Stream::new("UserStream");
/// pub const USER_STATUS: Stream = Stream::new("UserStatusStream");
///
/// #[derive(Debug, Clone, Default, Table)]
/// #[table(name = "users", stream(USERS), stream(USER_STATUS, on = "ID"), index(last_name, first_name))]
/// pub struct User {
///     #[column(id)]
///     pub id: u64,
///     #[column(length = 100)]
///     pub first_name: String,
///     #[column(length = 100)]
///     pub last_name: String,
///     #[column(unique)]
///     pub email: String,
///     #[column(triggers(USER_STATUS), default = "Active")]
///     pub status: Status,
///     pub invited_by: Option<Ref<User>>,
///     #[column(version)]
///     pub version: u32,
/// }
///
/// #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enumeration)]
/// pub enum Status { #[default] Active, Banned }
///
/// assert_eq!(User::EMAIL.name(), "email");
/// let names: Vec<&str> = User::TABLE.indexes.iter().map(|index| index.name).collect();
/// assert_eq!(names, ["uq_email", "ix_invited_by", "ix_last_name_first_name"]);
/// ```
///
/// # On the struct: `#[table(…)]`
///
/// | attribute | meaning |
/// |---|---|
/// | `name = "users"` | The table's name. Without it, the struct's in snake case, as it is: `BlogPost` → `blog_post`. |
/// | `rename_all = "camelCase"` | The letter case of the columns' names: `snake_case`, `camelCase`, `PascalCase`, `SCREAMING_SNAKE_CASE`, `kebab-case`, `lowercase`, `UPPERCASE`. Without it, the fields' names as they are. |
/// | `mysql = "pool"` | The MySQL pool, `default` without it. |
/// | `redis = "pool"` | The Redis pool of the streams that name none, `default` without it. |
/// | `stream(USERS)` | Publishes inserts, updates and deletes to the stream of this constant. Repeatable. |
/// | `stream(USERS, on = "ID", redis = "pool")` | Only the operations named: I, U, D; `""` leaves it to triggers. |
/// | `index(field, …)` | An index of these fields, in this order. Repeatable. Its name is `ix_` and the columns', joined with `_`. |
/// | `index(unique, name = "x", field, …)` | A unique one (`uq_…`), or one with another name. A field that is called `unique` is written `r#unique`. |
/// | `soft_delete` | Deleting sets the `deleted_at` column. |
/// | `dirty_stream = "A,B//ID"` | Streams in the spelling of FluxaORM's tag, see below. |
///
/// # On a field: `#[column(…)]`
///
/// | attribute | meaning |
/// |---|---|
/// | `id` | The key: an integer, a `String` or a `Uuid`. |
/// | `name = "x"` | The column's name. |
/// | `length = 100`, `length = max` | The most characters of a text (255 without it) or bytes (65,535 without it). |
/// | `precision(10, 2)` | Digits of a decimal in all, and after the point. |
/// | `precision = 3` | Digits of the second's fraction of a time or datetime (6 without it). |
/// | `unique`, `unique = "name"` | A unique index. |
/// | `index`, `index = "name"` | An index. A field that is a `Ref` has one by itself. |
/// | `default = "x"` | The DEFAULT in the database: a text, a number or a boolean. |
/// | `references` | The database checks the `Ref` too and refuses to delete the row that it points at. |
/// | `references(on_delete = "cascade")` | What the database does then: `restrict`, `cascade`, `set_null`. |
/// | `version` | The counter of the optimistic lock: an integer. |
/// | `created_at`, `updated_at` | Set by headwater: a datetime. |
/// | `deleted_at` | Set by a soft delete: an `Option` of a datetime. |
/// | `triggers(USERS, …)` | An update that changes this column is published to these streams, whatever their `on` says. |
/// | `dirty_stream = "A,B"` | The same for streams of the table's `dirty_stream`. |
/// | `json` | Any serde type, or an `Option` of one, stored as JSON. |
/// | `set` | `Vec` or `BTreeSet` of an enumeration, or an `Option` of one, stored as a SET. |
/// | `skip` | Not stored; `Default` when a row is read. |
///
/// # Streams by name
///
/// `dirty_stream` takes FluxaORM's tag: items of the form `Name/pool/operations`, separated by commas, of which
/// only the name must be there. Each has a constant on the struct, which `triggers` may name too:
///
/// ```
/// use headwater::prelude::*;
///
/// #[derive(Clone, Table)]
/// #[table(name = "users", dirty_stream = "UserStream,UserStatusStream//ID")]
/// struct User {
///     #[column(id)]
///     id: u64,
///     #[column(dirty_stream = "UserStatusStream")]
///     status: u8,
///     #[column(triggers(Self::USER_STATUS_STREAM))]
///     age: u8,
/// }
///
/// assert_eq!(User::USER_STATUS_STREAM.name(), "UserStatusStream");
/// ```
///
/// # Clippy
///
/// The lint `clippy::duplicated_attributes` takes a word that stands in two `stream(…)` or two `index(…)` of one
/// struct for a mistake (`on = "ID"`, `unique`, a field). Write `#[allow(clippy::duplicated_attributes)]` on the
/// struct, or `duplicated_attributes = "allow"` in `[lints.clippy]`.
#[proc_macro_derive(Table, attributes(table, column))]
pub fn table(input: TokenStream) -> TokenStream {
    table::expand(&parse_macro_input!(input as DeriveInput)).into()
}

/// Makes an enum without fields the type of ENUM columns and, in a `Set`, of SET columns.
///
/// Writes `Enumeration` and `ColumnType`. The enum must be `Copy` and `Eq`. Names are at most 255 characters
/// long, hold no comma, do not end with a space, and differ in more than upper and lower case.
///
/// ```
/// use headwater::prelude::*;
///
/// #[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
/// #[enumeration(rename_all = "snake_case")]
/// enum Status {
///     Active,
///     LockedOut,
///     #[enumeration(name = "gone for good")]
///     Deleted,
/// }
///
/// assert_eq!(Status::VARIANTS, ["active", "locked_out", "gone for good"]);
/// assert_eq!(Status::parse("active"), Some(Status::Active));
/// ```
///
/// | attribute | where | meaning |
/// |---|---|---|
/// | `#[enumeration(rename_all = "snake_case")]` | enum | The letter case of the names; those of `#[table(rename_all)]`. |
/// | `#[enumeration(name = "x")]` | variant | The name under which it is stored. |
#[proc_macro_derive(Enumeration, attributes(enumeration))]
pub fn enumeration(input: TokenStream) -> TokenStream {
    enumeration::expand(&parse_macro_input!(input as DeriveInput)).into()
}
