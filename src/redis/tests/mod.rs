//! The pools against real servers.
#![allow(clippy::unwrap_used)]

#[cfg(feature = "r2d2_redis")]
mod lent;
mod links;
#[cfg(feature = "r2d2_redis")]
#[path = "links.rs"]
#[allow(clippy::duplicate_mod, reason = "the same tests over the other client")]
mod links_over_r2d2;
mod opening;

use super::{Commands, Link};

fn ping() -> Commands {
    Commands::one(&[b"PING"])
}

fn client_id(link: &mut Link) -> i64 {
    link.ask(&Commands::one(&[b"CLIENT", b"ID"])).unwrap().int().unwrap()
}
