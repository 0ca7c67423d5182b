//! The types that a server's column can have, and which change of one into another keeps every value.

use std::fmt;

use super::literal::{as_shown, list};
use crate::mysql::quoted_text;
use crate::table::SqlType;

/// The type of a column without charset, default and NULL, in one form for both servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only in tables as they should be; a server says `TINYINT`, with or without a display width.
    Bool,
    Integer {
        bytes: u8,
        signed: bool,
    },
    Float,
    Double,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Char(u32),
    Varchar(u32),
    Text(Lob),
    Binary(u32),
    Varbinary(u32),
    Blob(Lob),
    Enum(Vec<String>),
    Set(Vec<String>),
    Date,
    Time(u8),
    DateTime(u8),
    Timestamp(u8),
    Json,
    /// A type that no struct asks for.
    Other(String),
}

/// The sizes of TEXT and BLOB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lob {
    Tiny,
    Regular,
    Medium,
    Long,
}

impl Lob {
    /// <https://dev.mysql.com/doc/refman/8.4/en/storage-requirements.html#data-types-storage-reqs-strings>
    fn bytes(self) -> u64 {
        match self {
            Lob::Tiny => 255,
            Lob::Regular => 65_535,
            Lob::Medium => 16_777_215,
            Lob::Long => 4_294_967_295,
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Lob::Tiny => "TINY",
            Lob::Regular => "",
            Lob::Medium => "MEDIUM",
            Lob::Long => "LONG",
        }
    }
}

/// From this length on text and bytes are no VARCHAR or VARBINARY: four bytes for each character must fit a
/// row of 65,535 bytes.
const LARGE: u32 = 16_384;

impl Kind {
    /// The type that a struct asks for.
    pub(super) fn of(sql: &SqlType) -> Kind {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        match *sql {
            SqlType::Bool => Kind::Bool,
            SqlType::Integer { bytes, signed } => Kind::Integer { bytes, signed },
            SqlType::Float => Kind::Float,
            SqlType::Double => Kind::Double,
            SqlType::Decimal { precision, scale } => Kind::Decimal { precision, scale },
            SqlType::Text { length } => match length {
                0..LARGE => Kind::Varchar(length),
                LARGE..=4_194_303 => Kind::Text(Lob::Medium),
                _ => Kind::Text(Lob::Long),
            },
            SqlType::Bytes { length } => match length {
                0..LARGE => Kind::Varbinary(length),
                LARGE..=65_535 => Kind::Blob(Lob::Regular),
                65_536..=16_777_215 => Kind::Blob(Lob::Medium),
                _ => Kind::Blob(Lob::Long),
            },
            SqlType::Uuid => Kind::Binary(16),
            SqlType::Enum(names) => Kind::Enum(owned(names)),
            SqlType::Set(names) => Kind::Set(owned(names)),
            SqlType::Date => Kind::Date,
            SqlType::Time { digits } => Kind::Time(digits),
            SqlType::DateTime { digits } => Kind::DateTime(digits),
            SqlType::Json => Kind::Json,
        }
    }

    /// The type as `information_schema.COLUMNS.COLUMN_TYPE` prints it.
    ///
    /// Display widths are left out: MariaDB prints them for every integer, MySQL since 8.0.19 for none but
    /// `tinyint(1)`.
    pub(super) fn parse(column_type: &str) -> Kind {
        let end = column_type
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(column_type.len());
        let (name, rest) = column_type.split_at(end);
        Self::known(name, rest.trim_start()).unwrap_or_else(|| Kind::Other(column_type.to_owned()))
    }

    fn known(name: &str, rest: &str) -> Option<Kind> {
        let numbers: Vec<u32> = rest
            .strip_prefix('(')
            .and_then(|inside| inside.split_once(')'))
            .map(|(inside, _)| inside.split(',').filter_map(|n| n.trim().parse().ok()).collect())
            .unwrap_or_default();
        let first = numbers.first().copied();
        let digits = u8::try_from(first.unwrap_or(0)).ok();
        let integer = |bytes| {
            Some(Kind::Integer {
                bytes,
                signed: !rest.contains("unsigned"),
            })
        };
        match name.to_ascii_lowercase().as_str() {
            "tinyint" => integer(1),
            "smallint" => integer(2),
            "mediumint" => integer(3),
            "int" => integer(4),
            "bigint" => integer(8),
            "float" if rest.is_empty() => Some(Kind::Float),
            "double" if rest.is_empty() => Some(Kind::Double),
            "decimal" if !rest.contains("unsigned") => Some(Kind::Decimal {
                precision: digits?,
                scale: u8::try_from(*numbers.get(1)?).ok()?,
            }),
            "char" => Some(Kind::Char(first?)),
            "varchar" => Some(Kind::Varchar(first?)),
            "tinytext" => Some(Kind::Text(Lob::Tiny)),
            "text" => Some(Kind::Text(Lob::Regular)),
            "mediumtext" => Some(Kind::Text(Lob::Medium)),
            "longtext" => Some(Kind::Text(Lob::Long)),
            "binary" => Some(Kind::Binary(first?)),
            "varbinary" => Some(Kind::Varbinary(first?)),
            "tinyblob" => Some(Kind::Blob(Lob::Tiny)),
            "blob" => Some(Kind::Blob(Lob::Regular)),
            "mediumblob" => Some(Kind::Blob(Lob::Medium)),
            "longblob" => Some(Kind::Blob(Lob::Long)),
            "enum" => list(rest).map(Kind::Enum),
            "set" => list(rest).map(Kind::Set),
            "date" => Some(Kind::Date),
            "time" => digits.map(Kind::Time),
            "datetime" => digits.map(Kind::DateTime),
            "timestamp" => digits.map(Kind::Timestamp),
            "json" => Some(Kind::Json),
            _ => None,
        }
    }

    /// Whether it has a charset.
    pub(super) fn is_text(&self) -> bool {
        self.most_characters().is_some() || self.is_named()
    }

    /// Whether it is ENUM or SET.
    pub(super) fn is_named(&self) -> bool {
        matches!(self, Kind::Enum(_) | Kind::Set(_))
    }

    /// Whether it is stored outside of the row: no index without a prefix and no constant DEFAULT.
    pub(super) fn is_large(&self) -> bool {
        matches!(self, Kind::Text(_) | Kind::Blob(_) | Kind::Json)
    }

    /// The most characters that a value can have, for text.
    fn most_characters(&self) -> Option<u64> {
        match self {
            Kind::Char(n) | Kind::Varchar(n) => Some(u64::from(*n)),
            Kind::Text(lob) => Some(lob.bytes()),
            _ => None,
        }
    }

    /// The most bytes that a value can have, for text (as utf8mb4) and bytes: what an index counts.
    pub(super) fn most_bytes(&self) -> Option<u64> {
        match self {
            Kind::Char(n) | Kind::Varchar(n) => Some(u64::from(*n) * 4),
            Kind::Binary(n) | Kind::Varbinary(n) => Some(u64::from(*n)),
            Kind::Text(lob) | Kind::Blob(lob) => Some(lob.bytes()),
            _ => None,
        }
    }
}

/// What it takes to change a column's type.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing: the server has this type.
    None,
    /// Every value that the old type can hold is one of the new type.
    Safe,
    /// Values may be lost or may make the statement fail.
    Destructive {
        /// Why.
        why: String,
        /// A type between both that the old one can become safely: an ENUM with the names of both.
        first: Option<Kind>,
    },
}

/// What it takes to change the type that the server has into the wanted one.
pub(super) fn change(found: &Kind, wanted: &Kind) -> Change {
    let risk = |why: &str| Change::Destructive {
        why: why.to_owned(),
        first: None,
    };
    match (found, wanted) {
        (found, wanted) if found == wanted => Change::None,
        (Kind::Integer { bytes: 1, signed: true }, Kind::Bool) => Change::None,
        (
            Kind::Integer { bytes, signed },
            Kind::Integer {
                bytes: to,
                signed: sign,
            },
        ) => {
            // What an unsigned integer holds fits a larger signed one as well.
            if to > bytes && (signed == sign || *sign) {
                Change::Safe
            } else if signed != sign {
                risk("values of the other sign or beyond the new range do not fit")
            } else {
                risk("larger values do not fit")
            }
        }
        (Kind::Float, Kind::Double) | (Kind::Date, Kind::DateTime(_)) => Change::Safe,
        (Kind::Double, Kind::Float) => risk("values lose precision"),
        (Kind::Decimal { precision: p, scale: s }, Kind::Decimal { precision, scale }) => {
            if scale < s {
                risk("digits after the point are lost")
            } else if precision - scale < p - s {
                risk("larger values do not fit")
            } else {
                Change::Safe
            }
        }
        (Kind::Time(from), Kind::Time(to)) | (Kind::DateTime(from) | Kind::Timestamp(from), Kind::DateTime(to)) => {
            if to < from {
                risk("fractions of seconds are rounded")
            } else {
                Change::Safe
            }
        }
        (Kind::Enum(from), Kind::Enum(to)) => names(from, to, Kind::Enum),
        (Kind::Set(from), Kind::Set(to)) => names(from, to, Kind::Set),
        (found, Kind::Varchar(_) | Kind::Text(_)) => match (found.most_characters(), fits_text(found, wanted)) {
            (Some(_), true) => Change::Safe,
            (Some(_), false) => risk("longer values do not fit"),
            (None, _) => risk("it is another type"),
        },
        (Kind::Binary(_) | Kind::Varbinary(_) | Kind::Blob(_), Kind::Varbinary(_) | Kind::Blob(_)) => {
            if found.most_bytes() <= wanted.most_bytes() {
                Change::Safe
            } else {
                risk("longer values do not fit")
            }
        }
        _ => risk("it is another type"),
    }
}

fn fits_text(found: &Kind, wanted: &Kind) -> bool {
    match wanted {
        Kind::Text(_) => found.most_bytes() <= wanted.most_bytes(),
        _ => found.most_characters() <= wanted.most_characters(),
    }
}

/// ENUM and SET: the server maps rows by name, so that only names that go are a risk. Order is no risk.
fn names(from: &[String], to: &[String], kind: fn(Vec<String>) -> Kind) -> Change {
    let shown: Vec<String> = to.iter().map(|name| as_shown(name)).collect();
    if shown == from {
        return Change::None;
    }
    let gone: Vec<&String> = from.iter().filter(|name| !shown.contains(name)).collect();
    if gone.is_empty() {
        return Change::Safe;
    }
    let list: Vec<String> = gone.iter().map(|name| quoted_text(name)).collect();
    let why = format!("rows that hold {} do not fit", list.join(", "));
    let new = to.iter().zip(&shown).filter(|(_, shown)| !from.contains(shown));
    let new: Vec<String> = new.map(|(name, _)| name.clone()).collect();
    // A name that the server cannot show in full cannot be written again.
    let whole = from.iter().all(|name| !name.contains('?'));
    let first = (whole && !new.is_empty()).then(|| kind(from.iter().cloned().chain(new).collect()));
    Change::Destructive { why, first }
}

impl fmt::Display for Kind {
    /// As it is written in a statement.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |names: &[String]| names.iter().map(|name| quoted_text(name)).collect::<Vec<_>>().join(",");
        let fraction = |f: &mut fmt::Formatter<'_>, name: &str, digits: u8| match digits {
            0 => f.write_str(name),
            _ => write!(f, "{name}({digits})"),
        };
        match self {
            Kind::Bool => f.write_str("TINYINT(1)"),
            Kind::Integer { bytes, signed } => {
                f.write_str(match bytes {
                    1 => "TINYINT",
                    2 => "SMALLINT",
                    3 => "MEDIUMINT",
                    4 => "INT",
                    _ => "BIGINT",
                })?;
                f.write_str(if *signed { "" } else { " UNSIGNED" })
            }
            Kind::Float => f.write_str("FLOAT"),
            Kind::Double => f.write_str("DOUBLE"),
            Kind::Decimal { precision, scale } => write!(f, "DECIMAL({precision},{scale})"),
            Kind::Char(length) => write!(f, "CHAR({length})"),
            Kind::Varchar(length) => write!(f, "VARCHAR({length})"),
            Kind::Text(lob) => write!(f, "{}TEXT", lob.prefix()),
            Kind::Binary(length) => write!(f, "BINARY({length})"),
            Kind::Varbinary(length) => write!(f, "VARBINARY({length})"),
            Kind::Blob(lob) => write!(f, "{}BLOB", lob.prefix()),
            Kind::Enum(values) => write!(f, "ENUM({})", names(values)),
            Kind::Set(values) => write!(f, "SET({})", names(values)),
            Kind::Date => f.write_str("DATE"),
            Kind::Time(digits) => fraction(f, "TIME", *digits),
            Kind::DateTime(digits) => fraction(f, "DATETIME", *digits),
            Kind::Timestamp(digits) => fraction(f, "TIMESTAMP", *digits),
            Kind::Json => f.write_str("JSON"),
            Kind::Other(text) => f.write_str(text),
        }
    }
}
