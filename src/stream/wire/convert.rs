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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::fixture::column_of;

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    /// Reads what FluxaORM writes as the new value of a nullable column.
    fn mended(column: &str, garbled: &str) -> Option<Value> {
        let param = Param::new('s', garbled);
        value_for(&param, column_of(column).1, true).ok()
    }

    #[test]
    fn what_go_garbles_is_mended() {
        let at = CivilDateTime {
            date: CivilDate {
                year: 2024,
                month: 1,
                day: 2,
            },
            hour: 3,
            minute: 4,
            second: 5,
            micros: 0,
        };
        for (column, garbled, value) in [
            ("OrAge", "{5 true}", Value::UInt(5)),
            ("OrAge", "{0 false}", Value::Null),
            ("OrBalance", "{-3 true}", Value::Int(-3)),
            ("OrBalance", "{0 false}", Value::Null),
            ("OrActive", "{true true}", Value::Bool(true)),
            ("OrActive", "{false true}", Value::Bool(false)),
            ("OrActive", "{false false}", Value::Null),
            ("OrRate", "{1.5 true}", Value::Float(1.5)),
            ("OrScore", "{1e+06 true}", Value::Double(1e6)),
            ("OrScore", "{0 false}", Value::Null),
            ("OrPrice", "{1.2e+06 true}", text("1200000")),
            ("OrName", "{abc true}", text("abc")),
            ("OrName", "{{abc true} true}", text("{abc true}")),
            ("OrName", "{ false}", Value::Null),
            ("OrPhoto", "{a b true}", Value::Bytes(b"a b".to_vec())),
            ("OrPhoto", "{ false}", Value::Null),
            ("OrStatus", "{banned true}", text("banned")),
            ("OrStatus", "{ false}", Value::Null),
            ("OrFlags", "{active,banned true}", text("active,banned")),
            ("OrSeenAt", "{2024-01-02 03:04:05 +0000 UTC true}", Value::DateTime(at)),
            ("OrSeenAt", "{0001-01-01 00:00:00 +0000 UTC false}", Value::Null),
            ("OrBorn", "{2024-01-02 00:00:00 +0000 UTC true}", Value::Date(at.date)),
            ("OrBorn", "{0001-01-01 00:00:00 +0000 UTC false}", Value::Null),
            // These are what they say.
            ("OrName", "{abc false}", text("{abc false}")),
            ("OrName", "{abc true} ", text("{abc true} ")),
            ("OrName", "abc true}", text("abc true}")),
            ("OrTags", "{\"a\": true}", text("{\"a\": true}")),
            ("Name", "{abc true}", text("{abc true}")),
            ("Photo", "{abc true}", Value::Bytes(b"{abc true}".to_vec())),
        ] {
            assert_eq!(mended(column, garbled), Some(value), "{column} {garbled}");
        }
        for (column, garbled) in [
            ("Age", "{5 true}"),
            ("Active", "{true true}"),
            ("OrAge", "{x true}"),
            ("OrAge", "{-1 true}"),
            ("OrAge", "5"),
            ("OrAge", "{5 maybe}"),
            ("OrActive", "{1 true}"),
            ("OrSeenAt", "{2024-01-02T03:04:05Z true}"),
            ("OrBorn", "{2024-01-02 03:04:05 +0000 UTC true}"),
        ] {
            assert_eq!(mended(column, garbled), None, "{column} {garbled}");
        }
    }

    #[test]
    fn a_text_that_is_not_of_its_column_is_an_error() {
        for (column, param) in [
            ("Age", Param::new('u', "1.5")),
            ("Age", Param::new('u', "-1")),
            ("Age", Param::new('f', "1")),
            ("Age", Param::default()),
            ("Balance", Param::new('i', "9223372036854775808")),
            ("Active", Param::new('b', "true")),
            ("Active", Param::new('b', "2")),
            ("Rate", Param::new('f', "1e300")),
            ("Score", Param::new('f', "1e999")),
            ("Score", Param::new('f', "one")),
            ("Price", Param::new('f', "NaN")),
            ("Name", Param::new('u', "5")),
            ("Name", Param::new('s', [0xff])),
            ("Born", Param::new('t', "2024-01-02T00:00:01Z")),
            ("Born", Param::new('s', "2024-01-02")),
            ("SeenAt", Param::new('t', "2024-01-02")),
            ("Shift", Param::new('s', "839:00:00")),
        ] {
            let error = value_for(&param, column_of(column).1, true).unwrap_err();
            assert!(error.is_value() && error.to_string().contains(column), "{error}");
        }
        // Narrower than what was written is fine, as long as it is the same number.
        let float = Param::new('f', "12.300000190734863");
        assert_eq!(
            value_for(&float, column_of("Rate").1, true).unwrap(),
            Value::Float(12.3)
        );
    }
}
