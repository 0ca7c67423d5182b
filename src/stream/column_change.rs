//! One column of an update, as an event carries it.

use super::param::Param;
use crate::error::Result;
use crate::table::Value;

/// One column of an update: its value before and after.
///
/// ```
/// use headwater::stream::{ColumnChange, Param};
/// use headwater::table::Value;
///
/// let change = ColumnChange::new("age", Param::null(), Param::new('u', "18"));
/// assert_eq!((change.old_value()?, change.new_value()?), (Value::Null, Value::UInt(18)));
/// # Ok::<(), headwater::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnChange {
    /// The column's name in the database.
    pub column: String,
    /// The value before.
    pub old: Param,
    /// The value after.
    pub new: Param,
}

impl ColumnChange {
    /// A change of this column.
    ///
    /// ```
    /// use headwater::stream::{ColumnChange, Param};
    ///
    /// let change = ColumnChange::new("name", Param::new('s', "Ana"), Param::new('s', "Ann"));
    /// assert_eq!(change.new.as_str(), Some("Ann"));
    /// ```
    pub fn new(column: impl Into<String>, old: Param, new: Param) -> Self {
        ColumnChange {
            column: column.into(),
            old,
            new,
        }
    }

    /// The value before, typed by its type code; see [`Param::value`].
    ///
    /// ```
    /// use headwater::stream::{ColumnChange, Param};
    /// use headwater::table::Value;
    ///
    /// let change = ColumnChange::new("age", Param::new('i', "-1"), Param::null());
    /// assert_eq!(change.old_value()?, Value::Int(-1));
    /// # Ok::<(), headwater::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Param::value`].
    pub fn old_value(&self) -> Result<Value> {
        self.old.value()
    }

    /// The value after, typed by its type code; see [`Param::value`].
    ///
    /// ```
    /// use headwater::stream::{ColumnChange, Param};
    /// use headwater::table::Value;
    ///
    /// let change = ColumnChange::new("age", Param::new('i', "-1"), Param::null());
    /// assert!(change.new_value()?.is_null());
    /// # Ok::<(), headwater::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Param::value`].
    pub fn new_value(&self) -> Result<Value> {
        self.new.value()
    }
}
