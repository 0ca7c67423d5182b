//! Names, passwords and tokens that no other test run has.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// So many random lower-case letters and digits, five bits each.
///
/// The keys of the standard hasher come from the system's random source, which saves a dependency.
pub(crate) fn word(length: usize) -> String {
    let mut word = String::with_capacity(length);
    while word.len() < length {
        let mut bits = number();
        for _ in 0..12 {
            if word.len() < length {
                word.push(char::from(LETTERS[(bits & 31) as usize]));
            }
            bits >>= 5;
        }
    }
    word
}

/// A random number.
pub(crate) fn number() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn words_have_the_length_asked_for_and_differ() {
        let words: std::collections::HashSet<String> = (0..1000).map(|_| word(20)).collect();
        assert_eq!(words.len(), 1000);
        assert!(words.iter().all(|word| word.len() == 20));
        assert_eq!(word(13).len(), 13);
    }
}
