//! Queued operations that failed: looking at them, trying them again, giving them up.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::async_queue::{
    ATTEMPTS, DISCARDED, DISCARDED_AT, ERROR, FIRST, LAST, ORIGIN, REASON, decide, decided, number,
};
use super::operation::FAILED;
use super::wire::read_operation;
use crate::error::{Error, ErrorKind, Result};
use crate::redis::{Commands, Entry, EntryId, RedisPool};

/// Queued operations that the database refused for good, or that could not be read, whole.
///
/// They are in the Redis Stream `_fluxa_async_sql_failed`, where FluxaORM puts its own. Later operations of the same
/// rows wait until somebody decides.
///
/// ```no_run
/// # fn example(engine: &headwater::Engine) -> headwater::Result<()> {
/// let letters = engine.async_dead_letters()?;
/// for letter in letters.list(100)? {
///     println!("{}: {} after {} attempts", letter.id, letter.error, letter.attempts);
///     letters.replay_one(&letter.id)?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AsyncDeadLetters {
    pool: RedisPool,
}

/// A queued operation that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AsyncLetter {
    /// Its id among the dead letters.
    pub id: String,
    /// The id that its entry had in the queue; empty where FluxaORM put it here.
    pub entry_id: String,
    /// The operation's own id; `None` of FluxaORM's.
    pub operation_id: Option<String>,
    /// Why it failed.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was read from the queue first.
    pub first: SystemTime,
    /// When it was tried last.
    pub last: SystemTime,
    /// Whether the next pass of a consumer tries it again.
    pub replaying: bool,
    /// The texts of its statements; empty when it cannot be read.
    pub statements: Vec<String>,
    /// Why it was given up; of those that were.
    pub discarded: Option<String>,
    /// All fields of the entry as they were.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// More are decided about in several steps.
const PAGE: usize = 100;

impl AsyncDeadLetters {
    pub(crate) fn new(pool: RedisPool) -> Self {
        AsyncDeadLetters { pool }
    }

    /// How many there are; those that were given up do not count.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached or refuses.
    pub fn count(&self) -> Result<u64> {
        let command = Commands::one(&[b"XLEN", FAILED.as_bytes()]);
        let reply = self.pool.with(|link| link.ask(&command))?;
        Ok(reply.int().unwrap_or(0).unsigned_abs())
    }

    /// The oldest, up to `count`.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached or refuses.
    pub fn list(&self, count: usize) -> Result<Vec<AsyncLetter>> {
        self.page(FAILED, "-".to_owned(), count)
    }

    /// Those that come after this one, up to `count`.
    ///
    /// # Errors
    ///
    /// When the id is none, or Redis cannot be reached or refuses.
    pub fn list_after(&self, id: &str, count: usize) -> Result<Vec<AsyncLetter>> {
        self.page(FAILED, format!("({}", checked(id)?), count)
    }

    /// Has the oldest tried again, up to `count`, by the next pass of a consumer: in their old place, before what
    /// waits for them. Returns how many. One that fails again is here again.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached or refuses; some may have been decided by then.
    pub fn replay(&self, count: usize) -> Result<usize> {
        let mut replayed = 0;
        let mut page = self.list(PAGE.min(count))?;
        while let Some(last) = page.last().map(|letter| letter.id.clone()) {
            for letter in page.iter().filter(|letter| !letter.replaying) {
                replayed += usize::from(self.replay_one(&letter.id)?);
            }
            if replayed >= count {
                break;
            }
            page = self.list_after(&last, PAGE.min(count - replayed))?;
        }
        Ok(replayed)
    }

    /// Has one tried again, as [`replay`](AsyncDeadLetters::replay). `false` when it is not there.
    ///
    /// # Errors
    ///
    /// When the id is none, or Redis cannot be reached or refuses.
    pub fn replay_one(&self, id: &str) -> Result<bool> {
        decide(&self.pool, "replay", checked(id)?, &[])
    }

    /// Gives one up for this reason: what waits for it goes on without. It is kept, whole and with the reason, among
    /// [`discarded`](AsyncDeadLetters::discarded). `false` when it is not there.
    ///
    /// # Errors
    ///
    /// When the id is none, or Redis cannot be reached or refuses.
    pub fn discard(&self, id: &str, reason: &str) -> Result<bool> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let fields = [(DISCARDED_AT, now.as_millis().to_string()), (REASON, reason.to_owned())];
        decide(&self.pool, "discard", checked(id)?, &fields)
    }

    /// Those that were given up, the oldest first, up to `count`. They stay in the Redis Stream
    /// `_fluxa_async_sql_discarded` until somebody deletes them there.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached or refuses.
    pub fn discarded(&self, count: usize) -> Result<Vec<AsyncLetter>> {
        self.page(DISCARDED, "-".to_owned(), count)
    }

    fn page(&self, stream: &str, start: String, count: usize) -> Result<Vec<AsyncLetter>> {
        let count = count.to_string();
        let words: [&[u8]; 6] = [
            b"XRANGE",
            stream.as_bytes(),
            start.as_bytes(),
            b"+",
            b"COUNT",
            count.as_bytes(),
        ];
        let command = Commands::one(&words);
        let reply = self.pool.with(|link| link.ask(&command))?;
        let replaying = decided(&self.pool)?;
        Ok(Entry::list(reply)
            .into_iter()
            .map(|entry| letter(entry, &replaying))
            .collect())
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

fn letter(entry: Entry, replaying: &[String]) -> AsyncLetter {
    let text = |name: &str| {
        let value = entry.field(name.as_bytes())?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    let time = |name: &str| UNIX_EPOCH + Duration::from_millis(number(&entry, name).min(MOST_MS));
    let operation = entry.field(b"s").and_then(|bytes| read_operation(bytes).ok());
    let id = entry.id.to_string();
    AsyncLetter {
        entry_id: text(ORIGIN).unwrap_or_default(),
        operation_id: operation
            .as_ref()
            .and_then(|operation| Some(operation.own.as_ref()?.id.clone())),
        error: text(ERROR).unwrap_or_default(),
        attempts: u32::try_from(number(&entry, ATTEMPTS)).unwrap_or(u32::MAX),
        first: time(FIRST),
        last: time(LAST),
        replaying: replaying.contains(&id),
        statements: operation
            .map(|operation| operation.queries.into_iter().map(|query| query.sql).collect())
            .unwrap_or_default(),
        discarded: text(REASON),
        fields: entry
            .fields
            .chunks_exact(2)
            .filter(|pair| !pair[0].starts_with(b"dead:") && pair[0] != ERROR.as_bytes())
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect(),
        id,
    }
}

/// The year 9999; a clock may not be able to say more.
const MOST_MS: u64 = 253_402_300_799_000;

impl fmt::Debug for AsyncDeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncDeadLetters")
            .field("pool", &self.pool.name())
            .finish_non_exhaustive()
    }
}
