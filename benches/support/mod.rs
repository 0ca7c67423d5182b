//! What the benches share: a table, its rows, an engine and a bare connection with the same settings.
#![allow(dead_code, reason = "each bench uses some of it")]

use headwater::prelude::*;
use headwater_testkit::{Database, Servers};
use mysql::prelude::Queryable;

/// Seven columns: four scalars, two texts, an enumeration.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "bench_users")]
pub(crate) struct User {
    #[column(id)]
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) status: Status,
    pub(crate) age: Option<u32>,
    pub(crate) balance: Option<f64>,
    pub(crate) active: bool,
}
impl Entity for User {}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enumeration)]
pub(crate) enum Status {
    #[default]
    Active,
    Banned,
}

/// The columns but the key, as both sides write them.
pub(crate) const COLUMNS: &str = "name,email,status,age,balance,active";

pub(crate) fn user(n: usize) -> User {
    User {
        id: 0,
        name: format!("User name {n}"),
        email: format!("user{n}@example.com"),
        status: if n.is_multiple_of(3) {
            Status::Banned
        } else {
            Status::Active
        },
        age: Some(u32::try_from(n % 90).unwrap_or_default()),
        balance: Some(f64::from(u32::try_from(n).unwrap_or_default()) + 0.25),
        active: n.is_multiple_of(2),
    }
}

/// The values of a row for the driver, moved out of it.
pub(crate) fn values(user: User, params: &mut Vec<mysql::Value>) {
    params.push(user.name.into());
    params.push(user.email.into());
    params.push(user.status.name().into());
    params.push(user.age.into());
    params.push(user.balance.into());
    params.push(user.active.into());
}

/// A fresh database with the table, an engine on it and a bare connection.
pub(crate) fn set_up() -> (Database, Engine, mysql::Conn) {
    let servers = Servers::builder().durable(true).start().expect("servers");
    let database = servers.database().expect("a database");
    let engine = Engine::builder()
        .mysql(database.mysql_url())
        .entity::<User>()
        .build()
        .expect("an engine");
    engine.schema().diff().and_then(|diff| diff.apply()).expect("the table");
    let options = mysql::Opts::from_url(database.mysql_url()).expect("a URL");
    let options = mysql::OptsBuilder::from_opts(options)
        .prefer_socket(false)
        .stmt_cache_size(256);
    let bare = mysql::Conn::new(options).expect("a connection");
    (database, engine, bare)
}

/// Empties the table and fills it with so many rows, whose keys begin at 1.
pub(crate) fn fill(bare: &mut mysql::Conn, rows: usize) {
    bare.query_drop("TRUNCATE TABLE bench_users").expect("an empty table");
    let all: Vec<usize> = (0..rows).collect();
    for chunk in all.chunks(1000) {
        let mut params = Vec::with_capacity(chunk.len() * 6);
        chunk.iter().for_each(|&n| values(user(n), &mut params));
        bare.exec_drop(insert(chunk.len()), params).expect("rows");
    }
}

/// One INSERT of so many rows.
pub(crate) fn insert(rows: usize) -> String {
    format!(
        "INSERT INTO bench_users ({COLUMNS}) VALUES {}",
        vec!["(?,?,?,?,?,?)"; rows].join(",")
    )
}
