//! Keys of rows that are inserted later: from a counter in Redis, which AUTO_INCREMENT is kept out of the way of.
//!
//! The counter of a table is taken from in blocks. A block begins after every key that the table has had, be it by
//! this counter or by AUTO_INCREMENT, and the server's own counter is moved behind it, so that a row that somebody
//! inserts at once gets no key of the block. A counter that Redis has lost is seeded again, under a lock, from the
//! table and from what is queued.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::mysql::{Connection, Flavour, MysqlPool, Params};
use crate::redis::{Commands, Entry, Failure, RedisPool, Reply, lua};
use crate::runtime::Runtime;
use crate::stream::operation::{FAILED, QUEUE};
use crate::stream::operation_keys;
use crate::stream::wire::read_operation;
use crate::table::{SqlType, TableDef, Value};

lua!(KEYS, include_str!("../../redis/scripts/keys.lua"));
lua!(RELEASE, include_str!("../../redis/scripts/release.lua"));

/// The keys of the first block; each further one has twice as many.
const FIRST_BLOCK: u64 = 1000;
/// The most keys of a block.
const LARGEST_BLOCK: u64 = 65_536;
/// How long seeding a counter may take.
const LOCK: Duration = Duration::from_secs(30);

/// The blocks of an engine, by table.
#[derive(Debug, Default)]
pub(crate) struct KeyBlocks {
    blocks: Mutex<HashMap<&'static str, Block>>,
}

#[derive(Debug, Clone, Copy)]
struct Block {
    next: u64,
    last: u64,
    size: u64,
}

/// Makes the keys of one flush.
pub(crate) struct KeyMaker {
    runtime: Arc<Runtime>,
    /// Taken from a table's block at once, since many rows of a table come one after the other.
    taken: Option<(&'static TableDef, Range<u64>)>,
}

impl fmt::Debug for KeyMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyMaker").finish_non_exhaustive()
    }
}

impl KeyMaker {
    pub(crate) fn new(runtime: Arc<Runtime>) -> Self {
        KeyMaker { runtime, taken: None }
    }

    /// The next key of a table, of which so many more rows may follow.
    #[inline]
    pub(crate) fn next(&mut self, def: &'static TableDef, more: usize) -> Result<u64> {
        let taken = self.taken.as_mut().filter(|(table, _)| std::ptr::eq(*table, def));
        match taken.and_then(|(_, keys)| keys.next()) {
            Some(number) => Ok(number),
            None => {
                self.give_back();
                let mut keys = self.runtime.keys.take(&self.runtime, def, 1 + more as u64)?;
                let first = keys.start;
                keys.start += 1;
                self.taken = Some((def, keys));
                Ok(first)
            }
        }
    }

    /// Gives keys back that were taken for rows that have one already.
    pub(crate) fn give_back(&mut self) {
        if let Some((def, keys)) = self.taken.take().filter(|(_, keys)| !keys.is_empty()) {
            self.runtime.keys.give_back(def, &keys);
        }
    }
}

impl Drop for KeyMaker {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl KeyBlocks {
    /// One key at least, as many as wanted at most.
    fn take(&self, runtime: &Runtime, def: &'static TableDef, wanted: u64) -> Result<Range<u64>> {
        // Held while a block is fetched: who else wants keys of these tables would fetch one too.
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = blocks.get_mut(def.name)
            && block.next <= block.last
        {
            return Ok(block.take(wanted));
        }
        let size = blocks.get(def.name).map_or(FIRST_BLOCK, |block| block.size * 2);
        let mut block = fetch(runtime, def, size.min(LARGEST_BLOCK))?;
        let keys = block.take(wanted);
        blocks.insert(def.name, block);
        Ok(keys)
    }

    /// Keys that nobody got, if no others were taken behind them.
    fn give_back(&self, def: &'static TableDef, keys: &Range<u64>) {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = blocks.get_mut(def.name).filter(|block| block.next == keys.end) {
            block.next = keys.start;
        }
    }
}

impl Block {
    fn take(&mut self, wanted: u64) -> Range<u64> {
        let first = self.next;
        self.next += wanted.min(self.last - first + 1);
        first..self.next
    }
}

/// The greatest key that a table's column holds, and that Redis counts to.
fn most_of(def: &TableDef) -> u64 {
    match def.key().sql {
        SqlType::Integer { bytes, signed } if bytes < 8 => (1 << (u32::from(bytes) * 8 - u32::from(signed))) - 1,
        _ => i64::MAX.unsigned_abs(),
    }
}

fn fetch(runtime: &Runtime, def: &'static TableDef, size: u64) -> Result<Block> {
    let most = most_of(def);
    // Of a small key not all at once.
    let size = size.min(most / 64).max(1);
    let settings = runtime.queue()?;
    let redis = runtime.redis.get(settings.redis);
    let mysql = runtime
        .named(def.name)
        .and_then(|(_, table)| runtime.mysql.get(table.mysql));
    let (Some(redis), Some(mysql)) = (redis, mysql) else {
        return Err(Error::config(format!("table `{}` has no pools", def.name)));
    };
    let counter = format!(
        "_headwater_async_keys:{}:{}:{}",
        mysql.name(),
        mysql.database(),
        def.name
    );
    let mut server = ServerCounter::look(mysql, def)?;
    let last = match take(redis, &counter, size, server.used, None)? {
        Some(last) => last,
        None => seeded(redis, mysql, &counter, def, size)?,
    };
    if last.saturating_sub(size) >= most {
        return Err(def.key().misfit(&Value::UInt(last), "the key's type has no more keys"));
    }
    let block = Block {
        next: last - size + 1,
        last: last.min(most),
        size,
    };
    server.move_behind(block.last)?;
    Ok(block)
}

/// Takes a block, behind what AUTO_INCREMENT has given away: its last key, `None` where there is no counter.
fn take(redis: &RedisPool, counter: &str, size: u64, used: u64, seed: Option<u64>) -> Result<Option<u64>> {
    // Rows may be inserted between looking at the server's counter and moving it.
    let behind = if used == 0 { 0 } else { used.saturating_add(size) };
    let words = [
        size.to_string(),
        used.to_string(),
        behind.to_string(),
        seed.map(|seed| seed.max(behind).to_string()).unwrap_or_default(),
    ];
    let args: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
    let reply = redis.with(|link| KEYS.run(link, &[counter.as_bytes()], &args))?;
    if reply == Reply::Nil {
        return Ok(None);
    }
    let last = reply.text().and_then(|text| text.parse().ok());
    last.map(Some)
        .ok_or_else(|| Error::config(format!("the counter `{counter}` in Redis is no number")))
}

/// Seeds a counter that is not there, unless somebody else just did, and takes a block.
fn seeded(redis: &RedisPool, mysql: &MysqlPool, counter: &str, def: &'static TableDef, size: u64) -> Result<u64> {
    let (lock, token) = (format!("{counter}:lock"), ulid::Ulid::generate().to_string());
    let ttl = LOCK.as_millis().to_string();
    let words: [&[u8]; 6] = [b"SET", lock.as_bytes(), token.as_bytes(), b"NX", b"PX", ttl.as_bytes()];
    let command = Commands::one(&words);
    let deadline = Instant::now() + LOCK;
    loop {
        let taken = redis.with(|link| link.ask(&command))? != Reply::Nil;
        if taken {
            let last = seed(redis, mysql, counter, def, size);
            let released = redis.with(|link| RELEASE.run(link, &[lock.as_bytes()], &[token.as_bytes()]));
            let last = last?;
            released?;
            return Ok(last);
        }
        let used = ServerCounter::look(mysql, def)?.used;
        if let Some(last) = take(redis, counter, size, used, None)? {
            return Ok(last);
        }
        if Instant::now() > deadline {
            return Err(Error::config(format!(
                "somebody holds `{lock}` in Redis and seeds no counter"
            )));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Seeds the counter and takes a block from it, under the lock.
fn seed(redis: &RedisPool, mysql: &MysqlPool, counter: &str, def: &'static TableDef, size: u64) -> Result<u64> {
    // Looked at anew: rows may have come since.
    let used = ServerCounter::look(mysql, def)?.used;
    let queued = greatest_queued(redis, def)?;
    let last = take(redis, counter, size, used, Some(used.max(queued)))?;
    last.ok_or_else(|| Error::config(format!("the counter `{counter}` was not seeded")))
}

/// The greatest key that queued operations insert into a table, those in the dead letters among them.
fn greatest_queued(redis: &RedisPool, def: &'static TableDef) -> Result<u64> {
    let mut greatest = 0;
    for stream in [QUEUE, FAILED] {
        let mut from = "-".to_owned();
        loop {
            let words: [&[u8]; 6] = [b"XRANGE", stream.as_bytes(), from.as_bytes(), b"+", b"COUNT", b"100"];
            let command = Commands::one(&words);
            let entries = redis.with(|link| Ok::<_, Failure>(Entry::list(link.ask(&command)?)))?;
            let Some(last) = entries.last() else { break };
            from = format!("({}", last.id);
            let operations = entries
                .iter()
                .filter_map(|entry| read_operation(entry.field(b"s")?).ok());
            let keys = operations.flat_map(|operation| operation_keys(&operation, def.name, def.key().name));
            greatest = keys.fold(greatest, u64::max);
        }
    }
    Ok(greatest)
}

/// The server's own counter of a table.
struct ServerCounter {
    connection: Connection,
    def: &'static TableDef,
    /// The greatest key that it may have given away.
    used: u64,
}

impl ServerCounter {
    fn look(mysql: &MysqlPool, def: &'static TableDef) -> Result<Self> {
        // One of its own: its settings are not for others.
        let mut connection = mysql.dedicated()?;
        connection.run(match connection.server().flavour {
            Flavour::MySql => "SET SESSION information_schema_stats_expiry = 0, sql_mode = '', foreign_key_checks = 0",
            Flavour::MariaDb => "SET SESSION check_constraint_checks = 0, sql_mode = '', foreign_key_checks = 0",
        })?;
        let mut counter = ServerCounter {
            connection,
            def,
            used: 0,
        };
        counter.used = counter.read()?;
        Ok(counter)
    }

    fn read(&mut self) -> Result<u64> {
        let (table, key) = (self.def.quoted, self.def.key().quoted);
        let sql = format!(
            "SELECT COALESCE((SELECT MAX({key}) FROM {table}), 0), COALESCE((SELECT AUTO_INCREMENT FROM \
             information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?), 1)"
        );
        let mut params = Params::with_capacity(1);
        params.push(Value::Text(self.def.name.to_owned()));
        let mut found = (0, 1);
        self.connection.select(&sql, params, self.def.name, &mut |row| {
            let number = |value: Option<&Value>| match value {
                Some(Value::UInt(number)) => *number,
                Some(Value::Int(number)) => u64::try_from(*number).unwrap_or(0),
                Some(Value::Bytes(text)) => std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()).unwrap_or(0),
                _ => 0,
            };
            let values = row.values();
            found = (number(values.first()), number(values.get(1)));
            Ok(())
        })?;
        let (greatest, next) = found;
        Ok(greatest.max(next.saturating_sub(1)))
    }

    /// Moves it behind a key. A row with that key does it, also one that is rolled back; where the table does not
    /// take a row of defaults, the table is told.
    fn move_behind(&mut self, key: u64) -> Result<()> {
        let (table, column) = (self.def.quoted, self.def.key().quoted);
        let mut params = Params::with_capacity(1);
        params.push(Value::UInt(key));
        self.connection.run("SET SESSION innodb_lock_wait_timeout = 5")?;
        self.connection.begin()?;
        let sql = format!("INSERT INTO {table} ({column}) VALUES (?)");
        let inserted = self.connection.execute(&sql, params, self.def.name);
        self.connection.rollback();
        if inserted.is_ok() && self.read()? >= key {
            return Ok(());
        }
        let next = key.saturating_add(1);
        self.connection
            .define(&format!("ALTER TABLE {table} AUTO_INCREMENT = {next}"), self.def.name)
    }
}
