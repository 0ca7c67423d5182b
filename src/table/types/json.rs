//! Any serde type as a JSON column.
#![cfg(feature = "json")]

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::text::text_of;
use crate::error::Result;
use crate::table::column::{ColumnType, StoredAs};
use crate::table::def::{ColumnDef, SqlType};
use crate::table::value::Value;

/// A value that is stored as JSON. Two are the same when their JSON is.
///
/// Needs the feature `json`. `#[column(json)]` stores a field as JSON without this wrapper.
///
/// ```
/// use headwater::table::Json;
///
/// let tags = Json(vec!["a", "b"]);
/// assert_eq!(tags.len(), 2);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Json<T>(pub T);

impl<T> Deref for Json<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}
impl<T> DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
impl<T> From<T> for Json<T> {
    fn from(value: T) -> Self {
        Json(value)
    }
}
impl<T: fmt::Debug> fmt::Debug for Json<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The value as canonical JSON: object keys sorted, because hash maps serialize in any order and MySQL sorts
/// them too.
fn text<T: Serialize>(value: &T) -> serde_json::Result<String> {
    let mut value = serde_json::to_value(value)?;
    // serde_json sorts by itself unless some crate of the program turns `preserve_order` on.
    value.sort_all_objects();
    Ok(value.to_string())
}

fn encode<T: Serialize>(value: &T, column: &'static ColumnDef) -> Result<Value> {
    let written = text(value).map(Value::Text);
    written.map_err(|e| column.misfit(&Value::Null, format!("cannot be written as JSON: {e}")))
}

fn same<T: Serialize>(a: &T, b: &T) -> bool {
    match (text(a), text(b)) {
        (Ok(a), Ok(b)) => a == b,
        // What cannot be written is an error of the flush, so it must count as changed.
        _ => false,
    }
}

impl<T: Serialize + DeserializeOwned + Clone + Send + 'static> ColumnType for Json<T> {
    type Compare<'a> = Json<T>;
    const SQL: SqlType = SqlType::Json;

    fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
        encode(&self.0, column)
    }

    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        let text = text_of(value, column)?;
        serde_json::from_str(&text)
            .map(Json)
            .map_err(|e| column.misfit(&Value::Text(text), format!("not the JSON expected: {e}")))
    }

    fn operand(value: Json<T>) -> Value {
        text(&value.0).map_or(Value::Null, Value::Text)
    }

    fn same(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

impl<T: Serialize + DeserializeOwned + Clone + Send + 'static> StoredAs<Json<T>> for T {
    const SQL: SqlType = SqlType::Json;

    fn to_column(&self) -> Json<T> {
        Json(self.clone())
    }

    fn encode_field(&self, column: &'static ColumnDef) -> Result<Value> {
        encode(self, column)
    }

    fn decode_field(value: Value, column: &'static ColumnDef) -> Result<Self> {
        Json::<T>::decode(value, column).map(|json| json.0)
    }

    fn same_field(&self, other: &Self) -> bool {
        same(self, other)
    }
}
