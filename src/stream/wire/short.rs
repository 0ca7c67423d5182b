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
    pub(in crate::stream) fn digits(&mut self, number: u64, least: usize) {
        let end = self.length + count(number).max(least.min(20));
        let Some(room) = self.bytes.get_mut(self.length..end) else {
            debug_assert!(false, "a short text of more than {ROOM} bytes");
            return;
        };
        fill(room, number);
        self.length = end;
    }
}

/// The most digits of a number.
pub(super) const DIGITS: usize = 20;

/// How many digits a number has.
#[inline]
fn count(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |digits| digits as usize + 1)
}

/// Writes the digits of a number to the beginning of a room; how many they are.
#[inline]
pub(super) fn digits(room: &mut [u8; DIGITS], number: u64) -> usize {
    // Most are small, and written without a loop.
    if let Some(few) = room.first_chunk_mut()
        && number < 10_000
    {
        return up_to_four(few, number);
    }
    if number < 100_000_000
        && let Some(few) = room.first_chunk_mut()
    {
        let begin = up_to_four(few, number / 10_000);
        if let Some(rest) = room[begin..].first_chunk_mut() {
            *rest = four(number % 10_000);
        }
        return begin + 4;
    }
    let count = count(number);
    if let Some(room) = room.get_mut(..count) {
        fill(room, number);
    }
    count
}

/// As [`digits`], of a number below 10,000.
#[inline]
fn up_to_four(room: &mut [u8; 4], number: u64) -> usize {
    let all = four(number);
    match number {
        0..10 => {
            room[0] = all[3];
            1
        }
        10..100 => {
            [room[0], room[1]] = [all[2], all[3]];
            2
        }
        100..1000 => {
            [room[0], room[1], room[2]] = [all[1], all[2], all[3]];
            3
        }
        _ => {
            *room = all;
            4
        }
    }
}

/// The last four digits of a number.
#[inline]
pub(super) fn four(number: u64) -> [u8; 4] {
    let [a, b] = PAIRS[(number / 100 % 100) as usize];
    let [c, d] = PAIRS[(number % 100) as usize];
    [a, b, c, d]
}

/// Fills a room with the last digits of a number.
#[inline]
fn fill(room: &mut [u8], mut number: u64) {
    // Two at a time: each division waits for the one before.
    let mut pairs = room.rchunks_exact_mut(2);
    for pair in &mut pairs {
        pair.copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    if let [digit] = pairs.into_remainder() {
        *digit = b'0' + (number % 10) as u8;
    }
}

/// The digits of the numbers below 100.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0u8;
    while number < 100 {
        pairs[number as usize] = [b'0' + number / 10, b'0' + number % 10];
        number += 1;
    }
    pairs
};

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
            (12, 1, "12"),
            (9_999, 1, "9999"),
            (10_000, 1, "10000"),
            (99_999_999, 1, "99999999"),
            (100_000_000, 1, "100000000"),
        ] {
            let mut short = Short::new();
            short.digits(number, least);
            assert_eq!(short.as_bytes(), text.as_bytes());
        }
        // Every number of digits, at both ends.
        for power in 0..20 {
            let power = 10u64.pow(power);
            for number in [power - 1, power, power + 1, power.saturating_mul(7) / 3] {
                let mut room = [b'x'; DIGITS];
                let length = digits(&mut room, number);
                assert_eq!(&room[..length], number.to_string().as_bytes());
            }
        }
    }
}
