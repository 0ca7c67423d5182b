//! Entries of a stream as the server answers them, and their ids.

use std::fmt;

use super::reply::Reply;

/// The id of an entry: a time in milliseconds and a number within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct EntryId {
    pub(crate) ms: u64,
    pub(crate) seq: u64,
}

impl EntryId {
    pub(crate) fn parse(text: &[u8]) -> Option<EntryId> {
        let dash = text.iter().position(|byte| *byte == b'-')?;
        Some(EntryId {
            ms: digits(&text[..dash])?,
            seq: digits(&text[dash + 1..])?,
        })
    }
}

fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: EntryId,
    /// Names and values in turn.
    pub(crate) fields: Vec<Vec<u8>>,
}

impl Entry {
    /// The value of a field.
    pub(crate) fn field(&self, name: &[u8]) -> Option<&[u8]> {
        self.fields
            .chunks_exact(2)
            .find(|pair| pair[0] == name)
            .map(|pair| pair[1].as_slice())
    }

    /// From `[id, [name, value, …]]`; `None` when it is not of that form, or the entry was deleted and
    /// the server answers a null in place of its fields.
    pub(crate) fn from_reply(reply: Reply) -> Option<Entry> {
        let Reply::List(list) = reply else { return None };
        let mut parts = list.into_iter();
        let Reply::Bytes(id) = parts.next()? else { return None };
        let Reply::List(fields) = parts.next()? else {
            return None;
        };
        Some(Entry {
            id: EntryId::parse(&id)?,
            fields: fields.into_iter().map(Reply::bytes).collect::<Option<_>>()?,
        })
    }

    /// From a list of entries; what is none is left out.
    pub(crate) fn list(reply: Reply) -> Vec<Entry> {
        match reply {
            Reply::List(list) => list.into_iter().filter_map(Entry::from_reply).collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ordered_as_numbers() {
        let parse = |text: &str| EntryId::parse(text.as_bytes());
        assert!(parse("9-0") < parse("10-0"));
        assert!(parse("9-9") < parse("9-10"));
        assert_eq!(
            parse("18446744073709551615-7").map(|id| id.to_string()).as_deref(),
            Some("18446744073709551615-7")
        );
        for wrong in [
            "",
            "1",
            "-",
            "1-",
            "-1",
            "1-x",
            "18446744073709551616-0",
            "+1-0",
            "1-0-0",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
