//! The outbox: events of durable streams, written in the transaction of their change and kept in MySQL until Redis
//! has them.
//!
//! `row` packs events, `table` knows the tables, `lease` decides who relays, `write` talks to Redis, `relay` does
//! the work with `claim` and `aside`, `worker` is its thread, `handle` what an application sees.

mod aside;
mod claim;
mod handle;
mod lease;
mod relay;
mod row;
mod table;
mod worker;
mod write;

pub use handle::{AsideRow, Backlog, Outbox};
pub use relay::Relayed;
pub(crate) use relay::{Relay, RelayOptions};
pub(crate) use row::{Packer, pack};
pub(crate) use table::{INSERT, OUTBOX, SPILLED, insert, tables};
pub(crate) use worker::Worker as RelayWorker;
