//! A million mutated and random inputs: each an event that comes back, or an error.

use headwater::prelude::*;

use crate::event_json::to_hex;
use crate::{WIRES, vectors, with_params};

/// A cheap source of numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // https://en.wikipedia.org/wiki/Xorshift, xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end.max(1)
    }

    fn byte(&mut self) -> u8 {
        // Every other byte is a marker of a length, of a type of its own, or of an integer.
        match self.next() >> 62 {
            0 => 0xc0 + self.below(32) as u8,
            1 => [0x80, 0x81, 0x83, 0x91, 0xa0, 0xa1, 0xff, 0x00][self.below(8)],
            _ => (self.next() >> 56) as u8,
        }
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len() + 1);
        match self.below(8) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, self.byte()),
            2 if at < bytes.len() => {
                bytes.remove(at);
            }
            3 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            4 => {
                let end = (at + self.below(16)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = self.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            5 => {
                let end = (at + self.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ if at < bytes.len() => bytes[at] = self.byte(),
            _ => bytes.push(self.byte()),
        }
    }
}

/// `HEADWATER_FUZZ=100000000 cargo test --release --test wire fuzz` looks longer.
#[test]
fn fuzz_the_decoder() {
    let count: u64 = match std::env::var("HEADWATER_FUZZ") {
        Ok(count) => count.parse().expect("HEADWATER_FUZZ is a number"),
        Err(_) => 1_000_000,
    };
    let mut seeds = Vec::new();
    for vector in vectors().into_iter().filter(|vector| vector.bytes.len() < 400) {
        let event = DirtyEvent::from_bytes(&vector.bytes).unwrap();
        seeds.push(event.to_bytes(Wire::Documented).unwrap());
        seeds.push(vector.bytes);
    }
    seeds.push(with_params(
        b"\x80",
        b"\x84\xa1n\xc2\xa1t\xc0\xa1v\xc4\x01a\xa1x\x92\xc7\x01\x02a\xca\0\0\0\0",
    ));
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut bytes, mut accepted) = (Vec::new(), 0u64);
    for round in 0..count {
        bytes.clear();
        if round % 8 == 0 {
            (0..random.below(64)).for_each(|_| bytes.push(random.byte()));
        } else {
            bytes.extend_from_slice(&seeds[random.below(seeds.len())]);
            (0..=random.below(4)).for_each(|_| random.mutate(&mut bytes));
        }
        match DirtyEvent::from_bytes(&bytes) {
            Ok(event) => {
                accepted += 1;
                for change in &event.changes {
                    let _ = (change.old_value(), change.new_value());
                }
                let wire = WIRES[random.below(2)];
                let again = DirtyEvent::from_bytes(&event.to_bytes(wire).unwrap()).unwrap();
                assert_eq!(again, event, "{}", to_hex(&bytes));
            }
            Err(error) => assert!(error.is_malformed(), "{error}: {}", to_hex(&bytes)),
        }
    }
    println!("{count} inputs, {accepted} of them events");
    assert!(
        accepted > count / 100,
        "the mutations leave too few events: {accepted} of {count}"
    );
}
