//! Packs commands into the bytes that go over the wire.

use super::entry::EntryId;

/// Commands packed one after the other, to be sent in one write.
#[derive(Debug, Default, Clone)]
pub(crate) struct Commands {
    bytes: Vec<u8>,
    count: usize,
    missing: usize,
}

impl Commands {
    pub(crate) fn new() -> Self {
        Commands::default()
    }

    /// One command.
    pub(crate) fn one(args: &[&[u8]]) -> Self {
        let mut commands = Commands::new();
        commands.push(args);
        commands
    }

    /// Starts a command of this many words, its name counted; each follows by a call of `arg`.
    pub(crate) fn begin(&mut self, words: usize) -> &mut Self {
        debug_assert_eq!(self.missing, 0, "a word is missing in the command before");
        self.length(b'*', words);
        self.count += 1;
        self.missing = words;
        self
    }

    /// The next word.
    pub(crate) fn arg(&mut self, word: impl AsRef<[u8]>) -> &mut Self {
        debug_assert!(self.missing > 0, "a word too many");
        self.missing = self.missing.saturating_sub(1);
        let word = word.as_ref();
        self.length(b'$', word.len());
        self.bytes.extend_from_slice(word);
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// The next word, a number.
    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        let mut digits = [0u8; 20];
        let at = decimal(number, &mut digits);
        self.arg(&digits[at..])
    }

    /// The next word, the id of an entry.
    pub(crate) fn id(&mut self, id: EntryId) -> &mut Self {
        let (mut ms, mut seq) = ([0u8; 20], [0u8; 20]);
        let (ms_at, seq_at) = (decimal(id.ms, &mut ms), decimal(id.seq, &mut seq));
        let (ms, seq) = (&ms[ms_at..], &seq[seq_at..]);
        let mut text = [b'-'; 41];
        text[..ms.len()].copy_from_slice(ms);
        text[ms.len() + 1..][..seq.len()].copy_from_slice(seq);
        self.arg(&text[..ms.len() + 1 + seq.len()])
    }

    /// A whole command.
    pub(crate) fn push(&mut self, args: &[&[u8]]) -> &mut Self {
        self.begin(args.len());
        for arg in args {
            self.arg(arg);
        }
        self
    }

    /// How many commands there are, and so how many answers will come.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Forgets the commands and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.missing = 0;
    }

    /// Lets memory beyond this many bytes go, after a batch of giants.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        self.bytes.shrink_to(bytes);
    }

    pub(super) fn packed(&self) -> &[u8] {
        debug_assert_eq!(self.missing, 0, "a word is missing in the last command");
        &self.bytes
    }

    fn length(&mut self, mark: u8, length: usize) {
        self.bytes.push(mark);
        if length < 10 {
            self.bytes.push(b'0' + length as u8);
        } else {
            let mut digits = [0u8; 20];
            let at = decimal(length as u64, &mut digits);
            self.bytes.extend_from_slice(&digits[at..]);
        }
        self.bytes.extend_from_slice(b"\r\n");
    }
}

/// Commands of which some words are not copied to stand together with the rest: they are long.
#[derive(Debug, Default)]
pub(crate) struct Scattered<'a> {
    commands: Commands,
    /// What stands elsewhere, and where in the commands it belongs.
    elsewhere: Vec<(usize, &'a [u8])>,
}

impl<'a> Scattered<'a> {
    /// From this many bytes on a copy costs more than a write of its own.
    const LONG: usize = 16 << 10;

    pub(crate) fn new() -> Self {
        Scattered::default()
    }

    /// What stands together, for words that are copied.
    pub(crate) fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }

    /// The next word of the command, in pieces.
    pub(crate) fn word(&mut self, pieces: impl Iterator<Item = &'a [u8]> + Clone) {
        let Commands { missing, .. } = &mut self.commands;
        debug_assert!(*missing > 0, "a word too many");
        *missing = missing.saturating_sub(1);
        self.commands.length(b'$', pieces.clone().map(<[u8]>::len).sum());
        let is_short = |piece: &&[u8]| piece.len() < Self::LONG;
        let copied: usize = pieces.clone().filter(is_short).map(<[u8]>::len).sum();
        self.commands.bytes.reserve(copied + 64);
        for piece in pieces {
            if is_short(&piece) {
                self.commands.bytes.extend_from_slice(piece);
            } else {
                self.elsewhere.push((self.commands.bytes.len(), piece));
            }
        }
        self.commands.bytes.extend_from_slice(b"\r\n");
    }

    /// How many answers will come.
    pub(super) fn count(&self) -> usize {
        self.commands.count
    }

    /// All bytes, in their order; no slice is empty, which the client takes for an error.
    pub(super) fn slices(&self) -> Vec<&[u8]> {
        let packed = self.commands.packed();
        let mut slices = Vec::with_capacity(2 * self.elsewhere.len() + 1);
        let mut done = 0;
        for &(at, piece) in &self.elsewhere {
            slices.extend([&packed[done..at], piece]);
            done = at;
        }
        slices.push(&packed[done..]);
        slices.retain(|slice| !slice.is_empty());
        slices
    }
}

/// Writes the digits to the end of the buffer and tells where they start.
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> usize {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_packed_as_the_protocol_wants_them() {
        let mut commands = Commands::new();
        commands.push(&[b"PING"]);
        commands.begin(3).arg("SET").arg("k").number(u64::MAX);
        assert_eq!(
            commands.packed(),
            b"*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$20\r\n18446744073709551615\r\n"
        );
        assert_eq!(commands.count(), 2);
    }

    #[test]
    fn scattered_words_are_packed_as_others() {
        let long = vec![b'x'; Scattered::LONG];
        let (long, short) = (long.as_slice(), b"-".as_slice());
        for (word, slices) in [
            (vec![short, long, short, long, short], 5),
            (vec![long, long, short], 4),
            (vec![short, long, b"", long], 4),
            (vec![long], 3),
            (vec![short, short], 1),
            (vec![], 1),
        ] {
            let mut scattered = Scattered::new();
            scattered.commands().begin(3).arg("SET").arg("k");
            scattered.word(word.iter().copied());
            scattered.commands().push(&[b"PING"]);
            let mut together = Commands::new();
            together.push(&[b"SET", b"k", &word.concat()]).push(&[b"PING"]);
            let found = scattered.slices();
            assert_eq!(found.len(), slices);
            assert!(found.iter().all(|slice| !slice.is_empty()));
            assert_eq!(found.concat(), together.packed());
            assert_eq!(scattered.count(), 2);
        }
    }

    #[test]
    fn ids_are_packed_as_they_are_shown() {
        for (ms, seq) in [(0, 0), (1_700_000_000_000, 7), (u64::MAX, u64::MAX)] {
            let id = EntryId { ms, seq };
            let (mut packed, mut shown) = (Commands::new(), Commands::new());
            packed.begin(1).id(id);
            shown.begin(1).arg(id.to_string());
            assert_eq!(packed.packed(), shown.packed());
        }
    }

    #[test]
    fn numbers_have_no_leading_zeros() {
        for number in [0, 9, 10, 1000] {
            let mut commands = Commands::new();
            commands.begin(1).number(number);
            let text = number.to_string();
            assert_eq!(
                commands.packed(),
                format!("*1\r\n${}\r\n{text}\r\n", text.len()).as_bytes()
            );
        }
    }
}
