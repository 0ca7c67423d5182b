//! The DEFAULT of a column: as a struct asks for it, as each server prints it, and in one form to compare.

use super::kind::Kind;
use super::literal::{as_shown, quoted};
use super::moment;
use crate::mysql::{Flavour, quoted_text};
use crate::table::DefaultValue;

/// A DEFAULT in one form for both servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Default {
    /// No default, or NULL.
    None,
    /// The time of the statement.
    Now,
    /// A constant, written as the column's type would print it.
    Constant(String),
    /// Another expression, as the server prints it.
    Expression(String),
}

/// A default that a struct asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) compared: Default,
    /// As it is written in a statement.
    pub(super) sql: Option<String>,
}

/// The default that a struct asks for.
///
/// # Errors
///
/// Why the column cannot have it.
pub(super) fn wanted(value: Option<&DefaultValue>, kind: &Kind, flavour: Flavour) -> Result<Wanted, String> {
    let Some(value) = value else {
        return Ok(Wanted {
            compared: Default::None,
            sql: None,
        });
    };
    if kind.is_large() {
        return Err(format!("{kind} cannot have a default"));
    }
    let (plain, sql) = match *value {
        DefaultValue::Text(text) => {
            if let (Kind::DateTime(digits), true) = (kind, is_now(text)) {
                return Ok(Wanted {
                    compared: Default::Now,
                    sql: Some(now(*digits)),
                });
            }
            (text.to_owned(), quoted_text(text))
        }
        DefaultValue::Bool(value) => (u8::from(value).to_string(), u8::from(value).to_string()),
        DefaultValue::Int(value) => (value.to_string(), value.to_string()),
        DefaultValue::Float(value) if !value.is_finite() => return Err(format!("{value} cannot be stored")),
        // A decimal has no exponent, the others may have too many digits without one.
        DefaultValue::Float(value) => match kind {
            Kind::Decimal { .. } => (value.to_string(), value.to_string()),
            _ => (format!("{value:?}"), format!("{value:?}")),
        },
    };
    let constant =
        constant(kind, &plain, flavour).ok_or_else(|| format!("{plain:?} is no default for a column of {kind}"))?;
    Ok(Wanted {
        compared: Default::Constant(constant),
        sql: Some(sql),
    })
}

/// The default that a server prints in `COLUMN_DEFAULT`: MariaDB as it would stand in a statement, MySQL
/// without quotes, and `EXTRA` tells what is an expression.
pub(super) fn found(printed: Option<&str>, extra: &str, kind: &Kind, flavour: Flavour) -> Default {
    let Some(printed) = printed else {
        return Default::None;
    };
    let of = |text: &str| {
        // What cannot be read is kept as it is: it differs from every wanted default.
        constant(kind, text, flavour).map_or_else(|| Default::Expression(printed.to_owned()), Default::Constant)
    };
    match flavour {
        Flavour::MariaDb => {
            if printed.eq_ignore_ascii_case("NULL") {
                Default::None
            } else if let Some((text, "")) = quoted(printed) {
                of(&text)
            } else if is_now(printed) {
                Default::Now
            } else if printed.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
                of(printed)
            } else {
                Default::Expression(printed.to_owned())
            }
        }
        Flavour::MySql if !extra.contains("DEFAULT_GENERATED") => match (kind, unhex(printed)) {
            (Kind::Varbinary(_) | Kind::Binary(_), Some(bytes)) => Default::Constant(hex(&bytes)),
            _ => of(printed),
        },
        Flavour::MySql if is_now(printed) => Default::Now,
        Flavour::MySql => Default::Expression(printed.to_owned()),
    }
}

/// `CURRENT_TIMESTAMP` with the digits of the column, without which the server refuses it.
pub(super) fn now(digits: u8) -> String {
    match digits {
        0 => "CURRENT_TIMESTAMP".to_owned(),
        _ => format!("CURRENT_TIMESTAMP({digits})"),
    }
}

fn is_now(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    ["current_timestamp", "now"]
        .into_iter()
        .filter_map(|name| text.strip_prefix(name))
        .any(|rest| rest.is_empty() || (rest.starts_with('(') && rest.ends_with(')')))
        && text != "now"
}

/// A constant as a column of this type would print it; `None` where it does not fit.
fn constant(kind: &Kind, text: &str, flavour: Flavour) -> Option<String> {
    match kind {
        Kind::Bool | Kind::Integer { .. } => text.trim().parse::<i128>().ok().map(|n| n.to_string()),
        // Both servers print a FLOAT with six digits.
        Kind::Float => text.trim().parse::<f64>().ok().map(|n| format!("{n:.5e}")),
        Kind::Double => text.trim().parse::<f64>().ok().map(|n| format!("{n:e}")),
        Kind::Decimal { scale, .. } => decimal(text.trim(), usize::from(*scale)),
        Kind::Date => moment::date(text),
        Kind::DateTime(digits) | Kind::Timestamp(digits) => moment::date_time(text, *digits),
        Kind::Time(digits) => moment::time(text, *digits),
        Kind::Set(names) => {
            let asked: Vec<String> = text.split(',').filter(|t| !t.is_empty()).map(as_shown).collect();
            let names: Vec<String> = names.iter().map(|name| as_shown(name)).collect();
            if asked.iter().any(|name| !names.contains(name)) {
                return None;
            }
            let kept: Vec<String> = names.into_iter().filter(|name| asked.contains(name)).collect();
            Some(kept.join(","))
        }
        Kind::Binary(_) | Kind::Varbinary(_) => bytes(text, flavour),
        _ => Some(as_shown(text)),
    }
}

/// MySQL prints the bytes of a default in hex, MariaDB as text with a `?` for each byte that it cannot show.
fn bytes(text: &str, flavour: Flavour) -> Option<String> {
    match flavour {
        Flavour::MySql if text.contains('\0') => None,
        Flavour::MySql => Some(hex(text.as_bytes())),
        Flavour::MariaDb => Some(
            text.chars()
                .map(|c| {
                    if c > '\u{ffff}' {
                        "????".to_owned()
                    } else {
                        c.to_string()
                    }
                })
                .collect(),
        ),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.strip_prefix("0x")?.bytes().collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// A decimal number without needless zeros; `None` when it has more digits after the point than the column.
fn decimal(text: &str, scale: usize) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if (whole.is_empty() && fraction.is_empty()) || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    match (whole, fraction) {
        (_, fraction) if fraction.len() > scale => None,
        ("", "") => Some("0".to_owned()),
        (whole, "") => Some(format!("{sign}{whole}")),
        (whole, fraction) => Some(format!("{sign}{whole}.{fraction}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Flavour; 2] = [Flavour::MariaDb, Flavour::MySql];

    /// What each server printed for the default of a column made with it (MariaDB 10.11.19, MySQL 9.7.4).
    #[test]
    fn a_default_is_the_same_however_the_server_prints_it() {
        let float = Kind::Float;
        let decimal = Kind::Decimal {
            precision: 28,
            scale: 8,
        };
        let integer = Kind::Integer { bytes: 1, signed: true };
        let set = Kind::Set(["b", "a"].map(str::to_owned).to_vec());
        let text = DefaultValue::Text;
        let cases: Vec<(Kind, DefaultValue, &str, &str)> = vec![
            (integer.clone(), DefaultValue::Int(-5), "-5", "-5"),
            (Kind::Bool, DefaultValue::Bool(true), "1", "1"),
            (float.clone(), DefaultValue::Float(16_777_216.0), "16777200", "16777200"),
            (float, DefaultValue::Float(1e-30), "1e-30", "1e-30"),
            (
                Kind::Double,
                DefaultValue::Float(0.300_000_000_000_000_04),
                "0.30000000000000004",
                "0.30000000000000004",
            ),
            (Kind::Double, DefaultValue::Int(7), "7", "7"),
            (decimal.clone(), DefaultValue::Float(1.5), "1.50000000", "1.50000000"),
            (decimal, text("-.00000001"), "-0.00000001", "-0.00000001"),
            (
                Kind::Varchar(99),
                text("it's a \\ \"ü😀"),
                "'it''s a \\\\ \"ü?'",
                "it's a \\ \"ü?",
            ),
            (Kind::Varchar(99), text("NULL"), "'NULL'", "NULL"),
            (Kind::Varchar(99), text(""), "''", ""),
            (Kind::Varbinary(9), text("aü😀"), "'aü????'", "0x61C3BCF09F9880"),
            (set, text("a,b"), "'b,a'", "b,a"),
            (Kind::Date, text("2020-1-2"), "'2020-01-02'", "2020-01-02"),
            (
                Kind::DateTime(0),
                text("2020-01-02"),
                "'2020-01-02 00:00:00'",
                "2020-01-02 00:00:00",
            ),
            (
                Kind::DateTime(6),
                text("2020-01-02T03:04:05.6"),
                "'2020-01-02 03:04:05.600000'",
                "2020-01-02 03:04:05.600000",
            ),
            (
                Kind::Time(6),
                text("-1:02:03.5"),
                "'-01:02:03.500000'",
                "-01:02:03.500000",
            ),
        ];
        for (kind, value, maria, mysql) in cases {
            for (flavour, printed) in [(Flavour::MariaDb, maria), (Flavour::MySql, mysql)] {
                let wanted = wanted(Some(&value), &kind, flavour)
                    .expect("a fitting default")
                    .compared;
                assert_eq!(found(Some(printed), "", &kind, flavour), wanted, "{kind} {flavour:?}");
            }
        }
    }

    #[test]
    fn the_time_of_the_statement_has_many_spellings() {
        let kind = Kind::DateTime(6);
        for flavour in BOTH {
            for spelling in ["CURRENT_TIMESTAMP", "current_timestamp(6)", "now()", "now(6)"] {
                let printed = found(Some(spelling), "DEFAULT_GENERATED", &kind, flavour);
                assert_eq!(printed, Default::Now, "{spelling}");
            }
            let wanted = wanted(Some(&DefaultValue::Text("CURRENT_TIMESTAMP")), &kind, flavour).expect("fits");
            assert_eq!(wanted.sql.as_deref(), Some("CURRENT_TIMESTAMP(6)"));
        }
        // A text column may well say so.
        let text = found(Some("now()"), "", &Kind::Varchar(9), Flavour::MySql);
        assert_eq!(text, Default::Constant("now()".to_owned()));
    }

    #[test]
    fn no_default_and_null_are_the_same() {
        for flavour in BOTH {
            assert_eq!(found(None, "", &Kind::Bool, flavour), Default::None);
        }
        assert_eq!(found(Some("NULL"), "", &Kind::Bool, Flavour::MariaDb), Default::None);
    }

    #[test]
    fn what_the_server_would_round_or_refuse_is_refused_here() {
        let decimal = Kind::Decimal { precision: 5, scale: 2 };
        let text = DefaultValue::Text;
        for (kind, value) in [
            (decimal.clone(), DefaultValue::Float(0.125)),
            (decimal, text("ten")),
            (Kind::Date, text("yesterday")),
            (Kind::DateTime(0), text("2020-01-02 03:04:05.5")),
            (Kind::Time(3), text("10")),
            (Kind::Set(vec!["a".to_owned()]), text("b")),
            (Kind::Double, DefaultValue::Float(f64::NAN)),
            (Kind::Json, text("{}")),
        ] {
            for flavour in BOTH {
                assert!(wanted(Some(&value), &kind, flavour).is_err(), "{kind} {value:?}");
            }
        }
    }
}
