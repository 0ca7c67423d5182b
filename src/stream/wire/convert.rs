//! From the text of an event to the value of a column, and what FluxaORM garbles on the way.

use std::str::FromStr;

use super::number::{boolean, plain_decimal};
use super::time::{go_time, rfc3339, span};
use crate::error::Result;
use crate::stream::param::Param;
use crate::table::{CivilDate, CivilDateTime, ColumnDef, SqlType, Value};

/// Who wrote a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The writer of events: `1`, `2024-01-02T03:04:05Z`.
    Event,
    /// Go's `%v`: `true`, `2024-01-02 03:04:05 +0000 UTC`.
    Go,
}

/// The value as the column stores it.
///
/// FluxaORM writes new values of nullable columns as Go prints `sql.NullString` and its like: `{abc true}`
/// where `abc` is meant, `{0 false}` where NULL is. That is mended where it can mean nothing else, and for
/// text and bytes, where it can, when `from_go` says that Go may have written it.
pub(in crate::stream) fn value_for(param: &Param, column: &'static ColumnDef, from_go: bool) -> Result<Value> {
    if param.null {
        return Ok(Value::Null);
    }
    let (text, form) = match garbled(param, column, from_go) {
        Some(None) => return Ok(Value::Null),
        Some(Some(inner)) => (inner, Form::Go),
        None if fits(param.kind, column.sql) => (param.text.as_slice(), Form::Event),
        None => return Err(misfit(param, column, "its type code is not of this column")),
    };
    parse(text, column.sql, form).map_err(|reason| misfit(param, column, reason))
}

/// The error for a text that its column cannot hold.
#[cold]
fn misfit(param: &Param, column: &ColumnDef, reason: &str) -> crate::error::Error {
    let text = match std::str::from_utf8(&param.text) {
        Ok(text) => Value::Text(text.to_owned()),
        Err(_) => Value::Bytes(param.text.clone()),
    };
    let kind = param.kind.map(|kind| format!(" (type code `{kind}`)"));
    column.misfit(&text, format!("{reason}{}", kind.unwrap_or_default()))
}

/// What stands in Go's print of a nullable value: `Some(None)` for NULL, `None` when it is no such print.
fn garbled<'a>(param: &'a Param, column: &ColumnDef, from_go: bool) -> Option<Option<&'a [u8]>> {
    // FluxaORM has no JSON columns, and `{"a": true}` is JSON.
    if !column.nullable || param.kind != Some('s') || column.sql == SqlType::Json {
        return None;
    }
    let text = matches!(column.sql, SqlType::Text { .. } | SqlType::Bytes { .. });
    if text && !from_go {
        return None;
    }
    let inside = param.text.strip_prefix(b"{")?;
    if let Some(inner) = inside.strip_suffix(b" true}") {
        return Some(Some(inner));
    }
    let zero = inside.strip_suffix(b" false}")?;
    // NULL has Go's zero value with it.
    (!text || zero.is_empty()).then_some(None)
}

/// Whether a column of this type is written with this type code. An unknown code, and none, is text.
fn fits(kind: Option<char>, sql: SqlType) -> bool {
    match sql {
        SqlType::Bool | SqlType::Integer { .. } => matches!(kind, Some('i' | 'u' | 'b')),
        SqlType::Float | SqlType::Double | SqlType::Decimal { .. } => matches!(kind, Some('f' | 'i' | 'u')),
        SqlType::Date | SqlType::DateTime { .. } => kind == Some('t'),
        SqlType::Text { .. }
        | SqlType::Bytes { .. }
        | SqlType::Uuid
        | SqlType::Enum(_)
        | SqlType::Set(_)
        | SqlType::Time { .. }
        | SqlType::Json => !matches!(kind, Some('i' | 'u' | 'f' | 'b' | 't')),
    }
}

/// The value in a text, or why it is not there.
fn parse(text: &[u8], sql: SqlType, form: Form) -> Result<Value, &'static str> {
    if let SqlType::Bytes { .. } = sql {
        return Ok(Value::Bytes(text.to_vec()));
    }
    let utf8 = std::str::from_utf8(text).map_err(|_| "not valid UTF-8")?;
    match sql {
        SqlType::Bool => match form {
            Form::Event => boolean(text),
            Form::Go => utf8.parse().ok(),
        }
        .map(Value::Bool)
        .ok_or("not a boolean"),
        SqlType::Integer { signed: true, .. } => utf8.parse().map(Value::Int).map_err(|_| "not a whole number"),
        SqlType::Integer { signed: false, .. } => utf8
            .parse()
            .map(Value::UInt)
            .map_err(|_| "not a whole number from 0 on"),
        SqlType::Float => float(utf8, f32::is_infinite).map(Value::Float),
        SqlType::Double => float(utf8, f64::is_infinite).map(Value::Double),
        SqlType::Decimal { .. } => plain_decimal(utf8).map(Value::Text).ok_or("not a decimal number"),
        SqlType::Date => instant(text, form).and_then(day).map(Value::Date),
        SqlType::DateTime { .. } => instant(text, form).map(Value::DateTime),
        SqlType::Time { .. } => span(text).map(Value::Time).ok_or("not a time"),
        _ => Ok(Value::Text(utf8.to_owned())),
    }
}

/// A float; digits that read as infinity are beyond its range.
fn float<F: FromStr + Copy>(text: &str, infinite: fn(F) -> bool) -> Result<F, &'static str> {
    let number = text.parse().map_err(|_| "not a number")?;
    if infinite(number) && text.bytes().any(|byte| byte.is_ascii_digit()) {
        return Err("too large for the column");
    }
    Ok(number)
}

fn instant(text: &[u8], form: Form) -> Result<CivilDateTime, &'static str> {
    match form {
        Form::Event => rfc3339(text),
        Form::Go => go_time(text),
    }
    .ok_or("not a date and time in microseconds")
}

fn day(at: CivilDateTime) -> Result<CivilDate, &'static str> {
    let midnight = CivilDateTime {
        date: at.date,
        ..CivilDateTime::default()
    };
    if at == midnight {
        Ok(at.date)
    } else {
        Err("a date with a time of day")
    }
}
