//! Redis: addresses, connections, pools and the stream commands.
//!
//! Only this folder knows the client crate, and within it only `address` and `link`.

mod address;
mod entry;
mod failure;
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

pub(crate) use entry::{Entry, EntryId};
pub(crate) use failure::{Failure, Refusal};
pub(crate) use link::Link;
pub use options::RedisOptions;
pub(crate) use pack::Commands;
pub(crate) use pool::RedisPool;
pub(crate) use reply::Reply;
pub(crate) use script::{Script, lua};
