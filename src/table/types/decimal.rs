//! Decimals of `rust_decimal`, stored as DECIMAL.
#![cfg(feature = "decimal")]

use rust_decimal::Decimal;

use super::unexpected;
use crate::error::Result;
use crate::table::column::ColumnType;
use crate::table::def::{ColumnDef, SqlType};
use crate::table::value::Value;

impl ColumnType for Decimal {
    type Compare<'a> = Decimal;
    /// 28 digits are what `rust_decimal` holds.
    const SQL: SqlType = SqlType::Decimal {
        precision: 28,
        scale: 8,
    };

    fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
        let plain = self.normalize();
        if let SqlType::Decimal { precision, scale } = column.sql {
            if plain.scale() > u32::from(scale) {
                return Err(column.misfit(
                    &Value::Text(self.to_string()),
                    format!("more than {scale} digits after the point"),
                ));
            }
            let whole = plain.trunc().abs().to_string();
            let most = usize::from(precision - scale);
            if whole != "0" && whole.len() > most {
                return Err(column.misfit(
                    &Value::Text(self.to_string()),
                    format!("more than {most} digits before the point"),
                ));
            }
        }
        Ok(Value::Text(plain.to_string()))
    }

    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        let parsed = match &value {
            Value::Text(text) => Decimal::from_str_exact(text).ok(),
            Value::Bytes(bytes) => std::str::from_utf8(bytes)
                .ok()
                .and_then(|t| Decimal::from_str_exact(t).ok()),
            Value::Int(v) => Some(Decimal::from(*v)),
            Value::UInt(v) => Some(Decimal::from(*v)),
            other => return Err(unexpected(other, column, "a decimal number")),
        };
        parsed.ok_or_else(|| column.misfit(&value, "not a decimal number of at most 28 digits"))
    }

    fn operand(value: Decimal) -> Value {
        Value::Text(value.to_string())
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}
