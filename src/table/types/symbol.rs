//! Enumerations and sets as columns.

use std::collections::BTreeSet;

use super::text::text_of;
use crate::error::Result;
use crate::table::column::{ColumnType, StoredAs};
use crate::table::def::{ColumnDef, SqlType};
use crate::table::enumeration::{Enumeration, Set};
use crate::table::row::Cell;
use crate::table::value::Value;

/// What `#[derive(Enumeration)]` uses to write `ColumnType` for the enum.
#[doc(hidden)]
#[inline]
pub fn take_enumeration<E: Enumeration + ColumnType>(cell: &mut Cell<'_>, column: &'static ColumnDef) -> Result<E> {
    let variant = cell
        .bytes()
        .and_then(|bytes| E::VARIANTS.iter().position(|name| name.as_bytes() == bytes.as_slice()));
    match variant.and_then(E::at) {
        Some(variant) => Ok(variant),
        None => E::decode(cell.take(), column),
    }
}

/// What `#[derive(Enumeration)]` uses to write `ColumnType` for the enum.
#[doc(hidden)]
pub fn decode_enumeration<E: Enumeration>(value: Value, column: &'static ColumnDef) -> Result<E> {
    if let Value::Bytes(bytes) = &value
        && let Some(variant) = E::VARIANTS.iter().position(|name| name.as_bytes() == bytes.as_slice())
        && let Some(variant) = E::at(variant)
    {
        return Ok(variant);
    }
    let text = text_of(value, column)?;
    E::parse(&text).ok_or_else(|| {
        let reason = format!("not one of {}", E::VARIANTS.join(", "));
        column.misfit(&Value::Text(text), reason)
    })
}

impl<E: Enumeration> ColumnType for Set<E> {
    type Compare<'a> = Set<E>;
    const SQL: SqlType = SqlType::Set(E::VARIANTS);

    fn encode(&self, _: &'static ColumnDef) -> Result<Value> {
        Ok(Value::Text(self.to_string()))
    }

    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        let text = text_of(value, column)?;
        if text.is_empty() {
            return Ok(Set::empty());
        }
        text.split(',')
            .map(|name| {
                E::parse(name).ok_or_else(|| {
                    column.misfit(
                        &Value::Text(name.to_owned()),
                        format!("not one of {}", E::VARIANTS.join(", ")),
                    )
                })
            })
            .collect()
    }

    fn operand(value: Set<E>) -> Value {
        Value::Text(value.to_string())
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

impl<E: Enumeration + Ord> StoredAs<Set<E>> for BTreeSet<E> {
    const SQL: SqlType = <Set<E> as ColumnType>::SQL;

    fn to_column(&self) -> Set<E> {
        Set::from(self)
    }

    fn encode_field(&self, column: &'static ColumnDef) -> Result<Value> {
        StoredAs::<Set<E>>::to_column(self).encode(column)
    }

    fn decode_field(value: Value, column: &'static ColumnDef) -> Result<Self> {
        Ok(Set::<E>::decode(value, column)?.iter().collect())
    }

    fn same_field(&self, other: &Self) -> bool {
        StoredAs::<Set<E>>::to_column(self) == StoredAs::<Set<E>>::to_column(other)
    }
}

impl<E: Enumeration> StoredAs<Set<E>> for Vec<E> {
    const SQL: SqlType = <Set<E> as ColumnType>::SQL;

    fn to_column(&self) -> Set<E> {
        self.iter().copied().collect()
    }

    fn encode_field(&self, column: &'static ColumnDef) -> Result<Value> {
        StoredAs::<Set<E>>::to_column(self).encode(column)
    }

    fn decode_field(value: Value, column: &'static ColumnDef) -> Result<Self> {
        Ok(Set::<E>::decode(value, column)?.iter().collect())
    }

    fn same_field(&self, other: &Self) -> bool {
        StoredAs::<Set<E>>::to_column(self) == StoredAs::<Set<E>>::to_column(other)
    }
}
