//! Which Rust types a column can have, and how each is stored: conversions that check everything.

mod chrono;
mod civil;
mod decimal;
pub(super) mod json;
mod number;
pub(super) mod option;
mod reference;
pub(super) mod symbol;
mod text;
mod uuid;

use super::def::ColumnDef;
use super::value::Value;
use crate::error::Error;

/// The error for a value of a kind that the column's type never has.
#[cold]
fn unexpected(value: &Value, column: &ColumnDef, wanted: &str) -> Error {
    match value {
        Value::Null => column.misfit(value, "NULL in a column that may not be NULL"),
        _ => column.misfit(value, format!("expected {wanted}")),
    }
}
