//! A short text on the stack: numbers and times are written without allocating.

use std::fmt;

/// Longer than the longest text that goes in: a time of day with fields beyond their range.
const ROOM: usize = 48;

/// A text of at most 48 bytes. What goes beyond is dropped, which no number, time or UUID does.
pub(in crate::stream) struct Short {
    bytes: [u8; ROOM],
    length: usize,
}

impl Short {
    pub(in crate::stream) fn new() -> Self {
        Short {
            bytes: [0; ROOM],
            length: 0,
        }
    }

    /// A whole number in decimal.
    #[inline]
    pub(in crate::stream) fn number(negative: bool, number: u64) -> Self {
        let mut text = Short::new();
        if negative {
            text.push(b"-");
        }
        text.digits(number, 1);
        text
    }

    pub(in crate::stream) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
            self.length = end;
        } else {
            debug_assert!(false, "a short text of more than {ROOM} bytes");
        }
    }

    /// Adds a number with zeros before it until it has so many digits, at most 20.
    #[inline]
    pub(in crate::stream) fn digits(&mut self, mut number: u64, least: usize) {
        let count = 1 + number.checked_ilog10().map_or(0, |digits| digits as usize);
        let end = self.length + count.max(least.min(20));
        let Some(room) = self.bytes.get_mut(self.length..end) else {
            debug_assert!(false, "a short text of more than {ROOM} bytes");
            return;
        };
        for digit in room.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.length = end;
    }
}

impl fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_number() {
        for (number, least, text) in [
            (0, 1, "0"),
            (7, 2, "07"),
            (1234, 2, "1234"),
            (u64::MAX, 1, "18446744073709551615"),
            (5, 6, "000005"),
        ] {
            let mut short = Short::new();
            short.digits(number, least);
            assert_eq!(short.as_bytes(), text.as_bytes());
        }
    }
}
