//! `cargo xtask demo`: an example on a fresh MySQL database and a fresh Redis database.

use headwater_testkit::{MYSQL_URL, REDIS_URL, Servers};

use crate::run::{Arguments, cargo, pass_on};
use crate::{Outcome, servers, usage};

const DEFAULT: &str = "quickstart";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let arguments = Arguments::parse(arguments);
    let name = match arguments.own.as_slice() {
        [] => DEFAULT,
        [name] if !name.starts_with('-') => name,
        _ => {
            return Ok(usage("demo takes one name; arguments for the example go after `--`"));
        }
    };
    servers::ensure(arguments.no_install)?;
    let servers = Servers::start()?;
    let database = servers.database()?;
    pass_on(
        cargo()
            .args(["run", "--quiet", "--all-features", "--example", name, "--"])
            .args(&arguments.passed_on)
            .env(MYSQL_URL, database.mysql_url())
            .env(REDIS_URL, database.redis_url()),
    )
}
