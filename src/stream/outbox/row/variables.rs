//! What each of events alike has of its own, written as it differs from the event before.

use rmp::encode;

use super::{number, optional};
use crate::error::Result;
use crate::stream::EventKind;
use crate::stream::wire::{Cursor, malformed, write_key, write_value};
use crate::table::ValueRef;

/// The variables of an event.
#[derive(Debug, Default)]
pub(super) struct Variables {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Variables {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Writes those of an event of this kind.
    pub(super) fn write<'a>(
        &mut self,
        kind: &EventKind,
        key: &ValueRef<'_>,
        values: impl Iterator<Item = (ValueRef<'a>, ValueRef<'a>)>,
    ) -> Result<()> {
        self.clear();
        let Variables { bytes, ends } = self;
        let (table, wire) = (kind.table, kind.stream.wire_format());
        write_key(bytes, key, table)?;
        ends.push(bytes.len());
        let columns = kind.columns.iter().filter_map(|column| table.columns.get(column));
        for (column, (old, new)) in columns.zip(values) {
            for value in [old, new] {
                write_value(bytes, &value, column, wire)?;
                ends.push(bytes.len());
            }
        }
        Ok(())
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let own = self.bytes.get(start..end).unwrap_or_default();
            start = end;
            own
        })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many bytes they have.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Adds them as they differ from those of the event before, if there is one.
    pub(super) fn append(&self, out: &mut Vec<u8>, before: &Variables) {
        let mut before = before.iter();
        for own in self.iter() {
            let shared = before.next().map_or(0, |before| shared(own, before));
            part(out, shared, own.get(shared..).unwrap_or_default());
        }
    }
}

/// Writes a variable: the rest as a str, whose length most often is in one byte with the marker, though it may be no
/// UTF-8.
#[inline]
fn part(out: &mut Vec<u8>, shared: usize, rest: &[u8]) {
    if let (Ok(shared @ 0..128), Ok(length @ 0..32)) = (u8::try_from(shared), u8::try_from(rest.len())) {
        out.extend_from_slice(&[shared, 0xa0 | length]);
    } else {
        number(out, Some(shared as u64));
        // Writing to a vector does not fail.
        let _ = encode::write_str_len(out, u32::try_from(rest.len()).unwrap_or(u32::MAX));
    }
    out.extend_from_slice(rest);
}

/// With how many bytes in common two texts begin.
#[inline]
fn shared(a: &[u8], b: &[u8]) -> usize {
    let (mut at, most) = (0, a.len().min(b.len()));
    // Eight at a time.
    while let (Some(left), Some(right)) = (word(a, at), word(b, at)) {
        let differs = left ^ right;
        if differs != 0 {
            return at + (differs.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < most && a[at] == b[at] {
        at += 1;
    }
    at
}

#[inline]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*word))
}

/// Reads a variable in the place of that of the event before.
pub(super) fn read(cursor: &mut Cursor<'_>, variable: &mut Vec<u8>) -> Result<()> {
    let shared = optional(cursor, "the shared bytes of a variable")?.unwrap_or_default();
    let kept = usize::try_from(shared).ok().filter(|&kept| kept <= variable.len());
    let Some(kept) = kept else {
        let before = variable.len();
        return Err(malformed(format!(
            "a variable shares {shared} bytes with one of {before}"
        )));
    };
    variable.truncate(kept);
    variable.extend_from_slice(cursor.text("the rest of a variable")?);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_two_texts_share_is_found(both in "[ab]{0,40}", a in "[ab]{0,20}", b in "[ab]{0,20}") {
            let (a, b) = (both.clone() + &a, both + &b);
            let wanted = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
            prop_assert_eq!(shared(a.as_bytes(), b.as_bytes()), wanted);
        }

        #[test]
        fn parts_come_back(texts in prop::collection::vec("[ab]{0,300}", 1..10)) {
            let mut bytes = Vec::new();
            let mut before = "";
            for text in &texts {
                let shared = shared(text.as_bytes(), before.as_bytes());
                part(&mut bytes, shared, &text.as_bytes()[shared..]);
                before = text;
            }
            let (mut cursor, mut variable) = (Cursor::new(&bytes), Vec::new());
            for text in &texts {
                read(&mut cursor, &mut variable).unwrap();
                prop_assert_eq!(&variable, text.as_bytes());
            }
            prop_assert_eq!(cursor.left(), 0);
        }
    }
}
