//! Writing the values of a row: each straight from its field into the form in which a statement has it.

use super::value::{Value, ValueRef};
use crate::error::Result;

/// What takes the values of a row, one column after the other. Text and bytes are told apart by nobody who takes them.
#[doc(hidden)]
pub trait RowWriter {
    /// NULL.
    fn null(&mut self) -> Result<()>;
    /// A signed integer, or a boolean as 0 or 1.
    fn int(&mut self, number: i64) -> Result<()>;
    /// An unsigned integer.
    fn uint(&mut self, number: u64) -> Result<()>;
    /// A single-precision number.
    fn float(&mut self, number: f32) -> Result<()>;
    /// A double-precision number.
    fn double(&mut self, number: f64) -> Result<()>;
    /// Text or bytes.
    fn bytes(&mut self, bytes: &[u8]) -> Result<()>;
    /// Any value.
    fn value(&mut self, value: Value) -> Result<()>;

    /// Any value, borrowed or not.
    #[inline]
    fn put(&mut self, value: ValueRef<'_>) -> Result<()> {
        match value {
            ValueRef::Text(text) => self.bytes(text.as_bytes()),
            ValueRef::Bytes(bytes) => self.bytes(bytes),
            ValueRef::Owned(value) => self.value(value),
        }
    }
}
