//! Where an example finds its servers: where the environment says, else private ones of its own.

use std::env;

use headwater_testkit::{Database, MYSQL_URL, REDIS_URL, Servers};

/// The URLs of a MySQL database and a Redis database. Private servers stop when it is dropped.
#[allow(dead_code, reason = "not every example needs all of it")]
pub(crate) struct Urls {
    pub(crate) mysql: String,
    pub(crate) redis: String,
    /// What is said of them in one line.
    pub(crate) origin: String,
    _private: Option<Database>,
}

impl Urls {
    /// Takes `HEADWATER_MYSQL_URL` and `HEADWATER_REDIS_URL`; starts a server for each that is not set.
    pub(crate) fn find() -> Result<Urls, headwater_testkit::Error> {
        let named = |variable| env::var(variable).ok().filter(|url| !url.is_empty());
        let (mysql, redis) = (named(MYSQL_URL), named(REDIS_URL));
        if let (Some(mysql), Some(redis)) = (&mysql, &redis) {
            return Ok(Urls {
                mysql: mysql.clone(),
                redis: redis.clone(),
                origin: format!("the servers that {MYSQL_URL} and {REDIS_URL} name"),
                _private: None,
            });
        }
        let unset = match (&mysql, &redis) {
            (None, None) => format!("{MYSQL_URL} and {REDIS_URL} are not set"),
            (None, Some(_)) => format!("{MYSQL_URL} is not set"),
            _ => format!("{REDIS_URL} is not set"),
        };
        let database = Servers::builder()
            .private()
            .mysql(mysql.is_none())
            .redis(redis.is_none())
            .start()?
            .database()?;
        Ok(Urls {
            mysql: mysql.unwrap_or_else(|| database.mysql_url().to_owned()),
            redis: redis.unwrap_or_else(|| database.redis_url().to_owned()),
            origin: format!("private servers, for {unset}"),
            _private: Some(database),
        })
    }
}
