//! The payload of a dirty stream's entry: a MessagePack map, written in two spellings and read in both.
//!
//! | key | value |
//! |---|---|
//! | `et` | the table's name |
//! | `id` | the key: an integer, or text for keys that are text (ULID) or a UUID (hyphenated) |
//! | `ft` | 1 insert, 2 update, 3 delete |
//! | `ch` | of an update: a map of column to a map of `o` (old) and `n` (new); else left out |
//!
//! Old and new are maps of `n` (whether it is NULL), `t` (the type code) and `v` (the text):
//!
//! | columns | `t` | `v` |
//! |---|---|---|
//! | text, ENUM, SET, JSON | `s` | itself |
//! | bytes | `s` | the raw bytes, in a MessagePack str all the same |
//! | UUID | `s` | hyphenated |
//! | TIME | `s` | `-838:59:59`, with a fraction of six digits unless it is 0 |
//! | signed, unsigned integers | `i`, `u` | decimal |
//! | floats | `f` | as Go's `FormatFloat(v, 'g', -1)` writes them: `0.1`, `1e+06` |
//! | DECIMAL | `f` | its digits |
//! | boolean | `b` | `1`, `0` |
//! | date, datetime | `t` | RFC 3339, UTC, with a fraction of six digits unless it is 0 |
//! | NULL | empty | empty |
//!
//! FluxaORM's Go code spells the keys `ch,omitempty`, `n,omitempty`, `t,omitempty`, `v,omitempty` (of the
//! param, not of the change) and writes `ch,omitempty` as nil where we leave it out.

mod convert;
mod cursor;
mod number;
mod pieces;
mod read;
mod read_operation;
mod short;
#[cfg(test)]
mod tests;
mod time;
mod write;
mod write_operation;

pub(super) use convert::value_for;
pub(in crate::stream) use cursor::{Cursor, Integer};
pub(super) use number::boolean;
pub(crate) use pieces::{Pieces, write_key, write_value};
pub(super) use read::read_event;
pub(crate) use read_operation::{read_operation, row_value};
pub(super) use time::rfc3339;
pub use write::pack_event;
pub(super) use write::write_dirty_event;
pub(crate) use write::{EventRecord, write_event};
pub(crate) use write_operation::{Draft, Piece, WrittenRows};

use crate::error::{Error, ErrorKind};

/// The error for an event that is not what it should be.
#[cold]
pub(super) fn malformed(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed {
        entry: None,
        reason: reason.into(),
    })
}
