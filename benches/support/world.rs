//! The servers that the benches run on, and a fresh database with engine and bare connection for each case.

use std::time::Duration;

use headwater::prelude::*;
use headwater_testkit::{Database, ServerKind, Servers};
use mysql::prelude::Queryable;

use super::case::Place;
use super::pin;
use super::users::User;

/// The servers.
pub(crate) struct World {
    servers: Servers,
}

/// What a case works with.
pub(crate) struct Site {
    pub(crate) engine: Engine,
    /// A connection of the driver with the engine's settings.
    pub(crate) bare: mysql::Conn,
    pub(crate) database: Database,
    pub(crate) place: Place,
}

impl World {
    /// Those that the environment names, or private ones that flush as servers in production do.
    pub(crate) fn new() -> Self {
        pin::free_this();
        let servers = Servers::builder().stock().start().expect("servers");
        pin::pin_this();
        World { servers }
    }

    /// A fresh database.
    pub(crate) fn database(&self) -> Database {
        self.servers.database().expect("a database")
    }

    /// Brings the servers' threads for a case to the bench's processor, or Redis apart from it.
    pub(crate) fn pin(&self, database: Option<&Database>, redis_apart: bool) {
        if let Some(database) = database {
            pin::pin(database, self.servers.redis_server().is_ok(), redis_apart);
        }
    }

    /// Rows in one prepared INSERT of the driver where it is fastest by the row.
    pub(crate) fn driver_rows(&self) -> usize {
        match self.database().server().kind {
            ServerKind::MariaDb => 1000,
            ServerKind::MySql => 200,
        }
    }

    /// What the MySQL server calls itself.
    pub(crate) fn describe(&self) -> String {
        let database = self.database();
        let mut root = database.root().expect("a connection");
        let version: Option<String> = root.query_first("SELECT VERSION()").expect("a version");
        version.unwrap_or_default()
    }

    /// A fresh database with the table, an engine on it and a bare connection.
    pub(crate) fn site(&self) -> Site {
        self.site_of::<User>()
    }

    /// The same with another entity.
    pub(crate) fn site_of<E: Entity>(&self) -> Site {
        let database = self.database();
        let engine = Engine::builder()
            .mysql(database.mysql_url())
            .redis(database.redis_url())
            .entity::<E>()
            .build()
            .expect("an engine");
        engine.schema().diff().and_then(|diff| diff.apply()).expect("the table");
        Site {
            engine,
            bare: bare(database.mysql_url()),
            place: Place {
                url: database.mysql_url().to_owned(),
                ..Place::default()
            },
            database,
        }
    }
}

/// A connection of the driver with the settings of the engine's own.
pub(crate) fn bare(url: &str) -> mysql::Conn {
    let options = mysql::Opts::from_url(url).expect("a URL");
    let options = mysql::OptsBuilder::from_opts(options)
        .prefer_socket(false)
        .tcp_connect_timeout(Some(Duration::from_secs(5)))
        .read_timeout(Some(Duration::from_secs(60)))
        .write_timeout(Some(Duration::from_secs(60)))
        .additional_capabilities(mysql::consts::CapabilityFlags::CLIENT_FOUND_ROWS)
        // It closes those that make room, also where somebody still holds them.
        .stmt_cache_size(512)
        .init(vec![
            "SET time_zone = '+00:00', sql_mode = \
             'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', \
             SESSION group_concat_max_len = 1048576, NAMES utf8mb4",
        ]);
    mysql::Conn::new(options).expect("a connection")
}
