//! The dead-letter stream of a stream: looking at what is there, bringing it back, letting it go.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::consumer::group::dead_letters_of;
use super::event::DirtyEvent;
use crate::error::{Error, ErrorKind, Result};
use crate::redis::{Commands, Entry, EntryId, RedisPool, lua};

/// The field of a replayed entry that names the group it is for: the others have had it.
pub(crate) const FOR_GROUP: &str = "dead:for";

lua!(REPLAY, include_str!("../redis/scripts/replay.lua"));

/// The dead letters of a stream: entries that were malformed, or failed too often, whole.
///
/// They are in the Redis Stream `<stream>:dead`, for all groups of the stream.
///
/// ```no_run
/// # fn example(letters: headwater::stream::DeadLetters) -> headwater::Result<()> {
/// for letter in letters.list(100)? {
///     println!("{} {}: {} after {} deliveries", letter.id, letter.group, letter.error, letter.attempts);
/// }
/// letters.replay(100)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DeadLetters {
    pool: RedisPool,
    stream: String,
    key: String,
}

/// An entry that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its id in the dead-letter stream.
    pub id: String,
    /// The id that it had in its stream.
    pub entry_id: String,
    /// The group that could not handle it.
    pub group: String,
    /// The consumer that had it last.
    pub consumer: String,
    /// Why.
    pub error: String,
    /// How often it was delivered.
    pub attempts: u32,
    /// When it was first delivered, as far as the last consumer knew.
    pub first: SystemTime,
    /// When it was last delivered.
    pub last: SystemTime,
    /// The event id (field `e`), if it has one.
    pub event_id: Option<String>,
    /// The packed event (field `s`), if it has one.
    pub payload: Option<Vec<u8>>,
    /// All fields of the entry as they were.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// More are brought back in several steps.
const PAGE: usize = 100;

impl DeadLetters {
    pub(crate) fn new(pool: RedisPool, stream: &str) -> Self {
        DeadLetters {
            pool,
            stream: stream.to_string(),
            key: dead_letters_of(stream),
        }
    }

    /// How many there are.
    ///
    /// ```no_run
    /// # fn example(letters: headwater::stream::DeadLetters) -> headwater::Result<()> {
    /// assert_eq!(letters.count()?, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached or refuses.
    pub fn count(&self) -> Result<u64> {
        let command = Commands::one(&[b"XLEN", self.key.as_bytes()]);
        let reply = self.pool.with(|link| link.ask(&command))?;
        Ok(reply.int().unwrap_or(0).unsigned_abs())
    }

    /// The oldest, up to `count`.
    ///
    /// ```no_run
    /// # fn example(letters: headwater::stream::DeadLetters) -> headwater::Result<()> {
    /// let oldest = letters.list(1)?.pop();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached or refuses.
    pub fn list(&self, count: usize) -> Result<Vec<DeadLetter>> {
        self.page("-".to_string(), count)
    }

    /// Those that come after this one, up to `count`.
    ///
    /// ```no_run
    /// # fn example(letters: headwater::stream::DeadLetters) -> headwater::Result<()> {
    /// let mut page = letters.list(100)?;
    /// while let Some(last) = page.last() {
    ///     page = letters.list_after(&last.id, 100)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the id is none, or Redis cannot be reached or refuses.
    pub fn list_after(&self, id: &str, count: usize) -> Result<Vec<DeadLetter>> {
        self.page(format!("({}", checked(id)?), count)
    }

    /// Brings the oldest back, up to `count`: each goes to the end of its stream as it was, for the
    /// group that could not handle it only, and is gone here. Returns how many there were.
    ///
    /// ```no_run
    /// # fn example(letters: headwater::stream::DeadLetters) -> headwater::Result<()> {
    /// let replayed = letters.replay(1000)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached or refuses; some may have been brought back by then.
    pub fn replay(&self, count: usize) -> Result<usize> {
        let mut replayed = 0;
        while replayed < count {
            let page = self.entries("-", PAGE.min(count - replayed))?;
            if page.is_empty() {
                break;
            }
            let ids: Vec<String> = page.iter().map(|entry| entry.id.to_string()).collect();
            replayed += self.bring_back(&ids)?;
        }
        Ok(replayed)
    }

    /// Brings one back, as [`replay`](DeadLetters::replay). `false` when it is not there.
    ///
    /// ```no_run
    /// # fn example(letters: headwater::stream::DeadLetters) -> headwater::Result<()> {
    /// for letter in letters.list(100)? {
    ///     if letter.error.contains("timeout") {
    ///         letters.replay_one(&letter.id)?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the id is none, or Redis cannot be reached or refuses.
    pub fn replay_one(&self, id: &str) -> Result<bool> {
        Ok(self.bring_back(&[checked(id)?.to_string()])? > 0)
    }

    /// Deletes one. `false` when it is not there.
    ///
    /// ```no_run
    /// # fn example(letters: headwater::stream::DeadLetters) -> headwater::Result<()> {
    /// letters.remove("1700000000000-0")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the id is none, or Redis cannot be reached or refuses.
    pub fn remove(&self, id: &str) -> Result<bool> {
        let id = checked(id)?.to_string();
        let command = Commands::one(&[b"XDEL", self.key.as_bytes(), id.as_bytes()]);
        let reply = self.pool.with(|link| link.ask(&command))?;
        Ok(reply.int().unwrap_or(0) > 0)
    }

    fn page(&self, start: String, count: usize) -> Result<Vec<DeadLetter>> {
        Ok(self.entries(&start, count)?.into_iter().map(letter).collect())
    }

    fn entries(&self, start: &str, count: usize) -> Result<Vec<Entry>> {
        let count = count.to_string();
        let words: [&[u8]; 6] = [
            b"XRANGE",
            self.key.as_bytes(),
            start.as_bytes(),
            b"+",
            b"COUNT",
            count.as_bytes(),
        ];
        let command = Commands::one(&words);
        let reply = self.pool.with(|link| link.ask(&command))?;
        Ok(Entry::list(reply))
    }

    fn bring_back(&self, ids: &[String]) -> Result<usize> {
        let mut args: Vec<&[u8]> = vec![FOR_GROUP.as_bytes()];
        args.extend(ids.iter().map(|id| id.as_bytes()));
        let keys = [self.key.as_bytes(), self.stream.as_bytes()];
        let reply = self.pool.with(|link| REPLAY.run(link, &keys, &args))?;
        Ok(usize::try_from(reply.int().unwrap_or(0)).unwrap_or(0))
    }
}

impl DeadLetter {
    /// The change of a row that it tells of.
    ///
    /// ```no_run
    /// # fn example(letter: headwater::stream::DeadLetter) -> headwater::Result<()> {
    /// println!("{}", letter.dirty()?.entity_id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A [`Malformed`](ErrorKind::Malformed) error when it is no such event.
    pub fn dirty(&self) -> Result<DirtyEvent> {
        let payload = self.payload.as_deref().unwrap_or_default();
        match self.event_id {
            Some(_) => DirtyEvent::from_own_bytes(payload),
            None => DirtyEvent::from_bytes(payload),
        }
    }
}

fn checked(id: &str) -> Result<EntryId> {
    EntryId::parse(id.as_bytes()).ok_or_else(|| {
        Error::new(ErrorKind::Malformed {
            entry: None,
            reason: format!("`{id}` is not the id of an entry"),
        })
    })
}

fn letter(entry: Entry) -> DeadLetter {
    let text = |name: &str| {
        entry
            .field(name.as_bytes())
            .map(|value| String::from_utf8_lossy(value).into_owned())
    };
    let number = |name: &str| text(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let time = |name: &str| UNIX_EPOCH + Duration::from_millis(number(name).min(MOST_MS));
    DeadLetter {
        id: entry.id.to_string(),
        entry_id: text("dead:id").unwrap_or_default(),
        group: text("dead:group").unwrap_or_default(),
        consumer: text("dead:consumer").unwrap_or_default(),
        error: text("dead:error").unwrap_or_default(),
        attempts: u32::try_from(number("dead:attempts")).unwrap_or(u32::MAX),
        first: time("dead:first"),
        last: time("dead:last"),
        event_id: text("e"),
        payload: entry.field(b"s").map(<[u8]>::to_vec),
        fields: entry
            .fields
            .chunks_exact(2)
            .filter(|pair| !pair[0].starts_with(b"dead:"))
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect(),
    }
}

/// The year 9999; a clock may not be able to say more.
const MOST_MS: u64 = 253_402_300_799_000;

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
