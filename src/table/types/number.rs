//! Integers, floats and booleans.

use super::unexpected;
use crate::error::Result;
use crate::table::column::ColumnType;
use crate::table::def::{ColumnDef, SqlType};
use crate::table::row::{Cell, Number};
use crate::table::value::Value;
use crate::table::writer::RowWriter;

macro_rules! integers {
    ($($type:ty, $variant:ident, $write:ident, $wide:ty, $signed:expr;)*) => {$(
        impl ColumnType for $type {
            type Compare<'a> = $type;
            const SQL: SqlType = SqlType::Integer { bytes: size_of::<$type>() as u8, signed: $signed };

            #[inline]
            fn encode(&self, _: &'static ColumnDef) -> Result<Value> {
                Ok(Value::$variant(<$wide>::from(*self)))
            }

            #[inline]
            fn write_column(&self, _: &'static ColumnDef, row: &mut impl RowWriter) -> Result<()> {
                row.$write(<$wide>::from(*self))
            }

            #[inline]
            fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
                let fits = match value {
                    Value::Int(v) => <$type>::try_from(v).ok(),
                    Value::UInt(v) => <$type>::try_from(v).ok(),
                    Value::Bool(v) => Some(<$type>::from(v)),
                    Value::Bytes(ref v) => std::str::from_utf8(v).ok().and_then(|v| v.parse().ok()),
                    Value::Text(ref v) => v.parse().ok(),
                    ref other => return Err(unexpected(other, column, "a whole number")),
                };
                fits.ok_or_else(|| column.misfit(&value, concat!("does not fit ", stringify!($type))))
            }

            #[inline]
            fn from_cell(cell: &mut Cell<'_>, column: &'static ColumnDef) -> Result<Self> {
                let number = match cell.number() {
                    Some(Number::Int(v)) => <$type>::try_from(v).ok(),
                    Some(Number::UInt(v)) => <$type>::try_from(v).ok(),
                    _ => None,
                };
                number.map_or_else(|| Self::decode(cell.take(), column), Ok)
            }

            fn operand(value: $type) -> Value {
                Value::$variant(<$wide>::from(value))
            }

            #[inline]
            fn same(&self, other: &Self) -> bool {
                self == other
            }
        }
    )*};
}
integers! {
    u8, UInt, uint, u64, false; u16, UInt, uint, u64, false; u32, UInt, uint, u64, false; u64, UInt, uint, u64, false;
    i8, Int, int, i64, true; i16, Int, int, i64, true; i32, Int, int, i64, true; i64, Int, int, i64, true;
}

impl ColumnType for bool {
    type Compare<'a> = bool;
    const SQL: SqlType = SqlType::Bool;

    #[inline]
    fn encode(&self, _: &'static ColumnDef) -> Result<Value> {
        Ok(Value::Bool(*self))
    }

    #[inline]
    fn write_column(&self, _: &'static ColumnDef, row: &mut impl RowWriter) -> Result<()> {
        row.int(i64::from(*self))
    }

    #[inline]
    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        match value {
            Value::Bool(v) => Ok(v),
            Value::Int(0) | Value::UInt(0) => Ok(false),
            Value::Int(1) | Value::UInt(1) => Ok(true),
            Value::Bytes(ref v) if v == b"0" => Ok(false),
            Value::Bytes(ref v) if v == b"1" => Ok(true),
            other => Err(unexpected(&other, column, "0 or 1")),
        }
    }

    #[inline]
    fn from_cell(cell: &mut Cell<'_>, column: &'static ColumnDef) -> Result<Self> {
        match cell.number() {
            Some(Number::Int(0) | Number::UInt(0)) => Ok(false),
            Some(Number::Int(1) | Number::UInt(1)) => Ok(true),
            _ => Self::decode(cell.take(), column),
        }
    }

    fn operand(value: bool) -> Value {
        Value::Bool(value)
    }

    #[inline]
    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

macro_rules! floats {
    ($($type:ty, $variant:ident, $write:ident, $sql:ident;)*) => {$(
        impl ColumnType for $type {
            type Compare<'a> = $type;
            const SQL: SqlType = SqlType::$sql;

            #[inline]
            fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
                // https://dev.mysql.com/doc/refman/8.4/en/floating-point-types.html: neither is stored.
                if !self.is_finite() {
                    return Err(column.misfit(&Value::$variant(*self), "NaN and infinity cannot be stored"));
                }
                Ok(Value::$variant(*self))
            }

            #[inline]
            fn write_column(&self, column: &'static ColumnDef, row: &mut impl RowWriter) -> Result<()> {
                if self.is_finite() {
                    return row.$write(*self);
                }
                self.encode(column).map(drop)
            }

            #[inline]
            fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
                let fits = match value {
                    Value::Float(v) => Some(<$type>::from(v)),
                    #[allow(clippy::cast_possible_truncation, reason = "the check behind it")]
                    Value::Double(v) => Some(v as $type).filter(|n| f64::from(*n).to_bits() == v.to_bits()),
                    Value::Bytes(ref v) => std::str::from_utf8(v).ok().and_then(|v| v.parse().ok()),
                    Value::Text(ref v) => v.parse().ok(),
                    ref other => return Err(unexpected(other, column, "a number")),
                };
                fits.ok_or_else(|| column.misfit(&value, concat!("does not fit ", stringify!($type))))
            }

            #[inline]
            fn from_cell(cell: &mut Cell<'_>, column: &'static ColumnDef) -> Result<Self> {
                match cell.number() {
                    #[allow(clippy::cast_possible_truncation, reason = "the check behind it")]
                    Some(Number::Double(v)) if f64::from(v as $type).to_bits() == v.to_bits() => Ok(v as $type),
                    _ => Self::decode(cell.take(), column),
                }
            }

            fn operand(value: $type) -> Value {
                Value::$variant(value)
            }

            #[inline]
            fn same(&self, other: &Self) -> bool {
                self.to_bits() == other.to_bits()
            }
        }
    )*};
}
floats! { f32, Float, float, Float; f64, Double, double, Double; }
