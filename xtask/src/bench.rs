//! `cargo xtask bench`: the benches on servers that flush as servers in production do.

use headwater_testkit::{MYSQL_URL, REDIS_URL, Servers};

use crate::run::{cargo, pass_on};
use crate::{Outcome, servers};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (no_install, arguments) = match arguments.split_first() {
        Some((first, rest)) if first == "--no-install" => (true, rest),
        _ => (false, arguments),
    };
    servers::ensure(no_install)?;
    let servers = Servers::builder().durable(true).start()?;
    let database = servers.database()?;
    pass_on(
        cargo()
            .args(["bench", "--all-features"])
            .args(arguments)
            .env(MYSQL_URL, database.mysql_url())
            .env(REDIS_URL, database.redis_url()),
    )
}
