//! Redis: addresses, connections, pools and the stream commands.
//!
//! Only this folder knows the client crates: `address`, `client` and `script` the one, `lent` the older one below `r2d2_redis`.

mod address;
mod client;
mod entry;
mod failure;
#[cfg(feature = "r2d2_redis")]
mod lent;
#[cfg(feature = "r2d2_redis")]
mod lent_frame;
mod link;
mod options;
mod pack;
mod pool;
mod reply;
mod script;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod transport;

pub(crate) use entry::{Entry, EntryId};
pub(crate) use failure::{Failure, Refusal};
pub(crate) use link::Link;
pub use options::RedisOptions;
pub(crate) use pack::{Commands, Scattered};
pub(crate) use pool::{RedisPool, SharedLink};
pub(crate) use reply::Reply;
pub(crate) use script::{Script, lua};
