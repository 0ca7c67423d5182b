//! Exclusive logical Redis databases, leased to one test at a time across processes.
//!
//! A lease is a key in database 0 with the holder's token. On a server that was running before,
//! which has no more than 16 databases as a rule, leases expire unless a thread of the holder keeps
//! renewing them, so that a killed test run takes none with it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use redis::Connection;

use crate::error::{Context, Error, Result};
use crate::random;
use crate::redis_server::connect;
use crate::url::Url;
use crate::wait::wait_until;

const PATIENCE: Duration = Duration::from_secs(10);
const WAITING: Duration = Duration::from_secs(120);
const EXPIRY: Duration = Duration::from_secs(60);
const RENEWAL: Duration = Duration::from_secs(15);
const USED: &str = "headwater-testkit:used";

// A database with data in it is only emptied when the set of used ones says that a test left it.
const ACQUIRE: &str = "
if ARGV[2] == '0' then
    if not redis.call('SET', KEYS[1], ARGV[1], 'NX') then return 'leased' end
elseif not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
    return 'leased'
end
redis.call('SELECT', ARGV[3])
local size = redis.call('DBSIZE')
redis.call('SELECT', 0)
if size > 0 then
    if redis.call('SISMEMBER', KEYS[2], ARGV[3]) == 0 then
        redis.call('DEL', KEYS[1])
        return 'foreign'
    end
    redis.call('SELECT', ARGV[3])
    redis.call('FLUSHDB')
    redis.call('SELECT', 0)
end
redis.call('SADD', KEYS[2], ARGV[3])
return 'acquired'
";
const RENEW: &str = "
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return redis.status_reply('OK')
";
const RELEASE: &str = "
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('SELECT', ARGV[2])
    redis.call('FLUSHDB')
    redis.call('SELECT', 0)
    redis.call('SREM', KEYS[2], ARGV[2])
    redis.call('DEL', KEYS[1])
end
return redis.status_reply('OK')
";

type Held = Arc<Mutex<HashMap<u32, String>>>;

/// The logical databases of one server.
#[derive(Debug)]
pub(crate) struct Leases {
    url: Url,
    databases: u32,
    next: AtomicU32,
    held: Held,
    renewal: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Leases {
    /// Looks how many databases there are; `shared` when other processes may lease from the server.
    pub(crate) fn new(url: Url, shared: bool) -> Result<Self> {
        let url = url.with_database("");
        let mut connection = connect(&url.to_text(), PATIENCE)?;
        // Hosted servers may forbid CONFIG; 16 is what a server has unless it was told otherwise.
        let databases = redis::cmd("CONFIG")
            .arg("GET")
            .arg("databases")
            .query::<HashMap<String, u32>>(&mut connection)
            .ok()
            .and_then(|answer| answer.get("databases").copied())
            .unwrap_or(16);
        let held = Held::default();
        Ok(Self {
            databases,
            next: AtomicU32::new(if shared { random::number() as u32 } else { 0 }),
            renewal: shared.then(|| renew_in_background(url.clone(), Arc::clone(&held))),
            held,
            url,
        })
    }

    /// Takes a database that nobody else has and that is empty; waits when all are taken.
    pub(crate) fn acquire(&self) -> Result<(u32, Url)> {
        let token = random::word(20);
        let mut leased = 0;
        let mut foreign = 0;
        let found = wait_until(WAITING, "a free logical Redis database", || {
            leased = 0;
            foreign = 0;
            self.try_acquire(&token, &mut leased, &mut foreign).transpose()
        });
        match found {
            Ok(number) => {
                let number = number?;
                lock(&self.held).insert(number, token);
                Ok((number, self.url.with_database(number.to_string())))
            }
            Err(_) => Err(Error::NoFreeRedisDatabase {
                databases: self.databases,
                leased,
                foreign,
                waited: WAITING,
            }),
        }
    }

    fn try_acquire(&self, token: &str, leased: &mut u32, foreign: &mut u32) -> Result<Option<u32>> {
        let mut connection = connect(&self.url.to_text(), PATIENCE)?;
        let usable = self.databases.saturating_sub(1);
        for _ in 0..usable {
            let number = 1 + self.next.fetch_add(1, Ordering::Relaxed) % usable;
            let expiry = if self.renewal.is_some() { EXPIRY.as_millis() } else { 0 };
            let answer: String = redis::cmd("EVAL")
                .arg(ACQUIRE)
                .arg(2)
                .arg(key(number))
                .arg(USED)
                .arg(token)
                .arg(expiry.to_string())
                .arg(number)
                .query(&mut connection)
                .context(|| "lease a logical Redis database".to_owned())?;
            match answer.as_str() {
                "acquired" => return Ok(Some(number)),
                "foreign" => *foreign += 1,
                _ => *leased += 1,
            }
        }
        Ok(None)
    }

    /// Empties a database and gives it back.
    pub(crate) fn release(&self, number: u32) -> Result<()> {
        let Some(token) = lock(&self.held).remove(&number) else {
            return Ok(());
        };
        let mut connection = connect(&self.url.to_text(), PATIENCE)?;
        redis::cmd("EVAL")
            .arg(RELEASE)
            .arg(2)
            .arg(key(number))
            .arg(USED)
            .arg(token)
            .arg(number)
            .exec(&mut connection)
            .context(|| "give back a logical Redis database".to_owned())
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.renewal.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

fn renew_in_background(url: Url, held: Held) -> (Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = channel();
    let thread = thread::spawn(move || {
        while stopped.recv_timeout(RENEWAL) == Err(RecvTimeoutError::Timeout) {
            let leases = lock(&held).clone();
            if leases.is_empty() {
                continue;
            }
            // A server that cannot be reached now is asked again before the leases expire.
            if let Ok(mut connection) = connect(&url.to_text(), PATIENCE) {
                let _ = renew(&mut connection, &leases);
            }
        }
    });
    (stop, thread)
}

fn renew(connection: &mut Connection, leases: &HashMap<u32, String>) -> redis::RedisResult<()> {
    for (number, token) in leases {
        redis::cmd("EVAL")
            .arg(RENEW)
            .arg(1)
            .arg(key(*number))
            .arg(token)
            .arg(EXPIRY.as_millis().to_string())
            .exec(connection)?;
    }
    Ok(())
}

fn key(number: u32) -> String {
    format!("headwater-testkit:lease:{number}")
}

fn lock(held: &Held) -> std::sync::MutexGuard<'_, HashMap<u32, String>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
